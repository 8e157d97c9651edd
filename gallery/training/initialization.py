# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
r"""
.. _training-initialization:

初始化与信号大小
================

:term:`初始化` 决定信号第一遍穿过网络时有多大。每一层把信号放大或缩小一点，二十层乘起来，
不是冲到天文数字就是消失。这一页把同一批随机输入送进 20 层的网络，换五种初值，
逐层量输出的标准差，再看 :term:`梯度` 和训练各受多大影响。

你将学到：

- 一层把方差放大多少倍，怎样由此得出 Xavier 和 Kaiming 初始化
- 全零初值为什么永远学不会
- PyTorch 的默认初值适合浅的网络，深的 ReLU 网络要自己初始化
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 一层放大多少倍
# --------------
# 线性层的一个输出是 :math:`n` 个乘积之和。权重独立、均值为 0 时，
#
# .. math::
#
#    \operatorname{Var}(z) = n \, \operatorname{Var}(w) \, \operatorname{E}[x^2]
#
# ReLU 再把一半的平方去掉：下一层的 :math:`\operatorname{E}[x^2]` 是 :math:`\operatorname{Var}(z)/2`。
# 所以每过一层，均方值乘以 :math:`n \operatorname{Var}(w) / 2`。
# 取 :math:`n = 256`，权重的标准差分别是 1、0.01 和 :math:`\sqrt{2/n}`：

n = 256
for std in (1, 0.01, math.sqrt(2 / n)):
    factor = math.sqrt(n * std**2 / 2)
    print(f"std {std:.4f}: factor {factor:7.4f} a layer, {factor**20:.1e} in 20 layers")

# %%
# 256 个输入时，标准差 1 的权重每层放大 11 倍，0.01 的每层缩小 9 倍。
# 只有 :math:`\sqrt{2/n}` 不增不减，这就是 Kaiming 初始化。
# 不考虑 ReLU，就得到 :math:`\sqrt{1/n}`，输入输出个数相同时正是 Xavier 初始化：
# 在 ReLU 网络里，它每层缩小 :math:`\sqrt 2` 倍。
#
# 量一量
# ------
# 五种初值，各建 20 层，送进 500 个标准正态的输入，记下每层输出的标准差；
# 再从输出往回传一个标准正态的梯度，看传到输入时还剩多大。
#
# .. admonition:: 先猜一猜
#
#    PyTorch 的默认初值，也就是 ``nn.Linear`` 自己带的，20 层之后信号会爆炸、消失，还是不变？


def kaiming(weight):
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def build(initialize, width, depth, seed=0):
    torch.manual_seed(seed)
    layers = [nn.Linear(width, width) for _ in range(depth)]
    for layer in layers:
        if initialize is not None:  # None：保留默认初值
            initialize(layer.weight)
            nn.init.zeros_(layer.bias)
    return layers


def measure(initialize, activation):
    layers = build(initialize, width=n, depth=20)
    x = torch.randn(500, n, requires_grad=True)
    stds, h = [], x
    for layer in layers:
        h = activation(layer(h))
        stds.append(h.std().item())
    h.backward(torch.randn_like(h))
    return stds, x.grad.std().item()


choices = {
    "normal, std 1": lambda weight: nn.init.normal_(weight, std=1.0),
    "normal, std 0.01": lambda weight: nn.init.normal_(weight, std=0.01),
    "Xavier": nn.init.xavier_normal_,
    "Kaiming": kaiming,
    "PyTorch default": None,
}
measured = {name: measure(choice, torch.relu) for name, choice in choices.items()}

print("initialization      layer 1   layer 20  gradient at the input")
for name, (stds, gradient) in measured.items():
    print(f"{name:<17} {stds[0]:>9.1e}  {stds[-1]:>9.1e}  {gradient:>9.1e}")

fig, ax = plt.subplots(figsize=(6.8, 3.9), layout="constrained")
for i, (name, (stds, _)) in enumerate(measured.items()):
    ax.plot(range(1, 21), stds, "o-", ms=3, color=f"C{i}")
    above = {"Kaiming": 4, "Xavier": 0.4}.get(name, 1)
    ax.annotate(name, (20.4, stds[-1] * above), color=f"C{i}", va="center")
ax.set(yscale="log", xlim=(0.5, 26), xticks=(1, 5, 10, 15, 20))
ax.set(xlabel="layer", ylabel="standard deviation of the output")
ax.spines[["top", "right"]].set_visible(False)
# alt: 纵轴是对数，从 1e-20 到 1e20。标准差 1 的直线上升，0.01 的直线下降，Xavier 缓缓下降，Kaiming 水平，PyTorch 默认先降后平
plt.show()

# %%
# 与算的一样：标准差 1 的接近 :math:`10^{21}`，0.01 的接近 :math:`10^{-19}`，Kaiming 一直在 1 附近。
# 梯度往回走，也按同样的倍数变。
#
# 默认初值不在这条规律上：它的权重方差只有 :math:`1/(3n)`，每层缩小约 2.4 倍，
# 但输出降到 0.022 就不再降，因为默认的 :term:`偏置` 不是 0，后面各层的输出几乎只剩偏置。
# 输入的信号早已没有了，看梯度就知道：传到输入只剩 :math:`10^{-8}`，这叫 :term:`梯度消失`。
#
# 改一改：把 ``torch.relu`` 换成 ``torch.tanh``，先猜“标准差 1”那条线还会不会爆炸，再运行。
#
# 全零为什么不行
# --------------
# 权重全是 0 时，看第一步的梯度：

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
for parameter in model.parameters():
    nn.init.zeros_(parameter)
x, y = torch.rand(8, 64), torch.arange(8)
nn.functional.cross_entropy(model(x), y).backward()
for name, parameter in model.named_parameters():
    print(f"{name:<9} largest gradient {parameter.grad.abs().max():.3f}")

# %%
# 只有最后的偏置有梯度。隐藏层输出 0，所以最后一层的权重没有梯度；最后一层的权重是 0，
# 所以梯度传不到前面。走多少步都是这样。偏置可以从 0 开始，权重必须随机，各个单元才会不同。
#
# 训练差多少
# ----------
# 手写数字，隐藏层 3 层或 20 层，每层 64 个单元，Adam 训练 5 轮，五个种子。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
pixels = images.flatten(1)  # (1797, 64)


def accuracy(initialize, depth, seed):
    layers = build(initialize, width=64, depth=depth, seed=seed)
    hidden = [part for layer in layers for part in (layer, nn.ReLU())]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(5):
        for rows in train[torch.randperm(len(train))].split(100):
            loss = nn.functional.cross_entropy(model(pixels[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return (model(pixels[test]).argmax(dim=1) == labels[test]).float().mean()


for depth in (3, 20):
    for name in ("PyTorch default", "Kaiming"):
        runs = torch.stack([accuracy(choices[name], depth, s) for s in range(5)])
        print(f"{depth:>2} layers, {name:<15} {runs.mean():.2f} ± {runs.std():.2f}")

# %%
# 3 层时两种都学得会，Kaiming 快一些；20 层时默认初值与乱猜一样，Kaiming 仍在 0.7 以上。
# 浅的网络用默认初值就好。深的网络除了初始化，还靠 :term:`批量归一化` 和残差连接，
# 让信号每层都回到合适的大小。
#
# 小结
# ----
# - 规则：让每层输出的方差既不涨也不落：ReLU 用 Kaiming，tanh 用 Xavier；权重不能全零。
# - API：``nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")``、``nn.init.zeros_(layer.bias)``。
# - 下一页：:ref:`training-optimizers-compared`
