# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-shapes:

改变张量的形状
==============

读图的库常常给出（高，宽，通道）的数组，:term:`卷积神经网络` 要求（通道，高，宽），
:term:`线性层` 又要求每张图的数排成一行。
所以网络里到处都要改变 :term:`形状`。有些写法会当场报错，
还有些写法不报错，得到的图像却是乱的。怎样事先分清它们？

你将学到：

- 用 ``view``、``flatten``、``squeeze`` 和 ``permute`` 改变形状
- 用步幅判断 ``view`` 会不会报错
- 修正次序被打乱的图像
"""

import textwrap
from itertools import pairwise, product

import matplotlib.pyplot as plt
import torch

# %%
# 一行数，怎样分组
# ----------------
# 张量的数在内存里排成一行，形状规定这一行数怎样分组。
# 形状 (2, 3) 表示分成 2 行，每行 3 个。形状 (3, 2) 把同样的 6 个数分成 3 行，每行 2 个。
#
# 一批图像在 PyTorch 里有四个 :term:`轴`，名字和次序如下：
#
# - **N** 是样本数
# - **C** 是 :term:`通道` 数，灰度图为 1，彩色图为 3
# - **H** 是高，也就是像素的行数
# - **W** 是宽，也就是像素的列数
#
# 下面用随机数代替 10000 张 28×28 的彩色图像。``view`` 按新的形状重新分组，
# 例如把 H 和 W 合并成一个轴，每个通道就有 28 × 28 = 784 个数。

torch.manual_seed(0)
N, C, H, W = 10000, 3, 28, 28
X = torch.randn((N, C, H, W))

print(X.shape)
print(X.view(N, C, 784).shape)
print(X.view(-1, C, 784).shape)  # 自动算出第 0 个轴的长度
print(f"{X.numel()=}  {X.numel() / (C * 784)=:.0f}")

# %%
# 第三行用 ``-1`` 代替样本数。分组不改变 :term:`元素` 的总数，其余各轴又都已给定，
# 所以 ``-1`` 那个轴的长度可以用除法求出。除不尽时，``view`` 会报错。

try:
    X.view(N, -1, 1000)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. change-it::
#
#    把 ``X.view(-1, C, 784)`` 里的 784 改成 28。会报错吗？如果不报错，第 0 个轴有多长？

# hide-cell: 784 换成 28
print(X.view(-1, C, 28).shape)

# %%
# 代码没有报错，但是第 0 个轴从 10000 变成了 280000，它不再是样本数。
# 除得尽不等于分组正确，所以写 ``-1`` 以后要检查算出的长度。
#
# 常用的三个方法
# --------------
# ``flatten(1)`` 从第 1 个轴起，把后面的轴全部合并，线性层要的就是这种形状。
# ``unsqueeze(0)`` 在最前面加一个长度为 1 的轴，把单张图像变成只有一张图的批量。
# ``squeeze(1)`` 去掉第 1 个轴，条件是它的长度为 1。

image = X[0]
gray = X[:1, :1]  # 一个样本，一个通道
print(f"{X.flatten(1).shape=}")
print(f"{image.shape=}  {image.unsqueeze(0).shape=}")
print(f"{gray.shape=}")
print(f"{gray.squeeze(1).shape=}  {gray.squeeze().shape=}")

# %%
# 最后一项没有写轴号，``squeeze()`` 就去掉了所有长度为 1 的轴，连样本数的轴也没有了。
# 批量里恰好只有一个样本时，后面的代码会因此出错，所以应当写明轴号。
#
# 分组与交换轴
# ------------
# :term:`转置` ``t()`` 交换 :term:`矩阵` 的行和列，原来第 0 行第 1 列的数，现在在第 1 行第 0 列。
# 先看六个数排成的矩阵。

x = torch.arange(6).view(2, 3)
print(f"x = {x.tolist()}")

# %%
# .. predict::
#
#    ``x.view(3, 2)`` 和 ``x.t()`` 的形状都是 (3, 2)，它们的内容相同吗？
#
#    - 相同，因为形状相同，用的也是同样六个数
#    - 不同，前者的第 0 行是 0、1，后者的第 0 行是 0、3
#    - 不同，前者的第 0 行是 0、3，后者的第 0 行是 0、1

print(f"{x.view(3, 2).tolist()=}")
print(f"{x.t().tolist()=}")
print(f"{x.view(3, 2).data_ptr() == x.t().data_ptr()=}")

# %%
# .. answer:: B
#
#    ``view`` 仍按内存里的次序取数，只是每 2 个数分成一行，所以第 0 行是 0、1，C 不对。
#    转置让行变成列，第 0 行就是原来的第 0 列，也就是 0、3，所以 A 也不对。
#
# 最后一行说明两个结果的数据从同一个地址开始，``view`` 和 ``t()`` 都没有复制数据。
# 这样的结果叫 :term:`视图`。同一块内存读出了两种次序，差别在 :term:`步幅`。
# 步幅规定沿某个轴前进一格要跨过内存里的几个数。

same_data = {"x": x, "x.view(3, 2)": x.view(3, 2), "x.t()": x.t()}
for name, tensor in same_data.items():
    print(f"{name:12}  shape {tuple(tensor.shape)}  stride {tensor.stride()}")

# %%
# ``x`` 的步幅是 (3, 1)，换到下一行要跨过 3 个数，换到下一列要跨过 1 个数。
# 转置只把这两个数对调，成为 (1, 3)。
# 下图上排是读出的矩阵，下排是内存里的六个数，弧线是按行读矩阵时的路线。

# hide-input: 画图
fig, axes = plt.subplots(
    2, 3, figsize=(7, 4), layout="constrained", height_ratios=[3, 2]
)
for (grid, line), (name, tensor) in zip(axes.T, same_data.items(), strict=True):
    grid.set_title(f"{name}\nstride {tensor.stride()}", fontsize=10)
    for ax, values in ((grid, tensor), (line, torch.arange(6).view(1, 6))):
        ax.imshow(values.numpy(), cmap="viridis", alpha=0.35)
        for row, col in product(*map(range, values.shape)):
            ax.text(col, row, values[row, col].item(), ha="center", va="center")
        ax.set_axis_off()
    for start, end in pairwise(tensor.flatten().tolist()):
        side = -0.5 if end > start else 0.5  # 向右走上面，向左走下面
        arrow = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.5", "color": "C3"}
        line.annotate("", (end, side), (start, side), arrowprops=arrow)
    grid.set(xlim=(-0.5, 2.5), ylim=(2.5, -0.5))
    line.set(ylim=(1.4, -1.6))
# alt: 三个矩阵 x、x.view(3, 2) 和 x.t()，下面各是同样六个内存格；前两个从左到右依次读，转置则来回跳着读。
plt.show()

# %%
# 图像的轴要交换，不能重新分组
# ----------------------------
# 把（高，宽，通道）变成（通道，高，宽）是交换轴，要用 ``permute``。
# 它的参数是原来的轴号，``permute(2, 0, 1)`` 表示新的三个轴依次是原来的第 2、0、1 个轴。
# 下面是一张 2×2 的彩色图像，三个通道的数分别以 1、2、3 开头。

hwc = torch.tensor([[[10, 20, 30], [11, 21, 31]], [[12, 22, 32], [13, 23, 33]]])
print(f"permute channel 0: {hwc.permute(2, 0, 1)[0].tolist()}")
print(f"view    channel 0: {hwc.view(3, 2, 2)[0].tolist()}")

# %%
# ``permute`` 得到的通道 0 只有以 1 开头的数，这是对的。
# ``view`` 得到的通道 0 混进了另外两个通道的数，图像就乱了，可是形状正确，也没有报错。
# 要交换轴，就用 ``permute``、``transpose`` 或 ``t``。
#
# view 什么时候报错
# -----------------
# 把 ``x.t()`` 拉成一行，要按 0、3、1、4、2、5 的次序读。
# 前进一格有时跨 +3，有时跨 −2，没有一个固定的步幅能表示这种次序，所以 ``view`` 报错。
# 像 ``x.t()`` 这样内存次序与读出次序不同的张量，叫作不 :term:`连续` 的张量。

print(f"{x.is_contiguous()=}  {x.t().is_contiguous()=}")
try:
    x.t().view(6)
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# 报错建议改用 ``reshape``。只要可能，``reshape`` 就返回视图，否则它把数据复制到新的内存里。
# 比较数据的起始地址，就知道它返回的是哪一种。

for name, tensor in {"x": x, "x.t()": x.t()}.items():
    flat = tensor.reshape(6)
    is_view = flat.data_ptr() == x.data_ptr()
    print(f"{name + '.reshape(6)':16} {flat.tolist()}  {is_view=}")

# %%
# 第一行是视图，修改它就会修改 ``x``。第二行是副本，修改它不影响 ``x``。
# ``reshape`` 不说明返回的是哪一种，所以代码依赖共用的内存时，应当写 ``view``。
#
# .. real-projects::
#
#    网络里合并轴通常写成 ``torch.nn.Flatten()`` 层，它默认保留第 0 个轴。
#    卷积网络还可以保持（N，C，H，W）的形状，只改变内存里的次序，让同一个像素的各个通道相邻，
#    写法是 ``x.to(memory_format=torch.channels_last)``。
#    参考 `Tensor.view <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html>`__
#    和 `哪些操作返回视图 <https://docs.pytorch.org/docs/stable/tensor_view.html>`__。
#
# 小结
# ----
# - 规则：重新分组用 ``view`` 或 ``reshape``，交换轴用 ``permute``，两者不能互相代替。
# - API：``Tensor.view``、``flatten``、``squeeze``、``unsqueeze``、``permute``、``reshape`` 和 ``stride``。
# - 下一页：:ref:`basics-broadcasting`
