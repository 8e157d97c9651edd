# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-train-eval-mode:

忘记切换到 eval()
=================

一个网络训练好以后，用它预测一张图会报错，一次预测几张图却不报错。报错是因为评估之前忘了调用 ``model.eval()``。
不报错的时候，算出的 :term:`准确率` 可信吗？它会不会随批次的大小、图像的次序改变？评估以后，网络还是原来的网络吗？

你将学到：

- 测量忘记 ``eval()`` 时，Dropout 和批量归一化的准确率怎样变化
- 判断批次的大小和图像的次序有没有影响
- 修正评估函数，并检查评估是否改动了网络
"""

import copy
import textwrap

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 两组网络
# --------
# :term:`Dropout` 和 :term:`批量归一化` 在训练时与 :term:`推理` 时的算法不同，``model.train()`` 和 ``model.eval()`` 在两种算法之间切换。
# :ref:`training-regularization` 和 :ref:`training-normalization` 讲了这两种层。下面训练两组网络，每组五个，种子是 0 到 4。第一组的中间是 Dropout，第二组的中间是批量归一化。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def fit(layer, seed):
    """训练一个中间放着 layer 的网络，十轮。"""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), layer, nn.ReLU(), nn.Linear(64, 10)
    )
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        for batch in train[torch.randperm(len(train))].split(50):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, rows, batch_size):
    """分批计算准确率，不切换模式。"""
    predicted = [model(images[b]).argmax(dim=1) for b in rows.split(batch_size)]
    return (torch.cat(predicted) == labels[rows]).float().mean().item()


dropout = [fit(nn.Dropout(0.5), seed) for seed in range(5)]
norm = [fit(nn.BatchNorm1d(64), seed) for seed in range(5)]

# %%
# 最短的错误代码
# --------------
# 训练刚结束时，网络仍在训练模式。下面用批量归一化的网络预测一张图，再用 Dropout 的网络把验证集算三次。

try:
    norm[0](images[:1])
except ValueError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 88))

for attempt in (1, 2, 3):
    print(f"Dropout, attempt {attempt}: {accuracy(dropout[0], validation, 300):.3f}")

# %%
# 训练模式下，批量归一化减去当前批次的均值，再除以当前批次的标准差。报错里的 ``[1, 64]`` 是一张图的 64 个 :term:`特征`，报错把特征叫做 channel。每个特征只有一个值，它减去均值总是 0，什么信息也不剩，所以报错。
# 训练这个网络时，如果最后一个批次只剩一个 :term:`样本`，也会报这个错，这时给 ``DataLoader`` 加上 ``drop_last=True``。
#
# 训练模式下，Dropout 每次随机丢掉一半的值，所以三次的结果不同。
# 评估模式下，Dropout 什么也不做，批量归一化改用训练中积累的均值 ``running_mean`` 和方差 ``running_var``。
#
# 没有报错也不说明没有问题。例如 ``nn.BatchNorm2d`` 对每个 :term:`通道` 归一化，一张图的一个通道有许多像素，所以一张图也能算。

layer = nn.BatchNorm2d(1)
alone = layer(images[:1])
together = layer(images[:300])[:1]
print(f"alone and with 299 others differ by up to {(alone - together).abs().max():.3f}")

# %%
# 同一张图，单独计算与同另外 299 张一起计算，结果不同。
#
# 批次的大小和次序
# ----------------
# .. predict::
#
#    忘了 ``eval()``，用批量归一化的网络评估 300 张图，每批 100 张。图像按随机次序，或者按类别排列，哪一种的准确率明显低于 ``eval()``？
#
#    - 两种都低，因为两种都没有用训练中积累的统计量
#    - 两种都不低，因为 100 张图足够算出均值和方差
#    - 只有按类别排列的低，因为这样一个批次里只有几类

shuffled = []  # 每个网络各用一种随机次序
for seed in range(5):
    generator = torch.Generator().manual_seed(seed)
    shuffled.append(validation[torch.randperm(300, generator=generator)])
by_class = [validation[labels[validation].argsort(stable=True)]] * 5


def over_seeds(models, orders, batch_size, training):
    """五个网络的准确率。每个网络先复制一份，所以各次评估互不影响。"""
    copies = [copy.deepcopy(model).train(training) for model in models]
    pairs = zip(copies, orders, strict=True)
    return torch.tensor([accuracy(model, rows, batch_size) for model, rows in pairs])


def text(values):
    return f"{values.mean():.3f} ± {values.std():.3f}"


sizes = [3, 10, 30, 100, 300]
means = {"shuffled": [], "by class": []}
print("BatchNorm, training mode\nbatch size  shuffled       by class")
for n in sizes:
    results = [over_seeds(norm, orders, n, True) for orders in (shuffled, by_class)]
    print(f"{n:>10}  {text(results[0])}  {text(results[1])}")
    means["shuffled"].append(results[0].mean().item())
    means["by class"].append(results[1].mean().item())
right = over_seeds(norm, shuffled, 300, training=False)
n_classes = [len(labels[rows].unique()) for rows in by_class[0].split(100)]
print(f"classes in each batch of 100, by class: {n_classes}")
print(f"BatchNorm, eval():        {text(right)}")
print(f"Dropout,   training mode: {text(over_seeds(dropout, shuffled, 300, True))}")
print(f"Dropout,   eval():        {text(over_seeds(dropout, shuffled, 300, False))}")

# %%
# .. answer:: C
#
#    看 100 那一行。随机次序是 0.977，与 ``eval()`` 的 0.978 相差不到一个标准差。按类别排列是 0.820。
#    A 不成立，因为随机抽取的 100 张图与训练集相似，用它们的统计量代替积累的统计量，准确率几乎不变。
#    B 不成立，因为只看张数还不够。按类别排列时，每批 100 张只来自 4 类，统计量就与全部数据的不同。
#
# ± 是五个种子的标准差。表中同一行的两列用同样的网络和同样的 300 张图，只有次序不同。
# 随机次序从每批 300 张到 30 张只从 0.977 降到 0.970，每批 3 张时却只有 0.740，因为图像越少，它们的均值和方差与全部数据的相差越大。
# 按类别排列从 0.977 一路降到 0.109，只有每批 300 张时才与随机次序相同，因为全部图像都在一个批次里。
#
# 忘了 ``eval()`` 时，Dropout 的准确率从 0.968 降到 0.902。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.axhline(right.mean(), color="0.5", lw=1, ls=":")
for name, color in (("shuffled", "C0"), ("by class", "C1")):
    ax.plot(sizes, means[name], "o-", color=color, lw=2)
ax.annotate("evaluation mode", (3, 1.0), color="0.5")
ax.annotate("training mode, shuffled", (8.5, 0.83), color="C0")
ax.annotate("training mode, by class", (40, 0.3), color="C1")
ax.set(xlabel="batch size", ylabel="validation accuracy", xscale="log", ylim=(0, 1.1))
ax.set_xticks(sizes, [str(n) for n in sizes])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
# alt: 随机次序的蓝线从批量大小 3 处的约 0.7 升起，从 30 起与评估模式的虚线几乎重合；按类别排列的橙线从约 0.1 升起，到 300 才与虚线重合
plt.show()

# %%
# 图里的虚线是 ``eval()``。蓝线从每批 30 张起贴近它，橙线到每批 300 张才贴近。
#
# .. change-it::
#
#    从验证集的每类取 25 张，每批仍是 10 张，但是让十个类别轮流出现，于是每批中每类恰好一张。先猜准确率比随机次序高还是低，再看下面的运行结果。

# hide-cell: 十个类别轮流出现
classes = [validation[labels[validation] == k] for k in range(10)]
turns = torch.stack([rows[:25] for rows in classes], dim=1).flatten()  # 250 张
mixed = [turns[torch.randperm(250)] for _ in range(5)]
counts = [len(labels[rows].unique()) for order in mixed for rows in order.split(10)]
print(f"classes in each batch of 10, shuffled: {min(counts)} to {max(counts)}")
print(f"shuffled:     {text(over_seeds(norm, mixed, 10, True))}")
print(f"taking turns: {text(over_seeds(norm, [turns] * 5, 10, True))}")
print(f"eval():       {text(over_seeds(norm, [turns] * 5, 10, False))}")

# %%
# .. outcome::
#
#    轮流出现时的 0.985 高于随机次序的 0.942，因为每批 10 类都有，随机次序的各批却只有 4 到 9 类。
#    它也不低于 ``eval()`` 的 0.974，但是预测之前不知道类别，所以不能这样安排批次。

# %%
# no_grad() 不切换模式
# --------------------
# 函数 ``accuracy`` 已经用了 ``torch.no_grad()``，准确率仍然降低了，因为 ``no_grad()`` 只决定是否记录 :term:`计算图`，不切换模式。
# 而且训练模式下，每次前向传播还会更新 ``running_mean`` 和 ``running_var``，新的一批占一成（``momentum`` 默认 0.1）。下面先忘记 ``eval()`` 评估一次，然后正确地评估：

for name, orders in (("shuffled", shuffled), ("by class", by_class)):
    after = []
    for trained, rows in zip(norm, orders, strict=True):
        model = copy.deepcopy(trained)
        accuracy(model, rows, 10)  # 忘了 eval() 的一次评估
        after.append(accuracy(model.eval(), validation, 300))
    print(f"eval() after one wrong evaluation, {name}: {text(torch.tensor(after))}")

# %%
# 按类别排列的一次错误评估，使正确评估的结果也从 0.978 降到 0.961。随机次序时是 0.979，没有降低，但是下面会看到，网络同样被改动了。
#
# 改正和检查
# ----------
# 把切换写进评估函数，评估完恢复原来的模式。评估不应当改动网络，所以再比较评估前后的 ``state_dict()``。
# 它包括 :term:`参数` 和 :term:`缓冲区`，积累的统计量就是缓冲区。


def evaluate(model, rows, batch_size):
    was_training = model.training
    model.eval()
    result = accuracy(model, rows, batch_size)
    model.train(was_training)
    return result


for evaluation in (accuracy, evaluate):
    model = copy.deepcopy(norm[0])
    before = copy.deepcopy(model.state_dict())
    evaluation(model, validation, 300)
    after = model.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    print(f"{evaluation.__name__}: training={model.training}\n  changed: {changed}")

# %%
# 改动的三项都是缓冲区。``evaluate`` 没有改动网络，评估之后网络也回到了训练模式。Dropout 没有缓冲区，要检查它，就把同一批数据算两次，看结果是否相等。
#
# .. real-projects::
#
#    预测服务常把几个用户的图像合成一个批次。忘了 ``eval()`` 时，批量归一化会使一个用户的结果随别人的图像改变。
#    有些网络在训练时也让某些层保持 ``eval()``，例如冻结的批量归一化。``model.train()`` 会切换所有的层，``evaluate`` 结束时也是这样，所以之后要再对这些层调用 ``eval()``。
#    接口见 `torch.nn.Module.eval <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval>`__，
#    `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__ 解释了 ``no_grad()`` 与 ``eval()`` 为什么无关。

# %%
# 小结
# ----
# - 规则：评估前调用 ``eval()``，继续训练前调用 ``train()``，``no_grad()`` 代替不了它们。忘了 ``eval()``，Dropout 仍然随机丢掉一部分值，批量归一化的结果随同批的图像改变，缓冲区也会被改动。
# - API：``model.train()``、``model.eval()``、``model.training``、``torch.no_grad()``、``model.state_dict()``。
# - 下一页：:ref:`pitfalls-backward-twice`
