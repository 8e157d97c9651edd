# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-overfitting:

过拟合与早停
============

训练损失还在下降，验证损失却开始回升。应该继续训练，还是停下来？
如果停下来，又该用哪一轮的参数？

你将学到：

- 从学习曲线上认出 :term:`过拟合`
- 用写错的标签检查网络有没有背答案
- 写出 :term:`早停` 的循环，并取回该用的那一轮参数
"""

import copy

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# 网络可以用两种办法让训练损失变小。一种是学到规律，例如 8 有两个圈，这对没见过的图也有用。
# 另一种是逐张背下答案，这只对训练集有用。用后一种办法减小训练损失，就是过拟合。
#
# 怎样看出网络在背答案？可以故意写错一部分标签。写错的标签没有规律，所以除了碰巧答中，网络只有靠背，才能答出写错的那个数字。
# 下面取 500 张训练图，把三成的标签换成随机的数字。验证集和测试集的标签不动。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])
train = train[:500]
loss_fn = nn.CrossEntropyLoss()

clean = labels[train]
generator = torch.Generator().manual_seed(0)
replaced = torch.rand(500, generator=generator) < 0.3
digit = torch.randint(10, (500,), generator=generator)
noisy = torch.where(replaced, digit, clean)
wrong = noisy != clean
print(f"{wrong.sum()} of {len(train)} labels are wrong")

# %%
# 500 个标签里写错了 147 个。换上的数字有时碰巧就是原来的，这样的标签不算写错。训练用 Adam，
# 这种优化器为每个参数分别调整一步的大小，细节见 :ref:`training-optimizers-compared`。
#
# .. predict::
#
#    用这些标签训练 30 轮。网络看到那些标签写错的训练图时，会给出哪个数字？
#
#    - 从头到尾多半给出写错的数字，因为网络只见过这个标签
#    - 从头到尾多半给出正确的数字，因为多数图的标签是对的
#    - 先多半给出正确的数字，后多半给出写错的，因为背答案比学规律慢


def build(seed):
    torch.manual_seed(seed)
    layers = [nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)]
    model = nn.Sequential(*layers)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def train_one_epoch(model, optimizer, y):
    model.train()
    for rows in torch.randperm(len(train)).split(50):
        loss = loss_fn(model(images[train[rows]]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, part, y):
    model.eval()
    logits = model(images[part])
    accuracy = (logits.argmax(dim=1) == y).float().mean()
    return loss_fn(logits, y).item(), accuracy.item()


def fit(y, seed, n_epochs=30):
    model, optimizer = build(seed)
    history = []
    for _ in range(n_epochs):
        train_one_epoch(model, optimizer, y)
        train_loss, _ = evaluate(model, train, y)
        validation_loss, _ = evaluate(model, validation, labels[validation])
        _, memorized = evaluate(model, train[wrong], noisy[wrong])
        _, corrected = evaluate(model, train[wrong], clean[wrong])
        history.append((train_loss, validation_loss, memorized, corrected))
    return model, history


runs = [fit(noisy, seed) for seed in range(5)]
curves = torch.tensor([history for _, history in runs])  # (5, 30, 4)
means = curves.mean(dim=0)  # 五个种子的平均值
print("images with a wrong label, mean of 5 seeds")
print("epoch  wrong label given  true digit given")
for epoch in (1, 4, 7, 10, 20, 30):
    print(f"{epoch:>5}  {means[epoch - 1, 2]:>17.0%}  {means[epoch - 1, 3]:>16.0%}")
chance = (1 - means[0, 3]) / 9
print(f"epoch 1, errors spread evenly over nine digits: {chance:.0%} each")

# %%
# .. answer:: C
#
#    到第 7 轮，标签写错的图有 85% 得到正确的数字。到第 30 轮，有 79% 得到写错的那个数字，可见网络把这些标签背下来了。
#    A 不成立，因为第 1 轮只有 4% 得到写错的数字。网络答错时，如果九个错的数字机会均等，每个数字也会分到 3%，所以这 4% 还算不上背。
#    B 不成立，因为到第 30 轮，只有 19% 还得到正确的数字。
#
# 学习曲线
# --------
# 真实的数据不会告诉你哪些标签写错了，能看的是两条损失曲线。把标签全对的网络也训练一遍，作为对照：

clean_runs = [fit(clean, seed) for seed in range(5)]
clean_curves = torch.tensor([history for _, history in clean_runs])
print("mean loss  epoch 1                validation")
print("labels     training  validation   lowest  in epoch  epoch 30")
for name, part in (("clean", clean_curves), ("noisy", curves)):
    train_loss, loss = part.mean(dim=0).T[:2]
    print(f"{name:<9}  {train_loss[0]:>8.2f}  {loss[0]:>10.2f}", end="")
    print(f"  {loss.min():>7.2f}  {loss.argmin() + 1:>8}  {loss[-1]:>8.2f}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
for ax, part in zip(axes, (clean_curves, curves), strict=True):
    ax.plot(range(1, 31), part[:, :, 0].T, color="C0", lw=0.8)
    ax.plot(range(1, 31), part[:, :, 1].T, color="C1", lw=0.8)
axes[0].set(title="clean labels", xlabel="epoch", ylabel="loss", ylim=(0, 1.7))
axes[1].set(title="noisy labels", xlabel="epoch")
for ax, heights in zip(axes, ((0.04, 0.22), (0.28, 1.02)), strict=True):
    ax.annotate("training", (18, heights[0]), color="C0")
    ax.annotate("validation", (18, heights[1]), color="C1")
axes[1].axvline(9, color="0.5", ls=":")
# alt: 两幅学习曲线，各有五个种子。左：标签全对，训练损失降到 0 附近，验证损失降到 0.12 附近后走平。右：三成标签写错，训练损失一路下降，验证损失在第 9 轮的竖点线附近最低，随后回升
plt.show()

# %%
# 标签有错时，训练损失还在下降，平均的验证损失却从第 9 轮（右图的竖点线）的 0.68 回升到第 30 轮的 0.88，这就是过拟合的样子。
# 右图开头的训练损失高于验证损失，因为训练集里有写错的标签，验证集里没有。标签全对时，第 1 轮就是训练损失较低。
# 左图后来也有差距，但是验证损失没有回升，第 30 轮与最低时都是 0.12，所以只看差距还不能断定该停。
#
# 早停的写法
# ----------
# 早停在每一轮之后看验证损失。损失有新低时，就保存这时的模型状态。``state_dict()`` 给出从名字到参数的字典，``load_state_dict`` 把这样的字典读回模型。
# 损失连续几轮没有新低时，就停止训练，这个轮数叫耐心（patience）。


def fit_with_early_stopping(y, seed, patience=3, save=copy.deepcopy):
    model, optimizer = build(seed)
    losses, best_epoch = [], 0
    for epoch in range(1, 31):
        train_one_epoch(model, optimizer, y)
        loss, _ = evaluate(model, validation, labels[validation])
        losses.append(loss)
        if loss == min(losses):
            best_epoch, best = epoch, save(model.state_dict())
        if epoch - best_epoch == patience:
            break
    model.load_state_dict(best)
    return model, losses


# %%
# .. predict::
#
#    ``save`` 默认是深拷贝。如果不拷贝，直接写 ``best = model.state_dict()``，最后读回模型的是哪一轮的参数？
#
#    - 验证损失最低的那一轮，因为 ``best`` 只在那时赋值
#    - 停下时的那一轮，因为字典与模型共用内存
#    - 哪一轮的也不是，因为没有拷贝的字典不能读回模型


stopped = [fit_with_early_stopping(noisy, seed) for seed in range(5)]
not_copied = [  # 这里的 save 原样交回字典，不拷贝
    fit_with_early_stopping(noisy, seed, save=lambda state: state) for seed in range(5)
]
print("seed  lowest loss  loss at the stop  deepcopy  no copy")
for seed in range(5):
    model, losses = stopped[seed]
    copied, _ = evaluate(model, validation, labels[validation])
    live, _ = evaluate(not_copied[seed][0], validation, labels[validation])
    where = f"(epochs {losses.index(min(losses)) + 1} and {len(losses)})"
    print(f"{seed:>4}  {min(losses):>11.3f}  {losses[-1]:>16.3f}", end="")
    print(f"  {copied:>8.3f}  {live:>7.3f}  {where}")

# %%
# .. answer:: B
#
#    ``no copy`` 是不拷贝时读回的模型的损失，与停下时的相同，因为 ``state_dict()`` 给出的张量与模型共用内存，每更新一次，字典里的数也跟着变。
#    A 不成立，因为 ``best`` 没有重新赋值，里面的数却变了。C 不成立，因为读回时没有报错。深拷贝另存一份，训练不会改动它，所以读回的模型有最低的损失。
#
# 提高多少
# --------
# 停在哪一轮是看着验证集挑的，所以最后要用测试集报告，而且只报告选定的一种做法。这里为了看到差别，每种做法都测一次。
# 每行先列出五个种子的测试准确率，再列出平均和标准差。

results = {"epoch 30": runs, "early stopping": stopped, "no copy": not_copied}
for name, fitted in results.items():
    accuracies = [evaluate(model, test, labels[test])[1] for model, _ in fitted]
    std, mean = torch.std_mean(torch.tensor(accuracies))
    print(f"{name:<14}", *(f"{accuracy:.3f}" for accuracy in accuracies), end="")
    print(f"   mean {mean:.3f} ± {std:.3f}")

# %%
# 早停把平均测试准确率从 0.744 提高到 0.902。忘记拷贝时，五个种子读回的都是晚三轮的参数，平均只有 0.874。
# 逐个种子比较，五个都是忘记拷贝的低。
#
# .. change-it::
#
#    把 ``fit_with_early_stopping`` 的 ``patience`` 从 3 改成 1 和 8，两套标签各训练一遍，看最低的验证损失的平均。哪一套标签更需要耐心？

# hide-cell: 耐心 1、3、8
print("labels  patience  mean stop epoch  mean lowest loss")
for name, y in (("clean", clean), ("noisy", noisy)):
    for patience in (1, 3, 8):
        fitted = [fit_with_early_stopping(y, seed, patience) for seed in range(5)]
        stop = sum(len(losses) for _, losses in fitted) / 5
        lowest = sum(min(losses) for _, losses in fitted) / 5
        print(f"{name:<6}  {patience:>8}  {stop:>15.1f}  {lowest:>16.3f}")

# %%
# .. outcome::
#
#    标签全对的那一套更需要耐心。耐心从 3 加到 8 时，标签有错的结果不变，多训练的几轮里没有新低。标签全对时，
#    平均训练到 29.0 轮，接近 30 轮的上限，最低损失还从 0.136 降到 0.120。耐心是 1 时，损失偶然回升一次，训练就停了，两套标签的最低损失都更高。

# %%
# .. real-projects::
#
#    训练一轮要几小时的时候，最好的参数要存进文件，见 :ref:`training-save-and-load`。取回参数的细节见
#    `load_state_dict <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict>`__
#    的文档，网络能背下随机标签的实验见 `Zhang 等人的论文 <https://arxiv.org/abs/1611.03530>`__。
#
# 小结
# ----
# - 规则：训练损失下降而验证损失持续回升，说明网络过拟合了。验证损失连续几轮没有新低就停下，取回最低那一轮的参数。
# - API：``copy.deepcopy(model.state_dict())`` 和 ``model.load_state_dict(best)``。
# - 下一页：:ref:`training-regularization`
