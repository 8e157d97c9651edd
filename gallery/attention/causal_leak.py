# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _attention-causal-leak:

看见了答案
==========

训练语言模型时，少写了一个参数，损失反而低得出奇，验证损失也一样低。可是让它写一句话，写出来的全是乱码。
哪里出了错，训练时又怎样发现它？

你将学到：

- 说明语言模型的一个批次里藏着多少个预测
- 测量缺少因果掩码的后果
- 写一个几行的检查，在训练之前发现它
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import small_text  # torchnotes 在本页的 zip 包里
from torchnotes.models import TinyGPT

# %%
# 一段文字，许多个预测
# --------------------
# :term:`语言模型` 由前面的文字预测下一个 :term:`词元`，这里一个字符就是一个词元。
# 一段 33 个字符的文字给出 32 个预测，第 t 个预测的输入是前 t 个字符，答案是下一个字符。
# 把它们并排算，一次就算完。输入是前 32 个字符，答案是错开一位的后 32 个字符。

text = small_text("en")
characters = sorted(set(text))
tokens = torch.tensor([characters.index(c) for c in text])
cut = len(tokens) * 9 // 10
train, validation = tokens[:cut], tokens[cut:]  # 前九成训练，后一成验证
print(f"{len(train)=} {len(validation)=} {len(characters)=}")

CONTEXT = 32
window = train[: CONTEXT + 1]
x, y = window[:-1], window[1:]
print("".join(characters[i] for i in x))
print("".join(characters[i] for i in y))

# %%
# 这样做的前提是第 t 个位置只看得到前 t 个字符，这由 :term:`因果掩码` 保证。
# ``TinyGPT`` 是两层 :term:`自注意力` 的语言模型，:ref:`attention-tiny-gpt` 一页会写出它。参数 ``causal`` 决定用不用掩码。
#
# .. predict::
#
#    去掉掩码，其余都不变。与有掩码时相比，训练损失和验证损失会怎样？
#
#    - 训练损失低得多，验证损失高得多，像 :term:`过拟合` 那样
#    - 两个都低得多，接近 0
#    - 两个都高一些，因为后面的字符对预测没有帮助

loss_fn = nn.CrossEntropyLoss()


def make_model(seed, causal):
    torch.manual_seed(seed)
    return TinyGPT(len(characters), context=CONTEXT, dim=32, n_heads=2, causal=causal)


def loss_of(model, windows):  # (B, T + 1)
    logits = model(windows[:, :-1])  # (B, T, n_tokens)
    return loss_fn(logits.flatten(0, 1), windows[:, 1:].flatten())


def fit(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(150):
        starts = torch.randint(len(train) - CONTEXT, (16, 1))
        loss = loss_of(model, train[starts + torch.arange(CONTEXT + 1)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)


windows = validation.unfold(0, CONTEXT + 1, CONTEXT)  # (n, T + 1)
print(f"guessing costs {torch.tensor(len(characters)).log():.2f}")
print("mask    training loss  validation loss")
models, curves, results = {}, {}, {}
for causal in (True, False):
    rows = []
    for seed in range(5):
        model = make_model(seed, causal)
        losses = fit(model)
        with torch.no_grad():
            rows.append((losses[-20:].mean(), loss_of(model, windows)))
        models[causal, seed], curves[causal, seed] = model, losses
    results[causal] = torch.tensor(rows)
    means, deviations = results[causal].mean(dim=0), results[causal].std(dim=0)
    cells = [f"{m:.2f} ± {s:.2f}" for m, s in zip(means, deviations, strict=True)]
    print(f"{causal!s:6} {cells[0]:>14} {cells[1]:>16}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for (causal, seed), losses in curves.items():
    name = ("with mask" if causal else "without") if seed == 0 else None
    color, smooth = (
        "C0" if causal else "C1",
        losses.view(-1, 5).mean(dim=1),
    )  # 5 步的平均
    ax.plot(range(3, len(losses), 5), smooth, color=color, alpha=0.6, label=name)
ax.set(xlabel="step", ylabel="training loss", ylim=(0, None))
ax.legend()
# alt: 蓝色的五条线从四点几降到二点几，橙色的五条线先一起下降，然后迅速降到 0 附近
plt.show()

# %%
# .. answer:: B
#
#    没有掩码时，两个损失的平均都不到 1，有掩码时都在 2 以上，所以 C 不成立。第 t 个位置看得到第 t + 1 个字符，
#    那正是它的答案，网络只要学会抄下一个位置的字符。验证的文字里也有答案可抄，所以验证损失一样低，A 不成立。
#
# 两个损失都说谎，因为它们算的时候，答案都在输入里。实际使用时，下一个字符还没有写出来。
#
# 不让它看答案
# ------------
# 下面只给模型前 16 个字符，看它预测的第 17 个。答案不在输入里，它就没有东西可抄。再让它从“The ”开始写 50 个字符。


@torch.no_grad()
def write(model, start, n):
    tokens = torch.tensor([[characters.index(c) for c in start]])
    for _ in range(n):
        probabilities = model(tokens[:, -CONTEXT:])[:, -1].softmax(dim=-1)
        tokens = torch.cat([tokens, torch.multinomial(probabilities, 1)], dim=1)
    return "".join(characters[i] for i in tokens[0])


for causal in (True, False):
    honest = []
    for seed in range(5):
        with torch.no_grad():
            logits = models[causal, seed](windows[:, :16])[:, -1]  # 最后一个位置
        honest.append(loss_fn(logits, windows[:, 16]))
    honest = torch.stack(honest)
    mean, deviation = honest.mean(), honest.std()
    print(f"mask {causal!s:5} loss of a hidden answer {mean:.2f} ± {deviation:.2f}")

for causal in (True, False):
    torch.manual_seed(0)
    print(f"wrote: {write(models[causal, 0], 'The ', 50)!r}")

# %%
# 有掩码时，这样测得的损失与验证损失相近，略低一些。
# 没有掩码时，它比瞎猜的 4.48 还高，因为网络抄的那个位置什么也没有。最后两行是写出来的文字，先有掩码，后没有，没有的那一行更不像英文。
#
# 常见错误：以为验证损失能发现它
# ------------------------------
# 验证损失用的是同样的前向计算，有同样的漏洞，所以再小心地划分数据也没有用。改法是写上因果掩码，
# ``F.scaled_dot_product_attention`` 的参数是 ``is_causal=True``。怎样在训练之前发现呢？改动最后一个词元，前面各个位置的输出不应当变。


@torch.no_grad()
def sees_future(model, n_tokens, length):
    tokens = torch.randint(n_tokens, (4, length))
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % n_tokens
    before, after = model(tokens)[:, :-1], model(changed)[:, :-1]
    return not torch.allclose(before, after, atol=1e-5)


for causal in (True, False):
    model = make_model(0, causal)  # 没有训练过
    print(f"{causal=} {sees_future(model, len(characters), CONTEXT)=}")

# %%
# .. change-it::
#
#    只在第二层漏写掩码，第一层照写。验证损失会低得可疑吗？检查能发现吗？

# hide-cell: 只漏一层
model = make_model(0, causal=True)
model.blocks[1].attention.causal = False
print(f"{sees_future(model, len(characters), CONTEXT)=}")
fit(model)
with torch.no_grad():
    print(f"validation loss of one seed {loss_of(model, windows):.2f}")

# %%
# .. outcome::
#
#    这一个种子的验证损失与有掩码时差不多，训练了 150 步还没有学会去看答案，所以从损失上看不出来。
#    检查却能发现，因为它看的是信息能不能传过来，与网络学会了什么无关。

# %%
# .. real-projects::
#
#    答案泄漏的还有别的路，例如对整段文字做归一化，或者用双向的循环网络，上面的检查对它们同样有效。
#    如果训练损失低得不像话，先怀疑泄漏，再高兴。有的模型本来就要看两边，例如 BERT，它预测的是被盖住的词元。
#    参数 ``is_causal`` 见 `scaled_dot_product_attention
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html>`__，BERT 见
#    `Devlin 等人的论文 <https://arxiv.org/abs/1810.04805>`__。

# %%
# 小结
# ----
# - 规则：预测下一个词元时，每个位置只能看到自己和前面的。缺了掩码，训练损失和验证损失都会说谎。
# - API：``F.scaled_dot_product_attention(q, k, v, is_causal=True)``。
# - 下一页：:ref:`attention-positions`
