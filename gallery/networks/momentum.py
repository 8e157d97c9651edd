# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-momentum:

优化器：动量
============

:term:`梯度下降` 的每一步只用当前的 :term:`梯度`。:term:`学习率` 小，训练就慢，学习率大，损失又可能 :term:`发散`。
:term:`动量` 让以前的梯度也参与这一步的更新。它与直接调大学习率有什么不同？

你将学到：

- 写出动量的更新公式，并给 ``torch.optim.SGD`` 加上动量
- 计算梯度不变和梯度来回变号时，每一步各走多远
- 公平地比较两种训练方法，为每一种各试几个学习率和几个种子
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 思路
# ----
# 有了动量，每个参数 :math:`w` 多了一个速度 :math:`v`，它从 0 开始。下面的 :math:`g` 是当前的梯度，
# :math:`\eta` 是学习率，:math:`\mu` 是动量系数，常用的值是 0.9。
#
# .. math::
#
#    v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v
#
# 每一步先把旧的速度乘以 :math:`\mu`，再加上新的梯度，所以越早的梯度影响越小。
# 下面不用模型，直接给定梯度，看参数每一步走多远。一种梯度恒等于 1，另一种在 1 和 −1 之间来回变号。
#
# .. predict::
#
#    学习率是 0.05，动量系数是 0.9，梯度恒等于 1。第一步走 0.05，第 50 步走多远？
#
#    - 大约是第一步的 10 倍，因为旧的速度每一步只留下 0.9 倍
#    - 与第一步一样远，因为梯度和学习率都没有变
#    - 大约是第一步的 50 倍，因为 50 个梯度加在了一起


def moves(gradients, momentum=0.9):
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=momentum)
    lengths = []
    for gradient in gradients:
        before = w.item()
        w.grad = torch.tensor([gradient])
        optimizer.step()
        lengths.append(abs(w.item() - before))
    return lengths


constant = moves([1.0] * 50)
alternating = moves([1.0, -1.0] * 25)
for i in (0, 1, 2, 9, 49):
    print(
        f"step {i + 1:>2}: constant {constant[i]:.3f}, alternating {alternating[i]:.3f}"
    )

# %%
# .. answer:: A
#
#    第 50 步走了 0.497，约是 0.05 的 10 倍。B 不成立，因为旧的速度也参与更新，例如第二步走 :math:`0.05 \times (0.9 + 1) = 0.095`。C 不成立，因为每走一步，旧的速度都要乘以 0.9。
#    这些系数之和是 :math:`1 + 0.9 + 0.9^2 + \dots = 1/(1-0.9) = 10`，所以梯度不变时步子最多放大到 10 倍。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for name, lengths in {"constant": constant, "alternating": alternating}.items():
    (line,) = ax.plot(range(1, 51), lengths, ".-", lw=1)
    ax.annotate(name, (51, lengths[-1]), color=line.get_color(), va="center")
ax.set(xlabel="step", ylabel="length of the step", xlim=(0, 60), ylim=(0, 0.55))
ax.spines[["top", "right"]].set_visible(False)
# alt: 两条曲线都从 0.05 出发，梯度恒定时每一步逐渐升到 0.5，梯度来回变号时每一步降到 0.03 以下
plt.show()

# %%
# 梯度不变时，步子逐渐放大。梯度来回变号时，新的梯度抵消旧速度的一部分，例如第二步走 :math:`0.05 \times |0.9 - 1| = 0.005`。所以步子起初忽大忽小，最后是第一步的 :math:`1 - 0.9 + 0.9^2 - \dots = 1/(1+0.9)` 倍，约为一半。
#
# .. change-it::
#
#    给 ``moves`` 加上 ``momentum=0.99``，梯度仍然恒等于 1。第 50 步会放大到第一步的 100 倍吗？

# hide-cell: 动量系数 0.99
lengths = moves([1.0] * 500, momentum=0.99)
for step in (50, 500):
    print(f"step {step}: {lengths[step - 1] / lengths[0]:.1f} x step 1")

# %%
# .. outcome::
#
#    第 50 步只放大到 39.5 倍，第 500 步才接近 100 倍。系数取 0.9 时，第 50 步已经接近上限，所以 0.99 放大得更多，也更慢。

# %%
# 拟合一条曲线
# ------------
# 现在用 :term:`多层感知机` 拟合 :math:`f(x) = 4 \sin(\pi x) \cos(6 \pi x^2)` 上的 200 个点。
# 每一步都用全部的点，所以走一步就是一 :term:`轮`。损失变成 NaN 或低于 ``until`` 时，训练提前停止。

d, n = 1, 200
n_hidden_1, n_hidden_2, d_out = 32, 32, 1


def make(seed):
    torch.manual_seed(seed)  # 在 CPU 上生成，换设备不换初值
    X = torch.rand(n, d)
    y = 4 * torch.sin(math.pi * X) * torch.cos(6 * math.pi * X**2)
    model = nn.Sequential(
        nn.Linear(d, n_hidden_1),
        nn.Tanh(),
        nn.Linear(n_hidden_1, n_hidden_2),
        nn.Tanh(),
        nn.Linear(n_hidden_2, d_out),
    )
    return X.to(device), y.to(device), model.to(device)


def train(lr, momentum, seed=0, n_epochs=6000, until=0.0):
    X, y, model = make(seed)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    losses = []
    while len(losses) < n_epochs:
        y_hat = model(X)
        loss = loss_fn(y_hat, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if math.isnan(losses[-1]) or losses[-1] < until:
            break
    return model, losses


_, losses = train(0.05, momentum=0.9)

print("iter,\tloss")
for i in range(0, 6000, 600):
    print(f"{i},\t{losses[i]:.2f}")

# %%
# 损失在 600 步之内从 4.11 降到 0.07，但是这张表里没有比较的对象。
#
# 公平地比较
# ----------
# 如果只去掉动量，学习率仍取 0.05，那么没有动量的一方可能只是步子太小，比较就不公平。
# 所以两种方法各试几个学习率，每个学习率用五个种子，数一数走多少步损失才低于 2，约是开始时的一半。表里的 nan 表示损失变成了 NaN。
#
# .. predict::
#
#    0.5 是 0.05 的 10 倍。不用动量、学习率取 0.5，训练会怎样？
#
#    - 与有动量、学习率 0.05 时差不多快，因为步子都放大到 10 倍
#    - 比有动量、学习率 0.05 时慢，因为步子不会越走越大
#    - 损失变成 NaN，因为梯度变号时步子也放大到 10 倍

settings = [(0.9, 0.02), (0.9, 0.05), (0.9, 0.2)]  # 动量系数，学习率
settings += [(0.0, 0.05), (0.0, 0.1), (0.0, 0.15), (0.0, 0.3), (0.0, 0.5)]
print("steps until the loss is below 2, seeds 0 to 4             mean")
for momentum, lr in settings:
    runs = [train(lr, momentum, seed, until=2.0)[1] for seed in range(5)]
    steps = [float(len(run)) if run[-1] < 2 else math.nan for run in runs]
    numbers = " ".join(f"{number:>5.0f}" for number in steps)
    print(f"momentum {momentum}, lr {lr:<4}   {numbers}    {sum(steps) / 5:>5.0f}")

# %%
# 再看不用动量时的前三步。step 2 是沿第一步的方向，第二步的梯度是第一步的几倍，负数表示反向。step 3 是第三步的梯度有第一步的几倍长。五个种子各打印一个数。


def gradient(lr, seed, n_epochs):  # 最后一步的梯度，还留在 grad 里
    model, _ = train(lr, 0.0, seed, n_epochs)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


for lr in (0.05, 0.15, 0.5):
    print(f"lr {lr}")
    runs = [
        [gradient(lr, seed, n_epochs) for n_epochs in (1, 2, 3)] for seed in range(5)
    ]
    print("  step 2", *(f"{(g @ h / (g @ g)).item():+6.2f}" for g, h, _ in runs))
    print("  step 3", *(f"{(k.norm() / g.norm()).item():6.2f}" for g, _, k in runs))

# %%
# .. answer:: C
#
#    最后一行全是 NaN，所以 A 和 B 都不成立，动量不等于更大的学习率。
#    学习率取 0.05 时，第二步的梯度不反向。取 0.15 时反向，但是第三步的梯度最多是第一步的 1.57 倍。
#    取 0.5 时也反向，第二步都超过 3 倍，第三步都超过 8 倍，步子越走越大，直到损失变成 NaN。
#    动量只在梯度方向不变时才把步子放大到 10 倍，而学习率 0.5 使每一步都是 10 倍。

# %%
# 两种方法的学习率都有上限，有动量时取 0.2，没有动量时取 0.3，五个种子都发散。
# 各取表中平均步数最少的一行来比较，有动量时平均走 217 步，没有动量时平均走 655 步，而且每个种子都是有动量的快。
#
# 最后看拟合的曲线。这两种设置都用种子 0 走 600 步。

X, y, _ = make(seed=0)
X_grid = torch.linspace(0, 1, 200).view(-1, d)
fits = {}
for momentum, lr in ((0.0, 0.15), (0.9, 0.05)):
    model, _ = train(lr, momentum, n_epochs=600)
    with torch.no_grad():
        fits[momentum] = model(X_grid.to(device)).cpu()
        loss = nn.functional.mse_loss(model(X), y)
    print(f"momentum {momentum}, lr {lr}, after 600 steps: loss {loss:.2f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.scatter(X.cpu(), y.cpu(), s=12, color="0.7", label="$f(x)$")
for (momentum, y_hat), style in zip(fits.items(), ("C0--", "C1"), strict=True):
    ax.plot(X_grid, y_hat, style, label=rf"$\hat{{f}}(x)$, momentum {momentum}")
ax.set(title=r"plot of $f(x)$ and $\hat{f}(x)$", xlabel="$x$", ylabel="$y$")
ax.spines[["top", "right"]].set_visible(False)
fig.legend(loc="outside lower center", ncols=3, frameon=False)
# alt: 600 步之后，有动量的橙色实线贴着灰色的点，只在右端偏离，没有动量的蓝色虚线从 0.4 往右离点很远
plt.show()

# %%
# 有动量的网络学会了大部分起伏，只在右端偏离。没有动量的网络大致只学会了左边的一个低谷。
#
# .. real-projects::
#
#    动量系数一般先取 0.9，再调学习率。有的教材把新的梯度乘以 :math:`1-\mu`，那样梯度不变时步子不放大，
#    所以学习率要取 :math:`1/(1-\mu)` 倍。``nesterov=True`` 是动量的一种变体，
#    见 `torch.optim.SGD <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>`__ 的文档。
#    动量为什么能加快收敛，见附有交互图的文章 `Why Momentum Really Works <https://distill.pub/2017/momentum/>`__。

# %%
# 小结
# ----
# - 规则：动量放大方向一致的步子，缩小来回摆动的步子，而调大学习率把两者都放大，所以比较时要各调学习率。
# - API：``torch.optim.SGD(params, lr=..., momentum=0.9)``，``momentum`` 默认是 0。
# - 下一页：本章到此结束，下一章从 :ref:`training-digits-dataloader` 开始。
