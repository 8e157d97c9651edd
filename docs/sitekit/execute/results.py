"""What came of a run: records, failures, and how many there were of each; and how far it is."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from .examples import Example, Options
from .place import Outcome
from .record import Cell, Record


@dataclass(frozen=True)
class Failure:
    """An example that did not end well."""

    page: str
    source: str
    outcome: Outcome

    def __str__(self) -> str:
        outcome = self.outcome
        place = f"{self.source}:{outcome.line}" if outcome.line else self.source
        if outcome.kind == "refused":
            return f"{place}: {outcome.message}"
        where = [f"cell {outcome.cell}"] if outcome.cell else []
        where += [f"line {outcome.line}"] if outcome.line else []
        lines = [f"FAILED {self.page}: {', '.join(where) or 'before its first cell'}"]
        lines += [f"  {place}", f"  {outcome.message}"]
        if outcome.tail:
            lines += ["  its last output:", *(f"    {line}" for line in outcome.tail)]
        return "\n".join(lines)


@dataclass
class Summary:
    """What a run came to."""

    records: dict[str, Record] = field(default_factory=dict)
    """By page."""
    counts: dict[str, list[int]] = field(default_factory=lambda: {"script": [0, 0, 0], "notebook": [0, 0, 0]})
    """From record, run, failed; by kind."""
    failures: list[Failure] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The last lines to print: each failure's block, then the counts, the gallery's last."""
        for failure in self.failures:
            yield f"{failure}\n"
        form = "{}: {} from record, {} run, {} failed"
        if any(self.counts["notebook"]):
            yield form.format("docs pages", *self.counts["notebook"])
        yield form.format("examples", *self.counts["script"])


def as_record(example: Example, options: Options, outcome: Outcome) -> Record:
    """What the worker wrote down, as a record."""
    result, environment = outcome.result, example.environment_part(options)
    cells = msgspec.convert(result["cells"], tuple[Cell, ...])
    if len(cells) != len(example.cells):
        raise ValueError(f"{len(cells)} cells were recorded of {len(example.cells)}")
    device_peak = result.get("device_peak_mib")
    return Record(
        page=example.page,
        kind=example.kind,
        code_part=example.code_part(options),
        environment_part=environment,
        device=options.device,
        device_name=result["device_name"],
        seconds=round(result["seconds"], 3),
        peak_mib=round(outcome.peak_mib, 1),
        device_peak_mib=None if device_peak is None else round(device_peak, 1),
        versions={"python": environment["python"], **environment["packages"], **result.get("versions", {})},
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        exit="ok",
        cells=cells,
        names=result["names"],
    )


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
