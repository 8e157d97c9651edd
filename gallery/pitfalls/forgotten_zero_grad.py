# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-forgotten-zero-grad:

忘记梯度清零
============

``backward()`` 把新的 :term:`梯度` 加到 ``.grad`` 原有的值上，不会覆盖。
训练循环里少了 ``optimizer.zero_grad()``，每一步用的就是从头到现在所有梯度的和。
程序不报错，损失往往还在下降，有时甚至降得更快。这一页实测三种 :term:`优化器` 各受多大的影响。

你将学到：

- 没有 :term:`梯度清零` 时 ``.grad`` 里是什么
- 同一个错误，为什么有的训练毁了，有的反而变好
- 怎样用几行检查在第二步就发现它
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 最短的错误代码
# --------------
# :math:`y = 3w` 的导数恒为 3。连着三步，不清零：

w = torch.tensor(1.0, requires_grad=True)
for step in range(3):
    y = 3 * w
    y.backward()
    print(f"step {step}: gradient {w.grad:.0f}")

# %%
# 第三步的梯度成了 9：更新会走出三倍的距离。换成弯曲的损失函数，旧梯度连方向也过时了。
#
# 实测
# ----
# 手写数字，一个 :term:`隐藏层`。``clear`` 决定清不清零，其余完全一样。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
loss_func = nn.CrossEntropyLoss()


def fit(make_optimizer, clear, seed):
    """训练十轮，返回每一轮的平均损失和测试集上的准确率。"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = make_optimizer(model.parameters())
    losses = torch.zeros(10)
    for epoch in range(10):
        for batch in train[torch.randperm(1000)].split(50):
            loss = loss_func(model(images[batch]), labels[batch])
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[epoch] += loss.detach() / 20
    with torch.no_grad():
        right = model(images[test]).argmax(dim=1) == labels[test]
    return losses, right.float().mean().item()


# %%
# .. admonition:: 先猜一猜
#
#    下面三种优化器，哪一种不清零会训练失败？有没有反而变好的？

optimizers = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01),
    "SGD, momentum 0.9": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.001),
}
curves = {}
print(f"{'accuracy, 5 seeds':<19}{'cleared':<15}not cleared")
for name, make_optimizer in optimizers.items():
    row = f"{name:<17}"
    for clear in (True, False):
        runs = [fit(make_optimizer, clear, seed) for seed in range(5)]
        curves[name, clear] = runs[0][0]
        accuracies = torch.tensor([accuracy for _, accuracy in runs])
        row += f"  {accuracies.mean():.3f} ± {accuracies.std():.3f}"
    print(row)

fig, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True, layout="constrained")
for ax, name in zip(axes, optimizers, strict=True):
    ax.plot(range(1, 11), curves[name, True], color="C0", lw=2)
    ax.plot(range(1, 11), curves[name, False], color="C1", lw=2)
    ax.set(title=name, xlabel="epoch", yscale="log")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss, seed 0")
axes[0].annotate("cleared", (10, 2.7), color="C0", ha="right")
axes[0].annotate("not cleared", (10, 0.55), color="C1", ha="right")
# alt: 三张图各有清零与不清零两条损失曲线：SGD 不清零的降得快得多；带动量的从第三轮起冲高，留在 5 以上；Adam 的先降得快，末尾回升
plt.show()

# %%
# 带动量的 SGD 彻底失败，准确率约等于乱猜的 0.10。Adam 掉到 0.791，
# 可是看它的损失，前九轮都比清零的低。最坏的是第一行：不带动量的 SGD 从 0.471 升到 0.928，
# 代码错了，结果反而更好，谁也不会去查。
#
# 为什么
# ------
# 不清零，第 :math:`t` 步用的是 :math:`g_1 + g_2 + \dots + g_t`。这正是系数为 1 的 :term:`动量`：
# 过去的梯度永不衰减，参数像没有摩擦的小球，冲过最低点，再荡回来。两种写法可以直接比：

as_momentum, _ = fit(lambda p: torch.optim.SGD(p, lr=0.01, momentum=1.0), True, seed=0)
print(f"momentum 1, cleared: {as_momentum[-1]:.3f}")
print(f"no momentum, not cleared: {curves['SGD', False][-1]:.3f}")
torch.testing.assert_close(as_momentum, curves["SGD", False])

# %%
# 于是三行都说得通。SGD 的学习率 0.01 太小，十轮学不完，越加越大的步子碰巧补上了；
# 我们把它换成合适的 0.1，不清零就从 0.913 降到 0.8 左右。
# 已经有动量的，等于把梯度累加了两遍，于是发散。
# Adam 按梯度的大小缩放，每步走不远，但方向是过时的。
#
# 改正
# ----
# 每一步的 ``backward()`` 之前调用 ``optimizer.zero_grad()``；写在 ``step()`` 之后也一样。
# 它默认把 ``.grad`` 设为 ``None``，下面的检查就靠这一点。
#
# 下次怎样早发现
# --------------
# 在 ``backward()`` 之前查一次：参数不该已经有梯度。有意做 :term:`梯度累积` 时才例外。


def assert_cleared(model):
    """参数已经有梯度时报错。"""
    for name, parameter in model.named_parameters():
        assert parameter.grad is None, f"{name} still has a gradient"


model = nn.Linear(64, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(2):
    loss = loss_func(model(images[:50]), labels[:50])
    try:
        assert_cleared(model)
        print(f"step {step}: fine")
    except AssertionError as error:
        print(f"step {step}: {error}")
    loss.backward()
    optimizer.step()

# %%
# 改一改：把 SGD 的学习率改成 0.1（动量为 1 的那个一起改），
# 先猜不清零的标准差会变大还是变小，再运行。
#
# :ref:`basics-gradient-descent` 在手写的循环里演示了同一个错误，:ref:`networks-momentum` 讲动量。
#
# 小结
# ----
# - 规则：每一步先清零，再反向传播，再更新；损失在下降，不说明清零了。
# - API：``optimizer.zero_grad()``、``Tensor.grad``。
# - 下一页：:ref:`pitfalls-softmax-twice`
