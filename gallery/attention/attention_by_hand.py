# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
r"""
.. _attention-attention-by-hand:

手写注意力
==========

读到“它”的时候，要回头找它指的是前面的哪个词。:term:`注意力` 让一个词元去看其他词元，看得多少由数据决定。
这个多少怎样算出来，公式里为什么要除以一个平方根？

你将学到：

- 用三行代码写出缩放点积注意力，并与 PyTorch 的函数核对
- 用熵说明为什么要除以 :math:`\sqrt{d}`
- 发现 softmax 做错了轴
"""

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

# %%
# 查询、键和值
# ------------
# 每个 :term:`词元` 给出三个向量。:term:`查询` 是它要找什么，:term:`键` 是它供别人找的样子，:term:`值向量` 是它提供的内容。
# 查询与键的点积越大，就看得越多。对一个词元的各个点积做 softmax，得到 :term:`注意力权重`，它们的和是 1，
# 再用它们对值向量加权求和：
#
# .. math::
#
#    \operatorname{attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{QK^\top}{\sqrt{d}}\right) V
#
# 其中 Q 的每一行是一个查询，d 是一个查询的长度。


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, T, T)
    weights = scores.softmax(dim=-1)  # (B, T, T)，每一行的和是 1
    return weights @ v, weights  # (B, T, d)


torch.manual_seed(0)
B, T, d = 2, 5, 8
q, k, v = torch.randn(3, B, T, d)
ours, weights = attention(q, k, v)
theirs = F.scaled_dot_product_attention(q, k, v)
print(f"{ours.shape=} {weights.shape=}")
print(f"largest difference to PyTorch: {(ours - theirs).abs().max():.5f}")
print(f"sum of each row: {[round(s, 3) for s in weights[0].sum(dim=-1).tolist()]}")

# %%
# 两者相同。这个运算叫 :term:`缩放点积注意力`，它没有参数，参数在算出 Q、K、V 的 :term:`线性层` 里。
#
# 找到相同的词
# ------------
# 看一个手工做的例子。五个词元是 a、b、a、c、b，每种用一个 :term:`独热编码` 作键，乘以 4 使点积更大。
# 查询等于键，所以每个词元找的是与自己相同的词元。

letters = "abacb"
keys = F.one_hot(torch.tensor(["abc".index(x) for x in letters])).float() * 4  # (T, 3)
_, weights = attention(keys, keys, keys)

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(3.6, 3), layout="constrained")
shown = ax.imshow(weights, cmap="Blues", vmin=0, vmax=1)
ax.set(xticks=range(5), yticks=range(5), xlabel="key", ylabel="query")
ax.set_xticklabels(letters)
ax.set_yticklabels(letters)
fig.colorbar(shown, label="weight")
# alt: 5 行 5 列的方格，a 的两行在第 0 列和第 2 列各是一半，b 的两行在第 1 列和第 4 列各是一半，c 的一行只在自己那一列
plt.show()

# %%
# 两个 a 平分各自的权重，两个 b 也是，唯一的 c 只看自己。
#
# 为什么除以 √d
# -------------
# 查询和键的每个数如果都是标准正态的，d 个乘积之和的方差就是 d，所以点积的 :term:`标准差` 是 :math:`\sqrt{d}`。
# 权重有多分散，用 :term:`熵` 来量，单位是比特。64 个词元平分时，熵最大，是 6 比特，只看一个词元时是 0。
#
# .. predict::
#
#    把 d 从 4 加到 1024，不除以 :math:`\sqrt{d}` 时，权重的熵怎样变？除以它呢？
#
#    - 不除时越来越小，除以后差不多不变
#    - 不除时越来越大，除以后差不多不变
#    - 两者都越来越小，只是除以后慢一些


def entropy(weights):
    return -(weights * weights.clamp_min(1e-30).log2()).sum(dim=-1).mean().item()


print(
    "   d  deviation of q·k  entropy without  entropy with  gradient without  gradient with"
)
for d in (4, 16, 64, 256, 1024):
    q, k = torch.randn(2, 500, 64, d, generator=torch.Generator().manual_seed(0))
    dot = (q[:, :1] @ k.transpose(1, 2)).squeeze(1)  # (500, 64)
    row = []
    for scores in (dot, dot / d**0.5):
        scores = scores.detach().requires_grad_()
        weights = scores.softmax(dim=-1)
        weights.max(dim=-1).values.sum().backward()  # 最大的权重对各个得分的导数
        row.append((entropy(weights.detach()), scores.grad.norm(dim=-1).median()))
    (without, slope_without), (divided, slope_divided) = row
    print(f"{d:>4} {dot.std():>16.1f} {without:>16.2f} {divided:>13.2f}", end="")
    print(f" {slope_without:>17.4f} {slope_divided:>14.4f}")

# %%
# .. answer:: A
#
#    不除时，点积的标准差随 :math:`\sqrt{d}` 增大，熵从 3.99 减到 0.19，几乎只看一个词元，所以 B 反了。
#    除以后，点积的标准差总是 1，熵总在 5.3 左右，所以 C 不成立。
#
# 右边两列是最大的权重对各个得分的梯度，取 500 个查询的中位数。权重只剩一个接近 1 时，softmax 饱和，
# d 是 1024 时梯度只有 0.0001，要学会看别处就很慢。除以 :math:`\sqrt{d}` 以后，梯度一直在 0.08 以上。
#
# .. change-it::
#
#    交换输入的词元，例如倒过来，再做一次注意力。每个词元得到的结果会变吗？

# hide-cell: 倒过来
q, k, v = torch.randn(3, 1, 5, 8, generator=torch.Generator().manual_seed(0))
plain, _ = attention(q, k, v)
turned, _ = attention(q.flip(1), k.flip(1), v.flip(1))
print(
    f"largest difference after turning back: {(turned.flip(1) - plain).abs().max():.5f}"
)

# %%
# .. outcome::
#
#    不变，只是结果也倒了过来。注意力不知道次序，要另外告诉它，见 :ref:`attention-positions`。

# %%
# 常见错误：softmax 做错了轴
# --------------------------
# 得分的形状是 ``(B, T, T)``，最后一个轴是键。如果写成 ``dim=1``，就对查询做了 softmax。
# 两个轴一样长，所以形状不变，也不报错。

scores = (q @ k.transpose(-2, -1)) / 8**0.5
right, wrong = scores.softmax(dim=-1), scores.softmax(dim=1)
for name, weights in (("dim=-1", right), ("dim=1", wrong)):
    output = weights @ v
    rows = ", ".join(f"{s:.2f}" for s in weights[0].sum(dim=-1).tolist())
    print(f"{name:7} output {tuple(output.shape)}, row sums {rows}")

# %%
# 写错以后，有的行的和大于 1，有的小于 1，于是有的词元的输出放大了，有的缩小了。
#
# .. predict::
#
#    下面三个检查，哪个能发现这个错误？
#
#    - 检查输出的形状是不是 ``(B, T, d)``
#    - 检查所有权重之和是不是 ``B * T``
#    - 检查值向量全是 1 时，输出是不是全是 1

ones = torch.ones_like(v)
for name, weights in (("dim=-1", right), ("dim=1", wrong)):
    shape_is_right = (weights @ v).shape == v.shape
    total_is_right = abs(weights.sum().item() - 5) < 1e-4
    keeps_ones = torch.allclose(weights @ ones, ones)
    print(f"{name:7} {shape_is_right=} {total_is_right=} {keeps_ones=}")

# %%
# .. answer:: C
#
#    加权平均一些 1，结果还是 1，所以写对时这个检查通过，写错时不通过。
#    A 两种都通过，因为形状相同。B 也都通过，因为对哪个轴做 softmax，五组权重之和都是 5。
#
# 写成 ``dim=-1`` 就对了。有批次轴和头的轴时，它也总是指最后一个轴。

# %%
# .. real-projects::
#
#    实际的模型用 ``F.scaled_dot_product_attention``，因为它可以不存整个权重矩阵，需要的内存少得多。
#    :term:`多头注意力` 把向量分成几段，各做各的注意力，``nn.MultiheadAttention`` 还包括前后的线性层。
#    查询来自一个序列，键和值来自另一个，就是交叉注意力，公式不变。
#    参数见 `scaled_dot_product_attention
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__，公式出自
#    `Vaswani 等人的论文 <https://arxiv.org/abs/1706.03762>`__。

# %%
# 小结
# ----
# - 规则：权重是点积除以 :math:`\sqrt{d}` 再做 softmax，每个查询的权重之和是 1。除以平方根，是为了不让权重一开始就集中在一个词元上。
# - API：``torch.nn.functional.scaled_dot_product_attention(q, k, v)``。
# - 下一页：:ref:`attention-masks`
