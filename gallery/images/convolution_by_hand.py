# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5", "pillow>=10"]
# ///
"""
.. _images-convolution-by-hand:

手写卷积
========

修图软件能把照片变模糊，也能描出照片里的边缘，两种效果都只用几个数，扫过整张照片。
:term:`卷积神经网络` 的层 ``nn.Conv2d`` 也这样处理图像，只是那几个数由训练得到。
怎样用几个数扫过一张图，自己的代码又怎样算出与 ``nn.Conv2d`` 相同的结果？

你将学到：

- 手算 :term:`卷积层` 的一个输出
- 用 ``unfold`` 和一次矩阵乘法写出 ``nn.Conv2d``
- 判断图像的 :term:`通道` 是不是在轴 1 上
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_sample_image
from torch import nn
from torch.nn import functional as F

# %%
# 思路
# ----
# :term:`卷积核` 是一小块 :term:`权重`，例如 3 × 3 个数。把它盖在图像上，盖住的区域叫窗口。
# 窗口里的数与卷积核对应位置的数相乘，再全部相加，就得到一个输出。
# 窗口每次移动一格，从左到右，从上到下，每到一处就算出一个输出，这种运算叫 :term:`卷积`。

image = torch.tensor([[1.0, 1, 1, 5, 5]] * 2 + [[1, 1, 5, 5, 5]] * 3)
kernel = torch.tensor([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]])


def convolve(image, kernel):  # (H, W), (K, K) -> (H - K + 1, W - K + 1)
    size = len(kernel)
    output = torch.zeros(len(image) - size + 1, image.shape[1] - size + 1)
    for row in range(output.shape[0]):
        for column in range(output.shape[1]):
            window = image[row : row + size, column : column + size]
            output[row, column] = (window * kernel).sum()
    return output


output = convolve(image, kernel)
print(output)

# %%

# hide-input: 画图
options = {"figsize": (6.5, 2.7), "layout": "constrained", "width_ratios": [5, 3, 3]}
fig, axes = plt.subplots(1, 3, **options)
panels = [("image", image, 1, 3), ("kernel", kernel, 0, 3), ("output", output, 1, 1)]
for ax, (title, values, left, size) in zip(axes, panels, strict=True):
    ax.imshow(values.numpy(), cmap="Blues", alpha=0.6, vmin=-2, vmax=14)
    for i, number in enumerate(values.flatten().tolist()):
        row, column = divmod(i, len(values))
        ax.text(column, row, f"{number:.0f}", ha="center", va="center")
    frame = {"fill": False, "edgecolor": "C1", "linewidth": 3, "clip_on": False}
    ax.add_patch(plt.Rectangle((left - 0.5, -0.5), size, size, **frame))
    ax.set(title=title, xticks=[], yticks=[])
# alt: 左边是 5 × 5 的图像，橙框圈出第 0 到 2 行、第 1 到 3 列；中间是 3 × 3 的卷积核；右边是 3 × 3 的输出，橙框圈出第 0 行第 1 列的 12
plt.show()

# %%
# 橙框里的窗口得到 12。它的右列是三个 5，左列是三个 1，卷积核用右列减左列，所以是 15 − 3 = 12。
# 右边比左边亮得多的地方，这个卷积核的输出就大。图像的高和宽是 5，输出的却是 3，因为横向和纵向都只有三个位置放得下窗口。
#
# .. predict::
#
#    另有一张 5 × 5 的图像，只有正中间的像素是 1，其余都是 0。卷积核从左上到右下是 1 到 9。
#    九个窗口都盖得住中间的像素，输出是什么？
#
#    - 1 到 9，因为输出就是卷积核的样子
#    - 中间是 5，其余是 0，因为只有一个窗口的中心对准了那个像素
#    - 9 到 1，因为第一个窗口用右下角盖住了那个像素

dot = torch.zeros(5, 5)
dot[2, 2] = 1
counting = torch.arange(1.0, 10).view(3, 3)
print(convolve(dot, counting))

# %%
# .. answer:: C
#
#    左上角的窗口用右下角盖住中间的像素，那里的权重是 9，所以第一个输出是 9。
#    A 把次序弄反了，第一个输出不是 1。B 认为其余的窗口得到 0，但是九个输出都不是 0。
#
# .. change-it::
#
#    把 ``counting`` 换成 ``counting.flip(0, 1)``，也就是把卷积核上下、左右都翻转。输出是什么？

# hide-cell: 翻转卷积核
print(convolve(dot, counting.flip(0, 1)))

# %%
# .. outcome::
#
#    翻转以后，输出才是 1 到 9。数学里的卷积先翻转卷积核，所以会把一个点变成卷积核的样子。
#
# 与 nn.Conv2d 比较
# -----------------
# 彩色图像有 3 个通道，所以一个卷积核也有 3 层，三层的乘积全部相加，再加上 :term:`偏置`。一个卷积核得到一张 :term:`特征图`。
# ``nn.Conv2d(3, 4, kernel_size=3)`` 依次写出输入的通道数、输出的通道数和卷积核的大小，所以它有 4 个卷积核。
# 照片随 scikit-learn 安装，由 `danielbuechele <https://www.flickr.com/photos/danielbuechele/6061409035/>`__ 拍摄，许可是 `CC BY 2.0 <https://creativecommons.org/licenses/by/2.0/>`__。
# 这里取其中一块，高和宽都每三个像素取一个，数值除以 255，成为 0 到 1 的亮度。

pixels = torch.tensor(load_sample_image("china.jpg"))[140:320:3, 90:372:3] / 255
photo = pixels.permute(2, 0, 1).unsqueeze(0)  # (H, W, C) -> (B, C, H, W)
patch = photo[:, :, :10, :12]
torch.manual_seed(0)
conv = nn.Conv2d(3, 4, kernel_size=3)
weight, bias = conv.weight.detach(), conv.bias.detach()
print(f"patch {[*patch.shape]}, weight {[*weight.shape]}, bias {[*bias.shape]}")

expected = conv(patch).detach()  # (1, 3, 10, 12) -> (1, 4, 8, 10)
looped = torch.zeros(1, 4, 8, 10)
for row in range(8):
    for column in range(10):
        window = patch[0, :, row : row + 3, column : column + 3]  # (3, 3, 3)
        products = window * weight  # (4, 3, 3, 3)
        looped[0, :, row, column] = products.sum(dim=(1, 2, 3)) + bias
torch.testing.assert_close(looped, expected)
print(f"two loops: largest difference {(looped - expected).abs().max():.6f}")

# %%
# 权重的形状是 ``[4, 3, 3, 3]``，四个数依次是输出通道数、输入通道数、卷积核的高和宽。两个循环没有翻转卷积核，结果与 ``nn.Conv2d`` 在六位小数内相同，可见 ``nn.Conv2d`` 也不翻转。
# 数学里的卷积要翻转，不翻转的运算叫互相关（cross-correlation），所以神经网络里的卷积其实是互相关。
#
# 循环一次只算一个位置。要一次算出所有的位置，就用 ``F.unfold`` 把每个窗口的 3 × 3 × 3 = 27 个数排成一列，80 个窗口有 80 列。
# 每个卷积核也排成 27 个数的一行，这样一次矩阵乘法就得到所有的输出。

columns, rows = F.unfold(patch, kernel_size=3), weight.flatten(1)
product = (rows @ columns + bias.view(4, 1)).view(1, 4, 8, 10)
print(f"rows {[*rows.shape]}, columns {[*columns.shape]}")
print(f"matrix product: largest difference {(product - expected).abs().max():.6f}")

# %%
# 卷积核看见什么
# --------------
# 下面手写三个卷积核，用在整张照片的灰度上。``blur`` 求九个数的平均值，``left-right`` 是前面的右列减左列，``top-bottom`` 是它的转置，
# 用下行减上行。``F.conv2d`` 做 ``nn.Conv2d`` 的运算，但权重是它的参数。表中先是权重之和，再是一块天空和一块楼阁上输出的平均绝对值。

gray = photo.mean(dim=1, keepdim=True)  # (1, 1, 60, 94)
blur = torch.full((3, 3), 1 / 9)
kernels = {"blur": blur, "left-right": kernel, "top-bottom": kernel.T}
maps = F.conv2d(gray, torch.stack(list(kernels.values())).unsqueeze(1))
print("kernel        sum    sky  tower")
for (name, weights), response in zip(kernels.items(), maps[0].abs(), strict=True):
    sky, tower = response[:20, 80:].mean(), response[:40, :50].mean()
    print(f"{name:<12}{weights.sum():5.1f}{sky:7.2f}{tower:7.2f}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(2, 2, figsize=(6, 4), layout="constrained")
shown = [("gray photo", gray[0, 0]), *zip(kernels, maps[0], strict=True)]
for ax, (title, values) in zip(axes.flat, shown, strict=True):
    colors, low, high = ("RdBu", -2, 2) if "-" in title else ("gray", 0, 1)
    picture = ax.imshow(values.numpy(), cmap=colors, vmin=low, vmax=high)
    ax.set(title=title, xticks=[], yticks=[])
    fig.colorbar(picture, ax=ax, shrink=0.8)
# alt: 四幅图，灰度照片上有楼阁和天空，blur 稍模糊，left-right 描出立柱和楼阁的轮廓，top-bottom 描出一层层的屋檐
plt.show()

# %%
# 天空里相邻的像素几乎相等，所以后两个卷积核在那里的输出接近 0，在楼阁上的输出大得多。
# 图中 ``left-right`` 描出立柱，``top-bottom`` 描出屋檐。蓝色是正数，表示从左到右或从上到下变亮，红色则表示变暗。
#
# .. change-it::
#
#    把 ``left-right`` 中间一列的三个 0 换成三个 1，权重之和就从 0 变成 3。天空上的输出还接近 0 吗？

# hide-cell: 权重之和变成 3
changed = kernel + torch.tensor([0.0, 1, 0])
response = F.conv2d(gray, changed.view(1, 1, 3, 3))[0, 0].abs()
sky = gray[0, 0, :20, 80:].mean()
print(f"brightness of the sky {sky:.2f}, output {response[:20, 80:].mean():.2f}")

# %%
# .. outcome::
#
#    不接近 0 了，2.71 约是天空亮度 0.90 的三倍。窗口里的数几乎相等时，输出约等于这个数乘以权重之和。所以描边的卷积核，权重之和要是 0。
#
# 参数共享
# --------
# 所有的窗口用同一组权重，这叫 :term:`参数共享`。下面比较卷积层与输入、输出同样大的 :term:`线性层`。

print("image size   Conv2d      Linear")
for size in (8, 16, 32):
    linear = nn.Linear(3 * size**2, 4 * (size - 2) ** 2)
    counts = [sum(p.numel() for p in layer.parameters()) for layer in (conv, linear)]
    print(f"{size:>4} x {size:<2} {counts[0]:>10} {counts[1]:>11}")

units = torch.eye(25).view(25, 1, 5, 5)  # 每张图只有一个像素是 1
matrix = F.conv2d(units, counting.view(1, 1, 3, 3)).flatten(1).T  # (9, 25)
same = torch.equal(matrix @ image.flatten(), convolve(image, counting).flatten())
nonzero = matrix[matrix != 0]
print(f"\nmatrix {[*matrix.shape]}, same output: {same}")
print(f"not 0: {len(nonzero)} of {matrix.numel()}, different: {len(nonzero.unique())}")

# %%
# 卷积层总有 4 × 27 + 4 = 112 个参数，与图像的大小无关，线性层的参数却随图像迅速增多。
# 卷积也能写成线性层的矩阵。上面的 ``matrix`` 作用于 ``image``，结果与 1 到 9 的卷积核相同。
# 它的 225 个数里只有 81 个不是 0，因为一个输出只看一个窗口。这 81 个数只有 9 个不同的值，因为权重是共享的。
#
# 常见错误：通道在最后
# --------------------
# 图像库给出的 ``pixels`` 是 ``(H, W, C)``，通道在最后。下面只补上轴 0，没有用 ``permute`` 移动通道。

wrong = pixels.unsqueeze(0)  # (B, H, W, C)
try:
    conv(wrong)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}".replace(", expected", ",\n  expected"))

# 通道数取自数据，于是不报错
silent = nn.Conv2d(wrong.shape[1], 4, kernel_size=3, padding=1)
print(f"\nweight {[*silent.weight.shape]}, output {[*silent(wrong).shape]}")
for row in (10, 50):
    changed = wrong.clone()
    changed[0, row, 70] = 0
    places = (silent(changed) - silent(wrong))[0].abs().sum(dim=0).nonzero()[:, 0]
    print(f"pixel in row {row} changes output rows {places.min()} to {places.max()}")
print(f"check: photo {photo.shape[1] == 3}, wrong {wrong.shape[1] == 3}")

# %%
# 报错说，轴 1 应当有 3 个通道，实际是 60，也就是图像的高，所以改法是 ``permute``。``groups=1`` 是默认值，与此无关。
#
# 如果通道数写成 ``wrong.shape[1]``，就不报错了，但是 60 行像素成了 60 个通道。
# 改变第 70 列的一个像素，无论它在第 10 行还是第 50 行，变化的都是输出的第 69 到 71 行，
# 因为卷积核在宽和颜色两个轴上滑动，不在高上滑动。所以通道数要直接写成数字 3。
# 在数据进入网络之前，还可以检查 ``x.shape[1] == 3``，正确的 ``photo`` 通过检查，``wrong`` 不通过。
#
# .. real-projects::
#
#    ``nn.Conv2d`` 在 CPU 和 GPU 上由专门的库计算，一般不存下 ``unfold`` 的矩阵，因为每个像素会在那里重复最多九次。
#    参数 ``groups`` 把通道分成互不相关的组。通道数写错时，:ref:`形状报错 <pitfalls-shape-mismatch>` 的读法相同。
#    参考 `torch.nn.Conv2d <https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html>`__
#    和 `CS231n: Convolutional Networks <https://cs231n.github.io/convolutional-networks/>`__。
#
# 小结
# ----
# - 规则：一个输出是一个窗口与卷积核逐项相乘的和，再加偏置，不翻转卷积核。所有窗口用同一组权重，通道在轴 1 上。
# - API：``torch.nn.Conv2d(in_channels, out_channels, kernel_size)``、``torch.nn.functional.conv2d`` 和 ``torch.nn.functional.unfold``。
# - 下一页：:ref:`images-output-sizes`
