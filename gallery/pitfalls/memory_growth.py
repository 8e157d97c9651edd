# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-memory-growth:

内存越用越多
============

训练或评估跑了几百步，内存一直在涨，最后有一次分配失败了。
报错指向的只是最后那次分配，可是内存是在前面的几百步里一点一点用掉的。
是哪一行代码留住了这些内存？

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
# 等内存真正用完要花很久，所以这里一次就要 :math:`2^{50}` 个数，看看分配失败时的报错怎么写。每个数占 4 字节。

try:
    torch.empty(2**50)
except RuntimeError as error:
    _, name, reason = str(error).partition("DefaultCPUAllocator")  # 去掉源码的位置
    print(textwrap.fill(f"{type(error).__name__}: {name}{reason}", 92))

# %%
# 报错里的字节数是 :math:`2^{50} \times 4`，也就是这一次要的内存。此前占用的内存用在了哪里，报错没有说。
# 在 GPU 上，同样的错误写成 ``torch.OutOfMemoryError: CUDA out of memory.``。
#
# 计算图保存了什么
# ----------------
# 反向传播要用到前向传播的中间结果，所以计算图会把它们保存起来。例如线性层的梯度要用到这一层的输入，
# ReLU 的梯度要用到它自己的输出，:term:`交叉熵` 的梯度要用到对数概率。
#
# ``saved_tensors_hooks`` 在每次保存张量时调用我们的函数 ``remember``。
# 函数用 ``weakref`` 记下这个张量。弱引用不会阻止张量释放，而在张量释放以后，它给出 ``None``。
# 第二个函数是 ``lambda``，它在反向传播用到张量时把张量交回去。


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


model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
known = [x, target, *model.parameters()]
with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
    loss = loss_fn(model(x), target)
# 每种形状只打印一次
for shape in dict.fromkeys(tuple(ref().shape) for ref in references):
    print(f"saved {shape}")
print(f"one step: {held_kib(known):.0f} KiB")

# %%
# 输入 ``(128, 64)``、权重 ``(256, 10)`` 和标签 ``(128,)`` 本来就在内存里，所以不算。
# 保存第二层的权重，是为了算这一层输入的梯度。``x`` 不需要梯度，所以第一层的权重没有保存。
# 新占的内存主要是 ReLU 的输出 ``(128, 256)``，每个数 4 字节，共 128 KiB。
# 再加上对数概率 ``(128, 10)`` 的 5 KiB，就是 133 KiB。形状为 ``()`` 的张量只有一个数，占 4 字节。
#
# .. predict::
#
#    先调用 ``model.eval()``，再在验证集上评估 50 步，每一步都写 ``total += loss``，不调用 ``backward()``。
#    最后计算图里的中间结果占多少内存？
#
#    - 133 KiB，因为变量 ``loss`` 指向新的损失以后，上一步的中间结果就释放了
#    - 0 KiB，因为没有调用 ``backward()``，所以什么也没有保存
#    - 6650 KiB，因为 ``total`` 由每一步的损失算出，所以 50 步的中间结果都还在


def keep_graph():
    return loss_fn(model(x), target)


def item():
    return loss_fn(model(x), target).item()


def detach():
    return loss_fn(model(x), target).detach()


def no_grad():
    with torch.no_grad():
        return loss_fn(model(x), target)


def after_backward():
    loss = loss_fn(model(x), target)
    loss.backward()
    return loss


def sum_of_losses(one_step):
    """把 50 步的损失加起来，返回总和，以及每一步之后还占着的 KiB。"""
    references.clear()  # 只数这一次的
    total, curve = 0.0, []
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
        for _ in range(50):
            total += one_step()
            curve.append(held_kib(known))
    return total, curve


model.eval()  # 切换到评估模式
curves = {}
for one_step in (keep_graph, item, detach, no_grad, after_backward):
    name = one_step.__name__
    total, curves[name] = sum_of_losses(one_step)
    has_graph = isinstance(total, torch.Tensor) and total.grad_fn is not None
    print(f"{name:<14} {curves[name][-1]:5.0f} KiB, total has a graph: {has_graph}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.plot(range(1, 51), curves["keep_graph"], ".-", color="C1")
ax.plot(range(1, 51), curves["detach"], ".-", color="C0")
ax.annotate("keep_graph", (24, 4000), color="C1", ha="right")
ax.annotate("detach", (40, 300), color="C0")
ax.set(xlabel="step", ylabel="held by the graph [KiB]")
ax.spines[["top", "right"]].set_visible(False)
# alt: 横轴是步数，纵轴是计算图占着的内存；橙线从 133 一直升到 6650，蓝线停在 0
plt.show()

# %%
# .. answer:: C
#
#    写法 ``keep_graph`` 最后占 6650 KiB，是 133 KiB 的 50 倍，图里的橙线每一步都上升同样多。
#    A 不成立，因为 ``total`` 由以前的损失算出，它的图连着每一步的图，所以这些图都不能释放。
#    B 不成立，因为中间结果在前向传播时就保存了，前面算出 133 KiB 的那一步也没有调用 ``backward()``。
#
# 怎样改
# ------
# 中间三种写法最后都占 0 KiB，而且 ``total`` 不带图。
#
# - 只需要一个 Python 数时，写 ``total += loss.item()``。在 GPU 上，这一行会等 GPU 算完。
# - 不想每一步都等待时，写 ``total += loss.detach()``，最后再取一次 ``.item()``。
# - 整段评估都不需要梯度时，把它放进 ``torch.no_grad()``，这样图根本不会建立。
#   只写 ``model.eval()`` 不够，因为它只让 Dropout 这样的层换成评估时的算法。
#   上面的模型已经在评估模式，``keep_graph`` 照样建立了图。
#
# 训练时先调用 ``backward()``，也就是最后一种写法。它的中间结果也是 0 KiB，因为 ``backward()`` 用完就释放它们。
# 但是 ``total`` 仍然带着图，图的节点一步比一步多，:ref:`exercises-pitfalls-average` 数了这些节点。
# 所以训练时也应该写 ``.item()`` 或 ``.detach()``。
#
# .. change-it::
#
#    评估时不加损失，改为把模型的输出收进列表，写 ``outputs.append(model(x))``。
#    再换成只收预测的类别，写 ``outputs.append(model(x).argmax(dim=1))``。50 步以后计算图里的中间结果各占多少内存？

# hide-cell: 收集输出，收集类别


def logits():
    return model(x)


def classes():
    return model(x).argmax(dim=1)


for one_step in (logits, classes):
    references.clear()
    with torch.autograd.graph.saved_tensors_hooks(remember, lambda kept: kept):
        outputs = [one_step() for _ in range(50)]
    print(f"{one_step.__name__:<7} {held_kib(known):5.0f} KiB")

# %%
# .. outcome::
#
#    收集输出时，每一步都留住 ReLU 的输出，50 步共 6400 KiB。
#    收集类别时是 0 KiB，因为 ``argmax`` 的结果是整数，不带计算图。
#    收进列表的张量自己也占内存，但它们不是计算图保存的，所以这里没有数进去。
#
# 下次怎样发现
# ------------
# 跑完第一步就检查，留到下一步的张量是否还带着图，也就是它的 ``grad_fn`` 是不是 ``None``。收在列表里的张量要逐个检查。
# ``.item()`` 取出的是 Python 数，没有 ``grad_fn``，不用检查。

kept = {"keep_graph": keep_graph(), "detach": detach()}
for name, loss in kept.items():
    print(f"{name}: grad_fn is {type(loss.grad_fn).__name__}")

# %%
# ``keep_graph`` 的损失还带着图，它的 ``grad_fn`` 是 :term:`交叉熵` 的最后一步，``detach`` 的损失不带图。
#
# .. real-projects::
#
#    有些张量必须带到下一步，例如循环神经网络的隐藏状态，怎样断开它的图见 :ref:`pitfalls-backward-twice`。
#    在 GPU 上，每隔几步打印一次 ``torch.cuda.memory_allocated()``，这个数随步数持续上升，
#    就说明有张量被留住了。怎样找到它们，见
#    `CUDA 内存的说明 <https://docs.pytorch.org/docs/stable/torch_cuda_memory.html>`__ 和
#    `常见问题 <https://docs.pytorch.org/docs/stable/notes/faq.html>`__。
#
# 小结
# ----
# - 规则：每一步留下的张量如果带着计算图，那一步的图就不能释放，所以先用 ``.detach()`` 或 ``.item()`` 取出数值。
# - API：``Tensor.item``、``Tensor.detach``、``torch.no_grad``、``torch.autograd.graph.saved_tensors_hooks``。
# - 下一页：:ref:`pitfalls-unregistered-parameters`
