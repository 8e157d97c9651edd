# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _attention-masks:

掩码的两种含义
==============

填充的词元不该被看到，后面的词元也常常不该被看到，所以注意力要用 :term:`掩码`。
PyTorch 的两个接口都接受布尔的掩码，可是 True 在一个里表示可以看，在另一个里表示不可以看。写反了会怎样？

你将学到：

- 写出两个接口各自的掩码，并互相转换
- 处理一个词元什么也看不到的情形
- 用一个检查发现写反的或对错轴的掩码
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

# %%
# 可以看的和不可以看的
# --------------------
# 掩码的每一行是一个 :term:`查询`，每一列是一个 :term:`键`。不可以看的地方，得分换成负无穷，softmax 之后权重是 0。
# 下图是两种常用的掩码，深色的可以看。左边的 :term:`因果掩码` 让每个词元只看自己和前面的，右边的最后两个词元是 :term:`填充`。

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
# 函数 ``F.scaled_dot_product_attention`` 的 ``attn_mask`` 里，True 表示可以看。
# 层 ``nn.MultiheadAttention`` 的 ``attn_mask`` 和 ``key_padding_mask`` 里，True 表示不可以看。
#
# .. predict::
#
#    把 ``causal`` 原样交给 ``nn.MultiheadAttention``，五个词元各看得到哪些词元？
#
#    - 自己和前面的，与图上相同
#    - 只有后面的，最后一个词元什么也看不到
#    - 报错，因为最后一个词元什么也看不到

torch.manual_seed(0)
layer = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
x = torch.randn(1, T, 8)
for name, mask in (("causal", causal), ("~causal", ~causal)):
    output, weights = layer(x, x, x, attn_mask=mask)
    seen = [(row > 0).nonzero().flatten().tolist() for row in weights[0]]
    print(f"{name:8} sees {seen}")
    is_nan = output[0].isnan().any(dim=1)  # (T,)
    print(f"{'':8} NaN in the output of {is_nan.nonzero().flatten().tolist()}")

# %%
# .. answer:: B
#
#    第一行写反了，看到的全是后面的词元，所以 A 不成立。程序没有报错，所以 C 也不成立，但是最后一个词元的输出是 NaN。
#    第二行取反以后才对。如果每个词元至少看得到一个，写反时连 NaN 也没有，只是结果错了。
#
# 什么也看不到的词元
# ------------------
# 一行的得分全是负无穷时，softmax 要算 0 除以 0。各个接口的结果不同：

hidden_row = causal.clone()
hidden_row[2] = False  # 第 2 个词元什么也看不到
scores = x[0] @ x[0].T
results = {
    "softmax by hand": scores.masked_fill(~hidden_row, -torch.inf).softmax(dim=-1)
    @ x[0],
    "by hand, -1e9": scores.masked_fill(~hidden_row, -1e9).softmax(dim=-1) @ x[0],
    "SDPA": F.scaled_dot_product_attention(x, x, x, attn_mask=hidden_row)[0],
    "layer": layer(x, x, x, attn_mask=~hidden_row)[0][0],
    "layer, no weights": layer(x, x, x, attn_mask=~hidden_row, need_weights=False)[0][
        0
    ],
}
mean = x[0].mean(dim=0)
for name, output in results.items():
    row = output[2]
    kind = "NaN" if row.isnan().all() else "zeros" if (row == 0).all() else "numbers"
    equal = ", the mean of all five" if torch.allclose(row, mean) else ""
    print(f"{name:18} {kind}{equal}")

# %%
# 手写的和这个层给出 NaN，SDPA 给出 0。这个层写上 ``need_weights=False`` 时改用 SDPA，所以也给出 0。
# 用 −1e9 代替负无穷时没有 NaN，但是各个得分相同，于是平均了全部五个词元，包括不该看的。
#
# NaN 不会只留在那一行。下面的损失只用其余四行，梯度里还是有 NaN：

inputs = x.clone().requires_grad_()
output, _ = layer(inputs, inputs, inputs, attn_mask=~hidden_row)
output[0, [0, 1, 3, 4]].sum().backward()
print(f"NaN in the loss: {output[0, [0, 1, 3, 4]].sum().isnan().item()}")
print(f"NaN in the gradient: {inputs.grad.isnan().sum().item()} of {inputs.numel()}")

# %%
# 所以要使每个词元至少看得到一个，最简单的是让每个词元看得到自己，填充的词元也一样，它们的输出反正不用。

always_itself = hidden_row | torch.eye(T, dtype=torch.bool)
output, _ = layer(x, x, x, attn_mask=~always_itself)
print(f"NaN in the output: {output.isnan().any().item()}")

# %%
# 常见错误：掩码对错了轴
# ----------------------
# 填充的掩码一般由长度算出，形状是 ``(B, T)``。SDPA 的掩码要能 :term:`广播` 到 ``(B, T, T)``，所以要补一个查询的轴。
#
# .. predict::
#
#    忘了补轴，直接把 ``(B, T)`` 的掩码交给 SDPA。B 是 3、T 是 5 时会怎样，B 恰好等于 T 时呢？
#
#    - 两次都报错
#    - 第一次报错，第二次不报错，但是结果错了
#    - 两次都不报错，因为广播会补上缺的轴

for B in (3, 5):
    x = torch.randn(B, T, 8)
    lengths = torch.arange(B) % 3 + 3  # 3、4、5、3、4
    real = torch.arange(T) < lengths.unsqueeze(1)  # (B, T)
    right = F.scaled_dot_product_attention(
        x, x, x, attn_mask=real.unsqueeze(1)
    )  # (B, 1, T)
    try:
        wrong = F.scaled_dot_product_attention(x, x, x, attn_mask=real)
        print(
            f"{B=}: no error, equal to the right result: {torch.allclose(right, wrong)}"
        )
    except RuntimeError as error:
        print(f"{B=}: {type(error).__name__}:")
        print(str(error).partition(". ")[0][:90])

# %%
# .. answer:: B
#
#    掩码从最后一个轴开始对齐，所以 ``(B, T)`` 当成了 ``(T, T)``。B 是 3 时，3 与 5 对不上，所以 C 不成立。
#    B 也是 5 时对得上，样本的编号成了查询的编号，每个样本用的是同一个掩码，所以 A 不成立。
#
# 怎样发现
# --------
# 掩码写反、写错轴，都违反同一条规则，改动一个不该看到的词元，别的词元的输出不应当变。


def sees_hidden_token(attend, x, lengths):
    """改动各样本最后一个填充的词元，看真的词元的输出变不变。"""
    changed = x.clone()
    short = lengths < x.shape[1]
    changed[short, -1] += 1
    real = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
    return not torch.allclose(attend(x)[real], attend(changed)[real])


for name, mask in (
    ("right", real.unsqueeze(1)),
    ("inverted", ~real.unsqueeze(1)),
    ("wrong axis", real),
):
    sees = sees_hidden_token(
        lambda x, mask=mask: F.scaled_dot_product_attention(x, x, x, attn_mask=mask),
        x,
        lengths,
    )
    print(f"{name:11} {sees=}")

# %%
# .. change-it::
#
#    因果的掩码也用同样的办法检查，改动最后一个词元，看前面的输出变不变。
#    SDPA 的 ``is_causal=True`` 与 ``attn_mask=causal`` 的结果相同吗，两个能一起写吗？

# hide-cell: 因果的掩码
x = torch.randn(2, T, 8)
changed = x.clone()
changed[:, -1] += 1
by_mask, by_flag = (
    F.scaled_dot_product_attention(x, x, x, **o)
    for o in ({"attn_mask": causal}, {"is_causal": True})
)
after = F.scaled_dot_product_attention(changed, changed, changed, is_causal=True)
print(f"{torch.allclose(by_mask, by_flag)=}")
print(f"{torch.allclose(by_flag[:, :-1], after[:, :-1])=}")
try:
    F.scaled_dot_product_attention(x, x, x, attn_mask=causal, is_causal=True)
except RuntimeError as error:
    print(f"{type(error).__name__}:")
    print(error)

# %%
# .. outcome::
#
#    两种写法结果相同，改动最后一个词元，前面的输出都不变。两个不能一起写，因果和填充都要时，把两个掩码用 ``&`` 合成一个。

# %%
# .. real-projects::
#
#    掩码也可以是浮点数，加到得分上，0 表示可以看，负无穷表示不可以看，两个接口都认它，而且含义相同。
#    有多个头时，形状是 ``(B, n_heads, T, T)``，填充的掩码写成 ``(B, 1, 1, T)``。
#    参数见 `scaled_dot_product_attention
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__ 和
#    `nn.MultiheadAttention <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>`__。

# %%
# 小结
# ----
# - 规则：SDPA 里 True 表示可以看，``nn.MultiheadAttention`` 里 True 表示不可以看。每个词元至少要看得到一个，最简单的是看得到自己。
# - API：``scaled_dot_product_attention(q, k, v, attn_mask=None, is_causal=False)``，``layer(q, k, v, attn_mask=..., key_padding_mask=...)``。
# - 下一页：:ref:`attention-causal-leak`
