# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-mse-loss:

损失函数：均方误差
==================

模型预测房价、温度这样的连续数值，叫作回归。训练需要用一个数来表示预测有多差，
这个数由 :term:`损失函数` 算出。假设用同一个数预测全部样本，而其中一个样本的目标写错了。
使损失最小的那个数会移动多远？

你将学到：

- 计算 :term:`均方误差` 和它的 :term:`梯度`
- 比较离群值（与其余目标相差很远的目标）对三种损失函数的影响
- 修正预测与目标形状不一致的错误
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import torch

# %%
# 从误差到损失
# ------------
# 预测减去目标，叫作误差。直接把误差相加，正负会抵消。
# 均方误差（mean squared error，MSE）先取每个误差的平方，再求平均。
#
# .. math::
#
#    L = \frac{1}{n} \sum_{i=1}^{n} (\hat{y}_i - y_i)^2
#
# 公式里的 :math:`\hat{y}_i` 是预测，:math:`y_i` 是目标，:math:`n` 是元素的个数。调用损失函数时，预测在前，目标在后。

mse_loss_fn = torch.nn.MSELoss()

prediction = torch.tensor([[0.0, 0, 0]])  # (1, 3)：模型的输出
target = torch.tensor([[1.0, 0, -1]])  # (1, 3)：正确的值

loss = mse_loss_fn(prediction, target)
print(loss)

# %%
# 三个误差是 −1、0、1，平方之后是 1、0、1，平均就是 2/3。
# 选项 ``reduction`` 决定这些平方怎样合成一个数，默认是 ``"mean"``。

for reduction in ("none", "sum", "mean"):
    loss_fn = torch.nn.MSELoss(reduction=reduction)
    print(f"{reduction:>4}:", loss_fn(prediction, target))

# %%
# 选项 ``"none"`` 不合并，可以看出损失来自哪个元素。选项 ``"mean"`` 除以元素的个数 3，而不是 :term:`样本` 的个数 1。
# 选项 ``"sum"`` 只相加，所以损失是 ``"mean"`` 的 3 倍，梯度也是 3 倍。
#
# 梯度与误差成正比
# ----------------
# 训练沿着与梯度相反的方向改变参数。对公式求导，得到损失对第 :math:`i` 个预测的梯度：
#
# .. math::
#
#    \frac{\partial L}{\partial \hat{y}_i} = \frac{2 (\hat{y}_i - y_i)}{n}
#
# 下面用 ``backward()`` 核对。五个预测都取同一个数 3，也就是 ``clean`` 中五个目标的平均值。
# 在 ``typo`` 中，最后一个目标 5 被误写成 50。

clean = torch.tensor([1.0, 2, 3, 4, 5])
typo = torch.tensor([1.0, 2, 3, 4, 50])


def gradient(loss_fn, constant, target):
    prediction = torch.full_like(target, constant, requires_grad=True)
    loss_fn(prediction, target).backward()
    return prediction.grad


for name, targets in {"clean": clean, "typo": typo}.items():
    backward = gradient(mse_loss_fn, 3.0, targets)
    print(f"{name:5} error:   ", 3 - targets)
    print(f"{name:5} by hand: ", 2 * (3 - targets) / 5)
    print(f"{name:5} backward:", backward, f"sum {backward.sum():.1f}")

# %%
# 误差 −47 是误差 −1 的 47 倍，梯度 −18.8 也是 −0.4 的 47 倍。
#
# 五个预测是同一个数，改变这个数就同时改变五个预测，所以损失对它的导数是五个梯度之和。
# ``clean`` 的和是 0，所以预测取 3 时损失最小。``typo`` 的和是 −18，增大这个数还能减小损失。
#
# 另外两种损失
# ------------
# 回归还常用另外两种损失：
#
# - 平均绝对误差（mean absolute error，MAE）取误差的绝对值，再求平均，类名是 ``L1Loss``。
# - Huber 损失在误差的绝对值不超过 ``delta`` 时用平方的一半，超过之后改用与它平滑相接的直线，斜率是 ``delta`` 或 ``-delta``。
#   最后同样求平均。类名是 ``HuberLoss``，``delta`` 默认是 1。
#
# 下图画出只有一个预测时三种损失的值和斜率，斜率就是这个预测的梯度。

loss_fns = {
    "MSE": torch.nn.MSELoss(),
    "MAE": torch.nn.L1Loss(),
    "Huber": torch.nn.HuberLoss(delta=1.0),
}
errors = torch.linspace(-3, 3, 301)
values, slopes = {}, {}
for name, loss_fn in loss_fns.items():
    e = errors.clone().requires_grad_()
    each = torch.stack([loss_fn(one, torch.tensor(0.0)) for one in e])
    each.sum().backward()
    values[name], slopes[name] = each.detach(), e.grad
    print(f"{name:5} at error 3: value {each[-1]:.1f}, slope {e.grad[-1]:.1f}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.3), layout="constrained")
for name, line, side in (
    ("MSE", "-", "center"),
    ("MAE", "--", "bottom"),
    ("Huber", "-", "top"),
):
    for ax, curves in zip(axes, (values, slopes), strict=True):
        (drawn,) = ax.plot(errors, curves[name], ls=line, lw=2)
        ax.text(3.1, curves[name][-1], name, color=drawn.get_color(), va=side)
ticks = ([0, 3, 6, 9], [-6, -3, -1, 0, 1, 3, 6])
for ax, label, at in zip(axes, ("loss", "slope"), ticks, strict=True):
    ax.set(xlabel="error", ylabel=label, xlim=(-3.1, 4.4), yticks=at)
    ax.set_xticks(range(-3, 4))
    ax.spines[["top", "right"]].set_visible(False)
# alt: 左图是三种损失，MSE 是抛物线，MAE 是 V 形，Huber 底部圆、两边直；
# 右图是斜率，MSE 是斜线，MAE 在 0 处从 −1 跳到 1，Huber 从 −1 逐渐升到 1
plt.show()

# %%
# 误差为 3 时，三种损失的斜率是 6、1、1。Huber 在误差 1 处的值是 1/2，从那里沿直线升到 1/2 + 1 × (3 − 1)，也就是 2.5。
# 在误差 0 处，MAE 的斜率从 −1 跳到 1，Huber 的斜率是连续的。
#
# .. predict::
#
#    用同一个数预测 ``clean`` 的五个目标，三种损失都在 3 处最小。把目标 5 误写成 50 以后，哪些损失的最低点会离开 3？
#
#    - 三种都会，因为目标的平均值变了
#    - 只有 MSE，因为用 MAE 和 Huber 时，这个样本的预测在 3 处的梯度不变
#    - MSE 和 Huber，因为 Huber 在误差小时也用平方
#
# 函数 ``best_constant`` 把 0 到 50 之间每隔 0.01 的数依次当作预测，返回损失最小的一个。


def best_constant(loss_fn, target):
    candidates = torch.arange(0, 50, 0.01, dtype=torch.float64)
    losses = [loss_fn(c.expand(5), target.double()) for c in candidates]
    return candidates[torch.stack(losses).argmin()].item()


for name, loss_fn in loss_fns.items():
    for label, targets in {"clean": clean, "typo": typo}.items():
        best, grad = best_constant(loss_fn, targets), gradient(loss_fn, 3.0, targets)
        print(f"{name:5} {label:5} lowest at {best:5.2f}; gradient at 3: ", end="")
        print(f"last target {grad[-1]:5.1f}, sum {grad.sum():5.1f}")
print("MSE   typo  gradients at 12:", gradient(mse_loss_fn, 12.0, typo))

# %%
# .. answer:: B
#
#    用 MAE 和 Huber 时，目标 5 对应的预测在 3 处的梯度本来就是 −0.2，误写成 50 以后还是 −0.2，所以五个梯度之和仍是 0。
#    A 只对 MSE 成立。它的最低点从 3 移到平均值 12，在那里五个梯度之和才是 0。
#    C 忽略了 ``delta``。误差 −2 和 −47 的绝对值都超过 1，所以都落在斜率为 −1 的直线上，五个求平均，梯度都是 −1/5。

# %%
# .. change-it::
#
#    把 ``typo`` 改成 ``[1, 2, 50, 4, 5]``，也就是误写 3，再改成 ``[1, 2, 3, 3.5, 50]``。
#    MAE 和 Huber 的最低点各在哪里？

# hide-cell: 另外两组目标
for numbers in [1.0, 2, 50, 4, 5], [1.0, 2, 3, 3.5, 50]:
    targets = torch.tensor(numbers)
    bests = [
        f"{name} {best_constant(fn, targets):.2f}" for name, fn in loss_fns.items()
    ]
    print(f"{numbers}: {', '.join(bests)}; median {targets.median():.2f}")

# %%
# .. outcome::
#
#    目标个数为奇数时，MAE 的最低点在中位数处，也就是排序以后居中的数。因为每个预测的梯度是 0.2 还是 −0.2，只取决于目标比它小还是大，
#    所以两边的目标一样多时，和才是 0。误写 3 使中位数变成 4，MAE 和 Huber 都移到 4，MSE 移到 12.40。
#    在第二组中，Huber 的最低点在 2.83 处。目标 1 和 50 的两个梯度互相抵消，而 2、3、3.5 的误差小于 ``delta``，
#    所以最低点在这三个数的平均值处。

# %%
# .. change-it::
#
#    把 ``typo`` 改回 ``[1, 2, 3, 4, 50]``，把 ``HuberLoss`` 的 ``delta`` 改成 5，再改成 100，使它大于所有的误差。最低点各在哪里？

# hide-cell: delta=5 和 delta=100
for delta in (1.0, 5.0, 100.0):
    loss_fn = torch.nn.HuberLoss(delta=delta)
    best = best_constant(loss_fn, typo)
    print(f"delta {delta:5.1f}: lowest at {best:5.2f}", gradient(loss_fn, best, typo))

# %%
# .. outcome::
#
#    ``delta`` 为 5 时，目标 50 对应的梯度是 −5/5，也就是 −1。在 3.75 处，其余四个梯度之和正好是 1。
#    ``delta`` 为 100 时，Huber 损失就是均方误差的一半，所以最低点也在 12 处。

# %%
# 常见错误：形状不一致
# --------------------
# :term:`线性层` 只有一个输出时，预测的形状是 ``(n, 1)``，而从表格读入的一列目标是 ``(n,)``。
# 下面的预测与目标完全相等，正确的损失是 0。

column = torch.tensor([[1.0], [0], [-1]])  # 预测
row = torch.tensor([1.0, 0, -1])  # 目标：同样的三个数

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrong = mse_loss_fn(column, row)

message = f"{caught[0].category.__name__}: {caught[0].message}"
print(textwrap.fill(message, 92))
print(f"{(column - row).shape=}")
print(f"(3, 1) and (3,): {wrong:.4f}")
print(f"(3,) and (3,):   {mse_loss_fn(column.squeeze(1), row):.4f}")

# %%
# 两者 :term:`广播` 成 ``(3, 3)``，于是每个预测与三个目标各比较一次，九个平方之和是 12，12/9 就是 1.3333。
# PyTorch 只给出警告，同样的内容默认只显示一次，即使几处都写错了。程序会继续运行。改法是先用 ``squeeze(1)`` 去掉预测的最后一维，使两者形状相同。
# 用错误的形状训练会怎样，见 :ref:`pitfalls-broadcasting-bug`。

# %%
# .. real-projects::
#
#    目标检测网络 Fast R-CNN 用 smooth L1 损失回归边框的偏移量，见
#    `Girshick, 2015 <https://arxiv.org/abs/1504.08083>`__。PyTorch 中的 ``SmoothL1Loss(beta=b)`` 等于 ``HuberLoss(delta=b)`` 除以 ``b``。各个选项见
#    `torch.nn.MSELoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html>`__。

# %%
# 小结
# ----
# - 规则：用一个数预测全部目标时，MSE 的最低点在平均值处，一个离群值就把它从 3 拉到 12。
#   MAE 和 ``delta`` 为 1 的 Huber 在误写 5 时留在 3，在误写 3 时移到 4。
# - API：``MSELoss(reduction=…)``、``L1Loss``、``HuberLoss(delta=…)``，都在 ``torch.nn`` 中，函数形式如 ``torch.nn.functional.mse_loss``。
# - 下一页：:ref:`networks-cross-entropy`
