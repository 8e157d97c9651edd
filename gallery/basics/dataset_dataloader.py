# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2"]
# ///
"""
.. _basics-dataset-dataloader:

数据集与数据加载器
==================

训练时，模型每一步只用一小批样本。样本可能都在一个数组里，也可能分散在许多文件里。怎样换一种存放方式，而不必改写训练循环？取样本的工作还可以交给另外几个进程，这样跑完一 :term:`轮` 是不是总能更快？

你将学到：

- 编写数据集类，从数组或文件返回样本
- 设置 :term:`批量大小` 和取样本的次序，检查批次的 :term:`形状` 和 :term:`数据类型`
- 判断 :term:`工作进程` 能不能节省时间
"""

import tempfile
import time
import timeit
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

# %%
# 思路
# ----
# :term:`数据集` 按编号返回一个样本。:term:`数据加载器` 决定取样本的次序，再把样本拼成批次。自己的数据集要写三个方法。``__init__`` 保存数据，``__len__`` 返回样本总数，``__getitem__`` 返回编号为 ``idx`` 的样本。


class FakeDataset(Dataset):
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return self.x[idx], self.y[idx]


# %%
# 在 macOS 和 Windows 上，以及从 Python 3.14 起的 Linux 上，启动工作进程时会重新运行脚本的顶层。所以除了导入和定义，这一页的代码都写在 ``if __name__ == "__main__":`` 之下。

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.random((100, 10))  # 100 个样本，每个 10 个特征
    y = rng.random(100)
    dataset = FakeDataset(x, y)
    x_0, y_0 = dataset[0]
    print(f"{len(dataset)=}  {x_0.shape=}  {y_0.shape=}  {y_0.dtype=}")

# %%
# 一个样本包括一个长度为 10 的 NumPy 数组和一个数。
#
# 拼成批次
# --------
# ``DataLoader`` 每次取 ``batch_size`` 个样本，转换成 :term:`张量`，再沿新的轴 0 叠起来。

if __name__ == "__main__":
    torch.manual_seed(0)
    dataloader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=0)
    for i_batch, (x_batch, y_batch) in enumerate(dataloader):
        if i_batch in (0, len(dataloader) - 1):
            print(i_batch, x_batch.shape, y_batch.shape, y_batch.dtype)
    print(len(dataloader), "batches")

# %%
# 4 个 ``y`` 叠起来的形状是 ``[4]``，数据类型仍是 NumPy 的 ``float64``。
#
# 网络的参数默认是 ``float32``，遇到 ``float64`` 的输入会报错（见 :ref:`basics-tensor-numpy`），所以创建数据集时就转换一次。
# 设 ``batch_size=8`` 时，100 个样本不能平分，正好用来看 ``drop_last`` 的作用。

if __name__ == "__main__":
    dataset = FakeDataset(torch.from_numpy(x).float(), torch.from_numpy(y).float())
    for drop_last in (False, True):
        dataloader = DataLoader(dataset, batch_size=8, drop_last=drop_last)
        x_batch, y_batch = list(dataloader)[-1]
        print(f"{drop_last=}: {len(dataloader)} batches, the last: ", end="")
        print(x_batch.shape, x_batch.dtype, y_batch.dtype)

# %%
# 两种类型都成了 ``float32``。默认保留最后剩下的 4 个样本，``drop_last=True`` 丢掉这个不满的批次。
#
# .. change-it::
#
#    另建一个数据集 ``from_list = FakeDataset(x, y.tolist())``，其中每个 ``y`` 都是 Python 的浮点数。它的 ``y_batch`` 是什么数据类型？

# hide-cell: y 是 Python 的数
if __name__ == "__main__":
    from_list = FakeDataset(x, y.tolist())
    x_batch, y_batch = next(iter(DataLoader(from_list, batch_size=4)))
    print(f"DataLoader: {y_batch.dtype}, torch.tensor: {torch.tensor([0.5]).dtype}")

# %%
# .. outcome::
#
#    ``DataLoader`` 把 Python 的浮点数变成 ``float64``，而 ``torch.tensor`` 把它们变成 ``float32``。
#    所以样本里有 Python 的数时，也要检查批次的数据类型。
#
# 打乱次序
# --------
# 下面把 ``y`` 换成样本的编号，读出两轮的次序。再假设前 50 个样本是一类，后 50 个是另一类，数一数有几个批次只含一类样本。

if __name__ == "__main__":
    torch.manual_seed(0)
    numbered = FakeDataset(x, np.arange(100))
    for shuffle in (False, True):
        dataloader = DataLoader(numbered, batch_size=4, shuffle=shuffle)
        for epoch in (0, 1):
            order = torch.cat([idx for _, idx in dataloader])
            one = sum(len((idx // 50).unique()) == 1 for idx in order.split(4))
            text = f"{len(order.unique())} different, one class: {one} batches"
            print(f"{shuffle=} {epoch=}: {order[:4].tolist()} ... {text}")

# %%
# 每一轮的 100 个编号各不相同，所以每个样本恰好用到一次。``shuffle`` 默认是 ``False``，
# 这时 25 个批次里有 24 个只含一类样本，它们的梯度只反映一类。``shuffle=True`` 在每一轮开始时重新打乱，两轮碰巧各有 3 个批次只含一类样本。
#
# 同一个循环，两种数据集
# ----------------------
# 下面的训练循环与 :ref:`basics-gradient-descent` 的四步相同，只是每一步用一个批次。
# 第二个数据集 ``FileDataset`` 在 ``__init__`` 中只记下路径，在 ``__getitem__`` 中才读其中一个文件。


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
# 两次训练打印的数相同。函数 ``train_one_epoch`` 不用改动，因为它只用到数据加载器给出的批次。
#
# 工作进程
# --------
# ``num_workers`` 默认是 0，由主进程取样本。``num_workers=2`` 另开两个进程取样本、拼批次，再把批次送回主进程。
#
# .. predict::
#
#    ``dataset`` 的样本都在内存里。把 ``num_workers`` 从 0 改成 2，不计启动进程的时间，取完一轮批次的用时会怎样？
#
#    - 减少约一半，因为两个进程同时取样本
#    - 变长，因为每个批次都要从工作进程送回主进程
#    - 几乎不变，因为取内存里的样本本来就很快
#
# 函数 ``epoch_seconds`` 返回几轮中最短的秒数，因为其他程序只会使一轮变慢。工作进程默认在一轮结束后关闭，
# ``persistent_workers=True`` 让它们留到下一轮，所以只有第一轮包含启动的时间。参数 ``train`` 是训练一个批次的秒数，用 ``sleep`` 代替。前三行只打印各台机器上大多成立的界限。
#
# 本页的 zip 包里有 ``torchnotes``，其中的 ``SlowDataset`` 把另一个数据集包起来，每取一个样本先等一段时间，好比从网上下载。在开头提到的那些系统上，工作进程无法导入写在笔记本里的类，所以 ``FakeDataset`` 也从那里导入。


def epoch_seconds(dataset, batch_size, n, train=0.0, repeat=2):
    keep = n > 0  # 没有工作进程时，persistent_workers 不能是 True
    dataloader = DataLoader(dataset, batch_size, num_workers=n, persistent_workers=keep)

    def epoch():
        for _ in dataloader:
            if train > 0:
                time.sleep(train)

    return min(timeit.repeat(epoch, number=1, repeat=repeat))


if __name__ == "__main__":
    from torchnotes.datasets import FakeDataset  # torchnotes 在本页的 zip 包里
    from torchnotes.workers import SlowDataset

    dataset = FakeDataset(dataset.x, dataset.y)
    memory_0 = [epoch_seconds(dataset, k, 0, repeat=10) for k in (5, 100)]
    memory_2 = [epoch_seconds(dataset, k, 2, repeat=10) for k in (5, 100)]
    ratio = min(5, int(memory_2[0] / memory_0[0]))  # 更大的比值随机器变化，只取到 5
    print(f"in memory, 20 batches: at least {ratio} times as long with 2 workers")
    # 20 个批次和 1 个批次多花的秒数
    many, one = (memory_2[i] - memory_0[i] for i in (0, 1))
    print(f"extra time, 20 batches / 1 batch: at least {min(4, int(many / one))}")
    print(f"extra time per batch: up to {max(0.01, many / 20):.2f} s\n")
    first_30 = FakeDataset(dataset.x[:30], dataset.y[:30])
    slow = SlowDataset(first_30, seconds_per_item=0.03)
    print("slow, 6 batches: time / time with 0 workers")
    for train in (0.0, 0.15):
        s_0, s_1, s_2 = (epoch_seconds(slow, 5, n, train) for n in (0, 1, 2))
        print(f"{train=}: 1 worker {s_1 / s_0:.1f}, 2 workers {s_2 / s_0:.1f}")

# %%
# .. answer:: B
#
#    用时变成 5 倍以上。批次从 20 个减少到 1 个，取的样本一样多，多花的时间却不超过四分之一，可见它与批次的个数有关。
#    A 只对慢的数据集成立，不训练时的用时减少约一半，因为两个进程可以同时等待。一个工作进程不节省时间，因为主进程除了等它没有别的事做。那里取一个批次要 5 × 0.03 = 0.15 秒，送回它多花的时间不超过 0.01 秒。
#    C 只考虑取样本的时间，没有算上送回批次的时间。
#
# 最后一行的训练每个批次也用 0.15 秒。没有工作进程时，6 次取批次和 6 次训练依次进行，共 12 个 0.15 秒。有一个工作进程时，它趁主进程训练取下一个批次，主进程只等第一个批次，共 7 个 0.15 秒。第二个工作进程不再缩短时间。
#
# .. change-it::
#
#    把慢数据集的 ``batch_size`` 从 5 改成 30，不训练。先猜两个工作进程还能不能节省时间，再看运行结果。

# hide-cell: 一个批次
if __name__ == "__main__":
    t = [epoch_seconds(slow, 30, n) for n in (0, 2)]
    print(f"1 batch: 2 workers {t[1] / t[0]:.1f}")

# %%
# .. outcome::
#
#    不能，因为一个批次只由一个工作进程取样本，另一个工作进程没有事做。
#
# .. real-projects::
#
#    先用 ``num_workers=0``，模型要等数据时再增加，并比较用时。解码图像这样的计算也可以分给工作进程，但是要有空闲的核。
#    样本长短不一时，要给 `DataLoader <https://docs.pytorch.org/docs/stable/data.html>`__ 传入自己的拼批次函数 ``collate_fn``。
#    在 GPU 上训练时，还可以参考 `pin_memory 教程 <https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html>`__。
#
# 小结
# ----
# - 规则：数据集返回一个样本，数据加载器决定次序和批次。只有取一个批次比送回它慢得多，批次又多于一个，工作进程才节省时间。
# - API：``Dataset``，以及 ``DataLoader`` 的 ``batch_size``、``shuffle``、``drop_last``、``num_workers`` 和 ``persistent_workers``。
# - 下一页：:ref:`networks-linear-layer`
