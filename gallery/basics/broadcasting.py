# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-broadcasting:

广播
====

一张表的每一列要减去自己的均值，一个批量的每一行要加上同一组 :term:`偏置`。
在这两种计算里，两个 :term:`张量` 的 :term:`形状` 并不相同，PyTorch 却能直接算出结果，
这叫 :term:`广播`。它怎样决定哪个轴和哪个轴对齐？只要没有报错，结果就一定是想要的吗？

你将学到：

- 手算两个形状广播以后的结果
- 判断广播是否复制数据
- 修正轴没有对齐的减法
"""

import textwrap

import matplotlib.pyplot as plt
import torch

# %%
# 两条规则
# --------
# :term:`逐元素运算` 要求两个张量形状相同。形状不同时，PyTorch 按两条规则把它们变得相同：
#
# 1. 两个形状从右边对齐，轴较少的一方在左边补上长度为 1 的轴。
# 2. 逐轴比较长度。长度相等的轴不变。有一方的长度是 1，就把它拉伸到另一方的长度。其余情况报错。
#
# 从右边数，最后一个轴的编号是 −1，倒数第二个轴的编号是 −2，所以对齐的就是编号相同的轴。
# 例如 (2, 3) 加 (3,)，后者先补成 (1, 3)，再把轴 −2 拉伸到 2，结果的形状是 (2, 3)。
#
# .. predict::
#
#    形状为 (5, 1, 4, 1) 和 (3, 1, 1) 的两个张量相加，会得到什么？
#
#    - 报错，因为两个张量的轴数不同
#    - 报错，因为第一个轴的长度是 5 和 3
#    - 形状 (5, 1, 4, 1)，因为只有轴较少的张量才拉伸
#    - 形状 (5, 3, 4, 1)，因为两个张量都有要拉伸的轴

x = torch.empty(5, 1, 4, 1)  # 没有设初值，这里只看形状
y = torch.empty(3, 1, 1)
print((x + y).size())

# %%
# .. answer:: D
#
#    轴数不同不要紧，因为 ``y`` 会补成 (1, 3, 1, 1)，所以 A 不对。
#    对齐从右边开始，``y`` 的 3 对着 ``x`` 的 1，而不是对着 5，所以 B 不对。
#    ``x`` 的轴 −3 要由 1 拉伸到 3，所以 C 也不对。
#
# 下图的每个方框是一个轴，同一列的方框是对齐的轴，最后一行是结果。橙色的轴由 1 拉伸而来，虚线框是补上的轴。

# hide-input: 画图
result = (x + y).shape
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for level, (name, tensor) in enumerate({"x": x, "y": y, "x + y": x + y}.items()):
    ax.text(-0.2, level, name, ha="right", va="center", family="monospace")
    added = len(result) - tensor.ndim
    padded = (1,) * added + tensor.shape  # 从右对齐，左边补 1
    for axis, (size, target) in enumerate(zip(padded, result, strict=True)):
        color = "C0" if size == target else "C1"
        style = "dashed" if axis < added else "solid"
        look = {"facecolor": (color, 0.2), "edgecolor": color, "linestyle": style}
        ax.add_patch(plt.Rectangle((axis, level - 0.36), 0.9, 0.72, lw=1.5, **look))
        label = f"{size}" if size == target else f"{size} → {target}"
        ax.text(axis + 0.45, level, label, ha="center", va="center", fontsize=13)
for axis in range(len(result)):
    ax.text(axis + 0.45, -0.6, f"axis {axis - len(result)}", ha="center", color="0.5")
ax.set(xlim=(-1.1, 4), ylim=(2.5, -0.9))
ax.set_axis_off()
# alt: 三行方框从右对齐。x 是 5、1、4、1；y 是 3、1、1，左边补一个虚线框；由 1 拉伸的方框是橙色；末行是 5、3、4、1。
plt.show()

# %%
# ``x`` 只有轴 −3 被拉伸，``y`` 的轴 −4 和轴 −2 都被拉伸。
#
# .. change-it::
#
#    把 ``y`` 的形状改成 (4,)。``x`` 也有一个长度为 4 的轴，那么结果的形状是 (5, 1, 4, 1) 吗？
#    可以用 ``torch.broadcast_shapes`` 检查，它只按形状计算，不需要数据。

# hide-cell: y 的形状为 (4,)
print(torch.broadcast_shapes((5, 1, 4, 1), (4,)))

# %%
# .. outcome::
#
#    不是。``y`` 唯一的轴对着 ``x`` 的轴 −1，而 ``x`` 的这个轴长度是 1，所以被拉伸到 4。
#    长度相等的两个轴不一定对齐，因为对齐只看从右边数的位置。
#
# 拉伸是否复制数据
# ----------------
# ``column`` 是一列三个数，``row`` 是一行四个数，两者都要拉伸成 (3, 4)。

column = torch.tensor([[0.0], [10.0], [20.0]])  # (3, 1)
row = torch.arange(4.0)  # (4,)
table = column + row  # (3, 1) + (4,) -> (3, 4)
print(table)

# %%
# 下图画出这三个张量，淡色的格子由拉伸得到。

# hide-input: 画图
fig, axes = plt.subplots(1, 3, figsize=(8, 2.2), layout="constrained")
panels = {"column": column, "row": row.view(1, 4), "column + row": table}
for ax, (name, tensor) in zip(axes, panels.items(), strict=True):
    stretched = tensor.expand(3, 4)
    for i in range(3):
        for j in range(4):
            real = i < tensor.shape[0] and j < tensor.shape[1]  # 原有的格子画得深
            tint = ("C0", 0.4 if real else 0.1)
            ax.add_patch(plt.Rectangle((j, i), 0.92, 0.92, facecolor=tint))
            number = ax.text(j + 0.46, i + 0.46, f"{stretched[i, j]:.0f}")
            number.set(ha="center", va="center", alpha=1 if real else 0.4)
    ax.set(title=name, xlim=(-0.3, 4.2), ylim=(3, 0))
    ax.set_axis_off()
# alt: 三张 3×4 的格子：左边一列 0、10、20 向右拉伸，中间一行 0 到 3 向下拉伸，右边是两者之和，从 0 到 23。
plt.show()

# %%
# ``column`` 向右重复，``row`` 向下重复，然后对应的格子相加。
# 重复出来的格子占用内存吗？``torch.broadcast_tensors`` 按前面的规则把两个张量拉伸到相同的形状，但是不做加法。
# ``expand`` 把一个张量拉伸到给定的形状。作为对照，``repeat`` 也得到这些格子。
#
# ``untyped_storage()`` 是存放张量的那块内存，它的字节数除以一个数的字节数，就是实际存了几个数。

for name, tensor in {
    "broadcast": torch.broadcast_tensors(column, row)[0],
    "expand": column.expand(3, 4),
    "repeat": column.repeat(1, 4),
    "sum": column + row,
}.items():
    stored = tensor.untyped_storage().nbytes() // tensor.element_size()
    print(f"{name:9}  stride {tensor.stride()}, {tensor.numel()=}, {stored=}")

# %%
# 四行都有 12 个元素，前两行却只存了 3 个，因为轴 1 的 :term:`步幅` 是 0，
# 沿这个轴前进一格，读到的还是同一个数。``repeat`` 复制了数据。
# 加法里的拉伸也不复制数据，但是加法的结果是一个新张量，它的 12 个数都要存。
#
# 轴没有对齐的减法
# ----------------
# ``scores`` 有 5 行 3 列，要让每一行减去自己的均值。``mean(dim=1)`` 对每一行的 3 个数求平均，
# 所以 5 行得到 5 个均值，结果里不再有轴 1。

torch.manual_seed(0)
scores = torch.randn(5, 3)
means = scores.mean(dim=1)
print(f"{scores.shape=}  {means.shape=}")
try:
    scores - means
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# 从右边对齐，``scores`` 的 3 对着 ``means`` 的 5，两个长度不相等，也都不是 1，所以报错。
# 报错里的 ``tensor a`` 和 ``tensor b`` 依次是减号左边和右边的张量，``non-singleton`` 的意思是长度不是 1。
# 轴号 ``dimension 1`` 是补齐以后从左边数的，从 0 开始，所以这里说的是最后一个轴。
#
# ``mean`` 默认去掉求平均的轴。加上 ``keepdim=True`` 就保留它，长度是 1，于是均值成为一列，与每一行对齐。
# 已经得到的均值可以写成 ``means[:, None]``，``None`` 在这个位置加上长度为 1 的轴。

print(f"{means[:, None].shape=}")
means = scores.mean(dim=1, keepdim=True)
centered = scores - means
print(f"{means.shape=}  {centered.shape=}")
print(f"largest |row mean|: {centered.mean(dim=1).abs().max():.6f}")

# %%
# 在打印的 6 位小数上，每一行的均值都成了 0。
# 但是忘记 ``keepdim`` 不一定报错。如果行数和列数恰好相等，错误的减法也能算出结果。
# 下面取出前 3 行，打印两种写法在每个位置上减去的数。

square = scores[:3]
flat = square.mean(dim=1)  # (3,)
kept = square.mean(dim=1, keepdim=True)  # (3, 1)
print(f"without keepdim, subtract:\n{flat.expand(3, 3).numpy().round(2)}")
print(f"largest |row mean|: {(square - flat).mean(dim=1).abs().max():.6f}")
print(f"with keepdim, subtract:\n{kept.expand(3, 3).numpy().round(2)}")
print(f"largest |row mean|: {(square - kept).mean(dim=1).abs().max():.6f}")

# %%
# 三行的均值依次是 −0.31、−0.64 和 0.17。不写 ``keepdim`` 时，均值的形状是 (3,)，它的三个数各对着一列，
# 例如列 0 减去的是行 0 的均值。减完以后，行均值的绝对值最大是 0.432238。
# 写了 ``keepdim``，每一行减去的才是自己的均值。
#
# .. change-it::
#
#    改成让每一列减去自己的均值，也就是把上面这段代码里的 ``dim=1`` 全部换成 ``dim=0``。这时不写 ``keepdim`` 的减法对不对？

# hide-cell: 每一列减去自己的均值
flat = square.mean(dim=0)  # (3,)
kept = square.mean(dim=0, keepdim=True)  # (1, 3)
print(f"without keepdim, subtract:\n{flat.expand(3, 3).numpy().round(2)}")
print(f"largest |column mean|: {(square - flat).mean(dim=0).abs().max():.6f}")
print(f"the same with keepdim: {torch.equal(square - flat, square - kept)}")

# %%
# .. outcome::
#
#    这次是对的。均值的三个数仍然各对着一列，而现在它们正是各列的均值。
#    写上 ``keepdim=True`` 以后，均值的形状是 (1, 3)，结果相同。
#
# .. real-projects::
#
#    计算 :term:`均方误差` 的 ``MSELoss`` 要求预测与目标的形状相同。
#    形状不同时，它只给出一条警告，照样按广播算出结果，见 :ref:`pitfalls-broadcasting-bug`。
#    所以在它之前可以写 ``assert prediction.shape == target.shape``。
#    :term:`交叉熵` 的目标是类别编号，本来就比预测少一个轴，不能这样检查。
#    参考 `Tensor.expand <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html>`__
#    和 `广播的完整规则 <https://docs.pytorch.org/docs/stable/notes/broadcasting.html>`__。
#
# 小结
# ----
# - 规则：从右边对齐，缺少的轴补 1，长度为 1 的轴拉伸，其余的轴长度必须相等。拉伸不复制数据。
#   不报错不等于对齐正确，每一行减去自己的均值要写 ``keepdim=True``。
# - API：``torch.broadcast_shapes``、``Tensor.expand``、``x[:, None]`` 和 ``Tensor.mean`` 的 ``keepdim``。
# - 下一页：:ref:`basics-computational-graph`
