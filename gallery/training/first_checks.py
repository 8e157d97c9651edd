# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
r"""
.. _training-first-checks:

训练前的三项检查
================

训练程序里有的错误不会使程序报错，只使结果变差，训练结束才看得出来。
这一页介绍训练之前的三项检查，然后故意犯四个错误。每一项检查能发现哪些错误，又有哪些发现不了？

你将学到：

- 计算一个还没训练的分类网络应有的损失
- 用一个批次检查训练的代码
- 判断一种错误要靠哪一项检查来发现
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# 三项检查都在正式训练之前做，只用一个批次：
#
# - 看第一个损失，它应当接近一个可以事先算出的值。
# - 让网络反复学习这一个批次，它应当能把答案背下来，损失应当接近 0。
# - 亲眼看这个批次的图像和标签，两者应当相符。
#
# 第一项要算的值是 :math:`\ln K`，其中 :math:`K` 是类别数。还没训练的网络不知道答案，
# 如果它给每个类别的概率都接近 :math:`1/K`，损失就接近 :math:`-\ln(1/K) = \ln K`，
# 因为 :term:`交叉熵` 是正确类别的概率取对数再变号。
#
# 数据和划分与 :ref:`training-digits-dataloader` 相同，下面取训练集的前 32 张作为一个批次。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, _, _ = order.split([1200, 300, 297])

x, y = images[train[:32]], labels[train[:32]]
print(f"{tuple(x.shape)=}, {tuple(y.shape)=}")

# %%
# 第一项：第一个损失
# ------------------
# 网络的第一层 ``nn.Flatten`` 把每张 ``(1, 8, 8)`` 的图像摊平成 64 个数。
# 先看种子 0 的网络给出的概率，再换五个种子，各看一次第一个损失。


def make_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


loss_fn = nn.CrossEntropyLoss()
p = make_model()(x).softmax(dim=1)
first = [loss_fn(make_model(seed)(x), y).item() for seed in range(5)]
print(f"probabilities: {p.min():.3f} to {p.max():.3f}")
print(f"ln 10 = {math.log(10):.3f}")
print("first loss, 5 seeds:", *(f"{loss:.3f}" for loss in first))

# %%
# 概率在 0.076 与 0.127 之间，都接近 0.1。五个种子的第一个损失都在 2.269 与 2.381 之间，与 :math:`\ln 10` 相差不到 0.1，所以这个网络通过了第一项检查。
#
# 第二项：背下一个批次
# --------------------
# 用带 :term:`动量` 的 SGD 在这 32 张图像上走 100 步。网络的参数比答案多得多，背下 32 个答案不难。
# 背下见过的图像不需要 :term:`泛化`，所以如果损失不接近 0，问题就不在数据太少，而在训练本身。


def memorize(model, parameters, x, y, lr=0.1):
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9)
    losses = []
    for _ in range(100):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


model = make_model()
losses = memorize(model, model.parameters(), x, y)
print(f"{sum(p.numel() for p in model.parameters())} parameters")
print(f"loss: {losses[0]:.3f} at first, {losses[-1]:.3f} after 100 steps")

# %%
# 有 4810 个参数的网络背下了这个批次，损失降到 0.003，也通过了第二项检查。
#
# 四个错误
# --------
# 现在故意犯错，每次只改一处：
#
# - “raw pixels”：像素没有缩放到 0 与 1 之间，而是像 8 位图像那样最大到 255。
# - “softmax”：网络末尾多了一层 ``nn.Softmax``，它把 logits 变成概率。
# - “other model”：优化器拿到的是另一个模型的参数。如果先建好优化器，后来又重建模型，就会这样。
# - “labels”：图像打乱了，标签没有跟着打乱。
#
# .. predict::
#
#    哪一种错误能同时通过前两项检查？
#
#    - 像素没有缩放，因为第一层的权重在训练中会适应像素的大小
#    - 末尾多了一个 softmax，因为概率最大的仍是同一个类别
#    - 优化器拿到另一个模型的参数，因为两个模型的结构和初始参数都相同
#    - 标签没有跟着打乱，因为网络也能背下错误的答案

names = ("correct", "raw pixels", "softmax", "other model", "labels")
runs = {name: [] for name in names}
for seed in range(5):
    model = make_model(seed)
    runs["correct"].append(memorize(model, model.parameters(), x, y))

    model = make_model(seed)
    runs["raw pixels"].append(memorize(model, model.parameters(), 255 * x, y))

    model = make_model(seed).append(nn.Softmax(dim=1))
    runs["softmax"].append(memorize(model, model.parameters(), x, y))

    model = make_model(seed)
    other_model = make_model(seed)
    runs["other model"].append(memorize(model, other_model.parameters(), x, y))

    model = make_model(seed)
    runs["labels"].append(memorize(model, model.parameters(), x, labels[:32]))

print(f"labels: {(labels[:32] != y).sum()} of 32 are wrong")
print("mean ± std     first loss     last loss")
for name in names:
    losses = torch.tensor(runs[name])  # (5, 100)
    first, last = losses[:, 0], losses[:, -1]
    print(f"{name:<12}  {first.mean():5.2f} ± {first.std():5.2f}", end="")
    print(f"   {last.mean():.2f} ± {last.std():.2f}")

# %%
# .. answer:: D
#
#    表中是五个种子的平均和标准差。标签没有打乱时，32 个标签有 31 个是错的，但是第一个损失是 2.30，100 步之后降到 0.02，网络照样背了下来。
#    A 两项都不通过。第一个损失平均是 47.29，远离 2.303，100 步之后仍有 2.19，所以在这个学习率之下，网络没有适应像素的大小。
#    B 和 C 通过第一项，但是不通过第二项。多一个 softmax 时，概率最大的类别不变，100 步之后的损失却仍有 1.67。
#    参数属于另一个模型时，网络自己的参数没有更新，所以损失没有变化。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
places = ((101, 0.003), (6, 30), (101, 1.3), (101, 2.9), (101, 0.018))  # 名字的位置
for i, name in enumerate(names):
    losses = runs[name][0]
    ax.plot(losses, color=f"C{i}", lw=2)
    ax.annotate(name, places[i], color=f"C{i}", va="center")
ax.set(yscale="log", xlim=(0, 125), ylim=(2e-3, 100), xticks=(0, 25, 50, 75, 100))
ax.set(xlabel="step", ylabel="loss on one batch, seed 0")
ax.spines[["top", "right"]].set_visible(False)
# alt: 五条损失曲线，纵轴是对数。正确的和标签错的一直下降，另外三条停在 1 以上，其中像素没有缩放的那条开头冲出图外
plt.show()

# %%
# 图中是种子 0。没有缩放的那条曲线在头几步冲出图外，随后停在 2.19，与“other model”的几乎重合。
# 标签错误的那条一直下降，只看它看不出问题。它比正确的那条降得慢，但是平时没有正确的曲线可以比较。
# 多一个 softmax 的网络为什么降不到 0，见 :ref:`networks-cross-entropy`。
#
# .. change-it::
#
#    把 ``memorize`` 的学习率 ``lr`` 从 0.1 改成 0.001。正确的程序还能通过第二项检查吗？像素没有缩放的程序呢？

# hide-cell: 学习率 0.001
for name, inputs in {"correct": x, "raw pixels": 255 * x}.items():
    ends = []
    for seed in range(5):
        model = make_model(seed)
        ends.append(memorize(model, model.parameters(), inputs, y, lr=0.001)[-1])
    print(f"{name:<10}  last loss", *(f"{loss:.2f}" for loss in ends))

# %%
# .. outcome::
#
#    正确的程序不能通过，100 步之后损失都还在 2.1 以上，因为每一步都太小。所以这项检查不通过时，先换几个学习率，再去代码里找错误。
#    没有缩放的程序反而通过了，损失都降到 0.00，所以这个错误要靠第一项检查来发现。

# %%
# .. change-it::
#
#    学习率仍是 0.1，把各处的 ``train[:32]`` 和 ``labels[:32]`` 都改成 ``[:128]``。错误的标签还能在 100 步之内背下来吗？

# hide-cell: 128 张图像
more_x = images[train[:128]]
for name, more_y in {"correct": labels[train[:128]], "labels": labels[:128]}.items():
    ends = []
    for seed in range(5):
        model = make_model(seed)
        ends.append(memorize(model, model.parameters(), more_x, more_y)[-1])
    print(f"{name:<7}  last loss", *(f"{loss:.2f}" for loss in ends))

# %%
# .. outcome::
#
#    不能，损失还在 1 左右，而正确的标签已经降到 0.02 左右。错误的标签没有规律，128 张要逐张背，100 步不够。
#    但是平时不知道正确的程序该走多少步，所以损失降得慢不足以说明标签有错。

# %%
# 第三项：看一个批次
# ------------------
# 标签没有打乱的错误，前两项检查都没有发现，现在亲眼看数据。图像和标签要从送进网络的张量里取，
# 不要看原始文件，因为错误可能出在读取和打乱的过程中。

print(f"labels given to the network: {labels[:8].tolist()}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 8, figsize=(6.5, 1.3), layout="constrained")
for ax, image, label in zip(axes, x[:8, 0].numpy(), labels[:8].tolist(), strict=True):
    ax.imshow(image, cmap="Blues", vmin=0, vmax=1)
    ax.set_title(label)
    ax.set_axis_off()
# alt: 一行八张手写数字 6、5、5、7、9、9、8、4，上方的标签依次是 0 到 7，没有一张相符
plt.show()

# %%
# 标签依次是 0 到 7，而八张图像没有一张与标签相符，看一眼就知道有错。
# ``imshow`` 默认按最小和最大的像素配色，看不出没有缩放，所以这里固定 ``vmin=0, vmax=1``。
#
# 四个错误里，第一项只发现了没有缩放。学习率是 0.1 时，第二项只放过了标签没有打乱，第三项发现了它。
# 第三项只看数据，所以发现不了网络末尾的 softmax，也发现不了优化器拿错参数。
#
# .. real-projects::
#
#    数据再大，这三项检查也只用一个批次，所以每次改动网络或数据之后都可以再做一遍。
#    做第二项时先关掉 Dropout 和随机的数据增强，因为它们使答案难背，见 :ref:`training-regularization`。损失函数见
#    `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__
#    的文档，更多的检查见
#    `A Recipe for Training Neural Networks <https://karpathy.github.io/2019/04/25/recipe/>`__。

# %%
# 小结
# ----
# - 规则：训练之前看第一个损失是否接近 :math:`\ln K`，背下一个批次，再亲眼看这个批次，因为每一项都会放过别的项能发现的错误。
# - API：``nn.CrossEntropyLoss()``、``nn.Flatten()``、``torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)``。
# - 下一页：:ref:`training-training-loop`
