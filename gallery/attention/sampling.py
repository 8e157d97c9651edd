# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _attention-sampling:

怎样采样
========

语言模型给出的是下一个词元的概率，写出文字还要从中选一个。总选概率最大的，写出来的话翻来覆去。
照概率随机选，又常选到不像话的。温度、top-k 和 top-p 都是折中，它们各改变了什么？

你将学到：

- 写出温度、top-k 和 top-p 三种采样
- 用熵和两个简单的指标比较它们
- 修正 ``multinomial`` 的报错
"""

import math

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F
from torchnotes.datasets import small_text  # torchnotes 在本页的 zip 包里
from torchnotes.models import TinyGPT

# %%
# 一个小模型
# ----------
# 先像 :ref:`attention-tiny-gpt` 那样训练几秒钟。

CONTEXT = 32
text = small_text("en")
characters = sorted(set(text))
tokens = torch.tensor([characters.index(c) for c in text])

torch.manual_seed(0)
model = TinyGPT(len(characters), context=CONTEXT, dim=48)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
for _ in range(300):
    starts = torch.randint(len(tokens) - CONTEXT, (16, 1))
    batch = tokens[starts + torch.arange(CONTEXT + 1)]
    logits = model(batch[:, :-1])  # (B, T, n_tokens)
    loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# 三种办法
# --------
# - :term:`采样温度` 是除 logits 的正数。它小于 1 时，概率大的更大，大于 1 时更平均。
# - :term:`top-k 采样` 只留概率最大的 k 个。
# - :term:`top-p 采样` 从大到小留，直到概率之和达到 p。
#
# 后两种把其余的得分换成负无穷，于是它们的概率是 0，留下的重新归一。


def filtered(logits, temperature=1.0, top_k=None, top_p=None):  # (B, n) -> (B, n)
    logits = logits / temperature
    if top_k is not None:
        smallest = logits.topk(top_k).values[:, -1:]  # (B, 1)
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if top_p is not None:
        ordered, places = logits.sort(descending=True)
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities  # 排在前面的概率之和
        ordered = ordered.masked_fill(before >= top_p, -torch.inf)
        logits = torch.full_like(logits, -torch.inf).scatter(1, places, ordered)
    return logits


example = torch.tensor([[0.5, 0.25, 0.15, 0.07, 0.03]]).log()
for options in (
    {},
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"top_k": 2},
    {"top_p": 0.8},
):
    shown = ", ".join(
        f"{p:.2f}" for p in filtered(example, **options).softmax(dim=-1)[0]
    )
    print(f"{options!s:22} {shown}")

# %%

# hide-input: 画图
options = ({}, {"temperature": 0.5}, {"top_k": 5}, {"top_p": 0.9})
settings = dict(
    zip(("all", "temperature 0.5", "top-k 5", "top-p 0.9"), options, strict=True)
)
with torch.no_grad():
    logits = model(tokens[:CONTEXT].unsqueeze(0))[:, -1]
order = logits[0].argsort(descending=True)[:12]
fig, axes = plt.subplots(1, 4, figsize=(7, 2.2), layout="constrained", sharey=True)
for ax, (name, options) in zip(axes, settings.items(), strict=True):
    probabilities = filtered(logits, **options).softmax(dim=-1)[0, order]
    ax.bar(range(12), probabilities)
    ax.set(title=name, xlabel="rank", xticks=(0, 5, 10))
axes[0].set(ylabel="probability")
# alt: 四个柱状图，左起第一个从高到低逐渐减小；温度 0.5 的更陡；top-k 的只有前五根；top-p 的去掉了末尾的几根
plt.show()

# %%
# 比较
# ----
# 下面各写 8 段、每段 120 个字符，重复五次，量三样东西。第一是每一步分布的 :term:`熵`，单位是比特。
# 第二是写出的词里，训练文字里也有的占多少。第三是写出的词里，不同的占多少。
#
# .. predict::
#
#    与照概率直接采样相比，把温度降到 0.5，后两样怎样变？
#
#    - 训练文字里有的词变多，不同的词也变多
#    - 训练文字里有的词变多，不同的词变少
#    - 两样都差不多，因为模型没有变

known = set(text.split())


@torch.no_grad()
def write(n, options, greedy=False):
    written = tokens[: 8 * CONTEXT].view(8, CONTEXT)  # 8 段开头
    entropies = []
    for _ in range(n):
        logits = filtered(model(written[:, -CONTEXT:])[:, -1], **options)
        probabilities = logits.softmax(dim=-1)
        entropies.append(torch.special.entr(probabilities).sum(dim=-1).mean())
        best, random = logits.argmax(-1, True), torch.multinomial(probabilities, 1)
        drawn = best if greedy else random
        written = torch.cat([written, drawn], dim=1)
    lines = ["".join(characters[i] for i in row[CONTEXT:]) for row in written]
    return lines, torch.stack(entropies).mean().item() / math.log(2)


def measure(name, greedy=False, **options):
    rows = []
    for seed in range(5):
        torch.manual_seed(seed)
        lines, entropy = write(120, options, greedy)
        words = [w for line in lines for w in line.split()[1:-1]]  # 首尾的词不完整
        n_known, n_different = sum(w in known for w in words), len(set(words))
        rows.append((entropy, n_known / len(words), n_different / len(words)))
    means, deviations = torch.tensor(rows).mean(0), torch.tensor(rows).std(0)
    cells = (f"{m:.2f} ± {s:.2f}" for m, s in zip(means, deviations, strict=True))
    print(f"{name:16}" + "".join(f"{cell:>14}" for cell in cells))
    return lines[0]


print("                 entropy, bits   known words  different words")
samples = [measure(f"temperature {t}", temperature=t) for t in (1.5, 1, 0.5)]
samples += [measure("top-k 5", top_k=5), measure("top-p 0.9", top_p=0.9)]
samples += [measure("greedy", greedy=True)]
for line in samples:
    print(f"wrote: {line[:70]!r}")

# %%
# .. answer:: B
#
#    温度 0.5 时，训练文字里有的词从 0.29 升到 0.57，不同的词从 0.82 降到 0.49，所以 A 和 C 都不成立。
#    概率大的字符常常是对的，所以词更像词，但是总选它们，写来写去也就那些词。
#
# 六行的次序大致相同，熵越小，像样的词越多，重复也越多。:term:`贪心解码` 是极端，每步都取概率最大的，不同的词只有 0.05。
# 它那一行的熵是选取之前的分布的。没有哪一种两样都最好，要用哪一种，取决于更怕乱写还是更怕重复。
#
# .. change-it::
#
#    top-k 和 top-p 都去掉概率小的。把 top-p 从 0.9 减到 0.5，三样各怎样变？它更接近哪一行？

# hide-cell: top-p 0.5
line = measure("top-p 0.5", top_p=0.5)

# %%
# .. outcome::
#
#    熵减到 1.12 比特，像样的词升到 0.64，不同的词降到 0.35。每一样都越过了温度 0.5 那一行，向贪心靠近。

# %%
# 常见错误：multinomial 的报错
# ----------------------------
# 温度是 0 时，除法得到无穷，softmax 之后是 NaN。忘了做 softmax，直接把 logits 交给 ``multinomial``，其中有负数。

logits = torch.tensor([[2.0, -1.0, 0.5]])
for name, weights in (
    ("temperature 0", (logits / 0.0).softmax(dim=-1)),
    ("logits", logits),
):
    print(f"{name}: {[round(w, 2) for w in weights[0].tolist()]}")
    try:
        torch.multinomial(weights, 1)
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}")

# %%
# .. predict::
#
#    如果 logits 恰好都是正数，例如 2、1、0.5，忘了做 softmax 会怎样？
#
#    - 报同样的错，因为它们的和不是 1
#    - 不报错，选取的比例与做过 softmax 的相同，因为大小次序没变
#    - 不报错，但是选取的比例与做过 softmax 的不同

logits = torch.tensor([2.0, 1.0, 0.5])
torch.manual_seed(0)
for name, weights in (("softmax", logits.softmax(dim=-1)), ("logits", logits)):
    drawn = torch.multinomial(weights, 100_000, replacement=True)
    print(f"{name:8} {[round(s, 2) for s in (drawn.bincount() / 100_000).tolist()]}")

# %%
# .. answer:: C
#
#    函数 ``multinomial`` 接受任何非负的权重，自己除以它们的和，所以不报错，A 不成立。它按 2、1、0.5 的比例选取，
#    而 softmax 的比例是它们的指数之比，所以 B 不成立。
#
# 改法是总先做 softmax，温度是 0 时改用 ``argmax``。可以在采样之前加一个检查，使错误不会悄悄过去：


def checked(probabilities):
    total = probabilities.sum(dim=-1)
    if not torch.allclose(total, torch.ones_like(total)):  # NaN 也不相等
        raise ValueError(
            f"probabilities add up to {total.tolist()}, softmax forgotten?"
        )
    return probabilities


checked(logits.softmax(dim=-1))
try:
    checked(logits)
except ValueError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. real-projects::
#
#    大语言模型的接口常同时接受温度和 top-p，先除以温度，再截断。写代码、回答事实用低的温度，写故事用高一些的。
#    参数见 `torch.multinomial <https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html>`__，top-p 出自
#    `Holtzman 等人的论文 <https://arxiv.org/abs/1904.09751>`__。

# %%
# 小结
# ----
# - 规则：先除以温度，再截断，再做 softmax，最后用 ``multinomial`` 选取。温度是 0 就是 ``argmax``。
# - API：``torch.multinomial(probabilities, 1)``、``logits.topk(k)``、``probabilities.cumsum(dim=-1)``。
# - 下一页：:ref:`attention-kv-cache`
