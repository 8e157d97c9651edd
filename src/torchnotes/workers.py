"""Data sets that show what worker processes do, and where they go wrong.

A worker process of a `torch.utils.data.DataLoader` gets its data set pickled, and pickle keeps no
class, only the name to import it by. That is why these classes stand in a module.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset, IterableDataset, get_worker_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class SizedDataset(Protocol):
        """A map-style data set that knows its length."""

        def __len__(self) -> int:
            """Return the number of examples."""

        def __getitem__(self, idx: int) -> Any:
            """Return example `idx`."""


__all__ = ["NoiseDataset", "SlowDataset", "Stream", "own_generator"]


class SlowDataset(Dataset[Any]):
    """Another data set, each item of which takes a fixed time longer to fetch.

    The time is slept, so it stands for waiting (on a disk, on a network) and needs no processor.

    Parameters
    ----------
    dataset
        The data set whose items are passed on as they are.
    seconds_per_item
        How long each item is waited for, in seconds, finite and not negative. Keyword only.

    Raises
    ------
    ValueError
        If `seconds_per_item` is negative, infinite or NaN.
    """

    def __init__(self, dataset: SizedDataset, *, seconds_per_item: float) -> None:
        """Wrap `dataset`."""
        if not (math.isfinite(seconds_per_item) and seconds_per_item >= 0):
            raise ValueError(f"seconds_per_item must be finite and >= 0, got {seconds_per_item}")
        self.dataset = dataset
        self.seconds_per_item = seconds_per_item

    def __len__(self) -> int:
        """Return the number of examples of the wrapped data set."""
        return len(self.dataset)

    def __getitem__(self, idx: int) -> Any:
        """Wait, then return item `idx` of the wrapped data set; its errors pass through."""
        time.sleep(self.seconds_per_item)
        return self.dataset[idx]

    def __repr__(self) -> str:
        """Tell the wrapped data set and the time per item."""
        return f"{type(self).__name__}({self.dataset!r}, seconds_per_item={self.seconds_per_item})"


class NoiseDataset(Dataset[float]):
    """Normal random numbers from a generator that the data set keeps.

    Every worker process gets a copy of the data set and so of the generator, which is the mistake that the
    page on worker processes (``pitfalls/dataloader_workers``) measures; `own_generator` is the remedy.

    Parameters
    ----------
    n
        Number of examples.
    """

    def __init__(self, n: int) -> None:
        """Start the generator from seed 0."""
        self.n = n
        self.rng = np.random.default_rng(0)
        self.n_fetched = 0

    def __len__(self) -> int:
        """Return the number of examples, n."""
        return self.n

    def __getitem__(self, idx: int) -> float:
        """Count the call and return the generator's next number, whatever `idx` is."""
        self.n_fetched += 1
        return float(self.rng.normal())

    def __repr__(self) -> str:
        """Tell the length and how many items this copy has handed over."""
        return f"{type(self).__name__}(n={self.n}, n_fetched={self.n_fetched})"


class Stream(IterableDataset[int]):
    """The numbers from 0 to n − 1 as a stream, on request shared out among worker processes.

    Parameters
    ----------
    n
        Number of examples.
    share
        Whether a worker yields only its share of the numbers. If not, every worker yields all of them.
    """

    def __init__(self, n: int, share: bool) -> None:
        """Keep both."""
        self.n = n
        self.share = share

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers, or this worker's share of them."""
        worker = get_worker_info()
        if self.share and worker is not None:
            return iter(range(worker.id, self.n, worker.num_workers))
        return iter(range(self.n))

    def __repr__(self) -> str:
        """Tell the length and whether it is shared out."""
        return f"{type(self).__name__}(n={self.n}, share={self.share})"


def own_generator(worker_id: int) -> None:
    """Give this worker's copy of a `NoiseDataset` a generator with the worker's own seed.

    For a loader's ``worker_init_fn``.

    Parameters
    ----------
    worker_id
        Number of the worker, from 0; not used, the seed differs already.
    """
    worker = get_worker_info()
    assert worker is not None
    assert isinstance(worker.dataset, NoiseDataset)
    worker.dataset.rng = np.random.default_rng(worker.seed)
