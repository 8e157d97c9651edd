# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-cross-validation:

手写交叉验证
============

数据只有 178 瓶酒，留出 36 瓶作验证，其余的用来训练。两个模型在这 36 瓶上的 :term:`准确率` 不同，
于是我们选高的那一个。如果换 36 瓶来验证，选出来的还是它吗？

你将学到：

- 写出分层的 k :term:`折` :term:`交叉验证`
- 区分三种波动，也就是各折之间、重新分折之间和换一批数据之间的波动
- 用相同的折比较两个模型，数出有多少次划分把次序颠倒
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_wine
from torch import nn

# %%
# 思路
# ----
# 只划分一次，准确率就由那 36 瓶决定，每一瓶占 1/36，约 0.03。
# 交叉验证把样本分成 k 份，每一份叫一折。第一轮留出第一折来验证，用其余的折训练。第二轮留出第二折，以此类推。
# k 轮以后，每个样本恰好验证过一次，最后平均 k 个准确率。
#
# 各类的样本不一样多，所以用 :term:`分层抽样`，先在每一类之内打乱，再像发牌一样轮流发给各折，每一折里各类的比例就与全体相近。

wine = load_wine()
x = torch.tensor(wine.data[:, 4:8], dtype=torch.float32)  # 13 个特征只用 4 个
y = torch.tensor(wine.target)


def stratified_folds(y, k, seed):
    generator = torch.Generator().manual_seed(seed)
    folds = torch.empty_like(y)
    for c in y.unique():
        rows = (y == c).nonzero().squeeze(1)  # 这一类的编号
        shuffled = rows[torch.randperm(len(rows), generator=generator)]
        folds[shuffled] = torch.arange(len(rows)) % k  # 0, 1, …, k-1, 0, 1, …
    return folds


print(f"{len(x)} wines:", *wine.feature_names[4:8])
folds = stratified_folds(y, k=5, seed=0)
print("by fold and class:", [y[folds == i].bincount().tolist() for i in range(5)])

# %%

# hide-input: 画图
order = (y * 5 + folds).argsort()  # 先按类，再按折
fig, ax = plt.subplots(figsize=(6.5, 2.2), layout="constrained")
held_out = torch.stack([folds[order] == i for i in range(5)]).float()
ax.imshow(held_out, aspect="auto", cmap="Blues", vmin=-0.4, vmax=1.3)
for edge in y.bincount().cumsum(0)[:2]:
    ax.axvline(edge - 0.5, color="C1", lw=2)
ax.set(xlabel="wine, sorted by class (orange: next class) and fold", ylabel="round")
ax.set(yticks=range(5))
# alt: 五行是五轮，横向是 178 瓶酒，按类和折排好。每一轮留出的是深色的三段，三个类各一段，五轮合起来恰好盖住全部的酒
plt.show()

# %%
# 图中深色的是留出来验证的酒。每一轮在三个类里各留出约五分之一，五轮合起来恰好是全部 178 瓶，没有重复。
#
# 下面的 ``cross_validate`` 做完 k 轮，返回 k 个准确率。
# 四个特征的单位不同，所以要 :term:`标准化`。均值和标准差每一轮重新计算，只用这一轮的训练部分，否则验证部分的信息就进入了训练。

loss_fn = nn.CrossEntropyLoss()


def accuracy(n_hidden, z, y, validation, seed):
    inputs, targets = z[~validation], y[~validation]
    torch.manual_seed(seed)
    layers = nn.Linear(4, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 3)
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(20):
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = model(z[validation]).argmax(dim=1) == y[validation]
    return right.float().mean()


def cross_validate(n_hidden, x, y, seed, shift=0):
    folds = stratified_folds(y, 5, seed)
    rounds = []
    for i in range(5):
        train = folds != i
        z = (x - x[train].mean(dim=0)) / x[train].std(dim=0)
        rounds.append(accuracy(n_hidden, z, y, ~train, seed + shift))
    return torch.stack(rounds)


runs = torch.stack([cross_validate(32, x, y, seed) for seed in range(30)])  # (30, 5)
first = runs[0]
print("seed 0, 5 folds:", *(f"{a:.3f}" for a in first))
print(f"mean {first.mean():.3f} ± {first.std():.3f}", end="")
print(f", standard deviation / sqrt(5) = {first.std() / 5**0.5:.3f}")

# %%
# 同一个模型，五折的准确率各不相同，在 0.722 与 0.917 之间。
# 五个数如果互相独立，平均的 :term:`标准误` 就是 :term:`标准差` 除以 :math:`\sqrt 5`，最后一个数是按这个公式算的。
#
# 三种波动
# --------
# 上面用 30 个种子各分折一次，所以有 150 个单次划分的准确率和 30 个五折的平均。
#
# .. predict::
#
#    这 30 个平均之间的标准差有多大？
#
#    - 与单次划分之间的标准差相近，因为五轮的训练部分大多重合，平均抵消不了波动
#    - 与公式给出的相近，因为每个平均由五个数得来
#    - 比公式给出的小，因为每次分折，验证过的合起来总是同样的 178 瓶

mixed = runs.view(6, 5, 5).mean(dim=1)  # 第 i 折，取自五次不同的分折
formula = (runs.var(dim=1).mean() / 5).sqrt()
for name, values in {
    "150 single splits": runs,
    "30 means, the 5 folds of one shuffle": runs.mean(dim=1),
    "30 means, 5 splits of 5 shuffles": mixed,
}.items():
    print(f"{name:<36} {values.mean():.3f} ± {values.std():.3f}", end="")
    print(f", {values.min():.3f} to {values.max():.3f}")
print(f"formula, average over 30 shuffles          ± {formula:.3f}")

# %%
# .. answer:: C
#
#    单次划分的标准差是 0.061，五折的平均只有 0.016，所以 A 不成立。公式给出 0.029，比它大得多，所以 B 不成立。
#    第三行是 C 的对照。它也平均五个数，但是五个数来自五次不同的分折，有的酒验证了几次，有的一次也没有。
#    这时的标准差是 0.025，更接近公式。
#
# 公式要求五个数互相独立。但是每一轮用四折训练，任意两轮都有三折相同，所以各折之间的标准差不能用这个公式换算成平均的标准误。
#
# 那么 0.016 是不是准确率的误差？30 次分折用的是同样的 178 瓶，没有换过一瓶。下面把它们分成两半，
# 每一半都当作一份单独的数据，各做两次五折交叉验证。这样重复十次。

within, between = [], []
for i in range(10):
    halves = stratified_folds(y, 2, seed=100 + i)
    a, b = (
        torch.stack([cross_validate(32, x[rows], y[rows], s).mean() for s in (0, 1)])
        for rows in (halves == 0, halves == 1)
    )
    within += [a.var(), b.var()]  # 同一半，重新分折
    between.append((a.mean() - b.mean()) ** 2 / 2)  # 两个数的方差

print(f"same 89 wines, other folds: ± {torch.stack(within).mean().sqrt():.3f}")
print(f"other 89 wines:             ± {torch.stack(between).mean().sqrt():.3f}")

# %%
# 换一批酒时，标准差从 0.023 升到 0.049。重新分折多少次，都看不到这种波动。
#
# 错误：凭一次划分排名次
# ----------------------
# 现在比较隐藏层有 32 个和 8 个单元的两个网络，每次划分的训练部分和验证部分都相同。
# 另有一行对照，32 个单元的网络与自己比较，只是参数的初始值换了种子。
#
# .. predict::
#
#    32 个单元的平均准确率高 0.035，单次划分的标准差是 0.061。150 次单次划分里，有多少次反而低？
#
#    - 约 75 次，因为 0.035 比 0.061 小，次序全凭运气
#    - 约 25 次，因为同一次划分的运气，对两个网络只有一部分相同
#    - 最多 5 次，因为划分相同，运气对两个网络也就相同

rivals = {"hidden 8": (8, 0), "hidden 32 again": (32, 1000)}
scores = {}
print("hidden 32 against  mean gain   150 splits: lower  tied   30 means: lower")
for name, (n, shift) in rivals.items():
    results = [cross_validate(n, x, y, seed, shift) for seed in range(30)]
    scores[name] = torch.stack(results)
    gain = runs - scores[name]
    lower, tied = (gain < 0).sum(), (gain == 0).sum()
    print(f"{name:<17} {gain.mean():>+10.3f} {lower:>19} {tied:>5}", end="")
    print(f" {(gain.mean(dim=1) < 0).sum():>17}")

# %%
# .. answer:: B
#
#    150 次里有 27 次反而低，所以 A 和 C 都不成立。另有 21 次相同，合起来约三分之一的划分选不出 32 个单元的网络。
#    最后一行的两个网络一样大，划分也相同，仍然只有 46 次相等，可见一次划分的运气对两个网络并不相同。
#
# 五折的平均 30 次里只颠倒了 1 次。最后一行的两个网络只有初始值不同，五折的平均颠倒了 19 次，可见平均并不会凭空造出名次。
# 改法是两个网络用相同的折，比较五折的平均。为了不再弄错，重新分折多次，次序不一致时就不排名次。


def rank(ours, theirs):
    if len(ours) < 10:
        return f"{len(ours)} shuffle is too few, not ranked"
    wins = (ours.mean(dim=1) > theirs.mean(dim=1)).float().mean()
    verdict = "better" if wins >= 0.9 else "worse" if wins <= 0.1 else "not ranked"
    return f"ahead in {wins:.0%} of {len(ours)} shuffles, {verdict}"


for name, values in scores.items():
    print(f"{name:<16}", rank(runs, values))
print("hidden 8, once  ", rank(runs[:1], scores["hidden 8"][:1]))

# %%
# 与 8 个单元的网络比较，排出了名次。与自己比较时没有排，只分折一次时也没有。
# 这个检查只说明次序与怎样分折无关。换一批酒以后次序会不会变，它看不到。
#
# .. change-it::
#
#    在 ``cross_validate`` 里把计算 ``z`` 的一行移到循环之前，两个 ``x[train]`` 都改成 ``x``，用全部的酒标准化。五折的平均会明显偏高吗？


# hide-cell: 在折之外标准化
def scaled_outside(seed):
    folds = stratified_folds(y, 5, seed)
    z = (x - x.mean(dim=0)) / x.std(dim=0)
    return torch.stack([accuracy(32, z, y, folds == i, seed) for i in range(5)])


outside = torch.stack([scaled_outside(seed) for seed in range(20)])
gain = outside.mean(dim=1) - runs[:20].mean(dim=1)
print(f"mean gain {gain.mean():+.3f} ± {gain.std():.3f}")
print(f"higher in {(gain > 0).sum()}, lower in {(gain < 0).sum()} of 20 shuffles")

# %%
# .. outcome::
#
#    不明显。20 次分折里 10 次升高，4 次降低，平均的变化是 0.002，比标准差 0.006 小。
#    仍然要在折之内标准化，因为这样写不费事，而别的步骤在折之外做，偏差可以很大，见 :ref:`evaluation-split-leakage`。

# %%
# .. real-projects::
#
#    scikit-learn 的 ``StratifiedKFold`` 给出每一折的编号，``GroupKFold`` 把同一个人或同一批次的样本放在同一折。
#    把标准化与模型放进同一个 ``Pipeline``，每一折就会重新计算均值和标准差。
#    网络大、数据多时，k 折要训练 k 次，而验证集已经很大，所以常常只划分一次。
#    接口见 `Cross-validation <https://scikit-learn.org/stable/modules/cross_validation.html>`__，
#    各折的标准差为什么不能换算成标准误，见 `Bengio 与 Grandvalet 的论文 <https://www.jmlr.org/papers/v5/grandvalet04a.html>`__。
#
# 小结
# ----
# - 规则：数据少时不凭一次划分下结论。两个模型用相同的折，重新分折多次，再看次序是否一致。
# - API：``torch.randperm(n, generator=...)``、``folds == i``、``Tensor.bincount()``、``Tensor.std()``。
# - 下一页：:ref:`evaluation-how-many-seeds`
