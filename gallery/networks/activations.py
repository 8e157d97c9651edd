# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-activations:

激活函数
========

在两个 :term:`线性层` 之间要放一个 :term:`激活函数`。常用的激活函数有好几种，
它们的曲线都很简单，换一种却可能让很深的网络学不动。差别在哪里？

你将学到：

- 读懂六种激活函数的曲线和斜率
- 计算同一个函数连用许多次之后，:term:`梯度` 还剩多少
- 区分激活函数和权重各自对梯度的影响
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 逐个元素计算
# ------------
# 激活函数对 :term:`张量` 里的每个数分别计算，所以输出与输入的 :term:`形状` 相同。
# 最常用的一种是 ReLU，它的公式是 :math:`\max(x, 0)`。先创建一个 ReLU 模块，再像函数那样调用它。

activation_fn = torch.nn.ReLU()  # 创建 ReLU 模块的一个实例
example_tensor = torch.tensor([-1.0, 1.0, 0.0])
activated = activation_fn(example_tensor)
print("example_tensor", example_tensor)
print("activated", activated)
print(f"{len(list(activation_fn.parameters()))=}")

# %%
# 负数变成 0，其余的数不变。ReLU 没有 :term:`参数`，训练不会改变它。
#
# 曲线和斜率
# ----------
# 前向传播用到函数值，反向传播用到斜率。
# 按 :term:`链式法则`，梯度每经过一次激活函数，就要乘以该处的斜率。
# 下面用 :term:`自动微分` 求六种函数在 −4 到 4 的斜率。

activations = {
    "ReLU": nn.ReLU(),
    "LeakyReLU": nn.LeakyReLU(0.1),  # 比默认值大，才看得清
    "GELU": nn.GELU(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
    "SiLU": nn.SiLU(),
}
values, slopes = {}, {}
for name, fn in activations.items():
    x = torch.linspace(-4, 4, 401, requires_grad=True)
    y = fn(x)
    y.sum().backward()
    values[name], slopes[name] = y.detach(), x.grad
    lowest, highest = x.grad.min(), x.grad.max()
    print(f"{name:9} slope {lowest:5.2f} to {highest:.2f}, at x=4: {x.grad[-1]:.2f}")

# %%

# hide-input: 画图
grid = torch.linspace(-4, 4, 401)
fig, axes = plt.subplots(
    2, 3, figsize=(7.5, 4.5), sharex=True, sharey=True, layout="constrained"
)
for ax, name in zip(axes.flat, activations, strict=True):
    ax.plot(grid, values[name], color="C0", lw=2.5)
    ax.plot(grid, slopes[name], color="C1", lw=1.5, ls="--")
    ax.set(title=name, ylim=(-1.3, 2.3))
    ax.axhline(0, color="0.5", lw=0.5)
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].annotate("value", (1.2, 1.6), color="C0", ha="right")
axes[0, 0].annotate("slope", (3.9, 0.6), color="C1", ha="right")
fig.supxlabel("x", fontsize=10)
fig.supylabel("value, slope", fontsize=10)
# alt: 六幅小图，实线是函数值，虚线是斜率。Sigmoid 的斜率最高只有 0.25，Tanh 的斜率在 0 处到 1，
# 两者向两边都趋于 0；另外四种函数的斜率在右边都等于或接近 1
plt.show()

# %%
# ReLU、LeakyReLU、GELU 和 SiLU 在 :math:`x = 4` 处的斜率接近 1。
# Sigmoid 和 Tanh 在两头都变平，斜率接近 0，这种情形叫饱和。
# Sigmoid 的斜率在中间最大，也只有 0.25。
#
# ReLU 在 0 的左边斜率是 0，右边是 1，所以在 0 处没有导数。PyTorch 在这一点取 0。

x = torch.zeros(1, requires_grad=True)
torch.relu(x).backward()
print(f"ReLU slope at 0: {x.grad.item()}")

# %%
# 连用许多次
# ----------
# 深的网络里有许多激活函数，所以有许多个斜率相乘。先不考虑权重，
# 从 :math:`x = 1` 出发，把同一个函数连用 20 次，再求输出对 :math:`x` 的梯度。
#
# .. predict::
#
#    连用 20 次 Sigmoid 之后，:math:`x` 处的梯度大约是多少？
#
#    - 约 0.25，因为这是斜率的最大值
#    - 约为 0.25 的二十分之一
#    - 小于 :math:`10^{-11}`


def repeated_slope(name, start, times):
    x = torch.tensor(start, requires_grad=True)
    h = x
    for _ in range(times):
        h = activations[name](h)
    h.backward()
    return x.grad


for times in (1, 5, 10, 20):
    row = f"{times:2} times  "
    for name in ("Sigmoid", "Tanh", "ReLU"):
        row += f"  {name} {repeated_slope(name, 1.0, times):.0e}"
    print(row)
print(f"0.25 ** 20 = {0.25**20:.0e}")

# %%
# .. answer:: C
#
#    每次都乘以一个不超过 0.25 的数，所以结果不超过 0.25 的 20 次方，也就是 9e-13，实际算出的是 9e-14。
#    A 只算了一次。B 把 20 次的作用当成除以 20，但斜率是连乘的。

# %%
# 梯度随层数迅速趋于 0，这就是 :term:`梯度消失`。
# 连用 20 次 Tanh 还剩 2e-02，ReLU 在正数上的斜率是 1，所以一点也没有减少。

# %%
# .. change-it::
#
#    把起点从 1.0 改成 −1.0。三种函数的梯度，哪一种变化最大？

# hide-cell: 从 −1 出发
for name in ("Sigmoid", "Tanh", "ReLU"):
    print(f"{name:7} 20 times: {repeated_slope(name, -1.0, 20):.0e}")

# %%
# 从负数出发，ReLU 的第一个斜率就是 0，所以连乘的结果也是 0。
# 如果一个单元对所有样本的输入都是负数，它的权重收到的梯度就是 0，这叫神经元死亡。
#
# 加上权重
# --------
# 真的网络里还有权重，梯度每经过一个线性层，也要与这一层的权重相乘。
# 梯度变小，是由激活函数引起的，还是由权重引起的？要分清两者，需要对照。
#
# - 激活函数的对照是 ``nn.Identity()``，它原样返回输入，等于没有激活函数。
# - 权重的对照是正交矩阵，它不改变 :term:`向量` 的长度，所以不放大也不缩小梯度。
#   ``nn.init.orthogonal_`` 把权重填成正交矩阵，再乘以 ``gain``。
#
# 下面的网络有 20 个线性层，每层之后是同一种激活函数。把全部输出加起来求梯度，
# 每个输出处的梯度就是 1，再看输入处梯度的均方根是多少。


def gradient_at_input(activation, gain, seed):
    torch.manual_seed(seed)
    x = torch.randn(100, 32, requires_grad=True)
    h = x
    for _ in range(20):
        linear = nn.Linear(32, 32)
        if gain is not None:
            nn.init.orthogonal_(linear.weight, gain)
        h = activation(linear(h))
    h.sum().backward()
    return x.grad.square().mean().sqrt().item()


print("5 seeds   default weights   orthogonal       orthogonal * sqrt(2)")
for activation in (nn.Identity(), nn.Sigmoid(), nn.Tanh(), nn.ReLU()):
    row = f"{type(activation).__name__:8}"
    for gain in (None, 1, 2**0.5):
        sizes = [gradient_at_input(activation, gain, seed) for seed in range(5)]
        row += f"  {min(sizes):.0e} to {max(sizes):.0e} "
    print(row.rstrip())

# %%
# 中间一列的权重不改变梯度的大小，所以剩下的变化都来自激活函数。
# 没有激活函数时梯度不变，Tanh 使它变成约十分之一。
# ReLU 在负数处的斜率是 0，它使梯度变成约千分之一。Sigmoid 则使梯度几乎消失。
#
# 左边一列是 PyTorch 默认的权重。没有激活函数，梯度也已经很小，所以权重本身也会引起梯度消失。
#
# 右边一列把正交的权重放大，ReLU 的梯度就回到 1 附近，而没有激活函数的梯度太大了。
# 所以权重的大小要与激活函数配合，怎样配合见 :ref:`training-initialization`。
#
# 常见错误：第一对括号里放数据
# ----------------------------
# ``nn.ReLU`` 是类，第一对括号用来创建模块。把数据放进去，这一行并不报错。

not_a_tensor = nn.ReLU(example_tensor)
try:
    print(not_a_tensor.shape)
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 得到的是一个模块，数据被当成了 ``inplace`` 选项，所以到取 ``shape`` 时才报错。
# 应当写 ``nn.ReLU()(x)``，也可以用函数 ``torch.relu(x)``。

# %%
# .. real-projects::
#
#    卷积网络的隐藏层多用 ReLU，Transformer 多用 GELU 或 SiLU，Sigmoid 留给要输出概率的最后一层。
#    GELU 的来历见 `Hendrycks and Gimpel, 2016 <https://arxiv.org/abs/1606.08415>`__，全部激活函数列在
#    `torch.nn 的文档 <https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity>`__ 里。

# %%
# 小结
# ----
# - 规则：激活函数逐个元素计算，梯度每经过一次，就乘以该处的斜率。
# - API：``nn.ReLU``、``nn.LeakyReLU``、``nn.GELU``、``nn.SiLU``、``nn.Tanh``、``nn.Sigmoid`` 和 ``nn.Identity``。
# - 下一页：:ref:`networks-multilayer`
