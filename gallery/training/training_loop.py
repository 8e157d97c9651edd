# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-training-loop:

完整的训练循环
==============

训练一轮、验证一轮，如此反复，最后测试一次：多数 PyTorch 训练程序的骨架就是两个函数和一个循环。
这一页把它写全，在手写数字上跑 20 :term:`轮`，画出准确率曲线。
难的不是哪一行，而是几处不报错、却会让数字不对的细节。

你将学到：

- ``train_one_epoch`` 和 ``evaluate`` 两个函数，各有哪几行不能少
- 按样本数加权的平均损失
- 为什么头几轮里训练准确率比验证准确率低
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# %%
# 数据
# ----
# 与 :ref:`training-digits-dataloader` 相同：1000 张训练，200 张验证，597 张测试。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
parts = order.split([1000, 200, 597])
train_data, validation_data, test_data = (
    TensorDataset(images[part], labels[part]) for part in parts
)
validation_loader = DataLoader(validation_data, batch_size=64)
test_loader = DataLoader(test_data, batch_size=64)

# %%
# 训练一轮
# --------
# 每个批次五件事：前向、算损失、清梯度、反向、更新。损失是批次内的平均，
# 乘以批次的样本数再累加，最后除以总数，大小不等的批次才各占应有的分量。
# ``item()`` 取出普通的 Python 数，否则累加的张量会留住每一步的 :term:`计算图`。
# 留住它要多少内存，见 :ref:`pitfalls-memory-growth`。

loss_function = nn.CrossEntropyLoss()


def train_one_epoch(model, loader, optimizer):
    model.train()  # Dropout、批量归一化等层进入训练模式
    total_loss, n_right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        loss = loss_function(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(y)
        n_right += (logits.argmax(dim=1) == y).sum().item()
    return total_loss / len(loader.dataset), n_right / len(loader.dataset)


# %%
# 评估
# ----
# 评估不求导，也不更新。``eval()`` 和 ``no_grad()`` 是两件事：前者改变某些层的行为，
# 后者不记录计算图，省时间和内存；两个都要。


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    total_loss, n_right = 0.0, 0
    for x, y in loader:
        logits = model(x)
        total_loss += loss_function(logits, y).item() * len(y)
        n_right += (logits.argmax(dim=1) == y).sum().item()
    return total_loss / len(loader.dataset), n_right / len(loader.dataset)


# %%
# 循环
# ----
# 64 个像素，一个有 64 个单元的隐藏层，10 个 :term:`logits`。
# 每轮记下训练和验证的损失与准确率，一共四个数。
#
# .. admonition:: 先猜一猜
#
#    第一轮结束时，训练中累计的训练准确率，比验证准确率高还是低？


def fit(seed, n_epochs=20):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
    history = []
    for _ in range(n_epochs):
        train_loss, train_accuracy = train_one_epoch(model, train_loader, optimizer)
        validation_loss, validation_accuracy = evaluate(model, validation_loader)
        history.append(
            (train_loss, validation_loss, train_accuracy, validation_accuracy)
        )
    return model, history


model, history = fit(seed=0)
print("epoch  train loss  valid loss  train acc  valid acc")
for epoch in (1, 2, 5, 10, 20):
    numbers = history[epoch - 1]
    print(f"{epoch:>5}  {numbers[0]:>10.3f}  {numbers[1]:>10.3f}", end="")
    print(f"  {numbers[2]:>9.3f}  {numbers[3]:>9.3f}")

# %%
# 第一轮训练中累计的准确率只有 0.31，验证却有 0.67。网络并没有在没见过的图上更拿手：
# 训练的数是一边更新一边累计的，开头几个批次的网络还什么都不会；验证用的是轮末的网络。
# 把训练集用轮末的网络重新评估一遍，才能与验证相比：

_, at_the_end = evaluate(fit(seed=0, n_epochs=1)[0], DataLoader(train_data, 64))
print(f"epoch 1, training: {history[0][2]:.3f} during, {at_the_end:.3f} at the end")

# %%
# 轮末重新量是 0.71，验证是 0.67，训练并不比验证低。到第 20 轮，训练 0.98，验证 0.96：
# 这时的差距才是真的，见 :ref:`training-overfitting`。

fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
epochs = range(1, 21)
ax.plot(epochs, [row[2] for row in history], "o-", ms=3, color="C0")
ax.plot(epochs, [row[3] for row in history], "o-", ms=3, color="C1")
ax.annotate("training, during the epoch", (1.9, 0.5), color="C0")
ax.annotate("validation", (14.2, 0.87), color="C1")
ax.set(xlabel="epoch", ylabel="accuracy", xticks=(1, 5, 10, 15, 20))
ax.spines[["top", "right"]].set_visible(False)
# alt: 两条准确率曲线。第 1 轮训练 0.31、验证 0.67，验证在上；几轮之后训练反超，第 20 轮训练 0.98，验证 0.96
plt.show()

# %%
# 训练曲线先在下，后在上，之后两条都渐渐变平。
#
# 平均要加权
# ----------
# 测试集 597 张，批量 64，最后一个批次只有 21 张。直接对批次求平均，会偏多少？

with torch.no_grad():
    batch_losses = [loss_function(model(x), y).item() for x, y in test_loader]
test_loss, test_accuracy = evaluate(model, test_loader)
print(f"mean over batches:  {sum(batch_losses) / len(batch_losses):.4f}")
print(f"mean over examples: {test_loss:.4f}")

# %%
# 差大约 3%，不大，却是错的：换一个批量大小，前一个数就变，后一个不变。
#
# 最后测试一次
# ------------
# 选定了训练的办法，才用测试集。一个种子可能碰巧，换五个：

models = [model] + [fit(seed)[0] for seed in range(1, 5)]
accuracies = torch.tensor([evaluate(model, test_loader)[1] for model in models])
print(f"test accuracy: {accuracies.mean():.3f} ± {accuracies.std():.3f}")

# %%
# 五次的标准差是 0.4%，597 张里的两三张。以后比较两种办法，差别小于这个数，就不能说谁更好。
#
# 改一改：把 ``momentum=0.9`` 去掉，先猜第 20 轮的验证准确率，再运行。
#
# 小结
# ----
# - 规则：训练时 ``train()``，评估时 ``eval()`` 加 ``no_grad()``；损失按样本数加权；测试只在最后做。
# - API：``model.train()``、``model.eval()``、``torch.no_grad()``、``len(loader.dataset)``。
# - 下一页：:ref:`training-overfitting`
