# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-mse-loss:

损失函数：均方误差
==================

模型预测房价、温度这样的连续数值，叫作回归。训练需要用一个数来表示预测有多差，
这个数由 :term:`损失函数` 算出。如果数据里混进一个写错的目标，使损失最小的预测会改变多少？

你将学到：

- 计算 :term:`均方误差` 和它的 :term:`梯度`
- 比较离群的目标对三种损失函数的影响
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
# 公式里的 :math:`\hat{y}_i` 是预测，:math:`y_i` 是目标，:math:`n` 是元素的个数。
# 使用时先创建损失函数，再像函数那样调用它，预测在前，目标在后。

mse_loss_fn = torch.nn.MSELoss()

prediction = torch.tensor([[0.0, 0, 0]])  # (1, 3)：模型的输出
target = torch.tensor([[1.0, 0, -1]])  # (1, 3)：正确的值

loss = mse_loss_fn(prediction, target)
print(loss)

# %%
# 三个误差是 −1、0、1，平方之后是 1、0、1，平均就是 2/3。照公式手算，结果相同。

by_hand = ((prediction - target) ** 2).mean()
print(f"by hand: {by_hand:.4f}")

# %%
# 选项 ``reduction`` 决定这些平方怎样合成一个数，默认是 ``"mean"``。

for reduction in ("none", "sum", "mean"):
    loss_fn = torch.nn.MSELoss(reduction=reduction)
    print(f"{reduction:>4}:", loss_fn(prediction, target))

# %%
# 选项 ``"none"`` 不合并，可以看出损失来自哪个元素。选项 ``"mean"`` 除以元素的个数 3，而不是 :term:`样本` 的个数 1。
# 选项 ``"sum"`` 只相加，不再除，所以损失是 ``"mean"`` 的 3 倍，梯度也是。
#
# 梯度与误差成正比
# ----------------
# 训练靠梯度来改变预测。对公式求导，得到第 :math:`i` 个预测的梯度：
#
# .. math::
#
#    \frac{\partial L}{\partial \hat{y}_i} = \frac{2 (\hat{y}_i - y_i)}{n}
#
# 下面用 ``backward()`` 核对。五个目标里，最后一个本来是 5，被误写成 50。
# 五个预测都取同一个数 3，也就是没有写错时目标的平均值。

clean = torch.tensor([1.0, 2, 3, 4, 5])
typo = torch.tensor([1.0, 2, 3, 4, 50])


def gradient(loss_fn, constant, target):
    prediction = torch.full_like(target, constant, requires_grad=True)
    loss_fn(prediction, target).backward()
    return prediction.grad


print("error:   ", 3 - typo)
print("by hand: ", 2 * (3 - typo) / 5)
print("backward:", gradient(mse_loss_fn, 3.0, typo))

# %%
# 误差 −47 是误差 −1 的 47 倍，梯度 −18.8 也是 −0.4 的 47 倍。
# 负的梯度表示增大预测会使损失减小，所以写错的目标会把预测拉高，而且作用远大于其他四个目标。
#
# 另外两种损失
# ------------
# 如果不让梯度随误差增大，离群的目标还会这样起作用吗？比较另外两种损失：
#
# - 平均绝对误差（mean absolute error，MAE）取误差的绝对值，类名是 ``L1Loss``。
# - Huber 损失在误差的绝对值小于 ``delta`` 时用平方的一半，超过之后改用直线，类名是 ``HuberLoss``。
#
# 下图画出三种损失的值和斜率，其中 Huber 损失的 ``delta`` 是 1。

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
for ax, label in zip(axes, ("loss", "slope"), strict=True):
    ax.set(xlabel="error", ylabel=label, xlim=(-3.1, 4.4))
    ax.spines[["top", "right"]].set_visible(False)
# alt: 左图是三种损失，MSE 是抛物线，MAE 是 V 形，Huber 底部圆、两边直；
# 右图是斜率，MSE 是斜线，MAE 在 0 处从 −1 跳到 1，Huber 从 −1 逐渐升到 1
plt.show()

# %%
# MSE 的斜率随误差增大，而 MAE 和 Huber 的斜率的绝对值不超过 1。
#
# .. predict::
#
#    五个目标 1、2、3、4、5 全部预测成同一个数，三种损失都在预测 3 时最小。
#    把 5 误写成 50，哪些损失的最低点会离开 3？
#
#    - 三种都会，因为目标的平均值变了
#    - 只有 MSE，因为它的斜率随误差增大
#    - MSE 和 Huber，因为 Huber 在误差小时也用平方


def best_constant(loss_fn, target):
    def loss(constant):
        return loss_fn(torch.full_like(target, constant), target).item()

    return min([i / 20 for i in range(1001)], key=loss)  # 从 0 到 50


for name, loss_fn in loss_fns.items():
    before, after = best_constant(loss_fn, clean), best_constant(loss_fn, typo)
    print(f"{name:5} lowest at {before:5.2f} before, {after:5.2f} after the typo")
for name, constant in (("MSE", 12.0), ("MAE", 3.0), ("Huber", 3.0)):
    print(f"{name:5} at {constant:2.0f}:", gradient(loss_fns[name], constant, typo))

# %%
# .. answer:: B
#
#    MSE 的最低点从 3 移到 12，也就是五个目标的平均值，因为在这里五个梯度之和才是 0。
#    A 只对 MSE 成立。用另外两种损失时，写错的目标与目标 4 的梯度都是 −0.2，所以在 3 处五个梯度之和仍是 0。
#    C 只看了误差小的一段。目标 50 的误差远大于 ``delta``，落在直线的一段。

# %%
# .. change-it::
#
#    这次误写的是 3，五个目标成了 1、2、50、4、5。MAE 和 Huber 的最低点还会留在 3 吗？

# hide-cell: 把 3 误写成 50
other_typo = torch.tensor([1.0, 2, 50, 4, 5])
for name, loss_fn in loss_fns.items():
    print(f"{name:5} lowest at {best_constant(loss_fn, other_typo):5.2f}")
print(f"median: {other_typo.median():.2f}")

# %%
# .. outcome::
#
#    不会，两者都移到了 4。MAE 的最低点是目标的中位数，也就是排序以后居中的数。
#    误写 5 不改变居中的数，误写 3 却使它变成了 4。即使这样，两者移动的距离也比 MSE 小得多。

# %%
# 选项 ``delta`` 决定 Huber 损失从多大的误差开始改用直线。
#
# .. change-it::
#
#    把 Huber 损失的 ``delta`` 改成 100，大于所有的误差。最低点会在 3、12，还是两者之间？

# hide-cell: delta=100
for delta in (1.0, 5.0, 100.0):
    best = best_constant(torch.nn.HuberLoss(delta=delta), typo)
    print(f"delta {delta:5.1f}: lowest at {best:5.2f}")

# %%
# .. outcome::
#
#    最低点从 3 移到 3.75，再移到 12。所有误差都小于 ``delta`` 时，Huber 损失就是均方误差的一半，所以最低点相同。

# %%
# 常见错误：形状不一致
# --------------------
# :term:`线性层` 的输出常常是 ``(n, 1)``，从表格读来的目标常常是 ``(n,)``。
# 下面的预测与目标完全相等，正确的损失是 0。

column = target.view(3, 1)  # 预测
row = target.view(3)  # 目标：同样的三个数

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrong = mse_loss_fn(column, row)

message = f"{caught[0].category.__name__}: {caught[0].message}"
print(textwrap.fill(message, 92))
print(f"{(column - row).shape=}")
print(f"(3, 1) and (3,): {wrong:.4f}")
print(f"(3,) and (3,):   {mse_loss_fn(column.squeeze(1), row):.4f}")

# %%
# 两者 :term:`广播` 成 ``(3, 3)``，于是每个预测与三个目标各比较一次，损失成了 1.3333。
# PyTorch 只给出警告，程序会继续运行。改法是先用 ``squeeze(1)`` 去掉预测的最后一维，使两者形状相同。
# 用错误的形状训练会怎样，见 :ref:`pitfalls-broadcasting-bug`。

# %%
# .. real-projects::
#
#    目标检测网络 Fast R-CNN 用 ``SmoothL1Loss`` 回归边框的坐标，见
#    `Girshick, 2015 <https://arxiv.org/abs/1504.08083>`__。这种损失与 Huber 损失只差一个系数。各个选项见
#    `torch.nn.MSELoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html>`__。

# %%
# 小结
# ----
# - 规则：均方误差的梯度与误差成正比，所以离群的目标对它影响很大，对 MAE 和 Huber 影响较小。
# - API：``torch.nn.MSELoss``、``torch.nn.L1Loss``、``torch.nn.HuberLoss``，函数形式如 ``torch.nn.functional.mse_loss``。
# - 下一页：:ref:`networks-cross-entropy`
