# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-inplace-and-autograd:

原地修改与求导
==============

:term:`原地操作` 改写已有的 :term:`张量`，而 :term:`反向传播` 有时还要用它原来的值。
值被改过，PyTorch 会报错，说版本号对不上。同样是 ``add_(1)``，有的报错，有的不报，
看起来没有规律。这一页用一张表找出规律，再看三种不报错、结果却错了的写法。

你将学到：

- 版本号是什么，报错里的两个数各指什么
- 哪些运算保存输入，哪些保存输出，哪些都不存
- 为什么用 ``.detach()`` 而不用 ``.data``
"""

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks


def show(call):
    """运行 call，打印它的报错，只留第一句，长的分两行。"""
    try:
        call()
    except RuntimeError as error:
        message = str(error).split(". ")[0].replace(": [", ":\n  [")
        print(f"{type(error).__name__}: {message}")


# %%
# 最短的错误代码
# --------------

x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
y = torch.sigmoid(x)
print(f"before: {y._version=}")
y.add_(1)
print(f"after: {y._version=}")
show(lambda: y.sum().backward())

# %%
# 每个张量带一个版本号，原地改一次加 1。求导要用 sigmoid 的结果（:math:`s' = s(1-s)`），
# 保存时它是版本 0，反向传播时发现已是版本 1，于是报错。方括号里是它的类型和形状，
# ``output 0 of Sigmoid`` 说明它由谁算出。
#
# 哪些运算会报错
# --------------
# 只看一件事：被改的那个值，求导时还用不用。``saved_tensors_hooks`` 在每次保存张量时叫我们一声，
# 正好用来看存的是 ``x`` 还是 ``y``。
#
# .. admonition:: 先猜一猜
#
#    下面每个运算 ``y = f(x)``，算完再原地改 ``x`` 或 ``y``。``exp`` 怕改哪一个？``x * 2`` 呢？

operations = {
    "x * 2": lambda x: x * 2,
    "x ** 2": lambda x: x**2,
    "sin": torch.sin,
    "exp": torch.exp,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sum": torch.sum,
}


def try_out(f, change):
    """返回 y = f(x) 以后改了其中一个还能否求导，和保存了哪一个。"""
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True) * 1  # 不是叶子
    kept = []

    def pack(tensor):
        kept.append(tensor.data_ptr())
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        y = f(x)
    saved = [name for name, t in (("x", x), ("y", y)) if t.data_ptr() in kept]
    y = f(x)
    (x if change == "x" else y).add_(1)
    try:
        y.sum().backward()
    except RuntimeError:
        return "error", saved
    return "fine", saved


print("operation  saved    change x  change y")
for name, f in operations.items():
    (on_x, saved), (on_y, _) = try_out(f, "x"), try_out(f, "y")
    print(f"{name:<9}  {'+'.join(saved) or 'neither':<7}  {on_x:<8}  {on_y}")

# %%
# 规律就在第二列：存了谁，就不能改谁。``sin`` 的导数是 :math:`\cos x`，要 ``x``；``exp`` 的导数是它自己，
# 要 ``y``；乘以常数，两个都不要。所以 ``nn.ReLU(inplace=True)`` 放在线性层后面没有事，
# 放在 sigmoid 后面就报错：线性层不存自己的输出，sigmoid 存。
#
# 训练中的两个例子
# ----------------
# 一步步填写结果，每一步用到上一步：

w = torch.tensor(0.9, requires_grad=True)


def fill_in():
    out = torch.ones(4)
    for t in range(1, 4):
        out[t] = w * out[t - 1]
    out.sum().backward()


show(fill_in)
out = [torch.tensor(1.0)]
for _ in range(3):
    out.append(w * out[-1])
torch.stack(out).sum().backward()
print(f"stack: {w.grad:.2f}")

# %%
# ``out[t] = …`` 也是原地操作，改一格，整个 ``out`` 的版本号都加 1，三次以后是 3，
# 而最后一次乘法保存的是版本 2。改法是收进列表，最后 ``torch.stack``：
# 导数 :math:`1 + 2w + 3w^2 = 5.23`。
#
# 另一例是先更新参数，后反向传播：

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
first, second = (model(torch.ones(1, 2)).sum() for _ in range(2))
first.backward()
optimizer.step()
show(second.backward)
show(lambda: model[0].weight.add_(1))

# %%
# ``step()`` 原地改了参数，``second`` 却是用旧参数算的。先把两个损失都 ``backward()``，再更新。
#
# 最后一条是另一回事：要求 :term:`梯度` 的 :term:`叶子张量` 不许原地改，除非写在
# ``with torch.no_grad():`` 里；手写更新时就要这样写。
#
# 不报错的
# --------
# 版本号是唯一的防线。``.detach()`` 的结果与原张量共用版本号；``.data`` 和 NumPy 数组只共用内存，改了也没有人知道。

x = torch.tensor([0.5, 1.0, 2.0])


def through_detach(x):
    y = x.exp()
    y.detach().add_(1)
    return y


def through_data(x):
    y = x.exp()
    y.data.add_(1)
    return y


def through_numpy(x):
    y = x.exp()
    y.detach().numpy()[:] += 1
    return y


def not_in_place(x):
    return x.exp() + 1


for f in (through_detach, through_data, through_numpy, not_in_place):
    print(f"{f.__name__}:")
    leaf = x.clone().requires_grad_()
    show(lambda f=f, leaf=leaf: f(leaf).sum().backward())
    print(leaf.grad)

# %%
# 四个函数算的都是 :math:`e^x + 1`，导数是 :math:`e^x`，最后一行才对。
# 中间两个不报错，每个数都多了 1：求导时把改过的 ``y`` 当成了 :math:`e^x`。
#
# 第三种错在前向传播。残差连接里用了原地的 ReLU，``h`` 被改掉，再加上去的就不是原来的值：

h = torch.tensor([-1.0, 2.0])
print(f"relu(h) + h:  {torch.relu(h) + h}")
print(f"relu_(h) + h: {torch.relu_(h) + h}")

# %%
# 下次怎样早发现：自己写的函数用 ``torch.autograd.gradcheck`` 查，它拿 :term:`反向传播` 与数值差分相比，
# 用 ``float64``。报了版本号的错而找不到是哪个值，
# 就打开 ``torch.autograd.set_detect_anomaly(True)``，它会指出前向传播里保存这个值的那一行。

for f in (through_data, through_numpy, not_in_place):
    point = x.double().requires_grad_()
    print(f"{f.__name__}: {torch.autograd.gradcheck(f, point, raise_exception=False)}")

# %%
# 改一改：在表里加一行 ``"tanh": torch.tanh``，先猜它怕改哪一个，再运行。
#
# 小结
# ----
# - 规则：求导要用的值不能原地改；拿不准就用不带下划线的写法，多占一点内存。
# - API：``Tensor.detach()``、``torch.stack``、``torch.autograd.gradcheck``。
# - 下一页：:ref:`pitfalls-detached-graph`
