# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-multilayer:

多层神经网络
============

把 :term:`线性层` 和 :term:`激活函数` 一层接一层排好，就是 :term:`多层感知机`。
``torch.nn.Sequential`` 按次序调用它们。
这一页先把它搭起来、数清参数，再回答一个问题：中间的激活函数能不能省。

你将学到：

- 用 ``Sequential`` 搭网络，逐层看形状
- 手算参数个数，与程序核对
- 为什么没有激活函数，两个线性层只抵得上一个
"""

import matplotlib.pyplot as plt
import torch

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 搭一个两层网络
# --------------
# 输入 3 个特征，中间是 4 个单元的 :term:`隐藏层`，最后输出 1 个数。网络和数据要在同一个 :term:`设备` 上。
#
# .. admonition:: 先猜一猜
#
#    两个样本送进去，输出的 :term:`形状` 是什么？这个网络一共有多少个参数？

torch.manual_seed(0)

d_in = 3
d_hidden = 4
d_out = 1
model = torch.nn.Sequential(
    torch.nn.Linear(d_in, d_hidden),
    torch.nn.Tanh(),
    torch.nn.Linear(d_hidden, d_out),
    torch.nn.Sigmoid(),
).to(device)

example_tensor = torch.tensor([[1.0, 2, 3], [4, 5, 6]], device=device)
transformed = model(example_tensor)
print("transformed", transformed.shape)

# %%
# 每个样本得到 1 个数。``model(x)`` 依次调用四个模块，前一个的输出是后一个的输入。
# 自己走一遍，就能看到中间的形状：

h = example_tensor
for layer in model:
    h = layer(h)
    print(f"{type(layer).__name__:7} -> {tuple(h.shape)}")
print(f"same result: {torch.equal(h, transformed)}")

# %%
# 只有线性层改变形状，激活函数不改。最后的 Sigmoid 把输出压到 0 和 1 之间，可以当作概率。
#
# 数参数
# ------
# 一个线性层有 ``d_out × d_in`` 个 :term:`权重` 和 ``d_out`` 个 :term:`偏置`，激活函数没有参数。

for name, parameter in model.named_parameters():
    print(f"{name:8} {tuple(parameter.shape)!s:6} {parameter.numel():2}")

by_hand = (d_hidden * d_in + d_hidden) + (d_out * d_hidden + d_out)
by_code = sum(parameter.numel() for parameter in model.parameters())
print(f"{by_hand=} {by_code=}")

# %%
# 合起来是 (12 + 4) + (4 + 1) = 21。名字里的 0 和 2 是模块在 ``Sequential`` 里的位置，1 和 3 是激活函数。
#
# 改一改：把 ``d_hidden`` 改成 100，先手算参数个数，再运行。
#
# 去掉中间的激活函数
# ------------------
# 剩下的两个线性层可以合成一个：
#
# .. math::
#
#    (x W_1^\top + b_1) W_2^\top + b_2 = x (W_2 W_1)^\top + (b_1 W_2^\top + b_2)
#
# 用 1000 个随机的样本核对：先照左边走两层，再照右边只走合成的一层。

first, last = model[0], model[2]
two_layers = torch.nn.Sequential(first, last)
one_layer = torch.nn.Linear(d_in, d_out).to(device)
with torch.no_grad():
    one_layer.weight.copy_(last.weight @ first.weight)  # (1, 4) @ (4, 3) -> (1, 3)
    one_layer.bias.copy_(last.weight @ first.bias + last.bias)  # (1,)

    x = torch.randn(1000, d_in).to(device)
    with_tanh = last(torch.tanh(first(x)))
    difference = (two_layers(x) - one_layer(x)).abs().max()
    print(f"two linear layers against one: {difference:.4f}")
    difference = (with_tanh - one_layer(x)).abs().max()
    print(f"with Tanh between, against one: {difference:.4f}")
    torch.testing.assert_close(two_layers(x), one_layer(x))

# %%
# 两个线性层与一个线性层处处相等：21 个参数，只有 4 个参数的本事。叠一百个线性层也是如此。
# 夹上 Tanh，就合不成一个了。
#
# 直线与曲线
# ----------
# 只有一个输入时，区别可以画出来。两个网络用同样的权重，只差中间的 Tanh。

first, last = torch.nn.Linear(1, 16), torch.nn.Linear(16, 1)
x = torch.linspace(-5, 5, 200).view(-1, 1)
with torch.no_grad():
    straight = last(first(x))
    bent = last(torch.tanh(first(x)))

fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
ax.plot(x, straight, color="C0", lw=2)
ax.plot(x, bent, color="C1", lw=2)
ax.annotate(" Linear, Linear", (x[-1], straight[-1]), color="C0")
ax.annotate(" Linear, Tanh, Linear", (x[-1], bent[-1]), color="C1")
ax.set(xlabel="input", ylabel="output")
ax.spines[["top", "right"]].set_visible(False)
# alt: 蓝色的直线从左上斜到右下；橙色的曲线先降到谷底，再升到峰顶，然后一路下降
plt.show()

# %%
# 没有激活函数，不管权重是什么，画出来都是直线，训练也改变不了这一点。
# 有了 Tanh，16 个弯曲的单元加在一起，能拼出各种曲线。
#
# 常见错误：前后两层接不上
# ------------------------
# 前一层输出 4 个，后一层却要 5 个。创建时 ``Sequential`` 不检查：

mismatched = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(5, 1))
mismatched.to(device)
print("created")
try:
    mismatched(example_tensor)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 到了调用才报错：送来的是 ``2x4``，第二层转置后的权重是 ``5x1``。
# 写完网络，先送一个小张量试一遍，就能及早发现。
#
# 小结
# ----
# - 规则：前一层的输出数等于后一层的输入数；线性层之间要有激活函数，否则只抵得上一层。
# - API：用 ``torch.nn.Sequential`` 搭网络，用 ``model.parameters()`` 和 ``Tensor.numel()`` 数参数。
# - 下一页：:ref:`networks-mse-loss`
#
# 与原笔记的差异：网络与原文相同；加了逐层的形状、参数个数、去掉激活函数的比较和常见错误。
