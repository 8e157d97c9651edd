# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-shapes:

改变张量的形状
==============

读取图像的库常常给出（高，宽，通道）的数组，:term:`卷积神经网络` 要求（通道，高，宽），
送进 :term:`线性层` 之前又要把每张图的数排成一行。所以网络里经常要改变 :term:`形状`。
得到了正确的形状，图像就一定正确吗？有些写法会报错，怎样事先看出来？

你将学到：

- 用 ``view``、``flatten``、``squeeze`` 和 ``permute`` 改变形状
- 区分重新分组与交换轴
- 用步幅判断 ``view`` 会不会报错
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
# 在新建的张量里，最后一个轴上的数在内存里彼此相邻。
#
# 一批图像在 PyTorch 里有四个 :term:`轴`，从轴 0 到轴 3 依次如下：
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
print(X.view(-1, C, 784).shape)  # 自动算出轴 0 的长度
print(f"{X.numel()=}  {X.numel() // (C * 784)=}")

# %%
# 第三行用 ``-1`` 代替样本数。分组不改变 :term:`元素` 的总数，其余各轴又都已给定，
# 所以 ``-1`` 那个轴的长度可以用除法求出，最后一行就是这个除法。除不尽时，``view`` 会报错。

try:
    X.view(N, -1, 1000)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错里的 23520000 是元素的总数，它不能被 10000 × 1000 整除。
#
# .. change-it::
#
#    把 ``X.view(-1, C, 784)`` 里的 784 误写成 28，会报错吗？如果不报错，轴 0 还是样本数吗？

# hide-cell: 784 换成 28
print(X.view(-1, C, 28).shape)
try:
    X.view(N, C, 28)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. outcome::
#
#    代码没有报错，但是轴 0 的长度从 10000 变成了 280000，它不再是样本数。
#    除得尽不等于分组正确，所以写 ``-1`` 以后要检查算出的长度。
#    样本数已知时，可以把它写明。``X.view(N, C, 28)`` 就报错了，因为元素的总数不相等。
#
# 常用的三个方法
# --------------
# ``flatten(1)`` 从轴 1 起，把后面的轴全部合并，这样每张图的数就排成一行。
# ``unsqueeze(0)`` 在最前面加一个长度为 1 的轴，把单张图像变成只有一张图的批次。
# ``squeeze(1)`` 只在轴 1 的长度为 1 时去掉它，否则什么也不改变，也不报错。
# 不写轴号的 ``squeeze()`` 去掉所有长度为 1 的轴。

image = X[0]
gray = X[:1, :1]  # 一个样本，一个通道
print(f"{X.flatten(1).shape=}")
print(f"{image.shape=}  {image.unsqueeze(0).shape=}")
print(f"{X.squeeze(1).shape=}")
print(f"{gray.shape=}")
print(f"{gray.squeeze(1).shape=}  {gray.squeeze().shape=}")

# %%
# 第一行的 2352 是 3 × 28 × 28。``X`` 的轴 1 长度是 3，所以 ``X.squeeze(1)`` 的形状没有变。
# 最后一行的 ``squeeze()`` 把样本数的轴也去掉了，因为这个批次恰好只有一个样本，所以要写明去掉哪一个轴。
#
# 分组与交换轴
# ------------
# 现在把（高，宽，通道）变成（通道，高，宽）。``permute`` 用来改变轴的次序，它的参数是原来的轴号，
# ``permute(2, 0, 1)`` 的结果里，三个轴依次是原来的轴 2、轴 0 和轴 1。
# 下面是一张 2×2 的彩色图像，三个通道的数分别以 1、2、3 开头，所以通道 0 应当是 10、11、12、13。

hwc = torch.tensor([[[10, 20, 30], [11, 21, 31]], [[12, 22, 32], [13, 23, 33]]])

# %%
# .. predict::
#
#    ``hwc.view(3, 2, 2)`` 也得到（通道，高，宽）的形状。它的通道 0 是什么？
#
#    - 10、20、30、11，因为 ``view`` 按内存里的次序分组
#    - 10、11、12、13，因为 ``view`` 会把长度为 3 的轴移到最前面
#    - 报错，因为 ``view`` 不能改变通道轴的位置

print(f"permute channel 0: {hwc.permute(2, 0, 1)[0].tolist()}")
print(f"view    channel 0: {hwc.view(3, 2, 2)[0].tolist()}")

# %%
# .. answer:: A
#
#    ``view`` 不移动数，只是从头起每 4 个数分成一个通道，所以三个通道混在一起，B 不对。
#    12 个数正好能分成 (3, 2, 2)，而 ``view`` 不检查轴的含义，所以没有报错，C 也不对。
#
# ``permute`` 得到的通道 0 是对的。``view`` 的结果形状相同，图像却是乱的。
#
# 步幅
# ----
# ``permute`` 改变了读数的次序，它移动了内存里的数吗？下面用更小的 :term:`矩阵` 来看。
# :term:`转置` ``x.t()`` 交换矩阵的两个轴，相当于 ``x.permute(1, 0)``。

x = torch.arange(6).view(2, 3)
same_data = {"x": x, "x.view(3, 2)": x.view(3, 2), "x.t()": x.t()}
for name, tensor in same_data.items():
    print(f"{name:12}  {tensor.tolist()}")
    print(
        f"    stride {tensor.stride()}  same memory: {tensor.data_ptr() == x.data_ptr()}"
    )

# %%
# ``data_ptr()`` 是数据的起始地址。三个张量的起始地址相同，所以 ``view`` 和 ``t()`` 都没有复制数据。
# 这样的结果叫 :term:`视图`。切片 ``x[1:]`` 也是视图，只是从后面的数开始，所以起始地址不同。
#
# 同一块内存读出了不同的次序，差别在 :term:`步幅`。
# 步幅规定沿某个轴前进一格，在内存里要前进几个数。
#
# ``x`` 的步幅是 (3, 1)，所以下一行在 3 个数之后，下一列在 1 个数之后。
# 转置只把这两个数对调，成为 (1, 3)。
# 下图上排是读出的矩阵，下排是内存里的六个数，同一个数的颜色相同，弧线是按行读矩阵时的路线。

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
# ``x`` 和 ``x.view(3, 2)`` 的路线每次前进一个数。按行读 ``x.t()`` 的次序是 0、3、1、4、2、5，
# 路线有时跨 +3，有时跨 −2。
#
# view 什么时候报错
# -----------------
# ``view`` 不复制数据，所以结果的每一个轴都必须能用一个固定的步幅表示。拆开一个轴总能做到。
# 合并相邻的两个轴时，前一个轴的步幅要等于后一个轴的步幅乘以后一个轴的长度，
# 因为只有这样，从一行的末尾到下一行的开头，才与行内的一格前进得一样多。
#
# 按行读时每次恰好前进一个数的张量，叫作 :term:`连续` 的张量，它的轴都满足这个条件。不连续的张量不一定满足。

print(f"{x.is_contiguous()=}  {x.t().is_contiguous()=}")
try:
    x.t().view(6)
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# ``x`` 是连续的，``x.t()`` 不是。报错里的 ``size and stride`` 就是形状和步幅。
# ``x.t()`` 的形状是 (3, 2)，步幅是 (1, 3)。1 不等于 3 × 2，所以两个轴不能合并。
# 假如排成一行，步幅就时而是 +3，时而是 −2。
#
# .. change-it::
#
#    ``hwc`` 的步幅是 (6, 3, 1)，所以 ``hwc.permute(2, 0, 1)`` 的步幅是 (1, 6, 3)，它也不连续。
#    把 ``x.t().view(6)`` 换成 ``hwc.permute(2, 0, 1).view(3, 4)``，也就是把高和宽合并成一个轴，会报错吗？
#    换成 ``.view(6, 2)``，把通道和高合并成一个轴呢？

# hide-cell: 合并交换以后的轴
chw = hwc.permute(2, 0, 1)
print(f"{chw.is_contiguous()=}  {hwc.stride()=}  {chw.stride()=}")
flat = chw.view(3, 4)
print(f"{flat[0].tolist()=}  {flat.stride()=}")
try:
    chw.view(6, 2)
except RuntimeError as error:
    print(f"view(6, 2) raises {type(error).__name__}")

# %%
# .. outcome::
#
#    合并高和宽没有报错，因为高的步幅 6 等于宽的步幅 3 乘以宽的长度 2。合并以后的轴有固定的步幅 3，
#    同一个通道的 10、11、12、13 在内存里也总是相隔 3 个数。
#    合并通道和高却报错，因为通道的步幅 1 不等于高的步幅 6 乘以高的长度 2。
#
# 前面的报错建议改用 ``reshape``。只要可能，``reshape`` 就返回视图，否则它先把数据复制到新的内存里，
# 相当于 ``x.t().contiguous().view(6)``。

for name, tensor in {"x": x, "x.t()": x.t()}.items():
    flat = tensor.reshape(6)
    same_memory = flat.data_ptr() == x.data_ptr()
    print(f"{name + '.reshape(6)':16} {flat.tolist()}  {same_memory=}")

# %%
# 第一行是视图，第二行是副本，``flatten`` 也是这样。从 ``reshape`` 这个词看不出是哪一种，
# 所以代码依赖共用的内存时，应当写 ``view``，它要么返回视图，要么报错。
#
# .. real-projects::
#
#    网络里合并轴可以写成 ``torch.nn.Flatten()`` 层，它默认保留轴 0。
#    画图的库要求（高，宽，通道），所以画一张图之前用 ``permute(1, 2, 0)`` 换回来。
#    参考 `Tensor.view <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.view.html>`__
#    和 `哪些操作返回视图 <https://docs.pytorch.org/docs/stable/tensor_view.html>`__。
#
# 小结
# ----
# - 规则：重新分组用 ``view`` 或 ``reshape``，交换轴用 ``permute``，形状相同不等于图像相同。
#   合并两个轴时，前一个轴的步幅要等于后一个轴的步幅与长度之积，否则 ``view`` 报错。
# - API：``Tensor.view``、``flatten``、``squeeze(dim)``、``unsqueeze``、``permute``、``t``、``reshape``、
#   ``contiguous`` 和 ``stride``。
# - 下一页：:ref:`basics-broadcasting`
