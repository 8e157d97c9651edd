# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-memory-length:

能记住多远
==========

一句话的最后一个词，可能取决于很多步以前的一个词。循环网络把读过的东西都压在一个状态里，它能记住多远？常听说 LSTM 是为了记得更远而设计的。换成 LSTM，就记得住 24 步以前吗？

你将学到：

- 用梯度看训练以前的网络传得多远
- 修改 LSTM 的一个初值，使它记得更远
- 判断截断的反向传播够不够长
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 一个只考记忆的任务
# ------------------
# 先给出四个记号之一，后面是 ``distance`` 步没有用的 ±1，最后要说出记号是哪一个。碰运气的 :term:`准确率` 是 0.25。每一步的输入有 5 个数，前 4 个是记号的 :term:`独热编码`，第 5 个是 ±1。参数 ``before`` 是记号以前有几步 ±1。


def make_data(n, distance, generator, before=0):
    marks = torch.randint(4, (n,), generator=generator)
    x = torch.zeros(n, before + 1 + distance, 5)  # (B, T, 5)
    x[..., 4] = torch.randint(2, x.shape[:2], generator=generator) * 2.0 - 1
    x[:, before] = nn.functional.one_hot(marks, 5).float()
    return x, marks


x, marks = make_data(1, distance=3, generator=torch.Generator().manual_seed(0))
print(f"mark {marks.item()}, then 3 steps of noise:", x[0], sep="\n")

# %%
# 梯度传得回去吗
# --------------
# 要学会记住记号，:term:`梯度` 就要从最后一步传回到记号那一步。每往回一步，梯度就乘以一次状态对前一个状态的导数。
#
# - RNN 的状态每一步都整个重新计算，导数里有权重和 tanh 的斜率。
# - :term:`长短期记忆网络`\ （LSTM）另有一个单元状态，每一步把旧的单元状态乘以遗忘 :term:`门`，再加上新的内容。遗忘门接近 1 时，旧的就留得住。
# - :term:`门控循环单元`\ （GRU）用一个更新门在旧的状态和新的内容之间加权平均。更新门接近 1 时，旧的就留得住。
#
# 最后一个输出有 16 个数，下面的函数求它们的和对每一步输入的梯度。网络还没有训练。


def reach(make):
    """最后一个输出对 1 到 24 步以前的输入的梯度的大小，五个种子的几何平均。"""
    norms = []
    for seed in range(5):
        torch.manual_seed(seed)
        layer = make(5, 16, batch_first=True)
        x, _ = make_data(1, 24, torch.Generator().manual_seed(seed), before=10)
        layer(x.requires_grad_())[0][0, -1].sum().backward()
        norms.append(x.grad[0].norm(dim=1).flip(0)[1:25])
    return torch.stack(norms).log().mean(dim=0).exp()


def shrinks(name, values):
    """1 步以前的梯度是 8 步和 24 步以前的多少倍。"""
    print(f"{name:12} {values[0] / values[7]:7.1f} {values[0] / values[23]:9.1e}")


# %%
# .. predict::
#
#    输出对 24 步以前的输入的梯度，是对 1 步以前的输入的梯度的几分之几？
#
#    - RNN 不到千分之一，GRU 和 LSTM 还有十分之一以上，因为它们有门
#    - 三种都不到千分之一，因为每往回一步，梯度都变小
#    - 三种都还有十分之一以上，因为 24 步不算远

makers = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
norms = {name: reach(make) for name, make in makers.items()}
print(f"{'smaller by':12} 8 steps  24 steps")
for name, values in norms.items():
    shrinks(name, values)

# %%
# .. answer:: B
#
#    GRU 和 LSTM 比 RNN 传得远，但是对 24 步以前的输入的梯度，也不到对 1 步以前的万分之一，所以 A 和 C 都不成立。
#
# 有门为什么还不够？门是 sigmoid 的输出，它的偏置开始时接近 0，门就接近 0.5，旧的内容每一步都丢掉一半左右。如果门太小就是原因，那么只改这个门的偏置，梯度就应当传得远。下面让 LSTM 的这个偏置开始时是 0、1 或者 3。


def biased(kind, bias):
    """偏置有几组，第二组是 LSTM 的遗忘门，也是 GRU 的更新门。"""

    def make(d_in, d_hidden, batch_first):
        layer = kind(d_in, d_hidden, batch_first=batch_first)
        with torch.no_grad():  # 两份偏置相加，所以另一份设为 0
            layer.bias_ih_l0[d_hidden : 2 * d_hidden] = bias
            layer.bias_hh_l0[d_hidden : 2 * d_hidden] = 0
        return layer

    return make


print(f"{'smaller by':12} 8 steps  24 steps")
for bias in (0.0, 1.0, 3.0):
    name, values = f"LSTM, bias {bias:.0f}", reach(biased(nn.LSTM, bias))
    shrinks(name, values)
    print(f"{'':12} sigmoid of the bias {torch.tensor(bias).sigmoid():.2f}")
    if bias > 0:
        makers[name], norms[name] = biased(nn.LSTM, bias), values

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
styles = ("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1)), ":")
for (name, values), style in zip(norms.items(), styles, strict=True):
    ax.semilogy(range(1, 25), values, linestyle=style, lw=2, label=name)
ax.set(xlabel="steps back", ylabel="gradient norm")
ax.legend()
# alt: 纵轴是对数刻度。RNN、GRU 和 LSTM 的三条线随步数近似直线下降，RNN 最陡；偏置是 1 的 LSTM 下降得慢得多，偏置是 3 的几乎是水平的
plt.show()

# %%
# 偏置是 0 时，梯度照样传不远。偏置是 3 时，24 步以前的梯度还有 1 步以前的一半以上。只改了这一个偏置，所以原因确实是遗忘门开始时太小。
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


def fit(make, distance, seed, window=1000, before=0, frozen=False, steps=100):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = Recall(make)
    model.rnn.requires_grad_(not frozen)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(steps):
        x, marks = make_data(32, distance, generator, before)
        optimizer.zero_grad()
        loss_fn(model(x, window), marks).backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    x, marks = make_data(1000, distance, generator, before)  # 新的数据，用来验证
    with torch.no_grad():
        return (model(x, window).argmax(dim=1) == marks).float().mean().item()


def show(name, make, distance, **options):
    runs = [fit(make, distance, seed, **options) for seed in range(5)]
    print(f"{name:12}", *(f"{run:.2f}" for run in runs), f" {sum(runs) / 5:.2f}")


for distance, names in ((8, ("RNN", "GRU", "LSTM")), (24, makers)):
    print(f"distance {distance:<3} {'seeds 0 to 4':24}  mean")
    for name in names:
        show(name, makers[name], distance)

# %%
# 相隔 8 步时，三种默认的网络都学到了不少。相隔 24 步时，LSTM 停在碰运气的 0.25 左右，还不如 RNN。同样是 LSTM，只改遗忘门的偏置，偏置是 1 时，训练 100 步还不够。偏置是 3 时，五个种子都远高于碰运气。所以只换成 LSTM 不够，还要改它的初值。
#
# RNN 的梯度开始时缩小得最多，却比默认的 LSTM 学得好。可见开始时的梯度小只是一个警告，不能由它断定学不会，也不能用它比较不同种类的网络。同是 LSTM，只改一个偏置时，这个比较有用，梯度几乎不缩小的那一个学会了。
#
# .. change-it::
#
#    GRU 也有这样的门。把它的更新门的偏置也设为 3，梯度传得多远？再训练相隔 24 步的任务，它学得会吗？

# hide-cell: 更新门接近 1 的 GRU
open_gru = biased(nn.GRU, 3.0)
shrinks("GRU, bias 3", reach(open_gru))
show("GRU, bias 3", open_gru, distance=24)

# %%
# .. outcome::
#
#    24 步以前的梯度还有 1 步以前的约三分之一，任务也学得会，五个种子都是 1.00。
#
# 常见错误：一段只比依赖长一点
# ----------------------------
# 序列很长时，常分成几段来读，状态传给下一段，但是用 ``detach()`` 截断梯度，这样反向传播就不用经过整个历史。这叫截断的 :term:`沿时间反向传播`。
#
# .. predict::
#
#    遗忘门偏置是 3 的 LSTM，先读 4 步 ±1，再读记号，再过 6 步回答。每 8 步截断一次，训练 150 步。五个种子的准确率都会到 1.00 吗？
#
#    - 都会，因为一段有 8 步，相隔只有 6 步
#    - 都会，因为状态传给了下一段，记号还在里面
#    - 不会，因为梯度传不回记号那一步

open_lstm = makers["LSTM, bias 3"]
show("uncut", open_lstm, 6, before=4, steps=150)
show("cut", open_lstm, 6, before=4, window=8, steps=150)
show("cut, frozen", open_lstm, 6, before=4, window=8, steps=150, frozen=True)
show("cut, later", open_lstm, 6, before=8, window=8, steps=150)

# %%
# .. answer:: C
#
#    不截断时五个种子都是 1.00，每 8 步截断一次，平均只有 0.29，接近碰运气，所以 A 和 B 都不成立。
#    第三行只训练输出层，循环层不训练，五个种子都比第二行高。可见记号确实传到了第二段，B 的前一半是对的，但是在这样的训练里，用截断的梯度训练循环层，还不如不训练。
#
#    最后一行的记号以前有 8 步，照样每 8 步截断，但是记号和回答同在第二段，五个种子就又都是 1.00。可见一段比依赖长还不够，还要看截断落在哪里。
#
# 截断不报错。要知道梯度传回到哪一步，可以求损失对每一步输入的梯度，看哪几步不是 0：

for window in (1000, 8):
    model = Recall(open_lstm)
    x, marks = make_data(32, 6, torch.Generator().manual_seed(0), before=4)
    loss_fn(model(x.requires_grad_(), window), marks).backward()
    steps = 1 + x.grad.norm(dim=(0, 2)).nonzero().flatten()
    print(f"{window=:<5} steps with a gradient:", *steps.tolist())

# %%
# 记号在第 5 步。每 8 步截断一次时，梯度只传回到第 9 步，循环层就学不到怎样保存记号。所以一段要比依赖长得多，落在两段之间的依赖才会少。如果不知道依赖有多远，就在验证集上比较几种长度。
#
# .. real-projects::
#
#    Keras 的 LSTM 默认把遗忘门的偏置设为 1，PyTorch 没有这样做。上面相隔 24 步时，偏置是 1 的训练 100 步还不够，可以用 ``biased`` 那样的函数试试更大的值。如果每读一段就反向传播一次，忘了 ``detach()`` 就会报错，见 :ref:`pitfalls-backward-twice`。依赖有几百步远时，常用注意力，因为任何两步之间只隔一层，见 :ref:`attention-attention-by-hand`。
#    偏置的排列次序见 `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__，遗忘门初值的作用见 `Jozefowicz 等人的论文 <https://proceedings.mlr.press/v37/jozefowicz15.html>`__。
#
# 小结
# ----
# - 规则：PyTorch 的 LSTM 的遗忘门开始时约为 0.5。依赖有几十步远时这太小，要让它一开始接近 1。一段要比依赖长得多。
# - API：``torch.nn.LSTM(...).bias_ih_l0`` 的第二组是遗忘门的偏置，和 ``bias_hh_l0`` 的第二组相加。``torch.nn.GRU`` 的第二组是更新门的偏置。
# - 下一页：:ref:`sequences-polyphones`
