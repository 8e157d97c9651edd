# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-scalar:

标量函数的导数
==============

你为一个函数手写了 :term:`导数` 公式，又用 PyTorch 的 :term:`自动微分` 求了一次。
两个结果应当一致，但是打印出来的两行会完全相同吗？
如果两个结果不一致，又该用什么办法判断哪一个出了错？

你将学到：

- 用 ``backward()`` 求导，判断一个张量是否还连着计算图
- 用 :term:`有限差分` 核对导数，选择大小合适的一步
- 对同一个输入再次求导，得到正确的结果
"""

import matplotlib.pyplot as plt
import torch

# %%
# 思路
# ----
# 函数 :math:`f(x) = (x - 2)^2` 的导数是 :math:`f'(x) = 2(x - 2)`。
# 用 PyTorch 求导分三步。先用 ``requires_grad=True`` 标记输入 ``x``，
# 再对结果 ``y`` 调用 ``backward()``，最后从 ``x.grad`` 读出导数。
#
# 从这个 ``x`` 算出的张量带有 ``grad_fn``，因为 PyTorch 把算出它的运算记进了 :term:`计算图`。
#
# .. predict::
#
#    在 :math:`x = 1` 处，公式的结果 ``fp(x)`` 和自动微分的结果 ``x.grad`` 都等于 −2。
#    把两者打印出来，哪一行会带有 ``grad_fn``？
#
#    - 两行都没有，因为导数只是一个数
#    - 只有 ``x.grad`` 这一行，因为它来自计算图
#    - 两行都有，因为两者都由 ``x`` 得出
#    - 只有 ``fp(x)`` 这一行，因为只有它的运算记进了图


def f(x):
    return (x - 2) ** 2


def fp(x):
    return 2 * (x - 2)


x = torch.tensor([1.0], requires_grad=True)

y = f(x)
y.backward()

# 手写的导数公式算出的数值
print("Analytical f'(x):", fp(x))
# 自动微分算出的数值：先对结果 y 调用 backward()，再从输入 x 读出 grad
print("PyTorch's f'(x):", x.grad)

# %%
# .. answer:: D
#
#    ``fp(x)`` 是对 ``x`` 做的普通运算，而 ``x`` 要求梯度，所以这里的减法和乘法都记进了计算图。
#    A 不成立，因为 PyTorch 记录运算时不管结果是不是导数。
#    B 和 C 不成立，因为默认情况下，``backward()`` 自己做的运算不记进计算图，所以 ``x.grad`` 没有 ``grad_fn``。
#
# 如果只要公式的数值，就先用 ``detach()`` 得到一个与计算图 :term:`分离` 的 ``x``。
# 反过来，如果要对导数再求一次导，就用 ``create_graph=True`` 要求 PyTorch 记录求导的过程。
# ``torch.autograd.grad`` 也能求导，它直接返回导数，不改动 ``x.grad``。

print("detached:", fp(x.detach()))

for create_graph in [False, True]:
    (first,) = torch.autograd.grad(f(x), x, create_graph=create_graph)
    print(f"{create_graph=}: {first}")
(second,) = torch.autograd.grad(first, x)
print("second:", second)

# %%
# ``fp(x.detach())`` 和 ``x.grad`` 打印的内容相同。
# 两次求导只差 ``create_graph``，它为 ``True`` 时，``first`` 才带有 ``grad_fn``，可以继续求导，得到二阶导数 2。
#
# 用有限差分核对
# --------------
# 手写的公式可能写错，所以需要一个与公式无关的办法来核对。
# 有限差分只用到函数值，它取一小步 :math:`h`，计算
#
# .. math::
#
#    \frac{f(x + h) - f(x)}{h}
#
# 对这个 :math:`f`，在 :math:`x = 1` 处上式等于 :math:`-2 + h`，误差正好是 :math:`h`。
# 那么 :math:`h` 是不是越小越好？下面用两种 :term:`精度` 各算一遍。

print("h           float32    float64")
for h in [1.0, 1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-12]:
    row = f"{h:<8.0e}"
    for dtype in [torch.float32, torch.float64]:
        point = torch.tensor(1.0, dtype=dtype)
        quotient = (f(point + h) - f(point)) / h
        row += f"  {quotient.item():9.5f}"
    print(row)
print(f"autograd  {x.grad.item():9.5f}")

# %%
# 两列的误差都是先变小，后来又变大。用 ``float32`` 时，``1e-03`` 这一行最接近 −2，``1e-07`` 这一行是 −2.38419，再往下只得到 0。
# 用 ``float64`` 时，``1e-07`` 和 ``1e-09`` 两行都是 −2.00000，``1e-12`` 这一行却是 −2.00018。
#
# 原因是浮点数的有效数字有限，``float32`` 约有 7 位。:math:`h` 太小时，两个函数值几乎相等，
# 相减之后剩下的主要是舍入误差，再除以 :math:`h`，误差又被放大。:math:`h` 更小时，
# :math:`x + h` 舍入之后就等于 :math:`x`，差是 0。
# 所以核对导数时要用 ``float64``，:math:`h` 既不能太大，也不能太小。选择的办法是从大到小试几个 :math:`h`，直到结果不再改变。
# 这里 ``1e-09`` 这一行与 ``1e-07`` 这一行相同，所以取 ``1e-07``。
# :math:`x` 越大，相邻的两个浮点数相距越远，所以 :math:`h` 也要随 :math:`x` 取大。
#
# 自动微分按求导法则计算，不需要 :math:`h`，所以没有这样的误差。
#
# .. change-it::
#
#    把 ``fp`` 中的公式误写成 ``2 * x - 2``，它与自动微分的结果不同。先猜有限差分与哪一个接近，再看运行结果。

# hide-cell: 写错的公式
point = torch.tensor(1.0, dtype=torch.float64)
print(f"wrong formula:     {2 * point - 2:.5f}")
print(f"autograd:          {x.grad.item():.5f}")
print(f"finite difference: {(f(point + 1e-7) - f(point)) / 1e-7:.5f}")

# %%
# .. outcome::
#
#    有限差分与自动微分的五位小数相同，与写错的公式却相差 2，所以错的是公式。
#    反过来，只在一个点上一致还不能说明公式正确。例如写错的 ``-2 * x`` 在 :math:`x = 1` 处也等于 −2，所以要多取几个点核对。
#
# 有限差分也有几何意义。割线穿过曲线上的两个点，它的斜率就是有限差分。
# 切线的斜率是导数，这里取 ``x.grad``。

h = 1.0
secant_slope = (f(x.detach() + h) - f(x.detach())).item() / h
tangent_slope = x.grad.item()
print(f"{secant_slope=:.1f}  {tangent_slope=:.1f}")

# %%
# :math:`h = 1` 时，割线的斜率与切线的斜率相差 1，和上面的误差公式一致。下图画出这两条直线。

# hide-input: 画图
grid = torch.linspace(-0.5, 4.0, 101)
around = torch.tensor([-1.0, 2.0])  # 在 x = 1 的左边和右边各画多远

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(grid, f(grid), color="C0")
ax.plot(1 + around, 1 + tangent_slope * around, color="C1")
ax.plot(1 + around, 1 + secant_slope * around, color="C2")
ax.plot([1, 2], [1, 0], "o", color="C2")
ax.text(3.85, 4.1, "$f(x)$", color="C0", ha="right", size=12)
ax.text(3.08, -3.1, f"tangent, slope ${tangent_slope:.0f}$", color="C1", size=12)
ax.text(3.08, -1.1, f"secant, slope ${secant_slope:.0f}$", color="C2", size=12)
ax.set(xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 开口向上的抛物线。橙色切线在点 (1, 1) 与它相切，斜率为 −2；绿色割线穿过点 (1, 1) 和 (2, 0)，斜率为 −1。
plt.show()

# %%
# 蓝色曲线在两个绿点之间越来越平，所以割线没有切线那么陡。
#
# 再求一次
# --------
# ``x.grad`` 现在是 −2。下面不改动 ``x``，重新计算 ``f(x)``，再调用一次 ``backward()``。
#
# .. predict::
#
#    第二次 ``backward()`` 之后，``x.grad`` 是多少？
#
#    - −2，因为导数没有变
#    - 没有结果，因为第二次 ``backward()`` 会报错
#    - −4，因为新的梯度加到了旧的梯度上

f(x).backward()
print("without clearing:", x.grad)

x.grad = None  # 清零，下一次从头开始
f(x).backward()
print("after clearing:  ", x.grad)

# %%
# .. answer:: C
#
#    ``backward()`` 把新梯度加到 ``x.grad`` 原有的值上，这叫 :term:`梯度累积`。
#    A 不成立，因为 ``backward()`` 不会覆盖旧值。
#    B 不成立，因为报错的是两次走同一张计算图，这里重新计算了 ``f(x)``，所以图是新的。
#
# 把 ``x.grad`` 设为 ``None`` 之后，结果又是 −2。这一步叫 :term:`梯度清零`，要放在每次求导之前。
#
# 常见的报错
# ----------
# 下面先忘记标记输入，再把输入写成整数。

try:
    f(torch.tensor([1.0])).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

try:
    torch.tensor([1], requires_grad=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 第一条报错说，调用 ``backward()`` 的张量不要求梯度，也没有 ``grad_fn``。
# 遇到它，先检查输入有没有标记，再检查中途有没有 ``detach()`` 或 ``torch.no_grad()``，
# 或者有没有把 ``item()`` 取出的数重新做成张量。
# 第二条报错说，只有浮点数和复数的张量才能要求梯度，所以例子里写的是 ``1.0``。
#
# .. real-projects::
#
#    自己写了新的运算和它的导数时，用
#    `torch.autograd.gradcheck <https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html>`__
#    核对，它把求出的导数与有限差分逐个比较。输入要用 ``float64``，用 ``float32`` 时，正确的导数也可能报错。
#    自动微分与有限差分、符号求导的区别见综述
#    `Automatic differentiation in machine learning <https://arxiv.org/abs/1502.05767>`__。
#
# 小结
# ----
# - 规则：先清零，再对结果调用 ``backward()``，最后从输入的 ``grad`` 读出导数，这个导数默认没有 ``grad_fn``。
#   手写的公式与自动微分不一致时，用 ``float64`` 的有限差分判断哪一个错了。
# - API：``requires_grad``、``backward()``、``grad``、``detach()``，以及 ``torch.autograd.grad`` 和它的 ``create_graph``。
# - 下一页：:ref:`basics-gradient-vector`
