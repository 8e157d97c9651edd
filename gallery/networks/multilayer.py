# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-multilayer:

多层神经网络
============

一个 :term:`线性层` 的输出是输入的加权和再加偏置，所以它的图像是直线或平面。
要得到曲线，一个自然的想法是多接几个线性层，让 :term:`参数` 变多。
这样够不够，中间的 :term:`激活函数` 能不能省？

你将学到：

- 用 ``Sequential`` 搭一个网络，说出每一步的 :term:`形状`
- 计算网络的参数个数
- 用一个等式证明，一个函数不能由线性层接成
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import torch

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 搭一个两层网络
# --------------
# 线性层和激活函数交替排列的网络叫 :term:`多层感知机`。``torch.nn.Sequential`` 按次序调用括号里的各个模块，把前一个的输出交给后一个。
# 下面的网络输入 3 个特征，中间的 :term:`隐藏层` 有 4 个单元，也就是输出 4 个数，最后一层输出 1 个数。
# ``.to(device)`` 把全部参数移到数据所在的 :term:`设备`。

torch.manual_seed(0)

d_in = 3
d_hidden = 4
d_out = 1
model = torch.nn.Sequential(
    torch.nn.Linear(d_in, d_hidden),
    torch.nn.Tanh(),
    torch.nn.Linear(d_hidden, d_out),
    torch.nn.Sigmoid(),
).to(device)

example_tensor = torch.tensor([[1.0, 2, 3], [4, 5, 6]], device=device)
transformed = model(example_tensor)
print("transformed", transformed.shape)

# %%
# 两个样本各得到 1 个数。自己依次调用这四个模块，就能看到中间每一步的形状。

h = example_tensor
for layer in model:
    h = layer(h)
    print(f"{type(layer).__name__:7} -> {tuple(h.shape)}")
print(f"largest difference from model(...): {(h - transformed).abs().max():.6f}")

# %%
# 得到的数与 ``model(example_tensor)`` 的相同。这里只有线性层改变形状，激活函数不改变。
# 最后的 Sigmoid 把输出压到 0 和 1 之间，可以当作概率。训练分类网络时，由损失函数做这一步，所以网络的末尾就不放 Sigmoid，见 :ref:`networks-cross-entropy`。
#
# 数一数参数
# ----------
# 一个线性层有 ``d_out * d_in`` 个 :term:`权重` 和 ``d_out`` 个 :term:`偏置`，激活函数没有参数。
# ``numel()`` 是一个张量的元素个数。

for name, parameter in model.named_parameters():
    print(f"{name:8} {parameter.numel():2} {tuple(parameter.shape)}")

by_hand = (d_hidden * d_in + d_hidden) + (d_out * d_hidden + d_out)
by_code = sum(parameter.numel() for parameter in model.parameters())
print(f"{by_hand=} {by_code=}")

# %%
# 两种算法结果相同。名字里的 0 和 2 是线性层在 ``Sequential`` 里的位置，位置 1 和 3 是激活函数。
#
# 去掉中间的激活函数
# ------------------
# 现在取出两个线性层，不要 Tanh，也不要最后的 Sigmoid。
#
# .. predict::
#
#    两个线性层一共有 21 个参数，一个 ``Linear(3, 1)`` 只有 4 个参数。
#    如果参数可以任意取值，两个线性层能表示的函数，与一个线性层相比怎样？
#
#    - 更多，因为可以调整的参数更多
#    - 完全相同，因为两个线性层可以合成一个
#    - 是任何连续函数，只要隐藏层足够宽

first, last = model[0], model[2]
W = (last.weight @ first.weight).detach()  # (1, 4) @ (4, 3) -> (1, 3)
b = (last.weight @ first.bias + last.bias).detach()  # (1,)

x = torch.randn(1000, d_in).to(device)
two_layers = last(first(x)).detach()
one_layer = x @ W.T + b
print(f"numbers in W and b: {W.numel() + b.numel()}")
print(f"largest difference: {(two_layers - one_layer).abs().max():.6f}")

# %%
# .. answer:: B
#
#    合成之后只剩 4 个数，而 1000 个输入的输出在六位小数内没有变。
#
#    .. math::
#
#       (x W_1^\top + b_1) W_2^\top + b_2 = x (W_2 W_1)^\top + (b_1 W_2^\top + b_2)
#
#    这个等式对任何权重和任何宽度都成立，所以 A 和 C 都不对。
#    反过来，让第一层的三个单元原样输出三个特征，第二层就能得到任何一个 ``Linear(3, 1)``。

# %%
# .. change-it::
#
#    改成 5 个线性层，中间各有 100 个单元。它还能合成只有 4 个数的一层吗？

# hide-cell: 5 个线性层
torch.manual_seed(0)
sizes = [3, 100, 100, 100, 100, 1]
layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
deep = torch.nn.Sequential(*layers).to(device)
b_deep = deep(torch.zeros(1, 3, device=device)).detach()  # 输入 0，只剩偏置
W_deep = (deep(torch.eye(3, device=device)) - b_deep).detach().T
print(f"parameters: {sum(parameter.numel() for parameter in deep.parameters())}")
print(f"numbers in W and b: {W_deep.numel() + b_deep.numel()}")
print(f"largest difference: {(deep(x) - (x @ W_deep.T + b_deep)).abs().max():.6f}")

# %%
# .. outcome::
#
#    能。两层合成一层，再与下一层合成，最后仍是 :math:`x W^\top + b`。
#    把零向量送进网络就得到 :math:`b`，把单位矩阵的各行送进去，从输出中减去 :math:`b`，就得到 :math:`W` 的各列。

# %%
# 怎样检验一个函数
# ----------------
# 线性层接成的网络总能写成 :math:`f(x) = x W^\top + b`。把 :math:`a` 和 :math:`-a` 代入，
# 含 :math:`W` 的两项抵消，剩下两个 :math:`b`，而 :math:`f(0)` 就是 :math:`b`。
#
# .. math::
#
#    f(a) + f(-a) = 2 f(0)
#
# 所以只要有一个 :math:`a` 使等式不成立，:math:`f` 就不能由线性层接成。
# 下面用五组随机权重，检验去掉 Tanh 和留下 Tanh 的网络。``defect`` 返回 1000 个 :math:`a` 中等式两边最大的差。


def defect(f, a):
    return (f(a) + f(-a) - 2 * f(torch.zeros_like(a))).abs().max().item()


for seed in range(5):
    torch.manual_seed(seed)
    first = torch.nn.Linear(d_in, d_hidden).to(device)
    last = torch.nn.Linear(d_hidden, d_out).to(device)
    without = defect(torch.nn.Sequential(first, last), x)
    with_tanh = defect(torch.nn.Sequential(first, torch.nn.Tanh(), last), x)
    print(f"without Tanh {without:.4f}, with Tanh {with_tanh:.4f}")

# %%
# 没有 Tanh，五组权重在四位小数内都符合等式。有了 Tanh，五组都不符合，所以这五个网络都不能换成一个线性层。
#
# .. change-it::
#
#    把 ``defect`` 检验的函数换成 :math:`x^3`。它的图像不是直线，那么等式会不成立吗？

# hide-cell: 三次函数
print(f"defect of x**3: {defect(lambda a: a**3, x):.4f}")

# %%
# .. outcome::
#
#    三次函数也符合等式，因为 :math:`(-a)^3 = -a^3`，两项同样抵消。所以不符合等式的函数一定不能由线性层接成，符合等式的函数却不一定能。

# %%
# 激活函数带来了什么
# ------------------
# 绝对值函数也不符合等式，因为 :math:`|1| + |-1| = 2`，而 :math:`2 \cdot |0| = 0`。
# 所以不论接多少个线性层，都得不到它。在中间加上 ReLU，两个单元就够了。
# 第一个单元算 :math:`\max(x, 0)`，第二个单元算 :math:`\max(-x, 0)`，最后一层把两者相加。
# 层的权重只接受 ``Parameter`` 类型，所以手写的权重也要包成这个类型。

hinge = torch.nn.Sequential(
    torch.nn.Linear(1, 2, bias=False),
    torch.nn.ReLU(),
    torch.nn.Linear(2, 1, bias=False),
)
hinge[0].weight = torch.nn.Parameter(torch.tensor([[1.0], [-1.0]]))
hinge[2].weight = torch.nn.Parameter(torch.tensor([[1.0, 1.0]]))

line = torch.linspace(-2, 2, 81).view(-1, 1)
units = hinge[1](hinge[0](line)).detach()  # (81, 1) -> (81, 2)
output = hinge(line).detach()  # (81, 1)
print(f"largest difference from |x|: {(output - line.abs()).abs().max():.6f}")
print(f"defect of |x|: {defect(torch.abs, torch.ones(1)):.4f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(line, output, color="C0", lw=6, alpha=0.3)
ax.plot(line, units[:, 0], color="C1", lw=2)
ax.plot(line, units[:, 1], color="C2", lw=2, ls="--")
ax.text(1.1, 0.8, "unit 1: max(x, 0)", color="C1")
ax.text(-1.1, 0.8, "unit 2: max(-x, 0)", color="C2", ha="right")
ax.text(0, 1.2, "output: |x|", color="C0", ha="center")
ax.set(xlabel="x", ylabel="value", xlim=(-2.9, 2.9))
ax.spines[["top", "right"]].set_visible(False)
# alt: 橙色实线在右半边上升，绿色虚线在左半边上升，另一半都是 0；粗的浅蓝色折线是两者之和，呈 V 形
plt.show()

# %%
# 网络的输出与 :math:`|x|` 相同。每个 ReLU 单元有一个拐弯，这里都在 0 处，输出的折线只在这些地方拐弯。
# 所以只有一个隐藏层时，要贴近有更多起伏的曲线，就要有更多的单元。
#
# 常见错误：前后两层接不上
# ------------------------
# 下面的第一层输出 4 个数，第二层却要 5 个。创建网络时，``Sequential`` 不检查形状。

mismatched = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(5, 1))
mismatched.to(device)
print("created")
try:
    mismatched(example_tensor)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 调用时才报错。报错里的 ``2x4`` 是第一层的输出，``5x1`` 是第二层转置后的权重，所以第二层要改成 ``Linear(4, 1)``。
# 写完网络以后，先送一个小张量试一遍，就能及早发现。
#
# .. real-projects::
#
#    用 ReLU、Sigmoid 或 Tanh 时，隐藏层足够宽、末尾是线性层的网络能在有界闭区域上逼近任何连续函数，但是训练不一定能找到那组权重。
#    宽度有限而层数很多的 ReLU 网络见 `Lu et al., 2017 <https://arxiv.org/abs/1709.02540>`__，给各层起名的写法见
#    `torch.nn.Sequential <https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html>`__。

# %%
# 小结
# ----
# - 规则：线性层之间没有激活函数，接多少个也只相当于一个线性层，所以要得到曲线，中间的激活函数不能省。
# - API：``torch.nn.Sequential``、``named_parameters()``、``parameters()`` 和 ``numel()``。
# - 下一页：:ref:`networks-module`
