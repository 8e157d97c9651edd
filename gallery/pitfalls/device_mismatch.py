# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-device-mismatch:

设备不一致
==========

模型搬到了 GPU 上，还有一个 :term:`张量` 留在 CPU 上，程序运行到一半就报错。
报错说的是两台 :term:`设备` 碰面的那一行，忘了搬的张量往往在别处造出来。
没有 :term:`加速器` 时，这一页用 ``meta`` 充当第二台设备，报错照样是真的。

你将学到：

- 输入、标签、模块里的普通张量、送去 NumPy 的结果：忘了搬各报什么错
- 为什么 ``model.to(device)`` 搬不动模块里的普通张量，怎样改
- 用一个函数找出模块里没搬过去的张量
"""

import torch
from torch import nn

# %%
# 第二台设备
# ----------
# 模型放在 ``other`` 上，数据生成在 CPU 上。``meta`` 只记 :term:`形状`，不存数值，见 :ref:`basics-devices`。

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
print(f"model: {model.weight.device.type}, images: {images.device.type}")

# %%
# 忘了搬的三样
# ------------
# ``attempt`` 运行一段代码，出错就打印报错的第一句。


def attempt(name, action):
    try:
        action()
        print(f"{name}: ok")
    except (RuntimeError, TypeError) as error:
        first_line = str(error).splitlines()[0]
        print(f"{name}: {type(error).__name__}: {first_line.split('. ')[0]}")


logits = model(images.to(other))
attempt("input", lambda: model(images))
attempt("labels", lambda: loss_fn(logits, labels))
attempt("to NumPy", lambda: logits.detach().numpy())

# %%
# 前两条是同一种错误。CPU 遇上 ``meta`` 时，报错只说有一个张量不在预期的设备上，是哪一个并不可靠：
# 这里说的都是“meta 不在预期的 cpu 上”，而忘了搬的是 CPU 上的那个。
# CPU 遇上 CUDA 时，原文是 ``Expected all tensors to be on the same device``，后面还写着是哪两台设备。
# 第三条是结果忘了搬回来：先 ``.cpu()``，再 ``.numpy()``。
#
# 另有一条在选设备时就出现，那是装了 CPU 版的 PyTorch，却写死了 ``"cuda"``：
# ``AssertionError: Torch not compiled with CUDA enabled``。
#
# 模块里的普通张量
# ----------------
# 下面的层先给每个像素乘一个系数。系数不用训练，于是有人把它写成普通属性。


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
# .. admonition:: 先猜一猜
#
#    两种写法都调用 ``.to(other)``，输入也搬过去了。哪一种会报错，报的是输入、权重还是系数？

plain, registered = (Scaled(flag).to(other) for flag in (False, True))
attempt("attribute", lambda: plain(images.to(other)))
attempt("buffer", lambda: registered(images.to(other)))

# %%
# ``.to()`` 只搬模块登记过的东西：:term:`参数` 和 :term:`缓冲区`。普通属性它不知道，系数就留在 CPU 上。
# 改法是 ``register_buffer``：缓冲区跟着模块一起搬，也一起存进 ``state_dict()``
# （不想存，加 ``persistent=False``）。
#
# 在 ``forward`` 里临时造的张量，例如 ``torch.zeros(n)``，也会留在 CPU 上；
# 写成 ``torch.zeros(n, device=x.device)``，或者 ``x.new_zeros(n)``。
#
# 下次怎样发现
# ------------
# 报错指着 ``forward`` 里的某一行时，查一遍模块里每个张量的设备，列出不在 ``other`` 上的。


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
# ``vars(module)`` 里找到的，正是没登记的张量。装在列表和字典里的，它也看不见，
# 见 :ref:`pitfalls-unregistered-parameters`。
#
# 改一改：把 ``registered`` 的输入换成 ``images``，不搬。先猜报错和 ``input`` 那一条是否相同，再运行。
#
# 小结
# ----
# - 规则：数据在训练循环里搬一次，模块用的常数登记成缓冲区，新张量跟着输入的设备造。
# - API：``nn.Module.register_buffer``、``x.new_zeros``、``torch.zeros(n, device=x.device)``。
# - 下一页：:ref:`pitfalls-nan-hunting`
