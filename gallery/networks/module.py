# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-module:

自己定义模块
============

``Sequential`` 把层排成一列，数据只能从第一层走到最后一层。
可是有的网络要让输入绕过中间的层，再与后面的结果相加。
这样的网络怎样写成一个模型，又怎样让训练代码找到它的全部 :term:`参数`？

你将学到：

- 继承 ``nn.Module``，写出自己的 ``__init__`` 和 ``forward``
- 判断一个属性会不会登记为参数
- 修正忘记 ``super().__init__()`` 引起的报错
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 一条路和两条路
# --------------
# 下图的上半部分是前一页的网络，去掉了最后的 Sigmoid。
# 下半部分多了一条捷径（shortcut），输入 ``x`` 还单独经过一个线性层，两条路的结果相加，才得到 ``y``。

# hide-input: 画图
box = {"boxstyle": "round", "facecolor": "C0", "alpha": 0.25}
upper = [("x", 0, 2), ("hidden", 1, 2), ("tanh", 2, 2), ("output", 3, 2), ("y", 4, 2)]
lower = [("x", 0, 1), ("hidden", 1, 1), ("tanh", 2, 1), ("output", 3, 1), ("+", 4, 1)]
shortcut = [("x", 0, 1), ("shortcut", 2, 0), ("+", 4, 1)]

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
paths = (upper, [*lower, ("y", 5, 1)], shortcut)
for name, column, row in {node for path in paths for node in path}:
    label = {"s": f"{name:^8}", "family": "monospace", "size": 10}
    ax.text(column, row, **label, ha="center", va="center", bbox=box)
for path in paths:
    for (_, *start), (_, *end) in pairwise(path):
        arrow = {"arrowstyle": "->", "shrinkA": 30, "shrinkB": 30, "lw": 1.5}
        ax.annotate("", end, start, arrowprops=arrow)
ax.text(-0.5, 2.45, "Sequential", size=12, color="C0")
ax.text(-0.5, 1.35, "two paths", size=12, color="C0")
ax.set(xlim=(-0.6, 5.4), ylim=(-0.4, 2.8))
ax.set_axis_off()
# alt: 上面一行方框依次是 x、hidden、tanh、output、y，箭头连成一条直线；
# 下面一行多一个加号，x 另有一条箭头经过 shortcut 通到加号
plt.show()

# %%
# ``Sequential`` 只把前一层的输出交给后一层，所以写不出下面的加号。
# 要写出它，就要自己定义一个 :term:`模块`，在 ``__init__`` 方法里建立各层，在 ``forward`` 方法里写数据经过的路。
#
# 第一个模块
# ----------
# ``class TwoPaths(nn.Module)`` 表示 ``TwoPaths`` 继承 ``nn.Module``，也就是以它为父类。
# 其中的 ``super().__init__()`` 调用父类的 ``__init__``，要放在把层赋给属性之前。


class TwoPaths(nn.Module):
    def __init__(self, d_in, d_hidden, d_out):
        super().__init__()
        self.hidden = nn.Linear(d_in, d_hidden)
        self.output = nn.Linear(d_hidden, d_out)
        self.shortcut = nn.Linear(d_in, d_out)

    def forward(self, x):  # (B, d_in) -> (B, d_out)
        h = torch.tanh(self.hidden(x))  # (B, d_hidden)
        return self.output(h) + self.shortcut(x)


torch.manual_seed(0)
model = TwoPaths(d_in=3, d_hidden=4, d_out=1)
x = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
y = model(x)
print(f"{x.shape=} {y.shape=}")
for name, parameter in model.named_parameters():
    print(f"{name:15} {parameter.numel():2} {tuple(parameter.shape)}")

# %%
# 两个样本各得到 1 个数。调用时写 ``model(x)``，父类会用 ``x`` 去调用 ``forward``。
# ``__init__`` 里没有收集参数的代码，三个层的六个参数却都列出来了，名字由属性名和参数名组成。
#
# 哪些属性会被登记
# ----------------
# 训练代码更新的是 ``model.parameters()`` 给出的 :term:`张量`，也就是登记过的参数。
# 所以要知道，赋给属性的值在什么时候会登记为参数。
#
# .. predict::
#
#    下面的 ``Scaled`` 有一个层，另有两个张量 ``scale`` 和 ``shift``。
#    这两个张量都要求 :term:`梯度`，也都参加计算。其中哪些会出现在 ``named_parameters()`` 里？
#
#    - 只有 ``scale``，因为它是 ``nn.Parameter``
#    - 两个都在，因为它们都要求梯度
#    - 两个都不在，因为只有层的权重和偏置才是参数


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.shift = torch.zeros(1, requires_grad=True)

    def forward(self, x):  # (B, 3) -> (B, 1)
        return self.scale * self.layer(x) + self.shift


scaled = Scaled()
print([name for name, _ in scaled.named_parameters()])
scaled(x).sum().backward()
print(f"{scaled.shift.grad=}")
scaled.double()  # 把模型转换成 float64
print(f"{scaled.scale.dtype=} {scaled.shift.dtype=}")

# %%
# .. answer:: A
#
#    给属性赋值时，父类会检查值的类型。如果值是 ``nn.Parameter``，就登记为参数。
#    如果值是模块，就登记为子模块，它的参数也算在内。
#
#    B 把要求梯度当成了登记的条件。属性 ``shift`` 收到了梯度 2，因为两个样本各贡献 1，
#    但是它不在列出的参数里，所以训练代码不会更新它。
#    方法 ``double()`` 只转换登记过的张量，所以 ``shift`` 仍是 float32。
#    C 把范围缩得太小，因为直接赋给属性的 ``nn.Parameter`` 也会登记。

# %%
# 如果 ``shift`` 应当由训练改变，就把它也写成 ``nn.Parameter``。
# Python 列表里的层同样不会登记，要换成 ``nn.ModuleList``，见 :ref:`pitfalls-unregistered-parameters`。
#
# 有的张量是模型的一部分，却不由训练改变，例如图像各通道的平均值。
# 这样的张量叫 :term:`缓冲区`，用 ``register_buffer()`` 登记。

# %%
# .. change-it::
#
#    把 ``self.shift = ...`` 换成 ``self.register_buffer("shift", torch.zeros(1))``。``shift`` 会在
#    ``named_parameters()`` 里吗，会转换成 float64 吗，会在 ``state_dict()`` 给出的要保存的张量里吗？

# hide-cell: 登记为缓冲区


class WithBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("shift", torch.zeros(1))

    def forward(self, x):  # (B, 3) -> (B, 1)
        return self.scale * self.layer(x) + self.shift


with_buffer = WithBuffer().double()
print([name for name, _ in with_buffer.named_parameters()])
print(f"{with_buffer.shift.dtype=}")
print("state_dict with the buffer:", *with_buffer.state_dict())
print("state_dict of Scaled:      ", *scaled.state_dict())

# %%
# .. outcome::
#
#    缓冲区不是参数，所以列出的参数里没有 ``shift``。但它登记过，所以转换成了 float64，
#    默认也随模型保存。如果不想保存它，就在登记时加上 ``persistent=False``。
#    ``Scaled`` 的 ``shift`` 没有登记，所以不在最后一行里。

# %%
# 模块里放模块
# ------------
# 自己定义的模块也可以当作层，放进更大的模块。下面的数据依次经过两个 ``TwoPaths``，每个样本仍得到 1 个数。
# 外层只有一条路，所以用 ``Sequential`` 就够了。

torch.manual_seed(0)
deep = nn.Sequential(TwoPaths(3, 4, 2), TwoPaths(2, 4, 1))
print(deep)
print([name for name, _ in deep.named_parameters()][:3])
print(f"{deep(x).shape=}")

# %%
# 打印一个模型，就能看到它的各级模块。参数的全名由各级的名字用点连成，``Sequential`` 里的模块以编号为名。
# 数据有分支、有几个输入、要返回中间结果或要用 ``if`` 时，就要自己写 ``forward``。
#
# 常见错误：忘记 super().__init__()
# ---------------------------------


class Forgot(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(3, 1)


try:
    Forgot()
except AttributeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错说的是，在调用父类的 ``__init__`` 之前不能登记模块，因为登记用的表由它建立。
# 改法是在 ``__init__`` 的第一行写上 ``super().__init__()``。

# %%
# .. change-it::
#
#    写一个只有一个方法的类，把方法名 ``forward`` 错写成 ``foward``。先猜在哪一步报错，是定义类、创建模型，还是调用模型？

# hide-cell: 写错 forward


class Misspelled(nn.Module):
    def foward(self, x):
        return x


misspelled = Misspelled()
print(misspelled)
try:
    misspelled(x)
except NotImplementedError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. outcome::
#
#    定义类、创建模型和打印模型都不报错，因为到了调用模型时，父类才去调用 ``forward``。报错的方括号里是缺 ``forward`` 的类。

# %%
# .. real-projects::
#
#    ``nn.Transformer`` 也是几层嵌套的模块，所以参数名长如 ``encoder.layers.0.self_attn.in_proj_weight``。
#    不要写 ``model.forward(x)``，因为 ``model(x)`` 还会运行登记过的 :term:`钩子`，而直接调用 ``forward`` 会跳过它们。
#    更多用法见
#    `torch.nn.Module <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__ 和
#    `Modules <https://docs.pytorch.org/docs/stable/notes/modules.html>`__。

# %%
# 小结
# ----
# - 规则：在 ``super().__init__()`` 之后赋给属性的层和 ``nn.Parameter`` 会登记，所以 ``parameters()`` 找得到它们。
#   数据经过的路写在 ``forward`` 里。
# - API：``torch.nn.Module``、``torch.nn.Parameter``、``named_parameters()``、``state_dict()``
#   和 ``register_buffer(name, tensor, persistent=True)``。
# - 下一页：:ref:`networks-mse-loss`
