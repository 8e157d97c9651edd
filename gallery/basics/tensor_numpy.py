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
转换只要一行代码，但是有两个问题从这行代码里看不出来。
改动其中一个，另一个会不会跟着变？数的类型还和原来一样吗？

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
# 张量是多维数组，这一点和 NumPy 数组相同。描述一个张量要说清三件事：
#
# - 数存放在哪一块内存里
# - :term:`形状`，也就是每个 :term:`轴` 上有几个数
# - :term:`数据类型`，也就是每个数怎样存成二进制
#
# 张量比数组多两种本领。它可以放到 GPU 上计算，也可以自动求导，后面的页会分别讲到。
#
# 数据类型的名字说明一个数占多少位。``float32`` 占 32 位，也就是 4 字节。
# ``float64`` 占 64 位，也就是 8 字节，所以能保留更多有效数字。
# 写下带小数点的数时，NumPy 默认用 ``float64``，PyTorch 默认用 ``float32``。
#
# 来回转换
# --------
# ``torch.from_numpy`` 把数组转成张量，张量的 ``numpy()`` 方法把张量转回数组。
# 下面用 NumPy 创建 ``x``，用 PyTorch 创建 ``y``，各转换一次，再在两边分别相加。

x_numpy = np.array([1, 2, 3.0])
y_torch = torch.tensor([3, 4, 5.0])
y_numpy = y_torch.numpy()
x_torch = torch.from_numpy(x_numpy)
print("x + y")
print(x_torch + y_torch)
print(x_numpy + y_numpy)

# %%
# 两个和的数值相同，但是张量后面多了 ``dtype=torch.float64``。
# PyTorch 打印张量时省略默认的 ``float32``，所以看到 ``dtype`` 就说明类型不是默认的那一种。
# 下面打印四个变量各自的类型。

print(f"x_numpy: {x_numpy.dtype}   x_torch: {x_torch.dtype}")
print(f"y_numpy: {y_numpy.dtype}   y_torch: {y_torch.dtype}")
print(f"bytes per number: x {x_torch.element_size()}, y {y_torch.element_size()}")

# %%
# 转换没有改变类型，因此 ``x`` 在两边都是 ``float64``，``y`` 在两边都是 ``float32``。
# 两种类型相加之前，PyTorch 会把它们变成同一种，这叫 :term:`类型提升`。
# 两种都是浮点数时，结果取位数较多的一种，所以和是 ``float64``。
#
# .. change-it::
#
#    把 ``np.array([1, 2, 3.0])`` 换成 ``np.array([1, 2, 3])``，它的类型就成了整数 ``int64``。
#    PyTorch 的和与 NumPy 的和各是什么类型？先猜，再看下面的运行结果。

# hide-cell: 整数加浮点数
whole_numpy = np.array([1, 2, 3])
whole_torch = torch.from_numpy(whole_numpy)
print(f"PyTorch: int64 + float32 -> {(whole_torch + y_torch).dtype}")
print(f"NumPy:   int64 + float32 -> {(whole_numpy + y_numpy).dtype}")
print(f"16777217 as float32: {np.float32(16777217):.0f}")

# %%
# 两个库在这里规则不同。整数加浮点数时，PyTorch 采用那个浮点数的类型。
# NumPy 在这里改用 ``float64``，因为 ``float32`` 不能准确存下较大的整数，
# 例如上面的 16777217 就变成了 16777216。
#
# 共用一块内存
# ------------
# ``torch.from_numpy`` 不复制数据，它创建的张量直接使用数组的那块内存。
# ``torch.tensor`` 则另开一块内存，把数复制过去。

copied = torch.tensor(x_numpy)
print(f"copied: {copied}")

# %%
# 下图的每一组方格是一块内存，箭头从变量名指向它使用的内存。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(7, 2), layout="constrained")
for left, tensor in ((0, x_torch), (5, copied)):
    for i, number in enumerate(tensor.tolist()):
        style = {"facecolor": ("C0", 0.15), "edgecolor": "C0"}
        ax.add_patch(plt.Rectangle((left + i, 0), 1, 1, **style))
        ax.text(left + i + 0.5, 0.5, f"{number:.0f}", ha="center", va="center")
arrow = {"arrowstyle": "->", "color": "C0", "lw": 1.5}
text = {"ha": "center", "family": "monospace", "fontsize": 12, "arrowprops": arrow}
ax.annotate("x_numpy", (1, 1), (0.2, 1.8), **text)
ax.annotate("x_torch", (2, 1), (2.8, 1.8), **text)
ax.annotate("copied", (6.5, 1), (6.5, 1.8), **text)
ax.set(xlim=(-0.8, 8.3), ylim=(-0.1, 2.2), aspect="equal")
ax.set_axis_off()
# alt: 左边一组方格 1、2、3，x_numpy 和 x_torch 两个箭头都指向它；右边另一组方格 1、2、3，只有 copied 指向它。
plt.show()

# %%
# .. predict::
#
#    先执行 ``x_numpy[0] = 100``，再执行 ``x_torch += 1``。这时 ``x_numpy`` 里是哪三个数？
#
#    - 100、2、3，因为加 1 只改张量
#    - 101、3、4，因为两次改动写在同一块内存里
#    - 2、3、4，因为张量还保留着改动之前的 1

x_numpy[0] = 100
print(f"after x_numpy[0] = 100: x_torch {x_torch.numpy()}, copied {copied.numpy()}")
x_torch += 1
print(f"after x_torch += 1:     x_numpy {x_numpy}, copied {copied.numpy()}")

# %%
# .. answer:: B
#
#    改了数组以后，第一行里 ``x_torch`` 的第 0 个数也成了 100，所以 C 不对。
#    张量加 1 以后，第二行里 ``x_numpy`` 的三个数都加了 1，所以 A 也不对。
#    ``copied`` 有自己的内存，两次改动都没有影响它。
#
# .. change-it::
#
#    把 ``x_torch += 1`` 换成 ``x_torch = x_torch + 1``。``x_numpy`` 还会再变一次吗？

# hide-cell: 不用 += 的加法
x_torch = x_torch + 1
print(f"x_torch {x_torch.numpy()}")
print(f"x_numpy {x_numpy}")

# %%
# 这一次数组没有变。``+=`` 是 :term:`原地操作`，它把结果写回原来的内存。
# ``x_torch + 1`` 却在新的内存里算出一个新张量，然后赋值语句让 ``x_torch`` 这个名字指向它。
#
# 常用的转换写法还有几种。它们是否共用内存，可以用 ``np.shares_memory`` 检查。

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
# 前两种写法共用内存，后三种都复制。``torch.tensor`` 和 ``clone()`` 的用途就是复制。
# ``float()`` 把类型改成 ``float32``，每个数从 8 字节变成 4 字节，所以不能再用原来的内存。
#
# float64 进不了网络
# ------------------
# 网络常由 :term:`线性层` 组成。``torch.nn.Linear(3, 2)`` 创建一个线性层，
# 它读入 3 个数，把它们与自己的 :term:`权重` 做 :term:`矩阵乘法`，得到 2 个数。
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
# 转换之后层能计算了，代价是有效数字变少。用 0.1 可以看到差别。

for dtype in (torch.float64, torch.float32):
    print(f"0.1 as {dtype}: {torch.tensor(0.1, dtype=dtype).item():.10f}")

# %%
# ``float32`` 的 0.1 到第 9 位小数才出现误差。这样的误差对训练网络通常没有影响，
# 所以训练时一般用 ``float32``，内存只占 ``float64`` 的一半。
#
# .. real-projects::
#
#    真实项目通常在读取数据的地方统一转换一次，写法是 ``torch.as_tensor(x, dtype=torch.float32)``，
#    类型已经相同时它不复制。
#    反方向要注意两点，GPU 上的张量先用 ``cpu()`` 取回来，需要求导的张量先用 ``detach()`` 分离，
#    然后才能调用 ``numpy()``。
#    参考 `torch.from_numpy <https://docs.pytorch.org/docs/stable/generated/torch.from_numpy.html>`__
#    和 `类型提升的全部规则 <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__。
#
# 小结
# ----
# - 规则：``from_numpy`` 和 ``numpy()`` 共用内存并保留类型，``torch.tensor`` 总是复制。
# - API：``torch.from_numpy``、``Tensor.numpy``、``torch.as_tensor``、``torch.tensor`` 和 ``Tensor.float``。
# - 下一页：:ref:`basics-shapes`
