# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _images-residual-connections:

残差连接
========

网络加深，能表示的东西只会更多，结果却常常更差，有时连训练损失也降不下来。
把一组层的输入加到它的输出上，只多写一个加号，很深的网络就能训练了。这个加号做了什么？

你将学到：

- 写出一个残差块
- 用梯度说明捷径和归一化各起什么作用
- 修正通道数不同时相加的报错
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里

# %%
# 一个残差块
# ----------
# :term:`残差块` 有两个 :term:`卷积层`，每个后面是 :term:`批量归一化`。它的输出是这两层的结果加上输入，
# 加上的那条路叫捷径。如果两层的结果接近 0，整块就近似于照抄输入，所以加深至少不会把前面学到的弄丢。


class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels=None, stride=1):
        super().__init__()
        out_channels = in_channels if out_channels is None else out_channels
        self.conv1 = nn.Conv2d(
            in_channels, out_channels, 3, stride=stride, padding=1, bias=False
        )
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):  # (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


torch.manual_seed(0)
block = ResidualBlock(8)
nn.init.zeros_(block.norm2.weight)  # 现在两层的结果是 0
x = torch.rand(4, 8, 8, 8)
print(f"{block(x).shape=}, {torch.equal(block(x), x)=}")

# %%
# 要分清捷径和归一化的作用，就要能分别去掉。去掉捷径时加上 0，去掉归一化时换成 ``nn.Identity``。


class NoShortcut(nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


def make_network(n_blocks, shortcut, norm, seed):
    torch.manual_seed(seed)
    blocks = [ResidualBlock(8) for _ in range(n_blocks)]
    for block in blocks:
        if not shortcut:
            block.shortcut = NoShortcut()
        if not norm:
            block.norm1 = block.norm2 = nn.Identity()
    first, last = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(32, 10)
    pooling = nn.AdaptiveAvgPool2d(2)  # (B, 8, 8, 8) -> (B, 8, 2, 2)
    return nn.Sequential(first, nn.ReLU(), *blocks, pooling, nn.Flatten(), last)


# %%
# 梯度传得到第一层吗
# ------------------
# .. predict::
#
#    块数从 2 加到 16，也就是 4 到 32 个卷积层，还没有训练。第一层的 :term:`梯度` 的范数怎样变？
#
#    - 只要有归一化，就大致不变，捷径没有关系
#    - 两样都没有时缩小许多个数量级，只有捷径就大致不变
#    - 四种都缩小，因为层多了，链式法则就多乘几项

digits = Digits.load()
train, validation = digits.train.first(500), digits.validation
loss_fn = nn.CrossEntropyLoss()
KINDS = {
    "plain": (False, False),
    "shortcut": (True, False),
    "norm": (False, True),
    "shortcut + norm": (True, True),
}
depths = (2, 4, 8, 16)
x, y = train[:64]
gradients = {}
print("blocks          " + "".join(f"{n:>10}" for n in depths))
for name, (shortcut, norm) in KINDS.items():
    row = []
    for n_blocks in depths:
        norms = []
        for seed in range(5):
            model = make_network(n_blocks, shortcut, norm, seed)
            loss_fn(model(x), y).backward()
            norms.append(model[0].weight.grad.norm())
        row.append(torch.stack(norms).log().mean().exp().item())  # 几何平均
    gradients[name] = row
    print(f"{name:16}" + "".join(f"{value:>10.1e}" for value in row))

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
for (name, row), marker in zip(gradients.items(), "osv^", strict=True):
    ax.loglog(depths, row, marker + "-", label=name)
ax.set(xlabel="blocks", ylabel="gradient norm of the first layer", xticks=depths)
ax.set_xticklabels(depths)
ax.minorticks_off()
ax.legend()
# alt: 两个轴都是对数刻度，两样都没有的线陡降到 1e-15 附近，其余三条线在上方，只有捷径的几乎水平，有归一化的两条略微上升
plt.show()

# %%
# .. answer:: B
#
#    两样都没有时，梯度缩小了十一个数量级，第一层几乎收不到梯度。只有捷径时，它大致不变，因为加号使梯度有一条不经过卷积的路。
#    只有归一化时，梯度不缩小，却随深度增大几十倍，所以 A 不成立。后三种都没有缩小，所以 C 不成立。
#
# 训练以后
# --------
# 下面各用 6 块，也就是 12 个卷积层，训练 6 轮，学习率相同。


def fit(name, seed, lr=0.005):
    model = make_network(6, *KINDS[name], seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    model.train()
    for _ in range(6):
        for rows in torch.randperm(len(train)).split(50):
            x, y = train[rows]
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = model(validation.images).argmax(dim=1) == validation.labels
    return loss.item(), right.float().mean().item()


for name in KINDS:
    runs = torch.tensor([fit(name, seed) for seed in range(5)])
    losses, accuracies = runs.T
    shown = " ".join(f"{a:.2f}" for a in accuracies)
    print(f"{name:16} train loss {losses.mean():.2f}  validation {shown}", end="")
    print(f"  mean {accuracies.mean():.2f}")

# %%
# 五列是五个种子。两样都没有时，平均只有 0.35，训练损失也降不下来，所以不是 :term:`过拟合`。
# 只有捷径或者只有归一化，都好得多，两样都有最好，五个种子都接近 0.9，所以两者的作用不能互相代替。
#
# .. change-it::
#
#    没有捷径也没有归一化的网络，会不会只是学习率不合适？换成 0.001 和 0.02 再训练一次，只用一个种子。

# hide-cell: 换学习率
for lr in (0.001, 0.02):
    loss, accuracy = fit("plain", seed=0, lr=lr)
    print(f"plain, lr {lr}: train loss {loss:.2f}, validation {accuracy:.2f}")

# %%
# .. outcome::
#
#    两个都不比 0.005 时好，准确率远低于 0.9。所以在这三个学习率里，没有一个能代替捷径和归一化。

# %%
# 常见错误：通道数不同
# --------------------
# 相加要求形状相同。如果一块把通道从 8 个变成 16 个，或者把高和宽减半，捷径就不能照抄输入：

wider = ResidualBlock(8, 16, stride=2)
x = torch.rand(4, 8, 8, 8)
print(f"{wider(x).shape=}")
wider.shortcut = nn.Identity()
try:
    wider(x)
except RuntimeError as error:
    print(f"{type(error).__name__}:")
    print(str(error)[:90])

# %%
# .. predict::
#
#    如果输入只有 1 个通道，块的输出有 8 个，高和宽不变，捷径照抄输入会怎样？
#
#    - 报错，因为 1 和 8 不同
#    - 不报错，1 个通道加到 8 个通道的每一个上
#    - 不报错，只加到第一个通道上

odd = ResidualBlock(1, 8)
odd.shortcut = nn.Identity()
nn.init.zeros_(odd.norm2.weight)
x = torch.rand(4, 1, 8, 8)
y = odd(x)
print(f"{y.shape=}, every channel equals x: {torch.equal(y, x.expand_as(y))}")

# %%
# .. answer:: B
#
#    长度是 1 的轴会 :term:`广播`，所以不报错，输入加到了每个通道上，A 和 C 都不成立。第一层从灰度图像开始时，容易这样悄悄出错。
#
# 改法是在捷径上用一个 1×1 的卷积，它逐个位置地把 8 个通道组合成 16 个，``stride=2`` 使高和宽减半。
# 上面的 ``ResidualBlock`` 在形状不同时就这样做。要防止广播，可以在相加之前检查形状：


def add(y, shortcut):
    if y.shape != shortcut.shape:
        raise ValueError(f"cannot add {tuple(shortcut.shape)} to {tuple(y.shape)}")
    return y + shortcut


try:
    add(y, x)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. real-projects::
#
#    ResNet 由这样的块叠成，每隔几块把通道加倍、高和宽减半。语言模型的每一块也有两条捷径，见 :ref:`attention-tiny-gpt`，
#    不过它把归一化放在相加之前的那条路里，捷径上什么也没有。把 ``norm2`` 的权重初始化为 0，使每块一开始就是照抄，是常用的做法。
#    归一化层见 `torch.nn.BatchNorm2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html>`__，残差块出自
#    `He 等人的论文 <https://arxiv.org/abs/1512.03385>`__。

# %%
# 小结
# ----
# - 规则：把输入加到一组层的输出上，梯度就有一条直通的路。形状不同时，捷径上用 1×1 的卷积。
# - API：``y + shortcut(x)``，``nn.Conv2d(c_in, c_out, kernel_size=1, stride=2)``。
# - 下一页：:ref:`images-unet-masks`
