# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-digits-dataloader:

手写数字：划分与分批
====================

这一章的各页都用同一批真实图像：scikit-learn 自带的 1797 张手写数字，不用下载。
这一页把它们变成 :term:`张量`，分成 :term:`训练集`、:term:`验证集` 和 :term:`测试集`，
再由 :term:`数据加载器` 分批取出来看。划分看似小事，却决定了最后报告的数说明什么。

你将学到：

- 把 NumPy 图像变成网络要的形状、数据类型和尺度
- 三份数据各管什么，为什么多半要打乱再划分，又在什么时候不该打乱
- 训练用的加载器打乱次序，验证和测试用的不打乱
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

# %%
# 图像变成张量
# ------------
# 原始数据是 ``float64`` 的 NumPy 数组，每个像素 0 到 16。网络的参数是 ``float32``，
# 卷积层还要一个 :term:`通道` 轴，所以这里转换、加轴、缩放，一次做完。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)

print(f"raw:    {digits.images.dtype} {digits.images.shape}, max {digits.images.max()}")
print(f"images: {images.dtype} {tuple(images.shape)}, max {images.max():.1f}")
print(f"labels: {labels.dtype} {tuple(labels.shape)}, {labels.unique().tolist()}")

# %%
# 图像的轴依次是样本、通道、高、宽。标签是 ``int64``，交叉熵正要这个类型。
# 除以的 16 是格式规定的上限，不是从数据里估计的；若要减均值、除以标准差，
# 这两个数只能从训练集算，否则测试集的信息就漏进了训练。
#
# 分成三份
# --------
# 训练集更新参数；验证集用来挑 :term:`超参数`、决定何时停；测试集留到最后，只用一次。
# 先打乱全部编号，再切成三段。次序用自己的随机数发生器，
# 程序别处再用多少随机数，划分都不变。

order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])

for name, part in {"train": train, "validation": validation, "test": test}.items():
    counts = labels[part].bincount(minlength=10)
    print(f"{name:<10} {len(part):>4} images, {counts.min()} to {counts.max()} a digit")
print(f"{len(order.unique())} different images in all")

# %%
# 三份互不重叠，合起来恰好 1797 张，每份都有十个数字；验证集小，最少的一个数字只有 13 张。
# ``order.split`` 的三段加起来必须等于总数，写错会报错：

try:
    order.split([1000, 200, 600])
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' (input')[0]}")

# %%
# 打乱还是不打乱
# --------------
# 这些数字出自 13 个人之手。给每张图找出与它最像的另一张，看两者在文件里相隔多远：

pixels = images.flatten(1)  # (1797, 64)
distance = torch.cdist(pixels, pixels).fill_diagonal_(torch.inf)
gap = (distance.argmin(dim=1) - torch.arange(1797)).abs()
print(f"nearest image within 140 rows: {(gap <= 140).float().mean():.0%}")

# %%
# 如果排列与书写者无关，这个比例应当在 15% 左右。相像的图挨在一起，文件多半是按人排的。
# 那么怎样划分就有了区别：打乱之后，训练集里有每个人的字；
# 按文件的次序切，测试集里多是没见过的人。用最简单的分类器量一量：
# 在训练集里找最像的图，照抄它的标签。
#
# .. admonition:: 先猜一猜
#
#    打乱再划分，和按文件次序划分，哪一种量到的 :term:`准确率` 高？差多少？


def nearest_accuracy(train, test):
    nearest = torch.cdist(pixels[test], pixels[train]).argmin(dim=1)
    return (labels[train][nearest] == labels[test]).float().mean()


in_order = torch.arange(1797)
print(f"shuffled: {nearest_accuracy(train, test):.3f}")
print(f"in order: {nearest_accuracy(in_order[:1000], in_order[1200:]):.3f}")

# %%
# 打乱之后 98.2%，按次序 96.0%：错的多了一倍。两个数都对，回答的问题不同。
# 前者说的是“这 13 个人再写一些字，能认对多少”，后者更接近“换一个人来写”。
# 这一章只比较训练的方法，所以打乱；产品要给新的人用，就按人划分。
#
# 装进加载器
# ----------
# ``TensorDataset`` 把几个张量按行配对。训练用的加载器每轮重新打乱；
# 验证和测试只算平均，打乱没有用处。

train_data = TensorDataset(images[train], labels[train])
validation_data = TensorDataset(images[validation], labels[validation])

generator = torch.Generator().manual_seed(0)
train_loader = DataLoader(train_data, batch_size=64, shuffle=True, generator=generator)
validation_loader = DataLoader(validation_data, batch_size=64)

sizes = [len(y) for _, y in train_loader]
print(f"{len(sizes)} batches, {sizes[0]} images each, {sizes[-1]} in the last")
for epoch in range(2):
    first_train = next(iter(train_loader))[1][:8].tolist()
    first_validation = next(iter(validation_loader))[1][:8].tolist()
    print(f"epoch {epoch}: train {first_train}, validation {first_validation}")

# %%
# 训练的次序每 :term:`轮` 不同，验证的次序不变。最后一个批次只有 40 张：
# 把各批次的平均损失再平均，会高看这 40 张，:ref:`training-training-loop` 按样本数加权。
#
# 改一改：给训练的加载器加上 ``drop_last=True``，先猜一轮有几个批次、用到几张图。
#
# 看一个批次
# ----------
# 训练之前，先看一眼网络将要看到的东西。

x, y = next(iter(train_loader))
print(f"{tuple(x.shape)=}, {tuple(y.shape)=}")

fig, axes = plt.subplots(4, 8, figsize=(6.5, 3.9), layout="constrained")
for ax, image, label in zip(axes.flat, x[:, 0], y.tolist(), strict=False):
    ax.imshow(image, cmap="Blues", vmin=0, vmax=1)
    ax.set_title(label, fontsize=10)
    ax.set_axis_off()
# alt: 一个批次里的 32 张手写数字，排成 4 行 8 列，每张上方写着标签，图与标签相符
plt.show()

# %%
# 8 × 8 个像素已经够认出大多数数字，有几张连人也要犹豫。
#
# 小结
# ----
# - 规则：先划分再做别的；在验证集上选，在测试集上报告一次；要推广到新的人，就按人划分。
# - API：``TensorDataset(x, y)``、``DataLoader(data, batch_size=64, shuffle=True, generator=...)``。
# - 下一页：:ref:`training-first-checks`
