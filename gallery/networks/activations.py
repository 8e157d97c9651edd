# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-activations:

激活函数
========

训练一个很深的网络时，最前面的层也要收到 :term:`梯度`，那里的权重才会改变。
有的 :term:`激活函数` 能让梯度传到最前面的层，有的几乎不能。差别在哪里？

你将学到：

- 读懂六种激活函数的曲线和斜率
- 由斜率估计梯度经过许多层之后还剩多少
- 区分激活函数和权重各自对梯度的影响
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 逐个元素计算
# ------------
# 激活函数放在两个 :term:`线性层` 之间，为什么要放见 :ref:`networks-multilayer`。
#
# 激活函数对 :term:`张量` 里的每个数分别计算，所以输出与输入的 :term:`形状` 相同。
# 先看其中的 ReLU，它的公式是 :math:`\max(x, 0)`。使用时先创建一个 ReLU 模块，再像函数那样调用它。

activation_fn = torch.nn.ReLU()  # 创建 ReLU 模块的一个实例
example_tensor = torch.tensor([-1.0, 1.0, 0.0])
activated = activation_fn(example_tensor)
print("example_tensor", example_tensor)
print("activated", activated)

# %%
# 负数变成 0，其余的数不变。
#
# 曲线和斜率
# ----------
# 按 :term:`链式法则`，反向传播时，梯度每经过一次激活函数，就要乘以该处的斜率。
# 下面用 :term:`自动微分` 求六种函数的斜率。


def slope(fn, x):
    x = x.detach().requires_grad_()
    fn(x).sum().backward()
    return x.grad


activations = {
    "ReLU": nn.ReLU(),
    "LeakyReLU": nn.LeakyReLU(0.1),  # 默认的 0.01 在图上看不清
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
}
points = torch.tensor([-4.0, 0, 4])
grid = torch.linspace(-4, 4, 401)
print("slope at     x=-4      x=0      x=4  largest")
for name, fn in activations.items():
    row = [*slope(fn, points), slope(fn, grid).max()]
    print(f"{name:9}" + "".join(f"{number:9.4f}" for number in row))

# %%

# hide-input: 画图
fig, axes = plt.subplots(2, 3, sharex=True, sharey=True, layout="constrained")
for ax, (name, fn) in zip(axes.flat, activations.items(), strict=True):
    ax.axhline(0, color="0.5", lw=0.5)
    ax.plot(grid, fn(grid), color="C0", lw=2.5, label="value")
    ax.plot(grid, slope(fn, grid), color="C1", lw=1.5, ls="--", label="slope")
    ax.set(title=name, ylim=(-1.3, 2.3))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", frameon=False, fontsize=8)
fig.supxlabel("x")
# alt: 六幅小图，实线是值，虚线是斜率。Sigmoid 和 Tanh 的斜率在两边接近 0，另外四种的斜率在右边接近 1
plt.show()

# %%
# 在 :math:`x = 4` 处，前四种函数的斜率等于或接近 1。
# Sigmoid 和 Tanh 的曲线在两头变平，斜率接近 0，这种情形叫饱和。
# 但是 Tanh 的斜率在 0 处是 1，Sigmoid 的斜率在任何地方都不超过 0.25。
#
# ReLU 的斜率在 0 的左边是 0，在右边是 1，所以它在 0 处没有导数。PyTorch 在这一点取 0。
#
# 连用许多次
# ----------
# 网络有许多层，就有许多个斜率相乘。先不考虑权重，从 :math:`x = 1` 出发，把同一个函数连用多次，再求梯度。


def repeat(fn, start, times):
    x = torch.tensor(start, requires_grad=True)
    h = x
    for _ in range(times):
        h = fn(h)
    h.backward()
    return h.item(), x.grad.item()


print("gradient    1 time  5 times  10 times  20 times  value after 20")
for name, fn in activations.items():
    row = f"{name:9}"
    for times in (1, 5, 10, 20):
        value, gradient = repeat(fn, 1.0, times)
        row += f"{gradient:9.0e}"
    print(row + f"{value:16.6f}")
print(f"0.25 ** 20 = {0.25**20:.0e}")

# %%
# Sigmoid 的每个斜率都不超过 0.25，所以连用 20 次后的梯度不超过 0.25 的 20 次方，也就是 9e-13。
# 梯度随层数迅速趋于 0，这叫 :term:`梯度消失`。
#
# ReLU 和 LeakyReLU 的梯度一点也没有减少，因为 1 是正数，每个斜率都是 1。
# GELU 和 SiLU 虽然在右边的斜率接近 1，梯度却也消失了。
# 原因在最后一列，两者的值都已经接近 0，而两者在 0 处的斜率只有 0.5。
# 所以起作用的不是斜率的最大值，而是输入所在之处的斜率。
#
# .. change-it::
#
#    把 ``repeat`` 的起点从 1.0 改成 −1.0。连用 20 次之后，哪些函数的梯度恰好是 0？

# hide-cell: 从 −1 出发
for name, fn in activations.items():
    value, gradient = repeat(fn, -1.0, 20)
    print(f"{name:9} 20 times: {gradient:.0e}")

# %%
# .. outcome::
#
#    只有 ReLU 的梯度恰好是 0，因为它在 −1 处的斜率是 0。如果一个单元送入 ReLU 的数对每个样本都是负数，
#    这个单元的权重就收不到梯度，这叫神经元死亡。LeakyReLU 在左边的斜率不是 0，就是为了避免这种情形。

# %%
# 加上权重
# --------
# 真实的网络里还有权重，梯度每经过一个线性层，也要与这一层的权重相乘。
# 为了分清两者的影响，先看没有激活函数的网络。``nn.Identity()`` 原样返回输入，所以放在层之后就等于没有激活函数。
#
# 下面的网络有 20 个线性层，每层有 32 个单元，没有 :term:`偏置`。权重取默认的初值，
# 也就是均匀地取自 :math:`-1/\sqrt{32}` 到 :math:`1/\sqrt{32}`。输出处的梯度取随机数，均方根约为 1。
#
# .. predict::
#
#    每层之后都放 ``nn.Identity()``。反向传播到输入处，梯度的均方根是多少？
#
#    - 约为 1，因为 ``nn.Identity()`` 的斜率是 1
#    - 远大于 1，因为每经过一层都要把 32 个乘积相加
#    - 远小于 1，因为默认的权重太小


def rms(t):
    return t.square().mean().sqrt().item()


def gradient_at_input(fn, seed, gain=None):
    torch.manual_seed(seed)
    x = torch.randn(100, 32, requires_grad=True)
    h, product = x, 1.0
    for _ in range(20):
        linear = nn.Linear(32, 32, bias=False)
        if gain is not None:
            nn.init.orthogonal_(linear.weight, gain)
        z = linear(h)
        product *= rms(slope(fn, z))  # 这一层斜率的均方根
        h = fn(z)
    h.backward(torch.randn(100, 32))
    return rms(x.grad), product, rms(z)


sizes = [gradient_at_input(nn.Identity(), seed)[0] for seed in range(60)]
print("seeds 0 to 4:", *(f"{size:.1e}" for size in sizes[:5]))
print(f"rms of 60 seeds: {rms(torch.tensor(sizes)):.1e}")
print(f"sqrt(1/3) ** 20: {3**-10:.1e}")

# %%
# .. answer:: C
#
#    默认的权重方差是 :math:`1/(3 \cdot 32)`。每一层把 32 个乘积相加，均方根约乘以 :math:`\sqrt{1/3}`，
#    20 层之后约为 1.7e-05，与 60 个种子的均方根相同。
#    A 忘了梯度还要与权重相乘。B 忘了乘积有正有负，会互相抵消，而且每个权重的绝对值都不超过 :math:`1/\sqrt{32}`。
#
# 可见权重本身也会使梯度消失。要单独看激活函数，就换成不改变梯度大小的权重。
# 正交矩阵不改变 :term:`向量` 的长度，``nn.init.orthogonal_`` 把权重填成正交矩阵，再乘以 ``gain``。
# 下面取 ``gain`` 为 1，比较输入处的梯度与 20 层斜率的均方根之积。最后一列是送入第 20 个激活函数的数的均方根，送入第一个的约为 1。

print("5 seeds    gradient at input   product of 20 slopes  into activation 20")
for name, fn in {"Identity": nn.Identity(), **activations}.items():
    results = [gradient_at_input(fn, seed, gain=1) for seed in range(5)]
    ranges = [f"{min(n):.1e} to {max(n):.1e}" for n in zip(*results, strict=True)]
    print(f"{name:9}  {ranges[0]}  {ranges[1]}    {ranges[2]}")
print(f"sqrt(1/2) ** 20 = {2**-10:.1e}, 0.5 ** 20 = {2**-20:.1e}")

# %%
# 第一行的梯度约为 1，所以这样的权重不改变梯度的大小。每行的前两列都很接近，所以剩下的梯度由各层的斜率决定。
#
# - ReLU 的斜率只有 0 和 1。如果两者各占一半，均方根就是 :math:`\sqrt{1/2}`，20 层的乘积约为 9.8e-04。
# - LeakyReLU 与 ReLU 相近，因为左边的斜率 0.1 平方以后只有 0.01。这个斜率避免了恰好是 0 的梯度，但没有避免梯度消失。
# - Tanh 剩下的梯度是 ReLU 的一百倍以上，因为送入它的数越来越接近 0，最后均方根是 0.17，而它在 0 附近的斜率接近 1。
# - GELU 和 SiLU 剩下的梯度是 0.5 的 20 次方的 1 到 3 倍，因为送入的数越来越接近 0，而两者在 0 处的斜率是 0.5。
# - Sigmoid 剩下的最少，小于 0.25 的 20 次方。
#
# .. change-it::
#
#    把 ``gain`` 从 1 改成 :math:`\sqrt{2}`。``nn.Identity()`` 和 ReLU 的梯度，哪一个会在 1 附近？

# hide-cell: gain 改成 √2
for fn in (nn.Identity(), nn.ReLU()):
    sizes = [gradient_at_input(fn, seed, gain=2**0.5)[0] for seed in range(5)]
    print(f"{type(fn).__name__:8} {min(sizes):.1e} to {max(sizes):.1e}")

# %%
# .. outcome::
#
#    ReLU 的梯度回到 1 附近，而没有激活函数的梯度增大到约 1000 倍。
#    所以权重的大小要与激活函数配合，怎样配合见 :ref:`training-initialization`。

# %%
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
#
# .. real-projects::
#
#    ResNet 用 ReLU，BERT 用 `GELU <https://arxiv.org/abs/1606.08415>`__，LSTM 的门用 Sigmoid，因为门的值要在 0 和 1 之间。
#    前两种网络还有捷径（见 :ref:`networks-module`），所以它们的梯度不只经过激活函数。全部激活函数列在
#    `torch.nn 的文档 <https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity>`__ 里。

# %%
# 小结
# ----
# - 规则：梯度每经过一层，就乘以激活函数在该处的斜率和这一层的权重，连乘之后剩下的才传到最前面。
# - API：``nn.ReLU``、``nn.LeakyReLU``、``nn.GELU``、``nn.SiLU``、``nn.Sigmoid``、``nn.Tanh``、``nn.Identity`` 和 ``nn.init.orthogonal_``。
# - 下一页：:ref:`networks-multilayer`
