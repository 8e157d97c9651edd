# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-device-mismatch:

设备不一致
==========

模型已经移动到 GPU 上，程序跑到一半却报错，说有几个 :term:`张量` 不在同一台 :term:`设备` 上。
报错指向的，是这些张量一起参加运算的那一行。
留在原处的张量可能是在别处造出来的。怎样找到它，又怎样让它跟着模型走？

你将学到：

- 读懂 ``meta`` 和 CUDA 上几种写法的设备报错
- 判断 ``model.to(device)`` 会移动模块里的哪些张量
- 找出并修正没有跟着移动的张量
"""

import textwrap

import torch
from torch import nn

# %%
# 症状
# ----
# 有 :term:`加速器` 时，这一页用它作第二台设备。没有加速器时用 ``meta`` 代替（见 :ref:`basics-devices`）。
# ``meta`` 上的张量只有 :term:`形状` 和 :term:`数据类型`，没有数值，
# 但是下面的运算照样检查设备。卷积、矩阵乘法 ``@`` 等运算却不检查，所以 ``meta`` 上不报错，不等于设备都一致。
#
# 模型在第二台设备 ``other`` 上，下面逐个试四种常见的情形。

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
images.to(other)
attempt("result of .to() not kept", lambda: model(images))
moved = images.to(other)
logits = model(moved)
attempt("labels not moved", lambda: loss_fn(logits, labels))
attempt("0-dimensional on the CPU", lambda: moved * torch.tensor(2.0))
attempt("result not moved back", lambda: logits.detach().numpy())

# %%
# 前两条报错的原因相同，一次运算里的张量在两台设备上。张量的 ``.to()`` 不改变原来的张量，所以 ``images`` 仍在 CPU 上。
# 没有轴的张量是例外，它留在 CPU 上也能参加 :term:`逐元素运算`。
# 最后一条是结果没有移回 CPU。NumPy 只能读 CPU 的内存，所以结果在 GPU 上时，要先写 ``.cpu()``，再写 ``.numpy()``。
#
# 在不能用 CUDA 的机器上，写死的 ``"cuda"`` 也会报错：

cuda = torch.device("cuda")
print(f"{cuda=}")
attempt("hard-coded device", lambda: images.to(cuda))

# %%
# 选设备的那一行没有报错，因为 ``torch.device("cuda")`` 只是一个名字。移动张量的那一行才检查这台设备能不能用。
# CPU 版的 PyTorch 不能用 CUDA，所以报错。带 CUDA 的版本没有 GPU 时，也在这一行报错，只是写法不同。
# 改法是像 ``device`` 那样先问有没有加速器。
#
# 报错里的线索
# ------------
# ``meta`` 的报错不说是哪一个张量，而且它说的 ``expected`` 不一定是你想要的那台设备。
# 上面忘了移动的是 CPU 上的张量，报错却说 ``meta`` 不对。CUDA 的报错最常见的有三种开头。
#
# - 逐元素运算：``Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!``
# - 线性层、交叉熵等：``Expected all tensors to be on the same device, but got mat1 is on cpu, different from other tensors on cuda:0``
# - 卷积层：``Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same``
#
# 第二种说出了与前面的张量不同的那个参数，但是它不一定是忘了移动的那一个。
# :term:`线性层` 的 ``mat1`` 是输入，``mat2`` 是转置后的 :term:`权重`，
# 交叉熵的 ``target`` 是标签。旧版本用第一种写法，后面的括号里有参数名。第三种里，没有 ``cuda`` 的在 CPU 上。
#
# 模块里的三种张量
# ----------------
# 下面的层先把像素减去 ``shift``，再乘上 ``scale``，最后交给线性层。
# ``shift`` 登记为 :term:`缓冲区`，``scale`` 是普通的属性，两者都不训练。``linear.weight`` 是 :term:`参数`。


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.register_buffer("shift", torch.full((64,), 0.5))
        self.scale = torch.linspace(0.5, 1.5, 64)

    def forward(self, x):
        return self.linear((x - self.shift) * self.scale)


# %%
# .. predict::
#
#    调用 ``model.to(other)`` 以后，这三个张量里哪些在 ``other`` 上？
#
#    - 三个都在，因为 ``.to()`` 移动整个模块
#    - 只有 ``linear.weight``，因为 ``.to()`` 只移动要训练的张量
#    - ``linear.weight`` 和 ``shift``，因为 ``.to()`` 只移动登记过的张量

model = Scaled().to(other)
print(f"linear.weight on {model.linear.weight.device.type}")
print(f"shift on {model.shift.device.type}")
print(f"scale on {model.scale.device.type}")
attempt("images on the other device", lambda: model(images.to(other)))

# %%
# .. answer:: C
#
#    权重和缓冲区都移动了，普通属性 ``scale`` 还在 CPU 上，所以输入移动以后仍然报错。
#    A 不成立，因为 ``scale`` 没有移动。B 不成立，因为 ``shift`` 不训练，却也移动了。
#
# 怎样改
# ------
# 把 ``scale`` 也登记为缓冲区，别处不改。


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.register_buffer("shift", torch.full((64,), 0.5))
        self.register_buffer("scale", torch.linspace(0.5, 1.5, 64))

    def forward(self, x):
        return self.linear((x - self.shift) * self.scale)


fixed = Fixed().to(other)
print(f"scale on {fixed.scale.device.type}")
attempt("images on the other device", lambda: fixed(images.to(other)))
print(f"names in state_dict: {list(fixed.state_dict())}")
fixed.register_buffer("scale", fixed.scale, persistent=False)
print(f"not persistent:      {list(fixed.state_dict())}")

# %%
# 缓冲区也会存进 ``state_dict()``，它是从名字到张量的字典，保存模型时存的就是它。
# 登记时写上 ``persistent=False``，``scale`` 就不存进去。
# ``__init__`` 每次都会重新造出的常数适合这样登记，因为改正以前保存的权重里没有 ``scale``，这样仍能读入。
#
# .. change-it::
#
#    从 ``Scaled`` 里删去 ``self.scale``，改为每次在 ``forward`` 里写 ``scale = torch.linspace(0.5, 1.5, 64)``。
#    模型和输入都在 ``other`` 上时，还会报错吗？

# hide-cell: 在 forward 里造张量


class MadeInForward(Scaled):
    def __init__(self):
        super().__init__()
        del self.scale

    def forward(self, x):
        scale = torch.linspace(0.5, 1.5, 64)
        return self.linear((x - self.shift) * scale)


class FollowsInput(MadeInForward):
    def forward(self, x):
        scale = torch.linspace(0.5, 1.5, 64, device=x.device)
        return self.linear((x - self.shift) * scale)


for kind in (MadeInForward, FollowsInput):
    model = kind().to(other)
    attempt(kind.__name__, lambda model=model: model(images.to(other)))

# %%
# .. outcome::
#
#    ``MadeInForward`` 仍然报错，因为新造的张量默认在 CPU 上。第二个类写上 ``device=x.device``，新张量就与输入在同一台设备上。
#
# 下次怎样发现
# ------------
# 报错指向 ``forward`` 里的一行，而输入已经移动时，列出模块的普通属性里不在模型那台设备上的张量。
# ``named_modules()`` 给出模块和它的每个子模块，``vars(module)`` 给出一个模块的普通属性。


def left_behind(model, expected):
    """返回不在 expected 那种设备上的普通属性的名字。"""
    names = []
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor) and value.device.type != expected.type:
                names.append(f"{path}.{name}".removeprefix("."))
    return names


for name, layer in (("Scaled", Scaled()), ("Fixed", Fixed())):
    model = nn.Sequential(layer, nn.ReLU()).to(other)
    print(f"{name}: {left_behind(model, other)}")

# %%
# 第一行找到了子模块 0 的 ``scale``，``Fixed`` 里没有漏掉的张量。没有轴的张量也会列出来，虽然它不妨碍逐元素运算。
# 这个函数看不到普通列表和字典里的张量和层，见 :ref:`pitfalls-unregistered-parameters`，也看不到 ``forward`` 里新造的张量。
# 所以列表是空的而仍然报错时，就检查报错的那一行用到的张量和层，包括列表和字典里的、``forward`` 里新造的。
#
# .. real-projects::
#
#    训练循环里，每个批次只在开头移动一次，例如 ``images, labels = images.to(device), labels.to(device)``。
#    有几块 GPU 时，``cuda:0`` 与 ``cuda:1`` 也是两台不同的设备，而 ``left_behind`` 只比较种类。更多的写法见
#    `register_buffer <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__ 和
#    `CUDA 的说明 <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__。
#
# 小结
# ----
# - 规则：``model.to(device)`` 只移动参数和缓冲区，所以常数登记为缓冲区，新张量跟着输入的设备造。张量的 ``.to()`` 要保存返回值。
# - API：``nn.Module.to``、``nn.Module.register_buffer(name, tensor, persistent=True)``、``nn.Module.named_modules``。
# - 下一页：:ref:`pitfalls-nan-hunting`
