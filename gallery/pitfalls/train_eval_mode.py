# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-train-eval-mode:

忘记切换到 eval()
=================

:term:`Dropout` 和 :term:`批量归一化` 在训练与 :term:`推理` 时做的事不同，由 ``model.train()`` 和
``model.eval()`` 切换。评估时忘了 ``eval()``，程序不报错，结果却变差，还会随批次怎样分而变。
这一页量出它的害处，再看另一半：评估这件事本身也在改动模型。

你将学到：

- 忘了 ``eval()``，Dropout 和批量归一化各损失多少 :term:`准确率`
- 为什么批次越小、次序越整齐，批量归一化错得越多
- ``torch.no_grad()`` 管不到什么
"""

import copy

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])


def fit(layer, seed):
    """训练一个中间放着 layer 的网络，十轮。"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), layer, nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    loss_func = nn.CrossEntropyLoss()
    for _ in range(10):
        for batch in train[torch.randperm(1000)].split(50):
            loss = loss_func(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def accuracy(model, rows, batch_size=597):
    with torch.no_grad():
        predicted = [
            model(images[batch]).argmax(dim=1) for batch in rows.split(batch_size)
        ]
    return (torch.cat(predicted) == labels[rows]).float().mean().item()


dropout = [fit(nn.Dropout(0.5), seed) for seed in range(5)]
norm = [fit(nn.BatchNorm1d(64), seed) for seed in range(5)]

# %%
# 最短的错误代码
# --------------
# 训练完直接评估，同样的数据算三次：

model = copy.deepcopy(dropout[0])
for attempt in (1, 2, 3):
    print(f"training mode, attempt {attempt}: {accuracy(model, test):.3f}")
model.eval()
print(f"evaluation mode: {accuracy(model, test):.3f}")

# %%
# 训练模式下 Dropout 每次随机丢掉一半，三次的结果各不相同，都比评估模式差。
# 同样的输入得到不同的输出，是忘了 ``eval()`` 的记号。
#
# 批量归一化：看批次怎样分
# ------------------------
# 训练模式下，批量归一化用当前批次的均值和方差；评估模式用训练中积累的
# ``running_mean`` 和 ``running_var``。
# 它怎样计算，见 :ref:`training-normalization`。
#
# .. admonition:: 先猜一猜
#
#    忘了 ``eval()``，把 597 张测试图像一次送进去，准确率会掉吗？每批 8 张呢？
#    每批 8 张、同一类的排在一起呢？

by_class = test[labels[test].argsort()]  # 同一类的排在一起
sizes = (3, 8, 32, 128, 597)
table = {}
for name, rows in (("shuffled", test), ("by class", by_class)):
    runs = [[accuracy(copy.deepcopy(m), rows, n) for n in sizes] for m in norm]
    table[name] = torch.tensor(runs)  # (5, 5)：种子，批量大小
right = torch.tensor([accuracy(copy.deepcopy(m).eval(), test) for m in norm])

print(f"evaluation mode: {right.mean():.3f} ± {right.std():.3f}\n")
print("batch size  shuffled       by class")
for i, n in enumerate(sizes):
    cells = [
        f"{runs[:, i].mean():.3f} ± {runs[:, i].std():.3f}" for runs in table.values()
    ]
    print(f"{n:>10}  {'  '.join(cells)}")

fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.axhline(right.mean(), color="0.5", lw=1, ls=":")
for name, color in (("shuffled", "C0"), ("by class", "C1")):
    ax.plot(sizes, table[name].mean(dim=0), "o-", color=color, lw=2)
ax.annotate("evaluation mode", (3, 1.0), color="0.5")
ax.annotate("training mode, shuffled", (9, 0.84), color="C0")
ax.annotate("training mode, by class", (36, 0.14), color="C1")
ax.set(xlabel="batch size", ylabel="test accuracy", xscale="log", ylim=(0, 1.1))
ax.set_xticks(sizes, [str(n) for n in sizes])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
# alt: 打乱的蓝线从批量大小 3 的 0.75 升到 32 起与评估模式的虚线重合；同类相邻的橙线从 0.1 附近升起，到 597 才追上
plt.show()

# %%
# 打乱时，每批 32 张起与评估模式已分不出高下，每批 8 张是 0.917，3 张只有 0.750。
# 同类排在一起，128 张也只有 0.694，8 张是 0.156，比乱猜的 0.10 好不了多少：
# 归一化要减去批次的均值，整批都是同一类，减掉的正是这一类与别类的差别。
# 测试图像若按类别存放，不打乱地读进来就是这样。
#
# 每批两张又怎样？597 是奇数，最后一批只有一张：

try:
    accuracy(copy.deepcopy(norm[0]), test, batch_size=2)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 一个数没有方差可言。训练时遇到这一句，多半也是最后一个批次只剩一个 :term:`样本`：
# 给 ``DataLoader`` 设 ``drop_last=True``。评估时遇到它，就是忘了 ``eval()``。
#
# no_grad() 管不到的
# ------------------
# ``no_grad()`` 只管要不要记录 :term:`计算图`，与模式无关。上面的 ``accuracy`` 用了它，
# 批量归一化照样更新积累的均值和方差，所以每次都先复制了模型。不复制会怎样？

after = []
for trained in norm:
    model = copy.deepcopy(trained)
    accuracy(model, by_class, batch_size=8)  # 忘了 eval() 的评估
    after.append(accuracy(model.eval(), test))
after = torch.tensor(after)
print(f"before {right.mean():.3f} ± {right.std():.3f}")
print(f"after  {after.mean():.3f} ± {after.std():.3f}")

# %%
# 错误的评估做完，再用正确的方式评估，也只有 0.914：积累的均值和方差被最后十来个批次里的那几类带偏了。
# :term:`参数` 一个没变，模型却坏了。
#
# 改正
# ----
# 把切换写进评估的函数，用完恢复原来的模式：


@torch.no_grad()
def evaluate(model, rows):
    was_training = model.training
    model.eval()
    result = (model(images[rows]).argmax(dim=1) == labels[rows]).float().mean().item()
    model.train(was_training)
    return result


# %%
# 忘了切回 ``train()`` 是同一个错误的反面：第二轮起 Dropout 不再起作用，同样不报错。
#
# 下次怎样早发现
# --------------
# 评估前后的 ``state_dict()`` 应当一模一样；只要有一个数不同，就说明模型在训练模式下运行过。


def changed(model, evaluation):
    """返回评估改动了的参数和缓冲区的名字。"""
    before = copy.deepcopy(model.state_dict())
    evaluation(model, test)
    return [
        name
        for name, value in model.state_dict().items()
        if not value.equal(before[name])
    ]


for evaluation in (accuracy, evaluate):
    print(f"{evaluation.__name__}: {changed(copy.deepcopy(norm[0]), evaluation)}")

# %%
# Dropout 没有 :term:`缓冲区`，用另一条：同一批数据算两次，结果应当相等。
#
# 改一改：把 ``nn.Dropout(0.5)`` 换成 ``nn.Dropout(0.2)``，先猜三次的结果会差多少，再运行。
#
# 小结
# ----
# - 规则：评估前 ``eval()``，接着训练前 ``train()``；``no_grad()`` 代替不了它们。
# - API：``model.train()``、``model.eval()``、``model.training``。
# - 下一页：:ref:`pitfalls-backward-twice`
