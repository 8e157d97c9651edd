# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-backward-twice:

反向传播两次
============

训练循环的第一步正常，第二步却报错，报错说同一张 :term:`计算图` 被反向传播了第二次。
可是每一步都重新算了损失，代码里也只有一行 ``backward()``。
旧的计算图是从哪里来的？报错建议的 ``retain_graph=True`` 该不该加？

你将学到：

- 解释第一次 ``backward()`` 释放了什么
- 修正循环里带着旧图的三种张量
- 判断什么时候才该用 ``retain_graph=True``
"""

import textwrap

import torch
from torch import nn


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 88))


# %%
# 最短的错误代码
# --------------

w = torch.tensor(2.0, requires_grad=True)
y = w**2
y.backward()
print(f"{w.grad=}")
show(y.backward)

# %%
# 求 :math:`w^2` 的导数要用 :math:`w` 的值，所以 :term:`前向传播` 把它保存在计算图里，报错把这样的值叫做 saved tensors。
# 第一次 ``backward()`` 用完就释放它，以便少占内存。于是第二次 :term:`反向传播` 找不到这个值，就报错。
#
# .. predict::
#
#    换成 ``y = w + 3``，它的导数总是 1。连续调用两次 ``y.backward()``，结果是什么？
#
#    - 报错，因为第一次 ``backward()`` 已经释放了计算图
#    - 不报错，``w.grad`` 是 2，因为两次的梯度相加
#    - 不报错，``w.grad`` 是 1，因为第二次的梯度覆盖第一次的

w = torch.tensor(2.0, requires_grad=True)
y = w + 3
y.backward()
y.backward()
print(f"{w.grad=}")

# %%
# .. answer:: B
#
#    A 不成立，因为加法求导不用保存的张量，也就没有张量可以释放。
#    C 不成立，因为 ``backward()`` 把新的 :term:`梯度` 加到 ``w.grad`` 原有的值上，两次就是 1 + 1。
#
# 所以不报错不等于写对了，这里的 ``w.grad`` 是导数的两倍。
#
# .. change-it::
#
#    把 ``w + 3`` 换成 ``3 * w``，导数也是常数。先猜第二次 ``backward()`` 是否报错，再看下面的运行结果。

# hide-cell: 3 * w
y = 3 * w
print(f"saved by 3 * w: {y.grad_fn._saved_other!r}")
y.backward()
show(y.backward)

# %%
# .. outcome::
#
#    报错，因为乘法把常数 3 存成了一个张量，``_saved_other`` 就是 ``w`` 以外的因数。

# %%
# 三个循环，同一个原因
# --------------------
# 下面三个循环各走三步，每一步在 ``backward()`` 之前打印步数。
# ``nn.RNNCell`` 是 :term:`循环神经网络` 的一步，它由这一步的输入和上一步的隐藏状态 ``h`` 算出新的 ``h``。

torch.manual_seed(0)
batches = torch.randn(3, 5, 2)  # 三步，每步五个样本，两个特征
model = nn.Linear(2, 1)
rnn = nn.RNNCell(2, 4)


def hidden_state():
    h = torch.zeros(5, 4)
    for step, x in enumerate(batches, start=1):
        h = rnn(x, h)
        print(f"step {step}", end=", ")
        h.square().mean().backward()


def running_total():
    total = 0.0
    for step, x in enumerate(batches, start=1):
        total = total + model(x).square().mean()
        print(f"step {step}", end=", ")
        total.backward()


def penalty_outside():
    penalty = model.weight.square().sum()
    for step, x in enumerate(batches, start=1):
        loss = model(x).square().mean() + penalty
        print(f"step {step}", end=", ")
        loss.backward()


def run(loops):
    for loop in loops:
        print(loop.__name__, end=": ")
        try:
            loop()
            print("no error")
        except RuntimeError as error:
            print(str(error).partition(" (")[0])


run([hidden_state, running_total, penalty_outside])

# %%
# 三个循环都在第二步报错，因为第二步的损失由一个带着旧图的张量算出：
#
# - ``hidden_state`` 里是上一步的 ``h``
# - ``running_total`` 里是 ``total``，它是此前各步损失的和
# - ``penalty_outside`` 里是 ``penalty``，它在循环之前只算了一次，每一步却都要走它的图
#
# 下面的循环同时有这三个张量，三处都改正了。


def all_fixed():
    h, total = torch.zeros(5, 4), 0.0
    for step, x in enumerate(batches, start=1):
        h = rnn(x, h)
        penalty = model.weight.square().sum()  # 在循环里计算
        loss = model(x).square().mean() + h.square().mean() + penalty
        total = total + loss.item()  # 累加数值
        print(f"step {step}", end=", ")
        loss.backward()
        h = h.detach()  # 只把 h 的值留到下一步


run([all_fixed])

# %%
# ``detach()`` 使 ``h`` 与旧的图 :term:`分离`，因此下一步的梯度不再包括经过前面各步的部分。
#
# 加上 retain_graph=True 会怎样
# -----------------------------
# 参数 ``retain_graph=True`` 使 ``backward()`` 不释放图。下面给前两个循环加上它，再加上参数的更新。


def hidden_state_retained():
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    h = torch.zeros(5, 4)
    for step, x in enumerate(batches, start=1):
        h = rnn(x, h)
        print(f"step {step}")
        optimizer.zero_grad()
        h.square().mean().backward(retain_graph=True)
        optimizer.step()


show(hidden_state_retained)

# %%
# 第一个循环到第三步才报错，报错也换了一条。``[4, 4]`` 是 ``rnn`` 里与 ``h`` 相乘的权重，它每 :term:`原地 <原地操作>` 更新一次，版本号就加 1。
# 第三步的反向传播走到第二步的图，要用版本 2 的权重，而权重已经更新到版本 3，见 :ref:`pitfalls-inplace-and-autograd`。第二步没有报错，是因为最初的 ``h`` 不需要梯度，所以第一步的图里没有保存这个权重。第三个循环加上 ``retain_graph=True`` 以后，第二步就会报这种错。
#
# 第二个循环则不报错，因为模型只有一层，求权重的梯度不用权重的值。如果有两层，它也会报错。下面每一步打印对 ``model.weight`` 第一个元素的两个梯度，``used`` 是更新所用的，``right`` 是这一步损失的。

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
total = 0.0
for step, x in enumerate(batches, start=1):
    loss = model(x).square().mean()
    total = total + loss  # 仍带着前面各步的图
    (right,) = torch.autograd.grad(loss, model.weight, retain_graph=True)
    optimizer.zero_grad()
    total.backward(retain_graph=True)
    used = model.weight.grad[0, 0]
    print(f"step {step}: used {used:.3f}, right {right[0, 0]:.3f}")
    optimizer.step()

# %%
# ``torch.autograd.grad(loss, w)`` 返回 ``loss`` 对 ``w`` 的梯度，不改变 ``w.grad``。
# 从第二步起，更新所用的梯度是错的。例如第二步的 1.017 是第一步的 0.842 加上第二步的 0.175，``zero_grad()`` 也去不掉第一步的部分。
# 所以 ``retain_graph=True`` 只是消除了报错，没有消除错误。
#
# 什么时候该用 retain_graph=True
# ------------------------------
# 两个损失来自同一次前向传播，又需要它们各自的梯度时，反向传播必须两次经过共用的部分。

w = torch.tensor(2.0, requires_grad=True)
h = w.exp()
first, second = 3 * h, h**2
(of_first,) = torch.autograd.grad(first, w, retain_graph=True)
(of_second,) = torch.autograd.grad(second, w)
print(f"{of_first:.1f} + {of_second:.1f} = {of_first + of_second:.1f}")

h = w.exp()
(3 * h + h**2).backward()
print(f"one backward() of the sum: {w.grad:.1f}")

# %%
# 第一次求梯度时用 ``retain_graph=True`` 保留 ``exp`` 的值，第二次是最后一次，就不用保留。
# 如果只要总的梯度，就先把损失相加，再调用一次 ``backward()``，结果相同。
#
# 怎样早点发现
# ------------
# 在每一步的末尾检查要留到下一步的变量。如果一个变量是张量，而且 ``grad_fn`` 不是 ``None``，这个变量就带着旧的图。元组或列表要逐个检查其中的张量，例如 LSTM 的 ``(h, c)``。
# 下面第一行检查三个循环里的三个张量，第二行检查改正以后留到下一步的两个值。


def carries_graph(value):
    return isinstance(value, torch.Tensor) and value.grad_fn is not None


h = rnn(batches[0], torch.zeros(5, 4))
total = 0.0 + model(batches[0]).square().mean()
penalty = model.weight.square().sum()
print(f"{carries_graph(h)=}, {carries_graph(total)=}, {carries_graph(penalty)=}")
print(f"{carries_graph(h.detach())=}, {carries_graph(total.item())=}")

# %%
# .. real-projects::
#
#    序列很长时，每隔固定的步数才 ``detach()`` 一次，使梯度能经过其间的各步，这叫截断的反向传播（truncated backpropagation through time），这时在 ``detach()`` 之后检查。
#    参数 ``retain_graph`` 见 `torch.Tensor.backward <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html>`__，
#    计算图怎样保存张量见 `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。

# %%
# 小结
# ----
# - 规则：旧的图来自上一步或循环之外的张量。每一步建立新的图，只反向传播一次。只有同一次前向传播要分别求几次梯度时，才用 ``retain_graph=True``。
# - API：``Tensor.detach()``、``Tensor.item()``、``Tensor.backward(retain_graph=True)``、``torch.autograd.grad``。
# - 下一页：:ref:`pitfalls-inplace-and-autograd`
