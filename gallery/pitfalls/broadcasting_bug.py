# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _pitfalls-broadcasting-bug:

损失里的广播
============

预测的 :term:`形状` 是 ``(n, 1)``，目标是 ``(n,)``，手写的 ``((prediction - y) ** 2).mean()`` 不报错：
:term:`广播` 拿每个预测去减每个目标，平均以后仍是一个数。
训练照样 :term:`收敛`，只是收敛到一条水平线。

你将学到：

- 这个错误为什么总把模型带到 ``y`` 的平均值，损失停在 ``y`` 的方差
- 同样的两个形状，哪些现成的损失会警告，哪些会报错
- 用一行检查挡住它，准确率也一样
"""

import warnings

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 症状：斜率学不到
# ----------------
# 100 个点落在一条斜率 2、截距 1 的直线附近，用一个 :term:`线性层` 去拟合。
# 两个损失只差一个 ``squeeze(1)``。

torch.manual_seed(0)
x = 4 * torch.rand(100, 1) - 2  # (100, 1)
y = 2 * x[:, 0] + 1 + 0.1 * torch.randn(100)  # (100,)


def wrong(prediction, y):
    return ((prediction - y) ** 2).mean()


def right(prediction, y):
    return ((prediction.squeeze(1) - y) ** 2).mean()


def fit(loss_fn):
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item()


# %%
# .. admonition:: 先猜一猜
#
#    用 ``wrong`` 训练到底，斜率、截距和损失各是多少？

models = {}
for loss_fn in (wrong, right):
    model, loss = fit(loss_fn)
    models[loss_fn.__name__] = model
    slope, intercept = (round(p.item(), 3) + 0.0 for p in model.parameters())
    print(
        f"{loss_fn.__name__}: slope {slope:.3f}, intercept {intercept:.3f}, loss {loss:.4f}"
    )
print(f"mean of y {y.mean():.3f}, variance of y {y.var(correction=0):.4f}")

# %%
# 斜率是 0，截距是 ``y`` 的平均值，损失是 ``y`` 的方差：模型等于没有看 ``x``。

fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.plot(x, y, "o", ms=3, color="0.5")
ends = torch.tensor([[-2.0], [2.0]])
for model, color in zip(models.values(), ("C1", "C0"), strict=True):
    ax.plot(ends, model(ends).detach(), color=color, lw=2)
ax.annotate("wrong: (n, 1) minus (n,)", (-1.95, 1.25), color="C1")
ax.annotate("right: (n,) minus (n,)", (0.9, 3.6), color="C0", ha="right")
ax.set(xlabel="x", ylabel="y")
ax.spines[["top", "right"]].set_visible(False)
# alt: 灰点沿一条上升的直线分布；蓝线穿过它们，橙线是高度约 0.9 的水平线
plt.show()

# %%
# 为什么
# ------

prediction = models["wrong"](x).detach()
print(
    f"{tuple(prediction.shape)} - {tuple(y.shape)} -> {tuple((prediction - y).shape)}"
)

# %%
# 差有 10000 个，不是 100 个：每个预测都要同时靠近全部目标，对谁都一样，
# 最好的答案就是目标的平均值，见 :ref:`basics-broadcasting`。
#
# 现成的损失会提醒吗
# ------------------

standard = (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss(), nn.SoftMarginLoss())
for loss_fn in standard:
    name = type(loss_fn).__name__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss_fn(prediction, y)
        except (RuntimeError, ValueError) as error:
            print(f"{name}: {type(error).__name__}: {error}")
    for warning in caught:
        print(
            f"{name}: {warning.category.__name__}: {str(warning.message).split('. ')[0]}"
        )

# %%
# ``MSELoss`` 和 ``L1Loss`` 只警告，照样算完，结果与手写的一样错；另两个直接报错。
# 警告容易淹没在日志里，训练脚本可以把它变成错误：``python -W error::UserWarning train.py``。
#
# 准确率也会中招
# --------------
# 判断预测和目标是否在 1 的同一侧，用的是斜率正确的模型：

prediction = models["right"](x).detach()
for name, p in {"(n, 1)": prediction, "(n,)": prediction.squeeze(1)}.items():
    print(f"{name}: accuracy {((p > 1) == (y > 1)).float().mean():.2f}")

# %%
# 同一个模型，形状不对时只有一半“正确”，那是 10000 次乱配的结果。
#
# 下次怎样发现
# ------------
# 自己写的损失和指标，第一行先核对形状。

try:
    assert prediction.shape == y.shape, f"{tuple(prediction.shape)} != {tuple(y.shape)}"
except AssertionError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 损失稳稳停在 ``y`` 的方差，也是一个信号：总猜平均值的模型正好得这么多。
#
# 改一改：把 ``squeeze(1)`` 改成 ``squeeze()``，结果不变；再想一想，只有一个样本时 ``squeeze()`` 给出什么形状？
#
# 小结
# ----
# - 规则：预测和目标形状相同才相减；去掉长度为 1 的轴要写明是哪一个。
# - API：``Tensor.squeeze(1)``、``torch.nn.MSELoss``。
# - 下一页：:ref:`pitfalls-memory-growth`
