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
- 说明多做一次 softmax 怎样影响梯度，并比较 SGD 和 Adam 受到的影响
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
# 下面两个网络的 :term:`参数` 相同，第二个在末尾多一个 ``nn.Softmax``。先比较 50 张图的损失和 :term:`梯度`。

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
# 两个损失相近，但是多做一次 softmax 以后，梯度的 :term:`范数` 从 0.416 变成 0.041，约为十分之一。训练开始时，各类的得分相差不多。下面让得分完全相同，比较做一次与做两次 softmax 时，损失对正确类别的得分的梯度：


def compare(n_classes, lead):
    """错误的类别 1 领先 lead 分，其余的得分都是 0，正确的是类别 0。"""
    scores = torch.zeros(1, n_classes)
    scores[0, 1] = lead
    p = scores.softmax(dim=1)[0, 0]
    scores.requires_grad_()
    losses = loss_fn(scores, target), loss_fn(scores.softmax(dim=1), target)
    once, twice = (torch.autograd.grad(loss, scores)[0][0, 0] for loss in losses)
    print(f"{n_classes:>2} classes, lead {lead:.0f}: probability {p:.3f}", end=", ")
    print(f"gradient {once:.3f} and {twice:.3f}, ratio {twice / once:.3f}")


compare(2, lead=0.0)
compare(10, lead=0.0)

# %%
# 得分相同时，梯度反向经过第一次 softmax，大小恰好乘以正确类别的概率，两类时是 0.500，十类时是 0.100。
#
# 先只看梯度缩小的影响。网络直接输出 logits，但是把损失除以 10，梯度就处处缩小到十分之一。
# 学习率取 :ref:`training-optimizers-compared` 里各自最好的，SGD 是 1.0，Adam 是 0.03。
#
# .. predict::
#
#    各训练十轮，把损失除以 10，哪一个优化器的准确率会降低？
#
#    - 两个都降低，因为两者的梯度都缩小到十分之一
#    - 只有 SGD，因为只有它的步子与梯度成正比
#    - 两个都不降低，因为梯度的方向不变


def fit(kind, lr, seed, n_epochs, divisor, *last):
    """kind 是优化器的类。返回每轮的平均损失，以及验证集上的准确率和从未被预测的类别数。"""
    model = make_model(seed, *last)
    model.train()
    optimizer = kind(model.parameters(), lr=lr)
    losses = []
    for _ in range(n_epochs):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            (loss / divisor).backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(train))
    model.eval()
    with torch.no_grad():
        predicted = model(images[validation]).argmax(dim=1)
    accuracy = (predicted == labels[validation]).float().mean().item()
    return losses, accuracy, 10 - len(predicted.unique())


def five_seeds(name, kind, lr, *last, n_epochs=10, divisor=1):
    """训练五次，打印一行结果，把种子 0 的损失曲线存进 curves。"""
    runs = [fit(kind, lr, seed, n_epochs, divisor, *last) for seed in range(5)]
    losses, accuracies, lost = zip(*runs, strict=True)
    accuracy, lowest = torch.tensor(accuracies), torch.tensor(losses).min()
    print(f"{name:<16}  {accuracy.mean():.3f} ± {accuracy.std():.3f}", end="")
    print(f"  {lowest:>11.3f}  {list(lost)}")
    curves[name] = losses[0]


curves = {}
print("5 seeds           accuracy       lowest loss  classes never predicted")
sgd, adam = torch.optim.SGD, torch.optim.Adam
for name, kind, lr in (("SGD", sgd, 1.0), ("Adam", adam, 0.03)):
    five_seeds(f"{name}, logits", kind, lr)
    five_seeds(f"{name}, loss / 10", kind, lr, divisor=10)
    five_seeds(f"{name}, softmax", kind, lr, nn.Softmax(dim=1))

# %%
# .. answer:: B
#
#    损失除以 10，SGD 从 0.966 降到 0.867，因为它的步子与梯度成正比。A 不成立，因为 Adam 仍是 0.971。它用梯度除以梯度近来的大小，梯度整体缩小时，步子几乎不变。
#    C 不成立，因为方向不变，SGD 的步子却太小了。
#
# 多做一次 softmax，准确率降得更多，SGD 是 0.802，Adam 是 0.869，所以缩小不是唯一的影响。
# 最后一列是五个种子在验证集上各有几个类别从未被预测，多做一次 softmax 的十次训练里，有九次不是 0。
# 梯度的缩小并不均匀，下面让正确的类别落后 3 分和 6 分：

compare(10, lead=3.0)
compare(10, lead=6.0)

# %%
# 做一次 softmax 时，落后得越多，梯度越大。做两次时却相反，因为还要乘上一个比例。这个比例是 0.036 和 0.003，与正确类别的概率 0.034 和 0.002 相近。
# 所以一个类别的概率变得很小以后，就难以再升高，这能解释为什么有的类别从未被预测。
#
# 凡是多做一次 softmax 的，最低的损失都高于下限 1.461，所以十类的损失总在 1.461 以上时，就要怀疑多做了一次 softmax。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.axhline(math.log(1 + 9 / math.e), color="0.5", lw=1, ls=":")
for name, color in (("logits", "C0"), ("softmax", "C1")):
    for optimizer, style in (("SGD", "-"), ("Adam", "--")):
        curve = curves[f"{optimizer}, {name}"]
        ax.plot(range(1, len(curve) + 1), curve, color=color, lw=2, ls=style)
ax.annotate("floor 1.461", (10, 1.31), color="0.4", ha="right")
ax.annotate("SGD, softmax", (6.3, 2.05), color="C1")
ax.annotate("Adam, softmax", (2.6, 1.7), color="C1")
ax.annotate("SGD, logits", (3.2, 0.72), color="C0")
ax.annotate("Adam, logits", (1.0, 0.05), color="C0")
ax.set(xlabel="epoch", ylabel="training loss, seed 0", ylim=(0, 2.6))
ax.spines[["top", "right"]].set_visible(False)
# alt: 四条损失曲线；直接用 logits 的两条蓝线降到 0.5 以下，多做一次 softmax 的两条橙线都在 1.461 的虚线上方，其中 SGD 的降得更慢
plt.show()

# %%
# 图中两条橙线都停在虚线以上，两条蓝线都降到了虚线以下。
#
# .. change-it::
#
#    把网络末尾的 ``nn.Softmax(dim=1)`` 换成 ``nn.LogSoftmax(dim=1)``，它给出概率的对数。SGD 的准确率是多少？

# hide-cell: nn.LogSoftmax
five_seeds("SGD, log_softmax", sgd, 1.0, nn.LogSoftmax(dim=1))

# %%
# .. outcome::
#
#    仍是 0.966，最低的损失也与 logits 的相同，因为对 log-softmax 的结果再做一次 log-softmax，数值不变。所以 ``nn.LogSoftmax`` 多余但是无害，它本来要与 ``nn.NLLLoss`` 配合。

# %%
# .. change-it::
#
#    末尾仍是 ``nn.Softmax(dim=1)``，把 SGD 的学习率从 1.0 改成 3.0，轮数 ``n_epochs`` 从 10 改成 40。准确率能补回来吗？

# hide-cell: 学习率 3.0，40 轮
for lr, n in ((3.0, 10), (1.0, 40), (3.0, 40)):
    five_seeds(f"lr {lr:.0f}, {n} epochs", sgd, lr, nn.Softmax(dim=1), n_epochs=n)

# %%
# .. outcome::
#
#    两处都改才能补回来，准确率是 0.978，每个类别都有预测。只改一处时是 0.909 和 0.931，仍有类别从未被预测。
#    直接用 logits，10 轮就有 0.966，而这里用了 40 轮，损失还停在 1.473。

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

for name, model in (("logits", right), ("softmax", wrong)):
    output = model(images[:5])
    sums = output.sum(dim=1)
    print(f"{name:<7}  smallest {output.min():.3f}", end="  ")
    print(f"row sums {sums.min():.3f} to {sums.max():.3f}")

# %%
# 第一行有负数，和也不是 1。第二行的输出是概率，所以要删掉末尾的 ``nn.Softmax``。
#
# .. real-projects::
#
#    二分类有同样的错误，``BCEWithLogitsLoss`` 自己做 Sigmoid，所以它前面不能再有 ``nn.Sigmoid``，输出都在 0 与 1 之间时就要怀疑。
#    接口见 `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__，概率与“有多大把握”的关系见论文 `On Calibration of Modern Neural Networks <https://arxiv.org/abs/1706.04599>`__。

# %%
# 小结
# ----
# - 规则：交叉熵收 logits，softmax 只在推理、需要概率时才做。多做一次，损失就有下限，在这里训练十轮，SGD 和 Adam 的准确率都降低。
# - API：``torch.nn.CrossEntropyLoss``、``torch.nn.Softmax``、``torch.nn.LogSoftmax``、``Tensor.softmax``。
# - 下一页：:ref:`pitfalls-train-eval-mode`
