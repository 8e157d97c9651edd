"""Runs every example that has no record, each alone in a process, and keeps what it gave.

It needs the project's files, what the examples import, NumPy, matplotlib, Sphinx-Gallery, docutils, Pillow,
psutil, msgspec and tqdm, and for pages of Markdown IPython: no Sphinx configuration and no catalogue.
"""

import importlib
import math
import signal
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec

from ..project.errors import SitekitError, SourceError
from ..project.files import PACKAGE
from ..project.seams import check
from .examples import Example, Options
from .keys import local_files, version
from .nursery import run_alone, starter
from .place import Job, Outcome
from .record import Store
from .results import Failure, Progress, Summary, as_record

DRIVER_MIB = 6144
"""What an accelerator's driver and libraries may take of the machine's own memory."""
NEEDED = ("pillow", "psutil", "sphinx-gallery", "tqdm")
"""Packages that every run needs, and nothing before it."""
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
    options: Options
    summary: Summary
    progress: Progress
    remote: bool

    def job(self, example: Example) -> Job:
        """All that a run of `example` needs."""
        options = self.options
        modules = local_files((cell.code for cell in example.cells), options.local)
        environment = example.environment_part(options)
        versions = {"python": environment["python"], **environment["packages"]} if self.remote else {}
        driver_mib = DRIVER_MIB if options.device != "cpu" else 0
        return Job(
            kind=example.kind,
            source=example.source(options.project),
            files={example.path.name: example.text.encode()}
            | {name: path.read_bytes() for name, path in example.data.items()},
            modules={name: path.read_bytes() for name, path in modules.items()},
            device=options.device,
            seconds=example.seconds or options.seconds,
            memory_mib=(example.memory_mib or options.memory_mib) + driver_mib,
            allowed_warnings=example.allowed_warnings,
            capture_repr=options.project.capture_repr,
            versions={name: value for name, value in versions.items() if value != "none"},
            variables=options.variables,
            hidden={str(options.project.root): "", str(Path.home()): "~"},
        )

    def take_in(self, example: Example, outcome: Outcome, left: int) -> None:
        """Store what came of `example`, or note that it failed, while `left` others run or wait."""
        if outcome.kind == "done":
            try:
                made = as_record(example, self.options, outcome)
                self.summary.records[example.page] = self.store.put(made, outcome.files)
            except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
                message = f"its results can't be read: {type(error).__name__}: {error}"
                outcome = replace(outcome, kind="lost", message=message)
        failed = outcome.kind != "done"
        if failed:
            source = example.source(self.options.project)
            self.summary.failures.append(Failure(example.page, source, outcome))
        self.summary.counts[example.kind][1 + failed] += 1
        running = min(self.options.workers, left)
        self.progress.finished(example.page, outcome.seconds, failed=failed, running=running)

    def run_by(self, executor: Executor, work: Callable[[Job], Outcome], waiting: Iterable[Example]) -> None:
        """Hand out the examples in order, a few ahead of the workers, so that memory doesn't grow with them."""
        queue = deque(waiting)
        lost_once: set[str] = set()
        pending: dict[Future[Outcome], Example] = {}
        ahead = 64 if self.remote else self.options.workers + 2
        try:
            while queue or pending:
                while queue and len(pending) < ahead:
                    example = queue.popleft()
                    pending[executor.submit(work, self.job(example))] = example
                # A wait without end can't be interrupted on every platform.
                finished, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in finished:
                    example = pending.pop(future)
                    if error := future.exception():
                        outcome = Outcome("lost", f"the executor gave it up: {type(error).__name__}: {error}")
                    else:
                        outcome = future.result()
                    # That is no fault of the example.
                    if outcome.kind == "lost" and example.page not in lost_once:
                        lost_once.add(example.page)
                        queue.appendleft(example)
                        continue
                    self.take_in(example, outcome, left=len(pending) + len(queue))
        finally:
            for future in pending:
                future.cancel()


def record(
    wanted: Sequence[Example],
    store: Store,
    options: Options,
    *,
    executor: Executor | None = None,
    out: TextIO | None = None,
    first: Callable[[], object] = lambda: None,
) -> Summary:
    """Run the examples of `wanted` that have no record in `store`, and say in `out` how far it is.

    `first` is called before any runs, while what will run them imports PyTorch. An example that fails stands in the
    summary. Any `executor` will do whose workers can import this package and start processes: isolation and limits are
    the same there. Without one, this machine runs them.
    """
    summary = Summary()
    waiting: list[Example] = []
    for example in wanted:
        try:
            if found := store.get(example.page, example.key(options)):
                summary.records[example.page] = found
                summary.counts[example.kind][0] += 1
            else:
                waiting.append(example)
        except SourceError as error:
            refused = Outcome("refused", error.message, line=error.line)
            summary.counts[example.kind][2] += 1
            summary.failures.append(Failure(example.page, example.source(options.project), refused))
    if not waiting:
        first()
        return summary
    if missing := [name for name in NEEDED if version(name) == "none"]:
        raise SitekitError(f"recording needs more packages: pip install {' '.join(missing)}")

    def seconds(example: Example) -> float:
        latest = store.latest(example.page)
        return latest.seconds if latest else math.inf

    # One that never ran may be the longest, most of all a late one.
    waiting.reverse()
    waiting.sort(key=seconds, reverse=True)
    preload = _preload(waiting, options)
    with closing(Progress(len(wanted), len(wanted) - len(waiting), out)) as progress:
        run = _Run(store, options, summary, progress, executor is not None)
        if executor:
            first()
            run.run_by(executor, partial(run_alone, preload=preload), waiting)
        else:
            _run_here(run, waiting, preload, first)
    return summary


def _preload(waiting: Iterable[Example], options: Options) -> tuple[str, ...]:
    """What is worth importing once for all examples that wait."""
    scripts = [example for example in waiting if example.kind == "script"]
    modules = local_files((cell.code for example in scripts for cell in example.cells), options.local)
    texts = [example.text for example in scripts]
    texts += [path.read_text(errors="replace") for path in modules.values() if path.suffix == ".py"]
    text = "\n".join(texts)
    return tuple(name for word, names in PRELOAD if word in text for name in names)


def _run_here(
    run: _Run, waiting: Sequence[Example], preload: Sequence[str], first: Callable[[], object]
) -> None:
    """Run on this machine, and leave no process behind, whatever happens."""
    if any(example.kind == "script" for example in waiting):
        check("execute")
    nursery = starter(preload, run.options.variables, fork=run.options.fork)
    threads = ThreadPoolExecutor(run.options.workers, thread_name_prefix="example")
    try:
        first()
        run.run_by(threads, nursery.run, waiting)
    finally:
        # A second Ctrl-C must not cut this short.
        old = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        nursery.close()
        threads.shutdown(wait=True, cancel_futures=True)
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """An executor on the Dask cluster whose scheduler has this `address`; None without one."""
    if not address:
        yield None
        return
    try:
        connect = importlib.import_module("distributed").Client
    except ImportError:
        raise SitekitError("a scheduler needs the package distributed: pip install distributed") from None
    try:
        client = connect(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SitekitError(f"no scheduler at {address}: {error}") from None
    with client, tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{PACKAGE.name}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(PACKAGE.rglob("*.py")):
                file.write(path, path.relative_to(PACKAGE.parent))
        client.upload_file(str(archive))
        yield client.get_executor(pure=False)
