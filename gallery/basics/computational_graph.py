# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-computational-graph:

计算图与梯度
============

训练网络要调整许多参数，每个参数都需要一个 :term:`梯度`。手工推导公式太慢，也容易出错。
PyTorch 的办法是在计算的同时记下每一步运算，再根据这份记录求出梯度。
这份记录平时看不见，它里面有什么？如果同一个变量用了两次，这个变量的梯度又怎样算？

你将学到：

- 从 ``grad_fn`` 出发，列出 :term:`计算图` 的节点
- 用 :term:`链式法则` 手算梯度，再与 ``backward()`` 的结果核对
- 判断哪些张量有 ``.grad``，读懂第二次 ``backward()`` 的报错
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import torch

# %%
# 思路
# ----
# 假设 ``e`` 由 ``a`` 和 ``b`` 算出。只让 ``a`` 改变一点点，``e`` 随之改变，
# 两个改变量之比的极限就是 :term:`偏导数` :math:`\partial e / \partial a`。
# 对每个输入各求一个偏导数，合起来就是 ``e`` 的梯度。
#
# 计算图由节点和边组成。一个节点代表一步运算，一条边从结果指向它的一个输入。
# 求导时从 ``e`` 出发，沿着边走向输入，每经过一步运算就乘上这一步的导数。
# 这个过程叫 :term:`反向传播`，它的依据是链式法则。
#
# 创建张量时写上 ``requires_grad=True``，PyTorch 就会记录用到这个张量的运算。
# 下面有三个算式，请注意 ``b`` 用了两次。

a = torch.tensor(2.0, requires_grad=True)  # 要求梯度，PyTorch 才保留计算图
b = torch.tensor(1.0, requires_grad=True)
c = a + b
d = b + 1
e = c * d
print("c", c)
print("d", d)
print("e", e)

# %%
# 三个结果都带有 ``grad_fn``。``grad_fn`` 就是图中的节点，名字说明了结果由哪种运算得出，
# 加法是 ``AddBackward0``，乘法是 ``MulBackward0``。
#
# 列出所有节点
# ------------
# 节点的 ``next_functions`` 属性指出每个输入来自哪个节点。
# 下面从 ``e.grad_fn`` 出发打印节点的类型，缩进越深的节点离 ``e`` 越远。


def show(node, depth=0):
    value = f"  value {node.variable.item()}" if hasattr(node, "variable") else ""
    print("    " * depth + type(node).__name__ + value)
    for next_node, _ in node.next_functions:
        if next_node is not None:  # 常数没有节点
            show(next_node, depth + 1)


show(e.grad_fn)
node_from_c = c.grad_fn.next_functions[1][0]  # c 的第二个输入是 b
node_from_d = d.grad_fn.next_functions[0][0]  # d 的第一个输入是 b
print(f"{node_from_c is node_from_d=}")

# %%
# 第一行是 ``e`` 的乘法，它的两个输入是 ``c`` 和 ``d`` 的加法。
# ``a`` 和 ``b`` 是直接创建的，没有 ``grad_fn``，图中用 ``AccumulateGrad`` 节点代表它们。
# 这种节点把收到的梯度存进张量的 ``.grad``，它的 ``variable`` 就是这个张量，所以能打印出张量的值。
# 常数 1 不需要梯度，所以图中没有它。
#
# 值为 1.0 的 ``AccumulateGrad`` 打印了两次。最后一行的 ``True`` 说明两次是同一个节点，
# 因为它们都代表 ``b``。把同一个节点只画一次，就得到下面的图。

# hide-input: 画图
tensors = {"a": a, "b": b, "c": c, "d": d, "e": e}
place = {"a": (0, 1), "b": (0, 0), "c": (1, 1), "d": (1, 0), "e": (2, 0.5)}
edges = [("e", "c"), ("e", "d"), ("c", "a"), ("c", "b"), ("d", "b")]


def draw(gradients):
    fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    for name, (x, y) in place.items():
        node = tensors[name].grad_fn
        kind = "AccumulateGrad" if node is None else type(node).__name__
        color = "C2" if node is None else "C0"
        box = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": color}
        ax.text(x, y, f"{name}\n{kind}", ha="center", va="center", bbox=box, zorder=3)
    for start, end in edges:
        (x, y), (to_x, to_y) = place[start], place[end]
        color = "C1" if gradients and end == "b" else "0.5"
        arrow = {"arrowstyle": "->", "color": color, "lw": 1.5}
        ax.annotate("", (to_x + 0.28, to_y), (x - 0.28, y), arrowprops=arrow)
        if gradients:
            middle = ((x + to_x) / 2, (y + to_y) / 2 + 0.09)
            ax.text(*middle, gradients[start, end], ha="center", color=color, size=13)
    ax.set(xlim=(-0.35, 2.35), ylim=(-0.3, 1.3))
    ax.set_axis_off()


draw({})
# alt: 计算图。右边是 e 的 MulBackward0，两条箭头指向中间 c 和 d 的 AddBackward0；c 指向左边的 a 和 b，d 只指向 b。
plt.show()

# %%
# .. predict::
#
#    从 ``e`` 到 ``b`` 有两条路，一条经过 ``c``，另一条经过 ``d``。
#    此时 :math:`c = 3`，:math:`d = 2`，:math:`e = cd`。
#    调用 ``e.backward()`` 之后，``b.grad`` 是多少？
#
#    - 2，因为只计算经过 ``c`` 的那条路
#    - 3，因为经过 ``d`` 的梯度覆盖了经过 ``c`` 的梯度
#    - 5，因为两条路的梯度会相加
#    - 6，因为两条路的梯度会相乘
#
# 为了看到途中的梯度，先对 ``c`` 和 ``d`` 调用 ``retain_grad()``，
# 它要求 PyTorch 保留中间结果的梯度。

c.retain_grad()
d.retain_grad()
e.backward()
print(f"{c.grad=}  {d.grad=}")
print(f"{a.grad=}  {b.grad=}")

# %%
# .. answer:: C
#
#    由 :math:`e = cd` 可知，``c`` 的梯度等于 ``d`` 的值 2，``d`` 的梯度等于 ``c`` 的值 3。
#    加法的导数是 1，所以这两个梯度不变地到达 ``b``，再加起来得到 5。
#    A 不成立，因为它漏掉了经过 ``d`` 的路。B 不成立，因为后到的梯度不会覆盖先到的梯度。
#    D 不成立，因为相乘的是同一条路上各步的导数，不同的路之间要相加。
#
# 写成公式，链式法则是
#
# .. math::
#
#    \frac{\partial e}{\partial b}
#    = \frac{\partial e}{\partial c}\frac{\partial c}{\partial b}
#    + \frac{\partial e}{\partial d}\frac{\partial d}{\partial b}
#    = 2 \cdot 1 + 3 \cdot 1 = 5
#
# 下图把梯度写在边上，橙色的两条边通向 ``b``。

# hide-input: 画图
from_c, from_d = f"{c.grad.item():.0f}", f"{d.grad.item():.0f}"
draw(dict(zip(edges, [from_c, from_d, from_c, from_c, from_d], strict=True)))
# alt: 同一张计算图，边上写着梯度。e 到 c 是 2，e 到 d 是 3，c 到 a 是 2，橙色的两条边进入 b，分别是 2 和 3。
plt.show()

# %%
# 橙色的 2 和 3 相加，就是 ``b`` 的梯度 5。通向 ``a`` 的路只有一条，所以 ``a`` 的梯度就是 2。
#
# .. change-it::
#
#    把 ``d = b + 1`` 改成 ``d = a + 1``。现在有两条路通向哪个变量？两个梯度各是多少？

# hide-cell: d = a + 1
a_2 = torch.tensor(2.0, requires_grad=True)
b_2 = torch.tensor(1.0, requires_grad=True)
c_2 = a_2 + b_2
d_2 = a_2 + 1
e_2 = c_2 * d_2
e_2.backward()
print(f"{c_2.item()=}  {d_2.item()=}")
print(f"{a_2.grad=}  {b_2.grad=}")

# %%
# .. outcome::
#
#    现在有两条路通向 ``a``。``c`` 和 ``d`` 的值都是 3，所以两条路各带来 3，``a`` 的梯度是 6。
#    只剩经过 ``c`` 的一条路通向 ``b``，所以 ``b`` 的梯度是 3。
#
# 哪些张量有梯度
# --------------
# 直接创建的张量叫 :term:`叶子张量`，由要求梯度的张量算出的结果不是叶子张量。
# 下面逐个打印 ``is_leaf`` 和 ``grad``，并捕获途中的警告。

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for name, tensor in tensors.items():
        print(f"{name}: is_leaf={tensor.is_leaf!s:5}  grad={tensor.grad}")
print(f"{caught[0].category.__name__}: {str(caught[0].message).split('. ')[0]}")

# %%
# ``a`` 和 ``b`` 是要求梯度的叶子张量，所以梯度保存在它们的 ``.grad`` 里。
# ``c`` 和 ``d`` 不是叶子张量，它们有梯度是因为调用过 ``retain_grad()``。
# ``e`` 没有调用过，所以它的 ``.grad`` 是 ``None``，读取时还会引出一条警告，上面只打印了它的第一句。
# 可见参与计算的张量中，只有要求梯度的叶子张量和调用过 ``retain_grad()`` 的张量在 ``backward()`` 之后有 ``.grad``。
#
# 第二次反向传播
# --------------
# 对 ``e`` 再调用一次 ``backward()`` 会报错。接着对 ``c`` 调用一次，作为对照。

try:
    e.backward()
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))
c.backward()
print(f"{a.grad=}  {b.grad=}")

# %%
# 求乘法的导数要用到两个因数，所以计算 ``e`` 时保存了 ``c`` 和 ``d`` 的值。报错的第二句说，
# 调用 ``backward()`` 时释放保存的值，于是第二次报错。
# 但是 ``c`` 由加法得出，求加法的导数不需要保存张量的值，所以 ``c.backward()`` 不报错。
#
# ``c`` 对 ``a`` 和 ``b`` 的导数都是 1。新的梯度加到了 ``.grad`` 原有的值上，
# 于是 2 变成 3，5 变成 6。:ref:`basics-gradient-scalar` 会说明怎样避免这种累加。
#
# .. change-it::
#
#    报错的最后一句建议写 ``retain_graph=True``。把第一次的 ``e.backward()`` 改成
#    ``e.backward(retain_graph=True)``，并删去 ``c.backward()``。第二次还报错吗？``a`` 和 ``b`` 的 ``.grad`` 各是多少？

# hide-cell: 保留计算图
a_3 = torch.tensor(2.0, requires_grad=True)
b_3 = torch.tensor(1.0, requires_grad=True)
e_3 = (a_3 + b_3) * (b_3 + 1)
e_3.backward(retain_graph=True)
print(f"first:  {a_3.grad=}  {b_3.grad=}")
e_3.backward()
print(f"second: {a_3.grad=}  {b_3.grad=}")

# %%
# .. outcome::
#
#    第二次不报错，因为保存的值还在。第二次的梯度与第一次相同，加上去之后，两个 ``.grad`` 都变成了两倍，即 4 和 10。
#
# .. real-projects::
#
#    训练时不必查看计算图，只要对损失调用
#    `backward() <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html>`__。
#    每一步都重新计算损失，因此有一张新的图，不需要 ``retain_graph=True``。
#    其他情形见 :ref:`pitfalls-backward-twice`。
#    图中保存了什么、何时释放，见 `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。
#
# 小结
# ----
# - 规则：计算图记录每个结果由哪种运算、从哪些输入得出。梯度从结果流向叶子张量，
#   同一条路上的导数相乘，不同的路之间相加。要求梯度的叶子张量保存 ``.grad``，中间结果要先调用 ``retain_grad()``。
# - API：``requires_grad``、``grad_fn``、``backward(retain_graph=True)``、``grad``、``is_leaf`` 和 ``retain_grad()``。
# - 下一页：:ref:`basics-devices`
