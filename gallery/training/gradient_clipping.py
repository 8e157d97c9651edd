# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-gradient-clipping:

梯度裁剪
========

不少训练脚本在 ``backward()`` 和 ``step()`` 之间有一行 ``clip_grad_norm_(..., 1.0)``。
这一行在防什么？换一个网络，上限还能照抄 1.0 吗？

你将学到：

- 计算 :term:`梯度` 沿着序列每往回走一步放大几倍
- 手算出 ``clip_grad_norm_`` 的结果
- 根据范数的记录和验证准确率选择上限
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
# 每一步用的都是同一个矩阵 :math:`W_h`，所以梯度从最后一步往回传时，每退一步就要乘一次 :math:`W_h^\top`。如果每乘一次梯度
# 都变长，那么退的步数越多，梯度就越长，这叫 :term:`梯度爆炸`。
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
# 梯度，按行取 :term:`范数`，就能看出梯度往回传到每一行时还有多长：

for scale in (None, 1.5):
    torch.manual_seed(0)
    model = RowReader(scale)
    x = images[train[:60]].requires_grad_()
    loss_fn(model(x), labels[train[:60]]).backward()
    rows = torch.linalg.vector_norm(x.grad, dim=(0, 1, 3))
    print(f"scale {scale}, rows 1 to 8: " + " ".join(f"{row:.4f}" for row in rows))

# %%
# 梯度从第 8 行传到第 1 行，所以请从右往左读。在默认初值的网络里，每往回一行，梯度都缩短。在 1.5 倍单位矩阵的网络里，每往
# 回一行，梯度约变成原来的 1.5 倍。
#
# .. predict::
#
#    SGD 每一步走多远，与梯度的长度成正比。用 1.5 倍单位矩阵的网络直接训练，损失会怎样？请记得 ReLU 的性质，它的输入为负
#    时，输出和斜率都是 0。
#
#    - 损失越来越大，最后变成 NaN
#    - 损失先冲高，然后停在 ln 10 附近，不再下降
#    - 损失先冲高，然后照常下降，只是慢一些


def fit(scale, max_norm, seed, lr=0.03, n_epochs=15):
    torch.manual_seed(seed)
    model = RowReader(scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses, norms = [], []
    for _ in range(n_epochs):
        for batch in train[torch.randperm(len(train))].split(60):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            # 下一节讲这一行。上限是无穷大时，它只量范数，不改梯度。
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            losses.append(loss.item())
            norms.append(norm.item())
    return model, torch.tensor(losses), torch.tensor(norms)


def accuracy(model):
    right = model(images[validation]).argmax(dim=1) == labels[validation]
    return right.float().mean().item()


print("seed  largest loss  at step  loss, last epoch  accuracy  units above 0")
for seed in range(5):
    trained, losses, _ = fit(1.5, math.inf, seed)
    states, _ = trained.rnn(images[validation].squeeze(1))
    alive = (states[:, -1] > 0).any(dim=0).sum()
    print(f"{seed:>4}  {losses.max():>12.1f}  {losses.argmax() + 1:>7}", end="  ")
    print(f"{losses[-20:].mean():>16.2f}  {accuracy(trained):>8.2f}  {alive:>13}")
print(f"ln 10 = {math.log(10):.2f}")

# %%
# .. answer:: B
#
#    五个种子的损失都在头几步冲高。此后有四个种子停在 ln 10，也就是对十个类别给出相同的概率。最右一列是最后一步的 32 个隐
#    藏单元中，还有几个会在某张验证图上大于 0，结果只有 0 个或 2 个。A 不成立，因为 ReLU 恒为 0 以后，梯度传不回循环层，参
#    数也就不再被推远。同样因为梯度传不回去，网络也学不动，所以 C 不成立。只有种子 0 靠剩下的 2 个单元学到了一点。
#
# 裁剪做了什么
# ------------
# :term:`梯度裁剪` 把所有参数的梯度看成一个长向量 :math:`g`。它的范数 :math:`\|g\|` 超过上限 :math:`c` 时，全部梯度都乘以
# :math:`c / \|g\|`，于是方向不变，长度变成 :math:`c`。范数不超过上限时，梯度不变。下面裁剪的是量各行梯度时，1.5 倍单位矩
# 阵的 ``model`` 得到的梯度：

g = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
by_hand = g * min(1.0, 1.0 / g.norm())
returned = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
clipped = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
print(f"norm {g.norm():.2f}, returned {returned:.2f}, clipped {clipped.norm():.2f}")
torch.testing.assert_close(clipped, by_hand)

# %%
# ``clip_grad_norm_`` 返回的是裁剪之前的范数，所以 ``fit`` 可以把它记下来。它改写 ``.grad``，因此要写在 ``backward()`` 之
# 后、``step()`` 之前。
#
# 先看范数的记录
# --------------
# 默认初值的网络不裁剪也能训练。下面记下它每一轮的损失和范数。
#
# .. predict::
#
#    训练 15 轮，损失从 2.3 降下来。每一轮范数的中位数会怎样变化？
#
#    - 损失变小，范数也跟着变小
#    - 范数先变大，后来才变小一些
#    - 范数基本不变，所以第一轮的记录就够用

records = [fit(None, math.inf, seed) for seed in range(5)]
losses = torch.stack([record[1] for record in records]).view(5, 15, 20)
norms = torch.stack([record[2] for record in records]).view(5, 15, 20)
print("epoch  mean loss  median norm")
for epoch in (1, 2, 3, 5, 10, 15):
    mean_loss = losses[:, epoch - 1].mean()
    median = norms[:, epoch - 1].median(dim=1).values.mean()
    print(f"{epoch:>5}  {mean_loss:>9.2f}  {median:>11.2f}")
above_1, above_10 = (norms > 1).float().mean(), (norms > 10).float().mean()
print(f"of all steps, {above_1:.1%} have a norm above 1 and {above_10:.1%} above 10")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.plot(range(1, 301), norms.flatten(1).T, color="C0", lw=0.7, alpha=0.6)
for limit in (1, 10):
    ax.axhline(limit, color="C1", lw=1.5, ls=":")
    ax.annotate(f"limit {limit}", (3, limit * 1.08), color="C1")
ax.set(yscale="log", xlabel="step", ylabel="norm of the gradient", xlim=(0, 300))
# alt: 五个种子的梯度范数，纵轴为对数。头四十步在 0.2 附近，到第 100 步升到 2 左右，之后在 0.5 到 8 之间摆动，多数步在上限 1 的点线之上，极少碰到上限 10 的点线
plt.show()

# %%
# .. answer:: B
#
#    第 1 轮的中位数是 0.22，第 5 轮升到 2.26，第 15 轮是 1.62。A 把损失和梯度看成了一回事。损失好比高度，梯度好比坡度，站
#    在高而平的地方，损失大而梯度小。头三轮正是这样，损失还在 2 以上，范数却不到 0.5。C 则误以为第 1 轮能代表整个训练。
#
# 只看第 1 轮，会以为上限 1 平时碰不到。但是把 15 轮都算上，有 74.6% 的步超过 1。所以范数要在整个训练中记录。
#
# 上限定多少
# ----------
# 换三个上限，各用五个种子。“clipped”是范数超过上限的步所占的比例：


def row(scale, max_norm, lr=0.03):
    runs = [fit(scale, max_norm, seed, lr) for seed in range(5)]
    accuracies = torch.tensor([accuracy(model) for model, _, _ in runs])
    norms = torch.stack([norms for _, _, norms in runs])
    clipped = (norms > max_norm).float().mean()
    return f"{accuracies.mean():.2f} ± {accuracies.std():.2f}, clipped {clipped:>4.0%}"


print("limit  default                    1.5 x identity")
for limit in (10, 1, 0.1):
    print(f"{limit:>5}  {row(None, limit)}  {row(1.5, limit)}")

# %%
# 先看默认初值的网络。上限 10 几乎不裁剪，所以 0.91 就是不裁剪的结果。上限 1 裁掉了四分之三的步，准确率的差别还在种子的波
# 动之内。上限 0.1 裁剪了每一步，准确率就明显低了。
#
# 再看会爆炸的网络。上限 10 仍然允许一步走得太远，所以平均准确率只有 0.26。上限 1 裁剪了每一步，结果却是三行中最好的。可见
# 裁剪的步多，不等于上限定错了。上限是一个 :term:`超参数`，范数的记录只说明它会碰到多少步，好不好要看验证集。
#
# .. change-it::
#
#    上限 0.1 时，每一步的梯度都被缩到同样长，一步走多远就由学习率决定。把学习率提高到 10 倍，默认初值的网络会不会好起来？
#    同样的学习率，不裁剪又会怎样？

# hide-cell: 学习率 0.3
print(f"lr 0.3, limit 0.1: {row(None, 0.1, lr=0.3)}")
print(f"lr 0.3, no limit:  {row(None, math.inf, lr=0.3)}")

# %%
# 梯度里已经有 inf
# ----------------
# 裁剪要用 :math:`c / \|g\|` 去乘。梯度里有一个 inf 时，范数是 inf，:math:`c / \|g\|` 就是 0，而 inf 乘 0 得 NaN：

w = torch.ones(2, requires_grad=True)
w.grad = torch.tensor([math.inf, 1.0])
nn.utils.clip_grad_norm_([w], max_norm=1.0)
print(w.grad)

# %%
# 可见裁剪救不了已经溢出的梯度，NaN 还会在更新时写进参数。加上参数 ``error_if_nonfinite=True``，这一行就会抛出
# ``RuntimeError``，程序在更新之前停下来。
#
# .. real-projects::
#
#    训练大模型时，通常把每一步的范数记进日志，好及早发现异常。用混合精度时，要先调用 ``scaler.unscale_(optimizer)`` 再裁
#    剪，否则量到的是放大过的梯度。参数说明见
#    `clip_grad_norm_ <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>`__，对梯度爆炸
#    的分析见 `Pascanu 等人的论文 <https://arxiv.org/abs/1211.5063>`__。
#
# 小结
# ----
# - 规则：先用 ``max_norm=math.inf`` 记下整个训练的范数，再选上限，并在验证集上与学习率一起比较。
# - API：``torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)`` 写在 ``backward()`` 与 ``step()`` 之间，返回裁剪前的范数。
# - 下一页：:ref:`training-normalization`
