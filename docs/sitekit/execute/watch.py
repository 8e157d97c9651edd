"""Watches one example, from its first process to its last, and ends what passes a limit.

In goes a job and a way to start it; out comes how it ended. Nothing of it is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .place import Job, Outcome, Place

POLL_SECONDS = 0.1
GRACE_SECONDS = 1.0
"""How long processes that an example started may take to end after it."""
STILL = 0.02
"""What takes its whole limit of wall time to use this part of it on the processor stands still."""


class Child(Protocol):
    """The process of an example."""

    pid: int

    def wait(self, seconds: float) -> bool:
        """Wait for its end or for news; whether it has ended."""

    @property
    def status(self) -> int:
        """Its exit code, or minus the signal."""


def _descendants(pid: int) -> list[Any]:
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _alive(process: Any) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _memory_mib(processes: Sequence[Any], main: int) -> float:
    """Resident memory of a tree; of all but the main process only what they don't share."""
    import psutil

    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.pid == main:
                total += process.memory_info().rss
            else:
                total += process.memory_full_info().uss
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

    def read(self, processes: Sequence[Any], collected: float = 0.0) -> float:
        """The seconds so far, of `processes` (parents first) and what their common parent `collected`."""
        import psutil

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


def kill(find: Callable[[], Sequence[Any]], reap: Callable[[], Any], seconds: float = 10.0) -> None:
    """Kill until nothing is found: first stop all, so that none can start another meanwhile."""
    import psutil

    end = time.monotonic() + seconds
    while (found := find()) and time.monotonic() < end:
        for process in found:
            with contextlib.suppress(psutil.Error, AttributeError):
                process.suspend()
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.01)
        reap()


def _watch(
    job: Job,
    place: Place,
    child: Child,
    tree: Callable[[], list[Any]],
    collected: Callable[[], float],
    stopped: Callable[[], bool],
) -> tuple[str, str, float]:
    """Wait for the end of `child`, or for the limit it passes: what, in words, and peak memory.

    Its time is the processor's, so that what else the machine does can't end it; saving figures is not its
    own. The clock on the wall only tells whether it moves at all.
    """
    used, peak = Used(), 0.0
    moved, moved_at = 0.0, time.monotonic()
    limit = job.output_mib * 2**20
    while not child.wait(POLL_SECONDS):
        if stopped():
            return "stopped", "stopped", peak
        before, processes = collected(), tree()
        seconds = used.read(processes, before)
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
            break
    if place.output_size() > limit:
        return "output", f"wrote more than its limit of {job.output_mib:g} MiB", peak
    return "ended", "", peak


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def keep(
    job: Job,
    start: Callable[[Place], Child],
    root: Callable[[Child], int],
    stopped: Callable[[], bool],
    reap: Callable[[], Any] = lambda: None,
) -> Outcome:
    """Run `job` from its first process to its last.

    Parameters
    ----------
    job
        What to run.
    start
        Starts the example's process.
    root
        The process whose descendants belong to the example; they include the example itself, or it is it.
    stopped
        Whether the runner wants an end.
    reap
        Collects what died.
    """
    place = Place.make(job)
    began = time.monotonic()
    known: dict[int, Any] = {}
    try:
        child = start(place)
        top = root(child)

        def tree() -> list[Any]:
            import psutil

            found = {process.pid: process for process in _descendants(top)}
            if top == child.pid:
                # Nobody adopts orphans here: remember who was seen.
                with contextlib.suppress(psutil.Error):
                    found = {top: known.get(top) or psutil.Process(top)} | found
                for process in list(found.values()):
                    known.setdefault(process.pid, process)
                found |= {pid: process for pid, process in known.items() if _alive(process)}
            return list(found.values())

        def collected() -> float:
            # Where it is not the example itself, the root is this process.
            return 0.0 if top == child.pid else sum(os.times()[2:4])

        def processes() -> list[Any]:
            return [process for process in tree() if _alive(process)]

        kind, message, peak = _watch(job, place, child, tree, collected, stopped)
        if kind in {"time", "memory"} and place.trace.exists():
            _ask_where(child, place)
        if kind == "ended":
            end = time.monotonic() + GRACE_SECONDS
            while (left := processes()) and time.monotonic() < end:
                time.sleep(0.02)
                reap()
            if left:
                names = sorted({_command(process) for process in left})
                kind, message = "children", f"left processes running: {'; '.join(names)}"
        kill(processes, reap)
        child.wait(1.0)
        reap()
        return _outcome(place, child, kind, message, peak, time.monotonic() - began)
    finally:
        place.remove()


def _command(process: Any) -> str:
    import psutil

    try:
        return " ".join(process.cmdline())[:80] or process.name()
    except psutil.Error:
        return "a process"


def _ask_where(child: Child, place: Place) -> None:
    """Have the example write down its line (the worker prepared this signal)."""
    with contextlib.suppress(OSError, AttributeError):
        os.kill(child.pid, signal.SIGUSR1)
        end = time.monotonic() + 0.5
        while not place.trace.stat().st_size and time.monotonic() < end:
            child.wait(0.02)


def _outcome(place: Place, child: Child, kind: str, message: str, peak: float, seconds: float) -> Outcome:
    """What the example left in its folder, read with suspicion."""
    cell, line = place.cell()
    result: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        read = json.loads((place.results / "result.json").read_text(encoding="utf-8"))
        result = read if isinstance(read, dict) else {}
    if kind in {"ended", "children"}:
        status = child.status
        if status == 0 and result.get("status") == "done":
            if kind == "ended":
                files = {
                    path.name: path.read_bytes()
                    for path in sorted(place.results.iterdir())
                    if path.is_file() and not path.is_symlink() and path.name != "result.json"
                }
                own = result.get("peak_mib")
                peak = max(peak, own) if isinstance(own, float) else peak
                return Outcome("done", result=result, files=files, seconds=seconds, peak_mib=peak)
        elif result.get("status") in {"error", "exit", "environment"}:
            kind, message = str(result["status"]), str(result.get("message", ""))
            own = (result.get("cell"), result.get("line"))
            cell, line = (
                number if isinstance(number, int) else known
                for number, known in zip(own, (cell, line), strict=True)
            )
        elif status < 0:
            kind, message = "signal", f"killed by {_signal_name(-status)}"
            line = place.line() or line
        elif kind == "ended":
            kind, message = "exit", f"ended by itself with exit code {status} (os._exit)"
    elif kind != "stopped":
        found = result.get("line")
        line = place.line() or (found if isinstance(found, int) else line)
    return Outcome(kind, message, cell, line, place.tail(), seconds=seconds, peak_mib=peak)
