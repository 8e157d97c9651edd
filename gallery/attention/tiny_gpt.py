# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _attention-tiny-gpt:

小小的 GPT
==========

前几页的零件，掩码、位置编码和注意力，合起来就是 GPT。它的主体只有几十行，一台普通的电脑几秒钟就能训练。
这样训练出来的模型有多好？要回答这个问题，先要有一个比较的对象。

你将学到：

- 写出一个 GPT 的全部代码
- 用每字符比特数把它与数出来的模型比较
- 发现目标忘了错开一位
"""

import math
from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchnotes.datasets import small_text  # torchnotes 在本页的 zip 包里

# %%
# 数出来的语言模型
# ----------------
# :term:`n 元模型` 只看前面 n − 1 个字符，数出训练文字里它们后面各是什么，按次数的比例预测。
# 没见过的也要给一点概率，所以每种字符的次数都多加 0.1，与 :term:`加一平滑` 只差加多少。
# 好坏用 :term:`每字符比特数` 来量，它是平均的交叉熵，以 2 为底，越小越好。88 种字符瞎猜是 6.46。

text = small_text("en")
characters = sorted(set(text))
tokens = torch.tensor([characters.index(c) for c in text])
cut = len(tokens) * 9 // 10
train, validation = tokens[:cut], tokens[cut:]
V = len(characters)
print(f"guessing: {math.log2(V):.2f} bits a character")


def n_gram_bits(n, extra=0.1):
    counts, seen = defaultdict(Counter), train.tolist()
    for i in range(n - 1, len(seen)):
        counts[tuple(seen[i - n + 1 : i])][seen[i]] += 1
    bits, unseen = [], validation.tolist()
    for i in range(n - 1, len(unseen)):
        following = counts[tuple(unseen[i - n + 1 : i])]
        share = (following[unseen[i]] + extra) / (following.total() + extra * V)
        bits.append(-math.log2(share))
    return sum(bits) / len(bits)


by_counting = {n: n_gram_bits(n) for n in range(1, 7)}
for n, bits in by_counting.items():
    print(f"{n}-gram {bits:.2f}")

# %%
# 看四个字符时最好。再多看，许多组合在训练文字里没有出现过，反而变差。
#
# 模型
# ----
# 一块由注意力和一个逐词元的小网络组成，两者之前都做 :term:`层归一化`，都有 :term:`残差连接`。
# GPT 就是 :term:`嵌入`、几个这样的块，再加一个 :term:`线性层`。


class SelfAttention(nn.Module):
    def __init__(self, dim, n_heads, causal=True):
        super().__init__()
        self.n_heads, self.causal = n_heads, causal
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)

    def forward(self, x):  # (B, T, D) -> (B, T, D)
        heads = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))  # (B, T, 3, heads, d)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # 各是 (B, heads, T, d)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.output(y.transpose(1, 2).flatten(2))


class GPTBlock(nn.Module):
    def __init__(self, dim, n_heads, causal=True):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, n_heads, causal)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )

    def forward(self, x):  # (B, T, D) -> (B, T, D)
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TinyGPT(nn.Module):
    def __init__(self, n_tokens, context=64, dim=64, n_heads=4, n_blocks=2):
        super().__init__()
        self.tokens = nn.Embedding(n_tokens, dim)
        self.positions = nn.Embedding(context, dim)
        self.blocks = nn.Sequential(*(GPTBlock(dim, n_heads) for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, n_tokens)

    def forward(self, tokens):  # (B, T) -> (B, T, n_tokens)
        places = torch.arange(tokens.shape[1])
        x = self.tokens(tokens) + self.positions(places)  # (B, T, D)
        return self.output(self.norm(self.blocks(x)))


model = TinyGPT(V, context=32, dim=48)
print(f"{sum(p.numel() for p in model.parameters())} parameters")

# %%
# 训练和比较
# ----------
# .. predict::
#
#    训练 200 步，每步 16 段、每段 32 个字符，也就是看过大约两遍训练文字。它比哪些 n 元模型好？
#
#    - 比哪一个都好，因为它能看前面的 32 个字符
#    - 比一元和二元的好，比三元、四元的差
#    - 比哪一个都差，因为几万个参数训练不起来


CONTEXT = 32
windows = validation.unfold(0, CONTEXT + 1, CONTEXT)  # (n, T + 1)


def loss_of(model, windows, shift=1):
    x = windows[:, :CONTEXT]
    y = windows[:, shift : shift + CONTEXT]  # 错开 shift 位
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def fit(seed, n_steps=200, shift=1):
    torch.manual_seed(seed)
    model = TinyGPT(V, context=CONTEXT, dim=48)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    bits = {}
    for step in range(1, n_steps + 1):
        starts = torch.randint(len(train) - CONTEXT, (16, 1))
        batch = train[starts + torch.arange(CONTEXT + 1)]
        loss = loss_of(model, batch, shift)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (1, 25, 50, 100, 150, 200):
            with torch.no_grad():
                bits[step] = loss_of(model, windows, shift).item() / math.log(2)
    return model, bits


curves = [fit(seed)[1] for seed in range(5)]
last = torch.tensor([bits[200] for bits in curves])
print(f"TinyGPT after 200 steps {last.mean():.2f} ± {last.std():.2f} bits a character")
for n, bits in by_counting.items():
    print(f"better than the {n}-gram in {(last < bits).sum()} of 5")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for bits in curves:
    ax.plot(*zip(*bits.items(), strict=True), "o-", color="C0", alpha=0.6)
for n in (1, 2, 3, 4):
    ax.hlines(by_counting[n], 0, 200, color="C1", ls="--")
    ax.text(204, by_counting[n], f"{n}-gram", va="center", color="C1")
ax.set(xlabel="step", ylabel="bits a character (validation)", xlim=(0, 235))
# alt: 五条蓝色的折线几乎重合，从六比特多降到 3.2 左右，先后穿过一元和二元的橙色虚线，停在三元和四元的上方
plt.show()

# %%
# .. answer:: B
#
#    五个种子都比一元和二元的好，比三元到五元的差，所以 A 和 C 都不成立。它确实能看 32 个字符，
#    可是训练文字一共只看过不到两遍，还没有学会用。曲线还在下降，训练得更久还会更好。
#
# 在这么少的文字上，数一数就很强。大语言模型的长处要在多得多的文字上才显出来，那时多数组合从没有出现过，数是数不出来的。
#
# .. change-it::
#
#    四元模型每种字符多加 0.1 次。把 0.1 换成 1 和 0.01，基线会变多少？

# hide-cell: 多加几次
for extra in (1, 0.1, 0.01):
    print(f"4-gram, extra {extra}: {n_gram_bits(4, extra):.2f}")

# %%
# .. outcome::
#
#    加 1 次是 3.33，加 0.01 次是 2.31，差别比许多模型之间的差别还大。所以基线也要调，否则赢了它也说明不了什么。

# %%
# 常见错误：目标没有错开
# ----------------------
# 输入和目标如果是同一段，模型只要照抄输入。程序不报错，损失很快接近 0。

wrong, bits = fit(seed=0, n_steps=100, shift=0)
with torch.no_grad():
    real = loss_of(wrong, windows).item() / math.log(2)
print(f"targets not shifted: {bits[100]:.2f} bits, with the right targets {real:.2f}")

# %%
# 前一个数比任何 n 元模型都小得多，好得不像真的。换成错开的目标，它比瞎猜的 6.46 还差，因为它只会照抄。
# :ref:`attention-causal-leak` 里的检查发现不了这个错误，因为掩码没有问题，错的是目标。训练之前，把第一批的输入和目标印出来看：


def is_shifted(x, y):
    return torch.equal(x[:, 1:], y[:, :-1]) and not torch.equal(x, y)


batch = train[: 2 * (CONTEXT + 1)].view(2, CONTEXT + 1)
for shift in (1, 0):
    x, y = batch[:, :CONTEXT], batch[:, shift : shift + CONTEXT]
    for name, row in (("input ", x[0]), ("target", y[0])):
        print(name, repr("".join(characters[i] for i in row)))
    print(f"{shift=} {is_shifted(x, y)=}")

# %%
# .. real-projects::
#
#    大的模型层数和宽度多得多，词元用 :ref:`attention-byte-pairs` 一页的办法切分，训练要用成千上万块 GPU，主体却就是上面这些。
#    常见的改动有旋转位置编码、去掉偏置、换一种归一化。同样的类在 ``torchnotes.models.TinyGPT`` 里，
#    参数见 `nn.Embedding <https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html>`__，结构出自
#    `GPT-2 的报告 <https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf>`__。

# %%
# 小结
# ----
# - 规则：GPT 是嵌入、因果的注意力块和一个线性层。训练之后，用每字符比特数与调好的 n 元模型比较。
# - API：``F.cross_entropy(logits.flatten(0, 1), targets.flatten())``，除以 ``math.log(2)`` 得到比特。
# - 下一页：:ref:`attention-sampling`
