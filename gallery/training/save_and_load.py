# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.11", "scikit-learn>=1.5"]
# ///
"""
.. _training-save-and-load:

保存、读取与续训
================

训练到一半，机器要重启。程序事先把模型存进了文件，重启之后读回来，接着训练剩下的几 :term:`轮`。
这样得到的模型，和不中断、一口气训练出来的模型是同一个吗？

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
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset

# %%
# 只做推理：存参数就够
# --------------------
# 模型的 ``state_dict()`` 是一个字典，键是参数的名字，值是参数的 :term:`张量`。``torch.save`` 把它写进文件。
# 文件里没有网络的代码，所以读回时先建一个同样的网络，再用 ``load_state_dict`` 填入 ``torch.load`` 读出的数。
#
# 下面的网络含有 ``nn.Dropout(0.2)``。它在训练时以 0.2 的概率把每个数置零，评估时什么也不做。


def make_model():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
    )


temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
torch.manual_seed(0)
model, restored = make_model(), make_model()  # 两套不同的随机初值
torch.save(model.state_dict(), folder / "model.pt")
for name, tensor in model.state_dict().items():
    print(f"{name:<8} {tuple(tensor.shape)}")

restored.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
model.eval()
restored.eval()
x = torch.rand(5, 1, 8, 8)
print(f"same output: {torch.equal(model(x), restored(x))}")

# %%
# 两个网络的输出逐位相等。参数名开头的 1 和 4 是线性层在 ``Sequential`` 里的编号，另外三层没有参数。
#
# 续训：还有别的状态
# ------------------
# 要从中断的地方接着训练，下面几样都得和中断时相同。
#
# - 模型的参数，以及 :term:`优化器` 的状态。AdamW 为每个参数保存两个滑动平均，还保存当前的学习率。
# - :term:`学习率调度器` 走到了哪一步，以及已经训练了几轮。
# - 随机数走到了哪里。打乱次序的发生器要存，Dropout 用的全局随机数流也要存，CPU 和每块 GPU 各有一条。
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
        self.scheduler = CosineAnnealingLR(self.optimizer, T_max=10)
        self.generator = torch.Generator().manual_seed(seed)
        options = {"batch_size": 60, "shuffle": True, "generator": self.generator}
        self.loader = DataLoader(train_data, **options)
        self.epoch = 0  # 已经训练完的轮数

    def run(self, n_epochs):
        while self.epoch < n_epochs:
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
# 先一口气训练 10 轮，在第 5 轮末存下检查点。然后新建一个 ``Training``，从文件读回状态，训练到第 10 轮。
# 每次漏掉一样，让它保持新建时的状态，再与一口气训练的参数相比。新建时换了种子，漏掉的状态才不会碰巧相同。
# ``parameters_to_vector`` 把全部参数接成一个向量，方便比较。
#
# .. predict::
#
#    检查点只漏了优化器的状态，其余都读回。续训到第 10 轮，结果与一口气训练的相比怎样？
#
#    - 参数逐位相等，因为模型的参数已经全部读回。
#    - 参数不相等，验证准确率也明显更低。
#    - 参数不相等，但验证准确率看不出差别。


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

print("left out      equal   largest difference  lr at resume  validation accuracy")
for left_out in (None, *whole.checkpoint()):
    differences, accuracies = torch.zeros(5), torch.zeros(5)
    for seed in range(5):
        state = torch.load(folder / f"checkpoint_{seed}.pt", weights_only=True)
        training = Training(100 + seed)
        if left_out:
            state[left_out] = training.checkpoint()[left_out]  # 保持新建时的状态
        training.restore(state)
        lr = training.optimizer.param_groups[0]["lr"]
        training.run(10)
        differences[seed] = (weights_of(training) - whole_weights[seed]).abs().max()
        accuracies[seed] = validation_accuracy(training)
    n_equal = (differences == 0).sum()
    span = f"{differences.min():.2f} to {differences.max():.2f}"
    accuracy = f"{accuracies.mean():.3f} ± {accuracies.std():.3f}"
    name = left_out or "nothing"
    print(f"{name:<12}  {n_equal} of 5  {span:>18}  {lr:>12.3f}  {accuracy:>19}")

# %%
# .. answer:: C
#
#    漏掉优化器的那一行，五次都不相等。两个滑动平均要从零重新积累，学习率也从 0.005 回到了开头的 0.01。
#    A 忽略了这些状态。B 也不对，这一行的准确率并不比“一样不漏”（nothing）的那一行低。
#
# 一样不漏时，五次都逐位相等。这是在 CPU 上的结果。漏掉 CUDA 那条流在这里没有影响，因为训练没有用到 GPU。
# 模型在 GPU 上时，Dropout 从 CUDA 的流取数，就不能漏掉它。
#
# 漏掉模型等于从头训练，所以准确率也低了。漏掉轮数的那次以为一轮也没有训练，于是多训练了 5 轮。
# 漏掉其余几样，准确率的变化都在种子的波动之内，所以要像上面这样比较参数，才能发现续训没有接上。
# 检查点还要在一轮的末尾存，因为 ``DataLoader`` 不记得一轮取到了第几个批次。
#
# 读到哪台设备
# ------------
# 文件记下了每个张量原来在哪台 :term:`设备` 上，``torch.load`` 默认把它放回原来的设备，没有那台设备就报错。
# 这台机器没有 GPU，存不出 GPU 的文件，所以用 ``map_location="cuda"`` 要求放到 GPU 上，报的是同一个错误。

path = folder / "checkpoint_0.pt"
try:
    torch.load(path, weights_only=True, map_location="cuda")
except RuntimeError as error:
    print(f"{type(error).__name__}: {str(error).split(' but ')[0]}")
state = torch.load(path, weights_only=True, map_location="cpu")
print(f"with map_location='cpu': {state['CPU stream'].device=}")

# %%
# ``map_location`` 管文件里的全部张量，连随机数流的状态也在内，而 ``set_rng_state`` 只接受 CPU 上的张量。
# 所以续训时写 ``map_location="cpu"``，随后 ``load_state_dict`` 会把数复制到模型和优化器所在的设备。
#
# 来历不明的文件
# --------------
# ``torch.save`` 用的是 Python 的 pickle 格式。这种文件可以指定读取时调用哪个函数，下面的文件就要求调用 ``print``。


class Surprise:
    def __reduce__(self):
        return print, ("this ran because the file was loaded",)


torch.save({"weights": Surprise()}, folder / "surprise.pt")
try:
    torch.load(folder / "surprise.pt", weights_only=True)
except UnpicklingError as error:
    reason = str(error).split("WeightsUnpickler error: ")[1]
    print(f"{type(error).__name__}: {reason.split(' by default')[0]}")

# %%
# ``weights_only=True`` 是默认值，它只接受张量、数、字符串和它们的容器，所以拒绝了这个文件。
#
# .. change-it::
#
#    报错的后文建议改用 ``weights_only=False``。照它说的改，会打印什么？

# hide-cell: weights_only=False
torch.load(folder / "surprise.pt", weights_only=False)
temporary.cleanup()

# %%
# ``print`` 被调用了，换成删除文件的函数也一样。所以 ``weights_only=False`` 只能用来读自己存的文件。
#
# .. real-projects::
#
#    检查点先写到临时文件，写完再改名，这样写到一半断电也不会毁掉上一份。
#    在 GPU 上，恢复了 CUDA 的流也不保证逐位相等，因为有些运算本身不确定，见下一页。
#    接口见 `torch.load <https://docs.pytorch.org/docs/stable/generated/torch.load.html>`__，文件格式与安全见 `Serialization semantics <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__。
#
# 小结
# ----
# - 规则：做推理只存模型的 ``state_dict``，续训要存全部状态，并在一轮的末尾存。
# - API：``torch.save``，``torch.load(path, map_location="cpu")``，``load_state_dict``，``torch.get_rng_state``。
# - 下一页：:ref:`training-reproducibility`
