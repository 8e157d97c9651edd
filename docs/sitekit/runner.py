"""Runs every example that has no record, each alone in a process, and keeps what it gave.

``python -m sitekit.runner record [page …]`` does this step alone. It needs the project's files, what the
examples import, NumPy, matplotlib, Sphinx-Gallery, docutils, Pillow and psutil, and for pages of Markdown
nbclient and ipykernel: no Sphinx configuration and no catalogue.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.util
import os
import signal
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from . import keys
from .isolation import CAN_FORK, OUTPUT_MIB, Job, Outcome, run_alone, starter
from .keys import Key
from .progress import Progress
from .project import Page, Project
from .record import Cell, DamagedRecord, Figure, Record, Store
from .segments import SourceError
from .worker import ALLOWED_WARNINGS

__all__ = [
    "Example",
    "Failure",
    "Options",
    "RunnerError",
    "Summary",
    "chosen",
    "dask_executor",
    "documents",
    "examples",
    "record",
    "store_for",
]

CACHE = Path(".cache/records")
CACHE_BYTES = 512 * 2**20
UNKNOWN_SECONDS = 5.0
DRIVER_MIB = 6144
"""What an accelerator's driver and libraries may take of the machine's own memory."""
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
CODE_OF_WORKER = ("worker.py", "figures.py", "notebook.py", "inline.py")


class RunnerError(Exception):
    """Something is missing; the message says what to do."""


@functools.cache
def _settings() -> dict[str, Any]:
    """What decides how a worker runs an example: its own code, comments apart."""
    here = Path(__file__).parent
    code = {name: keys.canonical((here / name).read_text(encoding="utf-8")) for name in CODE_OF_WORKER}
    return {"worker": keys.digest(code)[:24], "threads": 1, "backend": "agg"}


@dataclass(frozen=True)
class Options:
    """What a project can set."""

    root: Path
    """The project's folder; no page shows its name."""
    folders: tuple[Path, ...] = ()
    """Where local modules are."""
    seconds: float = 120.0
    memory_mib: float = 2048.0
    output_mib: float = OUTPUT_MIB
    allowed_warnings: tuple[tuple[str, str], ...] = ALLOWED_WARNINGS
    packages: tuple[str, ...] = keys.PACKAGES
    """Distributions whose versions are part of every key."""
    jobs: int = 0
    """How many examples run at once; 0 is one per core."""
    fork: bool = CAN_FORK

    @classmethod
    def of(cls, project: Project, **values: Any) -> Options:
        """The options of a project laid out as this one is."""
        folders = tuple(folder for folder in (project.root / "src",) if folder.is_dir())
        return cls(**{"root": project.root, "folders": folders, **values})

    @property
    def workers(self) -> int:
        """How many examples run at once."""
        if self.jobs:
            return self.jobs
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Example:
    """Something to run: a script of the gallery, or a page of Markdown with code cells."""

    page: str
    kind: str
    path: Path
    data: dict[str, Path] = field(default_factory=dict)
    seconds: float | None = None
    memory_mib: float | None = None

    @functools.cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def cells(self) -> list[keys.CodeCell]:
        """The code cells that a record of it has."""
        return keys.markdown_cells(self.text) if self.kind == "notebook" else keys.script_cells(self.text)

    def code_part(self, options: Options) -> dict[str, Any]:
        """The code part of its key."""
        return keys.code_part(self.cells, text=self.text, folders=options.folders, data=self.data)

    def environment_part(self, options: Options, device: str) -> dict[str, Any]:
        """The environment part of its key, here and now."""
        packages = options.packages
        if self.kind == "notebook":
            packages = (*packages, *keys.NOTEBOOK_PACKAGES)
        return keys.environment_part(self.text, device, _settings(), packages)

    def key(self, options: Options, device: str) -> Key:
        """Its key, here and now."""
        code, environment = self.code_part(options), self.environment_part(options, device)
        return Key(keys.digest(code), keys.digest(environment))

    def source(self, options: Options) -> str:
        """Its file, from the project's folder."""
        return self.path.relative_to(options.root).as_posix()


def _data(project: Project, page: Page) -> dict[str, Path]:
    folder = (project.gallery / page.chapter).resolve()
    data = {name: (folder / name).resolve() for name in page.data}
    for name, path in data.items():
        if not path.is_relative_to(folder) or not path.is_file():
            curriculum = project.gallery / "curriculum.toml"
            raise SourceError(curriculum, None, f"{page.docname!r} has no data file {page.chapter}/{name}")
    return data


def examples(project: Project, device: str = "cpu") -> list[Example]:
    """The scripts of the gallery that are recorded on `device`, in reading order."""
    return [
        Example(
            page.docname,
            "script",
            project.example(page),
            _data(project, page),
            page.limits.get("seconds"),
            page.limits.get("memory_mib"),
        )
        for page in project.pages()
        if device in page.devices
    ]


def documents(project: Project) -> list[Example]:
    """The pages of ``docs/`` that have code cells."""
    found = []
    for path in sorted(project.docs.rglob("*.md")):
        relative = path.relative_to(project.docs)
        if any(part.startswith(("_", ".")) for part in relative.parts):
            continue
        example = Example(relative.with_suffix("").as_posix(), "notebook", path)
        if example.cells:
            found.append(example)
    return found


def store_for(
    project: Project, device: str = "cpu", warn: Callable[[str], None] = lambda line: None
) -> Store:
    """The project's records of `device`: in the cache for the CPU, committed for every other."""
    if device == "cpu":
        return Store(project.root / CACHE / device, warn=warn)
    return Store(project.docs / "records" / device, single=True, warn=warn)


# -- results


@dataclass(frozen=True)
class Failure:
    """An example that did not end well."""

    page: str
    source: str
    outcome: Outcome

    def __str__(self) -> str:
        outcome = self.outcome
        where = [f"cell {outcome.cell}"] if outcome.cell else []
        where += [f"line {outcome.line}"] if outcome.line else []
        lines = [f"FAILED {self.page}: {', '.join(where) or 'before its first cell'}"]
        lines.append(f"  {self.source}{f':{outcome.line}' if outcome.line else ''}")
        lines.append(f"  {outcome.message}")
        if outcome.tail:
            lines += ["  its last output:", *(f"    {line}" for line in outcome.tail)]
        return "\n".join(lines)


@dataclass
class Summary:
    """What a run came to."""

    device: str
    used: dict[str, Key] = field(default_factory=dict)
    """The key of each page that has a record now."""
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


def _record(example: Example, job: Job, parts: tuple[Any, Any], outcome: Outcome) -> Record:
    """What the worker wrote down, as a record."""
    result = outcome.result
    cells = tuple(
        Cell(
            output=tuple((stream, text) for stream, text in cell["output"]),
            rst=cell["rst"],
            figures=tuple(Figure(**figure) for figure in cell["figures"]),
            bundles=tuple(cell.get("bundles", ())),
        )
        for cell in result["cells"]
    )
    if len(cells) != len(example.cells):
        raise ValueError(f"{len(cells)} cells were recorded of {len(example.cells)}")
    environment = parts[1]
    versions = {"python": environment["python"], **environment["packages"], **result.get("versions", {})}
    device_peak = result.get("device_peak_mib")
    return Record(
        page=example.page,
        kind=example.kind,
        code_part=parts[0],
        environment_part=environment,
        device=job.device,
        device_name=result["device_name"],
        seconds=round(result["seconds"], 3),
        peak_mib=round(outcome.peak_mib, 1),
        device_peak_mib=None if device_peak is None else round(device_peak, 1),
        versions=versions,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        exit="ok",
        cells=cells,
        names=result["names"],
    )


# -- running


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
        modules = keys.local_files(codes, options.folders)
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

    def keep(self, example: Example, job: Job, outcome: Outcome) -> None:
        """Store what came of `example`, or note that it failed."""
        counts = self.summary.counts[example.kind]
        if outcome.kind == "done":
            try:
                parts = (
                    example.code_part(self.options),
                    example.environment_part(self.options, self.device),
                )
                record = self.store.put(_record(example, job, parts, outcome), outcome.files)
            except (KeyError, TypeError, ValueError, DamagedRecord) as error:
                outcome = Outcome("lost", f"its results can't be read: {type(error).__name__}: {error}")
            else:
                self.summary.used[example.page] = record.key
                counts[1] += 1
                return
        counts[2] += 1
        self.summary.failures.append(Failure(example.page, job.source, outcome))


def _preload(waiting: Iterable[Example], options: Options) -> tuple[str, ...]:
    """What is worth importing once for all examples that wait."""
    scripts = [example for example in waiting if example.kind == "script"]
    words = {word for word, _ in PRELOAD if word}
    found = {word for word in words if any(word in example.text for example in scripts)}
    if scripts:
        files = keys.local_files(
            (cell.code for example in scripts for cell in example.cells), options.folders
        )
        for path in files.values():
            text = path.read_text(encoding="utf-8") if path.suffix == ".py" else ""
            found |= {word for word in words if word in text}
    return tuple(name for word, names in PRELOAD if not word or word in found for name in names)


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome("lost", f"the executor gave it up: {type(error).__name__}: {error}")


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
                preload = _preload(waiting, options)
                _run_by(executor, lambda job: (run_alone, job, preload), run, waiting)
        finally:
            progress.close()
    return summary


def _run_here(run: _Run, waiting: Sequence[Example]) -> None:
    """Run on this machine, and leave no process behind, whatever happens."""
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
            run.keep(example, job, outcome)
            failed = example.page not in run.summary.used
            running = min(run.options.workers, len(pending) + len(queue))
            run.progress.finished(example.page, outcome.seconds, failed=failed, running=running)


# -- other machines


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """An executor on a Dask cluster, whose workers get this package from the scheduler.

    Raises
    ------
    RunnerError
        Where `distributed` is missing, or the scheduler can't be reached.
    """
    try:
        connect = importlib.import_module("distributed").Client
    except ImportError:
        raise RunnerError("a scheduler needs the package distributed: pip install distributed") from None
    try:
        client = connect(address, timeout=10)
    except (OSError, ValueError) as error:
        raise RunnerError(f"no scheduler at {address}: {error}") from None
    package = Path(__file__).parent
    with client, tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{package.name}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(package.rglob("*.py")):
                file.write(path, path.relative_to(package.parent))
        client.upload_file(str(archive))
        yield client.get_executor(pure=False)


# -- command line


def chosen(project: Project, device: str, pages: Sequence[str]) -> list[Example]:
    found = examples(project, device)
    if device == "cpu":
        found += documents(project)
    if unknown := sorted(set(pages) - {example.page for example in found}):
        raise RunnerError(
            f"no page {', '.join(unknown)} to run on {device}; pages are named as in their address, "
            "such as basics/shapes"
        )
    if not found and device != "cpu":
        raise RunnerError(f"no page in curriculum.toml names the device {device!r}")
    return [example for example in found if not pages or example.page in pages]


def states(project: Project, options: Options, devices: Iterable[str]) -> dict[str, dict[str, str]]:
    """Whether each page is recorded on each of `devices`, by page and device.

    ``current``, ``stale`` (recorded from other code) or ``none``; ``-`` where the curriculum doesn't name the
    device.
    """
    table: dict[str, dict[str, str]] = {page.docname: {} for page in project.pages()}
    for device in devices:
        store = store_for(project, device)
        named = {example.page: example for example in examples(project, device)}
        for page, row in table.items():
            row[device] = "-"
            if example := named.get(page):
                found = store.committed(page, keys.digest(example.code_part(options)))
                row[device] = "none" if found is None else "current" if found[1] else "stale"
    return table


def _print_states(project: Project, options: Options) -> None:
    devices = sorted({device for page in project.pages() for device in page.devices})
    table = states(project, options, devices)
    width = max(map(len, table), default=0) + 2
    print(f"{'page':{width}}" + "".join(f"{device:>10}" for device in devices))
    for page, row in table.items():
        print(f"{page:{width}}" + "".join(f"{row[device]:>10}" for device in devices))


def _check_packages() -> None:
    missing = [name for name in ("psutil", "PIL", "sphinx_gallery") if not importlib.util.find_spec(name)]
    if missing:
        names = " ".join({"PIL": "pillow"}.get(name, name.replace("_", "-")) for name in missing)
        raise RunnerError(f"recording needs more packages: pip install {names}")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sitekit.runner", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="run what has no record")
    recording.add_argument("pages", nargs="*", help="pages such as basics/shapes; all by default")
    recording.add_argument("--device", default="cpu", help="kind of device: cpu, cuda …")
    recording.add_argument("--store", type=Path, help="folder of the records")
    recording.add_argument("--jobs", type=int, default=0, help="how many run at once; one per core")
    recording.add_argument("--scheduler", help="address of a Dask scheduler whose workers run them")
    commands.add_parser("records", help="print which page has a record of which device")
    given = parser.parse_args(arguments)
    if given.command == "record" and given.jobs < 0:
        recording.error("--jobs is how many run at once; 0 is one per core")
    return given


def main(arguments: Sequence[str]) -> int:
    """Record the pages of the project in the current folder."""
    given = _arguments(arguments)

    def warn(line: str) -> None:
        print(f"warning: {line}", file=sys.stderr)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        _check_packages()
        project = Project.load(Path.cwd())
        if given.command == "records":
            _print_states(project, Options.of(project))
            return 0
        options = Options.of(project, jobs=given.jobs)
        store = store_for(project, given.device, warn)
        if given.store:
            store = Store(given.store, single=store.single, warn=warn)
        wanted = chosen(project, given.device, given.pages)
        with contextlib.ExitStack() as stack:
            executor = stack.enter_context(dask_executor(given.scheduler)) if given.scheduler else None
            summary = record(wanted, store, options, device=given.device, executor=executor)
        if not store.single:
            store.prune(CACHE_BYTES, summary.used.items())
    except (SourceError, RunnerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was recorded stays", file=sys.stderr)
        return 130
    for line in summary.lines():
        print(line)
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
