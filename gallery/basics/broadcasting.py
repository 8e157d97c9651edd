# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-broadcasting:

广播
====

两个 :term:`张量` :term:`形状` 不同，也常常能相加，例如给每一行加上同一个 :term:`偏置`。
PyTorch 按一条固定的规则补齐形状，叫作 :term:`广播`。规则只有两句，
但它不管你的本意：形状碰巧合得上，错的式子也照算。

你将学到：

- 从右对齐、长度为 1 就拉伸：手算任意两个形状的结果
- 拉伸为什么不占内存
- 形状对不上时的报错，以及用 ``keepdim=True`` 补救
"""

from itertools import product

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle

# %%
# 两句规则
# --------
# 1. 两个形状从右对齐，短的那个在左边补 1。
# 2. 逐轴比较：长度相等，照用；其中一个是 1，就拉伸成另一个；否则报错。
#
# .. admonition:: 先猜一猜
#
#    形状 (5, 1, 4, 1) 与 (3, 1, 1) 相加，结果是什么形状？先在纸上从右对齐写一遍。

x = torch.empty(5, 1, 4, 1)  # 不初始化，值是任意的，只看形状
y = torch.empty(3, 1, 1)
print((x + y).size())

# %%
# 除了最后一轴，两边没有一处等长，却算得出来。下图一轴一格，从右对齐：
# 橙色的轴由 1 拉伸而来，虚线框的轴原来没有，先补上长度 1，再按需要拉伸。

result = (x + y).shape
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for level, (name, tensor) in enumerate({"x": x, "y": y, "x + y": x + y}.items()):
    ax.text(-0.2, level, name, ha="right", va="center", family="monospace")
    added = len(result) - tensor.ndim
    padded = (1,) * added + tensor.shape  # 从右对齐，左边补 1
    for axis, (size, target) in enumerate(zip(padded, result, strict=True)):
        color = "C0" if size == target else "C1"
        style = "dashed" if axis < added else "solid"
        look = {"facecolor": (color, 0.2), "edgecolor": color, "linestyle": style}
        ax.add_patch(Rectangle((axis, level - 0.36), 0.9, 0.72, lw=1.5, **look))
        label = f"{size}" if size == target else f"{size} → {target}"
        ax.text(axis + 0.45, level, label, ha="center", va="center", fontsize=13)
for axis in range(len(result)):
    ax.text(axis + 0.45, -0.6, f"axis {axis - len(result)}", ha="center", color="0.5")
ax.set(xlim=(-1.1, 4), ylim=(2.5, -0.9))
ax.set_axis_off()
# alt: 三行格子从右对齐。x 是 5、1、4、1；y 是 3、1、1，左边补一个虚线框；由 1 拉伸的格子是橙色；末行是 5、3、4、1。
plt.show()

# %%
# 改一改：把 ``y`` 的形状改成 (4, 1)。先猜结果的形状和虚线框的个数，再运行看图。
#
# 拉伸不是复制
# ------------
# 再看数值。``col`` 是一列三个数，``row`` 是一行四个数，
# 拉伸后都是 3×4，对应位置相加，就成了一张加法表。淡色的格子是拉伸出来的。

col = torch.tensor([[0.0], [10.0], [20.0]])  # (3, 1)
row = torch.arange(4.0)  # (4,)
table = col + row  # (3, 1) + (4,) -> (3, 4)

fig, axes = plt.subplots(1, 3, figsize=(8, 2.2), layout="constrained")
panels = {"col": col, "row": row, "col + row": table}
for ax, (name, tensor) in zip(axes, panels.items(), strict=True):
    rows, cols = (1,) * (2 - tensor.ndim) + tensor.shape
    stretched = tensor.expand(3, 4)
    for i, j in product(range(3), range(4)):
        real = i < rows and j < cols  # 原有的格子画得深
        tint = ("C0", 0.4 if real else 0.1)
        ax.add_patch(Rectangle((j, i), 0.92, 0.92, facecolor=tint))
        number = ax.text(j + 0.46, i + 0.46, int(stretched[i, j]))
        number.set(ha="center", va="center", alpha=1 if real else 0.4)
    ax.set(title=f"{name}  {tuple(tensor.shape)}", xlim=(-0.3, 4.2), ylim=(3, 0))
    ax.set_axis_off()
# alt: 三张 3×4 的格子：左边一列 0、10、20 向右拉伸，中间一行 0 到 3 向下拉伸，右边是两者之和，从 0 到 23。
plt.show()

# %%
# 淡色的数并不存在。拉伸可以用 ``expand`` 单独做出来，看它的 :term:`步幅`：

stretched = col.expand(3, 4)
print(f"{stretched.shape=}  {stretched.stride()=}")
print(f"{stretched.data_ptr() == col.data_ptr()=}")

# %%
# 第二个轴的步幅是 0：向右走一格，内存里一步不动，读到的还是同一个数。
# 广播相加时只为结果分配内存。
#
# 对不上的形状
# ------------
# 常见的任务是让每一行减去自己的均值。5 行 3 列，均值有 5 个，直接减会怎样？

torch.manual_seed(0)
scores = torch.randn(5, 3)
means = scores.mean(dim=1)
print(f"{scores.shape=}  {means.shape=}")
try:
    scores - means
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 从右对齐，3 对 5，都不是 1，所以报错。报错里的 dimension 1 从左数起，就是最后一轴。
# 均值应当是一列：求均值时加上 ``keepdim=True``，保住长度为 1 的轴。

means = scores.mean(dim=1, keepdim=True)
centered = scores - means
print(f"{means.shape=}  {centered.shape=}")
print(f"largest row mean: {centered.mean(dim=1).abs().max():.6f}")

# %%
# .. warning::
#
#    报错是运气好。假如 ``scores`` 是 3×3，忘了 ``keepdim`` 也能减，
#    只是每一列减去了某一行的均值。同样，(n, 1) 减 (n,) 得到 (n, n)，不是 n 个差。
#    相减之前，先打印两边的形状。
#
# 小结
# ----
#
# - 规则：从右对齐，缺的轴补 1，长度为 1 的轴拉伸，其余必须相等。
# - API：``Tensor.expand``、``torch.broadcast_shapes`` 和 ``keepdim=True``。
# - 下一页：:ref:`basics-computational-graph`。
#
# 与原笔记的差异：原笔记只打印结果的形状；这里补上规则的图、内存和报错，输出逐字相同。
