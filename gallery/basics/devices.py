# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _basics-devices:

在设备间移动张量
================

独立显卡上的 GPU 有自己的内存，它的运算通常要用这块内存里的数据。
所以在 GPU 上训练之前要把数据送过去，画图之前又要把结果取回来。
同一段代码还要能在没有 GPU 的机器上运行。这样的代码怎样写？
写下 ``.to()`` 之后，得到的是一份副本，还是原来的张量？

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
# :term:`张量` 的数据存放在一台 :term:`设备` 的内存里，``x.device`` 说明是哪一台。
# 设备可以是 CPU，也可以是 GPU 这类 :term:`加速器`。
# 参加同一次运算的张量一般要在同一台设备上，``.to()`` 方法用来移动它们。
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
# 下面在 CPU 上生成十个随机数，把它们送到 ``device``，再取回 CPU。
# 每一步都打印前三个数和所在的设备。

torch.manual_seed(0)
cpu = torch.device("cpu")

x = torch.rand(10)
print(f"{x[:3]} on {x.device.type}")
x = x.to(device)
print(f"{x[:3]} on {x.device.type}")
x = x.to(cpu)
print(f"{x[:3]} on {x.device.type}")

# %%
# 三行的数值相同。如果中间一行的设备是 ``cuda``，数据就真的移动过两次，数值也没有因此改变。
# 如果三行的设备都是 ``cpu``，那么数据一直在 CPU 上，同样的代码也能运行。
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
#    ``.to()`` 既能改变设备，也能改变 :term:`数据类型`。``x`` 已经在 CPU 上，所以第一次调用返回 ``x`` 自己，B 不对。
#    ``z`` 虽然也在 CPU 上，但是它的类型不同，必须有自己的内存，所以改 ``z`` 不影响 ``x``，C 也不对。
#
# 设备和类型都已经符合要求时，``.to()`` 返回原来的张量。有一项不符合时，它返回副本。
# 假设随后要原地修改 ``x.to(device)`` 的结果。没有 GPU 时，修改会影响 CPU 上的 ``x``，有 GPU 时却不会，
# 于是同一段代码在两种机器上结果不同。要避免这种情况，就加上 ``copy=True``，它要求每次都复制。

y = x.to(device, copy=True)
y[0] = 7.0
print(f"y is x: {y is x}   x[0]={x[0]:.4f}  y[0]={y[0]:.4f}")

# %%
# 这一次 ``x[0]`` 仍然是 9，所以 ``y`` 在这台机器上也是副本。
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
# 训练循环里怎样移动
# ------------------
# 网络的层是 :term:`模块`，它也有 ``.to()`` 方法，这个方法移动模块自己的 :term:`参数`，不需要保存返回值。
# 张量的 ``.to()`` 不改变原来的张量，所以返回值必须保存。
# 训练时先移动一次网络，再在循环里移动每一个批次。下面用两个随机的批次代替真实的数据。

model = torch.nn.Linear(10, 2)
model.to(device)
batches = [torch.rand(4, 10), torch.rand(4, 10)]
for inputs in batches:
    inputs = inputs.to(device)
    outputs = model(inputs)
    print(f"{outputs.shape=}  same device: {outputs.device == inputs.device}")

# %%
# 设备不一致的报错
# ----------------
# 现在故意不移动输入。没有加速器时，用 ``meta`` 代替另一台设备。
# ``meta`` 设备每台机器都有，它只记录 :term:`形状` 和数据类型，不存放数值，
# 这里只用它来引起报错。

other = torch.device("meta") if device.type == "cpu" else device
model.to(other)
print(f"inputs: {x.device.type}   weight: {model.weight.device.type}")

try:
    model(x)
except RuntimeError as error:
    message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(textwrap.fill(message, 92))

# %%
# ``model.to(other)`` 的返回值没有保存，但是 :term:`权重` 已经移过去了。
# 输入 ``x`` 还在 CPU 上，所以报错。如果另一台设备是 NVIDIA GPU，报错的开头是
# ``Expected all tensors to be on the same device``。改法是写 ``model(x.to(other))``。
#
# 另一种报错出现在取回结果的时候，因为 NumPy 只能使用 CPU 内存里的数据。

moved = x.to(other)
print(f"x: {x.device.type}   moved: {moved.device.type}")
print(f"{model(moved).shape=}")

try:
    moved.numpy()
except TypeError as error:
    message = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    print(textwrap.fill(message, 92))

# %%
# 第一行说明 ``x`` 仍在 CPU 上，移过去的是返回值 ``moved``。用 ``moved`` 作输入，``model`` 就能算出结果。
# 报错建议先用 ``cpu()`` 取回数据。对于 GPU 上的张量，改法就是写 ``moved.cpu().numpy()``。
# ``meta`` 上的张量没有数值，所以不能这样取回来。
#
# .. real-projects::
#
#    循环里一般同时移动输入和标签，写成 ``x, y = x.to(device), y.to(device)``。
#    GPU 上的运算是异步的，函数往往在算完之前就返回，所以计时前要等它算完，写法是
#    ``if torch.accelerator.is_available(): torch.accelerator.synchronize()``。
#    参考 `torch.accelerator <https://docs.pytorch.org/docs/stable/accelerator.html>`__
#    和 `GPU 上的运算怎样执行 <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__，
#    更多的设备报错见 :ref:`pitfalls-device-mismatch`。
#
# 小结
# ----
# - 规则：``.to()`` 只在设备或类型需要改变时复制，要原地修改结果就加 ``copy=True``。
# - API：``torch.accelerator.current_accelerator``、``Tensor.to``、``Tensor.device``、``Tensor.cpu`` 和 ``nn.Module.to``。
# - 下一页：:ref:`basics-norms`
