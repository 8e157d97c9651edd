"""Data sets that the pages of TorchNotes share: small, made or carried by a package, never downloaded."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any] | torch.Tensor
    Rows: TypeAlias = int | slice | list[int] | torch.Tensor

__all__ = [
    "Digits",
    "FakeDataset",
    "LabeledImages",
    "Reading",
    "copy_task",
    "digits_on_canvas",
    "drawn_shapes",
    "noisy_sine",
    "polyphones",
    "small_text",
]


def _shape_and_dtype(array: Array) -> str:
    return f"{tuple(array.shape)} {str(array.dtype).removeprefix('torch.')}"


class FakeDataset(Dataset[tuple[Any, Any]]):
    """Pairs of features and a target, held in memory.

    Item `idx` is ``(x[idx], y[idx])``. The class is the one that the page on data sets
    (``basics/dataset_dataloader``) writes out, with a check of the lengths and a repr added.

    Parameters
    ----------
    x
        Features of all examples, shape ``(n, ...)``, any dtype. Kept as it is, not copied.
    y
        Targets of all examples, shape ``(n, ...)``, any dtype. Kept as it is, not copied.

    Raises
    ------
    ValueError
        If `x` and `y` differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> FakeDataset(np.zeros((100, 10)), np.zeros(100))
    FakeDataset(x=(100, 10) float64, y=(100,) float64)
    """

    def __init__(self, x: Array, y: Array) -> None:
        """Keep `x` and `y`, which need the same length."""
        if len(x) != len(y):
            raise ValueError(f"x and y need the same length, got {len(x)} and {len(y)}")
        self.x = x
        self.y = y

    def __len__(self) -> int:
        """Return the number of examples, n."""
        return len(self.x)

    def __getitem__(self, idx: int) -> tuple[Any, Any]:
        """Return the features, shape ``x.shape[1:]``, and the target of example `idx`.

        Raises
        ------
        IndexError
            If `idx` is not in ``[-n, n)``.
        """
        return self.x[idx], self.y[idx]

    def __repr__(self) -> str:
        """Tell shapes and dtypes, never values."""
        return f"{type(self).__name__}(x={_shape_and_dtype(self.x)}, y={_shape_and_dtype(self.y)})"


@dataclass(frozen=True, eq=False, repr=False)
class LabeledImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images and their labels, held in memory.

    ``data[rows]`` is ``(images[rows], labels[rows])``, so a `torch.utils.data.DataLoader` takes it, and a whole
    batch can be had at once by a slice, a list, a mask or a tensor of row numbers.

    Parameters
    ----------
    images
        Shape ``(n, C, H, W)``, ``float32``, from 0 (background) to 1.
    labels
        Shape ``(n,)``, ``int64``.

    Raises
    ------
    ValueError
        If `images` and `labels` differ in length.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        """Check the lengths."""
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images need as many labels, got {len(self.labels)}")

    def __len__(self) -> int:
        """Return the number of images, n."""
        return len(self.images)

    def __getitem__(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images and labels of `rows`; of one row, shapes ``(C, H, W)`` and ``()``.

        Raises
        ------
        IndexError
            If a row is not in ``[-n, n)``.
        """
        return self.images[rows], self.labels[rows]

    def first(self, n: int) -> LabeledImages:
        """Return the first `n` images with their labels; the memory is shared.

        Raises
        ------
        ValueError
            If there are fewer than `n`, or `n` is negative.
        """
        if not 0 <= n <= len(self):
            raise ValueError(f"there are {len(self)} images, got n={n}")
        return LabeledImages(self.images[:n], self.labels[:n])

    def __repr__(self) -> str:
        """Tell shapes and dtypes, never values."""
        images, labels = _shape_and_dtype(self.images), _shape_and_dtype(self.labels)
        return f"{type(self).__name__}(images={images}, labels={labels})"


@dataclass(frozen=True, eq=False)
class Digits:
    """The 1,797 handwritten digits of scikit-learn, split into training, validation and test images.

    They come with scikit-learn, which this class imports when it loads them; their source is the UCI
    repository's “Optical Recognition of Handwritten Digits” (E. Alpaydin and C. Kaynak, 1998, CC BY 4.0).

    Parameters
    ----------
    train
        1,200 images, shape ``(1200, 1, 8, 8)``, ``float32``, from 0 (paper) to 1 (ink) in steps of 1/16, and
        their labels, shape ``(1200,)``, ``int64``, from 0 to 9.
    validation
        300 images and labels, for every choice.
    test
        297 images and labels, for the last number.

    Examples
    --------
    >>> digits = Digits.load()
    >>> digits.validation
    LabeledImages(images=(300, 1, 8, 8) float32, labels=(300,) int64)
    >>> x, y = digits.train[:32]
    """

    train: LabeledImages
    validation: LabeledImages
    test: LabeledImages

    @classmethod
    def load(cls, *, generator: torch.Generator | None = None) -> Digits:
        """Load the digits and split them.

        Parameters
        ----------
        generator
            Shuffles the images. By default a new one with seed 0, as on the pages that write the split out. Keyword
            only.

        Raises
        ------
        ModuleNotFoundError
            If scikit-learn isn't installed.
        """
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
        labels = torch.tensor(digits.target)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        order = torch.randperm(len(images), generator=generator)
        parts = torch.split(order, [1200, 300, 297])
        return cls(*(LabeledImages(images[rows], labels[rows]) for rows in parts))


def digits_on_canvas(
    images: torch.Tensor, *, size: int = 12, shifts: tuple[int, int] | torch.Tensor = (0, 0)
) -> torch.Tensor:
    """Put small images on a larger canvas, moved from its middle.

    Parameters
    ----------
    images
        Shape ``(n, C, H, W)``, any dtype.
    size
        Height and width of the canvas in pixels. Keyword only.
    shifts
        How far down and to the right each image is moved, in pixels: a pair for all images, or a tensor of shape
        ``(n, 2)``, any integer dtype. What leaves the canvas is an error. Keyword only.

    Returns
    -------
    Tensor
        Shape ``(n, C, size, size)``, dtype and device of `images`; 0 around the images.

    Raises
    ------
    ValueError
        If an image doesn't fit where it is moved to, or `shifts` has another shape.
    """
    n, channels, height, width = images.shape
    moves = shifts if isinstance(shifts, torch.Tensor) else torch.tensor(shifts).expand(n, 2)
    if moves.shape != (n, 2):
        raise ValueError(f"shifts needs shape {(n, 2)}, got {tuple(moves.shape)}")
    room = torch.tensor([size - height, size - width])
    corners = torch.div(room, 2, rounding_mode="floor") + moves.cpu()  # (n, 2)
    if bool(((corners < 0) | (corners > room)).any()):
        raise ValueError(f"shifts move images of {height}×{width} pixels off a canvas of {size}×{size}")
    canvas = images.new_zeros(n, channels, size, size)
    for one, image, (top, left) in zip(canvas, images, corners.tolist(), strict=True):
        one[:, top : top + height, left : left + width] = image
    return canvas


def drawn_shapes(
    n: int, *, size: int = 32, noise: float = 0.3, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a ring and a square in noise, and say which pixels belong to which.

    Place, radius, side and brightness are random. The square lies above the ring where both meet.

    Parameters
    ----------
    n
        Number of images.
    size
        Height and width in pixels, at least 16. Keyword only.
    noise
        Standard deviation of the normal noise added to each pixel. Keyword only.
    generator
        Draws all random numbers; by default PyTorch's global one. Keyword only.

    Returns
    -------
    images : Tensor
        Shape ``(n, 1, size, size)``, ``float32``: 0 (background) to 1, plus the noise.
    masks : Tensor
        Shape ``(n, size, size)``, ``int64``: 0 background, 1 ring, 2 square.

    Raises
    ------
    ValueError
        If `size` is less than 16.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16, got {size}")

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, generator=generator)

    rows = torch.arange(size).view(1, size, 1)
    columns = torch.arange(size).view(1, 1, size)
    radius, side = uniform(size / 8, size / 4), uniform(size / 8, size / 3)
    middle = [uniform(size / 4, 3 * size / 4) for _ in range(4)]
    distance = ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2).sqrt()
    ring = (distance - radius).abs() <= 1
    square = ((rows - middle[2]).abs() <= side / 2) & ((columns - middle[3]).abs() <= side / 2)
    masks = torch.where(square, 2, ring.long())  # (n, size, size)
    images = torch.where(masks == 2, uniform(0.5, 1.0), torch.where(masks == 1, uniform(0.5, 1.0), 0.0))
    images = images + noise * torch.randn(n, size, size, generator=generator)
    return images.unsqueeze(1), masks


def noisy_sine(
    n: int, *, period: float = 25.0, noise: float = 0.2, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Make a sine wave with noise, one value a step.

    Parameters
    ----------
    n
        Number of steps.
    period
        Length of a wave in steps, positive. Keyword only.
    noise
        Standard deviation of the normal noise; the wave goes from -1 to 1. Keyword only.
    generator
        Draws the noise; by default PyTorch's global one. Keyword only.

    Returns
    -------
    Tensor
        Shape ``(n,)``, ``float32``; without the noise, 0 at the first step.

    Raises
    ------
    ValueError
        If `period` isn't positive.
    """
    if not period > 0:
        raise ValueError(f"period must be positive, got {period}")
    return torch.sin(torch.arange(n) * (2 * math.pi / period)) + noise * torch.randn(n, generator=generator)


def copy_task(
    n: int, *, length: int, n_symbols: int = 8, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make sequences of symbols that are to be said again after a mark.

    ``a b c | a b`` is an input and ``_ _ _ a b c`` its target, where ``_`` (-100) counts in no loss.

    Parameters
    ----------
    n
        Number of sequences.
    length
        Number of symbols to copy. Keyword only.
    n_symbols
        How many symbols there are; they are 1, 2, …, and the mark is 0. Keyword only.
    generator
        Draws the symbols; by default PyTorch's global one. Keyword only.

    Returns
    -------
    inputs : Tensor
        Shape ``(n, 2 * length)``, ``int64``, from 0 to `n_symbols`.
    targets : Tensor
        Shape ``(n, 2 * length)``, ``int64``: what follows each input, -100 before the mark.
    """
    symbols = torch.randint(1, n_symbols + 1, (n, length), generator=generator)
    mark, unknown = torch.zeros(n, 1, dtype=torch.int64), torch.full((n, length), -100)
    return torch.cat([symbols, mark, symbols[:, :-1]], dim=1), torch.cat([unknown, symbols], dim=1)


class Reading(NamedTuple):
    """A character of a phrase and how it is read there."""

    phrase: str
    place: int
    """Of the character in the phrase, from 0."""
    reading: str
    """Pinyin with the mark of its tone."""


def polyphones() -> list[Reading]:
    """Find all places in pypinyin's phrases at which a character stands that has several readings there.

    The source is the dictionary of phrases in the package pypinyin (MIT), which this function imports.

    Returns
    -------
    list of Reading
        54,858 places with pypinyin 0.55, in the order of its dictionary.

    Raises
    ------
    ModuleNotFoundError
        If pypinyin isn't installed.
    """
    from pypinyin.phrases_dict import phrases_dict

    found = [
        Reading(phrase, place, readings[0])
        for phrase, syllables in phrases_dict.items()
        if len(phrase) == len(syllables)
        for place, readings in enumerate(syllables)
    ]
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for phrase, place, reading in found:
        counts[phrase[place]][reading] += 1
    return [item for item in found if len(counts[item.phrase[item.place]]) > 1]


def small_text(language: Literal["zh", "en"]) -> str:
    """Read a text of this handbook, in Chinese or in English, line by line the same.

    Its 406 lines are prose of TorchNotes as it was in November 2026, definitions first (CC BY 4.0): 21,762
    characters in Chinese, 65,877 in English.
    """
    return (files("torchnotes") / "text" / f"{language}.txt").read_text(encoding="utf-8")
