# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11"]
# ///
"""
.. _pitfalls-class-targets:

类别标签写错
============

:term:`交叉熵` 的两个参数是 :term:`logits` 和 :term:`标签`。
标签可能来自表格、文件或 one-hot 编码，类别可能从 1 数起，还可能多出一个 :term:`轴`。
哪些写法会报错，报错说的是什么？哪些写法不报错，训练却失败了？

你将学到：

- 读懂编号越界、类型错误和形状错误的报错，并修正标签
- 判断每个位置都有标签时，类别应当在哪个轴
- 检查两种不报错的写法
"""

import math
import textwrap

import torch
from torch import nn
from torch.nn import functional as F


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except (IndexError, RuntimeError, ValueError) as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))


# %%
# 编号越界
# --------
# 四个 :term:`样本`，三个类别，所以编号是 0、1、2。
# 常见的错误有两种，一种是从 1 数起，另一种是用 −1 表示“没有标签”。

loss_fn = nn.CrossEntropyLoss()
torch.manual_seed(0)
logits = torch.randn(4, 3)  # (B, K)：样本，类别
target = torch.tensor([0, 1, 2, 2])  # (B,)
show(lambda: loss_fn(logits, torch.tensor([1, 2, 3, 3])))
show(lambda: loss_fn(logits, torch.tensor([0, 1, 2, -1])))
print(f"right: {loss_fn(logits, target):.4f}")

# %%
# 报错里的数就是越界的编号。从 1 数起的标签要减 1。
# “没有标签”要写成 −100，因为它是参数 ``ignore_index`` 的默认值，这样的样本不计入损失。

print(f"one ignored: {loss_fn(logits, torch.tensor([0, 1, 2, -100])):.4f}")
print(f"first three: {loss_fn(logits[:3], target[:3]):.4f}")
print(f"all ignored: {loss_fn(logits, torch.full((4,), -100)):.4f}")

# %%
# 前两行相等，说明第四个样本被忽略了。但是一个批次里若全是 −100，平均值就是 0 除以 0，损失成为 NaN。
#
# 类型错误
# --------
# 从表格或文件里读来的标签，常常是浮点数或 32 位整数。

show(lambda: loss_fn(logits, target.float()))
show(lambda: loss_fn(logits, target.to(torch.int32)))

# %%
# 报错里的 ``Long`` 是 ``int64``，``Byte`` 是 ``uint8``。两种都用 ``target.long()`` 修正。
#
# 形状错误
# --------
# 下面的标签依次多一个轴、少一个样本、写成 one-hot。
# ``F.one_hot`` 把编号变成一行 0 和 1，编号所在的列是 1。

show(lambda: loss_fn(logits, target.unsqueeze(1)))  # (B, 1)
show(lambda: loss_fn(logits, target[:3]))
show(lambda: loss_fn(logits, F.one_hot(target)))  # (B, K)，int64
print(f"one-hot as float: {loss_fn(logits, F.one_hot(target).float()):.4f}")

# %%
# 第一条里的 ``multi-target`` 指每个样本有几个编号，用 ``squeeze(1)`` 去掉多余的轴。
# 第二条写出了两边的样本数 4 和 3。
# 第三条里的标签与 logits 形状相同，所以被当作每个类别的概率，概率应当是浮点数。
# 转成浮点数以后，损失与用编号时相同。
#
# ``one_hot`` 默认按标签里最大的编号决定列数。如果一个批次里恰好没有最后一类，就会少一列：

few = torch.tensor([0, 1, 1, 1])
print(f"{F.one_hot(few).shape=}")
show(lambda: loss_fn(logits, F.one_hot(few).float()))
print(f"{F.one_hot(few, num_classes=3).shape=}")

# %%
# 这条报错也说 ``multi-target``，但是这里的改法是写出 ``num_classes``。
#
# 轴的次序
# --------
# 给句子里的每个 :term:`词元` 分类时，每个位置都有一个标签。
# 下面有 4 句，每句 7 个词元，3 个类别，网络的输出是 ``(B, T, K)``，T 是句长。

show(lambda: loss_fn(torch.randn(4, 7, 3), torch.zeros(4, 7, dtype=torch.int64)))

# %%
# 交叉熵要的是 ``(B, K, T)``，类别在第 1 个轴。
# 它把第 1 个轴的 7 当作类别数，把 3 当作句长，所以认为标签应当是 ``[4, 3]``。
#
# .. predict::
#
#    如果每句恰好有 3 个词元，输出的形状是 ``(4, 3, 3)``，同样不换轴，会怎样？
#
#    - 仍然报错
#    - 不报错，损失也与换轴后的相同，因为两个轴一样长
#    - 不报错，但是损失算错了

scores = torch.randn(4, 3, 3)  # (B, T, K)
target_3 = torch.tensor([[0, 1, 2], [1, 1, 0], [2, 0, 0], [0, 2, 1]])  # (B, T)
print(f"as it is:            {loss_fn(scores, target_3):.4f}")
print(f"after movedim(2, 1): {loss_fn(scores.movedim(2, 1), target_3):.4f}")

# %%
# .. answer:: C
#
#    A 错在报错只比较形状，而这里的形状分不出哪个轴是类别。
#    B 错在两个轴一样长，含义却不同。不换轴时，损失在位置之间做 softmax，所以得到另一个数。
#
# 这个错误会怎样影响训练？下面的任务是把一句话倒过来，每句 5 个词元，一共 5 种词元。
# 一个线性层足够学会它。损失和 :term:`准确率` 都在验证集上计算。


def fit(right_axis, seed):
    """训练 200 步，返回验证集上的损失和沿两个轴取最大值的准确率。"""
    torch.manual_seed(seed)
    tokens = torch.randint(5, (400, 5))  # (B, T)
    x, answer = F.one_hot(tokens, 5).float().flatten(1), tokens.flip(1)
    model = nn.Linear(25, 25)
    optimizer = torch.optim.SGD(model.parameters(), lr=3.0)
    for _ in range(200):
        scores = model(x[:200]).unflatten(1, (5, 5))  # (B, T, K)
        loss = loss_fn(scores.movedim(2, 1) if right_axis else scores, answer[:200])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores, answer = model(x[200:]).unflatten(1, (5, 5)).detach(), answer[200:]
    loss = loss_fn(scores.movedim(2, 1) if right_axis else scores, answer)
    last = (scores.argmax(dim=2) == answer).float().mean()
    first = (scores.argmax(dim=1) == answer).float().mean()
    return loss, last, first


print(f"guessing among 5: {1 / 5:.2f}")
for right_axis in (True, False):
    loss, last, first = torch.tensor([fit(right_axis, seed) for seed in range(5)]).T
    print(f"{right_axis=}: loss {loss.mean():.2f} ± {loss.std():.2f}")
    print(f"  accuracy with argmax(dim=2): {last.mean():.2f} ± {last.std():.2f}")
    print(f"  accuracy with argmax(dim=1): {first.mean():.2f} ± {first.std():.2f}")

# %%
# 乱猜的准确率是 0.20。
# 两种写法的损失都降到 0.05，只看损失分不出对错。
# 训练时换了轴的网络，沿最后一个轴取最大值，准确率是 1.00。
# 没有换轴的网络，沿最后一个轴只有 0.29，沿第 1 个轴却有 1.00，因为损失要它把类别放在第 1 个轴。
# 改法是算损失之前用 ``movedim(2, 1)`` 换轴，预测时仍沿最后一个轴取最大值。
#
# 只有一个输出
# ------------
# 二分类的网络也可以只有一个输出，配上 0 和 1 的浮点标签，这是 ``nn.BCEWithLogitsLoss`` 的用法。
# 它把这一个 logit 变成“标签是 1”的概率，再算交叉熵。如果误用了 ``CrossEntropyLoss``：

one = torch.randn(4, 1, requires_grad=True)
answers = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
for loss_class in (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss):
    loss = loss_class()(one, answers)
    (gradient,) = torch.autograd.grad(loss, one)
    print(f"{loss_class.__name__}: loss {loss.abs():.4f}", end=", ")
    print(f"largest gradient {gradient.abs().max():.4f}")

# %%
# ``CrossEntropyLoss`` 把一个输出当作一个类别，softmax 的结果就总是 1，于是损失和 :term:`梯度` 都是 0。
# 损失看上去已经最好，而网络不会有任何更新。
#
# 怎样早点发现
# ------------
# 训练之前，用刚初始化的网络算一次损失。这时各类的概率差不多相同，:math:`K` 个类别的损失应当在 :math:`\ln K` 附近。
#
# .. change-it::
#
#    把 ``logits`` 全部换成 0，先猜三个类别和一个类别的损失各是多少，再看下面的运行结果。

# hide-cell: logits 全是 0
for n_classes in (3, 1):
    loss = loss_fn(torch.zeros(4, n_classes), torch.zeros(4, dtype=torch.int64))
    print(
        f"{n_classes} classes: {loss.abs():.4f}, ln {n_classes} = {math.log(n_classes):.4f}"
    )

# %%
# 三个类别的损失正好是 :math:`\ln 3`。一个类别的损失是 0，所以训练前的损失若是 0，就要检查输出的个数。
#
# 标签则在算损失之前检查：


def check_targets(logits, target):
    """检查标签的类型、形状和编号。"""
    if target.dtype != torch.int64:
        return f"data type {target.dtype}"
    if target.shape != logits.shape[:1] + logits.shape[2:]:
        return f"shape {tuple(target.shape)}"
    if target.min() < 0 or target.max() >= logits.shape[1]:
        return f"class index {target.min()} to {target.max()}"
    return "fine"


print(f"right:         {check_targets(logits, target)}")
print(f"from 1:        {check_targets(logits, target + 1)}")
print(f"float:         {check_targets(logits, target.float())}")
print(f"extra axis:    {check_targets(logits, target.unsqueeze(1))}")
print(f"3 tokens:      {check_targets(scores, target_3)}")

# %%
# 最后一行没有换轴，却查不出来，因为句长与类别数相等。
# 所以训练时除了损失，还要看准确率。损失很低而准确率也低，就检查轴的次序。
#
# .. real-projects::
#
#    在 GPU 上，编号越界的报错常常只有一句 ``CUDA error: device-side assert triggered``，这时改在 CPU 上运行，就能看到上面那样的报错。
#    各种形状和 ``ignore_index`` 见 `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__，一个输出的写法见 `torch.nn.BCEWithLogitsLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__。

# %%
# 小结
# ----
# - 规则：标签是 ``int64`` 的编号，从 0 到 ``K - 1``，logits 的类别在第 1 个轴。
# - API：``torch.nn.CrossEntropyLoss``、``torch.movedim``、``torch.nn.functional.one_hot``。
# - 下一页：:ref:`pitfalls-forgotten-zero-grad`
