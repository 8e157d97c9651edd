"""Runs every example that has no record, each alone in a process, and keeps what it gave.

It needs the project's files, what the examples import, NumPy, matplotlib, Sphinx-Gallery, docutils, Pillow,
psutil, msgspec and tqdm, and for pages of Markdown IPython: no Sphinx configuration and no catalogue.
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from ..project.errors import SitekitError, SourceError
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
NEEDED = {
    "msgspec": "msgspec", "PIL": "pillow", "psutil": "psutil", "sphinx_gallery": "sphinx-gallery", "tqdm": "tqdm",
}  # fmt: skip
"""Modules that every run needs, each with the package that has it."""
PRELOAD = (
    # A word in the source of an example that waits, and what the nursery then imports beforehand.
    ("", (f"{__package__}.watch", f"{__package__}.worker")),
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
        """All that a run of `example` needs."""
        options = self.options
        modules = local_files((cell.code for cell in example.cells), options.folders)
        environment = example.environment_part(options, self.device)
        versions = {"python": environment["python"], **environment["packages"]} if self.remote else {}
        driver_mib = DRIVER_MIB if self.device != "cpu" else 0
        return Job(
            page=example.page,
            kind=example.kind,
            source=example.source(options),
            files={example.path.name: example.text.encode()}
            | {name: path.read_bytes() for name, path in example.data.items()},
            modules={name: path.read_bytes() for name, path in modules.items()},
            device=self.device,
            seconds=example.seconds or options.seconds,
            memory_mib=(example.memory_mib or options.memory_mib) + driver_mib,
            allowed_warnings=example.allowed_warnings,
            capture_repr=options.capture_repr,
            versions={name: value for name, value in versions.items() if value != "none"},
            variables=options.variables,
            hidden={str(options.root): "", str(Path.home()): "~"},
        )

    def take_in(self, example: Example, job: Job, outcome: Outcome, left: int) -> None:
        """Store what came of `example`, or note that it failed, while `left` others run or wait."""
        if outcome.kind == "done":
            try:
                code = example.code_part(self.options)
                environment = example.environment_part(self.options, self.device)
                made = as_record(example, job, code, environment, outcome)
                self.summary.used[example.page] = self.store.put(made, outcome.files).key
            except (KeyError, TypeError, ValueError) as error:
                message = f"its results can't be read: {type(error).__name__}: {error}"
                outcome = replace(outcome, kind="lost", message=message)
        failed = outcome.kind != "done"
        if failed:
            self.summary.failures.append(Failure(example.page, job.source, outcome))
        self.summary.counts[example.kind][1 + failed] += 1
        running = min(self.options.workers, left)
        self.progress.finished(example.page, outcome.seconds, failed=failed, running=running)


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
        try:
            key = example.key(options, device)
        except SourceError as error:
            refused = Outcome("refused", error.message, line=error.line)
            summary.counts[example.kind][2] += 1
            summary.failures.append(Failure(example.page, example.source(options), refused))
            continue
        if store.get(example.page, key):
            summary.used[example.page] = key
            summary.counts[example.kind][0] += 1
        else:
            waiting.append(example)
    if waiting:
        progress = Progress(len(wanted), len(wanted) - len(waiting), out)
        run = _Run(store, device, options, summary, progress, executor is not None)
        latest = {example.page: store.latest(example.page) for example in waiting}
        seconds = {page: found.seconds if found else float("inf") for page, found in latest.items()}
        # One that never ran may be the longest, most of all a late one.
        waiting.reverse()
        waiting.sort(key=lambda example: -seconds[example.page])
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
    modules = local_files((cell.code for example in scripts for cell in example.cells), options.folders)
    texts = ["", *(example.text for example in scripts)]
    texts += [path.read_text(errors="replace") for path in modules.values() if path.suffix == ".py"]
    return tuple(name for word, names in PRELOAD if any(word in text for text in texts) for name in names)


def _run_here(run: _Run, waiting: Sequence[Example]) -> None:
    """Run on this machine, and leave no process behind, whatever happens."""
    if any(example.kind == "script" for example in waiting):
        check("execute")
    nursery = starter(_preload(waiting, run.options), run.options.variables, fork=run.options.fork)
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
    executor: Executor, call: Callable[[Job], tuple[Any, ...]], run: _Run, waiting: Iterable[Example]
) -> None:
    """Hand out the examples in order, a few ahead of the workers, so that memory doesn't grow with them."""
    queue = deque(waiting)
    lost_once: set[str] = set()
    pending: dict[Future[Outcome], tuple[Example, Job]] = {}
    ahead = 64 if run.remote else run.options.workers + 2
    try:
        while queue or pending:
            while queue and len(pending) < ahead:
                example = queue.popleft()
                job = run.job(example)
                pending[executor.submit(*call(job))] = (example, job)
            # A wait without end can't be interrupted on every platform.
            finished, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                example, job = pending.pop(future)
                if error := future.exception():
                    outcome = Outcome("lost", f"the executor gave it up: {type(error).__name__}: {error}")
                else:
                    outcome = future.result()
                # That is no fault of the example.
                if outcome.kind == "lost" and example.page not in lost_once:
                    lost_once.add(example.page)
                    queue.appendleft(example)
                    continue
                run.take_in(example, job, outcome, left=len(pending) + len(queue))
    finally:
        for future in pending:
            future.cancel()


def check_packages() -> None:
    """Make sure that what every run needs is there.

    Raises
    ------
    SitekitError
        With what to install.
    """
    if missing := [name for module, name in NEEDED.items() if not importlib.util.find_spec(module)]:
        raise SitekitError(f"recording needs more packages: pip install {' '.join(missing)}")
