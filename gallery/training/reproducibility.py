# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-reproducibility:

可复现的训练
============

同样的代码再运行一次，应当得到同样的数，否则分不清变好靠的是改动还是运气。
只写一行 ``torch.manual_seed(0)`` 往往不够。这一页逐一找出让 :term:`可复现性` 失效的地方：
谁动了随机数，:term:`工作进程` 用什么 :term:`随机种子`，哪些运算本身就不确定。

你将学到：

- 全局随机数流为什么一碰就错位，怎样用 ``torch.Generator`` 分开
- 工作进程的个数怎样改变随机数
- ``torch.use_deterministic_algorithms`` 管什么，不管什么
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

# %%
# 一条公用的流
# ------------
# 初始权重、打乱的次序、Dropout 都从同一条全局随机数流里取数。下面的训练从这条流取初始权重和打乱的次序；
# ``extra=True`` 时，中间多取一个随机数，好比加了一行“无关”的代码。
#
# 这一页要开工作进程，所以会运行的代码都写在 ``if __name__ == "__main__":`` 之下，
# 原因见 :ref:`basics-dataset-dataloader`。


def load():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
    return images[:1000], torch.tensor(digits.target[:1000])


def fit(images, labels, extra=False, generator=None):
    """训练 5 轮，返回最后的全部权重。"""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if extra:
        torch.rand(1)
    for _ in range(5):
        for batch in torch.randperm(1000, generator=generator).split(50):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return nn.utils.parameters_to_vector(model.parameters()).detach()


if __name__ == "__main__":
    images, labels = load()
    first = fit(images, labels)
    print(f"again: equal = {torch.equal(fit(images, labels), first)}")
    shifted = fit(images, labels, extra=True)
    print(f"one more draw: equal = {torch.equal(shifted, first)}")

# %%
# 同样的种子，逐位相等。多取一个数，之后的每一次打乱都错开一格，结果就不同了：
# 种子没变，变的是轮到谁取数。
#
# 给打乱一个自己的 ``Generator``，别人取多少都不影响它：

if __name__ == "__main__":
    runs = []
    for extra in (False, True):
        generator = torch.Generator().manual_seed(1)
        runs.append(fit(images, labels, extra=extra, generator=generator))
    print(f"own generator, one more draw: equal = {torch.equal(*runs)}")

# %%
# 谁在偷偷取数
# ------------
# .. admonition:: 先猜一猜
#
#    ``shuffle=False`` 的 ``DataLoader`` 按次序取样本，没有什么是随机的。
#    遍历它一遍，全局随机数流会前进吗？

if __name__ == "__main__":
    for generator in (None, torch.Generator()):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        for _ in DataLoader(images, batch_size=50, shuffle=False, generator=generator):
            pass
        name = "global" if generator is None else "own"
        moved = not torch.equal(before, torch.get_rng_state())
        print(f"{name} generator: global stream moved = {moved}")

# %%
# 会。每次遍历开始，``DataLoader`` 都先取一个数，留给工作进程作种子，没有工作进程也照取。
# 所以训练中途加一次验证，就会改变之后的打乱次序。给它自己的 ``generator``，就不再碰全局流。
#
# 工作进程
# --------
# 每个工作进程的种子，是刚才取的那个数加上自己的编号。把 ``nn.functional.dropout`` 当作 ``collate_fn``，
# 让工作进程随机抹掉一半的像素（它在模块里，工作进程按名字就能导入）。
# 发生器的种子都是 0，只有工作进程的个数不同。
# 数据集自带发生器的情形见 :ref:`pitfalls-dataloader-workers`。


def masked(images, num_workers):
    """在工作进程里做 Dropout，返回全部结果。"""
    loader = DataLoader(
        images,
        batch_size=None,  # 一次一张，不拼批次
        collate_fn=nn.functional.dropout,
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(0),
    )
    return torch.stack(list(loader))


if __name__ == "__main__":
    same = torch.ones(5, 64)  # 五张全白的图，只看被抹掉的是哪些像素
    masks = {n: masked(same, num_workers=n) for n in (1, 2)}
    print(f"2 workers, again: equal = {torch.equal(masked(same, 2), masks[2])}")
    equal = (masks[1] == masks[2]).all(dim=1)
    print(f"1 and 2 workers, image by image: {equal.tolist()}")

    fig, axes = plt.subplots(2, 5, figsize=(6.5, 3), layout="constrained")
    for row, n in zip(axes, masks, strict=True):
        for i, ax in enumerate(row):
            ax.imshow(masks[n][i].view(8, 8).numpy(), cmap="Blues", vmin=-1, vmax=3)
            ax.set(xticks=[], yticks=[], title=f"worker {i % n}")
        row[0].set_ylabel(f"num_workers={n}")
    # alt: 两行各五张随机的格子图。第一张上下相同；下面一行的第 3、5 张，等于上面一行的第 2、3 张
    plt.show()

# %%
# 个数相同，结果逐位相同；个数变了，只有第一张相同。两个工作进程轮流取图：
# 下面一行的第 1、3、5 张都归 0 号，正好是上面一行的第 1、2、3 张；其余归 1 号，种子不同。
# 所以 ``num_workers`` 也要写进实验记录。
#
# 工作进程里的 PyTorch、``random`` 和 NumPy 的全局流，PyTorch 都替你设了种子。
# 自己建的发生器（例如存在数据集里的 ``numpy.random.default_rng``）则原样复制给每个工作进程，
# 各进程取到同样的数；应当在 ``worker_init_fn`` 里按编号另设。
#
# 不确定的运算
# ------------
# 浮点加法不满足结合律，相加的次序不同，结果就可能不同：

if __name__ == "__main__":
    a, b, c = torch.tensor([1e8, -1e8, 1.0])
    print(f"(a + b) + c = {(a + b) + c:.0f}   a + (b + c) = {a + (b + c):.0f}")

# %%
# 因此线程数不同、CPU 或 GPU 不同、PyTorch 的版本不同，求和的次序都可能不同，末位也就可能不同。
# 有些运算在同一台机器上也不保证次序。``use_deterministic_algorithms(True)`` 让它们改用确定的算法，
# 没有确定的算法就报错：

if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    try:  # 第 0 个位置写两次，留下 1 还是 2？
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    except RuntimeError as error:
        print(f"{type(error).__name__}: {str(error).split(', but')[0]}")
    torch.use_deterministic_algorithms(False)

# %%
# ``use_deterministic_algorithms`` 主要管 GPU 上的运算。它不管种子，也不管次序：前面三种错位，它一种也不会提醒。
#
# 改一改：把 ``fit`` 里的 ``torch.rand(1)`` 移到 ``manual_seed`` 之前，
# 先猜 ``one more draw`` 一行会变成什么，再运行。
#
# 小结
# ----
# - 规则：种子、每个用处各自的发生器、工作进程的个数、版本与设备，都固定下来才谈得上逐位相同。
# - API：``torch.manual_seed``；``torch.Generator().manual_seed(0)`` 交给 ``DataLoader(generator=...)``；
#   ``torch.use_deterministic_algorithms(True)``。
# - 下一页：:ref:`training-hooks`
