# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-shapes:

转换维度
========

同一批图像，卷积层要四个维度，:term:`线性层` 常常要两个维度。改 :term:`形状` 不需要改数据：
内存里的数一个也不动，变的只是怎么数它们。懂了这一点，就知道 ``view`` 什么时候会报错，
什么时候不报错却给出错的结果。

你将学到：

- 一批图像的四个轴是什么，``-1`` 怎么用
- 步幅是什么，``view`` 和 ``reshape`` 差在哪里
- 为什么换形状代替不了转置
"""

from itertools import pairwise, product

import matplotlib.pyplot as plt
import torch

# %%
# 四个轴：N、C、H、W
# ------------------
# 一批图像在 PyTorch 里有四个轴，次序是固定的：
#
# - **N**：样本数，这里是 10000
# - **C**：通道数，灰度图是 1，彩色图是 3
# - **H**：高，也就是行数
# - **W**：宽，也就是列数
#
# 原笔记称这批数据为 MNIST。真的 MNIST 是灰度图，只有 1 个通道；
# 这里沿用原来的数，当它是一批 28×28 的彩色图。内容是随机数，只看形状。
#
# .. admonition:: 先猜一猜
#
#    下面最后一行没有写样本数，只写 ``-1``。它会打印出什么形状？

torch.manual_seed(0)

N, C, H, W = 10000, 3, 28, 28
X = torch.randn((N, C, H, W))

print(X.shape)
print(X.view(N, C, 784).shape)
print(X.view(-1, C, 784).shape)  # 自动算出第 0 维

# %%
# 后两行相同。元素总数不变，其余的轴都给定了，``-1`` 那一轴就能除出来：
# 23520000 ÷ (3 × 784) = 10000。除不尽，就报错。

try:
    X.view(N, -1, 1000)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 改一改：把 ``X.view(-1, C, 784)`` 里的 784 改成 28。先猜第 0 维变成多少，
# 再想一想：每个 3×28 的小块，装的是一张图的哪一部分？
#
# 步幅：隔几个数读下一个
# ----------------------
# 内存是一条线。:term:`张量` 用 :term:`步幅` 说明怎么在线上走：沿某一轴前进一格，要跨过几个数。
# ``view`` 和 :term:`转置` ``t()`` 都不搬数据，只换形状和步幅，得到的是 :term:`视图`。
# 用六个数看清楚，下图上排是读到的矩阵，下排的弧线是读的路线。

x = torch.arange(6).view(2, 3)
same_data = {"x": x, "x.view(3, 2)": x.view(3, 2), "x.t()": x.t()}

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
# alt: 三个矩阵 x、x.view(3, 2) 和 x.t()，下面是同一排六个内存格；前两个从左到右依次读，转置则来回跳着读。
plt.show()

# %%
# 三个矩阵用的是同一排内存格，颜色相同的就是同一个数。``x`` 的步幅是 (3, 1)：
# 换行跨 3 格，换列跨 1 格。转置只是把这两个数对调，读的时候就来回跳。
#
# .. warning::
#
#    ``x.view(3, 2)`` 与 ``x.t()`` 形状相同，内容不同。想交换两个轴时用 ``view``，
#    不会报错，数据却乱了。交换轴用 ``t``、``transpose`` 或 ``permute``。
#
# 步幅接不上，view 就报错
# -----------------------
# 把转置后的矩阵拉成一维，要按 0、3、1、4、2、5 的次序走。前进一格有时是 +3，有时是 −2，
# 一个步幅说不清。这样的张量在内存里不 :term:`连续`，``view`` 只能拒绝。

print(f"{x.is_contiguous()=}  {x.t().is_contiguous()=}")
try:
    x.t().view(6)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错里已经写了出路：``reshape``。它能给视图就给视图，给不了才复制。
# 看内存的起点就知道是哪一种。

for name, tensor in {"x": x, "x.t()": x.t()}.items():
    flat = tensor.reshape(6)
    is_view = flat.data_ptr() == x.data_ptr()
    print(f"{name + '.reshape(6)':16} {flat.tolist()}  {is_view=}")

# %%
# 第一行是视图，改 ``flat`` 会改到 ``x``；第二行是复制，改了与 ``x`` 无关。
# 同一个函数两种后果，所以要共享内存时写 ``view``：不能共享，它会当场报错。
#
# 连续也不是 ``view`` 的硬条件，只要被合并的轴在内存里首尾相接就行。
# 把通道移到最后，整个张量不再连续，但 H 和 W 仍然相邻。

nhwc = X.permute(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C)
print(f"{nhwc.shape=}  {nhwc.is_contiguous()=}")
print(f"{nhwc.view(N, H * W, C).shape=}")  # 合并 H 和 W

# %%
# 再进一步，用 ``nhwc.view(N, -1)`` 连 C 也合并，就又是上面那个报错。
#
# 小结
# ----
#
# - 规则：``view`` 只换读法，要求一组步幅能说清新的次序；说不清就用 ``reshape`` 复制。
# - API：``Tensor.view``、``Tensor.reshape``、``Tensor.permute`` 和 ``Tensor.stride``。
# - 下一页：:ref:`basics-broadcasting`。
#
# 与原笔记的差异：轴的次序 N、C、W、H 改为 N、C、H、W，说明 MNIST 只有 1 个通道；补上步幅与报错。
