# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _images-augmentation:

数据增强值多少
==============

标注一百张图要花半天，把已有的图转一转、挪一挪却不花钱。这样多出来的图抵得上多少张真的图？
手里已经有很多图时，它还值得做吗？

你将学到：

- 用一个采样网格对一批图做随机的旋转、缩放和平移
- 测量增强的好处随训练图的张数怎样变
- 说明为什么不要增强验证集
"""

import math
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里
from torchnotes.models import SmallCNN

# %%
# 一批图，各转各的
# ----------------
# :ref:`training-regularization` 比较了几种 :term:`正则化`，其中的增强是加噪声和翻转。这里换成变形。
# 一个变形用一个 2×3 的矩阵表示，它说明输出的每个像素到输入的哪里去取，左边两列管旋转和缩放，最右一列管平移。
# 函数 ``F.affine_grid`` 由矩阵算出取样的位置，``F.grid_sample`` 按位置取样，落在像素之间时取邻近四个的加权平均。


def warp(x, degrees=12, shift=0.12, scale=0.1):  # (B, C, H, W) -> (B, C, H, W)
    angle = math.radians(degrees) * (2 * torch.rand(len(x)) - 1)
    size = 1 + scale * (2 * torch.rand(len(x)) - 1)
    matrix = torch.zeros(len(x), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos() * size
    matrix[:, 1, 0] = angle.sin() * size
    matrix[:, 0, 1] = -matrix[:, 1, 0]
    matrix[:, :, 2] = shift * (2 * torch.rand(len(x), 2) - 1)  # 以图的半宽为 1
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def flip(x):
    chosen = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(chosen, x.flip(3), x)


digits = Digits.load()
train, validation = digits.train, digits.validation
x, _ = train[:8]
print(f"no change: {torch.allclose(warp(x, 0, 0, 0), x, atol=1e-5)}")
torch.manual_seed(0)
versions = {"original": x, "warped": warp(x), "again": warp(x), "flipped": x.flip(3)}

# %%

# hide-input: 画图
fig, axes = plt.subplots(4, 1, figsize=(5.5, 3), layout="constrained")
for ax, (name, pictures) in zip(axes, versions.items(), strict=True):
    strip = torch.cat([pictures[:, 0], torch.zeros(8, 8, 2)], dim=2)
    ax.imshow(torch.hstack(tuple(strip)), cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=(), yticks=())
    ax.spines[:].set_visible(False)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
# alt: 四行八列的手写数字，第二行和第三行是第一行略微转过、挪过的样子，还认得出；第四行左右翻转，多半不再是数字
plt.show()

# %%
# 变形以后还认得出是哪个数字，每次都不同。翻转以后多半认不出了，下面拿它作反面的例子。
#
# 张数与好处
# ----------
# 三种做法各训练 150 步，每步 50 张，步数相同，所以增强没有多看图，只是每次看到的不同。
#
# .. predict::
#
#    训练图是 50、200 和 1200 张时，变形使验证 :term:`准确率` 怎样变？
#
#    - 三种张数都提高，而且提高得差不多，因为它总是等于多了图
#    - 张数越多提高得越多，因为能变出的图更多
#    - 50 张时提高，1200 张时没有好处

loss_fn = nn.CrossEntropyLoss()


def fit(n, augment, seed):
    torch.manual_seed(seed)
    rows = torch.randperm(len(train))[:n]
    model = SmallCNN()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(150):
        x, y = train[rows[torch.randint(n, (50,))]]
        loss = loss_fn(model(augment(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, x, y):
    return (model(x).argmax(dim=1) == y).float().mean()


def leave(x):
    return x


METHODS = {"none": leave, "warp": warp, "flip": flip}
models, table = {}, {}
print("images  method   accuracy        difference to none   higher")
for n in (50, 200, 1200):
    for name, augment in METHODS.items():
        models[n, name] = [fit(n, augment, seed) for seed in range(5)]
        found = [
            accuracy(m, validation.images, validation.labels) for m in models[n, name]
        ]
        table[n, name] = torch.stack(found)
        gain = table[n, name] - table[n, "none"]
        print(
            f"{n:>6}  {name:6} {table[n, name].mean():.3f} ± {table[n, name].std():.3f}",
            end="",
        )
        print(
            f"      {gain.mean():+.3f} ± {gain.std():.3f}     {(gain > 0).sum()} of 5"
        )

# %%
# .. answer:: C
#
#    50 张时，五个种子都提高，平均提高 0.047，而翻转平均降低。200 张和 1200 张时，变形的平均都低一些，所以 A 和 B 都不成立。
#    一种可能的解释是，图少时，变形补上了网络没有见过的写法，图多时，真的图里已经有这些写法。本页没有检验它。
#
# 1200 张时的差别与五个种子的标准差相当，所以只能说没有好处，不能说有害。翻转在三种张数上都降低，张数多时更明显，
# 它把许多数字变成了不是数字的形状。
#
# 常见错误：增强验证集
# --------------------
# 如果增强写在数据集里，验证时忘了关掉，验证集也被变形。下面是 1200 张图的两种模型，在原样的和变形的验证集上各评一次，
# 变形的重复五次。

for name in ("none", "warp"):
    plain = table[1200, name]
    warped = []
    for model in models[1200, name]:
        torch.manual_seed(0)
        repeats = [
            accuracy(model, warp(validation.images), validation.labels)
            for _ in range(5)
        ]
        warped.append(torch.stack(repeats))
    warped = torch.stack(warped)  # (seed, repeat)
    print(f"{name:6} as it is {plain.mean():.3f}, warped {warped.mean():.3f}", end="")
    print(f", repeats of one model ± {warped.std(dim=1).mean():.3f}")

# %%
# .. predict::
#
#    上面的两行，哪一种模型更好，取决于在哪个验证集上评。应当相信哪一个？
#
#    - 变形的，因为它更难，更能分出高低
#    - 原样的，因为将来要认的图没有变形过
#    - 两个的平均，因为重复得多，波动小

easy = torch.stack([table[1200, name].mean() for name in ("none", "warp")])
print(f"on images as they are: none is ahead by {easy[0] - easy[1]:+.3f}")
new = digits.train.images[-300:]  # 只用 50 张训练的模型多半没有见过
for name in ("none", "warp"):
    found = [accuracy(m, new, digits.train.labels[-300:]) for m in models[50, name]]
    print(f"50 images, {name}: {torch.stack(found).mean():.3f} on 300 other images")

# %%
# .. answer:: B
#
#    验证集要像将来要认的图。变形的验证集换了一个问题，“转过、挪过的图认得出吗”，所以模型的次序也换了，A 不成立。
#    它每评一次还变一次，同一个模型相差 0.015 左右，与两种模型的差别一样大，所以 C 的平均也只是更准地回答了错的问题。
#    最后两行在另外的图上再比一次 50 张的两种模型，与原样的验证集结论相同。
#
# .. change-it::
#
#    变形可以更弱或者更强。50 张图时，把角度、平移和缩放都减半，再都加倍，准确率怎样变？

# hide-cell: 减半和加倍
WEAKER = {"degrees": 6, "shift": 0.06, "scale": 0.05}
STRONGER = {"degrees": 24, "shift": 0.24, "scale": 0.2}
for name, options in (("half", WEAKER), ("double", STRONGER)):
    found = []
    for seed in range(5):
        model = fit(50, partial(warp, **options), seed)
        found.append(accuracy(model, validation.images, validation.labels))
    found = torch.stack(found)
    higher = (found > table[50, "none"]).sum()
    print(f"{name:6} {found.mean():.3f}, higher in {higher} of 5")

# %%
# .. outcome::
#
#    减半时平均仍比不变形的 0.773 高，但是不如原来的强度。加倍时平均反而低一些。
#    所以强度要在验证集上选，不能只看图认不认得出。

# %%
# .. real-projects::
#
#    图像的增强常用 ``torchvision.transforms.v2``，写在训练的数据集里，验证用另一个没有增强的数据集。
#    照片常用随机裁剪和左右翻转，因为照片翻过来仍是照片。哪种变形不改变标签，要由懂数据的人来定。
#    参数见 `torch.nn.functional.grid_sample
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html>`__，增强的综述见
#    `Shorten 与 Khoshgoftaar 的论文 <https://doi.org/10.1186/s40537-019-0197-0>`__。

# %%
# 小结
# ----
# - 规则：训练图越少，增强的好处越大，图多时先比较再用。验证集不增强，它要像将来要认的图。
# - API：``F.affine_grid(matrix, x.shape, align_corners=False)``、``F.grid_sample(x, grid, align_corners=False)``。
# - 下一页：:ref:`images-residual-connections`
