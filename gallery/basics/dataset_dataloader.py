# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9"]
# ///
"""
.. _basics-dataset-dataloader:

数据集与数据加载器
==================

训练时，模型每一步只看一小批样本。样本可能在数组里，也可能在许多文件里，长度还可能不同。
怎样让训练循环不必关心这些差别？多开几个进程来取样本，是不是总能更快？

你将学到：

- 编写数据集类，在其中确定 :term:`数据类型`、读取文件、变换样本
- 设置 ``DataLoader`` 的 :term:`批量大小`、次序和拼批次的方法
- 判断 :term:`工作进程` 能不能节省时间
"""

import tempfile
import textwrap
import timeit
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

# %%
# 思路
# ----
# PyTorch 把取数据分成两件事。:term:`数据集` 按编号给出一个样本，并说明样本的总数。
# :term:`数据加载器` 决定取样本的次序，再把样本拼成批次。所以换数据时只换数据集，训练循环不用改。
#
# 自己的数据集要写三个方法。``__init__`` 保存数据，``__len__`` 返回样本总数，
# ``__getitem__`` 返回编号为 ``idx`` 的样本。


class FakeDataset(Dataset):
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


# %%
# 这一页要开工作进程，所以导入和定义之外的代码都写在 ``if __name__ == "__main__":`` 之下。

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((100, 10))  # 100 个样本，每个 10 个特征
    y = rng.random(100)

    dataset = FakeDataset(x, y)
    x_0, y_0 = dataset[0]
    print(f"{len(dataset)=}  {x_0.shape=}  {y_0.shape=}  {y_0.dtype=}")

# %%
# 一个样本包括一个长度为 10 的 NumPy 数组和一个数，它们还不是 :term:`张量`。
#
# 拼成批次
# --------
# ``DataLoader`` 每次取 ``batch_size`` 个样本，把它们转换成张量，再沿新的第 0 个轴叠起来。
#
# .. predict::
#
#    批量大小是 4。一个批次的 ``y_batch`` 是什么形状，什么数据类型？
#
#    - ``[4]``，``float32``，因为这是 PyTorch 的默认类型
#    - ``[4]``，``float64``，因为 NumPy 的类型会保留
#    - ``[4, 1]``，``float32``，因为每个样本占一行

if __name__ == "__main__":
    torch.manual_seed(0)
    dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=0)
    for i_batch, (x_batch, y_batch) in enumerate(dataloader):
        if i_batch in (0, len(dataloader) - 1):
            print(i_batch, x_batch.shape, y_batch.shape, y_batch.dtype)
    print(len(dataloader), "batches")

# %%
# .. answer:: B
#
#    每个 ``y`` 是一个数，4 个数叠起来的形状是 ``[4]``，类型仍是 NumPy 的 ``float64``。
#    A 不成立，因为从 NumPy 转换来的张量保留原来的类型，不用默认类型。
#    C 不成立，因为叠起来只会增加一个轴，它用来数样本。
#
# 网络的参数一般是 ``float32``，遇到 ``float64`` 的输入会报错（见 :ref:`basics-tensor-numpy`）。
# 所以创建数据集时就要把类型定好，训练循环里便不必再转换。

if __name__ == "__main__":
    dataset = FakeDataset(torch.from_numpy(x).float(), torch.from_numpy(y).float())
    x_batch, y_batch = next(iter(DataLoader(dataset, batch_size=4)))
    print(f"{x_batch.dtype=}  {y_batch.dtype=}")

# %%
# .. change-it::
#
#    把 ``batch_size`` 改成 8，再加上 ``drop_last=True``。
#    先猜两次各有几个批次，最后一个批次有几个样本。

# hide-cell: batch_size=8
if __name__ == "__main__":
    for drop_last in (False, True):
        dataloader = DataLoader(dataset, batch_size=8, drop_last=drop_last)
        sizes = [len(y_batch) for _, y_batch in dataloader]
        print(f"{drop_last=}  {len(dataloader)} batches, the last has {sizes[-1]}")

# %%
# 打乱次序
# --------
# ``shuffle=True`` 在每一 :term:`轮` 开始时重新打乱次序。下面把 ``y`` 换成样本的编号，
# 这样就能看出每个样本进了哪个批次。

if __name__ == "__main__":
    orders = {}
    for shuffle in (False, True):
        dataloader = DataLoader(FakeDataset(x, np.arange(100)), 4, shuffle=shuffle)
        order = orders[shuffle] = torch.cat([idx for _, idx in dataloader])
        print(f"{shuffle=}: {order[:4].tolist()} ... {len(order.unique())} different")

# %%
# 两次都有 100 个不同的编号，所以一轮之内每个样本恰好出现一次。把次序画出来，每个点是一个样本。

# hide-input: 画图
if __name__ == "__main__":
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True, layout="constrained")
    for ax, (shuffle, order) in zip(axes, orders.items(), strict=True):
        ax.scatter(order, torch.arange(100) // 4, s=12, color="C0")
        ax.set(title=f"{shuffle=}", xlabel="index in the dataset")
    axes[0].set(ylabel="batch")
    # alt: 两幅散点图，横轴是样本编号，纵轴是批次。不打乱时是一级级的台阶，打乱后各点散布在整个方框里。
    plt.show()

# %%
# 左图中，编号相邻的样本在同一批。右图中，每个批次的样本来自各处。
#
# 长短不一的样本
# --------------
# 叠起来要求 :term:`形状` 相同，所以遇到长度不同的序列会报错。这时要自己写拼批次的函数，
# 交给参数 ``collate_fn``，函数的输入是样本的列表。下面的函数用 ``pad_sequence``
# 在短的序列后面补 0，并记下原来的长度。


def pad(samples):
    sequences, targets = zip(*samples, strict=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return pad_sequence(sequences, batch_first=True), lengths, torch.tensor(targets)


if __name__ == "__main__":
    ragged = FakeDataset([torch.ones(3), torch.ones(5)], [0.0, 1.0])
    try:
        next(iter(DataLoader(ragged, batch_size=2)))
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

    padded, lengths, targets = next(iter(DataLoader(ragged, 2, collate_fn=pad)))
    print(padded)
    print(f"{lengths=}  {targets=}")

# %%
# 从文件读取
# ----------
# 数据太大时不必一次读进内存。``__init__`` 只记下文件的路径，``__getitem__`` 才读其中一个文件。
# 对样本的变换也放在 ``__getitem__`` 里，例如把 0 到 255 的整数换成 0 到 1 的浮点数。


class FileDataset(Dataset):
    def __init__(self, folder, transform):
        self.paths = sorted(Path(folder).glob("*.npy"))
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, idx):
        return self.transform(torch.from_numpy(np.load(self.paths[idx])))


def to_float(image):
    return image.float() / 255


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for i in range(6):
            image = rng.integers(0, 256, (1, 8, 8), dtype=np.uint8)
            np.save(Path(folder) / f"{i}.npy", image)
        images = next(iter(DataLoader(FileDataset(folder, to_float), batch_size=6)))
    print(f"one file: {image.dtype}  batch: {images.dtype}  {images.shape}")

# %%
# 工作进程
# --------
# ``num_workers=2`` 会另开两个进程来取样本，主进程只接收批次。
# 在 macOS 和 Windows 上，以及从 Python 3.14 起的 Linux 上，每个工作进程先重新运行脚本的顶层，
# 所以顶层只放导入和定义。写在笔记本里的类无法导入，因此下面改用 ``torchnotes`` 里的同一个类，
# 它在本页的 zip 包里。
#
# 工作进程也要花时间把批次送回主进程。下面先核对批次是否相同，再比较两种数据集的用时。
# 一种直接从内存里取样本，另一种每取一个样本要等 0.01 秒，好比读磁盘。
# 每种数据集跑两轮，取较短的一轮，因此不含启动进程的时间。

if __name__ == "__main__":
    from torchnotes.datasets import FakeDataset, SlowDataset

    dataset = FakeDataset(x, y)
    x_by_workers = {}
    for n in (0, 2):
        torch.manual_seed(0)  # 两次用同样的次序
        dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=n)
        x_by_workers[n] = torch.stack([x_batch for x_batch, _ in dataloader])
    print(f"{torch.equal(x_by_workers[0], x_by_workers[2])=}")

    slow = SlowDataset(dataset, seconds_per_item=0.01)
    for name, data in {"fast items": dataset, "slow items": slow}.items():
        seconds = {}
        for n in (0, 2):
            # 一轮之后不关闭工作进程，下一轮就不必再启动
            dataloader = DataLoader(data, 4, num_workers=n, persistent_workers=n > 0)
            one_epoch = partial(list, dataloader)
            seconds[n] = min(timeit.repeat(one_epoch, number=1, repeat=2))
        print(f"{name}: num_workers={min(seconds, key=seconds.get)} is faster")

# %%
# 工作进程没有改变批次的内容。直接从内存里取样本时，传送批次反而多花时间，所以不用工作进程更快。
# 取样本要等待时，两个进程可以同时等，所以用工作进程更快。
#
# .. real-projects::
#
#    先用 ``num_workers=0``，模型要等数据时再增加，但不要超过可用的核数，否则
#    `DataLoader <https://docs.pytorch.org/docs/stable/data.html>`__ 会发出警告。
#    在 GPU 上训练时可以加上 ``pin_memory=True``，再用 ``x.to(device, non_blocking=True)`` 搬运，见
#    `pin_memory 教程 <https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html>`__。
#
# 小结
# ----
# - 规则：数据集给出一个样本，数据加载器决定次序和批次，取样本慢时才用工作进程。
# - API：``torch.utils.data.Dataset``、``torch.utils.data.DataLoader`` 和它的 ``collate_fn``。
# - 下一页：:ref:`networks-linear-layer`
