# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-computational-graph:

计算图与梯度
============

求 :term:`梯度` 不用自己推公式。:term:`张量` 每算一步，PyTorch 就记一笔，
记下的东西连成 :term:`计算图`；调用 ``backward()``，便沿着图倒着求导。
图平时看不见。这一页把它取出来画好，再看梯度怎样在上面流动。

你将学到：

- 怎样沿 ``grad_fn`` 走遍计算图
- 一个变量有两条路通向结果时，梯度为什么相加
- 谁有 ``.grad``，谁没有；为什么不能连着调用两次 ``backward()``
"""

import warnings

import matplotlib.pyplot as plt
import torch
from torch.autograd.graph import get_gradient_edge

# %%
# 三个算式
# --------
# 设置 ``requires_grad=True``，PyTorch 就从这个张量开始记录。注意 ``b`` 用了两次。

a = torch.tensor(2.0, requires_grad=True)  # 要求梯度，PyTorch 才保留计算图
b = torch.tensor(1.0, requires_grad=True)
c = a + b
d = b + 1
e = c * d
print("c", c)
print("d", d)
print("e", e)

# %%
# 每个结果都带着一个 ``grad_fn``：加法的叫 ``AddBackward0``，乘法的叫 ``MulBackward0``。
# 它就是图上的一个节点，知道这一步怎样求导。
#
# 把图走一遍
# ----------
# 节点的 ``next_functions`` 指向上一步的节点，每个输入一项。从 ``e.grad_fn`` 出发，
# 一直走下去，就得到整张图。下面的函数不认识 ``a`` 到 ``e``，只跟着指针走。


def walk(fn, edges, layer, depth=0):
    """从 fn 走起，记下每条边，以及每个节点离起点的最远距离。"""
    layer[fn] = max(depth, layer.get(fn, 0))
    for slot, (source, _) in enumerate(fn.next_functions):
        if source is not None:  # 常数 1 没有来历
            edges[fn, slot] = source
            walk(source, edges, layer, depth + 1)


edges, layer = {}, {}
walk(e.grad_fn, edges, layer)

tensors = {"a": a, "b": b, "c": c, "d": d, "e": e}
owner = {get_gradient_edge(t).node: name for name, t in tensors.items()}
for (fn, _), source in edges.items():
    kind, source_kind = type(fn).__name__, type(source).__name__
    print(f"{owner[fn]} {kind:12} <- {owner[source]} {source_kind}")

# %%
# 五条边，五个节点；常数 1 不求导，图里没有它。``a`` 和 ``b`` 没有 ``grad_fn``，
# 代表它们的是 ``AccumulateGrad``：收到的梯度由它累加到 ``.grad`` 里。
# 按离 ``e`` 的远近把节点排成列，就能画出来。


def draw(edges, layer, gradient=None):
    """画出走过的图；给出 gradient 时，把每条边上的梯度也写上。"""
    ax = plt.figure(figsize=(7, 3), layout="constrained").subplots()
    place = {}
    for fn, depth in layer.items():
        column = [other for other in layer if layer[other] == depth]
        x, y = place[fn] = -depth, (len(column) - 1) / 2 - column.index(fn)
        color = "C0" if fn.next_functions else "C2"
        box = {"boxstyle": "round,pad=0.5", "fc": (color, 0.2), "ec": color}
        name = f"{owner[fn]}\n{type(fn).__name__}"
        ax.text(x, y, name, ha="center", va="center", bbox=box)
    for (fn, slot), source in edges.items():
        x, y = place[fn][0] - 0.28, place[fn][1]
        to_x, to_y = place[source][0] + 0.28, place[source][1]
        meet = gradient and list(edges.values()).count(source) > 1
        color = "C1" if meet else "0.5"
        arrow = {"arrowstyle": "->", "color": color, "lw": 1.5}
        ax.annotate("", (to_x, to_y), (x, y), arrowprops=arrow)
        if gradient:
            side = "center" if y == to_y else "right" if y > to_y else "left"
            text = f" {gradient[fn, slot]:g} "
            near = x + 0.35 * (to_x - x), y + 0.35 * (to_y - y) + 0.04
            ax.text(*near, text, ha=side, color=color, fontsize=13, weight="bold")
    ax.set(xlim=(-max(layer.values()) - 0.3, 0.3), ylim=(-0.8, 0.8))
    ax.set_axis_off()


draw(edges, layer)
# alt: 计算图。右边是 e 的 MulBackward0，两条箭头指向 c 和 d 的 AddBackward0；c 指向左边的 a 和 b，d 只指向 b。
plt.show()

# %%
# 箭头从结果指向来历，正是求导要走的方向。到 ``b`` 的路有两条。
#
# 梯度沿箭头流动
# --------------
# ``e.backward()`` 从右到左走这张图，这就是 :term:`反向传播`。
# 先给每个节点挂一个 :term:`钩子`，记下它往各条边上送出的梯度，再反向传播。
#
# .. admonition:: 先猜一猜
#
#    :math:`e = (a + b)(b + 1)`，此时 :math:`a = 2`，:math:`b = 1`。
#    ``a.grad`` 和 ``b.grad`` 各是多少？

gradient = {}
for fn in layer:

    def record(to_inputs, _, fn=fn):  # 默认值 fn=fn 让每个节点各记各的
        gradient.update({(fn, slot): g for slot, g in enumerate(to_inputs)})

    fn.register_hook(record)

e.backward()
print(f"{a.grad=}  {b.grad=}")

draw(edges, layer, gradient)
# alt: 同一张计算图，边上写着梯度：e 到 c 是 2，e 到 d 是 3，c 到 a 是 2；橙色的两条边进入 b，分别是 2 和 3。
plt.show()

# %%
# 乘法送出的是“另一个因数”：给 ``c`` 的是 ``d`` 的值 2，给 ``d`` 的是 ``c`` 的值 3。
# 加法原样转手。到了 ``b``，橙色的两份相加，这就是 :term:`链式法则`：
#
# .. math::
#
#    \frac{\partial e}{\partial b}
#    = \frac{\partial e}{\partial c}\frac{\partial c}{\partial b}
#    + \frac{\partial e}{\partial d}\frac{\partial d}{\partial b}
#    = 2 \cdot 1 + 3 \cdot 1 = 5
#
# 改一改：把 ``d = b + 1`` 改成 ``d = a + 1``。先猜橙色的边会到哪里，两个梯度各是多少。
#
# 只有叶子留下梯度
# ----------------
# 梯度也经过了 ``c`` 和 ``d``，它们留下来了吗？

for name, tensor in tensors.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        print(f"{name}: is_leaf={tensor.is_leaf!s:5}  grad={tensor.grad}")
print(f"{caught[0].category.__name__}: {str(caught[0].message).split('. ')[0]}")

# %%
# 没有。直接创建的张量叫 :term:`叶子张量`，其中要求梯度的，``.grad`` 才有值；
# 读其他张量的，得到 ``None`` 和一条警告。
# 确实要看中间结果的梯度，就在 ``backward()`` 之前调用 ``c.retain_grad()``。
#
# 第二次 backward
# ---------------
# 乘法求导要用到两个因数，所以前向传播时存了一份。``backward()`` 用完就释放。

try:
    e.backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")
c.backward()  # 这一次不报错
print(f"{a.grad=}  {b.grad=}")

# %%
# ``e`` 这条路要过乘法，存的数没有了，于是报错。``c`` 只经过加法，加法什么也不用存，
# 所以还能再走一次；新的梯度 1 加到旧的上面，2 变成 3，5 变成 6。
# 训练时正确的做法是：每一步先把旧梯度清零，再重新算一遍前向传播，得到新的图。
#
# 小结
# ----
#
# - 规则：梯度沿计算图从结果流回叶子，几条路汇合就相加。
# - API：``Tensor.backward``、``Tensor.grad``、``Tensor.grad_fn`` 和 ``Tensor.retain_grad``。
# - 下一页：:ref:`basics-devices`。
#
# 与原笔记的差异：原笔记的图已丢失，也没有求导；这里从 ``grad_fn`` 画出图，并补上 ``backward()``。
