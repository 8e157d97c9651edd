"""Runs examples, each in a process of its own: in goes a `Job`, out comes an `Outcome`, and nothing is left behind.

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

import atexit
import contextlib
import functools
import gc
import importlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from ..project.files import PACKAGE
from .place import TAIL_LINES, Job, Outcome, Place, clean_environment

CAN_FORK = hasattr(os, "fork") and hasattr(socket, "recv_fds")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    """Ask Linux to die with the parent, or to become the parent of every orphan below."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class _Forked:
    """A fork that runs the worker; this process collects it, and whatever else dies below."""

    def __init__(self, connection: Connection[Outcome, Job | None], place: Place) -> None:
        self.top = os.getpid()
        self.seen: list[Any] = []
        self.status = -signal.SIGKILL
        self._ended = threading.Event()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                connection.close()
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.setsid()
                _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                from . import worker

                worker.run(place.root)
            finally:
                os._exit(1)
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        with contextlib.suppress(ChildProcessError):  # nothing is left
            while True:
                pid, status = os.wait()
                if pid == self.pid:
                    self.status = os.waitstatus_to_exitcode(status)
                    self._ended.set()

    def wait(self, seconds: float) -> bool:
        return self._ended.wait(seconds)


def _keeper(connection: Connection[Outcome, Job | None]) -> None:
    """The life of a keeper: one job in, one outcome out."""
    from .watch import keep

    os.setsid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if job := connection.recv():
        # All that the runner can say after the job, or by being gone, is that this is the end.
        outcome = keep(job, functools.partial(_Forked, connection), connection.poll)
        with contextlib.suppress(OSError):
            connection.send(outcome)


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
                os.wait()  # for the last keeper
            os._exit(0)
        pid = os.fork()
        if pid:
            os.close(handles[0])
            continue
        try:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with contextlib.suppress(EOFError):  # the runner has gone
                _keeper(Connection(handles[0]))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)


def _command(imports: str, call: str) -> list[str]:
    """What starts a Python that finds this package for `imports`, and has forgotten where at `call`."""
    path = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})"
    return [sys.executable, "-P", "-c", f"{path}\n{imports}\nsys.path.pop(0)\n{call}"]


class Nursery:
    """Starts examples by forking a process that has imported `preload`, with `variables` in its environment.

    It can be used from several threads. `close` ends every example that still runs.
    """

    def __init__(self, preload: Sequence[str] = (), variables: Mapping[str, str] = {}) -> None:
        self._lock = threading.Lock()
        self._running: set[Connection[Job | None, Outcome]] = set()
        self._closed = self._used = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        ours, theirs = socket.socketpair()
        self._socket = ours
        call = f"nursery_main({theirs.fileno()}, {list(preload)!r})"
        self._process = subprocess.Popen(
            _command(f"from {__name__} import nursery_main", call),
            # Libraries read theirs when they are loaded, which is here, before an example exists.
            env=clean_environment(variables),
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
        ours, theirs = multiprocessing.Pipe()
        with ours:
            with theirs, self._lock:
                with contextlib.suppress(OSError):  # a closed or dead nursery is told below
                    socket.send_fds(self._socket, [b"j"], [theirs.fileno()])
                self._running.add(ours)
                self._used = True
            try:
                ours.send(job)
                outcome: Outcome = ours.recv()
                return outcome
            except (OSError, EOFError):
                if self._closed:
                    return Outcome("stopped", "stopped")
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
                return Outcome("lost", "the process that watched it died", tail=tuple(said))
            finally:
                with self._lock:
                    self._running.discard(ours)

    def close(self) -> None:
        """End the examples that run, wait until their processes are gone, and end the nursery."""
        with self._lock:
            self._closed = True
            for connection in self._running:
                with contextlib.suppress(OSError):
                    connection.send(None)  # the keeper kills, then hangs up
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15 if self._used else 0)  # until the last keeper has ended
        self._process.kill()
        self._process.wait()
        self._errors.close()


class Fresh:
    """Starts examples as fresh interpreters: slower, but it works where a process can't fork."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def run(self, job: Job) -> Outcome:
        """Run `job` to its end."""
        from .watch import keep

        return keep(job, _Spawned, self._closed.is_set)

    def close(self) -> None:
        """End the examples that run."""
        self._closed.set()


class _Spawned:
    """A fresh interpreter that runs the worker."""

    def __init__(self, place: Place) -> None:
        call = f"import pathlib; worker.run(pathlib.Path({str(place.root)!r}))"
        with (place.root / "start").open("wb") as errors:
            self._process = subprocess.Popen(
                _command(f"from {__package__} import worker", call),
                env=clean_environment({}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self.top = self._process.pid
        self.seen: list[Any] = []

    @property
    def status(self) -> int:
        return self._process.returncode

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None


def starter(
    preload: Sequence[str] = (), variables: Mapping[str, str] = {}, *, fork: bool = CAN_FORK
) -> Nursery | Fresh:
    """A new nursery, or its stand-in where processes can't be forked."""
    return Nursery(preload, variables) if fork else Fresh()


@functools.cache
def _shared(preload: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> Nursery | Fresh:
    """The only nursery of this process that imports `preload` and has `variables`."""
    made = starter(preload, dict(variables))
    atexit.register(made.close)
    return made


def run_alone(job: Job, preload: tuple[str, ...] = ()) -> Outcome:
    """Run `job` by this process's own nursery: what an executor of another machine is given to do."""
    return _shared(preload, tuple(sorted(job.variables.items()))).run(job)
