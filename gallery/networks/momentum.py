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
#    损失从 4.11 开始。走 600 步之后，有动量时还剩多少：还在 3 以上，1 左右，还是不到 0.1？

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


with_momentum, losses = train(0.05, momentum=0.9)

print("iter,\tloss")
for i in range(0, n_epochs, n_epochs // 10):
    print(f"{i},\t{losses[i]:.2f}")

# %%
# 600 步时已经不到 0.1，1200 步起两位小数是 0.00。
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
# 一个种子可能碰巧，所以每一行用五个种子，各数一数走到第几步损失才低于 0.9。
# 最后一列是让损失变大的步子占多少，五个种子平均。

n_seeds, target = 5, 0.9
settings = [(0.05, 0.9), (0.05, 0.0), (0.1, 0.0), (0.5, 0.0)]  # 学习率，动量
curves = {}
print(
    f"steps until the loss is below {target}, seeds 0 to {n_seeds - 1}     mean   rose"
)
for step_size, momentum in settings:
    name = f"momentum {momentum}, lr {step_size}"
    runs = [train(step_size, momentum, s, until=target)[1] for s in range(n_seeds)]
    steps = [len(run) if run[-1] < target else math.nan for run in runs]
    rose = np.mean([np.mean(np.greater(run[1:], run[:-1])) for run in runs])
    numbers = " ".join(f"{number:>5}" for number in steps)
    print(f"{name:<22} {numbers}  {np.mean(steps):>5.0f}  {rose:>5.0%}")
    curves[name] = runs[0]

# %%
# 学习率 0.5 与动量的“十倍步子”一样大，五个种子全都成了 NaN。看种子 0 的头几步：

print(*(f"{loss:.1e}" for loss in curves["momentum 0.0, lr 0.5"][:7]))

# %%
# 在陡的方向上，每一步都冲过头，而且越冲越远。有动量时，冲过头的梯度正负相间，
# 在 :math:`v` 里互相抵消，步子只在方向一致时才放大。
#
# 另外三行都走到了。没有动量时最快的一个种子，也比有动量时最慢的一个种子慢；
# 就平均而言，0.1 要走的步数是有动量的五倍多，0.05 是八倍左右。
#
# 没有动量、学习率 0.1 时，约三分之一的步子让损失变大，所以换一种处理器，这一行的步数会略有不同。
# 图里不画起伏，只画到目前为止最低的损失。横轴取对数，相等的距离就是相等的倍数：

fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, run), color in zip(
    list(curves.items())[:3], ("C1", "C0", "C2"), strict=True
):
    ax.plot(range(1, len(run) + 1), np.minimum.accumulate(run), color=color, label=name)
ax.axhline(target, color="0.5", ls="--", lw=1)
ax.set(xscale="log", xlim=(10, 4000), ylim=(0, 4.5))
ax.set(xlabel="step", ylabel="lowest loss so far")
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside upper center", ncols=3, frameon=False)
# alt: 三条下降的曲线，从 4 左右降到 0.9 的虚线。有动量的在 300 步左右碰到虚线，没有动量的 0.1 在一千多步，0.05 在两千多步
plt.show()

# %%
# 拟合的曲线
# ----------
# 去掉动量、学习率不变，走满 6000 步，差在哪里？把两个网络画出来。

without_momentum, plain = train(0.05)
for name, last in (("momentum 0.9", losses[-1]), ("momentum 0.0", plain[-1])):
    print(f"{name}, after {n_epochs} steps: loss {last:.1f}")

X_grid = torch.linspace(0, 1, 200).view(-1, d)

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.scatter(X.cpu(), y.cpu(), s=12, color="0.7", label="$f(x)$")
for name, neural_network, style in (
    ("momentum 0.0", without_momentum, "C0--"),
    ("momentum 0.9", with_momentum, "C1"),
):
    with torch.no_grad():
        y_hat = neural_network(X_grid.to(device))
    ax.plot(X_grid, y_hat.cpu(), style, label=rf"$\hat{{f}}(x)$, {name}")
ax.set(title=r"plot of $f(x)$ and $\hat{f}(x)$", xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside lower center", ncols=3, frameon=False)
# alt: 有动量的橙色实线贴着点走；没有动量的蓝色虚线从 x 等于 0.85 往右没有跟上最后一个低谷
plt.show()

# %%
# 虚线没有学会最右边的低谷，从 0.85 往右就没有跟上；有动量的实线一直贴着点走，只在右端略有偏离。
#
# 改一改：让动量也用学习率 0.1，先猜它会更快还是发散，再运行 ``train(0.1, momentum=0.9)``。
#
# 小结
# ----
# - 规则：动量累积一致的方向、抵消摆动；比较优化器时，每一种都要调自己的学习率。
# - API：``torch.optim.SGD(params, lr=..., momentum=0.9)``，``momentum`` 默认是 0。
# - 下一页：本章到此结束；再看一遍 :ref:`basics-gradient-descent`，手写的循环现在只剩三行。
#
# 与原笔记的差异：没有动量的一种也运行；定了种子，所以损失从 4.11 开始；``'\hat{f}'`` 改用原始字符串。
