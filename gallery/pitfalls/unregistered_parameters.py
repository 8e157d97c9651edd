# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-unregistered-parameters:

没登记的参数
============

优化器只更新交给它的 :term:`参数`，:term:`模块` 只交出登记过的参数。
层放在普通列表里，模块不知道；优化器建好之后再换一层，优化器不知道。
两种情况下，这些层照常参加前向计算，却一步也不更新，也没有报错。

你将学到：

- 普通列表与 ``nn.ModuleList`` 差在哪里，什么时候有报错
- 漏登记和先建优化器后换层，各损失多少准确率
- 两个检查：参数的总数，优化器手里的是不是模型现在的参数
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 放在列表里的层
# --------------
# 网络有两个 :term:`隐藏层` 和一个输出层。隐藏层放进 ``list`` 或 ``nn.ModuleList``，其余一字不差。


class Net(nn.Module):
    def __init__(self, container):
        super().__init__()
        self.hidden = container([nn.Linear(64, 16), nn.Linear(16, 16)])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x).relu()
        return self.head(x)


torch.manual_seed(0)
for container in (list, nn.ModuleList):
    net = Net(container)
    n_parameters = sum(p.numel() for p in net.parameters())
    n_names = len(net.state_dict())
    print(
        f"{container.__name__}: {n_parameters} parameters, {n_names} names in state_dict"
    )

# %%
# 给属性赋值时，``nn.Module`` 看一眼值的类型：是 ``Parameter``、``Buffer`` 或 ``Module`` 才登记。
# 列表哪样都不是，里面装着什么它不看，于是 ``parameters()``、``state_dict()`` 和 ``.to()`` 都不知道这两层，
# 1482 个参数只剩输出层的 170 个。
#
# 有报错的几种
# ------------


class AllInList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 3)]


class NoSuper(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(3, 3)


def plain_tensor():
    nn.Linear(3, 3).weight = torch.zeros(3, 3)


def scaled_parameter():
    torch.optim.SGD([0.1 * nn.Parameter(torch.zeros(3))], lr=0.1)


def empty():
    torch.optim.SGD(AllInList().parameters(), lr=0.1)


for mistake in (empty, scaled_parameter, plain_tensor, NoSuper):
    try:
        mistake()
    except (AttributeError, TypeError, ValueError) as error:
        print(f"{mistake.__name__}: {type(error).__name__}: {error}")

# %%
# - ``empty``：一个参数也没登记，优化器才会发现；只要登记了一层，它就不作声。
# - ``scaled_parameter``：乘过 0.1 的已是运算的结果，不是 :term:`叶子张量`。先算好初值，再包成 ``Parameter``。
# - ``plain_tensor``：登记过的名字只能换成 ``Parameter`` 或 ``None``。
# - ``NoSuper``：登记表由 ``super().__init__()`` 建立，要放在第一行。
#
# 没有报错的两种
# --------------
# 第一种是上面的列表。第二种常见于微调：优化器已经建好，又给模型换了一个输出层。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])


def fit(seed, container=nn.ModuleList, replace_head=False):
    torch.manual_seed(seed)
    net = Net(container)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    if replace_head:
        net.head = nn.Linear(16, 10)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images[train]), labels[train])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = net(images[test]).argmax(dim=1) == labels[test]
    return net, optimizer, loss.item(), right.float().mean().item()


# %%
# .. admonition:: 先猜一猜
#
#    三种网络的测试 :term:`准确率` 各是多少？哪一种的损失会停在 :math:`\ln 10 \approx 2.3`，完全不降？

ways = {
    "right": {},
    "plain list": {"container": list},
    "new head": {"replace_head": True},
}
trained = {}
for name, options in ways.items():
    runs = [fit(seed, **options) for seed in range(5)]
    trained[name] = runs[0][:2]
    loss, accuracy = torch.tensor([run[2:] for run in runs]).T
    print(
        f"{name:<10}  loss {loss.mean():.2f}, accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}"
    )

# %%
# 没有一种完全不降。列表里的两层停在随机的初值，只有输出层在学，准确率 0.41；
# 换了输出层的，新层停在初值，前面的层却学会了迁就它，准确率仍有 0.84，种子之间差别也大。
# 单看这个数，会以为只是学习率没调好。
#
# 下次怎样发现
# ------------
# 训练之前查两件事：模型的参数总数是不是自己算出的那个；模型现在的参数，优化器手里都有没有。


def check(net, optimizer, n_expected):
    n_parameters = sum(p.numel() for p in net.parameters())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left_out = [name for name, p in net.named_parameters() if id(p) not in held]
    return f"{n_expected - n_parameters} parameters missing, not in the optimizer: {left_out}"


n_expected = (64 * 16 + 16) + (16 * 16 + 16) + (16 * 10 + 10)
for name, (net, optimizer) in trained.items():
    print(f"{name:<10}  {check(net, optimizer, n_expected)}")

# %%
# 第一项查出列表，第二项查出新的输出层。只看 ``.grad`` 是查不出后者的：
# 新输出层每一步都收到 :term:`梯度`，而且因为没有人替它清零，越积越大。
# 改法：列表换成 ``nn.ModuleList`` 或 ``nn.Sequential``；先换层，再建优化器。
#
# 改一改：把 ``self.hidden`` 换成字典，用 ``nn.ModuleDict`` 登记。先猜 ``state_dict`` 里的名字，再打印。
#
# 小结
# ----
# - 规则：层和参数直接赋给模块的属性，或放进 ``ModuleList``、``ModuleDict``；模型定下来再建优化器。
# - API：``torch.nn.ModuleList``、``nn.Module.named_parameters``、``optimizer.param_groups``。
# - 下一页：:ref:`pitfalls-state-dict-keys`
