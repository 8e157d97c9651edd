# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-normalization:

批量归一化与层归一化
====================

很多网络在 :term:`线性层` 与 :term:`激活函数` 之间放一个 :term:`归一化` 层。
加上这一层有什么用？:term:`批量归一化` 与 :term:`层归一化` 的公式只差沿哪些 :term:`轴` 求平均，该用哪一种？

你将学到：

- 比较有归一化与没有归一化时，训练对 :term:`学习率` 的要求
- 说出两种归一化各沿哪些轴求均值和方差，并手算出同样的结果
- 判断批量很小、或批次里只有一个类别时，哪一种会出问题
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
# 下面在 400 张手写数字上训练同一个网络 3 :term:`轮`，只换归一化层和学习率。``nn.Identity`` 原样返回输入，代表没有归一化。每格是五个种子的验证准确率的平均，± 是标准差。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train = train[:400]  # 少用一些，训练得快
loss_fn = nn.CrossEntropyLoss()
norms = (nn.Identity, nn.BatchNorm1d, nn.LayerNorm)
columns = {norm.__name__: {"norm": norm} for norm in norms}


def shuffled_batches(batch_size):
    return train[torch.randperm(len(train))].split(batch_size)


def fit(seed, norm, lr, n_epochs=3, batch_size=20, split=shuffled_batches, fixed=False):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    if fixed:  # 后面的对照：用全部训练图的均值和方差，不再变
        model[2].momentum = 1.0
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
# 四个学习率下，批量归一化的平均都比没有归一化高。没有归一化时，平均最高是 0.852，而批量归一化在 0.1 到 1.0 之间都超过 0.90。层归一化在 0.1 最好，学习率再大，平均就低了，种子之间也相差很多。
#
# .. change-it::
#
#    上面只训练了 3 轮。把学习率 0.1 的那一行改成训练 10 轮，没有归一化的网络会追上来吗？

# hide-cell: 训练 10 轮
print_row("lr 0.1, 10 epochs", lr=0.1, n_epochs=10)

# %%
# .. outcome::
#
#    没有归一化的是 0.893，批量归一化是 0.939，差距小了很多。可见在学习率 0.1 下，归一化让训练更快。

# %%
# 沿哪些轴
# --------
# 设输入的 :term:`形状` 是（样本，通道，位置）。下面三种层的公式相同，只差均值和方差沿哪些轴求。
#
# - ``BatchNorm1d(3)`` 对每个通道，沿样本和位置求。
# - ``LayerNorm([3, 5])`` 对每个样本，沿通道和位置求。参数 ``[3, 5]`` 是最后两个轴的形状。
# - ``LayerNorm(5)`` 只沿最后一个轴求，每个样本的每个通道各求一次。

torch.manual_seed(0)
x = 3 * torch.randn(4, 3, 5) + 2  # 样本 × 通道 × 位置


def normalize(x, dim):
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, keepdim=True, correction=0)  # 除以个数，不减 1
    return (x - mean) / torch.sqrt(variance + 1e-5)


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
axes[0].set_ylabel("example")
axes[0].invert_yaxis()
# alt: 三块方格，行是四个样本，列是三个通道各五个位置。左块每个通道一种颜色，中块每个样本一种颜色，右块每个样本的每个通道一种颜色
plt.show()

# %%
# 颜色相同的格子共用一个均值和一个方差。左图里，同一种颜色跨过全部样本，所以换掉一个样本，别的样本的结果也会变。另外两图里，样本之间互不影响。Transformer 里的 ``LayerNorm(d)`` 属于右图那一种，每个 :term:`词元` 单独归一化。
# 打印的 ``weight`` 是可训练的缩放，初值是 1，平移的初值是 0，所以刚建好的层与手算只差舍入误差。
#
# 训练与推理
# ----------
# 推理时可能只有一个样本，批量归一化不能再用同批的样本。所以它在训练中把均值和方差积累进两个 :term:`缓冲区`。每次前向，``running_mean`` 向当前批次的均值移动，移动的量是两者之差的 0.1 倍。``eval()`` 之后，它改用缓冲区里的数。

batch_norm = nn.BatchNorm1d(3, momentum=0.1)  # 0.1 是默认值
for _ in range(3):
    batch_norm(x)
ratio = batch_norm.running_mean / x.mean(dim=(0, 2))
print(f"running_mean / mean after 3 batches: {ratio.tolist()[0]:.3f}")
for name, layer in {"BatchNorm1d": batch_norm, "LayerNorm": nn.LayerNorm(5)}.items():
    same = torch.allclose(layer.train()(x), layer.eval()(x))
    print(f"{name:<11}  train() and eval() agree: {same}")

# %%
# 三个批次之后，``running_mean`` 只走了 :math:`1 - 0.9^3 = 0.271`，所以两种模式的结果不同。层归一化没有这个区别。忘记切换模式的代价见 :ref:`pitfalls-train-eval-mode`。
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
try:
    nn.BatchNorm1d(5)(pair[:1])
except ValueError as error:
    print(f"{type(error).__name__}: {str(error).split(', got')[0]}")

# %%
# .. answer:: C
#
#    两个数减去它们的平均，再除以它们的标准差，只剩下谁大谁小，所以 B 不对，相差 3 和相差 80 已经分不出来。A 漏了最后一个特征，它的两个数相等，减去平均之后都是 0。
#
# 分母里还加了一个小的数 ``eps=1e-5``，所以两个数的差极小时，结果达不到 1 和 −1，例如 0 和 0.001 就变成 −0.16 和 0.16。只有一个样本时，减去平均之后全是 0，所以训练模式报错。训练集的最后一个批次可能只剩一个样本，这时可以用 ``drop_last=True`` 丢掉它。
#
# 批量大小与批次的组成
# --------------------
# 学习率固定为 0.03，仍然训练 3 轮，批次换三种。最后一种的每个批次是同一个类别的 8 张，不满的丢掉，批次之间仍然打乱。
#
# .. predict::
#
#    每个批次只有一个类别时，三种网络的验证准确率怎样排列？
#
#    - 批量归一化最低，比没有归一化还低。
#    - 批量归一化最高，与打乱时差不多。
#    - 三种都比打乱时低，批量归一化仍然最高。
#
# 表里加一列 ``fixed`` 作对照。它也是批量归一化的公式，但是均值和方差只用全部训练图算一次，以后不再变。


def one_class_batches(batch_size):
    shuffled = train[torch.randperm(len(train))]
    batches = []
    for k in range(10):
        batches += shuffled[labels[shuffled] == k].split(batch_size)
    full = [batch for batch in batches if len(batch) == batch_size]
    return [full[i] for i in torch.randperm(len(full))]


columns["fixed"] = {"norm": nn.BatchNorm1d, "fixed": True}
print(" " * 19 + "".join(f"{name:<15}" for name in columns))
print_row("8, shuffled", lr=0.03, batch_size=8)
print_row("2, shuffled", lr=0.03, batch_size=2)
print_row("8, one class", lr=0.03, batch_size=8, split=one_class_batches)

# %%
# .. answer:: A
#
#    批量归一化降到 0.073，与从十个类别里乱猜差不多，而没有归一化的是 0.359。B 和 C 都低估了批次的组成对批量归一化的影响。
#
# 每个批次都减去了自己的均值。批次里只有一个类别时，十个类别减完以后均值都是 0，类别之间的差别就被减掉了。对照的一列用同样的批次和同样的公式，只是不减批次自己的均值，准确率是 0.717，所以原因就在批次自己的均值和方差。
#
# 打乱时，批量从 8 变成 2，批量归一化从 0.907 降到 0.815。对照的一列也降了一些，所以这不全是批次统计量造成的。层归一化不用别的样本，两种批量下相差在一个标准差之内。
#
# .. real-projects::
#
#    卷积网络常用 ``BatchNorm2d``，Transformer 用 ``LayerNorm``，显存只放得下很小的批量时可以用 ``GroupNorm``，它也不跨样本求平均。
#    接口见 `torch.nn.BatchNorm1d <https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html>`__，批量归一化见 `原论文 <https://arxiv.org/abs/1502.03167>`__，层归一化见 `原论文 <https://arxiv.org/abs/1607.06450>`__。
#
# 小结
# ----
# - 规则：批量归一化沿样本求均值和方差，所以要打乱数据，批量不能太小，推理前调用 ``eval()``，做不到就用层归一化。
# - API：``torch.nn.BatchNorm1d(n_channels)``，``torch.nn.LayerNorm(normalized_shape)``。
# - 下一页：:ref:`training-save-and-load`
