"""The shared models: against torch's own functions, and against the pages that write them out."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from torchnotes.models import GPTBlock, ResidualBlock, SelfAttention, SmallCNN, TinyGPT, TinyUNet

GALLERY = Path(__file__).parents[1] / "gallery"
ON_PAGE = {
    SmallCNN: ("images/first_cnn", (), (4, 1, 8, 8)),
    ResidualBlock: ("images/residual_connections", (4, 8), (4, 4, 8, 8)),
    TinyUNet: ("images/unet_masks", (), (4, 1, 16, 16)),
    SelfAttention: ("attention/tiny_gpt", (8, 2), (3, 5, 8)),
    GPTBlock: ("attention/tiny_gpt", (8, 2), (3, 5, 8)),
    TinyGPT: ("attention/tiny_gpt", (11,), (3, 5)),
}


def class_on_page(page: str, name: str) -> type[nn.Module]:
    """The class as the page writes it out, with the functions and classes above it."""
    tree = ast.parse((GALLERY / f"{page}.py").read_text(encoding="utf-8"))
    made = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    (found,) = (node for node in made if isinstance(node, ast.ClassDef) and node.name == name)
    above = made[: made.index(found)]
    namespace: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
    exec(compile(ast.Module([*above, found], []), page, "exec"), namespace)
    return namespace[name]  # type: ignore[no-any-return]


@pytest.mark.parametrize("model", ON_PAGE, ids=lambda model: model.__name__)
def test_a_model_is_the_one_that_its_page_writes_out(model: type[nn.Module]) -> None:
    page, arguments, shape = ON_PAGE[model]
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    if model is TinyGPT:
        x = (11 * x).long()
    outputs = []
    for made in (model, class_on_page(page, model.__name__)):
        torch.manual_seed(0)
        module = made(*arguments)
        outputs.append(module(x))
        outputs.append(module.eval()(x))
    torch.testing.assert_close(outputs[:2], outputs[2:], rtol=0, atol=0)
    assert page in (model.__doc__ or "")


@pytest.mark.parametrize(("global_pooling", "n_parameters"), [(False, 1898), (True, 1418)])
def test_small_cnn(global_pooling: bool, n_parameters: int) -> None:
    model = SmallCNN(global_pooling=global_pooling)
    assert sum(parameter.numel() for parameter in model.parameters()) == n_parameters
    x = torch.rand(3, 1, 8, 8)
    y = F.max_pool2d(F.conv2d(x, model.conv1.weight, model.conv1.bias, padding=1).relu(), 2)
    y = F.conv2d(y, model.conv2.weight, model.conv2.bias, padding=1).relu()
    y = F.adaptive_max_pool2d(y, 1).flatten(1) if global_pooling else F.max_pool2d(y, 2).flatten(1)
    torch.testing.assert_close(model(x), y @ model.output.weight.T + model.output.bias)


@pytest.mark.parametrize("size", [4, 7, 12])
def test_small_cnn_takes_images_of_its_size(size: int) -> None:
    model = SmallCNN(5, in_channels=3, width=2, image_size=size)
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 5)


def test_small_cnn_with_global_pooling_takes_any_size() -> None:
    model = SmallCNN(global_pooling=True)
    for height, width in ((2, 2), (8, 8), (13, 30)):
        assert model(torch.zeros(1, 1, height, width)).shape == (1, 10)


def test_small_cnn_needs_four_pixels() -> None:
    with pytest.raises(ValueError, match="image_size must be at least 4, got 3"):
        SmallCNN(image_size=3)


@pytest.mark.parametrize(
    ("arguments", "stride", "expected"),
    [((4,), 1, (2, 4, 7, 7)), ((4, 6), 1, (2, 6, 7, 7)), ((4,), 2, (2, 4, 4, 4)), ((4, 8), 2, (2, 8, 4, 4))],
)
def test_residual_block(arguments: tuple[int, ...], stride: int, expected: tuple[int, ...]) -> None:
    block = ResidualBlock(*arguments, stride=stride).eval()
    x = torch.rand(2, 4, 7, 7)
    assert block(x).shape == expected
    nn.init.zeros_(block.norm2.weight)  # now the two convolutions add nothing
    torch.testing.assert_close(block(x), F.relu(block.shortcut(x)))
    is_same = arguments in {(4,)} and stride == 1
    assert isinstance(block.shortcut, nn.Identity) == is_same


def test_tiny_unet_gives_logits_for_each_pixel() -> None:
    model = TinyUNet(in_channels=3, n_classes=5, width=4)
    assert model(torch.zeros(2, 3, 12, 20)).shape == (2, 5, 12, 20)


def test_tiny_unet_refuses_sizes_that_it_cannot_halve_twice() -> None:
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        TinyUNet()(torch.zeros(1, 1, 18, 18))


@pytest.mark.parametrize("skips", [True, False])
def test_without_skips_the_way_up_sees_nothing_of_the_way_down(skips: bool) -> None:
    torch.manual_seed(0)
    model = TinyUNet(width=4, skips=skips)
    x = torch.rand(1, 1, 16, 16)
    before = model(x)
    with torch.no_grad():
        for up, joined in ((model.up2, 8), (model.up1, 4)):
            weight = next(up.parameters())  # of its convolution
            weight[:, -joined:] += 1  # what meets the channels that come over
    assert torch.equal(model(x), before) == (not skips)
    n_parameters = [sum(p.numel() for p in TinyUNet(skips=is_on).parameters()) for is_on in (True, False)]
    assert n_parameters[0] == n_parameters[1]


@pytest.mark.parametrize("causal", [True, False])
def test_self_attention_is_torchs_multi_head_attention(causal: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = (
        SelfAttention(8, 2, causal=causal),
        nn.MultiheadAttention(8, 2, bias=False, batch_first=True),
    )
    theirs.load_state_dict({"in_proj_weight": ours.qkv.weight, "out_proj.weight": ours.output.weight})
    x = torch.rand(3, 5, 8)
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    expected, _weights = theirs(x, x, x, attn_mask=hidden)
    torch.testing.assert_close(ours(x), expected)


def test_heads_share_the_dimensions() -> None:
    with pytest.raises(ValueError, match="dim must be a multiple of n_heads, got 8 and 3"):
        SelfAttention(8, 3)


@pytest.mark.parametrize("causal", [True, False])
def test_tiny_gpt_sees_only_the_past_if_it_is_causal(causal: bool) -> None:
    torch.manual_seed(0)
    model = TinyGPT(11, context=6, dim=8, n_heads=2, causal=causal)
    tokens = torch.randint(11, (2, 6))
    changed = tokens.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 11
    before, after = model(tokens), model(changed)
    assert before.shape == (2, 6, 11)
    assert torch.allclose(before[:, :4], after[:, :4]) == causal
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_tiny_gpt_refuses_more_than_its_context() -> None:
    with pytest.raises(IndexError, match="index out of range"):
        TinyGPT(11, context=6)(torch.zeros(1, 7, dtype=torch.int64))


def test_a_block_adds_to_its_input() -> None:
    block = GPTBlock(8, 2)
    nn.init.zeros_(block.attention.output.weight)
    for parameter in block.mlp[-1].parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(2, 3, 8)
    torch.testing.assert_close(block(x), x)
