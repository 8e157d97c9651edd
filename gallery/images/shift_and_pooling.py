# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _images-shift-and-pooling:

平移与池化
==========

训练用的数字都写在图的正中，实际用的时候，数字却偏了一两个像素。
常听人说，卷积网络对平移是不变的。那么偏一点真的没有关系吗？

你将学到：

- 区分 :term:`平移等变性` 和 :term:`平移不变性`，并逐层检查
- 用移动过的验证图测量一个网络怕不怕平移
- 用全局池化或移动过的训练图减少平移造成的下降
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import Digits, digits_on_canvas  # torchnotes 在本页的 zip 包里
from torchnotes.models import SmallCNN

# %%
# 思路
# ----
# 输入移动几格，输出也移动几格，这叫平移等变。输入移动，输出不变，这叫平移不变。认数字要的是后一个。
# :ref:`images-first-cnn` 的 ``SmallCNN`` 有四种计算，要分开来看：
#
# - 卷积在各处用同一组权重，所以输入移动，:term:`特征图` 也跟着移动。
# - 最大池化把图分成 2 × 2 的小块，每块留下最大的数。小块的位置是固定的，每隔 2 格一块。
# - 展平以后的线性层给每个位置单独的权重，所以图案换了位置，就乘上另外的权重。
# - 设 ``global_pooling=True``，就用 ``x.amax(dim=(2, 3))`` 代替第二次池化和展平。
#   它取每个通道在所有位置上的最大值，不管最大值在哪里，这叫全局最大池化。
#
# 先检查前两种。数字放在 20 × 20 的画布上，离边缘很远，再向右移动 1 格或 2 格。
#
# .. predict::
#
#    输入向右移动 1 格，第一个卷积层的输出也向右移动 1 格。池化以后的图会怎样？
#
#    - 与移动前相同，因为池化忽略 1 格以内的移动
#    - 换了样子，既不等于原来的图，也不等于原来的图右移 1 格
#    - 等于原来的图右移 1 格，因为卷积的输出右移了 1 格

digits = Digits.load()
torch.manual_seed(0)
model = SmallCNN(global_pooling=True)


@torch.no_grad()
def run_layers(shift):
    images = digits.validation.images[:100]
    x = digits_on_canvas(images, size=20, shifts=(0, shift))
    conv1 = F.relu(model.conv1(x))
    return x, conv1, F.max_pool2d(conv1, 2)


outputs = {shift: run_layers(shift) for shift in (0, 1, 2)}

# %%

# hide-input: 画图
fig, axes = plt.subplots(3, 3, figsize=(5, 5), layout="constrained")
for row, (shift, layers) in zip(axes, outputs.items(), strict=True):
    for ax, layer in zip(row, layers, strict=True):
        ax.imshow(layer[1].sum(dim=0).numpy(), cmap="Blues")
        ax.set(xticks=(), yticks=())
    row[0].set_ylabel(f"shift {shift}")
for ax, name in zip(axes[0], ("input", "conv1", "pooled"), strict=True):
    ax.set_title(name)
# alt: 三行三列的图。三行是移动 0、1、2 格，三列是输入、conv1 的输出和池化的输出。移动 1 格时，池化的输出换了样子；
# 移动 2 格时，它与第一行相同，只是右移了一格
plt.show()


# %%


def difference(before, after, by):
    return (after[..., by:] - before[..., : before.shape[-1] - by]).abs().max()


print("input moved by   conv1 moved by as much   pooled not moved   pooled moved by 1")
_, conv1, pooled = outputs[0]
for shift in (1, 2):
    _, c, p = outputs[shift]
    print(f"{shift:>14} {difference(conv1, c, shift):>24.4f}", end="")
    print(f" {difference(pooled, p, 0):>18.4f} {difference(pooled, p, 1):>19.4f}")

# %%
# .. answer:: B
#
#    表中的数是原来的输出移动以后与后来的输出的最大差别，0.0000 表示相等。``conv1`` 两行都是 0，它是平移等变的。
#    输入移动 1 格时，池化的两列都不是 0，所以 A 和 C 都不成立。有的像素移进了旁边的小块，小块里的最大值就变了。
#    输入移动 2 格时，池化的图恰好移动 1 格，因为 2 正是 :term:`步幅`。
#
# 三个网络
# --------
# 用正中的数字训练三个网络，再用向上、下、左、右各移动 0、1、2 格的验证图测量。MLP 的参数个数与 ``CNN + flatten`` 接近。
# 学习率从 0.05 和 0.1 里选，用种子 5 训练，取不移动时准确率高的一个。
#
# .. predict::
#
#    移动 1 格和 2 格时，三个网络的准确率会怎样？
#
#    - 两个 CNN 都几乎不降，因为卷积在各处用同一组权重
#    - ``CNN + flatten`` 下降，``CNN + global`` 几乎不降，因为它取所有位置的最大值
#    - 三个都下降，而 ``CNN + global`` 在移动 1 格时比移动 2 格时降得更多
#    - 三个都下降，而且都是移动得越远，降得越多


def move(shift):
    images = digits.validation.images
    ways = ((shift, 0), (-shift, 0), (0, shift), (0, -shift))
    return torch.cat([digits_on_canvas(images, size=12, shifts=way) for way in ways])


def make_mlp():
    hidden = [nn.Linear(144, 17), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(17, 10))


def fit(make_model, lr, seed, largest_shift=0, n_epochs=8):
    torch.manual_seed(seed)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    images, labels = digits.train[:]
    for _ in range(n_epochs):
        shifts = torch.randint(-largest_shift, largest_shift + 1, (len(images), 2))
        x = digits_on_canvas(images, size=12, shifts=shifts)
        for rows in torch.randperm(len(x)).split(50):
            loss = F.cross_entropy(model(x[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, images):
    labels = digits.validation.labels.repeat(len(images) // 300)
    return (model(images).argmax(dim=1) == labels).float().mean().item()


def report(name, models, image_sets):
    table = torch.tensor([[accuracy(m, x) for x in image_sets] for m in models])
    cells = zip(table.mean(dim=0), table.std(dim=0), strict=True)
    print(f"{name:<14}", *(f"  {mean:.2f} ± {std:.2f}" for mean, std in cells))
    return table  # (n_seeds, n_shifts)


make_models = {
    "MLP": make_mlp,
    "CNN + flatten": lambda: SmallCNN(image_size=12),
    "CNN + global": lambda: SmallCNN(global_pooling=True),
}
moved = [move(shift) for shift in (0, 1, 2)]
lrs, trained, tables = {}, {}, {}
print("shift                   0            1            2")
for name, make_model in make_models.items():
    tried = {lr: accuracy(fit(make_model, lr, 5), moved[0]) for lr in (0.05, 0.1)}
    lrs[name] = max(tried, key=tried.get)
    trained[name] = [fit(make_model, lrs[name], seed) for seed in range(5)]
    tables[name] = report(name, trained[name], moved)
gain = tables["CNN + global"][:, 2] - tables["CNN + global"][:, 1]
print(f"CNN + global, shift 2 minus shift 1: {gain.min():+.2f} to {gain.max():+.2f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
for marker, (name, table) in zip("sod", tables.items(), strict=True):
    ax.errorbar(range(3), table.mean(0), table.std(0), marker=marker, label=name)
ax.set(xlabel="shift of the validation images in pixels", xticks=range(3))
ax.set(ylabel="validation accuracy", ylim=(0, 1))
ax.legend()
# alt: 三条折线，横轴是移动 0、1、2 格。MLP 和 CNN + flatten 一路下降，MLP 更低；CNN + global 先降后升
plt.show()

# %%
# .. answer:: C
#
#    “±”后面是五个种子的标准差。``CNN + flatten`` 从 0.96 降到 0.30，所以 A 不成立。
#    ``CNN + global`` 从 0.89 降到 0.60，所以 B 不成立。最后一行是它在每个种子里的差，移动 2 格时都更准，所以 D 不成立。
#
# 不移动时，MLP 与 ``CNN + flatten`` 同样准，只看第一列发现不了问题。
# “卷积网络是平移不变的”是一个常见的错误。卷积只是平移等变的，网络怕不怕平移，还要看后面的层。
#
# 还有一个问题，``CNN + global`` 移动 2 格时为什么也下降？可能是因为数字碰到了画布的边缘。
# 下面用 24 × 24 的画布作对照，把数字向右移动 0 到 3 格。

images = digits.validation.images
wide = [digits_on_canvas(images, size=24, shifts=(0, shift)) for shift in range(4)]
print("24 × 24, shift          0            1            2            3")
report("CNN + global", trained["CNN + global"], wide)
with torch.no_grad():
    changes = [(m(wide[0]) - m(wide[2])).abs().max() for m in trained["CNN + global"]]
print(f"largest change of a logit, shift 0 to 2: {max(changes):.4f}")

# %%
# 离边缘远时，移动 2 格连 :term:`logits` 都没有变，可见在 12 × 12 的画布上，移动 2 格造成的下降来自边缘。
# 移动 1 格和 3 格仍然下降，因为它们不是步幅的倍数，池化以后的图换了样子。
#
# 办法：用移动过的图训练
# ----------------------
# 设 ``largest_shift=2``，每一轮都把每张训练图随机移动 −2 到 2 格，这是一种 :term:`数据增强`。

name = "CNN + flatten"
print("trained with shifts     0            1            2")
shifted = [fit(make_models[name], lrs[name], s, largest_shift=2) for s in range(5)]
tables["shifted"] = report(name, shifted, moved)
for key in (name, "CNN + global", "shifted"):
    mean = tables[key].mean(dim=0)
    print(f"{key:<13} largest drop: {mean[0] - mean.min():.2f}")

# %%
# 同一个网络最多只降 0.08，原来要降 0.66，移动 2 格时从 0.30 提高到 0.75。但是同样训练 8 轮，不移动时从 0.96 降到了 0.83。
# 检查的办法就是最后三行，在验证时把移动过的图也测一遍，看最大的下降。
#
# .. change-it::
#
#    把 ``name`` 换成 ``"MLP"``。用移动过的图训练以后，MLP 赶得上 CNN 吗？

# hide-cell: 用移动过的图训练 MLP
models = [fit(make_mlp, lrs["MLP"], s, largest_shift=2) for s in range(5)]
report("MLP", models, moved)

# %%
# .. outcome::
#
#    赶不上。移动 2 格时从 0.12 提高到 0.38，但不移动时从 0.96 降到 0.47，三列都远低于 CNN。

# %%
# .. real-projects::
#
#    ResNet 等网络用全局平均池化，写作 ``nn.AdaptiveAvgPool2d(1)``，它取平均值而不是最大值。
#    随机平移可以用 ``torchvision.transforms.v2.RandomAffine(degrees=0, translate=(0.1, 0.1))``。
#    接口见 `torch.nn.AdaptiveMaxPool2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html>`__，
#    怎样让池化少受平移影响，见 `Zhang 的论文 <https://arxiv.org/abs/1904.11486>`__。
#
# 小结
# ----
# - 规则：卷积是平移等变的，步幅为 2 的池化只在移动 2 的倍数时等变，展平则两样都不是。怕不怕平移，要用移动过的验证图测量。
# - API：``F.max_pool2d(x, 2)`` 和 ``x.amax(dim=(2, 3))``。
# - 下一页：:ref:`images-augmentation`
