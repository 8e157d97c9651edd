# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-optimizers-compared:

优化器的比较
============

SGD、动量、Adam、AdamW，换一个名字只改一行代码，该用哪一个？
这一页先在一个狭长的山谷里看三条路线，再在手写数字上给每个 :term:`优化器` 扫一遍 :term:`学习率`：
同一个学习率对它们的意义完全不同，拿一个学习率去比，比的是运气。
最后看 :term:`权重衰减` 在 Adam 与 AdamW 里为什么不是一回事。

你将学到：

- SGD、动量、Adam 在狭长的山谷里各怎样走
- 比较优化器之前，为每一个扫一遍学习率
- 权重衰减用 ``AdamW``，不用 ``Adam`` 的 ``weight_decay``
"""

from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 狭长的山谷
# ----------
# 函数 :math:`f(a, b) = (a^2 + 30 b^2) / 2` 在 :math:`b` 的方向陡，在 :math:`a` 的方向平。
# 从 :math:`(-9, 1.5)` 出发，最低点在原点。


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


# %%
# 三种优化器，各给一个对它合适的学习率。SGD 的上限由陡的方向决定：超过 2/30 就 :term:`发散`。
# 打印第一步的两个分量，和从第几步起离最低点不超过 0.5。
#
# .. admonition:: 先猜一猜
#
#    谁最先走到最低点附近？在陡、平两个方向上，Adam 的第一步各有多大？

routes = {
    "SGD, lr 0.06": walk(lambda p: torch.optim.SGD(p, lr=0.06)),
    "momentum 0.7, lr 0.06": walk(lambda p: torch.optim.SGD(p, lr=0.06, momentum=0.7)),
    "Adam, lr 0.3": walk(lambda p: torch.optim.Adam(p, lr=0.3)),
}
for name, path in routes.items():
    step_a, step_b = (path[1] - path[0]).tolist()
    arrived = (path.norm(dim=1) > 0.5).nonzero().max() + 1
    print(f"{name:<22} first step ({step_a:.2f}, {step_b:.2f}), arrives at {arrived}")

a, b = torch.linspace(-10, 4.5, 146), torch.linspace(-2, 2, 81)
height = (a**2 + 30 * b[:, None] ** 2) / 2  # (81, 146)：行是 b，列是 a
fig, axes = plt.subplots(3, 1, figsize=(6, 4.2), sharex=True, layout="constrained")
for i, (ax, (name, path)) in enumerate(zip(axes, routes.items(), strict=True)):
    ax.contour(a, b, height, levels=[5, 25], colors="0.6", linewidths=0.6)
    ax.plot(*path[:61].T, "o-", color=f"C{i}", ms=3, lw=1)
    ax.plot(0, 0, "+", color="0.5", ms=12)
    ax.set(title=name, ylabel="b")
    ax.spines[["top", "right"]].set_visible(False)
axes[-1].set(xlabel="a")
# alt: 同一个狭长椭圆山谷里的三条路线。SGD 先上下折返，再沿谷底慢慢挪；动量摆动几下就到；Adam 斜着切进谷底，冲过最低点再折回
plt.show()

# %%
# SGD 的第一步几乎全花在陡的方向上，此后上下折返；动量让折返互相抵消，18 步就到。
# Adam 把梯度除以梯度自己的大小，所以两个方向的第一步一样大，正好是学习率 0.3：
# 它斜着切进谷底，不在乎哪边陡。接近最低点时梯度变小，
# 它的步子由以往梯度的平均决定，缩得慢，于是冲过了头，这里反而最慢。
#
# 各扫一遍学习率
# --------------
# 手写数字，一个 64 个单元的隐藏层，只训练 5 轮，好看出快慢。
# 每个优化器用七个学习率，各五个种子；在验证集上选最好的，再到测试集上报告。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
pixels = images.flatten(1)  # (1797, 64)


def fit(make_optimizer, seed):
    """训练一次，返回验证和测试的准确率。"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = make_optimizer(model.parameters())
    for _ in range(5):
        for rows in train[torch.randperm(len(train))].split(100):
            loss = nn.functional.cross_entropy(model(pixels[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = model(pixels).argmax(dim=1) == labels
    return right[validation].float().mean(), right[test].float().mean()


def seeds(make_optimizer):
    return torch.tensor([fit(make_optimizer, seed) for seed in range(5)]).T  # (2, 5)


rates = [0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
makers = {
    "SGD": torch.optim.SGD,
    "momentum 0.9": partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
}
fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
print("optimizer      test at lr 0.001  best lr  test at best lr")
for i, (name, maker) in enumerate(makers.items()):
    results = torch.stack([seeds(partial(maker, lr=lr)) for lr in rates])  # (7, 2, 5)
    means, stds = results.mean(dim=2), results.std(dim=2)
    best = means[:, 0].argmax()
    first = f"{means[0, 1]:.2f} ± {stds[0, 1]:.2f}"
    print(f"{name:<13}  {first:>16}  {rates[best]:>7}", end="  ")
    print(f"{means[best, 1]:.3f} ± {stds[best, 1]:.3f}")
    ax.errorbar(rates, means[:, 0], yerr=stds[:, 0], fmt="o-", capsize=3, color=f"C{i}")
    ax.annotate(name, [(0.045, 0.33), (0.0011, 0.62), (0.0012, 0.9)][i], color=f"C{i}")
ax.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy")
ax.spines[["top", "right"]].set_visible(False)
# alt: 横轴是对数的学习率，纵轴是验证准确率。三条拱形曲线，最高处差不多高，位置却相差很远：Adam 在 0.03，动量在 0.3，SGD 在 1，过了最高处就骤降
plt.show()

# %%
# 学习率都取 0.001，Adam 得 0.76，SGD 得 0.13，像是天壤之别；各用最好的学习率，
# 只剩 0.94、0.93 与 0.92，标准差都不到 0.02：Adam 略高，与动量的差别在噪声之内。
# 三个最好的学习率却差了三十多倍。Adam 的默认值 0.001 与 SGD 的 0.001 不是一个意思。
#
# 改一改：把 5 轮改成 20 轮，先猜三者最好的准确率会更接近还是拉开，再运行。
#
# AdamW 的权重衰减
# ----------------
# 给 Adam 和 AdamW 同样的 ``weight_decay``，学习率都是 0.01：

for decay in (0.0, 0.1):
    for name in ("Adam", "AdamW"):
        maker = partial(getattr(torch.optim, name), lr=0.01, weight_decay=decay)
        accuracies = seeds(maker)[1]
        print(
            f"decay {decay}, {name:<5}  {accuracies.mean():.3f} ± {accuracies.std():.3f}"
        )

# %%
# 没有衰减时两者是同一个算法，数字完全相同。衰减 0.1 时 AdamW 几乎不变，Adam 掉了二十个百分点。
# Adam 把 :math:`\lambda w` 加进梯度，再一起除以梯度的大小：梯度很小的权重，
# 剩下的全是衰减，每一步照样被拉回差不多一个学习率那么远。AdamW 把衰减放在除法之外，
# 每一步只乘以 :math:`1 - \eta \lambda`，这里是 0.999。
#
# 小结
# ----
# - 规则：比较优化器，先为每一个扫学习率、换种子；要权重衰减就用 AdamW。
# - API：``torch.optim.SGD(..., momentum=0.9)``、``torch.optim.Adam``、``torch.optim.AdamW(..., weight_decay=...)``。
# - 下一页：:ref:`training-learning-rate-schedules`
