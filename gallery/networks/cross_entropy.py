# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-cross-entropy:

损失函数：交叉熵
================

分类网络给每个类别打一个分数，分数最高的类别就是它的预测。
但是正确答案只是一个类别编号，分数和编号不能直接相减。
怎样用一个数衡量预测有多差？同样是判错，很有把握的预测和没有把握的预测，损失相差多少？

你将学到：

- 用 softmax 把分数变成概率，再计算 :term:`交叉熵`
- 比较交叉熵和 :term:`均方误差` 在判错时的 :term:`梯度`
- 比较二分类的两种写法，用一个分数或用两个分数
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 从分数到概率
# ------------
# 网络给各个类别的分数可正可负，总和也不固定，这样的分数叫作 :term:`logits`。
# softmax 先对每个分数取指数，使它变成正数，再除以总和，使总和等于 1。
#
# .. math::
#
#    p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}
#
# 下面有三个 :term:`样本`，每行是一个样本在两个类别上的分数，所以 ``dim=1`` 是类别所在的轴。
# ``target`` 是正确类别的编号，从 0 数起。

logits = torch.tensor([[-1.0, 1], [-1, 1], [1, -1]])  # (3, 2)：样本，类别
target = torch.tensor([1, 1, 0])  # (3,)：int64 编号

exp = logits[0].exp()
print("by hand:", exp / exp.sum())
print("softmax:", torch.softmax(logits, dim=1)[0])

# %%
# 两行相同，正确类别 1 的概率是 0.8808。
#
# 从概率到损失
# ------------
# 交叉熵是正确类别的概率的负对数，默认再对样本求平均。概率是 1 时损失是 0，概率越小，损失越大。
# 类 ``CrossEntropyLoss`` 直接接收 logits 和编号，它自己做 softmax。
# 它的函数形式是 ``nn.functional.cross_entropy(logits, target)``。

loss_fn = nn.CrossEntropyLoss()
output = loss_fn(logits, target)
print(output)

log_p = torch.log_softmax(logits, dim=1)  # (3, 2)
by_hand = -(log_p[0, 1] + log_p[1, 1] + log_p[2, 0]) / 3
print(f"by hand: {by_hand:.4f}")

# %%
# 三个样本的正确类别都领先 2 分，概率都是 0.8808，所以损失是 :math:`-\ln 0.8808 = 0.1269`。
#
# 手算用的 ``log_softmax`` 一步算出概率的对数。下面用相差 200 的两个分数，把它与分两步算比较。

far_apart = torch.tensor([0.0, 200.0])
print("softmax, then log:", far_apart.softmax(dim=0).log())
print("log_softmax:      ", far_apart.log_softmax(dim=0))
print("CrossEntropyLoss: ", loss_fn(far_apart, torch.tensor(0)))

# %%
# 分两步算时，很小的概率舍入成 0，它的对数就是 −inf。``log_softmax`` 得到 −200。
# 正确类别是 0 时，``CrossEntropyLoss`` 的损失是 200 而不是 inf，所以应当把 logits 直接交给它，而不要先算概率。
#
# 把握和损失
# ----------
# 分数乘以 3，概率就更接近 0 或 1，网络的把握更大。分数变号，三个样本就全部判错。
#
# .. predict::
#
#    变号之后，正确类别落后 2 分，再乘以 3，落后 6 分。这两种判错的损失各是多少？
#
#    - 两者相同，因为三个样本都判错了
#    - 都不超过 1，因为概率在 0 和 1 之间
#    - 约为 2 和 6，因为取对数抵消了 softmax 里的指数

cases = {
    "right": logits,
    "right, confident": 3 * logits,
    "wrong": -logits,
    "wrong, confident": -3 * logits,
}
for name, scores in cases.items():
    print(f"{name:<17} {loss_fn(scores, target):.4f}")

# %%
# .. answer:: C
#
#    两种损失是 2.1269 和 6.0025。两个类别时，设正确类别落后 :math:`d` 分，它的概率就是
#    :math:`1/(1 + e^{d})`，所以损失是 :math:`\ln(1 + e^{d})`，:math:`d` 大时约等于 :math:`d`。
#    A 只看判断的对错，但是判错的把握越大，正确类别的概率就越小。
#    B 混淆了概率和它的负对数。概率趋于 0 时，负对数没有上限。
#
# 判对的时候，把握越大，损失越小，从 0.1269 降到 0.0025。

# %%
# .. change-it::
#
#    把 ``scores`` 换成 ``scores.softmax(dim=1)``，就像网络的末尾已经有一个 softmax。只要判对时足够有把握，损失就能接近 0 吗？

# hide-cell: 先做一次 softmax
for name, scores in cases.items():
    print(f"{name:<17} {loss_fn(scores.softmax(dim=1), target):.4f}")
print(f"lowest possible:  {math.log(1 + math.exp(-1)):.4f}")

# %%
# .. outcome::
#
#    不能。概率在 0 和 1 之间，所以第二次 softmax 收到的两个分数最多相差 1，损失不会低于 0.3133。
#    程序也不报错，详见 :ref:`pitfalls-softmax-twice`。

# %%
# 为什么不用均方误差
# ------------------
# 也可以把概率当作预测，把 0 和 1 当作目标，用 :ref:`均方误差 <networks-mse-loss>` 作损失。
# 训练靠的是梯度，所以要比较两种损失的斜率。下面的 ``gap`` 是正确类别领先的分数，负数表示落后。


def cross_entropy(gap):
    scores = torch.stack([torch.zeros_like(gap), gap], dim=1)  # (n,) -> (n, 2)
    answer = torch.ones(len(gap), dtype=torch.long)  # 正确类别是 1
    return nn.CrossEntropyLoss(reduction="none")(scores, answer)


def squared_error(gap):
    scores = torch.stack([torch.zeros_like(gap), gap], dim=1)
    p = scores.softmax(dim=1)[:, 1]  # 正确类别的概率
    return (1 - p) ** 2  # 两个类别的误差都是 1 - p，平均也是它


def value_and_slope(loss, gap):
    gap = gap.clone().requires_grad_()
    value = loss(gap)
    value.sum().backward()
    return value.detach(), gap.grad


gaps = torch.tensor([6.0, 2, -2, -6])
print(f"{'gap':19} " + " ".join(f"{g:8.0f}" for g in gaps))
for loss in (cross_entropy, squared_error):
    value, slope = value_and_slope(loss, gaps)
    print(f"{loss.__name__:13} loss  " + " ".join(f"{v:8.5f}" for v in value))
    print(f"{loss.__name__:13} slope " + " ".join(f"{s:8.5f}" for s in slope))

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
gap = torch.linspace(-8, 8, 161)
for loss, color in ((cross_entropy, "C0"), (squared_error, "C1")):
    value, slope = value_and_slope(loss, gap)
    axes[0].plot(gap, value, color=color, lw=2)
    axes[1].plot(gap, slope, color=color, lw=2)
    for ax, curve in zip(axes, (value, slope), strict=True):
        ax.plot(-6, curve[20], "o", color=color)  # gap 是 −6
axes[0].text(-4.5, 5.2, "cross-entropy", color="C0")
axes[0].text(-7, 1.3, "squared error", color="C1")
axes[1].text(1, -0.6, "cross-entropy", color="C0")
axes[1].text(-7, -0.35, "squared error", color="C1")
for ax, label in zip(axes, ("loss", "slope"), strict=True):
    ax.set(xlabel="gap", ylabel=label)
    ax.spines[["top", "right"]].set_visible(False)
# alt: 左图，gap 越小，交叉熵近似沿直线上升，均方误差停在 1；
# 右图，gap 很小时，交叉熵的斜率接近 −1，均方误差的斜率回到 0；圆点在 gap 为 −6 处
plt.show()

# %%
# 两种损失都在判错时大，在判对时小。但是在 ``gap`` 为 −6 的圆点处，交叉熵的斜率是 −0.9975，均方误差的只有 −0.0049。
# 所以用均方误差时，判错而且很有把握的样本，梯度反而接近 0。
#
# 设 :math:`p` 是正确类别的概率，它对 ``gap`` 的斜率是 :math:`p(1-p)`。由此得到两种损失的斜率：
#
# .. math::
#
#    \frac{d}{d\,\mathrm{gap}} (1-p)^2 = -2 p (1-p)^2, \qquad
#    \frac{d}{d\,\mathrm{gap}} (-\ln p) = -(1-p)
#
# :math:`p` 接近 0 时，前者有因子 :math:`p`，所以趋于 0，后者趋于 −1。

# %%
# .. change-it::
#
#    从 ``gap`` 为 −2 处出发，每步减去 0.5 倍的斜率，走到判对为止。改从 −6 出发，两种损失的步数各变成几倍？

# hide-cell: 走到判对为止
for loss in (cross_entropy, squared_error):
    counts = []
    for start in (-2.0, -6.0):
        gap, steps = torch.tensor([start]), 0
        while gap < 0:
            gap = gap - 0.5 * value_and_slope(loss, gap)[1]
            steps += 1
        counts.append(steps)
    near, far = counts
    print(f"{loss.__name__:13} {near:3} and {far:3} steps, ratio {far / near:4.1f}")

# %%
# .. outcome::
#
#    交叉熵从 6 步增加到 14 步，是 2.3 倍。均方误差从 16 步增加到 426 步，是 26.6 倍。
#    用均方误差最后也能判对，但是起初很有把握的判错，改正起来要慢得多。

# %%
# 二分类只用一个分数
# ------------------
# 两个类别时，损失只取决于两个分数之差 :math:`s`，所以网络只输出这个差就够了。
# 函数 Sigmoid 把它变成类别 1 的概率 :math:`1/(1 + e^{-s})`，所以差大于 0 就判为类别 1。
# 类 ``BCEWithLogitsLoss`` 接收这一个分数，目标是形状相同的浮点数，1.0 表示类别 1，0.0 表示类别 0。

difference = logits[:, 1] - logits[:, 0]  # (3, 2) -> (3,)
print("difference:", difference)
print("sigmoid:", difference.sigmoid())
binary_loss = nn.BCEWithLogitsLoss()(difference, target.float())
print(f"one score: {binary_loss:.4f}  two scores: {output:.4f}")

# %%
# 第一个样本的概率仍是 0.8808，损失也与两个分数时相同。名字里的 BCE 是 binary cross-entropy，
# with logits 表示它自己做 Sigmoid，所以网络的末尾也不放 Sigmoid。

# %%
# .. real-projects::
#
#    类别不平衡时，用 ``weight=`` 给各个类别不同的权重。``label_smoothing=`` 使目标不再是 0 和 1，
#    它出自 `Szegedy et al., 2015 <https://arxiv.org/abs/1512.00567>`__。文本里用 ``ignore_index=`` 跳过填充的位置。
#    目标的形状或类型不对时的报错见 :ref:`pitfalls-class-targets`，其余的选项见
#    `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__。

# %%
# 小结
# ----
# - 规则：交叉熵接收 logits 和类别编号，所以网络的末尾不放 softmax。两个类别时，很有把握的判错，损失约等于落后的分数。
# - API：``torch.nn.CrossEntropyLoss``、``torch.nn.BCEWithLogitsLoss``、``torch.softmax(x, dim=1)`` 和 ``torch.log_softmax(x, dim=1)``。
# - 下一页：:ref:`networks-optimizer-step`
