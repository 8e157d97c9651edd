# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-forgotten-zero-grad:

忘记梯度清零
============

训练循环正常结束，损失也下降了，这时你发现代码里少了一行 ``optimizer.zero_grad()``。
少了这一行，训练的结果会怎样？从损失和准确率能不能看出少了它？

你将学到：

- 解释没有 :term:`梯度清零` 时 ``.grad`` 里存的是什么
- 说明不清零怎样改变每一步的更新
- 检查训练循环有没有清零
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 最短的错误代码
# --------------
# ``backward()`` 把新的 :term:`梯度` 加到 ``.grad`` 原有的值上，不会覆盖旧的值。
# 函数 :math:`y = 3w` 的导数总是 3。下面反向传播三次，每次都不清零。

w = torch.tensor(1.0, requires_grad=True)
for step in range(1, 4):
    y = 3 * w
    y.backward()
    print(f"step {step}: gradient {w.grad:.0f}")

# %%
# 没有清零时，第 :math:`t` 步的 ``.grad`` 是从第 1 步到现在所有梯度的和 :math:`g_1 + g_2 + \dots + g_t`。
#
# 对训练的影响
# ------------
# 下面用手写数字训练同一个网络，一种清零，一种不清零，其余完全一样。:term:`准确率` 在验证集上计算。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def cleared(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def not_cleared(optimizer, loss):
    loss.backward()
    optimizer.step()


def fit(update, make_optimizer, seed):
    """训练十轮，返回每一轮的平均损失和验证集上的准确率。"""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    model.train()
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(10):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(50):
            loss = loss_fn(model(images[batch]), labels[batch])
            update(optimizer, loss)
            total += loss.item() * len(batch)
        losses.append(total / len(train))
    model.eval()
    with torch.no_grad():
        predicted = model(images[validation]).argmax(dim=1)
    return losses, (predicted == labels[validation]).float().mean().item()


def compare(name, make_optimizer):
    """清零与不清零各训练五次，打印准确率，返回种子 0 的两条损失曲线。"""
    curves, cells = [], []
    for update in (cleared, not_cleared):
        runs = [fit(update, make_optimizer, seed) for seed in range(5)]
        accuracies = torch.tensor([accuracy for _, accuracy in runs])
        cells.append(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")
        curves.append(runs[0][0])
    print(f"{name:<23}  {cells[0]}  {cells[1]}")
    return curves


# %%
# .. predict::
#
#    用 SGD 训练十轮。清零时，学习率 0.01 太小，十轮还学不好，而学习率 0.5 已经足够。与清零时相比，不清零的准确率会怎样？
#
#    - 学习率 0.01 时变高，0.5 时变低，因为不清零使更新的步子变大
#    - 两种学习率都变低，因为每一步的梯度里混入了旧的梯度
#    - 两种学习率都变高，因为旧的梯度也带有数据的信息

optimizers = {
    "SGD 0.01": lambda p: torch.optim.SGD(p, lr=0.01),
    "SGD 0.5": lambda p: torch.optim.SGD(p, lr=0.5),
    "SGD 0.1, momentum 0.9": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam 0.01": lambda p: torch.optim.Adam(p, lr=0.01),
}
print("accuracy, 5 seeds        cleared        not cleared")
curves = {name: compare(name, optimizer) for name, optimizer in optimizers.items()}

# %%
# .. answer:: A
#
#    看前两行，± 是五个种子的标准差。学习率 0.01 时从 0.514 升到 0.923，学习率 0.5 时从 0.959 降到 0.137。
#    B 不成立，因为学习率 0.01 时只是步子太小，旧的梯度使步子变大，在这十轮里有帮助。
#    清零时把学习率调到 0.5，准确率也会升高。C 不成立，因为学习率 0.5 的步子够大了，再变大就有害。
#
# 后两行用 :term:`动量` 和 Adam，清零时都超过 0.95，不清零时都变低。带动量的 SGD 只有 0.101，与在十类里随机猜一样。

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 4, figsize=(8, 2.9), sharey=True, layout="constrained")
for ax, (name, (with_clearing, without)) in zip(axes, curves.items(), strict=True):
    ax.plot(range(1, 11), with_clearing, color="C0", lw=2, label="cleared")
    ax.plot(range(1, 11), without, color="C1", lw=2, label="not cleared")
    ax.set(title=name, xlabel="epoch", yscale="log")
    ax.title.set_fontsize(10)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("training loss, seed 0")
axes[0].legend(frameon=False, loc="lower left", fontsize=8)
# alt: 四张图各有清零与不清零两条损失曲线；清零的蓝线都下降；不清零的橙线在 SGD 0.01 的图里一直较低，在另外三张图里从第 2 轮起都较高，带动量时升到 100 以上
plt.show()

# %%
# 左图里，不清零的损失在十轮里都比清零的低，所以损失降得更低也不能说明清零了。其余三张图里，不清零的损失从第 2 轮起都比清零的高。
#
# 不清零相当于动量为 1
# --------------------
# SGD 的动量用系数乘以过去梯度的累积，再加上新的梯度（``dampening`` 默认是 0）。系数为 1 时，累积的就是所有梯度的和。
# 所以清零而动量为 1 的 SGD，应当与不清零、没有动量的 SGD 一样：

as_momentum, _ = fit(cleared, lambda p: torch.optim.SGD(p, lr=0.01, momentum=1), seed=0)
_, without_clearing = curves["SGD 0.01"]
print("loss, seed 0  momentum 1, cleared  no momentum, not cleared")
for epoch in (1, 5, 10):
    left, right = as_momentum[epoch - 1], without_clearing[epoch - 1]
    print(f"epoch {epoch:>2}      {left:>19.4f}  {right:>24.4f}")

# %%
# 打印的三轮里，两个损失都相同。所以 SGD 没有动量和 ``weight_decay`` 时，不清零的后果就是动量太大的后果。
# 下面从 1 出发求 :math:`w^2` 的最小值，学习率 0.1，每两步打印一次 :term:`参数` ``w``。


def show_path(optimizer_class, **options):
    for update in (cleared, not_cleared):
        w = torch.tensor(1.0, requires_grad=True)
        optimizer = optimizer_class([w], lr=0.1, **options)
        path = []
        for _ in range(14):
            update(optimizer, w**2)
            path.append(f"{w.item():5.2f}")
        print(f"{optimizer_class.__name__:<4} {update.__name__:<11}", *path[1::2])


show_path(torch.optim.SGD, momentum=0)
show_path(torch.optim.Adam)

# %%
# 前两行用 SGD。清零时 ``w`` 逐渐接近 0。
# 不清零时，旧的梯度加大了更新，``w`` 先是更快地接近 0，接着越过 0 到了 −1.00，又回到 0.99。
#
# Adam 会除以梯度的大小，所以和变大几乎不会使步子变大，不清零时 ``w`` 每两步都移动约 0.20。但和里大部分是旧的梯度，
# 所以越过 0 以后，更新的方向不变，步子也不变小。清零时，最后两步只移动 0.10。
#
# .. change-it::
#
#    把 ``show_path`` 那一行的 ``momentum=0`` 改成 ``momentum=0.9``。清零和不清零时，``w`` 各会怎样？

# hide-cell: 动量 0.9
show_path(torch.optim.SGD, momentum=0.9)

# %%
# .. outcome::
#
#    清零时，旧的梯度每一步都乘 0.9，影响逐渐减弱，所以 ``w`` 越过 0 到 −0.71，又回到 0.46，摆动变小。
#    不清零时，``.grad`` 里的和不减弱，动量又把这些和累积一次，所以摆动越来越大，第 12 步后 ``w`` 是 9.78。
#    这与前面的图一致，带动量而不清零时，损失升得最高。

# %%
# 改正
# ----
# 每一步在 ``backward()`` 之前调用 ``optimizer.zero_grad()``，如函数 ``cleared``。
# 写在 ``step()`` 之后也可以，因为下一次 ``backward()`` 还没有开始。
# 但是不能写在这两者之间，否则新的梯度被清掉，参数就不更新。
#
# 怎样早点发现
# ------------
# 方法 ``zero_grad()`` 默认把 ``.grad`` 设为 ``None``，而不是 0。所以在紧挨着 ``backward()`` 之前列出
# ``.grad`` 不是 ``None`` 的参数，这时 ``zero_grad()`` 应当已经运行。
# 传了 ``set_to_none=False`` 就不能这样查，因为清零以后 ``.grad`` 是 0。
# 优化器只清零交给它的参数，所以只训练其中一部分时，应当只查这一部分。


def left_over(model):
    return [name for name, p in model.named_parameters() if p.grad is not None]


for clears in (True, False):
    model = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in (1, 2):
        loss = loss_fn(model(images[:50].flatten(1)), labels[:50])
        if clears:
            optimizer.zero_grad()
        print(f"{clears=}, step {step}, before backward(): {left_over(model)}")
        loss.backward()
        optimizer.step()

# %%
# 要看第 2 步或以后，因为第 1 步的 ``.grad`` 本来就是 ``None``。列表这时也应是空的。
# 不清零的循环在第 2 步列出了两个参数，它们还存着第 1 步的梯度。
#
# .. real-projects::
#
#    显存放不下大的批次时，人们有意隔几个批次才更新并清零一次，这叫 :term:`梯度累积`，这时上面的列表只在其中第一个批次是空的。
#    损失取平均时，在 ``backward()`` 之前把它除以累积的步数。
#    接口见 `torch.optim.Optimizer.zero_grad <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>`__，
#    `混合精度的例子 <https://docs.pytorch.org/docs/stable/notes/amp_examples.html>`__ 里有梯度累积的完整写法。

# %%
# 小结
# ----
# - 规则：每一步先清零，再反向传播，再更新。没有动量和 ``weight_decay`` 的 SGD 不清零，相当于动量为 1。
#   损失更低也不能说明清零了，所以要查 ``.grad``。
# - API：``optimizer.zero_grad(set_to_none=True)``、``Tensor.grad``。
# - 下一页：:ref:`pitfalls-softmax-twice`
