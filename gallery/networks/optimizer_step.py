# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _networks-optimizer-step:

优化器：走一步
==============

:term:`优化器` 拿着模型的全部参数，照 :term:`梯度` 更新它们。
手写的更新公式从此变成一行 ``step()``。
这一页只走一步，看清清零、求导、更新这三行各改动了什么，再手算核对。

你将学到：

- 训练的三行：``zero_grad()``、``backward()``、``step()``
- ``step()`` 原地改动 :term:`权重`，想留住旧值要先复制
- 把这三行重复下去，就是训练
"""

import matplotlib.pyplot as plt
import torch

device = (
    torch.accelerator.current_accelerator()
    if torch.accelerator.is_available()
    else torch.device("cpu")
)

# %%
# 走一步
# ------
# 模型是一条直线 :math:`\hat{y} = wx + b`，数据只有一个点：:math:`x = 1`，:math:`y = 2`。
# 随机种子定为 0，初值在 CPU 上生成，再移到 :term:`设备` 上：换设备不换初值。
#
# .. admonition:: 先猜一猜
#
#    权重从 −0.0075 开始，预测只有 0.53，目标是 2。走一步之后，权重变大还是变小？预测会到 2 附近吗？

torch.manual_seed(0)
model = torch.nn.Linear(1, 1).to(device)

X_simple = torch.tensor([[1.0]], device=device)
y_simple = torch.tensor([[2.0]], device=device)

optim = torch.optim.SGD(model.parameters(), lr=1e-2)
mse_loss_fn = torch.nn.MSELoss()

y_hat = model(X_simple)
print("model params before:", model.weight)
w_before = model.weight.detach().clone()  # 留一份旧值，下面手算要用
loss = mse_loss_fn(y_hat, y_simple)

optim.zero_grad()  # 预备：清掉上一步的梯度
loss.backward()  # 第一步：求导，每个参数得到自己的 grad
optim.step()  # 第二步：优化器按 grad 更新每个参数
print("model params after:", model.weight)

# %%
# 权重变大了，但只走了一小步：从 −0.0075 到 0.0219。方向由梯度决定，
# 步子的大小由梯度和 :term:`学习率` ``lr`` 一起决定。改动权重的只有 ``step()`` 一行，
# ``backward()`` 只写 ``grad``。
#
# 手算
# ----
# ``torch.optim.SGD`` 最简单的形式就是 :term:`梯度下降`，其中 :math:`\eta` 是学习率：
#
# .. math::
#
#    w \leftarrow w - \eta \, \frac{\partial L}{\partial w},
#    \qquad
#    \frac{\partial L}{\partial w} = 2 (\hat{y} - y) \, x

grad_by_hand = 2 * (y_hat - y_simple).detach() * X_simple
w_by_hand = w_before - 1e-2 * model.weight.grad

print(f"grad: {model.weight.grad.item():.4f}, by hand: {grad_by_hand.item():.4f}")
print(f"w:    {model.weight.item():.4f}, by hand: {w_by_hand.item():.4f}")
torch.testing.assert_close(model.weight.detach(), w_by_hand)

# %%
# 梯度 −2.9421 乘以 0.01，变号，就是走出的 0.0294。``step()`` 之后梯度还留在 ``grad`` 里，
# 所以下一步开头要先 ``zero_grad()``。
#
# 常见错误：旧权重没留住
# ----------------------
# ``step()`` 原地改动权重：张量还是那个张量，里面的数换了。
# 用三种写法记下旧权重，再走一步，看哪一个还记得。

same = model.weight  # 同一个张量的另一个名字
detached = model.weight.detach()  # 新的张量，但共享内存
kept = model.weight.detach().clone()  # 自己的内存

loss = mse_loss_fn(model(X_simple), y_simple)  # 重新算：上一张计算图已经释放
optim.zero_grad()
loss.backward()
optim.step()

print(f"weight now:       {model.weight.item():.4f}")
print(f"same:             {same.item():.4f}")
print(f"detach():         {detached.item():.4f}")
print(f"detach().clone(): {kept.item():.4f}")

# %%
# 只有最后一个还是 0.0219。前两个跟着变了，拿它们算“走了多远”，得到的永远是 0，也没有任何提示。
# ``clone()`` 复制内存；``detach()`` 让副本脱离 :term:`计算图`，不再参与求导。
#
# 重复下去
# --------
# 把三行放进循环就是训练。下面换三个学习率，各从同样的初值走 20 步，记下每一步的预测。


def predictions(lr, n_steps=20):
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1).to(device)
    optim = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for _ in range(n_steps + 1):
        y_hat = model(X_simple)
        history.append(y_hat.item())
        loss = mse_loss_fn(y_hat, y_simple)
        optim.zero_grad()
        loss.backward()
        optim.step()
    return history


fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
ax.hlines(2, -0.5, 20, color="0.5", lw=1, ls="--")
for lr in (0.01, 0.1, 0.5):
    history = predictions(lr)
    print(f"lr {lr}: start {history[0]:.2f}, after 20 steps {history[-1]:.2f}")
    (line,) = ax.plot(history, ".-", lw=1)
    ax.annotate(f"lr {lr}", (20.4, history[-1]), color=line.get_color(), va="center")
ax.annotate("target", (20.4, 2.2), color="0.5", va="center")
ax.set(xlabel="step", ylabel="prediction", xticks=range(0, 21, 5), xlim=(-0.5, 23))
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条折线从 0.53 出发：学习率 0.01 缓慢升到 1.35，0.1 约十步到 2，0.5 在 0.53 与 3.47 之间来回跳
plt.show()

# %%
# 0.01 走得慢，0.1 很快 :term:`收敛` 到 2，0.5 每一步都冲过头，
# 正好落到对面同样远的地方，永远到不了。
# 这里 :math:`w` 和 :math:`b` 一起走，每步之后误差乘以 :math:`1 - 4\eta`。
#
# 改一改：把 0.5 改成 0.25，先按这个公式猜几步走到 2；再改成 0.6。
#
# 小结
# ----
# - 规则：清零、求导、更新，三行一步；旧权重用 ``.detach().clone()`` 留住。
# - API：``torch.optim.SGD(model.parameters(), lr=...)`` 的 ``zero_grad()`` 和 ``step()``。
# - 下一页：:ref:`networks-momentum`
#
# 与原笔记的差异：定了随机种子，所以权重与原来不同；手算核对、留住旧值和学习率的图是新加的。
