# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-normalization:

批量归一化与层归一化
====================

两者都减去均值、除以标准差，差别只在沿哪些 :term:`轴` 求。:term:`批量归一化` 跨样本求，
:term:`层归一化` 在一个样本之内求。这一个差别决定了谁怕小批量、谁怕数据的次序、谁训练和推理不一样。

你将学到：

- 两种 :term:`归一化` 各沿哪些轴求均值和方差，并手算出同样的结果
- 批量归一化在推理时用什么统计量
- 批量很小、或批次里只有一个类别时，会发生什么
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 沿哪些轴
# --------
# 输入的 :term:`形状` 是（样本，通道，位置）。``BatchNorm1d`` 对每个通道，沿样本和位置求；
# ``LayerNorm`` 对每个样本，沿其余的轴求。

torch.manual_seed(0)
x = 3 * torch.randn(4, 3, 5) + 2  # (N, C, L)


def normalize(x, dim):
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, keepdim=True, correction=0)
    return (x - mean) / torch.sqrt(variance + 1e-5)


batch_norm = nn.BatchNorm1d(3)
layer_norm = nn.LayerNorm([3, 5])
for layer, dim in ((batch_norm, (0, 2)), (layer_norm, (1, 2))):
    by_hand = normalize(x, dim)
    one, other = layer(x)[0, 0, 0], by_hand[0, 0, 0]
    print(f"{type(layer).__name__:<11}  {one:.4f}, by hand {other:.4f}")
    torch.testing.assert_close(layer(x), by_hand)

# %%
# ``correction=0`` 表示方差除以个数，不减 1。两种层只差 ``dim``：``(0, 2)`` 和 ``(1, 2)``。
# 它们还各有可训练的缩放与平移，初值是 1 和 0，所以这里看不出来；
# 批量归一化每个通道一对，共 3 对；层归一化给一个样本里的每个数一对，共 15 对。
#
# 画成格子，颜色相同的共用一个均值和一个方差：

groups = {
    "BatchNorm1d: one per channel": torch.arange(3).expand(4, 3),
    "LayerNorm: one per example": torch.arange(4).unsqueeze(1).expand(4, 3),
}
fig, axes = plt.subplots(1, 2, figsize=(6.5, 3), layout="constrained")
for ax, (title, group) in zip(axes, groups.items(), strict=True):
    cells = group.repeat_interleave(5, dim=1)
    ax.pcolormesh(cells, cmap="tab10", vmin=0, vmax=9, ec="0.5", lw=0.5, alpha=0.8)
    ax.set(title=title, xlabel="channel 0 | 1 | 2, five positions each")
    ax.set(xticks=[0, 5, 10, 15], xticklabels=[], yticks=[0.5, 1.5, 2.5, 3.5])
    ax.set_yticklabels(range(4))
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
axes[0].set_ylabel("example")
# alt: 两块方格，行是四个样本，列是三个通道各五个位置。左块每个通道一种颜色，右块每个样本一种颜色
plt.show()

# %%
# 左边，同一个通道跨过所有样本：少一个样本，别人的结果也跟着变。右边，样本之间互不相干。
#
# 训练与推理
# ----------
# 层归一化只看样本自己，训练和 :term:`推理` 一样。批量归一化推理时不能依赖同批的别人，
# 所以训练中把均值和方差滑动平均进两个 :term:`缓冲区`，``eval()`` 之后改用它们。

batch_norm = nn.BatchNorm1d(3)
for _ in range(3):
    batch_norm(x)  # 训练模式下，每次前向更新一次
mean, variance = x.mean(dim=(0, 2)), x.var(dim=(0, 2))
print(f"running_mean / mean          {batch_norm.running_mean / mean}")
expected = 0.9**3 + (1 - 0.9**3) * variance
as_expected = torch.allclose(batch_norm.running_var, expected)
print(f"running_var as expected      {as_expected}")

for name, layer in {"LayerNorm": layer_norm, "BatchNorm1d": batch_norm}.items():
    training, inference = layer.train()(x), layer.eval()(x)
    print(f"{name:<11} same in eval(): {torch.allclose(training, inference)}")

# %%
# ``momentum=0.1``：每次向当前批次的均值走一成，三次走了 :math:`1 - 0.9^3 = 0.271`。
# 所以刚开始训练时，缓冲区还跟不上，``eval()`` 的结果会差得多。
# 忘记切换的代价见 :ref:`pitfalls-train-eval-mode`。
# 写进 ``running_var`` 的方差除以个数减 1，与训练时用来归一化的略有不同。
#
# 一批只有两个样本
# ----------------
# .. admonition:: 先猜一猜
#
#    两个样本，四个特征，有的差 3，有的差 80。批量归一化之后，每个特征的两个数会是多少？

pair = torch.tensor([[1.0, 5, -2, 10], [4, 2, 7, 90]])
print(nn.BatchNorm1d(4)(pair).detach())
try:
    nn.BatchNorm1d(4)(pair[:1])
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 总是一个 1 和一个 −1：两个数减去它们的平均，再除以它们的标准差，只剩下谁大谁小。
# 只有一个样本时连这个也没有，于是报错；常见于一轮的最后一个批次，``drop_last=True`` 可以丢掉它。
#
# 批量大小与次序
# --------------
# 在手写数字上训练同一个网络，只换归一化层、:term:`批量大小` 和批次的组成。
# ``one class`` 表示一个批次里只有一个类别，批次之间仍然打乱。测试时都用 ``eval()``。
#
# 每格是九个种子的准确率的中位数，至少一半的种子离它不超过 ± 后面的数。
# 这里不取平均，因为批量为 2 时，很小的差别也会变成 −1 和 1，舍入误差跟着放大。
# 个别种子可能因此低很多，而哪个种子低，换一种处理器就不同。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
train = train[:400]  # 少用一些，好让批量为 2 的也跑得快


def batches(batch_size, one_class):
    shuffled = train[torch.randperm(len(train))]
    if not one_class:
        return shuffled.split(batch_size)
    by_class = [shuffled[labels[shuffled] == k] for k in range(10)]
    groups = [group for one in by_class for group in one.split(batch_size)]
    return [groups[i] for i in torch.randperm(len(groups)) if len(groups[i]) > 1]


def fit(norm, batch_size, one_class, seed, n_epochs=3):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(n_epochs):
        for batch in batches(batch_size, one_class):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = model(images[test]).argmax(dim=1) == labels[test]
    return hits.float().mean()


print("batch size              BatchNorm1d  LayerNorm")
for batch_size, one_class in ((50, False), (10, False), (2, False), (10, True)):
    cells = []
    for norm in (nn.BatchNorm1d, nn.LayerNorm):
        runs = [fit(norm, batch_size, one_class, seed) for seed in range(9)]
        results = torch.stack(runs)
        spread = (results - results.median()).abs().median()
        cells.append(f"{results.median():.2f} ± {spread:.2f}")
    name = f"{batch_size}, one class" if one_class else f"{batch_size}, shuffled"
    print(f"{name:<22}  {cells[0]}  {cells[1]}")

# %%
# 批量是 10 时，两者差不多；50 时步数少，都还没练够。批量缩到 2，批量归一化掉了约十个百分点，层归一化几乎不受影响。
# 最后一行差得最远：批量归一化不比从十个数字里乱猜一个好。同一批全是 3 时，减去的均值正是“3 的样子”，
# 剩下的只有 3 与 3 的差别；推理时换成各类混在一起的均值，网络从没见过这样的输入。
# 层归一化不看别人，次序不好只让它慢一些。
#
# 改一改：把最后一段代码里的 ``nn.LayerNorm`` 换成 ``nn.Identity``，
# 先猜没有归一化时四行会怎样，再运行。
#
# 小结
# ----
# - 规则：批量小、或批次的组成不均匀，用层归一化；用批量归一化就要打乱、批量别太小，推理前 ``eval()``。
# - API：``torch.nn.BatchNorm1d(n_channels)``，``torch.nn.LayerNorm(normalized_shape)``。
# - 下一页：:ref:`training-save-and-load`
