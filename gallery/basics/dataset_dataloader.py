# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2"]
# ///
"""
.. _basics-dataset-dataloader:

数据集与数据加载器
==================

训练时，模型每一步只用一小批样本。样本可能都在一个数组里，也可能分散在许多文件里。
怎样换一种存放方式，而不必改写训练循环？
取样本的工作还可以交给另外几个进程，这样跑完一 :term:`轮` 是不是总能更快？

你将学到：

- 编写数据集类，从数组或文件返回样本
- 设置 :term:`批量大小` 和取样本的次序，检查批次的 :term:`形状` 和 :term:`数据类型`
- 判断 :term:`工作进程` 能不能节省时间
"""

import tempfile
import timeit
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

# %%
# 思路
# ----
# PyTorch 把取数据分成两件事。:term:`数据集` 按编号返回一个样本，并说明样本的总数。
# :term:`数据加载器` 决定取样本的次序，再把样本拼成批次。
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
# 这一页最后要启动工作进程。在 macOS 和 Windows 上，以及从 Python 3.14 起的 Linux 上，
# 启动工作进程时会重新运行脚本的顶层。所以除了导入和定义，这一页的代码都写在 ``if __name__ == "__main__":`` 之下。

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
# ``DataLoader`` 每次取 ``batch_size`` 个样本，把它们转换成张量，再沿新的轴 0 叠起来。

if __name__ == "__main__":
    torch.manual_seed(0)
    dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=0)
    for i_batch, (x_batch, y_batch) in enumerate(dataloader):
        if i_batch in (0, len(dataloader) - 1):
            print(i_batch, x_batch.shape, y_batch.shape, y_batch.dtype)
    print(len(dataloader), "batches")

# %%
# 每个 ``y`` 是一个数，4 个数叠起来的形状是 ``[4]``，类型仍是 NumPy 的 ``float64``。
#
# 网络的参数通常是 ``float32``，遇到 ``float64`` 的输入会报错（见 :ref:`basics-tensor-numpy`）。
# 所以创建数据集时就转换一次，后面都用转换过的数据集。

if __name__ == "__main__":
    dataset = FakeDataset(torch.from_numpy(x).float(), torch.from_numpy(y).float())
    x_batch, y_batch = next(iter(DataLoader(dataset, batch_size=4)))
    print(f"{x_batch.dtype=}  {y_batch.dtype=}")

# %%
# .. change-it::
#
#    把 ``y`` 改成列表 ``y.tolist()``，它的元素是 Python 的浮点数。先猜 ``y_batch`` 的类型，再看运行结果。

# hide-cell: y 是 Python 的数
if __name__ == "__main__":
    from_list = FakeDataset(x, y.tolist())
    x_batch, y_batch = next(iter(DataLoader(from_list, batch_size=4)))
    print(f"DataLoader:   {y_batch.dtype}")
    print(f"torch.tensor: {torch.tensor(y.tolist()).dtype}")

# %%
# .. outcome::
#
#    ``DataLoader`` 把 Python 的浮点数变成 ``float64``，而 ``torch.tensor`` 把它们变成 ``float32``。
#    所以样本里有 Python 的数时，也要检查批次的类型。
#
# 打乱次序
# --------
# 下面把 ``y`` 换成样本的编号，读出两轮的次序。
# 再假设样本按类别排列，前 50 个是一类，后 50 个是另一类，数一数有几个批次只含一类样本。

if __name__ == "__main__":
    numbered = FakeDataset(x, np.arange(100))
    for shuffle in (False, True):
        dataloader = DataLoader(numbered, batch_size=4, shuffle=shuffle)
        for epoch in (0, 1):
            order = torch.cat([idx for _, idx in dataloader])
            n_single = sum(len((idx // 50).unique()) == 1 for idx in order.split(4))
            counts = f"{len(order.unique())} of {len(order)} different"
            print(f"{shuffle=} {epoch=}: {order[:4].tolist()} ... {counts}", end=", ")
            print(f"one class: {n_single} of {len(dataloader)} batches")

# %%
# 每一轮都有 100 个编号，而且各不相同，所以每个样本恰好用到一次。
# ``shuffle=True`` 在每一轮开始时重新打乱，所以两轮的次序不同。
# 不打乱时，25 个批次里有 24 个只含一类样本，这样的批次算出的梯度只反映一类。
# 打乱以后，多数批次含有两类样本。
#
# 同一个循环，两种数据集
# ----------------------
# 下面的训练循环与 :ref:`basics-gradient-descent` 的四步相同，只是每一步用一个批次。
# 第二个数据集 ``FileDataset`` 从文件读取，``__init__`` 只记下路径，``__getitem__`` 才读其中一个文件。


def train_one_epoch(w, dataloader):
    for x_batch, y_batch in dataloader:
        w.grad = None
        loss = (x_batch @ w - y_batch).square().mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad


class FileDataset(Dataset):
    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.npz"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, idx):
        with np.load(self.paths[idx]) as sample:
            return torch.tensor(sample["x"]).float(), torch.tensor(sample["y"]).float()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for i in range(100):  # 一个样本一个文件
            np.savez(Path(folder) / f"{i:02}.npz", x=x[i], y=y[i])
        for name, data in {"array": dataset, "files": FileDataset(folder)}.items():
            torch.manual_seed(0)  # 两次用同样的次序
            w = torch.zeros(10, requires_grad=True)
            train_one_epoch(w, DataLoader(data, batch_size=4, shuffle=True))
            print(f"{name}: w[:3] = {w[:3].detach()}")

# %%
# 两次训练打印的数相同，而 ``train_one_epoch`` 没有改动，因为它只用到数据加载器给出的批次。
#
# 工作进程
# --------
# ``num_workers=2`` 会另开两个进程取样本、拼批次，主进程接收拼好的批次。
# 一轮结束后，工作进程默认会关闭，``persistent_workers=True`` 让它们留到下一轮。
#
# .. predict::
#
#    ``dataset`` 的样本都在内存里。把 ``num_workers`` 从 0 改成 2，不计启动进程的时间，
#    取完一轮批次的用时会怎样？
#
#    - 减少约一半，因为两个进程同时取样本
#    - 变长，因为每个批次都要从工作进程送回主进程
#    - 几乎不变，因为取内存里的样本本来就很快
#
# 下面先核对两种设置取到的批次是否相同，再计时。除了 ``dataset``，还有一个慢的数据集 ``SlowDataset``，
# 它的 ``__getitem__`` 先等 0.1 秒，好比等待网络，再返回样本，所以这里只用 20 个样本。每种设置取若干轮，用最短的一轮作比较。
# 在开头提到的那些系统上，工作进程无法导入写在笔记本里的类，所以这里从 ``torchnotes`` 导入同样的类，它在本页的 zip 包里。


def epoch_seconds(dataset, batch_size, n, repeat):
    keep = n > 0  # 没有工作进程时，persistent_workers 不能是 True
    dataloader = DataLoader(dataset, batch_size, num_workers=n, persistent_workers=keep)
    return min(timeit.repeat(lambda: list(dataloader), number=1, repeat=repeat))


if __name__ == "__main__":
    from torchnotes.datasets import (  # torchnotes 在本页的 zip 包里
        FakeDataset,
        SlowDataset,
    )

    dataset = FakeDataset(dataset.x, dataset.y)
    x_by_workers = {}
    for n in (0, 2):
        torch.manual_seed(0)
        dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=n)
        x_by_workers[n] = torch.stack([x_batch for x_batch, _ in dataloader])
    print(f"{torch.equal(x_by_workers[0], x_by_workers[2])=}")

    fast = {n: epoch_seconds(dataset, batch_size=5, n=n, repeat=10) for n in (0, 2)}
    print(f"in memory: more than twice as long with 2 workers: {fast[2] > 2 * fast[0]}")

    first_20 = FakeDataset(dataset.x[:20], dataset.y[:20])
    slow_dataset = SlowDataset(first_20, seconds_per_item=0.1)
    slow = {n: epoch_seconds(slow_dataset, batch_size=5, n=n, repeat=2) for n in (0, 2)}
    print(f"slow: time with 2 workers / time with 0 workers: {slow[2] / slow[0]:.1f}")

# %%
# .. answer:: B
#
#    用时变成原来的两倍以上。A 只对慢的数据集成立，那里的用时约为原来的 0.5 倍，因为两个进程可以同时等待。
#    C 不成立，因为它只考虑取样本的时间，没有算上送回批次的时间。
#
# 两种设置取到的批次相同，所以工作进程在这里只影响用时。
#
# .. change-it::
#
#    把 ``batch_size`` 改成 100，于是整个数据集合成一个批次。先猜两个工作进程多花的时间会怎样变化，再看运行结果。

# hide-cell: 一个批次
if __name__ == "__main__":
    one = {n: epoch_seconds(dataset, batch_size=100, n=n, repeat=10) for n in (0, 2)}
    print(f"extra time is less than before: {one[2] - one[0] < fast[2] - fast[0]}")

# %%
# .. outcome::
#
#    要取的样本一样多，批次少了，工作进程多花的时间也少了。可见这段时间与批次的个数有关，与 B 的解释相符。
#
# .. real-projects::
#
#    先用 ``num_workers=0``，模型要等数据时再增加，并比较用时。解码图像这样的计算也可以分给工作进程，但是要有空闲的核。
#    样本长短不一时不能直接叠起来，要写自己的拼批次函数，交给
#    `DataLoader <https://docs.pytorch.org/docs/stable/data.html>`__ 的参数 ``collate_fn``。
#    在 GPU 上训练时，还可以参考 `pin_memory 教程 <https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html>`__。
#
# 小结
# ----
# - 规则：数据集返回一个样本，数据加载器决定次序和批次，取一个样本很慢时才用工作进程。
# - API：``torch.utils.data.Dataset``、``torch.utils.data.DataLoader`` 和它的 ``persistent_workers``。
# - 下一页：:ref:`networks-linear-layer`
