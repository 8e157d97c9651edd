# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-embeddings:

嵌入层
======

网络只会计算数，所以文字要先变成编号。可是编号的大小没有意义，编号是 5 的词并不比编号是 2 的词大。
:term:`嵌入` 层把每个编号换成一个向量。这些向量从哪里来，训练一步又会改变其中的哪些？

你将学到：

- 用查表和矩阵乘法两种写法算出同一个嵌入
- 判断一步训练会改变嵌入的哪些行
- 修正编号超出范围的报错
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

# %%
# 一张表
# ------
# 模型认识的全部 :term:`词元` 组成 :term:`词表`，每个词元有一个编号。``nn.Embedding(V, D)`` 是一张 V 行 D 列的表，
# 每一行是一个词元的向量，开始时是随机的数。给它一串编号，它就取出相应的行。
# 下图左边是一张 6 行 3 列的表，右边是按编号 2、5、2 取出的三行。

torch.manual_seed(0)
embedding = nn.Embedding(6, 3)
tokens = torch.tensor([[2, 5, 2]])  # (B, T)：一个样本，三个词元
vectors = embedding(tokens)
print(f"{embedding.weight.shape=}")
print(f"{tokens.shape=} {vectors.shape=}")

# %%

# hide-input: 画图
table, rows = embedding.weight.detach(), vectors[0].detach()
scale = {"cmap": "RdBu_r", "vmin": -2.2, "vmax": 2.2}
fig, axes = plt.subplots(
    1, 2, figsize=(5, 3), layout="constrained", gridspec_kw={"width_ratios": [1, 1]}
)
names = [range(6), tokens[0].tolist()]
for ax, values, labels in zip(axes, (table, rows), names, strict=True):
    shown = ax.imshow(values, **scale)
    ax.set(xticks=range(3), yticks=range(len(values)), yticklabels=labels)
    ax.set_xlabel("dimension")
axes[0].set(title="table", ylabel="token")
axes[1].set(title="rows 2, 5, 2")
fig.colorbar(shown, ax=axes, shrink=0.7)
# alt: 左边是 6 行 3 列的色块，右边是 3 行 3 列的色块，它的第一行和第三行与左边的第 2 行相同，第二行与左边的第 5 行相同
plt.show()

# %%
# 编号的形状是 ``(B, T)``，其中 B 是样本数，T 是词元数。输出的形状是 ``(B, T, D)``，每个编号换成了 D 个数。
# 编号 2 出现两次，两次取出的是同一行。
#
# 查表等于矩阵乘法
# ----------------
# 另一种写法是 :term:`独热编码`，编号 2 写成第 2 个数是 1、其余是 0 的向量。它乘以表，得到的正好是第 2 行。

one_hot = F.one_hot(tokens, num_classes=6).float()  # (B, T, V)
product = one_hot @ embedding.weight  # (B, T, V) @ (V, D) -> (B, T, D)
print(one_hot[0])
print(f"largest difference: {(product - vectors).abs().max():.1f}")

V, D, n = 50_000, 256, 1_000
print(
    f"{n} tokens, V={V}: {n * 8 / 1e6:.3f} MB of indices, {n * V * 4 / 1e6:.0f} MB one-hot"
)
print(f"numbers multiplied: {n * V * D:.1e} for one-hot, none for the lookup")

# %%
# 两种写法结果相同，所以嵌入层就是一个没有偏置的 :term:`线性层`，输入是独热编码。差别在代价。
# 词表有 50,000 个词元时，独热编码要 200 MB，而且几乎都在乘以 0，所以实际总是查表。
#
# 哪些行会变
# ----------
# 表是 :term:`参数`，和别的参数一样由训练更新。
#
# .. predict::
#
#    下面的批次用到的编号仍是 2、5、2，损失是取出的全部数之和。用 ``SGD`` 走一步，学习率是 1，表会怎样变？
#
#    - 六行都减去 1，因为整张表是一个参数
#    - 第 2 行和第 5 行都减去 1，其余不变
#    - 第 2 行减去 2，第 5 行减去 1，其余不变

before = embedding.weight.detach().clone()
optimizer = torch.optim.SGD(embedding.parameters(), lr=1.0)
embedding(tokens).sum().backward()
optimizer.step()
change = embedding.weight.detach() - before
for token in range(6):
    gradient = embedding.weight.grad[token].tolist()
    print(f"token {token}: gradient {gradient}, change {change[token].tolist()}")

# %%
# .. answer:: C
#
#    损失对每个取出的数的导数都是 1。编号 2 取了两次，它的梯度是两次之和，也就是 2，所以 B 少算了一次。
#    没有取到的行，梯度是 0，所以 A 不成立。整张表确实是一个参数，它的梯度与表一样大，但是四行都是 0。
#
# 这样的梯度叫 :term:`稀疏梯度`。一个词很少出现，它的向量就很少更新。
#
# .. change-it::
#
#    把优化器换成 ``torch.optim.Adam``，先走一步编号 2、5、2，再走一步只有编号 5 的批次。
#    第二步里编号 2 的梯度是 0，它那一行还会变吗？再换成 ``AdamW``，从来没有用过的编号 0 会变吗？

# hide-cell: 换优化器
torch.manual_seed(0)
for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
    embedding = nn.Embedding(6, 3)
    optimizer = make(embedding.parameters(), lr=0.1)
    for batch in ([2, 5, 2], [5]):
        before = embedding.weight.detach().clone()
        optimizer.zero_grad()
        embedding(torch.tensor([batch])).sum().backward()
        optimizer.step()
    moved = (embedding.weight.detach() != before).any(dim=1)
    print(f"{make.__name__:5} second step, rows that moved:", end=" ")
    print([token for token in range(6) if moved[token]])

# %%
# .. outcome::
#
#    ``SGD`` 只改第 5 行。``Adam`` 还改第 2 行，因为它的更新用的是历次梯度的平均，那里还留着第一步的梯度。
#    ``AdamW`` 每一步都缩小所有的参数，所以六行全变，从没用过的也不例外。

# %%
# 填充的那一行
# ------------
# 一个批次里的句子有长有短，短的要用一个专门的编号 :term:`填充`。用 ``padding_idx`` 指定这个编号，
# 它那一行开始时是 0，梯度也总是 0。

torch.manual_seed(0)
padded = nn.Embedding(6, 3, padding_idx=0)
batch = torch.tensor([[2, 5, 2], [4, 0, 0]])  # 第二个样本只有一个词元
padded(batch).sum().backward()
print(f"{padded.weight[0].tolist()=}")
print(f"{padded.weight.grad[:, 0].tolist()=}")

# %%
# 编号 0 出现了两次，它的梯度仍是 0。编号 4 出现一次，梯度是 1。
#
# 常见错误：编号超出范围
# ----------------------
# 表有 6 行，编号就只能是 0 到 5。如果编号从 1 数到 6，或者来了一个词表以外的词，就会报错。

outside = torch.tensor([[1, 6]])
try:
    embedding(outside)
except IndexError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错没有说是哪个编号，也没有说表有几行。可以在读入数据时检查一次，把两者都说出来。


def check_tokens(tokens, embedding):
    low, high = tokens.min().item(), tokens.max().item()
    if low < 0 or high >= embedding.num_embeddings:
        rows = embedding.num_embeddings
        raise ValueError(f"tokens go from {low} to {high}, the table has {rows} rows")


check_tokens(tokens, embedding)  # 没有越界，什么也不说
try:
    check_tokens(outside, embedding)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 改法取决于原因。如果编号从 1 开始，就减去 1。如果遇到了词表以外的词，就给它们留一个专门的编号。

# %%
# .. change-it::
#
#    负的编号会像 Python 的列表那样从末尾数起吗？用编号 −1 试一试，再与 ``embedding.weight[-1]`` 比较。

# hide-cell: 负的编号
try:
    embedding(torch.tensor([-1]))
except IndexError as error:
    print(f"{type(error).__name__}: {error}")
print(f"{embedding.weight[-1].shape=}")

# %%
# .. outcome::
#
#    不会。嵌入层拒绝负的编号，报错与前面相同，而对张量取下标 −1 得到最后一行。

# %%
# .. real-projects::
#
#    词表有几十万行时，稠密的梯度占的内存与表一样大。``nn.Embedding(sparse=True)`` 只存用到的行，但是它只能配
#    ``SGD``、``SparseAdam`` 和 ``Adagrad``。语言模型常让输出层与嵌入共用一张表。
#    用预训练的向量时，写 ``nn.Embedding.from_pretrained(weight)``，它默认不再更新。
#    参数见 `torch.nn.Embedding <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`__，词向量的来历见
#    `Mikolov 等人的论文 <https://arxiv.org/abs/1301.3781>`__。

# %%
# 小结
# ----
# - 规则：嵌入是按编号取行，等于独热编码乘以表。只有用到的行有梯度，用几次就加几次。
# - API：``torch.nn.Embedding(num_embeddings, embedding_dim, padding_idx=None)``。
# - 下一页：:ref:`sequences-recurrent-shapes`
