"""Runs every example that has no record, each alone in a process, and keeps what it gave.

It needs the project's files, what the examples import, NumPy, matplotlib, Sphinx-Gallery, docutils, Pillow and
psutil, and for pages of Markdown nbclient and ipykernel: no Sphinx configuration and no catalogue.
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..project.errors import SitekitError
from ..project.seams import check
from .examples import Example, Options
from .imports import local_files
from .nursery import run_alone, starter
from .place import Job, Outcome
from .progress import Progress
from .record import Store
from .results import Failure, Summary, as_record

__all__ = ["check_packages", "record"]

DRIVER_MIB = 6144
"""What an accelerator's driver and libraries may take of the machine's own memory."""
UNKNOWN_SECONDS = 5.0
HOPEFUL = {"lost"}
"""Outcomes that are no fault of the example; it gets a second run."""
PRELOAD = (
    # A word in the source of an example that waits, and what the nursery then imports beforehand.
    ("", ("psutil", f"{__package__}.worker", f"{__package__}.record", f"{__package__}.figures")),
    ("", ("sphinx_gallery.gen_gallery", "sphinx_gallery.gen_rst", "sphinx_gallery.backreferences")),
    ("numpy", ("numpy",)),
    ("matplotlib", ("matplotlib.pyplot", "matplotlib.backends.backend_agg", "PIL.WebPImagePlugin")),
    ("torch", ("torch",)),
    ("sklearn", ("sklearn.datasets",)),
    ("optim", ("torch.optim", "torch._dynamo")),
)


@dataclass
class _Run:
    """The examples of one call of `record`."""

    store: Store
    device: str
    options: Options
    summary: Summary
    progress: Progress
    remote: bool

    def job(self, example: Example) -> Job:
        options = self.options
        codes = [cell.code for cell in example.cells]
        modules = local_files(codes, options.folders)
        environment = example.environment_part(options, self.device)
        versions = {"python": environment["python"], **environment["packages"]}
        files = {example.path.name: example.path, **example.data}
        return Job(
            page=example.page,
            kind=example.kind,
            source=example.source(options),
            files={name: path.read_bytes() for name, path in files.items()},
            modules={name: path.read_bytes() for name, path in modules.items()},
            device=self.device,
            seconds=example.seconds or options.seconds,
            memory_mib=(example.memory_mib or options.memory_mib)
            + (DRIVER_MIB if self.device != "cpu" else 0),
            output_mib=options.output_mib,
            allowed_warnings=options.allowed_warnings,
            versions={name: value for name, value in versions.items() if value != "none"}
            if self.remote
            else {},
            hidden={str(options.root): "", str(Path.home()): "~"},
        )

    def take_in(self, example: Example, job: Job, outcome: Outcome) -> None:
        """Store what came of `example`, or note that it failed."""
        counts = self.summary.counts[example.kind]
        if outcome.kind == "done":
            try:
                parts = (
                    example.code_part(self.options),
                    example.environment_part(self.options, self.device),
                )
                record = self.store.put(as_record(example, job, parts, outcome), outcome.files)
            except (KeyError, TypeError, ValueError) as error:
                outcome = Outcome("lost", f"its results can't be read: {type(error).__name__}: {error}")
            else:
                self.summary.used[example.page] = record.key
                counts[1] += 1
                return
        counts[2] += 1
        self.summary.failures.append(Failure(example.page, job.source, outcome))


def record(
    wanted: Sequence[Example],
    store: Store,
    options: Options,
    *,
    device: str = "cpu",
    executor: Executor | None = None,
    out: TextIO | None = None,
) -> Summary:
    """Run the examples of `wanted` that have no record in `store`.

    Parameters
    ----------
    wanted
        Scripts and pages.
    store
        Where their records are and go.
    options
        The project's settings.
    device
        The kind of device they run on.
    executor
        Who runs them; this machine by default. Any executor will do whose workers can import this package
        and start processes: isolation and limits are the same there.
    out
        Where progress goes.

    Returns
    -------
    Summary
        Counts and failures. A failure of one example is no error of this function.
    """
    summary = Summary(device)
    waiting: list[Example] = []
    for example in wanted:
        key = example.key(options, device)
        if store.get(example.page, key):
            summary.used[example.page] = key
            summary.counts[example.kind][0] += 1
        else:
            waiting.append(example)
    workers = options.workers
    progress = Progress(len(wanted), len(wanted) - len(waiting), workers, out)
    if waiting:
        run = _Run(store, device, options, summary, progress, executor is not None)
        latest = {example.page: store.latest(example.page) for example in waiting}
        known = {page: found.seconds for page, found in latest.items() if found}
        # One that never ran may be the longest, most of all a late one.
        waiting.reverse()
        waiting.sort(key=lambda example: -known.get(example.page, float("inf")))
        progress.expect({example.page: known.get(example.page, UNKNOWN_SECONDS) for example in waiting})
        try:
            if executor is None:
                _run_here(run, waiting)
            else:
                ready = _preload(waiting, options)
                _run_by(executor, lambda job: (run_alone, job, ready), run, waiting)
        finally:
            progress.close()
    return summary


def _preload(waiting: Iterable[Example], options: Options) -> tuple[str, ...]:
    """What is worth importing once for all examples that wait."""
    scripts = [example for example in waiting if example.kind == "script"]
    words = {word for word, _ in PRELOAD if word}
    found = {word for word in words if any(word in example.text for example in scripts)}
    if scripts:
        files = local_files((cell.code for example in scripts for cell in example.cells), options.folders)
        for path in files.values():
            text = path.read_text(encoding="utf-8") if path.suffix == ".py" else ""
            found |= {word for word in words if word in text}
    return tuple(name for word, names in PRELOAD if not word or word in found for name in names)


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome("lost", f"the executor gave it up: {type(error).__name__}: {error}")


def _run_here(run: _Run, waiting: Sequence[Example]) -> None:
    """Run on this machine, and leave no process behind, whatever happens."""
    if any(example.kind == "script" for example in waiting):
        check("execute")
    nursery = starter(_preload(waiting, run.options), fork=run.options.fork)
    threads = ThreadPoolExecutor(run.options.workers, thread_name_prefix="example")
    try:
        _run_by(threads, lambda job: (nursery.run, job), run, waiting)
    finally:
        # A second Ctrl-C must not cut this short.
        with _deaf_to_signals():
            nursery.close()
            threads.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _deaf_to_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _run_by(
    executor: Executor, call: Callable[[Job], tuple[Any, ...]], run: _Run, waiting: Sequence[Example]
) -> None:
    """Hand out the examples in order, a few ahead of the workers, so that memory doesn't grow with them."""
    pending: dict[Future[Outcome], tuple[Example, Job]] = {}
    try:
        _hand_out(executor, call, run, list(reversed(waiting)), pending)
    finally:
        for future in pending:
            future.cancel()


def _hand_out(
    executor: Executor,
    call: Callable[[Job], tuple[Any, ...]],
    run: _Run,
    queue: list[Example],
    pending: dict[Future[Outcome], tuple[Example, Job]],
) -> None:
    tries: dict[str, int] = {}
    ahead = run.options.workers + 2 if not run.remote else 64
    while queue or pending:
        while queue and len(pending) < ahead:
            example = queue.pop()
            job = run.job(example)
            pending[executor.submit(*call(job))] = (example, job)
        run.progress.running = min(run.options.workers, len(pending))
        # A wait without end can't be interrupted on every platform.
        finished, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in finished:
            example, job = pending.pop(future)
            outcome = _outcome(future)
            tries[example.page] = tries.get(example.page, 0) + 1
            if outcome.kind in HOPEFUL and tries[example.page] == 1:
                queue.append(example)
                continue
            run.take_in(example, job, outcome)
            failed = example.page not in run.summary.used
            running = min(run.options.workers, len(pending) + len(queue))
            run.progress.finished(example.page, outcome.seconds, failed=failed, running=running)


def check_packages() -> None:
    """Make sure that what every run needs is there.

    Raises
    ------
    SitekitError
        With what to install.
    """
    missing = [name for name in ("psutil", "PIL", "sphinx_gallery") if not importlib.util.find_spec(name)]
    if missing:
        names = " ".join({"PIL": "pillow"}.get(name, name.replace("_", "-")) for name in missing)
        raise SitekitError(f"recording needs more packages: pip install {names}")
