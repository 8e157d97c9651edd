# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-dtype-mismatch:

数据类型不匹配
==============

:term:`数据类型` 的错误几乎都出在数据进入网络的那一行：NumPy 给的是 ``float64``，
图像文件是 ``uint8``，手写的整数是 ``int64``，而网络的 :term:`参数` 是 ``float32``。
这一页重现七条报错，再看一个不报错的：``uint8`` 相减。

你将学到：

- 报错里的 ``Double``、``Long``、``Byte`` 各是哪种类型
- 哪些运算自动做 :term:`类型提升`，哪些直接报错
- 为什么整数图像要先转成浮点数再计算
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
loss = nn.CrossEntropyLoss()


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")


# %%
# float64 遇到 float32
# --------------------
# scikit-learn 的数据是 NumPy 数组，``from_numpy`` 保留它的类型。

X = torch.from_numpy(digits.data[:5])  # (5, 64)
torch.manual_seed(0)
layer = nn.Linear(64, 10)
print(f"{X.dtype=}  {layer.weight.dtype=}")
show(lambda: layer(X))
show(lambda: nn.Conv2d(1, 2, kernel_size=3)(X.view(5, 1, 8, 8)))
print(f"{layer(X.float()).dtype=}")

# %%
# 两句说的是同一件事：输入是 ``float64``，参数是 ``float32``。
# 报错用的多是 C++ 一侧的名字：
#
# - ``Float`` 是 ``float32``，``Double`` 是 ``float64``，``Half`` 是 ``float16``
# - ``Long`` 是 ``int64``，``Int`` 是 ``int32``，``Byte`` 或 ``unsigned char`` 是 ``uint8``
#
# 改输入，不改网络：``X.float()``，或创建时就写 ``torch.tensor(digits.data, dtype=torch.float32)``。
# 把网络改成 ``float64`` 也能运行，但占两倍的内存。
#
# 相加却不报错：``float32`` 加 ``float64`` 得 ``float64``。:term:`逐元素运算` 会做类型提升，
# :term:`矩阵乘法` 和卷积不做。:ref:`basics-tensor-numpy` 讲了这条界线。
#
# 整数
# ----
# 手写的数不带小数点，得到的就是 ``int64``。

show(lambda: nn.Linear(3, 2)(torch.tensor([[1, 2, 3]])))
show(lambda: torch.tensor([1, 2, 3], requires_grad=True))
show(lambda: loss(torch.tensor([[2, 0, 1]]), torch.tensor([0])))

# %%
# 第三句的类是 ``NotImplementedError``，它是 ``RuntimeError`` 的子类，所以同一个 ``except`` 接得住。
# ``log_softmax`` 是交叉熵里的一步，``Long`` 说明 :term:`logits` 是整数：
# 往往是调用时把 logits 和标签写反了。
#
# 反过来，编号必须是整数。给 :term:`嵌入` 浮点数，报错里会写它要什么：

show(lambda: nn.Embedding(10, 4)(torch.tensor([1.0, 2.0])))

# %%
# 整数没有平均值
# --------------
# 算 :term:`准确率` 时最容易碰到：

predicted, labels = torch.tensor([3, 1, 4]), torch.tensor([3, 1, 5])
show(lambda: (predicted == labels).mean())
print(f"accuracy {(predicted == labels).float().mean():.4f}")

# %%
# 比较的结果是 ``bool``。均值一般不是整数，PyTorch 不替你决定结果的类型；先 ``.float()``。
#
# 不报错的：uint8 相减
# --------------------
# 图像文件里的像素是 0 到 255 的 ``uint8``。比较两张图，自然是相减、取绝对值、求平均。
#
# .. admonition:: 先猜一猜
#
#    ``uint8`` 的 10 减 20 是多少？200 加 100 呢？

a, b, c, d = torch.tensor([10, 20, 200, 100], dtype=torch.uint8)
print(f"10 - 20 = {a - b}, 200 + 100 = {c + d}")

one, two = torch.from_numpy(digits.images[:2] * 15).to(torch.uint8)  # (8, 8)，0 到 240
for name, a, b in (("uint8", one, two), ("float32", one.float(), two.float())):
    print(f"{name:<7} mean difference {(a - b).abs().float().mean():.1f}")

# %%
# 结果按 256 取余：小于 0 的加 256，大于 255 的减 256，NumPy 也是这样。
# 差是 −10 的像素成了 246，差是 −240 的成了 16，有的算大了，有的算小了。
# 平均差从 78.5 变成 63.5，没有一句报错，数看上去也合理。
#
# 除法不同：``one / 255`` 得到 ``float32``，所以先除后减就是对的，先减后除就是错的。
#
# 改一改：把 ``.to(torch.uint8)`` 换成 ``.to(torch.int16)``，先猜平均差是多少，再运行。
#
# 下次怎样早发现：数据进入网络之前查一次类型，只花两行。

batch, answers = (
    torch.tensor(digits.data[:5]).float() / 16,
    torch.tensor(digits.target[:5]),
)
assert batch.dtype == torch.float32, batch.dtype
assert answers.dtype == torch.int64, answers.dtype
print(f"{batch.dtype=}  {answers.dtype=}")

# %%
# 小结
# ----
# - 规则：数据一读进来就转好类型，输入 ``float32``，类别编号 ``int64``；先转类型，再计算。
# - API：``Tensor.dtype``、``Tensor.float()``、``Tensor.to(torch.float32)``。
# - 下一页：:ref:`pitfalls-class-targets`
