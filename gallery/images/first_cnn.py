# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _images-first-cnn:

第一个卷积网络
==============

用全连接网络认数字，要先把图像展平，谁与谁相邻就不再重要了。
:term:`卷积层` 的窗口只看相邻的像素，而且在图像各处用同一组 :term:`权重`。
参数一样多时，用卷积层的网络会更准吗？如果更准，又怎样知道这是不是像素相邻的功劳？

你将学到：

- 用两个卷积层和一个线性层写出 ``SmallCNN``
- 求出线性层的输入个数，修正报错 ``mat1 and mat2 shapes cannot be multiplied``
- 用打乱像素的对照检查一种网络的优势从哪里来
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import Digits, digits_on_canvas  # torchnotes 在本页的 zip 包里

# %%
# 思路
# ----
# 全连接网络的每个单元与全部像素相连，每个位置各有一个权重。同样的一笔写在别处，就由另外的权重来认。
# 卷积层有两个限制，一个输出只看窗口里相邻的像素，而且窗口移到哪里都用同一组权重。后一个限制叫 :term:`参数共享`。
#
# 为了让位置重要起来，``digits_on_canvas`` 把 8 × 8 的数字放在 12 × 12 的画布上，每张图随机地向下和向右移动 −2 到 2 格。
# 另外准备一份对照，像素的值不变，位置按同一个次序 ``permutation`` 打乱，训练图和验证图都用它。

digits = Digits.load()
generator = torch.Generator().manual_seed(0)
permutation = torch.randperm(144, generator=generator)


def place(images):
    shifts = torch.randint(-2, 3, (len(images), 2), generator=generator)
    return digits_on_canvas(images, size=12, shifts=shifts)


def shuffle_pixels(images):
    return images.flatten(1)[:, permutation].view_as(images)


placed = (place(digits.train.images), place(digits.validation.images))
shuffled = tuple(shuffle_pixels(images) for images in placed)
print(f"placed {tuple(placed[0].shape)}, shuffled {tuple(shuffled[1].shape)}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(2, 5, figsize=(6.5, 2.8), layout="constrained")
for row, data in zip(axes, (placed, shuffled), strict=True):
    for ax, image in zip(row, data[0][:5, 0], strict=True):
        ax.imshow(image.numpy(), cmap="Blues", vmin=0, vmax=1)
        ax.add_patch(plt.Rectangle((3.5, 4.5), 3, 3, fill=False, ec="C1", lw=2))
        ax.set(xticks=(), yticks=())
axes[0, 0].set_ylabel("placed")
axes[1, 0].set_ylabel("shuffled")
# alt: 两行五列的图，每张图上有一个 3 × 3 的方框。上一行是位置不同的手写数字，框里是笔画的一段；
# 下一行是打乱像素以后的同一张图，框里是零散的点
plt.show()

# %%
# 方框是窗口在一个位置上看到的像素。在下一行里，原来相邻的像素已经散开了。
#
# 网络
# ----
# ``SmallCNN`` 有两个卷积层，窗口都是 3 × 3。``padding=1`` 在四周补一圈 0，所以卷积不改变高和宽。
# 每次卷积以后先用 ``F.relu``，它与 ``nn.ReLU`` 的计算相同，再用 ``F.max_pool2d`` 做 :term:`最大池化`，把每 2 × 2 个数换成其中最大的一个，高和宽就减半。最后展平，由线性层给出 10 个 :term:`logits`。


class SmallCNN(nn.Module):
    def __init__(self, n_classes=10, n_features=64):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3, padding=1)
        self.output = nn.Linear(n_features, n_classes)

    def features(self, x):  # (B, 1, H, W) -> (B, 16 * H/4 * W/4)
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (B, 8, H/2, W/2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (B, 16, H/4, W/4)
        return x.flatten(1)

    def forward(self, x):
        return self.output(self.features(x))


torch.manual_seed(0)
model = SmallCNN()
print(f"{model(digits.train.images[:5]).shape=}")

# %%
# 8 × 8 的图减半两次，成为 2 × 2，16 个通道共有 16 × 2 × 2 = 64 个数，所以 ``n_features`` 是 64。
#
# 常见错误：线性层的输入个数
# --------------------------
#
# .. predict::
#
#    把五张 12 × 12 的图交给上面这个为 8 × 8 的图写的 ``model``，会怎样？
#
#    - 在 ``conv1`` 报错，因为卷积层的权重也是为 8 × 8 的图建立的
#    - 在 ``output`` 报错，左边的矩阵是 ``5x16``，因为有 16 个通道
#    - 在 ``output`` 报错，左边的矩阵是 ``5x144``，因为展平后的个数随图像的大小改变
#    - 不报错，因为池化把特征图都变成一样大

x = placed[0][:5]
print(f"conv1 {tuple(model.conv1(x).shape)}, features {tuple(model.features(x).shape)}")
try:
    model(x)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. answer:: C
#
#    A 不成立，因为 ``conv1`` 单独接受了 12 × 12 的图，它的权重只与通道和窗口有关。
#    D 不成立，因为池化只减半，12 × 12 减半两次是 3 × 3，不是 8 × 8 的图的 2 × 2。
#    B 不成立，因为展平合并的是通道和所有的位置，共 16 × 3 × 3 = 144 个数。
#
# 报错里的 144 是展平后的个数，64 是 ``output`` 的输入个数，所以改法是把 144 写进 ``n_features``。
# 不想手算，就用一张图运行 ``features``，从形状里读出来。这样读出来的个数总与前面的层一致，换了图像的大小也不用改。

n_features = model.features(x[:1]).shape[1]
print(f"{n_features=}  {SmallCNN(n_features=n_features)(x).shape=}")

# %%
# 参数一样多的比较
# ----------------
# 全连接网络（表中的 MLP）的 :term:`隐藏层` 取 17 个单元，使两个网络的参数个数接近。
# 每种网络、每份数据各自选 :term:`学习率`，先用种子 5 把三个学习率各训练一次，再用验证准确率最高的那个训练种子 0 到 4。


def make_mlp(n_hidden=17):
    hidden = [nn.Linear(144, n_hidden), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(n_hidden, 10))


def fit(make_model, data, lr, seed, n_epochs=8):
    train, validation = data
    torch.manual_seed(seed)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(train)).split(50):
            loss = F.cross_entropy(model(train[rows]), digits.train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = model(validation).argmax(dim=1) == digits.validation.labels
    return right.float().mean().item()


def compare(name, data):
    results[name] = {}
    for model_name, make_model in make_models.items():
        tried = {lr: fit(make_model, data, lr, seed=5) for lr in (0.05, 0.1, 0.2)}
        lr = max(tried, key=tried.get)
        runs = torch.tensor([fit(make_model, data, lr, seed) for seed in range(5)])
        results[name][model_name] = runs
        print(f"{name:<9} {model_name}  {lr:.2f}  {runs.mean():.2f} ± {runs.std():.2f}")
    d = results[name]["CNN"] - results[name]["MLP"]
    print(f"CNN minus MLP    {d.mean():+.2f}  ({d.min():+.2f} to {d.max():+.2f})")


results = {}
make_models = {"MLP": make_mlp, "CNN": lambda: SmallCNN(n_features=144)}
for name, make_model in make_models.items():
    print(f"{name}: {sum(p.numel() for p in make_model().parameters())} parameters")
print("\npixels           lr  accuracy")
compare("placed", placed)

# %%
# “±”后面是五个种子的 :term:`标准差`。最后一行是同一个种子的两个网络之差。
# 两个网络只差 53 个参数，步数相等，CNN 的验证 :term:`准确率` 却在每个种子里都更高，平均高 0.26。
#
# 对照：打乱像素
# --------------
# 只看这张表，还不知道 CNN 靠的是什么。所以换成打乱的那一份图，再做一次同样的比较。
#
# .. predict::
#
#    训练图和验证图都按同一个次序打乱以后，两个网络的准确率会怎样？
#
#    - 都明显下降，因为打乱以后连人也认不出数字
#    - 都差不多不变，因为次序固定，像素的值一个也没有少
#    - MLP 差不多不变，CNN 下降，但仍高于 MLP，因为它的权重还是共享的
#    - MLP 差不多不变，CNN 降到 MLP 之下，因为窗口里的像素不再相邻

compare("shuffled", shuffled)

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for i, (model_name, marker) in enumerate({"MLP": "s", "CNN": "o"}.items()):
    for j, name in enumerate(("placed", "shuffled")):
        style = {"c": f"C{i}", "alpha": 0.6, "label": None if j else model_name}
        ax.plot([j + 0.3 * i - 0.15] * 5, results[name][model_name], marker, **style)
ax.set(xticks=(0, 1), xticklabels=results, xlim=(-0.6, 1.6), ylim=(0, 1))
ax.set(xlabel="pixels", ylabel="validation accuracy")
ax.legend()
# alt: 每个种子一个点。左边是位置随机的图，CNN 的五个点都在 MLP 之上；右边是打乱像素的图，CNN 的点大多在 MLP 之下
plt.show()

# %%
# .. answer:: D
#
#    MLP 的平均几乎没有变，所以 A 不成立。对它来说，打乱只是给像素重新编号。
#    CNN 的平均从 0.75 降到 0.33，所以 B 不成立。打乱以后权重仍然共享，CNN 的平均却比 MLP 低 0.16，所以 C 不成立。
#
# 因此 CNN 的优势来自像素的排列，离开了相邻的像素，同样的限制反而有害。
# 不过打乱使两个限制都失去了用处，所以这个对照分不出哪一个更要紧。数字都在正中时有没有优势，见 :ref:`images-shift-and-pooling`。
#
# .. change-it::
#
#    在位置随机的图上，给 MLP 十倍的参数，也就是 ``n_hidden=170``。它追得上 CNN 吗？``n_epochs`` 也改成 24 呢？

# hide-cell: 十倍参数的 MLP
print(f"{sum(p.numel() for p in make_mlp(170).parameters())} parameters")
for n_epochs in (8, 24):
    runs = [fit(lambda: make_mlp(170), placed, 0.1, s, n_epochs) for s in range(5)]
    print(f"{n_epochs:>2} epochs: {torch.tensor(runs).mean():.2f}")

# %%
# .. outcome::
#
#    8 轮以后是 0.70，比 17 个单元时的 0.49 高得多，24 轮以后是 0.82，追上了 8 轮的 CNN。
#    所以 CNN 能做到的，MLP 也可以做到，只是要用十倍的参数和三倍的步数。

# %%
# .. real-projects::
#
#    层很多时，可以用 ``nn.LazyLinear(10)`` 代替最后的线性层，它在第一次运行时从输入得到输入个数。它的参数到那时才有形状，所以先运行一次，再建立优化器。
#    接口见 `torch.nn.LazyLinear <https://docs.pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html>`__，
#    卷积网络认数字的早期工作见 `LeCun 等人的论文 <https://doi.org/10.1109/5.726791>`__。
#
# 小结
# ----
# - 规则：卷积层的权重与图像的大小无关，展平后的个数与大小有关。比较网络时让参数和步数相等，各自选学习率，再用对照检查优势从哪里来。
# - API：``nn.Conv2d(1, 8, kernel_size=3, padding=1)``、``F.max_pool2d(x, 2)`` 和 ``x.flatten(1)``。
# - 下一页：:ref:`images-shift-and-pooling`
