# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-normalization:

批量归一化与层归一化
====================

很多网络在 :term:`线性层` 与 :term:`激活函数` 之间放一个 :term:`归一化` 层。加上这一层有什么用？:term:`批量归一化` 与 :term:`层归一化` 的公式只差沿哪些 :term:`轴` 求平均，该用哪一种？

你将学到：

- 比较有归一化与没有归一化时，训练对 :term:`学习率` 的要求
- 说出两种归一化各沿哪些轴求均值和方差，并手算出同样的结果
- 检验两种归一化的结果与批量大小、批次的组成有没有关系
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 为什么要归一化
# --------------
# 归一化层把一层的输出减去均值、除以标准差，变成均值 0、方差 1，再乘以一个可训练的缩放，加上一个可训练的平移。
#
# 下面在 400 张手写数字上训练同一个网络 3 :term:`轮`，只换归一化层和学习率。``nn.Identity`` 原样返回输入，代表没有归一化。最后一列 ``fixed`` 是对照，它用批量归一化的公式，但是均值和方差在训练之前用全部训练图算一次，以后不变。每格是五个种子的验证准确率的平均，± 是标准差。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train = train[:400]  # 少用一些，训练得快
loss_fn = nn.CrossEntropyLoss()
norms = (nn.Identity, nn.BatchNorm1d, nn.LayerNorm)
columns = {norm.__name__: {"norm": norm} for norm in norms}
columns["fixed"] = {"norm": nn.BatchNorm1d, "fixed": True}


def shuffled_batches(batch_size):
    return train[torch.randperm(len(train))].split(batch_size)


def fit(seed, norm, lr, n_epochs=3, batch_size=20, split=shuffled_batches, fixed=False):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    if fixed:
        model[2].momentum = 1.0  # 只记住这一次前向的均值和方差
        model(images[train])
        model[2].eval()
    for _ in range(n_epochs):
        for batch in split(batch_size):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def validation_accuracy(model):
    model.eval()
    predicted = model(images[validation]).argmax(dim=1)
    return (predicted == labels[validation]).float().mean()


def print_row(name, **options):
    print(f"{name:<17}", end="")
    for column in columns.values():
        models = [fit(seed, **column, **options) for seed in range(5)]
        results = torch.stack([validation_accuracy(model) for model in models])
        print(f"  {results.mean():.3f} ± {results.std():.3f}", end="")
    print()


print(" " * 19 + "".join(f"{name:<15}" for name in columns))
for lr in (0.01, 0.1, 0.3, 1.0):
    print_row(f"lr {lr}", lr=lr)


# %%
# 没有归一化时，平均最高是 0.852，而批量归一化在 0.1 到 1.0 之间都超过 0.90。层归一化在 0.1 最好，学习率再大，平均就低了。学习率是 0.01 和 0.1 时，``fixed`` 也比没有归一化高，到了 0.3 和 1.0 却只有 0.130 和 0.087。可见批量归一化能用大的学习率，靠的是每个批次都重新计算均值和方差。
#
# .. change-it::
#
#    表里最适合没有归一化的学习率是 0.3。用 ``lr=0.3`` 再调用一次 ``print_row``，并加上 ``n_epochs=10``。没有归一化的网络训练 10 轮，会追上训练 3 轮的批量归一化吗？

# hide-cell: 训练 10 轮
print_row("lr 0.3, 10 epochs", lr=0.3, n_epochs=10)

# %%
# .. outcome::
#
#    追上了，但是用了 10 轮。没有归一化的网络训练 10 轮是 0.925，批量归一化训练 3 轮已经有 0.926。可见批量归一化让训练更快。都训练 10 轮时，批量归一化的 0.944 与 0.925 的差别已在种子的波动之内。这时层归一化是 0.951，``fixed`` 仍不到 0.1。

# %%
# 沿哪些轴
# --------
# 设输入的 :term:`形状` 是（样本，通道，位置）。下面三种层只差均值和方差沿哪些轴求。
#
# - ``BatchNorm1d(3)`` 对每个通道，沿样本和位置求。
# - ``LayerNorm([3, 5])`` 对每个样本，沿通道和位置求。参数 ``[3, 5]`` 是最后两个轴的形状。
# - ``LayerNorm(5)`` 只沿最后一个轴求，每个样本的每个通道各求一次。

torch.manual_seed(0)
x = 3 * torch.randn(4, 3, 5) + 2  # 样本 × 通道 × 位置


def normalize(x, dim):
    variance = x.var(dim=dim, keepdim=True, correction=0)  # 除以个数，不减 1
    return (x - x.mean(dim=dim, keepdim=True)) / torch.sqrt(variance + 1e-5)


layers = {
    "BatchNorm1d(3)": (nn.BatchNorm1d(3), (0, 2)),
    "LayerNorm([3, 5])": (nn.LayerNorm([3, 5]), (1, 2)),
    "LayerNorm(5)": (nn.LayerNorm(5), (2,)),
}
for name, (layer, dim) in layers.items():
    error = (layer(x) - normalize(x, dim)).abs().max()
    n_groups = x.mean(dim=dim).numel()
    print(f"{name:<17}  largest error {error:.0e}, {n_groups:>2} means, ", end="")
    print(f"weight {tuple(layer.weight.shape)}")

# %%

# hide-input: 画图
groups = {
    "BatchNorm1d(3)": torch.arange(3).expand(4, 3),
    "LayerNorm([3, 5])": torch.arange(4).unsqueeze(1).expand(4, 3),
    "LayerNorm(5)": torch.arange(12).view(4, 3),
}
fig, axes = plt.subplots(1, 3, figsize=(8, 2.6), sharey=True, layout="constrained")
for ax, (name, group) in zip(axes, groups.items(), strict=True):
    cells = group.repeat_interleave(5, dim=1).numpy()
    ax.pcolormesh(cells, cmap="tab20", vmin=0, vmax=19, ec="0.4", lw=0.5, alpha=0.8)
    ax.set(title=name, xticks=[2.5, 7.5, 12.5], xticklabels=range(3))
    ax.set(yticks=[0.5, 1.5, 2.5, 3.5], yticklabels=range(4), xlabel="channel")
axes[0].set(ylabel="example", ylim=(4, 0))
# alt: 三块方格，行是四个样本，列是三个通道各五个位置。左块每个通道一种颜色，中块每个样本一种颜色，右块每个样本的每个通道一种颜色
plt.show()

# %%
# 颜色相同的格子共用一个均值和一个方差。左图里，同一种颜色跨过全部样本，所以换掉一个样本，别的样本的结果也会变。另外两图里，样本之间互不影响。
#
# 前面网络的输入是（样本，特征），相当于每个通道只有一个位置，所以 ``BatchNorm1d(64)`` 像左图，``LayerNorm(64)`` 像中图。Transformer 的输入是（样本，:term:`词元`，特征），``LayerNorm(d)`` 像右图，每个词元单独归一化。
#
# 表里还有缩放 ``weight`` 的形状。批量归一化的每个通道有一个缩放，层归一化的缩放与参数里的形状相同。缩放的初值是 1，平移 ``bias`` 的初值是 0，所以新建的层与手算只差舍入误差。
#
# 训练与推理
# ----------
# 推理时可能只有一个样本，批量归一化不能再用同批的样本。所以它在训练中把均值和方差积累进两个 :term:`缓冲区`，``running_mean`` 从 0 开始，``running_var`` 从 1 开始。训练模式下每次前向，它们都向当前批次的均值和方差移动，移动的量是两者之差的 0.1 倍。``eval()`` 之后，这一层改用缓冲区里的数。

batch_norm = nn.BatchNorm1d(3, momentum=0.1)  # 0.1 是默认值，与优化器的动量无关
for _ in range(3):  # 同一个批次送三次
    batch_norm(x)
mean, variance = x.mean(dim=(0, 2)), x.var(dim=(0, 2))  # 这个方差除以个数减 1
mean_part = batch_norm.running_mean / mean
variance_part = (batch_norm.running_var - 1) / (variance - 1)
print(f"part of the way: mean {mean_part[0]:.3f}, variance {variance_part[0]:.3f}")
for name, layer in {"BatchNorm1d": batch_norm, "LayerNorm": nn.LayerNorm(5)}.items():
    difference = (layer.eval()(x) - layer.train()(x)).abs().max()
    print(f"{name:<11}  eval() and train() differ by at most {difference:.2f}")

# %%
# 三次之后，两个缓冲区都只走了全程的 :math:`1 - 0.9^3 = 0.271`，所以批量归一化在两种模式下的结果最多相差 2.22。层归一化的结果相同，因为它不用缓冲区。忘记切换模式的代价见 :ref:`pitfalls-train-eval-mode`。
#
# 一批只有两个样本
# ----------------
# .. predict::
#
#    两个样本，五个 :term:`特征`。一个特征的两个数相差 3，另一个相差 80，还有一个的两个数相等。训练时，批量归一化把它们变成什么？
#
#    - 五个特征都变成 1 和 −1。
#    - 差大的特征离得远，差小的离得近。
#    - 两个数不等的变成 1 和 −1，相等的变成 0 和 0。

pair = torch.tensor([[1.0, 5, -2, 10, 6], [4, 2, 7, 90, 6]])
for row in nn.BatchNorm1d(5)(pair):
    print("  ".join(f"{value:5.2f}" for value in row))
close = nn.BatchNorm1d(1)(torch.tensor([[0.0], [0.001]]))
print(f"0 and 0.001 become {close[0].item():.2f} and {close[1].item():.2f}")
nn.BatchNorm1d(3)(x[:1])  # 一个样本，每个通道有 5 个数
try:
    nn.BatchNorm1d(5)(pair[:1])  # 一个样本，每个通道只有 1 个数
except ValueError as error:
    print(f"{type(error).__name__}: {str(error).split(', got')[0]}")

# %%
# .. answer:: C
#
#    两个数减去它们的平均，再除以它们的标准差，只剩下谁大谁小，所以 B 不对，相差 3 和相差 80 已经分不出来。A 漏了最后一个特征，它的两个数相等，减去平均之后都是 0。
#
#    方差要先加上 ``eps=1e-5`` 再开方，所以两个数的差极小时，结果达不到 1 和 −1，例如 0 和 0.001 就变成 −0.16 和 0.16。
#
# 一个通道只有一个数时，减去平均之后总是 0，所以训练模式报错。报错里要看的是“per channel”，一个样本的每个通道有五个数时就不报错。最后一个批次可能只剩一个样本，可以用 ``drop_last=True`` 丢掉它。
#
# 批量大小与批次的组成
# --------------------
# 仍然训练 3 轮，批次换三种。批量为 8 时，学习率是 0.03。批量为 2 时，更新的次数是 4 倍，所以学习率取四分之一。最后一种的每个批次是同一个类别的 8 张，不满的丢掉，批次之间仍然打乱。
#
# .. predict::
#
#    每个批次只有一个类别时，前三列网络的验证准确率怎样排列？
#
#    - 批量归一化最低，比没有归一化还低。
#    - 批量归一化最高，与打乱时差不多。
#    - 三种都比打乱时低，批量归一化仍然最高。


def one_class_batches(batch_size):
    shuffled = train[torch.randperm(len(train))]
    batches = []
    for k in range(10):
        batches += shuffled[labels[shuffled] == k].split(batch_size)
    full = [batch for batch in batches if len(batch) == batch_size]
    return [full[i] for i in torch.randperm(len(full))]


print(" " * 19 + "".join(f"{name:<15}" for name in columns))
print_row("8, shuffled", lr=0.03, batch_size=8)
print_row("2, shuffled", lr=0.03 / 4, batch_size=2)
print_row("8, one class", lr=0.03, batch_size=8, split=one_class_batches)

# %%
# .. answer:: A
#
#    批量归一化降到 0.073，与从十个类别里乱猜差不多，而没有归一化的是 0.359，所以 B 不成立。C 的前半句对，三种都比打乱时低，但是批量归一化排在最后。
#
#    每个批次都减去了自己的均值。批次里只有一个类别时，十个类别减完以后均值都是 0，类别之间均值的差别就被减掉了。``fixed`` 用同样的批次和同样的公式，只是均值和方差不由批次算出，准确率是 0.717。所以批量归一化失败的原因，是它用了批次自己的均值和方差。
#
# 打乱时，批量从 8 变成 2，批量归一化从 0.907 降到 0.783，其余三列的变化都在种子的波动之内。``fixed`` 与它的公式相同，却没有降低，所以降低也是批次自己的均值和方差造成的。
#
# .. real-projects::
#
#    卷积网络常用 ``BatchNorm2d``，Transformer 用 ``LayerNorm``，显存只放得下很小的批量时可以用 ``GroupNorm``，它也不跨样本求平均。接口见 `torch.nn.BatchNorm1d <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html>`__，批量归一化见 `原论文 <https://arxiv.org/abs/1502.03167>`__，层归一化见 `原论文 <https://arxiv.org/abs/1607.06450>`__。
#
# 小结
# ----
# - 规则：批量归一化让训练更快，也能用更大的学习率。它沿样本求均值和方差，所以要打乱数据，批量不能太小，推理前调用 ``eval()``。数据不能打乱，或者批量只能很小时，就用层归一化，并重新选学习率。
# - API：``torch.nn.BatchNorm1d(num_features)``，``torch.nn.LayerNorm(normalized_shape)``。
# - 下一页：:ref:`training-save-and-load`
