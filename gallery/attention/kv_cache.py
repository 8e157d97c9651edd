# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _attention-kv-cache:

键值缓存
========

生成文字时，每写一个词元，都要把前面的全部再算一遍，越写越慢。可是前面的词元没有变，它们的中间结果也没有变。
哪些结果可以留下来，留下来能省多少？

你将学到：

- 判断生成时哪些中间结果可以存下来
- 写出带键值缓存的一步，并核对它的结果
- 发现位置编号没有接着数的错误
"""

import time

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F
from torchnotes.models import TinyGPT  # torchnotes 在本页的 zip 包里

# %%
# 什么没有变
# ----------
# 有 :term:`因果掩码` 的模型里，一个词元的结果只取决于它自己和前面的词元。后面再来多少词元，它在各层的 :term:`键` 和
# :term:`值向量` 都不变，所以可以存下来。新来的词元只要算自己的 :term:`查询`、键和值，再去看存下来的键和值。
# 存下来的这些叫 :term:`键值缓存`。
#
# .. predict::
#
#    前面词元的查询要不要也存下来？
#
#    - 要，因为注意力由查询、键和值三样算出
#    - 不要，因为新的词元只用自己的查询去看前面的键
#    - 不要，因为查询每一步都会变

torch.manual_seed(0)
model = TinyGPT(88, context=512, dim=64).eval()  # 随机的权重，速度与训练过的一样


@torch.no_grad()
def step(model, tokens, cache, start):  # (1, T) -> (1, T, n_tokens)
    """算 T 个新词元，第一个在位置 start，cache 里每块有一个字典。"""
    places = torch.arange(start, start + tokens.shape[1])
    x = model.tokens(tokens) + model.positions(places)
    for block, kept in zip(model.blocks, cache, strict=True):
        attention = block.attention
        heads = attention.qkv(block.norm1(x)).unflatten(-1, (3, attention.n_heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # 各是 (1, heads, T, d)
        if kept:
            k, v = torch.cat([kept["k"], k], dim=2), torch.cat([kept["v"], v], dim=2)
        kept["k"], kept["v"] = k, v
        y = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
        x = x + attention.output(y.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
    return model.output(model.norm(x))


def with_cache(model, tokens, n_first, offset=0):
    cache = [{} for _ in model.blocks]
    parts = [step(model, tokens[:, :n_first], cache, 0)]  # 开头一次算完
    later = range(n_first, tokens.shape[1])
    parts += [step(model, tokens[:, i : i + 1], cache, i + offset) for i in later]
    return torch.cat(parts, dim=1), cache


tokens = torch.randint(88, (1, 200))
with torch.no_grad():
    whole = model(tokens)
cached, cache = with_cache(model, tokens, n_first=10)
print(f"{whole.shape=}")
print(f"largest difference: {(whole - cached).abs().max():.4f}")
print(f"kept in each block: {sorted(cache[0])}, {tuple(cache[0]['k'].shape)}")

# %%
# .. answer:: B
#
#    结果与一次算完全部词元的相同，而存下来的只有 k 和 v，所以 A 不成立。前面词元的查询也不会变，只是再也用不着，
#    因为它们的输出早已算好，所以 C 的理由不对。
#
# 开头的 10 个词元一次算完，要用因果掩码。以后每次只有一个新词元，它可以看全部存下来的词元，所以不用掩码。
#
# 省了多少
# --------
# 不用缓存时，写第 i 个词元要算 i 个词元，得分有 i 乘 i 个。用缓存时只算 1 个，得分有 i 个。


def seconds(run, n, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(tokens[:, :n])
        times.append(time.perf_counter() - start)
    return min(times)


@torch.no_grad()
def without_cache(tokens):
    for i in range(1, tokens.shape[1] + 1):
        model(tokens[:, :i])


tokens = torch.randint(88, (1, 400))
lengths = (50, 100, 200, 400)
print("   n   tokens computed     scores computed")
for n in lengths:
    plain, scores = n * (n + 1) // 2, sum(i * i for i in range(1, n + 1))
    print(f"{n:>4} {plain:>8} -> {n:>4} {scores:>11} -> {plain:>6}")
slow = seconds(without_cache, 400)
fast = seconds(lambda part: with_cache(model, part, 1), 400)
print(
    f"400 tokens: at least {min(2, int(slow / fast))} times as fast"
)  # 更大的比值随机器变化

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
lengths = torch.arange(1, 401)
ax.semilogy(lengths, (lengths**2).cumsum(0), label="without cache")
ax.semilogy(lengths, lengths.cumsum(0), "--", label="with cache")
ax.set(xlabel="tokens written", ylabel="scores computed")
ax.legend()
# alt: 纵轴是对数刻度，两条线都上升，没有缓存的实线在上，到 400 个词元时约是虚线的二百多倍
plt.show()

# %%
# 400 个词元时，没有缓存要算 80200 个词元，有缓存只算 400 个，实测至少快一倍。
#
# 代价是内存。每一块、每个头、每个词元都要存一个键和一个值向量：

n_numbers = sum(kept[name].numel() for kept in cache for name in ("k", "v"))
print(f"200 tokens: {n_numbers} numbers, {n_numbers * 4 / 1024:.0f} KiB")
print(f"2 blocks x 2 x 200 tokens x 64: {2 * 2 * 200 * 64}")

# %%
# .. change-it::
#
#    同时写 16 段，也就是批次里有 16 个样本。缓存变大多少，模型的参数变大多少？

# hide-cell: 16 段
_, cache_16 = with_cache(model, torch.randint(88, (16, 200)), 1)
n_16 = sum(kept[name].numel() for kept in cache_16 for name in ("k", "v"))
n_parameters = sum(p.numel() for p in model.parameters())
print(f"cache: {n_16 / n_numbers:.0f} times, parameters: the same {n_parameters}")

# %%
# .. outcome::
#
#    缓存变成 16 倍，参数不变。同时服务许多人时，占内存的往往是缓存。

# %%
# 常见错误：位置没有接着数
# ------------------------
# 新词元的 :term:`位置编码` 要用它在整段里的位置。如果每一步都当作从 0 开始，程序不报错，因为形状没有变。
#
# .. predict::
#
#    位置全部少数一位，结果会差多少？
#
#    - 没有差别，因为只差一位，相对的距离不变
#    - 开头的 10 个没有差别，后面的都不同
#    - 全都不同，包括开头的 10 个

tokens = torch.randint(88, (1, 200))
with torch.no_grad():
    whole = model(tokens)
for name, offset in (("right", 0), ("one less", -1)):
    cached, _ = with_cache(model, tokens, n_first=10, offset=offset)
    off = (whole - cached).abs().max(dim=-1).values[0]  # 每个位置
    print(
        f"{name:9} first 10: {off[:10].max():.3f}, others: at least {off[10:].min():.3f}"
    )

# %%
# .. answer:: B
#
#    开头的 10 个一次算完，位置是对的，所以没有差别，C 不成立。后面的每一个都不同，A 不成立。
#    这个模型的位置编码加在向量上，取决于绝对的位置。即使只看相对的距离，新词元与开头之间的距离也少了一步。
#
# 检查就是上面的比较。用一小段文字，带缓存算一遍，再一次算完，两者要相同：


def cache_is_right(model, tokens, n_first, **options):
    with torch.no_grad():
        whole = model(tokens)
    return torch.allclose(
        with_cache(model, tokens, n_first, **options)[0], whole, atol=1e-4
    )


print(f"{cache_is_right(model, tokens, 10)=}")
print(f"{cache_is_right(model, tokens, 10, offset=-1)=}")

# %%
# .. real-projects::
#
#    为了使缓存小一些，许多模型让几个头共用一组键和值，叫分组查询注意力，
#    ``F.scaled_dot_product_attention`` 用 ``enable_gqa=True`` 支持它。缓存事先按最长的长度分配，写入而不拼接，就不用每步复制一遍。
#    参数见 `scaled_dot_product_attention
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__，管理缓存的办法见
#    `vLLM 的论文 <https://arxiv.org/abs/2309.06180>`__。

# %%
# 小结
# ----
# - 规则：有因果掩码时，前面词元的键和值不变，存下来就不用再算。新词元的位置接着数，结果与一次算完的比较。
# - API：``torch.cat([kept, new], dim=2)``、``F.scaled_dot_product_attention(q, k, v, is_causal=...)``。
# - 下一页：:ref:`pitfalls-shape-mismatch`
