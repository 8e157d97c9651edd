# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _attention-positions:

位置编码
========

“狗咬人”和“人咬狗”用的是同样三个字，意思却相反。注意力本身不知道次序，所以要另外告诉它。
有几种办法，哪一种学得好，又有哪一种能用在比训练时更长的序列上？

你将学到：

- 写出可学习的位置向量和旋转位置编码
- 检查一个模型知不知道次序
- 在训练时没有见过的长度上测试
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import copy_task  # torchnotes 在本页的 zip 包里

# %%
# 两种办法
# --------
# 可学习的 :term:`位置编码` 是又一张 :term:`嵌入` 表，第 t 行加到第 t 个词元的向量上。
#
# :term:`旋转位置编码` 不加，而是转。把 :term:`查询` 和 :term:`键` 的数两两配成平面上的点，
# 第 t 个词元的点转 :math:`t\omega` 的角度，每一对有自己的 :math:`\omega`。两个点都转过以后，
# 点积只取决于两者角度的差，也就是两个词元相隔多远。


def rotate(x):  # (..., T, d) -> (..., T, d)
    half = x.shape[-1] // 2
    speeds = 100 ** (-torch.arange(half) / half)  # 每一对的 ω
    angles = torch.arange(x.shape[-2]).unsqueeze(1) * speeds  # (T, d/2)
    a, b = x[..., :half], x[..., half:]
    turned = (a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos())
    return torch.cat(turned, dim=-1)


torch.manual_seed(0)
q, k = rotate(torch.randn(16).expand(30, 16)), rotate(torch.randn(16).expand(30, 16))
dot = q @ k.T  # (T, T)，每个位置的查询相同，键也相同
for i, j in ((5, 2), (15, 12), (29, 26), (5, 4)):
    print(f"query at {i:2}, key at {j:2}, distance {i - j}: {dot[i, j]:.4f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(3.6, 3), layout="constrained")
shown = ax.imshow(dot, cmap="RdBu_r", vmin=-8, vmax=8)
ax.set(xlabel="key at", ylabel="query at")
fig.colorbar(shown, label="dot product")
# alt: 30 行 30 列的色块，颜色沿每一条从左上到右下的斜线不变
plt.show()

# %%
# 相隔 3 步的三对点积相同，图上每一条斜线的颜色也不变。
#
# 没有位置时
# ----------
# 下面的模型有两层注意力，``kind`` 决定用哪一种位置编码，``causal`` 决定用不用 :term:`因果掩码`。
# 先不训练，只看它对次序的反应，把输入倒过来，再把输出倒回去比较。


class Block(nn.Module):
    def __init__(self, dim, kind, causal):
        super().__init__()
        self.kind, self.causal = kind, causal
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)

    def forward(self, x):  # (B, T, D) -> (B, T, D)
        q, k, v = (
            self.qkv(self.norm(x)).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        )
        if self.kind == "rotary":
            q, k = rotate(q), rotate(k)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return x + self.output(y.transpose(1, 2).flatten(2))


class Model(nn.Module):
    def __init__(self, kind, causal=True, dim=32, longest=64):
        super().__init__()
        self.kind = kind
        self.tokens = nn.Embedding(9, dim)
        self.positions = nn.Embedding(longest, dim)
        self.blocks = nn.Sequential(*(Block(dim, kind, causal) for _ in range(2)))
        self.output = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 9))

    def forward(self, tokens):  # (B, T) -> (B, T, 9)
        x = self.tokens(tokens)
        if self.kind == "learned":
            x = x + self.positions(torch.arange(tokens.shape[1]))
        return self.output(self.blocks(x))


KINDS = ("none", "learned", "rotary")


def knows_order(model):
    """倒过来的输入，给出的不只是倒过来的输出。"""
    tokens = torch.randint(9, (4, 12))
    with torch.no_grad():
        return not torch.allclose(
            model(tokens.flip(1)).flip(1), model(tokens), atol=1e-5
        )


for causal in (False, True):
    for kind in KINDS:
        torch.manual_seed(0)
        print(f"{kind:8} {causal=!s:5} {knows_order(Model(kind, causal))=}")

# %%
# 没有位置编码又没有因果掩码时，模型不知道次序，“狗咬人”和“人咬狗”对它没有分别。
# 有因果掩码时，它知道一些，因为第 t 个词元看得到 t 个词元，看到的多少就透露了位置。
#
# 抄写任务
# --------
# 输入是几个记号和一个分隔号，然后照样再写一遍。要写对第 i 个，就要回头看分隔号前面的第 i 个，所以离不开次序。
# 训练时长度是 4 到 10，测试时也用 12 和 16。
#
# .. predict::
#
#    五个种子的平均，哪一种在训练过的长度上抄得对，哪一种在长度 16 上也抄得对？
#
#    - 可学习的和旋转的在训练过的长度上对，旋转的在 16 上也对，因为它只看相隔多远
#    - 可学习的和旋转的在训练过的长度上对，三种在 16 上都不对
#    - 三种在训练过的长度上都对，因为因果掩码已经透露了位置

loss_fn = nn.CrossEntropyLoss()  # 目标是 −100 的位置不计
LENGTHS = (5, 10, 12, 16)


def fit(kind, seed, longest=10):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = Model(kind)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.008)
    for _ in range(200):
        length = torch.randint(4, longest + 1, (), generator=generator).item()
        x, y = copy_task(16, length=length, generator=generator)
        loss = loss_fn(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    accuracies = []
    for length in LENGTHS:
        x, y = copy_task(200, length=length, generator=generator)
        with torch.no_grad():
            right = model(x).argmax(dim=-1) == y
        accuracies.append(right[:, length:].float().mean().item())
    return accuracies


def show(name, **options):
    runs = torch.tensor([fit(seed=seed, **options) for seed in range(5)])  # (5, 4)
    cells = (
        f"{m:.2f} ± {s:.2f}" for m, s in zip(runs.mean(0), runs.std(0), strict=True)
    )
    print(f"{name:9}" + "".join(f"{cell:>15}" for cell in cells))


print("         " + "".join(f"{f'length {n}':>15}" for n in LENGTHS))
for kind in KINDS:
    show(kind, kind=kind)

# %%
# .. answer:: B
#
#    长度 5 和 10 上，可学习的和旋转的都抄对大部分，没有位置编码的差得多，而且越长越差，所以 C 不成立。
#    长度 16 上，三种都抄不对，旋转的也一样，所以 A 不成立。可学习的表后面的行没有训练过，仍是随机的数。
#    旋转的只看相隔多远，可是抄长度 16 的序列要回头看 16 步，训练时最多看 10 步，这样的距离同样没有见过。
#
# 常见错误：只在训练的长度上测试
# ------------------------------
# 如果验证集的长度与训练集一样，上面的问题就看不出来，因为长度 10 上还很好，12 上就坏了。
# 所以把实际会遇到的长度放进验证集，分长度报告。可学习的表还有一个硬的限度，超过它就报错：

model = Model("learned", longest=20)
x, _ = copy_task(1, length=11)
try:
    model(x)
except IndexError as error:
    print(f"{x.shape=}, {type(error).__name__}: {error}")

# %%
# .. change-it::
#
#    训练时把长度改成 4 到 16，步数不变，长度 16 上会好吗？长度 5 上呢？

# hide-cell: 训练得更长
show("up to 16", kind="rotary", longest=16)

# %%
# .. outcome::
#
#    长度 16 上的准确率从碰运气升到 0.8 左右，其余的长度略低或者相近。所以要用多长，就训练多长。

# %%
# .. real-projects::
#
#    许多大语言模型用旋转位置编码，要处理更长的文字时，先把转速放慢，再在长的文字上训练一些。
#    另一种办法 ALiBi 按距离从得分里减去一个数。``nn.TransformerEncoderLayer`` 不含位置编码，要自己加。
#    参数见 `torch.nn.Embedding <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`__，旋转位置编码出自
#    `苏剑林等人的论文 <https://arxiv.org/abs/2104.09864>`__。

# %%
# 小结
# ----
# - 规则：注意力不知道次序，要加位置编码。在训练时没有见过的长度上，先测试，再使用。
# - API：``nn.Embedding(longest, dim)`` 作位置表，旋转则作用在查询和键上。
# - 下一页：:ref:`attention-byte-pairs`
