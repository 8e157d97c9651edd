# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-overfitting:

过拟合与早停
============

训练损失还在下降，验证损失却不再下降了。应该继续训练，还是停下来？
如果停下来，又该用哪一轮的参数？

你将学到：

- 从学习曲线上认出 :term:`过拟合`
- 算出网络背下了多少个错误的标签
- 写出 :term:`早停` 的循环，并正确地保留最好的参数
"""

import copy

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# 网络可以用两种办法让训练损失变小。一种是学到规律，例如 8 有两个圈，这对没见过的图也有用。另一种是逐张背下答案，这只对训
# 练集有用。用后一种办法减小训练损失，就是过拟合。
#
# 怎样看出网络在背答案？可以故意写错一部分标签。写错的标签没有规律，所以网络只有靠背，才能答出写错的那个数字。下面取 500
# 张训练图，把三成的标签换成随机的数字，验证集和测试集的标签不动。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])
train = train[:500]
loss_fn = nn.CrossEntropyLoss()


def damage(y, share):
    generator = torch.Generator().manual_seed(0)
    hit = torch.rand(len(y), generator=generator) < share
    return torch.where(hit, torch.randint(10, y.shape, generator=generator), y)


clean = labels[train]
noisy = damage(clean, share=0.3)
wrong = noisy != clean
print(f"{wrong.sum()} of {len(train)} labels are wrong")

# %%
# 随机换上的数字有时碰巧就是原来的，所以写错的不到三成。训练用 Adam，这种优化器为每个参数分别调整一步的大小，细节见
# :ref:`training-optimizers-compared`。
#
# .. predict::
#
#    用这些标签训练 30 轮。网络看到那些标签写错的训练图时，会给出哪个数字？
#
#    - 一直多半给出正确的数字，因为多数标签是对的
#    - 起初多半给出正确的数字，后来多半给出写错的数字
#    - 从第一轮起就多半给出写错的数字，因为它只见过写错的


def build(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def train_one_epoch(model, optimizer, y):
    for rows in torch.randperm(len(train)).split(50):
        loss = loss_fn(model(images[train[rows]]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, part, y):
    logits = model(images[part])
    predicted = logits.argmax(dim=1)
    return loss_fn(logits, y).item(), (predicted == y).float().mean().item()


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
print("epoch  train loss  validation loss  wrong label given  true digit given")
for epoch in (1, 4, 7, 10, 20, 30):
    values = curves[:, epoch - 1].mean(dim=0)  # 五个种子的平均值
    print(f"{epoch:>5}  {values[0]:>10.2f}  {values[1]:>15.2f}", end="  ")
    print(f"{values[2]:>17.0%}  {values[3]:>16.0%}")

# %%
# .. answer:: B
#
#    看最右两列。到第 7 轮，标签写错的图有 85% 得到正确的数字，只有 8% 得到写错的那个数字。到第 30 轮，有 79% 得到写错的那
#    个数字，这些标签被背下来了。A 只说对了前半段，后来训练损失继续下降，靠的正是背答案。C 不成立，第 1 轮只有 4%，可见这
#    个网络先学规律，后背答案。
#
# 学习曲线
# --------
# 真实的数据不会告诉你哪些标签写错了，能看的是两条损失曲线。先把标签全对的网络也训练一遍，再画在一起：

clean_runs = [fit(clean, seed) for seed in range(5)]
clean_curves = torch.tensor([history for _, history in clean_runs])
for name, part in (("clean", clean_curves), ("noisy", curves)):
    validation_loss = part[:, :, 1].mean(dim=0)
    print(f"{name} labels, validation loss: lowest {validation_loss.min():.2f}", end="")
    print(f" in epoch {validation_loss.argmin() + 1}, last {validation_loss[-1]:.2f}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
for ax, name, part in zip(
    axes, ("clean", "noisy"), (clean_curves, curves), strict=True
):
    ax.plot(range(1, 31), part[:, :, 0].T, color="C0", lw=0.8)
    ax.plot(range(1, 31), part[:, :, 1].T, color="C1", lw=0.8)
    ax.set(title=f"{name} labels", xlabel="epoch", ylim=(0, 1.7))
axes[0].set(ylabel="loss")
axes[1].annotate("training", (21, 0.25), color="C0")
axes[1].annotate("validation", (20, 1.0), color="C1")
# alt: 两幅学习曲线，各有五个种子。左：标签全对，训练和验证损失一起降到 0.2 以下，然后走平。右：三成标签写错，训练损失一路降到 0.3 以下，验证损失降到 0.7 附近后回升到 0.9 左右
plt.show()

# %%
# 标签有错时，训练损失一路下降，验证损失却在第 9 轮到了最低点，此后回升。两条曲线这样分叉，就是过拟合。标签全对时，验证损
# 失走平，没有明显回升。
#
# 早停的写法
# ----------
# 早停在每一轮之后看验证损失。损失有新低时，就把这时的参数留下来。
# ``state_dict()`` 给出从名字到参数的字典，``load_state_dict`` 把这样的字典读回模型。
# 损失连续几轮没有新低时，就停止训练，这个轮数叫耐心（patience）。


def fit_with_early_stopping(y, seed, patience=3, n_epochs=30):
    model, optimizer = build(seed)
    lowest, best_epoch = float("inf"), 0
    for epoch in range(1, n_epochs + 1):
        train_one_epoch(model, optimizer, y)
        validation_loss, _ = evaluate(model, validation, labels[validation])
        if validation_loss < lowest:
            lowest, best_epoch = validation_loss, epoch
            best = copy.deepcopy(model.state_dict())
        if epoch - best_epoch == patience:
            break
    model.load_state_dict(best)  # 取回最好的一份，而不是停下时的那一份
    return model, epoch


# %%
# .. predict::
#
#    把 ``copy.deepcopy(model.state_dict())`` 写成 ``model.state_dict()``，最后取回的是哪一轮的参数？
#
#    - 验证损失最低的那一轮
#    - 停下时的那一轮
#    - 哪一轮的也不是，因为 ``load_state_dict`` 会报错

model, optimizer = build(seed=0)
live = model.state_dict()
copied = copy.deepcopy(live)
train_one_epoch(model, optimizer, noisy)
for name, state in (("live", live), ("copied", copied)):
    change = (model.state_dict()["3.weight"] - state["3.weight"]).abs().max()
    print(f"{name:<6} differs from the model after one more epoch by {change:.2f}")

# %%
# .. answer:: B
#
#    ``state_dict()`` 交出的就是模型正在用的那些张量，所以再训练一轮以后，``live`` 与模型仍然没有差别。它随着训练一起变，
#    因此 A 不成立。它的键和形状都对得上，所以也不会像 C 那样报错。深拷贝另存了一份，训练不会改动它。
#
# 早停值多少
# ----------
# 停在哪一轮是看着验证集挑的，所以要用没有参与挑选的测试集报告：


def compare(name, y, runs):
    last = [evaluate(model, test, labels[test])[1] for model, _ in runs]
    stopped = [fit_with_early_stopping(y, seed) for seed in range(5)]
    early = [evaluate(model, test, labels[test])[1] for model, _ in stopped]
    last, early = torch.tensor(last), torch.tensor(early)
    stops = " ".join(f"{epoch:>2}" for _, epoch in stopped)
    print(f"{name:<9}  {last.mean():.3f} ± {last.std():.3f}", end="   ")
    print(f"{early.mean():.3f} ± {early.std():.3f}   {stops}")


print("labels     test, epoch 30  early stopping  stopped after epoch")
compare("clean", clean, clean_runs)
compare("30% noise", noisy, runs)

# %%
# 标签有错时，早停在第 10 到 12 轮停下，测试准确率从 0.744 提高到 0.902，差别是标准差的好几倍。标签全对时，两者的差别在种
# 子的波动之内，早停只省下了一些轮数。
#
# .. change-it::
#
#    把六成标签换成随机的数字。最后一轮和早停各还剩多少准确率？

# hide-cell: 六成标签
noisier = damage(clean, share=0.6)
compare("60% noise", noisier, [fit(noisier, seed) for seed in range(5)])

# %%
# .. real-projects::
#
#    训练一轮要几小时的时候，最好的参数要存进文件，见 :ref:`training-save-and-load`。验证损失一轮高一轮低时，耐心要给得大
#    一些。取回参数的细节见
#    `load_state_dict <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict>`__，
#    网络能背下随机标签的实验见 `Zhang 等人的论文 <https://arxiv.org/abs/1611.03530>`__。
#
# 小结
# ----
# - 规则：看验证损失决定停在哪一轮，取回最低那一轮的参数，最后用测试集报告一次。
# - API：``copy.deepcopy(model.state_dict())`` 和 ``model.load_state_dict(state)``。
# - 下一页：:ref:`training-regularization`
