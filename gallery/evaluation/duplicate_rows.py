# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-duplicate-rows:

重复的样本
==========

为了有更多的样本，先把每张图复制几份，每份略微改动，再与原图一起存成一个数据集，然后打乱、划分。
验证集里没有一张图与训练集里的完全相同。这样得到的验证 :term:`准确率` 可以相信吗？

你将学到：

- 用没见过的原图量出副本使准确率偏高多少
- 按来源划分，使一张图的副本都在同一边
- 检查划分的两边有没有几乎相同的样本
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里

# %%
# 思路
# ----
# 同一张原图的各个副本只差一点亮度和噪声，打乱以后可能分在划分的两边。这样的验证集还算是没见过的数据吗？
# 要回答这个问题，就另取一些没有用过的原图，用同样的办法复制，作为新图。
# ``make_rows`` 给出原图和副本，其中的 ``origin`` 说明每一行来自哪张原图。

digits = Digits.load()
images = torch.cat([digits.train.images, digits.validation.images])  # (1500, 1, 8, 8)
labels = torch.cat([digits.train.labels, digits.validation.labels])
loss_fn = nn.CrossEntropyLoss()


def vary(x, noise=0.05):
    brightness = 0.8 + 0.4 * torch.rand(len(x), 1, 1, 1)
    return (x * brightness + noise * torch.randn(x.shape)).clamp(0, 1)


def make_rows(originals, n_copies, change):
    copies = [change(images[originals]) for _ in range(n_copies)]
    x = torch.cat([images[originals], *copies])
    origin = originals.repeat(n_copies + 1)
    return x, labels[origin], origin


# %%

# hide-input: 画图
torch.manual_seed(0)
x, _, _ = make_rows(torch.arange(3), n_copies=4, change=vary)
tiles = torch.zeros(15, 11, 11)  # 图间留空
tiles[:, :8, :8] = x[:, 0]
grid = tiles.view(5, 3, 11, 11).permute(1, 2, 0, 3).reshape(33, 55)[:-3, :-3]
fig, ax = plt.subplots(figsize=(4.5, 2.8), layout="constrained")
ax.imshow(grid.numpy(), cmap="Blues", vmin=0, vmax=1)
ax.set(xticks=[3.5, 14.5, 25.5, 36.5, 47.5], yticks=())
ax.set_xticklabels(["original", "copy", "copy", "copy", "copy"])
ax.spines[:].set_visible(False)
# alt: 三行五列的手写数字，每行最左边是原图，右边是它的四个副本，看起来几乎一样
plt.show()

# %%
# 每行最左边是原图，右边是它的四个副本。比较两种划分，都留出五分之一的行用来验证。
# 按行划分不管来源。按来源划分留出五分之一的原图，连同它们的副本。``torch.isin`` 逐个说明左边的数在不在右边的张量里。
# 每个种子取 300 张原图做数据集，另取 300 张做新图。训练总是 100 步，每步随机取 100 行。


def by_row(origin):
    held_out = torch.arange(len(origin)) < len(origin) // 5
    return held_out[torch.randperm(len(origin))]


def by_origin(origin):
    originals = origin.unique()
    chosen = originals[torch.randperm(len(originals))[: len(originals) // 5]]
    return torch.isin(origin, chosen)


def fit(x, y):
    layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)]
    model = nn.Sequential(nn.Flatten(), *layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        rows = torch.randint(len(x), (100,))
        loss = loss_fn(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, x, y):
    return (model(x).argmax(dim=1) == y).float().mean()


def run(seed, split, n_copies=4, change=vary, shuffle=None):
    torch.manual_seed(seed)
    mine, new = torch.randperm(len(images))[:600].split(300)
    x, y, origin = make_rows(mine, n_copies, change)
    held_out = split(origin)
    if shuffle == "rows":  # 本页最后的检查要用
        y = y[torch.randperm(len(y))]
    if shuffle == "originals":  # 前 300 行是原图
        y = y[:300][torch.randperm(300)].repeat(n_copies + 1)
    model = fit(x[~held_out], y[~held_out])
    new_x, new_y, _ = make_rows(new, n_copies, change)
    pixels = x.flatten(1)
    distances = torch.cdist(pixels[held_out], pixels[~held_out]).min(dim=1).values
    return {
        "validation": accuracy(model, x[held_out], y[held_out]),
        "new": accuracy(model, new_x, new_y),
        "chance": y.bincount().max() / len(y),  # 总答最多的那一类
        "near": (distances < 0.6).float().mean(),  # 后面的检查要用
    }


# %%
# .. predict::
#
#    每张原图有四个副本。按行划分时，验证准确率与新图的准确率会怎样？
#
#    - 差不多，因为验证集里没有一张图与训练集里的完全相同
#    - 都接近 1.000，因为副本使训练的样本多到五倍
#    - 验证的接近 1.000，新图的低几个百分点


def report(name, split, **options):
    runs = [run(seed, split, **options) for seed in range(10)]
    table = {key: torch.stack([r[key] for r in runs]) for key in runs[0]}
    validation, new = table["validation"], table["new"]
    gain = validation - new
    error = gain.std() / 10**0.5
    cells = [f"{c.mean():.3f} ± {c.std():.3f}" for c in (validation, new)]
    print(f"{name:<21}", *cells, f"{gain.mean():+.3f} ± {error:.3f}", end="")
    print(f"  higher in {(gain > 0).sum()} of 10")
    return table["near"]


near = {}
print("10 seeds              validation    new images    difference ± standard error")
near["by row"] = report("by row, 4 copies", by_row)
near["by origin"] = report("by origin, 4 copies", by_origin)
near["no copies"] = report("by row, no copies", by_row, n_copies=0)

# %%
# .. answer:: C
#
#    前两列的 ± 后面是十个种子的标准差，最后是验证减新图的平均和标准误。按行划分的验证准确率是 0.997，新图的是 0.938，
#    十个种子都偏高，所以 A 不成立。B 也不成立，因为新图没有接近 1.000，与没有副本时的 0.931 差不多。
#    按来源划分的差是 +0.001 ± 0.012，没有副本时的差是 +0.007 ± 0.010，都看不出偏高。所以偏高来自分在两边的副本。
#
# 划分以后检查
# ------------
# 如果记下了来源，就检查两边有没有共同的来源。如果没有记下来源，就要从图本身去找副本。

torch.manual_seed(0)
x, _, origin = make_rows(torch.randperm(len(images))[:300], n_copies=4, change=vary)
for split in (by_row, by_origin):
    held_out = split(origin)
    shared = torch.isin(origin[held_out], origin[~held_out]).sum()
    of = f"{shared} of {held_out.sum()}"
    print(f"{split.__name__:<9}  {of} validation rows share an origin with training")

print(f"{len(x.flatten(1).unique(dim=0))} of {len(x)} rows are different")
pixels = images.flatten(1)
closest = torch.cdist(pixels, pixels).fill_diagonal_(torch.inf).min(dim=1).values
share = (closest < 0.6).float().mean()
print(f"{share:.1%} of the originals are within 0.6 of another one")

# %%
# 按行划分时，300 个验证的行全部有同源的行在训练集里。但是 1500 行各不相同，所以删去完全相同的行，一行也删不掉。
# 要找几乎相同的，就求每个验证的行与最近的训练的行的距离。不同的原图也会相像，这里 1.0% 的原图与另一张相距不到 0.6。
# 所以相距不到 0.6 的验证的行超过 5%，才算可疑。


def check(name, shares):
    alarms = f"alarm in {(shares > 0.05).sum()} of 10"
    print(f"{name:<10}  within 0.6: {shares.min():.3f} to {shares.max():.3f}, {alarms}")


for name, shares in near.items():
    check(name, shares)

# %%
# 按行划分时，十个种子都报警。没有副本分在两边的两种情况都没有误报。
#
# .. change-it::
#
#    把 ``vary`` 的 ``noise=0.05`` 改成 0.2，副本的噪声更大。距离的检查还报警吗？验证准确率还偏高吗？

# hide-cell: 更大的噪声
more = {"change": lambda x: vary(x, noise=0.2)}
check("more noise", report("by row, more noise", by_row, **more))
report("by origin, more noise", by_origin, **more)

# %%
# .. outcome::
#
#    检查不再报警，验证准确率却仍然偏高，差是 +0.057，十个种子都如此。按来源划分的差只有 +0.013 ± 0.009。
#    距离的检查只能找到相距很近的副本，所以要记下来源。

# %%
# 打乱标签查得出吗
# ----------------
# :ref:`evaluation-split-leakage` 里的检查先打乱标签，再看验证准确率是否明显高于碰运气的水平。这里每个种子打乱一次，共十次。
#
# .. predict::
#
#    按行划分，把 1500 行的标签逐行打乱，再训练。这个检查会报警吗？
#
#    - 会，因为副本仍然分在两边，网络仍然记得住它们
#    - 不会，因为同一张原图的副本得到不同的标签，记住一个也答不对另一个
#    - 不会，因为网络记不住随机的标签

checks = [(by_row, "rows"), (by_row, "originals"), (by_origin, "originals")]
for split, shuffle in checks:
    runs = [run(seed, split, shuffle=shuffle) for seed in range(10)]
    above = torch.stack([r["validation"] - r["chance"] for r in runs])
    error = above.std() / 10**0.5
    result = f"{above.mean():+.3f} ± {error:.3f}, alarm={above.mean() > 3 * error}"
    print(f"{split.__name__:<9}  {shuffle:<9} shuffled, minus chance {result}")

# %%
# .. answer:: B
#
#    第一行没有报警，可见 A 不成立。第二行按原图打乱，原图和它的副本一起换成同一个标签，这时高出 0.252，检查报警。
#    这些标签同样是随机的，网络却记住了，所以 C 也不成立。第三行按来源划分，没有误报。所以有副本时，打乱标签也要按来源来做。
#
# .. real-projects::
#
#    更省事的做法是先划分原图，再只复制训练的那一部分。同一个病人的多张片子、同一段视频的各帧，也要当作同一个来源。按来源划分可以用 scikit-learn 的
#    `GroupShuffleSplit <https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.GroupShuffleSplit.html>`__。
#    常用的数据集里也有几乎相同的图，CIFAR 的情况见 `Barz 与 Denzler 的论文 <https://arxiv.org/abs/1902.00423>`__。
#
# 小结
# ----
# - 规则：同一个来源的行放在同一边。划分以后检查两边有没有共同的来源，没有记下来源时再看最近的距离。
# - API：``torch.isin(origin, chosen)`` 和 ``torch.cdist(a, b).min(dim=1).values``。
# - 下一页：:ref:`evaluation-cross-validation`
