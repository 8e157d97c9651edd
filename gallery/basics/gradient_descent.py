# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-descent:

手写梯度下降
============

:term:`梯度` 指出损失上升最快的方向，所以朝相反的方向走一小步，损失就会下降。
把这一步重复许多次，就是 :term:`梯度下降`，整个循环只有几行。
这几行的次序能不能随意调换？少写一行，损失还会下降吗？

你将学到：

- 不用 :term:`优化器`，写出完整的梯度下降循环
- 核对每一步是否等于 :term:`学习率` 乘以梯度
- 解释 ``torch.no_grad()`` 的作用，避免用 ``.data`` 更新参数
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
# 4. 更新 ``w``。更新不属于损失的计算，所以放在 ``torch.no_grad()`` 之下，
#    其中的运算不会记进计算图。
#
# 数据、模型和梯度
# ----------------
# 50 个样本由真实的 :term:`权重` (−1, 2) 加上一点噪声生成，模型没有 :term:`偏置`。
# 损失 ``rss`` 是残差平方和除以样本数，也就是 :term:`均方误差`。
# 先用手写的公式核对一次梯度。

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
# 两个梯度的四位小数相同。
#
# 完整的循环
# ----------
# 下面就是梯度下降的全部代码，``step_size`` 是学习率。
# 表中的 ``loss`` 是这一步更新之前的损失，``w`` 是更新之后的参数。

w = torch.tensor([[1.0], [0.0]], requires_grad=True)
step_size = 0.1

print("iter,\tloss,\tw")
for i in range(20):
    w.grad = None  # 清零
    loss = rss(y, model(X, w))  # 计算损失
    loss.backward()  # 求梯度
    with torch.no_grad():
        w -= step_size * w.grad  # 更新
    print(f"{i},\t{loss.item():.2f},\t{text(w)}")

print("\ntrue w\t\t", text(true_w))
print("estimated w\t", text(w))

# %%
# 损失从 6.44 降到 0.03，``w`` 也接近了真实的权重。
# 核对第 0 步的第一个参数：:math:`1 - 0.1 \times 2.1610 = 0.7839`，与表中的数相同。
#
# 清零的位置
# ----------
# 另一种写法把清零放在循环的末尾，也就是更新之后。为了比较，下面把循环写成函数。
# 循环之前先调用一次 ``backward()``，就像上面核对公式时那样。


def descend(step_size, clear):
    w = torch.tensor([[1.0], [0.0]], requires_grad=True)
    rss(y, model(X, w)).backward()  # w.grad 里留下一份梯度
    losses, path = [], [w.detach().flatten().clone()]
    for _ in range(20):
        if clear == "first":
            w.grad = None
        loss = rss(y, model(X, w))
        loss.backward()
        with torch.no_grad():
            w -= step_size * w.grad
        if clear == "last":
            w.grad = None
        losses.append(loss.item())
        path.append(w.detach().flatten().clone())
    return losses, torch.stack(path)  # 20 个损失，路径的形状是 (21, 2)


# %%
# .. predict::
#
#    学习率仍是 0.1，清零放在末尾。从 ``w[0] = 1`` 出发，第 0 步走到哪里？
#
#    - 0.7839，因为每一步都清零了一次，结果与上面相同
#    - 0.5678，因为这一步用了两份梯度
#    - 不会走，因为 ``w.grad`` 里已经有值，``backward()`` 会报错

losses, path = descend(step_size=0.1, clear="last")
for i in [0, 1, 2, 19]:
    print(f"{i},\t{losses[i]:.2f},\t{text(path[i + 1])}")
print("estimated w\t", text(path[-1]))

for clear in ["last", "first"]:
    _, path = descend(step_size=0.1, clear=clear)
    ratio = (path[0] - path[1]) / (0.1 * gradient.flatten())
    print(f"clear {clear:5}  first step / (step_size * gradient) = {text(ratio)}")

# %%
# .. answer:: B
#
#    核对公式时留下的梯度没有清掉，第 0 步的 ``backward()`` 又加上一份，所以这一步走了两倍远。
#    A 只看到循环里有清零，但是第一次清零之前，旧梯度已经用掉了。
#    C 不成立，因为 ``backward()`` 遇到已有的梯度只会相加，不会报错。
#
# 打印的损失一直在下降，所以只看损失很难发现这个错误。下面用两个学习率比较第 1 步的损失。

for step_size in [0.1, 0.5]:
    first, _ = descend(step_size, clear="first")
    last, _ = descend(step_size, clear="last")
    print(f"{step_size=}  clear first: {first[1]:.2f}  clear last: {last[1]:.2f}")

# %%
# 学习率为 0.1 时步子偏小，走两倍远反而更好。学习率为 0.5 时，走两倍远就走过了头。
# 把清零放在 ``backward()`` 之前，无论 ``w.grad`` 里留下了什么，每一步都等于学习率乘以梯度。
#
# .. change-it::
#
#    删去 ``w.grad = None``，从不清零。先猜后面几步的损失怎样变化，再看运行结果。

# hide-cell: 从不清零
first, first_path = descend(step_size=0.1, clear="first")
never, never_path = descend(step_size=0.1, clear="never")
for i in [0, 1, 2, 6, 10, 12, 16, 19]:
    print(f"step {i:2}  clear first: {first[i]:.2f}  never: {never[i]:.2f}")

# %%
# 从不清零时，每一步用的是过去全部梯度的和，所以 ``w`` 到了最低点附近也停不下来。
# 下图在损失的等高线上画出两条路径，线上的数是损失。

# hide-input: 画图
axis_0 = torch.linspace(-4.2, 2.7, 139)
axis_1 = torch.linspace(-0.4, 4.6, 101)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy"))
values = (y - X @ W.flatten(1)).square().mean(dim=0).reshape(W.shape[1:])

fig, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
lines = ax.contour(axis_0, axis_1, values, levels=[0.1, 1, 3, 6, 10, 15], colors="0.8")
ax.clabel(lines, fontsize=9, colors="0.4", fmt="%g")
ax.plot(*never_path.T, "o-", color="C1", markersize=4)
ax.plot(*first_path.T, "o-", color="C0", markersize=4)
ax.plot(*true_w, "*", color="C2", markersize=14)
ax.text(-2.4, 4.3, "never cleared", color="C1", size=12)
ax.text(0.85, -0.2, "cleared first", color="C0", size=12, ha="right")
ax.text(-1.15, 2.2, "true $w$", color="C2", size=12, ha="right")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
# alt: 损失的等高线上，蓝色路径从右下的 (1, 0) 走向左上的星号；橙色路径冲过星号，绕着它来回摆动。
plt.show()

# %%
# .. change-it::
#
#    保留清零，把学习率改成 0.01、0.5 和 0.9。先猜哪一个最好，哪一个会 :term:`发散`。

# hide-cell: 换学习率
for step_size in [0.01, 0.1, 0.5, 0.9]:
    losses, _ = descend(step_size, clear="first")
    start = "  ".join(f"{loss:6.2f}" for loss in losses[:5])
    print(f"step_size {step_size:<4}  {start}  ...  {losses[-1]:.3g}")

# %%
# 更新参数用 no_grad
# ------------------
# 去掉 ``torch.no_grad()``，更新的那一行会报错。有些旧代码用 ``w.data`` 绕过这个错误，
# 但是 ``.data`` 也绕过了 :term:`自动微分` 的检查。下面故意把 ``x.exp()`` 的结果改成 0。
# 求梯度要用到这个结果，正确的梯度就等于 :math:`e^x`。

try:
    w -= 0.1 * w.grad
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

x = torch.tensor([1.0, 2.0], requires_grad=True)
y_exp = x.exp()
y_exp.data.mul_(0)
y_exp.sum().backward()
print(f"with .data: x.grad = {text(x.grad)}, exp(x) = {text(x.exp())}")

# %%
# 用 ``.data`` 改动之后，梯度变成了 0，而且没有任何提示。
# 不用 ``.data`` 时 PyTorch 怎样发现这种改动，见 :ref:`pitfalls-inplace-and-autograd`。
#
# .. real-projects::
#
#    实际训练时，清零和更新都交给优化器，见 :ref:`networks-optimizer-step`。
#    哪些运算不受 ``no_grad()`` 影响，见
#    `它的文档 <https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html>`__
#    中的说明，梯度下降的各种改进见 `这篇综述 <https://arxiv.org/abs/1609.04747>`__。
#
# 小结
# ----
# - 规则：每一步依次清零、计算损失、``backward()``、在 ``no_grad()`` 之下更新。
# - API：``w.grad = None``、``loss.backward()`` 和 ``torch.no_grad()``。
# - 下一页：:ref:`basics-dataset-dataloader`
