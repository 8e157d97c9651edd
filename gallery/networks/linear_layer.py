# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-linear-layer:

线性层
======

创建一个 :term:`线性层` 只要写两个数，输入有几个特征，输出有几个特征。
可是层里还存着许多别的数。它们有多少个、怎样排列，又怎样把输入变成输出？

你将学到：

- 由输入数和输出数推出 :term:`权重` 和 :term:`偏置` 的 :term:`形状`
- 手算线性层的一个输出
- 读懂输入的形状不对时的报错
"""

import matplotlib.pyplot as plt
import torch

# %%
# 一个输出怎样算出来
# ------------------
# 一个样本有 3 个特征 :math:`x_0, x_1, x_2`。
# 线性层的一个输出是这些特征的加权和，再加上一个常数。
#
# .. math::
#
#    y = w_0 x_0 + w_1 x_1 + w_2 x_2 + b
#
# 其中 :math:`w_0, w_1, w_2` 是权重，:math:`b` 是偏置。
# 如果线性层有 4 个输出，每个输出就各有自己的权重和偏置。
# PyTorch 把全部权重存成一个矩阵 ``weight``，把全部偏置存成一个向量 ``bias``。
#
# .. predict::
#
#    下面把 2 个样本送进 ``torch.nn.Linear(3, 4)``，也就是 3 个输入、4 个输出。``weight`` 是什么形状？
#
#    - ``(4, 3)``，因为一行属于一个输出
#    - ``(3, 4)``，因为括号里先写 3，再写 4
#    - ``(2, 4, 3)``，因为每个样本要用自己的权重

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
# .. answer:: A
#
#    ``W`` 有 4 行，每行 3 个数。一行属于一个输出，一列属于一个输入，所以形状是（输出数，输入数）。
#    B 弄反了次序，``Linear(3, 4)`` 先写输入数，``weight`` 的形状却先写输出数。
#    C 认为权重随样本增加，但是这里只有一个矩阵，两个样本都用它。

# %%
# 权重和偏置的类型都是 ``Parameter``。这种类型的 :term:`张量` 默认要求 :term:`梯度`，
# 放进层里就会登记为这一层的 :term:`参数`，也就是训练要改变的数。
# ``named_parameters()`` 逐个给出登记过的参数和它们的名字，``parameters()`` 只给出参数。

print("name    numbers  largest |number|  shape")
for name, parameter in linear_module.named_parameters():
    numbers, largest = parameter.numel(), parameter.abs().max()
    print(f"{name:7} {numbers:7}  {largest:16.4f}  {tuple(parameter.shape)}")
total = sum(parameter.numel() for parameter in linear_module.parameters())
print(f"total {total}, formula {d_out * d_in + d_out}, 1 / sqrt(3) = {3**-0.5:.4f}")
print(f"{torch.nn.Linear(d_in, d_out, bias=False).bias=}")

# %%
# 线性层有 ``d_out * d_in`` 个权重和 ``d_out`` 个偏置，这里一共 16 个数。
# 它们现在的值来自随机的 :term:`初始化`。按照文档，权重和偏置都均匀地取自
# :math:`-1/\sqrt{3}` 到 :math:`1/\sqrt{3}`，其中 3 是输入数。这 16 个数的绝对值都没有超过 0.5774。
# 偏置可以去掉，``bias=False`` 的层里 ``bias`` 是 ``None``。

# %%
# .. change-it::
#
#    另外创建一个层 ``torch.nn.Linear(784, 10)``。先算出两个参数的形状和数的总个数，再看运行结果。

# hide-cell: 784 个输入，10 个输出
larger = torch.nn.Linear(784, 10)
print(f"{larger.weight.shape=} {larger.bias.shape=}")
print(f"total {sum(parameter.numel() for parameter in larger.parameters())}")
print(f"largest |weight| {larger.weight.abs().max():.4f}, 1/28 = {1 / 28:.4f}")

# %%
# .. outcome::
#
#    权重的形状是 (10, 784)，有 7840 个数，加上 10 个偏置，一共 7850 个。
#    输入数变大，初始值的范围就变小。784 的平方根是 28，所以权重的绝对值不超过 1/28。

# %%
# 手算一遍
# --------
# 把 4 个输出的式子写在一起，输出 :math:`y_j` 用到的是下标为 :math:`j` 的一行权重。
#
# .. math::
#
#    y_j = W_{j0} x_0 + W_{j1} x_1 + W_{j2} x_2 + b_j
#
# 下面手算第一个样本的 :math:`y_1`，它用到 ``W`` 中下标为 1 的行和 ``b`` 中下标为 1 的数。
# ``detach()`` 返回一个不在 :term:`计算图` 中的张量，它与原来的张量共用同一块内存。

W = linear_module.weight.detach()
b = linear_module.bias.detach()

y1 = b[1].item()
for k in range(d_in):
    y1 += W[1, k].item() * example_tensor[0, k].item()
print(f"by hand: {y1:.4f}")
print(f"Linear:  {transformed[0, 1]:.4f}")

# %%
# 两个数在四位小数内相同。下图画出第一个样本，橙色标出 :math:`y_1` 用到的三个权重和一个偏置。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for k in range(d_in):
    for j in range(d_out):
        color = "C1" if j == 1 else "0.85"
        ax.plot([0, 1], [-k - 0.5, -j], "o-", color=color, zorder=2 if j == 1 else 1)
    ax.text(-0.06, -k - 0.5, f"$x_{k}$ = {example_tensor[0, k]:.0f}", ha="right")
    label = {"s": f"$W_{{1{k}}}$ = {W[1, k]:.2f}", "color": "C1"}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    ax.text(0.4, -0.6 * k - 0.7, **label, ha="center", va="center", bbox=box)
for j in range(d_out):
    bias = f"  (with $b_1$ = {b[1]:.2f})" if j == 1 else ""
    color = "C1" if j == 1 else "black"
    ax.text(
        1.06, -j, f"$y_{j}$ = {transformed[0, j]:.2f}{bias}", va="center", color=color
    )
ax.set(xlim=(-0.4, 2.0), ylim=(-3.4, 0.4))
ax.set_axis_off()
# alt: 左边三个输入，右边四个输出，每个输入与每个输出之间有一条线；
# 通向 y1 的三条线是橙色的，旁边写着 W 中下标为 1 的一行权重，y1 旁边写着它的偏置
plt.show()

# %%
# 全部样本、全部输出可以用一次矩阵乘法算出来，公式是 :math:`x W^\top + b`。
# 这里 :math:`x` 的形状是 ``(2, 3)``，``W`` 的形状是 ``(4, 3)``，所以 ``W`` 要先转置成 ``(3, 4)``。
# ``b`` 的形状是 ``(4,)``，按 :ref:`广播 <basics-broadcasting>` 的规则加到每一行。

outputs = example_tensor @ W.T + b  # (2, 3) @ (3, 4) + (4,) -> (2, 4)
difference = (outputs - transformed.detach()).abs().max()
print(f"largest difference from Linear: {difference:.6f}")

# %%
# 八个输出与 ``linear_module`` 的输出在六位小数内相同。
#
# 前面的维度不变
# --------------
# 线性层只改变最后一个 :term:`维度`。下面的输入分别有一个、两个和三个维度。

for shape in [(3,), (2, 3), (6, 2, 3)]:
    print(shape, "->", tuple(linear_module(torch.ones(shape)).shape))

# %%
# 三个结果的最后一维都从 3 变成 4，前面的维度原样保留。
#
# 常见错误：最后一维的长度不对
# ----------------------------
# 最后一维必须等于 ``d_in``，也就是 3。下面的样本却有 5 个特征。

for shape in [(2, 5), (6, 2, 5)]:
    try:
        linear_module(torch.ones(shape))
    except RuntimeError as error:
        print(f"{shape}: {type(error).__name__}: {error}")
print(f"{linear_module.in_features=}")

# %%
# ``mat1`` 是输入，``mat2`` 是转置后的权重，形状是 3x4。
# 矩阵相乘要求 ``mat1`` 的列数等于 ``mat2`` 的行数，这里却是 5 和 3。
# 输入有三个维度时，前面的维度合并成一个，所以报错里写的是 12x5，而不是 6x2x5。
# 看到这句报错，先打印输入的 ``shape``，再比较它的最后一维与层的 ``in_features``。
# 如果特征数确实是 5，就创建 ``Linear(5, 4)``，否则要改的是送进去的张量。

# %%
# .. real-projects::
#
#    语言模型的输入常是（样本，位置，特征），线性层对每个位置使用同一组参数。
#    初始值的范围怎样选取，见 :ref:`training-initialization`。
#    输入数不好算时，可以用
#    `torch.nn.LazyLinear <https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html>`__，
#    它在第一次调用时由输入确定 ``in_features``。其余的选项见
#    `torch.nn.Linear <https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html>`__。

# %%
# 小结
# ----
# - 规则：输出是 :math:`x W^\top + b`，``weight`` 的形状是（输出数，输入数），``bias`` 的长度是输出数，
#   一共是 ``d_out * d_in + d_out`` 个数。
# - API：``torch.nn.Linear(d_in, d_out, bias=True)``、``weight``、``bias``、``in_features``、``named_parameters()`` 和 ``parameters()``。
# - 下一页：:ref:`networks-activations`
