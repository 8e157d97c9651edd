"""Says how far a run is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

__all__ = ["Progress"]


WIDTH = 24


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class Progress:
    """Progress of the examples of one device.

    Parameters
    ----------
    total
        How many examples there are.
    recorded
        How many of them need no run.
    workers
        How many run at once, for the time left.
    out
        Where to say it.
    """

    def __init__(self, total: int, recorded: int, workers: int, out: TextIO | None = None) -> None:
        self.out = sys.stderr if out is None else out
        self.bar = bool(getattr(self.out, "isatty", lambda: False)())
        self.total, self.recorded, self.workers = total, recorded, max(1, workers)
        self.done = self.failed = self.running = 0
        self._expected: dict[str, float] = {}
        self._started = time.monotonic()

    def expect(self, seconds: dict[str, float]) -> None:
        """Set how long each waiting example may take."""
        self._expected = dict(seconds)
        self._draw()

    def finished(self, page: str, seconds: float, *, failed: bool, running: int) -> None:
        """Note the end of one example, while `running` others run."""
        self._expected.pop(page, None)
        self.failed += failed
        self.done += not failed
        self.running = running
        left = self._left()
        if self.bar:
            self._draw()
        else:
            word = "FAILED" if failed else "done"
            number = self.recorded + self.done + self.failed
            rest = f", about {_duration(left)} left" if self._expected else ""
            self.say(
                f"[{number}/{self.total}] {word} {page} in {seconds:.1f} s "
                f"({self.recorded} from record, {running} running, {self.failed} failed{rest})"
            )

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.bar:
            self.out.write("\r\x1b[K")
        self.out.write(f"{line}\n")
        self.out.flush()
        self._draw()

    def close(self) -> None:
        """Take the bar away."""
        if self.bar:
            self.out.write("\r\x1b[K")
            self.out.flush()
        self.bar = False

    def _left(self) -> float:
        return sum(self._expected.values()) / self.workers

    def _draw(self) -> None:
        if not self.bar:
            return
        number = self.recorded + self.done + self.failed
        filled = WIDTH * number // max(1, self.total)
        text = (
            f"[{'#' * filled}{'.' * (WIDTH - filled)}] {number}/{self.total}: {self.done} done, "
            f"{self.recorded} from record, {self.running} running, {self.failed} failed, "
            f"about {_duration(self._left())} left"
        )
        self.out.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        self.out.flush()
