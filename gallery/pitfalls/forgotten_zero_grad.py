# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-forgotten-zero-grad:

忘记梯度清零
============

训练循环正常结束，损失也下降了，这时你发现代码里少了一行 ``optimizer.zero_grad()``。
已经得到的结果还能用吗？少了这一行，训练一定会变差，还是有时看不出来？

你将学到：

- 解释没有 :term:`梯度清零` 时 ``.grad`` 里存的是什么
- 比较三种 :term:`优化器` 受到的影响
- 检查训练循环有没有清零
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 最短的错误代码
# --------------
# ``backward()`` 把新的 :term:`梯度` 加到 ``.grad`` 原有的值上，不会覆盖旧的值。
# 函数 :math:`y = 3w` 的导数总是 3。下面反向传播三次，每次都不清零。

w = torch.tensor(1.0, requires_grad=True)
for step in range(1, 4):
    y = 3 * w
    y.backward()
    print(f"step {step}: gradient {w.grad:.0f}")

# %%
# 没有清零时，第 :math:`t` 步的 ``.grad`` 是从第 1 步到现在所有梯度的和 :math:`g_1 + g_2 + \dots + g_t`。
# 如果各步的梯度方向相近，更新的步子就越来越大。如果梯度改变了方向，旧的梯度还会把 :term:`参数` 推向原来的方向。
#
# 对训练的影响
# ------------
# 下面用手写数字训练同一个网络，有的清零，有的不清零，其余完全一样。:term:`准确率` 在验证集上计算。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def fit(make_optimizer, clear, seed):
    """训练十轮，返回每一轮的平均损失和验证集上的准确率。"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(10):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(50):
            loss = loss_fn(model(images[batch]), labels[batch])
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(train))
    with torch.no_grad():
        predicted = model(images[validation]).argmax(dim=1)
    return losses, (predicted == labels[validation]).float().mean().item()


def compare(name, make_optimizer):
    """清零与不清零各训练五次，打印准确率，返回种子 0 的两条损失曲线。"""
    curves, cells = [], []
    for clear in (True, False):
        runs = [fit(make_optimizer, clear, seed) for seed in range(5)]
        accuracies = torch.tensor([accuracy for _, accuracy in runs])
        cells.append(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")
        curves.append(runs[0][0])
    print(f"{name:<17}  {cells[0]}  {cells[1]}")
    return curves


# %%
# .. predict::
#
#    不带 :term:`动量` 的 SGD 在这里用的学习率 0.01 偏小，十轮还学不完。另外两行是带动量的 SGD 和 Adam。
#    与清零时相比，不清零的准确率会怎样？
#
#    - 三种优化器都变低，因为梯度是错的
#    - 不带动量的 SGD 变高，另外两种变低
#    - 三种都差不多，因为不清零只改变步子的大小

optimizers = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01),
    "SGD, momentum 0.9": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.001),
}
print("accuracy, 5 seeds  cleared        not cleared")
curves = {name: compare(name, optimizer) for name, optimizer in optimizers.items()}

# %%
# .. answer:: B
#
#    不带动量的 SGD 从 0.514 升到 0.923，带动量的 SGD 降到 0.123，接近乱猜的十分之一，Adam 降到 0.789。
#    A 错在步子变大有时恰好补上了偏小的学习率。C 错在不清零不只改变步子的大小，还混入了旧的方向。

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True, layout="constrained")
for ax, (name, (cleared, not_cleared)) in zip(axes, curves.items(), strict=True):
    ax.plot(range(1, 11), cleared, color="C0", lw=2)
    ax.plot(range(1, 11), not_cleared, color="C1", lw=2)
    ax.set(title=name, xlabel="epoch", yscale="log")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss, seed 0")
axes[0].annotate("cleared", (10, 2.8), color="C0", ha="right")
axes[0].annotate("not cleared", (10, 0.6), color="C1", ha="right")
# alt: 三张图各有清零与不清零两条损失曲线；SGD 不清零时降得快得多，带动量的 SGD 不清零时升到 2 以上并留在那里，Adam 不清零时前七轮较低，后来上下波动
plt.show()

# %%
# 图中 SGD 和 Adam 不清零的损失，前几轮都比清零的低，所以只看损失下降，看不出忘了清零。
#
# 不清零相当于动量为 1
# --------------------
# 动量用系数乘以过去梯度的累积，再加上新的梯度。系数为 1 时，过去的梯度一点也不衰减，累积的就是所有梯度的和。
# 所以清零而动量为 1 的 SGD，应当与不清零的 SGD 完全一样：

as_momentum, _ = fit(lambda p: torch.optim.SGD(p, lr=0.01, momentum=1.0), True, seed=0)
_, not_cleared = curves["SGD"]
for epoch in (1, 5, 10):
    print(
        f"epoch {epoch:>2}: momentum 1, cleared {as_momentum[epoch - 1]:.4f},"
        f" no momentum, not cleared {not_cleared[epoch - 1]:.4f}"
    )

# %%
# 三轮的损失都相同。平常动量取 0.9，旧的梯度会逐渐衰减，而系数为 1 的动量没有衰减，训练就可能不稳定。
#
# .. change-it::
#
#    给不带动量的 SGD 换上合适的学习率 0.1。先猜不清零是变高还是变低，再看下面的运行结果。

# hide-cell: 学习率 0.1
print("accuracy, 5 seeds  cleared        not cleared")
curves_01 = compare("SGD, lr 0.1", lambda p: torch.optim.SGD(p, lr=0.1))

# %%
# 学习率合适时，不清零使准确率从 0.919 降到 0.769，各个种子之间的差别也变大了。
# 可见第一张表里 SGD 的提高，只是因为原来的学习率太小。
#
# 改正
# ----
# 每一步在 ``backward()`` 之前调用 ``optimizer.zero_grad()``。写在 ``step()`` 之后也可以，因为下一次 ``backward()`` 还没有开始。
#
# 怎样早点发现
# ------------
# ``zero_grad()`` 默认把 ``.grad`` 设为 ``None``。所以在 ``backward()`` 之前，每个参数的 ``.grad`` 都应当是 ``None``。

model = nn.Linear(64, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(1, 3):
    loss = loss_fn(model(images[:50].flatten(1)), labels[:50])
    left = [name for name, p in model.named_parameters() if p.grad is not None]
    print(f"step {step}: gradients left over {left}")
    loss.backward()
    optimizer.step()

# %%
# 第 2 步的列表不是空的，说明上一步以后没有清零。
#
# .. real-projects::
#
#    显存放不下大的批次时，人们有意隔几步才清零一次，这叫 :term:`梯度累积`，这时损失要除以累积的步数。
#    接口见 `torch.optim.Optimizer.zero_grad <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>`__，
#    `混合精度的例子 <https://docs.pytorch.org/docs/stable/notes/amp_examples.html>`__ 里有梯度累积的完整写法。

# %%
# 小结
# ----
# - 规则：每一步先清零，再反向传播，再更新，损失下降不能说明清零了。
# - API：``optimizer.zero_grad()``、``Tensor.grad``。
# - 下一页：:ref:`pitfalls-softmax-twice`
