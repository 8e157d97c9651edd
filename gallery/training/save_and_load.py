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

- 存下模型的 ``state_dict``，并在另一个程序、另一台设备上读回
- 列出续训需要的全部状态，写出能续训的检查点
- 检查一份检查点存得全不全
"""

import tempfile
import textwrap
from pathlib import Path
from pickle import UnpicklingError

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

# %%
# 只做推理：存 state_dict 就够
# ----------------------------
# 模型的 ``state_dict()`` 是一个字典，键是参数和 :term:`缓冲区` 的名字，值是对应的 :term:`张量`。``torch.save`` 把它写进文件。文件里没有网络的代码，所以读回时先建一个同样的网络，再用 ``load_state_dict`` 填入 ``torch.load`` 读出的数。


def make_model():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
    )


temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
torch.manual_seed(0)
x = torch.rand(5, 1, 8, 8)
model, restored = make_model().eval(), make_model()  # 两套不同的随机初值
torch.save(model.state_dict(), folder / "model.pt")
restored.load_state_dict(torch.load(folder / "model.pt"))
print(f"after loading: largest difference {(model(x) - restored(x)).abs().max():.3f}")
restored.eval()
print(f"after eval():  largest difference {(model(x) - restored(x)).abs().max():.3f}")

# %%
# 读回以后，两个网络的输出仍然不同，因为新建的网络处于训练模式，Dropout 还在置零。文件不记录模式，所以读回以后要调用 ``eval()``，输出这才相等。
#
# 续训：还有别的状态
# ------------------
# 训练时会变的不只是参数。这一页的训练程序有下面几样状态。
#
# - 模型的 ``state_dict``，以及 :term:`优化器` 的状态。AdamW 为每个参数保存两个滑动平均和步数，当前的 :term:`学习率` 也存在优化器里。
# - :term:`学习率调度器` 走到了哪一步，以及已经训练了几轮。
# - 随机数发生器（RNG）的状态，每取一个数它就改变。打乱次序用加载器的发生器，Dropout 用全局的发生器，后者在 CPU 和每块 GPU 上各有一个。
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
            "CPU RNG": torch.get_rng_state(),
            "CUDA RNG": torch.cuda.get_rng_state_all(),  # 没有 GPU 时是空列表
        }

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.epoch = state["epoch"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["CPU RNG"])
        torch.cuda.set_rng_state_all(state["CUDA RNG"])


# %%
# 漏一样，差多少
# --------------
# 先一口气训练 10 轮，在第 5 轮末存下检查点。然后新建一个 ``Training``，从文件读回状态，训练到第 10 轮。每次漏掉一部分，让它保持新建时的状态，再与一口气训练的参数相比。新建时换一个种子，这样两个发生器的状态都与存下的不同。``parameters_to_vector`` 把全部参数接成一个向量，方便比较。
#
# .. predict::
#
#    程序只存了模型和轮数，其余都保持新建时的状态。续训到第 10 轮以后，从哪里看得出没有接上？
#
#    - 参数不相等，:term:`准确率` 也明显更低。
#    - 参数不相等，准确率却相近。
#    - 都看不出，因为参数读回以后，接着训练的结果逐位相等。

whole_weights = []
for seed in range(5):
    whole = Training(seed)
    whole.run(5)
    torch.save(whole.checkpoint(), folder / f"checkpoint_{seed}.pt")
    whole.run(10)
    whole_weights.append(nn.utils.parameters_to_vector(whole.model.parameters()))


def print_row(name, left_out, seed_offset=100):
    differences, accuracies = torch.zeros(5), torch.zeros(5)
    for seed in range(5):
        state = torch.load(folder / f"checkpoint_{seed}.pt")
        training = Training(seed + seed_offset)
        fresh = training.checkpoint()
        state.update({part: fresh[part] for part in left_out})  # 保持新建时的状态
        training.restore(state)
        start = training.optimizer.param_groups[0]["lr"]
        training.run(10)
        end = training.optimizer.param_groups[0]["lr"]
        training.model.eval()
        with torch.no_grad():
            weights = nn.utils.parameters_to_vector(training.model.parameters())
            differences[seed] = (weights - whole_weights[seed]).abs().max()
            predicted = training.model(images[validation]).argmax(dim=1)
        accuracies[seed] = (predicted == labels[validation]).float().mean()
    span = f"{differences.min():.2f} to {differences.max():.2f}"
    print(f"{name:<19}  {(differences == 0).sum()} of 5  {span:>18}", end="  ")
    print(f"{start:.4f} -> {end:.4f}  {accuracies.mean():.3f} ± {accuracies.std():.3f}")


parts, kept = list(whole.checkpoint()), ["model", "epoch"]
print("left out              equal  largest difference    learning rate  accuracy")
print_row("nothing", left_out=[])
print_row("all but model/epoch", left_out=[part for part in parts if part not in kept])
for part in parts:
    print_row(part, left_out=[part])

# %%
# 表里的 equal 数参数逐位相等的次数，largest difference 是参数之差的最大绝对值在五个种子里的范围。learning rate 是续训开头和结束时的学习率，accuracy 是验证准确率的平均 ± 标准差。
#
# .. answer:: B
#
#    第二行除了模型和轮数全都漏掉，五次的参数都不相等，所以 C 不对。准确率 0.962 ± 0.010 与一口气训练（nothing）的 0.965 ± 0.005 分不开，所以 A 也不对。
#
#    什么也不漏时，五次的参数都逐位相等，所以在 CPU 上续训得到同一个模型。其余各行的原因如下。
#
#    - model：参数是新的随机初值，只训练了后 5 轮，所以只有这一行的准确率低得多。
#    - optimizer：两个滑动平均从零重新积累，学习率也回到开头的 0.01。
#    - scheduler：学习率存在优化器里，所以开头仍是 0.005。可是余弦从头开始下降，最后是 0.0025，而不是 0。
#    - epoch：程序从第 0 轮数起，多训练了 5 轮。余弦过了 ``T_max`` 又回升到 0.005。
#    - generator 和 CPU RNG：打乱的次序或 Dropout 置零的位置变了。
#    - CUDA RNG：训练没有用到 GPU，所以没有影响。模型在 GPU 上时，Dropout 用的是 GPU 的发生器，就不能漏掉它。
#
# 真的中断以后，没有一口气训练的参数可以相比。所以要事先用很短的训练试一次检查点，像 nothing 一行那样比较参数。如果不中断的训练重复两遍也不逐位相等，差别就不一定来自检查点，原因见 :ref:`training-reproducibility`。
#
# .. change-it::
#
#    让续训的程序也用原来的种子，但漏掉两个发生器的状态，也就是运行 ``print_row("both RNGs", left_out=["generator", "CPU RNG"], seed_offset=0)``。种子既然相同，还用存这两样吗？

# hide-cell: 种子相同，漏掉两个发生器
print_row("both RNGs", left_out=["generator", "CPU RNG"], seed_offset=0)

# %%
# .. outcome::
#
#    五次的参数仍然都不相等。种子相同只让随机数从头开始，而中断时它们已经走过了 5 轮。
#
# 读到哪台设备
# ------------
# 文件记下了每个张量原来在哪台 :term:`设备` 上。``torch.load`` 默认把它放回那台设备，没有那台设备就报错。本页在没有 GPU 的机器上运行，所以下面用 ``map_location="cuda"`` 引出同样的报错，第二次再用 ``meta`` 设备代替 GPU，那里的张量只有形状，没有数。

path = folder / "checkpoint_0.pt"
try:
    torch.load(path, map_location="cuda")
except RuntimeError as error:
    print(textwrap.fill(f"{type(error).__name__}: {error}", 92))
try:
    torch.set_rng_state(torch.load(path, map_location="meta")["CPU RNG"])
except TypeError as error:
    print(f"{type(error).__name__}: {error}")
whole.restore(torch.load(path, map_location="cpu"))
print(f"map_location='cpu': the run resumes after epoch {whole.epoch}")

# %%
# 第一条报错的后半句就是改法，即 ``map_location``。第二条说明不能移到 GPU 上，因为发生器的状态也会移走，而 ``set_rng_state`` 只接受 CPU 上的张量。写 ``map_location="cpu"`` 就能读回，随后 ``load_state_dict`` 把数复制到模型和优化器所在的设备。
#
# 来历不明的文件
# --------------
# ``torch.save`` 用的是 Python 的 pickle 格式。这种文件可以指定读取时调用哪个函数，下面的文件就要求调用 ``print``。


class Surprise:
    def __reduce__(self):
        return print, ("this ran because the file was loaded",)


torch.save({"model": Surprise()}, path)  # 换掉原来的检查点
try:
    torch.load(path)
except UnpicklingError as error:
    reason = str(error).split("WeightsUnpickler error: ")[1]
    print(f"{type(error).__name__}: {reason.split(' by default')[0]}")
torch.load(path, weights_only=False)
temporary.cleanup()

# %%
# 从 PyTorch 2.6 起，``weights_only`` 默认是 ``True``，只接受张量、数、字符串和它们的容器等，所以拒绝了这个文件。``weights_only=False`` 则调用了 ``print``，换成删除文件的函数也会照样调用，所以只能用来读自己存的文件。
#
# .. real-projects::
#
#    检查点可以先写到临时文件，写完再改名，这样程序在写到一半时中断，上一份也还完好。检查点要在一轮的末尾存，因为 ``DataLoader`` 不记得这一轮取到了第几个批次。程序还有别的会变的状态时，也要存进去，例如 ``random`` 和 ``np.random`` 的状态、混合精度训练的 ``GradScaler``、早停记下的最小损失。
#    接口见 `torch.load <https://docs.pytorch.org/docs/stable/generated/torch.load.html>`__，文件格式与安全见 `Serialization semantics <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__。
#
# 小结
# ----
# - 规则：做推理只存模型的 ``state_dict``，读回以后调用 ``eval()``。续训要存训练中会变的全部状态，漏掉训练用到的一样，得到的就不是同一个模型。从准确率不一定看得出来，所以要比较参数。
# - API：``torch.save``，``torch.load(path, map_location="cpu")``，``load_state_dict``，``torch.get_rng_state``，``torch.set_rng_state``。
# - 下一页：:ref:`training-reproducibility`
