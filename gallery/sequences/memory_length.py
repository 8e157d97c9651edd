# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-memory-length:

能记住多远
==========

一句话的最后一个词，可能取决于很多步以前的一个词。循环网络把读过的东西都压在一个状态里，它能记住多远？
常听说 LSTM 是为了记得更远而设计的。换成 LSTM，就记得住 32 步以前吗？

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
# 先给出四个记号之一，后面是 d 步没有用的 ±1，最后要说出记号是哪一个。碰运气的 :term:`准确率` 是 0.25。
# 每一步的输入有 5 个数，前 4 个是记号的 :term:`独热编码`，第 5 个是 ±1。参数 ``before`` 是记号以前有几步 ±1。


def make_data(n, distance, generator, before=0):
    marks = torch.randint(4, (n,), generator=generator)
    x = torch.zeros(n, before + 1 + distance, 5)  # (B, T, 5)
    x[..., 4] = torch.randint(2, x.shape[:2], generator=generator) * 2.0 - 1
    x[:, before] = nn.functional.one_hot(marks, 5).float()
    return x, marks


x, marks = make_data(1, distance=3, generator=torch.Generator().manual_seed(0))
print(f"mark {marks.item()}, then 3 steps of noise:")
print(x[0])

# %%
# 梯度传得回去吗
# --------------
# 要学会记住记号，:term:`梯度` 就要从最后一步传回到记号那一步。每往回一步，梯度就乘以一次状态对前一个状态的导数。
#
# - RNN 的状态每一步都整个重新计算，导数里有权重和 tanh 的斜率。
# - :term:`长短期记忆网络` 另有一个单元状态，每一步把旧的乘以遗忘 :term:`门`，再加上新的内容。遗忘门接近 1 时，旧的就留得住。
# - :term:`门控循环单元` 用一个更新门在旧的状态和新的内容之间加权平均。更新门接近 1 时，旧的就留得住。
#
# 下面的函数求最后一个输出对每一步输入的梯度。网络还没有训练，状态有 16 个数。


def reach(make):
    """最后一个输出对 1 到 32 步以前的输入的梯度，五个种子的几何平均。"""
    norms = []
    for seed in range(5):
        torch.manual_seed(seed)
        layer = make(5, 16, batch_first=True)
        x, _ = make_data(1, 32, torch.Generator().manual_seed(seed))
        x.requires_grad_()
        output, _ = layer(x)
        (gradient,) = torch.autograd.grad(output[0, -1].sum(), x)
        norms.append(gradient[0].norm(dim=1).flip(0)[1:])
    return torch.stack(norms).log().mean(dim=0).exp()


# %%
# .. predict::
#
#    与对前一步的梯度相比，对 24 步以前的梯度缩小到多少分之一？
#
#    - RNN 是几千分之一以下，GRU 和 LSTM 不到十分之一，因为它们有门
#    - 三种都是几千分之一以下
#    - 三种都不到十分之一，因为 24 步不算远

makers = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
norms = {name: reach(make) for name, make in makers.items()}
for name, values in norms.items():
    print(
        f"{name:12} 1 step back / 24 steps back: {(values[0] / values[23]).item():.1e}"
    )

# %%
# .. answer:: B
#
#    GRU 和 LSTM 比 RNN 传得远，但是也缩小到几万分之一，所以 A 和 C 都不成立。
#
# 有门为什么还不够？门是 sigmoid 的输出，它的偏置开始时接近 0，门就接近 0.5，旧的内容每一步都丢掉一半左右。
# 如果这就是原因，那么只改这个门的偏置，梯度就应当传得远。下面让它开始时是 1 或者 3。


def biased(kind, bias):
    """偏置有几组，第二组是 LSTM 的遗忘门，也是 GRU 的更新门。"""

    def make(d_in, d_hidden, batch_first):
        layer = kind(d_in, d_hidden, batch_first=batch_first)
        with torch.no_grad():  # 两份偏置相加，所以另一份设为 0
            layer.bias_ih_l0[d_hidden : 2 * d_hidden] = bias
            layer.bias_hh_l0[d_hidden : 2 * d_hidden] = 0
        return layer

    return make


for bias in (1.0, 3.0):
    name, gate = f"LSTM, bias {bias:.0f}", torch.tensor(bias).sigmoid()
    makers[name] = biased(nn.LSTM, bias)
    norms[name] = values = reach(makers[name])
    print(f"{name:12} gate {gate:.2f}, ratio {(values[0] / values[23]).item():.1e}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
styles = ("-", "--", "-.", (0, (5, 1, 1, 1)), ":")
for (name, values), style in zip(norms.items(), styles, strict=True):
    ax.semilogy(range(1, 33), values, linestyle=style, lw=2, label=name)
ax.set(xlabel="steps back", ylabel="gradient norm")
ax.legend()
# alt: 纵轴是对数刻度。RNN、GRU 和 LSTM 的三条线随步数近似直线下降，RNN 最陡；偏置是 1 的 LSTM 下降得慢得多，偏置是 3 的几乎是水平的
plt.show()

# %%
# 别的都没有变，梯度就传得远了，所以原因确实是门。
#
# 训练以后
# --------
# 下面的网络各训练 100 步，学习率和数据都相同。``window`` 以后会用到，默认不起作用。


class Recall(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.rnn = make(5, 16, batch_first=True)
        self.output = nn.Linear(16, 4)

    def forward(self, x, window):  # (B, T, 5) -> (B, 4)
        state = None
        for part in x.split(window, dim=1):
            if isinstance(state, tuple):  # LSTM 的状态有两份
                state = tuple(one.detach() for one in state)
            elif state is not None:
                state = state.detach()
            output, state = self.rnn(part, state)
        return self.output(output[:, -1])


loss_fn = nn.CrossEntropyLoss()


def fit(make, distance, seed, window=1000, before=0, train_rnn=True):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = Recall(make)
    model.rnn.requires_grad_(train_rnn)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        x, marks = make_data(32, distance, generator, before)
        loss = loss_fn(model(x, window), marks)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    x, marks = make_data(300, distance, generator, before)  # 新的数据，用来验证
    with torch.no_grad():
        return (model(x, window).argmax(dim=1) == marks).float().mean().item()


def show(name, make, distance, **options):
    runs = [fit(make, distance, seed, **options) for seed in range(5)]
    cells = " ".join(f"{run:.2f}" for run in runs)
    print(f"{name:16} d={distance:<2}  {cells}  mean {sum(runs) / 5:.2f}")


for name in ("RNN", "GRU", "LSTM"):
    show(name, makers[name], distance=8)
for name, make in makers.items():
    show(name, make, distance=32)

# %%
# 五列是五个种子。相隔 8 步时，三种默认的网络都学到了不少。相隔 32 步时，它们都停在碰运气的 0.25 左右，遗忘门的偏置是 1 也不够，
# 偏置是 3 时五个种子都远高于碰运气。
# 但是梯度的次序不就是成绩的次序，相隔 8 步时 RNN 并不比 LSTM 差。
#
# .. change-it::
#
#    GRU 也有这样的门。把它的更新门的偏置也设为 3，再训练相隔 32 步的任务，它学得会吗？

# hide-cell: 更新门接近 1 的 GRU
show("GRU, bias 3", biased(nn.GRU, 3.0), distance=32)

# %%
# .. outcome::
#
#    学得会，五个种子都远高于碰运气，而默认的 GRU 全是碰运气。

# %%
# 常见错误：边界落在依赖中间
# --------------------------
# 序列很长时，常分成几段来读，状态传给下一段，但是用 ``detach()`` 截断梯度，这样反向传播就不用经过整个历史。这叫截断的 :term:`沿时间反向传播`。
#
# .. predict::
#
#    遗忘门偏置是 3 的 LSTM，先读 5 步 ±1，再读记号，再过 8 步回答。每 11 步截断一次。它学得会吗？
#
#    - 学得会，因为一段有 11 步，相隔只有 8 步
#    - 学得会，因为状态传给了下一段，记号还在里面
#    - 学不会，因为记号在第一段，回答在第二段

open_lstm = makers["LSTM, bias 3"]
show("not truncated", open_lstm, 8, before=5)
show("window 11", open_lstm, 8, before=5, window=11)
show("only output", open_lstm, 8, before=5, train_rnn=False)
show("mark first", open_lstm, 8, window=11)

# %%
# .. answer:: C
#
#    不截断时五个种子全对，每 11 步截断一次，就接近碰运气。所以 A 和 B 都不成立。
#    记号在第 6 步，回答在第 14 步，梯度只传回到第 12 步。状态确实没有断，但是怎样把记号写进状态，要靠传到记号的梯度来学。
#    第三行是对照，循环的部分完全不训练，只训练输出层，成绩也不比第二行差。最后一行去掉开头的 5 步，记号和回答同在一段，就又学会了。
#
# 截断不报错。所以一段要比依赖长得多，落在两段之间的依赖才会少。如果不知道依赖有多远，就在验证集上比较几种长度。

# %%
# .. real-projects::
#
#    Keras 的 LSTM 默认把遗忘门的偏置设为 1，PyTorch 没有这样做，要像 ``biased`` 那样自己设。
#    如果每读一段就反向传播一次，忘了 ``detach()`` 就会报错，见 :ref:`pitfalls-backward-twice`。
#    依赖有几百步远时，常用注意力，因为任何两步之间只隔一层，见 :ref:`attention-attention-by-hand`。
#    偏置的排列次序见 `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__，遗忘门初值的作用见
#    `Jozefowicz 等人的论文 <https://proceedings.mlr.press/v37/jozefowicz15.html>`__。
#
# 小结
# ----
# - 规则：先看最后一个输出对很早的输入的梯度。如果它太小，就让遗忘门一开始接近 1。分段的边界不要落在依赖中间。
# - API：``torch.nn.LSTM(...).bias_ih_l0`` 的第二组是遗忘门的偏置，与 ``bias_hh_l0`` 的相加。
# - 下一页：:ref:`sequences-polyphones`
