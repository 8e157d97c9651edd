# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-linear-layer:

简单的神经网络：线性层
======================

:term:`线性层` 是最简单的网络，也是几乎所有网络的零件：每个输出都是全部输入的加权和，再加一个数。
创建时只说输入几个、输出几个，:term:`权重` 和 :term:`偏置` 由 PyTorch 准备。

你将学到：

- 线性层把 :term:`形状` ``(…, d_in)`` 变成 ``(…, d_out)``
- 权重为什么按（输出，输入）存放，怎样手算出同样的结果
- 形状不相配时报什么错，怎样读懂它
"""

from itertools import product

import matplotlib.pyplot as plt
import torch

# %%
# 一层网络
# --------
# 两个样本，每个 3 个特征；要变成每个 4 个特征。
#
# .. admonition:: 先猜一猜
#
#    输出的形状是什么？权重的形状是 ``(3, 4)`` 还是 ``(4, 3)``？

torch.manual_seed(0)

d_in = 3
d_out = 4
linear_module = torch.nn.Linear(d_in, d_out)

example_tensor = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
transformed = linear_module(example_tensor)  # (2, 3) -> (2, 4)
print("example_tensor", example_tensor.shape)
print("transformed", transformed.shape)

# %%
# 样本还是两个，每个的 3 个特征变成了 4 个。
#
# 权重和偏置
# ----------
# 这些数藏在层里，随时可以取出来看。

print("We can see that the weights exist in the background\n")
print("W:", linear_module.weight)
print("b:", linear_module.bias)

# %%
# 权重是 ``(4, 3)``，即（输出，输入）：一行对应一个输出，行里的 3 个数是它给各个输入的权重。
# 两者都是 ``Parameter``：要求 :term:`梯度` 的 :term:`张量`，登记在层里，训练时由 :term:`优化器` 更新。
# 现在它们是随机的初值，均匀地取自 :math:`\pm 1/\sqrt{3}` 之间，3 是输入的个数。
#
# 网络大了，逐个打印就看不过来。``named_parameters()`` 给出全部参数和它们的名字：

for name, parameter in linear_module.named_parameters():
    print(f"{name:6} {tuple(parameter.shape)} {parameter.numel():2} numbers")

# %%
# 手算一遍
# --------
# 公式是 :math:`x W^\top + b`。``W`` 要先转置，``(2, 3) @ (3, 4)`` 才能相乘；
# ``b`` 的形状是 ``(4,)``，按 :ref:`广播 <basics-broadcasting>` 加到每一行。

W, b = linear_module.weight.detach(), linear_module.bias.detach()

by_hand = example_tensor @ W.T + b  # (2, 3) @ (3, 4) + (4,) -> (2, 4)
print(f"by hand: {by_hand[0, 1]:.4f}")
print(f"Linear:  {transformed[0, 1]:.4f}")
torch.testing.assert_close(by_hand, transformed.detach())

# %%
# 相等。把其中一个数的来历画出来：

blocks = [  # 名字、矩阵、左上角的列和行、涂色的行和列
    ("$x$", example_tensor, 0, 4.4, [0], [0, 1, 2]),
    ("$W^T$", W.T, 4, 0, [0, 1, 2], [1]),
    ("$b$", b.view(1, 4), 4, 3.2, [0], [1]),
    ("$x W^T + b$", by_hand, 4, 4.4, [0], [1]),
]
fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for name, matrix, left, top, rows, columns in blocks:
    for i, j in product(*map(range, matrix.shape)):
        fill = ("C1", 0.4) if i in rows and j in columns else "none"
        ax.add_patch(plt.Rectangle((left + j, top + i), 1, 1, fc=fill, ec="0.5"))
        middle = (left + j + 0.5, top + i + 0.5)
        ax.text(*middle, f"{matrix[i, j]:.2g}", ha="center", va="center", size=9)
    n_rows, n_columns = matrix.shape
    ax.text(left + n_columns + 0.2, top + n_rows / 2, name, va="center", size=12)
ax.set(xlim=(-0.1, 10.2), ylim=(6.5, -0.1), aspect="equal")
ax.set_axis_off()
# alt: 四块数字方格：左下是 x，右上是 W 的转置，其下是 b，右下是结果。
# x 的第一行、W 转置的第二列、b 的第二个数和结果第一行的第二个数涂成橙色
plt.show()

# %%
# 橙色的格子是一次计算：``x`` 的第一行乘 ``W`` 转置的第二列，加上 ``b`` 的第二个数。
# 结果里的每个数都这样得来，行与行互不影响，所以样本多少都可以。
#
# 改一改：把 ``example_tensor`` 的第一行改成 ``[0.0, 0, 0]``，先猜结果的第一行等于什么，再看图核对。
#
# 只看最后一维
# ------------
# 前面的维度有几个都行，线性层原样保留。

for shape in ((3,), (2, 3), (5, 2, 3)):
    print(shape, "->", tuple(linear_module(torch.ones(shape)).shape))

# %%
# 形状仍须相配
# ------------
# 最后一维必须等于 ``d_in``。给它 4 个特征的样本：

try:
    linear_module(torch.ones(2, 4))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# ``mat1`` 是输入，``mat2`` 是转置后的权重，括号里是两者的形状。中间的两个数要相等，这里却是 4 和 3。
# 所以看到这句报错，先打印输入的 ``shape``，再看层的 ``in_features``。
#
# 小结
# ----
# - 规则：输出是 :math:`x W^\top + b`；权重的形状是（输出，输入），输入的最后一维等于 ``d_in``。
# - API：``torch.nn.Linear(in_features, out_features)``，参数用 ``weight``、``bias`` 或 ``named_parameters()`` 取得。
# - 下一页：:ref:`networks-activations`
#
# 与原笔记的差异：原文说不必再关注权重的形状，其实相乘的形状仍须相配；加了手算、图和报错，改了拼写。
