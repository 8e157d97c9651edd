# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-device-mismatch:

设备不一致
==========

模型已经搬到 GPU 上，程序跑到一半却报错，说有几个 :term:`张量` 不在同一台 :term:`设备` 上。
报错指向的，是不同设备上的张量第一次参与同一运算的那一行。
可是忘了搬的张量往往是在别处造出来的，那么怎样找到它？

你将学到：

- 读懂 CPU、``meta`` 和 CUDA 上各种写法的设备报错
- 判断 ``model.to(device)`` 会搬走模块里的哪些张量
- 修正没有跟着模块搬走的张量，并用一个函数找出它们
"""

import textwrap

import torch
from torch import nn

# %%
# 症状
# ----
# 有 :term:`加速器` 时，这一页用它作第二台设备。没有加速器时，这一页用 ``meta``，见 :ref:`basics-devices`。
# ``meta`` 上的张量只有 :term:`形状` 和 :term:`数据类型`，没有数值，可是设备的检查照样会做，报错也是真的。
#
# 下面的模型在第二台设备 ``other`` 上，输入和标签留在 CPU 上。

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)
other = torch.device("meta") if device.type == "cpu" else device

torch.manual_seed(0)
images = torch.rand(8, 64)
labels = torch.randint(10, (8,))
model = nn.Linear(64, 10).to(other)
loss_fn = nn.CrossEntropyLoss()


def attempt(title, action):
    """运行一段代码，报错时打印报错的全文。"""
    try:
        action()
        print(f"{title}: no error")
    except (AssertionError, RuntimeError, TypeError) as error:
        print(f"{title}:")
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


print(f"model on {model.weight.device.type}, images on {images.device.type}")
attempt("input not moved", lambda: model(images))
logits = model(images.to(other))
attempt("labels not moved", lambda: loss_fn(logits, labels))
attempt("result not moved back", lambda: logits.detach().numpy())

# %%
# 前两条报错的原因相同，一次运算里的张量在两台设备上。第三条是结果没有搬回 CPU。NumPy 只能读 CPU 的内存，所以要先写 ``.cpu()``，再写 ``.numpy()``。
#
# 另一条报错与忘了搬无关，它来自写死的 ``"cuda"``。

cuda = torch.device("cuda")
print(f"{cuda=}")
attempt("hard-coded device", lambda: images.to(cuda))

# %%
# 选设备的那一行没有报错，因为 ``torch.device("cuda")`` 只是一个名字，PyTorch 在真正搬张量时才检查。
# 上面的运行用的是 CPU 版的 PyTorch。改法是像 ``device`` 那样先问有没有加速器。
#
# 报错里的线索
# ------------
# ``meta`` 的报错不说是哪一个参数，而且它说的 ``expected`` 不一定是你想要的那台设备。
# 上面忘了搬的是 CPU 上的张量，报错却说 ``meta`` 不对。CUDA 的报错说得更清楚，新旧两种写法都能遇到。
#
# - 旧：``Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!``
# - 新：``Expected all tensors to be on the same device, but got mat1 is on cpu, different from other tensors on cuda:0``
#
# 新的写法直接说出了留在 CPU 上的是 ``mat1``。:term:`线性层` 里的 ``mat1`` 是输入，``mat2`` 是转置后的权重。
#
# 模块里的普通张量
# ----------------
# 输入和标签都搬了，报错却还在，这时要查模块里面。下面的层先给每个像素乘一个系数。系数不用训练，
# 于是有人把它写成普通的属性。``registered=True`` 则用 ``register_buffer`` 把它登记为 :term:`缓冲区`。


class Scaled(nn.Module):
    def __init__(self, registered):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        scale = torch.linspace(0.5, 1.5, 64)
        if registered:
            self.register_buffer("scale", scale)
        else:
            self.scale = scale

    def forward(self, x):
        return self.linear(x * self.scale)


# %%
# .. predict::
#
#    系数是普通属性。先调用 ``model.to(other)``，再把输入也搬到 ``other``，然后运行模型，会发生什么？
#
#    - 不报错，因为 ``model.to()`` 会搬走模块里的所有张量
#    - 不报错，因为不求梯度的张量可以留在 CPU 上
#    - 报错，因为系数还在 CPU 上

plain = Scaled(registered=False).to(other)
attempt("attribute", lambda: plain(images.to(other)))
for name, tensor in {
    "linear.weight": plain.linear.weight,
    "scale": plain.scale,
}.items():
    print(f"{name} on {tensor.device.type}")
registered = Scaled(registered=True).to(other)
attempt("buffer", lambda: registered(images.to(other)))

# %%
# .. answer:: C
#
#    线性层的权重搬走了，系数没有。A 不对，因为 ``.to()`` 只搬模块登记过的 :term:`参数` 和缓冲区，
#    不看普通属性。B 不对，因为设备的检查与求不求梯度无关，系数本来就不求梯度，照样报错。
#
# 所以改法是登记为缓冲区。缓冲区跟着模块一起搬，也会存进 ``state_dict()``。
# 不想存它时，写 ``register_buffer("scale", scale, persistent=False)``。
#
# 在 ``forward`` 里临时造的张量也默认在 CPU 上，例如 ``torch.zeros(64)``。
# 应当写成 ``torch.zeros(64, device=x.device)`` 或 ``x.new_zeros(64)``，让它跟着输入的设备。
#
# .. change-it::
#
#    改用登记过缓冲区的 ``registered``，这次忘了搬的是输入。报错会和 ``attribute`` 那一条一样吗？

# hide-cell: 输入不搬
attempt("input of the buffered model", lambda: registered(images))

# %%
# 下次怎样发现
# ------------
# 报错指向 ``forward`` 里的一行时，列出模块里不在 ``other`` 上的张量。
# ``named_parameters()`` 和 ``named_buffers()`` 给出登记过的张量和它们的名字，
# ``vars(module)`` 给出普通属性。


def stray(model, device):
    found = dict(model.named_parameters()) | dict(model.named_buffers())
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                found[f"{path}.{name}".removeprefix(".")] = value
    return [name for name, value in found.items() if value.device.type != device.type]


print(f"attribute: {stray(plain, other)}")
print(f"buffer:    {stray(registered, other)}")

# %%
# 列表和字典里的张量，这个函数看不到，见 :ref:`pitfalls-unregistered-parameters`。
#
# .. real-projects::
#
#    训练循环里，每个批次只在开头搬一次，例如 ``images, labels = images.to(device), labels.to(device)``。
#    有几块 GPU 时，``cuda:0`` 与 ``cuda:1`` 也是两台设备，报错相同。更多的写法见
#    `register_buffer <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__ 和
#    `CUDA 的说明 <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__。
#
# 小结
# ----
# - 规则：数据在循环开头搬一次，模块用的常数登记为缓冲区，新张量跟着输入的设备造。
# - API：``nn.Module.register_buffer``、``nn.Module.named_buffers``、``Tensor.new_zeros``。
# - 下一页：:ref:`pitfalls-nan-hunting`
