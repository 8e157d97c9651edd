# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-optimizer-step:

优化器：走一步
==============

手写 :term:`梯度下降` 时，每个参数的更新公式都要自己写出来。
一条直线只有两个参数，手写并不麻烦，但是一个网络常有几十个参数张量。
PyTorch 的 :term:`优化器` 可以更新所有这些参数，那么它走一步究竟改动了什么，又改动了多少？

你将学到：

- 写出训练一步的三行代码，并说出每一行改动什么
- 手算一步更新，并与优化器的结果核对
- 判断一个 :term:`学习率` 是太小、合适还是太大
"""

import matplotlib.pyplot as plt
import torch

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 思路
# ----
# 创建优化器时要交给它两样东西，一样是要更新的参数，另一样是学习率。之后，训练的每一步都写这三行：
#
# - ``optimizer.zero_grad()`` 清掉上一步留下的梯度。
# - ``loss.backward()`` 求出新的梯度，存进每个参数的 ``grad``。
# - ``optimizer.step()`` 读出每个参数的 ``grad``，按公式更新这个参数。
#
# ``torch.optim.SGD`` 是最简单的优化器，它默认的公式就是梯度下降。
# 这一页用它训练一条直线 :math:`\hat{y} = wx + b`，数据只有一个点 :math:`x = 1`、:math:`y = 2`。
# 损失 :math:`L` 是 :term:`均方误差`，所以 :math:`w` 的梯度可以手算，下面的 :math:`\eta` 是学习率。
#
# .. math::
#
#    w \leftarrow w - \eta \, \frac{\partial L}{\partial w},
#    \qquad
#    \frac{\partial L}{\partial w} = 2 (\hat{y} - y) \, x
#
# 先建立模型，看一看出发时的权重和预测。
# 初值按 :term:`随机种子` 0 在 CPU 上生成，然后移到 :term:`设备` 上，所以换设备不会换初值。

torch.manual_seed(0)
model = torch.nn.Linear(1, 1).to(device)

X_simple = torch.tensor([[1.0]], device=device)
y_simple = torch.tensor([[2.0]], device=device)

optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
loss_fn = torch.nn.MSELoss()

y_hat = model(X_simple)
print("model params before:", model.weight)
print(f"prediction before: {y_hat.item():.4f}")

# %%
# .. predict::
#
#    现在 :math:`w` 是 −0.0075，预测是 0.5290，目标是 2，学习率是 0.01。
#    执行上面的三行之后，:math:`w` 怎样变化？
#
#    - 变小，因为梯度是负数
#    - 变大，增加的量是梯度绝对值的 0.01 倍
#    - 变大，增加的量正好使预测等于 2

w_before = model.weight.detach().clone()  # 复制旧值，后面手算要用
loss = loss_fn(y_hat, y_simple)

optimizer.zero_grad()  # 预备：清掉上一步的梯度
loss.backward()  # 第一步：求导，每个参数得到自己的 grad
optimizer.step()  # 第二步：优化器按 grad 更新每个参数
print("model params after:", model.weight)
print(f"prediction after: {model(X_simple).item():.4f}")

# %%
# .. answer:: B
#
#    权重从 −0.0075 变成 0.0219。A 没有算上公式里的减号，减去一个负数会使权重变大。
#    C 也不对，因为梯度只给出方向，而走多远还要看学习率，所以预测只从 0.5290 走到 0.5878。

# %%
# 手算核对
# --------
# 把出发时的数代入上面的两个公式，再与 ``grad`` 和更新后的权重比较。

grad_by_hand = 2 * (y_hat - y_simple).detach() * X_simple
w_by_hand = w_before - 1e-2 * grad_by_hand

print(f"grad: {model.weight.grad.item():.4f}, by hand: {grad_by_hand.item():.4f}")
print(f"w:    {model.weight.item():.4f}, by hand: {w_by_hand.item():.4f}")
torch.testing.assert_close(model.weight.detach(), w_by_hand)

# %%
# 两行都相等，所以 ``step()`` 所做的正是公式里的那一次减法。
#
# 每一行改动了什么
# ----------------
# 再走一步，并在每一行之后打印权重和梯度。更新之前，用三种写法记下旧的权重：
#
# - ``model.weight`` 给同一个张量再起一个名字。
# - ``model.weight.detach()`` 得到一个新的张量，它不在 :term:`计算图` 里，但是与权重共享内存。
# - ``model.weight.detach().clone()`` 再把内存也复制一份。
#
# .. predict::
#
#    ``step()`` 之后，哪几个变量里还是旧的权重？
#
#    - 三个都是，因为赋值之后它们与模型无关
#    - ``detached`` 和 ``kept``，因为它们是新的张量
#    - 只有 ``kept``

same = model.weight
detached = model.weight.detach()
kept = model.weight.detach().clone()


def report(line):
    grad = model.weight.grad
    grad = "None" if grad is None else f"{grad.item():.4f}"
    print(f"{line:<16} w = {model.weight.item():.4f}, grad = {grad}")


loss = loss_fn(model(X_simple), y_simple)  # 上一张计算图已经释放
report("before")
optimizer.zero_grad()
report("after zero_grad")
loss.backward()
report("after backward")
optimizer.step()
report("after step")
print(f"same = {same.item():.4f}")
print(f"detached = {detached.item():.4f}")
print(f"kept = {kept.item():.4f}")

# %%
# .. answer:: C
#
#    ``kept`` 还是 0.0219，另外两个变量都成了 0.0502。``step()`` 改写的是权重所在的那块内存。
#    A 不对，因为 Python 的赋值不复制张量。B 也不对，因为 ``detached`` 虽然是新的张量，却与权重共享内存。

# %%
# 前四行说明了三行代码的分工。``zero_grad()`` 把 ``grad`` 设为 ``None``，
# ``backward()`` 只写 ``grad``，只有 ``step()`` 改动权重。
# ``step()`` 之后旧的梯度还留在 ``grad`` 里，所以下一步要先清零。
#
# 学习率
# ------
# 把三行放进循环，就是训练。下面用三个学习率从同样的初值出发，各走 20 步。
# 误差指预测与目标之差，``ratio`` 是第一步之后的误差与出发时的误差之比。


def predictions(lr, n_steps=20):
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = [model(X_simple).item()]
    for _ in range(n_steps):
        loss = loss_fn(model(X_simple), y_simple)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(model(X_simple).item())
    return history


def show(lr):
    history = predictions(lr)
    ratio = (history[1] - 2) / (history[0] - 2)
    steps = " ".join(f"{value:6.2f}" for value in history[:4])
    print(
        f"lr {lr:<4}  first steps {steps}  last {history[-1]:8.2f}  ratio {ratio:z5.2f}"
    )
    return history


curves = {lr: show(lr) for lr in (0.01, 0.1, 0.5)}

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.hlines(2, -0.5, 20, color="0.5", lw=1, ls="--")
for lr, history in curves.items():
    (line,) = ax.plot(history, ".-", lw=1)
    ax.annotate(f"lr {lr}", (20.4, history[-1]), color=line.get_color(), va="center")
ax.annotate("target", (20.4, 2.2), color="0.5", va="center")
ax.set(xlabel="step", ylabel="prediction", xticks=range(0, 21, 5), xlim=(-0.5, 23))
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条折线从 0.53 出发：学习率 0.01 缓慢升到 1.35，0.1 约十步到 2，0.5 在 0.53 与 3.47 之间来回跳
plt.show()

# %%
# 学习率 0.01 太小，走完 20 步，预测才到 1.35。学习率 0.1 合适，预测 :term:`收敛` 到 2。
# 学习率 0.5 太大，每一步都越过目标，落到另一侧同样远的地方，所以预测在 0.53 与 3.47 之间来回跳。
#
# 最后一列有规律。这里 :math:`x = 1`，所以 :math:`w` 和 :math:`b` 的梯度都是误差的 2 倍，
# 两者各减去 :math:`2\eta` 倍的误差，预测就一共减去 :math:`4\eta` 倍的误差。
# 于是每一步之后，误差是原来的 :math:`1 - 4\eta` 倍。三个学习率算出来是 0.96、0.60 和 −1.00，与表中相同。
#
# .. change-it::
#
#    把学习率改成 0.25，再改成 0.6。先用 :math:`1 - 4\eta` 算一算，
#    哪一个一步就到达目标，哪一个越走越远？

# hide-cell: 学习率 0.25 和 0.6
for lr in (0.25, 0.6):
    show(lr)

# %%
# 学习率 0.25 时误差一步就变成 0。学习率 0.6 时，误差每一步变成原来的 −1.40 倍，所以训练 :term:`发散`。
#
# .. real-projects::
#
#    真实的训练每一步换一个小批量，优化器也常换成 AdamW，但是这三行不变。各个参数见
#    `torch.optim.SGD <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>`__
#    的文档。学习率与收敛的关系见综述
#    `Optimization Methods for Large-Scale Machine Learning <https://arxiv.org/abs/1606.04838>`__。

# %%
# 小结
# ----
# - 规则：先清零，再求导，再更新，而要留住旧权重，就用 ``.detach().clone()`` 复制一份。
# - API：``torch.optim.SGD(model.parameters(), lr=...)`` 的 ``zero_grad()`` 和 ``step()``。
# - 下一页：:ref:`networks-momentum`
