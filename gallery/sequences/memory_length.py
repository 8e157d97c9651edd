# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-memory-length:

能记住多远
==========

一句话的最后一个词，可能取决于很多步以前的一个词。循环网络把读过的东西都压在一个状态里，它能记住多远？
常听说 LSTM 是为了记得更远而设计的。换成 LSTM，就够了吗？

你将学到：

- 用梯度判断一个网络一开始能记住多远
- 修改 LSTM 的一个初值，使它记得更远
- 判断截断的反向传播够不够长
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 一个只考记忆的任务
# ------------------
# 第一步给出四个记号之一，后面是 d 步没有用的 ±1，最后要说出第一步的记号。碰运气的 :term:`准确率` 是 0.25。
# 每一步的输入有 5 个数，前 4 个是记号的 :term:`独热编码`，第 5 个是 ±1。


def make_data(n, distance, generator):
    marks = torch.randint(4, (n,), generator=generator)
    x = torch.zeros(n, distance + 1, 5)  # (B, T, 5)
    x[torch.arange(n), 0, marks] = 1
    x[:, 1:, 4] = torch.randint(2, (n, distance), generator=generator) * 2.0 - 1
    return x, marks


x, marks = make_data(1, distance=3, generator=torch.Generator().manual_seed(0))
print(f"mark {marks.item()}, then 3 steps of noise:")
print(x[0])

# %%
# 梯度传得回去吗
# --------------
# 要学会记住第一步，:term:`梯度` 就要从最后一步传到第一步。每往回一步，梯度就乘以一次状态对前一个状态的导数。
#
# - RNN 的状态每一步都整个重新计算，导数里有权重和 tanh 的斜率。
# - :term:`长短期记忆网络` 另有一个单元状态，每一步把旧的乘以遗忘 :term:`门`，再加上新的内容。遗忘门接近 1 时，旧的就留得住。
# - :term:`门控循环单元` 用一个门在旧的状态和新的内容之间加权平均。
#
# 门是 sigmoid 的输出，它的偏置开始时接近 0，所以门开始时接近 0.5。

START = 3.0


def open_lstm(d_in, d_hidden, batch_first):
    """遗忘门开始时接近 1 的 LSTM。"""
    lstm = nn.LSTM(d_in, d_hidden, batch_first=batch_first)
    with torch.no_grad():  # 四组偏置依次是输入门、遗忘门、新的内容、输出门
        lstm.bias_ih_l0[d_hidden : 2 * d_hidden] = START
        lstm.bias_hh_l0[d_hidden : 2 * d_hidden] = 0
    return lstm


print(f"forget gate with bias 0: {torch.tensor(0.0).sigmoid():.2f}")
print(f"forget gate with bias {START:.0f}: {torch.tensor(START).sigmoid():.2f}")

# %%
# .. predict::
#
#    最后一个输出对 24 步以前的输入求梯度，还没有训练。与对前一步的梯度相比，它缩小多少？
#
#    - RNN 缩小得厉害，GRU 和 LSTM 基本不缩小，因为它们有门
#    - 三种都缩小得厉害，只有遗忘门的偏置是 3 的 LSTM 不到十倍
#    - 四种都缩小得厉害，因为初值都是随机的

makers = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "LSTM, open gate": open_lstm}
distances = range(1, 33)
reach = {}
for name, make in makers.items():
    norms = []
    for seed in range(5):
        torch.manual_seed(seed)
        layer = make(5, 16, batch_first=True)
        x, _ = make_data(1, 32, torch.Generator().manual_seed(seed))
        x.requires_grad_()
        output, _ = layer(x)
        (gradient,) = torch.autograd.grad(output[0, -1].sum(), x)
        norms.append(gradient[0].norm(dim=1).flip(0)[1:])  # 第 k 个是 k + 1 步以前
    reach[name] = torch.stack(norms).log().mean(dim=0).exp()  # 五个种子的几何平均
    ratio = (reach[name][0] / reach[name][23]).item()
    print(f"{name:16} 1 step back / 24 steps back: {ratio:.1e}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for (name, norms), style in zip(reach.items(), ("-", "--", "-.", ":"), strict=True):
    ax.semilogy(distances, norms, style, lw=2, label=name)
ax.set(xlabel="steps back", ylabel="gradient norm")
ax.legend()
# alt: 纵轴是对数刻度。RNN、GRU 和 LSTM 的三条线随步数近似直线下降，RNN 最陡；偏置是 3 的 LSTM 的线几乎是水平的
plt.show()

# %%
# .. answer:: B
#
#    默认的 GRU 和 LSTM 也缩小了几千倍以上，所以 A 不成立。有门还不够，因为门开始时只有 0.5，连乘 24 次就很小。
#    遗忘门的偏置是 3 时，门开始时是 0.95，梯度缩小不到十倍，所以 C 也不成立。
#
# 训练以后
# --------
# 梯度小，训练就慢。下面四种网络各训练 100 步，状态都是 16 个数，学习率和数据都相同。


class Recall(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.rnn = make(5, 16, batch_first=True)
        self.output = nn.Linear(16, 4)

    def forward(self, x, window):  # (B, T, 5) -> (B, 4)
        state = None
        for part in x.split(window, dim=1):
            if state is not None:  # 接着前一段的状态，但是梯度不再往前传
                parts = state if isinstance(state, tuple) else (state,)
                parts = tuple(one.detach() for one in parts)
                state = parts if isinstance(state, tuple) else parts[0]
            output, state = self.rnn(part, state)
        return self.output(output[:, -1])


loss_fn = nn.CrossEntropyLoss()


def fit(make, distance, seed, window=1000, lr=0.01):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = Recall(make)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(100):
        x, marks = make_data(32, distance, generator)
        loss = loss_fn(model(x, window), marks)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    x, marks = make_data(300, distance, generator)  # 新的数据，用来验证
    with torch.no_grad():
        return (model(x, window).argmax(dim=1) == marks).float().mean().item()


def show(name, make, distance, **options):
    runs = [fit(make, distance, seed, **options) for seed in range(5)]
    cells = " ".join(f"{run:.2f}" for run in runs)
    print(f"{name:16} d={distance:2}  {cells}  mean {sum(runs) / 5:.2f}")


for distance in (8, 32):
    for name, make in makers.items():
        show(name, make, distance)

# %%
# 五列是五个种子。相隔 8 步时，四种都学会了一些。相隔 32 步时，只有遗忘门敞开的 LSTM 学会，五个种子都远高于碰运气，
# 另外三种都停在 0.25 左右，也就是碰运气。所以有门不够，门一开始就要敞开，与上面的梯度一致。
#
# .. change-it::
#
#    给 RNN 换更大的学习率 0.03，再训练相隔 32 步的任务。梯度一开始这样小，它还学得会吗？

# hide-cell: 更大的学习率
show("RNN, lr 0.03", nn.RNN, 32, lr=0.03)

# %%
# .. outcome::
#
#    有的种子学会了一部分，有的还是碰运气。一开始的梯度不是定数，训练会改变权重，也就改变梯度。但是五个种子里没有一个全对。

# %%
# 常见错误：截断得太短
# --------------------
# 序列很长时，常分成几段来读，状态传给下一段，但是用 ``detach()`` 截断梯度，否则反向传播要经过整个历史。
# 如果忘了截断，第二次反向传播会报错，见 :ref:`pitfalls-backward-twice`。截断本身也有代价，而且不报错。
#
# .. predict::
#
#    遗忘门敞开的 LSTM，相隔 32 步，每 11 步截断一次。第一步的记号经过状态仍传到了最后。它学得会吗？
#
#    - 学得会，因为状态没有断，记号还在里面
#    - 多半学不会，因为答错时的梯度传不到第一步
#    - 一样快，因为截断只影响内存

show("window 11", open_lstm, 32, window=11)
show("window 11", open_lstm, 8, window=11)

# %%
# .. answer:: B
#
#    第一行平均只有 0.31，多数种子停在碰运气的 0.25 上下，而不截断时平均是 0.85，所以 A 和 C 都不成立。状态确实没有断，
#    但是怎样把记号写进状态，要靠传到第一步的梯度来学。第二行相隔 8 步，在一段之内，所以五个种子都学会了。
#
# 这样的截断叫截断的 :term:`沿时间反向传播`。一段的长度要大于任务里的依赖有多远。
# 如果不知道有多远，就在验证集上比较几种长度。

# %%
# .. real-projects::
#
#    Keras 的 LSTM 默认把遗忘门的偏置设为 1，PyTorch 没有这样做，要像 ``open_lstm`` 那样自己设。
#    依赖有几百步远时，注意力更合适，因为任何两步之间只隔一层，见 :ref:`attention-attention-by-hand`。
#    偏置的排列次序见 `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__，遗忘门初值的作用见
#    `Jozefowicz 等人的论文 <https://proceedings.mlr.press/v37/jozefowicz15.html>`__。

# %%
# 小结
# ----
# - 规则：先看最后一个输出对很早的输入的梯度。如果它太小，就让遗忘门一开始接近 1。截断的长度要大于依赖的长度。
# - API：``torch.nn.LSTM(...).bias_ih_l0`` 的第二组是遗忘门的偏置。
# - 下一页：:ref:`sequences-polyphones`
