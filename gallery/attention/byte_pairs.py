# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _attention-byte-pairs:

字节对编码
==========

语言模型读的不是字，也不是词，而是 :term:`词元`，按词元收费，也按词元限制长度。
同样的内容，中文和英文各要多少个词元？词元又是怎样定出来的？

你将学到：

- 用二十行代码从文字里学出一个词表
- 比较两种语言每个字符用多少个词元
- 处理在一个汉字中间切断的字节
"""

import codecs

import matplotlib.pyplot as plt
import torch
from torchnotes.datasets import small_text  # torchnotes 在本页的 zip 包里

# %%
# 从字节开始
# ----------
# 计算机用 UTF-8 存文字，一个英文字母是一个字节，一个汉字是三个字节。字节只有 256 种，所以用字节作 :term:`词表`，
# 什么文字都能写出来，不会遇到词表以外的字。缺点是序列很长。

for character in ("a", "é", "字", "🙂"):
    print(f"{character!r} {list(character.encode())}")

texts = {language: small_text(language) for language in ("en", "zh")}
for language, text in texts.items():
    n_bytes = len(text.encode())
    print(f"{language}: {len(text):>6} characters, {n_bytes:>6} bytes", end="")
    print(f", {n_bytes / len(text):.2f} each")

# %%
# 这份文字的中文和英文逐行对应，内容相同。中文的字符少得多，字节也少一些。
#
# 合并最常见的一对
# ----------------
# :term:`字节对编码` 反复做一件事。数出相邻的每一对词元各出现多少次，把最多的一对合并成一个新的词元，加进词表。
# 第二个词元如果以空格或换行开头，就不合并，否则会得到跨过几个词的长串。


def merge(data, a, b, new):
    """把每一处相邻的 a、b 换成 new。"""
    at = ((data[:-1] == a) & (data[1:] == b)).nonzero().flatten()
    if a == b and len(at):  # 三个 a 相连时，只合并前两个
        kept = [at[0].item()]
        for i in at[1:].tolist():
            if i > kept[-1] + 1:
                kept.append(i)
        at = torch.tensor(kept)
    keep = torch.ones(len(data), dtype=torch.bool)
    keep[at + 1] = False
    data = data.clone()
    data[at] = new
    return data[keep]


def learn(text, n_merges):
    data = torch.tensor(list(text.encode()))
    vocabulary, merges = [bytes([i]) for i in range(256)], {}
    for new in range(256, 256 + n_merges):
        opens = torch.tensor([token[:1] in (b" ", b"\n") for token in vocabulary])
        pairs = (data[:-1] * 10_000 + data[1:])[~opens[data[1:]]]  # 一对写成一个数
        values, counts = pairs.unique(return_counts=True)
        a, b = divmod(values[counts == counts.max()][0].item(), 10_000)
        merges[a, b] = new
        vocabulary.append(vocabulary[a] + vocabulary[b])
        data = merge(data, a, b, new)
    return vocabulary, merges


def encode(text, merges):
    data = torch.tensor(list(text.encode()))
    for (a, b), new in merges.items():  # 按学到的次序
        data = merge(data, a, b, new)
    return data.tolist()


vocabulary, merges = learn("low lower lowest new newer newest", n_merges=6)
print([vocabulary[new].decode() for new in merges.values()])
print([vocabulary[t].decode() for t in encode(" newer slow", merges)])

# %%
# 第二行里，没有见过的 slow 切成了见过的几段。
#
# 中文和英文
# ----------
# .. predict::
#
#    用英文学出 400 次合并，再用它给中文和英文各切分一次。中文每个字符用多少个词元？
#
#    - 约 1 个，因为一个汉字就是一个单位
#    - 约 0.3 个，与英文差不多，因为合并学的是常见的组合
#    - 接近 3 个，因为中文的字节在英文里没有出现过，合并不了

learning, testing = {}, {}
for language, text in texts.items():
    lines = text.splitlines()
    learning[language], testing[language] = (
        "\n".join(lines[::2]),
        "\n".join(lines[1::2]),
    )
learning["both"] = learning["en"] + "\n" + learning["zh"]


rules, rows = {}, {}
print("learned from   tokens per character   tokens of the same lines")
print("                   en       zh              en      zh")
for name, text in learning.items():
    _, rules[name] = learn(text, 400)
    counts = [len(encode(testing[language], rules[name])) for language in ("en", "zh")]
    rows[name] = [
        n / len(testing[x]) for n, x in zip(counts, ("en", "zh"), strict=True)
    ]
    print(f"{name:<14} {rows[name][0]:>8.2f} {rows[name][1]:>8.2f}", end="")
    print(f" {counts[0]:>15} {counts[1]:>7}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
for side, language in enumerate(("en", "zh")):
    at = [place + 0.36 * (side - 0.5) for place in range(3)]
    ax.bar(at, [row[side] for row in rows.values()], width=0.34, label=language)
ax.set(xticks=range(3), xlabel="merges learned from", ylabel="tokens per character")
ax.set_xticklabels(rows)
ax.legend()
# alt: 三组柱子，从英文学的那一组中文的柱子最高，接近 2.5，其余两组里中文和英文都在 1.4 以下
plt.show()

# %%
# .. answer:: C
#
#    英文里没有汉字的字节，所以中文几乎一次也没有合并，每个字符 2.44 个词元，接近 UTF-8 的 2.52 个字节，A 和 B 都不成立。
#    反过来，从中文学的词表切英文，也几乎每个字母一个词元。
#
# 同样的几行，用从两种语言一起学的词表，中文和英文的词元数差不多。用只从英文学的词表，中文的词元数是英文的两倍多。
# 所以一种语言用多少词元，取决于词表从什么文字学来，不取决于语言本身。
#
# .. change-it::
#
#    把从两种语言学的合并增加到 1600 次。两种语言的词元数各减少多少？

# hide-cell: 1600 次
_, more = learn(learning["both"], 1600)
for language in ("en", "zh"):
    before, after = (len(encode(testing[language], r)) for r in (rules["both"], more))
    print(f"{language}: {before} -> {after}, {1 - after / before:.0%} fewer")

# %%
# .. outcome::
#
#    两种语言都减少了三分之一左右。代价是词表更大，:term:`嵌入` 和输出层也跟着变大。

# %%
# 常见错误：在一个字的中间切断
# ----------------------------
# 生成的文字逐个词元显示，或者截到固定的长度，就可能停在一个汉字的中间：

line = testing["zh"].splitlines()[0][:12]
tokens = encode(line, rules["en"])
print(f"{len(line)} characters, {len(tokens)} tokens")
vocabulary, _ = learn(learning["en"], 400)
data = b"".join(vocabulary[t] for t in tokens[:13])
try:
    data.decode()
except UnicodeDecodeError as error:
    print(f"{type(error).__name__}:")
    print(error)
print(data.decode(errors="replace"))

# %%
# 写上 ``errors="replace"`` 不报错，但是半个字变成了 �。如果把每个词元单独解码再拼起来，几乎全是 �：

alone = "".join(vocabulary[t].decode(errors="replace") for t in tokens)
whole = b"".join(vocabulary[t] for t in tokens).decode()
print(
    f"one by one: {alone.count(chr(0xFFFD))} replaced, whole: {whole.count(chr(0xFFFD))}"
)
print(f"the whole is the line: {whole.strip() == line}")

# %%
# 改法是先把字节全部接起来再解码。要边生成边显示时，用 ``codecs`` 的增量解码器，它把不完整的字节留到下一次：

decoder = codecs.getincrementaldecoder("utf-8")()
shown = [decoder.decode(vocabulary[t]) for t in tokens[:13]]
print(f"shown so far: {''.join(shown).strip()!r}")

# %%
# .. real-projects::
#
#    实际的词表有几万到几十万个词元，从几百 GB 的文字学来，切段用正则表达式，合并由 Rust 写的库来做，
#    例如 ``tokenizers`` 和 ``tiktoken``。词元的编号交给 ``nn.Embedding``，见 :ref:`sequences-embeddings`。
#    增量解码器见 `codecs <https://docs.python.org/3/library/codecs.html#codecs.getincrementaldecoder>`__，算法出自
#    `Sennrich 等人的论文 <https://arxiv.org/abs/1508.07909>`__。

# %%
# 小结
# ----
# - 规则：反复合并最常见的一对，就得到词表。词元的多少取决于词表从什么文字学来。字节要接完整再解码。
# - API：``str.encode()``、``bytes.decode(errors="replace")``、``codecs.getincrementaldecoder("utf-8")``。
# - 下一页：:ref:`attention-tiny-gpt`
