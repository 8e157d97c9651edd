# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0"]
# ///
"""
.. _pitfalls-class-targets:

类别标签写错
============

:term:`交叉熵` 要的 :term:`标签` 是类别编号：整数，从 0 数起，形状 ``(N,)``。
编号、类型、形状、轴的次序，哪一样不对，通常都会报错，报错却各不相同。
这一页逐条重现，再看两个不报错的：一个损失降得很好看，:term:`准确率` 却上不去；一个损失恒等于 0。

你将学到：

- 编号越界、浮点标签、一列标签、one-hot 标签的报错与改法
- 每个位置都有标签时，类别必须在第 1 个 :term:`轴`
- 用哪几行检查挡住不报错的两种
"""

import torch
from torch import nn
from torch.nn import functional as F

loss = nn.CrossEntropyLoss()
torch.manual_seed(0)
logits = torch.randn(4, 3)  # (4, 3)：样本，类别
target = torch.tensor([0, 1, 2, 2])  # (4,)
print(f"loss {loss(logits, target):.4f}")


def show(call):
    """运行 call，打印它的报错。"""
    try:
        call()
    except (IndexError, RuntimeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")


# %%
# 编号越界
# --------
# 三个类别的编号是 0、1、2。标签从 1 数起，或者用 −1 表示“没有标签”：

show(lambda: loss(logits, torch.tensor([1, 2, 3, 3])))
show(lambda: loss(logits, torch.tensor([0, 1, 2, -1])))

# %%
# 从 1 数起的先减 1。没有标签的写成 −100，那是 ``ignore_index`` 的默认值，这些样本不计入损失；
# 但一个批次全是 −100 时，平均值是 0 除以 0，损失是 NaN。
#
# 类型
# ----
# 标签是从表格或文件里读来的，常常是浮点数，或 32 位整数。

show(lambda: loss(logits, target.float()))
show(lambda: loss(logits, target.int()))

# %%
# ``Long`` 是 ``int64``，``Byte`` 是 ``uint8``。改法都是 ``target.long()``。
#
# 形状
# ----
# 多出一个轴、少一个样本、写成 one-hot，报错各不相同：

show(lambda: loss(logits, target.unsqueeze(1)))  # (4, 1)
show(lambda: loss(logits, target[:3]))  # (3,)
show(lambda: loss(logits, F.one_hot(target)))  # (4, 3)，整数
print(f"as probabilities: {loss(logits, F.one_hot(target).float()):.4f}")

# %%
# 第一句里的 ``multi-target`` 指每个样本不止一个编号；用 ``squeeze(1)`` 去掉多余的轴。
# 第三句：标签和 logits 形状相同，就当作每个类别的概率，所以要浮点数。
# 转成浮点数，损失与编号的相同。没有别的理由，就用 ``argmax(1)`` 变回编号：少占内存，也不会错。
#
# ``one_hot`` 还有一个陷阱：列数按见到的最大编号定。一个批次里恰好没有最后一类，就少一列，
# 得到的又是 ``multi-target`` 那句。

few = F.one_hot(torch.tensor([0, 1, 1, 1]))
print(f"{few.shape=}")
show(lambda: loss(logits, few.float()))
print(f"{F.one_hot(torch.tensor([0, 1, 1, 1]), num_classes=3).shape=}")

# %%
# 轴的次序
# --------
# 给句子里的每个 :term:`词元` 分类：4 句，每句 7 个词元，3 个类别。
# 网络的输出常是 ``(N, d, K)``，而交叉熵要 ``(N, K, d)``，类别在第 1 个轴。
#
# .. admonition:: 先猜一猜
#
#    ``(4, 7, 3)`` 会报错。如果每句恰好 3 个词元，形状是 ``(4, 3, 3)``，还报错吗？

show(lambda: loss(torch.randn(4, 7, 3), torch.zeros(4, 7, dtype=torch.long)))
show(lambda: loss(torch.randn(4, 3, 3), torch.zeros(4, 3, dtype=torch.long)))
print("no error with 3 tokens")

# %%
# 句长等于类别数，形状就分不出来了，损失把位置当成了类别。
# 它有多大的害处？每句 5 个词元，5 个类别，让网络把句子倒过来，一个线性层足够学会。


def fit(wrong_axis, seed):
    """训练 100 步，返回最后的损失和准确率。"""
    torch.manual_seed(seed)
    tokens = torch.randint(5, (200, 5))  # (200, 5)：句，词元
    x, answer = F.one_hot(tokens, 5).float(), tokens.flip(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(25, 25), nn.Unflatten(1, (5, 5)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        scores = model(x)  # (200, 5, 5)：句，词元，类别
        error = loss(scores if wrong_axis else scores.movedim(2, 1), answer)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return error.item(), (scores.argmax(dim=2) == answer).float().mean().item()


for wrong_axis in (False, True):
    losses, accuracies = torch.tensor([fit(wrong_axis, seed) for seed in range(5)]).T
    print(
        f"{wrong_axis=!s:<6} loss {losses.mean():.2f}"
        f"  accuracy {accuracies.mean():.2f} ± {accuracies.std():.2f}"
    )

# %%
# 两种写法的损失都降到 0.03，单看损失曲线分不出对错；准确率却是 1.00 和 0.31，乱猜是 0.20。
# 损失要什么，网络就学什么：它学会的是转置了的表，第 1 个轴是类别，第 2 个轴是位置。
# 改法是算损失之前 ``movedim(2, 1)``，取最大值仍沿最后一个轴。
#
# 不报错的：只有一个输出
# ----------------------
# 二分类时网络只留一个输出、标签写成浮点的 0 和 1，那是 ``BCEWithLogitsLoss`` 的形状。
# 误用交叉熵会怎样？

one = torch.randn(4, 1, requires_grad=True)
answers = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
error = loss(one, answers)
error.backward()
print(f"loss {error.abs():.4f}, largest gradient {one.grad.abs().max():.4f}")

binary = F.binary_cross_entropy_with_logits(one, answers)
print(f"BCE with logits: {binary:.4f}")

# %%
# 只有一个类别，softmax 的结果总是 1，损失和 :term:`梯度` 都是 0：网络一步也不动，损失看上去却完美。
#
# 下次怎样早发现：用随机初始化的网络算一次损失。:math:`K` 个类别应在 :math:`\ln K` 附近，
# 是 0 就一定有错。轴的次序则在算损失之前查：


def checked_loss(scores, target, n_classes):
    """先查形状、类型和编号，再算交叉熵。"""
    assert scores.shape == (len(target), n_classes, *target.shape[1:]), "shapes"
    assert target.dtype == torch.int64, "data type"
    assert set(target.flatten().tolist()) <= set(range(n_classes)), "class index"
    return loss(scores, target)


for scores, answer in ((logits, target), (one, answers), (logits, target + 1)):
    try:
        print(f"fine: {checked_loss(scores, answer, n_classes=3):.4f}")
    except AssertionError as error:
        print(f"stopped: {error}")

# %%
# 句长与类别数相等时，形状查不出来。换一个句长不同的批次，这段检查就会停下；
# 训练时除了损失，也看准确率，两者对不上就查轴的次序。
#
# 改一改：把 ``logits`` 全部改成 0，先猜损失是多少，再运行。
#
# 小结
# ----
# - 规则：标签是 ``int64`` 的编号，从 0 到 ``K - 1``；logits 的类别在第 1 个轴。
# - API：``torch.nn.CrossEntropyLoss``、``torch.movedim``、``torch.nn.functional.one_hot``。
# - 下一页：:ref:`pitfalls-forgotten-zero-grad`
