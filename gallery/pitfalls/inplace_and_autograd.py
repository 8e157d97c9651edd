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
什么样的原地修改会妨碍求导？PyTorch 又是怎样发现它的？

你将学到：

- 读懂版本号报错里的每一项
- 判断一个运算之后能否原地修改它的输入或输出
- 检查三种不报错的原地修改
"""

import textwrap

import torch
from torch import nn


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


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
# 每个 :term:`张量` 都有一个版本号，每原地修改一次，版本号就加 1。
# sigmoid 的导数是 :math:`y(1 - y)`，所以 :term:`前向传播` 保存了结果 ``y``，同时记下 ``y`` 当时的版本 0。
# :term:`反向传播` 取出这份 ``y`` 时，发现它的版本已经是 1，于是报错。报错里的各项可以这样读：
#
# - ``[torch.FloatTensor [3]]`` 是被改的张量的类型和形状。
# - ``output 0 of Sigmoid`` 说明它是 sigmoid 的第 0 个输出。
# - ``is at version 1`` 是它现在的版本，``expected version 0`` 是保存时的版本。
#
# 哪些值不能改
# ------------
# 由此可以推断，只有求导时还要用的值不能改。
# 例如 ``exp`` 的导数 :math:`e^x` 就是结果 ``y`` 本身，而 ``sin`` 的导数是 :math:`\cos x`。
#
# .. predict::
#
#    计算 ``y = torch.exp(x)`` 或 ``y = torch.sin(x)``，再执行 ``y.add_(1)``，然后反向传播。哪一个会报错？
#
#    - 两个都报错，因为 ``y`` 都被改了
#    - 只有 ``exp`` 报错
#    - 只有 ``sin`` 报错

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
# .. answer:: B
#
#    看 ``sin`` 与 ``exp`` 两行。``exp`` 求导要用 ``y``，所以改 ``y`` 报错。``sin`` 求导要用的是 ``x``，所以改 ``x`` 才报错。
#    A 错在只看 ``y`` 有没有被改，没有看求导时用不用 ``y``。C 把两个运算要用的值弄反了。
#
# 整张表只有一条规律，求导要用哪一个，前向传播就保存哪一个，也就不能改哪一个。
# 乘以 2 的导数是常数，所以 ``x`` 和 ``y`` 都可以改。ReLU 的导数看 ``x > 0`` 或 ``y > 0`` 都能算出，表中的结果说明 PyTorch 保存的是 ``y``。
#
# ``outcome`` 里的 ``x`` 先乘以 1，这样它就不是 :term:`叶子张量`，原因见“不报错的写法”一节。
#
# .. change-it::
#
#    再试 ``tanh`` 和 ``log``。它们的导数是 :math:`1 - y^2` 和 :math:`1/x`，先猜各自不能改哪一个。

# hide-cell: tanh 和 log
for name, f in (("tanh", torch.tanh), ("log", torch.log)):
    print(f"{name:<9}  change x: {outcome(f, 'x'):<5}  change y: {outcome(f, 'y')}")

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
# ``out[t] = …`` 也是原地操作。它虽然只改一格，整个 ``out`` 的版本号却加 1，三次以后就是 3。
# 最后一次乘法为了对 ``w`` 求导，保存了 ``out[2]``，当时的版本是 2，所以报错里写着 3 和 2。
# 改法是把每一步的结果收进列表，最后用 ``torch.stack`` 合成一个张量，这样就没有原地操作了。

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
# ``step()`` 原地更新了权重，权重的版本从 1 变成 2，而 ``second`` 是用版本 1 的权重算出的。
# 权重的版本一开始就是 1，因为 :term:`初始化` 也是一次原地修改。
#
# :term:`线性层` 乘的是权重的 :term:`转置`，所以报错里的形状是 ``[3, 1]``，而不是 ``(1, 3)``。
# 转置是权重的 :term:`视图`，与权重共用版本号。权重被原地修改以后，PyTorch 把这个视图的 ``grad_fn`` 换成 ``AsStridedBackward0``。
# 所以报错里的 ``AsStrided`` 表示，保存的值是一个视图，而它所属的张量被改过。上一例的 ``out[2]`` 也是视图。
# 改法是两个损失都求完导，再更新。
#
# 不报错的写法
# ------------
# PyTorch 有两道检查。上面见到的一道在反向传播时检查版本号。
# 另一道在修改的当时起作用，它不许原地修改需要 :term:`梯度` 的叶子张量：

leaf = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
show(lambda: leaf.add_(1))
with torch.no_grad():
    leaf.add_(1)
print(f"inside no_grad(): {leaf.tolist()}")

# %%
# 手写参数更新时，就要像这样放在 ``torch.no_grad()`` 里。
#
# ``.detach()``、``.data`` 和 ``.numpy()`` 的结果都与原张量共用内存，通过它们修改 ``y``，检查还起作用吗？下面通过它们给 ``y`` 加 1。加 1 不该改变导数，导数应当仍是 :math:`e^x`。

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
# ``.detach()`` 的结果与原张量还共用版本号，所以报错。
# 通过 ``.data`` 和 NumPy 数组修改时，``y`` 的版本号不变，于是不报错，但是反向传播把改过的 ``y`` 当成了 :math:`e^x`，每个导数都多了 1。
# 所以要共用内存时，用 ``.detach()``，不用 ``.data``。
#
# 还有一种不报错的错误在前向传播。函数 ``in_place`` 先把 ``h`` 原地改成 ``relu(h)``，再加上 ``h``，这时加上的已经不是原来的值。


def in_place(x):
    h = x * 1
    return torch.relu_(h) + h


h = torch.tensor([-1.0, 2.0])
print(f"relu(h) + h:  {torch.relu(h) + h}")
print(f"relu_(h) + h: {in_place(h)}")

# %%
# 怎样早点发现
# ------------
# ``torch.autograd.gradcheck`` 把反向传播的结果与 :term:`有限差分` 比较，相符就返回 ``True``，输入要用 ``float64``。


def through_data(x):
    y = x.exp()
    y.data.add_(1)
    return y


x = torch.tensor([-1.0, 2.0], dtype=torch.float64, requires_grad=True)
for f in (torch.exp, through_data, in_place):
    print(f"{f.__name__}: {torch.autograd.gradcheck(f, x, raise_exception=False)}")

# %%
# ``gradcheck`` 查出了 ``through_data`` 的导数不对，却没有查出 ``in_place``。
# 因为 ``in_place`` 的导数与它自己的结果相符，错的是结果本身，要与不用原地操作的写法比较才能发现。
#
# 如果看不出是哪个运算保存了被改的值，就照报错末尾的 Hint 打开 ``torch.autograd.set_detect_anomaly(True)``。
#
# .. real-projects::
#
#    大的网络里常见 ``nn.ReLU(inplace=True)``，它能省下一份激活值的内存，前提是前一层不保存自己的输出，例如线性层或卷积层。
#    `自动求导的说明 <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__ 讲了保存的张量和版本号，
#    `torch.autograd.gradcheck <https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html>`__ 是检查导数的函数。

# %%
# 小结
# ----
# - 规则：求导还要用的值不能原地修改，拿不准就用不带下划线的写法。
# - API：``Tensor.detach()``、``torch.stack``、``torch.autograd.gradcheck``。
# - 下一页：:ref:`pitfalls-detached-graph`
