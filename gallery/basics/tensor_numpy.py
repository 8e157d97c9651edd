# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "numpy>=2.0"]
# ///
"""
.. _basics-tensor-numpy:

张量与 NumPy 互转
=================

表格、图像和声音读进 Python 以后，常常是 NumPy 数组，而 PyTorch 的网络只接受 :term:`张量`。
所以训练之前要把数组转成张量，画图之前又要把张量转回数组。
转换只要一行代码，但是代码没有说明两件事：改动数组，张量会不会跟着变，反过来呢？数的类型还和原来一样吗？

你将学到：

- 把 NumPy 数组转成张量，再转回来
- 判断两者是否共用一块内存
- 修正 float64 数据进入网络时的类型报错
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

# %%
# 张量是什么
# ----------
# 张量是多维数组，这一点和 NumPy 数组相同。描述一个张量，至少要说清三件事：
#
# - 数存放在哪一块内存里
# - :term:`形状`，也就是每个 :term:`轴` 上有几个数
# - :term:`数据类型`，也就是每个数怎样存成二进制
#
# 与数组不同的是，张量可以放到 GPU 上计算，也可以自动求导，后面的页会分别讲到。
#
# 数据类型的名字说明一个数占多少位。``float32`` 占 32 位，
# ``float64`` 占 64 位，所以后者能保留更多有效数字。
# 写下带小数点的数时，NumPy 默认用 ``float64``，PyTorch 默认用 ``float32``。
#
# 来回转换
# --------
# ``torch.from_numpy`` 把数组转成张量，张量的 ``numpy()`` 方法把张量转回数组。
# 下面用 NumPy 创建 ``x``，用 PyTorch 创建 ``y``，各转换一次，再在两边分别相加。

x_numpy = np.array([1.0, 2.0, 3.0])
y_torch = torch.tensor([3.0, 4.0, 5.0])
y_numpy = y_torch.numpy()
x_torch = torch.from_numpy(x_numpy)
print("x + y")
print(x_torch + y_torch)
print(x_numpy + y_numpy)

# %%
# 两个和的数值相同，但是张量后面多了 ``dtype=torch.float64``。
# PyTorch 打印浮点数张量时省略默认的 ``float32``，所以看到 ``dtype`` 就说明类型不是默认的那一种。
# 下面打印四个变量和两个和的类型。

print(f"x_numpy: {x_numpy.dtype}   x_torch: {x_torch.dtype}")
print(f"y_numpy: {y_numpy.dtype}   y_torch: {y_torch.dtype}")
print(f"sums:    {(x_numpy + y_numpy).dtype}            {(x_torch + y_torch).dtype}")
print(f"bytes per number: x {x_torch.element_size()}, y {y_torch.element_size()}")

# %%
# 转换没有改变类型，因此 ``x`` 在两边都是 8 字节的 ``float64``，``y`` 在两边都是 4 字节的 ``float32``。
# 两种类型相加之前，会先变成同一种，这叫 :term:`类型提升`。这里的两种浮点数取位数较多的一种，所以两边的和都是 ``float64``。
#
# .. change-it::
#
#    把 ``np.array([1.0, 2.0, 3.0])`` 换成整数数组，类型分别是 16 位的 ``int16`` 和 64 位的 ``int64``。
#    这时 ``x + y`` 在 PyTorch 和 NumPy 里还是同一种类型吗？

# hide-cell: 整数加浮点数
for dtype in (np.int16, np.int64):
    whole_numpy = np.array([1, 2, 3], dtype=dtype)
    whole_torch = torch.from_numpy(whole_numpy)
    print(f"{whole_torch.dtype} + {y_torch.dtype}")
    print(f"    PyTorch: {(whole_torch + y_torch).dtype}")
    print(f"    NumPy:   {(whole_numpy + y_numpy).dtype}")
print(f"16777217 as float32: {np.float32(16777217):.0f}")

# %%
# .. outcome::
#
#    整数加浮点数时，PyTorch 在两种情况下都采用浮点数的类型 ``float32``。
#    NumPy 遇到 ``int64`` 时改用 ``float64``，因为 ``float32`` 只能准确表示 16777216 以内的每一个整数，
#    再大一点的 16777217 就变成了 16777216。``int16`` 的数最大是 32767，所以不用改。
#
# 共用内存还是复制
# ----------------
# 转换之后，数组和张量是两个 Python 对象，它们的数存放在一块内存里，还是两块内存里？
# 为了比较，下面再用 ``torch.tensor`` 从同一个数组创建张量 ``other``。
#
# .. predict::
#
#    ``x_torch`` 由 ``torch.from_numpy(x_numpy)`` 得到。先执行 ``x_numpy[0] = 100``，
#    再执行 ``x_torch += 1``，最后两者各是什么？
#
#    - 数组是 100、2、3，张量是 2、3、4，因为转换时复制了数据
#    - 数组和张量都是 101、3、4，因为它们共用一块内存
#    - 数组是 100、2、3，张量是 101、3、4，因为只有张量跟着数组变

other = torch.tensor(x_numpy)
x_numpy[0] = 100
print(f"after x_numpy[0] = 100: x_torch {x_torch.numpy()}, other {other.numpy()}")
x_torch += 1
print(f"after x_torch += 1:     x_torch {x_torch.numpy()}, other {other.numpy()}")
print(f"                        x_numpy {x_numpy}")

# %%
# .. answer:: B
#
#    改了数组以后，``x_torch`` 里下标为 0 的数也成了 100，所以 A 不对。
#    张量加 1 以后，``x_numpy`` 的三个数也都加了 1，所以 C 不对。
#
# ``torch.from_numpy`` 不复制数据，它创建的张量直接使用数组的内存。
# ``torch.tensor`` 另开一块内存，把数复制过去，所以 ``other`` 没有变。
# 下图的每一组方格是一块内存，箭头从变量名指向它使用的内存。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(7, 2), layout="constrained")
for left, tensor in ((0, x_torch), (5, other)):
    for i, number in enumerate(tensor.tolist()):
        style = {"facecolor": ("C0", 0.15), "edgecolor": "C0"}
        ax.add_patch(plt.Rectangle((left + i, 0), 1, 1, **style))
        ax.text(left + i + 0.5, 0.5, f"{number:.0f}", ha="center", va="center")
arrow = {"arrowstyle": "->", "color": "C0", "lw": 1.5}
text = {"ha": "center", "family": "monospace", "fontsize": 12, "arrowprops": arrow}
ax.annotate("x_numpy", (1.5, 1), (0.2, 1.8), **text)
ax.annotate("x_torch", (1.5, 1), (2.8, 1.8), **text)
ax.annotate("other", (6.5, 1), (6.5, 1.8), **text)
ax.set(xlim=(-0.8, 8.3), ylim=(-0.1, 2.2), aspect="equal")
ax.set_axis_off()
# alt: 左边一组方格 101、3、4，x_numpy 和 x_torch 两个箭头都指向它；右边另一组方格 1、2、3，只有 other 指向它。
plt.show()

# %%
# 左边的三个数只存了一份，所以不论通过哪个名字修改，另一个名字都会读到新的数。
#
# .. change-it::
#
#    在上面的代码之后再加一次 1，但是这次写 ``x_torch = x_torch + 1``，不用 ``+=``。``x_numpy`` 还会跟着变吗？

# hide-cell: 不用 += 的加法
x_torch = x_torch + 1
print(f"x_torch {x_torch.numpy()}")
print(f"x_numpy {x_numpy}")

# %%
# .. outcome::
#
#    数组没有变。``+=`` 是 :term:`原地操作`，它把结果写回原来的内存。
#    表达式 ``x_torch + 1`` 则在新的内存里算出一个新张量，等号再让 ``x_torch`` 这个名字指向新张量。
#
# 反方向的 ``numpy()`` 也共用内存吗？其他的转换写法可以用 ``np.shares_memory`` 检查。

y_numpy[0] = 30
print(f"after y_numpy[0] = 30: y_torch {y_torch}")

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

single = x_numpy.astype(np.float32)
shared = np.shares_memory(torch.from_numpy(single).float().numpy(), single)
print(f"from_numpy(x).float() of a float32 array: {shared=}")

# %%
# ``numpy()`` 也共用内存。表里的前两种写法共用内存，后三种在这里都复制。其中 ``torch.tensor`` 和 ``clone()`` 每次都复制。
# 表里的 ``float()`` 要复制，因为类型从 ``float64`` 改成 ``float32``，每个数从 8 字节变成 4 字节。
# 最后一行的数组本来就是 ``float32``，不需要改变类型，所以 ``float()`` 不复制。
#
# float64 数据与网络
# ------------------
# 网络常由 :term:`线性层` 组成。``torch.nn.Linear(3, 2)`` 创建一个线性层，
# 它读入 3 个数，把它们与自己的 :term:`权重` 做 :term:`矩阵乘法`，再加上 :term:`偏置`，得到 2 个数。
# 权重默认是 ``float32``，而矩阵乘法不做类型提升，所以 ``float64`` 的数据会引起报错。

torch.manual_seed(0)  # 权重的初值是随机的
layer = torch.nn.Linear(3, 2)
x_torch = torch.from_numpy(x_numpy)
try:
    layer(x_torch)
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 报错里的 ``mat1`` 是数据，``mat2`` 是权重。``Double`` 是 ``float64`` 的另一个名字，
# ``Float`` 是 ``float32`` 的另一个名字。改法是用 ``float()`` 把数据转成 ``float32``。

x_float = x_torch.float()
output = layer(x_float)
print(f"{x_float.dtype=}  {output.dtype=}  {output.shape=}")

# %%
# 现在线性层能计算了，代价是有效数字变少，例如 0.1。

for dtype in (torch.float64, torch.float32):
    print(f"0.1 as {dtype}: {torch.tensor(0.1, dtype=dtype).item():.10f}")

# %%
# ``float32`` 的 0.1 到第 9 位小数出现了误差，而 ``float64`` 的 0.1 打印到第 10 位小数还看不出误差。
#
# .. real-projects::
#
#    可以在读取数据的地方统一转换一次，写法是 ``torch.as_tensor(x, dtype=torch.float32)``。
#    数组已经是 ``float32`` 时，得到的张量与数组共用内存。
#    反方向的写法是 ``x.detach().cpu().numpy()``，因为需要求导的张量要先 ``detach()``，GPU 上的张量要先 ``cpu()``。
#    ``x`` 在 CPU 上时，得到的数组仍与 ``x`` 共用内存。
#    参考 `torch.from_numpy <https://docs.pytorch.org/docs/stable/generated/torch.from_numpy.html>`__
#    和 `类型提升的全部规则 <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__。
#
# 小结
# ----
# - 规则：``from_numpy``、``numpy()`` 和 ``torch.tensor`` 都保留类型，前两种共用内存，``torch.tensor`` 复制数据。
#   不想让一边的改动影响另一边，就用 ``torch.tensor``，反方向用 ``numpy().copy()``。
#   ``float64`` 的数据先转成 ``float32``，再送进网络。
# - API：``torch.from_numpy``、``Tensor.numpy``、``torch.as_tensor``、``torch.tensor`` 和 ``Tensor.float``。
# - 下一页：:ref:`basics-shapes`
