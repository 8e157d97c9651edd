# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
r"""
.. _training-initialization:

初始化与信号大小
================

把一个学得好的网络从 3 层加深到 20 层，别的都不改，训练几轮后它可能还在乱猜。能不能在训练之前，从 :term:`初始化` 后的网络里就看出来？怎样看？

你将学到：

- 算出信号每过一层变成原来的几倍
- 量出一个网络的信号和 :term:`梯度` 有没有传到另一头
- 为深的 ReLU 网络选择初始化
"""

import math
from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# 线性层有 :math:`n` 个输入。偏置为 0，权重相互独立、均值为 0 时，它的一个输出 :math:`z` 是 :math:`n` 个独立的乘积之和，方差取决于 :math:`\operatorname{E}[x^2]`，也就是输入平方的平均：
#
# .. math::
#
#    \operatorname{Var}(z) = n \, \operatorname{Var}(w) \, \operatorname{E}[x^2]
#
# ReLU 再把一半的平方变成 0，所以下一层的 :math:`\operatorname{E}[x^2]` 是 :math:`\operatorname{Var}(z)/2`。两步合起来，每
# 过一层，均方根（平方的平均值再开方）就乘以 :math:`\sqrt{n \operatorname{Var}(w) / 2}`。层数一多，这个倍数就连乘很多次：

n = 256
for std in (1, 0.01, math.sqrt(1 / n), math.sqrt(2 / n)):
    factor = math.sqrt(n * std**2 / 2)
    print(f"std {std:.4f}: times {factor:7.4f} per layer, {factor**20:.0e} in 20")

# %%
# 四个标准差中，只有 :math:`\sqrt{2/n}` 既不放大也不缩小信号，这就是 Kaiming 初始化。输入和输出的个数相同时，Xavier 初始化的
# 标准差是 :math:`\sqrt{1/n}`，它没有把 ReLU 去掉的一半补回来。
#
# 下面在 20 层的网络里量三样。“size”是一层输出的均方根。“spread”是第 20 层的输出随输入改变多少，即每个单元在 500 个输入之间
# 的标准差，再对单元取平均。最后从输出端送回均方根约为 1 的随机梯度，量它传到输入时的均方根。
#
# .. predict::
#
#    ``nn.Linear`` 的默认初值，权重的方差是 :math:`1/(3n)`，偏置也是随机的。输入经过 20 个带 ReLU 的层以后，还剩下什么？
#
#    - 输出和输入差不多大，因为默认值应当适合多数网络
#    - 输出几乎不随输入改变，因为每层的倍数小于 1
#    - 输出大到溢出，因为每层都有 256 个乘积相加


def build(initialize, width, depth, seed=0):
    torch.manual_seed(seed)
    layers = [nn.Linear(width, width) for _ in range(depth)]
    for layer in layers:
        if initialize is not None:  # None：保留默认初值
            initialize(layer.weight)
            nn.init.zeros_(layer.bias)
    return layers


def rms(values):
    return values.double().square().mean().sqrt().item()  # float32 装不下这些平方


def measure(initialize, activation):
    layers = build(initialize, width=n, depth=20)
    x = torch.randn(500, n, requires_grad=True)
    sizes, h = [], x
    for layer in layers:
        h = activation(layer(h))
        sizes.append(rms(h))
    spread = h.std(dim=0).mean().item()
    (h * torch.randn_like(h)).sum().backward()  # 输出的梯度就是这些随机数
    return sizes, spread, rms(x.grad)


initializations = {
    "normal, std 1": partial(nn.init.normal_, std=1.0),  # 先填好 std
    "normal, std 0.01": partial(nn.init.normal_, std=0.01),
    "Xavier": nn.init.xavier_normal_,
    "Kaiming": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "PyTorch default": None,
    "default, bias 0": lambda weight: weight,  # 权重不动，只有偏置变成 0
}


def report(activation):
    results = {}
    print("initialization     size 1  size 20   spread  gradient at the input")
    for name, initialize in initializations.items():
        sizes, spread, gradient = measure(initialize, activation)
        print(f"{name:<16}  {sizes[0]:>7.1e}  {sizes[-1]:>7.1e}", end="")
        print(f"  {spread:>7.1e}  {gradient:>5.0e}")
        results[name] = sizes
    return results


results = report(torch.relu)

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.8, 3.9), layout="constrained")
for i, (name, sizes) in enumerate(results.items()):
    ax.plot(range(1, 21), sizes, "o-", ms=3, color=f"C{i}")
    above = {"Kaiming": 6, "default, bias 0": 30, "Xavier": 0.1}.get(name, 1)
    ax.annotate(name, (20.4, sizes[-1] * above), color=f"C{i}", va="center")
ax.set(xlabel="layer", ylabel="size", yscale="log")
ax.set(xlim=(0.5, 27), xticks=(1, 5, 10, 15, 20))
# alt: 纵轴是对数，从 1e-20 到 1e20。标准差 1 的直线上升，0.01 的直线下降，Xavier 缓缓下降，Kaiming 水平，PyTorch 默认值先下降，再在 0.03 附近走平，偏置为 0 时一直下降
plt.show()

# %%
# .. answer:: B
#
#    默认初值的 spread 只有 7.2e-09，第 20 层的 size 也只有 2.7e-02，所以 A 不成立。C 不成立，第 1 层的 size 是 4.1e-01，与 :math:`\sqrt{1/6}` 相近，而不是大于 1。传回输入的梯度也只剩 2e-08，这叫 :term:`梯度消失`。
#
#    第 20 层的 size 仍比 spread 大得多。最后一行用同样的权重，只把偏置设成 0，size 就降到 1.8e-08，可见那 2.7e-02 来自 :term:`偏置`，而不是输入。所以不能只看输出有多大，还要看它随不随输入改变。Kaiming 那一行的信号和梯度都没有消失。
#
# 偏置为 0 的五行里，“size 1”与前面算出的倍数相近，图里的线也近似直线。纵轴取了对数，直线说明每层的倍数相同。默认初值的线先降后平，因为信号缩小以后，剩下的是偏置。
#
# .. change-it::
#
#    把 ``report(torch.relu)`` 改成 ``report(torch.tanh)``，tanh 的输出总在 −1 与 1 之间。“normal, std 1”的那一行还会爆炸吗？

# hide-cell: tanh
report(torch.tanh)

# %%
# .. outcome::
#
#    输出不再爆炸，传回输入的梯度却是几十亿，所以两个方向都要量。Xavier 和 Kaiming 在 tanh 网络里，两个方向都没有消失，也没有爆炸，而默认初值的 spread 仍然只有 1.1e-05。

# %%
# 全零为什么不行
# --------------
# .. predict::
#
#    把所有的权重和偏置都设成 0，训练 100 步。哪些参数会改变？
#
#    - 全部参数，因为梯度下降会把它们从 0 推开
#    - 没有一个，因为全零的网络没有梯度
#    - 只有最后一层的偏置，因为别处的梯度都是 0

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def train_constant(value):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for rows in train.split(12):  # 1200 张，正好 100 步
        loss = loss_fn(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


start = 0.0
for name, parameter in train_constant(start).named_parameters():
    print(f"{name:<9} largest change {(parameter.detach() - start).abs().max():.3f}")

# %%
# .. answer:: C
#
#    隐藏层的输出是 0，所以最后一层权重的梯度是 0。最后一层的权重是 0，所以传到前面各层的梯度也是 0，A 不成立。最后一层偏置的梯度不受这两个 0 的影响，它变了 0.051，所以 B 不成立。
#
# .. change-it::
#
#    把 ``start = 0.0`` 改成 ``start = 0.1``，所有参数就都从 0.1 开始。这时前面各层的梯度不再是 0，32 个隐藏单元会学到不同的权重吗？

# hide-cell: 全是 0.1
weight = train_constant(0.1)[1].weight.detach()  # (32, 64)，一行是一个隐藏单元
print(f"largest change: {(weight - 0.1).abs().max():.3f}")
print(f"largest difference from unit 0: {(weight - weight[0]).abs().max():.0e}")

# %%
# .. outcome::
#
#    权重变了，但是各个单元在前后两层的权重都从相同的值开始，得到的梯度也相同，所以一直相同，32 个单元只抵一个。初值要使各个单元不同，随机的初值就能做到。

# %%
# 训练差多少
# ----------
# 用手写数字训练 5 轮，隐藏层有 3 层或 20 层，每层 64 个单元，比较验证 :term:`准确率`。训练之前，先量最后一个隐藏层的 spread。“±”后面是五个种子的标准差：


def spread_and_accuracy(initialize, depth, seed):
    layers = build(initialize, width=64, depth=depth, seed=seed)
    hidden = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())])
    model = nn.Sequential(nn.Flatten(), hidden, nn.Linear(64, 10))
    model.train()
    with torch.no_grad():
        spread = model[:2](images[train]).std(dim=0).mean()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(5):
        for batch in train[torch.randperm(len(train))].split(100):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(images[validation]).argmax(dim=1) == labels[validation]
    return spread, right.float().mean()


print("means of 5 seeds           spread  accuracy")
for depth in (3, 20):
    for name in ("PyTorch default", "Xavier", "Kaiming"):
        initialize = initializations[name]
        runs = [spread_and_accuracy(initialize, depth, seed) for seed in range(5)]
        spread, right = torch.tensor(runs).T
        print(f"{depth:>2} layers, {name:<15}  {spread.mean():.1e}", end="")
        print(f"  {right.mean():.2f} ± {right.std():.2f}")

# %%
# 3 层时，三种初始化都至少有 0.86。20 层时，默认初值与乱猜一样，Xavier 是 0.26，Kaiming 有 0.75。
# 训练之前的 spread 不小于 1.1e-02 的四行，5 轮之后至少有 0.75，spread 不超过 6.7e-05 的两行最多 0.26。
# 层数相同时，spread 越小，平均准确率也越低。
# 层数不同就不能这样比，例如 3 层默认初值的 spread 小于 20 层 Kaiming 的，准确率却更高。
#
# .. real-projects::
#
#    默认权重由 ``kaiming_uniform_(weight, a=math.sqrt(5))`` 给出，方差却是 :math:`1/(3n)`，而不是 :math:`2/n`。
#    很深的网络还用 :ref:`归一化 <training-normalization>` 和残差连接保持信号的大小。
#    函数列在 `torch.nn.init <https://docs.pytorch.org/docs/stable/nn.init.html>`__，:math:`\sqrt{2/n}` 出自 `He 等人的论文 <https://arxiv.org/abs/1502.01852>`__。
#
# 小结
# ----
# - 规则：深的 ReLU 网络用 Kaiming 初始化。训练之前先送一批输入进去，看最后一个隐藏层的 spread 和传回输入的梯度有没有小了或大了好几个数量级。
# - API：``nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")`` 用于 ReLU，``nn.init.zeros_(layer.bias)`` 用于偏置。
# - 下一页：:ref:`training-optimizers-compared`
