# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-dtype-mismatch:

数据类型不匹配
==============

数据已经读进来，形状也对，网络却报错，说两个张量的 :term:`数据类型` 不同。
报错里写着 ``Double``、``Float`` 或 ``Long``，而代码里没有这些名字。
这些名字各指什么类型？应该改数据还是改网络？类型用错了，一定会报错吗？

你将学到：

- 读懂报错里的 ``Double``、``Float`` 和 ``Long``
- 判断一个运算会自动做 :term:`类型提升`，还是会报错
- 修正浮点、整数和布尔的类型错误，包括不报错的
"""

import textwrap

import torch
from sklearn.datasets import load_digits
from torch import nn


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


# %%
# float64 遇到 float32
# --------------------
# scikit-learn 的数据是 NumPy 数组。``torch.from_numpy`` 保留数组的类型，而网络的 :term:`参数` 默认是 ``float32``。
# 下面把数据交给 :term:`线性层`，再交给卷积层 ``nn.Conv2d``，它用一个小窗口扫过图像。

digits = load_digits()
X = torch.from_numpy(digits.data[:5])  # (5, 64)
torch.manual_seed(0)
layer = nn.Linear(64, 10)
convolution = nn.Conv2d(1, 2, kernel_size=3)
print(f"{X.dtype=}  {layer.weight.dtype=}")
show(lambda: layer(X))
show(lambda: convolution(X.view(5, 1, 8, 8)))
print(f"{layer(X.float()).dtype=}")

# %%
# 两条报错的原因相同，输入是 ``float64``，参数是 ``float32``。
# 第二条用的是 C++ 语言的类型名 ``double`` 和 ``float``。第一条用的是 PyTorch 自己的名字：
#
# - ``Float`` 是 ``float32``，``Double`` 是 ``float64``，``Half`` 是 ``float16``
# - ``Long`` 是 ``int64``，``Int`` 是 ``int32``，``Byte`` 是 ``uint8``
#
# 改哪一边都能运行，但是最好改输入，因为 ``float64`` 的每个参数占的字节数加倍。
# 读数据时就写 ``torch.tensor(digits.data, dtype=torch.float32)``，或者用 ``X.float()`` 转换。

layer64 = nn.Linear(64, 10, dtype=torch.float64)
print(f"{layer64(X).dtype=}")
print(
    f"bytes per weight: {layer.weight.element_size()}, {layer64.weight.element_size()}"
)
print(f"{(X + X.float()).dtype=}")

# %%
# 最后一行说明，``float64`` 与 ``float32`` 相加不报错，结果是 ``float64``。
# 加法这样的 :term:`逐元素运算` 会做类型提升，而 :term:`矩阵乘法` 和卷积不做，见 :ref:`basics-tensor-numpy`。
#
# 该用浮点数时用了整数
# --------------------
# 手写的数如果都不带小数点，得到的就是 ``int64``。从图像文件读来的像素常是 ``uint8``，也就是 0 到 255 的整数。

loss_fn = nn.CrossEntropyLoss()
show(lambda: nn.Linear(3, 2)(torch.tensor([[1, 2, 3]])))
show(lambda: torch.tensor([1, 2, 3], requires_grad=True))
show(lambda: torch.tensor([1, 2, 3]).add_(0.5))
show(lambda: convolution(torch.ones(5, 1, 8, 8, dtype=torch.uint8)))
logits, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([0])
show(lambda: loss_fn(target, logits))
print(f"loss {loss_fn(logits, target):.4f}")

# %%
# 前四条都要换成浮点数，手写的数写成 ``torch.tensor([1.0, 2.0, 3.0])``，像素用 ``.float()`` 转换。
# 第三条的 ``add_`` 与 ``x += 0.5`` 一样是 :term:`原地操作`。类型提升的结果是 ``float32``，存不回 ``int64`` 的张量，所以报错。
# 第四条里的 ``unsigned char`` 是 C++ 语言对 ``uint8`` 的叫法。第五条的原因是两个参数写反了，:term:`标签` 被当作 :term:`logits`。
# 报错里的 ``log_softmax`` 是 :term:`交叉熵` 中的一步，它的输入是 logits，所以 ``Long`` 说明 logits 是整数。
# 最后一行按正确的次序算出了损失。
#
# 该用整数时用了浮点数
# --------------------
# 编号必须是整数，例如类别的编号和 :term:`嵌入` 的输入。
# 层 ``nn.Embedding(10, 4)`` 保存 10 个长度为 4 的向量，按编号取出其中的几个。

show(lambda: loss_fn(logits, target.float()))
show(lambda: nn.Embedding(10, 4)(torch.tensor([1.0, 2.0])))

# %%
# 第一条的标签用 ``.long()`` 转换，标签的其他错误见 :ref:`pitfalls-class-targets`。
# 第二条里的 ``torch.FloatTensor`` 是 ``float32`` 的张量，而嵌入要的是 ``Long`` 或 ``Int``，所以改成 ``torch.tensor([1, 2])``。
#
# 布尔值没有平均值
# ----------------
# 比较两个张量得到 ``bool``，算 :term:`准确率` 时常常直接对它求平均。

predicted, labels = torch.tensor([3, 1, 4]), torch.tensor([3, 1, 5])
show(lambda: (predicted == labels).mean())
show(lambda: labels.mean())
print(f"accuracy {(predicted == labels).float().mean():.4f}")

# %%
# 方法 ``mean`` 的结果默认与输入同类型，但是 ``bool`` 和整数类型存不下平均值，所以报错说推断不出结果的类型。
# 先用 ``.float()`` 转换，也可以写 ``mean(dtype=torch.float32)``。
#
# 不报错的：uint8 相减
# --------------------
# .. predict::
#
#    两个 ``uint8`` 的数，10 减 20 得多少？
#
#    - −10，因为结果自动换成能放下负数的类型
#    - 0，因为 ``uint8`` 里最小的数是 0
#    - 246，因为超出范围的结果按 256 取余

a, b, c, d = torch.tensor([10, 20, 200, 100], dtype=torch.uint8)
print(f"10 - 20 = {a - b}, modulo 256: {(10 - 20) % 256}, {(a - b).dtype=}")
print(f"200 + 100 = {c + d}, modulo 256: {(200 + 100) % 256}")

# %%
# .. answer:: C
#
#    类型 ``uint8`` 只有 256 个值，200 加 100 也按 256 取余，得到 44。
#    A 不成立，因为两个数的类型相同，没有类型提升，打印的结果仍是 ``uint8``。
#    B 不成立，因为结果没有截断（clamp）到最近的边界，否则 200 加 100 会得到 255。
#
# 下面用两种类型算同一对图像的平均差。这些图像的像素是 0 到 16 的整数，先乘以 15，乘积仍在 ``uint8`` 的范围之内。

one, two = torch.from_numpy(digits.images[:2] * 15).to(torch.uint8)  # (8, 8)
difference = (one.float() - two.float()).abs().mean()
print(f"float32:               mean difference {difference:.1f}")
difference = (one - two).abs().float().mean()
print(f"uint8:                 mean difference {difference:.1f}")
print(f"{(one / 255).dtype=}  {(one - two).dtype=}")
difference = (one / 255 - two / 255).abs().mean() * 255
print(f"divide, then subtract: mean difference {difference:.1f}")
difference = ((one - two) / 255).abs().mean() * 255
print(f"subtract, then divide: mean difference {difference:.1f}")

# %%
# 用 ``float32`` 相减，平均差是 78.5。用 ``uint8`` 相减得到 63.5，既不报错，也不像是错的。
# 除法 ``one / 255`` 的结果是 ``float32``，所以先除后减是对的。先减后除时，相减那一步已经错了。
#
# .. change-it::
#
#    把 ``one.float() - two.float()`` 里的 ``.float()`` 换成 ``.to(torch.int8)`` 或 ``.to(torch.int16)``，它们都能放下负数。
#    再在同一行的 ``.mean()`` 之前加上 ``.float()``，因为整数张量不能直接求平均。哪一种得到 78.5？

# hide-cell: int8 和 int16
for dtype in (torch.int8, torch.int16):
    difference = (one.to(dtype) - two.to(dtype)).abs().float().mean()
    print(f"{dtype}: mean difference {difference:.1f}", end=", ")
    print(f"largest value {torch.iinfo(dtype).max}, pixel {one.max()} is", end=" ")
    print(one.max().to(dtype).item())

# %%
# .. outcome::
#
#    只有 ``int16`` 是对的。而 ``int8`` 最大只到 127，像素 225 在转换时已经变成了 −31。

# %%
# 怎样早点发现
# ------------
# 在数据进入网络之前检查一次类型。


def check(inputs, targets):
    """输入不是 float32，或标签不是 int64 时报错。"""
    assert inputs.dtype == torch.float32, f"inputs {inputs.dtype}"
    assert targets.dtype == torch.int64, f"targets {targets.dtype}"


targets = torch.from_numpy(digits.target[:5])
for inputs in (X, X.float()):
    try:
        check(inputs, targets)
        print(f"inputs {inputs.dtype}, targets {targets.dtype}: no error")
    except AssertionError as error:
        print(f"{type(error).__name__}: {error}")

# %%
# 没有转换的 ``X`` 没有通过检查，转换以后通过了。网络的输入是编号时，要把 ``check`` 里的 ``float32`` 换成 ``int64``。
#
# .. real-projects::
#
#    在 GPU 上训练时常用混合精度，``torch.autocast`` 会替矩阵乘法和卷积选 ``float16`` 或 ``bfloat16``，数据和参数仍写成 ``float32``。
#    接口见 `torch.Tensor.to <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html>`__，各类型的名字和提升规则见 `torch.dtype 的说明 <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__。

# %%
# 小结
# ----
# - 规则：数据一读进来就转好类型，输入用 ``float32``，类别编号用 ``int64``。
#   逐元素运算自动做类型提升，矩阵乘法和卷积则要求类型相同。
#   整数溢出不报错，所以先转换再相减。
# - API：``Tensor.dtype``、``Tensor.float()``、``torch.tensor(..., dtype=torch.float32)``。
# - 下一页：:ref:`pitfalls-class-targets`
