# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-unregistered-parameters:

没登记的参数
============

建优化器时报错，说参数列表是空的，可是模型里明明有好几层。
更麻烦的情形是没有报错，训练照常进行，却有几层一步也没有更新。
那么 :term:`参数` 是怎样登记到模型里，又怎样交给优化器的？

你将学到：

- 读懂参数没有登记时的四种报错
- 判断放在列表里的层和后来换上的层会不会更新
- 修正这两种写法，并用两个检查找出漏掉的参数
"""

import textwrap

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# 下面四种写法都与参数的登记有关，都会报错。


class AllInList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 3)]


class NoSuper(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(3, 3)


torch.manual_seed(0)


def empty():
    torch.optim.SGD(AllInList().parameters(), lr=0.1)


def scaled_parameter():
    torch.optim.SGD([0.1 * nn.Parameter(torch.zeros(3))], lr=0.1)


def plain_tensor():
    nn.Linear(3, 3).weight = torch.zeros(3, 3)


for mistake in (empty, scaled_parameter, plain_tensor, NoSuper):
    try:
        mistake()
    except (AttributeError, TypeError, ValueError) as error:
        print(f"{mistake.__name__}:")
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92))

# %%
# 给 :term:`模块` 的属性赋值时，``nn.Module`` 检查值的类型，只有 ``nn.Parameter``、缓冲区和模块才会登记下来。
# ``parameters()``、``state_dict()`` 和 ``.to()`` 都只看登记过的东西。
# 其中 ``state_dict()`` 返回从名字到参数和缓冲区的字典，保存模型时存的就是它。
#
# - ``empty``：列表不属于这几种类型，所以里面的层没有登记，模型一个参数也没有。
# - ``scaled_parameter``：参数乘过 0.1 以后是运算的结果，不再是 :term:`叶子张量`。
#   应当先算好初值，再用 ``nn.Parameter`` 包起来。
# - ``plain_tensor``：登记过的名字只能换成另一个 ``nn.Parameter`` 或 ``None``。
# - ``NoSuper``：登记用的表由 ``super().__init__()`` 建立，所以它要写在 ``__init__`` 的第一行。
#
# 没有报错：列表里的层
# --------------------
# ``empty`` 会报错，是因为模型一个参数也没有。只要另有一层登记过，就没有报错。
# 下面的网络有两个 :term:`隐藏层` 和一个输出层，隐藏层放进普通的 ``list`` 或 ``nn.ModuleList``。
# ``nn.ModuleList`` 用起来像列表，但它本身是模块，会登记里面的每一层。


class Net(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.hidden = container([nn.Linear(64, 32), nn.Linear(32, 32)])
        self.head = nn.Linear(32, 10)

    def forward(self, x):  # (B, 1, 8, 8) -> (B, 10)
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
        return self.head(x)


for container in (list, nn.ModuleList):
    model = Net(container)
    n_parameters = sum(p.numel() for p in model.parameters())
    print(f"{container.__name__}: {n_parameters} parameters")
    print(f"  names in state_dict: {len(model.state_dict())}")

# %%
# 放进列表以后，3466 个参数只剩下输出层的 330 个，存文件时也只存这一层。
#
# .. change-it::
#
#    把两个隐藏层放进字典，再用 ``nn.ModuleDict`` 登记。``state_dict()`` 里会是哪些名字？

# hide-cell: nn.ModuleDict
layers = nn.ModuleDict({"first": nn.Linear(64, 32), "second": nn.Linear(32, 32)})
print(f"names: {list(layers.state_dict())}")

# %%
# 没有报错：后来换的层
# --------------------
# 优化器只更新建立它时交给它的那些参数。微调时常常给模型换一个输出层。如果优化器已经建好，
# 它包含的就还是旧的输出层，而不是新的。
#
# .. predict::
#
#    把隐藏层放在列表里的网络，和建好优化器以后换了输出层的网络，各训练 200 步。
#    哪一种的损失会停在 :math:`\ln 10 \approx 2.30`，一点也不下降？
#
#    - 隐藏层放在列表里的网络
#    - 换了输出层的网络
#    - 两种都停住
#    - 两种都下降

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def fit(seed, container=nn.ModuleList, replace_head=False):
    torch.manual_seed(seed)
    model = Net(container)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    if replace_head:
        model.head = nn.Linear(32, 10)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = loss_fn(model(images[train]), labels[train])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        correct = model(images[validation]).argmax(dim=1) == labels[validation]
    return model, optimizer, losses[0], losses[-1], correct.float().mean().item()


ways = {
    "right": {},
    "plain list": {"container": list},
    "new head": {"replace_head": True},
}
trained = {}
print(f"ln 10 = {torch.tensor(10.0).log():.2f}")
for name, options in ways.items():
    runs = [fit(seed, **options) for seed in range(5)]
    trained[name] = runs[0][:2]
    first, last, accuracy = torch.tensor([run[2:] for run in runs]).T
    print(
        f"{name:<10}  loss {first.mean():.2f} -> {last.mean():.2f}, "
        f"validation accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )

# %%
# .. answer:: D
#
#    两种网络的损失都在下降，所以看损失发现不了。列表里的隐藏层停在随机的初值，但是输出层在学。
#    换了输出层的网络正好相反，新的输出层停在初值，隐藏层则在训练中适应了它。
#
# :term:`准确率` 说明了差别。隐藏层放在列表里时只有 0.497，换了输出层时是 0.907，正确的写法是 0.963。
#
# 下次怎样发现
# ------------
# 训练之前检查两件事，一是模型的参数总数是否等于自己算出的数，二是优化器是否包含模型的每个参数。


def check(model, optimizer, n_expected):
    n_parameters = sum(p.numel() for p in model.parameters())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left_out = [name for name, p in model.named_parameters() if id(p) not in held]
    print(f"  parameters: {n_parameters} of {n_expected}")
    print(f"  not in the optimizer: {left_out}")


n_expected = (64 * 32 + 32) + (32 * 32 + 32) + (32 * 10 + 10)
for name, (model, optimizer) in trained.items():
    print(f"{name}:")
    check(model, optimizer, n_expected)
    print(f"  gradient of the head: norm {model.head.weight.grad.norm():.2f}")

# %%
# 第一项查出了列表，第二项查出了新的输出层。新的输出层有 :term:`梯度`，而且 :term:`范数` 大得多，
# 因为 ``optimizer.zero_grad()`` 也只清零优化器包含的参数，新输出层的梯度 200 步都没有清零。
# 所以只检查 ``.grad`` 是不是 ``None``，发现不了这个错误。
#
# 改法有两条。列表换成 ``nn.ModuleList`` 或 ``nn.Sequential``，并且先换层，再建优化器。
#
# .. real-projects::
#
#    训练中途需要加一层时，用 ``optimizer.add_param_group`` 把新的参数交给优化器。登记的规则见
#    `torch.nn.ModuleList <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>`__ 和
#    `模块的说明 <https://docs.pytorch.org/docs/stable/notes/modules.html>`__。
#
# 小结
# ----
# - 规则：层直接赋给模块的属性，或放进 ``nn.ModuleList``，模型定下来以后再建优化器。
# - API：``torch.nn.ModuleList``、``nn.Module.named_parameters``、``optimizer.param_groups``。
# - 下一页：:ref:`pitfalls-state-dict-keys`
