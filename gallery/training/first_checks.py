# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
r"""
.. _training-first-checks:

训练前的三项检查
================

多数训练程序的错误不会报错，只会让结果差一点，往往训练几小时之后才看得出来。
有三项检查几秒钟就能做完：看第一个损失、让网络背下一个批次、亲眼看一个批次。
这一页故意犯四个错，看每一项检查各能抓住哪几个。

你将学到：

- 第一个损失应当接近 :math:`\ln K`，:math:`K` 是类别数
- 一个小批次背不下来，说明训练代码有错
- 有一种错误只有亲眼看数据才能发现
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])

x, y = images[train[:32]], labels[train[:32]]  # 一个批次

# %%
# 第一项：第一个损失
# ------------------
# 还没训练的网络不知道答案，给十个类别的概率都在 0.1 上下，
# :term:`交叉熵` 就应当接近 :math:`\ln 10 = 2.303`。


def make_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


loss_function = nn.CrossEntropyLoss()
losses = torch.tensor([loss_function(make_model(s)(x), y).item() for s in range(5)])
print(f"ln 10 = {math.log(10):.3f}")
print(f"first loss, 5 seeds: {losses.mean():.3f} ± {losses.std():.3f}")

# %%
# 差不到 0.1，正常。这一项抓的是尺度：初值太大、输入没有缩放，或者类别数写错，
# 第一个损失就会偏离 :math:`\ln K`。
#
# 第二项：背下一个批次
# --------------------
# 反复只喂这 32 张图。网络有 4810 个参数，背下 32 个答案绰绰有余；
# 如果 100 步之后损失还不接近 0，问题多半在代码，不在数据。


def overfit(model, x, y, parameters=None):
    """在一个批次上走 100 步，返回每一步的损失。"""
    optimizer = torch.optim.Adam(parameters or model.parameters(), lr=0.01)
    losses = []
    for _ in range(100):
        loss = loss_function(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


runs = {"correct": overfit(make_model(), x, y)}
losses = runs["correct"]
print(f"loss: {losses[0]:.3f} at first, {losses[-1]:.3f} after 100 steps")

# %%
# 背下来了。这一项抓的是训练的那几行：梯度到没到参数，优化器有没有更新这个网络。
#
# 四个错误
# --------
# 每次只改一处：
#
# - 像素没有缩放，仍是 0 到 255（这里乘回去）；
# - 网络末尾多了一个 softmax；
# - 优化器拿的是另一个模型的参数：先建好优化器，后来又重建了模型，就会这样；
# - 图像打乱了，标签没有跟着打乱。
#
# .. admonition:: 先猜一猜
#
#    四个错误里，哪些看第一个损失就能发现？哪些背一个批次才露馅？有没有两关都过的？

runs["raw pixels"] = overfit(make_model(), 255 * x, y)
runs["softmax at the end"] = overfit(make_model().append(nn.Softmax(dim=1)), x, y)
other = list(make_model().parameters())
runs["other model's parameters"] = overfit(make_model(), x, y, other)
runs["labels not shuffled"] = overfit(make_model(), x, labels[:32])

print("run                       first   last")
for name, losses in runs.items():
    print(f"{name:<24} {losses[0]:>6.2f} {losses[-1]:>6.2f}")

# %%
# - 没有缩放：第一个损失就是 41，第一项当场抓住。背一个批次反而没有问题。
# - 多一个 softmax：第一个损失比正确的还接近 2.303，背一个批次时停在 1.5 左右。
#   它降不到 1.46 以下，原因见 :ref:`networks-cross-entropy`。
# - 别的模型的参数：损失一动不动。
# - 标签没有打乱：两关都过。32 个错的答案也是 32 个答案，网络照样背得下来。
#
# 五条曲线放在一起，标签错的那条只比正确的降得慢一些，看不出毛病：

fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
height = (1.0, 1.0, 0.7, 1.3, 1.0)  # 错开挨着的两个名字
for i, (name, losses) in enumerate(runs.items()):
    ax.plot(losses, color=f"C{i}", lw=2)
    ax.annotate(name, (101, losses[-1] * height[i]), color=f"C{i}", va="center")
ax.set(yscale="log", xlim=(0, 140), xlabel="step", ylabel="loss on one batch")
ax.set(xticks=(0, 25, 50, 75, 100))
ax.spines[["top", "right"]].set_visible(False)
# alt: 五条损失曲线，纵轴是对数。正确的、像素没缩放的和标签错的都降到 0.01 以下；多一个 softmax 的停在 1.5；参数属于别的模型的一直是 2.34
plt.show()

# %%
# 第三项：看一个批次
# ------------------
# 从送进网络的张量里取图和标签，不要回头去看原始文件：错误往往就出在两者之间。

fig, axes = plt.subplots(1, 8, figsize=(7, 1.3), layout="constrained")
for ax, image, label in zip(axes, x[:, 0], labels[:8].tolist(), strict=False):
    ax.imshow(image, cmap="Blues", vmin=0, vmax=1)
    ax.set_title(label)
    ax.set_axis_off()
# alt: 一行八张手写数字，上方的标签依次是 0 到 7，与图上的数字大多不符
plt.show()

# %%
# 标签是 0、1、2、……按顺序排的，图却不是。一眼就看出来的错误，前两项检查都看不见：
# 用这样的标签训练 20 轮，我们换了五个种子，测试准确率都不到 7%，还不如乱猜。
#
# 改一改：把 ``overfit`` 里的 ``lr=0.01`` 改成 ``lr=0.0001``。
# 先猜正确的网络还过不过第二项检查，再运行。
#
# 小结
# ----
# - 规则：训练之前先看第一个损失，再背一个批次，再看一个批次；三项各抓各的错，缺一不可。
# - API：``torch.nn.CrossEntropyLoss``、``next(iter(loader))``、``model.parameters()``。
# - 下一页：:ref:`training-training-loop`
