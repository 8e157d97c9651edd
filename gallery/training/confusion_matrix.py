# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-confusion-matrix:

混淆矩阵与指标
==============

一个分类器的验证 :term:`准确率` 还不错。剩下的错误是均匀分布的，还是集中在某几类？
准确率只有一个数，回答不了这个问题。

你将学到：

- 数出 :term:`混淆矩阵`，并读出哪一类被认成了哪一类
- 计算每一类的 :term:`精确率` 与 :term:`召回率`，并读懂 scikit-learn 的报告
- 判断类别不均衡时该看哪些指标
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from torch import nn

# %%
# 按真实类别和预测类别计数
# ------------------------
# 混淆矩阵的行是真实类别，列是预测类别，每一格是样本的个数。
# 例如真实是 3、认成 8 的样本，都数在标签 3 的行、标签 8 的列。认对的样本在对角线上。
#
# 先训练一个 :term:`线性层`。只用 400 张图训练，好让它多犯一些错。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train = train[:400]
loss_fn = nn.CrossEntropyLoss()

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
model.train()
for _ in range(100):
    loss = loss_fn(model(images[train]), labels[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    logits = model(images[validation])
true, predicted = labels[validation], logits.argmax(dim=1)
n_wrong = (predicted != true).sum()
print(
    f"accuracy {(predicted == true).float().mean():.3f}, {n_wrong} of {len(true)} wrong"
)

# %%
# 把真实类别 :math:`t` 和预测类别 :math:`p` 合成一个编号 :math:`10t + p`，它正是展平后的格子编号。
# ``torch.bincount`` 数出每个编号出现几次，再排成 10 × 10。结果只到出现过的最大编号为止，
# 例如前三张图里最大的编号是 55，所以只有 56 个数。要凑足 100 个，就写 ``minlength=100``。


def count_confusions(true, predicted):
    return torch.bincount(true * 10 + predicted, minlength=100).view(10, 10)


few = torch.bincount(true[:3] * 10 + predicted[:3])
print(f"three images, no minlength: {len(few)} counts")
matrix = count_confusions(true, predicted)
print(f"{list(matrix.shape)}, total {matrix.sum()}, on the diagonal {matrix.trace()}")
mistakes = matrix.clone().fill_diagonal_(0)
by_sklearn = sklearn_confusion_matrix(true.numpy(), predicted.numpy())
print(f"cells that differ from scikit-learn: {(by_sklearn != matrix.numpy()).sum()}")
print("wrong, by predicted class:", mistakes.sum(dim=0).tolist())
for row, column in ((1, 8), (4, 0), (8, 1)):
    print(f"{row} taken for {column}: {matrix[row, column]} times")

# %%
# 下图里，对角线上灰色的数是认对的个数，橙色的格子是认错的个数，颜色越深次数越多，空白的格子是 0。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.2, 4.8), layout="constrained")
ax.imshow(np.ma.masked_equal(mistakes.numpy(), 0), cmap="Oranges", vmin=-2, vmax=8)
for row in range(10):
    for column in range(10):
        if count := matrix[row, column].item():
            color = "0.4" if row == column else "0.1"
            ax.text(column, row, count, ha="center", va="center", color=color)
ax.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true")
# alt: 10 × 10 的方格，行是真实类别，列是预测类别。
# 灰色的数都在对角线上，橙色的是错误，1 认成 8 的最多，有 5 次，其次是 4 认成 0，有 3 次
plt.show()

# %%
# scikit-learn 的 ``confusion_matrix`` 数出的矩阵与手算的相同。
# 错误集中在标签 8 的列，20 个错误里有 9 个在那里，其中 5 个是 1 认成 8。反过来，8 认成 1 只有 2 个，所以两个方向要分开看。
#
# 召回率看行，精确率看列
# ----------------------
# 对某一类，例如 8，有两个不同的问题。
#
# - 真正的 8 里，认成 8 的占多大比例？这是召回率（recall），等于对角线上的数除以标签 8 那一行的和。
#   行里的其余各格是漏检（假阴性，false negative）。
# - 认成 8 的图里，真正的 8 占多大比例？这是精确率（precision），等于对角线上的数除以标签 8 那一列的和。
#   列里的其余各格是误报（假阳性，false positive）。
#
# 想把两者合成一个数时，常用 F1，它等于 :math:`2PR / (P + R)`，
# 其中 :math:`P` 是精确率，:math:`R` 是召回率。两者不相等时，F1 更靠近较小的一个。


def per_class(matrix):
    hits = matrix.diagonal()
    recall = hits / matrix.sum(dim=1)  # 行的和是真正属于这一类的个数
    precision = hits / matrix.sum(dim=0)  # 列的和是被认成这一类的个数
    f1 = 2 * precision * recall / (precision + recall)
    return precision, recall, f1


precision, recall, f1 = per_class(matrix)
print("class  precision  recall     f1")
for k in (1, 3, 8):
    print(f"{k:>5}  {precision[k]:>9.3f}  {recall[k]:>6.3f}  {f1[k]:>5.3f}")

# %%
# 8 的召回率是 0.938，精确率只有 0.769，因为那 9 个误报都在标签 8 的列里。3 正相反，认成 3 的都是 3，但是漏检了一些。
# 1 的两个指标相等，因为认成 1 的张数恰好等于真正的 1 的张数。
#
# .. predict::
#
#    在每张图的 :term:`logits` 里，给 8 这一类加上 2，模型就更容易把图认作 8。8 的召回率和精确率怎样变？
#
#    - 召回率升高，精确率降低，因为新认成 8 的图多半不是 8
#    - 都升高，因为认出的 8 多了
#    - 召回率降低，精确率升高，因为两个指标总是一升一降

for added in (0, 0.5, 2):
    scores = logits.clone()
    scores[:, 8] += added
    changed = count_confusions(true, scores.argmax(dim=1))
    p, r, _ = per_class(changed)
    n_said, n_found = changed[:, 8].sum(), changed[8, 8]
    print(f"add {added:<3}  says 8: {n_said}, right: {n_found}", end="")
    print(f"  precision {p[8]:.3f}  recall {r[8]:.3f}")

# %%
# .. answer:: A
#
#    原来认成 8 的图仍然认成 8，所以认对的 8 只增不减，而真正的 8 的张数不变。召回率因此不会降低。
#    这里认对的 8 从 30 张增加到 31 张，召回率升高，所以 C 不对。C 的理由也不成立，因为只加 0.5 时，召回率不变，精确率却降低了。
#
#    真正的 8 有 32 张，已经认对 30 张，所以新认成 8 的图里最多 2 张是对的。加 2 以后多了 17 张，
#    其中只有 1 张是 8，这个比例低于原来的 0.769，所以精确率降低，B 也不对。

# %%
# 在一份报告里看全部类别
# ----------------------
# 十个类别有十个召回率，要合成一个数有两种办法。
# 宏平均（macro）先算每一类的指标，再取平均，每一类在平均里的权重相同。
# 微平均（micro）把所有类别的计数加在一起再算，每个样本的权重相同。
#
# 每个样本只属于一类，也只认成一类，所以各行的和加起来与各列的和加起来都是样本总数。
# 微平均的召回率和精确率因此都是对角线的和除以总数，也就是准确率。scikit-learn 的报告把这个数写在 ``accuracy`` 那一行。
# ``weighted avg`` 按每一类的样本数 ``support`` 加权。

micro_recall = matrix.trace() / matrix.sum(dim=1).sum()
micro_precision = matrix.trace() / matrix.sum(dim=0).sum()
print(f"micro: precision {micro_precision:.3f}, recall {micro_recall:.3f}")
print(f"macro: precision {precision.mean():.3f}, recall {recall.mean():.3f}\n")
print(classification_report(true.numpy(), predicted.numpy(), digits=3).rstrip())

# %%
# 手算的四个平均数都与报告相同。精确率最低的是 8，召回率最低的是 1。
#
# .. change-it::
#
#    ``classification_report`` 的第一个参数是真实类别。把最后一行的 ``true`` 和 ``predicted`` 对调，8 的精确率和召回率会变成多少？

# hide-cell: 两个参数写反
swapped = classification_report(predicted.numpy(), true.numpy(), output_dict=True)
print(f"precision {swapped['8']['precision']:.3f}  recall {swapped['8']['recall']:.3f}")

# %%
# .. outcome::
#
#    两个数互换了，而且没有报错。参数写反，矩阵就转置了，行和列因此对调。

# %%
# 类别不均衡
# ----------
# 现在把问题改成“这是不是 8”，300 张图里只有 32 张是。比较这个网络，和一个永远回答“不是”的分类器。
#
# .. predict::
#
#    下面三个指标里，两个分类器在哪一个上相差最小？
#
#    - 准确率，因为大多数图都不是 8
#    - 8 的召回率，因为它只看 32 张图
#    - 宏平均召回率，因为它把 8 与其余的图平均起来

is_eight = true == 8
answers = {"network": predicted == 8, "always no": torch.zeros_like(is_eight)}
print("           accuracy  recall of 8  of the rest  macro recall  precision of 8")
for name, says in answers.items():
    accuracy = (says == is_eight).float().mean()
    of_eight = says[is_eight].float().mean()
    of_rest = (~says[~is_eight]).float().mean()
    macro_recall = (of_eight + of_rest) / 2
    precision_of_8 = is_eight[says].float().mean()
    print(f"{name:<10} {accuracy:>8.3f}  {of_eight:>11.3f}  {of_rest:>11.3f}", end="")
    print(f"  {macro_recall:>12.3f}  {precision_of_8:>14.3f}")

# %%
# .. answer:: A
#
#    准确率是 0.963 对 0.893，因为永远回答“不是”也答对了其余的 268 张。B 和 C 相差大得多，是 0.938 对 0 和 0.952 对 0.5。
#    0.893 也是微平均召回率，0.5 是宏平均召回率，也就是 (0 + 1) / 2。两种平均在前面几乎相等，在这里却相差很远。
#
#    永远回答“不是”的分类器从不认成 8，所以 8 的精确率是 0 除以 0，也就是 ``nan``。这时 scikit-learn 给出 0 和一条警告。
#
#    只看宏平均召回率也不够。网络有 0.952，但是认成 8 的 39 张里有 9 张不是 8。9 张在其余的 268 张里只占很小的比例，
#    所以其余图的召回率仍有 0.966，只有精确率的 0.769 显出误报之多。

# %%
# 因此类别不均衡时，少数类的召回率和精确率两个都要看。
#
# .. real-projects::
#
#    画图可以用 scikit-learn 的 ``ConfusionMatrixDisplay.from_predictions``。各类的样本数相差很大时，
#    加上 ``normalize="true"``，每一行的和就是 1，对角线上就是召回率。类别太多、画不下时，就按个数列出最常见的几种混淆。
#    数据分批来时，把各批的矩阵加起来，最后再算指标，因为各批精确率的平均一般不等于全部样本的精确率。
#    接口见 `classification_report <https://scikit-learn.org/stable/modules/generated/sklearn.metrics.classification_report.html>`__，各种指标的选择见 `scikit-learn 的用户指南 <https://scikit-learn.org/stable/modules/model_evaluation.html>`__。
#
# 小结
# ----
# - 规则：先看混淆矩阵里错误集中在哪几格，再看每一类的召回率和精确率，类别不均衡时不要只看准确率或宏平均召回率。
# - API：``torch.bincount(true * K + predicted, minlength=K * K).view(K, K)``，``classification_report(true, predicted)``。
# - 下一页：:ref:`pitfalls-shape-mismatch`
