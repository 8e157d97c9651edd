# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-linear-layer:

线性层
======

几乎每个网络里都有 :term:`线性层`。创建它只要写两个数，输入有几个特征，输出有几个特征。
可是层里还存着许多别的数。它们有多少个、怎样排列，又怎样把输入变成输出？

你将学到：

- 由输入和输出的特征数推出 :term:`权重` 和 :term:`偏置` 的 :term:`形状`
- 手算线性层的一个输出
- 读懂输入的形状不对时的报错
"""

import matplotlib.pyplot as plt
import torch

# %%
# 一个输出怎样算出来
# ------------------
# 一个样本有 3 个特征 :math:`x_0, x_1, x_2`，线性层要由它们算出 4 个输出。
# 第 :math:`j` 个输出是全部输入的加权和，再加上一个常数：
#
# .. math::
#
#    y_j = W_{j0} x_0 + W_{j1} x_1 + W_{j2} x_2 + b_j
#
# 每个输出都有自己的 3 个权重 :math:`W_{jk}` 和一个偏置 :math:`b_j`，所以各个输出互不影响。
# PyTorch 把全部 :math:`W_{jk}` 存成一个矩阵，下标 :math:`j` 是行号，:math:`k` 是列号。
#
# .. predict::
#
#    下面把 2 个样本送进 ``torch.nn.Linear(3, 4)``。权重矩阵 ``weight`` 是什么形状？
#
#    - ``(3, 4)``，与括号里的两个数次序相同
#    - ``(4, 3)``
#    - ``(2, 4, 3)``，每个样本各有一份权重

torch.manual_seed(0)

d_in = 3
d_out = 4
linear_module = torch.nn.Linear(d_in, d_out)

example_tensor = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
transformed = linear_module(example_tensor)  # (2, 3) -> (2, 4)
print("example_tensor", example_tensor.shape)
print("transformed", transformed.shape)
print()
print("We can see that the weights exist in the background\n")
print("W:", linear_module.weight)
print("b:", linear_module.bias)

# %%
# .. answer:: B
#
#    ``W`` 有 4 行，每行 3 个数。一行属于一个输出，一列属于一个输入，所以形状是（输出数，输入数）。
#    A 弄反了次序，``Linear(3, 4)`` 先写输入数，权重却先排输出数。
#    C 认为权重随样本增加。其实两个样本用的是同一个矩阵，所以样本有几个都可以。

# %%
# ``W`` 和 ``b`` 的类型都是 ``Parameter``。``Parameter`` 是要求 :term:`梯度` 的 :term:`张量`，
# 训练要改变的就是这些数。现在的值是随机的 :term:`初始化` 结果。
# 文档规定它们均匀地取自 :math:`-1/\sqrt{3}` 到 :math:`1/\sqrt{3}`，3 是输入的个数。
#
# ``named_parameters()`` 逐个给出层里的参数和它们的名字，``parameters()`` 只给出参数。

for name, parameter in linear_module.named_parameters():
    print(f"{name:6} {tuple(parameter.shape)!s:6} {parameter.numel():2} numbers")
print(f"largest weight: {linear_module.weight.abs().max():.4f}")
print(f"1 / sqrt(3):    {3**-0.5:.4f}")

# %%
# 手算一遍
# --------
# 先算第 0 个样本的第 1 个输出，它用到 ``W`` 的第 1 行和 ``b`` 的第 1 个数。
# ``detach()`` 得到不带计算图的同一份数，只看数值时用它。

W = linear_module.weight.detach()
b = linear_module.bias.detach()

total = b[1].item()
for k in range(d_in):
    total += W[1, k].item() * example_tensor[0, k].item()
print(f"by hand: {total:.4f}")
print(f"Linear:  {transformed[0, 1]:.4f}")

# %%
# 两个数相等。下图标出了这次计算用到的三条连线和它们的权重。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for k in range(d_in):
    for j in range(d_out):
        color = "C1" if j == 1 else "0.8"
        ax.plot([0, 1], [-k - 0.5, -j], "o-", color=color, zorder=2 if j == 1 else 1)
    ax.text(-0.06, -k - 0.5, f"$x_{k}$ = {example_tensor[0, k]:.0f}", ha="right")
    ax.text(0.25, -0.75 * k - 0.5, f"{W[1, k]:.2f}", color="C1", va="bottom")
for j in range(d_out):
    ax.text(1.06, -j, f"$y_{j}$ = {transformed[0, j]:.2f}", va="center")
ax.set(xlim=(-0.4, 1.5), ylim=(-3.4, 0.4))
ax.set_axis_off()
# alt: 左边三个输入，右边四个输出，每个输入与每个输出之间有一条线；
# 通向 y1 的三条线是橙色的，旁边写着 W 第 1 行的三个权重
plt.show()

# %%
# 全部样本、全部输出可以用一次矩阵乘法算出来，公式是 :math:`x W^\top + b`。
# ``W`` 先要转置，因为 ``(2, 3) @ (3, 4)`` 才能相乘。
# ``b`` 的形状是 ``(4,)``，按 :ref:`广播 <basics-broadcasting>` 的规则加到每一行。

by_hand = example_tensor @ W.T + b  # (2, 3) @ (3, 4) + (4,) -> (2, 4)
print(by_hand)
torch.testing.assert_close(by_hand, transformed.detach())

# %%
# .. change-it::
#
#    把第 0 个样本改成三个 0。先猜它的四个输出等于什么，再看运行结果。

# hide-cell: 全零的样本
zeros = torch.tensor([[0.0, 0, 0], [4, 5, 6]])
print("output:", linear_module(zeros)[0].detach())
print("b:     ", b)

# %%
# 输入全是 0，加权和就是 0，所以输出只剩下偏置。
#
# 前面的维度不变
# --------------
# 线性层只改变最后一个 :term:`维度`。前面有几个维度都可以，它们原样保留。

for shape in [(3,), (2, 3), (5, 2, 3)]:
    print(shape, "->", tuple(linear_module(torch.ones(shape)).shape))

# %%
# 常见错误：最后一维的长度不对
# ----------------------------
# 最后一维必须等于 ``d_in``。下面给它 4 个特征的样本。

try:
    linear_module(torch.ones(2, 4))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
print(f"{linear_module.in_features=}")

# %%
# ``mat1`` 是输入，形状是 2x4。``mat2`` 是转置后的权重，形状是 3x4。
# 矩阵相乘要求 ``mat1`` 的列数等于 ``mat2`` 的行数，这里却是 4 和 3。
# 所以看到这句报错，先打印输入的 ``shape``，再与层的 ``in_features`` 比较。

# %%
# .. real-projects::
#
#    输入的特征数不好算时，可以写 ``nn.LazyLinear(d_out)``，它在第一次调用时按输入确定 ``in_features``。
#    初始值的范围为什么与输入的个数有关，可以读
#    `He et al., 2015 <https://arxiv.org/abs/1502.01852>`__，其余的选项见
#    `torch.nn.Linear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html>`__。

# %%
# 小结
# ----
# - 规则：输出是 :math:`x W^\top + b`，权重的形状是（输出数，输入数），输入的最后一维等于输入数。
# - API：``torch.nn.Linear(in_features, out_features)``、``weight``、``bias`` 和 ``named_parameters()``。
# - 下一页：:ref:`networks-activations`
