# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "numpy>=2.0"]
# ///
"""
.. _basics-tensor-numpy:

张量与 NumPy 互转
=================

数据常常先是 NumPy 数组，进网络之前要变成 :term:`张量`。转换只要一个函数，
但有两件事从代码里看不出来：两边可能共用一块内存，:term:`数据类型` 也原样带过来。
初学者常在后一件事上碰到第一个报错。

你将学到：

- 两个方向各用哪个函数，哪些共享内存，哪些复制
- 两种数据类型相加，结果是哪一种；PyTorch 与 NumPy 在哪里不同
- float64 的数据为什么进不了 :term:`线性层`，怎么改
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle

# %%
# 来回各一步
# ----------
# 从数组到张量用 ``torch.from_numpy``，从张量到数组用 ``numpy()`` 方法。
# 下面各造一个，各转一次，再在两边各做一次加法。
#
# .. admonition:: 先猜一猜
#
#    ``x_numpy`` 由 NumPy 创建，``y_torch`` 由 PyTorch 创建，列表里都写了小数点。
#    两个和会打印成一样的吗？

torch.manual_seed(0)

x_numpy = np.array([1, 2, 3.0])
y_torch = torch.tensor([3, 4, 5.0])
y_numpy = y_torch.numpy()
x_torch = torch.from_numpy(x_numpy)
print("x + y")
print(x_torch + y_torch)
print(x_numpy + y_numpy)

# %%
# 数值相同，张量却多打印了 ``dtype=torch.float64``。默认的 float32 打印时会省去，
# 所以这一句是提醒：结果不是默认类型。逐个看，就知道 float64 从哪里来。

print(f"{x_numpy.dtype=}  {x_torch.dtype=}")
print(f"{y_torch.dtype=}  {y_numpy.dtype=}")

# %%
# NumPy 的浮点数默认是 float64，PyTorch 的默认是 float32，转换时原样保留。
# 两种类型相加时，升为较宽的 float64。
#
# 同一块内存
# ----------
# ``from_numpy`` 没有搬动数据，只是给数组那块内存再起一个名字。
# 所以改数组，张量跟着变；反过来也一样。``torch.tensor`` 则总是复制。

copied = torch.tensor(x_numpy)
x_numpy[0] = 100  # 只改数组
print("shared", x_torch)
print("copied", copied)
x_torch += 1  # 原地操作，写回同一块内存
print("x_numpy", x_numpy)

# %%
# ``x_torch += 1`` 改到了 ``x_numpy``。换成 ``x_torch = x_torch + 1`` 就不会：
# 右边先算出一个新张量，再让名字指过去。
# 还有几种写法，是否共享不必背，问 ``np.shares_memory`` 就行。

routes = {
    "torch.from_numpy(x)": torch.from_numpy(x_numpy),
    "torch.as_tensor(x)": torch.as_tensor(x_numpy),
    "torch.tensor(x)": torch.tensor(x_numpy),
    "from_numpy(x).clone()": torch.from_numpy(x_numpy).clone(),
    "from_numpy(x).float()": torch.from_numpy(x_numpy).float(),
}
for route, tensor in routes.items():
    shared = np.shares_memory(tensor.numpy(), x_numpy)
    print(f"{route:22} {tensor.dtype}  {shared=}")

# %%
# 最后一行复制了，因为类型变了：每个数从 8 字节变成 4 字节，只能另开一块内存。
#
# 相加之后是什么类型
# ------------------
# 两个张量类型不同，PyTorch 先做 :term:`类型提升` 再计算。NumPy 也这样做，规则却不全相同。
# 下图的每一格都是库自己的回答：行与列是两个加数的类型，格里是和的类型。
# 先找带框的格子，两个库在那里答案不同。

names = ["uint8", "int64", "float16", "float32", "float64"]
fig, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
for (row, a), (col, b) in product(enumerate(names), repeat=2):
    by_torch = torch.promote_types(getattr(torch, a), getattr(torch, b))
    answers = [str(by_torch).removeprefix("torch."), str(np.promote_types(a, b))]
    for ax, answer in zip(axes, answers, strict=True):
        color = f"C{names.index(answer)}"
        ax.add_patch(Rectangle((col, row), 1, 1, color=color, alpha=0.25, lw=0))
        text = ax.text(col + 0.5, row + 0.5, answer, fontsize=8)
        text.set(ha="center", va="center")
        if answers[0] != answers[1]:
            text.set_bbox({"fill": False, "edgecolor": "0.5", "linewidth": 2})
for ax, library in zip(axes, ["PyTorch", "NumPy"], strict=True):
    ax.set(title=library, xlim=(0, 5), ylim=(5, 0))
    ax.set_xticks(np.arange(5) + 0.5, names)
    ax.set_yticks(np.arange(5) + 0.5, names)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
# alt: 两张五行五列的类型提升表，左为 PyTorch，右为 NumPy；int64 与 float16、float32 相交的格子带框，答案不同。
plt.show()

# %%
# 差别只在 int64 遇到 float16 或 float32 的时候。PyTorch 认为浮点数压过一切整数，
# 宽度由浮点数定；NumPy 想保住 64 位整数的精度，就升到 float64。
#
# 改一改：把第一段代码里的 ``np.array([1, 2, 3.0])`` 改成 ``np.array([1, 2, 3])``。
# 先从图里查出两个和的类型，再运行，看 ``x + y`` 下面两行哪一行变了。
#
# float64 进不了线性层
# --------------------
# 加法会提升类型，矩阵乘法不会。线性层的 :term:`权重` 默认是 float32，
# 把刚才的 ``x_torch`` 直接交给它，就得到那个常见的报错。

layer = torch.nn.Linear(3, 2)
try:
    layer(x_torch)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# Double 就是 float64，Float 就是 float32；报错里的 ``mat1`` 是数据，``mat2`` 是权重。
# 网络不用改，改数据：用 ``float()`` 转成 float32。

x_float = x_torch.float()
print(f"{x_float.dtype=}  {layer(x_float).dtype=}")
print(f"0.1 in float64: {torch.tensor(0.1, dtype=torch.float64).item():.10f}")
print(f"0.1 in float32: {torch.tensor(0.1, dtype=torch.float32).item():.10f}")

# %%
# 代价是精度：float32 约有 7 位有效数字，训练网络一般够用，内存省一半。
# 回程也有一道关：张量若要求 :term:`梯度`，``numpy()`` 会报错，要写 ``t.detach().numpy()``。
#
# 小结
# ----
#
# - 规则：``from_numpy`` 和 ``numpy()`` 共享内存并保留类型；一改类型就是复制。
# - API：``torch.from_numpy``、``Tensor.numpy``、``torch.tensor`` 和 ``Tensor.float``。
# - 下一页：:ref:`basics-shapes`。
#
# 与原笔记的差异：原笔记只做加法；这里补上内存共享、类型提升和 float64 的报错，输出逐字相同。
