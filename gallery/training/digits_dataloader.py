# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-digits-dataloader:

手写数字：划分与分批
====================

训练完一个网络，我们想知道它在没见过的图像上有多准，所以要留出一部分图像不参加训练。
留出哪些图像，由我们自己决定。这个决定会影响量到的 :term:`准确率` 吗？
下面用 scikit-learn 自带的手写数字来回答，这一章的其他页也用这些数据，不用下载。

你将学到：

- 把 NumPy 图像变成网络所需的形状、数据类型和尺度
- 把数据分成三份，并说出量到的准确率适用于哪些新数据
- 为训练、验证和测试各建一个 :term:`数据加载器`
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

# %%
# 思路
# ----
# 数据分成三份，每一份的用途不同：
#
# - :term:`训练集` 用来更新参数。
# - :term:`验证集` 不更新参数，用来选 :term:`超参数` 和决定何时停止训练。
# - :term:`测试集` 留到最后，只用一次，用来报告结果。
#
# 验证准确率最高的超参数，可能只是碰巧适合这些图像，所以挑选用过的准确率不能当作结果。
# 测试集没有参与挑选，因此用它报告结果。
#
# 图像变成张量
# ------------
# 原始数据是 ``float64`` 的 NumPy 数组，每个像素在 0 与 16 之间。网络的参数默认是 ``float32``，
# 图像的四个轴按惯例依次是样本、:term:`通道`、高和宽。所以先转换类型，再加上通道轴，最后把像素缩放到 0 与 1 之间。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)

print(f"raw:    {digits.images.dtype} {digits.images.shape}, max {digits.images.max()}")
print(f"images: {images.dtype} {tuple(images.shape)}, max {images.max():.1f}")
print(f"labels: {labels.dtype} {tuple(labels.shape)}, {labels.unique().tolist()}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 10, figsize=(6.5, 1.1), layout="constrained")
for i, ax in enumerate(axes):
    ax.imshow(digits.images[i], cmap="Blues")
    ax.set(title=digits.target[i], xticks=(), yticks=())
# alt: 文件里的前十张手写数字排成一行，每张上方写着标签，从 0 到 9
plt.show()

# %%
# 图中是文件里的前十张，上方的标签与图像相符。
#
# 标签是 ``int64``，:term:`交叉熵` 的类别标签正是这个类型。16 是图像格式规定的上限，不是从数据里估计的，所以可以对全部图像使用。
# 如果要减去均值、除以标准差，这两个数只能从训练集算出，否则测试集的信息就会进入训练。
#
# 分成三份
# --------
# 先打乱全部编号，再切成三段。打乱时用一个单独的随机数发生器，所以程序的其他地方无论用了多少随机数，划分都不变。这一章的各页都用这个划分。

order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])

for name, part in {"train": train, "validation": validation, "test": test}.items():
    counts = labels[part].bincount(minlength=10)
    print(f"{name:<10} {len(part):>4} images, {counts.min()} to {counts.max()} a digit")
print(f"{len(order.unique())} different images in all")

# %%
# 三份互不重叠，合起来恰好是 1797 张，每一份里十个数字都有。同一份里，各个数字的张数不相等。
# 如果有的类别很少，可以分层划分，使三份里各类别的比例相近，见 scikit-learn 的 ``train_test_split`` 的 ``stratify`` 参数。
#
# 划分方式与准确率
# ----------------
# 打乱再划分看起来公平，但是要先知道数据是怎么来的。数据自带一份英文说明，下面打印其中的两行。

for line in digits.DESCR.splitlines():
    if "copy" in line or "people" in line:
        print(line)

# %%
# 原数据的测试部分由 13 个人书写，这 1797 张就是测试部分的副本。说明没有写哪一张出自谁手，也没有写图像在文件里按什么次序排列。
#
# 现在比较两种划分方式。打乱划分是先打乱，再留出 300 张。连续划分是留出文件里连续的 300 张（测试集除外）。
# 这里不训练网络，只用一个最简单的分类器。它在其余的图像里找出与留出的图像最像的一张，照抄那一张的标签。
#
# .. predict::
#
#    哪一种划分量到的准确率高？
#
#    - 打乱划分高，因为其余的图像里常有同一个人写的字
#    - 一样高，因为两种划分都没有用留出的图像来分类
#    - 连续划分高，因为留出的字出自少数几个人，彼此相像
#
# 测试集这时还不能用，所以只取训练集和验证集的 1500 张，按文件的次序排好。
# 打乱划分用 20 个种子。连续划分把 1500 张切成五块，轮流留出每一块。
# ``torch.cdist`` 求出留出的每张图像与其余每张图像的距离，距离最小的就是最像的。

pool = torch.cat([train, validation]).sort().values  # 1500 个编号，按文件的次序
pixels = images.flatten(1)  # (1797, 64)


def shuffled_split(seed, size=300):
    mixed = pool[torch.randperm(1500, generator=torch.Generator().manual_seed(seed))]
    return mixed[:size], mixed[size:]


def consecutive_split(start, size=300):
    return pool[start : start + size], torch.cat([pool[:start], pool[start + size :]])


def accuracy(held_out, rest, banned=None):
    distances = torch.cdist(pixels[held_out], pixels[rest])
    if banned is not None:
        distances[banned] = torch.inf  # 后面的对照要用
    nearest = rest[distances.argmin(dim=1)]
    return (labels[nearest] == labels[held_out]).float().mean()


measured = {}


def report(name, accuracies):
    values = torch.stack(accuracies)
    measured[name] = values
    print(f"{name:<22} {len(values)} splits: {values.mean():.3f} ± {values.std():.3f}")


report("shuffled", [accuracy(*shuffled_split(seed)) for seed in range(20)])
report("consecutive", [accuracy(*consecutive_split(i)) for i in range(0, 1500, 300)])

# %%
# .. answer:: A
#
#    打乱划分平均是 0.988，连续划分平均是 0.964，± 后面是各次划分之间的标准差。A 所说的原因由下面的对照检验。
#    B 不成立，因为留出的图像虽然都没有用来分类，两个平均数却不同。其余的图像与它们相像的程度可以不同。
#    C 不成立，因为连续划分反而低。留出的图像之间是否相像不起作用，分类器只拿它们与其余的图像比较。

# %%
# 差别从哪里来
# ------------
# 如果文件是按人排列的，那么同一个人的字在文件里彼此邻近。1797 张由 13 个人书写，平均每人不到 140 张。
# 所以仍用打乱划分，但是分类器不许照抄在文件里与留出的图像相隔不超过 140 个位置的图像。
# 这样可以照抄的图像也少了，所以还要一个对照。对照先给全部图像随机编一遍位置，再按同样的规则禁用。
# 禁用的比例一样大，但是与文件的次序无关。


def without_near(places):
    accuracies = []
    for seed in range(20):
        held_out, rest = shuffled_split(seed)
        banned = (places[held_out].unsqueeze(1) - places[rest]).abs() <= 140
        accuracies.append(accuracy(held_out, rest, banned))
    share = banned.float().mean()
    print(f"last split: {share:.0%} of the {len(rest)} images banned on average")
    return accuracies


report("file neighbors banned", without_near(torch.arange(1797)))
random_places = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
report("random ones banned", without_near(random_places))

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
for row, values in enumerate(measured.values()):
    ax.plot(values, torch.linspace(-0.25, 0.25, len(values)) + row, "o", ms=4)
    ax.plot(values.mean(), row, "|", ms=24, mew=2, color="0.2")
ax.set(yticks=range(4), yticklabels=measured, ylim=(3.6, -0.6))
ax.set_xlabel("accuracy on 300 held-out images (bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
# alt: 四组圆点，每组有一条竖线标出平均。第一组打乱和第四组随机禁用的平均在 0.99 附近，第二组连续和第三组禁用文件里的邻居的平均在 0.96 附近
plt.show()

# %%
# 图中每个圆点是一次划分，同一组的圆点上下错开，以减少重叠。禁用文件里邻近的图像之后，打乱划分也只有 0.961，
# 与连续划分的 0.964 相近。随机禁用的图像也占 15%，准确率却是 0.988，没有降低。
# 所以打乱划分的准确率更高，是因为其余的图像里有留出的图像在文件里的邻居。
# 这与“文件按人排列”相符，但是数据里没有书写者，所以在这里不能直接证实。
#
# 两种准确率都没有算错，只是回答的问题不同。打乱划分回答的是，这 13 个人再写一些字，能认对多大比例。连续划分更接近另一个问题，
# 如果换人来写，能认对多大比例。这一章用打乱划分，所以量到的准确率只适用于这 13 个人的字。
# 如果产品要给新的人使用，就应当按人划分。
#
# .. change-it::
#
#    每次只留出 30 张。把两个函数里的 ``size=300`` 都改成 ``size=30``，再把调用它们的两行里的 ``range(20)`` 改成 ``range(50)``，
#    ``range(0, 1500, 300)`` 改成 ``range(0, 1500, 30)``，各划分 50 次。连续划分的准确率还明显比打乱划分低吗？

# hide-cell: 每次留出 30 张
starts = range(0, 1500, 30)
report("shuffled, 30", [accuracy(*shuffled_split(i, size=30)) for i in range(50)])
report("consecutive, 30", [accuracy(*consecutive_split(i, size=30)) for i in starts])

# %%
# .. outcome::
#
#    不明显。原来是 0.964 对 0.988，现在是 0.986 对 0.992，差别只有原来的四分之一左右。标准差变大，是因为每次只量 30 张。
#    这样小的一块，它在文件里的邻居大多还在其余的图像里，所以连续划分已经不像换人来写。

# %%
# 装进加载器
# ----------
# ``TensorDataset`` 把几个张量沿轴 0 配对，于是每张图像配上自己的标签。
# 训练用的加载器设了 ``shuffle=True``，每 :term:`轮` 重新打乱。验证和测试对全部样本求平均，次序不影响结果，所以用默认的 ``shuffle=False``。

train_data = TensorDataset(images[train], labels[train])
validation_data = TensorDataset(images[validation], labels[validation])
test_data = TensorDataset(images[test], labels[test])

generator = torch.Generator().manual_seed(0)
train_loader = DataLoader(train_data, batch_size=64, shuffle=True, generator=generator)
validation_loader = DataLoader(validation_data, batch_size=64)
test_loader = DataLoader(test_data, batch_size=64)

loaders = {"train": train_loader, "validation": validation_loader, "test": test_loader}
for name, loader in loaders.items():
    first, second = ([y for _, y in loader] for _ in range(2))  # 走两轮
    print(f"{name}: {len(loader)} batches, the last of {len(first[-1])} images")
    print(f"  first labels, epoch 1: {first[0][:8].tolist()}")
    print(f"  first labels, epoch 2: {second[0][:8].tolist()}")

# %%
# 训练的次序两轮不同，验证和测试的次序不变。``drop_last`` 默认是 ``False``，所以三个加载器都保留了不满 64 张的最后一个批次，求平均损失时要当心，见 :ref:`training-training-loop`。
#
# .. real-projects::
#
#    有的数据集自带固定的测试集，这时只需从训练部分划出验证集，可以用
#    `torch.utils.data.random_split <https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.random_split>`__。
#    按人或按时间划分的办法见 scikit-learn 用户指南的
#    `Cross-validation <https://scikit-learn.org/stable/modules/cross_validation.html>`__ 一章。

# %%
# 小结
# ----
# - 规则：结果要用到什么样的新数据上，就照那样留出数据，在验证集上选，在测试集上只报告一次。
# - API：``torch.randperm(n, generator=...).split([...])``、``TensorDataset(x, y)``、``DataLoader(data, batch_size=64, shuffle=True, generator=...)``。
# - 下一页：:ref:`training-first-checks`
