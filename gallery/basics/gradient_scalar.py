# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-scalar:

标量函数的导数
==============

同一个导数用两种方法求：一种手写公式，一种交给 :term:`自动微分`。
两个数一样，打印出来却不一样：只有一个带 ``grad_fn``。
弄清这个差别，就知道哪些量在 :term:`计算图` 里，哪些不在。

你将学到：

- 求导的三步：标记输入，调用 ``backward()``，读 ``x.grad``
- 为什么手写公式的结果带 ``grad_fn``，``x.grad`` 不带
- 忘记 ``requires_grad=True`` 时的报错
"""

import matplotlib.pyplot as plt
import torch

# %%
# 两种求法
# --------
# 函数 :math:`f(x) = (x - 2)^2` 的导数是 :math:`f'(x) = 2(x - 2)`。
#
# .. admonition:: 先猜一猜
#
#    在 :math:`x = 1` 处，下面两行打印的数值都是 −2。两行的文字会完全相同吗？


def f(x):
    return (x - 2) ** 2


def fp(x):
    return 2 * (x - 2)


x = torch.tensor([1.0], requires_grad=True)

y = f(x)
y.backward()

# 手写的导数公式算出的数值
print("Analytical f'(x):", fp(x))
# 自动微分算出的数值：对计算图末端的 y 调用 backward()，
# 再从起点的 x 读出 grad
print("PyTorch's f'(x):", x.grad)

# %%
# 数值相同，但第一行多了 ``grad_fn=<MulBackward0>``。
#
# ``fp(x)`` 是对 ``x`` 做的普通运算。``x`` 要求梯度，于是减法和乘法都记进了计算图，
# ``grad_fn`` 就是最后那一步乘法。
# ``x.grad`` 是 ``backward()`` 写下的结果，求它的过程默认不再记录，所以只有数值。
#
# 想让两行一样，先用 ``detach()`` 把 ``x`` 与计算图 **分离**；
# 想让 PyTorch 求出的 :term:`梯度` 也留在图里，就要求它记录，这样还能再求一次导。

print("detached:", fp(x.detach()))
torch.testing.assert_close(fp(x.detach()), x.grad)

(first,) = torch.autograd.grad(f(x), x, create_graph=True)
(second,) = torch.autograd.grad(first, x)
print("first: ", first)
print("second:", second)

# %%
# ``first`` 带着 ``grad_fn``，所以能继续求出二阶导数 2。
# ``torch.autograd.grad`` 直接返回梯度，不写进 ``x.grad``。
#
# 导数是切线的斜率
# ----------------
# 画出 :math:`f`，再过点 (1, 1) 画一条斜率为 ``x.grad`` 的直线。如果导数没错，它应当恰好贴着曲线。

slope = x.grad.item()
grid = torch.linspace(-0.5, 4.5, 101)
near = torch.tensor([-1.2, 1.2])  # 切点左右各 1.2

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(grid, f(grid), color="C0")
ax.plot(x.item() + near, y.item() + slope * near, color="C1")
ax.plot(x.item(), y.item(), "o", color="C1")
ax.text(3.4, 3.2, "$f(x)$", color="C0", ha="left", fontsize=12)
ax.text(
    x.item() + 0.15, y.item() + 0.15, f"slope ${slope:.0f}$", color="C1", fontsize=12
)
ax.set(xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 开口向上的抛物线，最低点在 x=2；橙色直线在点 (1, 1) 与它相切，向右下倾斜，斜率为 −2。
plt.show()

# %%
# 斜率为负，表示 ``x`` 增大时 ``f`` 减小。朝梯度的反方向走一小步，函数值就下降：
# 这就是后面 :ref:`basics-gradient-descent` 的全部想法。
#
# 改一改：把 ``x`` 改成 2.0，先猜 ``x.grad`` 和切线的样子；再试 3.0。
#
# 常见的错误
# ----------
# 忘了标记输入，就没有计算图，``backward()`` 无从走起。
# 顺手写成整数也不行，所以例子里写的是 ``1.0``。

x = torch.tensor([1.0])
try:
    f(x).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

try:
    torch.tensor([1], requires_grad=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 第一条的意思是：末端的张量不要求梯度，也没有 ``grad_fn``。见到它，就往回查输入是否标记过，
# 中途有没有 ``detach()``、``item()`` 或 ``torch.no_grad()`` 断开了计算图。
#
# 小结
# ----
# - 规则：对末端调用 ``backward()``，从起点读 ``grad``；
#   参与运算的张量要求梯度，结果才有 ``grad_fn``。
# - API：``requires_grad=True``、``y.backward()``、``x.grad`` 和 ``torch.autograd.grad``。
# - 下一页：:ref:`basics-gradient-vector`
#
# 与原笔记的差异：代码和输出与原笔记一致；补上了 ``grad_fn`` 的解释、切线图和两条报错。
