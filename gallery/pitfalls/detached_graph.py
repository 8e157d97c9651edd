# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-detached-graph:

断开的计算图
============

调用 ``loss.backward()`` 时报错，说张量没有 ``grad_fn``，可是损失明明是由模型的输出算出来的。
还有更难发现的情形，程序没有报错，损失也在下降，模型却总是不够好。
这两种情形的原因相同，都是 :term:`计算图` 断开了。那么怎样找到断开的那一步？

你将学到：

- 读懂计算图断开时的三种报错，说出每种写法断在哪一步
- 判断只断开一部分时，损失和 :term:`准确率` 会怎样
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
# :term:`反向传播` 从损失出发，沿计算图回到参数。下面五种写法都在途中断开了计算图，报错却只有三种。

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


for mistake in (no_grad, new_tensor, argmax, item, numpy):
    try:
        mistake()
    except (AttributeError, RuntimeError) as error:
        print(f"{mistake.__name__}:")
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

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
# 只断开一部分
# ------------
# 下面的网络分成编码器和输出层两段，编码器里的 ``nn.Flatten`` 把每张图像摊平成一个向量。
# ``cut=True`` 时，两段之间有一个 ``.detach()``，
# 它返回一个不带计算图的张量。这一行是做“只训练输出层”的实验时留下的。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])


class Net(nn.Module):
    def __init__(self, cut, width):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU())
        self.head = nn.Linear(width, 10)
        self.cut = cut

    def forward(self, x):  # (B, 1, 8, 8) -> (B, 10)
        features = self.encoder(x)
        if self.cut:
            features = features.detach()
        return self.head(features)


def fit(cut, seed, width=16):
    torch.manual_seed(seed)
    model = Net(cut, width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_fn(model(images[train]), labels[train])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        correct = model(images[validation]).argmax(dim=1) == labels[validation]
    return model, losses, correct.float().mean()


# %%
# .. predict::
#
#    ``cut=True`` 时，编码器的参数收不到梯度。训练 100 步会怎样？
#
#    - ``backward()`` 报错，与上面的前三种写法相同
#    - 不报错，但是损失停在 :math:`\ln 10 \approx 2.30` 附近，与乱猜一样
#    - 不报错，损失下降，但是验证准确率比 ``cut=False`` 低

print(f"ln 10 = {torch.tensor(10.0).log():.2f}")
curves = {}
for cut in (False, True):
    models, losses, accuracies = zip(
        *(fit(cut, seed) for seed in range(5)), strict=True
    )
    curves[cut] = losses
    accuracy, last = torch.stack(accuracies), torch.tensor(losses)[:, -1]
    print(
        f"cut={cut!s:<5}  last loss {last.mean():.2f} ± {last.std():.2f}, "
        f"validation accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for cut, color in ((False, "C0"), (True, "C1")):
    for losses in curves[cut]:
        ax.plot(losses, color=color, lw=1)
ax.annotate("cut=True", (60, 2.3), color="C1")
ax.annotate("cut=False", (22, 0.45), color="C0", ha="right")
ax.set(xlabel="step", ylabel="training loss", ylim=(0, 2.6))
ax.spines[["top", "right"]].set_visible(False)
# alt: 十条训练损失曲线都在下降，蓝色五条降到约 0.2，橙色五条降得慢，100 步后仍在 2 附近
plt.show()

# %%
# .. answer:: C
#
#    ``cut=True`` 的损失也在下降，因为输出层还连着损失，一直在学，编码器则停在随机的初值。
#    A 不对，因为损失仍然由输出层的参数算出，所以 ``backward()`` 仍然能到达输出层。B 不对，因为最后的损失低于 2.30。
#
# 准确率从 0.943 降到 0.492，远远大于种子之间的差别。可是只看橙色的曲线，
# 很容易以为只是学习率太小。
#
# .. change-it::
#
#    把 ``width`` 从 16 改成 128。两种网络的准确率相差更多还是更少？

# hide-cell: width=128
for cut in (False, True):
    accuracy = torch.stack([fit(cut, seed, width=128)[2] for seed in range(5)])
    print(f"cut={cut!s:<5}  accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}")

# %%
# 编码器更宽时，两种网络的差距变小，所以在宽的网络里这个错误更难发现。
#
# 下次怎样发现
# ------------
# 第一次 ``backward()`` 以后，收到梯度的参数的 ``.grad`` 是张量，没有收到的是 ``None``。
# 优化器会跳过 ``None``，所以没有任何提示。``models`` 里是 ``cut=True`` 的五个网络。

silent = [name for name, p in models[0].named_parameters() if p.grad is None]
print(f"no gradient: {silent}")

# %%
# 两个名字都在编码器里，所以断开的一步在编码器之后。训练前跑一步，再检查 ``silent`` 是空的，就不会漏过。
# 有意冻结的参数应当写 ``requires_grad_(False)``，检查时把它们排除在外。
#
# .. real-projects::
#
#    损失项多的时候，对每一项分别检查 ``requires_grad``，因为断开的一项不会让总损失报错。更多的细节见
#    `torch.Tensor.detach <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html>`__ 和
#    `自动微分的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__。
#
# 小结
# ----
# - 规则：通往损失的每一步都用可导的 torch 运算，``.item()`` 和 ``.detach()`` 只用于打印和画图。
# - API：``Tensor.requires_grad``、``Tensor.detach``、``p.grad is None``。
# - 下一页：:ref:`pitfalls-device-mismatch`
