"""Models that several pages of TorchNotes use; each is written out on the page that explains it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["GPTBlock", "ResidualBlock", "SelfAttention", "SmallCNN", "TinyGPT", "TinyUNet"]


class SmallCNN(nn.Module):
    """Two convolutions with pooling between them, then a linear layer.

    The class is the one that the page on the first convolutional network (``images/first_cnn``) writes out, with the
    choices below added.

    Parameters
    ----------
    n_classes
        Number of outputs.
    in_channels
        Channels of the images. Keyword only.
    width
        Channels after the first convolution; the second has twice as many. Keyword only.
    image_size
        Height and width of the images in pixels, at least 4. Not used with `global_pooling`, which takes any
        size from 2 on. Keyword only.
    global_pooling
        Whether the largest value over all places goes to the linear layer, as the page on shifts
        (``images/shift_and_pooling``) has it, or, by default, every place. Keyword only.

    Raises
    ------
    ValueError
        If `image_size` is less than 4.
    """

    def __init__(
        self,
        n_classes: int = 10,
        *,
        in_channels: int = 1,
        width: int = 8,
        image_size: int = 8,
        global_pooling: bool = False,
    ) -> None:
        """Make the layers."""
        super().__init__()
        if image_size < 4:
            raise ValueError(f"image_size must be at least 4, got {image_size}")
        places = 1 if global_pooling else (image_size // 4) ** 2
        self.global_pooling = global_pooling
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, kernel_size=3, padding=1)
        self.output = nn.Linear(2 * width * places, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W) -> (B, n_classes)
        """Return the logits, shape ``(B, n_classes)``, of images of shape ``(B, in_channels, H, W)``."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (B, width, H/2, W/2)
        x = F.relu(self.conv2(x))  # (B, 2*width, H/2, W/2)
        if self.global_pooling:
            logits: torch.Tensor = self.output(x.amax(dim=(2, 3)))
        else:
            logits = self.output(F.max_pool2d(x, 2).flatten(1))
        return logits


class ResidualBlock(nn.Module):
    """Two convolutions with batch normalization whose output is added to the block's input.

    The class is the one that the page on residual connections (``images/residual_connections``) writes out. It is
    the basic block of He et al., “Deep Residual Learning for Image Recognition” (2015).

    Parameters
    ----------
    in_channels
        Channels of the input.
    out_channels
        Channels of the output; by default as many. Where they differ, or `stride` isn't 1, a convolution of 1×1
        brings the input to the output's shape.
    stride
        By how much the first convolution shrinks height and width. Keyword only.
    """

    def __init__(self, in_channels: int, out_channels: int | None = None, *, stride: int = 1) -> None:
        """Make the layers."""
        super().__init__()
        out_channels = in_channels if out_channels is None else out_channels
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)
        """Return the block's output, shape ``(B, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)``."""
        y = F.relu(self.norm1(self.conv1(x)))  # (B, C_out, H/stride, W/stride)
        y = self.norm2(self.conv2(y))  # (B, C_out, H/stride, W/stride)
        return F.relu(y + self.shortcut(x))


def _conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolution of 3×3 that keeps height and width, batch normalization, ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())


class TinyUNet(nn.Module):
    """A U-Net of two levels: it halves the image twice, doubles it twice, and joins what has the same size.

    The class is the one that the page on masks (``images/unet_masks``) writes out. The idea is of Ronneberger et al.,
    “U-Net: Convolutional Networks for Biomedical Image Segmentation” (2015); batch normalization is added.

    Parameters
    ----------
    in_channels
        Channels of the images.
    n_classes
        Number of logits for each pixel.
    width
        Channels at full size; each level below has twice as many. Keyword only.
    skips
        Whether the way up sees what the way down had at the same size; if not, it sees zeros there. Keyword only.
    """

    def __init__(
        self, in_channels: int = 1, n_classes: int = 3, *, width: int = 8, skips: bool = True
    ) -> None:
        """Make the layers."""
        super().__init__()
        self.skips = skips
        self.down1 = _conv_block(in_channels, width)
        self.down2 = _conv_block(width, 2 * width)
        self.bottom = _conv_block(2 * width, 4 * width)
        self.up2 = _conv_block(4 * width + 2 * width, 2 * width)
        self.up1 = _conv_block(2 * width + width, width)
        self.output = nn.Conv2d(width, n_classes, kernel_size=1)

    def join(self, c: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Double the height and width of `c`, ``(B, C, H, W)``, and put the channels of `skip` after its own.

        Raises
        ------
        RuntimeError
            If the height or width of `skip` isn't twice that of `c`.
        """
        if not self.skips:
            skip = torch.zeros_like(skip)
        return torch.cat([F.interpolate(c, scale_factor=2), skip], dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W) -> (B, n_classes, H, W)
        """Return the logits of each pixel, shape ``(B, n_classes, H, W)``.

        Raises
        ------
        RuntimeError
            If the images' height or width is no multiple of 4.
        """
        a = self.down1(x)  # (B, width, H, W)
        b = self.down2(F.max_pool2d(a, 2))  # (B, 2*width, H/2, W/2)
        c = self.bottom(F.max_pool2d(b, 2))  # (B, 4*width, H/4, W/4)
        c = self.up2(self.join(c, b))  # (B, 2*width, H/2, W/2)
        c = self.up1(self.join(c, a))  # (B, width, H, W)
        logits: torch.Tensor = self.output(c)
        return logits


class SelfAttention(nn.Module):
    """Attention of a sequence to itself, with several heads.

    The class is the one that the page on a tiny GPT (``attention/tiny_gpt``) writes out. The idea is of Vaswani et al.,
    “Attention Is All You Need” (2017).

    Parameters
    ----------
    dim
        Numbers in each token's vector, a multiple of `n_heads`.
    n_heads
        Number of heads.
    causal
        Whether a token sees only itself and those before it. Keyword only.

    Raises
    ------
    ValueError
        If `dim` is no multiple of `n_heads`.
    """

    def __init__(self, dim: int, n_heads: int, *, causal: bool = True) -> None:
        """Make the layers."""
        super().__init__()
        if dim % n_heads:
            raise ValueError(f"dim must be a multiple of n_heads, got {dim} and {n_heads}")
        self.n_heads = n_heads
        self.causal = causal
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, D) -> (B, T, D)
        """Return, for each token, the heads' weighted sums mixed, shape ``(B, T, dim)`` like `x`."""
        heads = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))  # (B, T, 3, n_heads, D/n_heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (B, n_heads, T, D/n_heads)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        mixed: torch.Tensor = self.output(y.transpose(1, 2).flatten(2))
        return mixed


class GPTBlock(nn.Module):
    """An attention and a small network for every token, each with normalization before it and added to its input.

    The class is the one that the page on a tiny GPT (``attention/tiny_gpt``) writes out.

    Parameters
    ----------
    dim
        Numbers in each token's vector, a multiple of `n_heads`.
    n_heads
        Heads of the attention.
    causal
        Whether a token sees only itself and those before it. Keyword only.
    """

    def __init__(self, dim: int, n_heads: int, *, causal: bool = True) -> None:
        """Make the layers."""
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, n_heads, causal=causal)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, T, D) -> (B, T, D)
        """Return new vectors for the tokens, shape ``(B, T, dim)`` like `x`."""
        x = x + self.attention(self.norm1(x))
        y: torch.Tensor = x + self.mlp(self.norm2(x))
        return y


class TinyGPT(nn.Module):
    """A small language model: from each token's past, the logits of the next token.

    The class is the one that the page on a tiny GPT (``attention/tiny_gpt``) writes out. It has GPT-2's order of layers
    (Radford et al., “Language Models are Unsupervised Multitask Learners”, 2019), without dropout.

    Parameters
    ----------
    n_tokens
        Size of the vocabulary.
    context
        Length of the longest sequence. Keyword only.
    dim
        Numbers in each token's vector. Keyword only.
    n_heads
        Heads of each attention. Keyword only.
    n_blocks
        Number of blocks, each an attention and a small network for every token. Keyword only.
    causal
        Whether a token sees only itself and those before it. Keyword only.
    """

    def __init__(
        self,
        n_tokens: int,
        *,
        context: int = 64,
        dim: int = 64,
        n_heads: int = 4,
        n_blocks: int = 2,
        causal: bool = True,
    ) -> None:
        """Make the layers."""
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(n_tokens, dim)
        self.positions = nn.Embedding(context, dim)
        self.blocks = nn.Sequential(*(GPTBlock(dim, n_heads, causal=causal) for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, n_tokens)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:  # (B, T) -> (B, T, n_tokens)
        """Return the logits of the token after each one, shape ``(B, T, n_tokens)``.

        Raises
        ------
        IndexError
            If a sequence is longer than `context`, or a token isn't in the vocabulary.
        """
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.tokens(tokens) + self.positions(places)  # (B, T, dim)
        logits: torch.Tensor = self.output(self.norm(self.blocks(x)))
        return logits
