# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _evaluation-split-leakage:

先划分，再挑选
==============

一张表只有 100 行，却有 2,000 列。先留下与标签关系最强的 20 列，再把行分成训练和验证两份，然后训练。
验证的行从来没有用来更新参数。这样得到的验证 :term:`准确率` 可以相信吗？

你将学到：

- 判断处理数据的一步该用哪些行来算
- 用新的行量出 :term:`数据泄漏` 使准确率偏高多少
- 写一个打乱标签的检查，找出用过验证标签的步骤
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 思路
# ----
# 从许多列里留下一部分，叫 :term:`特征选择`。它与划分的次序可以有两种。
# 先挑选、后划分时，挑选看了全部 100 行的标签。先划分、后挑选时，挑选只看训练的 70 行的标签。
#
# 验证准确率是用来估计新数据上的准确率的，要检验它，就要有新的行。真实的数据往往没有多余的行，所以这里自己生成。
# 每一列都是随机数，标签像抛硬币一样随机，两者没有关系。各行彼此独立，所以依次取 70 行训练，30 行验证，就等于随机划分。后面的 200 行是新的行，只用来对照。

train, validation = slice(0, 70), slice(70, 100)
all_rows, new = slice(0, 100), slice(100, 300)
loss_fn = nn.CrossEntropyLoss()


def make_noise(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(300, 2000, generator=generator)
    return x, torch.randint(2, (300,), generator=generator)


# %%
# 一列与标签的关系用两类的平均值之差来衡量。``topk(20)`` 给出最大的 20 个数，``indices`` 是它们的编号。
# 模型是一个 :term:`线性层`，只用训练的行更新参数。函数 ``fit`` 给出每一行是否答对，也包括验证的行和新的行。


def class_gap(x, y):
    return x[y == 1].mean(dim=0) - x[y == 0].mean(dim=0)


def fit(x, y):
    torch.manual_seed(0)
    model = nn.Linear(x.shape[1], 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(10):
        loss = loss_fn(model(x[train]), y[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return model(x).argmax(dim=1) == y


def choose_and_fit(x, y, rows, score=class_gap):
    columns = score(x[rows], y[rows]).abs().topk(20).indices
    return fit(x[:, columns], y)


# %%
# .. predict::
#
#    先挑选、后划分，50 份数据平均，验证准确率和新行的准确率会怎样？
#
#    - 都在 0.5 左右，因为列与标签无关，验证的行又没有参加训练
#    - 验证的明显高于 0.5，新行的在 0.5 左右
#    - 都明显高于 0.5，因为留下的是与标签关系最强的 20 列


def report(name, runs):
    right = torch.stack(runs).float()  # (50, 300)
    cells = [right[:, rows].mean(dim=1) for rows in (validation, new)]
    print(f"{name:<26}", *(f"{c.mean():.3f} ± {c.std():.3f}" for c in cells), sep="   ")
    return cells[0]


choices = {"choose on all rows": all_rows, "choose on training rows": train}
print("accuracy, 50 sets of data      validation      new rows")
for name, rows in choices.items():
    report(name, [choose_and_fit(*make_noise(seed), rows) for seed in range(50)])

# %%
# .. answer:: B
#
#    先挑选、后划分，验证准确率平均是 0.849，新行的是 0.500。± 后面是 50 份数据之间的 :term:`标准差`。
#    A 不成立，因为验证的行没有参加训练，标签却从挑选那一步漏了过来。先划分、后挑选时没有这条路，验证准确率就只有 0.484。
#    C 不成立，因为留下的列在新行上没有用。
#
# 这就是数据泄漏。它不报错，训练的那几行代码也没有写错，只是报告的 0.849 在新的行上会变成 0.500。
# 为什么会这样？下图画出一份数据的全部 2,000 列，横轴是训练的行上两类的平均值之差，纵轴是验证的行上的差。

# hide-input: 画图
x, y = make_noise(seed=0)
x_gap, y_gap = (class_gap(x[rows], y[rows]) for rows in (train, validation))
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True, layout="constrained")
for ax, (name, rows) in zip(axes, choices.items(), strict=True):
    columns = class_gap(x[rows], y[rows]).abs().topk(20).indices
    ax.plot(x_gap, y_gap, ".", ms=2, color="0.6")
    ax.plot(x_gap[columns], y_gap[columns], "o", ms=5, color="C1")
    ax.set(title=name, xlabel="gap in the training rows", xticks=(-0.5, 0, 0.5))
    ax.grid(alpha=0.4)
axes[0].set_ylabel("gap in the validation rows")
# alt: 两幅散点图，横轴是训练行上的类间差，纵轴是验证行上的类间差，2,000 个灰点成一团。左图里留下的 20 列都在右上和左下，右图里它们在左右两端，上下都有
plt.show()

# %%
# 每个灰点是一列，橙色的是留下的 20 列。看全部的行来挑选，就留下了两个方向碰巧一致的列，
# 所以在训练的行上学到的关系，在验证的行上也成立。只看训练的行来挑选，留下的列在验证的行上有正有负。

# %%
# 标准化也要这样小心吗
# --------------------
# :term:`标准化` 也要从一些行算出均值和标准差。如果用全部 100 行来算，验证的行也进了这两个数。
# 要量出代价，数据里得有真的规律，也得有不同的尺度。所以让前 10 列与标签有关，再把每一列乘以 1 到 100 之间的一个数。


def make_data(seed):
    x, y = make_noise(seed)
    x[:, :10] += 0.4 * (2 * y - 1).unsqueeze(1)  # 1 加 0.4，0 减 0.4
    generator = torch.Generator().manual_seed(seed)
    return x * 10 ** (2 * torch.rand(2000, generator=generator)), y


def prepare_and_fit(x, y, scale_on, choose_on):
    if scale_on is not None:
        x = (x - x[scale_on].mean(dim=0)) / x[scale_on].std(dim=0)
    return choose_and_fit(x, y, choose_on)


ways = {  # 标准化用的行，挑选用的行
    "no standardization": (None, train),
    "training rows only": (train, train),
    "standardize on all rows": (all_rows, train),
    "choose on all rows": (train, all_rows),
}

# %%
# .. predict::
#
#    只有标准化用了全部的行，挑选仍只看训练的行。与只用训练的行相比，验证准确率会偏高多少？
#
#    - 与挑选时一样偏高很多，因为验证的行同样进了计算
#    - 偏高几个百分点，因为每列只漏过来两个数
#    - 50 份数据里看不出偏高，因为这两个数里没有标签

print("accuracy, 50 sets of data      validation      new rows")
measured = {}
for name, rows in ways.items():
    runs = [prepare_and_fit(*make_data(seed), *rows) for seed in range(50)]
    measured[name] = report(name, runs)


def compare(name, gain):
    error = gain.std() / len(gain) ** 0.5
    signs = f"higher {(gain > 0).sum()}, lower {(gain < 0).sum()} of {len(gain)}"
    print(f"{name:<26}   {gain.mean():+.3f} ± {error:.3f}   {signs}")


print("\nvalidation, minus training rows only: mean ± standard error")
for name in ("standardize on all rows", "choose on all rows"):
    compare(name, measured[name] - measured["training rows only"])

# %%
# .. answer:: C
#
#    最后两行是 :term:`配对比较`，每份数据各减一次，± 后面是平均的 :term:`标准误`。标准化用全部的行时，差是 −0.011 ± 0.008，
#    50 份里 19 份偏高，23 份偏低，看不出偏高，所以 B 不成立。A 也不成立，因为挑选用全部的行时，差是 +0.183，50 份里 49 份偏高。
#    标准化在这里并非没有用，不做标准化时验证准确率只有 0.571。
#
# 挑选用全部的行，得到的模型并没有变差。它在新行上是 0.787，高于只用训练的行时的 0.742。不可信的只是 0.941 这个数。
#
# .. change-it::
#
#    两种步骤的区别是有没有用到标签吗？写一个不看标签的 ``spread(x, y)``，它给出 ``x.std(dim=0)``。
#    用 ``score=spread`` 在 200 份随机数上挑选，看全部的行与只看训练的行相比，验证准确率会偏高吗？


# hide-cell: 不看标签，只看标准差
def spread(x, y):
    return x.std(dim=0)


gains = []
for seed in range(200):
    x, y = make_noise(seed)
    a, b = (choose_and_fit(x, y, rows, score=spread) for rows in (all_rows, train))
    gains.append(a[validation].float().mean() - b[validation].float().mean())
compare("largest std on all rows", torch.stack(gains))

# %%
# .. outcome::
#
#    看不出偏高。差是 +0.009 ± 0.008，93 份偏高，88 份偏低。同样看了全部的行，不看标签就没有量到代价，所以在这里代价来自标签。
#    这不能保证别的数据上也没有代价。只用训练的行来算并不费事，因此标准化也照这样写。

# %%
# 打乱标签的检查
# --------------
# 没有新的行时，怎样查出泄漏？把手里各行的标签随机打乱，再把全部步骤重做一遍，挑选也在其中。
# 打乱以后，列与标签不再有关系，所以验证准确率应当只有碰运气的水平，也就是总答较多的那一类时答对的比例。
# 如果明显高于它，就有一步用了验证的标签。这种检查叫置换检验（permutation test）。
# 碰巧也会高出一些，所以打乱 20 次，平均高出三个标准误以上才报警。


def shuffled_labels(x, y, scale_on, choose_on):
    accuracies = torch.zeros(20)
    for i in range(20):
        torch.manual_seed(i)
        shuffled = y[torch.randperm(len(y))]
        right = prepare_and_fit(x, shuffled, scale_on, choose_on)[validation]
        accuracies[i] = right.float().mean()
    chance = y.bincount().max() / len(y)  # 总答较多的那一类
    alarm = accuracies.mean() > chance + 3 * accuracies.std() / 20**0.5
    return f"{accuracies.mean():.2f}{' alarm' if alarm else ''}"


print("labels shuffled, mean validation accuracy, 5 sets of data")
for name in ("training rows only", "standardize on all rows", "choose on all rows"):
    sets = [make_data(seed) for seed in range(5)]
    results = [shuffled_labels(x[all_rows], y[all_rows], *ways[name]) for x, y in sets]
    print(f"{name:<26}", *results, sep="   ")

# %%
# 挑选用全部的行时，五份数据都报警，标签已经打乱，准确率却还有 0.86 到 0.89。只用训练的行时没有误报。
# 标准化用全部的行时也没有报警，因为它没有用到标签。所以没有报警，不等于没有别的泄漏。
#
# .. real-projects::
#
#    scikit-learn 的 ``Pipeline`` 把标准化、挑选和模型连成一个对象，``fit`` 只看交给它的行，交叉验证时每一折都重做。
#    打乱标签的检查有现成的 `permutation_test_score <https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.permutation_test_score.html>`__。
#    最终要交付的模型可以用全部的行重新挑选和训练，但是报告的准确率仍是先划分时量到的那一个。
#    基因表达数据里列数远多于行数，那里的同一个错误见 `Ambroise 与 McLachlan 的论文 <https://doi.org/10.1073/pnas.102102699>`__。
#
# 小结
# ----
# - 规则：先划分。凡是从数据里算出来的东西，挑选的列也好，均值也好，都只用训练的行来算。
# - API：``x[train].std(dim=0)``、``scores.abs().topk(20).indices`` 和 ``y[torch.randperm(len(y))]``。
# - 下一页：:ref:`evaluation-duplicate-rows`
