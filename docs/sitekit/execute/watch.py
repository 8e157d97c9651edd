"""Watches one example, from its first process to its last, and ends what passes a limit.

In goes a job and a way to start it; out comes how it ended. Nothing of it is left behind.
"""

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import psutil

from .place import OUTPUT_MIB, Job, Outcome, Place

POLL_SECONDS = 0.1
GRACE_SECONDS = 1.0
"""How long processes that an example started may take to end after it."""
KILL_SECONDS = 10.0
STILL = 0.02
"""What takes its whole limit of wall time to use this part of it on the processor stands still."""


class Child(Protocol):
    """The process of an example."""

    pid: int
    top: int
    """The process below which the example's are: itself, or this one, which adopts orphans where it can."""
    seen: list[psutil.Process]

    @property
    def status(self) -> int:
        """The exit code of one that ended, or minus the signal."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""


def _tree(child: Child) -> list[psutil.Process]:
    """The processes of an example, parents first, with orphans that were seen before they were such."""
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(child.top)
        found = [*([top] if top.pid == child.pid else []), *top.children(recursive=True)]
        child.seen = list(dict.fromkeys([*child.seen, *found]))
    child.seen = [process for process in child.seen if process.is_running()]
    return child.seen


def _living(child: Child) -> list[psutil.Process]:
    """Those that still run."""
    found = []
    for process in _tree(child):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _memory_mib(processes: Iterable[psutil.Process], main: int) -> float:
    """Resident memory of a tree; of all but the main process only what they don't share."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            shared = process.pid == main
            total += process.memory_info().rss if shared else process.memory_full_info().uss
    return total / 2**20


class Used:
    """The processor seconds of a tree of processes, of those that ended, too.

    What a process used goes to whoever collects it, so the living know it all. Two things are seen to: one
    that ends while the tree is read may be missed until the next time, and what nobody collects, or a platform
    doesn't hand on, is remembered from the last time that it was seen.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lost = 0.0
        self._fell = False

    def read(self, processes: Iterable[psutil.Process], collected: float = 0.0) -> float:
        """The seconds so far, of `processes` (parents first) and what their common parent `collected`."""
        now = self._lost + collected
        for process in processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                now += times.user + times.system
                now += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        if now < self.seconds and self._fell:
            self._lost += self.seconds - now
        self._fell = now < self.seconds and not self._fell
        self.seconds = max(self.seconds, now)
        return self.seconds


def _watch(job: Job, place: Place, child: Child, stopped: Callable[[], bool]) -> tuple[str, str, float]:
    """Wait for the end of `child`, or for the limit it passes: what, in words, and peak memory.

    Its time is the processor's, so that what else the machine does can't end it; saving figures is not its
    own. The clock on the wall only tells whether it moves at all.
    """
    used, peak = Used(), 0.0
    moved, moved_at = 0.0, time.monotonic()
    limit = OUTPUT_MIB * 2**20
    while not child.wait(POLL_SECONDS) and place.output_size() <= limit:
        if stopped():
            return "stopped", "stopped", peak
        collected = sum(os.times()[2:4]) if child.top == os.getpid() else 0.0
        processes = _tree(child)
        seconds = used.read(processes, collected)
        if seconds - moved >= STILL * job.seconds:
            moved, moved_at = seconds, time.monotonic()
        if time.monotonic() - moved_at > job.seconds:
            return "time", f"stood still for its limit of {job.seconds:g} s", peak
        saved, saving = place.saving()
        if seconds - saved > job.seconds * (1 + saving):
            took = f"used {seconds - saved:.3g} s of processor time"
            return "time", f"{took}, more than its limit of {job.seconds:g} s", peak
        now = _memory_mib(processes, child.pid)
        peak = max(peak, now)
        if now > job.memory_mib:
            return "memory", f"used {now:.0f} MiB, more than its limit of {job.memory_mib:g} MiB", peak
    if place.output_size() > limit:
        return "output", f"wrote more than its limit of {OUTPUT_MIB:g} MiB", peak
    return "ended", "", peak


def _ask_where(child: Child, place: Place) -> None:
    """Have the example write down its line (the worker prepared this signal)."""
    with contextlib.suppress(OSError, AttributeError):
        os.kill(child.pid, signal.SIGUSR1)
        end = time.monotonic() + 0.5
        while not place.trace.stat().st_size and time.monotonic() < end:
            child.wait(0.02)


def _kill(child: Child) -> None:
    """Kill until nothing is left: first stop all, so that none can start another meanwhile."""
    end = time.monotonic() + KILL_SECONDS
    while (found := _living(child)) and time.monotonic() < end:
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in found:
                with contextlib.suppress(psutil.Error):
                    act(process)
        time.sleep(0.01)  # dying takes a moment, and not all of them can be waited for
    child.wait(1.0)


def keep(job: Job, start: Callable[[Place], Child], stopped: Callable[[], bool]) -> Outcome:
    """Run `job`, whose process `start` makes, to the end of its last process, or until the runner has `stopped`."""
    began = time.monotonic()
    # An object that cleans up would do so at the end of the example's process, too, which may be forked from this.
    root = Path(tempfile.mkdtemp(prefix="sitekit-")).resolve()
    try:
        place = Place(root, job)
        child = start(place)
        kind, message, peak = _watch(job, place, child, stopped)
        if kind in {"time", "memory"}:
            _ask_where(child, place)
        if kind == "ended":
            psutil.wait_procs(_living(child), GRACE_SECONDS)
            if left := {_command(process) for process in _living(child)}:
                kind, message = "children", f"left processes running: {'; '.join(sorted(left))}"
        _kill(child)
        return _outcome(place, child, kind, message, peak, time.monotonic() - began)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())[:80] or process.name()
    return "a process"


def _outcome(place: Place, child: Child, kind: str, message: str, peak: float, seconds: float) -> Outcome:
    """What the example left in its folder; only the runner, which compares it with its cells, believes it."""
    cell, line = place.where()
    result: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        result = json.loads((place.results / "result.json").read_text(encoding="utf-8"))
    line = result.get("line") or line  # a limit may be passed just after an error, and by it
    if kind in {"ended", "children"}:
        if child.status == 0 and result.get("status") == "done":
            if kind == "ended":
                files = {
                    path.name: path.read_bytes()
                    for path in place.results.iterdir()
                    if path.is_file() and not path.is_symlink() and path.name != "result.json"
                }
                peak = max(peak, result.get("peak_mib", 0.0))
                return Outcome("done", result=result, files=files, seconds=seconds, peak_mib=peak)
        elif result.get("status", "done") != "done":
            kind, message = result["status"], result["message"]
        elif child.status < 0:
            name = next((known.name for known in signal.Signals if known == -child.status), -child.status)
            kind, message = "signal", f"killed by {name}"
        elif kind == "ended":
            kind, message = "exit", f"ended by itself with exit code {child.status} (os._exit)"
    return Outcome(kind, message, cell, line, place.tail(), seconds=seconds, peak_mib=peak)
