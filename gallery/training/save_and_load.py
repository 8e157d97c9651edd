# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _training-save-and-load:

保存、读取与续训
================

训练到一半，机器要重启。程序事先把模型存进了文件，重启之后读回来，接着训练剩下的几 :term:`轮`。这样得到的模型，和不中断、一口气训练出来的模型是同一个吗？

你将学到：

- 存下模型的参数，并在另一个程序、另一台设备上读回
- 列出续训需要的全部状态，写出能续训的检查点
- 检查一次续训是否真的接上了
"""

import tempfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

# %%
# 只做推理：存参数就够
# --------------------
# 模型的 ``state_dict()`` 是一个字典，键是参数和 :term:`缓冲区` 的名字，值是对应的 :term:`张量`。``torch.save`` 把它写进文件。
# 文件里没有网络的代码，所以读回时先建一个同样的网络，再用 ``load_state_dict`` 填入 ``torch.load`` 读出的数。


def make_model():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
    )


temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
torch.manual_seed(0)
model, restored = make_model(), make_model()  # 两套不同的随机初值
torch.save(model.state_dict(), folder / "model.pt")
model.eval()
restored.eval()
x = torch.rand(5, 1, 8, 8)
print(f"same output before loading: {torch.equal(model(x), restored(x))}")
restored.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
print(f"same output after loading:  {torch.equal(model(x), restored(x))}")

# %%
# 读回以后，两个网络的输出逐位相等。
#
# 续训：还有别的状态
# ------------------
# 一段训练程序里会变的不只是参数，有下面几样。
#
# - 模型的参数，以及 :term:`优化器` 的状态。AdamW 为每个参数保存两个滑动平均，还保存当前的 :term:`学习率`。
# - :term:`学习率调度器` 走到了哪一步，以及已经训练了几轮。
# - 随机数走到了哪里。打乱次序用加载器的发生器，Dropout 用全局的随机数流，后者在 CPU 和每块 GPU 上各有一条。
#
# 下面的 ``Training`` 把这几样放在一起，用 ``checkpoint`` 取出状态，用 ``restore`` 填回去。

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
train, validation, _ = order.split([1200, 300, 297])
train_data = TensorDataset(images[train], labels[train])
loss_fn = nn.CrossEntropyLoss()


class Training:
    def __init__(self, seed):
        torch.manual_seed(seed)
        self.model = make_model()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)
        self.scheduler = lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=10)
        self.generator = torch.Generator().manual_seed(seed)
        options = {"batch_size": 60, "shuffle": True, "generator": self.generator}
        self.loader = DataLoader(train_data, **options)
        self.epoch = 0  # 已经训练完的轮数

    def run(self, n_epochs):
        while self.epoch < n_epochs:
            self.model.train()
            for x, y in self.loader:
                loss = loss_fn(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            self.scheduler.step()
            self.epoch += 1

    def checkpoint(self):
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "epoch": self.epoch,
            "generator": self.generator.get_state(),
            "CPU stream": torch.get_rng_state(),
            "CUDA streams": torch.cuda.get_rng_state_all(),  # 没有 GPU 时是空列表
        }

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.epoch = state["epoch"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["CPU stream"])
        torch.cuda.set_rng_state_all(state["CUDA streams"])


# %%
# 漏一样，差多少
# --------------
# 先一口气训练 10 轮，在第 5 轮末存下检查点。然后新建一个 ``Training``，从文件读回状态，训练到第 10 轮。每次漏掉一样，让它保持新建时的状态，再与一口气训练的参数相比。新建时换一个种子，这样两条随机数流都与存下的不同。``parameters_to_vector`` 把全部参数接成一个向量，方便比较。表里的准确率是五个种子的平均，± 是标准差。
#
# .. predict::
#
#    检查点只漏了优化器的状态，其余都读回。续训到第 10 轮，结果与一口气训练的相比怎样？
#
#    - 参数逐位相等，准确率相同。
#    - 参数不相等，准确率相近。
#    - 参数不相等，准确率低很多。


def weights_of(training):
    return nn.utils.parameters_to_vector(training.model.parameters()).detach()


@torch.no_grad()
def validation_accuracy(training):
    training.model.eval()
    predicted = training.model(images[validation]).argmax(dim=1)
    return (predicted == labels[validation]).float().mean()


whole_weights = []
for seed in range(5):
    whole = Training(seed)
    whole.run(5)
    torch.save(whole.checkpoint(), folder / f"checkpoint_{seed}.pt")
    whole.run(10)
    whole_weights.append(weights_of(whole))


def print_row(name, left_out, seed_offset=100):
    differences, accuracies = torch.zeros(5), torch.zeros(5)
    for seed in range(5):
        state = torch.load(folder / f"checkpoint_{seed}.pt", weights_only=True)
        training = Training(seed + seed_offset)
        fresh = training.checkpoint()
        state.update({part: fresh[part] for part in left_out})  # 保持新建时的状态
        training.restore(state)
        lr = training.optimizer.param_groups[0]["lr"]
        training.run(10)
        differences[seed] = (weights_of(training) - whole_weights[seed]).abs().max()
        accuracies[seed] = validation_accuracy(training)
    n_equal = (differences == 0).sum()
    span = f"{differences.min():.2f} to {differences.max():.2f}"
    accuracy = f"{accuracies.mean():.3f} ± {accuracies.std():.3f}"
    print(f"{name:<12}  {n_equal} of 5  {span:>18}  {lr:>12.3f}  {accuracy:>19}")


print("left out      equal   largest difference  lr at resume  validation accuracy")
print_row("nothing", left_out=[])
for part in whole.checkpoint():
    print_row(part, left_out=[part])

# %%
# .. answer:: B
#
#    漏掉优化器的那一行，五次的参数都不相等。两个滑动平均从零重新积累，学习率也从 0.005 回到了开头的 0.01，所以 A 不对。准确率是 0.969，与什么也不漏（nothing）的 0.965 只差一个标准差左右，而且并不更低，所以 C 也不对。
#
# 什么也不漏时，五次的参数都逐位相等，所以续训得到的是同一个模型。这是在 CPU 上的结果。漏掉 CUDA 的流没有影响，因为训练没有用到 GPU。模型在 GPU 上时，Dropout 从 CUDA 的流取数，就不能漏掉它。
#
# 漏掉模型时，参数是新的随机初值，只训练了后 5 轮，所以准确率低。漏掉轮数时，程序从第 0 轮数起，多训练了 5 轮。除了漏掉模型，准确率都只变化一个标准差左右。要发现续训没有接上，就得像上面这样比较参数。
#
# .. change-it::
#
#    续训的程序也用原来的种子，把 ``seed_offset`` 改成 0。这时还用存两条随机数流吗？

# hide-cell: 种子相同，漏掉两条随机数流
print_row("both streams", left_out=["generator", "CPU stream"], seed_offset=0)

# %%
# .. outcome::
#
#    五次的参数仍然都不相等。种子相同只让随机数从头开始，而中断时它们已经走过了 5 轮。

# %%
# 读到哪台设备
# ------------
# 文件记下了每个张量原来在哪台 :term:`设备` 上。``torch.load`` 默认把它放回那台设备，没有那台设备就报错。没有 GPU 的机器存不出 GPU 的文件，所以下面用 ``map_location="cuda"`` 要求放到 GPU 上，得到同样的报错。

path = folder / "checkpoint_0.pt"
try:
    torch.load(path, weights_only=True, map_location="cuda")
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' but ')[0]}")
state = torch.load(path, weights_only=True, map_location="meta")  # 代替 GPU
try:
    torch.set_rng_state(state["CPU stream"])
except TypeError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# 最后一行用 ``meta`` 设备代替 GPU。``map_location`` 把 CPU 随机数流的状态也移走了，而 ``set_rng_state`` 只接受 CPU 上的张量。
# 所以续训时写 ``map_location="cpu"``，随后 ``load_state_dict`` 会把数复制到模型和优化器所在的设备。
#
# 来历不明的文件
# --------------
# ``torch.save`` 用的是 Python 的 pickle 格式。这种文件可以指定读取时调用哪个函数，下面的文件就要求调用 ``print``。


class Surprise:
    def __reduce__(self):
        return print, ("this ran because the file was loaded",)


path = folder / "surprise.pt"
torch.save({"weights": Surprise()}, path)
try:
    torch.load(path, weights_only=True)
except UnpicklingError as error:
    reason = str(error).split("WeightsUnpickler error: ")[1]
    print(f"{type(error).__name__}: {reason.split(' by default')[0]}")
torch.load(path, weights_only=False)
temporary.cleanup()

# %%
# ``weights_only=True`` 主要接受张量、数、字符串和它们的容器，所以拒绝了这个文件。``weights_only=False`` 则调用了 ``print``。换成删除文件的函数，它也会照样调用，所以 ``weights_only=False`` 只能用来读自己存的文件。
#
# .. real-projects::
#
#    检查点可以先写到临时文件，写完再改名，这样程序在写到一半时中断，上一份也还完好。检查点要在一轮的末尾存，因为 ``DataLoader`` 不记得这一轮取到了第几个批次。在 GPU 上，有些运算的结果每次可能不同，见 :ref:`training-reproducibility`。
#    接口见 `torch.load <https://docs.pytorch.org/docs/stable/generated/torch.load.html>`__，文件格式与安全见 `Serialization semantics <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__。
#
# 小结
# ----
# - 规则：做推理只存模型的 ``state_dict``，续训要存全部会变的状态，漏一样得到的就不是同一个模型。
# - API：``torch.save``，``torch.load(path, map_location="cpu")``，``load_state_dict``，``torch.get_rng_state``。
# - 下一页：:ref:`training-reproducibility`
