"""Runs one example in a process of its own, within limits, and leaves nothing of it behind.

Three kinds of process take part::

    runner ── nursery ── keeper ── example ── whatever the example starts
              (one)      (one per example)

The *nursery* imports the heavy packages once and forks. It does nothing else, so what it forks is as clean
as a fresh interpreter, at a fiftieth of the cost. (`multiprocessing`'s fork server would do, but its children
know that they are such: a loader with workers inside an example then starts them another way, and the
child imports the runner's main module.) The *keeper* watches one example: time, memory of the whole process
tree, size of its output. It adopts what the example orphans, and kills all that is left in the end: when the
example is done, when a limit is passed, and when the runner goes away, however it went.

Where a platform can't fork, the example starts as a fresh interpreter and a thread is its keeper.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pickle
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Job", "Nursery", "Outcome", "run_alone"]

POLL_SECONDS = 0.1
GRACE_SECONDS = 1.0
"""How long processes that an example started may take to end after it."""
OUTPUT_MIB = 1.0
"""More text than this is no page."""
TAIL_LINES = 12
LONGEST_LINE = 300
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "recv_fds")
PACKAGE = Path(__file__).resolve().parent

# The variables that an example sees; whatever else stands in the builder's environment stays there.
KEPT = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_HOME",
    "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SYSTEMROOT", "WINDIR",
    "COMSPEC", "PATHEXT", "VIRTUAL_ENV",
)  # fmt: skip
ONE_THREAD = dict.fromkeys((f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")), "1") | {
    "VECLIB_MAXIMUM_THREADS": "1"
}


def clean_environment() -> dict[str, str]:
    """The environment variables of an example, those that name its folders apart."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {"LANG": "C.UTF-8", **kept, **ONE_THREAD, "MPLBACKEND": "agg", "PYTHONUTF8": "1"}


@dataclass(frozen=True)
class Job:
    """Everything that one run needs, on this machine or another."""

    page: str
    kind: str
    """``script`` or ``notebook``."""
    source: str
    """Where the example stands in the project, for messages."""
    files: Mapping[str, bytes]
    """What lies in the folder that the example runs in, by relative path: itself first, then its data."""
    modules: Mapping[str, bytes] = field(default_factory=dict)
    """Local modules, by their path from the folder that is importable."""
    device: str = "cpu"
    seconds: float = 120.0
    memory_mib: float = 2048.0
    output_mib: float = OUTPUT_MIB
    allowed_warnings: tuple[tuple[str, str], ...] = ()
    """Category and pattern of each warning that is no error."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What the worker must have, where it is another machine."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Folders whose names no page may show, and what stands in their place."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    kind: str
    """``done``, or what went wrong: ``error``, ``exit``, ``signal``, ``time``, ``memory``, ``output``,
    ``children``, ``environment``, ``stopped`` or ``lost``."""
    message: str = ""
    cell: int | None = None
    """The code cell it ended in, from 1."""
    line: int | None = None
    tail: tuple[str, ...] = ()
    """The last lines it wrote."""
    result: dict[str, Any] = field(default_factory=dict)
    """What the worker recorded."""
    files: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mib: float = 0.0


# -- the example's folder


@dataclass(frozen=True)
class Place:
    """The folder that one run lives in; nothing outlasts it."""

    root: Path

    work = property(lambda self: self.root / "work")
    modules = property(lambda self: self.root / "lib")
    results = property(lambda self: self.root / "result")
    streams = property(lambda self: (self.root / "stdout", self.root / "stderr"))
    trace = property(lambda self: self.root / "trace")
    progress = property(lambda self: self.root / "cell")

    @classmethod
    def make(cls, job: Job) -> Place:
        """Create the folder of `job`."""
        place = cls(Path(tempfile.mkdtemp(prefix="sitekit-")).resolve())
        try:
            place._fill(job)
        except BaseException:
            place.remove()
            raise
        return place

    def _fill(self, job: Job) -> None:
        for folder in ("work", "lib", "result", "home", "tmp"):
            (self.root / folder).mkdir()
        for folder, files in ((self.work, job.files), (self.modules, job.modules)):
            for name, content in files.items():
                path = folder / name
                if not path.resolve().is_relative_to(folder):
                    raise ValueError(f"{job.source}: {name!r} leads out of its folder")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for path in (*self.streams, self.progress):
            path.touch()
        facts = {
            "page": job.page, "kind": job.kind, "script": next(iter(job.files)), "device": job.device,
            "memory_mib": job.memory_mib, "output_mib": job.output_mib, "versions": dict(job.versions),
            "allowed_warnings": job.allowed_warnings, "hidden": dict(job.hidden),
            "environment": self.environment(job),
        }  # fmt: skip
        (self.root / "job.json").write_text(json.dumps(facts), encoding="utf-8")

    def environment(self, job: Job) -> dict[str, str]:
        """The environment variables of the example."""
        own = {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp")}
        own |= {"TEMP": own["TMPDIR"], "TMP": own["TMPDIR"], "USERPROFILE": own["HOME"]}
        own["MPLCONFIGDIR"] = str(_font_cache())
        if job.modules:
            own["PYTHONPATH"] = str(self.modules)
        if job.device == "cpu":
            own["CUDA_VISIBLE_DEVICES"] = ""  # or a page for the CPU would find the card
        return clean_environment() | own

    def output_size(self) -> int:
        """How many bytes the example wrote."""
        return sum(path.stat().st_size for path in self.streams if path.exists())

    def tail(self) -> tuple[str, ...]:
        """The last lines the example wrote, short enough to print."""
        lines: list[str] = []
        for path in (*self.streams, self.root / "start"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 20_000))
                lines += file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
        shown = (line.replace(str(self.work) + os.sep, "") for line in lines[-TAIL_LINES:])
        return tuple(line[:LONGEST_LINE] for line in shown)

    def cell(self) -> tuple[int | None, int | None]:
        """The code cell that was running, and its first line."""
        with contextlib.suppress(OSError, ValueError):
            number, line = self.progress.read_text().split()
            return int(number) or None, int(line) or None
        return None, None

    def line(self) -> int | None:
        """The line that a crash or a limit found the example in."""
        name = re.escape(json.loads((self.root / "job.json").read_text(encoding="utf-8"))["script"])
        with contextlib.suppress(OSError):
            trace = self.trace.read_text(encoding="utf-8", errors="replace")
            if found := re.search(rf'File "[^"]*{name}", line (\d+)', trace):
                return int(found[1])
        return None

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.root, ignore_errors=True)


def _font_cache() -> Path:
    """A folder for matplotlib's list of fonts, which takes seconds to make; nobody's settings are in it."""
    uid = os.getuid() if hasattr(os, "getuid") else 0
    path = Path(tempfile.gettempdir()) / f"sitekit-fonts-{uid}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


# -- watching


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
        return [p for p in psutil.Process(pid).children(recursive=True) if _alive(p)]
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


def _kill(find: Callable[[], Sequence[Any]], reap: Callable[[], Any], seconds: float = 10.0) -> None:
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
    processes: Callable[[], list[Any]],
    stopped: Callable[[], bool],
) -> tuple[str, str, float]:
    """Wait for the end of `child`, or for the limit it passes: what, in words, and peak memory."""
    start, peak = time.monotonic(), 0.0
    limit = job.output_mib * 2**20
    while not child.wait(POLL_SECONDS):
        if stopped():
            return "stopped", "stopped", peak
        if time.monotonic() - start > job.seconds:
            return "time", f"took longer than its limit of {job.seconds:g} s", peak
        now = _memory_mib(processes(), child.pid)
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

        def processes() -> list[Any]:
            import psutil

            found = {process.pid: process for process in _descendants(top)}
            if top == child.pid:
                # Nobody adopts orphans here: remember who was seen.
                with contextlib.suppress(psutil.Error):
                    found[top] = known.get(top) or psutil.Process(top)
                for process in list(found.values()):
                    known.setdefault(process.pid, process)
                found |= {pid: process for pid, process in known.items() if _alive(process)}
                if not _alive(found.get(top)):
                    found.pop(top, None)
            return list(found.values())

        kind, message, peak = _watch(job, place, child, processes, stopped)
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
        _kill(processes, reap)
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


# -- fork


class _Forked:
    """A forked process; its parent collects whatever else dies below it, too."""

    def __init__(self, body: Callable[[], None], news: list[int]) -> None:
        self._news = news
        self._status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                body()
                code = 0
            finally:
                os._exit(code)

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.pid:
                    self._status = os.waitstatus_to_exitcode(found[1])

    def wait(self, seconds: float) -> bool:
        self.reap()
        if self._status is None:
            ready, _, _ = select.select(self._news, [], [], seconds)
            if self._news[0] in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._news[0], 4096)
            self.reap()
        return self._status is not None

    @property
    def status(self) -> int:
        return -signal.SIGKILL if self._status is None else self._status


PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    """Ask Linux to die with the parent, or to become the parent of every orphan below."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _keeper(connection: socket.socket) -> None:
    """The life of a keeper: one job in, one outcome out."""
    os.setsid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    job = _receive(connection)
    if job is None:
        return
    bell, ring = os.pipe()
    for end in (bell, ring):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    child: _Forked | None = None

    def start(place: Place) -> _Forked:
        def body() -> None:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for handle in (connection.fileno(), bell, ring):
                os.close(handle)
            os.setsid()
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            from . import worker

            worker.run(place.root)

        nonlocal child
        child = _Forked(body, [bell, connection.fileno()])
        return child

    def stopped() -> bool:
        # The runner sends nothing after the job: whatever there is to read is the end.
        return bool(select.select([connection], [], [], 0)[0])

    def reap() -> None:
        if child:
            child.reap()

    outcome = keep(job, start, lambda child: os.getpid(), stopped, reap)
    with contextlib.suppress(OSError):
        _send(connection, outcome)


def nursery_main(handle: int, preload: Sequence[str]) -> None:
    """The life of a nursery: import, then fork a keeper for each connection that comes in."""
    for name in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # children don't copy what they don't touch
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(fileno=handle)
    while True:
        message, handles, _, _ = socket.recv_fds(listener, 1, 1)
        if not message:
            with contextlib.suppress(ChildProcessError):
                os.wait()  # until the last keeper has ended
            os._exit(0)
        pid = os.fork()
        if pid:
            os.close(handles[0])
            continue
        try:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keeper(socket.socket(fileno=handles[0]))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)


# -- messages


def _send(connection: socket.socket, value: Any) -> None:
    content = pickle.dumps(value)
    connection.sendall(struct.pack("!Q", len(content)) + content)


def _receive(connection: socket.socket) -> Any:
    """The next message, or None where the other side has gone."""

    def exactly(size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            part = connection.recv(min(size - len(parts), 2**20))
            if not part:
                return None
            parts += part
        return bytes(parts)

    header = exactly(8)
    content = exactly(struct.unpack("!Q", header)[0]) if header else None
    return pickle.loads(content) if content else None


# -- the runner's side


class Nursery:
    """Starts examples by forking a process that has imported `preload`.

    It can be used from several threads. `close` ends every example that still runs.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._running: set[socket.socket] = set()
        self._closed = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        ours, theirs = socket.socketpair()
        self._socket = ours
        code = (
            f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
            f"from {__name__} import nursery_main\n"
            f"sys.path.pop(0)\n"
            f"nursery_main({theirs.fileno()}, {list(preload)!r})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            env=clean_environment() | {"MPLCONFIGDIR": str(_font_cache())},
            cwd=tempfile.gettempdir(),
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def run(self, job: Job) -> Outcome:
        """Run `job` to its end."""
        ours, theirs = socket.socketpair()
        with ours:
            with self._lock:
                if self._closed:
                    theirs.close()
                    return Outcome("stopped", "stopped")
                with contextlib.suppress(OSError):  # a dead nursery is told below
                    socket.send_fds(self._socket, [b"j"], [theirs.fileno()])
                theirs.close()
                self._running.add(ours)
            outcome = None
            try:
                with contextlib.suppress(OSError):
                    _send(ours, job)
                    outcome = _receive(ours)
            finally:
                with self._lock:
                    self._running.discard(ours)
        if outcome is None:
            if self._closed:
                return Outcome("stopped", "stopped")
            return Outcome("lost", "the process that watched it died", tail=self._last_words())
        assert isinstance(outcome, Outcome)
        return outcome

    def _last_words(self) -> tuple[str, ...]:
        self._errors.seek(0)
        return tuple(self._errors.read().decode(errors="replace").splitlines()[-TAIL_LINES:])

    def close(self) -> None:
        """End the examples that run, wait until their processes are gone, and end the nursery."""
        with self._lock:
            self._closed = True
            for connection in self._running:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)  # the keeper kills, then hangs up
        end = time.monotonic() + 15
        while self._running and time.monotonic() < end:
            time.sleep(0.01)
        self._socket.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class Fresh:
    """Starts examples as fresh interpreters: slower, but it works where a process can't fork."""

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._closed = threading.Event()

    def run(self, job: Job) -> Outcome:
        """Run `job` to its end."""
        if self._closed.is_set():
            return Outcome("stopped", "stopped")
        return keep(job, _Spawned, lambda child: child.pid, self._closed.is_set)

    def close(self) -> None:
        """End the examples that run."""
        self._closed.set()


class _Spawned:
    """A fresh interpreter that runs the worker."""

    def __init__(self, place: Place) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
            f"from {__package__} import worker\n"
            f"sys.path.pop(0)\n"
            f"import pathlib; worker.run(pathlib.Path({str(place.root)!r}))"
        )
        facts = json.loads((place.root / "job.json").read_text(encoding="utf-8"))
        with (place.root / "start").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                env=facts["environment"],
                cwd=place.work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    @property
    def status(self) -> int:
        code = self._process.returncode
        return -int(getattr(signal, "SIGKILL", 9)) if code is None else code


Starter = Nursery | Fresh
_shared: dict[tuple[str, ...], Starter] = {}
_shared_lock = threading.Lock()


def starter(preload: Sequence[str] = (), *, fork: bool = CAN_FORK) -> Starter:
    """A new nursery, or its stand-in where processes can't be forked."""
    return Nursery(preload) if fork else Fresh(preload)


def run_alone(job: Job, preload: tuple[str, ...] = ()) -> Outcome:
    """Run `job` by this process's own nursery: what an executor of another machine is given to do."""
    import atexit

    with _shared_lock:
        if preload not in _shared:
            _shared[preload] = starter(preload)
            atexit.register(_shared[preload].close)
        nursery = _shared[preload]
    return nursery.run(job)
