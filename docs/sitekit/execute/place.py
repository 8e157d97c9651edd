"""The folder that one example runs in, what is put there for it, and what it is told.

A `Job` is all that a run needs, on this machine or another; an `Outcome` is all that is known of it afterwards.
"""

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from . import raised

OUTPUT_MIB = 1.0
"""More text than this is no page."""
TAIL_LINES = 12
LONGEST_LINE = 300

# The variables that an example sees; whatever else stands in the builder's environment stays there.
PASSED_ON = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_HOME",
    "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SYSTEMROOT", "WINDIR",
    "COMSPEC", "PATHEXT", "VIRTUAL_ENV",
)  # fmt: skip
ONE_THREAD = dict.fromkeys((f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")), "1") | {
    "VECLIB_MAXIMUM_THREADS": "1"
}


def font_cache() -> Path:
    """A folder for matplotlib's list of fonts, which takes seconds to make; nobody's settings are in it."""
    uid = os.getuid() if hasattr(os, "getuid") else 0
    path = Path(tempfile.gettempdir()) / f"sitekit-fonts-{uid}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of an example, with its own `variables`; those that name its folders apart."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    usual = {"LANG": "C.UTF-8", **passed, **ONE_THREAD, "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    return {**usual, **variables, "MPLCONFIGDIR": str(font_cache())}


@dataclass(frozen=True)
class Job:
    """Everything that one run needs, on this machine or another."""

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
    """On the processor, of all its processes together; it may also stand still for so long."""
    memory_mib: float = 2048.0
    allowed_warnings: tuple[str, ...] = ()
    """Each warning that is no error: its category's dotted name, ``:``, the start of its message."""
    capture_repr: tuple[str, ...] = ()
    """What is asked for a text of a cell's last expression, as Sphinx-Gallery has it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What the worker must have, where it is another machine."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of this run, beyond those of every example."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Folders whose names no page may show, and what stands in their place."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    kind: str
    """``done``, or what went wrong: ``refused`` (its file can't be read), ``error``, ``exit``, ``signal``, ``time``, ``memory``, ``output``,
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


class Place:
    """The folder `root`, prepared for one run of `job`, which lives in it."""

    def __init__(self, root: Path, job: Job) -> None:
        self.root, self.script = root, next(iter(job.files))
        self.work, self.results, self.trace = root / "work", root / "result", root / "trace"
        self.streams = (root / "stdout", root / "stderr")
        for name in ("work", "lib", "result", "home", "tmp"):
            (root / name).mkdir()
        for folder, files in ((self.work, job.files), (root / "lib", job.modules)):
            for name, content in files.items():
                path = folder / name
                if not path.resolve().is_relative_to(folder):
                    raise ValueError(f"{job.source}: {name!r} leads out of its folder")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        raised.prepare(root, root / "lib")
        facts = asdict(replace(job, files={}, modules={}))
        facts |= {"script": self.script, "environment": self._environment(job)}
        (root / "job.json").write_text(json.dumps(facts), encoding="utf-8")

    def _environment(self, job: Job) -> dict[str, str]:
        """The environment variables of the example."""
        own = dict.fromkeys(("HOME", "USERPROFILE"), str(self.root / "home"))
        own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.root / "tmp"))
        own["PYTHONPATH"] = str(self.root / "lib")
        if job.device == "cpu":
            own["CUDA_VISIBLE_DEVICES"] = ""  # or a page for the CPU would find the card
        return clean_environment(job.variables) | own

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

    def where(self) -> tuple[int | None, int | None]:
        """The code cell that was running, and the line that a crash or a limit found it in, or its first."""
        with contextlib.suppress(OSError, ValueError):
            cell, line = map(int, (self.root / "cell").read_text(encoding="ascii").split())
            trace = self.trace.read_text(encoding="utf-8", errors="replace")
            found = re.search(rf'File "{re.escape(str(self.work / self.script))}", line (\d+)', trace)
            return cell, int(found[1]) if found else line
        return None, None

    def saving(self) -> tuple[float, bool]:
        """The processor seconds that saving figures took so far, and whether one is being saved."""
        with contextlib.suppress(OSError, ValueError):
            seconds, *now = (self.root / "saving").read_text(encoding="ascii").split()
            return float(seconds), bool(now)
        return 0.0, (self.root / "saving").exists()  # it is just being written


def note_progress(root: Path, number: int, line: int) -> None:
    """Tell the keeper which cell runs from now on, should it be the last."""
    (root / "cell").write_text(f"{number} {line}", encoding="ascii")


@contextlib.contextmanager
def saving(root: Path) -> Iterator[None]:
    """Tell the keeper what saving figures takes in a ``with`` block: it isn't the example's own."""
    note, began = root / "saving", time.process_time()
    spent = float(note.read_text(encoding="ascii")) if note.exists() else 0.0
    note.write_text(f"{spent} now", encoding="ascii")
    try:
        yield
    finally:
        note.write_text(f"{spent + time.process_time() - began}", encoding="ascii")
