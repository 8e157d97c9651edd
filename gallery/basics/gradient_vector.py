# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-vector:

多元函数的梯度
==============

训练时的损失是许多个参数的函数，每个参数都有自己的 :term:`偏导数`。
只对损失调用一次 ``backward()``，能得到几个偏导数？
如果结果也有好几个数，``backward()`` 又该从哪一个数开始？

你将学到：

- 用一次 ``backward()`` 求出全部偏导数
- 修正“从计算图里取数”引出的警告
- 用 ``backward(gradient=…)`` 对多个输出求导，得到雅可比矩阵
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import torch

# %%
# 思路
# ----
# 设 ``w`` 是 :term:`向量`，``g(w)`` 是一个数。
# 对 ``w`` 的每个元素各求一个偏导数，按原来的位置排好，就得到 :term:`梯度`。
# 所以梯度与 ``w`` 的 :term:`形状` 相同。梯度指向函数值上升最快的方向。
#
# :term:`反向传播` 从结果 ``z = g(w)`` 出发，起点的梯度是 :math:`\partial z / \partial z = 1`。
# 从这个 1 开始，沿着计算图往回，每经过一步就乘上这一步的导数，最后得到各个偏导数。
# 下面的函数和它的梯度是
#
# .. math::
#
#    g(w) = 2 w_0 w_1 + w_1 \cos w_0, \qquad
#    \nabla g(w) = (2 w_1 - w_1 \sin w_0,\; 2 w_0 + \cos w_0)
#
# 在 :math:`w = (\pi, 1)` 处，手算的结果是 :math:`(2,\; 2\pi - 1)`。


def g(w):
    return 2 * w[0] * w[1] + w[1] * torch.cos(w[0])


def grad_g(w):
    return torch.tensor([2 * w[1] - w[1] * torch.sin(w[0]), 2 * w[0] + torch.cos(w[0])])


w = torch.tensor([torch.pi, 1], requires_grad=True)

z = g(w)
z.backward()

print("Analytical grad g(w)", grad_g(w.detach()))
print("PyTorch's grad g(w)", w.grad)

# %%
# 一次 ``backward()`` 求出了两个偏导数，它们与公式的结果一致，其中 5.2832 就是 :math:`2\pi - 1`。
#
# 取数时的警告
# ------------
# 上面传给公式的是 ``w.detach()``。如果直接传 ``w``，就会出现一条警告。

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from_numbers = grad_g(w)
for warning in caught:
    first_line = str(warning.message).splitlines()[0]
    print(textwrap.fill(f"{warning.category.__name__}: {first_line}", 92))

stacked = torch.stack([2 * w[1] - w[1] * torch.sin(w[0]), 2 * w[0] + torch.cos(w[0])])
print("torch.tensor:", from_numbers)
print("torch.stack: ", stacked)

# %%
# ``torch.tensor([...])`` 从列表的每个元素里取出一个 Python 数，而这个数不在 :term:`计算图` 里。
# 结果没有 ``grad_fn``，不能再对 ``w`` 求导，PyTorch 因此发出警告。
# 只需要数值时，先用 ``detach()``，警告就不会出现。
# 还要继续求导时，改用 ``torch.stack``，它拼出的张量仍然带有 ``grad_fn``。
#
# 输出不止一个数
# --------------
# 函数 :math:`h` 有两个输入、三个输出：
#
# .. math::
#
#    h(u) = (u_0 u_1,\; u_0^2,\; 3 u_1)
#
# .. predict::
#
#    对 ``h(u)`` 调用 ``backward()``，会得到什么？
#
#    - ``u.grad`` 的形状是 ``(3, 2)``，每个输出占一行
#    - ``u.grad`` 的形状是 ``(2,)``，三个输出的梯度自动相加
#    - 报错，因为没有指定三个输出的起点梯度


def h(u):
    return torch.stack([u[0] * u[1], u[0] ** 2, 3 * u[1]])


u = torch.tensor([2.0, 5.0], requires_grad=True)
print(f"{h(u).shape=}")
try:
    h(u).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. answer:: C
#
#    只有一个输出时，起点的梯度可以默认为 1。有三个输出时，每个输出的起点梯度都要由你指定。
#    A 不成立，因为 ``u.grad`` 的形状必须与 ``u`` 相同。
#    B 中的相加确实可以做到，但是要明确写出来，PyTorch 不会自动相加。
#
# 参数 ``gradient`` 用来指定起点的梯度，它与输出的形状相同。
# 把其中一个元素设为 1，其余设为 0，得到的就是这一个输出的梯度。

for start in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]:
    u.grad = None
    h(u).backward(gradient=torch.tensor(start))
    print(f"gradient={start}  u.grad={u.grad.tolist()}")

print("Jacobian:")
print(torch.autograd.functional.jacobian(h, u))

# %%
# 三次得到的三行排成一个矩阵，叫雅可比矩阵（Jacobian），它的第 i 行是第 i 个输出的梯度。
# ``torch.autograd.functional.jacobian`` 直接算出整个矩阵，与上面的三行相同。
# 一般来说，``backward(gradient=v)`` 求的是各行的加权和，权重就是 ``v`` 的元素。
#
# .. change-it::
#
#    把 ``gradient`` 改成 ``[1.0, 1.0, 1.0]``，再改成 ``[1.0, 10.0, 100.0]``。
#    先用上面的矩阵手算 ``u.grad``，再看运行结果。

# hide-cell: 换起点的梯度
for start in [[1.0, 1.0, 1.0], [1.0, 10.0, 100.0]]:
    u.grad = None
    h(u).backward(gradient=torch.tensor(start))
    print(f"gradient={start}  u.grad={u.grad.tolist()}")

u.grad = None
h(u).sum().backward()
print(f"h(u).sum().backward()  u.grad={u.grad.tolist()}")

# %%
# 元素全为 1 的 ``gradient`` 与先求和再调用 ``backward()`` 结果相同。
#
# 一次求许多个点
# --------------
# 先求和的写法可以一次求出许多个点的梯度。
# ``W`` 是网格上的 24 个点，``W[0]`` 和 ``W[1]`` 分别存放它们的两个坐标。

axis_0 = torch.linspace(0.5, 5.5, 6)
axis_1 = torch.linspace(-0.5, 2.5, 4)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy")).requires_grad_()
print(f"{W.shape=}  {g(W).shape=}  {g(W).numel()=}")

g(W).sum().backward()
print(f"{W.grad.shape=}")

corner = W[:, 0, 0].detach().requires_grad_()  # 只取左下角的点，单独求一次
g(corner).backward()
print("in the grid:", W.grad[:, 0, 0])
print("alone:      ", corner.grad)

# %%
# 左下角那个点在网格中求出的梯度，与单独求出的梯度相同。
# 这是因为每个函数值只依赖自己的点，别的点对它的偏导数都是 0，求和时不会混进来。
#
# 下图用箭头画出这 24 个梯度，箭头的长度是梯度的十二分之一。
# 曲线是 ``g`` 的等高线，线上的数是函数值，负值画成虚线。

# hide-input: 画图
grid_0 = torch.linspace(0, 6.25, 126)
grid_1 = torch.linspace(-1, 3.5, 91)
values = g(torch.stack(torch.meshgrid(grid_0, grid_1, indexing="xy")))

fig, ax = plt.subplots(figsize=(6.5, 4.6), layout="constrained")
levels = [-10, -5, 0, 5, 10, 15, 20, 25, 30]
lines = ax.contour(grid_0, grid_1, values, levels=levels, colors="0.6", linewidths=1)
ax.clabel(lines, fontsize=9, colors="0.3")
style = {"angles": "xy", "scale_units": "xy", "scale": 12}
ax.quiver(*W.detach(), *W.grad, color="C0", width=0.004, **style)
ax.quiver(*w.detach(), *w.grad, color="C1", width=0.006, **style)
ax.plot(*w.detach(), "o", color="C1")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
ax.spines[["top", "right"]].set_visible(False)
# alt: 标有函数值的灰色等高线，上面的蓝色箭头都与等高线垂直，指向数值更大的一边；橙色箭头从点 (π, 1) 指向右上方。
plt.show()

# %%
# 箭头与经过它起点的等高线垂直，指向函数值更大的一边。等高线越密的地方，箭头越长。
# 橙色的箭头从 :math:`(\pi, 1)` 出发，它就是开头求出的梯度。
#
# .. real-projects::
#
#    输出和参数都很多时，完整的雅可比矩阵会非常大。
#    所以训练时先把各个样本的损失求和或求平均，得到一个标量，再调用 ``backward()``。
#    确实需要整个矩阵时，可以用
#    `torch.autograd.functional.jacobian <https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html>`__
#    或者 `torch.func <https://docs.pytorch.org/docs/stable/func.whirlwind_tour.html>`__
#    中的 ``jacrev``。
#
# 小结
# ----
# - 规则：``w.grad`` 与 ``w`` 形状相同，输出不止一个数时，要先求和或指定 ``gradient``。
# - API：``backward(gradient=…)``、``torch.stack`` 和 ``torch.autograd.functional.jacobian``。
# - 下一页：:ref:`basics-gradient-descent`
