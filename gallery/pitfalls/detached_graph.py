# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-detached-graph:

断开的计算图
============

:term:`梯度` 沿 :term:`计算图` 从损失往回传，路上有一处断开，断点后面的参数就收不到。
全断了，PyTorch 会报错；只断一部分，损失照样下降，网络却有一段从来没学过。

你将学到：

- 从报错看出图是怎样断的：``.item()``、``.numpy()``、``argmax`` 还是 ``no_grad``
- 断了一部分为什么从损失曲线上看不出来，准确率又差多少
- 用一行代码查出收不到梯度的参数
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 全断了：有报错
# --------------
# 下面五个函数都在损失与参数之间剪了一刀，报错却只有三种。

torch.manual_seed(0)
model = nn.Linear(3, 2)
x = torch.randn(4, 3)
target = torch.tensor([0, 1, 0, 1])
loss_fn = nn.CrossEntropyLoss()


def item():
    loss_fn(model(x), target).item().backward()


def numpy():
    model(x).numpy()


def new_tensor():
    torch.tensor(loss_fn(model(x), target).item()).backward()


def argmax():
    (model(x).argmax(dim=1) != target).float().mean().backward()


def no_grad():
    with torch.no_grad():
        loss = loss_fn(model(x), target)
    loss.backward()


for cut in (item, numpy, new_tensor, argmax, no_grad):
    try:
        cut()
    except (AttributeError, RuntimeError) as error:
        print(f"{cut.__name__}: {type(error).__name__}: {error}")

# %%
# - ``item``：``.item()`` 给出 Python 的浮点数，它没有 ``backward``。记录损失用 ``.item()``，求导用张量。
# - ``numpy``：NumPy 的运算记不进图里，所以 PyTorch 不肯交。只为画图，写 ``.detach().numpy()``；
#   要对结果求导，就改用 torch 的函数。
# - 后三条是同一句话：这个损失没有来历。``torch.tensor(0.5)`` 造出全新的张量，``argmax`` 给出不能求导的整数，
#   ``no_grad`` 里的运算不记录。从损失往回逐个打印 ``requires_grad``，遇到第一个是 ``True`` 的张量，
#   拿它去算的那一步就是断点。
#
# 断了一部分：没有报错
# --------------------
# 网络分编码器和输出层两段。``cut=True`` 时中间有一个 ``.detach()``，
# 好比做完“只训练输出层”的实验，忘了删掉这一行。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])


class Net(nn.Module):
    def __init__(self, cut, width=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.head = nn.Linear(width, 10)
        self.cut = cut

    def forward(self, x):
        features = self.encoder(x)
        if self.cut:
            features = features.detach()
        return self.head(features)


def fit(cut, seed):
    torch.manual_seed(seed)
    net = Net(cut)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = loss_fn(net(images[train]), labels[train])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        right = net(images[test]).argmax(dim=1) == labels[test]
    return net, losses, right.float().mean()


# %%
# .. admonition:: 先猜一猜
#
#    ``cut=True`` 时编码器停在随机的初值。训练 120 步，损失还会下降吗？测试 :term:`准确率` 会差多少？

fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for cut, color in ((False, "C0"), (True, "C1")):
    nets, curves, accuracies = zip(*(fit(cut, seed) for seed in range(5)), strict=True)
    accuracy = torch.stack(accuracies)
    print(f"cut={cut!s:<5}  test accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}")
    for losses in curves:
        ax.plot(losses, color=color, lw=1)
ax.annotate("encoder detached", (70, 1.3), color="C1")
ax.annotate("whole graph", (30, 0.3), color="C0", ha="right")
ax.set(xlabel="step", ylabel="training loss", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
# alt: 十条训练损失曲线都从 2.3 左右平稳下降；蓝色五条降到接近 0，橙色五条降得慢，120 步后还在 1.5 以上
plt.show()

# %%
# 损失确实在降，橙线单独看像一个学得慢些的网络，这正是它难发现的原因：
# 输出层一直在学，学的是随机特征上的 :term:`线性层`。
# 五个种子的测试准确率从 0.96 掉到 0.63 左右，落差远大于种子之间的差别。
#
# 下次怎样发现
# ------------
# 第一次 ``backward()`` 之后，收到梯度的参数 ``.grad`` 是张量，没收到的是 ``None``。
# 优化器遇到 ``None`` 就跳过，所以它不会提醒你。

silent = [name for name, p in nets[0].named_parameters() if p.grad is None]
print(f"no gradient: {silent}")

# %%
# 两个名字都在编码器里，断点就在它的输出处。把
# ``assert not silent`` 放在第一步之后，就再也不会漏过；有意冻结的参数设 ``requires_grad_(False)``，检查时跳过。
#
# 改一改：把 ``width`` 改成 128。先猜两种网络的差距变大还是变小，再运行。
#
# 小结
# ----
# - 规则：``.item()`` 和 ``.detach()`` 只用在送去打印、画图的那一份上，不用在通往损失的路上。
# - API：``Tensor.requires_grad``、``Tensor.detach``；``p.grad is None`` 表示没有收到梯度。
# - 下一页：:ref:`pitfalls-device-mismatch`
