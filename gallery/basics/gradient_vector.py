# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-vector:

多元函数的梯度
==============

训练时的损失是许多个 :term:`参数` 的函数，它对每个参数都有一个 :term:`偏导数`。
要求出全部偏导数，需要调用几次 ``backward()``？如果函数的结果不是一个数，而是好几个数，一次 ``backward()`` 又能求出什么？

你将学到：

- 求出一个函数的全部偏导数，并用公式核对
- 求出多个输出各自的梯度，排成雅可比矩阵
- 一次求出许多个点的梯度，用箭头画出来
"""

import matplotlib.pyplot as plt
import torch

# %%
# 思路
# ----
# 设 ``w`` 是 :term:`向量`，``g(w)`` 是一个数。
# 对 ``w`` 的每个元素各求一个偏导数，按这些元素原来的位置排好，就得到 :term:`梯度`，所以梯度与 ``w`` 的 :term:`形状` 相同。
#
# :term:`反向传播` 从结果 ``z = g(w)`` 出发，起点的梯度是 :math:`\partial z / \partial z = 1`。
# 从这个 1 开始，沿着 :term:`计算图` 往回走，每经过一步就乘上这一步的 :term:`导数`。如果有好几条路通向同一个元素，就把各条路得到的乘积相加。
#
# 下面的函数有两项，每一项都用到 :math:`w_0` 和 :math:`w_1`，所以每个偏导数都是两条路的乘积之和。
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

print("Analytical grad g(w)", grad_g(w.detach()))  # 公式只要数值，不要计算图
print("PyTorch's grad g(w)", w.grad)

# %%
# 一次 ``backward()`` 求出了两个偏导数，它们与公式的结果一致，其中 5.2832 就是 :math:`2\pi - 1`。
#
# 输出不止一个数
# --------------
# 函数 :math:`h` 有两个输入、三个输出：
#
# .. math::
#
#    h(u) = (u_0 u_1,\; u_0^2,\; 3 u_1)
#
# 用代码写，就是先算出三个数，再用 ``torch.stack`` 拼成一个张量，拼接也会记进计算图。
#
# .. predict::
#
#    ``u`` 有 2 个元素，``h(u)`` 有 3 个元素。直接调用 ``h(u).backward()``，会得到什么？
#
#    - ``u.grad`` 的形状是 ``(3, 2)``，每一行是一个输出的梯度
#    - ``u.grad`` 的形状是 ``(2,)``，它是三个输出的梯度之和
#    - 一条报错，``u.grad`` 仍然是 ``None``


def h(u):
    return torch.stack([u[0] * u[1], u[0] ** 2, 3 * u[1]])


u = torch.tensor([2.0, 5.0], requires_grad=True)
print(f"{h(u).shape=}")
try:
    h(u).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
print(f"{u.grad=}")

# %%
# .. answer:: C
#
#    报错说，只有结果是一个数时，才能省略起点的梯度，这时它默认为 1。``h(u)`` 有三个数，却没有给出起点的梯度。
#    A 不成立，因为 ``u.grad`` 的形状只能与 ``u`` 相同，装不下三行。
#    B 不成立，因为三个梯度相加只是一种可能的要求，PyTorch 不会自动这样做。
#
# 起点的梯度由参数 ``gradient`` 给出，它与输出的形状相同。
# 下面每次只把其中一个元素设为 1，其余设为 0，于是得到这一个输出的梯度。

for start in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]:
    u.grad = None
    h(u).backward(gradient=torch.tensor(start))
    print(f"gradient={start}  u.grad={u.grad.tolist()}")

print("Jacobian:")
print(torch.autograd.functional.jacobian(h, u))

# %%
# 把三次的结果排成三行，就得到雅可比矩阵（Jacobian） :math:`J`，下标为 i 的行是输出 i 的梯度。
# 函数 ``torch.autograd.functional.jacobian`` 直接返回整个矩阵，与上面的三行相同。
#
# ``gradient`` 也可以是任意的向量 :math:`v`。这时 ``backward()`` 求的是 :math:`v^\top J`，
# 也就是把 :math:`J` 的各行乘上 :math:`v` 的对应元素，再相加。它叫向量与雅可比矩阵之积，英文缩写是 VJP。

for start in [[1.0, 10.0, 100.0], [1.0, 1.0, 1.0]]:
    u.grad = None
    h(u).backward(gradient=torch.tensor(start))
    print(f"gradient={start}  u.grad={u.grad.tolist()}")

u.grad = None
h(u).sum().backward()
print(f"h(u).sum().backward()  u.grad={u.grad.tolist()}")

# %%
# 第一行的两个元素是 :math:`1 \cdot 5 + 10 \cdot 4 + 100 \cdot 0 = 45` 和 :math:`1 \cdot 2 + 10 \cdot 0 + 100 \cdot 3 = 302`。
#
# 后两行相同。因为 ``sum()`` 对每个输出的导数都是 1，所以反向传播经过 ``sum()`` 之后，``h(u)`` 处的梯度正好是三个 1。
#
# .. change-it::
#
#    把 ``h(u).sum()`` 改成 ``h(u).mean()``。先猜它相当于哪一个 ``gradient``，再看运行结果。

# hide-cell: 用 mean 代替 sum
u_new = torch.tensor([2.0, 5.0], requires_grad=True)
h(u_new).mean().backward()
print("h(u_new).mean().backward()", u_new.grad)
u_new.grad = None
h(u_new).backward(gradient=torch.tensor([1 / 3, 1 / 3, 1 / 3]))
print("gradient=[1/3, 1/3, 1/3]  ", u_new.grad)

# %%
# .. outcome::
#
#    平均数对每个输出的导数都是三分之一，所以它相当于元素全为三分之一的 ``gradient``，两行相同。
#
# 一次求许多个点
# --------------
# 先求和的写法还能一次求出许多个点的梯度。``W`` 是网格上的 24 个点，由 ``torch.meshgrid`` 生成。``requires_grad_()`` 把一个已有的张量标记为要求梯度。
# ``W[0]`` 存放这些点的第一个坐标，``W[1]`` 存放第二个坐标，两者的形状都是 (4, 6)。
# 因为 ``g`` 只对 ``W[0]`` 和 ``W[1]`` 做 :term:`逐元素运算`，所以 ``g(W)`` 的形状也是 (4, 6)。

axis_0 = torch.linspace(0.5, 5.5, 6)
axis_1 = torch.linspace(-0.5, 2.5, 4)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy")).requires_grad_()
print(f"{W.shape=}  {g(W).shape=}  {g(W).numel()=}")

g(W).sum().backward()
alone = torch.zeros(2, 4, 6)
for row in range(4):
    for column in range(6):  # 每个点单独求一次
        point = W[:, row, column].detach().requires_grad_()
        g(point).backward()
        alone[:, row, column] = point.grad
print(f"{W.grad.shape=}  largest difference: {(W.grad - alone).abs().max():.6f}")

# %%
# ``W.grad`` 与 ``W`` 的形状相同，每个点各有两个偏导数。最大的差是 0，可见 24 个点在网格中求出的梯度都与单独求出的相同。
# 因为每个函数值只依赖自己的点，对其他点的偏导数都是 0，所以求和不会把各个点混在一起。
#
# .. change-it::
#
#    设 ``values = g(W)``，把 ``g(W).sum()`` 改成 ``(values - values.mean()).sum()``。这时每个数都依赖所有的点。
#    先猜 ``W.grad`` 还是不是各个点的梯度，再看运行结果。

# hide-cell: 先减去平均数
W_new = W.detach().requires_grad_()
values = g(W_new)
(values - values.mean()).sum().backward()
print(f"largest |W_new.grad|: {W_new.grad.abs().max():.4f}")

# %%
# .. outcome::
#
#    不是，梯度在四位小数之内都是 0。减去平均数之后，无论点在哪里，总和都是 0，所以总和的梯度也是 0。
#    使用先求和的写法之前，要确认每个函数值只依赖自己的点。
#
# 梯度的方向
# ----------
# 走一小步时，``g`` 的变化约等于梯度与这一步的点积，也就是对应元素相乘再相加。
# 从 :math:`(\pi, 1)` 出发，朝四个方向各走 0.01，比较两者，``up`` 是只增加 :math:`w_1` 的方向。

point = w.detach()
uphill = w.grad / w.grad.square().sum().sqrt()  # 与梯度同向，长度为 1
across = torch.stack([uphill[1], -uphill[0]])  # 与梯度垂直
up = torch.tensor([0.0, 1.0])
directions = {"gradient": uphill, "up": up, "across": across, "opposite": -uphill}
for name, direction in directions.items():
    step = 0.01 * direction
    change = g(point + step) - g(point)
    print(f"{name:9} change {change:+.5f}  dot {w.grad @ step:+.5f}")

# %%
# 两列相差不到万分之一。同样长的一步，与梯度同向时点积最大，反向时最小，垂直时为 0。
# 所以沿梯度走增加得最多，沿相反的方向走减少得最多，沿垂直的方向走时 ``g`` 只变了 −0.00002。
#
# 下图用箭头画出网格上的 24 个梯度和 :math:`(\pi, 1)` 处的梯度，长度都缩小到十二分之一。
# 灰色曲线是 ``g`` 的等高线，线上的数是函数值，负值画成虚线。橙色曲线是经过 :math:`(\pi, 1)` 的等高线。

# hide-input: 画图
grid_0 = torch.linspace(0, 6.25, 126)
grid_1 = torch.linspace(-1, 3.5, 91)
values = g(torch.stack(torch.meshgrid(grid_0, grid_1, indexing="xy")))

fig, ax = plt.subplots(figsize=(6, 4.25), layout="constrained")
levels = range(-12, 33, 4)
lines = ax.contour(grid_0, grid_1, values, levels=levels, colors="0.6", linewidths=1)
ax.clabel(lines, fontsize=9, colors="0.3")
ax.contour(grid_0, grid_1, values, levels=[g(point).item()], colors="C1")
style = {"angles": "xy", "scale_units": "xy", "scale": 12}
ax.quiver(*W.detach(), *W.grad, color="C0", width=0.004, **style)
ax.plot(*W.detach().flatten(1), "o", color="C0", markersize=3)
ax.quiver(*point, *w.grad, color="C1", width=0.006, **style)
ax.plot(*point, "o", color="C1")
ax.text(*point - torch.tensor([0.1, 0.3]), r"$(\pi, 1)$", color="C1", ha="right")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
ax.spines[["top", "right"]].set_visible(False)
# alt: 标有函数值的灰色等高线和 24 个蓝色箭头，箭头指向数值更大的一边；橙色箭头从点 (π, 1) 出发，与经过该点的橙色等高线垂直。
plt.show()

# %%
# 橙色的箭头与橙色的等高线垂直，指向函数值更大的一边。
# 相邻两条灰色等高线的函数值都相差 4，它们越密的地方，箭头越长。
#
# .. real-projects::
#
#    训练要让一个数变小，所以各个样本的损失先求平均，得到一个标量，再调用 ``backward()``。
#    需要整个矩阵时，可以用
#    `torch.autograd.functional.jacobian <https://docs.pytorch.org/docs/stable/generated/torch.autograd.functional.jacobian.html>`__
#    （默认对每个输出各做一次反向传播），也可以用
#    `torch.func <https://docs.pytorch.org/docs/stable/func.whirlwind_tour.html>`__ 中的 ``jacrev``，它把这些反向传播合成一批来做。
#
# 小结
# ----
# - 规则：对一个数调用一次 ``backward()`` 得到全部偏导数。结果有多个数时，``gradient=v`` 求出 :math:`v^\top J`，
#   先求和相当于 ``v`` 全是 1。每个函数值只依赖自己的点时，先求和就一次得到所有点的梯度。
# - API：``backward(gradient=…)``、``torch.stack`` 和 ``torch.autograd.functional.jacobian``。
# - 下一页：:ref:`basics-gradient-descent`
