# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-memory-growth:

内存越用越多
============

训练跑了几百步，内存一路上涨，最后分配失败。常见的原因是一行记录损失的代码：``total += loss``。
损失带着整张 :term:`计算图`，图里存着中间结果，留住损失就留住了它们。
这一页数出图里存了多少字节。

你将学到：

- 用 ``saved_tensors_hooks`` 数出计算图存着的字节
- 评估时累加损失，每一步多占多少；训练时为什么少得多
- 用 ``.item()``、``.detach()`` 或 ``torch.no_grad()`` 把它们放掉
"""

import re

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 症状：分配失败
# --------------
# 真要把内存用光得等很久，先一次要 4 PiB，看看最后会读到什么。

try:
    torch.empty(2**50)
except RuntimeError as error:
    print(
        f"{type(error).__name__}: … {re.search('you tried to allocate .* bytes', str(error))[0]}"
    )

# %%
# 在 GPU 上，开头是 ``torch.OutOfMemoryError: CUDA out of memory.``。报错的是最后一次分配，
# 占着内存的却是前面几百步留下的东西，所以要看内存怎样增长，不能只看报错的那一行。
#
# 数出图里的字节
# --------------
# 前向传播存下中间结果时，``saved_tensors_hooks`` 让我们把每个 :term:`张量` 换成自己的对象；
# 图释放时，对象跟着释放，就从 ``alive`` 中划掉。参数和输入本来就在内存里，不算。

alive = {}


class Saved:
    def __init__(self, tensor):
        self.tensor = tensor.detach()  # 不留住图，免得循环引用
        alive[id(self)] = tensor.untyped_storage()

    def __del__(self):
        del alive[id(self)]


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
x = torch.randn(256, 64)
target = torch.randint(10, (256,))
loss_fn = nn.CrossEntropyLoss()
owned = {t.untyped_storage().data_ptr() for t in (*model.parameters(), x, target)}


def kib_alive():
    sizes = {s.data_ptr(): s.nbytes() for s in alive.values()}  # 共用的只算一次
    return sum(n for pointer, n in sizes.items() if pointer not in owned) / 1024


# %%
# 四种记录损失的写法
# ------------------
# 前三种好比在验证集上评估，不调用 ``backward()``；最后一种是训练。


def keep_graph():
    return loss_fn(model(x), target)


def item():
    return loss_fn(model(x), target).item()


def no_grad():
    with torch.no_grad():
        return loss_fn(model(x), target)


def train():
    loss = loss_fn(model(x), target)
    loss.backward()
    return loss


def count_nodes(tensor):
    found, todo = set(), [getattr(tensor, "grad_fn", None)]
    while todo:
        node = todo.pop()
        if node is not None and node not in found:
            found.add(node)
            todo += [source for source, _ in node.next_functions]
    return len(found)


# %%
# .. admonition:: 先猜一猜
#
#    256 个样本，隐藏层 256 个数，``float32``。``keep_graph`` 的损失累加 50 步，图里存着多少 KiB？

curves = {}
for step in (keep_graph, item, no_grad, train):
    total, curve = 0.0, []
    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        for _ in range(50):
            total += step()
            curve.append(kib_alive())
    curves[step.__name__] = curve
    print(
        f"{step.__name__:<10} {curve[0]:4.0f} ... {curve[-1]:6.0f} KiB, {count_nodes(total)} nodes"
    )

# %%
# 每步 266 KiB：ReLU 的输出 256 × 256 × 4 字节，正好 256 KiB，对数概率 256 × 10 × 4 字节是 10 KiB。
# 50 步就是 13300 KiB，一个也没放掉，因为 ``total`` 的图连着每一步的图。

fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
for name, curve in curves.items():
    ax.plot(curve, color="C1" if name == "keep_graph" else "C0", lw=2)
ax.annotate("keep_graph", (28, 8500), color="C1", ha="right")
ax.annotate("item, no_grad, train", (28, 500), color="C0")
ax.set(xlabel="step", ylabel="held by the graph [KiB]")
ax.spines[["top", "right"]].set_visible(False)
# alt: 橙线 keep_graph 从 0 直线升到 13300 KiB；另外三种写法的蓝线重合，始终是 0
plt.show()

# %%
# 为什么训练时不明显
# ------------------
# ``train`` 也是 0 KiB：``backward()`` 用完中间结果就释放。但 ``total`` 仍连着 404 个节点，每步 8 个，
# 只增不减。
#
# 改法有三种，按用途选：
#
# - 只要一个数：``total += loss.item()``；在 GPU 上，``.item()`` 会等它算完；
# - 不想每步都等：``total += loss.detach()``，最后才 ``.item()``；
# - 整段都不求导：放进 ``torch.no_grad()``，中间结果从一开始就不存。
#
# 把模型的输出收进列表 ``outputs.append(model(x))``，也是同一回事，同样改法。
#
# 下次怎样发现
# ------------
# 留下来的东西不该要求梯度。一轮结束时检查一次：

for step in (keep_graph, train, item, no_grad):
    kept = step()
    print(f"{step.__name__}: keeps a graph = {getattr(kept, 'requires_grad', False)}")

# %%
# 后两种没有图。前两种若要累加，先 ``.detach()``。
#
# 改一改：把隐藏层从 256 改成 512。先猜 ``keep_graph`` 每步占多少 KiB，再运行。
#
# 小结
# ----
# - 规则：跨过一步还留着的张量，先从图上分离；评估放在 ``torch.no_grad()`` 里。
# - API：``Tensor.item``、``Tensor.detach``、``torch.autograd.graph.saved_tensors_hooks``。
# - 下一页：:ref:`pitfalls-unregistered-parameters`
