# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-cross-entropy:

损失函数：交叉熵
================

分类网络给每个类别打一个未归一化的得分，这些得分叫 :term:`logits`。
:term:`交叉熵` 看正确的类别分到多大的概率：概率越小，损失越大。
这一页把四组分数的损失算出来，再看一个不报错却会拖慢训练的错误：先做一次 softmax。

你将学到：

- 把 logits 和类别编号交给 ``torch.nn.CrossEntropyLoss``
- 用 ``log_softmax`` 手算同一个数
- 认出多做一次 softmax 的症状：损失降到某个值就再也降不下去
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 四组分数
# --------
# 三个 :term:`样本`，两个类别。``logits`` 每行是一个样本的两个分数，
# ``target`` 是正确类别的编号。这里每一行都是正确的类别得 1 分，另一类得 −1 分。

loss = nn.CrossEntropyLoss()

logits = torch.tensor([[-1.0, 1], [-1, 1], [1, -1]])  # (3, 2)：样本，类别
target = torch.tensor([1, 1, 0])  # (3,)：整数编号

output = loss(logits, target)
print(output)

# %%
# 分数乘以 3，网络就更有把握；变号，三行就全判错。
#
# .. admonition:: 先猜一猜
#
#    判对时损失是 0.1269。更有把握地判对，损失会是多少？判错呢？更有把握地判错呢？

cases = {
    "right": logits,
    "right, confident": 3 * logits,
    "wrong": -logits,
    "wrong, confident": -3 * logits,
}
for name, scores in cases.items():
    print(f"{name:<17} {loss(scores, target):.4f}")

# %%
# 判对时损失已经接近 0，再有把握也省不下多少；判错时，把握越大，代价越高。
# 两类差 2 分时损失是 2.1269，差 6 分时是 6.0025：判错时，损失几乎等于差的分数。
#
# 手算
# ----
# softmax 把一行分数变成概率，交叉熵取正确类别 :math:`t` 的概率的负对数，再对样本求平均：
#
# .. math::
#
#    L = -\log \frac{e^{z_t}}{\sum_k e^{z_k}}
#
# ``log_softmax`` 一步算出对数概率，分数很大时也不会溢出。

log_p = torch.log_softmax(logits, dim=1)  # (3, 2)
by_hand = -log_p[torch.arange(3), target].mean()  # 每行取正确的一列
print(f"probabilities of the first row: {log_p[0].exp()}")
print(f"by hand: {by_hand:.4f}")
torch.testing.assert_close(by_hand, output)

# %%
# 正确类别的概率是 0.8808，负对数正好是 0.1269。
#
# 常见错误：softmax 做了两次
# --------------------------
# ``CrossEntropyLoss`` 自己会做 softmax。网络末尾若再放一个，程序照常运行，损失却变了样：

for name, scores in cases.items():
    twice = loss(scores.softmax(dim=1), target)
    print(f"{name:<17} {twice:.4f}")

for n_classes in (2, 10):
    floor = math.log1p((n_classes - 1) / math.e)
    print(f"floor with {n_classes} classes: {floor:.4f}")

# %%
# 最有把握地判对也只降到 0.3146，最有把握地判错也不过 1.3096。概率只在 0 与 1 之间，
# 两个类别最多差 1 分，
# 所以 :math:`K` 个类别的损失不会低于 :math:`\ln(1 + (K-1)/e)`。
# 训练时损失停在这个下限附近，先查网络的最后一层。
#
# 用图来看
# --------
# 两个类别时，损失只取决于正确类别比另一类高多少分。把这个差从 −8 画到 8。

margin = torch.linspace(-8, 8, 161)
scores = torch.stack([torch.zeros(161), margin], dim=1)  # 正确类别是 1
answer = torch.ones(161, dtype=torch.long)
each = nn.CrossEntropyLoss(reduction="none")

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.plot(margin, each(scores, answer), color="C0", lw=2)
ax.plot(margin, each(scores.softmax(dim=1), answer), color="C1", lw=2)
for gap, case in zip((2, 6, -2, -6), cases.values(), strict=True):
    ax.plot(gap, loss(case, target), "o", color="C0")
    ax.plot(gap, loss(case.softmax(dim=1), target), "o", color="C1")
ax.axhline(math.log1p(1 / math.e), color="0.5", lw=1, ls=":")
ax.annotate("logits", (-4.6, 5.2), color="C0")
ax.annotate("softmax first", (-7.9, 1.6), color="C1")
ax.annotate("floor 0.3133", (8, 0.55), color="0.5", ha="right")
ax.set(xlabel="logit of the right class minus the other", ylabel="loss")
ax.spines[["top", "right"]].set_visible(False)
# alt: 蓝线直接用 logits，向左直线上升，向右降到 0；橙线先做 softmax，夹在 1.31 与 0.31 之间，两端平
plt.show()

# %%
# 圆点是上面的八个数。橙线两端几乎是平的：错得最厉害的样本 :term:`梯度` 反而接近 0，几乎学不动。
#
# 改一改：把 ``target`` 的第一个数改成 0，一行判错、两行判对。先猜 ``output`` 是多少，再运行。
#
# 类别编号越界
# ------------
# 编号从 0 数起，两个类别只有 0 和 1。把它们写成 1 和 2 会怎样？

try:
    loss(logits, torch.tensor([2, 2, 1]))
except IndexError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报出来的是越界的编号。编号从 1 数起的标签，先减 1。
#
# 小结
# ----
# - 规则：交叉熵收 logits，不收概率；网络末尾不放 softmax。
# - API：``torch.nn.CrossEntropyLoss()(logits, target)``，形状是 ``(N, K)`` 和 ``(N,)``。
# - 下一页：:ref:`networks-optimizer-step`
#
# 与原笔记的差异：原来注释掉的三组输入都运行了，``input`` 改名为 ``logits``；
# 手算、两次 softmax 和越界是新加的。
