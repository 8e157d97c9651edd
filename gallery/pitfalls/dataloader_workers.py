# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-dataloader-workers:

工作进程的陷阱
==============

每个 :term:`工作进程` 手里的 :term:`数据集` 都是一份副本，随机数发生器、计数器、读到哪里，副本之间互不知道。
所以把 ``num_workers`` 从 0 改成 2，:term:`数据增强` 的随机数会重复，数据流会多读一遍，而程序照常运行。

你将学到：

- 存在数据集里的发生器，为什么在两个工作进程里给出同样的数，怎样改
- 可迭代的数据集为什么读出两倍的 :term:`样本`
- 哪些系统要求脚本写 ``if __name__ == "__main__":``，漏了报什么错
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

# %%
# 存在数据集里的发生器
# --------------------
# 下面的数据集每次给出一个随机数，好比数据增强时抽到的角度。发生器从种子 0 开始，``n_fetched`` 数一共取了几次。
# 这一页会运行的代码都写在 ``if __name__ == "__main__":`` 之下，原因在“漏了守卫”一节。


class NoiseDataset(Dataset):
    def __init__(self, n):
        self.n = n
        self.rng = np.random.default_rng(0)
        self.n_fetched = 0

    def __len__(self):
        return self.n

    def __getitem__(self, idx):
        self.n_fetched += 1
        return float(self.rng.normal())


def own_generator(worker_id):  # 每个工作进程启动时调用一次
    worker = get_worker_info()
    worker.dataset.rng = np.random.default_rng(worker.seed)


# %%
# .. admonition:: 先猜一猜
#
#    16 个样本，每批 4 个，读两 :term:`轮`。``num_workers=0`` 给出 32 个不同的数，``num_workers=2`` 给出几个？

if __name__ == "__main__":
    # 笔记本里的类，新开的进程导入不到，所以换成模块里同样的类
    from torchnotes import datasets  # torchnotes 在本页的 zip 包里

    loaders = {
        "num_workers=0": {},
        "num_workers=2": {"num_workers": 2},
        "own generator": {"num_workers": 2, "worker_init_fn": datasets.own_generator},
    }
    drawn = {}
    for name, options in loaders.items():
        torch.manual_seed(0)
        dataset = datasets.NoiseDataset(16)
        loader = DataLoader(dataset, batch_size=4, **options)
        numbers = torch.cat([batch for _ in range(2) for batch in loader])
        drawn[name] = numbers
        print(
            f"{name}: {len(numbers.unique())} different, n_fetched={dataset.n_fetched}"
        )

# %%
# 只有 8 个。画出来看它们怎样重复，竖线隔开批次，中间的粗线隔开两轮。

if __name__ == "__main__":
    fig, axes = plt.subplots(
        3, 1, figsize=(6.5, 4.4), sharex=True, layout="constrained"
    )
    for ax, (name, numbers) in zip(axes, drawn.items(), strict=True):
        ax.plot(
            numbers, "o-", ms=4, lw=1, color="C1" if name == "num_workers=2" else "C0"
        )
        for start in range(4, 32, 4):
            ax.axvline(start - 0.5, color="0.5", lw=2 if start == 16 else 0.5)
        ax.set_title(name, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[2].set(xlabel="item")
    # alt: 三行折线。第一、三行没有规律；第二行每轮前两批相同，后两批也相同，第二轮又把第一轮整个重复一遍
    plt.show()

# %%
# 两个工作进程各拿到一份发生器的副本，都从种子 0 开始，轮流交出一批，所以前两批相同，后两批也相同。
# 一轮结束，工作进程关掉；下一轮再从主进程复制，主进程的发生器一步也没走，所以第二轮与第一轮相同。
# ``n_fetched`` 停在 0 也是同一个原因：增加的是副本里的那个。
#
# ``DataLoader`` 给每个工作进程、每一轮一个不同的种子，就是 ``worker.seed``。
# ``own_generator`` 用它换掉副本里的发生器，32 个数又都不同。
# ``torch.rand`` 和 ``np.random.random`` 用的是全局发生器，
# PyTorch 启动工作进程时会给它们设不同的种子。
#
# 读出两倍的数据流
# ----------------
# ``IterableDataset`` 没有编号，``DataLoader`` 没法把编号分给各个工作进程，分工要自己写。


class Stream(IterableDataset):
    def __init__(self, n, share):
        self.n = n
        self.share = share

    def __iter__(self):
        worker = get_worker_info()  # 在主进程里是 None
        if self.share and worker is not None:
            return iter(range(worker.id, self.n, worker.num_workers))
        return iter(range(self.n))


if __name__ == "__main__":
    from torchnotes import datasets

    for share in (False, True):
        loader = DataLoader(datasets.Stream(6, share), batch_size=3, num_workers=2)
        print(f"{share=!s:<5}  {[batch.tolist() for batch in loader]}")

# %%
# 不分工时，每个样本来了两次，一轮等于两轮。分工以后，0 号取偶数，1 号取奇数，合起来正好一遍。
#
# 漏了守卫
# --------
# 工作进程怎样启动，由系统和 Python 的版本决定：
#
# - Linux，Python 3.13 及以前：``fork``，复制主进程，不重读脚本；
# - Linux，Python 3.14 起：``forkserver``；macOS 和 Windows：``spawn``。两者都开新的解释器，先把脚本的顶层再运行一遍。
#
# 顶层如果又要启动进程，就没完没了，所以 Python 报错。``DataLoader`` 启动工作进程用的也是 ``multiprocessing``，
# 下面用两个最短的脚本看个明白，都指定 ``spawn``，在哪个系统上结果都一样。

WITHOUT = """
from multiprocessing import get_context

worker = get_context("spawn").Process(target=print, args=["hello"])
worker.start()
worker.join()
"""
WITH = """
from multiprocessing import get_context

if __name__ == "__main__":
    worker = get_context("spawn").Process(target=print, args=["hello"])
    worker.start()
    worker.join()
"""

if __name__ == "__main__":
    for name, script in {"without": WITHOUT, "with": WITH}.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "script.py")
            path.write_text(script)
            run = subprocess.run([sys.executable, path], capture_output=True, text=True)
        message = " ".join(run.stderr.rpartition("RuntimeError:")[2].split())
        print(
            f"{name}: {run.stdout.strip() or 'RuntimeError: ' + message.split('. ')[0]}"
        )

# %%
# 没有守卫的脚本在 Linux 上可能一直正常，到了同事的 Windows 上才出错。
# 用 ``DataLoader`` 时，这段话出自工作进程，主进程接着会报 ``DataLoader worker (pid(s) …) exited unexpectedly``，
# 要往上翻，先看前一条。
#
# 下次怎样发现
# ------------
# 加了工作进程，先数一数：一轮里不同的样本有几个，随机数有几个，与 ``num_workers=0`` 时是否一样。
#
# 改一改：给 ``num_workers=2`` 那一行加上 ``"persistent_workers": True``，工作进程就不再每轮重开。先猜有几个不同的数。
#
# 小结
# ----
# - 规则：工作进程里的都是副本：随机数按 ``worker.seed`` 重设，数据流自己分工，会运行的代码放在守卫之下。
# - API：``DataLoader(..., worker_init_fn=...)``、``torch.utils.data.get_worker_info``。
# - 下一页：:ref:`pitfalls-broadcasting-bug`
