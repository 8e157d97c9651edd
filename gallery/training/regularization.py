# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _training-regularization:

正则化：三种办法
================

:term:`过拟合` 的网络把训练样本的偶然之处也背了下来。:term:`正则化` 给它添麻烦，让它背不成：
:term:`Dropout` 随机关掉一部分单元，:term:`权重衰减` 不让权重变大，
:term:`数据增强` 让同一张图每次都不一样。
这一页在干净的和标签有错的数据上各比一遍。它们帮不帮忙，取决于数据；用错了还会帮倒忙。

你将学到：

- 三种办法各写在哪一行
- 数据干净时它们几乎没有用，标签有错时提高很多
- 增强必须不改变标签：左右翻转对数字就是错的
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 两份标签
# --------
# 与 :ref:`training-overfitting` 相同：500 张图，一份标签是对的，另一份有三成换成了随机的数字。
# 测试集的标签都是对的。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
train = train[:500]


def damage(y, share):
    generator = torch.Generator().manual_seed(0)
    hit = torch.rand(len(y), generator=generator) < share
    return torch.where(hit, torch.randint(10, y.shape, generator=generator), y)


data = {"clean": labels[train], "noisy": damage(labels[train], share=0.3)}

# %%
# 三种办法写在哪里
# ----------------
# Dropout 是网络里的一层；权重衰减是 :term:`优化器` 的一个参数；增强写在取批次之后、
# 送进网络之前。这里的增强把每张图随机转动至多 15 度，再缩放至多一成。
# 另写一个左右翻转：照片常用，拿来翻数字会怎样？


def rotate(x):
    angle = (torch.rand(len(x)) * 2 - 1) * torch.pi / 12
    zoom = 1 + (torch.rand(len(x)) * 2 - 1) * 0.1
    cos, sin, zero = zoom * angle.cos(), zoom * angle.sin(), torch.zeros(len(x))
    theta = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def flip(x):
    chosen = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(chosen, x.flip(dims=(3,)), x)


torch.manual_seed(0)
shown = images[train[[2, 8, 20, 21, 5, 11, 13, 16]]]
rows = {"original": shown, "rotated": rotate(shown), "flipped": shown.flip(dims=(3,))}
fig, axes = plt.subplots(3, 1, figsize=(6.5, 2.6), layout="constrained")
for ax, (name, pictures) in zip(axes, rows.items(), strict=True):
    strip = nn.functional.pad(pictures[:, 0], (1, 1))  # 图与图之间留一点空
    ax.imshow(torch.hstack(tuple(strip)), cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=(), yticks=())
    ax.spines[:].set_visible(False)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
# alt: 三行八列的手写数字：第一行原图，第二行微微转动或缩放，仍是同一个数字；第三行左右翻转，5 像 2，2 像 5，其余多半不再是数字
plt.show()

# %%
# 转过的还是同一个数字。翻过的 5 像 2，2 像 5；其余多半不再是数字，只有 0 看不出变化。
#
# 比一遍
# ------
# 除了要比的那一处，其他都相同：一个 128 个单元的隐藏层，20 轮，五个种子。每种办法只取一个强度，没有细调。
# 评估之前的 ``eval()`` 不能少，它关掉 Dropout。
#
# .. admonition:: 先猜一猜
#
#    标签干净时，哪一种帮得上忙？三成标签写错时，翻转会让结果更好还是更坏？


def fit(y, seed, p=0.0, weight_decay=0.0, augment=None):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(p), nn.Linear(128, 10)
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.02, weight_decay=weight_decay
    )
    for _ in range(20):
        for rows in torch.randperm(len(train)).split(125):
            x = images[train[rows]]
            logits = model(augment(x) if augment else x)
            loss = nn.functional.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = model(images[test]).argmax(dim=1)
    return (predicted == labels[test]).float().mean()


methods = {
    "none": {},
    "dropout 0.5": {"p": 0.5},
    "weight decay 1": {"weight_decay": 1.0},
    "rotate": {"augment": rotate},
    "flip": {"augment": flip},
}
results = {}
print("test accuracy    clean          noisy")
for name, options in methods.items():
    for kind, y in data.items():
        results[name, kind] = torch.stack([fit(y, s, **options) for s in range(5)])
    row = (
        f"{results[name, k].mean():.3f} ± {results[name, k].std():.3f}" for k in data
    )
    print(f"{name:<15}", *row, sep="  ")

fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for i, kind in enumerate(data):
    means = [results[name, kind].mean() for name in methods]
    stds = [results[name, kind].std() for name in methods]
    ax.errorbar(means, range(5), xerr=stds, fmt="o", capsize=3, color=f"C{i}")
    ax.axvline(means[0], color=f"C{i}", lw=1, ls=":", ymax=0.86)
    ax.annotate(f"{kind} labels", (means[0], -0.6), color=f"C{i}", ha="center")
ax.set(yticks=range(5), yticklabels=methods, ylim=(4.4, -0.8))
ax.set(xlim=(0.75, 1), xlabel="test accuracy")
ax.spines[["top", "right"]].set_visible(False)
# alt: 五种做法的测试准确率，带误差线，虚线是什么都不做。干净时四种都在虚线上或虚线左边，翻转最低；标签有错时前三种都在虚线右边很远，翻转只略微靠右
plt.show()

# %%
# 标签有错时，三种办法都帮了大忙：从 0.82 提高到 0.88 上下，远超标准差。
# 三者之间的差别只有一两个标准差，分不出高下。标签干净时，它们都在噪声之内：
# 500 张图、这么小的网络，没有多少过拟合可以减轻。
#
# 翻转在干净数据上掉了将近三个百分点：翻过的 2 看上去是 5，标签却还是 2。
# 标签有错时它反而略好于什么都不做，因为它也妨碍网络背答案；但仍远不如正确的增强。
# 只看后一列，就会误以为翻转是好主意。
#
# 改一改：把 Dropout 的 ``0.5`` 改成 ``0.95``，先猜两列各变好还是变坏，再运行。
#
# 小结
# ----
# - 规则：先确认过拟合，再正则化；增强必须不改变标签；强度在验证集上选。
# - API：``nn.Dropout(p)``、``AdamW(..., weight_decay=...)``、``affine_grid`` 与 ``grid_sample``。
# - 下一页：:ref:`training-initialization`
