# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-descent:

手写梯度下降
============

:term:`梯度` 指出损失上升最快的方向，所以朝相反的方向走一小步，损失就会下降。把这一步重复许多次，就是 :term:`梯度下降`，整个循环只有几行。如果把其中清零的一行放到末尾，或者漏写了它，参数会走到哪里？

你将学到：

- 不用 :term:`优化器`，写出完整的梯度下降循环
- 核对一步更新是否等于 :term:`学习率` 乘以梯度
- 解释更新参数时 ``torch.no_grad()`` 的作用
"""

import matplotlib.pyplot as plt
import torch

# %%
# 思路
# ----
# 设 :math:`w` 是参数，:math:`L(w)` 是损失，:math:`\eta` 是学习率。每一步按下式更新：
#
# .. math::
#
#    w \leftarrow w - \eta \, \nabla L(w)
#
# 用 PyTorch 写，每一步要做四件事。
#
# 1. :term:`梯度清零`，因为 ``backward()`` 会把新梯度加到旧梯度上。
# 2. 计算损失，PyTorch 同时记下 :term:`计算图`。
# 3. 调用 ``backward()``，得到 ``w.grad``。
# 4. 更新 ``w``。更新不属于损失的计算，所以放在 ``torch.no_grad()`` 之下，其中的运算不会记进计算图。
#
# 数据、模型和梯度
# ----------------
# 50 个样本由真实的 :term:`权重` (−1, 2) 加上一点噪声生成，模型没有 :term:`偏置`。损失 ``rss`` 是残差平方和除以样本数，也就是 :term:`均方误差`。先用手写的公式核对一次梯度。

torch.manual_seed(0)

d, n = 2, 50


def model(X, w):
    return X @ w


def rss(y, y_hat):
    return torch.linalg.vector_norm(y - y_hat) ** 2 / n


def grad_rss(X, y, w):  # 手写的梯度公式
    return -2 * X.t() @ (y - X @ w) / n


def text(w):
    return "[" + " ".join(f"{value:.4f}" for value in w.flatten().tolist()) + "]"


X = torch.randn(n, d)
true_w = torch.tensor([[-1.0], [2.0]])
y = X @ true_w + torch.randn(n, 1) * 0.1

print("X shape", X.shape)
print("y shape", y.shape)
print("w shape", true_w.shape)

w = torch.tensor([[1.0], [0.0]], requires_grad=True)
loss = rss(y, model(X, w))
loss.backward()
gradient = w.grad.clone()

print("Analytical gradient", text(grad_rss(X, y, w)))
print("PyTorch's gradient ", text(gradient))

# %%
# ``w`` 的形状是 (2, 1)，所以 ``X @ w`` 与 ``y`` 的形状相同。两个梯度的四位小数也相同。
#
# 完整的循环
# ----------
# 下面的循环就是梯度下降，``step_size`` 是学习率，``losses`` 和 ``path`` 留到后面比较。表中的 ``loss`` 是这一步更新之前的损失，``w`` 是更新之后的参数。

w = torch.tensor([[1.0], [0.0]], requires_grad=True)
step_size = 0.1
losses, path = [], [w.detach().flatten().clone()]

print("iter,\tloss,\tw")
for i in range(20):
    w.grad = None  # 清零
    loss = rss(y, model(X, w))  # 计算损失
    loss.backward()  # 求梯度
    with torch.no_grad():
        w -= step_size * w.grad  # 更新
    print(f"{i},\t{loss.item():.2f},\t{text(w)}")
    losses.append(loss.item())
    path.append(w.detach().flatten().clone())

print("\ntrue w\t\t", text(true_w))
print("estimated w\t", text(w))

# %%
# 损失从 6.44 降到 0.03，``w`` 也接近了真实的权重。核对第 0 步，:math:`1 - 0.1 \times 2.1610 = 0.7839`，:math:`0 - 0.1 \times (-4.2014) = 0.4201`，都与表中的数相同。
#
# 清零的位置
# ----------
# 另一种写法把清零放在循环的末尾，也就是更新之后。循环之前先调用一次 ``backward()``，就像上面核对公式时那样。
#
# .. predict::
#
#    学习率仍是 0.1，清零放在末尾。从 ``w[0] = 1`` 出发，第 0 步走到哪里？
#
#    - 0.5678，因为这一步用了两份梯度
#    - 0.7839，因为每一步都清零了一次
#    - 没有结果，因为已有梯度时 ``backward()`` 会报错

w = torch.tensor([[1.0], [0.0]], requires_grad=True)
rss(y, model(X, w)).backward()  # 循环之前求过一次梯度
for i in range(20):
    loss = rss(y, model(X, w))
    loss.backward()
    with torch.no_grad():
        w -= step_size * w.grad
    w.grad = None  # 清零放在末尾
    if i in [0, 1, 2, 19]:
        print(f"{i},\t{loss.item():.2f},\t{text(w)}")
print("estimated w\t", text(w))

# %%
# .. answer:: A
#
#    循环之前留下的梯度没有清掉，第 0 步的 ``backward()`` 又加上一份，所以这一步用了两份梯度，走了两倍远。
#    B 不成立，因为第 0 步的清零在更新之后，这时旧梯度已经用掉了。C 不成立，因为 ``backward()`` 遇到已有的梯度只会相加，不会报错。
#
# 走两倍远要同时满足两个条件，一是循环之前留下了梯度，二是清零放在末尾。下面让两个条件各取两种情况，``ratio`` 是第 0 步的 ``w.grad`` 与正确梯度之比。

start = torch.tensor([[1.0], [0.0]])
for extra in [0, 1]:  # 循环之前求几次梯度
    for place in ["first", "last"]:
        w = start.clone().requires_grad_()
        if extra:
            rss(y, model(X, w)).backward()
        if place == "first":
            w.grad = None
        rss(y, model(X, w)).backward()
        print(f"left over {extra}  cleared {place:5}  ratio {text(w.grad / gradient)}")

# %%
# 只有最后一行是两倍。把清零放在 ``backward()`` 之前，留下的梯度就没有影响，所以这种写法更可靠。
#
# 清零放在末尾时，打印的损失也一直在下降，最后的 ``w`` 也接近真实的权重，所以只看这些数很难发现这个错误。下面比较用一份梯度和用两份梯度，第 0 步之后的损失。

for rate in [0.1, 0.5]:
    one, two = (rss(y, model(X, start - rate * k * gradient)) for k in (1, 2))
    print(f"step_size {rate}: loss {one:.2f} with one gradient, {two:.2f} with two")

# %%
# 学习率为 0.1 时，走两倍远的损失反而更小，但是学习率为 0.5 时，走两倍远的损失大得多。
#
# 从不清零
# --------
# 如果漏写了清零，每一步用的都是到这一步为止全部梯度的和。

w = torch.tensor([[1.0], [0.0]], requires_grad=True)
never_path = [w.detach().flatten().clone()]
for i in range(20):
    loss = rss(y, model(X, w))
    loss.backward()
    new, total = grad_rss(X, y, w)[1].item(), w.grad[1].item()
    with torch.no_grad():
        w -= step_size * w.grad
    never_path.append(w.detach().flatten().clone())
    if i in [0, 1, 2, 3, 7, 10, 19]:
        row = f"{i:2}  cleared first {losses[i]:.2f}  never cleared {loss.item():.2f}"
        print(f"{row}  w[1]: new gradient {new:7.4f}  sum {total:7.4f}")

# %%
# 从不清零时，损失到第 3 步降到 0.51，第 7 步又升到 5.15，第 19 步是 1.86，而正确的写法是 0.03。
# 原因可以从最后两列看出。第 3 步时，``w[1]`` 的新梯度已经变号，是 0.4854，梯度的和却还是 −8.4632，所以 ``w[1]`` 继续增大，越过了真实的权重。下图在标有损失的等高线上画出两条路径。

# hide-input: 画图
axis_0 = torch.linspace(-4.2, 2.7, 139)
axis_1 = torch.linspace(-0.4, 4.6, 101)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy"))
values = (y - X @ W.flatten(1)).square().mean(dim=0).reshape(W.shape[1:])

fig, ax = plt.subplots(figsize=(5.6, 4.1), layout="constrained")
lines = ax.contour(axis_0, axis_1, values, levels=[0.1, 1, 3, 6, 10, 15], colors="0.8")
ax.clabel(lines, fontsize=9, colors="0.4", fmt="%g")
ax.plot(*torch.stack(never_path).T, "o-", color="C1", markersize=4)
ax.plot(*torch.stack(path).T, "o-", color="C0", markersize=4)
ax.plot(*true_w, "*", color="C2", markersize=14)
ax.text(-2.4, 4.3, "never cleared", color="C1", size=12)
ax.text(0.75, 0.07, "cleared first", color="C0", size=12, ha="right")
ax.text(-1.4, 1.93, "true $w$", color="C2", size=12, ha="right")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
# alt: 损失的等高线上，蓝色路径从右下的 (1, 0) 走向左上的星号；橙色路径冲过星号，绕着它来回摆动。
plt.show()

# %%
# 蓝色路径走到了真实的权重附近，橙色路径绕着它摆动。
#
# .. change-it::
#
#    保留清零，把 ``step_size`` 改成 0.01、0.5 和 0.9。先猜哪一个最好，哪一个会 :term:`发散`。

# hide-cell: 换学习率
for rate in [0.01, 0.5, 0.9]:
    w_new = torch.tensor([[1.0], [0.0]], requires_grad=True)
    for i in range(20):
        w_new.grad = None
        loss = rss(y, model(X, w_new))
        loss.backward()
        with torch.no_grad():
            w_new -= rate * w_new.grad
        if i in [0, 1, 2, 19]:
            print(f"step_size {rate:<4}  step {i:2}  loss {loss.item():.4g}")

# %%
# .. outcome::
#
#    在第 19 步，0.5 的损失最小，0.01 的损失还有 3.401。0.9 的损失先降到 4.052，后来越来越大，这就是发散。
#
# 更新参数用 no_grad
# ------------------
# 下面去掉 ``torch.no_grad()``，先用原来的写法更新，再把 ``-=`` 改成减法。

try:
    w -= step_size * w.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")
new_w = w - step_size * w.grad
print(f"{w.is_leaf=}  {new_w.is_leaf=}")

# %%
# 报错说，要求梯度的 :term:`叶子张量` 不能用 :term:`原地操作` 修改。改成减法不报错，但是更新记进了计算图，所以 ``new_w`` 不是叶子张量，``backward()`` 默认不会把梯度存进它的 ``grad``，下一步就没有梯度可用。在 ``no_grad()`` 之下不记录运算，可以原地更新。
#
# .. real-projects::
#
#    实际训练时，清零和更新都交给优化器，见 :ref:`networks-optimizer-step`。``torch.tensor`` 这样创建张量的函数不受 ``no_grad()`` 影响，见 `它的文档 <https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html>`__。
#    梯度下降的各种改进见综述 `An overview of gradient descent optimization algorithms <https://arxiv.org/abs/1609.04747>`__。
#
# 小结
# ----
# - 规则：每一步依次清零、计算损失、``backward()``、在 ``no_grad()`` 之下更新。循环之前留下了梯度、清零又放在末尾时，第 0 步走了两倍远。漏写清零时，参数绕着真实的权重摆动。
# - API：``w.grad = None``、``loss.backward()`` 和 ``torch.no_grad()``。
# - 下一页：:ref:`basics-dataset-dataloader`
