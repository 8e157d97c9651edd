# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-learning-rate-schedules:

学习率调度
==========

:term:`学习率` 不必从头到尾一个样：开始时小一点免得冲出去，结束时小一点好停稳。
:term:`学习率调度器` 按步改变它。这一页画出六条常用的曲线，再量一量它什么时候有用，什么时候没有差别。

你将学到：

- 六种调度器的曲线，以及怎样把 :term:`预热` 和余弦接起来
- ``scheduler.step()`` 放在哪里，``T_max`` 数的是步还是轮
- 学习率偏大时，预热加余弦补回多少；学习率合适时又有多少
"""

import warnings
from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import lr_scheduler

# %%
# 六条曲线
# --------
# 调度器不碰参数，只改优化器里的 ``lr``。所以画曲线不用真的训练：一个参数、一个优化器，
# 每步记下当时的学习率。次序是固定的：先 ``optimizer.step()``，再 ``scheduler.step()``。

n_steps = 100


def warmup_cosine(optimizer, n_steps):
    """前十分之一线性预热，其余按余弦降到 0。"""
    n_warmup = n_steps // 10
    warmup = lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=n_warmup)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps - n_warmup)
    return lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[n_warmup])


schedules = {
    "StepLR": partial(lr_scheduler.StepLR, step_size=30, gamma=0.3),
    "ExponentialLR": partial(lr_scheduler.ExponentialLR, gamma=0.97),
    "CosineAnnealingLR": partial(lr_scheduler.CosineAnnealingLR, T_max=n_steps),
    "CosineAnnealingWarmRestarts": partial(
        lr_scheduler.CosineAnnealingWarmRestarts, T_0=15, T_mult=2
    ),
    "OneCycleLR": partial(
        lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=n_steps, cycle_momentum=False
    ),
    "LinearLR + CosineAnnealingLR": partial(warmup_cosine, n_steps=n_steps),
}


def curve(make, n_steps=n_steps):
    """每一步实际用的学习率。"""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


# %%
# 学习率最大是 1，走 100 步。注意看开头、一半和末尾各是多少。

fig, axes = plt.subplots(2, 3, figsize=(7.5, 4), sharex=True, sharey=True)
fig.set_layout_engine("constrained")
print("step                           0    25    50    75    99")
for ax, (name, make) in zip(axes.flat, schedules.items(), strict=True):
    rates = curve(make)
    at = "  ".join(f"{rates[i]:.2f}" for i in (0, 25, 50, 75, 99))
    print(f"{name:<28}  {at}")
    ax.plot(rates, color="C0", lw=2)
    ax.set_title(name.replace(" + ", "\n+ "), fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
fig.supxlabel("step")
fig.supylabel("learning rate / largest rate")
# alt: 六幅小图：阶梯、指数、余弦、带重启的余弦、先升后降的单周期、预热后接余弦；横轴是步，纵轴是学习率与最大值之比
plt.show()

# %%
# 走到一半，余弦还剩 0.50，每步乘 0.97 的只剩 0.22；末尾前者降到 0，后者还有 0.05。
# 带重启的余弦在第 15 步和第 45 步跳回最大值。后两条从很小的值升起，再降下来：
# 一条用现成的 ``OneCycleLR``，一条用 ``SequentialLR`` 把两个调度器首尾相接，前 10 步是预热。
#
# 步还是轮
# --------
# 调度器只数 ``step()`` 被调用了几次，不知道什么是一轮。``T_max=10`` 本想说 10 :term:`轮`，
# ``step()`` 却在每个 :term:`迭代步` 之后都调用一次：

rates = curve(partial(lr_scheduler.CosineAnnealingLR, T_max=10), n_steps=41)
print("step" + "".join(f"{i:>6}" for i in range(0, 41, 5)))
print("rate" + "".join(f"{rates[i]:>6.2f}" for i in range(0, 41, 5)))

# %%
# 不报错，曲线却在 0 和 1 之间来回摆。按步调用，``T_max`` 就写总步数。
# 两个调用的次序写反，则有一条警告：

optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scheduler.step()
    optimizer.step()
print(f"{caught[0].category.__name__}: {str(caught[0].message).split('. ')[0]}")

# %%
# 第一个值被跳过了：第一次更新用的已经是减半后的学习率。
#
# 什么时候有用
# ------------
# 用手写数字量一量。同一个网络，两种学习率，三种调度：不变、余弦、预热加余弦。
# 每一行用五个种子，各训练 12 轮，共 120 步。
#
# .. admonition:: 先猜一猜
#
#    学习率合适时，调度能多得几个百分点？学习率提到三倍呢？是余弦在起作用，还是预热？

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])


def fit(lr, make, seed, n_epochs=12, batch_size=100):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    scheduler = make(optimizer, n_epochs * len(train) // batch_size)
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(batch_size):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()  # 每个迭代步一次
    with torch.no_grad():
        hits = model(images[test]).argmax(dim=1) == labels[test]
    return hits.float().mean()


def constant(optimizer, n_steps):
    return lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def cosine(optimizer, n_steps):
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)


print("lr    schedule       test accuracy  worst seed")
for lr in (0.03, 0.1):
    for make in (constant, cosine, warmup_cosine):
        results = torch.stack([fit(lr, make, seed) for seed in range(5)])
        print(
            f"{lr:<4}  {make.__name__:<13}  {results.mean():.3f} ± {results.std():.3f}"
            f"       {results.min():.2f}"
        )

# %%
# 学习率 0.03 的三行都在 0.96 左右，差别落在种子之间的波动里：合适的学习率不靠调度。
# 到了 0.1，不变的那一行平均不到 0.8，最差的种子只有 0.34；只加余弦，最差的还不到 0.7；
# 加上预热，最差的也有 0.95。救场的是预热：AdamW 从第一步起，每个权重就各走约一个学习率那么远。
#
# 改一改：把 ``warmup_cosine`` 里的 ``n_steps // 10`` 改成 ``2``，预热只剩两步。
# 先猜 0.1 时它还救不救得回来，再运行。
#
# 小结
# ----
# - 规则：先 ``optimizer.step()``，再 ``scheduler.step()``；按步调用就按步数写总长。
# - API：``torch.optim.lr_scheduler`` 的 ``CosineAnnealingLR``、``LinearLR``、``SequentialLR``。
# - 下一页：:ref:`training-gradient-clipping`
