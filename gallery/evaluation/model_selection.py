# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-model-selection:

选择带来的乐观
==============

试了五十种设置，挑出得分最高的一种，报告它的得分。这个得分是真的测出来的，没有写错一行代码。
换一批新的数据，还能得到这样高的分吗？

你将学到：

- 测量挑选使得分偏高多少
- 说明为什么选择和报告要用不同的数据
- 用两组差别更小的候选作对照，查出偏高的来源
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits

# %%
# 许多便宜的候选
# --------------
# 要重复许多次，候选就得训练得快。这里的候选是两层网络，隐藏层的 :term:`权重` 随机取定以后不再改变，
# 只有输出层用岭回归算出，也就是带 L2 惩罚的最小二乘，不用循环。隐藏层的单元数和种子不同，就是不同的候选。

digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16  # (n, 64)
labels = torch.tensor(digits.target)
targets = 2.0 * (labels.unsqueeze(1) == torch.arange(10)) - 1  # 正确的类是 1，其余是 −1


def predict_all(train, seed, width):
    """在 train 上拟合一个候选，返回它对全部图像的预测。"""
    generator = torch.Generator().manual_seed(seed)
    weight = 0.3 * torch.randn(64, width, generator=generator)
    bias = torch.randn(width, generator=generator)
    hidden = torch.relu(images @ weight + bias)
    hidden = torch.cat([hidden, torch.ones(len(images), 1)], dim=1)  # (n, width + 1)
    a, b = hidden[train], targets[train]
    output = torch.linalg.solve(a.T @ a + torch.eye(width + 1), a.T @ b)
    return (hidden @ output).argmax(dim=1)


# %%
# 每次重复都重新划分，200 张训练，100 张 :term:`验证集`，100 张 :term:`测试集`，其余的 1397 张当作将来的新数据。
# 实际工作中没有这样多的新数据，这里用它们来知道真正的 :term:`准确率`。本页要比较的正是测试集该怎样用，所以会看它。

N_CANDIDATES = 50
WIDTHS = (20, 30, 40, 50, 60)


def scores(repeat, widths):
    """50 个候选在验证集、测试集和新数据上的准确率。"""
    generator = torch.Generator().manual_seed(repeat)
    order = torch.randperm(len(images), generator=generator)
    train, *parts = order.split([200, 100, 100, len(images) - 400])
    table = []
    for k in range(N_CANDIDATES):
        width = widths[torch.randint(len(widths), (), generator=generator).item()]
        right = predict_all(train, 1000 * repeat + k, width) == labels
        table.append([right[rows].float().mean() for rows in parts])
    return torch.tensor(table)


different = torch.stack([scores(repeat, WIDTHS) for repeat in range(40)])  # (40, 50, 3)
on_validation, on_test, on_new = different.unbind(dim=2)
print(f"{different.shape=}")
print(
    f"true accuracy of the candidates {on_new.mean():.3f} ± {on_new.std(dim=1).mean():.3f}"
)

# %%
# “±”后面是一次重复里 50 个候选的标准差。候选有好有坏，挑选是有意义的。
#
# .. predict::
#
#    在测试集上挑出 50 个中最好的，报告它在测试集上的准确率。与它在新数据上的准确率相比，平均差多少？
#
#    - 差不多，因为测试集没有用来训练
#    - 高 3 到 6 个百分点，因为挑出的分数里有碰巧的成分
#    - 高 3 到 6 个百分点，因为 50 个候选过拟合了训练集


def optimism(choose, report, new, k):
    """从前 k 个里按 choose 挑，返回报告的减去真正的准确率，以及真正的平均。"""
    best = choose[:, :k].argmax(dim=1, keepdim=True)
    return (report.gather(1, best) - new.gather(1, best)).squeeze(1), new.gather(
        1, best
    ).mean()


def show(table):
    validation, test, new = table.unbind(dim=2)
    print("candidates   true accuracy   chosen on test   chosen on validation")
    for k in (1, 2, 5, 10, 20, 50):
        by_test, true = optimism(test, test, new, k)
        by_validation, _ = optimism(validation, test, new, k)
        error = by_test.std() / 40**0.5  # 平均值的标准误
        print(f"{k:>10} {true:>15.3f}   {by_test.mean():+.3f} ± {error:.3f}", end="")
        print(f"   {by_validation.mean():+.3f} ± {by_validation.std() / 40**0.5:.3f}")


show(different)

# %%
# .. answer:: B
#
#    第三列是报告的减去真正的准确率，“±”后面是 40 次重复的平均值的 :term:`标准误`。50 个候选时，它高出四个百分点左右，A 不成立。
#    最右一列用同样的候选，只是在验证集上挑，再到测试集上报告一次，它就接近 0。候选和训练集都没有变，所以 C 不成立。
#
# 测试集只有 100 张，一个候选的得分有几个百分点的波动。挑最高的，就是挑真正好而且碰巧高的，碰巧的那一部分到了新数据上就没有了。
# 这叫 :term:`选择偏差`，候选越多就越大。
#
# 对照：差别更小的候选
# --------------------
# 如果偏高来自碰巧，那么候选之间真正的差别越小，挑出的就越多是碰巧，偏高也就越多。下面有两组对照。
# 一组的隐藏层都是 40 个单元，只有种子不同。另一组完全一样好，这些“候选”不看图，每张图以 0.85 的机会答对。


def coins(n_test):
    generator = torch.Generator().manual_seed(0)
    sizes = (n_test, n_test, 1397)  # 验证集，测试集，新数据
    flips = [torch.rand(40, N_CANDIDATES, n, generator=generator) < 0.85 for n in sizes]
    return torch.stack([flip.float().mean(dim=2) for flip in flips], dim=2)


tables = {"widths 20 to 60": different}
tables["width 40"] = torch.stack([scores(repeat, (40,)) for repeat in range(40)])
tables["coins"] = coins(n_test=100)
print("candidates       std of true accuracy   chosen on test   chosen on validation")
for name, table in tables.items():
    validation, test, new = table.unbind(dim=2)
    gains = [optimism(choose, test, new, 50)[0].mean() for choose in (test, validation)]
    print(f"{name:16} {new.std(dim=1).mean():>20.3f}", end="")
    print(f" {gains[0]:>+16.3f} {gains[1]:>+22.3f}")

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ks = range(1, N_CANDIDATES + 1)
for (name, table), style in zip(tables.items(), ("-", "--", ":"), strict=True):
    validation, test, new = table.unbind(dim=2)
    for choose, color in ((test, "C1"), (validation, "C0")):
        mean = [100 * optimism(choose, test, new, k)[0].mean() for k in ks]
        label = name if color == "C1" else None
        ax.plot(ks, mean, style, color=color, label=label)
ax.axhline(0, color="gray", lw=0.8)
ax.set(xlabel="candidates", ylabel="optimism (points)", ylim=(-1, 12))
ax.set_title("orange: chosen on test, blue: chosen on validation", fontsize=10)
ax.legend(ncols=3, loc="upper left")
# alt: 三条橙色的线随候选的个数上升，到 50 个时是四到八个百分点，差别越小的候选升得越高，三条蓝色的线一直在 0 附近
plt.show()

# %%
# 三行的次序正是这样，真正的标准差越小，在测试集上挑出的得分偏高越多。抛硬币的那一行的 0.010 只是 1397 张新数据的波动。所以偏高不需要候选有差别，只需要挑。
# 在验证集上挑，再到测试集上报告，三行都接近 0。
#
# .. change-it::
#
#    把测试集从 100 张加到 400 张，候选仍是 50 个一样好的。偏高会减少多少？

# hide-cell: 400 张
for n_test in (100, 400):
    validation, test, new = coins(n_test).unbind(dim=2)
    gain = optimism(test, test, new, N_CANDIDATES)[0].mean()
    print(f"{n_test} test images: {gain:+.3f}")

# %%
# .. outcome::
#
#    大约减半。得分的标准误与张数的平方根成反比，张数是 4 倍，标准误就是一半。

# %%
# 常见错误：边调边看测试集
# ------------------------
# 很少有人明说“我在测试集上挑选”。更常见的是每改一次就看一眼测试集，留下使它变高的改动，看五十次就等于从五十个里挑。
# 改法是把选择和报告分开，选择只用验证集，测试集最后读一次。可以让一个对象保管测试集，它只给出一次得分，不交出数据：


class TestSet:
    def __init__(self, rows):
        self._rows, self._used = rows, False

    def accuracy(self, predicted):
        """predicted 是对全部图像的预测。"""
        if self._used:
            raise RuntimeError(
                "the test set was used before: choose on validation data"
            )
        self._used = True
        return (predicted == labels)[self._rows].float().mean().item()


shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, rest = shuffled[:200], TestSet(shuffled[300:400])
print(f"first: {rest.accuracy(predict_all(train, seed=0, width=60)):.2f}")
try:
    rest.accuracy(predict_all(train, seed=1, width=60))
except RuntimeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# .. real-projects::
#
#    公开的排行榜上，许多队伍用同一个测试集，第一名的得分也有这样的偏高，所以比赛另留一份不公开的数据。
#    数据少时，用 :ref:`evaluation-cross-validation` 选择，外面再套一层来报告，叫嵌套交叉验证。
#    验证集看得太多，也会过拟合它，这时要换一份。
#    拟合输出层的函数见 `torch.linalg.solve <https://docs.pytorch.org/docs/stable/generated/torch.linalg.solve.html>`__，嵌套交叉验证见
#    `scikit-learn 的例子
#    <https://scikit-learn.org/stable/auto_examples/model_selection/plot_nested_cross_validation_iris.html>`__。

# %%
# 小结
# ----
# - 规则：挑出的最高分平均偏高，候选越多、数据越少，偏得越多。在验证集上选择，在没有用来选择的数据上报告一次。
# - API：``scores.argmax(dim=1, keepdim=True)``、``table.gather(1, best)``。
# - 下一页：:ref:`images-convolution-by-hand`
