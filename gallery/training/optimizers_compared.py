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
- 判断 :term:`权重衰减` 该用 ``Adam`` 还是 ``AdamW``
"""

from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# SGD 的一步是 :term:`学习率` 乘以 :term:`梯度`，:term:`动量` 再把以往的步子累积起来。Adam 为每个参数记住两个加权平均，一
# 个是以往梯度的平均 :math:`m`，一个是以往梯度平方的平均 :math:`v`，然后用 :math:`v` 的平方根去除 :math:`m`：
#
# .. math::
#
#    w \leftarrow w - \eta \, \frac{m}{\sqrt{v} + \varepsilon}
#
# 这里 :math:`\eta` 是学习率，:math:`\varepsilon` 是防止除以 0 的小数。第一步只有一个梯度 :math:`g`，所以 :math:`m = g`，
# :math:`v = g^2`。
#
# 先看一个狭长的山谷 :math:`f(a, b) = (a^2 + 30 b^2) / 2`。它在 :math:`b` 的方向陡，在 :math:`a` 的方向平，最低点在原点。
#
# .. predict::
#
#    从 :math:`(-9, 1.5)` 出发，那里的梯度是 :math:`(-9, 45)`。Adam 的学习率取 0.3，第一步在两个方向上各走多远？
#
#    - 陡的方向走得多，与梯度成正比
#    - 两个方向一样多，都是 0.3
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
    "Adam, lr 0.3": walk(partial(torch.optim.Adam, lr=0.3)),
}
for name, path in routes.items():
    step_a, step_b = (path[1] - path[0]).tolist()
    last_outside = (path.norm(dim=1) > 0.5).nonzero().max()
    print(f"{name:<22} first step ({step_a:.2f}, {step_b:.2f})", end="")
    print(f", within 0.5 of the minimum from step {last_outside + 1}")

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
# alt: 同一个狭长椭圆山谷里的三条路线。SGD 先上下折返，再沿谷底慢慢挪，动量摆动几下就到，Adam 斜着切进谷底，冲过最低点再折回
plt.show()

# %%
# .. answer:: B
#
#    第一步的 :math:`m / \sqrt{v}` 是 :math:`g / |g|`，也就是 1 或 −1，所以两个方向都走 0.3。A 说的是 SGD，它的第一步是学
#    习率乘以梯度，陡的方向走得多。C 不成立，因为没有一种优化器知道最低点在哪里。
#
# 所以学习率这个数在两种优化器里意思不同。在 SGD 里，它是梯度的倍数。在 Adam 里，它差不多就是每个参数一步走多远。在这个山
# 谷里动量最先到，Adam 最后到。换一个函数，次序可能就变了，所以还要在真实的数据上比。
#
# 各扫一遍学习率
# --------------
# 手写数字，一个 64 个单元的隐藏层，只训练 5 轮，好看出快慢。每个优化器用七个学习率，每个学习率用五个种子，都看验证集。
#
# .. predict::
#
#    学习率都取 0.001 时，Adam 远远领先。各用自己最好的学习率时呢？
#
#    - Adam 仍然远远领先
#    - Adam 与动量不相上下，SGD 落后几个百分点
#    - 次序颠倒过来，SGD 最好

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
    optimizer = make_optimizer(model.parameters())
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
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
    results[name] = means, stds = runs.mean(dim=1), runs.std(dim=1)
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
# .. answer:: B
#
#    学习率都取 0.001 时，Adam 是 0.77，SGD 只有 0.13。各用最好的学习率时，Adam 是 0.957，动量是 0.955，差别在种子的波动之
#    内，所以 A 不成立。SGD 是 0.895，低几个百分点，所以 C 不成立。
#
# 三个最好的学习率里，最大的是最小的三十多倍。用同一个学习率去比，比的其实是这个学习率碰巧适合谁。
#
# .. change-it::
#
#    各用自己最好的学习率，训练 20 轮。SGD 会不会追上来？

# hide-cell: 20 轮
for name, (means, _) in results.items():
    rate = rates[means.argmax()]
    runs = five_seeds(partial(makers[name], lr=rate), n_epochs=20)
    print(f"{name:<12} at lr {rate}: {runs.mean():.3f} ± {runs.std():.3f}")

# %%
# 训练得久一些，差距就缩小到一个百分点以内。可见 5 轮的表比的是快慢，不是最后能到多高。
#
# 权重衰减用 AdamW
# ----------------
# 权重衰减每一步把权重缩小一点。``Adam`` 和 ``AdamW`` 都有 ``weight_decay`` 参数，没有衰减时两者是同一个算法。有衰减时，
# ``Adam`` 把 :math:`\lambda w` 加进梯度，再一起除以 :math:`\sqrt{v}`。``AdamW`` 不让衰减经过除法，直接把权重乘以
# :math:`1 - \eta\lambda`。为了看清楚，让一个权重从 1 开始，损失的梯度恒为 0，走 10 步。表里的另一个数是用同样的设置训练手
# 写数字，得到的验证准确率：

print("decay        Adam: w, accuracy             AdamW: w, accuracy")
for decay in (0.0, 0.001, 0.1):
    cells = []
    for cls in (torch.optim.Adam, torch.optim.AdamW):
        maker = partial(cls, lr=0.01, weight_decay=decay)
        w = torch.ones(1, requires_grad=True)
        optimizer = maker([w])
        for _ in range(10):
            w.grad = torch.zeros(1)
            optimizer.step()
        runs = five_seeds(maker)
        cells.append(f"{w.item():.4f}, {runs.mean():.3f} ± {runs.std():.3f}")
    print(f"{decay:<11}  " + "         ".join(cells))

# %%
# 在 ``Adam`` 里，衰减取 0.001 与取 0.1，权重都降到 0.9，也就是每步降一个学习率。梯度里只剩衰减时，除以它自己的大小，衰减
# 系数就约掉了。在手写数字上，衰减 0.1 使 ``Adam`` 的准确率从 0.943 降到 0.776，``AdamW`` 几乎不变。
#
# .. real-projects::
#
#    训练大模型多用 AdamW，图像分类也常用带动量的 SGD。扫学习率时，先隔十倍取一个，再在最好的附近取密一些。参数说明见
#    `torch.optim.AdamW <https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html>`__，Adam 出自
#    `Kingma 与 Ba 的论文 <https://arxiv.org/abs/1412.6980>`__。
#
# 小结
# ----
# - 规则：比较优化器之前，为每一个扫一遍学习率，并换几个种子。要用权重衰减，就用 AdamW。
# - API：``torch.optim.SGD(..., momentum=0.9)``、``torch.optim.Adam``、``torch.optim.AdamW(..., weight_decay=...)``。
# - 下一页：:ref:`training-learning-rate-schedules`
