# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-hooks:

用钩子看网络内部
================

网络训练得不对，或者想把中间一层的输出拿来做别的用途，都要看到网络内部。
``model(x)`` 只返回最后的结果。不改模型的代码，怎样拿到中间的数？

你将学到：

- 用前向钩子打印形状、留下一层的输出，用完取下钩子
- 判断留下的张量会不会被后面的层改写
- 用反向钩子量出每一层收到的 :term:`梯度`
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 前向钩子
# --------
# :term:`钩子` 是你交给 PyTorch 的一个函数，某个 :term:`模块` 运行时，PyTorch 会自动调用它。
# 前向钩子在模块算出输出之后被调用，收到三样东西，依次是模块、输入（一个元组）和输出。
# 钩子返回 ``None`` 时，输出不变。钩子返回别的值，就用它代替输出。
#
# ``register_forward_hook`` 把钩子挂到模块上，并返回一个句柄。句柄的 ``remove()`` 把钩子取下。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def make_model(inplace=False):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(inplace=inplace), nn.Linear(16, 10)
    )


def report(module, args, output):
    print(f"  {type(module).__name__:<8} {list(args[0].shape)} -> {list(output.shape)}")


torch.manual_seed(0)
model = make_model()
x = images[validation]
handles = [layer.register_forward_hook(report) for layer in model]
print("hooks in place:")
model(x)
for handle in handles:
    handle.remove()
print("hooks removed:")
model(x)

# %%
# 挂着钩子时，每一层打印一行输入和输出的形状。取下之后再运行，就什么也不打印。
# 钩子不取下就一直留在模块上。同一个钩子再挂一次，每次前向就运行两次：

with model[0].register_forward_hook(report), model[0].register_forward_hook(report):
    model(x)

# %%
# 句柄也可以像这样写在 ``with`` 里，离开这一段时，钩子就自动取下。
#
# 留下一层的输出
# --------------
# 隐藏层的输出可以当作图像的 :term:`特征`，用来检索或分类。下面的钩子把输出存进字典。
# ``detach()`` 让存下的张量不再连着 :term:`计算图`，否则整张图都会留在内存里。
#
# 用五个种子各训练一个网络，取出 ReLU 之后的 16 个数。
# 然后在训练集里找特征最接近的一张，照抄它的标签，看验证集上对了多少。


def train_model(seed):
    torch.manual_seed(seed)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(20):
        for batch in train[torch.randperm(len(train))].split(60):
            loss = loss_fn(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


kept = {}


def keep(module, args, output):
    kept["features"] = output.detach()


def nearest_accuracy(features):
    nearest = torch.cdist(features[validation], features[train]).argmin(dim=1)
    return (labels[train][nearest] == labels[validation]).float().mean()


accuracies = []
for seed in range(5):
    model = train_model(seed)
    with model[2].register_forward_hook(keep):
        logits = model(images)
    accuracies.append(nearest_accuracy(kept["features"]))
accuracies = torch.stack(accuracies)
print(f"kept: {list(kept['features'].shape)}, {kept['features'].requires_grad=}")
same = torch.equal(model[3](kept["features"]), logits)
print(f"the last layer turns them into the network's output: {same}")
print(f"nearest, 64 pixels:   {nearest_accuracy(images.flatten(1)):.3f}")
print(f"nearest, 16 features: {accuracies.mean():.3f} ± {accuracies.std():.3f}")

# %%
# 把留下的特征送进最后一层，得到的正是网络的输出，说明留对了地方。
# 64 个像素变成 16 个特征，找最近一张的准确率从 0.983 变成 0.974 ± 0.005，多数有用的信息还在。
#
# .. predict::
#
#    把 ReLU 换成 ``nn.ReLU(inplace=True)``，它把结果直接写回输入的内存。
#    同一个 ``keep`` 改挂在 ReLU 之前的 :term:`线性层` 上。前向结束后，存下的张量里有负数吗？
#
#    - 有，因为钩子在 ReLU 之前运行，存下的是线性层的输出。
#    - 没有，因为 ReLU 改写的就是存下的那块内存。
#    - 会报错，因为存下的张量不许再改。

for name, inplace in (("ReLU()", False), ("ReLU(inplace=True)", True)):
    torch.manual_seed(0)
    model = make_model(inplace)
    with model[1].register_forward_hook(keep):
        model(x)
    print(f"{name:<19} smallest value kept: {kept['features'].min():.2f}")


def keep_copy(module, args, output):
    kept["features"] = output.detach().clone()


with model[1].register_forward_hook(keep_copy):
    model(x)
print(f"with clone()        smallest value kept: {kept['features'].min():.2f}")

# %%
# .. answer:: B
#
#    ``detach()`` 得到的张量与原来的共用内存，随后 ReLU 原地改写了它，负数都成了 0。
#    A 的前半句是对的，但共用的内存后来变了。C 不对，这样改写不报错，所以更要当心。
#    ``detach().clone()`` 复制一份，就不受后面的层影响。
#
# 反向钩子
# --------
# ``register_full_backward_hook`` 挂的钩子在反向传播经过模块时被调用。
# 它收到模块、损失对输入的梯度和损失对输出的梯度，后两样都是元组。
# 下面用它量三个八层网络里每一层收到的梯度，三个网络只差 :term:`激活函数`。
#
# .. predict::
#
#    sigmoid 的导数最大是 0.25，默认的初始权重不会抵消这种缩小。
#    从第 8 层传到第 1 层要经过 7 个 sigmoid，梯度的 :term:`范数` 会缩小多少？
#
#    - 不到十倍，因为每层缩小的部分相加。
#    - 几百倍。
#    - 一万倍以上。


def gradient_norms(activation, seed, n_layers=8):
    """每个隐藏层收到的梯度的范数，从输入一侧数起。"""
    torch.manual_seed(seed)
    layers = [nn.Sequential(nn.Linear(64, 64), activation()) for _ in range(n_layers)]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    norms = []

    def record(module, grad_input, grad_output):
        norms.append(grad_output[0].norm().item())

    handles = [layer.register_full_backward_hook(record) for layer in layers]
    x = images[train[:200]].flatten(1).requires_grad_()  # 否则第一个钩子会警告
    loss_fn(model(x), labels[train[:200]]).backward()
    for handle in handles:
        handle.remove()
    return norms[::-1]  # 反向传播先到最后一层


activations = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
norms = {}
for name, activation in activations.items():
    runs = torch.tensor([gradient_norms(activation, seed) for seed in range(5)])
    norms[name] = runs[0]
    shrunk = runs[:, -1] / runs[:, 0]
    print(f"{name:<7}  layer 8: {runs[0, -1]:.1e}  layer 1: {runs[0, 0]:.1e}", end="")
    print(f"  smaller by a factor of {shrunk.min():.1e} to {shrunk.max():.1e}")

print(f"0.25 ** 7 = {0.25**7:.1e}")

# %%
# .. answer:: C
#
#    五个种子里，sigmoid 网络的梯度都缩小了几十万倍。各层的导数是相乘的，所以 A 不对。
#    7 个不超过 0.25 的数相乘，至多是 6.1e-05，已经不到一万分之一，所以 B 也太少。
#
# ReLU 网络缩小了几百倍，tanh 网络缩小了几十倍。越靠近输入，梯度越小，这就是 :term:`梯度消失`。
#
# .. change-it::
#
#    把 sigmoid 网络加深到 16 层。缩小的倍数会加倍，还是会平方？先猜，再看下面的运行结果。

# hide-cell: 16 层的 sigmoid 网络
runs = torch.tensor(
    [gradient_norms(nn.Sigmoid, seed, n_layers=16) for seed in range(5)]
)
shrunk = runs[:, -1] / runs[:, 0]
print(
    f"sigmoid, 16 layers: smaller by a factor of {shrunk.min():.1e} to {shrunk.max():.1e}"
)

# %%
# 比平方还多一些，因为相乘的次数从 7 变成了 15。下图画出种子 0 的八层网络，纵轴取对数，逐层相乘就成了直线。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for name, values in norms.items():
    (line,) = ax.plot(range(1, 9), values, "o-")
    ax.annotate(name, (0.8, values[0]), color=line.get_color(), ha="right", va="center")
ax.set(yscale="log", xlim=(-0.3, 8.3), xticks=range(1, 9))
ax.set(xlabel="hidden layer", ylabel="norm of the gradient")
ax.spines[["top", "right"]].set_visible(False)
# alt: 三条折线，横轴是隐藏层，纵轴是梯度的范数，取对数。三条线在第 8 层重合，越靠近输入越小，第 1 层从大到小依次是 tanh、ReLU、sigmoid
plt.show()

# %%
# 前向出现 NaN 时，也可以在前向钩子里检查输出，停在第一个出问题的层，见 :ref:`pitfalls-nan-hunting`。
#
# .. real-projects::
#
#    大网络里按名字取层，用 ``model.get_submodule("encoder.0")``。存下的激活只留需要的部分，并尽快移到 CPU 上，否则很占显存。
#    接口见 `torch.nn.Module.register_forward_hook <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook>`__，各种钩子的次序见 `Module hooks <https://docs.pytorch.org/docs/stable/notes/modules.html#module-hooks>`__。
#
# 小结
# ----
# - 规则：用完就取下钩子，要留下的张量用 ``detach().clone()``，要留下的数用 ``item()``。
# - API：``register_forward_hook(fn)`` 调用 ``fn(module, args, output)``，
#   ``register_full_backward_hook(fn)`` 调用 ``fn(module, grad_input, grad_output)``。
# - 下一页：:ref:`training-confusion-matrix`
