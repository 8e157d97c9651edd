"""What a project has to run, under which settings, and where its records are."""

import contextlib
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..project.errors import SitekitError, SourceError
from ..project.files import digest, read_text
from ..project.layout import Project
from .cells import CodeCell, markdown_cells, script_cells
from .keys import NOTEBOOK_PACKAGES, PACKAGES, Key, canonical, code_part, environment_part
from .nursery import CAN_FORK
from .record import Kind, Store

CODE_OF_WORKER = ("worker", "capture", "device", "names", "figures", "raised", "notebook")


@functools.cache
def _settings() -> dict[str, Any]:
    """What decides how a worker runs an example: its own code, comments apart."""
    here = Path(__file__).parent
    code = {name: canonical((here / f"{name}.py").read_text(encoding="utf-8")) for name in CODE_OF_WORKER}
    return {"worker": digest(code)[:24], "threads": 1, "backend": "agg"}


@dataclass(frozen=True)
class Options:
    """How a project's examples run."""

    project: Project
    device: str = "cpu"
    """The kind of device they run on."""
    seconds: float = 120.0
    memory_mib: float = 2048.0
    jobs: int = 0
    """How many run at once; 0 is one per core."""
    fork: bool = CAN_FORK
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that they have beyond the usual; they are part of every key."""

    @property
    def local(self) -> Path:
        """Where local modules are."""
        return self.project.root / "src"

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
    kind: Kind
    path: Path
    data: dict[str, Path]
    """Files that it reads, by the names that it reads them by."""
    allowed_warnings: tuple[str, ...]
    seconds: float | None = None
    memory_mib: float | None = None

    @functools.cached_property
    def text(self) -> str:
        """The source."""
        return read_text(self.path)

    @functools.cached_property
    def cells(self) -> list[CodeCell]:
        """The code cells that a record of it has."""
        return markdown_cells(self.text) if self.kind == "notebook" else script_cells(self.text)

    def code_part(self, options: Options) -> dict[str, Any]:
        """The code part of its key."""
        part = code_part(self.cells, self.text, options.local, self.data)
        repr_of_values = options.project.capture_repr if self.kind == "script" else ()
        return part | {"project": [list(repr_of_values), list(self.allowed_warnings)]}

    def environment_part(self, options: Options) -> dict[str, Any]:
        """The environment part of its key, here and now."""
        packages = PACKAGES if self.kind == "script" else (*PACKAGES, *NOTEBOOK_PACKAGES)
        settings = _settings() | ({"variables": dict(options.variables)} if options.variables else {})
        return environment_part(self.text, options.device, settings, packages)

    def key(self, options: Options) -> Key:
        """Its key, here and now."""
        return Key(digest(self.code_part(options)), digest(self.environment_part(options)))

    def source(self, project: Project) -> str:
        """Its file, from the project's folder."""
        return self.path.relative_to(project.root).as_posix()


def _allowed(project: Project, page: str) -> tuple[str, ...]:
    return (*project.allowed_warnings.get("*", ()), *project.allowed_warnings.get(page, ()))


def examples(project: Project, device: str = "cpu") -> list[Example]:
    """The scripts of the gallery that are recorded on `device`, in reading order."""
    return [
        Example(
            page.docname,
            "script",
            project.example(page),
            {name: project.gallery / page.chapter / name for name in page.data},
            _allowed(project, page.docname),
            **page.limits,
        )
        for page in project.pages()
        if device in page.devices
    ]


def documents(project: Project) -> list[Example]:
    """The pages of ``docs/`` that have code cells."""
    found = []
    for page in project.documents():
        example = Example(page, "notebook", project.docs / f"{page}.md", {}, _allowed(project, page))
        with contextlib.suppress(SourceError):  # whoever runs it will say so
            if not example.cells:
                continue
        found.append(example)
    return found


def store_for(project: Project, device: str = "cpu", *, trusted: bool = False) -> Store:
    """The project's records of `device`: in the cache for the CPU, committed for every other."""
    folder = project.root / ".cache" / "records" if device == "cpu" else project.docs / "records"
    return Store(folder / device, single=device != "cpu", warn=print_warning, trusted=trusted)


@functools.cache
def print_warning(line: str) -> None:
    """Print `line` where warnings go, once: several readers find the same record damaged."""
    print(f"warning: {line}", file=sys.stderr)


def chosen(project: Project, device: str, pages: Sequence[str]) -> list[Example]:
    """Those of `pages`, all by default, that are recorded on `device`, if there are such."""
    found = examples(project, device) + (documents(project) if device == "cpu" else [])
    if unknown := sorted(set(pages) - {example.page for example in found}):
        raise SitekitError(
            f"no page {', '.join(unknown)} to run on {device}; pages are named as in their address, "
            "such as basics/shapes"
        )
    if not found and device != "cpu":
        raise SitekitError(f"no page in curriculum.toml names the device {device!r}")
    return [example for example in found if not pages or example.page in pages]
