# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-vector:

多元函数的梯度
==============

输入换成 :term:`向量`，求导的写法不变：调用一次 ``backward()``，``w.grad`` 里就是全部偏导数。
它与 ``w`` :term:`形状` 相同，指向函数上升最快的方向。
这一页还修好了原笔记里一行如今会警告的代码，并一次求出许多个点的 :term:`梯度`。

你将学到：

- 一次 ``backward()`` 得到每个分量的偏导数
- 把要求梯度的张量放进 ``torch.tensor([...])`` 为什么会警告，怎么改
- 对非 :term:`标量` 调用 ``backward()`` 的报错，以及 ``sum()`` 为什么能解决
"""

import warnings

import matplotlib.pyplot as plt
import torch

# %%
# 两个偏导数
# ----------
# 函数和它的梯度是：
#
# .. math::
#
#    g(w) = 2 w_0 w_1 + w_1 \cos w_0, \qquad
#    \nabla g(w) = (2 w_1 - w_1 \sin w_0,\; 2 w_0 + \cos w_0)
#
# .. admonition:: 先猜一猜
#
#    在 :math:`w = (\pi, 1)` 处，两个偏导数各是多少？先用右边的公式手算。


def g(w):
    return 2 * w[0] * w[1] + w[1] * torch.cos(w[0])


def grad_g(w):
    return torch.tensor([2 * w[1] - w[1] * torch.sin(w[0]), 2 * w[0] + torch.cos(w[0])])


w = torch.tensor([torch.pi, 1], requires_grad=True)

z = g(w)
z.backward()

print("Analytical grad g(w)", grad_g(w.detach()))
print("PyTorch's grad g(w)", w.grad)
torch.testing.assert_close(grad_g(w.detach()), w.grad)

# %%
# 手算是 2 和 :math:`2\pi - 1`，与两行输出一致。
#
# 为什么要 detach
# ---------------
# 原笔记写的是 ``grad_g(w)``。数值照样对，但如今会警告。把警告接住，看它说什么。

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    grad_g(w)
for warning in caught:
    first_line = str(warning.message).splitlines()[0]
    print(f"{warning.category.__name__}: {first_line}")

# %%
# ``torch.tensor([...])`` 只收数字，所以要从每个带 ``grad_fn`` 的元素里取出一个数。
# 取出的数不在 :term:`计算图` 里，这一步悄悄断开了图，PyTorch 因此提醒你。
# 这条警告在一个进程里只出现一次，只看到一次不等于只有一处。
#
# 只要数值，就像上面那样先 ``detach()``。还要继续求导，就改用 ``torch.stack``，
# 它把各个元素连同计算图拼在一起。

stacked = torch.stack([2 * w[1] - w[1] * torch.sin(w[0]), 2 * w[0] + torch.cos(w[0])])
print("stacked", stacked)

# %%
# 一次求许多个点
# --------------
# ``g`` 只用到 ``w[0]`` 和 ``w[1]``，它们也可以各是一张表。
# ``W`` 装着网格上的 24 个点，``g(W)`` 一次算出 24 个函数值。直接对它们求导，却会报错。

axis_0 = torch.linspace(0.5, 5.5, 6)
axis_1 = torch.linspace(-0.5, 2.5, 4)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy")).requires_grad_()
print(f"{W.shape=}  {g(W).shape=}")

try:
    g(W).backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

g(W).sum().backward()
print(f"{W.grad.shape=}")

# %%
# ``backward()`` 从一个数出发，而这里有 24 个。先求和就只剩一个数。
# 每个函数值只依赖自己的那个点，求和之后仍互不相干，所以 ``W.grad`` 里正是各点的梯度。
#
# 梯度场
# ------
# 把这 24 个梯度画成箭头，底下是 ``g`` 的等高线。看箭头与等高线成什么角度，哪里的箭头更长。

grid_0 = torch.linspace(0, 6.25, 126)
grid_1 = torch.linspace(-1, 3.5, 91)
values = g(torch.stack(torch.meshgrid(grid_0, grid_1, indexing="xy")))

fig, ax = plt.subplots(figsize=(6.5, 4.6), layout="constrained")
ax.contour(grid_0, grid_1, values, levels=12, colors="0.7", linewidths=1)
style = {"angles": "xy", "scale_units": "xy", "scale": 12}
ax.quiver(*W.detach(), *W.grad, color="C0", width=0.004, **style)
ax.quiver(*w.detach(), *w.grad, color="C1", width=0.006, **style)
ax.plot(*w.detach(), "o", color="C1")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
ax.spines[["top", "right"]].set_visible(False)
# alt: 灰色等高线上的蓝色箭头都与等高线垂直，大多朝上，右侧的最长；橙色箭头从点 (π, 1) 指向右上方。
plt.show()

# %%
# 箭头处处垂直于等高线，指向函数值更大的一边；等高线越密，箭头越长。
# 橙色的那支就是上面求出的 (2, 5.2832)，画成了十二分之一长。
#
# 改一改：把 ``w`` 换成 ``torch.tensor([torch.pi / 2, 0.0], requires_grad=True)``，
# 先猜橙色箭头指向哪里。
#
# 小结
# ----
# - 规则：``backward()`` 从一个标量出发；``w.grad`` 与 ``w`` 形状相同，每个元素是一个偏导数。
# - API：``w.grad``、``w.detach()``、``torch.stack`` 和 ``z.sum().backward()``。
# - 下一页：:ref:`basics-gradient-descent`
#
# 与原笔记的差异：``grad_g(w)`` 改为 ``grad_g(w.detach())``，去掉警告；
# ``np.pi`` 改为 ``torch.pi``，少导入一个包。
