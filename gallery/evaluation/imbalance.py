# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-imbalance:

类别不平衡
==========

二十个样本里只有一个是要找的，分类器的 :term:`准确率` 很高，要找的却大半没有找到。
给少数类加权、让它更常被取到、移动 :term:`判定阈值`，都是常用的办法。它们各自改变了什么？

你将学到：

- 写出类别权重、:term:`过采样` 和移动判定阈值
- 用 :term:`平均精确率` 判断改变的是样本的次序还是阈值
- 检查少数类是否被加权了两次
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import average_precision_score, precision_recall_curve
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

# %%
# 一比二十的数据
# --------------
# scikit-learn 的乳腺癌数据里，恶性的有 212 例，良性的有 357 例，并不算很不平衡。
# 下面每次随机取 10 例恶性和 200 例良性来训练，再从其余的里取 7 例和 140 例来验证，两处都是一比二十。
# 30 项测量只用 4 项，免得分类太容易。7 例恶性太少，单独一次划分说明不了什么，所以用 20 次随机的划分，把结果合在一起看。

cancer = load_breast_cancer()
x = torch.tensor(cancer.data[:, [1, 4, 6, 8]], dtype=torch.float32)
y = torch.tensor(cancer.target == 0, dtype=torch.float32)  # 1 是恶性，也就是正类
seeds = range(20)


def split(seed):
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    malignant, benign = order[y[order] == 1], order[y[order] == 0]
    train = torch.cat([malignant[:10], benign[:200]])
    validation = torch.cat([malignant[10:17], benign[200:340]])
    z = (x - x[train].mean(dim=0)) / x[train].std(dim=0)  # 不看验证样本
    return z, train, validation


truth = torch.stack([y[split(seed)[2]] == 1 for seed in seeds])  # (20, 147)
print(f"{cancer.data.shape}: {y.sum():.0f} malignant, {(1 - y).sum():.0f} benign")
print(f"validation: {truth.sum()} malignant of {truth.numel()} in {len(seeds)} splits")
print(f"accuracy of always answering benign: {(~truth).float().mean():.3f}")

# %%
# 永远回答“良性”的分类器有 95.2% 的准确率，却一例恶性也找不到，所以这一页不用准确率来比较。
#
# 三种办法
# --------
# 网络给每个样本一个得分，它是 logit 经过 sigmoid 的结果，在 0 到 1 之间。得分超过阈值 0.5，就判为恶性。
#
# - 类别权重是 ``nn.BCEWithLogitsLoss`` 的参数 ``pos_weight``。它是 20 时，正类样本的损失乘以 20，10 例恶性与 200 例良性的总权重就相等。
# - 过采样让正类更常被取到。``WeightedRandomSampler`` 按权重随机取行，取过的行还可以再取。
# - 移动阈值不改变训练，只改变得分超过多少才判为恶性。
#
# 采样器交给 ``DataLoader`` 的 ``sampler`` 参数，这时不再写 ``shuffle=True``。

z, train, _ = split(0)
weights = torch.where(y[train] == 1, 20.0, 1.0)
torch.manual_seed(0)
sampler = WeightedRandomSampler(weights, num_samples=len(train))
loader = DataLoader(TensorDataset(z[train], y[train]), batch_size=42, sampler=sampler)
print("malignant in each batch of 42:", [int(labels.sum()) for _, labels in loader])
print(f"different rows in one epoch: {len(set(sampler))} of {len(train)}")

# %%
# 每批里约有一半是恶性，它们都是那 10 例的重复。一轮取 210 次，但是取到的不同样本还不到一半，因为良性样本被取到的次数少了。
#
# 次序与阈值
# ----------
# 把样本按得分从高到低排列，阈值就是在哪里切一刀，切口以上的判为恶性。切口往下移，:term:`召回率` 升高，:term:`精确率` 一般降低。
# 每个切口给出一对召回率与精确率，连起来就是 :term:`精确率–召回率曲线`。
# 平均精确率是这条曲线下的面积。它只取决于样本的次序，与切在哪里无关，所以能把次序与阈值分开。
#
# .. predict::
#
#    训练时设 ``pos_weight=20``，阈值仍是 0.5。与不加权相比，验证的结果会怎样？
#
#    - 召回率升高，平均精确率也升高，因为网络更重视恶性样本，把它们排得更靠前
#    - 召回率和平均精确率都不变，因为 20 只是损失里的一个常数
#    - 召回率升高，平均精确率没有升高，因为改变的主要是得分的高低


def fit(seed, pos_weight=1.0, sample_weight=1.0):
    z, train, validation = split(seed)
    torch.manual_seed(seed)
    model = nn.Linear(4, 1)
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(pos_weight))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
    weights = torch.where(y[train] == 1, sample_weight, 1.0)
    sampler = WeightedRandomSampler(weights, num_samples=len(train))
    for _ in range(50):
        rows = train[list(sampler)] if sample_weight > 1 else train  # 采样器给出行号
        loss = loss_fn(model(z[rows]).squeeze(1), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return torch.sigmoid(model(z[validation]).squeeze(1))


def average_precisions(name):
    pairs = zip(truth.numpy(), scores[name].numpy(), strict=True)
    return torch.tensor([average_precision_score(*pair) for pair in pairs])


head = "            flagged  precision  recall  mean score  average precision  above"


def report(name, flagged=None, label=None):
    flagged = scores[name] > 0.5 if flagged is None else flagged
    found = (flagged & truth).sum()
    print(f"{label or name:<11} {flagged.sum() / len(seeds):>7.1f}", end="")
    print(f"  {found / flagged.sum():>9.3f}  {found / truth.sum():>6.3f}", end="")
    print(f"  {scores[name].mean():>10.3f}", end="")
    each = average_precisions(name)
    above = (each > average_precisions("plain")).sum()
    count = "" if name == "plain" else f"{above:>2} of {len(seeds)}"
    print(f"      {each.mean():.3f} ± {each.std():.3f}   {count}".rstrip())


def flag_as_many(name, other):  # 移动 name 的阈值，与 other 判出一样多
    counts = (scores[other] > 0.5).sum(dim=1, keepdim=True)
    ranks = scores[name].argsort(dim=1, descending=True).argsort(dim=1)
    return ranks < counts


methods = {
    "plain": {},
    "weights": {"pos_weight": 20.0},
    "sampler": {"sample_weight": 20.0},
}
scores = {}
print(head)
for name in methods:
    scores[name] = torch.stack([fit(seed, **methods[name]) for seed in seeds])
    report(name)
report("plain", flag_as_many("plain", "weights"), label="plain moved")

# %%
# .. answer:: C
#
#    ``flagged`` 是平均每次划分里判为恶性的个数，精确率和召回率由 20 次划分的个数合起来算，``above`` 是平均精确率高于不加权的划分数。
#    加权以后，召回率从 0.279 升到 0.793，所以 B 不成立。平均精确率从 0.522 变成 0.495，20 次划分里只有 6 次升高，所以 A 不成立。两个平均之差比标准差小得多，所以看不出次序变好，也看不出明显变坏。
#    ``mean score`` 是得分的平均，它从 0.048 升到 0.190，于是更多的样本越过了 0.5。
#
# 最后一行是对照。它用的还是不加权训练的网络，只把阈值降到与加权判出一样多，这样做用不着标签。它的召回率是 0.764，精确率是 0.247，与加权那一行相差不大。
# 所以在这份数据上，权重和采样器做的主要是移动阈值，看不出它们把恶性样本排得更靠前。
# 精确率也同样降到约四分之一。这个代价值不值得，要由漏检和误报各自的后果来定。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
for name, marker in (("plain", "o"), ("weights", "s")):
    pooled = truth.flatten(), scores[name].flatten()
    precision, recall, thresholds = precision_recall_curve(*pooled)
    (line,) = ax.plot(recall[:-1], precision[:-1], label=name)
    at, label = (thresholds > 0.5).argmax(), f"{name}, threshold 0.5"
    ax.plot(recall[at], precision[at], marker, ms=9, c=line.get_color(), label=label)
ax.axhline(1 / 21, color="0.5", ls=":", label="flag at random")
ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
ax.legend()
# alt: 两条精确率–召回率曲线，右半边几乎重合，左半边不加权的略高。圆点在左边，召回率约 0.28，方块在右下，召回率约 0.79
plt.show()

# %%
# 图上的曲线把 20 次划分的个数合在一起。右半边两条曲线几乎重合，左半边不加权的略高。阈值同是 0.5，两种训练却落在不同的位置。
# 虚线是随机判断时的精确率，等于恶性的比例。
#
# 错误：加权两次
# --------------
# .. predict::
#
#    有人已经用了采样器，又写上 ``pos_weight=20``。阈值 0.5 时会怎样？
#
#    - 判为恶性的比只用一种时多几倍，精确率更低，因为两个 20 会相乘
#    - 与只用一种时相同，因为类别已经平衡，再加权不起作用
#    - 召回率不变，精确率升高，因为恶性样本排得更靠前

methods["both"] = {"pos_weight": 20.0, "sample_weight": 20.0}
methods["weights 400"] = {"pos_weight": 400.0}
print(head)
for name in ("both", "weights 400"):
    scores[name] = torch.stack([fit(seed, **methods[name]) for seed in seeds])
    report(name)

# %%
# .. answer:: A
#
#    每次划分的 147 例里，判为恶性的有 74.7 例，只用采样器时是 21.2 例，所以 B 不成立。
#    精确率降到 0.093，平均精确率也只有 6 次高于不加权，所以 C 不成立。
#    原因是两个 20 相乘。对照是只用 ``pos_weight=400`` 的那一行，它判为恶性的个数与 ``both`` 几乎相同。
#
# 这里没有报错，召回率还很好看。检查的办法是算出正类在总权重里占多少，采样和损失都算进去。


def positive_share(pos_weight=1.0, sample_weight=1.0):
    weights = torch.where(y[train] == 1, sample_weight, 1.0)
    sampler = WeightedRandomSampler(weights, num_samples=10_000)
    rows = train[list(sampler)]
    in_loss = torch.where(y[rows] == 1, pos_weight, 1.0)
    return in_loss[y[rows] == 1].sum() / in_loss.sum()


torch.manual_seed(0)
for name in ("plain", "weights", "sampler", "both"):
    share = positive_share(**methods[name])
    print(f"{name:<8} {share:.2f}  {'check the weights' if share > 0.6 else 'fine'}")

# %%
# 平衡时正类占一半。两种都用时，少数类反而占了九成以上，检查就会报出来。
#
# .. change-it::
#
#    前面降低了不加权网络的阈值。现在反过来，提高加权网络的阈值，使它判为恶性的与不加权、阈值 0.5 时一样多。它找到的恶性会更多吗？

# hide-cell: 提高加权网络的阈值
print(head)
report("plain")
report("weights", flag_as_many("weights", "plain"), label="moved")

# %%
# .. outcome::
#
#    不会。它的召回率是 0.257，不加权时是 0.279。无论往哪个方向移动阈值，两种训练的差别都不大。
#
# .. real-projects::
#
#    这里的网络只有一个线性层，换成别的网络或数据，要用同样的对照再看一次。
#    阈值在验证集上按漏检和误报的代价选，再在别的数据上评估。用了权重或采样器以后，得分的平均远高于正类的比例，不能再读作概率。怎样检查得分能不能读作概率，见 :ref:`evaluation-calibration`。
#    多类的权重是 ``nn.CrossEntropyLoss`` 的参数 ``weight``，它默认按权重求平均。
#    采样器见 `WeightedRandomSampler <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler>`__，移动阈值见 `scikit-learn 的用户指南 <https://scikit-learn.org/stable/modules/classification_threshold.html>`__。
#
# 小结
# ----
# - 规则：类别不平衡时先看平均精确率，再按代价选阈值。权重与采样器只用一种，并用不加权、移动阈值的那一行做对照。
# - API：``nn.BCEWithLogitsLoss(pos_weight=...)``、``WeightedRandomSampler(weights, num_samples)``、``average_precision_score(y, scores)``。
# - 下一页：:ref:`evaluation-calibration`
