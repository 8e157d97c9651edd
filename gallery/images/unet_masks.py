# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "numpy>=2.0"]
# ///
"""
.. _images-unet-masks:

U-Net 与掩码
============

有时要问的不是图上有什么，而是每个像素属于什么，例如显微镜的图上哪些像素是细胞。
池化让网络看得更远，但是也让图变小，而答案要与原图一样大。变小时丢掉的位置，能不能找回来？

你将学到：

- 写出 ``TinyUNet``，给每个像素一个类别
- 用每一类的 :term:`交并比` 评估 :term:`掩码`
- 修正边长不是 4 的倍数时 ``torch.cat`` 的报错
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import drawn_shapes  # torchnotes 在本页的 zip 包里

# %%
# 思路
# ----
# 给每个像素一个类别，叫 :term:`语义分割`。``drawn_shapes`` 在噪声里画一个圆环和一个方块。掩码与图一样大，每个像素是 0（背景）、1（圆环）或 2（方块）。

generator = torch.Generator().manual_seed(0)
images, masks = drawn_shapes(160, size=24, noise=0.2, generator=generator)
validation = drawn_shapes(100, size=24, noise=0.2, generator=generator)
print(f"{images.shape=}  {masks.shape=}")

# %%
# 只看一个像素和它的邻居，常常分不出它在圆环上还是在方块的边上。把图缩小就能看得更远，但是缩小会丢掉位置。
# U-Net 的左边缩小图，右边恢复大小，中间有两条近路：
#
# .. code-block:: text
#
#    24  x > down1 > a ------- skip -----> up1 > output
#                     \                   /
#    12                down2 > b - skip > up2
#                               \        /
#     6                          bottom > c
#
# 左边是 :term:`编码器`，``F.max_pool2d`` 两次把高和宽减半。右边是 :term:`解码器`，``F.interpolate`` 两次把高和宽加倍，默认把每个数复制成 2 × 2 的一块。
# 两条 :term:`跳跃连接` 把左边的 :term:`特征图` ``a`` 和 ``b`` 送到右边，由 ``torch.cat`` 拼在 :term:`通道` 上。
# ``down1``、``down2``、``bottom``、``up2``、``up1`` 各是一次卷积、一次 :term:`批量归一化` 和一次 ReLU，``nn.BatchNorm2d`` 对每个通道归一化。
# ``output`` 是 1 × 1 的卷积，逐个像素把 8 个通道变成 3 个 :term:`logits`。


def conv_block(in_channels, out_channels):
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())


class TinyUNet(nn.Module):
    def __init__(self, in_channels=1, n_classes=3, *, width=8, skips=True):
        super().__init__()
        self.skips = skips
        self.down1 = conv_block(in_channels, width)
        self.down2 = conv_block(width, 2 * width)
        self.bottom = conv_block(2 * width, 4 * width)
        self.up2 = conv_block(4 * width + 2 * width, 2 * width)
        self.up1 = conv_block(2 * width + width, width)
        self.output = nn.Conv2d(width, n_classes, kernel_size=1)

    def join(self, c, skip):
        if not self.skips:
            skip = torch.zeros_like(skip)  # 对照：右边看到的是 0
        return torch.cat([F.interpolate(c, scale_factor=2), skip], dim=1)

    def forward(self, x):  # (B, C, H, W) -> (B, n_classes, H, W)
        a = self.down1(x)  # (B, width, H, W)
        b = self.down2(F.max_pool2d(a, 2))  # (B, 2 * width, H/2, W/2)
        c = self.bottom(F.max_pool2d(b, 2))  # (B, 4 * width, H/4, W/4)
        c = self.up2(self.join(c, b))  # (B, 2 * width, H/2, W/2)
        c = self.up1(self.join(c, a))  # (B, width, H, W)
        return self.output(c)


print("parameters:", sum(p.numel() for p in TinyUNet().parameters()))

# %%
# ``skips=False`` 是对照。它的层和参数都相同，只是右边看不到 ``a`` 和 ``b``，接收它们的权重乘的都是 0。
# 训练时，``nn.CrossEntropyLoss`` 接受 ``(B, 3, H, W)`` 的 logits 和 ``(B, H, W)`` 的标签，把每个像素当作一个样本。
#
# 评估用每一类的交并比（IoU），也就是预测的像素与真实的像素共有的个数，除以至少属于其中一方的像素个数，全对时是 1。
#
# .. predict::
#
#    两个网络从相同的权重开始，训练的步数相同。没有跳跃连接时，哪一类的交并比降得更多？
#
#    - 两类差不多，因为每个像素的 logits 由同一片像素算出，看得一样远
#    - 圆环，因为它只有两三个像素宽
#    - 方块，因为方块的内部离边远，要看得远才认得出


def train(model, optimizer, n_epochs=3):
    model.train()
    for _ in range(n_epochs):
        for rows in torch.randperm(len(images)).split(5):
            loss = loss_fn(model(images[rows]), masks[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@torch.no_grad()
def predict(model, x):
    model.eval()
    return model(x).argmax(dim=1)  # (B, H, W)


loss_fn = nn.CrossEntropyLoss()
models, optimizers = {True: [], False: []}, {}
for seed in range(5):
    for skips in (True, False):
        torch.manual_seed(seed)
        model = TinyUNet(skips=skips)
        optimizers[model] = torch.optim.Adam(model.parameters(), lr=0.005)
        train(model, optimizers[model])
        models[skips].append(model)

# %%
# “±”后面是五个种子的标准差。


def ious(predicted, masks):
    pairs = [(predicted == k, masks == k) for k in (1, 2)]
    return torch.stack([(p & t).sum() / (p | t).sum() for p, t in pairs])


def score(models, data=validation, predict=predict):
    return torch.stack([ious(predict(model, data[0]), data[1]) for model in models])


def show(name, scores):
    cells = (f"{x.mean():.2f} ± {x.std():.2f}" for x in scores.T)
    print(f"{name:<16}", *cells, sep="  ")


print(f"{'IoU':<16}  {'ring':<11}  square")
scores = {skips: score(models[skips]) for skips in (True, False)}
show("with skips", scores[True])
show("without skips", scores[False])
ring, square = (scores[True] - scores[False]).T
falls = [(d > 0).sum().item() for d in (ring, square, ring - square)]
print("falls in {} and {} of 5 seeds, the ring by more in {}".format(*falls))

# %%
# .. answer:: B
#
#    用这个学习率训练三轮以后，两类的交并比在五个种子上都降低，而且每次都是圆环降得更多，所以 A 和 C 不成立。A 的前提是对的，两个网络看得一样远。但是看得到，不等于保住了位置。没有跳跃连接时，一切都要先经过 6 × 6 的图，位置要从它的 32 个通道里重新算出。
#
# 下面分别算出各种像素预测错的比例。以一个像素为中心的 3 × 3 窗口里不止一类时，它在边界上，也就是窗口里的最大值和最小值不同。把类别取负以后再做最大池化，得到的是最小值。

x, mask = validation
levels = mask.float().unsqueeze(1)
highest, lowest = (s * F.max_pool2d(s * levels, 3, 1, padding=1) for s in (1, -1))
border = (highest != lowest).squeeze(1)
regions = {"all": mask >= 0}
for k, name in enumerate(("background", "ring", "square")):
    regions |= {f"{name}, inside": (mask == k) & ~border}
    regions |= {f"{name}, border": (mask == k) & border}
wrong = [torch.stack([predict(m, x) != mask for m in some]) for some in models.values()]
print(f"{'wrong pixels':<18}   share    with  without")
for name, region in regions.items():
    shares = [region.float().mean(), *(w[:, region].float().mean() for w in wrong)]
    print(f"{name:<18} {shares[0]:>7.1%} {shares[1]:>7.1%} {shares[2]:>8.1%}")

# %%
# 第一列是这种像素占的比例。没有跳跃连接时，增加的错误几乎都在边界上，所以丢掉的主要是边界的准确位置。ring, inside 一行升得最多，但是它只占全部像素的 0.1%。方块里面的错误本来就少，只略有增加，所以方块的下降不是来自 C 说的里面。圆环几乎只有边界，方块有很多在里面，这与圆环降得更多相符。背景占了大多数像素。没有跳跃连接的网络在全部像素里只错约 6%，看不出它的圆环交并比只有 0.53 左右。
#
# 下面是种子 4 的掩码，青色是圆环，黄色是方块。有跳跃连接时，形状的外缘大多准确，错的主要是圆环与方块相接的地方。没有跳跃连接时，圆环断开、变形或者并进方块。第二列的圆环在两个网络里都并进了方块。

# hide-input: 画图
rows = {"image": validation[0][:6, 0], "true mask": validation[1][:6]}
rows["with skips"] = predict(models[True][4], validation[0][:6])
rows["without"] = predict(models[False][4], validation[0][:6])
fig, axes = plt.subplots(4, 6, figsize=(6.5, 4.6), layout="constrained")
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    for ax, picture in zip(line, pictures, strict=True):
        look = {"vmax": 1, "cmap": "gray"} if name == "image" else {"vmax": 2}
        ax.imshow(picture.numpy(), vmin=0, **look)
        ax.set(xticks=(), yticks=())
    line[0].set_ylabel(name)
# alt: 四行六列。第一行是有噪声的图，第二行是真实的掩码。第三行形状的外缘大多准确，错的主要是圆环与方块相接的地方。第四行的圆环断开、变形或者并进方块
plt.show()

# %%
# .. change-it::
#
#    两个网络的学习率相同，没有分别挑选。没有跳跃连接的那个会不会只是学得慢？
#    在上面的代码之后，对 ``models[False]`` 里的每个网络再调用一次 ``train(model, optimizers[model])``，再给它们打分。

# hide-cell: 再训练三轮
for model in models[False]:
    train(model, optimizers[model])
show("without, 6 epochs", score(models[False]))

# %%
# .. outcome::
#
#    再训练三轮以后，圆环和方块的交并比都升到 0.67 左右。但是步数多了一倍，平均仍低于只训练三轮的有跳跃连接的网络，后者约是 0.80 和 0.78。所以即使它只是学得慢，两倍的步数也还不够。这里比的是 6 轮和 3 轮，训练更久时是不是仍是圆环降得更多，从这里看不出来。

# %%
# 常见错误：边长不是 4 的倍数
# ---------------------------
# 24 减半两次是 6，加倍两次正好回到 24。现在换成 26 × 26 的图：

larger = drawn_shapes(100, size=26, noise=0.2, generator=generator)
try:
    predict(models[True][0], larger[0])
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}".replace(". ", ".\n"))

# %%
# 26 减半是 13，再减半是 6，因为 ``F.max_pool2d`` 舍去余数。6 加倍是 12，而跳跃连接送来的 ``b`` 是 13，所以 ``torch.cat`` 报错。
# 改法是在右边和下边补 0，补到 4 的倍数，预测以后再裁掉。要补的个数是 ``-26 % 4``，等于 2。


def pad_and_crop(model, x, multiple=4):
    height, width = x.shape[-2:]
    padded = F.pad(x, (0, -width % multiple, 0, -height % multiple))
    return predict(model, padded)[..., :height, :width]


show("26 × 26, padded", score(models[True], larger, pad_and_crop))
show("24 × 24, padded", score(models[True], validation, pad_and_crop))

# %%
# 26 × 26 的图不再报错，交并比与 24 × 24 的图相近。最后一行与原来的 ``with skips`` 相同，
# 因为边长已经是 4 的倍数时，一个 0 也不补。所以这个网络预测时总可以用 ``pad_and_crop``，减半次数不同的网络要改 ``multiple``。
#
# .. real-projects::
#
#    大的 U-Net 减半 4 或 5 次，边长要是 16 或 32 的倍数。这里的背景是 0 加噪声，所以补 0，照片常用 ``F.pad`` 的 ``mode="reflect"``。
#    上采样也可以用 ``nn.ConvTranspose2d``，它的权重可以训练。缩放掩码时先用 ``.unsqueeze(1).float()`` 补上通道并转成浮点数，再用 ``mode="nearest"``，因为类别的编号不能求平均，最后用 ``.squeeze(1).long()`` 转回标签。
#    接口见 `interpolate <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html>`__，
#    U-Net 出自 `Ronneberger 等人的论文 <https://arxiv.org/abs/1505.04597>`__，那里的卷积不补 0，特征图每次都变小，所以跳跃连接要先裁剪再拼接。
#
# 小结
# ----
# - 规则：变小时丢掉的位置靠跳跃连接送到解码器。评估掩码看每一类的交并比，不看像素准确率。边长先补到 4 的倍数，预测以后再裁掉。
# - API：``F.interpolate(x, scale_factor=2)``、``torch.cat([x, skip], dim=1)``、``F.pad(x, (left, right, top, bottom))``
# - 下一页：:ref:`sequences-embeddings`
