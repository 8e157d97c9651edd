# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-gradient-clipping:

梯度裁剪
========

:term:`梯度` 经过许多步往回传，每一步都放大一点，最后就大得一步把网络推出老远：这就是 :term:`梯度爆炸`。
:term:`梯度裁剪` 在更新之前把太长的梯度缩短，方向不变。
这一页让一个 :term:`循环神经网络` 先爆炸，再用一行代码救回来，然后看裁得太多、太少各有什么代价。

你将学到：

- 梯度为什么会爆炸：看它往回每走一步放大几倍
- ``clip_grad_norm_`` 做了什么，手算出同样的结果
- 上限定多少：先量范数，再定
"""

import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = (
    torch.tensor(digits.images, dtype=torch.float32) / 16
)  # (1797, 8, 8)：八行当作八步
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])

# %%
# 一个会爆炸的网络
# ----------------
# 把一张图从上到下一行一行读进去，八行就是八步。循环的权重设成 2 倍的单位矩阵：
# 下面量损失对每一行像素的梯度有多大，与默认的初始化比。


class Reader(nn.Module):
    def __init__(self, scale=None, n_hidden=32):
        super().__init__()
        self.rnn = nn.RNN(8, n_hidden, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(n_hidden, 10)
        if scale is not None:
            nn.init.eye_(self.rnn.weight_hh_l0)
            with torch.no_grad():
                self.rnn.weight_hh_l0.mul_(scale)

    def forward(self, x):  # (N, 8, 8) -> (N, 10)
        states, _ = self.rnn(x)
        return self.head(states[:, -1])


for scale in (None, 2.0):
    torch.manual_seed(0)
    model = Reader(scale)
    x = images[train[:50]].requires_grad_()
    nn.functional.cross_entropy(model(x), labels[train[:50]]).backward()
    norms = x.grad.norm(dim=(0, 2))  # 每一行像素收到的梯度
    name = "default" if scale is None else "2 x identity"
    print(f"{name:<12}  " + "  ".join(f"{norm:.4f}" for norm in norms))

# %%
# 从右往左读，那是梯度走的方向。默认的初始化每退一步约缩到一半，2 倍单位矩阵则每退一步约翻一倍：
# 首尾两行就差一百多倍。图像只有八行；换成几百步的序列，同样的倍数会溢出。
#
# 裁剪做了什么
# ------------
# 把所有参数的梯度看成一个长向量，范数 :math:`\|g\|` 超过上限 :math:`c` 时，
# 整个乘以 :math:`c / \|g\|`；不超过就不动。

gradients = [p.grad.clone() for p in model.parameters()]
norm = torch.cat([g.flatten() for g in gradients]).norm()
by_hand = [g * min(1, 1.0 / norm) for g in gradients]

returned = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
after = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
print(f"norm before {returned:.2f}, after {after:.2f}")
torch.testing.assert_close([p.grad for p in model.parameters()], by_hand)

# %%
# 它返回的是裁剪之前的范数，正好可以记下来画图。
#
# 爆炸，然后不爆炸
# ----------------
# 裁剪写在 ``backward()`` 之后、``step()`` 之前。``max_norm`` 是无穷大时什么也不裁，只量范数。
#
# .. admonition:: 先猜一猜
#
#    不裁剪时，损失会变成 NaN，会一直很大，还是会停在某个值上？


def fit(scale, max_norm, seed, n_epochs=3):
    torch.manual_seed(seed)
    model = Reader(scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    losses, norms = [], []
    for _ in range(n_epochs):
        for batch in train[torch.randperm(1000)].split(50):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            losses.append(loss.item())
            norms.append(norm.item())
    with torch.no_grad():
        hits = model(images[test]).argmax(dim=1) == labels[test]
    return hits.float().mean().item(), losses, norms


fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for max_norm, color, name, place in (
    (math.inf, "C1", "not clipped", (2, 2e3)),
    (1.0, "C0", "clipped at 1", (5, 12)),
):
    _, losses, norms = fit(2.0, max_norm, seed=0)
    first, worst, last = losses[0], max(losses), losses[-1]
    print(f"{name:<12}  loss: first {first:.1f}, worst {worst:.0e}, last {last:.1f}")
    ax.plot(losses, color=color, lw=2)
    ax.annotate(name, place, color=color)
ax.axhline(math.log(10), color="0.5", lw=1, ls=":")
ax.set(yscale="log", xlabel="step", ylabel="loss")
ax.spines[["top", "right"]].set_visible(False)
# alt: 损失曲线，纵轴为对数。橙线冲到几千，随后落到 ln 10 的虚线上变平；蓝线从 25 降到 2 以下
plt.show()

# %%
# 不裁剪，头几步就把权重推到很远，损失冲到七千；之后停在虚线 :math:`\ln 10` 上，
# 也就是对十个类别一律平均猜，再也不动：隐藏层的 ReLU 已经全部恒为 0。它没有变成 NaN，也没有报错。
# 加一行裁剪，同样的网络、同样的学习率，损失一路下降。
#
# 上限定多少
# ----------
# 换三个上限，用在这个网络和一个健康的网络（PyTorch 默认的初始化）上。每格是五个种子的测试 :term:`准确率`。

print("max_norm    2 x identity         default")
for max_norm in (10.0, 1.0, 0.01):
    cells = []
    for scale in (2.0, None):
        results = torch.tensor([fit(scale, max_norm, seed)[0] for seed in range(5)])
        cells.append(f"{results.mean():.3f} ± {results.std():.3f}")
    print(f"{max_norm:>8}   {cells[0]}   {cells[1]}")

norms = torch.tensor(fit(None, math.inf, seed=0)[2])
print(f"default, norms: median {norms.median():.1f}, largest {norms.max():.0f}")

# %%
# 左边一列：上限 10 太松，与不裁剪一样只有一成，全靠碰；上限 1 升到 40% 以上；
# 0.01 太紧，每步只挪一点点，20 步一轮、3 轮下来几乎没有动。
# 右边一列：健康的网络不需要裁剪，上限 1 与 10 的差别在种子的波动之内；0.01 却同样让它停在一成。
# 它的范数中位数是 0.3，最大约 1，所以上限定在 1：平时碰不到，只拦住冲出去的那几步。
#
# 改一改：把上限改成 0.1，先猜两列各会落在哪两行之间，再运行。
#
# 梯度里已经有 inf
# ----------------
# 裁剪要用范数去除。梯度里有一个 inf，范数就是 inf，:math:`\infty / \infty` 得 NaN：

w = torch.ones(2, requires_grad=True)
w.grad = torch.tensor([math.inf, 1.0])
nn.utils.clip_grad_norm_([w], max_norm=1.0)
print(w.grad)

w.grad = torch.tensor([math.inf, 1.0])
try:
    nn.utils.clip_grad_norm_([w], max_norm=1.0, error_if_nonfinite=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")

# %%
# 裁剪救不了已经溢出的梯度，反而把 inf 变成 NaN，更新时再写进权重。
# 加上 ``error_if_nonfinite=True``，就在更新之前停下。
#
# 小结
# ----
# - 规则：``backward()`` 之后、``step()`` 之前裁剪；先记下健康时的范数，上限定在它上面一点。
# - API：``torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)``，返回裁剪前的范数。
# - 下一页：:ref:`training-normalization`
