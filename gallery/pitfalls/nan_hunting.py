# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _pitfalls-nan-hunting:

追查 NaN
========

训练一直正常，损失忽然打印出 ``nan``。
NaN 会随着运算传开，所以看见它的地方不一定是它产生的地方。
第一个 NaN 是在哪里产生的，是数据、某一层，还是反向传播？

你将学到：

- 判断一个 NaN 会传到哪些 :term:`参数`，以及它会不会消失
- 找出第一个输出不正常的层，和第一个给出 NaN :term:`梯度` 的运算
- 修正产生 NaN 的写法，并在更新参数之前拦住 NaN
"""

import textwrap
import warnings

import torch
from sklearn.datasets import load_digits
from torch import nn

# %%
# 症状
# ----
# NaN 表示“不是数”，例如 0 除以 0 的结果。有 NaN 参与的加减乘除，结果还是 NaN。下面把一张训练图像的一个像素改成 NaN，然后训练一 :term:`轮`，每批 100 张。
# 网络的第一层 ``nn.Flatten`` 把每张图像摊平成 64 个数。
#
# .. predict::
#
#    坏图像在第 7 批（从 0 数起）。这一批更新以后，2410 个参数里有多少个变成 NaN？
#
#    - 2410 个，因为每个参数的梯度里都有坏图像的一份
#    - 32 个，因为只有这些权重与坏像素相连
#    - 0 个，因为损失是 100 张图像的平均，一张坏图像的影响很小

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
images[train[700], 0, 2, 4] = torch.nan

loss_fn = nn.CrossEntropyLoss()


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def count_nan(model):
    return sum(p.isnan().sum().item() for p in model.parameters())


model = make_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step, batch in enumerate(train.split(100)):
    loss = loss_fn(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step >= 6:
        print(f"step {step}: loss {loss:.2f}, {count_nan(model)} NaN parameters")

with torch.no_grad():
    predicted = model(images[validation]).argmax(dim=1)
print(f"classes predicted on validation: {predicted.unique().tolist()}")

# %%
# 再用一个新模型算这一批，看坏图像的隐藏值和 logits，以及损失对每张图像的 logits 的梯度。坏图像是这一批的第 0 张。

fresh = make_model()
batch = train[700:800]
hidden = fresh[:3](images[batch])
logits = fresh[3](hidden).detach().requires_grad_()
loss = loss_fn(logits, labels[batch])
loss.backward()
n_bad = logits.grad.isnan().any(dim=1).sum()
n_hidden, n_logits = hidden[0].isnan().sum(), logits[0].isnan().sum()
print(f"bad image: {n_hidden} of 32 hidden values and {n_logits} of 10 logits are NaN")
print(f"loss {loss:.2f}, NaN gradients for {n_bad} of {len(batch)} images")

# %%
# .. answer:: A
#
#    全部 2410 个参数都变成了 NaN。100 张图像里，只有坏图像的梯度是 NaN。可是一个参数的梯度是 100 张图像的梯度的平均，其中有一个 NaN，平均值就是 NaN，所以 C 不成立。
#    B 不成立，因为坏图像的 32 个隐藏值和 10 个 logits 都是 NaN，:term:`反向传播` 时别的权重也受到影响。
#
# 后面几批的数据都正常，损失却还是 ``nan``，因为参数已经坏了。模型仍然给得出预测，只是每张验证图像都判成 0，因为 ``argmax`` 返回第一个 NaN 的位置。
#
# 先查输入，再查各层
# ------------------
# 参数已经全坏，所以用新模型 ``fresh`` 重新查出事的那一批。如果新模型一切正常，就换成出事之前的 :term:`检查点` 再查。
# ``isfinite()`` 对 NaN 和无穷大给出 ``False``，下面列出含有它们的图像的编号。

finite = images[batch].flatten(1).isfinite().all(dim=1)
print(f"bad examples in the batch: {(~finite).nonzero().flatten().tolist()}")

# %%
# 如果输入正常，就要找第一个输出不正常的层。``register_forward_hook`` 登记一个函数，每次某一层算完输出，PyTorch 就调用它，这种函数叫 :term:`钩子`。下面的第二个网络在 ReLU 之后取对数。


class Log(nn.Module):
    def forward(self, x):
        return x.log()


def first_bad_layer(model, images):
    names = {module: name for name, module in model.named_modules() if name}

    def check(module, inputs, output):
        if not output.isfinite().all():
            clean = inputs[0].isfinite().all().item()
            where = f"layer {names[module]} ({type(module).__name__})"
            raise FloatingPointError(f"{where}, clean input: {clean}")

    handles = [module.register_forward_hook(check) for module in names]
    try:
        model(images)
        print("all outputs finite")
    except FloatingPointError as error:
        print(f"{type(error).__name__}: {error}")
    finally:
        for handle in handles:
            handle.remove()  # 查完就摘掉


with_log = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), Log())
first_bad_layer(fresh, images[batch])
first_bad_layer(fresh, images[batch[finite]])
first_bad_layer(with_log, images[batch[finite]].flatten(1))

# %%
# 第一个网络停在展平的那一层。它是第一层，它的输入就是数据，而输入已经不正常，所以问题在数据。去掉坏图像以后，同一个网络的各层都正常。第二个网络用的也是去掉坏图像的批次。``Log`` 的输入正常，输出却不正常，所以问题在这一层。ReLU 给出许多 0，而 0 的对数是负无穷。
#
# 钩子只在模块算完时调用。``check`` 假定输出是一个张量，如果输出是元组（例如 LSTM），就要逐个检查其中的张量。
# 如果停在后面的一层，而且输入已经不正常，就要查它与前一层之间那些不是模块的运算。
#
# 避开 0 处的平方根
# -----------------
# 平方根在 0 处的斜率是无穷大。有人用 ``torch.where(condition, a, b)`` 避开它，条件成立的位置取 ``a``，不成立的位置取 ``b``。
#
# .. predict::
#
#    ``torch.where(x > 0, x.sqrt(), 0.0)`` 在 ``x = 0`` 处取 0。它在这里的梯度是多少？
#
#    - 0，因为这里取的是常数 0.0
#    - NaN，因为没有选中的一支也参加反向传播
#    - 无穷大，因为平方根在 0 处的斜率是无穷大


def value_and_gradient(name, function):
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    y = function(x)
    y.sum().backward()
    values = " ".join(f"{number:5.3g}" for number in y.tolist())
    gradients = " ".join(f"{number:5.3g}" for number in x.grad.tolist())
    print(f"{name:<12} at x = 0, 4: value {values}   gradient {gradients}")


functions = {
    "where": lambda x: torch.where(x > 0, x.sqrt(), 0.0),
    "clamp first": lambda x: torch.where(x > 0, x.clamp(min=1e-12).sqrt(), 0.0),
}
for name, function in functions.items():
    value_and_gradient(name, function)
print(f"0 times infinity: {0.0 * torch.inf}")

# %%
# .. answer:: B
#
#    没有选中的一支传回的梯度是 0，它还要乘上平方根的斜率，而 0 乘无穷大是 NaN，所以 A 和 C 都不成立。
#
# 改法见第二行，先用 ``clamp`` 把 0 换成一个很小的正数，再开方。这时斜率是有限的数，梯度就是 0。
#
# .. change-it::
#
#    把 ``where`` 里的 ``x > 0`` 改成 ``x >= 0``，这次在 0 处选中了平方根。值和梯度各是多少？

# hide-cell: x >= 0
value_and_gradient("x >= 0", lambda x: torch.where(x >= 0, x.sqrt(), 0.0))

# %%
# .. outcome::
#
#    值仍是 0，梯度是无穷大。选中的一支传回的梯度是 1，它乘上斜率，就是无穷大。
#
# 这类 NaN 在前向传播中看不到。``torch.autograd.detect_anomaly`` 检查反向传播的每个运算，梯度里有 NaN 就报错。

functions["log(x - 1)"] = lambda x: (x - 1).log()
functions["exp(100 x)"] = lambda x: (100 * x).exp()
for name, function in functions.items():
    value_and_gradient(name, function)
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with warnings.catch_warnings(action="ignore"):  # 警告里写着前向代码的位置
        try:
            with torch.autograd.detect_anomaly():
                function(x).sum().backward()
            print("  no error")
        except RuntimeError as error:
            print(f"  {type(error).__name__}: {error}")

# %%
# 报错说出了运算的名字，``SqrtBackward0`` 是平方根的反向，``0th output`` 是它传回的第 0 个梯度。前向传播也放在 ``with`` 里，所以同时发出的警告还写着那一行前向代码。修正以后的写法没有报错。
# 可是后两个函数也没有报错。``log(x - 1)`` 在 0 处的值是 NaN，梯度却是有限的数。``exp(100 x)`` 在 4 处的梯度是无穷大，不是 NaN。两个函数的值里已经有 NaN 或无穷大，如果写成模块，前向的钩子就能发现。因此前向用钩子查，反向用 ``detect_anomaly`` 查。
#
# 下次怎样发现
# ------------
# 在 ``optimizer.step()`` 之前拦住 NaN，参数就还是好的。只查损失不够，因为 ``where`` 的值正常，梯度却是 NaN。:term:`梯度裁剪` 的函数 ``clip_grad_norm_`` 会计算全部梯度的 :term:`范数`，打开 ``error_if_nonfinite`` 以后，范数不是有限数就报错，所以也能拦住 ``x >= 0`` 那样无穷大的梯度。下面把它加进开头的训练，上限取无穷大，所以只检查，不裁剪。

model = make_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step, batch in enumerate(train.split(100)):
    loss = loss_fn(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    try:
        nn.utils.clip_grad_norm_(model.parameters(), torch.inf, error_if_nonfinite=True)
    except RuntimeError as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 88))
        print(f"step {step}: loss {loss:.2f}, {count_nan(model)} NaN parameters")
        break
    optimizer.step()

good, bad = torch.ones(3, requires_grad=True), torch.ones(1, requires_grad=True)
good.grad, bad.grad = torch.ones(3), torch.tensor([torch.nan])
nn.utils.clip_grad_norm_([good, bad], 1.0)
print(f"by default: gradient of good {good.grad.tolist()}")

# %%
# 训练在坏图像的第 7 批停下，这时还没有一个参数是 NaN。最后一行是默认的 ``error_if_nonfinite=False``，它不但不报错，还把所有梯度都乘上了 NaN，原来正常的 ``good`` 也坏了。
#
# .. real-projects::
#
#    ``detect_anomaly`` 会让训练变慢，所以查完就关掉。用 ``float16`` 做混合精度训练时，``torch.amp.GradScaler`` 会跳过梯度里有 ``inf`` 或 NaN 的一步。更多的细节见
#    `detect_anomaly <https://docs.pytorch.org/docs/stable/autograd.html>`__ 和
#    `AMP 的说明 <https://docs.pytorch.org/docs/stable/notes/amp_examples.html>`__。
#
# 小结
# ----
# - 规则：在更新参数之前拦住 NaN，出现以后依次查输入、第一个不正常的层和反向传播。``where`` 之前先用 ``clamp`` 避开斜率无穷大的点。
# - API：``Tensor.isfinite``、``register_forward_hook``、``torch.autograd.detect_anomaly``、``clip_grad_norm_(…, error_if_nonfinite=True)``。
# - 下一页：:ref:`pitfalls-dataloader-workers`
