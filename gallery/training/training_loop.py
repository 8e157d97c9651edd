# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-training-loop:

完整的训练循环
==============

训练一 :term:`轮`，验证一次，如此反复，最后测试一次。多数 PyTorch 训练程序都是这样的骨架。
骨架只有两个函数和一个循环，但是其中有几处写错了也不报错，只会得到错误的数。是哪几处？

你将学到：

- 写出 ``train_one_epoch`` 和 ``evaluate`` 两个函数
- 比较训练和验证的 :term:`准确率`，判断两者的差距从哪里来
- 计算大小不等的批次的平均损失
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# %%
# 思路
# ----
# ``train_one_epoch`` 用训练集的每个批次更新一次参数。``evaluate`` 只量损失和准确率，不更新参数。
# 每一轮先调用前一个，再用后一个量 :term:`验证集`。:term:`测试集` 要等到训练方法全部选定之后才用，而且只用一次。
#
# 数据和划分与 :ref:`training-digits-dataloader` 相同。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])

train_data = TensorDataset(images[train], labels[train])
validation_data = TensorDataset(images[validation], labels[validation])
test_data = TensorDataset(images[test], labels[test])
validation_loader = DataLoader(validation_data, batch_size=64)
test_loader = DataLoader(test_data, batch_size=64)
print(f"{len(train_data)=}, {len(validation_data)=}, {len(test_data)=}")

# %%
# 训练一轮
# --------
# 每个批次做五件事，依次是前向、算损失、清梯度、反向、更新。
#
# ``loss`` 是一个批次之内的平均。把它乘以这个批次的样本数，累加之后再除以总的样本数，得到的才是全部样本的平均。
# ``item()`` 取出普通的 Python 数。如果累加的是 :term:`张量`，每一步的 :term:`计算图` 就都留在内存里，
# 见 :ref:`pitfalls-memory-growth`。

loss_fn = nn.CrossEntropyLoss()


def train_one_epoch(model, loader, optimizer):
    model.train()  # 切换到训练模式
    total_loss, n_right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        loss = loss_fn(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(y)
        n_right += (logits.argmax(dim=1) == y).sum().item()
    return total_loss / len(loader.dataset), n_right / len(loader.dataset)


# %%
# 评估
# ----
# ``model.eval()`` 和 ``torch.no_grad()`` 是两件事，评估时两个都要写。
# ``eval()`` 改变 Dropout 等层的行为，这些层在训练和评估时的算法不同，见 :ref:`pitfalls-train-eval-mode`。
# ``no_grad()`` 不记录计算图，可以节省时间和内存。写成 ``@torch.no_grad()``，它就对整个函数有效。


@torch.no_grad()
def evaluate(model, loader):
    model.eval()  # 切换到评估模式
    total_loss, n_right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        total_loss += loss_fn(logits, y).item() * len(y)
        n_right += (logits.argmax(dim=1) == y).sum().item()
    return total_loss / len(loader.dataset), n_right / len(loader.dataset)


# %%
# 循环
# ----
# 网络有一个 64 个单元的 :term:`隐藏层`，输出 10 个 :term:`logits`。
# 每一轮记下四个数，即训练和验证的损失与准确率。训练的准确率是在这一轮之中累计的。
#
# .. predict::
#
#    第一轮结束时，累计的训练准确率与验证准确率相比，哪一个高？
#
#    - 训练的高，因为网络见过训练的图像，没有见过验证的图像
#    - 验证的高，因为训练的准确率是一边更新一边累计的
#    - 差不多，因为只训练了一轮，网络还没有 :term:`过拟合`


def fit(seed, n_epochs=20, momentum=0.9):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=momentum)
    train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
    history = []
    for _ in range(n_epochs):
        train_loss, train_accuracy = train_one_epoch(model, train_loader, optimizer)
        validation_loss, validation_accuracy = evaluate(model, validation_loader)
        history.append(
            (train_loss, validation_loss, train_accuracy, validation_accuracy)
        )
    return model, history


runs = [fit(seed) for seed in range(5)]
model, history = runs[0]
print("seed 0        loss               accuracy")
print("epoch  train  validation    train  validation")
for epoch in (1, 2, 5, 10, 20):
    numbers = history[epoch - 1]
    print(f"{epoch:>5}  {numbers[0]:.3f}  {numbers[1]:>10.3f}", end="")
    print(f"    {numbers[2]:.3f}  {numbers[3]:>10.3f}")

# %%
# 为了检验原因，把训练集用第一轮结束时的网络再评估一遍，五个种子都做。

train_again_loader = DataLoader(train_data, batch_size=64)
print("epoch 1  train during  train at the end  validation")
for seed in range(5):
    one_epoch_model, one_epoch = fit(seed, n_epochs=1)
    _, at_the_end = evaluate(one_epoch_model, train_again_loader)
    print(f"seed {seed}  {one_epoch[0][2]:>13.3f}  {at_the_end:>16.3f}", end="")
    print(f"  {one_epoch[0][3]:>10.3f}")

_, at_the_end = evaluate(model, train_again_loader)
print(
    f"epoch 20, seed 0: train during {history[-1][2]:.3f}, at the end {at_the_end:.3f}"
)

# %%
# .. answer:: B
#
#    五个种子都是验证的高，种子 0 是 0.680 对 0.411。开头几个批次的网络几乎什么都没学到，它们答错的也累计在训练的准确率里。
#    验证用的却是这一轮结束时的网络。用这个网络重新评估训练集，五个种子的训练准确率都升高了，而且都不低于验证的。
#    A 的理由只适用于同一个网络的两个数，而累计的准确率混合了网络在不同时刻的答案。C 也不对，0.680 与 0.411 相差很大。

# %%
# 到第 20 轮，累计的训练准确率是 0.987，用这一轮结束时的网络重新评估，结果相差很少，而验证是 0.960。
# 所以这时的差距不是累计造成的，它的来历见 :ref:`training-overfitting`。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
numbers = range(1, 21)
ax.plot(numbers, [row[2] for row in history], "o-", ms=3, color="C0")
ax.plot(numbers, [row[3] for row in history], "o-", ms=3, color="C1")
ax.annotate("training, during the epoch", (2.2, 0.6), color="C0")
ax.annotate("validation", (14.2, 0.91), color="C1")
ax.set(xlabel="epoch", ylabel="accuracy, seed 0", xticks=(1, 5, 10, 15, 20))
ax.spines[["top", "right"]].set_visible(False)
# alt: 两条准确率曲线。第 1 轮训练 0.41、验证 0.68，验证在上，几轮之后训练反超，第 20 轮训练 0.99，验证 0.96
plt.show()

# %%
# .. change-it::
#
#    把 ``momentum=0.9`` 改成 0，学习率不变。第 20 轮的验证准确率会怎样变化？

# hide-cell: 没有动量
without_momentum = [fit(seed, momentum=0.0) for seed in range(5)]
for momentum, results in {0.9: runs, 0.0: without_momentum}.items():
    ends = torch.tensor([history[-1][3] for _, history in results])
    print(f"momentum {momentum}: validation {ends.mean():.3f} ± {ends.std():.3f}")

# %%
# 没有 :term:`动量` 时，20 轮之后的验证准确率低得多，差距是标准差的好几倍。
#
# 平均要加权
# ----------
# 验证集有 300 张，最后一个批次常常不满。用三种 :term:`批量大小` 各算两种平均，
# 一种直接把各批次的损失平均，另一种是 ``evaluate`` 的按样本数加权。

for batch_size in (64, 128, 256):
    loader = DataLoader(validation_data, batch_size=batch_size)
    with torch.no_grad():
        batch_losses = [loss_fn(model(x), y).item() for x, y in loader]
    over_batches = sum(batch_losses) / len(batch_losses)
    over_examples, _ = evaluate(model, loader)
    print(f"{batch_size=:<4} mean over batches {over_batches:.4f}", end="")
    print(f", over examples {over_examples:.4f}")

# %%
# 按样本数加权的平均与批量大小无关。直接平均却随批量大小从 0.1195 变到 0.0933，因为不满的批次与满的批次占同样的分量。
#
# 最后测试一次
# ------------
# 训练方法已经选定，这时才用测试集。五个种子的网络各测一次。

accuracies = torch.tensor([evaluate(model, test_loader)[1] for model, _ in runs])
print("test accuracy:", *(f"{accuracy:.3f}" for accuracy in accuracies))
print(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")

# %%
# 报告 0.961 ± 0.008，而不是五个数里最好的一个。这个标准差只反映种子的影响，
# 不包括换一批测试图像带来的变化。
#
# .. real-projects::
#
#    真实的循环还要在每个批次把 ``x`` 和 ``y`` 移到 :term:`设备` 上，并且定期保存检查点，见 :ref:`training-save-and-load`。
#    两种模式见 `torch.nn.Module.eval
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval>`__ 的文档，
#    ``no_grad()`` 的原理见 `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。

# %%
# 小结
# ----
# - 规则：训练时用 ``train()``，评估时用 ``eval()`` 和 ``no_grad()``，损失按样本数加权，测试集只在最后用。
# - API：``model.train()``、``model.eval()``、``torch.no_grad()``、``len(loader.dataset)``。
# - 下一页：:ref:`training-overfitting`
