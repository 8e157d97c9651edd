# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-unregistered-parameters:

没登记的参数
============

建优化器时报错，说参数列表是空的，可是模型里明明有好几层。
还有的时候没有报错，训练照常进行，却有几层一步也没有更新。
:term:`参数` 是怎样登记到模型里，又怎样交给优化器的？

你将学到：

- 读懂与参数的登记和优化器有关的四种报错
- 判断放在列表里的层和后来换上的层会不会更新
- 修正这两种写法，并用两个检查找出漏掉的参数
"""

import copy
import textwrap

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# 下面四种写法都与参数怎样登记、怎样交给优化器有关，都会报错。


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
        print(textwrap.fill(f"{type(error).__name__}: {error}", 92), end="\n\n")

# %%
# 给 :term:`模块` 的属性赋值时，``nn.Module`` 检查值的类型，``nn.Parameter`` 和模块会登记下来。缓冲区则用 ``register_buffer`` 登记。``parameters()``、``state_dict()`` 和 ``.to()`` 都只看登记过的东西。其中 ``state_dict()`` 返回从名字到参数和缓冲区的字典，保存模型时存的就是它。
#
# - ``empty``：列表不属于这两种类型，普通的张量也不属于，所以列表里的层没有登记，模型一个参数也没有。
# - ``scaled_parameter``：参数乘过 0.1 以后是运算的结果，不再是 :term:`叶子张量`。应当先算好初值，再用 ``nn.Parameter`` 包起来。把这样的张量赋给模块的属性，它也不会登记，只要另有一层登记过，建优化器时就不报错，要到第二次 ``backward()`` 才报错。
# - ``plain_tensor``：登记为参数的名字只能换成另一个 ``nn.Parameter`` 或 ``None``。
# - ``NoSuper``：登记用的表由 ``super().__init__()`` 建立，所以它要写在给属性赋值之前。
#
# 没有报错：列表里的层
# --------------------
# ``empty`` 会报错，是因为模型一个参数也没有。只要另有一层登记过，就没有报错。下面的网络有两个 :term:`隐藏层` 和一个输出层，隐藏层放进普通的 ``list`` 或 ``nn.ModuleList``。
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
    n_names = len(model.state_dict())
    print(f"{container.__name__}: {n_parameters} parameters, {n_names} names")

# %%
# 放进列表以后，3466 个参数只剩下输出层的 330 个，``state_dict()`` 里也只有这一层的 2 个名字，所以存文件时只存这一层。``model.to(torch.float64)`` 也不会转换列表里的层，输入换成 ``float64`` 以后，前向传播就会报错。
#
# .. change-it::
#
#    写一个只有两层的模块，把 ``dict({"a": nn.Linear(64, 32), "b": nn.Linear(32, 32)})`` 赋给属性 ``self.layers``，再把 ``dict`` 换成 ``nn.ModuleDict``。``state_dict()`` 里各有哪些名字？

# hide-cell: 字典


class WithDict(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.layers = container({"a": nn.Linear(64, 32), "b": nn.Linear(32, 32)})


for container in (dict, nn.ModuleDict):
    print(f"{container.__name__}: {list(WithDict(container).state_dict())}")

# %%
# .. outcome::
#
#    普通的字典与列表一样，里面的层没有登记。``nn.ModuleDict`` 登记每一层，键成为名字的一部分。
#
# 没有报错：后来换的层
# --------------------
# 优化器只更新交给它的参数，这里是建立它时 ``parameters()`` 列出的那些。例如微调时，给训练好的模型换一个输出层再接着训练。如果优化器已经建好，它包含的就还是旧的输出层，而不是新的。
#
# .. predict::
#
#    ``plain_list`` 的隐藏层放在列表里，``new_head`` 在建好优化器以后换了输出层，各训练 200 步。
#    哪一种的损失会停在 :math:`\ln 10 \approx 2.30`，一点也不下降？
#
#    - ``plain_list``，因为隐藏层占了大部分参数，它们都不更新
#    - ``new_head``，因为损失由输出层算出，而它不更新
#    - 两种都停住，因为它们都有不更新的层
#    - 两种都不停住，因为它们都还有在更新的层

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
loss_fn = nn.CrossEntropyLoss()


def right():
    model = Net(nn.ModuleList)
    return model, torch.optim.SGD(model.parameters(), lr=0.5)


def plain_list():
    model = Net(list)
    return model, torch.optim.SGD(model.parameters(), lr=0.5)


def new_head():
    model = Net(nn.ModuleList)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    model.head = nn.Linear(32, 10)
    return model, optimizer


def fit(build, seed):
    torch.manual_seed(seed)
    model, optimizer = build()
    start = copy.deepcopy(model)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = loss_fn(model(images[train]), labels[train])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        correct = model(images[validation]).argmax(dim=1) == labels[validation]
    result = losses[0], losses[-1], correct.float().mean().item()
    return model, optimizer, start, result


trained = {}
print(f"ln 10 = {torch.tensor(10.0).log():.2f}")
for build in (right, plain_list, new_head):
    runs = [fit(build, seed) for seed in range(5)]
    model, optimizer, start, _ = runs[0]
    trained[build.__name__] = model, optimizer
    first, last, accuracy = torch.tensor([run[-1] for run in runs]).T
    print(
        f"{build.__name__:<10}  loss {first.mean():.2f} -> {last.mean():.2f}, "
        f"validation accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )
    pairs = zip(model.hidden, start.hidden, strict=True)
    hidden = [not torch.equal(now.weight, before.weight) for now, before in pairs]
    head = not torch.equal(model.head.weight, start.head.weight)
    print(f"  seed 0: hidden layers changed {hidden}, output layer changed {head}")

# %%
# .. answer:: D
#
#    两种网络的平均损失都下降，所以 A、B、C 都不成立。损失在下降，不能说明每一层都在更新。
#    种子 0 的参数说明了原因。``plain_list`` 的隐藏层没有变，输出层变了，``new_head`` 正好相反。在 ``new_head`` 里，梯度仍然穿过输出层传到隐藏层，所以隐藏层会去适应它固定的权重。在 ``plain_list`` 里，输出层则在随机而固定的隐藏层输出上学习。
#
# 差别在最后的损失和 :term:`准确率` 里，± 前后是五个种子的平均值和标准差。
# 隐藏层放在列表里时，准确率只有 0.497，换了输出层时是 0.907，正确的写法是 0.963。
#
# 怎样改
# ------
# 列表换成 ``nn.ModuleList``，换层的代码移到建优化器之前。


def head_first():
    model = Net(nn.ModuleList)
    model.head = nn.Linear(32, 10)
    return model, torch.optim.SGD(model.parameters(), lr=0.5)


runs = [fit(head_first, seed) for seed in range(5)]
accuracy = torch.tensor([run[-1][2] for run in runs])
print(f"head_first: accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}")

# %%
# 先换层，再建优化器，准确率就回到正确写法的水平。
#
# 下次怎样发现
# ------------
# 训练之前检查两件事，一是模型的参数总数是否等于自己算出的数，二是优化器是否包含模型的每个参数。下面用它们检查前面训练过的种子 0 的三个模型，每个模型的最后一行给出输出层梯度的范数。
n_expected = (64 * 32 + 32) + (32 * 32 + 32) + (32 * 10 + 10)
for build_name, (model, optimizer) in trained.items():
    n_parameters = sum(p.numel() for p in model.parameters())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left_out = [name for name, p in model.named_parameters() if id(p) not in held]
    print(f"{build_name}: {n_parameters} of {n_expected} parameters")
    print(f"  not in the optimizer: {left_out}")
    print(f"  gradient of the head: norm {model.head.weight.grad.norm():.2f}")

# %%
# 第一项查出了列表，第二项查出了新的输出层。微调时有意冻结、没有交给优化器的参数也会由第二项列出，那不是错误。新的输出层有 :term:`梯度`，所以只检查 ``.grad`` 是不是 ``None``，发现不了这个错误。
# 这个梯度的 :term:`范数` 大得多，主要是因为 ``optimizer.zero_grad()`` 也只清零优化器包含的参数，新输出层的梯度累加了 200 步。
#
# .. real-projects::
#
#    训练中途需要加一层时，用 ``optimizer.add_param_group`` 把新的参数交给优化器。新的层还要搬到模型所在的设备。模型太大、不便算出总数时，打印 ``named_parameters()`` 的名字，看每一层是否都在。登记的规则见
#    `torch.nn.ModuleList <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>`__ 和
#    `模块的说明 <https://docs.pytorch.org/docs/stable/notes/modules.html>`__。
#
# 小结
# ----
# - 规则：层直接赋给模块的属性，或放进 ``nn.ModuleList``，模型定下来以后再建优化器。训练之前核对参数总数，再核对优化器是否包含每个参数。
# - API：``torch.nn.ModuleList``、``nn.Module.named_parameters``、``optimizer.param_groups``、``optimizer.add_param_group``。
# - 下一页：:ref:`pitfalls-state-dict-keys`
