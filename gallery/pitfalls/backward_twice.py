# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-backward-twice:

反向传播两次
============

“Trying to backward through the graph a second time”：同一张 :term:`计算图` 一般只能走一次
:term:`反向传播`。真正连写两行 ``backward()`` 的人不多，多数时候是循环里有一样东西留到了下一步。
报错建议加 ``retain_graph=True``，照做却往往引出更大的麻烦。这一页给出几种写法和各自的改法。

你将学到：

- 第一次 ``backward()`` 释放了什么，为什么有时第二次不报错
- 循环里最常留下来的三样东西：隐藏状态、累加的损失、循环外算好的项
- ``retain_graph=True`` 的代价，以及什么时候才该用它
"""

import torch
from torch import nn


def show(call, *args):
    """运行 call，打印它的报错，只留第一句，长的分两行。"""
    try:
        call(*args)
    except RuntimeError as error:
        message = str(error).split(". ")[0].replace(": [", ":\n  [")
        print(f"{type(error).__name__}: {message}")


# %%
# 最短的错误代码
# --------------

w = torch.tensor(2.0, requires_grad=True)
y = w**2
y.backward()
show(y.backward)

# %%
# 报错的括号里是原因：求 :math:`w^2` 的导数要用 :math:`w` 的值，:term:`前向传播` 时存了下来
# （saved tensors），第一次 ``backward()`` 用完就释放，省下内存。
#
# .. admonition:: 先猜一猜
#
#    换成 ``y = w + 3``，导数恒为 1。第二次 ``backward()`` 还报错吗？``w.grad`` 会是多少？

w = torch.tensor(2.0, requires_grad=True)
y = w + 3
y.backward()
y.backward()
print(f"{w.grad=}")

# %%
# 加法没有存张量，就没有可释放的，于是不报错；:term:`梯度` 加了两次，变成 2。不报错不等于写对了。
# ``3 * w`` 却会报错：常数 3 也存成了一个张量。不必去记哪个运算怎样，照一张图只走一次来写。
#
# 循环里留下的三样东西
# --------------------
# 下面三个循环，``cut=False`` 时都在第二步报错。每一步都重新算了损失，旧图是从哪里连进来的？

generator = torch.Generator().manual_seed(0)
x = torch.randn(3, 5, 2, generator=generator)  # 三步，每步 (5, 2)
model = nn.Linear(2, 1)
rnn = nn.RNNCell(2, 4)


def hidden_state(cut):
    h = torch.zeros(5, 4)
    for step in range(3):
        h = rnn(x[step], h.detach() if cut else h)
        loss = h.pow(2).mean()
        loss.backward()


def running_total(cut):
    total = 0.0
    for step in range(3):
        loss = model(x[step]).pow(2).mean()
        total = total + (loss.item() if cut else loss)
        (loss if cut else total).backward()


def computed_outside(cut):
    penalty = model.weight.pow(2).sum()
    for step in range(3):
        if cut:
            penalty = model.weight.pow(2).sum()
        loss = model(x[step]).pow(2).mean() + penalty
        loss.backward()


for loop in (hidden_state, running_total, computed_outside):
    print(f"{loop.__name__}:")
    show(loop, False)
    loop(cut=True)
    print("no error after the fix")

# %%
# - ``hidden_state``：``h`` 从上一步来，身后拖着上一步的图。改法是每一步先 ``h.detach()``，
#   留下数值，切断图。训练 :term:`循环神经网络` 时在两段之间这样切断。
# - ``running_total``：``total`` 里有每一步的图，却拿它来 ``backward()``。
#   改法是用 ``loss`` 求导，``total`` 只记数：``loss.item()``。
# - ``computed_outside``：``penalty`` 只算了一次，三步共用一张图。改法是挪进循环；
#   而且参数更新以后，它的值本来就该重算。
#
# 照报错说的做
# ------------
# 给第一个循环加上 ``retain_graph=True``，确实不报错了。数一数每一步要走的图有多少个节点：


def graph_size(loss):
    """数计算图的节点。"""
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(seen)


def sizes(cut, update):
    h, found = torch.zeros(5, 4), []
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    for step in range(3):
        h = rnn(x[step], h.detach() if cut else h)
        loss = h.pow(2).mean()
        found.append(graph_size(loss))
        optimizer.zero_grad()
        loss.backward(retain_graph=not cut)
        if update:
            optimizer.step()
    return found


print(f"detach: {sizes(cut=True, update=True)}")
print(f"retain_graph: {sizes(cut=False, update=False)}")
show(sizes, False, True)

# %%
# 每一步都要从头走一遍，图越来越大，时间和内存跟着涨，第 1000 步要走 1000 步的路。
# 真正训练时连这也做不到：``step()`` 原地改了参数，旧图里存的值作废，换来另一条报错，
# 见 :ref:`pitfalls-inplace-and-autograd`。
#
# 什么时候才该用
# --------------
# 同一次前向传播，两个损失，要分别求导：

for retain in (False, True):
    w = torch.tensor(2.0, requires_grad=True)
    h = w.exp()
    first, second = 3 * h, h**2
    first.backward(retain_graph=retain)
    show(second.backward)
    print(f"{retain=}: {w.grad:.2f}")

w = torch.tensor(2.0, requires_grad=True)
h = w.exp()
(3 * h + h**2).backward()
print(f"sum: {w.grad:.2f}")

# %%
# ``h`` 是共用的，第一次 ``backward()`` 释放了它。只要总的梯度，就先相加，一次 ``backward()`` 走完，
# 结果相同；两份梯度要分开看，才用 ``retain_graph=True``，而且最后一次不用。
#
# 下次怎样早发现：遇到这条报错，先问哪个变量是循环外或上一步算的，打印它的 ``grad_fn``，
# 不是 ``None`` 的就是。已经加了 ``retain_graph=True`` 的代码，用 ``graph_size`` 看两步，变大就是错的。
#
# 改一改：把 ``w + 3`` 换成 ``w.exp()``，先猜第二次 ``backward()`` 报不报错，再运行。
#
# 小结
# ----
# - 规则：每一步一张新图，走一次；留到下一步的只带数值，不带图。
# - API：``Tensor.detach()``、``Tensor.item()``、``Tensor.backward(retain_graph=True)``。
# - 下一页：:ref:`pitfalls-inplace-and-autograd`
