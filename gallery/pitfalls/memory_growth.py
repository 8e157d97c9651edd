# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-memory-growth:

内存越用越多
============

训练或评估跑了几百步，内存一直在涨，最后有一次分配失败了。
报错指向的只是最后那次分配，可是占着内存的，是前面几百步留下来的东西。
那么是哪一行代码把它们留住了？

你将学到：

- 列出 :term:`计算图` 为 :term:`反向传播` 保存的张量，并算出它们占多少内存
- 判断一种记录损失的写法会不会留住计算图
- 修正会留住计算图的写法
"""

import textwrap
import weakref

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 症状
# ----
# 等内存真正用完要花很久，所以这里一次就要 :math:`2^{50}` 个数，看看分配失败时会读到什么。

try:
    torch.empty(2**50)
except RuntimeError as error:
    _, name, reason = str(error).partition("DefaultCPUAllocator")  # 去掉源码的位置
    print(textwrap.fill(f"{type(error).__name__}: {name}{reason}", 92))

# %%
# 在 GPU 上，同样的错误写成 ``torch.OutOfMemoryError: CUDA out of memory.``。
#
# 计算图保存了什么
# ----------------
# 反向传播要用到前向传播的中间结果，所以计算图会把它们保存起来。例如线性层的梯度要用到这一层的输入，
# ReLU 的梯度要用到它自己的输出，:term:`交叉熵` 的梯度要用到对数概率。
# 只要还有变量指向这张图，这些中间结果就不能释放。
#
# ``saved_tensors_hooks`` 在每次保存张量时调用我们的函数 ``remember``。
# 函数用 ``weakref`` 记下这个张量。弱引用不会阻止张量释放，而在张量释放以后，它给出 ``None``。

references = []


def remember(tensor):
    kept = tensor.detach()  # 同一块内存，但是不带计算图
    references.append(weakref.ref(kept))
    return kept


def held_kib(known):
    """还没释放的中间结果占多少 KiB；known 里的张量本来就在内存里，不算。"""
    alive = [ref() for ref in references if ref() is not None]
    sizes = {tensor.data_ptr(): tensor.nbytes for tensor in alive}  # 同一块只算一次
    for tensor in known:
        sizes.pop(tensor.data_ptr(), None)
    return sum(sizes.values()) / 1024


torch.manual_seed(0)
x = torch.randn(128, 64)
target = torch.randint(10, (128,))
loss_fn = nn.CrossEntropyLoss()


def build(hidden):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


model = build(256)
known = [x, target, *model.parameters()]
with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
    loss = loss_fn(model(x), target)
for shape in dict.fromkeys(tuple(ref().shape) for ref in references):
    print(f"saved {shape}")
print(f"one step: {held_kib(known):.0f} KiB")

# %%
# 输入 ``(128, 64)``、权重 ``(256, 10)`` 和标签 ``(128,)`` 本来就在内存里，所以不算。
# 新占的内存主要是 ReLU 的输出 ``(128, 256)``，每个数 4 字节，共 128 KiB。
# 再加上对数概率 ``(128, 10)`` 的 5 KiB，就是 133 KiB。
#
# .. predict::
#
#    在验证集上评估 50 步，每一步都写 ``total += loss``，不调用 ``backward()``。
#    最后计算图里的中间结果占多少内存？
#
#    - 133 KiB，因为变量 ``loss`` 指向新的损失以后，上一步的图就释放了
#    - 6650 KiB，因为 50 步的图都还留着
#    - 0 KiB，因为没有调用 ``backward()``，图根本没有建立


def keep_graph(model):
    return loss_fn(model(x), target)


def item(model):
    return loss_fn(model(x), target).item()


def detach(model):
    return loss_fn(model(x), target).detach()


def no_grad(model):
    with torch.no_grad():
        return loss_fn(model(x), target)


def train(model):
    loss = loss_fn(model(x), target)
    loss.backward()
    return loss


def sum_of_losses(step, hidden=256):
    """把 50 步的损失加起来，返回总和与最后占着的 KiB。"""
    references.clear()  # 只数这一次的
    model = build(hidden)
    total = 0.0
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
        for _ in range(50):
            total += step(model)
    return total, held_kib([x, target, *model.parameters()])


for step in (keep_graph, item, detach, no_grad, train):
    total, kib = sum_of_losses(step)
    has_graph = isinstance(total, torch.Tensor) and total.requires_grad
    print(f"{step.__name__:<10} {kib:5.0f} KiB, total has a graph: {has_graph}")

# %%
# .. answer:: B
#
#    ``keep_graph`` 占 6650 KiB，正好是 133 KiB 的 50 倍。``total`` 由每一步的损失相加得到，
#    所以 ``total`` 的图连着每一步的图。A 只对变量 ``loss`` 成立，``total`` 却仍然连着旧的图。
#    C 也不对，因为图在前向传播时就建好了，与是否调用 ``backward()`` 无关。
#
# 怎样改
# ------
# 中间三种写法都占 0 KiB，而且 ``total`` 不带图。
#
# - 只需要一个 Python 数时，写 ``total += loss.item()``。在 GPU 上，这一行会等 GPU 算完。
# - 不想每一步都等待时，写 ``total += loss.detach()``，最后再取一次 ``.item()``。
# - 整段评估都不需要梯度时，把它放进 ``torch.no_grad()``，这样图根本不会建立。
#
# ``train`` 的中间结果也是 0 KiB，因为 ``backward()`` 用完它们就释放。但是 ``total`` 仍然带着图，
# 所以训练时也应该写 ``.item()`` 或 ``.detach()``。
# 把模型输出收进列表的 ``outputs.append(model(x))`` 是同一个问题，改法也相同。
#
# .. change-it::
#
#    把隐藏层从 256 改成 512，``keep_graph`` 的 50 步一共占多少？先照上面的办法算出每一步，再看结果。

# hide-cell: 隐藏层 512
total, kib = sum_of_losses(keep_graph, hidden=512)
print(f"hidden=512: {kib:.0f} KiB, {kib / 50:.0f} KiB per step")

# %%
# 必须跨步使用的张量
# ------------------
# 有些张量必须带到下一步，例如 :term:`循环神经网络` 的隐藏状态。它从上一步的状态算出下一步的状态，
# 所以图会随着序列一直变长。常用的办法是每隔几步反向传播一次，再用 ``.detach()`` 断开状态，
# 这叫截断的沿时间反向传播（truncated BPTT）。代价是梯度传不到断开处以前。


def read_sequence(detach_every, n_steps=50):
    references.clear()
    torch.manual_seed(0)
    cell = nn.Linear(256, 256)
    start = state = torch.zeros(128, 256)
    curve = []
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
        for step in range(1, n_steps + 1):
            state = cell(state).tanh()
            curve.append(held_kib([start, *cell.parameters()]))
            if step % detach_every == 0:
                state.square().mean().backward()
                state = state.detach()
    return curve


curves = {every: read_sequence(every) for every in (1000, 10)}
for every, curve in curves.items():
    print(f"detach_every={every}: peak {max(curve):.0f} KiB")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for every, color, label, place in (
    (1000, "C1", "never detached", (24, 4000)),
    (10, "C0", "detached every 10 steps", (27, 1700)),
):
    ax.plot(range(1, 51), curves[every], ".-", color=color)
    ax.annotate(label, place, color=color, ha="right" if every == 1000 else "left")
ax.set(xlabel="step", ylabel="held by the graph [KiB]", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
# alt: 横轴是步数，纵轴是图占着的内存；从不断开的橙线一直上升，每 10 步断开一次的蓝线呈锯齿形，不再升高
plt.show()

# %%
# 从不断开时，内存随步数一直增长，第 50 步达到 6400 KiB。
# 每 10 步断开一次时，内存最多到 1408 KiB，后面的几段不再升高。
#
# 下次怎样发现
# ------------
# 每一轮结束时，检查留下来的张量是否还带着图。

kept = {"keep_graph": keep_graph(model), "detach": detach(model)}
print(f"still on a graph: {[name for name, t in kept.items() if t.requires_grad]}")

# %%
# .. real-projects::
#
#    在 GPU 上，每隔几步打印一次 ``torch.cuda.memory_allocated()``，这个数随步数持续上升，
#    就说明有张量被留住了。怎样找到它们，见
#    `CUDA 内存的说明 <https://docs.pytorch.org/docs/stable/torch_cuda_memory.html>`__ 和
#    `常见问题 <https://docs.pytorch.org/docs/stable/notes/faq.html>`__。
#
# 小结
# ----
# - 规则：需要跨步保留的张量，先用 ``.detach()`` 或 ``.item()`` 离开计算图。
# - API：``Tensor.item``、``Tensor.detach``、``torch.no_grad``、``torch.cuda.memory_allocated``。
# - 下一页：:ref:`pitfalls-unregistered-parameters`
