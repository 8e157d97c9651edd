# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-state-dict-keys:

参数名对不上
============

``load_state_dict`` 按名字给 :term:`参数` 找值，再核对 :term:`形状`，对不上就报错，列出每一个名字。
加上 ``strict=False``，名字的错误不再报出来，模型却可能一个参数也没读进去。

你将学到：

- 读懂 ``Missing key(s)``、``Unexpected key(s)`` 和 ``size mismatch``
- ``strict=False`` 让哪种错误消失，哪种照报，代价多大
- 对症的改法：取出里层的字典、去前缀、改名字、只换输出层
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.modules.utils import (
    consume_prefix_in_state_dict_if_present as strip_prefix,
)

# %%
# 一份训练好的参数
# ----------------

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])


class Net(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.encoder = nn.Linear(64, 32)
        self.head = nn.Linear(32, n_classes)

    def forward(self, x):
        return self.head(self.encoder(x).relu())


def accuracy(net):
    with torch.no_grad():
        right = net(images[test]).argmax(dim=1) == labels[test]
    return right.float().mean().item()


torch.manual_seed(0)
trained = Net()
optimizer = torch.optim.Adam(trained.parameters(), lr=0.01)
for _ in range(100):
    optimizer.zero_grad()
    nn.functional.cross_entropy(trained(images[train]), labels[train]).backward()
    optimizer.step()

state = trained.state_dict()
print(f"accuracy {accuracy(trained):.3f}")
for name, value in state.items():
    print(f"{name}: {tuple(value.shape)}")

# %%
# 名字是从模型到参数走过的属性名，用点连起来。属性改了名、外面多包了一层，名字就变。
#
# 四种对不上
# ----------


class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.body(x).relu())


def attempt(title, net, state, **options):
    print(f"-- {title}")
    try:
        print(net.load_state_dict(state, **options))
    except RuntimeError as error:
        for line in str(error).splitlines()[1:]:  # 第一行只说是哪个类
            print(line.strip())


wrapped = nn.ModuleDict({"module": trained}).state_dict()
attempt("renamed attribute", Renamed(), state)
attempt("five classes", Net(n_classes=5), state)
attempt("whole checkpoint", Net(), {"model": state, "epoch": 3})
attempt("wrapped model", Net(), wrapped)

# %%
# ``Missing`` 是模型要、文件里没有的，``Unexpected`` 是文件里有、模型不要的。两栏放在一起看，就知道是哪一种：
#
# - 一边 ``body``，一边 ``encoder``：属性改了名。
# - ``size mismatch``：名字都在，形状不同，这里是类别数。
# - 多出的是 ``model`` 和 ``epoch``：读的是整个 :term:`检查点`，参数在它的 ``"model"`` 里。
# - 多出的全带 ``module.``：存的是外面包了一层的模型。``nn.DataParallel`` 包出来的正是这个前缀，
#   ``torch.compile`` 的前缀是 ``_orig_mod.``。
#
# strict=False 之后
# -----------------
# .. admonition:: 先猜一猜
#
#    给最后一种加上 ``strict=False``，就不报错了。读完以后，:term:`准确率` 是多少？``five classes`` 还报错吗？

accuracies = []
for seed in range(5):
    torch.manual_seed(seed)
    net = Net()
    result = net.load_state_dict(wrapped, strict=False)
    accuracies.append(accuracy(net))
accuracies = torch.tensor(accuracies)
print(f"accuracy {accuracies.mean():.3f} ± {accuracies.std():.3f}")
print(f"missing {len(result.missing_keys)}, unexpected {len(result.unexpected_keys)}")
attempt("five classes", Net(n_classes=5), state, strict=False)

# %%
# 四个名字全部落空，一个值也没有读进去，准确率与乱猜差不多。返回值写得明明白白，只是没有人看。
# 形状不同仍然报错：``strict=False`` 只放过名字。
#
# 对症改法
# --------

bare = Net()
checkpoint = {"model": dict(wrapped), "epoch": 3}
weights = checkpoint["model"]
strip_prefix(weights, "module.")  # 原地改
print(bare.load_state_dict(weights), f"accuracy {accuracy(bare):.3f}")

renamed = Renamed()
new_names = {name.replace("encoder.", "body."): value for name, value in state.items()}
print(renamed.load_state_dict(new_names), f"accuracy {accuracy(renamed):.3f}")

five = Net(n_classes=5)
encoder_only = {
    name: value for name, value in state.items() if not name.startswith("head.")
}
result = five.load_state_dict(encoder_only, strict=False)
assert set(result.missing_keys) == {"head.weight", "head.bias"}
assert not result.unexpected_keys
print(f"five classes: missing {result.missing_keys}")

# %%
# 前两种改完，不用 ``strict=False`` 也读得进，准确率回到原来的数。
# 第三种确实要留下新的输出层，这才用 ``strict=False``。
# 训练到一半怎样保存和恢复，见 :ref:`training-save-and-load`。
#
# 下次怎样发现
# ------------
# 写了 ``strict=False``，下一行就写明允许缺哪几个名字，像上面的两个 ``assert``：少一个、多一个都会停下。
# 包过的模型，存 ``model.module.state_dict()`` 或 ``model._orig_mod.state_dict()``，前缀就不会进文件。
#
# 改一改：给 ``renamed attribute`` 加上 ``strict=False``。只有输出层读进来了，先猜准确率，再运行。
#
# 小结
# ----
# - 规则：先读 Missing 和 Unexpected 两栏，改名字；``strict=False`` 一定要核对返回值。
# - API：``nn.Module.load_state_dict``、``missing_keys``、``unexpected_keys``。
# - 下一页：本章到此结束，去做 :ref:`exercises-pitfalls`。
