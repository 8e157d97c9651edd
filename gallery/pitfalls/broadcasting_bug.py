# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-broadcasting-bug:

损失里的广播
============

回归模型输出的 :term:`形状` 是 ``(n, 1)``，而目标的形状是 ``(n,)``。
程序能运行，损失也在下降，可是模型的预测不对。
这两个形状相减，算的到底是什么？用这样的损失训练，最后会得到什么样的模型？

你将学到：

- 算出形状不同的预测与目标相减的结果，并推出这个损失的最小值
- 查出六种现成的损失里，哪些遇到这两个形状会警告、报错，哪些没有任何提示
- 修正损失和准确率里的形状，并用一行代码检查
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 症状
# ----
# 100 个点落在一条斜率 2、截距 1 的直线附近，用一个 :term:`线性层` 去拟合。
# 线性层的输出是 ``(100, 1)``，目标 ``y`` 是 ``(100,)``。


def make_data(seed):
    torch.manual_seed(seed)
    x = 4 * torch.rand(100, 1) - 2  # (100, 1)
    y = 2 * x.squeeze(1) + 1 + 0.1 * torch.randn(100)  # (100,)
    return x, y


def show(title, result):
    print(textwrap.fill(f"{title}: {result}", 92))


x, y = make_data(seed=0)
model = nn.Linear(1, 1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    loss = nn.MSELoss()(model(x), y)
    by_hand = ((model(x) - y) ** 2).mean()
show(caught[0].category.__name__, caught[0].message)
print(f"warnings: {len(caught)}, nn.MSELoss {loss:.4f}, by hand {by_hand:.4f}")

# %%
# ``nn.MSELoss`` 给出这条警告，写出两个形状，然后照样算出损失。Python 默认只把同一条警告显示一次，所以很容易错过。自己写的 ``by_hand`` 是同一个数，但是没有警告。
#
# 原因
# ----
# 两个形状不同的 :term:`张量` 相减时，PyTorch 按 :term:`广播` 的规则从最后一个轴对齐。``(100, 1)`` 的最后一个轴长 1，所以它重复 100 次。
# ``(100,)`` 缺少第一个轴，补上一个长 1 的轴以后，也重复 100 次。

prediction = model(x).detach()
difference = prediction - y
print(f"{prediction.shape=} {y.shape=}")
print(f"{difference.shape=} {difference.numel()=}")

# %%
# 结果的第 :math:`i` 行第 :math:`j` 列是 :math:`p_i - y_j`，也就是第 :math:`i` 个预测减去第 :math:`j` 个目标，一共 10000 个差。
# 正确的损失只用其中 :math:`i = j` 的 100 个。
#
# .. predict::
#
#    用这个错误的损失训练到损失不再下降，线性层的斜率是多少？
#
#    - 约为 2，因为每个预测也与自己的目标相减过
#    - 与初值相同，因为相互矛盾的误差正好抵消
#    - 0，因为每个预测都要同时接近全部 100 个目标


def wrong(prediction, y):
    return ((prediction - y) ** 2).mean()


def right(prediction, y):
    return ((prediction.squeeze(1) - y) ** 2).mean()


def fit(loss_fn, seed, bias=True):
    x, y = make_data(seed)
    model = nn.Linear(1, 1, bias=bias)
    start = model.weight.abs().item()  # 取绝对值，结果就不会是 -0.000
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item(), start


for loss_fn in (wrong, right):
    for seed in range(5):
        _, target = make_data(seed)
        model, loss, start = fit(loss_fn, seed)
        print(
            f"{loss_fn.__name__} seed {seed}: |slope| {start:.3f} -> "
            f"{model.weight.abs().item():.3f}, intercept {model.bias.item():.3f}, "
            f"mean(y) {target.mean():.3f}, loss {loss:.4f}"
        )

# %%
# .. answer:: C
#
#    用 ``wrong`` 训练时，5 个种子的斜率都是 0.000，截距都等于 ``y`` 的平均值。用 ``right`` 训练时，斜率的绝对值在 1.983 与 2.014 之间。
#    A 不成立，因为与自己的目标相减只占 10000 个差里的 100 个。
#    B 不成立，因为箭头左边的初值各不相同，而最后都是 0。

# %%

# hide-input: 画图
ends = torch.tensor([[-2.0], [2.0]])
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.plot(x, y, "o", ms=3, color="0.5")
for loss_fn, color in ((wrong, "C1"), (right, "C0")):
    model, *_ = fit(loss_fn, seed=0)
    ax.plot(ends, model(ends).detach(), color=color, lw=2)
ax.annotate("wrong: (n, 1) minus (n,)", (-1.95, 1.25), color="C1")
ax.annotate("right: (n,) minus (n,)", (0.9, 3.6), color="C0", ha="right")
ax.set(xlabel="x", ylabel="y")
ax.spines[["top", "right"]].set_visible(False)
# alt: 灰点沿一条上升的直线分布，蓝线穿过灰点，橙线是高度约 0.9 的水平线
plt.show()

# %%
# 橙线是水平线，不论 :math:`x` 是多少，预测都是 ``y`` 的平均值。
#
# 为什么停在平均值
# ----------------
# 设 :math:`m` 是 ``y`` 的平均值，每个差写成 :math:`p_i - y_j = (p_i - m) + (m - y_j)`。平方以后对 :math:`j` 求和，
# 交叉项因为 :math:`\sum_j (m - y_j) = 0` 而消失，所以 10000 个差的平方的平均值等于两项之和。下面用训练以前的预测 ``prediction`` 核对。
#
# .. math::
#
#    \frac{1}{n^2} \sum_{i,j} (p_i - y_j)^2 = \frac{1}{n} \sum_i (p_i - m)^2 + \mathrm{var}(y)

first_term = (prediction - y.mean()).square().mean()
variance = y.var(correction=0)  # 除以 n，而不是 n - 1
print(f"wrong loss {wrong(prediction, y):.4f}")
print(f"two terms  {first_term:.4f} + {variance:.4f} = {first_term + variance:.4f}")

# %%
# 第二项与模型无关，所以训练只能减小第一项。第一项在每个预测都等于 :math:`m` 时是 0，
# 于是种子 0 的损失从 8.1968 降到 5.4101，也就是 ``y`` 的方差，然后停住。
#
# .. change-it::
#
#    把 ``fit(wrong, seed=0)`` 改成 ``fit(wrong, seed=0, bias=False)``，去掉线性层的偏置。损失还会停在 5.4101 吗？

# hide-cell: 没有偏置
model, loss, _ = fit(wrong, seed=0, bias=False)
first_term = (model(x) - y.mean()).square().mean()
print(f"slope {model.weight.item():.3f}, loss {loss:.4f}")
print(f"two terms {first_term:.4f} + {variance:.4f}")

# %%
# .. outcome::
#
#    损失停得更高，在 6.2316。这个模型的直线总是过原点，所以第一项降不到 0，停在 0.8215。
#
# 现成的损失会不会提醒
# --------------------
# 用同样的两个形状，试六种现成的损失。``L1Loss`` 是误差绝对值的平均，``BCEWithLogitsLoss`` 和
# ``SoftMarginLoss`` 用于二分类，``PoissonNLLLoss`` 用于预测次数，``KLDivLoss`` 比较两个概率分布。

output = torch.rand(100, 1)
target = torch.rand(100)
for loss_fn in (
    nn.MSELoss(),
    nn.L1Loss(),
    nn.BCEWithLogitsLoss(),
    nn.SoftMarginLoss(),
    nn.PoissonNLLLoss(),
    nn.KLDivLoss(reduction="batchmean"),
):
    name = type(loss_fn).__name__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss_fn(output, target)
            show(name, "a warning" if caught else "silent")
        except (RuntimeError, ValueError) as error:
            show(name, f"{type(error).__name__}: {error}")

# %%
# 前两种警告，中间两种报错，最后两种没有任何提示。所以不能指望损失函数替你检查形状。
#
# 准确率也会出错
# --------------
# 用 ``right`` 训练的模型判断每个点的 ``y`` 是不是大于 ``cut``，它先取 1，再取 4，用两种形状各算一次 :term:`准确率`。

model, *_ = fit(right, seed=0)
prediction = model(x).detach()
for cut in (1, 4):
    for p in (prediction, prediction.squeeze(1)):
        correct = (p > cut) == (y > cut)
        accuracy = correct.float().mean()
        print(f"cut {cut}, {correct.numel():5} comparisons, accuracy {accuracy:.2f}")

# %%
# 形状相同时，两个准确率都是 1.00。形状不对时，比较的是预测和目标的全部 10000 种搭配，准确率成了 0.50 和 0.79，后一个看上去并不可疑。
#
# 下次怎样发现
# ------------
# 自己写的损失和指标，第一行先核对形状。


def checked(prediction, y):
    assert prediction.shape == y.shape, f"{tuple(prediction.shape)} != {tuple(y.shape)}"
    return ((prediction - y) ** 2).mean()


pairs = (prediction, y), (prediction.squeeze(1), y), (prediction, y.unsqueeze(1))
for p, target in pairs:
    try:
        print(
            f"{tuple(p.shape)} and {tuple(target.shape)}: loss {checked(p, target):.4f}"
        )
    except AssertionError as error:
        print(f"{type(error).__name__}: {error}")

one = torch.rand(1, 1)  # 批次里只有一个样本
print(f"{one.squeeze(1).shape=} {one.squeeze().shape=}")

# %%
# 第一行查出了不同的形状。改法是 ``prediction.squeeze(1)`` 或 ``y.unsqueeze(1)``，两者的损失相同。
# 最后一行说明为什么要写轴的编号，因为批次里只有一个样本时，不写编号的 ``squeeze()`` 会把批量的轴也去掉。
#
# .. real-projects::
#
#    用 ``python -W "error:Using a target size" train.py`` 运行训练脚本，就把这条警告变成错误。更多的细节见
#    `torch.nn.MSELoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html>`__ 和
#    `广播的说明 <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>`__。
#
# 小结
# ----
# - 规则：预测和目标的形状相同才能相减，否则每个预测都会与全部目标相减，均方误差在预测都等于目标的平均值时最小。
# - API：``Tensor.squeeze(1)``、``Tensor.unsqueeze(1)``、``torch.nn.MSELoss``。
# - 下一页：:ref:`pitfalls-memory-growth`
