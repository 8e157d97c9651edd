# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-train-eval-mode:

忘记切换到 eval()
=================

网络训练好了，用它预测一张图却报错。换一个网络不报错，但是同一批数据算两次，结果不一样。
:term:`Dropout` 和 :term:`批量归一化` 在训练与 :term:`推理` 时做的事不同，由 ``model.train()`` 和 ``model.eval()`` 切换。
忘了切换会损失多少 :term:`准确率`？它与批次的大小和次序有关吗？

你将学到：

- 测量忘记 ``eval()`` 使 Dropout 和批量归一化损失多少准确率
- 判断 ``torch.no_grad()`` 与 ``eval()`` 各管什么
- 检查评估是否改动了模型
"""

import copy
import textwrap

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 准备两组网络
# ------------
# 一组网络的中间放 Dropout，另一组放批量归一化，每组用五个种子各训练一个。
# :ref:`training-regularization` 和 :ref:`training-normalization` 讲了这两种层。

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
# 训练刚结束时，网络仍在训练模式。这时用带批量归一化的网络预测一张图，再用带 Dropout 的网络把验证集算三次：

try:
    norm[0](images[:1])
except ValueError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

for attempt in (1, 2, 3):
    print(f"Dropout, attempt {attempt}: {accuracy(dropout[0], validation, 300):.3f}")
model = copy.deepcopy(dropout[0]).eval()
for attempt in (1, 2):
    print(f"Dropout, eval(), attempt {attempt}: {accuracy(model, validation, 300):.3f}")

# %%
# 训练模式下，批量归一化要减去当前批次的均值，再除以当前批次的标准差，一张图算不出标准差，所以报错。
# 训练中遇到这条报错，多半是因为最后一个批次只剩一个 :term:`样本`，给 ``DataLoader`` 写上 ``drop_last=True`` 就可以去掉它。
#
# 训练模式下，Dropout 每次随机丢掉一半的值，所以三次的结果各不相同，而评估模式的两次相同。
# 评估模式下，Dropout 什么也不做，批量归一化改用训练中积累的 ``running_mean`` 和 ``running_var``。
#
# 批次的大小和次序
# ----------------
# .. predict::
#
#    忘了 ``eval()``，用带批量归一化的网络评估 300 张图。分成每批 128 张时，哪一种次序会使准确率明显下降？
#
#    - 随机次序和按类别排列都下降，因为用的不是训练中积累的统计量
#    - 只有按类别排列时下降，因为那时批次的均值与训练时的差别大
#    - 两种都不下降，因为 128 张足够算出均值和方差

by_class = validation[labels[validation].argsort()]  # 同一类的排在一起
sizes = [3, 8, 32, 128, 300]


def over_seeds(models, rows, batch_size, mode):
    """对每个网络的副本计算准确率。"""
    copies = [copy.deepcopy(model).train(mode == "train") for model in models]
    return torch.tensor([accuracy(model, rows, batch_size) for model in copies])


def text(values):
    return f"{values.mean():.3f} ± {values.std():.3f}"


print("BatchNorm, training mode, 5 seeds")
print("batch size  shuffled       by class")
means = {"shuffled": [], "by class": []}
for n in sizes:
    shuffled = over_seeds(norm, validation, n, "train")
    ordered = over_seeds(norm, by_class, n, "train")
    means["shuffled"].append(shuffled.mean().item())
    means["by class"].append(ordered.mean().item())
    print(f"{n:>10}  {text(shuffled)}  {text(ordered)}")
right = over_seeds(norm, validation, 300, "eval")
print(f"\nBatchNorm, eval():        {text(right)}")
print(
    f"Dropout,   training mode: {text(over_seeds(dropout, validation, 300, 'train'))}"
)
print(f"Dropout,   eval():        {text(over_seeds(dropout, validation, 300, 'eval'))}")

# %%
# .. answer:: B
#
#    看 128 那一行。随机次序是 0.977，与 ``eval()`` 的 0.978 没有差别，按类别排列是 0.842。
#    A 错在随机抽取的 128 张与训练集相似，算出的均值和方差也就接近积累的统计量。
#    C 错在按类别排列时，128 张里只有少数几类，它们的均值与全部数据的均值不同。
#
# 表中同一行的两个数用的是同一批网络和同样的图像，只有次序不同。Dropout 忘了 ``eval()`` 时，从 0.968 降到 0.905。
#
# 下面对种子 0 的网络计算，批次的均值与积累的 ``running_mean`` 平均相差多少个标准差。

model = copy.deepcopy(norm[0]).eval()
with torch.no_grad():
    for n in (3, 128):
        shifts = []
        for rows in (validation, by_class):
            z = model[:2](images[rows])  # 批量归一化层的输入
            batch_means = torch.stack([batch.mean(dim=0) for batch in z.split(n)])
            shift = (batch_means - model[2].running_mean) / model[2].running_var.sqrt()
            shifts.append(shift.abs().mean().item())
        print(f"batch size {n:>3}: shuffled {shifts[0]:.2f}, by class {shifts[1]:.2f}")

# %%
# 这四种情况里，相差越大，上表中的准确率就越低。每批只有 3 张时，即使次序随机，均值也相差很多，所以准确率只有 0.691。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.axhline(right.mean(), color="0.5", lw=1, ls=":")
for name, color in (("shuffled", "C0"), ("by class", "C1")):
    ax.plot(sizes, means[name], "o-", color=color, lw=2)
ax.annotate("evaluation mode", (3, 1.0), color="0.5")
ax.annotate("training mode, shuffled", (9, 0.84), color="C0")
ax.annotate("training mode, by class", (40, 0.35), color="C1")
ax.set(xlabel="batch size", ylabel="validation accuracy", xscale="log", ylim=(0, 1.1))
ax.set_xticks(sizes, [str(n) for n in sizes])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
# alt: 打乱的蓝线从批量大小 3 的 0.69 升到 32 起与评估模式的虚线几乎重合；按类别排列的橙线从 0.13 升起，到 300 才与虚线重合
plt.show()

# %%
# .. change-it::
#
#    把 ``nn.Dropout(0.5)`` 换成 ``nn.Dropout(0.2)`` 重新训练，先猜忘了 ``eval()`` 会降多少，再看下面的运行结果。

# hide-cell: Dropout(0.2)
weaker = [fit(nn.Dropout(0.2), seed) for seed in range(5)]
print(
    f"Dropout(0.2), training mode: {text(over_seeds(weaker, validation, 300, 'train'))}"
)
print(
    f"Dropout(0.2), eval():        {text(over_seeds(weaker, validation, 300, 'eval'))}"
)

# %%
# no_grad() 不切换模式
# --------------------
# 函数 ``accuracy`` 用了 ``torch.no_grad()``，可是上面的结果仍然是错的，因为 ``no_grad()`` 只管是否记录 :term:`计算图`，与模式无关。
# 训练模式下，批量归一化每次前向传播还会更新积累的统计量，在 ``no_grad()`` 里也一样。所以上面每次都先复制了网络。如果不复制，评估就会改动网络：

after = []
for trained in norm:
    model = copy.deepcopy(trained)
    accuracy(model, by_class, 8)  # 忘了 eval() 的一次评估
    after.append(accuracy(model.eval(), validation, 300))
print(f"eval(), before: {text(right)}")
print(f"eval(), after:  {text(torch.tensor(after))}")

# %%
# 做过一次错误的评估以后，再用正确的方式评估，准确率从 0.978 降到 0.954。
#
# 改正
# ----
# 把切换写进评估函数，评估完恢复原来的模式。


def evaluate(model, rows, batch_size):
    was_training = model.training
    model.eval()
    result = accuracy(model, rows, batch_size)
    model.train(was_training)
    return result


# %%
# 怎样早点发现
# ------------
# 评估不应当改动网络，所以比较评估前后的 ``state_dict()``。它包括 :term:`参数` 和积累的统计量等 :term:`缓冲区`。

for evaluation in (accuracy, evaluate):
    model = copy.deepcopy(norm[0])
    before = copy.deepcopy(model.state_dict())
    evaluation(model, validation, 300)
    after = model.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    print(f"{evaluation.__name__}: changed {changed}")

# %%
# 改动的三项都是批量归一化层的缓冲区，参数没有变。Dropout 没有缓冲区，要用另一种办法检查，把同一批数据算两次，结果应当相等。
#
# 反过来，评估以后忘了切回 ``train()`` 也不报错，这时 Dropout 在后面的训练中不起作用。
#
# .. real-projects::
#
#    Hugging Face 等库的 ``from_pretrained`` 返回的模型已经是评估模式，自己接着训练时要先调用 ``train()``。
#    接口见 `torch.nn.Module.eval <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval>`__，
#    `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__ 比较了 ``no_grad``、``inference_mode`` 和 ``eval()``。

# %%
# 小结
# ----
# - 规则：评估前 ``eval()``，接着训练前 ``train()``，``no_grad()`` 代替不了它们。
# - API：``model.train()``、``model.eval()``、``model.training``。
# - 下一页：:ref:`pitfalls-backward-twice`
