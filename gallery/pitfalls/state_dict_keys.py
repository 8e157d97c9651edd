# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-state-dict-keys:

参数名对不上
============

训练好的 :term:`参数` 存进了文件，过几天再读进模型，``load_state_dict`` 却报错，列出一长串名字。
常见的建议是加上 ``strict=False``。
报错里的名字说明了什么？加上 ``strict=False`` 以后，参数真的读进来了吗？

你将学到：

- 读懂 ``Missing key(s)``、``Unexpected key(s)`` 和 ``size mismatch``
- 判断读入失败以后，模型里是哪些参数值
- 修正名字和形状的差别，并核对读入的结果
"""

import copy
import io
import textwrap

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# 先训练一个小网络。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])


class Net(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.encoder = nn.Linear(64, 32)
        self.head = nn.Linear(32, n_classes)

    def forward(self, x):  # (B, 1, 8, 8) -> (B, n_classes)
        return self.head(self.encoder(x.flatten(1)).relu())


def accuracy(model):
    with torch.no_grad():
        correct = model(images[validation]).argmax(dim=1) == labels[validation]
    return correct.float().mean().item()


torch.manual_seed(0)
trained = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(trained.parameters(), lr=1.0)
for _ in range(100):
    optimizer.zero_grad()
    loss_fn(trained(images[train]), labels[train]).backward()
    optimizer.step()
print(f"validation accuracy {accuracy(trained):.3f}")

# %%
# ``state_dict()`` 返回从参数和 :term:`缓冲区` 的名字到 :term:`张量` 的字典。这些张量与模型共用内存，继续训练时会跟着变，
# 所以用 ``torch.save`` 把当时的值存进文件，以后再用 ``torch.load`` 读回。
# ``map_location="cpu"`` 让读回的张量都放在 CPU 上，不论存的时候在哪台 :term:`设备` 上。
# ``weights_only=True`` 是 PyTorch 2.6 以来的默认值，它只读张量和简单的数据，拒绝文件里的其他对象，因为读那些对象时可能运行任意代码。

file = io.BytesIO()  # 内存里的文件
torch.save({"model": trained.state_dict(), "epoch": 100}, file)
file.seek(0)
checkpoint = torch.load(file, map_location="cpu", weights_only=True)
state = checkpoint["model"]
print(f"names: {list(state)}")

# %%
# 名字由模型的属性名得来，一层一层用点连接，例如 ``encoder.weight``。
# 下面的网络算的是同样的式子，只是属性 ``encoder`` 改名为 ``body``。


class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)).relu())


def attempt(title, model, state):
    """读入参数，报错时打印报错的全文。"""
    print(f"-- {title}")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        for line in f"{type(error).__name__}: {error}".splitlines():
            print(textwrap.fill(line.strip(), 92))


renamed = Renamed()
attempt("renamed attribute", renamed, state)

# %%
# ``Missing`` 是模型里有、字典里却没有的名字，``Unexpected`` 是字典里有、模型里却没有的名字。
# 这里缺 ``body``，多 ``encoder``，两边各有 ``weight`` 和 ``bias``，所以很可能是属性改了名。
#
# 下面还有三种情形。第一个模型只分五类。第二次读的是整个 :term:`检查点`。
# 第三份参数来自 ``nn.DataParallel`` 包过的模型，它用几块 GPU 一起训练，名字的前缀与 ``DistributedDataParallel`` 的相同。

torch.manual_seed(1)
five = Net(n_classes=5)
initial = copy.deepcopy(five.state_dict())  # 副本，不与模型共用内存
attempt("five classes", five, state)
attempt("whole checkpoint", Net(), checkpoint)
wrapped = nn.DataParallel(copy.deepcopy(trained)).state_dict()
attempt("wrapped model", Net(), wrapped)

# %%
# - 五类的模型：名字都找到了，但是输出层的 :term:`形状` 不同，字典里是 10 行，模型里是 5 行。
# - 整个检查点：多出的名字是 ``model`` 和 ``epoch``，参数在字典的 ``"model"`` 里。
# - 包过的模型：多出的名字都以 ``module.`` 开头。如果前缀是 ``_orig_mod.``，模型就是 ``torch.compile`` 包过的。
#
# .. predict::
#
#    ``five`` 读入时报了 ``size mismatch`` 的错。如果用 ``try`` 接住这个错误，模型 ``five`` 里是哪些参数值？
#
#    - 编码器是字典里的值，输出层是初值，因为形状相同的参数照样复制
#    - 编码器和输出层都是初值，因为报错时整次读入都会取消
#    - 编码器是字典里的值，输出层是字典里的前 5 行，因为多出的行会截去

for name, value in five.state_dict().items():
    from_file = torch.equal(value, state[name])
    unchanged = torch.equal(value, initial[name])
    print(f"{name}: equals the file: {from_file}, equals its start: {unchanged}")
from_file = torch.equal(renamed.head.weight, state["head.weight"])
print(f"renamed attribute, head.weight: equals the file: {from_file}")

# %%
# .. answer:: A
#
#    编码器的两个参数等于文件里的值，输出层的两个参数仍等于初值。
#    B 不成立，因为编码器已经改了。C 不成立，因为输出层一行也没有改。
#    输出的最后一行来自前面改了属性名的模型。名字对不上而报错时也是这样，因为对得上的 ``head.weight`` 已经读入。
#    所以接住这两种错误再继续训练，训练的是一个只读入一部分、甚至一个参数也没有读入的模型。
#
# 加上 strict=False
# -----------------
# .. predict::
#
#    用 ``strict=False`` 把包过的那份参数 ``wrapped`` 读进 ``Net``。读完以后验证 :term:`准确率` 大约是多少？
#
#    - 与训练好的模型相同，因为它会忽略多出来的前缀
#    - 0.1，因为一个参数也没有读进来
#    - 没有准确率可算，因为一个名字也没有对上，读入仍然报错

for seed in range(1, 6):  # 种子 0 训练过
    torch.manual_seed(seed)
    model = Net()
    result = model.load_state_dict(wrapped, strict=False)
    print(f"seed {seed}: validation accuracy {accuracy(model):.3f}")
print(f"missing {len(result.missing_keys)}, unexpected {len(result.unexpected_keys)}")

try:
    Net(n_classes=5).load_state_dict(state, strict=False)
except RuntimeError as error:
    print(textwrap.shorten(f"five classes: {error}", 80, placeholder=" …"))

# %%
# .. answer:: B
#
#    5 个种子的准确率在 0.047 与 0.140 之间，随机猜测约为 0.1，训练好的模型则有 0.960。
#    A 不成立，因为名字必须完全相同才算对上，这里缺 4 个，多 4 个。
#    C 不成立，因为 ``strict=False`` 容许名字对不上，只在返回值里列出来。
#
# 最后一行说明，形状不同时，加上 ``strict=False`` 仍然报错。
#
# .. change-it::
#
#    用 ``strict=False`` 把 ``state`` 读进改了属性名的 ``Renamed``。这次输出层的两个名字对上了，准确率能回到多少？

# hide-cell: 只有输出层对上
for seed in range(1, 6):
    torch.manual_seed(seed)
    model = Renamed()
    model.load_state_dict(state, strict=False)
    print(f"seed {seed}: validation accuracy {accuracy(model):.3f}")

# %%
# .. outcome::
#
#    准确率在 0.047 与 0.137 之间，与一个参数也没有读进来时看不出差别。
#    输出层是和训练好的编码器一起训练的，这里的编码器却还是随机的初值。
#
# 怎样改
# ------
# 按报错里的名字改字典，不需要 ``strict=False``。整个检查点的改法前面已经用过，也就是取出 ``checkpoint["model"]``。

bare_names = {name.removeprefix("module."): value for name, value in wrapped.items()}
bare = Net()
print(bare.load_state_dict(bare_names))
print(f"prefix removed: validation accuracy {accuracy(bare):.3f}")

new_names = {}
for name, value in state.items():
    if name.startswith("encoder."):
        name = "body." + name.removeprefix("encoder.")
    new_names[name] = value
renamed = Renamed()
renamed.load_state_dict(new_names)
print(f"encoder -> body: validation accuracy {accuracy(renamed):.3f}")

# %%
# 第一行说明名字全都对上了。两个模型的准确率都回到了 0.960，可见改名的猜测是对的。
# 包过的模型在保存时写 ``model.module.state_dict()``，名字里就没有前缀。
#
# 类别数不同时，文件里没有合适新输出层的参数。这时从字典里去掉输出层，再用 ``strict=False``，并且写明允许缺哪几个名字。

five = Net(n_classes=5)
encoder_only = {
    name: value for name, value in state.items() if not name.startswith("head.")
}
result = five.load_state_dict(encoder_only, strict=False)
print(f"missing: {result.missing_keys}, unexpected: {result.unexpected_keys}")
assert set(result.missing_keys) == {"head.weight", "head.bias"}
assert not result.unexpected_keys
loaded = five.state_dict()
same = [name for name in encoder_only if torch.equal(loaded[name], state[name])]
print(f"equal to the file: {same}")

# %%
# 缺的只有输出层的两个名字，编码器的两个参数等于文件里的值。新的输出层还要训练。
#
# .. real-projects::
#
#    微调别人的模型时，先不加 ``strict=False`` 读一次，报错会列出全部对不上的名字。只有这些名字都在意料之中，才加上它。
#    续训还要存什么，见 :ref:`training-save-and-load`。其余的选项见
#    `load_state_dict <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__ 和
#    `序列化的说明 <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__。
#
# 小结
# ----
# - 规则：按 Missing 和 Unexpected 两栏改名字，用 ``strict=False`` 时核对返回值，因为它对名字对不上的参数不报错。
# - API：``nn.Module.state_dict``、``load_state_dict(state, strict=False)``、``torch.load(path, map_location="cpu")``。
# - 下一页：:ref:`exercises-pitfalls`
