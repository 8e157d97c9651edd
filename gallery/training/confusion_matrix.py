# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-confusion-matrix:

混淆矩阵与指标
==============

:term:`准确率` 只说错了多少，不说错在哪里。:term:`混淆矩阵` 按“真实类别 × 预测类别”计数，
:term:`精确率` 和 :term:`召回率` 都从它算出。
这一页用一行代码数出矩阵，手算各项指标，再把认错的数字画出来看。

你将学到：

- 用 ``torch.bincount`` 数出混淆矩阵
- 从行和、列和得到召回率与精确率，并与 scikit-learn 核对
- 类别不均衡时，准确率为什么会骗人
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import precision_recall_fscore_support
from torch import nn

# %%
# 先训练一个分类器
# ----------------
# 一个 :term:`线性层` 就够了：这一页要看的是它怎样出错。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])

torch.manual_seed(0)
model = nn.Linear(64, 10)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
for _ in range(100):
    loss = nn.functional.cross_entropy(model(images[train]), labels[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    logits = model(images[test])
true, predicted = labels[test], logits.argmax(dim=1)
accuracy = (predicted == true).float().mean()
print(f"accuracy {accuracy:.3f}, {(predicted != true).sum()} of {len(test)} wrong")

# %%
# 数出矩阵
# --------
# 真实类别 :math:`t`、预测类别 :math:`p` 的样本落在第 :math:`t` 行第 :math:`p` 列，
# 也就是展平后的第 :math:`10t + p` 格。数一数每个编号出现几次，再排成 10 × 10。

matrix = torch.bincount(true * 10 + predicted, minlength=100).view(10, 10)
print(f"{matrix.shape=}, total {matrix.sum()}, on the diagonal: {matrix.trace()}")

fig, ax = plt.subplots(figsize=(5.4, 5), layout="constrained")
mistakes = matrix.clone().fill_diagonal_(0).numpy()
ax.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=-2, vmax=8)
for row in range(10):
    for column in range(10):
        count = matrix[row, column].item()
        color = "0.5" if row == column else "0.1"
        if count:
            ax.text(column, row, count, ha="center", va="center", color=color)
ax.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true")
# alt: 10 × 10 的方格，行是真实类别，列是预测类别。灰色的大数都在对角线上；橙色的错误里，3 认成 8 的最多，有 4 次，其次是 5 认成 9，有 3 次
plt.show()

# %%
# 对角线上是认对的 575 个。22 个错误不是均匀散开的：3 认成 8 有 4 次，5 认成 9 有 3 次，
# 第 3 行一共丢了 7 个。准确率 0.963 里看不出这些。
#
# 召回率看行，精确率看列
# ----------------------
# .. admonition:: 先猜一猜
#
#    第 8 行说的是“真正的 8 被认成了什么”，第 8 列说的是“被认成 8 的其实是什么”。
#    一个分类器见谁都想说 8，8 的召回率高还是精确率高？

hits = matrix.diagonal()
recall = hits / matrix.sum(dim=1)  # 行和：真正属于这一类的
precision = hits / matrix.sum(dim=0)  # 列和：被判成这一类的
f1 = 2 * precision * recall / (precision + recall)

print("class  precision  recall     f1")
for k in range(10):
    print(f"{k:>5}  {precision[k]:>9.3f}  {recall[k]:>6.3f}  {f1[k]:>5.3f}")
print(f" mean  {precision.mean():>9.3f}  {recall.mean():>6.3f}  {f1.mean():>5.3f}")

by_sklearn = precision_recall_fscore_support(true.numpy(), predicted.numpy())[:3]
torch.testing.assert_close(
    torch.stack([precision, recall, f1]).double(),
    torch.from_numpy(np.stack(by_sklearn)),
)

# %%
# 8 的召回率 0.951，精确率只有 0.879：真正的 8 大多找到了，但它还收进了 8 个不是 8 的。
# 3 正相反，精确率是 1，召回率只有 0.881：它说是 3 的都对，却漏掉了 7 个。
# 爱说 8 的分类器，8 的召回率高，精确率低。
#
# 认错的数字
# ----------
# 数完了，还要看。按模型的把握从大到小，取前十二个：

wrong = (predicted != true).nonzero().flatten()
confidence = logits.softmax(dim=1).max(dim=1).values
worst = wrong[confidence[wrong].argsort(descending=True)][:12]

fig, axes = plt.subplots(2, 6, figsize=(7, 3), layout="constrained")
for ax, i in zip(axes.flat, worst, strict=True):
    ax.imshow(images[test[i]].view(8, 8).numpy(), cmap="gray_r")
    ax.set_title(f"{true[i]} read as {predicted[i]}", fontsize=10)
    ax.set_axis_off()
# alt: 十二张 8 × 8 的灰度数字，标题是真实类别和认成的类别，例如把 8 认成 1、把 4 认成 7、把 5 认成 9
plt.show()

# %%
# 有几张人也难认，例如第一张 8；也有几张人一眼就认得，例如第二行第三张的 5。
# 前一种是数据的极限，后一种是模型的不足：线性层只会给每个像素配一个权重。
#
# 准确率会骗人
# ------------
# 把问题改成“这是不是 8”。十个里约有一个是，一个永远回答“不是”的分类器也能拿高分：

is_eight = true == 8
always_no = torch.zeros_like(is_eight)
for name, says in (("always no", always_no), ("linear layer", predicted == 8)):
    found = (says & is_eight).sum()
    print(
        f"{name:<12}  accuracy {(says == is_eight).float().mean():.3f}"
        f"  recall {found / is_eight.sum():.3f}  precision {found / says.sum():.3f}"
    )

# %%
# 一个 8 也没有找到，准确率却有 0.898；召回率是 0，精确率是 0 除以 0，得 ``nan``。
# 线性层的准确率只高 8 个百分点，召回率却从 0 到 0.951。稀有的那一类越稀有，准确率越没有用。
#
# 改一改：把 ``predicted == 8`` 换成“8 的概率大于 0.1”：``logits.softmax(dim=1)[:, 8] > 0.1``。
# 先猜召回率和精确率各往哪边走，再运行。
#
# 小结
# ----
# - 规则：先看混淆矩阵，再看准确率；类别不均衡时报告每一类的召回率和精确率。
# - API：``torch.bincount(true * K + predicted, minlength=K * K).view(K, K)``；
#   ``sklearn.metrics.precision_recall_fscore_support`` 用来核对。
# - 下一页：:ref:`pitfalls-shape-mismatch`
