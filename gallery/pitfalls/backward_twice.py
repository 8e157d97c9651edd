# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11"]
# ///
"""
.. _pitfalls-backward-twice:

反向传播两次
============

训练循环的第一步正常，第二步却报错，说你第二次走过同一张 :term:`计算图`。
可是每一步都重新算了损失，代码里也只有一行 ``backward()``。
旧的计算图是从哪里来的？报错建议的 ``retain_graph=True`` 该不该加？

你将学到：

- 解释第一次 ``backward()`` 释放了什么
- 修正循环里留到下一步的三种张量
- 判断什么时候才该用 ``retain_graph=True``
"""

import textwrap

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


# %%
# 最短的错误代码
# --------------

w = torch.tensor(2.0, requires_grad=True)
y = w**2
y.backward()
print(f"{w.grad=}")
show(y.backward)

# %%
# 求 :math:`w^2` 的导数要用 :math:`w` 的值，所以 :term:`前向传播` 保存了它，报错里叫 saved tensors。
# 第一次 ``backward()`` 用完就释放它，这样可以少占内存，但是第二次 :term:`反向传播` 就找不到它了。
#
# .. predict::
#
#    换成 ``y = w + 3``，它的导数总是 1。连续两次 ``y.backward()`` 会怎样？
#
#    - 报错，因为计算图已经释放
#    - 不报错，``w.grad`` 是 1
#    - 不报错，``w.grad`` 是 2

w = torch.tensor(2.0, requires_grad=True)
y = w + 3
y.backward()
y.backward()
print(f"{w.grad=}")

# %%
# .. answer:: C
#
#    A 错在加法求导不用任何保存的值，没有可释放的，也就不报错。
#    B 错在 ``backward()`` 把新的 :term:`梯度` 加到 ``w.grad`` 原有的值上，两次就是 1 + 1。
#
# 所以不报错不等于写对了，梯度在这里悄悄地加倍了。
#
# .. change-it::
#
#    把 ``w + 3`` 换成 ``3 * w``，导数也是常数。先猜第二次 ``backward()`` 是否报错，再看下面的运行结果。

# hide-cell: 3 * w
y = 3 * w
print(f"saved: {y.grad_fn._saved_other}")
y.backward()
show(y.backward)

# %%
# 乘法把常数 3 也保存成了张量，所以报错。不必记住每个运算保存什么，写代码时让每张图只走一次。
#
# 循环里留到下一步的张量
# ----------------------
# 下面三个循环各走三步，都在第二步报错，参数 ``cut=True`` 时是改正以后的写法。
# ``nn.RNNCell`` 是 :term:`循环神经网络` 的一步，它由这一步的输入和上一步的隐藏状态 ``h`` 算出新的 ``h``。

torch.manual_seed(0)
x = torch.randn(3, 5, 2)  # (T, B, 2)：三步，每步五个样本
model = nn.Linear(2, 1)
rnn = nn.RNNCell(2, 4)


def hidden_state(cut):
    h = torch.zeros(5, 4)
    for step in range(3):
        h = rnn(x[step], h.detach() if cut else h)
        loss = h.square().mean()
        loss.backward()


def running_total(cut):
    total = 0.0
    for step in range(3):
        loss = model(x[step]).square().mean()
        total = total + (loss.item() if cut else loss)
        (loss if cut else total).backward()


def computed_outside(cut):
    penalty = model.weight.square().sum()
    for step in range(3):
        if cut:
            penalty = model.weight.square().sum()
        loss = model(x[step]).square().mean() + penalty
        loss.backward()


for loop in (hidden_state, running_total, computed_outside):
    for cut in (False, True):
        try:
            loop(cut)
            print(f"{loop.__name__}, {cut=}: no error")
        except RuntimeError as error:
            first_words = str(error).partition(" (")[0]
            print(f"{loop.__name__}, {cut=}: {first_words}")

# %%
# 三个循环里，都有一个张量把上一步的计算图带到了下一步：
#
# - ``hidden_state`` 里是 ``h``。改法是每一步先用 ``h.detach()`` 取出数值，从而与上一步的图 :term:`分离`。
# - ``running_total`` 里是 ``total``，它由每一步的损失相加得到。改法是只对 ``loss`` 求导，用 ``loss.item()`` 累加数值。
# - ``computed_outside`` 里是 ``penalty``，它只算了一次，三步共用一张图。改法是在循环里计算，参数更新以后它本来也应当重算。
#
# 加上 retain_graph=True 会怎样
# -----------------------------
# 给第一个循环加上 ``retain_graph=True``，就不报错了。下面数一数，每次反向传播取用多少个保存的张量。
# ``saved_tensors_hooks`` 接受两个函数，保存张量时调用第一个，取用张量时调用第二个。


def count_used(cut):
    used = []

    def unpack(tensor):
        used.append(tensor)
        return tensor

    h, counts = torch.zeros(5, 4), []
    with saved_tensors_hooks(lambda tensor: tensor, unpack):
        for step in range(3):
            h = rnn(x[step], h.detach() if cut else h)
            loss = h.square().mean()
            used.clear()
            loss.backward(retain_graph=not cut)
            counts.append(len(used))
    return counts


print(f"detach():          {count_used(cut=True)}")
print(f"retain_graph=True: {count_used(cut=False)}")

# %%
# 用 ``detach()`` 时，每一步取用的张量一样多。用 ``retain_graph=True`` 时，每一步都要沿旧的图一直走回第一步，取用的张量一步比一步多。
# 所有旧的图都要留着，所以内存也一步比一步多。
#
# 真正训练时还要更新 :term:`参数`，这时 ``retain_graph=True`` 会引出另一条报错：


def train_with_retain_graph():
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    h = torch.zeros(5, 4)
    for step in range(3):
        h = rnn(x[step], h)
        loss = h.square().mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()


show(train_with_retain_graph)

# %%
# ``step()`` 原地更新了参数，所以旧的图里保存的参数已经不是当时的值，见 :ref:`pitfalls-inplace-and-autograd`。
#
# 什么时候该用 retain_graph=True
# ------------------------------
# 一次前向传播得到两个损失，要分别求导时，它们共用的部分要走两次。

for retain in (False, True):
    w = torch.tensor(2.0, requires_grad=True)
    h = w.exp()
    first, second = 3 * h, h**2
    first.backward(retain_graph=retain)
    show(second.backward)
    print(f"{retain=}: {w.grad:.2f}\n")

w = torch.tensor(2.0, requires_grad=True)
h = w.exp()
(3 * h + h**2).backward()
print(f"one backward of the sum: {w.grad:.2f}")

# %%
# 不保留图时，``first.backward()`` 已经释放了 ``exp`` 保存的值，所以 ``second.backward()`` 报错。
# 保留图时得到的梯度，与先相加、再一次 ``backward()`` 的相同。
# 因此只要总的梯度时，就先把损失相加。需要两份各自的梯度时，才用 ``retain_graph=True``，而且最后一次不用。
#
# 怎样早点发现
# ------------
# 遇到这条报错时，在每一步开头检查从上一步留下来的变量。``grad_fn`` 不是 ``None``，就说明它带着旧的图。

h = torch.zeros(5, 4)
for step in range(2):
    print(f"step {step + 1}: {h.grad_fn is None=}")
    h = rnn(x[step], h)
print(f"after detach(): {h.detach().grad_fn is None=}")

# %%
# .. real-projects::
#
#    训练循环神经网络时，一般每隔几十步才 ``detach()`` 一次，这样梯度仍能传过这几十步，这叫截断的反向传播（truncated backpropagation through time）。
#    接口见 `torch.Tensor.backward <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html>`__，计算图何时释放见 `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。

# %%
# 小结
# ----
# - 规则：每一步建立一张新图，只走一次，留到下一步的变量只带数值。
# - API：``Tensor.detach()``、``Tensor.item()``、``Tensor.backward(retain_graph=True)``。
# - 下一页：:ref:`pitfalls-inplace-and-autograd`
