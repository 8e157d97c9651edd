# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _training-hooks:

用钩子看网络内部
================

网络训练得不对时，要看中间各层的输出和 :term:`梯度`。有时还要把一层的输出拿来做别的用途。但是 ``model(x)`` 只返回最后的结果。不改模型的代码，怎样拿到中间的数？

你将学到：

- 用前向钩子打印形状、留下一层的输出，用完取下钩子
- 检查留下的张量是不是想要的那些数
- 用反向钩子量出每一层收到的梯度
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 前向钩子
# --------
# :term:`钩子` 是你交给 PyTorch 的一个函数，某个 :term:`模块` 运行或反向传播经过它时，PyTorch 会自动调用它。前向钩子在模块算出输出之后被调用，收到三样东西，依次是模块、输入（位置参数的元组）和输出。钩子返回 ``None`` 时，输出不变。钩子返回别的值，就用它代替输出。
#
# ``register_forward_hook`` 把钩子挂到模块上，并返回一个句柄。句柄的 ``remove()`` 把钩子取下。要写 ``model(x)``，因为直接调用 ``model.forward(x)`` 会跳过 ``model`` 自己的钩子。

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
output = model(x)
for handle in handles:
    handle.remove()
print("hooks removed:")
output = model(x)

# %%
# 挂着钩子时，每一层打印一行输入和输出的形状。取下之后再运行，就什么也不打印。钩子不取下就一直留在模块上。同一个钩子挂两次，每次前向就运行两次。

with model[0].register_forward_hook(report), model[0].register_forward_hook(report):
    model(x)

# %%
# 句柄也可以像这样写在 ``with`` 里，离开这一段时，钩子就自动取下。
#
# 留下一层的输出
# --------------
# 隐藏层的输出可以当作图像的 :term:`特征`，用来检索或分类。下面的钩子把输出存进字典。``detach()`` 让存下的张量不再连着 :term:`计算图`，所以字典不会让计算图留在内存里。
#
# 用五个种子各训练一个网络，取出 ReLU 之后的 16 个数。然后在训练集里找特征最接近的一张，照抄它的标签，看验证集上对了多少。没有训练过的网络作为对照。表里的 ± 是五个种子的标准差。


def train_model(seed, n_epochs):
    torch.manual_seed(seed)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.train()
    for _ in range(n_epochs):
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


print(f"64 pixels:               {nearest_accuracy(images.flatten(1)):.3f}")
for n_epochs in (0, 20):
    accuracies = torch.zeros(5)
    for seed in range(5):
        model = train_model(seed, n_epochs)
        model.eval()
        with model[2].register_forward_hook(keep):
            logits = model(images)
        accuracies[seed] = nearest_accuracy(kept["features"])
    print(f"16 features, {n_epochs:>2} epochs: ", end="")
    print(f"{accuracies.mean():.3f} ± {accuracies.std():.3f}")
same = torch.equal(model[3](kept["features"]), logits)
print(f"the last layer turns the kept features into the network's output: {same}")

# %%
# 最后一行说明留对了地方，因为把留下的特征送进最后一层，得到的正是网络的输出。训练过的 16 个特征有 0.974 的准确率，接近 64 个像素的 0.983。没有训练过的只有 0.774，可见训练使这些特征好了很多。
#
# .. predict::
#
#    把 ReLU 换成 ``nn.ReLU(inplace=True)``，它把结果直接写回输入的内存。同一个 ``keep`` 改挂在 ReLU 之前的 :term:`线性层` 上。前向结束后，存下的张量里有负数吗？
#
#    - 没有，因为 ReLU 改写的就是存下的那块内存。
#    - 有，因为钩子在 ReLU 之前运行，存下的是线性层的输出。
#    - 前向会报错，因为存下的张量不许再改。

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
# .. answer:: A
#
#    ``detach()`` 得到的张量与原来的共用内存，随后 ReLU 原地改写了它，负数都成了 0。B 的前半句是对的，但是共用的内存后来变了。C 不对，这样改写并不报错，所以不容易发现。``detach().clone()`` 复制一份，后面的层就改不到它。
#
# 反向钩子
# --------
# ``register_full_backward_hook`` 挂的钩子在反向传播经过模块时被调用。它收到模块、损失对输入的梯度和损失对输出的梯度，后两样都是元组。钩子返回 ``None`` 时，梯度不变；返回别的值时，就用它代替对输入的梯度。下面用它量八个隐藏层的网络里损失对各层输出的梯度，几个网络只差 :term:`激活函数`。``nn.Identity`` 原样返回输入，代表没有激活函数。
#
# .. predict::
#
#    ReLU 的导数是 0 或 1。在默认初始化的八个隐藏层的 ReLU 网络里，梯度从第 8 层传到第 1 层，它的 :term:`范数` 怎样变？
#
#    - 几乎不变，因为起作用的单元导数都是 1。
#    - 缩小几百倍，因为每经过一层都缩小。
#    - 增大，因为每个单元的梯度是 64 项之和。


def gradient_norms(activation, seed, n_layers=8):
    """每个隐藏层收到的梯度的范数，从输入一侧数起。"""
    torch.manual_seed(seed)
    layers = [nn.Sequential(nn.Linear(64, 64), activation()) for _ in range(n_layers)]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    norms = []

    def record(module, grad_input, grad_output):
        norms.append(grad_output[0].norm().item())

    handles = [layer.register_full_backward_hook(record) for layer in layers]
    x = images[train[:200]].flatten(1).requires_grad_()  # 否则第 1 层的钩子会警告
    loss_fn(model(x), labels[train[:200]]).backward()
    for handle in handles:
        handle.remove()
    return norms[::-1]  # 反向传播先到最后一层


norms = {}
for activation in (nn.Identity, nn.Tanh, nn.ReLU, nn.Sigmoid):
    name = activation.__name__
    runs = torch.tensor([gradient_norms(activation, seed) for seed in range(5)])
    norms[name] = runs[0]
    factors = runs[:, -1] / runs[:, 0]
    print(f"{name:<8}  layer 8: {runs[0, -1]:.1e}  layer 1: {runs[0, 0]:.1e}", end="")
    print(f"  smaller by a factor of {factors.min():.0f} to {factors.max():.0f}")
print(f"3 ** 3.5 = {3**3.5:.0f}, 6 ** 3.5 = {6**3.5:.0f}, 48 ** 3.5 = {48**3.5:.0f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for name, values in norms.items():
    (line,) = ax.plot(range(1, 9), values, "o-")
    va = "bottom" if name == "Identity" else "top"
    ax.annotate(name, (0.8, values[0]), color=line.get_color(), ha="right", va=va)
ax.set(yscale="log", xlim=(-0.3, 8.3), ylim=(1e-8, 0.2), xticks=range(1, 9))
ax.set(xlabel="hidden layer", ylabel="norm of the gradient")
# alt: 四条折线，横轴是隐藏层，纵轴是梯度的范数，取对数。四条线在第 8 层重合，越靠近输入越小，第 1 层从大到小依次是 Identity 与 Tanh、ReLU、Sigmoid
plt.show()

# %%
# .. answer:: B
#
#    五个种子里，ReLU 网络的梯度缩小了 456 到 711 倍，而没有激活函数的网络缩小了 42 到 51 倍。
#    A 漏了权重，它们已经使梯度每层缩小 :math:`\sqrt{3}` 倍。C 也不对，因为 64 项各带一个小的权重，和并不大。
#
#    这个倍数算得出来。:ref:`training-initialization` 讲过，默认权重的方差是 :math:`1/(3n)`。一层有 :math:`n` 个单元，每个单元的梯度是 :math:`n` 项之和，梯度的方差就乘以 :math:`1/3`，范数与方差的平方根成正比，所以经过 7 层，范数缩小 :math:`\sqrt{3^7} = 3^{3.5}` 倍，即 47 倍。ReLU 又使约一半的分量变成 0，方差每层乘以 :math:`1/6`，共 529 倍。Sigmoid 的导数最大是 :math:`1/4`，方差每层最多乘以 :math:`1/48`，这样估算，大约缩小 766204 倍或更多。三个数都与表里的相近。越靠近输入，梯度越小，这就是 :term:`梯度消失`。
#
# 表里的倍数是五个种子的最小值和最大值，两层的范数和图是种子 0 的。Tanh 与没有激活函数时相差很少。图里每条线都近似直线，所以每层缩小的倍数差不多。权重的梯度还要乘以该层的输入，所以倍数不一样。
#
# .. change-it::
#
#    对 sigmoid 网络，用 ``n_layers=16`` 调用 ``gradient_norms``。缩小的倍数会加倍，还是会平方？

# hide-cell: 16 层的 sigmoid 网络
deep = torch.tensor([gradient_norms(nn.Sigmoid, k, n_layers=16) for k in range(5)])
factors = deep[:, -1] / deep[:, 0]
print(f"16 layers: smaller by a factor of {factors.min():.1e} to {factors.max():.1e}")

# %%
# .. outcome::
#
#    比平方还大。八层的倍数不到 1e6，平方不到 1e12，而十六层至少有 5.2e+12，因为经过的层数从 7 变成 15，比两倍还多一层。

# %%
# 挂了反向钩子的模块，输入和输出都不能原地改写，否则前向就报错。下面的 ReLU 是原地的，钩子先挂在它前面的线性层上，再挂在它自己上：

for index in (1, 2):
    model = make_model(inplace=True)
    model[index].register_full_backward_hook(lambda module, grad_in, grad_out: None)
    print(f"hook on {type(model[index]).__name__}:")
    try:
        model(x)
    except RuntimeError as error:
        print(f"{type(error).__name__}: {str(error).split('. ')[0]}")

# %%
# 两次都报错，因为 ReLU 改写的既是线性层的输出，也是它自己的输入。报错里要看的是“modified inplace”，换成普通的 ``nn.ReLU()`` 就不再报错。
#
# .. real-projects::
#
#    大网络里按名字取层，例如 ``model.get_submodule("encoder.0")``。用钩子找第一个出现 NaN 的层，见 :ref:`pitfalls-nan-hunting`。接口见 `torch.nn.Module.register_forward_hook <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook>`__，各种钩子的次序见 `Module hooks <https://docs.pytorch.org/docs/stable/notes/modules.html#module-hooks>`__。
#
# 小结
# ----
# - 规则：用完就取下钩子，要留下的张量用 ``detach().clone()``，若还要由它算损失，就只用 ``clone()``，要留下的数用 ``item()``。
# - API：``register_forward_hook(fn)`` 调用 ``fn(module, args, output)``，``register_full_backward_hook(fn)`` 调用 ``fn(module, grad_input, grad_output)``。
# - 下一页：:ref:`training-confusion-matrix`
