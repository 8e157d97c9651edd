# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-softmax-twice:

softmax 做了两次
================

分类网络要输出概率，于是有人在网络末尾放了 ``nn.Softmax``，损失仍用 ``CrossEntropyLoss``。
程序照常运行，损失也在下降，只是降到某个值就停住了。
为什么会停在那里？对 :term:`准确率` 的影响又有多大？

你将学到：

- 计算多做一次 softmax 时损失的下限
- 比较 SGD 和 Adam 受到的影响
- 修正网络的输出，并检查它是不是概率
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 最短的错误代码
# --------------
# ``CrossEntropyLoss`` 要的是 :term:`logits`，它自己会做 softmax，原理见 :ref:`networks-cross-entropy`。
# 下面的得分对正确的类别很有把握。第一行把它直接交给损失函数，第二行先做一次 softmax 再交给损失函数。

loss_fn = nn.CrossEntropyLoss()
scores = torch.tensor([[20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])  # (1, 10)
target = torch.tensor([0])
print(f"logits:  {loss_fn(scores, target):.3f}")
print(f"softmax: {loss_fn(scores.softmax(dim=1), target):.3f}")
print(f"ln(1 + 9/e) = {math.log(1 + 9 / math.e):.3f}")

# %%
# softmax 的结果都在 0 与 1 之间，所以再做一次 softmax 时，最好的输入也只是正确的类别为 1、其余九类为 0。
# 这时正确类别的概率是 :math:`e / (e + 9)`，因此损失的下限是 :math:`\ln(1 + 9/e)`，也就是 1.461。
#
# 对梯度的影响
# ------------
# 两个网络的 :term:`参数` 完全一样，第二个在末尾多一个 ``nn.Softmax``。下面比较第一个批次的损失和 :term:`梯度`。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])


def make_model(softmax, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model.append(nn.Softmax(dim=1)) if softmax else model


for softmax in (False, True):
    model = make_model(softmax, seed=0)
    loss = loss_fn(model(images[train[:50]]), labels[train[:50]])
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    norm = torch.linalg.vector_norm(gradient)
    print(f"{softmax=!s:<6} loss {loss:.3f}  gradient norm {norm:.3f}")

# %%
# 两个损失几乎一样，但是多做一次 softmax 以后，梯度的 :term:`范数` 只有约十分之一。
# 训练开始时，各类的得分相差不多。下面让得分完全相同，比较损失对得分的梯度：

for n_classes in (2, 10):
    scores = torch.zeros(1, n_classes, requires_grad=True)
    (once,) = torch.autograd.grad(loss_fn(scores, target), scores)
    (twice,) = torch.autograd.grad(loss_fn(scores.softmax(dim=1), target), scores)
    ratio = torch.linalg.vector_norm(twice) / torch.linalg.vector_norm(once)
    print(f"{n_classes:>2} classes: probability {1 / n_classes:.2f}, ratio {ratio:.2f}")

# %%
# 得分相同时，梯度反向经过 softmax，恰好乘以每一类的概率，两类时是 0.50，十类时是 0.10。
#
# SGD 的步子与梯度成正比。Adam 则用梯度除以梯度近来的大小，所以梯度整体缩小十倍时，它的步子差不多不变。
#
# .. predict::
#
#    用学习率 0.1 的 SGD 和学习率 0.003 的 Adam 各训练十轮。多做一次 softmax，哪一个的准确率降得更多？
#
#    - 差不多，因为损失的下限相同
#    - SGD
#    - Adam


def fit(make_optimizer, softmax, seed):
    """训练十轮，返回每一轮的平均损失和验证集上的准确率。"""
    model = make_model(softmax, seed)
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(10):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(50):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(train))
    with torch.no_grad():
        predicted = model(images[validation]).argmax(dim=1)
    return losses, (predicted == labels[validation]).float().mean().item()


def compare(name, make_optimizer):
    """两种网络各训练五次，打印准确率和最低的损失，返回种子 0 的两条损失曲线。"""
    curves, cells = [], []
    for softmax in (False, True):
        runs = [fit(make_optimizer, softmax, seed) for seed in range(5)]
        accuracies = torch.tensor([accuracy for _, accuracy in runs])
        cells.append(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")
        curves.append(runs[0][0])
    lowest = min(min(losses) for losses, _ in runs)
    print(f"{name:<17}  {cells[0]}  {cells[1]}  {lowest:.3f}")
    return curves


optimizers = {
    "SGD, lr 0.1": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, lr 1": lambda p: torch.optim.SGD(p, lr=1.0),
    "Adam, lr 0.003": lambda p: torch.optim.Adam(p, lr=0.003),
}
print("accuracy, 5 seeds  logits         softmax        lowest loss with softmax")
curves = {name: compare(name, optimizer) for name, optimizer in optimizers.items()}

# %%
# .. answer:: B
#
#    学习率 0.1 的 SGD 从 0.919 降到 0.301，Adam 从 0.954 降到 0.911。
#    A 错在准确率不由损失的下限决定，SGD 的问题是步子太小。C 错在 Adam 几乎不受梯度整体大小的影响。
#
# 学习率放大十倍，抵消了缩小的梯度，这时多做一次 softmax 的 SGD 回到 0.900，可见它原来确实是步子太小。
# Adam 的两个结果相差不多，而多做一次 softmax 时标准差是 0.049，所以只训练一次，单看准确率未必能发现错误。
# 但是三种情况的损失都高于下限 1.461。

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True, layout="constrained")
for ax, (name, (logits, softmax)) in zip(axes, curves.items(), strict=True):
    ax.axhline(math.log(1 + 9 / math.e), color="0.5", lw=1, ls=":")
    ax.plot(range(1, 11), logits, color="C0", lw=2)
    ax.plot(range(1, 11), softmax, color="C1", lw=2)
    ax.set(title=name, xlabel="epoch", ylim=(0, 2.5))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss, seed 0")
axes[1].annotate("floor 1.461", (10, 1.28), color="0.5", ha="right")
axes[2].annotate("logits", (10, 0.3), color="C0", ha="right")
axes[2].annotate("softmax", (10, 1.7), color="C1", ha="right")
# alt: 三张图，蓝线直接用 logits，都降到 0.5 以下；橙线先做 softmax，第一张几乎是平的，后两张停在 1.461 的虚线上方
plt.show()

# %%
# .. change-it::
#
#    把 Adam 的学习率改成 0.0003，训练十轮还学不完。先猜多做一次 softmax 使准确率降低多少，再看下面的运行结果。

# hide-cell: Adam，学习率 0.0003
print("accuracy, 5 seeds  logits         softmax        lowest loss with softmax")
small = compare("Adam, lr 0.0003", lambda p: torch.optim.Adam(p, lr=0.0003))

# %%
# 学习率小时，Adam 也从 0.814 降到 0.571。所以 Adam 受的影响较轻，只对表中的学习率成立。
#
# 改正
# ----
# 删掉网络末尾的 ``nn.Softmax``。需要概率时，在损失之外计算 ``model(x).softmax(dim=1)``。
# 只需要类别时，直接对 logits 取 ``argmax``，因为 softmax 不改变得分的大小次序。
#
# ``nn.LogSoftmax`` 不同，交叉熵之前多做一次 log-softmax，损失不变：

scores = torch.tensor([[2.0, 0.0, -1.0]])
print(f"logits:      {loss_fn(scores, target):.4f}")
print(f"log_softmax: {loss_fn(scores.log_softmax(dim=1), target):.4f}")
print(f"softmax:     {loss_fn(scores.softmax(dim=1), target):.4f}")
print(f"argmax: {scores.argmax().item()}, {scores.softmax(dim=1).argmax().item()}")

# %%
# 怎样早点发现
# ------------
# 训练前检查网络的输出。如果没有负数，而且每一行的和都是 1，它就是概率，不是 logits。


def looks_like_probabilities(output):
    sums = output.sum(dim=1)
    return bool((output >= 0).all() and torch.allclose(sums, torch.ones_like(sums)))


for softmax in (False, True):
    output = make_model(softmax, seed=0)(images[:5])
    print(f"{softmax=!s:<6} {looks_like_probabilities(output)}")

# %%
# .. real-projects::
#
#    推理时常把 softmax 写在单独的函数里，或者写在导出的模型外面，训练用的网络只输出 logits。
#    接口见 `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__，概率与“有多大把握”的关系见论文 `On Calibration of Modern Neural Networks <https://arxiv.org/abs/1706.04599>`__。

# %%
# 小结
# ----
# - 规则：交叉熵收 logits，softmax 只在推理、需要概率时才做。
# - API：``torch.nn.CrossEntropyLoss``、``torch.softmax``、``torch.log_softmax``。
# - 下一页：:ref:`pitfalls-train-eval-mode`
