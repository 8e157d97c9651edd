# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-learning-rate-schedules:

学习率调度
==========

:term:`学习率` 大，损失可能一开始就不降反升。学习率小，训练又走得慢。能不能让学习率在训练中变化？开头升、后来降，各能换来多少 :term:`准确率`？

你将学到：

- 算出调度器在每一步给出的学习率
- 判断 ``T_max`` 应该写步数还是轮数
- 分开比较 :term:`预热` 和余弦下降的作用
"""

import warnings
from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import lr_scheduler

# %%
# 思路
# ----
# :term:`学习率调度器` 不碰网络的参数。下面用到的调度器只改优化器里的学习率，也就是 ``param_groups[0]["lr"]``。每调用一次 ``scheduler.step()``，学习率就走到曲线的下一点，所以不训练网络，只反复调用两个 ``step()``，也能看到整条曲线。


def curve(make_scheduler, n_steps=100):
    """返回每一步实际用的学习率，最大的学习率设为 1。"""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make_scheduler(optimizer)
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()  # 在 optimizer.step() 之后
    return rates


# %%
# 下面是五种常用的曲线，``partial`` 先把其余的参数填好。设已经调用了 :math:`k` 次 ``scheduler.step()``，学习率就是最大值乘以下面的数：
#
# - ``StepLR`` 每 30 步乘一次 0.3，即 0.3 的 :math:`\lfloor k/30 \rfloor` 次方，指数是 :math:`k/30` 的整数部分。
# - ``ExponentialLR`` 每步乘一次 0.97，即 :math:`0.97^k`。
# - ``CosineAnnealingLR`` 沿半个余弦降到 0，即 :math:`(1 + \cos(\pi k / T))/2`，:math:`T` 就是 ``T_max``。
# - ``LinearLR`` 按直线变化。这里用它做预热（warm-up），前 10 步是 :math:`0.01 + 0.99 k/10`，以后是 1。
#
# 最后一种用 ``SequentialLR`` 把预热和余弦接起来。余弦从第 10 步重新数起，所以它的 ``T_max`` 是 90。


def warmup(optimizer, n_steps):
    return lr_scheduler.LinearLR(
        optimizer, start_factor=0.01, total_iters=n_steps // 10
    )


def cosine(optimizer, n_steps):
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)


def warmup_cosine(optimizer, n_steps):
    n_warmup = n_steps // 10
    parts = [warmup(optimizer, n_steps), cosine(optimizer, n_steps - n_warmup)]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[n_warmup])


schedules = {
    "StepLR": partial(lr_scheduler.StepLR, step_size=30, gamma=0.3),
    "ExponentialLR": partial(lr_scheduler.ExponentialLR, gamma=0.97),
    "CosineAnnealingLR": partial(cosine, n_steps=100),
    "LinearLR (warm-up)": partial(warmup, n_steps=100),
    "LinearLR, then cosine": partial(warmup_cosine, n_steps=100),
}
curves = {name: curve(make) for name, make in schedules.items()}
print("step                      0     5    10    25    50    75    99")
for name, rates in curves.items():
    numbers = "  ".join(f"{rates[i]:.2f}" for i in (0, 5, 10, 25, 50, 75, 99))
    print(f"{name:<21}  {numbers}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 5, figsize=(8, 2.2), sharey=True, layout="constrained")
for ax, (name, rates) in zip(axes, curves.items(), strict=True):
    ax.plot(rates, lw=2)
    ax.set_title(name.replace(", ", ",\n").replace(" (", "\n("), fontsize=9)
    ax.set(xlabel="step", xticks=(0, 50, 100))
axes[0].set(ylabel="lr / largest lr")
# alt: 五幅小图，横轴是步，纵轴是学习率与最大值之比。依次是三级阶梯、指数下降、余弦下降、升到最大后不变、先升到最大再按余弦下降
plt.show()

# %%
# 表里的数都可以由公式算出。走到一半时，余弦还剩 :math:`(1 + \cos(50\pi/100))/2 = 0.50`，指数曲线只剩 :math:`0.97^{50} = 0.22`。预热之后的余弦这时走了 40 步，是 :math:`(1 + \cos(40\pi/90))/2 = 0.59`。从图里看，余弦在开头和末尾平，在中间陡，指数曲线则一开始最陡。
#
# 步还是轮
# --------
# ``CosineAnnealingLR`` 用 ``T_max`` 次调用从最大降到 ``eta_min``，后者默认是 0。
#
# .. predict::
#
#    有人想训练 10 :term:`轮`，于是写了 ``T_max=10``，却在每个 :term:`迭代步` 之后都调用 ``scheduler.step()``。训练下去，
#    学习率会怎样变化？
#
#    - 第 10 步降到 0，然后升回最大，因为余弦是周期函数
#    - 第 10 步降到 0，然后一直是 0，因为曲线已经走完
#    - 第 10 轮才降到 0，因为调度器按轮计数

rates = curve(partial(cosine, n_steps=10), n_steps=41)
print("step" + "".join(f"{i:>6}" for i in range(0, 41, 5)))
print("rate" + "".join(f"{rates[i]:>6.2f}" for i in range(0, 41, 5)))

# %%
# .. answer:: A
#
#    第 10 步降到 0，第 20 步又回到 1。B 不成立，余弦走过最低点就往上升，调度器并没有让它停下。C 不成立，调度器只数
#    ``step()`` 被调用了几次，不知道一轮有多少步。这个错误不会引起报错，要打印学习率才能发现。
#
# 按步调用时，``T_max`` 写总步数。按轮调用时，``T_max`` 写总轮数。两个 ``step()`` 的次序也不能写反，否则第一次更新用的已经是
# 曲线的第二个值。第一次调用 ``scheduler.step()`` 时，PyTorch 会查一下次序，写反了就给出一条警告：

optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    scheduler.step()
    print(f"first update with lr {optimizer.param_groups[0]['lr']}")
    optimizer.step()
print(f"{caught[0].category.__name__}: {str(caught[0].message).split('. ')[0]}")

# %%
# 预热和余弦各起什么作用
# ----------------------
# 用手写数字比较四种调度，每一种用六个种子。优化器是 AdamW。:ref:`training-optimizers-compared` 讲过，在 Adam 和 AdamW 里，
# 第一步让每个权重都移动约一个学习率那么远。最大的学习率有意取得偏大，是 0.1。
#
# .. predict::
#
#    不变、只用余弦、只用预热、预热接余弦，哪一种的平均验证准确率最高？
#
#    - 只用预热，因为学习率偏大只在开头有害
#    - 只用余弦，因为结果只取决于最后的学习率
#    - 预热接余弦，因为开头和最后都需要小的学习率

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def constant(optimizer, n_steps):
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)  # 乘以 1，即不变


def fit(lr, make_scheduler, seed, n_epochs=12, batch_size=100):
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    scheduler = make_scheduler(optimizer, n_epochs * len(train) // batch_size)
    losses = []
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(batch_size):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()  # 每个迭代步一次
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        right = model(images[validation]).argmax(dim=1) == labels[validation]
    return right.float().mean().item(), max(losses)


def compare(lr, makers):
    for make in makers:
        runs = torch.tensor([fit(lr, make, seed) for seed in range(6)])
        accuracies = runs[:, 0].sort().values
        seeds = " ".join(f"{a:.2f}" for a in accuracies)
        print(f"{lr:<4} {make.__name__:<13}  {seeds}  {accuracies.mean():.3f}", end=" ")
        print(f"± {accuracies.std():.3f}  {runs[:, 1].mean():>17.1f}")


print("lr   schedule       accuracies of 6 seeds, sorted", end="")
print("  mean ± std     mean largest loss")
compare(0.1, (constant, cosine, warmup, warmup_cosine))

# %%
# .. answer:: C
#
#    两种都用时，平均是 0.967，最差的种子也有 0.96。A 不成立，只用预热时，损失虽然没有升高，平均却只有 0.932。B 不成立，只用
#    余弦时，损失升得与不变时一样高，最差的种子只有 0.84。只用一种时，与不变相比，平均准确率的差别都在种子的波动之内，两种都用
#    才从 0.917 提高到 0.967。
#
# 最右一列是一次训练中最大的损失，再对六个种子取平均。没有预热的两行是 5.2，有预热的两行是 2.3，也就是训练开始时的损失。“±”
# 后面是六个种子的标准差。
#
# .. change-it::
#
#    把 ``compare(0.1, ...)`` 里的 0.1 改成 0.03。预热和余弦哪一个还有用？再加一行对照，让学习率一直是 0.01。

# hide-cell: 学习率 0.03 和 0.01
compare(0.03, (constant, cosine, warmup, warmup_cosine))
compare(0.01, (constant,))

# %%
# .. outcome::
#
#    最大的学习率是 0.03 时，四行的最大损失都是 2.3，没有预热也没有升高，预热带来的差别也在种子的波动之内。余弦仍把平均准确率从 0.953 提高到 0.969。学习率一直是 0.01 时，平均也有 0.960，与 0.1 时两种都用的差别在种子的波动之内。可见 0.1 那几行的低准确率，主要是学习率偏大造成的。

# %%
# 按验证损失来降
# --------------
# 前面的余弦要事先知道总步数。
# ``ReduceLROnPlateau`` 不同，它在每轮之后收到一个验证损失，如果损失接连几轮没有新低，它就把学习率降下来。
# 默认比最低的损失再小 0.01% 以上，才算新低。若给它的是准确率，就要写 ``mode="max"``。
# ``patience=1`` 允许一轮没有新低，到第二轮才降，默认是 10。下面直接给它一串损失：

optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=1)
print("epoch  validation loss  lr afterwards")
for epoch, loss in enumerate((0.9, 0.5, 0.6, 0.4, 0.5, 0.5, 0.3), start=1):
    optimizer.step()
    scheduler.step(loss)
    print(f"{epoch:>5}  {loss:>15.1f}  {optimizer.param_groups[0]['lr']:>13.2f}")

# %%
# 第 3 轮没有新低，但是第 4 轮有，所以学习率不变。第 5、6 两轮都没有新低，于是学习率变成原来的十分之一。
#
# .. real-projects::
#
#    ``OneCycleLR`` 把先升后降做成了一个类，它默认还会改动量。中断后要接着训练，就把 ``scheduler.state_dict()`` 也存进检查点，见 :ref:`training-save-and-load`。各种曲线列在
#    `How to adjust learning rate <https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>`__，余弦下降出自 `SGDR <https://arxiv.org/abs/1608.03983>`__。
#
# 小结
# ----
# - 规则：先选合适的学习率，再用余弦下降。学习率偏大时，余弦下降要与预热一起用。``T_max`` 要等于余弦这一段里调用 ``scheduler.step()`` 的次数。
# - API：``LinearLR(optimizer, start_factor, total_iters=...)``、``CosineAnnealingLR(optimizer, T_max)``、
#   ``SequentialLR(optimizer, [...], milestones)`` 和 ``ReduceLROnPlateau(optimizer, patience=...)``。
# - 下一页：:ref:`training-gradient-clipping`
