# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9"]
# ///
"""
.. _sequences-recurrent-shapes:

循环网络的形状
==============

循环网络逐个读入序列里的向量，一边读一边更新记住的内容。它返回两样东西，形状各不相同，
参数 ``batch_first`` 又会交换其中两个轴。如果轴的次序写错了，程序会报错吗？

你将学到：

- 手写 ``nn.RNN`` 的计算，并与它核对
- 说出输入、输出和末状态各个轴的意思
- 用一个检查发现轴的次序写错了
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

# %%
# 一步一步地读
# ------------
# :term:`循环神经网络` 有一个 :term:`隐藏状态`，开始时是 0。每读一个向量 :math:`x_t`，它就由旧的状态算出新的状态：
#
# .. math::
#
#    h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})
#
# 每一步用的是同一组参数。下图把三步依次画出来，上面是各步的输出，也就是各步的状态，最右边是末状态。

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
box = {"boxstyle": "round", "facecolor": "C0", "alpha": 0.25}
text = {"family": "monospace", "size": 11, "ha": "center", "va": "center"}
arrow = {"arrowstyle": "->", "lw": 1.5, "shrinkA": 14, "shrinkB": 14}
ax.text(0, 1, "0", **text)
for t in range(1, 4):
    ax.text(t, 1, "RNN", **text, bbox=box)
    ax.text(t, 0, f"x_{t}", **text)
    ax.text(t, 2, f"h_{t}", **text)
    for start, end in (((t, 0), (t, 1)), ((t, 1), (t, 2)), ((t - 1, 1), (t, 1))):
        ax.annotate("", end, start, arrowprops=arrow)
ax.annotate("", (4, 1), (3, 1), arrowprops=arrow)
ax.text(4.1, 1, "last\nstate", **text)
ax.text(-0.7, 2, "output", **text)
ax.text(-0.7, 0, "input", **text)
ax.set(xlim=(-1.1, 4.5), ylim=(-0.4, 2.4))
ax.set_axis_off()
# alt: 三个写着 RNN 的方框从左到右排成一行，最左边是 0，箭头依次连到最右边的末状态；每个方框下面有输入，上面有输出
plt.show()

# %%
# 手写一遍，再与 ``nn.RNN`` 核对。这里有 4 个样本，每个样本 5 步，每步 3 个数，状态有 6 个数。

torch.manual_seed(0)
B, T, D, H = 4, 5, 3, 6
x = torch.randn(B, T, D)
rnn = nn.RNN(input_size=D, hidden_size=H, batch_first=True)

h = torch.zeros(B, H)
states = []
for t in range(T):
    inputs = x[:, t] @ rnn.weight_ih_l0.T + rnn.bias_ih_l0  # (B, H)
    h = torch.tanh(inputs + h @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)  # (B, H)
    states.append(h)
by_hand = torch.stack(states, dim=1)  # (B, T, H)

output, last = rnn(x)
print(f"largest difference: {(by_hand - output).abs().max():.5f}")
print(f"{output.shape=}")
print(f"{last.shape=}")
print(f"output[:, -1] equals last[0]: {torch.equal(output[:, -1], last[0])}")

# %%
# 两者相同。输出 ``output`` 是每一步的状态，形状是 ``(B, T, H)``。
# 第二个返回值是末状态，形状是 ``(n_layers, B, H)``，第一个轴是层。只有一层时，它就是输出的最后一步。
#
# 多层和双向
# ----------
# ``num_layers=2`` 再加一层，它读前一层各步的状态。``bidirectional=True`` 另用一组参数从右往左再读一遍。
#
# .. predict::
#
#    用 ``num_layers=2, bidirectional=True``，其余不变。两个返回值的形状是什么？
#
#    - ``(4, 5, 12)`` 和 ``(4, 4, 6)``
#    - ``(4, 5, 24)`` 和 ``(4, 4, 6)``
#    - ``(4, 5, 12)`` 和 ``(2, 4, 12)``

deep = nn.RNN(D, H, num_layers=2, bidirectional=True, batch_first=True)
output, last = deep(x)
print(f"{output.shape=}")
print(f"{last.shape=}")
forward, backward = last[2], last[3]  # 最后一层的两个方向
print(f"forward  ends at the last step:  {torch.equal(output[:, -1, :H], forward)}")
print(f"backward ends at the first step: {torch.equal(output[:, 0, H:], backward)}")

# %%
# .. answer:: A
#
#    输出只有最后一层的状态，两个方向拼接起来是 12 个数，所以 B 多算了一层。
#    末状态则每一层、每个方向各有一个，第一个轴的长度是 2 × 2，第二个轴是 4 个样本，所以 C 不成立。
#    末状态的第一个轴恰好也是 4，不要与样本数混淆。
#
# 从右往左的方向最后读到的是第一步，所以它的末状态在 ``output[:, 0]`` 里，不在 ``output[:, -1]`` 里。

# %%
# .. change-it::
#
#    把 ``nn.RNN`` 换成 ``nn.LSTM``，再换成 ``nn.GRU``。返回值有几个，参数有多少？

# hide-cell: LSTM 和 GRU
for make in (nn.RNN, nn.LSTM, nn.GRU):
    layer = make(D, H, batch_first=True)
    output, state = layer(x)
    parts = state if isinstance(state, tuple) else (state,)
    n_parameters = sum(p.numel() for p in layer.parameters())
    shapes = [tuple(part.shape) for part in parts]
    print(f"{make.__name__:4} state {shapes}, {n_parameters:3} parameters")

# %%
# .. outcome::
#
#    :term:`长短期记忆网络` 的状态是一对，``h`` 和单元状态 ``c``。它的参数是 RNN 的 4 倍，
#    因为三个 :term:`门` 和新的内容各有一组权重。:term:`门控循环单元` 没有单元状态，参数是 3 倍。

# %%
# 常见错误：忘了 batch_first
# --------------------------
# 默认是 ``batch_first=False``，输入的次序是 ``(T, B, D)``，时间在前。
# 如果把 ``(B, T, D)`` 的数据交给它，它就把样本当成时间。下面的两个层参数相同，只差这一项。

torch.manual_seed(0)
right = nn.RNN(D, H, batch_first=True)
wrong = nn.RNN(D, H)
wrong.load_state_dict(right.state_dict())
print(f"{right(x)[0].shape=}")
print(f"{wrong(x)[0].shape=}")

# %%
# 没有报错，输出的形状也一样，因为 3 是最后一个轴，前两个轴多长都可以。
#
# .. predict::
#
#    现在只改第 0 个样本的第 0 步，再算一遍。用 ``wrong`` 时，哪些样本的输出会变？
#
#    - 只有第 0 个样本，因为样本之间互不相干
#    - 四个样本都变，每个样本的五步都变
#    - 四个样本都变，但是每个样本只有第 0 步变

changed = x.clone()
changed[0, 0] += 1
for name, layer in (("right", right), ("wrong", wrong)):
    moved = (layer(x)[0] - layer(changed)[0]).abs().sum(dim=2) > 0  # (B, T)
    print(name)
    print(moved.int())

# %%
# .. answer:: C
#
#    每一行是一个样本，每一列是一步，1 表示输出变了。写对时，变的是第 0 个样本的各步，这正是 A 说的。
#    写错时，变的是一整列，第 0 个样本的信息传给了后面的样本，所以 A 不成立。
#    各步之间反而不再传递，后面四列都没有变，所以 B 不成立。
#
# 这样的网络照样能训练，只是一个样本的答案取决于同一批里的别的样本。
#
# 怎样发现
# --------
# 上面的比较就是一个检查，改动一个样本，别的样本的输出不应当变。它对任何模型都适用，只要模型在评估模式下：


def leaks_between_samples(model, x):
    changed = x.clone()
    changed[0] += 1
    with torch.no_grad():
        return not torch.equal(model(x)[0][1:], model(changed)[0][1:])


print(f"{leaks_between_samples(right, x)=}")
print(f"{leaks_between_samples(wrong, x)=}")

# %%
# .. change-it::
#
#    给检查一个批次，里面只有一个样本，也就是 ``x[:1]``。它还能发现错误吗？

# hide-cell: 只有一个样本
print(f"{leaks_between_samples(wrong, x[:1])=}")

# %%
# .. outcome::
#
#    不能。没有别的样本可比，所以检查时至少要有两个样本。

# %%
# .. real-projects::
#
#    输入的长短不一时，末状态要另外处理，见下一页。``nn.RNN`` 也接受没有样本轴的 ``(T, D)``，返回 ``(T, H)``。
#    如果每一步之间还要做别的事，就用 ``nn.RNNCell``、``nn.LSTMCell`` 或 ``nn.GRUCell`` 自己写循环，它们一次只算一步。
#    参数和形状见 `torch.nn.RNN <https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html>`__，LSTM 的来历见
#    `Hochreiter 与 Schmidhuber 的论文 <https://doi.org/10.1162/neco.1997.9.8.1735>`__。

# %%
# 小结
# ----
# - 规则：输出是最后一层每一步的状态，末状态是每一层、每个方向最后一步的状态。数据是 ``(B, T, D)`` 时，要写 ``batch_first=True``。
# - API：``torch.nn.RNN(input_size, hidden_size, num_layers=1, batch_first=False, bidirectional=False)``，``LSTM`` 和 ``GRU`` 相同。
# - 下一页：:ref:`sequences-padding-and-packing`
