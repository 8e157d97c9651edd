# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-hooks:

用钩子看网络内部
================

网络不听话时，要看的是中间：每一层输出多大，:term:`梯度` 传到了哪里，第一个 NaN 是谁算出来的。
:term:`钩子` 是交给 PyTorch 的函数，前向或反向经过一个 :term:`模块` 时自动调用，模型的代码一行也不用改。

你将学到：

- 用 ``register_forward_hook`` 和 ``register_full_backward_hook`` 记下激活和梯度
- 让钩子在第一个 NaN 处停下，并说出是哪一层
- 用完为什么要 ``remove()``
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16
labels = torch.tensor(digits.target)
x, y = images[:200], labels[:200]

# %%
# 看前向
# ------
# 前向钩子收到三样东西：模块、它的输入（一个元组）、它的输出。
# 把它挂到每一层上。

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def report(module, args, output):
    shapes = f"{tuple(args[0].shape)} -> {tuple(output.shape)}"
    print(f"{type(module).__name__:<6}  {shapes}  std {output.std():.3f}")


handles = [layer.register_forward_hook(report) for layer in model.children()]
with torch.no_grad():
    model(x)

# %%
# 每层一行，次序就是运行的次序：输入、输出的形状，和输出的标准差。钩子返回 ``None`` 时什么也不改变；返回别的东西，
# 它就会替换这一层的输出。
#
# ``register_forward_hook`` 返回一个句柄，用来取下钩子。钩子不取下就一直在，再挂一次就有两个：

handles += [layer.register_forward_hook(report) for layer in model.children()]
with torch.no_grad():
    model(x)
    for handle in handles:
        handle.remove()
    model(x)  # 已经取下，不再打印

# %%
# 每层打印了两次，取下之后一行也没有。在循环里反复挂钩子而忘了取下，程序就越跑越慢。
#
# 看反向
# ------
# 反向钩子收到这一层输入的梯度和输出的梯度。用它比较三个八层的网络，只差 :term:`激活函数`。
#
# .. admonition:: 先猜一猜
#
#    sigmoid 的导数最大是 0.25。从第 8 层传到第 1 层，梯度会小多少：十倍、一千倍，还是十万倍？


def gradient_norms(activation, n_layers=8, width=64):
    """每个隐藏层收到的梯度的范数，从输入一侧数起。"""
    torch.manual_seed(0)
    layers = [
        nn.Sequential(nn.Linear(width, width), activation()) for _ in range(n_layers)
    ]
    model = nn.Sequential(*layers, nn.Linear(width, 10))
    norms = {}
    for i, layer in enumerate(layers, 1):

        def record(module, grad_input, grad_output, i=i):
            norms[i] = grad_output[0].norm().item()

        layer.register_full_backward_hook(record)
    inputs = x.clone().requires_grad_()  # 否则第一层会警告
    nn.functional.cross_entropy(model(inputs), y).backward()
    return dict(sorted(norms.items()))


activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for name, activation in activations.items():
    norms = gradient_norms(activation)
    print(f"{name:<7}  layer 1: {norms[1]:.1e}  layer 8: {norms[8]:.1e}")
    (line,) = ax.plot(norms.keys(), norms.values(), "o-")
    ax.annotate(name, (0.8, norms[1]), color=line.get_color(), ha="right", va="center")
ax.set(yscale="log", xlim=(-0.3, 8.3), xticks=range(1, 9))
ax.set(xlabel="hidden layer", ylabel="norm of the gradient")
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条折线，横轴是隐藏层，纵轴是梯度的范数，取对数。在第 8 层相同，越靠近输入越小；到第 1 层，tanh 最大，ReLU 居中，sigmoid 小到十的负八次方
plt.show()

# %%
# 三条线在第 8 层重合，都是 0.039。到第 1 层，sigmoid 只剩 4.7e-08，小了约八十万倍：
# 每退一层缩到七分之一左右，这就是 :term:`梯度消失`。tanh 小了约五十倍，ReLU 约五百倍；
# PyTorch 默认的 :term:`初始化` 对 ReLU 偏小，所以它也在缩。
#
# 改一改：把 ``n_layers`` 改成 16，先猜 sigmoid 在第 1 层是多少，再运行。
#
# 抓住第一个 NaN
# --------------
# 损失成了 NaN，但 NaN 会往后传，等到损失时，每一层看上去都坏了。要找的是第一个。
# 下面的层按每行的标准差缩放；全黑的图标准差是 0，0 除以 0 得 NaN。


class Standardize(nn.Module):
    def forward(self, x):
        x = x - x.mean(dim=1, keepdim=True)
        return x / x.std(dim=1, keepdim=True)


torch.manual_seed(0)
model = nn.Sequential(
    Standardize(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.LogSoftmax(dim=1)
)
x_bad = x.clone()
x_bad[7] = 0  # 一张全黑的图
print(f"loss {nn.functional.nll_loss(model(x_bad), y):.1f}")


def stop_at_nan(name):
    def check(module, args, output):
        bad = ~output.isfinite().all(dim=1)
        if bad.any():
            kind, rows = type(module).__name__, bad.nonzero().flatten().tolist()
            raise FloatingPointError(f"layer {name} ({kind}): rows {rows}")

    return check


for name, layer in model.named_children():
    layer.register_forward_hook(stop_at_nan(name))
try:
    model(x_bad)
except FloatingPointError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 停在第一个出问题的层，还说出是第几行。真正的毛病在数据里：第 7 张图全黑。
# 修法是给分母加一个小数，或者先去掉这样的图。
#
# 前向正常、反向才出 NaN 的情形，用反向钩子同样可以查。钩子每次前向都要多花时间，查完就取下。
# 查 NaN 的其他办法见 :ref:`pitfalls-nan-hunting`。
#
# 小结
# ----
# - 规则：不改模型的代码，用钩子看中间；用完就 ``remove()``，留下的数用 ``.item()`` 或 ``.detach()``。
# - API：``Module.register_forward_hook(fn)``，``fn(module, args, output)``；
#   ``Module.register_full_backward_hook(fn)``，``fn(module, grad_input, grad_output)``。
# - 下一页：:ref:`training-confusion-matrix`
