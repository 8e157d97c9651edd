# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-overfitting:

过拟合与早停
============

训练损失一直在降，不等于网络一直在变好：它可能只是在背答案，这叫 :term:`过拟合`。
这一页先在干净的手写数字上找过拟合，再把三成标签改错，看学习曲线怎样分叉，
然后用 :term:`早停` 取回最好的那份参数，量它值多少。

你将学到：

- 从学习曲线上认出过拟合
- 早停的写法，以及为什么要深拷贝 ``state_dict()``
- 早停什么时候有用，什么时候没有用
"""

import copy

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 三成标签写错
# ------------
# 只用训练集的前 500 张，好让网络背得下来。``damage`` 把一部分标签换成随机的数字，
# 模仿粗心的标注；验证集和测试集的标签不动。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
train = train[:500]


def damage(y, share):
    generator = torch.Generator().manual_seed(0)
    hit = torch.rand(len(y), generator=generator) < share
    return torch.where(hit, torch.randint(10, y.shape, generator=generator), y)


data = {"clean": labels[train], "noisy": damage(labels[train], share=0.3)}
n_wrong = (data["noisy"] != data["clean"]).sum()
print(f"{n_wrong} of {len(train)} labels are wrong")

# %%
# 随机换上的数字有十分之一碰巧就是原来的，所以错的略少于三成。
#
# 训练，并记下最好的一份
# ----------------------
# 每轮之后在验证集上量一次损失，比以前都小，就把参数留下来。
# ``live`` 和 ``copied`` 两种留法只差一个 ``deepcopy``，后面再比。

loss_function = nn.CrossEntropyLoss()


@torch.no_grad()
def evaluate(model, part, y):
    logits = model(images[part])
    accuracy = (logits.argmax(dim=1) == y).float().mean()
    return loss_function(logits, y).item(), accuracy.item()


def fit(y, seed, n_epochs=30):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    lowest, curves = float("inf"), []
    for _ in range(n_epochs):
        for rows in torch.randperm(len(train)).split(50):
            loss = loss_function(model(images[train[rows]]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        train_loss, _ = evaluate(model, train, y)
        validation_loss, _ = evaluate(model, validation, labels[validation])
        curves.append((train_loss, validation_loss))
        if validation_loss < lowest:
            lowest = validation_loss
            live = model.state_dict()
            copied = copy.deepcopy(live)
    return model, curves, live, copied


# %%
# 学习曲线
# --------
# 每条曲线都是五个种子的平均。
#
# .. admonition:: 先猜一猜
#
#    标签干净时，验证损失会不会先降后升？三成标签写错时呢？

runs = {name: [fit(y, seed) for seed in range(5)] for name, y in data.items()}

# (2, 30, 2)：干净与有错，轮，训练与验证；五个种子的平均
means = torch.tensor([[run[1] for run in runs[name]] for name in runs]).mean(dim=1)
for name, curves in zip(runs, means, strict=True):
    for epoch in (1, 15, 30):
        numbers = "training {:.2f}, validation {:.2f}".format(*curves[epoch - 1])
        print(f"{name}, epoch {epoch:>2}: {numbers}")
    print(f"{name}, lowest validation loss {curves[:, 1].min():.2f}")

fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True, layout="constrained")
for ax, name, curves in zip(axes, runs, means, strict=True):
    ax.plot(range(1, 31), curves[:, 0], color="C0", lw=2)
    ax.plot(range(1, 31), curves[:, 1], color="C1", lw=2)
    ax.axhline(curves[:, 1].min(), color="C1", lw=1, ls=":")
    ax.set(title=f"{name} labels", xlabel="epoch", ylim=(0, 1.7))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="loss")
axes[1].annotate("training", (23, 0.12), color="C0")
axes[1].annotate("validation", (20, 0.8), color="C1")
# alt: 两幅学习曲线。左：标签干净，训练和验证损失一起降到 0.1 以下后走平。右：三成标签写错，训练损失一路下降，验证损失降到 0.59 的点线，之后回升到 0.7
plt.show()

# %%
# 干净时，训练损失降到 0，验证损失走平，没有明显回升：网络背下了答案，却没有因此变坏。
# 标签有错时，验证损失降到最低 0.59（点线），之后慢慢回升；
# 训练损失却一路下降：网络在背写错的那 147 个标签。
#
# 早停值多少
# ----------
# 训练完，把三份参数各在测试集上量一次：最后一轮的、没有拷贝的“最好”、深拷贝的最好。

print("labels  last epoch     not copied     best, copied")
for name, results in runs.items():
    row = f"{name:<6}"
    for choice in range(3):
        accuracies = []
        for model, _, live, copied in results:
            if choice:
                model.load_state_dict((live, copied)[choice - 1])
            accuracies.append(evaluate(model, test, labels[test])[1])
        accuracies = torch.tensor(accuracies)
        row += f"  {accuracies.mean():.3f} ± {accuracies.std():.3f}"
    print(row)

# %%
# 标签有错时，早停把准确率从 0.74 提高到 0.85 左右，增幅在标准差的四倍以上；
# 标签干净时，0.955 与 0.956 的差别在噪声之内，早停没有用，也没有害处。
#
# 中间一列与最后一轮完全相同：``state_dict()`` 交出的是模型正在用的那些张量，
# 训练继续，它们也跟着变。要留住某一刻的参数，就 ``copy.deepcopy`` 或存成文件。
# 怎样存见 :ref:`training-save-and-load`。
#
# 这里跑完 30 轮再回头取最好的一份。真要省时间，就在连续若干轮没有新低时跳出循环，
# 这个轮数叫耐心（patience）。挑哪一轮看的是验证集，报告的是测试集：
# 若在测试集上挑，报告的数会偏高。
#
# 改一改：把 ``share=0.3`` 改成 ``share=0.6``，先猜最后一轮和早停各剩多少准确率，再运行。
#
# 小结
# ----
# - 规则：训练损失降、验证损失升，就是过拟合；取验证损失最小的那份参数，用测试集报告。
# - API：``copy.deepcopy(model.state_dict())``、``model.load_state_dict(state)``。
# - 下一页：:ref:`training-regularization`
