# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-optimizers-compared:

优化器的比较
============

把 SGD 换成 Adam，只要改一行代码。学习率不动，同样训练 5 轮，:term:`准确率` 却高出许多。
这能说明 Adam 比 SGD 好吗？

你将学到：

- 算出 Adam 的第一步有多大
- 公平地比较几种 :term:`优化器`
- 检验 :term:`权重衰减` 的系数能不能从 ``Adam`` 照抄到 ``AdamW``
"""

from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# SGD 的一步是 :term:`学习率` 乘以 :term:`梯度`，:term:`动量` 再把以往的步子累积起来。
# Adam 为每个参数记住两个加权平均，一个是以往梯度的平均 :math:`m`，一个是以往梯度平方的平均 :math:`v`，然后用 :math:`v` 的平方根去除 :math:`m`：
#
# .. math::
#
#    w \leftarrow w - \eta \, \frac{m}{\sqrt{v} + \varepsilon}
#
# 这里 :math:`\eta` 是学习率，:math:`\varepsilon` 是防止除以 0 的小数，默认是 1e-8。
# 每过一步，旧梯度在 :math:`m` 和 :math:`v` 里的权重分别乘以 0.9 和 0.999，这是 ``betas`` 的默认值。
# 两个平均都除以各自权重的总和，第一步又只有一个梯度 :math:`g`，所以 :math:`m = g`，:math:`v = g^2`。
#
# 先看一个狭长的山谷 :math:`f(a, b) = (a^2 + 30 b^2) / 2`。它在 :math:`b` 的方向陡，在 :math:`a` 的方向平，最低点在原点。
#
# .. predict::
#
#    从 :math:`(-9, 1.5)` 出发，那里的梯度是 :math:`(-9, 45)`。Adam 的学习率取 0.3，第一步在两个方向上各走多远？
#
#    - 陡的方向走得多，因为那里的梯度大
#    - 两个方向一样多，因为梯度的大小被约掉了
#    - 平的方向走得多，因为最低点在那个方向上更远


def walk(make_optimizer, n_steps=200):
    point = torch.tensor([-9.0, 1.5], requires_grad=True)
    optimizer = make_optimizer([point])
    path = [point.tolist()]
    for _ in range(n_steps):
        value = (point[0] ** 2 + 30 * point[1] ** 2) / 2
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        path.append(point.tolist())
    return torch.tensor(path)


routes = {
    "SGD, lr 0.06": walk(partial(torch.optim.SGD, lr=0.06)),
    "momentum 0.7, lr 0.06": walk(partial(torch.optim.SGD, lr=0.06, momentum=0.7)),
    "Adam, lr 0.3": walk(partial(torch.optim.Adam, lr=0.3, betas=(0.9, 0.999))),
}
print("route                  first step, a and b  largest step, a and b")
for name, path in routes.items():
    steps = path[1:] - path[:-1]
    first, largest = steps[0], steps.abs().max(dim=0).values
    print(f"{name:<21}  {first[0]:>8.2f}  {first[1]:>9.2f}", end="")
    print(f"  {largest[0]:>10.2f}  {largest[1]:>9.2f}")

# %%

# hide-input: 画图
a, b = torch.linspace(-10, 4.5, 146), torch.linspace(-2, 2, 81)
height = (a**2 + 30 * b[:, None] ** 2) / 2  # (81, 146)：行是 b，列是 a
fig, axes = plt.subplots(3, 1, figsize=(6, 4.2), sharex=True, layout="constrained")
for i, (ax, (name, path)) in enumerate(zip(axes, routes.items(), strict=True)):
    ax.contour(a, b, height, levels=[5, 25], colors="0.6", linewidths=0.6)
    ax.plot(*path[:61].T, "o-", color=f"C{i}", ms=3, lw=1)
    ax.plot(0, 0, "+", color="0.5", ms=12)
    ax.set(title=name, ylabel="b")
axes[-1].set(xlabel="a")
# alt: 同一个狭长椭圆山谷里的三条路线，各画 60 步。SGD 先上下折返，再沿谷底慢慢挪，动量摆动几下就到谷底，Adam 斜着切进谷底，冲过最低点再折回
plt.show()

# %%
# .. answer:: B
#
#    第一步的 :math:`m / \sqrt{v}` 是 :math:`g / |g|`，也就是 1 或 −1，所以两个方向都走 0.3。
#    A 说的是 SGD，它在陡的方向走了 2.70，在平的方向只走 0.54。C 不成立，因为优化器只知道梯度，不知道最低点在哪里。
#
# 图里各画了 60 步。SGD 在陡的方向来回折返，在平的方向越走越慢，动量和 Adam 都越过最低点再折回。
# 但是这不说明哪个优化器快，因为学习率这个数在两种优化器里意思不同。
# 在 SGD 里，它是梯度的倍数，而 Adam 在这条路上的每一步，在任何一个方向都不超过学习率 0.3。
# 所以 Adam 的 0.3 与 SGD 的 0.06 不能比。
# 动量会把步子累积起来，学习率同样是 0.06，它在平的方向一步最多走 1.14，而 SGD 最多走 0.54。
#
# 各扫一遍学习率
# --------------
# 用手写数字训练一个网络，它有一个 64 个单元的隐藏层，只训练 5 轮，好看出快慢。
# 每个优化器用七个学习率，每个学习率用五个种子，都看验证集。表里的“±”后面是五个种子的标准差。
#
# .. predict::
#
#    学习率都取 0.001 时，Adam 远远领先。各用自己最好的学习率时呢？
#
#    - Adam 仍然远远领先，动量和 SGD 落后十个百分点以上
#    - SGD 最好，Adam 和动量落后几个百分点
#    - Adam 与动量不相上下，SGD 落后几个百分点

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def fit(make_optimizer, seed, n_epochs):
    torch.manual_seed(seed)
    layers = [nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers)
    model.train()
    optimizer = make_optimizer(model.parameters())
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(images[validation]).argmax(dim=1) == labels[validation]
    return right.float().mean()


def five_seeds(make_optimizer, n_epochs=5):
    return torch.stack([fit(make_optimizer, seed, n_epochs) for seed in range(5)])


rates = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
makers = {
    "SGD": torch.optim.SGD,
    "momentum 0.9": partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
}
results = {}
print("lr           " + "".join(f"{rate:>11}" for rate in rates))
for name, maker in makers.items():
    runs = torch.stack([five_seeds(partial(maker, lr=rate)) for rate in rates])
    means, stds = runs.mean(dim=1), runs.std(dim=1)
    results[name] = (means, stds)
    cells = (f"{m:.2f}±{s:.2f}" for m, s in zip(means, stds, strict=True))
    print(f"{name:<13}" + "".join(f"{cell:>11}" for cell in cells))
for name, (means, stds) in results.items():
    i = means.argmax()
    print(f"{name:<12} best at lr {rates[i]}: {means[i]:.3f} ± {stds[i]:.3f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
places = {"SGD": (0.035, 0.3), "momentum 0.9": (0.0011, 0.62), "Adam": (0.0013, 0.9)}
for i, (name, (means, stds)) in enumerate(results.items()):
    ax.errorbar(rates, means, yerr=stds, fmt="o-", capsize=3, color=f"C{i}")
    ax.annotate(name, places[name], color=f"C{i}")
ax.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy")
# alt: 横轴是对数的学习率，纵轴是验证准确率。三条拱形曲线，Adam 在 0.03 最高，动量在 0.3 最高，SGD 在 1 最高，Adam 在 0.3 以后骤降
plt.show()

# %%
# .. answer:: C
#
#    各用最好的学习率时，Adam 是 0.957，动量是 0.955，差别在种子的波动之内，所以 A 不成立。
#    SGD 最好的平均是 0.895，但是各种子相差很大，标准差有 0.067。
#    学习率 0.3 时，SGD 的波动小，是 0.89，也低几个百分点，所以 B 不成立。
#
#    都取 0.001 时，Adam 是 0.77，SGD 只有 0.13。都取 0.3 时，次序就颠倒了，动量是 0.96，SGD 是 0.89，Adam 只有 0.21。三个最好的学
#    习率里，最大的是最小的三十多倍。用同一个学习率去比，比的其实是这个学习率适合谁。
#
# .. change-it::
#
#    各用自己最好的学习率，给 ``five_seeds`` 传 ``n_epochs=20``。SGD 会不会追上来？

# hide-cell: 20 轮
for name, (means, _) in results.items():
    rate = rates[means.argmax()]
    runs = five_seeds(partial(makers[name], lr=rate), n_epochs=20)
    print(f"{name:<12} at lr {rate}: {runs.mean():.3f} ± {runs.std():.3f}")

# %%
# .. outcome::
#
#    训练 20 轮，三者都在 0.971 与 0.977 之间，SGD 追到了一个百分点以内。可见 5 轮的表比的是快慢，不是最后能到多高。

# %%
# 权重衰减的系数
# --------------
# ``Adam`` 和 ``AdamW`` 都有 ``weight_decay`` 参数，记作 :math:`\lambda`，默认分别是 0 和 0.01。``Adam`` 把 :math:`\lambda w` 加进
# 梯度，再一起除以 :math:`\sqrt{v}`。``AdamW`` 不让衰减经过除法，直接把权重乘以 :math:`1 - \eta\lambda`。为了看清楚，让一个权
# 重从 1 开始，损失的梯度恒为 0，走 10 步，看权重变成多少：

print("weight_decay    Adam   AdamW")
for decay in (0.0, 0.001, 0.1, 1.0):
    weights = []
    for optimizer_class in (torch.optim.Adam, torch.optim.AdamW):
        w = torch.ones(1, requires_grad=True)
        optimizer = optimizer_class([w], lr=0.01, weight_decay=decay)
        for _ in range(10):
            w.grad = torch.zeros(1)
            optimizer.step()
        weights.append(w.item())
    print(f"{decay:<12}  {weights[0]:.4f}  {weights[1]:.4f}")

# %%
# ``AdamW`` 的系数越大，权重缩小得越多。``Adam`` 的系数从 0.001 到 1.0，权重却都降到 0.90，也就是每步约降一个学习率，因为梯度里
# 只剩衰减时，除以 :math:`\sqrt{v}` 就把系数约掉了。再看训练，学习率都是 0.03，训练 5 轮：

print("weight_decay  Adam           AdamW")
for decay in (0.0, 0.001, 0.1, 1.0):
    print(f"{decay:<12}", end="")
    for optimizer_class in (torch.optim.Adam, torch.optim.AdamW):
        runs = five_seeds(partial(optimizer_class, lr=0.03, weight_decay=decay))
        print(f"  {runs.mean():.3f} ± {runs.std():.3f}", end="")
    print()

# %%
# 没有衰减时，两者相同。
# 把 ``Adam`` 的 0.001 照抄到 ``AdamW``，准确率与没有衰减时一样，上一张表里的权重也只降到 0.9999，所以这个系数在 ``AdamW`` 里几乎不起作用。
# 反过来，``AdamW`` 用 0.1 还有 0.955，照抄到 ``Adam`` 就降到 0.746。所以系数不能照抄，要为每个优化器分别去扫。
#
# .. real-projects::
#
#    扫学习率时，可以先隔十倍取一个，再在最好的附近取密一些。学习率是按验证集选的，所以最后要用测试集报告准确率。参数说明见
#    `torch.optim.AdamW <https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html>`__，Adam 出自
#    `Kingma 与 Ba 的论文 <https://arxiv.org/abs/1412.6980>`__。
#
# 小结
# ----
# - 规则：同一个学习率下的领先，不说明一个优化器更好。比较之前，为每一个分别扫学习率，并换几个种子。
#   从 ``Adam`` 换到 ``AdamW``，衰减的系数也要重新扫。
# - API：``torch.optim.SGD(..., momentum=0.9)``、``torch.optim.Adam``、``torch.optim.AdamW(..., weight_decay=...)``。
# - 下一页：:ref:`training-learning-rate-schedules`
