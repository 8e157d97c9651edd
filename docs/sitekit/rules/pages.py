"""A page as the rules see it: its prose in each language, its code, and what that printed."""

import ast
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..execute.chosen import committed
from ..execute.examples import Example, Options, chosen, store_for
from ..execute.golden import FOLDER
from ..project.errors import SourceError
from ..project.files import digest, read_text
from ..project.layout import Project
from ..translate.localise import Localised
from ..translate.sources import PLAIN

WIDEST = 92
"""Columns of a line of code or output: a page of usual width shows it whole."""
MARK = re.compile(r"^(?:# )?\s*(?:\.\.|%) not-printed: (?P<number>[^:\s]+): (?P<reason>\S.*)$", re.MULTILINE)
"""Says of a number why it doesn't stand in the page's output; of reStructuredText and of Markdown."""


class Elsewhere(NamedTuple):
    """A number in prose that the page doesn't print, and says why."""

    line: int
    number: str
    reason: str


class Prose(NamedTuple):
    """A message in one language."""

    line: int
    folder: str
    kind: str
    text: str
    """As it is written."""
    words: str
    """What a reader sees of it, without code."""
    formulas: str


@dataclass(frozen=True)
class Executed:
    """A page that has code."""

    localised: Localised
    example: Example
    outputs: tuple[str, ...]
    """What its cells printed here, what was agreed to, and what they printed on each other device."""

    @property
    def page(self) -> str:
        """Its name."""
        return self.example.page

    @cached_property
    def code(self) -> str:
        """Its code, with as many lines as its file, so that a line's number is that of the file."""
        lines = [""] * (self.example.text.count("\n") + 1)
        for cell in self.example.cells:
            for number, line in enumerate(cell.code.split("\n"), cell.line - 1):
                if number < len(lines):
                    lines[number] = line
        return "\n".join(lines)

    @cached_property
    def tree(self) -> ast.Module:
        """Its code as Python reads it; none of what Python can't read, which running it will say."""
        with contextlib.suppress(SyntaxError):
            return ast.parse(self.code)
        return ast.Module([], [])

    def error(self, line: int, fault: str) -> SourceError:
        """What is wrong at a line of its file."""
        return SourceError(self.example.path, line, fault)

    @cached_property
    def elsewhere(self) -> list[Elsewhere]:
        """The numbers that it marks as not its own."""
        text = self.example.text
        return [
            Elsewhere(text.count("\n", 0, match.start()) + 1, match["number"], match["reason"])
            for match in MARK.finditer(text)
        ]


def prose(page: Localised) -> Iterator[Prose]:
    """The page's messages, in each language."""
    for order, unit in enumerate(page.units):
        for folder, texts in page.texts.items():
            reading = page.source.read(unit, texts[order])
            formulas = " ".join(piece.shown for piece in reading.pieces if _is_formula(piece.kept))
            words = reading.words if unit.kind not in PLAIN else texts[order]
            yield Prose(unit.line, folder, unit.kind, texts[order], words, formulas)


def _is_formula(kept: str) -> bool:
    return kept.startswith((":math:", "$"))


def _golden(project: Project, page: str) -> str | None:
    path = project.root / FOLDER / "cpu" / f"{page}.json"
    if not path.is_file():
        return None
    return "\n".join(line for cell in json.loads(read_text(path))["cells"] for line in cell)


def executed(project: Project, pages: list[Localised]) -> Iterator[Executed]:
    """The pages that have code, each with what its code printed when it ran last and what was agreed to."""
    by_name: Mapping[str, Localised] = {page.source.docname: page for page in pages}
    options, store = Options(project), store_for(project)
    devices = sorted({device for page in project.pages() for device in page.devices} - {"cpu"})
    others = [committed(project, device) for device in devices]
    for example in chosen(project, "cpu", ()):
        code = digest(example.code_part(options))
        record = store.latest(example.page, code)
        texts = [item[example.page].record for item in others if example.page in item]
        outputs = ["".join(cell.text for cell in found.cells) for found in texts]
        if (golden := _golden(project, example.page)) is not None:
            outputs.insert(0, golden)  # another processor prints other last digits than its author saw
        if record is not None and record.key.code == code:
            outputs.insert(0, "\n".join(cell.text for cell in record.cells))
        yield Executed(by_name[example.page], example, tuple(outputs))
