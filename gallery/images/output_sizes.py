# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _images-output-sizes:

卷积的输出大小
==============

卷积网络的最后常接一个 :term:`线性层`，它的输入数要写在代码里，而这个数由前面每一层的输出大小决定。
换一个卷积核，改一下 :term:`步幅` 或 :term:`填充`，后面的数就都变了。
不运行网络，怎样算出每一层的输出有多大？

你将学到：

- 用公式计算 :term:`卷积` 和 :term:`池化` 的输出大小
- 找出输入的边缘上没有窗口看见的行
- 检查一串层能接受的最小图像
"""

import textwrap
from itertools import product
from math import ceil

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

# %%
# 思路
# ----
# 输出有几行，等于窗口从上到下有几个位置可放。``nn.Conv2d`` 有四个参数与此有关：
#
# - ``kernel_size`` 是 :term:`卷积核` 的高和宽
# - ``stride`` 是步幅，窗口每次移动这么多格，默认是 1
# - ``padding`` 是填充，在图像的每一边补上这么多行或列的 0，默认是 0
# - ``dilation`` 是 :term:`扩张率`，卷积核相邻的两个权重相隔这么多格，默认是 1，也就是紧挨着
#
# 高和宽的算法相同，所以下面只看高。:ref:`meta 设备 <basics-devices>` 上的张量没有数值，但是输出的形状照样算得出来。
#
# .. predict::
#
#    图像有 8 行，卷积核是 3 × 3，步幅是 2，没有填充。输出有几行？
#
#    - 4 行，因为步幅 2 使大小减半
#    - 3 行，因为第四个窗口会伸出图像
#    - 报错，因为步幅 2 的窗口不能正好铺满 8 行

image = torch.empty(1, 1, 8, 8, device="meta")
conv = nn.Conv2d(1, 1, kernel_size=3, stride=2, device="meta")
print(f"{tuple(conv(image).shape)=}")

# %%
# .. answer:: B
#
#    窗口从第 0、2、4 行开始，共有 3 个。从第 6 行开始的窗口要用到第 8 行，而图像只到第 7 行，所以没有第四个窗口。
#    A 只除以步幅，忘了窗口本身占 3 行。C 也不对，铺不满时没有报错。
#
# 公式
# ----
# 设输入有 :math:`H` 行，卷积核的大小是 :math:`K`，步幅是 :math:`S`，填充是 :math:`P`，扩张率是 :math:`D`。
# 补上填充以后共有 :math:`H+2P` 行，一个窗口从头到尾占 :math:`D(K-1)+1` 行。
# 放好第一个窗口以后，剩下的行里每 :math:`S` 行再放一个，不够 :math:`S` 行就不放，所以要向下取整。
#
# .. math::
#
#    H_\text{out} = \left\lfloor \frac{H + 2P - D(K-1) - 1}{S} \right\rfloor + 1
#
# 下面的函数就是这个公式，``//`` 是向下取整的除法。


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    covered = dilation * (kernel - 1) + 1  # 一个窗口从头到尾占的行数
    return (size + 2 * padding - covered) // stride + 1


# %%
# 下图中，最上面一排方块是输入的行，下面每一排圆点是一个窗口用到的行。空心的方块是填充，橙色的方块没有窗口看见。

# hide-input: 画图
fig, axes = plt.subplots(2, 2, figsize=(7, 4.6), layout="constrained", sharex=True)
settings = [(3, 1, 0, 1), (3, 2, 0, 1), (3, 2, 1, 1), (3, 1, 0, 2)]
for ax, (kernel, stride, padding, dilation) in zip(axes.flat, settings, strict=True):
    seen = set()
    for window in range(output_size(8, kernel, stride, padding, dilation)):
        rows = [window * stride - padding + dilation * i for i in range(kernel)]
        ax.plot(rows, [window] * kernel, "o-", color="C0")
        seen.update(rows)
    for row in range(-padding, 8 + padding):
        color = "C0" if row in seen else "C1"
        fill = "full" if 0 <= row < 8 else "none"
        ax.plot(row, -1, "s", markersize=12, color=color, fillstyle=fill)
    title = f"K = {kernel}, S = {stride}, P = {padding}, D = {dilation}"
    ax.set(title=title, xticks=range(8), yticks=range(6), ylim=(5.6, -1.6))
fig.supxlabel("row of the input", fontsize=10)
fig.supylabel("row of the output", fontsize=10)
# alt: 四种设置，步幅 1 有 6 个窗口，步幅 2 有 3 个窗口且最后一行是橙色，步幅 2 加填充有 4 个窗口且只有下方的填充是橙色，扩张率 2 有 4 个窗口
plt.show()

# %%
# 许多种设置都与公式相同吗？下面逐个核对，并比较另外两种取整的办法。

agree, runs, uneven = {"floor": 0, "round": 0, "ceil": 0}, 0, 0
options = product((7, 8, 31), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2))
for size, kernel, stride, padding, dilation in options:
    remaining = size + 2 * padding - (dilation * (kernel - 1) + 1)
    if remaining < 0:
        continue  # 一个窗口也放不下
    conv = nn.Conv2d(1, 1, kernel, stride, padding, dilation, device="meta")
    actual = conv(torch.empty(1, 1, size, size, device="meta")).shape[2]
    exact = remaining / stride + 1
    floored = output_size(size, kernel, stride, padding, dilation)
    for name, number in zip(agree, (floored, round(exact), ceil(exact)), strict=True):
        agree[name] += number == actual
    runs, uneven = runs + 1, uneven + (remaining % stride > 0)
print(f"{runs} settings, {uneven} leave a remainder; right with {agree}")

# %%
# 只有向下取整每次都对。向上取整错了 72 次，与除不尽的设置一样多，因为整数怎样取整都不变。
#
# 常用的组合
# ----------
# 输入有 32 行时，各种设置的输出如下。

print("kernel stride padding dilation   formula Conv2d")
table = [(3, 1, 0, 1), (3, 1, 1, 1), (5, 1, 2, 1), (3, 1, 2, 2), (2, 2, 0, 1)]
table += [(3, 2, 0, 1), (3, 2, 1, 1), (7, 2, 3, 1)]
image = torch.empty(1, 1, 32, 32, device="meta")
for setting in table:
    actual = nn.Conv2d(1, 1, *setting, device="meta")(image).shape[2]
    columns = "".join(f"{number:>7}" for number in setting)
    print(f"{columns} {output_size(32, *setting):>10} {actual:>6}")

same = nn.Conv2d(1, 1, kernel_size=5, padding="same", dilation=2, device="meta")
print(f"\nsame: {same(image).shape[2]}, formula: {output_size(32, 5, 1, 4, 2)}")
try:
    nn.Conv2d(1, 1, 3, padding="same", stride=2, device="meta")
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 步幅是 1、卷积核是奇数时，填充取 :math:`D(K-1)/2`，大小就不变。表中第 2 到 4 行都是这样。
# 如果写 ``padding="same"``，PyTorch 自己算出这个填充，但是步幅必须是 1，否则报错。最后两行同样取 :math:`(K-1)/2`，32 正好减半。
#
# 没有窗口看见的行
# ----------------
# 除不尽时，剩下的行没有窗口看见。下面图像与卷积核一样宽，卷积核全是 1，所以输出之和对一个像素的 :term:`梯度`，就是看见它的窗口数。


def windows_per_row(size, kernel, stride):
    x = torch.zeros(1, 1, size, kernel, requires_grad=True)
    F.conv2d(x, torch.ones(1, 1, kernel, kernel), stride=stride).sum().backward()
    return x.grad[0, 0, :, 0].int().tolist()


for size, stride in ((8, 1), (8, 2), (8, 3), (9, 2)):
    outputs, windows = output_size(size, 3, stride), windows_per_row(size, 3, stride)
    print(f"{size} rows, stride {stride}: {outputs} outputs, windows {windows}")

# %%
# 有 8 行时，步幅 2 的窗口看不见最后一行，步幅 3 的窗口看不见最后两行，所以改变这些行，输出不变。
# 有 9 行时，9 减 3 等于 6，能被步幅 2 除尽，所以第四个窗口正好放下，每一行都有窗口看见。
#
# 池化
# ----
# :term:`最大池化` 取窗口里最大的数，:term:`平均池化` 取平均值，窗口的移动与卷积相同，所以公式也相同，但是步幅默认等于窗口的大小。

image = torch.empty(1, 1, 7, 7, device="meta")
pools = [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(3, stride=2, padding=1)]
print("actual formula")
for pool in [*pools, nn.MaxPool2d(2, ceil_mode=True)]:
    formula = output_size(7, pool.kernel_size, pool.stride, pool.padding)
    print(f"{pool(image).shape[2]:>6} {formula:>7}  {pool}")

# %%
# 前三行与公式相同。最后一行的 ``ceil_mode=True`` 改为向上取整，最后一个窗口可以伸出图像，所以多出一行。
#
# 一串层
# ------
# 前一层的输出大小就是后一层的输入大小。能影响一个输出的输入区域叫 :term:`感受野`，每一层使它增加 :math:`K-1` 乘以前面各层步幅的积。
# 下面有 28 张图，每张图有不同的一行是 1，其余是 0，卷积核全是 1。使中间的输出大于 0 的图有几张，感受野就有几行。

steps = [("conv", 3, 1, 1), ("pool", 2, 2, 0), ("conv", 3, 1, 0), ("pool", 2, 2, 0)]
x = torch.eye(28).view(28, 1, 28, 1).expand(28, 1, 28, 28)
size, field, jump = 28, 1, 1
print("layer   size formula   field formula")
for name, kernel, stride, padding in steps:
    if name == "conv":
        x = F.conv2d(x, torch.ones(1, 1, kernel, kernel), None, stride, padding)
    else:
        x = F.max_pool2d(x, kernel, stride, padding)
    size = output_size(size, kernel, stride, padding)
    field, jump = field + (kernel - 1) * jump, jump * stride
    seen = (x[:, 0, size // 2, size // 2] > 0).sum()
    print(f"{name:<6} {x.shape[2]:>5} {size:>7} {seen:>7} {field:>7}")

# %%
# 大小和感受野都与公式相同。最后的特征图是 6 × 6，如果有 16 个通道，后面的线性层就有 16 × 6 × 6 = 576 个输入。
#
# 常见错误：图像太小
# ------------------
# 下面的网络接受 32 × 32 的图像。换成 8 × 8 呢？


def attempt(model, size):
    try:
        image = torch.empty(1, 1, size, size, device="meta")
        print(f"{size} x {size}: {tuple(model(image).shape)}")
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


for padding in (0, 1):
    layers = [nn.Conv2d(1, 4, 3, padding=padding, device="meta"), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(4, 4, 3, padding=padding, device="meta") for _ in range(2)]
    print(f"padding={padding}")
    for size in (32, 8):
        attempt(nn.Sequential(*layers), size)

# %%
# 没有填充时，8 行依次变成 6、3、1 行，最后一个卷积核放不进 1 行的输入。
# 报错里的 ``padded input size`` 是加上填充以后的大小。改法是 ``padding=1``，或者少用几层。
# 要早点发现，就在训练之前用数据里最小的图像检查，像 ``attempt`` 这样在 ``meta`` 上运行一次，既不用数据，也不计算数值。
#
# .. change-it::
#
#    把 8 × 8 的图像交给 ``nn.Conv2d(1, 1, 5, dilation=2)``，报错里的 ``Kernel size`` 是 5 吗？交给 ``nn.MaxPool2d(9)`` 呢？

# hide-cell: 扩张率和池化
attempt(nn.Conv2d(1, 1, 5, dilation=2, device="meta"), 8)
attempt(nn.MaxPool2d(9), 8)

# %%
# .. outcome::
#
#    报错里是 9，因为扩张率是 2 的卷积核占 2 × 4 + 1 = 9 行。池化没有提到卷积核，只说算出的输出大小是 0。
#
# .. real-projects::
#
#    图像大小不一时，最后用 :term:`全局平均池化`，线性层的输入数就与图像的大小无关。
#    常见的网络让每个阶段的大小减半，例如 224、112、56、28、14、7，所以图像的大小最好能被总的步幅 32 除尽。
#    公式见 `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`__，图解见 `A guide to convolution arithmetic <https://arxiv.org/abs/1603.07285>`__。
#
# 小结
# ----
# - 规则：窗口占 :math:`D(K-1)+1` 行，加上填充以后剩下的行除以步幅，向下取整再加 1。
# - API：``torch.nn.Conv2d`` 的 ``stride``、``padding`` 和 ``dilation``、``torch.nn.MaxPool2d`` 和 ``torch.nn.AvgPool2d``。
# - 下一页：:ref:`images-first-cnn`
