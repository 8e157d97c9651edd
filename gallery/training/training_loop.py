# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-training-loop:

完整的训练循环
==============

训练一 :term:`轮`，验证一次，如此反复，最后测试一次。这个骨架只有两个函数和一个循环，每一轮记下训练和验证的
损失与 :term:`准确率`。这些数应当怎样算？训练的数与验证的数可以直接比较吗？

你将学到：

- 写出 ``train_one_epoch`` 和 ``evaluate`` 两个函数
- 比较训练和验证的准确率，判断两者的差距从哪里来
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
# 每一轮先调用前一个，再用后一个在 :term:`验证集` 上评估。:term:`测试集` 要等到训练方法全部选定之后才用，而且只用一次。
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

# %%
# 训练一轮
# --------
# 每个批次做五件事，依次是前向、算损失、清梯度、反向、更新。
# ``nn.CrossEntropyLoss`` 的 ``reduction`` 默认是 ``"mean"``，所以 ``loss`` 是一个批次之内的平均。
# 把它乘以这个批次的样本数，累加之后再除以总的样本数，得到的才是全部样本的平均。
# ``item()`` 取出普通的 Python 数。如果累加的是 :term:`张量`，它就一直连着各步的 :term:`计算图`，内存会越用越多，见 :ref:`pitfalls-memory-growth`。

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
# 每一轮记下四个数，即训练和验证的损失与准确率。
#
# .. predict::
#
#    第一轮结束时，``train_one_epoch`` 给出的训练准确率与 ``evaluate`` 给出的验证准确率相比，哪一个高？
#
#    - 训练的高，因为网络见过训练的图像，没有见过验证的图像
#    - 验证的高，因为训练的准确率是一边更新一边累计的
#    - 差不多，因为只训练了一轮，网络还没有记住训练的图像


def make_model(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def fit(model, n_epochs=20):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
    history = []
    for _ in range(n_epochs):
        train_loss, train_accuracy = train_one_epoch(model, train_loader, optimizer)
        validation_loss, validation_accuracy = evaluate(model, validation_loader)
        row = (train_loss, validation_loss, train_accuracy, validation_accuracy)
        history.append(row)
    return history


models, histories = [], []
for seed in range(5):
    model = make_model(seed)
    histories.append(fit(model))
    models.append(model)

print("seed 0        loss               accuracy")
print("epoch  train  validation    train  validation")
for epoch in (1, 2, 5, 10, 20):
    numbers = histories[0][epoch - 1]
    print(f"{epoch:>5}  {numbers[0]:.3f}  {numbers[1]:>10.3f}", end="")
    print(f"    {numbers[2]:.3f}  {numbers[3]:>10.3f}")

# %%
# 为了检验原因，五个种子都用第一轮和第 20 轮结束时的网络把训练集再评估一遍。用同样的种子重新训练一轮，得到的就是第一轮结束时的网络。

train_again_loader = DataLoader(train_data, batch_size=64)


def compare(seed, epoch, model, numbers):
    _, at_the_end = evaluate(model, train_again_loader)
    print(f"seed {seed}, epoch {epoch:>2}  {numbers[2]:>12.3f}", end="")
    print(f"  {at_the_end:>16.3f}  {numbers[3]:>10.3f}")


print("accuracy          train during  train at the end  validation")
for seed in range(5):
    model = make_model(seed)
    history = fit(model, n_epochs=1)
    compare(seed, 1, model, history[-1])
for seed in range(5):
    compare(seed, 20, models[seed], histories[seed][-1])

# %%
# .. answer:: B
#
#    第一轮五个种子都是验证准确率高，种子 0 是 0.680 对 0.411。
#    训练的准确率把这一轮开头的网络答错的也算在内，验证用的却是这一轮结束时的网络。
#    用结束时的网络重新评估训练集，五个训练准确率都升高了，不再低于验证准确率。网络里没有 Dropout 这样的层，所以这不是评估模式造成的。
#    A 的理由只适用于同一个网络的两个数，而累计的准确率混合了不同时刻的网络。C 不成立，因为种子 0 相差最小，也有 0.680 对 0.411。

# %%
# 到第 20 轮，五个种子累计的准确率都与重新评估的相近，种子 3 和 4 相差最大，也只有 0.988 对 0.992 和 0.984 对 0.988，验证准确率却都更低。
# 所以这时的差距不是累计造成的，它的来历见 :ref:`training-overfitting`。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
numbers = range(1, 21)
ax.plot(numbers, [row[2] for row in histories[0]], "o-", ms=3, color="C0")
ax.plot(numbers, [row[3] for row in histories[0]], "o-", ms=3, color="C1")
ax.annotate("training, during the epoch", (2.2, 0.6), color="C0")
ax.annotate("validation", (14.2, 0.91), color="C1")
ax.set(xlabel="epoch", ylabel="accuracy, seed 0", xticks=(1, 5, 10, 15, 20))
ax.spines[["top", "right"]].set_visible(False)
# alt: 两条准确率曲线。第 1 轮训练 0.41、验证 0.68，验证在上，第 4 到第 7 轮两条靠得很近，之后训练在上，第 20 轮训练 0.99，验证 0.96
plt.show()

# %%
# 图中是种子 0。验证的曲线开头在上，第 4 到第 7 轮两条曲线靠得很近，从第 8 轮起累计的训练准确率一直在上，第 20 轮是 0.987 对 0.960。
#
# .. change-it::
#
#    在 ``make_model`` 的 ReLU 之后加一层 ``nn.Dropout(0.5)``。在训练模式下，这一层把每个数以一半的概率变成 0，其余的放大到 2 倍。
#    在评估模式下，这一层什么也不做。如果训练之后忘了 ``model.eval()``，评估时网络仍在训练模式，验证准确率会偏高、偏低，还是不变？

# hide-cell: 忘了 eval()
for seed in range(5):
    model = make_model(seed).insert(3, nn.Dropout(0.5))
    fit(model)
    _, right = evaluate(model, validation_loader)
    model.train()
    with torch.no_grad():
        logits = model(images[validation])
    wrong = (logits.argmax(dim=1) == labels[validation]).float().mean()
    print(f"seed {seed}: with eval() {right:.3f}, without {wrong:.3f}")

# %%
# .. outcome::
#
#    五个种子都偏低，因为 Dropout 在评估时仍然丢掉一半左右的数，而程序没有报错。
#    原来的网络没有这样的层，所以 ``eval()`` 写不写都一样，但是写上之后，换网络时就不会出错。

# %%
# 平均要加权
# ----------
# 验证集有 300 张，:term:`批量大小` 取 64、128、256 时最后一个批次都不满，取 100 时正好分完。
# 用这四种批量大小各算两种平均，一种直接把各批次的损失平均，另一种是 ``evaluate`` 的按样本数加权。

model = models[0]
for batch_size in (64, 100, 128, 256):
    loader = DataLoader(validation_data, batch_size=batch_size)
    model.eval()
    with torch.no_grad():
        batch_losses = [loss_fn(model(x), y).item() for x, y in loader]
    over_batches = sum(batch_losses) / len(batch_losses)
    over_examples, _ = evaluate(model, loader)
    print(f"batch_size={batch_size:<4} mean over batches {over_batches:.4f}", end="")
    print(f", over examples {over_examples:.4f}")

# %%
# 按样本数加权的平均与批量大小无关。直接平均却随批量大小变化，因为不满的批次与满的批次占同样的分量。
# 批量大小是 100 时没有不满的批次，两种平均就相等。
#
# 最后测试一次
# ------------
# 训练方法已经选定，这时才用测试集。五个种子的网络各测一次。

accuracies = torch.tensor([evaluate(model, test_loader)[1] for model in models])
print("test accuracy:", *(f"{accuracy:.3f}" for accuracy in accuracies))
print(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")

# %%
# 报告 0.961 ± 0.008，而不是五个数里最好的一个。± 后面是五个种子的标准差，不包括换一批测试图像带来的变化。
#
# .. real-projects::
#
#    真实的循环还要在每个批次把 ``x`` 和 ``y`` 移到 :term:`设备` 上，并且定期保存检查点，见 :ref:`training-save-and-load`。在 GPU 上，
#    ``item()`` 要等 GPU 算完，所以可以把 ``loss.detach() * len(y)`` 和答对的个数都作为张量累加，一轮结束时再各用一次 ``item()``。
#    如果加载器设了 ``drop_last=True``，总的样本数就不能用 ``len(loader.dataset)``，要自己累加。
#    两种模式见 `torch.nn.Module.eval <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval>`__ 的文档，
#    ``no_grad()`` 的原理见 `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。

# %%
# 小结
# ----
# - 规则：要比较训练和验证，就用同一个网络在评估模式下各算一次，各批次的平均损失按样本数加权，测试集只在最后用一次。
# - API：``model.train()``、``model.eval()``、``@torch.no_grad()``、``loss.item() * len(y)``、``len(loader.dataset)``。
# - 下一页：:ref:`training-overfitting`
