# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-softmax-twice:

softmax 做了两次
================

``CrossEntropyLoss`` 自己会做 softmax。网络末尾再放一个 ``nn.Softmax``，程序照常运行，损失也会下降，
只是降到某个数就停住。:ref:`networks-cross-entropy` 用四组分数说明了原因；
这一页在一个真的网络上量它的影响：轻的几乎看不出来，重的等于没有训练。

你将学到：

- 症状：10 个类别，损失降不到 1.46 以下
- 为什么 SGD 受害重，Adam 受害轻
- 想要概率，应该在哪里做 softmax
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
loss_func = nn.CrossEntropyLoss()

# %%
# 最短的错误代码
# --------------
# 两个网络起点相同，后一个末尾多一层 ``Softmax``。算第一个批次的损失和 :term:`梯度`：


def make(softmax, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model.append(nn.Softmax(dim=1)) if softmax else model


for softmax in (False, True):
    model = make(softmax, seed=0)
    loss = loss_func(model(images[train[:50]]), labels[train[:50]])
    loss.backward()
    gradient = torch.linalg.vector_norm(
        torch.cat([p.grad.flatten() for p in model.parameters()])
    )
    print(f"{softmax=!s:<6} loss {loss:.3f}  gradient {gradient:.3f}")

print(f"ln(10) = {math.log(10):.3f}, floor = {math.log1p(9 / math.e):.3f}")

# %%
# 损失都在 :math:`\ln 10` 附近，看不出区别；梯度却约小十倍。
# 刚开始时每个类别的概率约 0.1，梯度穿过多出的 softmax，大约就乘上了这个 0.1。
#
# 下限也变了。softmax 的结果都在 0 与 1 之间，再做一次，正确的类别至多得到
# :math:`e / (e + 9)` 的概率，所以损失不会低于 :math:`\ln(1 + 9/e)`。
#
# 实测
# ----
# 十轮，三种 :term:`优化器`，各五个种子。
#
# .. admonition:: 先猜一猜
#
#    多做一次 softmax，测试集上的 :term:`准确率` 会差多少？SGD 和 Adam 谁受害更重？


def fit(make_optimizer, softmax, seed):
    """训练十轮，返回每一轮的平均损失和测试集上的准确率。"""
    model = make(softmax, seed)
    optimizer = make_optimizer(model.parameters())
    losses = torch.zeros(10)
    for epoch in range(10):
        for batch in train[torch.randperm(1000)].split(50):
            loss = loss_func(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[epoch] += loss.detach() / 20
    with torch.no_grad():
        right = model(images[test]).argmax(dim=1) == labels[test]
    return losses, right.float().mean().item()


optimizers = {
    "SGD, lr 0.1": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, lr 1": lambda p: torch.optim.SGD(p, lr=1.0),
    "Adam, lr 0.003": lambda p: torch.optim.Adam(p, lr=0.003),
}
curves = {}
print(f"{'accuracy, 5 seeds':<19}{'logits':<15}softmax")
for name, make_optimizer in optimizers.items():
    row = f"{name:<17}"
    for softmax in (False, True):
        runs = [fit(make_optimizer, softmax, seed) for seed in range(5)]
        curves[name, softmax] = runs[0][0]
        accuracies = torch.tensor([accuracy for _, accuracy in runs])
        row += f"  {accuracies.mean():.3f} ± {accuracies.std():.3f}"
    print(row)

fig, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True, layout="constrained")
for ax, name in zip(axes, optimizers, strict=True):
    ax.axhline(math.log1p(9 / math.e), color="0.5", lw=1, ls=":")
    ax.plot(range(1, 11), curves[name, False], color="C0", lw=2)
    ax.plot(range(1, 11), curves[name, True], color="C1", lw=2)
    ax.set(title=name, xlabel="epoch", ylim=(0, 2.5))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss, seed 0")
axes[0].annotate("floor 1.461", (1, 1.28), color="0.5")
axes[2].annotate("logits", (10, 0.35), color="C0", ha="right")
axes[2].annotate("softmax", (10, 1.7), color="C1", ha="right")
# alt: 三张图，蓝线直接用 logits，都降到 0.5 以下；橙线先做 softmax，第一张几乎是平的，后两张停在 1.46 的虚线上方
plt.show()

# %%
# 学习率 0.1 的 SGD 从 0.913 掉到 0.301，十轮几乎没有动。学习率放大十倍，抵掉缩小的梯度，
# 有 0.885 ± 0.046，与不犯错的第一行已分不出高下，同样放大的 logits 却有 0.960。
# Adam 按梯度的大小缩放，小十倍也照样走，只从 0.942 掉到 0.925：单看准确率，不会想到有错。
# 三种都躲不过的是下限：橙线没有一条越过虚线。
#
# 改正
# ----
# 删掉网络末尾的 ``nn.Softmax``。要概率时，在损失之外做一次：``model(x).softmax(dim=1)``。
# 只要类别，连这一次也不必：softmax 不改变大小次序，``argmax`` 的结果相同。
#
# ``nn.LogSoftmax`` 不同，多做一次什么也不变：

scores = torch.tensor([[2.0, 0.0, -1.0]])
target = torch.tensor([0])
print(f"logits      {loss_func(scores, target):.4f}")
print(f"log_softmax {loss_func(scores.log_softmax(dim=1), target):.4f}")
print(f"softmax     {loss_func(scores.softmax(dim=1), target):.4f}")

# %%
# 对数概率的指数之和已经是 1，再归一化一次还是它自己。
#
# 下次怎样早发现
# --------------
# 损失停在 1.46 上方，准确率却不低，就是它。也可以在训练前查：输出若都不小于 0，每行之和又是 1，
# 那就是概率，不是 :term:`logits`。


def looks_like_probabilities(output):
    sums = output.sum(dim=1)
    return bool((output >= 0).all() and torch.allclose(sums, torch.ones_like(sums)))


for softmax in (False, True):
    print(
        f"{softmax=!s:<6} {looks_like_probabilities(make(softmax, seed=0)(images[:5]))}"
    )

# %%
# 改一改：把 Adam 的学习率改成 0.0003，先猜 softmax 一列掉多少，再运行。
#
# 小结
# ----
# - 规则：交叉熵收 logits；softmax 只在推理、要看概率时才做。
# - API：``torch.nn.CrossEntropyLoss``、``torch.softmax``、``torch.log_softmax``。
# - 下一页：:ref:`pitfalls-train-eval-mode`
