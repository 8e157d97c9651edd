"""The files that hold a project's messages, each with the reader of its markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..markup import myst, notebook_text, rst
from ..markup.dialect import MYST, RST, Dialect
from ..markup.python_source import split
from ..markup.units import Segment, Unit
from ..project.errors import SourceError, SourceErrors
from ..project.files import read_text
from ..project.layout import Project

__all__ = ["Source", "sources"]

PLAIN = {"comment", "alt", "docstring"}
"""Units without inline markup."""


@dataclass(frozen=True)
class Source:
    """One file that localising reads, and how its text is marked up."""

    docname: str
    path: Path
    dialect: str
    """``python``, ``rst`` or ``markdown``."""

    def split(self) -> list[Segment]:
        """Read the file and split it into segments."""
        try:
            text = read_text(self.path)
        except OSError as error:
            raise SourceError(self.path, None, f"can't be read: {error.strerror}") from None
        if self.dialect == "python":
            return split(text, self.path)
        if self.dialect == "rst":
            segments = rst.split(text.rstrip("\n"), self.path, 1, width=0)
            if errors := notebook_text.faults([(1, text)], self.path):
                raise SourceErrors(errors)
            return segments
        return myst.split(text, self.path)

    @property
    def markup(self) -> Dialect:
        """How the prose is marked up."""
        return MYST if self.dialect == "markdown" else RST

    def inline_markup(self, unit: Unit, text: str) -> Counter[str]:
        """The inline markup of `text`; comments and plain docstrings have none."""
        return Counter() if unit.kind in PLAIN else self.markup.inline_markup(text)

    def terms(self, unit: Unit, text: str) -> list[str]:
        """The terms of the glossary that `text` links to."""
        return [] if unit.kind in PLAIN else self.markup.terms(text)

    def words(self, unit: Unit, text: str) -> str:
        """`text` without its inline markup and what stands in it, such as code."""
        return text if unit.kind in PLAIN else self.markup.prose(text)

    def plain_text(self, text: str) -> str:
        """`text` without its inline markup."""
        return self.markup.plain_text(text)


def sources(project: Project) -> Iterator[Source]:
    """Every file that has messages: chapters and their pages in order, then the pages of ``docs/``."""
    for chapter in project.chapters:
        yield Source(f"{chapter.name}/index", project.source_file(f"{chapter.name}/index"), "rst")
        for page in chapter.pages:
            yield Source(page.docname, project.example(page), "python")
    for path in sorted(project.docs.rglob("*.md")):
        relative = path.relative_to(project.docs)
        if not any(part.startswith(("_", ".")) for part in relative.parts):
            yield Source(relative.with_suffix("").as_posix(), path, "markdown")
