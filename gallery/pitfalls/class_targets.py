# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-class-targets:

类别标签写错
============

:term:`交叉熵` 的两个参数是 :term:`logits` 和 :term:`标签`。
标签可能来自表格、文件或 one-hot 编码，类别可能从 1 数起，还可能多出一个 :term:`轴`。
哪些写法会报错，报错说的是什么？哪些写法不报错，结果却是错的？

你将学到：

- 读懂编号越界、类型错误和形状错误的报错，并修正标签
- 判断每个位置都有标签时，类别应当在哪个轴
- 在训练之前检查 logits 和标签
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
# 四个 :term:`样本`，三个类别，所以编号是 0、1、2。常见的错误有两种，一种是从 1 数起，另一种是用 −1 表示“没有标签”。

loss_fn = nn.CrossEntropyLoss()
torch.manual_seed(0)
logits = torch.randn(4, 3)  # (B, K)：样本，类别
target = torch.tensor([0, 1, 2, 2])  # (B,)
show(lambda: loss_fn(logits, torch.tensor([1, 2, 3, 3])))
show(lambda: loss_fn(logits, torch.tensor([0, 1, 2, -1])))
print(f"right: {loss_fn(logits, target):.4f}")

# %%
# 报错里的数就是越界的编号。从 1 数起的标签要减 1。
#
# .. change-it::
#
#    标签仍是 ``[1, 2, 3, 3]``，但是把 ``logits`` 换成有 4 列的 ``torch.zeros(4, 4)``，并打印损失。还会报错吗？

# hide-cell: 4 个输出
show(lambda: print(f"{loss_fn(torch.zeros(4, 4), torch.tensor([1, 2, 3, 3])):.4f}"))

# %%
# .. outcome::
#
#    不报错，因为编号 3 没有越界，损失是 1.3863。但是没有样本属于类别 0，有一个输出是多余的，所以还是要减 1。

# %%
# “没有标签”要写成 −100，因为它是参数 ``ignore_index`` 的默认值，这样的样本不计入损失。

print(f"one ignored: {loss_fn(logits, torch.tensor([0, 1, 2, -100])):.4f}")
print(f"first three: {loss_fn(logits[:3], target[:3]):.4f}")
print(f"all ignored: {loss_fn(logits, torch.full((4,), -100)):.4f}")

# %%
# 前两行相等，说明第四个样本被忽略了。如果一个批次里全是 −100，平均值就是 0 除以 0，所以损失是 NaN。
#
# 类型错误
# --------
# 从表格或文件里读来的标签可能是浮点数或 32 位整数。

show(lambda: loss_fn(logits, target.float()))
show(lambda: loss_fn(logits, target.to(torch.int32)))
print(f"after long(): {loss_fn(logits, target.to(torch.int32).long()):.4f}")

# %%
# 报错里的 ``Long`` 是 ``int64``，``Byte`` 是 ``uint8``。两条报错都用 ``.long()`` 修正，损失与前面的 ``right`` 相同。
#
# 形状错误
# --------
# 下面的标签依次多一个轴、少一个样本、写成 one-hot。函数 ``F.one_hot`` 把编号变成一行 0 和 1，编号所在的列是 1。

show(lambda: loss_fn(logits, target.unsqueeze(1)))  # (B, 1)
show(lambda: loss_fn(logits, target[:3]))
show(lambda: loss_fn(logits, F.one_hot(target)))  # (B, K)，int64
print(f"one-hot as float: {loss_fn(logits, F.one_hot(target).float()):.4f}")

# %%
# - 第一条里的 ``multi-target`` 指每个样本有几个编号，所以用 ``squeeze(1)`` 去掉多余的轴。
# - 第二条写出了两个样本数，logits 有 4 个样本，标签有 3 个。
# - 第三条里的标签与 logits 形状相同，所以被当作每个类别的概率，而概率应当是浮点数。
#
# one-hot 标签转成浮点数以后，损失与用编号时相同，都是 1.2465。
#
# 函数 ``one_hot`` 默认按标签里最大的编号决定列数。如果一个批次里恰好没有最后一类，就会少一列：

few = torch.tensor([0, 1, 1, 1])
print(f"{F.one_hot(few).shape=}")
show(lambda: loss_fn(logits, F.one_hot(few).float()))
print(f"{F.one_hot(few, num_classes=3).shape=}")

# %%
# 这条报错也说 ``multi-target``，但是这里的改法是写出 ``num_classes``。
#
# 轴的次序
# --------
# 给句子里的每个 :term:`词元` 分类时，每个位置都有一个标签。下面有 4 句，每句 7 个词元，3 个类别，网络的输出是 ``(B, T, K)``，T 是句长。

show(lambda: loss_fn(torch.randn(4, 7, 3), torch.zeros(4, 7, dtype=torch.int64)))

# %%
# 交叉熵要的是 ``(B, K, T)``，类别在轴 1。它把轴 1 的 7 当作类别数，把轴 2 的 3 当作句长，所以认为标签应当是 ``[4, 3]``。
#
# .. predict::
#
#    如果每句恰好有 3 个词元，输出的形状是 ``(4, 3, 3)``，同样不换轴，会怎样？
#
#    - 报错，因为类别仍在最后一个轴
#    - 不报错，损失与换轴后的相同，因为两个轴一样长
#    - 不报错，损失与换轴后的不同，因为轴 1 是位置

scores = torch.randn(4, 3, 3)  # (B, T, K)
target_3 = torch.tensor([[0, 1, 2], [1, 1, 0], [2, 0, 0], [0, 2, 1]])  # (B, T)
print(f"as it is:            {loss_fn(scores, target_3):.4f}")
print(f"after movedim(2, 1): {loss_fn(scores.movedim(2, 1), target_3):.4f}")
print(f"as (B * T, K):       {loss_fn(scores.flatten(0, 1), target_3.flatten()):.4f}")
for axis in (1, 2):
    log_p = scores.log_softmax(dim=axis).gather(axis, target_3.unsqueeze(axis))
    print(f"by hand, softmax over axis {axis}: {-log_p.mean():.4f}")

# %%
# .. answer:: C
#
#    手算的两行说明，不换轴的损失沿轴 1 做 softmax，也就是在 3 个位置之间，换轴以后才沿轴 2。
#    A 不成立，因为损失函数只检查形状，而这里的形状分不出哪个轴是类别。
#    B 不成立，因为两个轴一样长，含义却不同，1.0684 与 1.3665 不相等。
#
# 也可以不换轴，而是把句子和位置并成一个轴，写成 ``scores.flatten(0, 1)`` 和 ``target_3.flatten()``，损失相同。
#
# 用这样的损失训练，会发生什么？下面的任务是把一句话倒过来，每句 5 个词元，一共 5 种词元。网络是一个线性层，损失和 :term:`准确率` 都在验证集上计算。


def fit(arrange, seed):
    """训练 200 步，返回验证集上的损失，以及沿轴 2 和轴 1 取最大值的准确率。"""
    torch.manual_seed(seed)
    tokens = torch.randint(5, (400, 5))  # (B, T)
    x, answer = F.one_hot(tokens, 5).float().flatten(1), tokens.flip(1)
    model = nn.Linear(25, 25)
    optimizer = torch.optim.SGD(model.parameters(), lr=3.0)
    for _ in range(200):
        scores = model(x[:200]).unflatten(1, (5, 5))  # (B, T, K)
        loss = loss_fn(arrange(scores), answer[:200])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores, answer = model(x[200:]).unflatten(1, (5, 5)).detach(), answer[200:]
    axis_2 = (scores.argmax(dim=2) == answer).float().mean()
    axis_1 = (scores.argmax(dim=1) == answer).float().mean()
    return loss_fn(arrange(scores), answer), axis_2, axis_1


print(f"guessing among 5: {1 / 5:.2f}, mean ± deviation over 5 seeds")
ways = {"movedim(2, 1)": lambda scores: scores.movedim(2, 1), "as it is": lambda s: s}
for name, arrange in ways.items():
    results = torch.tensor([fit(arrange, seed) for seed in range(5)])
    loss, axis_2, axis_1 = results.T
    print(f"{name}: loss {loss.mean():.2f} ± {loss.std():.2f}")
    print(f"  accuracy with argmax(dim=2): {axis_2.mean():.2f} ± {axis_2.std():.2f}")
    print(f"  accuracy with argmax(dim=1): {axis_1.mean():.2f} ± {axis_1.std():.2f}")

# %%
# 两种写法的平均损失都是 0.05，所以只看损失分不出对错。训练时换了轴的网络，沿轴 2 取最大值，准确率是 1.00。
# 没有换轴的网络，沿轴 2 只有 0.29，乱猜是 0.20，沿轴 1 却有 1.00，因为训练它的损失把轴 1 当作类别。
# 改法是计算损失之前用 ``movedim(2, 1)`` 换轴，预测时仍沿轴 2 取最大值。
#
# 只有一个输出
# ------------
# 二分类的网络也可以只有一个输出，配上 0 和 1 的浮点标签，用 ``nn.BCEWithLogitsLoss``。下面比较它与误用的 ``CrossEntropyLoss``。

one = torch.randn(4, 1, requires_grad=True)
answers = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
for loss_class in (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss):
    loss = loss_class()(one, answers)
    (gradient,) = torch.autograd.grad(loss, one)
    print(f"{loss_class.__name__}: loss {loss.abs():.4f}", end=", ")
    print(f"largest gradient {gradient.abs().max():.4f}")
show(lambda: loss_fn(one, answers.long().squeeze(1)))

# %%
# 损失函数 ``CrossEntropyLoss`` 把一个输出当作一个类别，softmax 的结果就总是 1，所以损失和 :term:`梯度` 都是 0。损失看上去已经最好，而网络什么也学不到。最后一行里的标签是整数编号，编号 1 越界，所以才报错。
#
# 怎样早点发现
# ------------
# 训练之前，用刚 :term:`初始化` 的网络算一次损失。

for n_classes, largest in ((5, 1), (5, 255), (1, 1)):
    x = largest * torch.rand(100, 64)
    loss = loss_fn(nn.Linear(64, n_classes)(x), torch.randint(n_classes, (100,)))
    print(f"{n_classes} classes, inputs up to {largest:>3}, ", end="")
    print(f"ln K = {math.log(n_classes):.2f}, loss {loss.abs():.2f}")

# %%
# 各类的得分相同时，:math:`K` 个类别的损失是 :math:`\ln K`。输入在 0 和 1 之间时，这里刚初始化的网络接近这个数。
# 第二行的输入到 255，各类的得分就相差很大，损失远大于 :math:`\ln K`，这时先把输入缩小。训练前的损失若是 0，就要检查输出的个数。
#
# 标签是编号时，在计算损失之前检查它。写成概率的浮点标签不能用这个函数：


def check_targets(logits, target):
    """检查标签的类型、形状和编号。"""
    if target.dtype != torch.int64:
        return f"data type {target.dtype}"
    if target.shape != logits.shape[:1] + logits.shape[2:]:
        return f"shape {tuple(target.shape)}"
    used = target[target != -100]
    if len(used) == 0:
        return "nothing but -100"
    if used.min() < 0 or used.max() >= logits.shape[1]:
        return f"class index {used.min()} to {used.max()}"
    return "fine"


print(f"right:         {check_targets(logits, target)}")
print(f"from 1:        {check_targets(logits, target + 1)}")
print(f"float:         {check_targets(logits, target.float())}")
print(f"extra axis:    {check_targets(logits, target.unsqueeze(1))}")
print(f"3 tokens:      {check_targets(scores, target_3)}")

# %%
# 中间三行各查出一种错误。最后一行没有换轴，却检查不出来，因为句长与类别数相等。所以训练时还要看准确率。如果损失和准确率都很低，就检查轴的次序。
#
# .. real-projects::
#
#    在 GPU 上，编号越界的报错是 ``CUDA error: device-side assert triggered``，里面没有编号。改在 CPU 上运行，就能看到上面那样的报错。
#    各种形状和 ``ignore_index`` 见 `torch.nn.CrossEntropyLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__，一个输出的写法见 `torch.nn.BCEWithLogitsLoss <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__。

# %%
# 小结
# ----
# - 规则：标签是 ``int64`` 的编号，从 0 到 ``K - 1``，logits 的类别在轴 1。轴的次序写错而长度相等，只有一个输出而标签是浮点数，或者编号从 1 数起而输出多一个，都不报错。
# - API：``torch.nn.CrossEntropyLoss(ignore_index=-100)``、``torch.movedim``、``torch.nn.functional.one_hot(target, num_classes=K)``。
# - 下一页：:ref:`pitfalls-forgotten-zero-grad`
