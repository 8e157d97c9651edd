# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-norms:

向量与矩阵的范数
================

两个样本相距多远，一步更新走了多远，一个矩阵能把输入放大多少倍？
这些问题都要用一个数表示 :term:`向量` 或 :term:`矩阵` 有多大，这个数叫作 :term:`范数`。
范数不止一种，应当选哪一种？它们的公式都不难写，自己写公式和调用现成的函数有没有差别？

你将学到：

- 计算向量的 1-范数、2-范数和 ∞-范数
- 区分矩阵的 Frobenius 范数与谱范数
- 修正手写范数在零点的梯度
"""

import math
import textwrap

import matplotlib.pyplot as plt
import torch

# %%
# 向量的三种范数
# --------------
# 三种常用的范数都由各个分量的绝对值算出：
#
# .. math::
#
#    \|x\|_1 = \sum_i |x_i|, \qquad
#    \|x\|_2 = \sqrt{\sum_i x_i^2}, \qquad
#    \|x\|_\infty = \max_i |x_i|
#
# 把平面上的向量看成从原点到一个点的位移，1-范数就是只沿横竖两个方向走的路程，2-范数是直线距离，
# ∞-范数是两个方向中较长的那一段。
#
# .. predict::
#
#    向量 (3, −4) 的 1-范数、2-范数和 ∞-范数依次是多少？
#
#    - −1、5、3
#    - 5、5、5，因为都是到原点的距离
#    - 7、5、4

x = torch.tensor([3.0, -4.0])
by_hand = {
    1: x.abs().sum(),
    2: x.square().sum().sqrt(),
    math.inf: x.abs().max(),
}
for p, value in by_hand.items():
    norm = torch.linalg.vector_norm(x, p)
    print(f"p={p:<3}  torch: {norm:.4f}  by hand: {value:.4f}")

# %%
# .. answer:: C
#
#    A 直接用了带符号的分量，但是三个公式里都要先取绝对值或平方。
#    B 只有 2-范数是对的，另外两种范数量的不是直线距离。
#
# ``vector_norm`` 的结果与三个公式都相同。它的参数必须是浮点数，传入整数张量会报错，
# 改法是写 ``3.0``，或者先调用 ``float()``。

try:
    torch.linalg.vector_norm(torch.tensor([3, -4]))
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# 单位球
# ------
# 范数等于 1 的点连成一条闭曲线，它围住的区域叫 :term:`单位球`。
# 比较三条曲线，就能看出同一个点的哪一种范数较大。先求每条曲线与对角线的交点。
# 把 (1, 1) 除以它自己的范数，得到的点范数正好是 1，也就是这个交点。

diagonal = torch.tensor([1.0, 1.0])
for p in by_hand:
    point = diagonal / torch.linalg.vector_norm(diagonal, p)
    print(f"p={p:<3}  norm 1 on the diagonal at {point.numpy().round(2)}")

# %%
# 再求平面上一片网格点的范数。``dim=-1`` 表示沿最后一个轴计算，这样每个点各得一个范数。

axis = torch.linspace(-1.3, 1.3, 261)
points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
norms = {p: torch.linalg.vector_norm(points, p, dim=-1) for p in by_hand}
print(f"{points.shape=}  {norms[2].shape=}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
places = {1: (0.5, 0.5), 2: (0.7, 0.7), math.inf: (0.6, 1.0)}
for i, (p, values) in enumerate(norms.items()):
    ball = ax.contour(axis, axis, values, levels=[1.0], colors=f"C{i}", linewidths=2)
    name = r"\infty" if p == math.inf else p
    ax.clabel(ball, fmt=f"$p={name}$", fontsize=12, manual=[places[p]])
ax.axhline(0, color="0.5", linewidth=0.8)
ax.axvline(0, color="0.5", linewidth=0.8)
ax.set(aspect="equal", xlabel="$x_0$", ylabel="$x_1$", title=r"$\|x\|_p = 1$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条嵌套的闭曲线：1-范数的菱形在里，2-范数的圆居中，∞-范数的正方形在外，三者在坐标轴上相接。
plt.show()

# %%
# 在坐标轴上，向量只有一个分量不为零，三种范数相等，所以三条曲线相接。
# 在别处，同一个点的 1-范数最大，∞-范数最小，所以菱形在最里面，正方形在最外面。
#
# 选哪一种取决于要量什么。直线距离用 2-范数，各分量大小的总和用 1-范数，最大的偏差用 ∞-范数。
#
# 矩阵的两种范数
# --------------
# :term:`Frobenius 范数` 把矩阵的所有元素当成一个长向量，求它的 2-范数。
# :term:`谱范数` 回答另一个问题，矩阵最多能把向量的 2-范数放大多少倍。
# 下面用一圈长度为 1 的向量估计谱范数，逐个乘以矩阵 ``A``，再取最长的结果。

A = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
angle = torch.linspace(0, 2 * torch.pi, 361)
circle = torch.stack([angle.cos(), angle.sin()])  # (2, 361)，每列的长度为 1
image = A @ circle
length = torch.linalg.vector_norm(image, dim=0)
print(f"lengths of the images: {length.min():.2f} to {length.max():.2f}")

# %%

# hide-input: 画图
longest = image[:, length.argmax()]
fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
ax.plot(*circle, color="0.5")
ax.plot(*image, color="C0")
arrow = {"arrowstyle": "->", "color": "C1", "lw": 2, "shrinkA": 0, "shrinkB": 0}
ax.annotate("", longest, (0, 0), arrowprops=arrow)
ax.text(-0.5, -1.9, r"$\|x\|_2 = 1$", color="0.5", ha="center")
ax.text(-4.5, -4.0, "$Ax$", color="C0", fontsize=12)
ax.text(*longest * 1.05, r"$\|A\|_2$", color="C1", fontsize=12)
ax.set(aspect="equal", xlabel="$x_0$", ylabel="$x_1$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 小的灰色单位圆和一个斜着的大椭圆；橙色箭头从原点指向椭圆的最远点，长度就是谱范数。
plt.show()

# %%
# 圆变成了椭圆，箭头的长度是放大倍数的最大值，也就是谱范数。
# 它等于矩阵最大的奇异值，可以用 ``torch.linalg.svdvals`` 直接求出。

frobenius = A.square().sum().sqrt()
spectral = torch.linalg.svdvals(A).max()
print(f"linalg.norm(A)     {torch.linalg.norm(A):.4f}  by hand: {frobenius:.4f}")
print(f"linalg.norm(A, 2)  {torch.linalg.norm(A, 2):.4f}  by hand: {spectral:.4f}")
print(f"torch.norm(A, 2)   {torch.norm(A, 2):.4f}  deprecated")

# %%
# 不写第二个参数时，``torch.linalg.norm`` 给出 Frobenius 范数，写 2 时给出谱范数。
# 旧函数 ``torch.norm`` 写 2 时却给出 Frobenius 范数。
# 文档已经不推荐 ``torch.norm``。为了不混淆，可以写意思更明确的 ``vector_norm`` 和 ``matrix_norm``。
#
# 零点的梯度
# ----------
# 两个样本相同时，它们之差是零向量。在零向量处比较 ``vector_norm`` 和手写公式，
# 既比较值，也用 ``backward()`` 比较 :term:`梯度`。

x = torch.zeros(2, requires_grad=True)
norm = torch.linalg.vector_norm(x)
norm.backward()
print(f"vector_norm:      value {norm:.1f}, gradient {x.grad}")

x = torch.zeros(2, requires_grad=True)
norm = (x**2).sum().sqrt()
norm.backward()
print(f"sqrt(sum(x**2)):  value {norm:.1f}, gradient {x.grad}")

s = torch.tensor(0.0, requires_grad=True)
s.sqrt().backward()
print(f"derivative of sqrt at 0: {s.grad:.1f}, times 0: {s.grad * 0:.1f}")

# %%
# 两种写法的值都是 0，但是 ``vector_norm`` 在零点规定梯度为 0，手写公式的梯度却是 NaN。
# 最后一行是原因。:term:`链式法则` 把两步的导数相乘，开方在 0 处的导数是无穷大，
# 平方在 0 处的导数是 0，无穷大乘以 0 就是 NaN。改法是调用 ``vector_norm``。
#
# .. change-it::
#
#    把零向量换成 (3, −4)，两种写法的梯度还会不同吗？

# hide-cell: 离开零点
x = torch.tensor([3.0, -4.0], requires_grad=True)
torch.linalg.vector_norm(x).backward()
print(f"vector_norm:      gradient {x.grad}")

x = torch.tensor([3.0, -4.0], requires_grad=True)
(x**2).sum().sqrt().backward()
print(f"sqrt(sum(x**2)):  gradient {x.grad}")

# %%
# 在这个点上两者相同，都是这个向量除以自己的长度 5。
# 所以只要没有遇到零向量，就看不出手写公式的问题。
#
# .. real-projects::
#
#    训练时常记录全部梯度合起来的 2-范数，用来发现过大的更新，:term:`梯度裁剪` 就按它缩小梯度。
#    逐行求范数时写 ``dim=1``，再加 ``keepdim=True`` 就能让每一行除以自己的范数。
#    参考 `torch.linalg.vector_norm <https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html>`__
#    和 `torch.norm 的弃用说明 <https://docs.pytorch.org/docs/stable/generated/torch.norm.html>`__。
#
# 小结
# ----
# - 规则：范数用现成的函数计算，因为手写的 2-范数在零点的梯度是 NaN。
# - API：``torch.linalg.vector_norm``、``torch.linalg.matrix_norm`` 和 ``torch.linalg.norm``。
# - 下一页：:ref:`basics-gradient-scalar`
