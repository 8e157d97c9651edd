# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9"]
# ///
"""
.. _sequences-forecasting-baselines:

预测与基线
==========

用过去一天的温度预测下一小时，网络的曲线画出来几乎与真实的重合。可是把上一小时的温度原样照抄，曲线也几乎重合。
网络到底有没有学到东西？打乱次序再划分，又会使它显得更好吗？

你将学到：

- 把一条序列切成训练样本，按时间划分
- 用两个简单的基线衡量一个网络
- 发现打乱时间造成的乐观，并减轻趋势的影响
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import noisy_sine  # torchnotes 在本页的 zip 包里

# %%
# 从序列到样本
# ------------
# 数据是一条周期为 25 步的正弦波，加上标准差是 0.3 的噪声。用 :term:`滑动窗口` 切成样本，
# 输入是连续的 24 个值，目标是接下来的一个。噪声无法预测，所以均方根误差（RMSE）不可能稳定地低于 0.3。

SIZE = 24


def make_windows(series, ahead=1):
    windows = series.unfold(0, SIZE + ahead, 1)  # (n, SIZE + ahead)
    return windows[:, :SIZE], windows[:, -1]


def make_series(seed, slope=0.0):
    generator = torch.Generator().manual_seed(seed)
    series = noisy_sine(640, period=25, noise=0.3, generator=generator)
    return series + slope * torch.arange(640)


x, y = make_windows(make_series(0))
print(f"{x.shape=} {y.shape=}")
print(f"next window starts one step later: {torch.equal(x[0, 1:], x[1, :-1])}")

# %%
# 相邻的窗口几乎相同，所以 :term:`时间序列` 要按时间划分，前四分之三训练，后四分之一验证。
# 中间空出 24 个窗口，使两边没有共同的值。
#
# 三种预测
# --------
# - 照抄最后一个值。
# - :term:`自回归模型` 是 24 个值的加权和，权重用最小二乘算出，没有循环，也没有激活函数。
# - LSTM 逐个读入 24 个值，再由末状态算出预测。


class Forecaster(nn.Module):
    def __init__(self, relative):
        super().__init__()
        self.relative = relative
        self.rnn = nn.LSTM(1, 16, batch_first=True)
        self.output = nn.Linear(16, 1)

    def forward(self, x):  # (B, SIZE) -> (B,)
        last = x[:, -1] if self.relative else torch.zeros(len(x))
        states, _ = self.rnn((x - last.unsqueeze(1)).unsqueeze(-1))  # (B, SIZE, 16)
        return self.output(states[:, -1]).squeeze(1) + last


loss_fn = nn.MSELoss()


def fit_lstm(x, y, seed, relative=False):
    torch.manual_seed(seed)
    model = Forecaster(relative)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(10):
        for rows in torch.randperm(len(x)).split(32):
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def with_one(x):
    return torch.cat([x, torch.ones(len(x), 1)], dim=1)  # 末列是常数项


def fit_ar(x, y):
    weights = torch.linalg.lstsq(with_one(x), y.unsqueeze(1)).solution  # (SIZE + 1, 1)
    return lambda x: (with_one(x) @ weights).squeeze(1)


def split(n, shuffled, seed):
    order = torch.arange(n)
    if shuffled:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    cut = n * 3 // 4
    return order[: cut - SIZE], order[cut:]


def rmse(predicted, y):
    return (predicted - y).square().mean().sqrt().item()


def compare(methods, slope=0.0, ahead=1, shuffled=False):
    errors = {name: [] for name in methods}
    for seed in range(5):
        x, y = make_windows(make_series(seed, slope), ahead)
        train, validation = split(len(x), shuffled, seed)
        for name in methods:
            if name == "last value":
                predicted = x[validation, -1]
            elif name == "AR":
                predicted = fit_ar(x[train], y[train])(x[validation])
            else:
                model = fit_lstm(x[train], y[train], seed, relative="relative" in name)
                with torch.no_grad():
                    predicted = model(x[validation])
            errors[name].append(rmse(predicted, y[validation]))
    for name, values in errors.items():
        values = torch.tensor(values)
        print(f"{name:14} RMSE {values.mean():.3f} ± {values.std():.3f}")
    return errors


# %%
# .. predict::
#
#    预测下一步，验证误差从小到大是什么次序？
#
#    - LSTM、自回归模型、照抄，因为 LSTM 能表示非线性的关系
#    - 自回归模型与 LSTM 差不多，照抄明显更大
#    - 三者差不多，因为相邻两步的值很接近

errors = compare(("last value", "AR", "LSTM"))
lower = sum(a < b for a, b in zip(errors["AR"], errors["LSTM"], strict=True))
print(f"AR is lower than LSTM in {lower} of 5")

# %%
# .. answer:: B
#
#    自回归模型和 LSTM 相差不到一个标准差，都接近噪声的 0.3，所以 A 不成立。照抄的误差是 0.481，五个种子的平均差远大于标准差，
#    所以 C 也不成立。这条序列可以由前面的值线性地算出，LSTM 能表示的别的关系在这里用不上。
#
# 图上看起来怎样
# --------------

# hide-input: 画图
x, y = make_windows(make_series(0))
train, validation = split(len(x), shuffled=False, seed=0)
part = validation[:60]
curves = {"last value": x[part, -1], "AR": fit_ar(x[train], y[train])(x[part])}
fig, axes = plt.subplots(
    2, 1, figsize=(6.5, 3.6), layout="constrained", sharex=True, sharey=True
)
for ax, (name, predicted), color in zip(
    axes, curves.items(), ("C1", "C2"), strict=True
):
    ax.plot(part, y[part], "o", ms=3, color="C0", label="true value")
    ax.plot(part, predicted, color=color, label=name)
    ax.set(ylabel="value", ylim=(-1.6, 2.2))
    ax.legend(loc="upper right", ncols=2)
axes[1].set(xlabel="step")
# alt: 上图的折线是照抄，形状与真实的点相同，只是向右错开一步；下图的曲线是自回归模型，比点平滑，从点的中间穿过
plt.show()

# %%
# 上面的折线是照抄，它的起伏与真实的点一样，只是晚了一步，一眼看去却很像。
# 下面的曲线不跟着噪声起伏，看起来不如上面像，误差却小。所以要看误差，并且与照抄比较。
#
# .. change-it::
#
#    改为预测 12 步以后，也就是将近半个周期以后。照抄的误差会怎样，另外两种呢？

# hide-cell: 12 步以后
compare(("last value", "AR", "LSTM"), ahead=12)

# %%
# .. outcome::
#
#    半个周期以后，波正好反过来，照抄的误差升到 1.484。另外两种几乎不变，因为它们用到整个窗口。

# %%
# 常见错误：打乱时间
# ------------------
# 现在给序列加上每步 0.005 的趋势。如果像处理图像那样打乱窗口再划分，验证误差就不可信。
#
# .. predict::
#
#    有趋势时，按时间划分与打乱划分相比，LSTM 的验证误差哪个大？自回归模型呢？
#
#    - LSTM 按时间划分的大，自回归模型两者差不多
#    - 两种模型都是按时间划分的大，因为打乱使答案泄漏到训练集
#    - 两种模型都差不多，因为趋势很慢

names = ("last value", "AR", "LSTM", "LSTM, relative")
for shuffled in (False, True):
    print("shuffled" if shuffled else "split by time")
    compare(names, slope=0.005, shuffled=shuffled)

# %%
# .. answer:: A
#
#    LSTM 的误差在按时间划分时是 0.529，打乱以后只有 0.422，所以 C 不成立。验证的值比训练时见过的都高，
#    而 LSTM 的状态不超过 1，难以外推。打乱以后，验证的值夹在训练的值之间，这个难处就看不见了。
#    自回归模型两次几乎相同，因为加权和能够外推趋势，所以 B 不成立。将来总在训练以后，所以按时间划分的数才是实际会遇到的。
#
# 最后一行是一种改法，先从窗口里减去最后一个值，网络预测的是与它的差。于是输入和目标都没有趋势，两种划分的误差相同，都是 0.410。
# 它不是没有代价，没有趋势时会怎样呢？
#
# .. change-it::
#
#    把趋势改回 0，也就是 ``slope=0.0``，再与 LSTM 的 0.338 比较。

# hide-cell: 没有趋势时
compare(("LSTM, relative",))

# %%
# .. outcome::
#
#    误差是 0.411，比 0.338 大。最后一个值带着噪声，减去它就把噪声加到整个窗口上。所以只在有趋势时才这样做。

# %%
# .. real-projects::
#
#    季节性的数据还有一个更强的照抄，就是照抄一个周期以前的值。评估时常让训练的终点逐步后移，反复划分，
#    scikit-learn 的 ``TimeSeriesSplit`` 就是这样做的。标准化的均值和标准差也只能用训练的部分来算。
#    LSTM 的参数见 `torch.nn.LSTM <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__，更多基线见
#    `Forecasting: Principles and Practice <https://otexts.com/fpp3/simple-methods.html>`__。

# %%
# 小结
# ----
# - 规则：按时间划分，先与照抄和自回归模型比较。序列有趋势时，让网络预测与最后一个值的差。
# - API：``series.unfold(0, size, 1)``、``torch.linalg.lstsq(a, b).solution``。
# - 下一页：:ref:`attention-attention-by-hand`
