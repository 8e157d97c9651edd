"""The files that hold a project's messages, each with the reader of its markup."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..markup import myst, python_source, rst
from ..markup.inline import Piece, Reading
from ..markup.notebook_text import split_cells
from ..markup.text_cells import Cell
from ..markup.units import Segment, Unit
from ..project.errors import SourceError, SourceErrors, gathered
from ..project.files import read_text
from ..project.layout import Project

PLAIN = {"comment", "alt", "fold", "docstring"}
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
        return self.split_text(read_text(self.path))

    def split_text(self, text: str) -> list[Segment]:
        """Split what stands in the file; a SourceErrors has every place whose markup can't be translated."""
        errors: list[SourceError] = []
        with gathered(errors):
            if self.dialect == "python":
                segments = python_source.split(text, self.path, errors)
            elif self.dialect == "markdown":
                segments = myst.split(text, self.path, errors)
            else:
                [segments] = split_cells([Cell(1, text.rstrip("\n"))], self.path, errors, width=0)
        if errors:
            raise SourceErrors(sorted(SourceErrors(errors).errors, key=lambda error: error.line or 0))
        return segments

    def read(self, unit: Unit, text: str) -> Reading:
        """Read the markup of `text`, which is `unit` or its translation; comments and plain docstrings have none."""
        if unit.kind in PLAIN:
            return Reading((Piece(text),))
        read = myst.read if self.dialect == "markdown" else rst.read
        return read(text)


def sources(project: Project) -> Iterator[Source]:
    """Every file that has messages: chapters and their pages in order, then the pages of ``docs/``."""
    for chapter in project.chapters:
        yield Source(f"{chapter.name}/index", project.source_file(f"{chapter.name}/index"), "rst")
        for page in chapter.pages:
            yield Source(page.docname, project.example(page), "python")
    for docname in project.documents():
        yield Source(docname, project.docs / f"{docname}.md", "markdown")
