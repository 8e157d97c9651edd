# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _basics-devices:

在设备间移动张量
================

独立显卡上的 GPU 有自己的内存，叫作显存，它的运算一般只能使用显存里的数据。
所以训练之前要把数据送过去，画图之前又要把结果取回来。
同一段代码还要能在没有 GPU 的机器上运行，这样的代码怎样写？
``.to()`` 给出的是一份副本，还是原来的张量？

你将学到：

- 选择设备，使同一段代码有没有 GPU 都能运行
- 判断 ``.to()`` 是否复制数据
- 读懂并修正设备不一致的报错
"""

import textwrap

import torch

# %%
# 张量在哪台设备上
# ----------------
# :term:`张量` 的数据存放在一台 :term:`设备` 的内存里，``x.device`` 说明是哪一台。
# 设备可以是 CPU，也可以是 GPU 这类 :term:`加速器`。
# 参加同一次运算的张量一般要在同一台设备上，CPU 上没有轴的张量是一个例外。移动张量用 ``.to()`` 方法，
# 它把数据复制到另一台设备上，返回那里的新张量，原来的张量不变。
#
# 下面的代码有加速器就用加速器，否则用 CPU。以后的代码只写 ``device``，不直接写 ``"cuda"``，
# 所以在两种机器上都能运行。

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)
print(f"device: {device.type}")

# %%
# 下面把 CPU 上的十个随机数送到 ``device``，再取回来，每一步都打印前三个数。

torch.manual_seed(0)
cpu = torch.device("cpu")

x = torch.rand(10)
print(f"{x[:3]} on {x.device.type}")
x = x.to(device)
print(f"{x[:3]} on {x.device.type}")
x = x.to(cpu)
print(f"{x[:3]} on {x.device.type}")

# %%
# 三行的数值相同。如果中间一行写着一种加速器，例如 ``cuda``，数据就移动过两次。
# 如果三行都写着 ``cpu``，数据就一直在 CPU 上。
#
# ``.to()`` 也能改变 :term:`数据类型`，例如 ``x.to(torch.float64)``。两台设备之间必须复制，同一台设备上还要复制吗？
#
# .. predict::
#
#    ``x`` 在 CPU 上，类型是 ``float32``，``x[0]`` 是 0.4963。令 ``y = x.to(cpu)``，
#    ``z = x.to(torch.float64)``，然后先把 ``y[0]`` 改成 9，再把 ``z[0]`` 改成 5。
#    最后 ``x[0]`` 是多少？
#
#    - 9，因为这里只有改变类型时才复制
#    - 0.4963，因为 ``.to()`` 每次都复制
#    - 5，因为同一台设备之内不会复制

y = x.to(cpu)
z = x.to(torch.float64)
y[0] = 9.0
z[0] = 5.0
print(f"y is x: {y is x}   z is x: {z is x}")
print(f"x[0]={x[0]:.4f}  y[0]={y[0]:.4f}  z[0]={z[0]:.4f}")

# %%
# .. answer:: A
#
#    ``x`` 已经在 CPU 上，所以第一次调用返回 ``x`` 自己，``y`` 和 ``x`` 是同一个张量，B 不对。
#    ``z`` 虽然也在 CPU 上，但是它的类型不同，必须有自己的内存，所以改 ``z`` 不影响 ``x``，C 也不对。
#
# 设备和类型都已经符合要求时，``.to()`` 返回原来的张量。有一项不符合时，它返回副本。
#
# .. change-it::
#
#    ``x.cpu()``、``x.float()`` 和 ``x.double()`` 是 ``.to()`` 的简写，目标依次是 CPU、``float32`` 和
#    ``float64``。把 ``y = x.to(cpu)`` 换成这三种写法，哪几种返回 ``x`` 自己？

# hide-cell: 三种简写
print(f"x.cpu() is x:    {x.cpu() is x}")
print(f"x.float() is x:  {x.float() is x}")
print(f"x.double() is x: {x.double() is x}")

# %%
# .. outcome::
#
#    前两种返回 ``x`` 自己，因为 ``x`` 的设备和类型都已经符合要求。``double()`` 要改变类型，所以返回副本。
#
# 如果原地修改 ``x.to(device)`` 的结果，没有 GPU 时 ``x`` 也会变，有 GPU 时却不会。
# 加上 ``copy=True``，每次都会复制，``x`` 在两种机器上就都不变。

y = x.to(device, copy=True)
y[0] = 7.0
print(f"y is x: {y is x}   x[0]={x[0]:.4f}  y[0]={y[0]:.4f}")

# %%
# 这一次 ``x[0]`` 仍然是 9，因为 ``y`` 是副本。
#
# 训练循环里怎样移动
# ------------------
# 网络的层是 :term:`模块`，模块的 ``.to()`` 直接移动它和它里面各个模块的 :term:`参数`，不需要保存返回值。
# 张量的 ``.to()`` 不改变原来的张量，所以返回值必须保存。
# 训练时网络只移动一次，每个批次在循环里移动。新的张量可以用 ``device=`` 直接创建在设备上。

model = torch.nn.Linear(10, 2)
model.to(device)
batches = [torch.rand(4, 10), torch.rand(4, 10)]  # 代替真实的数据
for inputs in batches:
    inputs = inputs.to(device)
    outputs = model(inputs)
    targets = torch.zeros(4, 2, device=device)
    differences = outputs - targets
    print(f"{differences.shape=} on {differences.device.type}")

# %%
# 网络、输入和 ``targets`` 都在 ``device`` 上，所以没有报错，结果也在这台设备上。
#
# 设备不一致的报错
# ----------------
# 现在移动网络和输入，但是两个返回值都不保存。没有加速器时，用 ``meta`` 代替另一台设备。
# 每台机器都有 ``meta``，它只记录 :term:`形状` 和数据类型，不存放数值，但是这里的线性层照样检查设备（不是每种运算都检查）。

other = torch.device("meta") if device.type == "cpu" else device
remote = torch.nn.Linear(10, 2)
remote.to(other)
x.to(other)  # 没有保存返回值
print(f"x: {x.device.type}   weight: {remote.weight.device.type}")

try:
    remote(x)
except RuntimeError as error:
    message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(textwrap.fill(message, 92))

# %%
# :term:`权重` 已经移过去了，输入 ``x`` 却还在 CPU 上，所以报错。
# 在 ``meta`` 的报错里，``expected device cpu`` 是输入的设备，``device meta`` 是权重的设备。
# 网络已经移动过，所以要改的是输入，也就是保存 ``x.to(other)`` 的返回值。
# 在 NVIDIA GPU 上，报错的开头是 ``Expected all tensors to be on the same device``，改法相同。

moved = x.to(other)
outputs = remote(moved)
print(f"x: {x.device.type}   moved: {moved.device.type}   {outputs.shape=}")

# %%
# 用返回值 ``moved`` 作输入就不再报错，``x`` 仍在 CPU 上。``meta`` 上的输出也只有形状，没有数值。
#
# 取回结果时会遇到另一种报错，因为 NumPy 只能使用 CPU 内存里的数据。

try:
    outputs.numpy()
except TypeError as error:
    message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(textwrap.fill(message, 92))

# %%
# 报错建议先用 ``cpu()`` 把数据复制到 CPU 的内存（host memory）里。``meta`` 上没有数值，
# 所以下面取回 ``device`` 上的输出。

outputs = model(x.to(device))
try:
    outputs.cpu().numpy()
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))
print(f"{outputs.detach().cpu().numpy().shape=}")

# %%
# 网络的输出还带着求导的记录，所以先用 ``detach()`` :term:`分离`，再取回。
#
# .. real-projects::
#
#    循环里既要移动输入，也要移动标签，写成 ``x, y = x.to(device), y.to(device)``。
#    参考 `torch.accelerator <https://docs.pytorch.org/docs/stable/accelerator.html>`__
#    和 `CUDA 的用法 <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__，
#    更多的报错见 :ref:`pitfalls-device-mismatch`。
#
# 小结
# ----
# - 规则：设备选一次，网络移动一次，每个批次在循环里移动，并保存张量的 ``.to()`` 返回的结果。
#   要原地修改结果、又要保留原来的张量，才加 ``copy=True``。
# - API：``torch.accelerator.current_accelerator``、``Tensor.to`` 和它的 ``copy=True``、``device=``、``Tensor.device``、``Tensor.cpu``、
#   ``Tensor.detach`` 和 ``nn.Module.to``。
# - 下一页：:ref:`basics-norms`
