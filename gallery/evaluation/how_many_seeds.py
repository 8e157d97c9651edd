# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5", "scipy>=1.13"]
# ///
"""
.. _evaluation-how-many-seeds:

要几个种子
==========

换一个激活函数，训练一次，验证准确率高了 0.01。这可能是因为激活函数更好，也可能只是碰巧。
两种做法要各运行多少次，才能分出高低？

你将学到：

- 计算平均值的 95% :term:`置信区间`
- 比较配对与不配对的区间，并估计要几个种子
- 算出只报告最好的一次会把 :term:`准确率` 抬高多少
"""

import math

import matplotlib.pyplot as plt
import torch
from scipy import stats
from torch import nn
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里

# %%
# 区间
# ----
# 运行 n 次，得到 n 个准确率，它们的平均是 :math:`\bar x`，:term:`标准差` 是 :math:`s`，平均的 :term:`标准误` 是 :math:`s/\sqrt n`，95% 的置信区间是
#
# .. math:: \bar x \pm t \cdot \frac{s}{\sqrt n}
#
# 加号和减号后面的部分叫半宽。因子 :math:`t` 由自由度决定，n 个数的自由度是 n − 1。自由度越小，:math:`t` 越大，因为标准差也是由这几个数估计的，常常偏小。算标准差时，偏差的平方和要除以 n − 1，``Tensor.std`` 默认就这样算，NumPy 的 ``std`` 默认除以 n。


def t_factor(df):
    return stats.t.ppf(0.975, df)  # 中间 95% 的上端


print(*(f"n={n}: t={t_factor(n - 1):.2f}" for n in (2, 5, 10, 40, 10000)), sep=", ")

# %%
# 五个数的因子是 2.78，个数很多时趋于 1.96。
#
# 两种做法
# --------
# 比较的是激活函数 ReLU 和 Tanh，其余都相同，参数也一样多。``images`` 决定用哪 200 张图训练，``start`` 决定参数的初始值和每一轮的次序。验证始终用同样的 300 张图。

digits = Digits.load()
loss_fn = nn.CrossEntropyLoss()


def fit(activation, images, start):
    torch.manual_seed(images)
    x, y = digits.train[torch.randperm(1200)[:200]]
    torch.manual_seed(start)
    hidden = [nn.Flatten(), nn.Linear(64, 32), activation()]
    model = nn.Sequential(*hidden, nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(15):
        for rows in torch.randperm(200).split(50):
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    x, y = digits.validation[:]
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean()


def runs(activation, images=0, start=0):
    """40 个种子的准确率，种子分别从 images 和 start 数起。"""
    return torch.stack([fit(activation, images + i, start + i) for i in range(40)])


relu, tanh = runs(nn.ReLU), runs(nn.Tanh)
print("              mean            std")
for name, values in {"ReLU": relu, "Tanh": tanh, "Tanh - ReLU": tanh - relu}.items():
    half = t_factor(39) * values.std() / 40**0.5
    print(f"{name:<12} {values.mean():.3f} ± {half:.3f}  {values.std():.3f}")
print(f"Tanh higher in {(tanh > relu).sum()} of 40", end="")
print(f", lower in {(tanh < relu)[:10].sum()} of the first 10")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(4, 3.6), layout="constrained")
ax.plot((0.84, 0.95), (0.84, 0.95), "-", color="gray", lw=1)
ax.plot(relu, tanh, "o", ms=4, alpha=0.6)
ax.set(xlabel="accuracy with ReLU", ylabel="accuracy with Tanh", aspect="equal")
# alt: 每个种子一个点，横轴是 ReLU 的准确率，从 0.84 到 0.93，纵轴是 Tanh 的，从 0.86 到 0.95，多数点在对角线的上方
plt.show()

# %%
# “±”后面是平均的 95% 区间的半宽。图里一个点是一个种子，两个方向都很分散，但是 34 个点在对角线的上方，也就是 Tanh 高。
#
# 配对与不配对
# ------------
# 差的区间有两种算法，第一种是 :term:`配对比较`：
#
# - 配对时，先求每个种子的差，再算这 n 个差的区间，自由度是 n − 1。
# - 不配对时，两组的方差相加，除以 n，再开方，就是差的标准误，自由度是 2n − 2。两组用不同的种子时，只能这样算。
#
# 如果区间不含 0，就说两种做法有差别。
#
# .. predict::
#
#    只用种子 0 到 9，哪一种区间不含 0？
#
#    - 两种都不含，因为十次里 Tanh 一次也没有低
#    - 只有配对的不含，因为种子相同，共同的波动在差里抵消
#    - 两种都含，因为平均的差比每一组的标准差小


def paired(a, b):
    difference = b - a
    n = difference.shape[-1]
    half = t_factor(n - 1) * difference.std(dim=-1) / n**0.5
    return difference.mean(dim=-1), half


def unpaired(a, b):
    n = a.shape[-1]
    half = t_factor(2 * n - 2) * ((a.var(dim=-1) + b.var(dim=-1)) / n).sqrt()
    return b.mean(dim=-1) - a.mean(dim=-1), half


print("seeds  paired            unpaired")
for n in (5, 10, 20, 40):
    print(f"{n:>5}", end="")
    for center, half in (paired(relu[:n], tanh[:n]), unpaired(relu[:n], tanh[:n])):
        print(f"  [{center - half:+.3f}, {center + half:+.3f}]", end="")
    print()

# %%
# .. answer:: B
#
#    十个种子时，配对的区间不含 0，不配对的含 0，所以 A 和 C 都不成立。A 的理由只看正负，但是不配对的算法不知道哪两个数出自同一个种子。C 的理由忘了除以 :math:`\sqrt n`，40 个种子时平均的差仍比标准差小，但是两种区间都不含 0。
#
# 不配对的区间宽得多，所以种子要多得多，它才不含 0。这些区间只含种子的波动。换 300 张验证图的波动不在其中，因为每次都用同样的图，见 :ref:`evaluation-cross-validation`。是什么在差里抵消了？下面让 Tanh 的种子从 100 数起，与 ReLU 只共用图、只共用初始值和次序，或者都不共用。

others = {"both": tanh, "images": runs(nn.Tanh, 0, 100)}
others |= {"start": runs(nn.Tanh, 100, 0), "neither": runs(nn.Tanh, 100, 100)}
print("std of the differences")
for shared, other in others.items():
    print(f"shared {shared:<8} {(other - relu).std():.3f}")

# %%
# 抵消的主要是换训练的图带来的波动。图相同时，差的标准差明显较小。只有初始值和次序相同时，它和都不同时差不多。
#
# 几个种子才有把握
# ----------------
# 换五个别的种子，配对的区间也不含 0 吗？把 40 个种子当作全体，从中有放回地抽 n 个，抽 4000 次，数一数有多大比例的区间不含 0。
# 最后两列是没有差别时的对照，配对的一列把 Tanh 整体减去两者平均的差，不配对的一列两组都抽自 ReLU。

generator = torch.Generator().manual_seed(0)
shifted = tanh - (tanh - relu).mean()
print("         a difference     no difference")
print("         paired unpaired  paired unpaired")
for n in (5, 10, 20, 30, 40):
    a, b = torch.randint(40, (2, 4000, n), generator=generator)
    tests = [paired(relu[a], tanh[a]), unpaired(relu[a], tanh[b])]
    tests += [paired(relu[a], shifted[a]), unpaired(relu[a], relu[b])]
    shares = [f"{(center.abs() > half).float().mean():.0%}" for center, half in tests]
    print(f"{n:>2} seeds {shares[0]:>6} {shares[1]:>8} {shares[2]:>7} {shares[3]:>8}")

for n in (5, 10, 20, 40):
    needed = 8 * (tanh - relu)[:n].var() / (tanh - relu).mean() ** 2 + 2
    print(f"s from {n:>2} seeds: {math.ceil(needed):>2} seeds for an 80% chance")

# %%
# 没有差别时，区间不含 0 的约占 5%，这正是 95% 的含义。换五个别的种子，配对的区间只有 47% 的机会不含 0，所以前面的五个有运气的成分。十个种子配对约有 81% 的机会看出差别，不配对只有 36%，要 30 个左右才有 80%。要有 80% 的机会看出大小为 d 的差，配对时约需 :math:`8s^2/d^2+2` 个种子，:math:`s` 是差的标准差，8 约是 (1.96 + 0.84)²，其中 1.96 对应 95%，0.84 是标准正态分布的 80% 分位数。最后几行取 d = 0.014。用 40 个种子估计 :math:`s`，得到 11 个，与表相符。用前五个或前十个估计，只得到 5 个，因为它们的差碰巧很接近，用 20 个也只得到 7 个，所以用来估计 :math:`s` 的种子不能太少。
#
# 错误：只报告最好的一次
# ----------------------
# 有的报告只写 n 次里最好的一次。ReLU 的平均比 Tanh 低 0.014。
#
# .. predict::
#
#    只报告 ReLU 最好的一次，n 要多大，报告的准确率平均就超过 Tanh 的平均 0.910？
#
#    - 3，因为一次的波动比两者的差大
#    - 10，因为最好的一次要碰上很好的运气
#    - 运行 20 次也不够，因为 ReLU 更差

print("ReLU: mean of n  best of n  best of n normal")
for n in (1, 2, 3, 5, 10, 20):
    drawn = relu[torch.randint(40, (4000, n), generator=generator)]
    mean, best = drawn.mean(), drawn.max(dim=1).values.mean()
    normal = torch.randn(4000, n, generator=generator).max(dim=1).values.mean()
    print(f"n={n:<4} {mean:>9.3f} {best:>10.3f} {normal:>17.2f}")

# %%
# .. answer:: A
#
#    最后一列是 n 个标准正态分布的数里最大的，4000 次的平均。三个里最大的约是 0.84，也就是比平均数高约 0.84 个标准差。这里的标准差是 0.018，所以三次里最好的一次约高 0.015，超过两者的差 0.014，B 和 C 都不成立。每一行都抽自同样的 40 次运行，所以第一列一直在 0.896 附近，变的只是抽几次。
#
# 改法是事先定好种子，报告全部种子的平均和区间。下面的比较函数要求给出事先定好的种子，双方在每个种子上都要有结果。


def compare(ours, theirs, seeds):  # 前两个的键是种子，值是准确率
    assert set(seeds) <= ours.keys() & theirs.keys(), "both sides need all seeds"
    a, b = (torch.tensor([d[s] for s in seeds]) for d in (theirs, ours))
    center, half = paired(a, b)
    verdict = "told apart" if center.abs() > half else "not told apart"
    return f"{center:+.3f} ± {half:.3f} (95%, n={len(seeds)}), {verdict}"


ours, theirs = dict(enumerate(tanh.tolist())), dict(enumerate(relu.tolist()))
print("Tanh against ReLU:", compare(ours, theirs, range(40)))
best_five = dict(sorted(theirs.items(), key=lambda pair: pair[1])[-5:])
try:
    compare({seed: ours[seed] for seed in best_five}, best_five, range(40))
except AssertionError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 挑出来的五个种子不是事先定好的 40 个，所以断言失败。函数查不出种子是不是事先定的，这要靠自己遵守。Tanh 更好这个结论只在这里的学习率和轮数下检验过，两种做法都没有另外调。
#
# .. change-it::
#
#    在最后比较 GELU 与 ReLU，也就是把 ``tanh`` 换成 ``runs(nn.GELU)``，分别用前 5、10、20、40 个种子。能分出高低吗？

# hide-cell: GELU 与 ReLU
ours = dict(enumerate(runs(nn.GELU).tolist()))
for n in (5, 10, 20, 40):
    print(compare(ours, theirs, range(n)))
a = torch.randint(40, (4000, 40), generator=generator)
looks = [paired(relu[a[:, :n]], shifted[a[:, :n]]) for n in (5, 10, 20, 40)]
told = torch.stack([center.abs() > half for center, half in looks]).float()
print(f"no difference: {told[-1].mean():.0%} at 40, {told.max(0)[0].mean():.0%} ever")

# %%
# .. outcome::
#
#    40 个种子分不出，前 5 个和前 20 个却分得出。最后一行是没有差别时的对照，只看 40 个种子时约 6% 误判，四次都看时约 16% 至少误判一次。所以不能一看到分得出就停下来。分不出也不等于两者相同，区间只给出差的大致范围。
#
# .. real-projects::
#
#    训练一次要几天时，往往只能运行三五次。配对仍然有用，但是五个种子也只有 47% 的机会看出本页这样的差。这时要列出每一次的结果，区间含 0 就说分不出。配对和不配对的检验见 `scipy.stats.ttest_rel <https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ttest_rel.html>`__ 和 ``ttest_ind``，
#    机器学习实验里各种波动的来源和大小见 `Bouthillier 等人的论文 <https://arxiv.org/abs/2103.03098>`__。
#
# 小结
# ----
# - 规则：事先定好种子，两种做法用同样的种子，报告差的平均、区间和 n，不报告最好的一次。配对时约需 :math:`8s^2/d^2+2` 个种子，本页是十个左右。
# - API：``values.std() / n**0.5``、``scipy.stats.t.ppf(0.975, n - 1)``、``Tensor.var(dim=-1)``。
# - 下一页：:ref:`evaluation-imbalance`
