# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _basics-gradient-descent:

手写梯度下降
============

有了 :term:`梯度`，训练只剩一个循环：清零，算损失，求梯度，朝反方向走一步。
这就是 :term:`梯度下降`。原笔记的循环看起来能用，第一步却走了两倍远。
这一页先量出它，再用一行代码改好。

你将学到：

- 不用 :term:`优化器`，手写一个完整的训练循环
- 为什么要在 ``backward()`` 之前清零梯度
- 更新参数用 ``torch.no_grad()``，不用 ``.data``
"""

import matplotlib.pyplot as plt
import torch

# %%
# 数据、模型和梯度
# ----------------
# 50 个样本由真实的 :term:`权重` (−1, 2) 加一点噪声生成，模型没有 :term:`偏置`。
# ``rss`` 沿用原笔记的名字；它除以了 ``n``，所以其实是 :term:`均方误差`。

torch.manual_seed(0)

d = 2
n = 50


def model(X, w):
    return X @ w


def rss(y, y_hat):
    return torch.linalg.vector_norm(y - y_hat) ** 2 / n


# 手写的梯度公式
def grad_rss(X, y, w):
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
torch.testing.assert_close(grad_rss(X, y, w.detach()), gradient)

# %%
# 四位小数相同。两条算式的舍入次序不同，最后几位可能有出入，
# 所以比较用 ``assert_close``，不用 ``==``。
#
# 原笔记的循环
# ------------
# ``descend`` 照原笔记的次序来：先为检查公式调用一次 ``backward()``，再走 20 步，每走一步清零一次。
# 表里的损失是这一步之前的，``w`` 是这一步之后的。
#
# .. admonition:: 先猜一猜
#
#    :term:`学习率` 是 0.1，上面的梯度是 (2.1610, −4.2014)。从 ``w[0] = 1`` 出发，第 0 步走到哪里？


step_size = 0.1


def descend(clear, rows=20):
    w = torch.tensor([[1.0], [0.0]], requires_grad=True)
    rss(y, model(X, w)).backward()  # 检查公式，w.grad 里留下一份梯度
    path = [w.detach().clone()]
    print("iter,\tloss,\tw")
    for i in range(20):
        if clear == "before":
            w.grad = None
        loss = rss(y, model(X, w))
        loss.backward()  # 把新梯度加到 w.grad 上
        with torch.no_grad():
            w -= step_size * w.grad  # 走一步，不记入计算图
        if clear == "after":
            w.grad.zero_()
        path.append(w.detach().clone())
        if i < rows:
            print(f"{i},\t{loss.item():.2f},\t{text(w)}")
    return torch.stack(path).flatten(1)  # (21, 2)


doubled = descend(clear="after")
print("\ntrue w\t\t", text(true_w))
print("estimated w\t", text(doubled[-1]))

# %%
# 损失一路下降，看不出毛病。但 1 − 0.1 × 2.1610 应该是 0.7839，表里却是 0.5678。
# ``backward()`` 把新梯度 **加** 到 ``w.grad`` 上，检查公式时留下的那一份被算了第二遍。
# 原笔记的表里也有：梯度是 3.446，第 0 步却按 (1 − 0.3107) / 0.1 = 6.893 走。
#
# 先清零，再求梯度
# ----------------
# 把清零挪到 ``backward()`` 之前，循环就不在乎之前留下了什么。再跑一次，并量一量第一步。

mended = descend(clear="before", rows=3)
print("estimated w\t", text(mended[-1]))
for name, path in {"after": doubled, "before": mended}.items():
    ratio = (path[0] - path[1]) / (step_size * gradient.flatten())
    print(f"clear {name:<6}  first step / (step_size * gradient) = {text(ratio)}")

# %%
# 第一步从 2 倍变回 1 倍。把两条路径画在损失的等高线上。

axis_0 = torch.linspace(-1.5, 1.3, 113)
axis_1 = torch.linspace(-0.3, 2.4, 109)
W = torch.stack(torch.meshgrid(axis_0, axis_1, indexing="xy"))  # (2, 109, 113)
losses = (y - X @ W.flatten(1)).square().mean(dim=0).reshape(W.shape[1:])

fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
ax.contour(axis_0, axis_1, losses, levels=12, colors="0.7", linewidths=1)
ax.plot(*doubled.T, "o-", color="C1", markersize=4, label="leftover gradient")
ax.plot(*mended.T, "o-", color="C0", markersize=4, label="cleared first")
ax.plot(*true_w, "*", color="C2", markersize=14, label="true $w$")
ax.set(xlabel="$w_0$", ylabel="$w_1$", aspect="equal")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.spines[["top", "right"]].set_visible(False)
# alt: 损失的等高线上，两条路径从右下的 (1, 0) 走向左上的星号；橙色的第一步有蓝色的两倍长。
plt.show()

# %%
# 这一次多走反而占了便宜：下一步的损失是 2.85，清零的是 4.43，因为 0.1 的学习率偏小。
# 这只是运气，学习率再大就可能反过来。
#
# 改一改：把 ``step_size`` 改成 0.5，先猜哪张表第 1 行的损失更小。
#
# 如果每一步都不清零呢？

never = descend(clear="never", rows=8)

# %%
# 损失先降到 0.70，又升回 6.88，来回摆动。每一步都带着以前全部的梯度，
# 就像没有摩擦的小球，冲过谷底再荡回来。
#
# 不要用 .data
# ------------
# 原笔记写 ``w.data = w.data - ...``，在这里结果没错，但 ``.data`` 绕过了 :term:`自动微分` 的检查。
# 下面故意改坏 ``exp`` 的结果。反向传播要用它，所以正确的梯度是 :math:`e^x`。

x = torch.tensor([1.0, 2.0], requires_grad=True)
y_exp = x.exp()
y_exp.data.mul_(0)
y_exp.sum().backward()
print(f"with .data: x.grad = {text(x.grad)}, exp(x) = {text(x.exp())}")

x.grad = None
y_exp = x.exp()
y_exp.detach().mul_(0)
try:
    y_exp.sum().backward()
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).partition(':')[0]}")

# %%
# 用 ``.data``，梯度变成 0，没有任何提示；用 ``detach()``，PyTorch 发现数值被改过，反向传播时报错。
# 更新参数时，用 ``torch.no_grad()``。
#
# 小结
# ----
# - 规则：清零、算损失、``backward()``、在 ``no_grad()`` 里更新，一步不少；
#   清零在 ``backward()`` 之前，更新在它之后。
# - API：``w.grad = None``、``loss.backward()`` 和 ``torch.no_grad()``。
# - 下一页：:ref:`basics-dataset-dataloader`
#
# 与原笔记的差异：清零移到 ``backward()`` 之前，第一步不再加倍；``torch.no_grad()`` 代替 ``.data``；
# ``torch.norm`` 已弃用，换成 ``vector_norm``；固定了随机种子。
