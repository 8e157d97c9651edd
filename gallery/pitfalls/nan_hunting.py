# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-nan-hunting:

追查 NaN
========

损失忽然打印出 ``nan``，从此再也不变。NaN 参与的运算，结果多半还是 NaN，
所以看见它的地方通常不是它出生的地方。
这一页从损失往回查：先查输入，再查第一个坏的层，最后查前向正常、反向才出 NaN 的写法。

你将学到：

- 一个坏的像素怎样在一步之内毁掉全部 :term:`参数`
- 用 :term:`钩子` 找到第一个输出不正常的层
- ``detect_anomaly`` 抓得到什么，抓不到什么
"""

import warnings

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状：损失变成 nan
# ------------------
# 一千张训练图像里，有一张的一个像素是 NaN，好比传感器坏了一格。训练一 :term:`轮`，每批 100 张。
#
# .. admonition:: 先猜一猜
#
#    坏图像在第 7 批（从 0 数起）。这一批之后，2410 个参数里有多少个变成 NaN？
#    下一批数据都正常，它们会恢复吗？

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).flatten(1) / 16  # (1797, 64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, test = order.split([1000, 200, 597])
images[train[700], 20] = torch.nan

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step, batch in enumerate(train.split(100)):
    loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step >= 6:
        n_bad = sum(p.isnan().sum().item() for p in model.parameters())
        print(f"step {step}: loss {loss:.2f}, {n_bad} NaN parameters")

with torch.no_grad():
    predicted = model(images[test]).argmax(dim=1)
print(f"classes predicted: {predicted.unique().tolist()}")

# %%
# 全部 2410 个，而且不会恢复：损失是一批的平均，一个 NaN 就让它变成 NaN，
# :term:`反向传播` 把它带给每个参数，参数又带给以后的每一批。
# 预测却照样给得出来：``argmax`` 把 NaN 当作最大，每张图都判成 0，:term:`准确率` 就是 0 占的比例。
#
# 先查输入，再查层
# ----------------
# 参数已经全坏，要换一个新模型，在出事的那一批上查。输入只要一行，层要一个钩子：
# 哪一层先给出不是有限数（NaN 或 inf）的输出，就在哪一层停下。

batch = train[700:800]
print(
    f"bad examples: {(~images[batch].isfinite().all(dim=1)).nonzero().flatten().tolist()}"
)


def watch(model):
    for name, module in model.named_modules():
        if name:  # 空的名字是整个模型

            def check(module, inputs, output, name=name):
                if not output.isfinite().all():
                    kind = type(module).__name__
                    clean = inputs[0].isfinite().all().item()
                    raise FloatingPointError(
                        f"layer {name} ({kind}), clean input: {clean}"
                    )

            module.register_forward_hook(check)


class Log(nn.Module):
    def forward(self, x):
        return x.log()


torch.manual_seed(0)
usual = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
with_log = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), Log(), nn.Linear(32, 10))
cases = {"bad pixel": (usual, batch), "log of zero": (with_log, batch[1:])}
for name, (model, examples) in cases.items():
    watch(model)
    try:
        model(images[examples])
    except FloatingPointError as error:
        print(f"{name}: {error}")

# %%
# 第一例的输入已经不干净，问题在数据。第二例去掉了坏图像，输入干净，输出却坏了：
# ReLU 给出许多 0，``log(0)`` 是 −inf，问题就在这一层。
#
# 前向正常，反向才出 NaN
# ----------------------
# 平方根在 0 处的斜率是无穷大。有人用 ``torch.where`` 避开它：大于 0 才开方，否则取 0。

functions = {
    "where": lambda x: torch.where(x > 0, x.sqrt(), 0.0),
    "clamp first": lambda x: torch.where(x > 0, x.clamp(min=1e-12).sqrt(), 0.0),
    "sqrt(x - 1)": lambda x: (x - 1).sqrt(),
    "log(x - 1)": lambda x: (x - 1).log(),
    "exp(100 x)": lambda x: (100 * x).exp(),
}


def show(numbers):
    return " ".join(f"{number:5.3g}" for number in numbers.tolist())


for name, f in functions.items():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    y = f(x)
    y.sum().backward()
    print(f"{name:<12} value {show(y)}   gradient {show(x.grad)}")

# %%
# ``where`` 的值没有毛病，0 处的 :term:`梯度` 却是 NaN：没选中的那一支也要求导，``0 × inf`` 就是 NaN。
# 改法是先把数挪进安全的范围，再开方，如第二行。
# 损失一直正常、参数忽然变成 NaN，多半是这一类。
#
# ``detect_anomaly`` 在反向传播中逐步检查，遇到 NaN 就报错。

for name, f in functions.items():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with warnings.catch_warnings(record=True):  # 警告里是前向那一行的位置
        warnings.simplefilter("always")
        try:
            with torch.autograd.detect_anomaly():
                f(x).sum().backward()
            print(f"{name}: nothing found")
        except RuntimeError as error:
            print(f"{name}: {error}")

# %%
# 报错说出是哪一种运算，随之而来的警告还指出它在前向代码的哪一行。
# 但它只查梯度里的 NaN：``log(-1)`` 的值是 NaN，梯度 −1 却是个正常的数；``exp`` 溢出成 inf，也不算 NaN。
# 所以前向要靠钩子，反向才靠它。它让每一步都变慢，查完就关掉。
#
# 下次怎样发现
# ------------
# 在 ``optimizer.step()`` 之前拦住，参数就还是好的。:term:`梯度裁剪` 的函数顺便能做这件事，
# 只是要打开 ``error_if_nonfinite``，默认它不作声，还会把 NaN 乘到每个梯度上。

model = nn.Linear(64, 10)
nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
try:
    nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split('. ')[0]}")

# %%
# 改一改：把 ``functions`` 里 ``where`` 的 ``x > 0`` 改成 ``x >= 0``。先猜 0 处的值和梯度，再运行。
#
# 小结
# ----
# - 规则：NaN 要在更新参数之前拦住；出了 NaN，依次查输入、第一个坏的层、反向。
# - API：``Tensor.isfinite``、``register_forward_hook``、``torch.autograd.detect_anomaly``、
#   ``clip_grad_norm_(..., error_if_nonfinite=True)``。
# - 下一页：:ref:`pitfalls-dataloader-workers`
