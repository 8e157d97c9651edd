# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-gradient-clipping:

梯度裁剪
========

训练脚本里有时会在 ``backward()`` 和 ``step()`` 之间写一行 ``clip_grad_norm_(..., 1.0)``。
这一行做了什么，能防止什么？上限为什么是 1.0，而不是 10 或 0.1？

你将学到：

- 算出 :term:`梯度` 沿着序列每往回走一步变成原来的几倍
- 手算 ``clip_grad_norm_`` 的结果
- 用范数的记录和验证准确率选择上限
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 思路
# ----
# :term:`循环神经网络` 一步一步地读序列。它每读一步，就把新的输入 :math:`x_t` 和上一步的隐藏状态 :math:`h_{t-1}` 合成新的
# 隐藏状态：
#
# .. math::
#
#    h_t = \operatorname{ReLU}(W_x x_t + W_h h_{t-1} + b)
#
# 每一步用的都是同一个矩阵 :math:`W_h`，所以梯度从最后一步往回传时，每退一步，先把 ReLU 输出为 0 的分量变成 0，再乘一次
# :math:`W_h^\top`。如果每退一步梯度都变长，那么退的步数越多，梯度就越长，这叫 :term:`梯度爆炸`。
#
# 下面让 ``nn.RNN(8, 32)`` 从上到下一行一行地读手写数字，每一步读入一行的 8 个像素，隐藏状态有 32 个数。一张图有八行，也就
# 是八步。最后一步的隐藏状态交给一个线性层，由它算出 :term:`logits`。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


class RowReader(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.rnn = nn.RNN(8, 32, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(32, 10)
        if scale is not None:  # None：保留 PyTorch 的默认初值
            with torch.no_grad():
                self.rnn.weight_hh_l0.copy_(scale * torch.eye(32))

    def forward(self, x):  # (B, 1, 8, 8) -> (B, 10)
        states, _ = self.rnn(x.squeeze(1))  # (B, 8, 32)：每一步的隐藏状态
        return self.head(states[:, -1])


# %%
# ``weight_hh_l0`` 就是 :math:`W_h`。一个网络保留默认初值，另一个网络的 :math:`W_h` 设成 1.5 倍的单位矩阵。损失对输入也有
# 梯度，按行取 :term:`范数`，就能看出梯度往回传到每一行时还有多长。最后一个数是平均每往回一行，范数变成原来的几倍：

for scale in (None, 1.5):
    torch.manual_seed(0)
    model = RowReader(scale)
    x = images[train[:100]].requires_grad_()
    loss_fn(model(x), labels[train[:100]]).backward()
    rows = torch.linalg.vector_norm(x.grad, dim=(0, 1, 3))
    factor = (rows[0] / rows[7]) ** (1 / 7)
    print(f"rows, {scale}:", *(f"{row:.1e}" for row in rows), end="")
    print(f", factor {factor:.2f}")

# %%
# 梯度从第 8 行传到第 1 行，所以请从右往左读。在默认初值的网络里，梯度越往回越短，平均每行变成原来的 0.45 倍。在 1.5 倍单位
# 矩阵的网络里，梯度越往回越长，平均每行变成原来的 1.48 倍。有的分量被 ReLU 变成了 0，所以不到 1.5 倍。
#
# .. predict::
#
#    训练用带动量的 SGD，梯度越长，一步走得越远。直接训练 1.5 倍单位矩阵的网络，损失会怎样？
#
#    - 冲高之后停在 ln 10 附近，因为 ReLU 的输出变成 0
#    - 一直升到 NaN，因为参数越推越远，梯度越来越长
#    - 冲高之后照常下降，因为后面的步子能把参数拉回来


def fit(scale, max_norm, seed, lr=0.05, n_epochs=15, batch_size=100):
    torch.manual_seed(seed)
    model = RowReader(scale)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = []
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(batch_size):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            # 下一节讲这一行。上限是无穷大时，它只量范数，不改梯度。
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            history.append((loss.item(), norm.item()))
    return model, *torch.tensor(history).T  # 网络、损失、范数


@torch.no_grad()
def evaluate(model):
    model.eval()
    states, _ = model.rnn(images[validation].squeeze(1))
    right = model(images[validation]).argmax(dim=1) == labels[validation]
    above_0 = (states[:, -1] > 0).float().mean()  # 最后一步的隐藏状态
    return right.float().mean().item(), above_0.item()


print(f"ln 10 = {math.log(10):.2f}")
print(f"states above 0 before training: {evaluate(model)[1]:.0%}")
exploded = [fit(1.5, math.inf, seed) for seed in range(5)]
print("seed  largest loss  at step  last epoch: loss  norm  states above 0")
for seed, (trained, losses, norms) in enumerate(exploded):
    print(f"{seed:>4}  {losses.max():>12.1f}  {losses.argmax() + 1:>7}", end="")
    print(f"  {losses[-12:].mean():>16.2f}  {norms[-12:].mean():.2f}", end="")
    print(f"  {evaluate(trained)[1]:>14.1%}")

# %%
# .. answer:: A
#
#    五个种子的损失都在头几步冲高，此后有四个种子停在 ln 10。训练之前，最后一步的隐藏状态有 59% 大于 0，训练之后几乎都是 0。
#    隐藏状态都是 0 时，logits 只剩偏置，每张图都一样，所以损失停在 ln 10 附近。B 不成立，因为 ReLU 的输出为 0 时斜率也是 0，
#    梯度传不到前面，范数变得很小。C 不成立，这样小的梯度不能把参数拉回来。只有种子 2 还有 1.4% 的隐藏状态大于 0，它学到了一点。
#
# 裁剪做了什么
# ------------
# :term:`梯度裁剪` 把所有参数的梯度看成一个长向量 :math:`g`。它的范数 :math:`\|g\|` 超过上限 :math:`c` 时，全部梯度都乘以
# :math:`c / \|g\|`，于是方向不变，长度变成 :math:`c`。范数不超过上限时，梯度不变。PyTorch 的分母里还加了 1e-6，防止除以 0。
# 前面量各行的梯度时，1.5 倍单位矩阵的网络 ``model`` 的参数也得到了梯度，下面就裁剪它们：

g = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
by_hand = g * min(1.0, 1.0 / (g.norm() + 1e-6))
returned = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
clipped = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
print(f"norm {g.norm():.2f}, returned {returned:.2f}, clipped {clipped.norm():.2f}")
torch.testing.assert_close(clipped, by_hand)

# %%
# ``clip_grad_norm_`` 返回的是裁剪之前的范数，所以 ``fit`` 可以把它记下来。它改写的是 ``.grad``，因此要写在 ``backward()``
# 之后、``step()`` 之前。
#
# 先看范数的记录
# --------------
# 默认初值的网络不裁剪也能训练。下面记下它每一轮的损失和范数。
#
# .. predict::
#
#    训练 15 轮，损失从 2.3 降下来。每一轮范数的中位数会怎样变化？
#
#    - 越来越小，因为损失越来越小
#    - 先小后大，因为开头参数变一点，损失几乎不变
#    - 基本不变，因为学习率不变

records = [fit(None, math.inf, seed) for seed in range(5)]
losses = torch.stack([record[1] for record in records]).view(5, 15, 12)
norms = torch.stack([record[2] for record in records]).view(5, 15, 12)
print("epoch  mean loss  median norm, mean of 5 seeds")
for epoch in (1, 2, 3, 5, 10, 15):
    mean_loss = losses[:, epoch - 1].mean()
    median = norms[:, epoch - 1].median(dim=1).values.mean()
    print(f"{epoch:>5}  {mean_loss:>9.2f}  {median:>11.2f}")
print(f"{(norms > 1).float().mean():.1%} of all steps have a norm above 1")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 2.9), layout="constrained")
ax.plot(range(1, 181), norms.flatten(1)[:2].T, lw=0.8, label=["seed 0", "seed 1"])
ax.axhline(1, color="C3", ls=":", label="limit 1")
ax.legend(frameon=False, loc="lower right")
ax.set(yscale="log", xlabel="step", ylabel="norm of the gradient", xlim=(0, 180))
# alt: 种子 0 和 1 的梯度范数各是一条曲线，纵轴为对数。头二十多步在 0.2 附近，之后升高并上下摆动，后一半多数步在上限 1 的点线之上
plt.show()

# %%
# .. answer:: B
#
#    第 1 轮的中位数是 0.18，第 5 轮升到 1.38，第 15 轮是 1.57。A 不成立，因为范数取决于损失随参数变化得多快，而不是损失有多大。
#    第 10 到 15 轮，损失平均每轮的降幅与第 1 到 2 轮差不多，范数却是 8 倍。C 不成立，学习率始终是 0.05，范数却变了。
#    只看第 1 轮，会以为上限 1 平时碰不到。但是把 15 轮都算上，有 58.4% 的步超过 1。所以范数要在整个训练中记录。
#
# 上限定多少
# ----------
# 换几个上限，各用五个种子，在验证集上比较。± 后面是标准差，“clipped”是超过上限的步的比例，“above 0”是训练后大于 0 的状态的比例：


def report(name, runs, limit):
    accuracies, above_0 = torch.tensor([evaluate(model) for model, _, _ in runs]).T
    norms = torch.stack([norms for _, _, norms in runs])
    clipped = (norms > limit).float().mean()
    print(f"{name:<14}  {limit:>5}  {clipped:>7.0%}  {above_0.mean():>7.0%}", end="")
    print(f"  {accuracies.mean():.2f} ± {accuracies.std():.2f}")


print("W_h             limit  clipped  above 0  accuracy")
report("default", records, math.inf)
for limit in (1, 0.1):
    report("default", [fit(None, limit, seed) for seed in range(5)], limit)
report("1.5 x identity", exploded, math.inf)
for limit in (10, 1, 0.1):
    report("1.5 x identity", [fit(1.5, limit, seed) for seed in range(5)], limit)

# %%
# 先看默认初值的网络。上限 1 裁剪了 73% 的步，平均准确率与不裁剪的差别在种子的波动之内。73% 比前面的 58.4% 多，可见裁剪也改
# 变了后面各步的范数。上限 0.1 裁剪了每一步，平均准确率降到 0.70。
#
# 再看 1.5 倍单位矩阵的网络。上限 10 裁剪了 2% 的步，但是裁剪后的步子仍然太长，训练之后只有 1% 的隐藏状态大于 0，所以与不
# 裁剪一样学不会。上限 1 时有 29% 大于 0，准确率是 0.76。这时每一步都被裁剪，结果仍是四行中最好的，可见裁剪的步多，不等于上限
# 太低。上限好不好要看验证集，因为它是一个 :term:`超参数`。
#
# .. change-it::
#
#    给 ``fit`` 传 ``lr=0.005``。1.5 倍单位矩阵的网络不裁剪，能像上限 1 那样学会吗？再给默认初值、上限 0.1 的网络传 ``lr=0.5``。准确率还是 0.70 吗？

# hide-cell: 学习率 0.005 和 0.5
slow = [fit(1.5, math.inf, seed, lr=0.005) for seed in range(5)]
report("1.5 x, lr .005", slow, math.inf)
print("each seed:", *(f"{evaluate(model)[0]:.2f}" for model, _, _ in slow))
report("default, lr .5", [fit(None, 0.1, seed, lr=0.5) for seed in range(5)], 0.1)

# %%
# .. outcome::
#
#    学习率是 0.005 时，同样 15 轮的平均准确率只有 0.61，五个种子从 0.28 到 0.75，不如上限 1 的 0.76。上限是 0.1、学习率是 0.5 时，平均是 0.91。
#    每一步都被裁剪时，交给优化器的梯度一样长，步子的长短主要由上限乘以学习率决定。所以上限 0.1 本身并不坏，要和学习率一起选。

# %%
# .. real-projects::
#
#    裁剪救不了已经是 inf 或 NaN 的梯度，``error_if_nonfinite=True`` 让它这时报错，见 :ref:`pitfalls-nan-hunting`。用混合精度时，
#    要先调用 ``scaler.unscale_(optimizer)`` 再裁剪，否则量到的是放大过的梯度。参数说明见
#    `clip_grad_norm_ <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>`__，对梯度爆炸
#    的分析见 `Pascanu 等人的论文 <https://arxiv.org/abs/1211.5063>`__。
#
# 小结
# ----
# - 规则：记录整个训练的范数，取几个相差很大的上限，连同学习率在验证集上选。1.0 只是一个起点。
# - API：``torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)`` 写在 ``backward()`` 与 ``step()`` 之间，返回裁剪前的范数。
# - 下一页：:ref:`training-normalization`
