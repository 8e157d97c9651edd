# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-dataloader-workers:

工作进程的陷阱
==============

为了让读数据快一些，你把 ``num_workers`` 从 0 改成了 2。
有的脚本立刻报错，有的脚本照常运行，读到的数据却与以前不同。
:term:`工作进程` 启动时，到底从主进程得到了什么？

你将学到：

- 读懂漏写 ``if __name__ == "__main__":`` 的报错
- 判断 :term:`数据集` 里的随机数发生器和数据流，到了工作进程里会怎样
- 修正交给工作进程以后结果不对的数据集
"""

import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

# %%
# 症状：漏了守卫
# --------------
# 工作进程的启动方式由系统和 Python 的版本决定。
#
# - Linux 上到 Python 3.13 为止用 ``fork``，它复制主进程，不再读脚本。
# - macOS 和 Windows 用 ``spawn``，Linux 从 Python 3.14 起用 ``forkserver``。
#   这两种都启动新的解释器，并且在那里再运行一遍脚本的顶层代码。
#
# 下面把两个最短的脚本各运行一次，都指定 ``spawn``，所以在哪个系统上结果都一样。

WITHOUT = """
from torch.utils.data import DataLoader

loader = DataLoader(range(4), num_workers=1, multiprocessing_context="spawn")
print([batch.item() for batch in loader])
"""
WITH = """
from torch.utils.data import DataLoader

if __name__ == "__main__":
    loader = DataLoader(range(4), num_workers=1, multiprocessing_context="spawn")
    print([batch.item() for batch in loader])
"""


def run_script(script):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        path.write_text(script)
        return subprocess.run([sys.executable, path], capture_output=True, text=True)


if __name__ == "__main__":
    errors = run_script(WITHOUT).stderr
    start, end = errors.index("RuntimeError:"), errors.index('The "freeze_support')
    print("first, from the worker process:")
    print(textwrap.fill(" ".join(errors[start:end].split()), 92))
    last = errors.splitlines()[-1].removeprefix("RuntimeError: ")
    print("last, from the main process, again a RuntimeError:")
    print(re.sub(r"\d+", "N", last))  # 进程号每次不同
    print(f"with the guard: {run_script(WITH).stdout.strip()}")

# %%
# 没有守卫时，工作进程重新运行顶层代码，又要启动新的工作进程，所以 Python 在这里报错。
# 主进程随后只说工作进程意外退出，因此要往上翻，先读前一条，它的末尾 ``if __name__ == '__main__'`` 就是改法。
# 后面的 ``freeze_support()`` 不用写，除非要把程序打包成可执行文件。
# 有守卫的脚本正常读出了数据，因为工作进程里的 ``__name__`` 不是 ``"__main__"``。
# 这一页要运行的代码也都写在守卫之下。
#
# 数据集里的发生器
# ----------------
# 几个工作进程轮流交出批次。下面的数据集自己带着一个随机数发生器，每取一个 :term:`样本` 就给出下一个随机数，
# 好比 :term:`数据增强` 时抽到的角度。``n_fetched`` 数一共取了几次。


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


def draw(title, dataset, **options):
    torch.manual_seed(0)
    loader = DataLoader(dataset, batch_size=4, **options)
    numbers = torch.cat([batch for _ in range(2) for batch in loader])
    n_different = len(numbers.unique())
    print(f"{title}: {n_different} different, n_fetched={dataset.n_fetched}")
    return numbers


# %%
# .. predict::
#
#    数据集有 16 个样本，每批 4 个，连续读两 :term:`轮`，共得到 32 个数。``num_workers=2`` 时，其中有几个不同的数？
#
#    - 8 个，因为两个工作进程给出同样的数，第二轮又重复第一轮
#    - 16 个，因为两个工作进程给出同样的数，第二轮接着往下取
#    - 32 个，因为发生器每取一次就给出新的数

if __name__ == "__main__":
    # 新启动的进程导入不到笔记本里的类，所以换成模块里同样的类
    from torchnotes import workers  # torchnotes 在本页的 zip 包里

    drawn = {}
    for n in (0, 2):
        name = f"num_workers={n}"
        drawn[name] = draw(name, workers.NoiseDataset(16), num_workers=n)

# %%
# .. answer:: A
#
#    每一轮开始时，每个工作进程得到数据集的一份副本。
#    每个工作进程每轮取两批，而两份副本里的发生器都从种子 0 开始，所以两个工作进程给出同样的 8 个数。
#    B 错在第二轮。工作进程在一轮结束时关闭，下一轮又从主进程复制，而主进程的发生器一步也没有走。
#    ``n_fetched`` 停在 0，也是因为主进程的那一份没有用过。C 只对 ``num_workers=0`` 成立。
#
# 怎样改
# ------
# ``DataLoader`` 在每一轮给每个工作进程一个不同的种子 ``worker.seed``，它怎样由 ``torch.manual_seed`` 决定，见 :ref:`training-reproducibility`。
# ``random``、``np.random`` 和 PyTorch 的全局发生器，``DataLoader`` 已经在每个工作进程里重设，所以直接从它们取数的数据集不用改，例如写 ``torch.randn(())`` 的。
# 数据集自己的发生器不在其中，所以 ``own_generator`` 用 ``worker.seed`` 换掉副本里的发生器。
# 这里不能用 ``worker_id`` 做种子，因为编号每一轮都是 0 和 1，第二轮又会重复第一轮。


def own_generator(worker_id):  # 每个工作进程启动时调用一次
    worker = get_worker_info()
    worker.dataset.rng = np.random.default_rng(worker.seed)


if __name__ == "__main__":
    drawn["own generator"] = draw(
        "own generator",
        workers.NoiseDataset(16),
        num_workers=2,
        worker_init_fn=workers.own_generator,
    )

# %%

# hide-input: 画图
if __name__ == "__main__":
    fig, axes = plt.subplots(
        3, 1, figsize=(6.5, 4.4), sharex=True, sharey=True, layout="constrained"
    )
    for ax, (name, numbers) in zip(axes, drawn.items(), strict=True):
        ax.plot(numbers, "o-", ms=4, lw=1)
        for start in range(4, 32, 4):
            ax.axvline(start - 0.5, color="0.5", lw=2 if start == 16 else 0.5)
        ax.set_title(name, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[1].set(ylabel="random number")
    axes[2].set(xlabel="position in the two epochs")
    # alt: 三行折线，纵轴相同；第一、三行没有规律，第二行每轮前两批相同、后两批相同，第二轮重复第一轮
    plt.show()

# %%
# 细竖线分开各批，粗竖线分开两轮。中间一行里，每轮的前两批相同，后两批也相同，右半边与左半边相同。
# 换掉发生器以后，32 个数又各不相同。
#
# .. change-it::
#
#    不用 ``own_generator``，改为加上 ``persistent_workers=True``，工作进程就不在每一轮结束时关闭。这时有几个不同的数？

# hide-cell: 工作进程不关闭
if __name__ == "__main__":
    draw(
        "persistent_workers=True",
        workers.NoiseDataset(16),
        num_workers=2,
        persistent_workers=True,
    )

# %%
# .. outcome::
#
#    有 16 个不同的数。工作进程不关闭，副本就一直留着，所以第二轮接着往下取，可是两个工作进程的数仍然相同。
#
# 没有编号的数据流
# ----------------
# ``IterableDataset`` 只会从头往后读，没有编号，所以 ``DataLoader`` 没法给工作进程分配编号，分工要自己写。


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
    for share in (False, True):
        loader = DataLoader(workers.Stream(6, share), batch_size=3, num_workers=2)
        print(f"share={share!s:<5}  {[batch.tolist() for batch in loader]}")

# %%
# 不分工时，两份副本各读一遍，每个样本都来了两次。分工以后，0 号进程取偶数，1 号进程取奇数，合起来正好一遍。
#
# .. real-projects::
#
#    很长的列表也会随着副本占用内存，所以应当存成 NumPy 数组或 :term:`张量`，见下面 ``DataLoader`` 的文档。
#    工作进程用共享内存交出批次，Docker 容器的共享内存默认只有 64 MB，用完时的报错是
#    ``DataLoader worker is killed by signal: Bus error``。启动容器时加 ``--ipc=host`` 或 ``--shm-size``，
#    或者减少工作进程。更多的细节见
#    `DataLoader <https://docs.pytorch.org/docs/stable/data.html>`__ 和
#    `多进程的说明 <https://docs.pytorch.org/docs/stable/multiprocessing.html>`__。
#
# 小结
# ----
# - 规则：每个工作进程得到数据集的一份副本，所以发生器用 ``worker.seed`` 重设，数据流自己分工。
#   工作进程可能再运行一遍顶层代码，所以要运行的代码写在守卫之下。
# - API：``DataLoader(..., worker_init_fn=..., persistent_workers=...)``、``torch.utils.data.get_worker_info``。
# - 下一页：:ref:`pitfalls-broadcasting-bug`
