# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-detached-graph:

断开的计算图
============

调用 ``loss.backward()`` 时报错，说张量没有 ``grad_fn``，可是损失明明是由模型的输出算出来的。
这是因为 :term:`计算图` 在途中断开了。怎样找到断开的那一步？
如果图只断开一部分，训练又会怎样？

你将学到：

- 读懂计算图断开时的三种报错，说出每种写法错在哪一步
- 预测计算图只断开一部分时，训练的结果会怎样
- 查出没有收到 :term:`梯度` 的 :term:`参数`
"""

import textwrap

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# :term:`反向传播` 从损失出发，沿计算图回到 :term:`参数`。下面五种写法都走不通这条路，报错却只有三种。

torch.manual_seed(0)
model = nn.Linear(3, 2)
x = torch.randn(4, 3)
target = torch.tensor([0, 1, 0, 1])
loss_fn = nn.CrossEntropyLoss()


def no_grad():
    with torch.no_grad():
        loss = loss_fn(model(x), target)
    loss.backward()


def new_tensor():
    torch.tensor(loss_fn(model(x), target).item()).backward()


def argmax():
    (model(x).argmax(dim=1) != target).float().mean().backward()


def item():
    loss_fn(model(x), target).item().backward()


def numpy():
    model(x).numpy()


messages = {}
for mistake in (no_grad, new_tensor, argmax, item, numpy):
    try:
        mistake()
    except (AttributeError, RuntimeError) as error:
        message = f"{type(error).__name__}: {error}"
        messages.setdefault(message, []).append(mistake.__name__)
for message, names in messages.items():
    print(f"{', '.join(names)}:")
    print(textwrap.fill(message, 88))

# %%
# 前三种写法的报错相同，意思是这个损失不是由需要梯度的 :term:`张量` 算出来的。
#
# - ``no_grad`` 里的运算不记录计算图。
# - ``torch.tensor(...)`` 造出一个新的张量，它与模型没有关系。
# - ``argmax`` 给出类别的编号，编号是整数，不能求导。
#
# 后两种写法的报错各不相同。``.item()`` 给出 Python 的浮点数，它没有 ``backward``。
# NumPy 的运算不会记进计算图，所以 PyTorch 不允许直接对需要梯度的张量调用 ``.numpy()``。
#
# 找到断开的一步
# --------------
# 从模型的输出到损失，逐步打印 ``requires_grad``。第一个变成 ``False`` 的地方，就是断开的一步。

logits = model(x)
predicted = logits.argmax(dim=1)
wrong = (predicted != target).float()
loss = wrong.mean()
steps = {"logits": logits, "predicted": predicted, "wrong": wrong, "loss": loss}
for name, tensor in steps.items():
    print(f"{name}: requires_grad={tensor.requires_grad}")

# %%
# ``logits`` 还连着模型，``predicted`` 已经断开，所以断开的一步是 ``argmax``。
# 用来求导的损失要直接由 ``logits`` 算出，例如 :term:`交叉熵`。
# ``argmax``、``.item()`` 和 ``.detach().numpy()`` 只用在打印和画图的那一份上。
#
# 有人在损失上调用 ``requires_grad_()`` 来消除报错。下面的 ``backward()`` 果然不再报错，
# 但是权重的 ``.grad`` 仍是 ``None``，因为这样并没有把损失与模型连起来。

loss.requires_grad_().backward()
print(f"{model.weight.grad=}")

# %%
# 只断开一部分
# ------------
# 下面的网络分成编码器和输出层两段，编码器里的 ``nn.Flatten`` 把每张图像摊平成一个向量。
# ``CutNet`` 的两段之间多了一个 ``.detach()``，它返回一个不带计算图的张量。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU())
        self.head = nn.Linear(width, 10)

    def forward(self, x):  # (B, 1, 8, 8) -> (B, 10)
        features = self.encoder(x)
        return self.head(features)


class CutNet(Net):
    def forward(self, x):
        features = self.encoder(x).detach()
        return self.head(features)


def fit(kind, seed, width=16, lr=0.5):
    torch.manual_seed(seed)
    model = kind(width)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_fn(model(images[train]), labels[train])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        correct = model(images[validation]).argmax(dim=1) == labels[validation]
    return losses, correct.float().mean()


# %%
# .. predict::
#
#    把 ``CutNet`` 训练 100 步，会怎样？
#
#    - ``backward()`` 报错，因为编码器的参数不在计算图里
#    - 损失下降，但是验证准确率较低，因为只有输出层在学
#    - 损失停在 ln 10 附近，准确率停在 0.1 附近，与随机猜测相同，因为随机的编码器给不出有用的特征

print(f"ln 10 = {torch.tensor(10.0).log():.2f}")
curves = {}
for kind in (Net, CutNet):
    curves[kind], accuracies = zip(*(fit(kind, seed) for seed in range(5)), strict=True)
    last, accuracy = torch.tensor(curves[kind])[:, -1], torch.stack(accuracies)
    print(
        f"{kind.__name__:<6}  last loss {last.mean():.2f} ± {last.std():.2f}, "
        f"validation accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for kind, color in ((Net, "C0"), (CutNet, "C1")):
    for losses in curves[kind]:
        ax.plot(losses, color=color, lw=1)
ax.annotate("CutNet", (60, 2.4), color="C1")
ax.annotate("Net", (22, 0.45), color="C0", ha="right")
ax.axhline(2.303, color="0.5", ls=":", lw=1)
ax.annotate("ln 10", (92, 2.34), color="0.4")
ax.set(xlabel="step", ylabel="training loss", ylim=(0, 2.6))
ax.spines[["top", "right"]].set_visible(False)
# alt: 十条训练损失曲线，蓝色五条降到约 0.2，橙色五条降得慢，100 步后仍在 2 附近，虚线是 ln 10
plt.show()

# %%
# .. answer:: B
#
#    ± 前后是五个种子的平均值和标准差。``CutNet`` 的损失降到 2.05，验证 :term:`准确率` 只有 0.492，``Net`` 的准确率是 0.943。
#    编码器的参数没有收到梯度，“下次怎样发现”一节会检查。
#    A 不成立，因为损失仍然由输出层的参数算出，所以 ``backward()`` 能到达输出层。
#    C 不成立，因为 0.492 远高于随机猜测的 0.1，五条橙色的曲线最后也都低于 ln 10 的虚线。
#
# 橙色的曲线看上去像是学习率太小。
#
# .. change-it::
#
#    调用 ``fit`` 训练 ``CutNet`` 时，把学习率 ``lr`` 从 0.5 调大到 2 和 5，准确率能赶上 ``Net`` 的 0.943 吗？再把两种网络的 ``width`` 都从 16 增加到 128，差距会怎样变？

# hide-cell: 更大的学习率，更宽的编码器
for kind, options in (
    (CutNet, {"lr": 2.0}),
    (CutNet, {"lr": 5.0}),
    (CutNet, {"width": 128}),
    (Net, {"width": 128}),
):
    accuracy = torch.stack([fit(kind, seed, **options)[1] for seed in range(5)])
    print(
        f"{kind.__name__:<6} {options}: "
        f"accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )

# %%
# .. outcome::
#
#    学习率调大以后，准确率提高到 0.611 和 0.663，离 0.943 还很远。
#    宽度是 128 时，``CutNet`` 是 0.870，``Net`` 是 0.962，差距小得多，所以在这个宽的网络里，这个错误更难从准确率看出来。
#
# 下次怎样发现
# ------------
# 第一次 ``backward()`` 以后，收到梯度的参数的 ``.grad`` 是张量，没有收到的是 ``None``。
# 优化器会跳过 ``None``，所以没有任何提示。下面对两种网络各检查一次。

for kind in (Net, CutNet):
    model = kind(width=16)
    loss_fn(model(images[train]), labels[train]).backward()
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    silent = [name for name, p in trainable if p.grad is None]
    print(f"{kind.__name__}: no gradient for {silent}")

# %%
# ``Net`` 的列表是空的。``CutNet`` 的两个名字都在编码器里，而输出层收到了梯度，所以图断在编码器与输出层之间。
# 有意冻结的参数应当写 ``requires_grad_(False)``，这个检查就会跳过它们。
# 如果一层在这次前向传播里没有用到，它的参数也会列出来。
#
# .. real-projects::
#
#    损失由几项相加时，对每一项分别检查 ``requires_grad``，因为断开的一项不会让总损失报错，见 :ref:`exercises-pitfalls-penalty`。
#    更多的细节见
#    `torch.Tensor.detach <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html>`__ 和
#    `自动微分的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。
#
# 小结
# ----
# - 规则：从参数到损失的每一步都用可导的 torch 运算。报错时逐步看 ``requires_grad``。
#   只断开一部分时不报错，断开处之前的参数不再学习，所以还要看有没有参数的 ``.grad`` 是 ``None``。
# - API：``Tensor.requires_grad``、``Tensor.detach``、``p.grad is None``。
# - 下一页：:ref:`pitfalls-device-mismatch`
