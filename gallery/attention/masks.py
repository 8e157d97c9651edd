# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _attention-masks:

掩码的两种含义
==============

填充的词元不该被看到，后面的词元也常常不该被看到，所以注意力要用 :term:`掩码`。PyTorch 的两个接口都接受布尔掩码，可是 True 在一个里表示可以看，在另一个里表示不可以看。写反了会怎样？

你将学到：

- 写出两个接口各自的掩码，并互相转换
- 处理一个词元什么也看不到的情形
- 用一个检查发现写反的或放错轴的掩码
"""

from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

# %%
# 可以看的和不可以看的
# --------------------
# 掩码的每一行是一个 :term:`查询`，每一列是一个 :term:`键`。不可以看的地方，得分换成负无穷，softmax 之后权重是 0。下图是两种常用的掩码，深色的可以看。左边的 :term:`因果掩码` 让每个词元只看自己和前面的，右边的最后两个词元是 :term:`填充`。

T = 5
causal = torch.ones(T, T, dtype=torch.bool).tril()
padding = (torch.arange(T) < 3).expand(T, T)  # 前 3 个是真的词元

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(5, 2.6), layout="constrained")
for ax, (name, mask) in zip(
    axes, {"causal": causal, "padding": padding}.items(), strict=True
):
    ax.imshow(mask, cmap="Blues", vmin=0, vmax=1.5)
    ax.set(title=name, xlabel="key", ylabel="query", xticks=range(T), yticks=range(T))
# alt: 两个 5 行 5 列的方格，左边的下三角连同对角线是深色，右边的前三列是深色
plt.show()

# %%
# 两个接口
# --------
# 函数 ``F.scaled_dot_product_attention`` 下面简称 SDPA，它的 ``attn_mask`` 里，True 表示可以看。
# 层 ``nn.MultiheadAttention`` 的 ``attn_mask`` 和 ``key_padding_mask`` 里，True 表示不可以看。
#
# .. predict::
#
#    把 ``causal`` 原样交给 ``nn.MultiheadAttention``，五个词元各看得到哪些词元？
#
#    - 自己和前面的，与图上相同
#    - 只有后面的
#    - 报错，因为第一个词元看不到自己

torch.manual_seed(0)
layer = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
x = torch.randn(1, T, 8)


def show(name, **masks):
    output, weights = layer(x, x, x, **masks)
    seen = [(row > 0).nonzero().flatten().tolist() for row in weights[0]]
    is_nan = output[0].isnan().any(dim=1)  # (T,)
    print(f"{name:8} sees {seen}")
    print(f"{'':8} NaN in the output of {is_nan.nonzero().flatten().tolist()}")


show("causal", attn_mask=causal)
show("~causal", attn_mask=~causal)
show("padding", key_padding_mask=padding[:1])  # (B, T)
show("~padding", key_padding_mask=~padding[:1])

# %%
# .. answer:: B
#
#    ``causal`` 写反了，看到的全是后面的词元，所以 A 不成立。程序没有报错，所以 C 也不成立，但是最后一个词元的输出是 NaN，下一节说明原因。取反以后，两种掩码都对了。填充的掩码写反时，这里的每个词元只看得到两个填充，所以连 NaN 也没有，只是结果错了。
#
# 什么也看不到的词元
# ------------------
# 一行的得分全是负无穷时，按公式，softmax 是 0 除以 0。各个接口的结果不同：

hidden_row = causal.clone()
hidden_row[2] = False  # 编号为 2 的词元什么也看不到


def sdpa(x, mask):
    return F.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def by_hand(x, mask, fill):
    scores = x @ x.transpose(1, 2) / x.shape[2] ** 0.5
    return scores.masked_fill(~mask, fill).softmax(dim=-1) @ x


def report(name, output):
    row, mean = output[0, 2], x[0].mean(dim=0)
    kind = "NaN" if row.isnan().all() else "zeros" if (row == 0).all() else "numbers"
    equal = ", the mean of all five" if torch.allclose(row, mean) else ""
    print(f"{name:23} {kind}{equal}")


report("by hand, -inf", by_hand(x, hidden_row, -torch.inf))
report("by hand, -1e9", by_hand(x, hidden_row, -1e9))
report("SDPA", sdpa(x, hidden_row))
print("layer: weights train grad fast path")
for flags in ("1111", "1001", "0111", "0101", "0011", "0000", "0001"):
    weights, train, grad, fast = (flag == "1" for flag in flags)
    layer.train(train)
    torch.backends.mha.set_fastpath_enabled(fast)
    with torch.set_grad_enabled(grad):
        output, _ = layer(x, x, x, attn_mask=~hidden_row, need_weights=weights)
    report(f"{weights:14}{train:6}{grad:5}{fast:5}", output)

# %%
# 手写的给出 NaN，SDPA 给出 0，这个层有时给出 NaN，有时给出 0。用 −1e9 代替负无穷时没有 NaN，但是各个得分相同，于是平均了全部五个词元，包括不该看的。
#
# 表里的 1 表示是，0 表示否。默认返回权重，训练和评估时都是 NaN。写上 ``need_weights=False`` 时，这个层改用 SDPA，注意力给出 0，再加输出层的偏置。偏置的初值是 0，所以这里也是 0，训练以后一般就不是了。
#
# 在评估模式下又不求梯度时（最后一行），它走快速路径，又给出 NaN。两个条件只满足一个，或者关掉快速路径，就又是 0。所以不返回权重时，训练时的输出没有 NaN，评估时不求梯度才有。
#
# 只有一层时，前向的 NaN 只在那一行，反向时会传到别的行。下面的层返回权重，损失只用其余四行，所以输出的那一行的梯度是 0。但是 0 乘 NaN 还是 NaN，于是输入的全部梯度都是 NaN。
# 避免的办法是让每个词元至少看得到一个，最简单的是看得到自己：

layer.train()
itself = torch.eye(T, dtype=torch.bool)
always_itself = hidden_row | itself
for name, mask in {"hidden row": hidden_row, "always itself": always_itself}.items():
    inputs = x.clone().requires_grad_()
    output, _ = layer(inputs, inputs, inputs, attn_mask=~mask)
    loss = output[0, [0, 1, 3, 4]].sum()
    loss.backward()
    n_nan = inputs.grad.isnan().sum().item()
    print(f"{name:13} loss {loss.item():.2f}, NaN in {n_nan} of {x.numel()} gradients")
    twice = layer(output, output, output, attn_mask=~causal)
    n_rows = [part.isnan().any(dim=2).sum().item() for part in twice]
    print(f"{'':13} second layer: NaN in {n_rows[0]} rows, weights of {n_rows[1]} rows")

# %%
# 两次的损失相同，因为损失没有用那一行，所以只有一层时，从损失看不出来。再接一层注意力，全部的行就都是 NaN。这个层把负无穷加到得分上，NaN 加负无穷还是 NaN，所以掩码挡不住它，每一行的权重也都是 NaN。
#
# 常见错误：掩码放错了轴
# ----------------------
# 填充的掩码一般由长度算出，形状是 ``(B, T)``。SDPA 的掩码要能 :term:`广播` 到 ``(B, T, T)``，所以要补一个查询的轴。
#
# .. predict::
#
#    忘了补轴，直接把 ``(B, T)`` 的掩码交给 SDPA。T 是 5，B 是 3 和 5 时，各会怎样？
#
#    - 两次都报错，因为缺一个轴
#    - B 是 3 时报错，是 5 时结果正确，因为形状对得上
#    - B 是 3 时报错，是 5 时不报错，但是结果不对


for B in (1, 3, 5):
    x = torch.randn(B, T, 8)
    lengths = torch.arange(B) % 3 + 3  # 3、4、5、3、4
    real = torch.arange(T) < lengths.unsqueeze(1)  # (B, T)
    right = sdpa(x, real.unsqueeze(1))  # (B, 1, T)
    try:
        wrong = sdpa(x, real)
        print(
            f"{B=}: no error, equal to the right result:", torch.allclose(right, wrong)
        )
        shared = sdpa(x, real.expand(B, T, T))
        print(f"     equal with one mask for all: {torch.allclose(shared, wrong)}")
    except RuntimeError as error:
        print(f"{B=}: {type(error).__name__}:")
        print(str(error).partition(". ")[0][:90])

# %%
# .. answer:: C
#
#    形状从最后一个轴开始对齐，广播把缺的轴补在最前面，而不是查询的位置，所以 ``(B, T)`` 当成了 ``(T, T)``。B 是 3 时，3 与 5 对不上。B 也是 5 时对得上，所以 A 不成立。但是样本的编号成了查询的编号，每个样本用的是同一个掩码，所以 B 也不成立。B 是 1 时，只有一个样本，全部查询本来就用同一个掩码，所以结果正确，只用一个样本试不出来。
#
# 怎样发现
# --------
# 查询不变，只改动一个词元的键和值，那么只有看得到它的词元，输出才会变。所以逐个改动词元，就知道谁看得到谁，再与应有的结果比较。NaN 与它自己也不相等，看起来就像输出变了，所以先检查有没有 NaN。断言失败时，多半是有词元什么也看不到。检查层时，掩码要取反，例如传入 ``lambda q, k, v: layer(q, k, v, attn_mask=~causal)[0]``。


def reach(attend, x):
    """改动第 j 个键和值时，第 i 个查询的输出变不变，形状是 (B, T, T)。"""
    before, columns = attend(x, x, x), []
    assert not before.isnan().any(), "NaN would look like seeing everything"
    for j in range(x.shape[1]):
        changed = x.clone()
        changed[:, j] *= -1
        columns.append((attend(x, changed, changed) != before).any(dim=2))  # (B, T)
    return torch.stack(columns, dim=2)


wanted = real.unsqueeze(1)  # 每个词元应当看得到全部真的词元
masks = {"right": wanted, "inverted": ~wanted, "wrong axis": real}
masks |= {"not itself": wanted & ~itself}
print(f"{'mask':<11} sees padding  misses real")
for name, mask in masks.items():
    found = reach(partial(F.scaled_dot_product_attention, attn_mask=mask), x)
    # 只看真的词元的行，因为填充的输出不用
    sees, misses = (found & ~wanted)[real].any(), (~found & wanted)[real].any()
    print(f"{name:<11} {sees.item()!s:>12} {misses.item()!s:>12}")

# %%
# 写反的和放错轴的，既看得到填充，又漏掉真的词元。最后一个掩码使词元看不到自己，它不看填充，只漏掉真的词元，所以两种都要检查。
#
# .. change-it::
#
#    用 ``reach`` 检查 SDPA 的 ``is_causal=True``，谁看得到谁？它与 ``attn_mask=causal`` 能一起写吗？因果和填充都要时，掩码怎样合成一个？

# hide-cell: 因果掩码
flagged = partial(F.scaled_dot_product_attention, is_causal=True)
print(f"is_causal sees what causal allows: {torch.equal(reach(flagged, x)[0], causal)}")
unmasked = reach(F.scaled_dot_product_attention, x)[0]
print(f"no mask sees what causal allows: {torch.equal(unmasked, causal)}")
try:
    flagged(x, x, x, attn_mask=causal)
except RuntimeError as error:
    print(f"{type(error).__name__}:")
    print(error)
for name, seen in {"padding last": real, "padding first": real.flip(1)}.items():
    both = causal & seen.unsqueeze(1)  # (B, T, T)
    empty = [(~mask.any(dim=2)).sum().item() for mask in (both, both | itself)]
    print(f"{name:13} rows that see nothing: {empty[0]}, with itself: {empty[1]}")
    leaks = ((both | itself) & ~seen.unsqueeze(1))[seen].any()
    print(f"{'':13} real tokens see padding: {leaks}")

# %%
# .. outcome::
#
#    用 ``is_causal=True`` 时，每个词元只看得到自己和前面的，没有掩码时不是这样。``is_causal=True`` 与 ``attn_mask`` 不能一起用。因果和填充都要时，用 ``&`` 合成一个。填充在末尾时，每个词元仍看得到第一个。填充在开头时，6 个填充的词元什么也看不到，用 ``|`` 使每个词元看得到自己以后，这样的词元就没有了。填充看得到自己没有关系，因为真的词元仍看不到填充。

# %%
# .. real-projects::
#
#    掩码也可以是浮点数，加到得分上，0 表示可以看，负无穷表示不可以看，两个接口都接受，而且含义相同。
#    SDPA 的查询带有多头的轴时，掩码要能广播到 ``(B, n_heads, T, T)``，填充的掩码写成 ``(B, 1, 1, T)``。
#    ``nn.MultiheadAttention`` 的 ``attn_mask`` 只接受 ``(T, T)`` 或 ``(B * n_heads, T, T)``，填充用 ``(B, T)`` 的 ``key_padding_mask``。
#    参数见 `scaled_dot_product_attention <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__ 和 `nn.MultiheadAttention <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>`__。

# %%
# 小结
# ----
# - 规则：SDPA 里 True 表示可以看，``nn.MultiheadAttention`` 里 True 表示不可以看，布尔掩码用 ``~`` 互相转换。每个词元至少要看得到一个，最简单的是看得到自己。
# - API：``scaled_dot_product_attention(q, k, v, attn_mask=None, is_causal=False)``，``layer(q, k, v, attn_mask=..., key_padding_mask=...)``。
# - 下一页：:ref:`attention-causal-leak`
