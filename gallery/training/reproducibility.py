# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-reproducibility:

可复现的训练
============

改了一行代码，验证准确率高了一点。是改动起了作用，还是碰巧？
先要保证同样的代码再运行一次得到同样的数，才能回答这个问题。
程序里已经写了 ``torch.manual_seed(0)``，结果为什么还是会变？

你将学到：

- 判断一行代码会不会改变后面取到的随机数
- 用各自的发生器隔开打乱、验证和 Dropout
- 写出一份固定随机数和算法的配方
"""

import os
import random

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# %%
# 一条公用的随机数流
# ------------------
# :term:`随机种子` 决定一条随机数流的起点，每取一个数，流就前进一步。
# PyTorch 在 CPU 上有一条全局的流，初始权重、``shuffle=True`` 的打乱和 Dropout 默认都从这条流取数。
# Dropout 在训练时随机地把一部分数置零，下面的 ``nn.Dropout(0.2)`` 以 0.2 的概率把每个数置零。
#
# ``fit`` 训练 3 :term:`轮`，返回全部参数。``validate=True`` 时，每轮之后还在验证集上算一遍。
# 加载器也可以有自己的发生器，即 ``torch.Generator``，它是另外一条流。``own_train`` 和 ``own_validation`` 规定两个加载器是否用自己的发生器。
#
# 这一页要启动 :term:`工作进程`，所以要运行的代码都写在 ``if __name__ == "__main__":`` 之下，原因见 :ref:`basics-dataset-dataloader`。


def load():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, validation, _ = order.split([1200, 300, 297])
    return [TensorDataset(images[part], labels[part]) for part in (train, validation)]


def fit(train_data, validation_data, validate, own_train=False, own_validation=False):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss_fn = nn.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(1) if own_train else None
    train_loader = DataLoader(train_data, 60, shuffle=True, generator=generator)
    generator = torch.Generator().manual_seed(2) if own_validation else None
    validation_loader = DataLoader(validation_data, 60, generator=generator)
    for _ in range(3):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if validate:
            model.eval()
            with torch.no_grad():
                for x, _ in validation_loader:
                    model(x)
    return torch.cat([p.detach().flatten() for p in model.parameters()])


if __name__ == "__main__":
    data = load()
    first = fit(*data, validate=False)
    again = fit(*data, validate=False)
    print(f"same code again: equal = {torch.equal(again, first)}")

# %%
# 同样的代码再运行一次，参数逐位相等。现在在每轮之后加上验证。
#
# .. predict::
#
#    验证的加载器用默认的 ``shuffle=False``，而且 ``eval()`` 关掉了 Dropout。加上验证之后，训练出的参数会变吗？
#
#    - 不变，因为验证不打乱、不做 Dropout，也不更新参数。
#    - 会变，因为在验证集上的前向计算会更新参数。
#    - 会变，因为遍历加载器会从全局的流取数。


if __name__ == "__main__":
    before = torch.get_rng_state()
    batches = list(DataLoader(data[1], batch_size=60))
    moved = not torch.equal(before, torch.get_rng_state())
    print(f"{len(batches)} batches read in order: global stream moved = {moved}")

    for own_train, own_validation in ((False, False), (True, False), (True, True)):
        runs = [fit(*data, v, own_train, own_validation) for v in (False, True)]
        print(f"{own_train=!s:<5}  {own_validation=!s:<5}  ", end="")
        print(f"with and without validation: equal = {torch.equal(*runs)}")

# %%
# .. answer:: C
#
#    第一行显示，按次序遍历一遍加载器，全局的流就前进了。加载器每次开始遍历，都取一个数留作工作进程的种子，没有工作进程也照取。
#    A 只看到了验证本身的计算，没有看到加载器取的这个数。B 不对，没有 ``optimizer.step()``，参数就不会更新。
#
# 只给训练的加载器一个发生器还不够，因为 Dropout 仍然用全局的流，而验证的加载器还在从这条流取数。
# 两个加载器都有自己的发生器，加不加验证，参数才逐位相等。
#
# .. change-it::
#
#    如果多取的那个数在 ``fit`` 之前，也就是在设种子之前，结果会变吗？先猜，再看下面的运行结果。

# hide-cell: 设种子之前多取一个数
if __name__ == "__main__":
    torch.rand(1)
    after = fit(*data, validate=False)
    print(f"drawn before seeding: equal = {torch.equal(after, first)}")

# %%
# 工作进程的个数
# --------------
# ``num_workers=0`` 时，样本在主进程里处理，随机操作从主进程的全局流取数。
# 有工作进程时，每个工作进程有自己的流，种子是加载器取的那个数加上工作进程的编号。
#
# 下面让加载器对每张图做 Dropout，随机抹掉一半的像素。
# ``collate_fn`` 是加载器用来处理样本的函数，这里直接用 ``nn.functional.dropout``。
# 加载器的发生器总是同一个种子，全局的种子则取 0 和 1 各运行一次。


def mask_images(images, num_workers, global_seed):
    torch.manual_seed(global_seed)
    loader = DataLoader(
        images,
        batch_size=None,  # 一次一张，不拼成批次
        collate_fn=nn.functional.dropout,
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(0),
    )
    return torch.stack(list(loader))


if __name__ == "__main__":
    white = torch.ones(5, 64)  # 五张全白的图，只看哪些像素被抹掉
    masks = {n: mask_images(white, n, global_seed=0) for n in (0, 1, 2)}
    print(
        "num_workers  equal again  equal at another global seed  images as with 1 worker"
    )
    for n in masks:
        again = torch.equal(mask_images(white, n, global_seed=0), masks[n])
        other = torch.equal(mask_images(white, n, global_seed=1), masks[n])
        same = (masks[n] == masks[1]).all(dim=1).sum()
        print(f"{n:>11}  {again!s:>11}  {other!s:>28}  {same:>18} of 5")

# %%

# hide-input: 画图
if __name__ == "__main__":
    fig, axes = plt.subplots(3, 5, figsize=(6, 4), layout="constrained")
    for row, n in zip(axes, masks, strict=True):
        for i, ax in enumerate(row):
            ax.imshow(masks[n][i].view(8, 8).numpy(), cmap="Blues", vmin=-1, vmax=3)
            ax.set_title(f"worker {i % n}" if n else "main process", fontsize=9)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"num_workers={n}")
    # alt: 三行各五张随机的格子图。第一行与另外两行都不同。第二、三行的第一张相同，第三行的第 3、5 张等于第二行的第 2、3 张
    plt.show()

# %%
# 浅色的格子是被抹掉的像素。个数不变，结果就逐位相等。个数从 1 变成 2，只有第一张图不变，因为两个工作进程轮流取图。
# 第三行的第 1、3、5 张归 0 号工作进程，它们等于第二行的前三张。第三行的另外两张归 1 号，种子不同。
#
# 个数是 0 时，结果随全局的种子变化，加载器的发生器管不到它。所以 ``num_workers`` 也要写进实验记录。
#
# 不确定的运算
# ------------
# 随机数都固定了，运算本身也可能不确定，因为浮点加法的结果与相加的次序有关。
# 多个线程同时相加、或者同时写入一个位置时，次序可能每次不同。
# ``torch.use_deterministic_algorithms(True)`` 改用次序固定的算法，没有这样的算法就报错。
#
# 下面的 ``put_`` 按位置写入，``max_unpool`` 把池化后的数放回原来的位置，``index_add_`` 按位置累加。

if __name__ == "__main__":
    a, b, c = torch.tensor([1e8, -1e8, 1.0])
    print(f"(a + b) + c = {(a + b) + c:.0f}, a + (b + c) = {a + (b + c):.0f}")

    i, v = torch.tensor([0, 0]), torch.tensor([1.0, 2.0])  # 同一个位置写两次
    F = nn.functional
    operations = {
        "index_add_": lambda: torch.zeros(3).index_add_(0, i, v),
        "put_": lambda: torch.zeros(3).put_(i, v),
        "max_unpool1d": lambda: F.max_unpool1d(v.view(1, 2), i.view(1, 2), 2),
        "max_unpool2d": lambda: F.max_unpool2d(v.view(1, 1, 2), i.view(1, 1, 2), 2),
        "max_unpool3d": lambda: F.max_unpool3d(
            v.view(1, 1, 1, 2), i.view(1, 1, 1, 2), 2
        ),
    }
    torch.use_deterministic_algorithms(True)
    for name, operation in operations.items():
        try:
            operation()
            print(f"{name:<12}  runs")
        except RuntimeError as error:
            print(f"{name:<12}  {str(error).split(', but')[0]}")
    torch.use_deterministic_algorithms(False)

# %%
# 第一行里相加的次序不同，结果就不同。后几行里同一个位置写了两次，留下哪一个取决于次序，所以 ``put_`` 和三种 ``max_unpool`` 在 CPU 上就报错。
# GPU 上受影响的运算更多，文档里有完整的名单。这个开关只管运算，不管随机数，所以前两节的问题仍要自己处理。
#
# 一份配方
# --------
# 程序一开始调用下面的函数，再给每个加载器一个自己的发生器，并固定 ``num_workers``。


def make_reproducible(seed):
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # 要在用 GPU 之前设
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # CPU 和所有的 GPU
    torch.backends.cudnn.benchmark = False  # 不靠计时挑选卷积的算法
    torch.use_deterministic_algorithms(True)


if __name__ == "__main__":
    make_reproducible(seed=0)
    runs = [fit(*data, validate, True, True) for validate in (False, True)]
    print(f"the recipe, with and without validation: equal = {torch.equal(*runs)}")

# %%
# .. real-projects::
#
#    ``cudnn.benchmark`` 和 ``CUBLAS_WORKSPACE_CONFIG`` 只对 NVIDIA 的 GPU 起作用，后者只有较旧的版本才要求设置。
#    即使全部照做，换一种 GPU、换一个 PyTorch 版本，末位仍可能不同，所以这些也要记录。
#    接口见 `torch.use_deterministic_algorithms <https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html>`__，完整的说明见 `Reproducibility <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__。
#
# 小结
# ----
# - 规则：固定种子、每个加载器的发生器、工作进程的个数、设备和版本，结果才可能逐位相同。
# - API：``torch.manual_seed``，``torch.Generator``，``DataLoader(generator=...)``，``torch.use_deterministic_algorithms``。
# - 下一页：:ref:`training-hooks`
