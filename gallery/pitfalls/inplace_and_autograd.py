# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-inplace-and-autograd:

原地修改与求导
==============

训练停在 ``loss.backward()`` 这一行，报错说某个值被 :term:`原地操作` 改过。
可是在另一处，同样的 ``add_(1)`` 却没有引起报错。
哪些值不能原地修改？PyTorch 怎样发现修改，又有哪些修改发现不了？

你将学到：

- 读懂版本号报错里的每一项
- 判断一个运算之后能否原地修改它的输入或输出
- 避免不报错的原地修改，并检查导数对不对
"""

import textwrap

import torch
from torch import nn
from torch.nn import functional as F


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 88))


# %%
# 最短的错误代码
# --------------

x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
y = torch.sigmoid(x)
print(f"after sigmoid: {y._version=}")
y.add_(1)
print(f"after add_(1): {y._version=}")
show(lambda: y.sum().backward())

# %%
# 每个 :term:`张量` 都有一个版本号，用 ``add_`` 这样的原地操作每修改一次，版本号就加 1。sigmoid 的导数是 :math:`y(1 - y)`，所以 :term:`前向传播` 保存了结果 ``y``，同时记下 ``y`` 当时的版本 0。:term:`反向传播` 取出 ``y`` 时，它的版本已经是 1，于是报错。报错里的各项可以这样读：
#
# - ``[torch.FloatTensor [3]]`` 是被改的张量的类型和形状
# - ``output 0 of Sigmoid`` 说明这个张量是 sigmoid 的第 0 个输出（从 0 数起）
# - ``is at version 1`` 是现在的版本，``expected version 0`` 是保存时的版本
#
# 改法是写成 ``y = y + 1``。它造出一个新的张量，sigmoid 保存的结果不变，所以下面的导数与 :math:`y(1 - y)` 相同。``y += 1`` 则与 ``y.add_(1)`` 一样，是原地修改。

y = torch.sigmoid(x)
by_hand = (y * (1 - y)).detach()
y = y + 1
y.sum().backward()
print(f"gradient {x.grad}, y(1 - y) {by_hand}")

# %%
# 哪些值不能改
# ------------
# .. predict::
#
#    计算 ``y = torch.exp(x)`` 或 ``y = torch.sin(x)``，再执行 ``y.add_(1)``，然后反向传播。哪一个会报错？
#
#    - 只有 ``exp`` 报错，因为只有它求导时要用 ``y``
#    - 两个都报错，因为 ``y`` 的版本号都变了
#    - 两个都不报错，因为加 1 不改变导数

operations = {
    "x * 2": (lambda x: x * 2, "2"),
    "sin": (torch.sin, "cos x"),
    "exp": (torch.exp, "y"),
    "sigmoid": (torch.sigmoid, "y(1 - y)"),
    "relu": (torch.relu, "1 or 0"),
}


def outcome(f, change):
    """计算 y = f(x)，原地修改其中一个，返回反向传播是否报错。"""
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True) * 1
    y = f(x)
    (x if change == "x" else y).add_(1)
    try:
        y.sum().backward()
    except RuntimeError:
        return "error"
    return "fine"


print("operation  derivative  change x  change y")
for name, (f, derivative) in operations.items():
    print(f"{name:<9}  {derivative:<10}  {outcome(f, 'x'):<8}  {outcome(f, 'y')}")

# %%
# .. answer:: A
#
#    看 ``exp`` 与 ``sin`` 两行的最后一列。``exp`` 的导数就是 ``y``，而 ``sin`` 的导数由 ``x`` 算出。
#    B 不成立，因为 ``sin`` 一行的 ``y`` 也换了版本，却不报错，只有保存过的值才会检查版本。
#    C 不成立，因为加 1 虽然不改变公式，却改变了公式里 ``y`` 的值。
#
# 表中的结果都符合一条规律，前向传播为求导保存的值不能改。乘以 2 的导数是常数，所以 ``x`` 和 ``y`` 都可以改。ReLU 的导数由 ``x > 0`` 或 ``y > 0`` 都能算出，表中的结果说明它保存的是 ``y``。
#
# 函数 ``outcome`` 里的 ``x`` 先乘以 1，这样它就不是 :term:`叶子张量`，原因见“不报错的修改”一节。
#
# .. change-it::
#
#    把 ``relu`` 换成 ``F.leaky_relu``，它在负数一侧的斜率是一个小的正数，导数也只看 ``x`` 或 ``y`` 是否大于 0。再试 ``torch.log``，它的导数是 :math:`1/x`。先猜两个运算各自不能改哪一个。

# hide-cell: leaky_relu 和 log
for name, f in (("leaky_relu", F.leaky_relu), ("log", torch.log)):
    print(f"{name:<10}  change x: {outcome(f, 'x'):<5}  change y: {outcome(f, 'y')}")

# %%
# .. outcome::
#
#    两个运算都不能改 ``x``。``leaky_relu`` 保存的是 ``x``，与 ReLU 不同，所以只看公式并不总能知道保存的是哪一个，要像表里那样试一次。

# %%
# 训练中的例子：逐格填写
# ----------------------
# 下面的循环一格一格地填写 ``out``，每一格都用到前一格。

w = torch.tensor(0.9, requires_grad=True)


def fill_in():
    out = torch.ones(4)
    for t in range(1, 4):
        out[t] = w * out[t - 1]
    out.sum().backward()


show(fill_in)

# %%
# 赋值 ``out[t] = …`` 也是原地操作。它虽然只改一格，整个 ``out`` 的版本号却加 1，三次以后就是 3。最后一次乘法为了对 ``w`` 求导，保存了 ``out[2]``，当时的版本是 2，所以报错里写着 3 和 2。形状 ``[]`` 说明 ``out[2]`` 没有轴。改法是把每一步的结果放进列表，最后用 ``torch.stack`` 合成一个张量。四格之和是 :math:`1 + w + w^2 + w^3`，手算它的导数来核对。

steps = [torch.tensor(1.0)]
for _ in range(3):
    steps.append(w * steps[-1])
torch.stack(steps).sum().backward()
print(f"gradient {w.grad:.2f}, by hand {1 + 2 * 0.9 + 3 * 0.9**2:.2f}")

# %%
# 训练中的例子：先更新，后求导
# ----------------------------
# 同一个网络算出两个损失，``first`` 求导以后更新了 :term:`参数`，然后才轮到 ``second``。

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
weight = model[2].weight
first, second = model(torch.ones(1, 2)).sum(), model(-torch.ones(1, 2)).sum()
first.backward()
turned = weight.T
print(f"{tuple(weight.shape)=}, version {weight._version}, {turned.grad_fn.name()}")
optimizer.step()
print(f"after step(): version {weight._version}, {turned.grad_fn.name()}")
show(second.backward)

# %%
# 方法 ``step()`` 原地更新了权重，权重的版本从 1 变成 2，而 ``second`` 是用版本 1 的权重算出的。权重的版本一开始就是 1，因为 :term:`初始化` 也是一次原地修改。改法是两个损失都求完导，再更新。
#
# :term:`线性层` 乘的是权重的 :term:`转置`，所以报错里的形状是 ``[3, 1]``，而不是 ``(1, 3)``。转置是权重的 :term:`视图`，与权重共用版本号。打印的名字说明，权重被原地修改以后，这个视图的 ``grad_fn`` 换成了 ``AsStridedBackward0``，所以报错里写着 ``AsStrided``。上一例的 ``out[2]`` 也是视图，报错里写的也是它。
#
# 不报错的修改
# ------------
# PyTorch 有两道检查。上面见到的一道在反向传播时比较版本号。另一道在修改的时候起作用，它不允许原地修改需要 :term:`梯度` 的叶子张量：

leaf = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
show(lambda: leaf.add_(1))
with torch.no_grad():
    leaf.add_(1)
print(f"inside no_grad(): {leaf.tolist()}")

# %%
# 手写参数更新时，就要像这样放在 ``torch.no_grad()`` 里。
#
# 另外，``.detach()``、``.data`` 和 ``.numpy()`` 的结果都与原张量共用内存。下面通过它们给 ``y`` 加 1，看检查还起不起作用。

ways = {
    ".detach()": lambda y: y.detach(),
    ".data": lambda y: y.data,
    ".numpy()": lambda y: y.detach().numpy(),
}
for name, same_memory in ways.items():
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    y = x.exp()
    alias = same_memory(y)
    alias += 1
    print(f"{name}: {y._version=}")
    show(y.sum().backward)
    print(f"gradient: {x.grad}")
print(f"e^x:      {x.detach().exp()}")

# %%
# 通过 ``.detach()`` 修改时，``y`` 的版本号也加 1，所以报错。通过 ``.data`` 和 NumPy 数组修改时，``y`` 的版本号不变，所以不报错。但是反向传播用了改过的 ``y``，每个导数都比 :math:`e^x` 多 1。
# 因此要共用内存时，用 ``.detach()``，不用 ``.data``。NumPy 数组要修改，就先复制一份。
#
# 如果求导不用改过的值，而别处要用它，也不会报错，只是结果不对：


def add_relu(x):
    h = x * 1
    return h + nn.ReLU(inplace=True)(h)


x = torch.tensor([-1.0, 2.0])
print(f"right {(x + torch.relu(x)).tolist()}, in place {add_relu(x).tolist()}")

# %%
# 设 ``inplace=True`` 时，加号左边的 ``h`` 也被改了，所以第一个数从 −1 变成了 0。
#
# 怎样早点发现
# ------------
# 函数 ``torch.autograd.gradcheck`` 把反向传播的结果与 :term:`有限差分` 比较，相符就返回 ``True``，输入要用 ``float64``。
# 不相符时默认会报错，``raise_exception=False`` 使它改为返回 ``False``。


def through_data(x):
    y = x.exp()
    y.data.add_(1)
    return y


x = torch.tensor([-1.0, 2.0], dtype=torch.float64, requires_grad=True)
for f in (torch.exp, through_data, add_relu):
    print(f"{f.__name__}: {torch.autograd.gradcheck(f, x, raise_exception=False)}")

# %%
# 所以 ``gradcheck`` 能发现通过 ``.data`` 的修改，发现不了 ``add_relu`` 的错误，因为那里错的是值，导数与值相符。如果有报错，但是看不出哪个运算保存了被改的值，就照报错末尾的 Hint，在前向传播之前打开 ``torch.autograd.set_detect_anomaly(True)``，它会指出那个运算在代码的哪一行。
#
# .. real-projects::
#
#    写成 ``nn.ReLU(inplace=True)`` 可以少占一个输出张量的内存，前提是前一层不保存自己的输出（线性层不保存，``nn.Sigmoid`` 保存），
#    而且别处不再用这个输出。
#    `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__ 讲了保存的张量和版本号，
#    `torch.autograd.gradcheck <https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html>`__ 是检查导数的函数。

# %%
# 小结
# ----
# - 规则：前向传播为求导保存的值，在反向传播之前不能用 ``x[i] = …``、``+=`` 和 ``step()`` 原地修改，版本号变了就会报错。通过 ``.data`` 和 NumPy 数组的修改不改变版本号，所以要避免。
# - API：``Tensor.detach()``、``torch.stack``、``torch.no_grad()``、``torch.autograd.gradcheck``。
# - 下一页：:ref:`pitfalls-detached-graph`
