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
- 计算每一类的 :term:`精确率` 与 :term:`召回率`，以及宏平均与微平均
- 判断类别不均衡时该看哪个指标
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report, f1_score, precision_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from torch import nn

# %%
# 按真实类别和预测类别计数
# ------------------------
# 混淆矩阵的行是真实类别，列是预测类别，每一格是样本的个数。
# 认对的样本在对角线上，例如真实是 3、认成 8 的样本在标签 3 的行、标签 8 的列。
#
# 先训练一个 :term:`线性层`。只用 400 张图训练，好让它多犯一些错。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])
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
# ``torch.bincount`` 数出每个编号出现几次，再排成 10 × 10。


def count_confusions(true, predicted):
    return torch.bincount(true * 10 + predicted, minlength=100).view(10, 10)


matrix = count_confusions(true, predicted)
print(f"{list(matrix.shape)}, total {matrix.sum()}, on the diagonal {matrix.trace()}")
for row, column in ((1, 8), (4, 0), (8, 1)):
    print(f"{row} taken for {column}: {matrix[row, column]} times")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.2, 4.8), layout="constrained")
mistakes = matrix.clone().fill_diagonal_(0).numpy()
ax.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=-2, vmax=8)
for row in range(10):
    for column in range(10):
        if count := matrix[row, column].item():
            color = "0.5" if row == column else "0.1"
            ax.text(column, row, count, ha="center", va="center", color=color)
ax.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true")
# alt: 10 × 10 的方格，行是真实类别，列是预测类别。灰色的数都在对角线上，橙色的是错误，1 认成 8 的最多，有 5 次，其次是 4 认成 0，有 3 次
plt.show()

# %%
# 错误并不均匀。20 个错误里，1 认成 8 占了 5 个，4 认成 0 占了 3 个。
# 两个方向要分开看，8 认成 1 只有 2 个。
#
# 召回率看行，精确率看列
# ----------------------
# 对某一类，例如 8，有两个不同的问题。
#
# - 真正的 8 里，有多少被认成了 8？这是召回率，等于对角线上的数除以标签 8 那一行的和。
# - 被认成 8 的图里，有多少真的是 8？这是精确率，等于对角线上的数除以标签 8 那一列的和。
#
# 想把两者合成一个数时，常用 F1，它等于 :math:`2PR / (P + R)`，
# 其中 :math:`P` 是精确率，:math:`R` 是召回率。


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
# 8 的召回率 0.938，精确率只有 0.769，因为不少别的数字也被认成了 8。3 正相反，认成 3 的都是 3，但是漏掉了一些。
# 1 的两个指标相等，因为认成 1 的张数恰好等于真正的 1 的张数。
#
# .. predict::
#
#    在每张图的 :term:`logits` 里，给 8 这一类加上 2，模型就更容易把图认作 8。8 的召回率和精确率怎样变？
#
#    - 召回率升高，精确率降低。
#    - 召回率和精确率都升高。
#    - 召回率降低，精确率升高。

more_eights = logits.clone()
more_eights[:, 8] += 2
for name, scores in (("as trained", logits), ("8 raised by 2", more_eights)):
    changed = count_confusions(true, scores.argmax(dim=1))
    p, r, _ = per_class(changed)
    n_said, n_found = changed[:, 8].sum(), changed[8, 8]
    print(
        f"{name:<13}  says 8: {n_said}, right: {n_found} of {changed[8].sum()}", end=""
    )
    print(f"  precision {p[8]:.3f}  recall {r[8]:.3f}")

# %%
# .. answer:: A
#
#    认成 8 的图从 39 张增加到 56 张，其中真正的 8 只多了 1 张。召回率的分母是真正的 8 的张数，它不变，所以召回率升高一点，C 不对。
#    精确率的分母是认成 8 的张数，它增加得比分子快，所以精确率降低，B 不对。
#
# 宏平均与微平均
# --------------
# 十个类别有十个召回率，要合成一个数有两种办法。
# 宏平均先算每一类的指标，再取平均，每一类的分量相同。微平均把所有类别的计数加在一起再算，每个样本的分量相同。
# 每个样本只属于一类、也只认成一类时，微平均的精确率和召回率都等于准确率。
#
# scikit-learn 的函数直接给出这些指标。

by_sklearn = sklearn_confusion_matrix(true.numpy(), predicted.numpy())
print(f"same matrix: {np.array_equal(by_sklearn, matrix.numpy())}")
report = classification_report(true.numpy(), predicted.numpy(), output_dict=True)
print(f"macro recall: by hand {recall.mean():.4f}, ", end="")
print(f"scikit-learn {report['macro avg']['recall']:.4f}")
micro = precision_score(true.numpy(), predicted.numpy(), average="micro")
print(f"micro precision: {micro:.4f}, accuracy {report['accuracy']:.4f}")

# %%
# .. change-it::
#
#    scikit-learn 的参数次序是真实类别在前。把两个参数写反，8 的精确率和召回率会变成多少？

# hide-cell: 两个参数写反
wrong = classification_report(predicted.numpy(), true.numpy(), output_dict=True)
print(f"precision {wrong['8']['precision']:.3f}  recall {wrong['8']['recall']:.3f}")

# %%
# .. outcome::
#
#    两个数互换了，而且没有报错。参数写反，矩阵就转置了，行和列因此对调。

# %%
# 类别不均衡
# ----------
# 各类个数差不多时，宏平均和微平均很接近，就像上面那样。
# 现在把问题改成“这是不是 8”，十张图里大约一张是。比较这个网络，和一个永远回答“不是”的分类器。

is_eight = true == 8
answers = {"network": predicted == 8, "always no": torch.zeros_like(is_eight)}
for name, says in answers.items():
    accuracy = (says == is_eight).float().mean()
    found, right_no = says[is_eight].float().mean(), (~says[~is_eight]).float().mean()
    print(f"{name:<9}  accuracy {accuracy:.3f}  recall of 8: {found:.3f}", end="")
    print(f"  macro recall {(found + right_no) / 2:.3f}")

# %%
# 永远回答“不是”，准确率也有 0.893，但是 8 的召回率是 0，宏平均是 0.5。它从不认成 8，8 的精确率要除以 0，没有定义。
# 所以类别不均衡时，不要只看准确率，要看少数类的召回率和精确率，或者看宏平均。
#
# 选定之后，测试集只用一次：

with torch.no_grad():
    test_predicted = model(images[test]).argmax(dim=1)
test_accuracy = (test_predicted == labels[test]).float().mean()
macro_f1 = f1_score(labels[test].numpy(), test_predicted.numpy(), average="macro")
print(f"test: accuracy {test_accuracy:.3f}, macro F1 {macro_f1:.3f}")

# %%
# .. real-projects::
#
#    类别很多时，画不下整个矩阵，就按个数列出最常见的几种混淆。数据分批来时，把各批的矩阵加起来，最后再算指标。
#    接口见 `classification_report <https://scikit-learn.org/stable/modules/generated/sklearn.metrics.classification_report.html>`__，各种指标的选择见 `scikit-learn 的用户指南 <https://scikit-learn.org/stable/modules/model_evaluation.html>`__。
#
# 小结
# ----
# - 规则：先看混淆矩阵，再看每一类的召回率和精确率，类别不均衡时报告宏平均。
# - API：``torch.bincount(true * K + predicted, minlength=K * K).view(K, K)``，``sklearn.metrics.classification_report``。
# - 下一页：:ref:`pitfalls-shape-mismatch`
