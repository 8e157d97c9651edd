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
# 没有一个轴原来就两边等长，却算得出来。下图把形状画成一格一轴：
# 列按倒数第几轴对齐，橙色是被拉伸的 1，虚线框是先补上再拉伸的轴。

result = tuple((x + y).shape)
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for row, (name, tensor) in enumerate({"x": x, "y": y, "x + y": x + y}.items()):
    added = len(result) - tensor.ndim
    padded = (1,) * added + tuple(tensor.shape)  # 从右对齐，左边补 1
    ax.text(-0.2, row, name, ha="right", va="center", family="monospace")
    for axis, (size, target) in enumerate(zip(padded, result, strict=True)):
        color = "C0" if size == target else "C1"
        style = "dashed" if axis < added else "solid"
        for fill in (True, False):
            box = Rectangle((axis, row - 0.36), 0.9, 0.72, fill=fill, color=color)
            box.set(alpha=0.2 if fill else None, linestyle=style, linewidth=1.5)
            ax.add_patch(box)
        label = f"{size}" if size == target else f"{size} → {target}"
        ax.text(axis + 0.45, row, label, ha="center", va="center", fontsize=13)
for axis in range(len(result)):
    ax.text(axis + 0.45, -0.65, f"axis {axis - len(result)}", ha="center", color="0.5")
ax.set(xlim=(-1.1, 4), ylim=(2.5, -0.9))
ax.set_axis_off()
# alt: 三行格子从右对齐：x 为 5、1、4、1，y 为 3、1、1，左边补一个虚线格；橙色格写着由 1 拉伸成几，末行是 5、3、4、1。
plt.show()
