# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "pypinyin>=0.53"]
# ///
"""
.. _sequences-polyphones:

多音字
======

“行”在“银行”里读 háng，在“行走”里读 xíng。要给一段话注音，就要根据前后的字选择读音。
不看前后，每个字总用它最常见的读音，能对多少？一个看前后各两个字的网络，又能多对多少？

你将学到：

- 把读音问题写成分类任务，并算出两个基线
- 训练一个双向的循环网络，并与基线比较
- 发现随机划分时训练集和验证集共有的词
"""

from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import polyphones  # torchnotes 在本页的 zip 包里

# %%
# 数据
# ----
# ``pypinyin`` 这个包带有一部词典，收了四万多个词的拼音。函数 ``polyphones`` 从中找出每一处 :term:`多音字`，
# 也就是在词典里有几种读音的字，给出词、位置和读音。

places = polyphones()
print(f"{len(places)} places, {len({p.phrase[p.place] for p in places})} characters")
shown = Counter()
for p in places:
    if p.phrase[p.place] == "行" and shown[p.reading] < 2:
        shown[p.reading] += 1
        print(f"{p.phrase}[{p.place}] {p.reading}")

# %%
# 多数字的读音偏得厉害，总猜最常见的那个就几乎全对。这里只留下有难度的字，它至少出现 100 次，
# 最常见的读音不超过 85%。

readings = defaultdict(Counter)
for p in places:
    readings[p.phrase[p.place]][p.reading] += 1
hard = {
    c
    for c, n in readings.items()
    if n.total() >= 100 and max(n.values()) <= 0.85 * n.total()
}
places = [p for p in places if p.phrase[p.place] in hard]
print(f"{len(places)} places, {len(hard)} characters: {''.join(sorted(hard)[:20])} ...")

# %%
# 一个样本的输入是这个字和前后各两个字，共五个编号，词外的位置是 0，用作 :term:`填充`。
# 类别是“字加读音”的组合。每个字只在自己的几种读音里选，其余类别的得分设为 −1e9，于是不会选到。


def window(p):
    padded = "\0\0" + p.phrase + "\0\0"
    return padded[p.place : p.place + 5]


characters = ["\0", *sorted({c for p in places for c in p.phrase})]
number = {c: i for i, c in enumerate(characters)}
classes = sorted({(p.phrase[p.place], p.reading) for p in places})
class_of = {pair: i for i, pair in enumerate(classes)}
x = torch.tensor([[number[c] for c in window(p)] for p in places])  # (n, 5)
y = torch.tensor([class_of[p.phrase[p.place], p.reading] for p in places])
allowed = torch.zeros(len(characters), len(classes), dtype=torch.bool)
for character, reading in classes:
    allowed[number[character], class_of[character, reading]] = True
print(f"{x.shape=}, {len(characters)} characters, {len(classes)} classes")

# %%
# 两个基线和一个网络
# ------------------
# 第一个 :term:`基线` 是训练集里每个字最常见的读音。第二个基线查词，也就是看这个字与左边或右边的字组成的两字词，
# 在训练集里怎样读，查不到就用第一个基线。
# 网络把五个字的 :term:`嵌入` 从两个方向各读一遍，再用中间那个字的状态算出得分。


def word_keys(row):
    """这个字与左边、右边的字组成的两字词，词外的不算。"""
    left, character, right = row[1:4]
    keys = (("left", left, character), ("right", character, right))
    return [key for key in keys if 0 not in key]


def baselines(train, validation):
    by_character, by_word = defaultdict(Counter), defaultdict(Counter)
    for row, label in zip(x[train].tolist(), y[train].tolist(), strict=True):
        by_character[row[2]][label] += 1
        for key in word_keys(row):
            by_word[key][label] += 1
    common, looked_up, shared = [], [], []
    for row in x[validation].tolist():
        found = sum((by_word[key] for key in word_keys(row)), Counter())
        common.append(by_character[row[2]].most_common(1)[0][0])
        looked_up.append(found.most_common(1)[0][0] if found else common[-1])
        shared.append(bool(found))
    return torch.tensor(common), torch.tensor(looked_up), torch.tensor(shared)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(characters), 32, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.rnn = nn.GRU(32, 32, bidirectional=True, batch_first=True)
        self.output = nn.Linear(64, len(classes))

    def forward(self, x):  # (B, 5) -> (B, n_classes)
        states, _ = self.rnn(self.dropout(self.embedding(x)))  # (B, 5, 64)
        return self.output(states[:, 2]).masked_fill(~allowed[x[:, 2]], -1e9)


loss_fn = nn.CrossEntropyLoss()


def fit(train, seed):
    torch.manual_seed(seed)
    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(3):
        for rows in train[torch.randperm(len(train))].split(64):
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


# %%
# .. predict::
#
#    随机取五分之一作验证集，重复五次。三种方法的验证准确率，从低到高是什么次序？
#
#    - 最常见的读音、查词、网络，因为网络看得最多
#    - 最常见的读音、网络、查词，因为许多词在两边都有
#    - 网络、最常见的读音、查词，因为数据太少，网络学不会

runs = []  # 每个种子的标签、三种答案，以及词是否共有
for seed in range(5):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    validation, train = order[: len(x) // 5], order[len(x) // 5 :]
    common, looked_up, shared = baselines(train, validation)
    model = fit(train, seed)
    with torch.no_grad():
        predicted = model(x[validation]).argmax(dim=1)
    runs.append((y[validation], common, looked_up, predicted, shared))


def show(name, choose, answer):
    """一行，choose 选出验证集的一部分，answer 给出要评的答案。"""
    accuracies = [
        (answer(run) == run[0])[choose(run[-1])].float().mean() for run in runs
    ]
    accuracies = torch.stack(accuracies)
    print(f"{name:28} {accuracies.mean():.3f} ± {accuracies.std():.3f}")
    return accuracies


methods = ("most common", "word looked up", "network")
for place, method in enumerate(methods, 1):
    show(method, lambda shared: shared | True, lambda run, place=place: run[place])

# %%
# .. answer:: B
#
#    网络比最常见的读音高，所以 C 不成立。但是查词更高，“±”后面是五次划分的标准差，差别远大于它，所以 A 也不成立。
#    网络看了五个字，查词只看三个，可是查词不用学，见过一次就记住。
#
# 共有的词
# --------
# 查词能用，是因为验证集里的许多词，训练集里也有。“银行家”和“人民银行”分在两边，却共有“银行”。
# 下面把验证集按有没有共有的两字词分开。

is_shared = torch.stack([run[-1].float().mean() for run in runs]).mean()
print(f"word is shared: {is_shared:.0%} of the validation set")
for part, choose in (("shared", lambda shared: shared), ("new", torch.logical_not)):
    for place, method in enumerate(methods, 1):
        show(f"{part + ',':8}{method}", choose, lambda run, place=place: run[place])

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for place, (method, marker) in enumerate(zip(methods, "os^", strict=True), 1):
    for column, choose in enumerate((lambda shared: shared, torch.logical_not)):
        values = [
            (run[place] == run[0])[choose(run[-1])].float().mean() for run in runs
        ]
        at = [column + 0.15 * (place - 2)] * len(values)
        label = method if column == 0 else None
        ax.plot(at, values, marker, color=f"C{place - 1}", alpha=0.7, label=label)
ax.set(xticks=(0, 1), xlim=(-0.5, 1.5), ylabel="validation accuracy")
ax.set_xticklabels(["word is shared", "word is new"])
ax.legend()
# alt: 两组点，左边是共有的词，查词最高，网络其次，最常见的读音最低；右边是新词，三种方法的点几乎在同一高度
plt.show()

# %%
# 遇到新词，三种方法差不多，网络的优势在 1 到 2 个百分点以内，与五次划分的标准差相当。
# 所以网络在随机划分上多对的，大多来自共有的词。给一本新书注音时，能指望的是右边那一组的准确率。
#
# .. change-it::
#
#    查得到的词用查词的答案，查不到的用网络的答案。两者合起来比查词更好吗？

# hide-cell: 合起来
together = show(
    "looked up, else network",
    lambda shared: shared | True,
    lambda run: torch.where(run[-1], run[2], run[3]),
)
alone = torch.stack([(run[2] == run[0]).float().mean() for run in runs])
gain = together - alone
print(f"difference to looking up {gain.mean():+.3f} ± {gain.std():.3f}")

# %%
# .. outcome::
#
#    差别在千分之几，小于 1 个百分点。词典里没有的词，网络也不比最常见的读音强多少。

# %%
# 常见错误：把随机划分的准确率当成新词的准确率
# ----------------------------------------------
# 上面的网络没有写错，错在一个数说成了另一个数。随机划分的验证集里，一半以上的词在训练集里有共有的两字词，
# 而新文章里的新词没有。怎样发现呢？像上面那样，先算出两边共有多少，再把准确率分开报告。
# 如果目标是新词，就按词划分，使共有两字词的样本都在同一边，道理与 :ref:`evaluation-duplicate-rows` 相同。

# %%
# .. real-projects::
#
#    注音工具以词典为主，先分词再查词，查不到才交给模型。模型多用预训练的语言模型，因为它读过的词远多于一部词典。
#    这里的词典本身也由人编写，多音字的读音有少数争议。
#    双向 GRU 的参数见 `torch.nn.GRU <https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html>`__，词典见
#    `pypinyin <https://github.com/mozillazg/python-pinyin>`__。

# %%
# 小结
# ----
# - 规则：先算最简单的基线，再训练网络。验证集与训练集共有词时，把共有的和新的分开报告。
# - API：``nn.GRU(..., bidirectional=True)``、``tensor.masked_fill(mask, value)``。
# - 下一页：:ref:`sequences-forecasting-baselines`
