# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-softmax-twice:

softmax 做了两次
================

分类网络要输出概率，于是有人在网络末尾放了 ``nn.Softmax``，损失仍用 ``CrossEntropyLoss``。
程序照常运行，损失也在下降，但是训练得再久也到不了 0 附近。
损失最低能到多少？:term:`准确率` 会降低多少，这与优化器有没有关系？

你将学到：

- 计算多做一次 softmax 时损失的下限
- 比较 SGD 和 Adam 受到的影响，并说明原因
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
# 第一次 softmax 的结果都在 0 与 1 之间，所以第二次 softmax 的输入，最好也只是正确的类别为 1、其余九类为 0。
# 这时正确类别的概率是 :math:`e / (e + 9)`，因此十个类别的损失下限是 :math:`\ln(1 + 9/e)`，也就是 1.461。
#
# 对梯度的影响
# ------------
# 下面两个网络的 :term:`参数` 相同，第二个在末尾多一个 ``nn.Softmax``。先比较第一个批次的损失和 :term:`梯度`。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])


def make_model(seed, *last):
    """种子相同，参数就相同，last 是末尾另加的层。"""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), *last
    )


right, wrong = make_model(0), make_model(0, nn.Softmax(dim=1))
for name, model in (("logits", right), ("softmax", wrong)):
    loss = loss_fn(model(images[train[:50]]), labels[train[:50]])
    loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    norm = torch.linalg.vector_norm(gradient)
    print(f"{name:<7}  loss {loss:.3f}  gradient norm {norm:.3f}")

# %%
# 两个损失相近，但是多做一次 softmax 以后，梯度的 :term:`范数` 从 0.416 变成 0.041，约为十分之一。
# 训练开始时，各类的得分相差不多。下面让得分完全相同，比较做两次与做一次 softmax 时，损失对得分的梯度之比：

for n_classes in (2, 10):
    scores = torch.zeros(1, n_classes, requires_grad=True)
    (once,) = torch.autograd.grad(loss_fn(scores, target), scores)
    (twice,) = torch.autograd.grad(loss_fn(scores.softmax(dim=1), target), scores)
    ratio = torch.linalg.vector_norm(twice) / torch.linalg.vector_norm(once)
    print(f"{n_classes:>2} classes: probability {1 / n_classes:.2f}, ratio {ratio:.2f}")

# %%
# 得分相同时，梯度反向经过 softmax，大小恰好乘以每一类的概率，两类时是 0.50，十类时是 0.10。
#
# .. predict::
#
#    用 SGD 和 Adam 各训练十轮，学习率都适合直接输出 logits 的网络。多做一次 softmax，哪一个的准确率降得更多？
#
#    - 差不多，因为两者的损失有同一个下限
#    - SGD，因为它的步子与梯度成正比
#    - Adam，因为它的学习率更小


def fit(make_optimizer, seed, *last):
    """训练十轮，返回每一轮的平均损失和验证集上的准确率。"""
    model = make_model(seed, *last)
    model.train()
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(10):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(train))
    model.eval()
    with torch.no_grad():
        predicted = model(images[validation]).argmax(dim=1)
    return losses, (predicted == labels[validation]).float().mean().item()


def five_seeds(name, make_optimizer, *last):
    """训练五次，打印准确率和最低的损失，返回种子 0 的损失曲线。"""
    runs = [fit(make_optimizer, seed, *last) for seed in range(5)]
    accuracies = torch.tensor([accuracy for _, accuracy in runs])
    lowest = min(min(losses) for losses, _ in runs)
    print(f"{name:<19}  {accuracies.mean():.3f} ± {accuracies.std():.3f}  {lowest:.3f}")
    return runs[0][0]


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.2)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.005)


print("5 seeds              accuracy       lowest loss")
curves = {
    "SGD, logits": five_seeds("SGD, logits", sgd),
    "SGD, softmax": five_seeds("SGD, softmax", sgd, nn.Softmax(dim=1)),
    "Adam, logits": five_seeds("Adam, logits", adam),
    "Adam, softmax": five_seeds("Adam, softmax", adam, nn.Softmax(dim=1)),
}

# %%
# .. answer:: B
#
#    SGD 从 0.919 降到 0.300，Adam 从 0.955 降到 0.898。SGD 的步子与梯度成正比，梯度缩小到十分之一，步子也一样。
#    Adam 则用梯度除以梯度近来的大小，所以梯度整体缩小时，步子大致不变。
#    A 不成立，因为下限相同，降低的程度却差很多。C 不成立，因为学习率的数值不能在两种优化器之间比较大小。
#
# ± 是五个种子的标准差，最后一列是五个种子、十轮之中最低的平均损失。

# %%
# 如果 SGD 降得多是因为步子小，把学习率放大十倍就应当补上大部分：


def faster_sgd(parameters):
    return torch.optim.SGD(parameters, lr=2.0)


faster = five_seeds("SGD, lr 2, softmax", faster_sgd, nn.Softmax(dim=1))

# %%
# 准确率从 0.300 回到 0.880，可见步子小是主要的原因，但是仍低于直接用 logits 的 0.919。
# 凡是多做一次 softmax 的，最低的损失都高于下限 1.461，所以知道下限以后，看损失就能怀疑多做了一次 softmax。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.axhline(math.log(1 + 9 / math.e), color="0.5", lw=1, ls=":")
for name, color in (("logits", "C0"), ("softmax", "C1")):
    ax.plot(range(1, 11), curves[f"SGD, {name}"], color=color, lw=2)
    ax.plot(range(1, 11), curves[f"Adam, {name}"], color=color, lw=2, ls="--")
ax.annotate("floor 1.461", (10, 1.31), color="0.4", ha="right")
ax.annotate("SGD, softmax", (10, 2.36), color="C1", ha="right")
ax.annotate("Adam, softmax", (10, 1.68), color="C1", ha="right")
ax.annotate("SGD, logits", (7.2, 0.72), color="C0")
ax.annotate("Adam, logits", (1.4, 0.55), color="C0")
ax.set(xlabel="epoch", ylabel="training loss, seed 0", ylim=(0, 2.6))
ax.spines[["top", "right"]].set_visible(False)
# alt: 四条损失曲线；直接用 logits 的两条蓝线降到 0.5 以下，多做一次 softmax 的两条橙线都在 1.461 的虚线上方，其中 SGD 的几乎是平的
plt.show()

# %%
# 图中两条橙线都到不了虚线以下，SGD 的橙线在十轮里几乎没有下降。
#
# .. change-it::
#
#    把网络末尾的 ``nn.Softmax`` 换成 ``nn.LogSoftmax``，它给出概率的对数。先猜 SGD 的准确率是多少，再看下面的运行结果。

# hide-cell: nn.LogSoftmax
with_log = five_seeds("SGD, log_softmax", sgd, nn.LogSoftmax(dim=1))

# %%
# .. outcome::
#
#    仍是 0.919，最低的损失也与 logits 的相同，因为对 log-softmax 的结果再做一次 log-softmax，数值不变。
#    所以 ``nn.LogSoftmax`` 多余但是无害，它本来要与 ``nn.NLLLoss`` 配合。

# %%
# 改正
# ----
# 删掉网络末尾的 ``nn.Softmax``。需要概率时，在计算损失的代码之外写 ``model(x).softmax(dim=1)``。
# 只需要类别时，直接对 logits 取 ``argmax``，因为 softmax 不改变得分的大小次序。

with torch.no_grad():
    logits = right(images[:5])
print(f"argmax of logits:  {logits.argmax(dim=1).tolist()}")
print(f"argmax of softmax: {logits.softmax(dim=1).argmax(dim=1).tolist()}")

# %%
# 怎样早点发现
# ------------
# 训练前检查网络的输出。如果没有负数，而且每一行的和都是 1，它就是概率，不是 logits。


def looks_like_probabilities(output):
    sums = output.sum(dim=1)
    return bool((output >= 0).all() and torch.allclose(sums, torch.ones_like(sums)))


for name, model in (("logits", right), ("softmax", wrong)):
    print(f"{name:<7}  {looks_like_probabilities(model(images[:5]))}")

# %%
# .. real-projects::
#
#    推理时常把 softmax 写在单独的函数里，或者写在导出的模型外面，训练用的网络只输出 logits。
#    接口见 `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__，概率与“有多大把握”的关系见论文 `On Calibration of Modern Neural Networks <https://arxiv.org/abs/1706.04599>`__。

# %%
# 小结
# ----
# - 规则：交叉熵收 logits，softmax 只在推理、需要概率时才做。
# - API：``torch.nn.CrossEntropyLoss``、``torch.nn.Softmax``、``torch.nn.LogSoftmax``、``Tensor.softmax``。
# - 下一页：:ref:`pitfalls-train-eval-mode`
