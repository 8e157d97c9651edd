# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-state-dict-keys:

参数名对不上
============

训练好的 :term:`参数` 存进了文件，过几天再读进模型，``load_state_dict`` 却报错，列出一长串名字。
网上常见的建议是加上 ``strict=False``，有的报错确实因此消失了。
那么报错里的名字说明了什么，加上以后参数读进来了吗？

你将学到：

- 读懂 ``Missing key(s)``、``Unexpected key(s)`` 和 ``size mismatch``
- 判断报错以后和加上 ``strict=False`` 以后，模型里是哪些参数值
- 修正名字和形状的差别，并核对读进来的结果
"""

import io
import textwrap

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# 先训练一个小网络，把它的参数存下来。参数由 ``state_dict()`` 给出，它是从名字到 :term:`张量` 的字典。

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

state = trained.state_dict()
print(f"validation accuracy {accuracy(trained):.3f}")
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


def attempt(title, model, state, **options):
    """读入参数，报错时打印报错的全文。"""
    print(f"-- {title}")
    try:
        print(model.load_state_dict(state, **options))
    except RuntimeError as error:
        for line in f"{type(error).__name__}: {error}".splitlines():
            print(textwrap.fill(line.strip(), 92))


attempt("renamed attribute", Renamed(), state)

# %%
# ``Missing`` 是模型要、字典里却没有的名字，``Unexpected`` 是字典里有、模型却不要的名字。
# 这里一边是 ``body``，另一边是 ``encoder``，所以原因是改了属性名。
#
# 另外三种对不上
# --------------
# 第一个模型只分五类。第二份参数是整个 :term:`检查点`。第三份参数来自外面包了一层的模型，
# 多 GPU 训练的 ``nn.DataParallel`` 和 DDP（``DistributedDataParallel``）都会这样包。

five = Net(n_classes=5)
attempt("five classes", five, state)
attempt("whole checkpoint", Net(), {"model": state, "epoch": 3})
wrapped = nn.DataParallel(trained).state_dict()
attempt("wrapped model", Net(), wrapped)

# %%
# - ``size mismatch`` 表示名字都找到了，但是 :term:`形状` 不同，这里不同的是类别数。
# - 多出的名字是 ``model`` 和 ``epoch``，说明读的是整个检查点，参数在它的 ``"model"`` 里。
# - 多出的名字都以 ``module.`` 开头，说明存的是包过的模型。``torch.compile`` 包过的模型则以 ``_orig_mod.`` 开头。
#
# .. predict::
#
#    ``five`` 读入时报了 ``size mismatch`` 的错。报错以后，``five.encoder`` 里是什么？
#
#    - 读入以前的随机初值，因为报错时什么都没有改
#    - ``state`` 里的值，因为形状相同的参数已经读进来了

same = torch.equal(five.encoder.weight, trained.encoder.weight)
print(f"five.encoder equals trained.encoder: {same}")

# %%
# .. answer:: B
#
#    两个权重逐个相等。``load_state_dict`` 先把能复制的参数都复制过去，最后才一起报错，所以 A 不成立。
#    如果用 ``try`` 接住这个错误再继续训练，得到的就是一个读了一半的模型。
#
# strict=False 之后
# -----------------
# ``strict=False`` 的意思是，名字对不上时不报错，只在返回值里列出来。
#
# .. predict::
#
#    给最后一种“包过的模型”加上 ``strict=False``，读完以后验证 :term:`准确率` 大约是多少？
#
#    - 和训练好的模型一样，因为它会忽略多出来的前缀
#    - 0.1，因为一个参数也没有读进来
#    - 还是报错，因为名字不同

accuracies = []
for seed in range(1, 6):  # 种子 0 训练过
    torch.manual_seed(seed)
    model = Net()
    result = model.load_state_dict(wrapped, strict=False)
    accuracies.append(accuracy(model))
print("validation accuracy:", " ".join(f"{value:.3f}" for value in accuracies))
print(f"missing {len(result.missing_keys)}, unexpected {len(result.unexpected_keys)}")
attempt("five classes, strict=False", Net(n_classes=5), state, strict=False)

# %%
# .. answer:: B
#
#    5 个种子的准确率在 0.047 与 0.140 之间，与随机猜测的 0.1 相近，因为 4 个名字一个也没有对上，模型还是随机的初值。
#    A 错在以为名字会近似匹配，其实名字必须完全相同。C 描述的是默认的 ``strict=True``。
#    形状不同仍然报错，因为 ``strict=False`` 只放过名字。
#
# .. change-it::
#
#    给改了属性名的 ``Renamed`` 加上 ``strict=False``，这次输出层的两个名字对上了。准确率能回到多少？

# hide-cell: 只有输出层对上
for seed in range(1, 6):
    torch.manual_seed(seed)
    model = Renamed()
    model.load_state_dict(state, strict=False)
    print(f"seed {seed}: validation accuracy {accuracy(model):.3f}")

# %%
# 只读进输出层没有用，准确率仍在随机猜测附近，因为它要配合训练好的 ``encoder`` 才有意义。
#
# 怎样改
# ------
# 按原因改名字。``torch.save`` 把字典存进文件，``torch.load`` 再读回来。``weights_only=True`` 只接受张量、数、字符串和装着它们的容器，
# 它也是默认值，所以文件里应当存 ``state_dict()``，而不是整个模型。

file = io.BytesIO()  # 内存里的文件
torch.save({"model": wrapped, "epoch": 3}, file)
file.seek(0)
checkpoint = torch.load(file, weights_only=True)
bare_names = {
    name.removeprefix("module."): value for name, value in checkpoint["model"].items()
}
bare = Net()
print(bare.load_state_dict(bare_names), f"validation accuracy {accuracy(bare):.3f}")

new_names = {name.replace("encoder.", "body."): value for name, value in state.items()}
renamed = Renamed()
print(
    renamed.load_state_dict(new_names), f"validation accuracy {accuracy(renamed):.3f}"
)

# %%
# 这两种都不需要 ``strict=False``，准确率也回到了原来的数。
# 更好的办法是在保存时就去掉前缀，写 ``model.module.state_dict()``。
#
# 类别数不同时，确实要留下新的输出层，这时才用 ``strict=False``，并且写明允许缺哪几个名字。

five = Net(n_classes=5)
encoder_only = {name: value for name, value in state.items() if "head" not in name}
result = five.load_state_dict(encoder_only, strict=False)
assert set(result.missing_keys) == {"head.weight", "head.bias"}
assert not result.unexpected_keys
print(f"missing: {result.missing_keys}, unexpected: {result.unexpected_keys}")

# %%
# :term:`缓冲区` 也在 ``state_dict()`` 里，所以缺的名字不一定是参数。例如 :term:`批量归一化` 层 ``nn.BatchNorm1d`` 有三个缓冲区。

norm = nn.BatchNorm1d(32)
print(f"parameters: {[name for name, _ in norm.named_parameters()]}")
print(f"buffers:    {[name for name, _ in norm.named_buffers()]}")

# %%
# .. real-projects::
#
#    微调别人的模型时，先打印 ``missing_keys`` 和 ``unexpected_keys``，再决定要不要 ``strict=False``。
#    参数的含义和保存的各种做法，见
#    `load_state_dict <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__ 和
#    `序列化的说明 <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__。
#
# 小结
# ----
# - 规则：先读 Missing 和 Unexpected 两栏，再改名字，用 ``strict=False`` 时一定核对返回值。
# - API：``nn.Module.load_state_dict``、``missing_keys``、``unexpected_keys``。
# - 下一页：本章到此结束，请做 :ref:`exercises-pitfalls`。
