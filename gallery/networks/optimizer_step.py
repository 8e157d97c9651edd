# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-optimizer-step:

优化器：走一步
==============

手写 :term:`梯度下降` 时，每个参数的更新公式都要自己写出来，而一个网络可以有几十个参数张量。
PyTorch 的 :term:`优化器` 可以更新所有这些参数。它走一步究竟改动了什么，又改动了多少？

你将学到：

- 写出训练一步的三行代码，并说出每一行改动什么
- 手算一步更新，并与优化器的结果核对
- 从预测的变化判断 :term:`学习率` 是太小、合适还是太大
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
# 先建立模型，移到 :term:`设备` 上，看一看出发时的权重和预测。

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
#    执行上面的三行之后，预测增加多少？
#
#    - 与 :math:`w` 增加的一样多，因为 :math:`x = 1`，两者之差是 :math:`b`
#    - 从 0.5290 直接增加到 2，因为这样损失才最小
#    - 是 :math:`w` 增加的两倍，因为 :math:`b` 也同样增加

w_before = model.weight.detach().clone()  # 复制旧值，后面手算要用
b_before = model.bias.detach().clone()
loss = loss_fn(y_hat, y_simple)

optimizer.zero_grad()  # 清掉上一步的梯度
loss.backward()  # 求导，每个参数得到自己的 grad
optimizer.step()  # 优化器按 grad 更新每个参数
print("model params after:", model.weight)
print(f"prediction after: {model(X_simple).item():.4f}")
print(f"increase of w: {(model.weight - w_before).item():.4f}")
print(f"increase of b: {(model.bias - b_before).item():.4f}")
print(f"increase of the prediction: {(model(X_simple) - y_hat).item():.4f}")

# %%
# .. answer:: C
#
#    :math:`w` 从 −0.0075 变成 0.0219，增加 0.0294，:math:`b` 也增加 0.0294。预测增加 0.0588，是它的两倍。
#    A 不成立，因为优化器拿到的是 ``model.parameters()``，其中也有 :math:`b`，所以 :math:`b` 也改变。
#    B 不成立，因为一步走多远由学习率和梯度决定，这一步之后预测才到 0.5878。

# %%
# 手算核对
# --------
# 把出发时的数代入上面的两个公式，再与 ``grad`` 以及更新后的权重和偏置比较。
# 对 :math:`b` 求导时，公式里没有因子 :math:`x`，所以 :math:`b` 的梯度是 :math:`2(\hat{y} - y)`。

error = (y_hat - y_simple).detach()
w_grad, b_grad = 2 * error * X_simple, 2 * error
w_by_hand = w_before - 1e-2 * w_grad
b_by_hand = b_before - 1e-2 * b_grad.squeeze(1)  # (1, 1) -> (1,)

print(f"w grad: {model.weight.grad.item():.4f}, by hand: {w_grad.item():.4f}")
print(f"b grad: {model.bias.grad.item():.4f}, by hand: {b_grad.item():.4f}")
print(f"w after: {model.weight.item():.4f}, by hand: {w_by_hand.item():.4f}")
print(f"b after: {model.bias.item():.4f}, by hand: {b_by_hand.item():.4f}")
torch.testing.assert_close(model.weight.detach(), w_by_hand)
torch.testing.assert_close(model.bias.detach(), b_by_hand)

# %%
# 四行里，PyTorch 的结果都与手算相同，两个梯度也相等。
#
# 每一行改动了什么
# ----------------
# 再走一步，并在每一行之后打印权重和梯度。更新之前，用三种写法记下旧的权重：
#
# - ``same = model.weight`` 直接赋值。
# - ``detached = model.weight.detach()`` 得到一个新的张量，它不属于 :term:`计算图`。
# - ``kept = model.weight.detach().clone()`` 还用了 ``clone()``。
#
# .. predict::
#
#    ``step()`` 之后，哪几个变量里还是旧的权重？
#
#    - 三个都是，因为 ``step()`` 给模型换上了新的张量
#    - 只有 ``kept``，因为另外两个与权重共用内存
#    - ``detached`` 和 ``kept``，因为它们都是新的张量

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
# .. answer:: B
#
#    ``kept`` 还是 0.0219，另外两个变量都成了 0.0502。
#    A 不成立，因为 ``same`` 就是权重本身，它的值也变了，可见 ``step()`` 原地改写权重。
#    C 不成立，因为 ``detached`` 虽然是新的张量，却与权重共用内存，而 ``clone()`` 复制了内存。

# %%
# 前四行说明了三行代码的分工。``zero_grad()`` 把 ``grad`` 设为 ``None``，因为默认 ``set_to_none=True``。
# ``backward()`` 只写 ``grad``，只有 ``step()`` 改动权重。
# 最后的 ``grad`` 还是这一步的梯度。``backward()`` 会把新梯度加到旧梯度上，所以下一步要先清零。
#
# 学习率
# ------
# 把三行放进循环，就是训练。下面用三个学习率从同样的初值出发，各走 20 步。
# 误差指预测与目标之差，``ratio`` 是第一步之后的误差与出发时的误差之比。


def predictions(lr, x):
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = [model(x).item()]
    for _ in range(20):
        loss = loss_fn(model(x), y_simple)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(model(x).item())
    return history


def show(lr, x):
    history = predictions(lr, x)
    ratio = round((history[1] - 2) / (history[0] - 2), 2) + 0.0  # -0.0 变成 0.0
    steps = " ".join(f"{value:6.2f}" for value in history[:4])
    last = f"{history[-1]:<9.3g}"
    print(f"lr {lr:<4}  steps 0-3: {steps}  last {last}  ratio {ratio:5.2f}")
    return history


curves = {lr: show(lr, X_simple) for lr in (0.01, 0.1, 0.5)}

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
# 学习率 0.5 太大，每一步都越过目标，而且越过的距离与原来的差距一样大，所以预测一直在 0.53 与 3.47 之间来回跳，没有靠近目标。
#
# 最后一列可以算出来。这里 :math:`x = 1`，所以 :math:`w` 和 :math:`b` 的梯度都是误差的 2 倍。
# 两者各减去误差的 :math:`2\eta` 倍，预测就一共减去误差的 :math:`4\eta` 倍。
# 于是每一步之后，误差是原来的 :math:`1 - 4\eta` 倍。三个学习率算出来是 0.96、0.60 和 −1.00，与表中相同。
# 这个倍数的绝对值小于 1，预测就收敛，倍数越接近 0，收敛越快。倍数等于 −1，预测就一直来回跳，小于 −1 就 :term:`发散`。
#
# .. change-it::
#
#    把传给 ``show`` 的 ``X_simple`` 改成 ``2 * X_simple``，于是 :math:`x = 2`，目标和三个学习率都不变。
#    学习率 0.1 还合适吗？0.5 还只在两个数之间来回跳吗？

# hide-cell: x 改成 2
for lr in (0.01, 0.1, 0.5):
    show(lr, 2 * X_simple)

# %%
# .. outcome::
#
#    学习率 0.1 一步就到 2。0.5 仍然使预测在目标两侧来回跳，但是误差每一步变成 −4.00 倍，越来越大，所以预测发散了。
#    原因是 :math:`w` 的梯度含有因子 :math:`x`，现在是误差的 4 倍，:math:`w` 的变化传到预测又要乘以 2，
#    所以预测一共减去误差的 :math:`8\eta + 2\eta = 10\eta` 倍。合适的学习率与数据的尺度有关。

# %%
# .. real-projects::
#
#    换成小批量，或换成 AdamW 等优化器，训练的一步仍然是这三行。SGD 的各个参数见
#    `torch.optim.SGD <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>`__
#    的文档，学习率与收敛的关系见综述
#    `Optimization Methods for Large-Scale Machine Learning <https://arxiv.org/abs/1606.04838>`__。

# %%
# 小结
# ----
# - 规则：每一步先清零，再求导，再更新，而 SGD 默认的更新是每个参数减去学习率乘以它的梯度。
#   这一页的误差每一步都乘以同一个倍数，它的绝对值小于 1 时，预测才收敛。
# - API：``torch.optim.SGD(model.parameters(), lr=...)``、``optimizer.zero_grad()``、``loss.backward()``、``optimizer.step()``、``detach().clone()``。
# - 下一页：:ref:`networks-momentum`
