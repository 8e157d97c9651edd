# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-regularization:

正则化：三种办法
================

在 :ref:`training-overfitting` 里，训练得久了，网络就背下写错的标签。早停的办法是及时停下来。
如果不停下来，有没有办法让网络少背一些？这样做总有好处吗？

你将学到：

- 写出 :term:`Dropout`、:term:`权重衰减` 和 :term:`数据增强` 各自所在的那一行
- 用对照判断手里的数据需不需要 :term:`正则化`
- 看图并用对照检查一种增强
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# 三种常用的办法都让背答案变难：
#
# - Dropout 是网络里的一层，训练时以概率 ``p`` 把每个单元的输出置零，其余的除以 ``1 - p``，评估时什么也不做。
#   每次留下的单元都不同，网络就难以靠固定的几个单元记住一张图。
# - 权重衰减写在 :term:`优化器` 里。
#   这里用 ``AdamW``，它每一步都先把网络的参数乘以 :math:`1 - \eta\lambda`，其中 :math:`\eta` 是 :term:`学习率`，:math:`\lambda` 是 ``weight_decay``。
#   权重小，输出随输入变化就慢，网络就难以对相似的图给出不同的答案。
# - 数据增强在每次取出图以后随机改动它，标签不变。同一张图每次都有些不同，也就难以背下来。
#
# 数据与 :ref:`training-overfitting` 相同，500 张训练图有两套标签，一套全对，另一套有三成换成了随机的数字。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train = train[:500]
loss_fn = nn.CrossEntropyLoss()


def damage(y, share):
    generator = torch.Generator().manual_seed(0)
    hit = torch.rand(len(y), generator=generator) < share
    return torch.where(hit, torch.randint(10, y.shape, generator=generator), y)


clean = labels[train]
noisy = damage(clean, share=0.3)
wrong = noisy != clean
targets = {"clean": clean, "noisy": noisy}
print(f"{wrong.sum()} of {len(train)} labels are wrong in the second set")

# %%
# 第二套里写错了 147 个。增强用两种。一种加上随机的噪声。另一种以一半的机会左右翻转，照片分类常用它：


def add_noise(x):
    return x + 0.2 * torch.randn_like(x)


def flip(x):
    chosen = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(chosen, x.flip(dims=(3,)), x)


torch.manual_seed(0)
shown = images[train[[2, 8, 20, 21, 5, 11, 13, 16]]]
versions = {"original": shown, "noise": add_noise(shown), "flipped": shown.flip(3)}

# %%

# hide-input: 画图
fig, axes = plt.subplots(3, 1, figsize=(6.5, 2.6), layout="constrained")
for ax, (name, pictures) in zip(axes, versions.items(), strict=True):
    strip = torch.cat([pictures[:, 0], torch.zeros(8, 8, 2)], dim=2)  # 图间留空
    ax.imshow(torch.hstack(tuple(strip)).numpy(), cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=(), yticks=())
    ax.spines[:].set_visible(False)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
# alt: 三行八列的手写数字。第一行是原图，第二行加了噪声，仍看得出是同一个数字，第三行左右翻转，多半不再是数字
plt.show()

# %%
# 加了噪声的还是同一个数字，翻转后的多半不再是数字。
#
# .. predict::
#
#    先用标签全对的那一套训练。与什么都不做相比，Dropout、权重衰减和噪声能提高验证 :term:`准确率` 吗？
#
#    - 三种都不能，因为标签全对，没有写错的标签可背
#    - 三种都能，因为训练损失接近 0 就一定要正则化
#    - 只有噪声能，因为它等于增加了不同的训练图


def fit(y, seed, p=0.0, weight_decay=0.0, augment=None):
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, 128), nn.ReLU(), nn.Dropout(p)]
    model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.02, weight_decay=weight_decay
    )
    model.train()  # 训练时打开 Dropout
    for _ in range(20):
        for rows in torch.randperm(len(train)).split(125):
            x = images[train[rows]]
            if augment is not None:
                x = augment(x)
            loss = loss_fn(model(x), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()  # 评估时关掉 Dropout
    with torch.no_grad():
        right = model(images[validation]).argmax(dim=1) == labels[validation]
        memorized = model(images[train[wrong]]).argmax(dim=1) == noisy[wrong]
        train_loss = loss_fn(model(images[train]), y)
    return right.float().mean(), train_loss, memorized.float().mean()


methods = {
    "none": {},
    "dropout 0.5": {"p": 0.5},
    "weight decay 1": {"weight_decay": 1.0},
    "noise": {"augment": add_noise},
    "flip": {"augment": flip},
}


control = {}


def compare(which, names):
    print(f"{which} labels     validation  above none  train loss  wrong label given")
    for name in names:
        runs = [fit(targets[which], seed, **methods[name]) for seed in range(5)]
        accuracies, train_losses, memorized = torch.tensor(runs).T
        if name == "none":
            control[which] = accuracies  # 什么都不做的那一行是对照
        above = (accuracies > control[which]).sum()
        print(f"{name:<14} {accuracies.mean():.3f} ± {accuracies.std():.3f}", end="")
        print(f"  {above:>5} of 5  {train_losses.mean():>10.2f}", end="")
        print(f"  {memorized.mean():>17.0%}")


compare("clean", ["none", "dropout 0.5", "weight decay 1", "noise"])

# %%
# .. answer:: A
#
#    “±”后面是五个种子的标准差，四行的差别都在它之内，``above none`` 是准确率高于什么都不做的种子数，
#    也只有 2、2、3 个。最右一列是那些在第二套里标签写错的图，网络有多大比例答出写错的数字，也就是背下来的比例。它都是 0%，
#    标签写错时会不会不同，由下一张表检验。B 不成立，因为什么都不做时训练损失只有 0.01，正则化却没有提高准确率。
#    C 也不成立，因为噪声那一行的平均并不比什么都不做高。这里的三种强度也都没有害处，只是训练损失高了一些。
#
# 标签有错时
# ----------
# 现在换用有三成标签写错的那一套，其余都不变。
#
# .. predict::
#
#    翻转会改变图上的数字，标签却不变。标签有错时用翻转，与什么都不做相比会怎样？
#
#    - 背下来的变少，准确率与什么都不做时差不多
#    - 背下来的变少，准确率也像另外三种办法那样提高
#    - 背下来的一样多，准确率与什么都不做时差不多

compare("noisy", methods)
compare("clean", ["flip"])

# %%
# .. answer:: A
#
#    翻转把背下来的比例从 29% 减到 12%，所以 C 不成立。另外三种办法把它减到 13% 或更低，五个种子的准确率也都提高了，
#    平均从 0.819 提高到 0.86 以上。翻转后的平均是 0.823，与 0.819 相差不到一个标准差，只有 3 个种子提高，所以 B 不成立。
#    背得少，不一定就更准。
#
# 标签全对的那一行说明翻转还有代价，五个种子的准确率都没有提高，平均从 0.944 降到 0.917。
#
# .. change-it::
#
#    把 ``methods`` 里的 ``"weight_decay": 1.0`` 改成默认的 0.01，再改成 5.0。衰减越强就越好吗？

# hide-cell: 权重衰减 0.01 与 5
methods["decay 0.01"] = {"weight_decay": 0.01}
methods["decay 5"] = {"weight_decay": 5.0}
compare("noisy", ["decay 0.01", "decay 5"])
compare("clean", ["decay 0.01", "decay 5"])

# %%
# .. outcome::
#
#    不是。标签有错时，0.01 太弱，网络还背下 28%，只有 1 个种子高于什么都不做。5 背下的只有 4%，准确率是 0.856，
#    却不如强度是 1 时的 0.876。标签全对时，5 使平均从 0.944 降到 0.913，没有一个种子高于什么都不做。所以强度也要在验证集上选。

# %%
# .. change-it::
#
#    把 ``flip`` 换成以一半的机会向左平移一个像素的 ``shift``，图上还是同一个数字。标签全对时，平移有代价吗？标签有错时呢？


# hide-cell: 平移一个像素
def shift(x):
    moved = x.roll(-1, dims=3)  # 向左移一列
    moved[..., -1] = 0  # 右边补 0
    chosen = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(chosen, moved, x)


methods["shift"] = {"augment": shift}
compare("clean", ["shift"])
compare("noisy", ["shift"])

# %%
# .. outcome::
#
#    标签全对时，平移也有代价，准确率是 0.921，没有一个种子高于什么都不做，虽然标签没有变错。
#    标签有错时，平移却使五个种子都提高了，
#    平均是 0.857，翻转没有做到。所以看图能排除改变标签的增强，有没有好处还要在自己的数据上比较。

# %%
# .. real-projects::
#
#    图像的增强可以用 ``torchvision.transforms.v2``，写在数据集里，由数据加载器的工作进程去做。随机的增强只用于训练集。
#    ``nn.Dropout`` 的 ``p`` 默认是 0.5，``AdamW`` 的 ``weight_decay`` 默认是 0.01，所以什么都不做的对照要写 ``weight_decay=0``。
#    ``Adam`` 也有 ``weight_decay``，但是它默认是 0，而且加在梯度里，不是直接缩小参数。
#    Dropout 的参数见 `torch.nn.Dropout <https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html>`__，AdamW 的
#    权重衰减出自 `Loshchilov 与 Hutter 的论文 <https://arxiv.org/abs/1711.05101>`__。
#
# 小结
# ----
# - 规则：正则化不总有好处。每次都留一行什么都不做的对照，用哪种办法、用多强，都在验证集上用多个种子比较。
# - API：``nn.Dropout(p=0.5)``、``torch.optim.AdamW(model.parameters(), lr=..., weight_decay=...)``，评估之前调用 ``model.eval()``。
# - 下一页：:ref:`training-initialization`
