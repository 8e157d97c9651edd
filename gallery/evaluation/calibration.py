# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "numpy>=2.0", "matplotlib>=3.9", "scikit-learn>=1.5"]
# ///
"""
.. _evaluation-calibration:

置信度与校准
============

网络说一张图是 7，而且十分肯定。有人打算让概率超过 0.95 的结果自动通过，其余的由人复查。
这个 0.95 能读作“答对的机会”吗？如果不能，怎样修正？

你将学到：

- 用分组计数算出 :term:`期望校准误差`，并读懂 :term:`可靠性图`
- 用 :term:`温度缩放` 修正过高的 :term:`置信度`
- 检查一个网络是否过于自信
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchnotes.datasets import Digits  # torchnotes 在本页的 zip 包里

# %%
# 置信度与准确率
# --------------
# 网络给出的最大概率叫置信度，概率最大的那一类就是它的预测。
# 如果置信度约为 0.8 的预测有八成左右是对的，置信度是其他数时也这样，置信度就能读作概率，这叫 :term:`校准`。
#
# 单独一个预测只有对与错，所以要把预测按置信度分成 10 组，比较每组的平均置信度 :math:`c_b` 与 :term:`准确率` :math:`a_b`。
# 期望校准误差（ECE）是两者之差的绝对值按组里的个数 :math:`n_b` 加权的平均：
#
# .. math:: \mathrm{ECE} = \sum_{b=1}^{10} \frac{n_b}{n}\,\lvert c_b - a_b \rvert
#
# 这里 :math:`n_b c_b` 是组里置信度的和，:math:`n_b a_b` 是组里答对的个数，``torch.bincount`` 的第二个参数就用来求这样的和。


def judge(logits, labels):
    confidence, predicted = logits.softmax(dim=-1).max(dim=-1)
    return confidence, (predicted == labels).float()


def count_groups(confidence, right):
    group = (confidence * 10).long().clamp(max=9)
    n = torch.bincount(group, minlength=10)
    sum_confidence = torch.bincount(group, confidence, minlength=10)
    return n, sum_confidence, torch.bincount(group, right, minlength=10)


def ece(confidence, right):
    n, sum_confidence, n_right = count_groups(confidence, right)
    return (sum_confidence - n_right).abs().sum() / n.sum()


# %%
# 给数字图加上噪声，数字就难认一些。网络只用 300 张训练，验证集的 300 张留给后面的修正。
# 训练部分里剩下的 900 张既不用来训练，也不用来修正，只用来评判，代码里叫 ``held out``。

digits = Digits.load()
generator = torch.Generator().manual_seed(0)
loss_fn = nn.CrossEntropyLoss()
seeds = range(5)
head = f"{'':<14} {'accuracy':>14} {'confidence':>14} {'ECE':>14}"
parts = {
    "train": digits.train[:300],
    "validation": digits.validation[:],
    "held out": digits.train[300:],
}
x, y = {}, {}
for part, (images, labels) in parts.items():
    x[part] = images + 0.3 * torch.randn(images.shape, generator=generator)
    y[part] = labels


def fit(n_steps):
    logits = {part: [] for part in x}
    for seed in seeds:
        torch.manual_seed(seed)
        hidden = nn.Linear(64, 128), nn.ReLU()
        model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(128, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(n_steps):
            loss = loss_fn(model(x["train"]), y["train"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for part in x:
                logits[part].append(model(x[part]))
    return {part: torch.stack(logits[part]) for part in x}  # (5, n, 10)


def report(name, logits, labels):
    confidence, right = judge(logits, labels)  # (5, n)
    errors = torch.stack([ece(*run) for run in zip(confidence, right, strict=True)])
    columns = right.mean(dim=1), confidence.mean(dim=1), errors
    print(f"{name:<14}", *(f"{c.mean():>6.3f} ± {c.std():.3f}" for c in columns))


# %%
# .. predict::
#
#    一个网络训练 20 步，另一个训练 200 步。在这 900 张图上，训练 200 步的准确率和平均置信度有什么不同？
#
#    - 两者都更高，因为训练得久，学到的就多
#    - 平均置信度更高，准确率没有更高
#    - 两者都差不多，因为置信度反映准确率

short, long = fit(n_steps=20), fit(n_steps=200)
print(head)
for n_steps, logits in (20, short), (200, long):
    for part in ("train", "held out"):
        report(f"{n_steps}, {part}", logits[part], y[part])

# %%
# .. answer:: B
#
#    每个数是五个种子的平均 ± :term:`标准差`。训练 200 步的准确率是 0.768，训练 20 步的是 0.788，所以 A 不成立。
#    平均置信度是 0.928 对 0.821，前者比准确率高出 0.160，所以 C 不成立。ECE 也从 0.035 升到 0.160。
#
# 训练损失只看训练图。训练 20 步时，训练图已经对了 0.981，继续训练就把它们的置信度推到 0.999，没有训练过的图的置信度也随之升高。
# 训练 20 步时 ECE 只有 0.035，所以 softmax 不一定过于自信，要看训练到什么程度。
#
# 温度缩放
# --------
# 最简单的修正是把所有的 :term:`logits` 除以同一个正数，然后再做 softmax。这个数叫温度。
# 在验证集上用梯度下降找使交叉熵最小的温度。为了让它总是正的，下面训练的是它的对数。


def fit_temperature(logits, labels):
    log_temperature = torch.zeros(1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([log_temperature], lr=0.05)
    for _ in range(100):
        loss = loss_fn(logits / log_temperature.exp(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return log_temperature.detach().exp()


def fit_temperatures(part):
    return torch.stack([fit_temperature(run, y[part]) for run in long[part]])


# %%
# .. predict::
#
#    把 ``held out`` 的 logits 除以在验证集上找到的温度，准确率和 ECE 会怎样？
#
#    - 两者都变好，因为验证集的标签给了网络新的信息
#    - 两者都不变，因为 softmax 只看 logits 之间的比例
#    - 准确率不变，ECE 变小

before, labels = long["held out"], y["held out"]
temperatures = fit_temperatures("validation")
after = before / temperatures  # (5, 900, 10) / (5, 1, 1)
print(f"temperature {temperatures.mean():.2f} ± {temperatures.std():.2f}")
torch.manual_seed(0)
drawn = after.softmax(dim=-1).view(-1, 10).multinomial(1).view(len(seeds), -1)
print(head)
report("before", before, labels)
report("after", after, labels)
report("labels drawn", after, drawn)
print(f"predictions changed: {(before.argmax(dim=-1) != after.argmax(dim=-1)).sum()}")

# %%
# .. answer:: C
#
#    除以同一个正数，大小的次序不变，所以没有一个预测改变，A 不成立。softmax 由 logits 之间的差决定，而不是由比例决定。
#    温度的平均是 2.61，大于 1，所以差缩小了，最大的概率降低，平均置信度从 0.928 降到 0.786，所以 B 不成立。ECE 从 0.160 降到 0.026。
#
# ECE 没有降到 0。``labels drawn`` 那一行是对照，它的标签由 ``multinomial`` 按修正后的概率抽出，所以这些概率完全正确。
# 但是每组的样本有限，它的 ECE 仍有 0.029，可见这里的 0.026 与完全正确的概率已经分不开。

# %%

# hide-input: 画图
fig, ax = plt.subplots(figsize=(4.4, 4.2), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.5", ls=":", label="calibrated")
for name, logits, style in (("before", before, "o-"), ("after", after, "s-")):
    confidence, right = judge(logits, labels)
    n, sum_confidence, n_right = count_groups(confidence.flatten(), right.flatten())
    some = n >= 50
    ax.plot((sum_confidence / n)[some], (n_right / n)[some], style, label=name)
ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
ax.legend()
# alt: 横轴是置信度，纵轴是准确率。修正前的点都在对角线下方，修正后的点靠近对角线
plt.show()

# %%
# 这就是可靠性图。五个种子的预测合在一起，少于 50 个预测的组没有画。虚线上的点，准确率等于置信度。
# 修正前的点都在虚线下方，也就是过于自信。修正后的点靠近虚线。
#
# 错误：把 softmax 读作把握
# -------------------------
# 现在回到开头的打算，让置信度超过 0.95 的结果自动通过。
# 如果置信度能读作概率，通过的预测里错误的期望个数就是各个 :math:`1 - c` 的和，其中 :math:`c` 是置信度。


def too_sure(confidence, right):
    accuracy = right.mean(dim=1)
    standard_error = (accuracy * (1 - accuracy) / right.shape[1]).sqrt()
    return confidence.mean(dim=1) - accuracy > 3 * standard_error


print("of 900   passed  expected wrong   wrong  wrong share  too sure")
for name, logits in (("before", before), ("after", after)):
    confidence, right = judge(logits, labels)
    passed = confidence > 0.95
    counts = passed.sum(), (1 - confidence[passed]).sum(), (1 - right[passed]).sum()
    n_passed, expected, wrong = (count / len(seeds) for count in counts)
    print(f"{name:<7} {n_passed:>7.1f}  {expected:>14.1f}  {wrong:>6.1f}", end="")
    print(f"  {wrong / n_passed:>11.3f}    {too_sure(confidence, right).sum()} of 5")

# %%
# 修正前平均有 650.4 张通过，按置信度只应当错 3.6 张，实际错了 83.4 张，比例是 0.128，而不是至多 0.05。
# 修正后期望错 5.0 张，实际错 7.4 张，比例是 0.029。代价是只有 252.8 张通过，其余的要由人复查。
#
# 检查用的是 ``too_sure``。它比较平均置信度与准确率 :math:`a`，差超过三倍 :term:`标准误` :math:`\sqrt{a(1-a)/n}` 才报告。
# 修正前五个种子都报告，修正后都不报告。它只看平均，各组的差还要看可靠性图。
#
# .. change-it::
#
#    在训练图上拟合温度，也就是把 ``"validation"`` 换成 ``"train"``。温度会是多少？ECE 会变小吗？

# hide-cell: 在训练图上拟合
from_train = fit_temperatures("train")
print(f"temperature {from_train.mean():.2f} ± {from_train.std():.2f}")
print(head)
report("from train", before / from_train, labels)

# %%
# .. outcome::
#
#    温度是 0.48，小于 1，所以置信度更高，ECE 从 0.160 升到 0.199。训练图全都答对了，在这些图上越自信，损失就越小。

# %%
# .. real-projects::
#
#    温度是一个数，与模型的参数一起保存，用的时候先除以它再做 softmax。数据变了，就用新的带标签的样本重新检查。
#    分组的办法会影响 ECE，所以只比较组数和样本数都相同的 ECE。只看预测的类别时，用不着温度。
#    分组计数见 `torch.bincount <https://docs.pytorch.org/docs/stable/generated/torch.bincount.html>`__，温度缩放出自 `Guo 等人的论文 <https://arxiv.org/abs/1706.04599>`__。
#
# 小结
# ----
# - 规则：把置信度读作概率之前，先在没有训练过的数据上画可靠性图。过于自信时，在验证集上拟合温度，再用别的数据评判。
# - API：``logits.softmax(dim=-1).max(dim=-1)``、``torch.bincount(group, weights, minlength=10)``、``(logits / temperature).softmax(dim=-1)``。
# - 下一页：:ref:`evaluation-model-selection`
