# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-shape-mismatch:

形状不匹配
==========

:term:`形状` 对不上时，PyTorch 当场报错，报错里写着它看到的形状，
难处在于这些数往往不是你传进去的那几个。
这一页重现五类报错，从报错里的数反推错在哪个 :term:`轴`；最后看一个形状对了、内容却乱了的例子。

你将学到：

- 矩阵乘法、广播、卷积、``view`` 和 ``cat`` 的形状报错各怎样读
- 每一种的改法：``flatten``、``keepdim=True``、``permute``、``reshape``、``unsqueeze``
- 为什么 ``reshape`` 不能用来交换轴，又怎样检查
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
images = images[:5]  # (5, 1, 8, 8)：样本，通道，高，宽


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")


# %%
# 矩阵乘法：忘记展平
# ------------------
# 每张图有 64 个像素，:term:`线性层` 要 64 个 :term:`特征`，图像却没有展平。
#
# .. admonition:: 先猜一猜
#
#    ``images`` 的形状是 ``(5, 1, 8, 8)``。报错会提到两个矩阵的形状，是哪两个？

torch.manual_seed(0)
layer = nn.Linear(64, 10)
show(lambda: layer(images))
print(f"{layer(images.flatten(1)).shape=}")

# %%
# ``40x8`` 不是谁写的形状：线性层只认最后一个轴，前面的轴都并成行，:math:`5 \times 1 \times 8 = 40`。
# ``64x10`` 是转置后的 :term:`权重`。相乘要求左边的列数 8 等于右边的行数 64。
# 改法是 ``flatten(1)``：从第 1 个轴起展平，留下样本的轴。
#
# 若线性层恰好是 ``nn.Linear(8, 10)``，就不报错了，输出是 ``(5, 1, 8, 10)``：每一行像素各当成一个样本。
# :ref:`networks-linear-layer` 和 :ref:`networks-multilayer` 里有同一句报错的另外两个例子。
#
# 广播：少一个轴
# --------------
# 让每一行除以自己的和：

scores = torch.ones(5, 10)
show(lambda: scores / scores.sum(dim=1))
print(f"{(scores / scores.sum(dim=1, keepdim=True)).shape=}")

# %%
# ``a`` 和 ``b`` 是运算的左边和右边，``dimension 1`` 是对不上的轴：
# ``(5, 10)`` 和 ``(5,)`` 从右往左对齐，10 遇到 5。``keepdim=True`` 把和留成 ``(5, 1)``，就对上了。
# 如果 ``scores`` 恰好是方阵，少了 ``keepdim`` 也不报错，只是除错了方向，见 :ref:`basics-broadcasting`。
#
# 卷积：通道的位置
# ----------------
# 卷积要 ``(N, C, H, W)``。图像库读进来的彩色图像多半是 ``(N, H, W, C)``；灰度图像又常常没有 :term:`通道` 轴。

colored = torch.zeros(5, 8, 8, 3)
show(lambda: nn.Conv2d(3, 6, kernel_size=5)(colored))
print(f"{nn.Conv2d(3, 6, kernel_size=5)(colored.permute(0, 3, 1, 2)).shape=}")

grey = images.squeeze(1)  # (5, 8, 8)
show(lambda: nn.Conv2d(1, 6, kernel_size=5)(grey))
print(f"{nn.Conv2d(1, 6, kernel_size=5)(grey.unsqueeze(1)).shape=}")

# %%
# 先看 ``weight of size``：前两个数是输出通道和输入通道。再看 ``expected input``：
# 第二个数应是通道，第一处却是 8，那是图像的高，通道排到了最后。
# 第二处写着 ``[1, 5, 8, 8]``：三个轴的输入当成一张图，五个样本成了五个通道。
#
# view：内存不连续
# ----------------
# ``view`` 只换一种读法，不复制数据。

x = torch.arange(6).view(2, 3)
show(lambda: x.T.view(6))
show(lambda: x.view(4, 2))
print(f"{x.T.reshape(6)=}")

# %%
# 第一句：转置以后元素在内存中不再 :term:`连续`，没有一种读法能依次走过它们；
# ``reshape`` 会在需要时复制一份。第二句是另一回事：:math:`4 \times 2` 不等于 6，``reshape`` 也帮不上。
#
# 拼接：其余的轴要相等
# --------------------

show(lambda: torch.cat([torch.zeros(2, 3), torch.zeros(2, 4)]))
show(lambda: torch.cat([torch.zeros(2, 3), torch.zeros(3)]))
show(lambda: torch.stack([torch.zeros(3), torch.zeros(4)]))

# %%
# ``cat`` 要求 ``dim`` 以外的轴都相等，``dim`` 默认是 0；``tensor number 1`` 是列表里的第二个。
# 横着接就写 ``dim=1``。轴的个数不同，先 ``unsqueeze(0)``。
# ``stack`` 要求全部相等：``DataLoader`` 遇到长短不一的 :term:`样本`，报的就是最后这一句。
#
# 不报错的：用 reshape 交换轴
# ---------------------------
# 把三个数字叠成一张三通道图像 ``(8, 8, 3)``，要变成 ``(3, 8, 8)``。两种写法，形状都对：

photo = torch.stack([images[1, 0], images[2, 0], images[3, 0]], dim=2)
right = photo.permute(2, 0, 1)
wrong = photo.reshape(3, 8, 8)
print(f"{right.shape=}\n{wrong.shape=}")

fig, axes = plt.subplots(2, 3, figsize=(5.5, 3.8), layout="constrained")
for row, name, channels in zip(
    axes, ("permute", "reshape"), (right, wrong), strict=True
):
    for ax, channel in zip(row, channels, strict=True):
        ax.imshow(channel, cmap="Blues")
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
# alt: 上排是 permute 的三个通道，看得出数字 1、2、3；下排是 reshape 的，三个通道都是杂乱的格子
plt.show()

# %%
# ``permute`` 换的是轴，``reshape`` 只按内存次序重新分行，三个数字的像素混在一起。
# 这种错没有报错，要自己查：新的第 0 个通道应该就是原来的第 0 个通道。

for name, channels in (("permute", right), ("reshape", wrong)):
    print(f"{name}: {torch.equal(channels[0], photo[..., 0])}")

# %%
# 改一改：把 ``flatten(1)`` 换成 ``flatten()``，先猜报错里的两个形状，再运行。
#
# 下次怎样早发现：在函数的开头写 ``n, c, h, w = x.shape``，轴的个数不对，当场就停下；
# 在每一层之后打印一次 ``x.shape``，比猜快。
#
# 小结
# ----
# - 规则：先认出报错里的数各属于哪个轴，再决定改数据还是改层；交换轴用 ``permute``，不用 ``reshape``。
# - API：``torch.flatten``、``torch.Tensor.permute``、``torch.Tensor.unsqueeze``、``torch.cat``。
# - 下一页：:ref:`pitfalls-dtype-mismatch`
