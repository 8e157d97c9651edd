"""The helper package: values, shapes, dtypes, errors, repr, and what a worker process needs."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

import torchnotes
from torchnotes.datasets import FakeDataset
from torchnotes.workers import NoiseDataset, SlowDataset, Stream, own_generator

PAGE = Path(__file__).parents[1] / "gallery" / "basics" / "dataset_dataloader.py"


class WorkerId(Dataset[int]):
    """Each item is the id of the worker process that fetched it, -1 in the main process."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, idx: int) -> int:
        info = get_worker_info()
        return -1 if info is None else int(info.id)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((100, 10))


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(1).random(100)


@pytest.fixture
def dataset(x: np.ndarray, y: np.ndarray) -> FakeDataset:
    return FakeDataset(x, y)


def class_on_the_page() -> type[Any]:
    tree = ast.parse(PAGE.read_text(encoding="utf-8"))
    found = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "FakeDataset"]
    assert len(found) == 1
    namespace: dict[str, Any] = {"Dataset": Dataset}
    exec(compile(ast.Module(list(found), []), str(PAGE), "exec"), namespace)
    return namespace["FakeDataset"]  # type: ignore[no-any-return]


def test_version() -> None:
    assert torchnotes.__version__ == "0.1.0"
    assert version("torchnotes") == torchnotes.__version__


def test_is_marked_as_typed() -> None:
    assert files("torchnotes").joinpath("py.typed").is_file()


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, torchnotes; print('torch' in sys.modules)"
    folder = str(Path(torchnotes.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "False\n"


def test_items(dataset: FakeDataset, x: np.ndarray, y: np.ndarray) -> None:
    assert len(dataset) == 100
    for idx in (0, 99, -1):
        features, target = dataset[idx]
        assert features.shape == (10,)
        assert features.dtype == np.float64
        np.testing.assert_array_equal(features, x[idx])
        assert target == y[idx]


def test_data_is_not_copied(dataset: FakeDataset, x: np.ndarray, y: np.ndarray) -> None:
    assert dataset.x is x
    assert dataset.y is y


@pytest.mark.parametrize("idx", [100, -101])
def test_index_out_of_range(dataset: FakeDataset, idx: int) -> None:
    with pytest.raises(IndexError):
        dataset[idx]


def test_iteration_ends(dataset: FakeDataset) -> None:
    assert len(list(dataset)) == 100  # type: ignore[call-overload]


def test_tensors_keep_their_dtype() -> None:
    dataset = FakeDataset(torch.zeros(3, 2), torch.arange(3))
    features, target = dataset[2]
    assert features.dtype == torch.float32
    assert target.dtype == torch.int64
    assert target.item() == 2


def test_lengths_must_be_equal() -> None:
    message = "x and y need the same length, got 3 and 2"
    with pytest.raises(ValueError, match=f"^{message}$"):
        FakeDataset(np.zeros((3, 2)), np.zeros(2))


def test_empty() -> None:
    dataset = FakeDataset(np.zeros((0, 2)), np.zeros(0))
    assert len(dataset) == 0
    assert list(DataLoader(dataset, batch_size=4)) == []


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (np.zeros, "FakeDataset(x=(3, 2) float64, y=(3,) float64)"),
        (torch.zeros, "FakeDataset(x=(3, 2) float32, y=(3,) float32)"),
    ],
)
def test_repr_tells_shapes_only(make: Any, expected: str) -> None:
    assert repr(FakeDataset(make((3, 2)), make(3))) == expected


def test_pickle(dataset: FakeDataset) -> None:
    again = pickle.loads(pickle.dumps(dataset))
    assert type(again) is FakeDataset
    np.testing.assert_array_equal(again.x, dataset.x)
    np.testing.assert_array_equal(again.y, dataset.y)


def test_is_the_class_on_the_page(dataset: FakeDataset, x: np.ndarray, y: np.ndarray) -> None:
    written_out = class_on_the_page()(x, y)
    assert len(written_out) == len(dataset)
    for idx in range(100):
        for left, right in zip(written_out[idx], dataset[idx], strict=True):
            np.testing.assert_array_equal(left, right)
    own = {name for name in vars(type(written_out)) if callable(getattr(type(written_out), name))}
    assert own == {"__init__", "__len__", "__getitem__"}


def test_slow_dataset_passes_items_on(dataset: FakeDataset) -> None:
    slow = SlowDataset(dataset, seconds_per_item=0)
    assert len(slow) == 100
    for left, right in zip(slow[7], dataset[7], strict=True):
        np.testing.assert_array_equal(left, right)
    with pytest.raises(IndexError):
        slow[100]


def test_slow_dataset_waits(dataset: FakeDataset) -> None:
    slow = SlowDataset(dataset, seconds_per_item=0.02)
    start = time.perf_counter()
    slow[0]
    assert time.perf_counter() - start >= 0.019  # clocks differ in their last digits


@pytest.mark.parametrize("seconds", [-0.1, float("inf"), float("nan")])
def test_slow_dataset_rejects_a_time(dataset: FakeDataset, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"^seconds_per_item must be finite and >= 0, got "):
        SlowDataset(dataset, seconds_per_item=seconds)


def test_slow_dataset_time_is_keyword_only(dataset: FakeDataset) -> None:
    with pytest.raises(TypeError):
        SlowDataset(dataset, 0.1)  # type: ignore[call-arg]


def test_slow_dataset_repr(dataset: FakeDataset) -> None:
    expected = "SlowDataset(FakeDataset(x=(100, 10) float64, y=(100,) float64), seconds_per_item=0.005)"
    assert repr(SlowDataset(dataset, seconds_per_item=0.005)) == expected


def test_slow_dataset_pickle(dataset: FakeDataset) -> None:
    slow = SlowDataset(dataset, seconds_per_item=0.25)
    again = pickle.loads(pickle.dumps(slow))
    assert repr(again) == repr(slow)
    assert again.seconds_per_item == 0.25


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_fetch_the_same_batches(dataset: FakeDataset, context: str) -> None:
    if context not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {context} on this platform")
    epochs = []
    for num_workers in (0, 2):
        torch.manual_seed(0)
        loader = DataLoader(
            SlowDataset(dataset, seconds_per_item=0),
            batch_size=4,
            shuffle=True,
            num_workers=num_workers,
            multiprocessing_context=context if num_workers else None,
        )
        epochs.append(list(loader))
    assert [len(epoch) for epoch in epochs] == [25, 25]
    for (x_0, y_0), (x_2, y_2) in zip(*epochs, strict=True):
        assert x_0.shape == (4, 10)
        assert x_0.dtype == y_0.dtype == torch.float64
        assert torch.equal(x_0, x_2)
        assert torch.equal(y_0, y_2)


def test_two_workers_share_the_work() -> None:
    ids = torch.cat(list(DataLoader(WorkerId(), batch_size=2, num_workers=2)))
    assert ids.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    ids = torch.cat(list(DataLoader(WorkerId(), batch_size=2, num_workers=0)))
    assert ids.tolist() == [-1] * 8


def test_workers_repeat_the_noise_unless_each_gets_its_own_generator() -> None:
    def count(**options: Any) -> int:
        torch.manual_seed(0)
        loader = DataLoader(NoiseDataset(16), batch_size=4, **options)
        return len(set(torch.cat([*loader, *loader]).tolist()))

    assert count() == 32
    assert count(num_workers=2) == 8
    assert count(num_workers=2, worker_init_fn=own_generator) == 32
    dataset = NoiseDataset(3)
    assert [*map(dataset.__getitem__, range(3))]
    assert repr(dataset) == "NoiseDataset(n=3, n_fetched=3)"


@pytest.mark.parametrize(("share", "expected"), [(False, [0, 0, 1, 1, 2, 2]), (True, [0, 1, 2])])
def test_a_stream_is_read_once_if_it_is_shared(share: bool, expected: list[int]) -> None:
    stream = Stream(3, share)
    assert list(stream) == [0, 1, 2]
    assert sorted(int(n) for n in DataLoader(stream, batch_size=None, num_workers=2)) == expected
    assert repr(stream) == f"Stream(n=3, share={share})"
