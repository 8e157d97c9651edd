"""Says how far a run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

__all__ = ["Progress"]


class Progress:
    """How far the `total` examples are, of which those `recorded` need no run; said in `out`, or on stderr."""

    def __init__(self, total: int, recorded: int, out: TextIO | None = None) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that looks whether the bar is drawn often enough
        tqdm.set_lock(threading.RLock())  # nor a lock between processes
        self._out = sys.stderr if out is None else out
        self._bar_is_shown = self._out.isatty()
        self._recorded, self._failed = recorded, 0
        self._bar = tqdm(
            total=total,
            initial=recorded,
            file=self._out,
            leave=False,
            dynamic_ncols=True,
            delay=0 if self._bar_is_shown else float("inf"),
            bar_format=("{bar:24} " if self._bar_is_shown else "")
            + "[{n_fmt}/{total_fmt}] {desc} ({remaining} left{postfix})",
        )

    def finished(self, page: str, seconds: float, *, failed: bool, running: int) -> None:
        """Note the end of one example, while `running` others run."""
        self._failed += failed
        self._bar.n += 1
        self._bar.desc = f"{'FAILED' if failed else 'done'} {page} in {seconds:.1f} s"
        self._bar.postfix = f"{self._recorded} from record, {running} running, {self._failed} failed"
        if self._bar_is_shown:
            self._bar.refresh()
        else:
            print(self._bar, file=self._out, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()
