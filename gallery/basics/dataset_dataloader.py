# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9"]
# ///
"""
.. _basics-dataset-dataloader:

数据集与数据加载器
==================

训练时，模型每步只看一小批样本。:term:`数据集` 回答“第几个样本是什么”，
:term:`数据加载器` 决定次序，并把样本拼成批次。两者分开，换数据不用改训练循环。

你将学到：

- 用三个方法写出自己的数据集
- ``DataLoader`` 怎样打乱次序、拼成批次，什么时候拼不起来
- :term:`工作进程` 什么时候省时间，什么时候反而更慢
"""

import timeit
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

# %%
# 三个方法
# --------
# ``__init__`` 收下数据，``__len__`` 说出有多少个样本，``__getitem__`` 按编号交出一个样本。
# ``DataLoader`` 只通过后两个方法取数据，不管数据存在内存、磁盘还是网络上。


class FakeDataset(Dataset):
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


# %%
# 先取一个样本看看。这一页会运行的代码都写在 ``if __name__ == "__main__":`` 之下，
# 原因在“工作进程”一节。

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((100, 10))  # 100 个样本，每个 10 个特征
    y = rng.random(100)

    dataset = FakeDataset(x, y)
    x_0, y_0 = dataset[0]
    print(f"{len(dataset)=}  {x_0.shape=}  {y_0.shape=}")

# %%
# 一个样本是一个长度为 10 的 NumPy 数组和一个数：还不是 :term:`张量`，也还没有批次这一维。
#
# 拼成批次
# --------
# ``DataLoader`` 每次取 ``batch_size`` 个样本，逐项转成张量，再叠起来。
#
# .. admonition:: 先猜一猜
#
#    100 个样本，:term:`批量大小` 是 4。一共几个批次？``y`` 的形状是 ``[4]`` 还是 ``[4, 1]``？
#    :term:`数据类型` 是 ``float32`` 还是 ``float64``？

if __name__ == "__main__":
    torch.manual_seed(0)
    dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=0)

    for i_batch, (x_batch, y_batch) in enumerate(dataloader):
        if i_batch in (0, len(dataloader) - 1):
            print(i_batch, x_batch.shape, y_batch.shape, y_batch.dtype)
    print(len(dataloader), "batches")

# %%
# 每一项前面多了长度为 4 的一维，别的照旧。NumPy 的 ``float64`` 也原样保留，
# 而模型的参数是 ``float32``，送进模型之前要写 ``x_batch.float()``，
# 见 :ref:`basics-tensor-numpy` 。
#
# 改一改：把 ``batch_size`` 改成 8。先猜有几个批次，最后一个批次有几个样本。
#
# 打乱次序
# --------
# ``shuffle=True`` 每一 :term:`轮` 重新排一次次序。把 ``y`` 换成样本的编号，就能看见谁进了哪个批次。

if __name__ == "__main__":
    numbered = FakeDataset(x, np.arange(100))

    fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True, layout="constrained")
    for ax, shuffle in zip(axes, (False, True), strict=True):
        dataloader = DataLoader(numbered, batch_size=4, shuffle=shuffle)
        order = torch.cat([idx for _, idx in dataloader])
        print(f"{shuffle=}: {order[:4].tolist()} ... {len(order.unique())} different")
        ax.scatter(order, torch.arange(100) // 4, s=12, color="C0")
        ax.set(title=f"{shuffle=}", xlabel="index in the dataset")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set(ylabel="batch")
    # alt: 两幅散点图，横轴是样本编号，纵轴是批次。不打乱时是一级级的台阶，打乱后各点散布在整个方框里
    plt.show()

# %%
# 左图里相邻的样本总在同一批，如果数据按类别排好，一批就只有一个类别。右图打散了它们。
# 两图都是 100 个不同的编号：一轮之内，每个样本恰好出现一次。
#
# 拼不起来的样本
# --------------
# 叠起来要求 :term:`形状` 相同。长短不一的数据，例如句子，会在这里报错。

if __name__ == "__main__":
    ragged = FakeDataset([np.zeros(3), np.zeros(5)], [0.0, 1.0])
    try:
        next(iter(DataLoader(ragged, batch_size=2)))
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")

# %%
# 报错里的 entry 是样本在批次中的位置。办法有两个：在 ``__getitem__`` 里截成或补成一样长，
# 或者把自己写的拼法交给 ``collate_fn``。
#
# 工作进程
# --------
# ``num_workers=2`` 另开两个进程取样本，主进程只管收。取的人变了，批次应该一个数都不变。
#
# .. note::
#
#    在 macOS 和 Windows 上，以及从 Python 3.14 起的 Linux 上，工作进程是新开的解释器。
#    它先把脚本的顶层再运行一遍，所以顶层只放导入和定义。
#    它再按名字导入数据集的类，而写在笔记本里的类导入不到，所以下面从模块导入同一个类。

if __name__ == "__main__":
    from torchnotes.datasets import FakeDataset  # torchnotes 在本页的 zip 包里

    dataset = FakeDataset(x, y)
    epochs = []
    for n in (0, 2):
        torch.manual_seed(0)  # 两次用同样的次序
        dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=n)
        epochs.append(torch.stack([x_batch for x_batch, _ in dataloader]))

    print(dataset)
    print(f"{epochs[0].shape=}  {torch.equal(*epochs)=}")

# %%
# 25 个批次逐个相等。原笔记用 4 个工作进程；超过可用的核数，``DataLoader`` 会发出
# ``UserWarning``：双核的机器上 4 个就有警告，8 核的机器上没有。2 个在这两种机器上都没有警告。
#
# 什么时候值得
# ------------
# 工作进程取到的数据要送回主进程，这也花时间。比较两种数据集：一种从内存里取；
# 另一种每个样本还要等 10 毫秒，好比读磁盘。每种跑三轮，取最短的一轮，启动进程的时间就不算在内。

if __name__ == "__main__":
    from torchnotes.datasets import SlowDataset

    slow = SlowDataset(dataset, seconds_per_item=0.01)
    for name, data in {"fast items": dataset, "slow items": slow}.items():
        seconds = {}
        for n in (0, 2):
            # 一轮之后不关掉工作进程，下一轮就不必再启动
            dataloader = DataLoader(
                data, batch_size=4, num_workers=n, persistent_workers=n > 0
            )
            one_epoch = partial(list, dataloader)
            seconds[n] = min(timeit.repeat(one_epoch, number=1, repeat=3))
        print(f"{name}: num_workers={min(seconds, key=seconds.get)} is faster")

# %%
# 从内存里取时，没有工作进程更快；每个样本要等时，两个进程可以同时等，所以更快。
# 启动还要另算，在 macOS 和 Windows 上，每个进程都要重新导入 PyTorch。
#
# 小结
# ----
# - 规则：先用 ``num_workers=0``；取样本慢得让模型等待时，再加工作进程，不超过核数。
# - API：``torch.utils.data.Dataset`` 的三个方法，
#   ``torch.utils.data.DataLoader(dataset, batch_size, shuffle, num_workers)``。
# - 下一页：:ref:`networks-linear-layer`
#
# 与原笔记的差异：``num_workers`` 从 4 改为 2 并说明原因；只打印形状；加了打乱的图、拼接的报错和快慢的比较。
