# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-how-many-seeds:

要几个种子
==========

换一个激活函数，训练一次，验证 :term:`准确率` 高了 0.01。这可能是因为激活函数更好，也可能只是碰巧。
两种做法要各运行多少次，才能分出高低？

你将学到：

- 计算平均值的 95% :term:`置信区间`
- 用 :term:`配对比较` 分辨差别很小的两种做法
- 识别只报告最好一次的结果
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里

# %%
# 思路
# ----
# 运行 n 次，得到 n 个准确率，它们的平均是 :math:`\bar x`，:term:`标准差` 是 :math:`s`，平均的 :term:`标准误` 是 :math:`s/\sqrt n`，95% 的置信区间是
#
# .. math:: \bar x \pm t \cdot \frac{s}{\sqrt n}
#
# 加号和减号后面的部分叫半宽。因子 :math:`t` 由自由度决定，n 个数的自由度是 n − 1。自由度很大时，:math:`t` 趋于 1.96。
# 自由度小时 :math:`t` 更大，因为标准差也是由这几个数估计的，常常偏小。
#
# 先用随机数检验这个因子。下面的数来自均值为 0 的正态分布，每 n 个数算一个区间，看有多大比例的区间包含 0。

T = {4: 2.78, 8: 2.31, 9: 2.26, 18: 2.10, 19: 2.09, 38: 2.02, 39: 2.02, 78: 1.99}
generator = torch.Generator().manual_seed(0)
for n in (5, 10, 40):
    x = torch.randn(10000, n, generator=generator)
    errors = x.mean(dim=1).abs() / (x.std(dim=1) / n**0.5)  # 以标准误为单位
    shares = [(errors < t).float().mean() for t in (T[n - 1], 1.96)]
    print(f"n={n:<2} t={T[n - 1]}: {shares[0]:.1%} contain 0", end="")
    print(f", with 1.96 {shares[1]:.1%}")

# %%
# 用 :math:`t` 的区间约有 95% 包含 0。改用 1.96，五个数的区间只有 87.7% 包含 0。
#
# 两种做法
# --------
# 比较的是激活函数 ReLU 和 Tanh，其余都相同，参数也一样多。种子决定三件事，也就是用哪 200 张图训练、参数的初始值和每一轮的次序。
# 验证始终用同样的 300 张图。

digits = Digits.load()
loss_fn = nn.CrossEntropyLoss()


def fit(activation, seed):
    torch.manual_seed(seed)
    x, y = digits.train[torch.randperm(1200)[:200]]
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


relu = torch.stack([fit(nn.ReLU, seed) for seed in range(40)])
tanh = torch.stack([fit(nn.Tanh, seed) for seed in range(40)])
for name, values in {"ReLU": relu, "Tanh": tanh, "Tanh - ReLU": tanh - relu}.items():
    print(f"{name:<12} mean {values.mean():.3f}, std {values.std():.3f}", end="")
    print(", seeds 0 to 4:", *(f"{a:.3f}" for a in values[:5]))

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for seed in range(40):
    color = "C0" if tanh[seed] > relu[seed] else "C1"
    ax.plot((0, 1), (relu[seed], tanh[seed]), "o-", ms=3, lw=1, color=color, alpha=0.7)
ax.set(xticks=(0, 1), xticklabels=("ReLU", "Tanh"), xlim=(-0.3, 1.3))
ax.set(ylabel="validation accuracy", title="40 seeds, blue: higher with Tanh")
ax.spines[["top", "right"]].set_visible(False)
# alt: 四十条线段，左端是 ReLU、右端是 Tanh 的准确率。两端都从 0.85 散布到 0.94，但是绝大多数线段向上
plt.show()

# %%
# 图中一条线段是一个种子。两端都很分散，但是绝大多数线段向上。
#
# 配对与不配对
# ------------
# 差的区间有两种算法：
#
# - 配对时，先求每个种子的差，再算这 n 个差的区间，自由度是 n − 1。
# - 不配对时，两组的方差相加，自由度是 2n − 2。两组用不同的种子时，只能这样算。
#
# 如果区间不含 0，就说两种做法有差别。
#
# .. predict::
#
#    只用种子 0 到 4，哪一种区间不含 0？
#
#    - 两种都不含，因为五个种子都是 Tanh 高
#    - 只有配对的不含，因为种子相同，共同的波动在差里抵消
#    - 两种都含，因为平均的差比每一组的标准差小


def paired(a, b):
    difference = b - a
    n = difference.shape[-1]
    half = T[n - 1] * difference.std(dim=-1) / n**0.5
    return difference.mean(dim=-1), half


def unpaired(a, b):
    n = a.shape[-1]
    half = T[2 * n - 2] * ((a.var(dim=-1) + b.var(dim=-1)) / n).sqrt()
    return b.mean(dim=-1) - a.mean(dim=-1), half


print("seeds  paired            unpaired")
for n in (5, 10, 20, 40):
    print(f"{n:>5}", end="")
    for center, half in (paired(relu[:n], tanh[:n]), unpaired(relu[:n], tanh[:n])):
        print(f"  [{center - half:+.3f}, {center + half:+.3f}]", end="")
    print()
same, other = tanh - relu, tanh.roll(-1) - relu  # other：配上下一个种子
print(f"standard deviation of the differences: same seed {same.std():.3f}", end="")
print(f", next seed {other.std():.3f}")

# %%
# .. answer:: B
#
#    五个种子时，配对的区间从 +0.005 到 +0.027，不含 0，不配对的从 −0.015 到 +0.047，含 0。所以 A 和 C 都不成立。
#    A 的理由只看正负，但是不配对的算法不知道哪两个数出自同一个种子。C 的理由用错了标准差，配对时起作用的是差的标准差，它只有 0.014。
#    最后一行是 B 的对照。每一次 ReLU 改配下一个种子的 Tanh，差的标准差就升到 0.026，所以变小是因为种子相同。
#
# 不配对时，10 个种子的区间仍含 0，20 个的才不含。这些区间只含种子的波动。换 300 张验证图的波动不在其中，因为每次都用同样的图，见 :ref:`evaluation-cross-validation`。
#
# 几个种子才有把握
# ----------------
# 换五个别的种子，配对的区间也不含 0 吗？把 40 个种子当作全体，从中有放回地抽 n 个，抽 4000 次，数一数有多大比例的区间不含 0。
# 最后一列是没有差别时的对照，两组都抽自 ReLU。


def draw(n):
    return torch.randint(40, (4000, n), generator=generator)


print("intervals without 0:  paired  unpaired  ReLU against ReLU")
for n in (5, 10, 20, 40):
    a, b = draw(n), draw(n)
    pairs = paired(relu[a], tanh[a]), unpaired(relu[a], tanh[b])
    tests = *pairs, unpaired(relu[a], relu[b])
    shares = [(center.abs() > half).float().mean() for center, half in tests]
    print(f"{n:>13} seeds {shares[0]:>9.0%} {shares[1]:>9.0%} {shares[2]:>10.0%}")

# %%
# 配对时，五个种子只有约一半的机会看出差别，十个种子有 93% 的机会。不配对时，40 个种子才有 94%。
# 没有差别时，区间不含 0 的约占 5%，这正是 95% 的含义。
#
# 半宽与 :math:`s/\sqrt n` 成正比，所以差的标准差减半，要的种子就约为四分之一。表里配对的 10 个种子与不配对的 40 个相近。
#
# 错误：只报告最好的一次
# ----------------------
# 有的报告只写 n 次里最好的一次。ReLU 的平均比 Tanh 低 0.015。
#
# .. predict::
#
#    只报告 ReLU 最好的一次。n 从 1 增加到 20，报告的准确率平均怎样变化？
#
#    - 一直升高，最后超过 Tanh 的平均，因为次数越多，越容易碰上好的一次
#    - 一直升高，但是不超过 Tanh 的平均，因为 ReLU 更差
#    - 越来越接近 ReLU 的平均 0.894，因为次数多，结果就可靠

print("ReLU: mean of n  best of n  best above the mean of Tanh")
for n in (1, 2, 5, 10, 20):
    drawn = relu[draw(n)]
    best = drawn.max(dim=1).values
    print(f"n={n:<4} {drawn.mean():>9.3f} {best.mean():>10.3f}", end="")
    print(f" {(best > tanh.mean()).float().mean():>10.0%}")

# %%
# .. answer:: A
#
#    运行 5 次时，最好的一次平均是 0.916，已经高于 Tanh 的平均 0.909，所以 B 不成立。运行 20 次时是 0.928。
#    C 说的是平均，第一列确实一直在 0.894 附近，但是最大值随 n 升高。
#
# 训练方法没有改变，变的只是抽取的次数。改法是报告全部种子的平均和区间，种子的个数事先定好。
# 为了不再弄错，让比较的函数要求双方的全部结果，单独一个数就传不进去。


def compare(ours, theirs):
    assert len(ours) == len(theirs) >= 5, "all runs of both, at least 5"
    center, half = paired(theirs, ours)
    verdict = (
        "higher" if center > half else "lower" if center < -half else "not told apart"
    )
    return f"{center:+.3f} ± {half:.3f} (95%, n={len(ours)}), {verdict}"


print("Tanh against ReLU:", compare(tanh, relu))
try:
    compare(relu[:5].max(), tanh[:5])
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 最大值是没有轴的 :term:`张量`，没有长度，所以停下来。从 40 次里挑出 5 次再传进去，这个检查就看不出来，所以要写明用了哪些种子。
#
# .. change-it::
#
#    把 ``fit(nn.Tanh, seed)`` 换成 ``fit(nn.GELU, seed)``，再与 ReLU 比较。40 个种子能分出高低吗？

# hide-cell: GELU 与 ReLU
gelu = torch.stack([fit(nn.GELU, seed) for seed in range(40)])
for n in (10, 40):
    print("GELU against ReLU:", compare(gelu[:n], relu[:n]))

# %%
# .. outcome::
#
#    分不出。40 个种子的区间含 0，但是这不等于两者相同。半宽是 0.004，所以即使有差别，也多半不超过 0.004。

# %%
# .. real-projects::
#
#    训练一次要几天时，往往只能运行三五次，这时更要配对，并且列出每一次的结果。
#    表里没有的 :math:`t` 用 ``scipy.stats.t.ppf(0.975, df)`` 计算，配对和不配对的检验是 ``scipy.stats.ttest_rel`` 和 ``ttest_ind``。
#    看过结果再决定要不要多运行几次，区间就不再是 95%，所以次数要事先定好。
#    接口见 `scipy.stats.ttest_rel <https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.ttest_rel.html>`__，
#    机器学习的论文里各种波动的大小见 `Bouthillier 等人的论文 <https://arxiv.org/abs/2103.03098>`__。
#
# 小结
# ----
# - 规则：事先定好种子，两种做法用同样的种子，报告差的平均、区间和 n，不报告最好的一次。
# - API：``values.std() / n**0.5``、``(b - a).mean()``、``Tensor.var(dim=-1)``。
# - 下一页：:ref:`evaluation-imbalance`
