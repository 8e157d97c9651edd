# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-norms:

向量与矩阵的范数
================

两个样本相距多远？一个矩阵最多能把输入放大多少倍？
回答这些问题，要用一个数表示 :term:`向量` 或 :term:`矩阵` 有多大，这个数叫作 :term:`范数`。
范数不止一种，它们各自衡量什么？自己写公式和调用现成的函数有没有差别？

你将学到：

- 用 1-范数、2-范数和 ∞-范数计算两个样本的距离
- 区分矩阵的 Frobenius 范数与谱范数
- 比较手写公式与现成函数的梯度
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
# ``torch.linalg.vector_norm(x, p)`` 计算这些范数，第二个参数 ``ord`` 默认是 2。
# 两个样本的距离是它们之差的范数。下面用公式和 ``vector_norm`` 各算一遍。

first = torch.tensor([4.0, 1.0])
second = torch.tensor([1.0, 5.0])
x = first - second  # (3, −4)


def norm_1(x):
    return x.abs().sum()


def norm_2(x):
    return x.square().sum().sqrt()


def norm_inf(x):
    return x.abs().max()


formulas = {1: norm_1, 2: norm_2, math.inf: norm_inf}
for p, formula in formulas.items():
    norm = torch.linalg.vector_norm(x, p)
    print(f"p={p:<3}  torch: {norm:.4f}  by hand: {formula(x):.4f}")

# %%
# ``vector_norm`` 与公式的值相同。横竖两段路程是 3 和 4，所以 1-范数是 7，∞-范数是 4。
# 坐标不写小数点，得到的是整数张量，``vector_norm`` 会报错。

try:
    torch.linalg.vector_norm(torch.tensor([3, -4]))
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# 报错要求浮点数，里面的 ``Long`` 就是 ``int64``。改法是写 ``3.0``，或者先调用 ``float()``。
#
# 单位球
# ------
# 平面上范数等于 1 的点连成一条闭曲线，它围住的区域叫 :term:`单位球`。
# 要画出它，就求一片网格点的范数。``points`` 的最后一个轴是一个点的两个坐标，``dim=-1`` 表示沿这个轴计算，
# 这样每个点各得一个范数。不写 ``dim``，所有的数就合成一个长向量，只得一个范数。

axis = torch.linspace(-1.3, 1.3, 261)
points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
norms = {p: torch.linalg.vector_norm(points, p, dim=-1) for p in formulas}

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
places = {1: (-0.5, 0.5), 2: (-0.7, 0.7), math.inf: (-0.6, 1.0)}
for i, (p, values) in enumerate(norms.items()):
    ball = ax.contour(axis, axis, values, levels=[1.0], colors=f"C{i}", linewidths=2)
    name = r"\infty" if p == math.inf else p
    ax.clabel(ball, fmt=f"$p={name}$", fontsize=12, manual=[places[p]])
ax.axhline(0, color="0.5", linewidth=0.8)
ax.axvline(0, color="0.5", linewidth=0.8)
ax.set(aspect="equal", xlabel="$x_0$", ylabel="$x_1$", title=r"$\|x\|_p = 1$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条嵌套的闭曲线，1-范数的菱形在里，2-范数的圆居中，∞-范数的正方形在外，三者在坐标轴上相接。
plt.show()

# %%
# 在坐标轴上，向量只有一个分量不为零，三种范数相等，所以三条曲线相接。
# 在其他方向上，横竖两段路程与直线距离组成直角三角形。两条直角边之和大于斜边，斜边大于较长的直角边，
# 所以 1-范数最大，∞-范数最小。沿着同一个方向走，1-范数最先达到 1，因此菱形在最里面，正方形在最外面。
#
# 直线距离用 2-范数，各分量大小的总和用 1-范数，最大的偏差用 ∞-范数。
#
# 矩阵的两种范数
# --------------
# :term:`Frobenius 范数` 把矩阵的所有元素当成一个长向量，求它的 2-范数，衡量元素的总大小。
# :term:`谱范数` 是矩阵最多能把向量的 2-范数放大的倍数。
# 下面每隔半度取一个长度为 1 的向量，把它们逐个乘以矩阵 ``A``，再看结果的长度。

A = torch.tensor([[3.0, 4.0], [0.0, 5.0]])
angle = torch.linspace(0, 2 * torch.pi, 721)
circle = torch.stack([angle.cos(), angle.sin()])  # (2, 721)，每列的长度为 1
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
# 灰色的圆变成了蓝色的椭圆。放大的倍数随方向变化，从 2.24 到 6.71，橙色箭头指向最长的结果。
# 谱范数是所有方向上的最大值，也就是矩阵最大的 :term:`奇异值`，2.24 则接近另一个奇异值。
# 721 个方向只能给出近似值，下面把它与 ``svdvals`` 算出的奇异值比较。

frobenius = A.square().sum().sqrt()
spectral = length.max()
singular = torch.linalg.svdvals(A)
print(f"linalg.norm(A)     {torch.linalg.norm(A):.4f}  by hand: {frobenius:.4f}")
print(f"linalg.norm(A, 2)  {torch.linalg.norm(A, 2):.4f}  by hand: {spectral:.4f}")
print(f"torch.norm(A, 2)   {torch.norm(A, 2):.4f}")
print(f"matrix_norm(A, 2)  {torch.linalg.matrix_norm(A, 2):.4f}")
print(f"vector_norm(A, 2)  {torch.linalg.vector_norm(A, 2):.4f}")
print(f"svdvals(A)         {singular.numpy().round(4)}")
print(f"root of the sum of their squares: {singular.square().sum().sqrt():.4f}")

# %%
# 手算的谱范数与最大的奇异值在打印的 4 位小数上相同。
# 对矩阵不写第二个参数时，``torch.linalg.norm`` 给出 Frobenius 范数，写 2 时给出谱范数。
# 旧函数 ``torch.norm`` 写 2 时却给出 Frobenius 范数，文档说它已经弃用。
# 为了不混淆，可以写 ``torch.linalg.matrix_norm`` 或 ``vector_norm``，名字说明了把 ``A`` 看成矩阵还是一长串数。
#
# 最后一行等于 Frobenius 范数。对任何矩阵，它都是全部奇异值的平方和的平方根，所以它不小于谱范数。
#
# .. change-it::
#
#    把 ``A`` 改成 ``[[5.0, 0.0], [0.0, 5.0]]``，它把每个方向都放大到 5 倍。两种范数会怎样变？

# hide-cell: 每个方向都放大到 5 倍
B = torch.tensor([[5.0, 0.0], [0.0, 5.0]])
print(f"matrix_norm(B)     {torch.linalg.matrix_norm(B):.4f}")
print(f"matrix_norm(B, 2)  {torch.linalg.matrix_norm(B, 2):.4f}")

# %%
# .. outcome::
#
#    元素的总大小不变，Frobenius 范数仍是 7.0711。最大的放大倍数从 6.7082 变成了 5。
#
# 零点的梯度
# ----------
# 两个相同的样本之差是零向量，三种范数都是 0。
# 如果范数是损失的一部分，训练还要用到它的 :term:`梯度`。
#
# .. predict::
#
#    ``x`` 是零向量，``norm_2`` 是手写的 2-范数。调用 ``norm_2(x).backward()`` 以后，``x.grad`` 里是什么数？
#
#    - 0，因为范数在零向量处最小，而最小处的梯度是 0
#    - NaN（不是一个数），因为求导时会算无穷大乘以 0
#    - 无穷大，因为开方的导数在 0 处是无穷大


def gradient(norm, point, *arguments):
    x = torch.tensor(point, requires_grad=True)
    norm(x, *arguments).backward()
    return x.grad.numpy().round(2)


origin = [0.0, 0.0]
for p, formula in formulas.items():
    ready = gradient(torch.linalg.vector_norm, origin, p)
    print(f"p={p:<3}  torch: {ready}  by hand: {gradient(formula, origin)}")
s = torch.tensor(0.0, requires_grad=True)
s.sqrt().backward()
print(f"derivative of sqrt at 0: {s.grad:.1f}, times 0: {s.grad * 0:.1f}")

# %%
# .. answer:: B
#
#    :term:`链式法则` 把各步的导数相乘。开方在 0 处的导数是无穷大，求和的导数是 1，平方在 0 处的导数是 0，
#    而无穷大乘以 0 是 NaN，最后一行算的就是这个乘积。C 漏了平方的导数 0，它也要乘进去。
#    A 不对，因为只有可导的函数在最小处的梯度才一定是 0。
#
# 在过零点的任何直线上，零点两侧的斜率一负一正，所以三种范数在零点都不可导。
# ``vector_norm`` 的 0 是 PyTorch 的约定。手写的 1-范数和 ∞-范数也得到 0，因为 PyTorch 规定 ``abs`` 在 0 处的导数是 0。
# 只有手写的 2-范数需要改，改法是调用 ``vector_norm``。
#
# .. change-it::
#
#    在 ``norm_2`` 的开方之前加上一个很小的数，写成 ``(x.square().sum() + 1e-12).sqrt()``。
#    零点的梯度还是 NaN 吗？


# hide-cell: 开方之前加 1e-12
def norm_eps(x):
    return (x.square().sum() + 1e-12).sqrt()


print(f"value {norm_eps(torch.zeros(2)):.6f}  gradient {gradient(norm_eps, origin)}")

# %%
# .. outcome::
#
#    梯度成了 0，因为开方的导数不再是无穷大，乘以平方的导数 0 就得 0。代价是零点的值变成了 0.000001。
#
# .. real-projects::
#
#    训练时可以记录全部梯度合起来的 2-范数，用来发现过大的更新。:term:`梯度裁剪` 在它超过上限时缩小梯度，
#    所用的函数 ``torch.nn.utils.clip_grad_norm_`` 返回的就是缩小以前的这个范数。
#    参考 `torch.linalg.vector_norm <https://docs.pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html>`__
#    和 `torch.norm 的弃用说明 <https://docs.pytorch.org/docs/stable/generated/torch.norm.html>`__。
#
# 小结
# ----
# - 规则：向量的直线距离用 2-范数，总和用 1-范数，最大的偏差用 ∞-范数。矩阵元素的总大小用 Frobenius 范数，
#   最大的放大倍数用谱范数。不要直接手写 2-范数，因为它在零点的梯度是 NaN。
# - API：``torch.linalg.vector_norm(x, ord, dim=-1)``、``torch.linalg.matrix_norm(A)``、``matrix_norm(A, 2)``
#   和 ``torch.linalg.svdvals``。
# - 下一页：:ref:`basics-gradient-scalar`
