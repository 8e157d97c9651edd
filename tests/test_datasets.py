"""The shared data sets: shapes, dtypes, ranges, errors, and that a page that writes one out has the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

from tests.built import for_every
from torchnotes.datasets import (
    Digits,
    LabeledImages,
    copy_task,
    digits_on_canvas,
    drawn_shapes,
    noisy_sine,
    polyphones,
    small_text,
)

GALLERY = Path(__file__).parents[1] / "gallery"
SPLIT = """\
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
"""
SPLITTING = "order.split([1200, 300, 297])"
EXPLAINED_ON = "training/digits_dataloader"
"""The page that writes the split step by step, with other cells between."""
WRITTEN_OUT = [
    path
    for path in sorted(GALLERY.rglob("*.py"))
    if "order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))"
    in path.read_text("utf-8")
]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return Digits.load()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -- digits


def test_digits_have_the_shapes_dtypes_and_ranges_of_their_docstring(digits: Digits) -> None:
    for part, n in ((digits.train, 1200), (digits.validation, 300), (digits.test, 297)):
        assert part.images.shape == (n, 1, 8, 8)
        assert part.images.dtype == torch.float32
        assert part.images.min() == 0
        assert part.images.max() == 1
        assert ((part.images * 16) % 1 == 0).all()
        assert part.labels.shape == (n,)
        assert part.labels.dtype == torch.int64
        assert set(part.labels.tolist()) == set(range(10))


def test_every_digit_is_in_one_part_once(digits: Digits) -> None:
    parts = (digits.train, digits.validation, digits.test)
    images = torch.cat([part.images for part in parts]).flatten(1)
    labels = torch.cat([part.labels for part in parts])
    together = torch.cat([images * 16, labels.unsqueeze(1)], dim=1)
    original = load_digits()
    expected = torch.cat(
        [torch.tensor(original.data, dtype=torch.float32), torch.tensor(original.target).unsqueeze(1)], dim=1
    )
    assert sorted(together.tolist()) == sorted(expected.tolist())


def test_a_generator_shuffles_anew(digits: Digits) -> None:
    again, other = Digits.load(generator=seeded(0)), Digits.load(generator=seeded(1))
    torch.testing.assert_close(again.train.images, digits.train.images)
    assert not torch.equal(other.train.images, digits.train.images)
    state = torch.get_rng_state()
    Digits.load()
    assert torch.equal(torch.get_rng_state(), state)


def test_there_are_pages_that_write_the_split_out() -> None:
    assert len(WRITTEN_OUT) > 15


@for_every("path", WRITTEN_OUT)
def test_pages_that_write_the_split_out_write_it_alike(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert SPLITTING in code
    if path.relative_to(GALLERY).with_suffix("").as_posix() != EXPLAINED_ON:
        assert SPLIT in code


def test_the_split_on_the_pages_is_that_of_the_class(digits: Digits) -> None:
    namespace: dict[str, Any] = {"load_digits": load_digits, "torch": torch}
    exec(f"{SPLIT}train, validation, test = {SPLITTING}", namespace)
    for name in ("train", "validation", "test"):
        part, rows = getattr(digits, name), namespace[name]
        assert torch.equal(part.images, namespace["images"][rows])
        assert torch.equal(part.labels, namespace["labels"][rows])


# -- labeled images


def test_rows_of_every_kind(digits: Digits) -> None:
    data = digits.validation
    image, label = data[3]
    assert image.shape == (1, 8, 8)
    assert label.shape == ()
    mask = data.labels == 7
    for rows in (slice(3, 5), [3, 4], torch.tensor([3, 4])):
        x, y = data[rows]
        assert torch.equal(x, data.images[3:5])
        assert torch.equal(y, data.labels[3:5])
    assert len(data[mask][0]) == int(mask.sum())
    with pytest.raises(IndexError):
        data[300]


def test_a_loader_takes_them(digits: Digits) -> None:
    batches = list(DataLoader(digits.validation, batch_size=128))
    assert [len(y) for _x, y in batches] == [128, 128, 44]
    assert torch.equal(torch.cat([x for x, _y in batches]), digits.validation.images)


def test_the_first_ones_share_memory(digits: Digits) -> None:
    few = digits.train.first(100)
    assert len(few) == 100
    assert few.images.data_ptr() == digits.train.images.data_ptr()
    for n in (-1, 1201):
        with pytest.raises(ValueError, match=f"there are 1200 images, got n={n}"):
            digits.train.first(n)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 images need as many labels, got 2"):
        LabeledImages(torch.zeros(3, 1, 8, 8), torch.zeros(2))


# -- canvases


@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    more=st.integers(0, 5),
    n=st.integers(0, 4),
    data=st.data(),
)
def test_an_image_keeps_its_pixels_and_moves(height: int, width: int, more: int, n: int, data: Any) -> None:
    size = max(height, width) + more
    images = torch.rand(n, 2, height, width, generator=seeded()) + 1
    top, left = (size - height) // 2, (size - width) // 2
    moves = torch.tensor(
        [
            [
                data.draw(st.integers(-top, size - height - top)),
                data.draw(st.integers(-left, size - width - left)),
            ]
            for _ in range(n)
        ],
        dtype=torch.int64,
    ).view(n, 2)
    canvas = digits_on_canvas(images, size=size, shifts=moves)
    assert canvas.shape == (n, 2, size, size)
    for one, image, (down, right) in zip(canvas, images, moves.tolist(), strict=True):
        window = one[:, top + down : top + down + height, left + right : left + right + width]
        assert torch.equal(window, image)
        assert one.sum().item() == pytest.approx(image.sum().item(), rel=1e-5)


@pytest.mark.parametrize("shifts", [(3, 0), (0, -3), torch.tensor([[0, 0], [0, 3]])])
def test_an_image_that_leaves_the_canvas_is_an_error(shifts: Any) -> None:
    with pytest.raises(ValueError, match="move images of 8×8 pixels off a canvas of 12×12"):
        digits_on_canvas(torch.ones(2, 1, 8, 8), shifts=shifts)


def test_a_canvas_smaller_than_the_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="off a canvas of 6×6"):
        digits_on_canvas(torch.ones(2, 1, 8, 8), size=6)


def test_shifts_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"shifts needs shape \(2, 2\), got \(3, 2\)"):
        digits_on_canvas(torch.ones(2, 1, 8, 8), shifts=torch.zeros(3, 2, dtype=torch.int64))


# -- shapes


@given(n=st.integers(0, 3), size=st.integers(16, 40), seed=st.integers(0, 100))
def test_drawn_shapes_have_the_shapes_and_dtypes_of_their_docstring(n: int, size: int, seed: int) -> None:
    images, masks = drawn_shapes(n, size=size, generator=seeded(seed))
    assert images.shape == (n, 1, size, size)
    assert images.dtype == torch.float32
    assert masks.shape == (n, size, size)
    assert masks.dtype == torch.int64
    for mask in masks:
        assert set(mask.unique().tolist()) <= {0, 1, 2}
        assert (mask == 2).any()


def test_without_noise_the_mask_can_be_read_off_the_image() -> None:
    images, masks = drawn_shapes(20, noise=0.0, generator=seeded())
    assert torch.equal(images[:, 0] > 0, masks > 0)
    assert images.max() <= 1
    for image, mask in zip(images[:, 0], masks, strict=True):
        for kind in (1, 2):
            assert len(image[mask == kind].unique()) <= 1


def test_one_generator_draws_all_and_nothing_else_is_touched() -> None:
    state = torch.get_rng_state()
    first, again = (drawn_shapes(3, generator=seeded(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_too_small_a_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="size must be at least 16, got 15"):
        drawn_shapes(1, size=15)


# -- sequences


@given(n=st.integers(0, 4), length=st.integers(1, 6), n_symbols=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_copy_task_asks_for_what_follows(n: int, length: int, n_symbols: int, seed: int) -> None:
    inputs, targets = copy_task(n, length=length, n_symbols=n_symbols, generator=seeded(seed))
    assert inputs.shape == targets.shape == (n, 2 * length)
    assert inputs.dtype == targets.dtype == torch.int64
    symbols = inputs[:, :length]
    assert ((symbols >= 1) & (symbols <= n_symbols)).all()
    assert (inputs[:, length] == 0).all()
    assert (targets[:, :length] == -100).all()
    assert torch.equal(targets[:, length:], symbols)
    assert torch.equal(inputs[:, length + 1 :], targets[:, length:-1])


def test_a_sine_without_noise_is_a_sine() -> None:
    wave = noisy_sine(51, period=25, noise=0.0)
    assert wave.dtype == torch.float32
    assert wave[0] == 0
    torch.testing.assert_close(wave[25:50], wave[:25], atol=1e-5, rtol=0)
    assert wave.abs().max() <= 1
    with pytest.raises(ValueError, match="period must be positive, got 0"):
        noisy_sine(3, period=0)


def test_the_noise_of_a_sine_has_the_given_deviation() -> None:
    state = torch.get_rng_state()
    noisy, plain = (noisy_sine(10_000, noise=noise, generator=seeded()) for noise in (0.5, 0.0))
    assert (noisy - plain).std().item() == pytest.approx(0.5, rel=0.03)
    assert torch.equal(torch.get_rng_state(), state)


def test_polyphones_have_several_readings_each() -> None:
    found = polyphones()
    assert len(found) > 50_000
    readings: dict[str, set[str]] = {}
    for phrase, place, reading in found:
        readings.setdefault(phrase[place], set()).add(reading)
    assert min(map(len, readings.values())) == 2
    assert {"háng", "xíng"} <= readings["行"]
    assert len({(item.phrase, item.place) for item in found}) == len(found)


def test_the_small_text_is_line_by_line_the_same_in_both_languages() -> None:
    chinese, english = small_text("zh"), small_text("en")
    assert (len(chinese), len(english)) == (21_762, 65_877)
    assert chinese.count("\n") == english.count("\n") == 406
    number = re.compile(r"\d+\.\d+")
    for one, other in zip(chinese.splitlines(), english.splitlines(), strict=True):
        assert set(number.findall(one)) == set(number.findall(other))


def test_every_public_name_is_documented_and_exported() -> None:
    for module in ("datasets", "models", "workers"):
        path = GALLERY.parent / "src" / "torchnotes" / f"{module}.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = {
            node.name: ast.get_docstring(node)
            for node in tree.body
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
        }
        listed = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        assert sorted(listed) == sorted(public)
        assert listed == sorted(listed)
        assert all(public.values())
