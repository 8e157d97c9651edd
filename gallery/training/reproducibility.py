# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-reproducibility:

可复现的训练
============

给训练程序加上一次验证，训练出来的参数就变了。
验证不更新参数，``torch.manual_seed(0)`` 也没有改。差别从哪里来？

你将学到：

- 找出一段程序从哪里取随机数
- 判断工作进程数和线程数会不会改变结果
- 写出固定随机数和算法的函数，并检查它起了作用
"""

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
# :term:`随机种子` 决定一条随机数流从哪里开始，每取一个数，这条流就前进一步。PyTorch 在 CPU 上有一条全局的流。初始权重、``shuffle=True`` 的打乱和 Dropout 默认都从它取数。Dropout 在训练时以概率 p 把每个数置零，其余的乘以 1/(1−p)，评估时什么也不做。加载器也可以用一条单独的流，只要把一个 ``torch.Generator`` 传给它的 ``generator`` 参数。
#
# 下面的 ``fit`` 训练 3 :term:`轮`，返回全部参数。``validate=True`` 时，每轮之后在验证集上算一遍。后两个参数给出种子时，对应的加载器就用单独的发生器。本页要启动 :term:`工作进程`，所以除了准备数据和定义函数，要运行的代码都写在 ``if __name__ == "__main__":`` 之下，原因见 :ref:`basics-dataset-dataloader`。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train_data = TensorDataset(images[train], labels[train])
validation_data = TensorDataset(images[validation], labels[validation])
loss_fn = nn.CrossEntropyLoss()


def make_loader(data, seed=None, shuffle=False):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return DataLoader(data, batch_size=60, shuffle=shuffle, generator=generator)


def fit(validate, p=0.2, train_seed=None, validation_seed=None):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(p), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train_loader = make_loader(train_data, seed=train_seed, shuffle=True)
    validation_loader = make_loader(validation_data, seed=validation_seed)
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
    return torch.cat([w.detach().flatten() for w in model.parameters()])


if __name__ == "__main__":
    torch.manual_seed(0)
    first = fit(validate=False)
    torch.manual_seed(0)
    again = fit(validate=False)
    torch.manual_seed(0)
    validated = fit(validate=True)
    print(f"run again:       equal = {torch.equal(again, first)}")
    print(f"with validation: equal = {torch.equal(validated, first)}")

# %%
# 同样的代码再运行一次，参数逐位相等。加上验证，参数就不再相等。
#
# .. predict::
#
#    只做下面的一处改动，再比较加验证与不加验证的两次训练。哪一处改动能让两次的参数逐位相等？
#
#    - 给训练的加载器单独的发生器，因为只有它打乱次序。
#    - 去掉 Dropout，因为前向计算里只有它取随机数。
#    - 给验证的加载器单独的发生器，因为遍历它也会取随机数。


def compare(name, **changes):
    runs = []
    for validate in (False, True):
        torch.manual_seed(0)
        runs.append(fit(validate, **changes))
    print(f"{name:<24}  equal = {torch.equal(*runs)}")


if __name__ == "__main__":
    compare("A training generator", train_seed=1)
    compare("B no dropout", p=0.0)
    compare("C validation generator", validation_seed=2)
    compare("A and B", train_seed=1, p=0.0)

    torch.manual_seed(0)
    print(f"next number, at once:           {torch.rand(()):.4f}")
    torch.manual_seed(0)
    list(make_loader(validation_data))  # 遍历一遍
    print(f"next number, after the loader:  {torch.rand(()):.4f}")
    torch.manual_seed(0)
    torch.empty((), dtype=torch.int64).random_()  # 取一个整数
    print(f"next number, after one integer: {torch.rand(()):.4f}")

# %%
# .. answer:: C
#
#    最后三行是接着取的下一个数。遍历验证集以后它变了，与取走一个整数以后相同，所以按次序遍历也从全局的流取走一个整数。加载器每次开始遍历都取这个数，留作工作进程的种子，没有工作进程也照取。给了单独的发生器，它就从那个发生器取，所以训练用到的随机数不变。
#    A 漏了 Dropout，它用的随机数仍在全局的流里，排在多取的数之后。B 漏了打乱，道理相同。A 和 B 的改动一起做，参数也逐位相等。
#
#    这三行也是查找的方法。设好种子，运行要查的一段代码，再取一个数。如果它与不运行那段代码时不同，那段代码就从全局的流取过数。
#
# .. change-it::
#
#    不加验证，在 ``fit`` 之前建一个不用的 ``nn.Linear(64, 64)``，参数会变吗？改在设种子之前建呢？

# hide-cell: 多建一个不用的层
if __name__ == "__main__":
    torch.manual_seed(0)
    nn.Linear(64, 64)
    print(f"layer after the seed:  equal = {torch.equal(fit(validate=False), first)}")
    nn.Linear(64, 64)
    torch.manual_seed(0)
    print(f"layer before the seed: equal = {torch.equal(fit(validate=False), first)}")

# %%
# .. outcome::
#
#    这个层的初始权重也从全局的流取数，所以在设种子之后建它，``fit`` 取到的就是后面的数。
#    在设种子之前建它没有影响，因为 ``manual_seed`` 让流回到起点。
#
# 工作进程数
# ----------
# 数据增强也要取随机数。下面用 Dropout 代替增强。加载器拼批次的函数 ``collate_fn`` 换成 ``nn.functional.dropout``，它与 ``nn.Dropout`` 做同样的计算，默认 p 是 0.5。这些随机数从全局的流取，还是由加载器的发生器决定？下面一次只改一个种子，看五张图是否与不改时相同。


def drop_pixels(num_workers, global_seed=0, loader_seed=0):
    torch.manual_seed(global_seed)
    loader = DataLoader(
        torch.ones(5, 64),  # 五张全白的图
        batch_size=None,  # 一次取一张
        collate_fn=nn.functional.dropout,
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(loader_seed),
    )
    return torch.stack(list(loader))


if __name__ == "__main__":
    dropped = {n: drop_pixels(n) for n in (0, 1, 2)}
    print("         images equal to the first run")
    print("workers  run again  other global seed  other loader seed")
    for n, base in dropped.items():
        again = torch.equal(drop_pixels(n), base)
        other_global = torch.equal(drop_pixels(n, global_seed=1), base)
        other_loader = torch.equal(drop_pixels(n, loader_seed=1), base)
        print(f"{n:>7}  {again!s:>9}  {other_global!s:>17}  {other_loader!s:>17}")

# %%

# hide-input: 画图
if __name__ == "__main__":
    fig, axes = plt.subplots(3, 5, figsize=(6, 3.6), layout="constrained")
    for row, (n, base) in zip(axes, dropped.items(), strict=True):
        row[0].set_ylabel(f"workers={n}")
        for i, ax in enumerate(row):
            ax.imshow(base[i].view(8, 8), cmap="gray")
            ax.set(xticks=[], yticks=[], title=f"image {i + 1}" if n == 0 else "")
    # alt: 三行五列黑白的小图；两个工作进程的第 1、3、5 张，依次与一个工作进程的第 1、2、3 张相同
    plt.show()

# %%
# 没有工作进程时，``collate_fn`` 在主进程里运行，所以结果只随全局的种子变化。有工作进程时，它在工作进程里运行。每个工作进程有自己的流，种子是加载器取的那个整数加上工作进程的编号，所以结果只随加载器的种子变化。没有给加载器单独的发生器时，这个整数从全局的流取，结果就又随全局的种子变化。
#
# 图里的黑色是置零的像素，它们随工作进程数改变。两个工作进程轮流取图，第三张是 0 号工作进程第二次取数。0 号的种子不随工作进程数改变，所以这一张与一个工作进程时的第二张相同。
#
# 线程数和算法
# ------------
# 浮点加法的结果与相加的次序有关，而几个线程分头相加时，次序与一个线程时不同。``torch.use_deterministic_algorithms(True)`` 让 PyTorch 只用次序固定的算法，没有这样的算法就报错。
# 它管得到线程数吗？

if __name__ == "__main__":
    a, b, c = torch.tensor([1e8, -1e8, 1.0])
    print(f"(a + b) + c = {(a + b) + c:.0f}, a + (b + c) = {a + (b + c):.0f}")

    torch.use_deterministic_algorithms(True)
    numbers = torch.rand(1_000_000, generator=torch.Generator().manual_seed(0))
    for threads in (1, 2):
        torch.set_num_threads(threads)
        first, again = numbers.sum(), numbers.sum()
        print(f"threads={threads}: sum {first:.4f}, again {again:.4f}")

    try:
        torch.zeros(3).put_(torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))
    except RuntimeError as error:
        print(f"{type(error).__name__}: {str(error).split(', but')[0]}")
    torch.use_deterministic_algorithms(False)

# %%
# 第一行只换了三个数相加的次序，和就不是 1 而是 0。线程数相同时，两次的和相同。线程数不同，和就不同，打开开关也是这样。按位置写入的 ``put_`` 则报错，虽然这里的两个位置并不重复。它在 `文档的名单 <https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html>`__ 里，名单上的多数运算只在 GPU 上受影响。
#
# 一个函数和它的检查
# ------------------
# 程序一开始调用下面的函数。为了检查它，下面每一行都取随机数、训练一次，前两行在这之前调用它，最后一行不调用。


def make_reproducible(seed):
    random.seed(seed)
    np.random.seed(seed)  # 只管 np.random，不管 default_rng
    torch.manual_seed(seed)  # CPU 和所有的 GPU
    torch.backends.cudnn.benchmark = False  # 不靠计时挑选卷积的算法
    torch.use_deterministic_algorithms(True)


if __name__ == "__main__":
    for called in (True, True, False):
        if called:
            make_reproducible(seed=0)
        numbers = f"{random.random():.4f}, {np.random.rand():.4f}, {torch.rand(()):.4f}"
        weights = fit(validate=True, validation_seed=2)
        print(f"called={called!s:<5}  {numbers}, weights {weights.sum():.4f}")
    print(f"deterministic: {torch.are_deterministic_algorithms_enabled()}")

# %%
# 前两行打印的数全都相同，所以三个库的随机数和训练都重做了一遍。最后一行全都不同，这说明检查能发现漏掉的调用。最后的 ``True`` 表示只用确定算法的开关打开了。
#
# .. real-projects::
#
#    固定种子以后，一次运行可以重做，但这不说明它的结果好。要判断一处改动有没有用，仍要比较几个种子。没有确定算法的运算报错时，可以换一种运算，或写 ``use_deterministic_algorithms(True, warn_only=True)``，这样只发警告，但结果不再有保证。
#    接口见 `torch.use_deterministic_algorithms <https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html>`__，GPU 和不同版本的限制见 `Reproducibility <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__。
#
# 小结
# ----
# - 规则：多取一个随机数，同一条流里后面的数就都变了，所以除了固定种子，还要给新增的加载器单独的发生器。工作进程数和线程数也会改变结果，要与设备和版本一起记下来。
# - API：``torch.manual_seed``，``torch.Generator``，``DataLoader(generator=...)``，``torch.set_num_threads``，``torch.use_deterministic_algorithms(True)``。
# - 下一页：:ref:`training-hooks`
