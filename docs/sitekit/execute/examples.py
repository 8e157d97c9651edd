"""What a project has to run, under which settings, and where its records are."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..project.errors import SitekitError, SourceError
from ..project.files import digest, read_text
from ..project.layout import Page, Project
from .cells import CodeCell, markdown_cells, script_cells
from .keys import NOTEBOOK_PACKAGES, PACKAGES, Key, canonical, code_part, environment_part
from .nursery import CAN_FORK
from .record import Kind, Store

__all__ = ["Example", "Options", "chosen", "documents", "examples", "print_warning", "store_for"]


CACHE = Path(".cache/records")
CODE_OF_WORKER = ("worker", "capture", "device", "names", "figures", "notebook")


@functools.cache
def _settings() -> dict[str, Any]:
    """What decides how a worker runs an example: its own code, comments apart."""
    here = Path(__file__).parent
    code = {name: canonical((here / f"{name}.py").read_text(encoding="utf-8")) for name in CODE_OF_WORKER}
    return {"worker": digest(code)[:24], "threads": 1, "backend": "agg"}


@dataclass(frozen=True)
class Options:
    """What a project can set."""

    root: Path
    """The project's folder; no page shows its name."""
    folders: tuple[Path, ...] = ()
    """Where local modules are."""
    seconds: float = 120.0
    memory_mib: float = 2048.0
    capture_repr: tuple[str, ...] = ()
    packages: tuple[str, ...] = PACKAGES
    """Distributions whose versions are part of every key."""
    jobs: int = 0
    """How many examples run at once; 0 is one per core."""
    fork: bool = CAN_FORK
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that examples have beyond the usual; they are part of every key."""

    @classmethod
    def of(cls, project: Project, **values: Any) -> Options:
        """The options of a project laid out as this one is."""
        folders = tuple(folder for folder in (project.root / "src",) if folder.is_dir())
        return cls(
            **{"root": project.root, "folders": folders, "capture_repr": project.capture_repr, **values}
        )

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
    data: dict[str, Path] = field(default_factory=dict)
    seconds: float | None = None
    memory_mib: float | None = None
    allowed_warnings: tuple[str, ...] = ()

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
        part = code_part(self.cells, text=self.text, folders=options.folders, data=self.data)
        repr_of_values = options.capture_repr if self.kind == "script" else ()
        return part | {"project": [list(repr_of_values), list(self.allowed_warnings)]}

    def environment_part(self, options: Options, device: str) -> dict[str, Any]:
        """The environment part of its key, here and now."""
        packages = options.packages
        if self.kind == "notebook":
            packages = (*packages, *NOTEBOOK_PACKAGES)
        settings = _settings() | ({"variables": dict(options.variables)} if options.variables else {})
        return environment_part(self.text, device, settings, packages)

    def key(self, options: Options, device: str) -> Key:
        """Its key, here and now."""
        code, environment = self.code_part(options), self.environment_part(options, device)
        return Key(digest(code), digest(environment))

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
            _allowed(project, page.docname),
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
        docname = relative.with_suffix("").as_posix()
        example = Example(docname, "notebook", path, allowed_warnings=_allowed(project, docname))
        with contextlib.suppress(SourceError):  # whoever runs it will say so
            if not example.cells:
                continue
        found.append(example)
    return found


def _allowed(project: Project, page: str) -> tuple[str, ...]:
    return (*project.allowed_warnings.get("*", ()), *project.allowed_warnings.get(page, ()))


def store_for(project: Project, device: str = "cpu", *, trusted: bool = False) -> Store:
    """The project's records of `device`: in the cache for the CPU, committed for every other."""
    folder = project.root / CACHE if device == "cpu" else project.docs / "records"
    return Store(folder / device, single=device != "cpu", warn=print_warning, trusted=trusted)


@functools.cache
def print_warning(line: str) -> None:
    """Print `line` where warnings go, once: several readers find the same record damaged."""
    print(f"warning: {line}", file=sys.stderr)


def chosen(project: Project, device: str, pages: Sequence[str]) -> list[Example]:
    """Those of `pages`, all by default, that are recorded on `device`.

    Raises
    ------
    SitekitError
        Where one of them is none, or there is none at all.
    """
    found = examples(project, device)
    if device == "cpu":
        found += documents(project)
    if unknown := sorted(set(pages) - {example.page for example in found}):
        raise SitekitError(
            f"no page {', '.join(unknown)} to run on {device}; pages are named as in their address, "
            "such as basics/shapes"
        )
    if not found and device != "cpu":
        raise SitekitError(f"no page in curriculum.toml names the device {device!r}")
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
                found = store.committed(page, digest(example.code_part(options)))
                row[device] = "none" if found is None else "current" if found[1] else "stale"
    return table
