# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-padding-and-packing:

填充与打包
==========

句子有长有短，一个批次却要装进一个张量，所以短的句子要在末尾 :term:`填充`。循环网络不知道哪些是填充，
会一直读到最后一步。那么，它读完以后的末状态还是这句话的末状态吗？

你将学到：

- 把长短不一的序列填充成一个批次，再打包
- 取出每个序列真正的末状态
- 修正长度没有排序的报错
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

# %%
# 末尾的填充
# ----------
# 函数 ``pad_sequence`` 在短的 :term:`序列` 末尾补 0，把几个序列排成一个张量。下面的三个序列长 4、2、3，每一步只有一个数。

sequences = [torch.tensor(s) for s in ([1.0, 1, -1, 1], [-1.0, 1], [1.0, -1, -1])]
lengths = torch.tensor([len(s) for s in sequences])
x = pad_sequence(sequences, batch_first=True).unsqueeze(-1)  # (B, T, 1)
print(f"{x.shape=}, {lengths.tolist()=}")
print(x.squeeze(-1))

# %%
# .. predict::
#
#    把 ``x`` 交给 ``nn.RNN``，取出它返回的末状态。再把第 1 个序列单独交给它，不填充，也取出末状态。两者相同吗？
#
#    - 相同，因为填充的是 0，0 乘以权重还是 0
#    - 相同，因为三个序列互不影响
#    - 不同，因为读 0 的时候，隐藏状态也会更新

torch.manual_seed(0)
rnn = nn.RNN(1, 3, batch_first=True)
with torch.no_grad():
    output, last = rnn(x)
    alone = torch.stack([rnn(s.view(1, -1, 1))[1][0, 0] for s in sequences])
for i, length in enumerate(lengths.tolist()):
    difference = (last[0, i] - alone[i]).abs().max()
    print(f"length {length}: padded and alone differ by {difference:.3f}")

# %%
# .. answer:: C
#
#    只有最长的那一个相同，因为它没有填充。读到 0 时，输入这一项确实是 0，但是还有偏置和旧状态的那一项，
#    所以状态仍然更新，A 不成立。B 说的也对，三个序列互不影响，但是每个序列自己的填充改变了自己的状态。
#
# 打包
# ----
# 把序列 :term:`打包` 以后，循环层只读真正的数。函数 ``pack_padded_sequence`` 按步排列，先是三个序列的第 0 步，
# 再是它们的第 1 步，短的序列读完就退出。下图是各步还剩几个序列。

packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
print(f"{packed.data.squeeze(1).tolist()=}")
print(f"{packed.batch_sizes.tolist()=}")
with torch.no_grad():
    packed_output, packed_last = rnn(packed)
print(f"packed and alone differ by {(packed_last[0] - alone).abs().max():.3f}")

# %%

# hide-input: 画图
fig, axes = plt.subplots(1, 2, figsize=(6, 2.1), layout="constrained", sharey=True)
order = lengths.argsort(descending=True)
for ax, name in zip(axes, ("padded", "packed"), strict=True):
    for row, i in enumerate(order.tolist()):
        for t in range(4):
            is_real = t < lengths[i]
            if is_real or name == "padded":
                color, text = ("C0", f"{x[i, t, 0]:+.0f}") if is_real else ("C1", "0")
                ax.text(t, row, text, ha="center", va="center", color=color, size=13)
    ax.set(xlim=(-0.5, 3.5), ylim=(2.5, -0.5), xticks=range(4), yticks=range(3))
    ax.set(title=name, xlabel="step")
    ax.set_yticklabels([f"sequence {i}" for i in order.tolist()])
# alt: 左图是三行四列的数，短的两行末尾有橙色的 0；右图是同样的三行，没有 0，从上到下依次是 4、3、2 个数
plt.show()

# %%
# 打包后的末状态与单独读时相同。``pad_packed_sequence`` 把打包的输出变回填充的张量。
# 另一种做法是照常读到底，再从 ``output`` 里取每个序列第 ``length - 1`` 步的状态。

unpacked, _ = pad_packed_sequence(packed_output, batch_first=True)
picked = output[torch.arange(3), lengths - 1]  # (B, H)
print(f"{unpacked.shape=}")
print(f"picked and alone differ by {(picked - alone).abs().max():.3f}")

# %%
# 对准确率的影响
# --------------
# 下面训练一个 RNN，判断一串 ±1 的最后三个数之和是否大于 0，长度是 4 到 20。
# 训练时每一批的长度都相同，所以没有填充，打包不打包都一样，每个种子只训练一个模型。
# 验证时，300 个长短不一的序列放在一个批次里，同一个模型用两种方式读。
#
# .. predict::
#
#    填充到最长的 20 步，不打包时，验证准确率会怎样？
#
#    - 与打包时一样，因为训练时没有见过填充，模型不会去注意它
#    - 低一些，但是远高于碰运气，因为末尾的 0 只是没有信息
#    - 接近碰运气的 0.5，因为最后三个数后面隔着许多个 0


def make_data(n, generator, last):
    lengths = torch.randint(4, 21, (n,), generator=generator)
    signs = [torch.randint(2, (k,), generator=generator) * 2.0 - 1 for k in lengths]
    labels = torch.tensor([int(s[-last:].sum() > 0) for s in signs])
    return pad_sequence(signs, batch_first=True).unsqueeze(-1), lengths, labels


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 16, batch_first=True)
        self.output = nn.Linear(16, 2)

    def forward(self, x, lengths=None):  # (B, T, 1) -> (B, 2)
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.rnn(x)  # (1, B, 16)
        return self.output(state[0])


loss_fn = nn.CrossEntropyLoss()


def fit(seed, last=3, n_epochs=5):
    generator = torch.Generator().manual_seed(seed)
    x, lengths, labels = make_data(600, generator, last)
    torch.manual_seed(seed)
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(n_epochs):
        for length in torch.randperm(17) + 4:
            rows = lengths == length
            loss = loss_fn(model(x[rows, :length]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    x, lengths, labels = make_data(300, generator, last)  # 验证集
    accuracies = []
    with torch.no_grad():
        for n_steps in (20, 60):
            padding = torch.zeros(len(x), n_steps - x.shape[1], 1)
            longer = torch.cat([x, padding], dim=1)  # (B, n_steps, 1)
            for logits in (model(longer), model(longer, lengths)):
                right = logits.argmax(dim=1) == labels
                accuracies.append(right.float().mean().item())
    return accuracies


def compare(**options):
    runs = torch.tensor([fit(seed, **options) for seed in range(5)])  # (5, 4)
    ways = ("20 steps", "20 steps, packed", "60 steps", "60 steps, packed")
    for way, values in zip(ways, runs.T, strict=True):
        print(f"{way:17} {values.mean():.3f} ± {values.std():.3f}")


compare()

# %%
# .. answer:: C
#
#    “±”后面是五个种子的标准差。打包时，五个种子都全对。不打包时，填充到 20 步的准确率是 0.596，填充到 60 步是 0.484，
#    与碰运气差不多，所以 A 和 B 都不成立。模型学会的是记住最近的三个数，读过几个 0，那三个数就不是最近的了。
#
# 打包以后，填充到多少步都没有关系，因为它不读填充。
#
# .. change-it::
#
#    把任务换成判断全部数之和，也就是 ``last=20``，训练 20 轮。填充的害处还这么大吗？

# hide-cell: 全部数之和
compare(last=20, n_epochs=20)

# %%
# .. outcome::
#
#    小得多。加上 0 不改变和，模型学会的记法恰好不怕填充，所以不打包时的准确率只略低一些，差别小于标准差。
#    害处的大小取决于任务，所以不能因为一个任务上没有害处就不打包。

# %%
# 常见错误：长度没有排序
# ----------------------
# 函数 ``pack_padded_sequence`` 默认要求序列从长到短排列：

try:
    pack_padded_sequence(x, lengths, batch_first=True)
except RuntimeError as error:
    print(f"{type(error).__name__}:")
    print(str(error).partition(". ")[0])

# %%
# 写上 ``enforce_sorted=False``，它就自己排序，末状态仍按原来的次序返回。
# 长度必须放在 CPU 上，而且不能是 0，所以空的序列要先去掉：

try:
    pack_padded_sequence(x, torch.tensor([4, 0, 3]), True, enforce_sorted=False)
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).partition(',')[0]}")

# %%
# .. real-projects::
#
#    读取数据时，填充写在 ``DataLoader`` 的 ``collate_fn`` 里，见 :ref:`basics-dataset-dataloader`。
#    双向的网络更要打包，因为从右往左的方向先读到填充。注意力不用打包，而用掩码，见 :ref:`attention-masks`。
#    参数见 `pack_padded_sequence
#    <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html>`__，
#    把短序列首尾相接、完全不填充的做法见 `Krell 等人的论文 <https://arxiv.org/abs/2107.02027>`__。

# %%
# 小结
# ----
# - 规则：循环网络会读填充，所以填充过的批次要先打包，或者按长度取出各自的末状态。
# - API：``pad_sequence(sequences, batch_first=True)``、``pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)``。
# - 下一页：:ref:`sequences-memory-length`
