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
这一章用 scikit-learn 自带的手写数字回答这类问题，不用下载数据。

你将学到：

- 把 NumPy 图像变成网络所需的形状、数据类型和尺度
- 把数据分成三份，并说出量到的准确率能说明什么
- 为训练、验证和测试各建一个 :term:`数据加载器`
"""

import textwrap

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
# 我们会选在验证集上最好的超参数，所以选中的结果在验证集上往往偏高。
# 测试集没有用来挑选，因此可以用它报告结果。
#
# 图像变成张量
# ------------
# 原始数据是 ``float64`` 的 NumPy 数组，每个像素在 0 与 16 之间。网络的参数是 ``float32``，
# 图像的四个轴按惯例依次是样本、:term:`通道`、高和宽。所以下面转换类型，加上通道轴，再把像素缩放到 0 与 1 之间。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)

print(f"raw:    {digits.images.dtype} {digits.images.shape}, max {digits.images.max()}")
print(f"images: {images.dtype} {tuple(images.shape)}, max {images.max():.1f}")
print(f"labels: {labels.dtype} {tuple(labels.shape)}, {labels.unique().tolist()}")

# %%
# 标签是 ``int64``，交叉熵要的正是这个类型。16 是图像格式规定的上限，不是从数据里估计的，所以可以对全部图像使用。
# 如果要减去均值、除以标准差，这两个数只能从训练集算出，否则测试集的信息就会进入训练。
#
# 分成三份
# --------
# 先打乱全部编号，再切成三段。打乱用一个单独的随机数发生器，
# 所以程序的其他地方无论用了多少随机数，划分都不变。这一章的各页都用这个划分。

order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1200, 300, 297])

for name, part in {"train": train, "validation": validation, "test": test}.items():
    counts = labels[part].bincount(minlength=10)
    print(f"{name:<10} {len(part):>4} images, {counts.min()} to {counts.max()} a digit")
print(f"{len(order.unique())} different images in all")

# %%
# 三份互不重叠，合起来恰好是 1797 张，每一份里十个数字都有。
#
# 这样划分说明什么
# ----------------
# 打乱再划分看起来公平，但是要先知道数据是怎么来的。下面打印数据说明里的两句话。

about = " ".join(digits.DESCR.split())
for first, last in (("This is a copy", "https"), ("From a total", "32x32")):
    print(textwrap.fill(about[about.index(first) : about.index(last)], 92))

# %%
# 这 1797 张图像是原数据的测试部分，出自 13 个人之手。同一个人的字在文件里是不是放在一起？
# 用 ``torch.cdist`` 求出每两张图像的距离，给每张图像找出最像它的另一张，看两者在文件里相隔多远。
# 平均每个人约有 140 张。作为对照，把文件的次序打乱，再算一遍。

pixels = images.flatten(1)  # (1797, 64)
distances = torch.cdist(pixels, pixels).fill_diagonal_(torch.inf)
nearest = distances.argmin(dim=1)

places = torch.arange(len(images))
shuffled_places = order.argsort()
for name, place in {"file order": places, "shuffled": shuffled_places}.items():
    gap = (place[nearest] - place).abs()
    print(f"{name:<10}  nearest within 140 places: {(gap <= 140).float().mean():.0%}")

# %%
# 次序打乱之后，这个比例只有 16%，而在文件里是 59%。相像的图像放在一起，所以文件多半是按人排列的。
#
# 于是有两种留法。一种打乱之后留出 300 张，另一种留出文件里连续的 300 张。
# 分类器用最简单的一种，它在其余的图像里找最像的一张，照抄那张的标签。
#
# .. predict::
#
#    哪一种留法量到的准确率高？
#
#    - 一样高，因为留出的都是没有用过的图像
#    - 打乱的高，因为其余的图像里有同一个人写的字
#    - 连续的高，因为留出的字出自少数几个人，彼此相像
#
# 测试集这时还不能用，所以只用训练集和验证集的 1500 张，按文件的次序排好，切成连续的五块。
# 打乱的留法换 20 个种子，连续的留法轮流留出每一块。


def accuracy(held_out, rest):
    nearest = torch.cdist(pixels[held_out], pixels[rest]).argmin(dim=1)
    return (labels[rest][nearest] == labels[held_out]).float().mean()


pool = torch.cat([train, validation]).sort().values  # 1500 个编号，按文件的次序

shuffled = []
for seed in range(20):
    mixed = pool[torch.randperm(1500, generator=torch.Generator().manual_seed(seed))]
    shuffled.append(accuracy(mixed[:300], mixed[300:]))
shuffled = torch.stack(shuffled)

consecutive = []
for start in range(0, 1500, 300):
    held_out = pool[start : start + 300]
    rest = torch.cat([pool[:start], pool[start + 300 :]])
    consecutive.append(accuracy(held_out, rest))
consecutive = torch.stack(consecutive)

for name, values in {"shuffled": shuffled, "consecutive": consecutive}.items():
    print(
        f"{name:<11}  {len(values):>2} splits: {values.mean():.3f} ± {values.std():.3f}",
        end="",
    )
    print(f", lowest {values.min():.3f}, highest {values.max():.3f}")

# %%
# .. answer:: B
#
#    打乱的平均是 0.988，连续的平均是 0.964，A 和 C 都与此不符。
#    打乱之后，留出的字与其余的字常出自同一个人，而连续的一块里多半有其余图像中没有的人。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
ax.plot(shuffled, torch.linspace(0.75, 1.25, 20), "o", ms=4, color="C0")
ax.plot(consecutive, torch.linspace(-0.25, 0.25, 5), "o", ms=4, color="C1")
ax.set(yticks=(0, 1), yticklabels=("consecutive", "shuffled"), ylim=(-0.6, 1.6))
ax.set(xlabel="accuracy on 300 held-out images")
ax.spines[["top", "right"]].set_visible(False)
# alt: 两组圆点，上面 20 个是打乱的留法，在 0.98 与 1.00 之间，下面 5 个是连续的留法，在 0.95 与 0.99 之间
plt.show()

# %%
# 图中每个圆点是一次划分，同一组的圆点上下错开，以免重叠。两组的范围有重叠，所以只做一次划分可能看不出差别。
#
# 两种准确率都没有算错，但是回答的问题不同。打乱的留法问的是，这 13 个人再写一些字，能认对多少。
# 连续的留法更接近另一个问题，换一个人来写，能认对多少。
# 这一章只比较训练方法，所以用打乱的划分。如果产品要给新的人使用，就应当按人划分。
#
# 装进加载器
# ----------
# ``TensorDataset`` 把几个张量按第 0 个轴配对，一张图像配一个标签。
# 训练用的加载器每 :term:`轮` 重新打乱。验证和测试只求平均，次序不影响结果，所以不打乱。

train_data = TensorDataset(images[train], labels[train])
validation_data = TensorDataset(images[validation], labels[validation])
test_data = TensorDataset(images[test], labels[test])

generator = torch.Generator().manual_seed(0)
train_loader = DataLoader(train_data, batch_size=64, shuffle=True, generator=generator)
validation_loader = DataLoader(validation_data, batch_size=64)
test_loader = DataLoader(test_data, batch_size=64)

loaders = {"train": train_loader, "validation": validation_loader, "test": test_loader}
for name, loader in loaders.items():
    sizes = [len(y) for _, y in loader]
    print(f"{name:<10} {len(sizes):>2} batches, the last of {sizes[-1]} images")
for epoch in range(2):
    _, train_y = next(iter(train_loader))
    _, validation_y = next(iter(validation_loader))
    print(f"epoch {epoch}: train {train_y[:6].tolist()}", end="")
    print(f", validation {validation_y[:6].tolist()}")

# %%
# 训练的次序每轮不同，验证的次序不变。三个加载器的最后一个批次都不满 64 张。
# 如果直接把各批次的平均损失再平均，最后一个批次里每张图像的权重就会偏大。
# :ref:`training-training-loop` 按样本数加权，避免这个问题。
#
# .. change-it::
#
#    给训练用的加载器加上 ``drop_last=True``，它会丢掉不满的批次。一轮有几个批次，用到多少张图像？

# hide-cell: drop_last=True
dropping = DataLoader(train_data, batch_size=64, shuffle=True, drop_last=True)
sizes = [len(y) for _, y in dropping]
print(f"{len(sizes)} batches, {sum(sizes)} of {len(train_data)} images")

# %%
# 看一个批次
# ----------
# 训练之前，先看一看网络将要看到的图像和标签。

x, y = next(iter(train_loader))
print(f"{tuple(x.shape)=}, {tuple(y.shape)=}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(3, 8, figsize=(6.5, 3), layout="constrained")
for ax, image, label in zip(axes.flat, x[:, 0].numpy(), y.tolist(), strict=False):
    ax.imshow(image, cmap="Blues", vmin=0, vmax=1)
    ax.set_title(label, fontsize=10)
    ax.set_axis_off()
# alt: 一个批次里的 24 张手写数字，排成 3 行 8 列，每张上方写着标签，图像与标签相符
plt.show()

# %%
# .. real-projects::
#
#    数据集常自带固定的测试集，只需从训练部分划出验证集，可以用 ``torch.utils.data.random_split``，
#    见
#    `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__ 的文档。按人或按时间划分的办法见
#    scikit-learn 的 `Cross-validation <https://scikit-learn.org/stable/modules/cross_validation.html>`__ 一章。

# %%
# 小结
# ----
# - 规则：在验证集上选，在测试集上报告一次，而数据要推广到谁，就按谁划分。
# - API：``TensorDataset(x, y)``、``DataLoader(data, batch_size=64, shuffle=True, generator=...)``。
# - 下一页：:ref:`training-first-checks`
