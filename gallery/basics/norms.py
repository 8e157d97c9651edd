# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-norms:

向量与矩阵的范数
================

:term:`范数` 用一个数表示 :term:`向量` 或 :term:`矩阵` 有多大。
:term:`均方误差`、:term:`梯度裁剪` 和 :term:`权重衰减` 里都有它。
这一页把 ``torch.linalg`` 的结果和手写公式逐个对照：数值都相同，但在零点，它们的梯度不同。

你将学到：

- 1-范数、2-范数、∞-范数的公式，以及它们的单位球
- Frobenius 范数与谱范数的区别
- 为什么不要自己写 ``sqrt(sum(x**2))``
"""

import math

import matplotlib.pyplot as plt
import torch

# %%
# 向量的三种范数
# --------------
# 三个公式量的都是“离原点多远”，只是算法不同：
#
# .. math::
#
#    \|x\|_1 = \sum_i |x_i|, \qquad
#    \|x\|_2 = \sqrt{\sum_i x_i^2}, \qquad
#    \|x\|_\infty = \max_i |x_i|
#
# .. admonition:: 先猜一猜
#
#    ``x`` 是 (3, −4)。三种范数各是多少？哪一个最大？

x = torch.tensor([3.0, -4.0])
by_hand = {
    1: x.abs().sum(),
    2: x.square().sum().sqrt(),
    math.inf: x.abs().max(),
}
for p, value in by_hand.items():
    norm = torch.linalg.vector_norm(x, p)
    print(f"p={p:<3}  torch: {norm:.4f}  by hand: {value:.4f}")
    torch.testing.assert_close(norm, value)

try:
    torch.linalg.vector_norm(torch.tensor([3, -4]))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 依次是 7、5、4：``p`` 越大，范数越小，越由最大的那个分量说了算。
# 最后一行是常见的错误：范数函数不收整数张量。写 ``3.0``，或者先调用 ``.float()``。
#
# 单位球
# ------
# 范数等于 1 的点围成“单位球”，一眼就能看出三种范数的差别。
# 在网格的每个点上求范数，``dim=-1`` 表示每个点单独算，再画出等于 1 的等高线。

axis = torch.linspace(-1.3, 1.3, 261)
points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)

fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
labels = {1: (0.5, 0.5), 2: (0.7, 0.7), math.inf: (0.6, 1.0)}
for i, (p, place) in enumerate(labels.items()):
    norms = torch.linalg.vector_norm(points, p, dim=-1)
    ball = ax.contour(axis, axis, norms, levels=[1.0], colors=f"C{i}", linewidths=2)
    name = r"\infty" if p == math.inf else p
    ax.clabel(ball, fmt=f"$p={name}$", fontsize=12, manual=[place])
ax.axhline(0, color="0.5", linewidth=0.8)
ax.axvline(0, color="0.5", linewidth=0.8)
ax.set(aspect="equal", xlabel="$x_0$", ylabel="$x_1$", title=r"$\|x\|_p = 1$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条嵌套的闭曲线：1-范数的菱形在里，2-范数的圆居中，∞-范数的正方形在外，三者在坐标轴上相接。
plt.show()

# %%
# 菱形在圆里，圆在正方形里：同一个点的 1-范数最大，所以 1-范数的单位球最小。
# 在坐标轴上只有一个分量不为零，三种范数相等，三条曲线就在那里相遇。
#
# 矩阵的两种范数
# --------------
# Frobenius 范数把矩阵看成一长串数，求它的 2-范数。谱范数问的是另一件事：
# 乘上这个矩阵，单位向量最多能变多长？答案是最大的奇异值。

A = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
frobenius = A.square().sum().sqrt()
spectral = torch.linalg.svdvals(A).max()
print(f"linalg.norm(A)     {torch.linalg.norm(A):.4f}  by hand: {frobenius:.4f}")
print(f"linalg.norm(A, 2)  {torch.linalg.norm(A, 2):.4f}  by hand: {spectral:.4f}")
print(f"torch.norm(A, 2)   {torch.norm(A, 2):.4f}  deprecated")

# %%
# 参数同样是 ``(A, 2)``，旧的 ``torch.norm`` 给出 Frobenius 范数，``torch.linalg.norm`` 给出谱范数。
# 文档已把 ``torch.norm`` 标为弃用，不过运行时没有警告。
# 想让读代码的人一眼看懂，就写 ``vector_norm`` 或 ``matrix_norm``。
#
# 下面把整个单位圆乘上 ``A``，看看它变成什么。

angle = torch.linspace(0, 2 * torch.pi, 361)
circle = torch.stack([angle.cos(), angle.sin()])  # (2, 361)
image = A @ circle
length = torch.linalg.vector_norm(image, dim=0)
longest = image[:, length.argmax()]
print(f"longest image: {length.max():.2f}")

fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
ax.plot(*circle, color="0.5")
ax.plot(*image, color="C0")
arrow = {"arrowstyle": "->", "color": "C1", "lw": 2, "shrinkA": 0, "shrinkB": 0}
ax.annotate("", longest, (0, 0), arrowprops=arrow)
ax.text(-0.5, -1.9, r"$\|x\|_2 = 1$", color="0.5", ha="center")
ax.text(-4.5, -4.0, "$Ax$", color="C0", fontsize=12)
ax.text(2.5, 1.6, r"$\|A\|_2$", color="C1", fontsize=12)
ax.set(aspect="equal", xlabel="$x_0$", ylabel="$x_1$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 小的灰色单位圆和一个斜着的大椭圆；橙色箭头从原点指向椭圆的最远点，长度就是谱范数。
plt.show()

# %%
# 圆变成椭圆，最长的半轴就是谱范数。
#
# 值相同，梯度不同
# ----------------
# 在 :math:`x = 0` 处，两种写法的值都是 0。再看梯度。

for name, norm in {
    "vector_norm": torch.linalg.vector_norm,
    "sqrt(sum(x**2))": lambda x: (x**2).sum().sqrt(),
}.items():
    x = torch.zeros(2, requires_grad=True)
    value = norm(x)
    value.backward()
    print(f"{name:<16} value={value:.1f}  {x.grad}")

# %%
# 2-范数在零点不可导。``vector_norm`` 在那里约定梯度为 0；手写公式则算出 NaN，
# 因为链式法则遇上了 :math:`\infty \times 0`：开方的导数是无穷大，平方的导数是 0。
# 训练中只要有一次残差恰好全为零，NaN 就会随着更新进入参数。
#
# 改一改：把 ``torch.zeros(2)`` 换成 ``torch.tensor([3.0, -4.0])``。两行梯度会一样吗？
#
# 小结
# ----
# - 规则：范数用现成的函数；手写公式的值没错，零点的梯度却是 NaN。
# - API：``torch.linalg.vector_norm``、``torch.linalg.matrix_norm`` 和 ``torch.linalg.norm``。
# - 下一页：:ref:`basics-gradient-scalar`
#
# 与原笔记的差异：原笔记这一节只剩一张丢失的图片，全部内容由本页重写。
