# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _basics-devices:

在设备间移动张量
================

每个 :term:`张量` 都住在一台 :term:`设备` 上：CPU 的内存，或者 GPU 这类 :term:`加速器` 的显存。
运算在数据所在的设备上进行，所以计算之前要把张量搬过去，看结果之前再搬回来。
没有加速器，这一页照样能运行；第一行输出说明用的是哪台设备。

你将学到：

- 用同一段代码选设备，有没有加速器都能运行
- ``.to()`` 什么时候复制数据，什么时候原样返回
- 读懂设备不一致时的报错
"""

import torch

# %%
# 选一台设备
# ----------
# 有加速器就用加速器，否则留在 CPU 上。后面的代码只认 ``device`` 这个名字，不写死 ``"cuda"``。

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)
print(f"device: {device.type}")

# %%
# .. note::
#
#    ``device`` 没有编号，GPU 上张量的 ``x.device`` 却带编号，而 ``torch.device("cuda")`` 不等于
#    ``torch.device("cuda:0")``。要判断两台设备是否同类，比较 ``.type``。
#
# 去一趟再回来
# ------------
# 在 CPU 上生成十个随机数，送到 ``device``，再取回来。每次只看前三个。

torch.manual_seed(0)
cpu = torch.device("cpu")

x = torch.rand(10)
print(x[:3])
x = x.to(device)
print(x[:3])
x = x.to(cpu)
print(x[:3])

# %%
# 搬动不改变数值。在 GPU 上，第二行末尾会多出 ``device='cuda:0'``；在 CPU 上不写设备。
# 随机数是先在 CPU 上生成再搬走的，所以两种机器上数值相同。换成 ``torch.rand(10, device=device)``，
# 同一个 :term:`随机种子` 在 GPU 上会给出另一串数。
#
# 副本还是本体
# ------------
# ``.to()`` 返回一个张量。它是 ``x`` 的副本，还是 ``x`` 自己？
#
# .. admonition:: 先猜一猜
#
#    把 ``y[0]`` 改成 9 之后，``x[0]`` 会变吗？``z[0]`` 呢？在 CPU 上和在 GPU 上答案一样吗？

y = x.to(device)
z = x.to(device, copy=True)
y[0] = 9.0
print(f"y is x: {y is x}")
print(f"x[0]={x[0]:.4f}  y[0]={y[0]:.4f}  z[0]={z[0]:.4f}")

# %%
# 如果 ``x`` 已经在目标设备上，``.to()`` 直接返回 ``x`` 自己，改 ``y`` 就是改 ``x``。
# 如果不在，``.to()`` 就复制一份，``x`` 不受影响。
# 同一段代码在两种机器上结果不同，这类错误很难发现。
# 打算原地修改时，写上 ``copy=True``，在哪里都得到独立的副本。
#
# 改一改：去掉 ``copy=True``。先猜 ``z[0]`` 在 CPU 上是多少，在 GPU 上又是多少，再运行。
#
# 张量要接住返回值，模块不用
# --------------------------
# ``meta`` 是每台机器都有的特殊设备：只记 :term:`形状` 和 :term:`数据类型`，不存数值，
# 正好拿来做实验。
# 下面把一个张量和一个模块都送过去，都不接返回值。

model = torch.nn.Linear(10, 2)
x.to("meta")
model.to("meta")
print(f"{x.device.type=}")
print(f"{model.weight.device.type=}")

# %%
# ``x`` 没有动：张量的 ``.to()`` 不改原来的张量，结果要用 ``x = x.to(...)`` 接住。
# 模块的 ``.to()`` 则就地更换自己的参数。
#
# 混用两台设备
# ------------
# 一次运算里的张量要在同一台设备上。没有加速器时，用 ``meta`` 充当第二台设备。

other = torch.device("meta") if device.type == "cpu" else device
a = torch.ones(3)
b = torch.ones(3, device=other)

try:
    c = a + b
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")

try:
    c = b.numpy()
except TypeError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")

# %%
# 第一条是最常见的设备错误。CPU 遇上 ``meta`` 时，它说某个张量不在预期的设备上；
# CPU 遇上 CUDA 时，开头是 ``Expected all tensors to be on the same device``。
# 第二条提醒你：NumPy 只读 CPU 的内存，先调用 ``.cpu()``。（``meta`` 没有数值，取不回来。）
#
# 改法是先把张量搬到一起。零维的 CPU 张量是例外，它可以直接和别的设备上的张量
# 做逐元素运算。

c = a.to(other) + b
print(f"moved:  same device = {c.device == b.device}")
c = torch.tensor(2.0) + b
print(f"scalar: same device = {c.device == b.device}")

# %%
# 小结
# ----
# - 规则：一次运算里的张量放在同一台设备上；张量的 ``.to()`` 要接住返回值。
# - API：``torch.accelerator.current_accelerator()``、``x.to(device)``、
#   ``x.device`` 和 ``x.cpu()``。
# - 下一页：:ref:`basics-norms`
#
# 与原笔记的差异：原笔记写死 ``torch.device("cuda")``，只装了 CPU 版 PyTorch 时会报
# ``AssertionError: Torch not compiled with CUDA enabled``；这里有加速器才用，并固定了随机种子。
