# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-activations:

激活函数
========

:term:`线性层` 之间要夹一个 :term:`激活函数`，网络才能拟合曲线。它本身很简单：
对每个数各算一次，没有参数。选哪一个，要看它的 :term:`梯度`：梯度小，训练就慢。

你将学到：

- ReLU 怎样逐个元素地作用
- 六种常用激活函数和它们的导数
- 同样叠二十次，为什么有的函数传不回梯度
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# ReLU
# ----
# 先创建一个 ReLU 模块，再像函数那样调用它。它留下正数，把负数变成 0。
#
# .. admonition:: 先猜一猜
#
#    输入是 −1、1、0，输出是什么？``ReLU`` 里有几个 :term:`参数`？

activation_fn = torch.nn.ReLU()  # 创建 ReLU 模块的一个实例
example_tensor = torch.tensor([-1.0, 1.0, 0.0])
activated = activation_fn(example_tensor)
print("example_tensor", example_tensor)
print("activated", activated)
print(f"{len(list(activation_fn.parameters()))=}")

# %%
# 只有 −1 变成了 0，形状不变，参数一个也没有。因为逐个元素计算，什么形状的 :term:`张量` 都能用。
#
# 六种函数和它们的导数
# --------------------
# 导数不用查公式。:term:`自动微分` 对每个 :math:`x` 各求一次：先求和，``backward()`` 就能一次给出全部导数。

activations = {
    "ReLU": nn.ReLU(),
    "LeakyReLU": nn.LeakyReLU(0.1),  # 默认是 0.01，取 0.1 才看得清
    "GELU": nn.GELU(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
    "SiLU": nn.SiLU(),
}

fig, axes = plt.subplots(
    2, 3, figsize=(7.5, 4.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, fn) in zip(axes.flat, activations.items(), strict=True):
    x = torch.linspace(-4, 4, 401, requires_grad=True)
    y = fn(x)
    y.sum().backward()
    print(f"{name:9} slope from {x.grad.min():5.2f} to {x.grad.max():.2f}")

    ax.plot(x.detach(), y.detach(), color="C0", lw=2.5)
    ax.plot(x.detach(), x.grad, color="C1", lw=1.5, ls="--")
    ax.set(title=name, ylim=(-1.3, 2.3))
    ax.axhline(0, color="0.5", lw=0.5)
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].annotate("value", (1.2, 1.6), color="C0", ha="right")
axes[0, 0].annotate("slope", (3.9, 0.6), color="C1", ha="right")
fig.supxlabel("x", fontsize=10)
# alt: 六幅小图，实线是函数值，虚线是导数。Sigmoid 的导数最高只有 0.25，Tanh 的在 0 处到 1，
# 两者向两边都趋于 0；另外四种在右边都等于或接近 1
plt.show()

# %%
# 上排三种和 SiLU 在正的一边斜率接近 1，梯度几乎原样通过。Sigmoid 的斜率最大也只有 0.25；
# Sigmoid 和 Tanh 在两头都变平，这叫饱和。ReLU 在负的一边斜率是 0，
# LeakyReLU 留了一点，GELU 和 SiLU 则在那里拐了个弯，斜率略小于 0。
#
# 在 0 这一点，ReLU 左右斜率不同，导数不存在。PyTorch 取 0：

x = torch.zeros(1, requires_grad=True)
torch.relu(x).backward()
print(f"ReLU slope at 0: {x.grad.item()}")

# %%
# 梯度消失
# --------
# :term:`链式法则` 把每一层的斜率乘起来。从 ``x = 1`` 出发，把同一个函数连用几次，
# 看梯度还剩多少：

print("times " + "".join(f"{name:>10}" for name in ("Sigmoid", "Tanh", "ReLU")))
for times in (1, 5, 10, 20):
    row = f"{times:5} "
    for name in ("Sigmoid", "Tanh", "ReLU"):
        x = torch.tensor(1.0, requires_grad=True)
        h = x
        for _ in range(times):
            h = activations[name](h)
        h.backward()
        row += f"{x.grad:10.0e}"
    print(row)

# %%
# Sigmoid 每次最多剩下四分之一，二十次之后只剩 9e-14，靠近输入的层几乎学不动，
# 这就是 :term:`梯度消失`。Tanh 慢得多，ReLU 在正的一边一点不减。真的网络里还要乘上各层的权重，
# 所以隐藏层多用 ReLU 一类的函数，Sigmoid 留给要输出概率的最后一层。
#
# 改一改：把 ``x`` 的初值从 1.0 改成 −1.0。先猜三列各是多少，尤其是 ReLU。
#
# 常见错误：括号里放错了东西
# --------------------------
# ``nn.ReLU`` 是类，第一对括号用来创建模块。把数据放进去不会马上报错：

not_a_tensor = nn.ReLU(example_tensor)
try:
    print(not_a_tensor.shape)
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 得到的还是一个模块，数据被当成了 ``inplace`` 这个选项。应写 ``nn.ReLU()(x)``，
# 或者直接用函数 ``torch.relu(x)``。
#
# 小结
# ----
# - 规则：激活函数逐个元素计算；斜率小于 1，叠得越多，梯度越小。
# - API：``torch.nn.ReLU``、``torch.nn.GELU``、``torch.nn.Tanh``、``torch.nn.Sigmoid``，函数形式如 ``torch.relu``。
# - 下一页：:ref:`networks-multilayer`
#
# 与原笔记的差异：原文只有 ReLU 一例；加了另外五种函数、导数的图、梯度消失的测量和常见错误。
