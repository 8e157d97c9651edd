# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _networks-momentum:

优化器：动量
============

梯度下降每步只看眼前的 :term:`梯度`。:term:`动量` 把走过的梯度攒成一个速度：
方向一致的越攒越大，来回摆动的互相抵消。
这一页用 :term:`多层感知机` 拟合一条弯曲的曲线，再去掉动量，换几个 :term:`学习率` 公平地比。

你将学到：

- 给 ``torch.optim.SGD`` 加上 ``momentum=0.9``
- 动量的两行公式，以及它为什么近似于把步子放大十倍
- 比较两种训练时，为什么要给每一种都换几个学习率、几个种子
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 数据和网络
# ----------
# 200 个点取自 :math:`f(x) = 4 \sin(\pi x) \cos(6 \pi x^2)`，越往右摆得越快。
# 点和初始权重都先在 CPU 上按种子生成，再移到 :term:`设备` 上，这样换设备不换起点。

d, n = 1, 200
n_hidden_1, n_hidden_2, d_out = 32, 32, 1


def make(seed):
    torch.manual_seed(seed)
    X = torch.rand(n, d)
    y = 4 * torch.sin(np.pi * X) * torch.cos(6 * np.pi * X**2)
    neural_network = nn.Sequential(
        nn.Linear(d, n_hidden_1),
        nn.Tanh(),
        nn.Linear(n_hidden_1, n_hidden_2),
        nn.Tanh(),
        nn.Linear(n_hidden_2, d_out),
    )
    return X.to(device), y.to(device), neural_network.to(device)


X, y, _ = make(seed=0)
print(f"{X.shape=}, {y.shape=}, device: {device.type}")

fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.scatter(X.cpu(), y.cpu(), s=12, color="C0")
ax.set(title="plot of $f(x)$", xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
# alt: 200 个点排成一条波浪线，从左到右摆动越来越密，到 x 等于 1 时幅度收到零
plt.show()

# %%
# 带动量训练
# ----------
# 每一步都用全部 200 个点，所以一步就是一轮。损失变成 NaN 或低于 ``until`` 就提前停下。
#
# .. admonition:: 先猜一猜
#
#    损失从 4.11 开始。走 600 步之后，有动量时还剩多少？没有动量呢？

n_epochs = 6000


def train(step_size, momentum=0.0, seed=0, until=0.0):
    X, y, neural_network = make(seed)
    loss_func = nn.MSELoss()
    optim = torch.optim.SGD(
        neural_network.parameters(), lr=step_size, momentum=momentum
    )
    losses = []
    for _ in range(n_epochs):
        y_hat = neural_network(X)
        loss = loss_func(y_hat, y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        losses.append(loss.item())
        if math.isnan(losses[-1]) or losses[-1] < until:
            break
    return neural_network, losses


runs = {"momentum 0.9, lr 0.05": train(0.05, momentum=0.9)}
losses = runs["momentum 0.9, lr 0.05"][1]

print("iter,\tloss")
for i in range(0, n_epochs, n_epochs // 10):
    print(f"{i},\t{losses[i]:.2f}")

# %%
# 600 步时只剩 0.07，1200 步起两位小数已经是 0.00。
#
# 动量做了什么
# ------------
# 每个参数多了一个速度 :math:`v`，从 0 开始，:math:`g` 是梯度，:math:`\mu` 是动量系数：
#
# .. math::
#
#    v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v
#
# 让梯度恒等于 1，看每一步走多远：

w = torch.zeros(1, requires_grad=True)
optim = torch.optim.SGD([w], lr=0.05, momentum=0.9)
for i in range(1, 51):
    w_before = w.item()
    optim.zero_grad()
    w.sum().backward()
    optim.step()
    if i in (1, 2, 3, 10, 50):
        print(f"step {i:>2}: moved {w_before - w.item():.3f}")

# %%
# 第一步走 0.05，最后走将近 0.5：梯度不变时，动量 0.9 把步子放大到 :math:`1/(1-0.9) = 10` 倍。
# 那么，不用动量，直接把学习率调大，不就行了吗？
#
# 去掉动量，公平地比
# ------------------
# 只去掉动量、学习率仍用 0.05，对没有动量的一方不公平。再给它两个更大的学习率：0.1 和 0.5。

for step_size in (0.05, 0.1, 0.5):
    runs[f"no momentum, lr {step_size}"] = train(step_size)

print("run                    at 600  below 1 at  at end")
for name, (_, losses) in runs.items():
    at_600 = losses[min(600, len(losses) - 1)]
    below = next((i for i, loss in enumerate(losses) if loss < 1), "never")
    print(f"{name:<22} {at_600:>6.2f}  {below:>10}  {losses[-1]:>6.2f}")

fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for i, (name, (_, losses)) in enumerate(runs.items()):
    ax.plot(losses, color=("C1", "C0", "C2", "C3")[i], lw=1, label=name)
ax.set(yscale="log", ylim=(5e-4, 60), xlabel="step", ylabel="loss")
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside upper center", ncols=2, frameon=False)
# alt: 四条损失曲线：只有带动量的降到 0.01 以下；没有动量的 0.05 缓降，0.1 多尖峰，0.5 在最左边冲出图外
plt.show()

# %%
# 学习率 0.5 与动量的“十倍步子”一样大，十几步就冲到无穷，成了 NaN：
# 在陡的方向上，每一步都冲过头，而且越冲越远。有动量时，冲过头的梯度正负相间，
# 在 :math:`v` 里互相抵消，步子只在方向一致时才放大。
#
# 0.1 比 0.05 快，但曲线上满是尖峰，已经接近能用的上限；换一台机器，尖峰的位置和末尾的数会略有不同。
# 有动量的那条在 500 步附近也冲高过一次，随后就回到正轨。
#
# 拟合的曲线
# ----------
# 损失 0.09 与 0.00 差在哪里？把 6000 步之后的两个网络画出来。

X_grid = torch.linspace(0, 1, 200).view(-1, d)

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.scatter(X.cpu(), y.cpu(), s=12, color="0.7", label="$f(x)$")
for name, style in (("no momentum, lr 0.05", "C0--"), ("momentum 0.9, lr 0.05", "C1")):
    with torch.no_grad():
        y_hat = runs[name][0](X_grid.to(device))
    ax.plot(X_grid, y_hat.cpu(), style, label=rf"$\hat{{f}}(x)$, {name}")
ax.set(title=r"plot of $f(x)$ and $\hat{f}(x)$", xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside lower center", ncols=3, frameon=False)
# alt: 有动量的橙色实线贴着点走；没有动量的蓝色虚线从 x 等于 0.85 往右没有跟上最后一个低谷
plt.show()

# %%
# 虚线没有学会最右边的低谷，从 0.85 往右就没有跟上；有动量的实线一直贴着点走，只在右端略有偏离。
#
# 换几个种子
# ----------
# 一个种子可能碰巧。让动量和没有动量时三者中最好的 0.1 各用五个种子，数一数走到第几步损失才低于 1。

for step_size, momentum in ((0.05, 0.9), (0.1, 0.0)):
    steps = [len(train(step_size, momentum, s, until=1.0)[1]) - 1 for s in range(5)]
    mean, std = np.mean(steps), np.std(steps, ddof=1)
    print(f"momentum {momentum}, lr {step_size}: {mean:.0f} ± {std:.0f} steps")

# %%
# 在种子 0 上和 0.05 比，动量快约七倍；对手换成 0.1，五个种子平均快约五倍，仍远大于种子之间的差别。
# 学习率再大也帮不上忙：我们另外试过 0.2，有的种子会发散。
# 动量这一方只试了 0.05；再调，差距只会更大。
#
# 改一改：让动量也用学习率 0.1，先猜它会更快还是发散，再运行 ``train(0.1, momentum=0.9)``。
#
# 小结
# ----
# - 规则：动量累积一致的方向、抵消摆动；比较优化器时，每一种都要调自己的学习率。
# - API：``torch.optim.SGD(params, lr=..., momentum=0.9)``，``momentum`` 默认是 0。
# - 下一页：本章到此结束；再看一遍 :ref:`basics-gradient-descent`，手写的循环现在只剩三行。
#
# 与原笔记的差异：原笔记说没有动量时损失降得很慢，却只有有动量的表，这里两种都运行；
# 定了种子，所以损失从 4.11 开始；``'\hat{f}'`` 改用原始字符串。
