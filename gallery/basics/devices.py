# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _basics-devices:

在设备间移动张量
================

较大的网络通常在 GPU 上训练，但是 GPU 有自己的内存，读不到 CPU 内存里的数。
所以计算之前要把数据送到 GPU，画图之前又要把结果取回来。
你的代码还要能在没有 GPU 的机器上运行。这样的代码怎样写？
搬动以后得到的是副本，还是原来的张量？

你将学到：

- 选择设备，使同一段代码有没有 GPU 都能运行
- 判断 ``.to()`` 是否复制数据
- 修正设备不一致的报错
"""

import textwrap

import torch

# %%
# 张量在哪台设备上
# ----------------
# 每个 :term:`张量` 的数据都存放在一台 :term:`设备` 的内存里，``x.device`` 说明是哪一台。
# 设备可以是 CPU，也可以是 GPU 这类 :term:`加速器`。
# 运算在数据所在的设备上进行，所以参加同一次运算的张量要在同一台设备上。
#
# 下面的写法有加速器就用加速器，否则用 CPU。以后的代码只写 ``device``，不直接写 ``"cuda"``，
# 就能在两种机器上运行。

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)
print(f"device: {device.type}")

# %%
# 下面在 CPU 上生成十个随机数，用 ``.to()`` 把它们送到 ``device``，再取回 CPU。
# 每一步都打印前三个数。

torch.manual_seed(0)
cpu = torch.device("cpu")

x = torch.rand(10)
print(x[:3])
x = x.to(device)
print(x[:3])
x = x.to(cpu)
print(x[:3])

# %%
# 三行的数值相同，可见移动不改变数值。如果这一页在 NVIDIA GPU 上运行，
# 第二行的末尾还会写着 ``device='cuda:0'``，在 CPU 上则省略。
#
# 副本还是原来的张量
# ------------------
# ``x.to(target)`` 返回一个位于 ``target`` 上的张量，它只在需要的时候复制。
# ``x`` 在别的设备上时，数据必须复制过去。``x`` 已经在 ``target`` 上时，不需要复制，返回的就是 ``x``。
# 加上 ``copy=True``，则不论 ``x`` 在哪里都复制。
#
# .. predict::
#
#    ``x`` 在 CPU 上。令 ``y = x.to(cpu)``，``z = x.to(cpu, copy=True)``，再把 ``y[0]`` 改成 9。
#    ``x[0]`` 和 ``z[0]`` 会变吗？
#
#    - 都不变，因为 ``.to()`` 返回新的张量
#    - ``x[0]`` 变成 9，``z[0]`` 不变
#    - 都变成 9，因为三个张量在同一台设备上

y = x.to(cpu)
z = x.to(cpu, copy=True)
y[0] = 9.0
print(f"y is x: {y is x}   z is x: {z is x}")
print(f"x[0]={x[0]:.4f}  y[0]={y[0]:.4f}  z[0]={z[0]:.4f}")

# %%
# .. answer:: B
#
#    ``y`` 就是 ``x``，所以改 ``y`` 也改了 ``x``，A 不对。
#    ``z`` 与 ``x`` 在同一台设备上，但是它有自己的内存，所以 C 不对。
#
# 这个区别会造成隐蔽的错误。假设 ``x`` 在 CPU 上，写的是 ``y = x.to(device)``。
# 没有 GPU 时 ``y`` 就是 ``x``，有 GPU 时 ``y`` 是副本，同一段代码在两种机器上结果不同。
# 因此打算原地修改时，应当写上 ``copy=True``。
#
# .. change-it::
#
#    ``.to()`` 也能改变 :term:`数据类型`。令 ``y = x.to(torch.float64)``，再把 ``y[0]`` 改成 5，
#    ``x[0]`` 会变吗？

# hide-cell: 改变数据类型
y = x.to(torch.float64)
y[0] = 5.0
print(f"x[0]={x[0]:.4f}  y[0]={y[0]:.4f}")

# %%
# ``x[0]`` 没有变。虽然设备相同，但是类型不同，数据还是要复制。
#
# 张量和模块的 to 方法
# --------------------
# 网络的层是 :term:`模块`，它也有 ``.to()`` 方法，但是用法与张量不同。
# 下面把一个张量和一个线性层都送到 ``meta`` 设备，并且都不保存返回值。
# ``meta`` 是每台机器都有的特殊设备，它只记录 :term:`形状` 和数据类型，不存放数值，正好用来做实验。

model = torch.nn.Linear(10, 2)
x.to("meta")
model.to("meta")
print(f"{x.device.type=}")
print(f"{model.weight.device.type=}")

# %%
# ``x`` 还在 CPU 上，因为张量的 ``.to()`` 不改变原来的张量，要写 ``x = x.to(...)`` 保存返回值。
# ``model`` 的 :term:`权重` 已经在 ``meta`` 上，因为模块的 ``.to()`` 直接更换模块自己的 :term:`参数`。
#
# 设备不一致的报错
# ----------------
# 下面让 ``a`` 在 CPU 上，``b`` 在另一台设备上，看两种常见的报错。
# 没有加速器时，用 ``meta`` 代替另一台设备。

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
    message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(textwrap.fill(message, 92))

# %%
# 第一条报错说参加运算的张量不在同一台设备上。换成 CPU 与 NVIDIA GPU，这条报错的开头是
# ``Expected all tensors to be on the same device``。
# 第二条报错说 NumPy 不能使用别的设备上的数据，要先用 ``cpu()`` 取回来。
#
# 改法是先把张量移到同一台设备上。没有轴的 CPU 张量（:term:`标量`）是例外，
# 它可以直接与别的设备上的张量做 :term:`逐元素运算`。

c = a.to(other) + b
print(f"moved:  {c.device == b.device}")
c = torch.tensor(2.0) + b
print(f"scalar: {c.device == b.device}")

# %%
# .. real-projects::
#
#    训练时先用 ``model.to(device)`` 移动一次网络，再在循环里逐批移动数据。
#    GPU 上的运算是异步的，函数在算完之前就会返回，所以计时前要调用 ``torch.accelerator.synchronize()``。
#    参考 `torch.accelerator <https://docs.pytorch.org/docs/stable/accelerator.html>`__
#    和 `GPU 上的运算怎样执行 <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__。
#
# 小结
# ----
# - 规则：同一次运算的张量放在同一台设备上，张量的 ``.to()`` 要保存返回值。
# - API：``torch.accelerator.current_accelerator``、``Tensor.to``、``Tensor.device`` 和 ``Tensor.cpu``。
# - 下一页：:ref:`basics-norms`
