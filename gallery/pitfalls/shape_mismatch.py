# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-shape-mismatch:

形状不匹配
==========

网络第一次运行就停在某一层，报错里写着几个数。
可是其中的有些数，代码里没有写过，数据的 :term:`形状` 里也没有。
这些数是从哪里来的？怎样由它们找到出错的 :term:`轴`？

你将学到：

- 读懂矩阵乘法、广播、卷积、``view`` 和 ``cat`` 的形状报错
- 用 ``flatten``、``permute``、``reshape`` 或 ``unsqueeze`` 修正形状
- 逐层打印形状，找到出错的层
"""

import textwrap

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images[:5], dtype=torch.float32).unsqueeze(1) / 16
print(f"{images.shape=}")  # (B, C, H, W)：样本，通道，高，宽


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


# %%
# 矩阵乘法：忘记展平
# ------------------
# 一张图有 8 × 8 = 64 个像素，所以下面用 64 个输入、10 个输出的 :term:`线性层`，但是代码忘了先把图像展平。
# 线性层要做矩阵乘法，报错会写出左右两个矩阵的形状。
#
# .. predict::
#
#    把形状是 ``(5, 1, 8, 8)`` 的 ``images`` 直接交给 ``nn.Linear(64, 10)``。报错里左边那个矩阵的形状是什么？
#
#    - ``5x64``，因为每张图的像素排成一行
#    - ``40x8``，因为每行像素当作一个样本
#    - ``8x8``，因为每张图单独做一次乘法

torch.manual_seed(0)
layer = nn.Linear(64, 10)
show(lambda: layer(images))
print(f"{layer.weight.shape=}  {layer(images.flatten(1)).shape=}")

# %%
# .. answer:: B
#
#    线性层只把最后一个轴当作 :term:`特征`，它的长度是 8。前面的轴都用来数 :term:`样本`，合成 5 × 1 × 8 = 40 行。
#    A 不成立，因为线性层不会自动展平。C 不成立，因为左边的 40 行里有全部五张图。
#
# 右边的 ``64x10`` 是 :term:`权重` 的 :term:`转置`，因为 ``layer.weight`` 的形状是 ``(10, 64)``。
# 矩阵相乘要求左边的列数等于右边的行数，而这里 8 不等于 64。
# 改法是 ``images.flatten(1)``，它从轴 1 起展平，保留轴 0 来数样本。
#
# .. change-it::
#
#    把 ``layer(images.flatten(1))`` 里的 ``flatten(1)`` 换成 ``flatten()``，所有的轴都展平。报错里左边的形状是什么？

# hide-cell: flatten()
show(lambda: layer(images.flatten()))

# %%
# .. outcome::
#
#    只剩一个轴时，它被当作特征，所以左边只有一行，5 × 64 = 320 列。样本的轴没有了。

# %%
# 广播：少一个轴
# --------------
# 让每一行除以这一行的和：

scores = torch.ones(5, 10)
show(lambda: scores / scores.sum(dim=1))
print(f"{(scores / scores.sum(dim=1, keepdim=True)).shape=}")

# %%
# 报错里的 ``a`` 和 ``b`` 是除号左边和右边的 :term:`张量`。
# :term:`广播` 从右往左对齐 ``(5, 10)`` 和 ``(5,)``，于是 10 遇到了 5，``dimension 1`` 就是对齐以后的这个轴。
# 报错里的 ``non-singleton`` 说它的长度不是 1，因为长度是 1 的轴可以扩展，不会报错。
# 改法是 ``keepdim=True``，它使和的形状成为 ``(5, 1)``，这样每一行都能对上自己的和。
# 如果 ``scores`` 恰好是方阵，不写 ``keepdim`` 也不报错，但是除错了方向，见 :ref:`basics-broadcasting`。
#
# 卷积：通道的位置
# ----------------
# 卷积层用一个小窗口扫过图像，``nn.Conv2d(3, 6, kernel_size=5)`` 把 3 个 :term:`通道` 变成 6 个，窗口是 5 × 5。
# 它的输入是 ``(B, C, H, W)``，但是有的图像库把通道放在最后，给出 ``(B, H, W, C)``，灰度图像还可能没有通道轴。

color = torch.zeros(5, 8, 8, 3)  # (B, H, W, C)
show(lambda: nn.Conv2d(3, 6, kernel_size=5)(color))
print(f"{nn.Conv2d(3, 6, kernel_size=5)(color.permute(0, 3, 1, 2)).shape=}\n")

gray = images.squeeze(1)  # (B, H, W)
show(lambda: nn.Conv2d(1, 6, kernel_size=5)(gray))
print(f"{nn.Conv2d(1, 6, kernel_size=5)(gray.unsqueeze(1)).shape=}")

# %%
# ``groups=1`` 是默认值，与这两个错误无关。
# 在 ``weight of size`` 后面，前两个数是输出通道数和输入通道数，后两个数是窗口的高和宽。
# 在 ``input[…]`` 里，第二个数应当是输入通道数。
#
# - 第一条报错里的第二个数是 8，它是图像的高，可见通道的位置不对，所以用 ``permute`` 把通道移到轴 1。
# - 第二条报错写着 ``[1, 5, 8, 8]``，因为三个轴的输入被当作一张图，5 个样本被当作 5 个通道，所以用 ``unsqueeze(1)`` 补上通道轴。
#
# view：元素的次序和个数
# ----------------------
# 方法 ``view`` 不移动也不复制元素，见 :ref:`basics-shapes`。

x = torch.arange(6).view(2, 3)
show(lambda: x.T.view(6))
show(lambda: x.view(4, 2))
print(f"{x.T.reshape(6)=}")

# %%
# 第一条报错里的 ``stride`` 是 :term:`步幅`。转置不移动元素，所以 ``x.T`` 在内存中不再 :term:`连续`。
# 它逐行读出 0、3、1、4、2、5，相邻两个数在内存中的间隔不相等，两个轴就不能合成一个轴，
# 这就是括号里的 ``spans across two contiguous subspaces``。改用 ``reshape``，它在需要时会复制元素。
# 第二条报错的原因是个数，形状 ``[4, 2]`` 要 8 个元素，而 ``x`` 只有 6 个。
#
# 拼接：其余的轴要相等
# --------------------

a, b, c, d = torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(3), torch.zeros(4)
show(lambda: torch.cat([a, b]))
print(f"{torch.cat([a, b], dim=1).shape=}")
show(lambda: torch.cat([a, c]))
print(f"{torch.cat([a, c.unsqueeze(0)]).shape=}")
show(lambda: torch.stack([c, d]))

# %%
# 函数 ``cat`` 沿一个轴 :term:`拼接`，默认是轴 0，其余的轴必须相等。报错里的 ``tensor number 1`` 是列表里下标为 1 的张量。
# 第一条里的 3 和 4 是两个张量的列数，它们的行数相等，所以用 ``dim=1`` 左右拼接。
# 第二条的轴数不同，先用 ``unsqueeze(0)`` 补上一个轴。
# 函数 ``stack`` 要求所有形状都相等，``DataLoader`` 默认用它把样本合成批次。样本长短不一时，要在参数 ``collate_fn`` 里先补齐长度。
#
# 不报错的：用 reshape 交换轴
# ---------------------------
# 把三个数字叠成一张 ``(H, W, C)`` 的图像，再用两种写法变成 ``(C, H, W)``。

photo = torch.stack([images[1, 0], images[2, 0], images[3, 0]], dim=2)  # (H, W, C)
right = photo.permute(2, 0, 1)
wrong = photo.reshape(3, 8, 8)
for name, channels in (("permute", right), ("reshape", wrong)):
    equal = (channels[0] == photo[..., 0]).sum()
    print(f"{name}: {tuple(channels.shape)}, channel 0: {equal} of 64 pixels equal")

# %%

# hide-input: 画图
fig, axes = plt.subplots(2, 3, figsize=(5.5, 3.8), layout="constrained")
for row, name, channels in zip(
    axes, ("permute", "reshape"), (right, wrong), strict=True
):
    for i, ax in enumerate(row):
        ax.imshow(channels[i].numpy(), cmap="Blues", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=f"channel {i}")
    row[0].set_ylabel(name)
# alt: 上排是 permute 的三个通道，看得出数字 1、2、3；下排是 reshape 的三个通道，都是杂乱的格子
plt.show()

# %%
# 两种写法的形状相同，但是只有 ``permute`` 交换了轴，图的上排仍是三个数字。
# 用 ``reshape`` 时，通道 0 的 64 个像素只有 15 个与第一个数字相同。
# 它按 H、W、C 的次序逐个读出元素，再重新分组，所以下排三个数字的像素混在了一起。
# 这里没有报错，所以要比较交换前后的同一个通道。
#
# 怎样早点发现
# ------------
# 逐层运行 ``nn.Sequential``，并打印每层的输入和输出的形状。``nn.Flatten`` 是一个层，它做的就是 ``flatten(1)``。

model = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10)
)


def print_shapes(x):
    for layer in model:
        before, x = x, layer(x)
        print(f"{type(layer).__name__:<8} {tuple(before.shape)} -> {tuple(x.shape)}")


show(lambda: print_shapes(images))
model[3] = nn.Linear(96, 10)
print(f"{model(images).shape=}")

# %%
# 报错之前的那一行是 ``Flatten``，所以出错的是它后面的 ``Linear``。``Flatten`` 的输出有 6 × 4 × 4 = 96 个特征，数据没有错，
# 所以把这一层改成 ``nn.Linear(96, 10)``。最后一行说明网络能运行了。
#
# .. real-projects::
#
#    用 :ref:`钩子 <training-hooks>` 可以打印各层的形状，不改模型的代码。
#    变换多的时候，用注释写出形状，例如 ``# (B, C, H, W)``，或者用 ``einops`` 库写出每个轴的名字。
#    接口见 `torch.permute <https://docs.pytorch.org/docs/stable/generated/torch.permute.html>`__，视图与内存的关系见 `Tensor Views <https://docs.pytorch.org/docs/stable/tensor_view.html>`__。

# %%
# 小结
# ----
# - 规则：先认出报错里的每个数属于哪个轴，或者由哪几个轴合成，再决定改数据还是改层。交换轴用 ``permute``。
# - API：``Tensor.flatten(1)``、``Tensor.permute``、``Tensor.unsqueeze``、``Tensor.reshape``、``torch.cat`` 的 ``dim`` 和 ``Tensor.sum`` 的 ``keepdim=True``。
# - 下一页：:ref:`pitfalls-dtype-mismatch`
