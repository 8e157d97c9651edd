# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-mse-loss:

损失函数：均方误差
==================

:term:`损失函数` 用一个数说出预测有多差，训练就是让这个数变小。
回归最常用的是 :term:`均方误差`：每个误差取平方，再求平均。
这一页先把它算出来，再看它偏爱怎样的预测，最后看 :term:`形状` 不一致时它怎样算错。

你将学到：

- 用 ``torch.nn.MSELoss`` 求损失，再手算核对
- ``reduction`` 的三种取法：逐个保留、求和、求平均
- 为什么预测和目标的形状必须相同
"""

import warnings

import matplotlib.pyplot as plt
import torch

# %%
# 求一次损失
# ----------
# 先创建损失函数，再像函数那样调用它：预测在前，目标在后。
# 这里的预测是三个 0，目标是 1、0、−1。
#
# .. admonition:: 先猜一猜
#
#    三个误差是 −1、0、1，加起来等于 0。损失是 0、2/3 还是 2？

mse_loss_fn = torch.nn.MSELoss()

prediction = torch.tensor([[0.0, 0, 0]])  # (1, 3)：模型的输出
target = torch.tensor([[1.0, 0, -1]])  # (1, 3)：正确的值

loss = mse_loss_fn(prediction, target)
print(loss)

# %%
# 是 2/3。误差先取平方，正负就不会抵消：平方后是 1、0、1，平均得 2/3。
# 结果只有一个数，训练时可以直接对它调用 ``backward()``。
#
# 手算
# ----
# 定义只有一行，其中 :math:`n` 是元素的个数：
#
# .. math::
#
#    L = \frac{1}{n} \sum_{i=1}^{n} (\hat{y}_i - y_i)^2

by_hand = ((prediction - target) ** 2).mean()
print(f"by hand: {by_hand:.4f}")
print(f"MSELoss: {loss:.4f}")
torch.testing.assert_close(by_hand, loss)

# %%
# 三种归约
# --------
# 平方之后怎样合成一个数，由 ``reduction`` 决定，默认是 ``"mean"``。

for reduction in ("none", "sum", "mean"):
    loss_fn = torch.nn.MSELoss(reduction=reduction)
    print(f"{reduction:>4}:", loss_fn(prediction, target))

# %%
# ``"none"`` 不合并，可以看出损失来自哪个元素。
# ``"sum"`` 是 ``"mean"`` 的三倍，:term:`梯度` 也是三倍，换用时 :term:`学习率` 要跟着改。
# 注意 ``"mean"`` 除以元素个数 3，而不是样本个数 1。
#
# 损失偏爱平均值
# --------------
# 如果对三个目标只许猜同一个数 :math:`c`，猜多少损失最小？把 :math:`c` 从 −4 试到 4。

c = torch.arange(-80, 81).view(-1, 1) / 20
each = (c - target) ** 2  # (161, 1) 与 (1, 3) 广播成 (161, 3)，这次是有意的
curve = each.mean(dim=1)

best = curve.argmin()
print(f"best c: {c[best].item():.2f}, loss: {curve[best]:.4f}")

fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
lines = ax.plot(c, each, color="0.6", lw=1)
(mean_line,) = ax.plot(c, curve, color="C0", lw=2.5)
(dot,) = ax.plot(c[best], curve[best], "o", color="C1", ms=8)
labels = ["one target each", "mean of the three", f"lowest: {curve[best]:.4f}"]
ax.legend([lines[0], mean_line, dot], labels, loc="upper center", frameon=False)
ax.set(xlabel="constant prediction $c$", ylabel="squared error", ylim=(-0.5, 12))
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条灰色抛物线各在一个目标处降到零，蓝色抛物线是它们的平均，最低点在 c 等于 0 处，高 0.6667
plt.show()

# %%
# 每条灰线是一个目标的误差平方，蓝线是三者的平均。最低点正好在目标的平均值 0：
# 开头的三个 0 已经是最好的常数预测，剩下的 0.6667 就是目标的方差
# （除以 n，即 ``target.var(correction=0)``）。误差越大，抛物线越陡，所以一个离群的目标就能拉走最低点。
#
# 改一改：把 ``target`` 里的 −1 改成 −4，先猜最低点移到哪里，再运行。
#
# 常见错误：形状不一致
# --------------------
# :term:`线性层` 的输出常是 ``(n, 1)``，从表格读来的目标常是 ``(n,)``。
# 下面的预测与目标完全相等，正确的损失是 0。

column = target.view(3, 1)  # 预测
row = target.view(3)  # 目标：同样的三个数

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrong = mse_loss_fn(column, row)

print(f"{caught[0].category.__name__}: {caught[0].message}")
print(f"{(column - row).shape=}")
print(f"(3, 1) and (3,): {wrong:.4f}")
print(f"(3,) and (3,):   {mse_loss_fn(column.squeeze(1), row):.4f}")

# %%
# 两者 :term:`广播` 成 ``(3, 3)``，每个预测与三个目标各比了一次，损失成了 1.3333。
# 程序不会停下，只有这一条警告；照这样训练，模型学到的是目标的平均值。
# 先用 ``squeeze(1)`` 或 ``unsqueeze(1)`` 把形状变得相同。广播的规则见 :ref:`basics-broadcasting`。
#
# 小结
# ----
# - 规则：误差取平方再求平均；预测与目标的形状要完全相同。
# - API：``torch.nn.MSELoss(reduction="mean")``，函数形式是 ``torch.nn.functional.mse_loss``。
# - 下一页：:ref:`networks-cross-entropy`
#
# 与原笔记的差异：标题里的“平方差”改为“均方误差”；变量 ``input`` 改名为 ``prediction``，不再遮住内置函数；
# 手算、归约、图和形状错误是新加的。
