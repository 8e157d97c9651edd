"""Pieces of a source file: units of prose that can be translated, and the text between them.

A source file is a list of segments. Rendering the segments with each unit's own text gives the file
back (with the lines of a paragraph joined); rendering them with translations gives the other language.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SourceError", "Unit", "Verbatim", "display_width", "join_lines", "render"]

HAN = re.compile(r"[\u2e80-\u2fff\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
WIDE_PUNCTUATION = re.compile(r"[\u3000-\u3004\u3008-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
                              r"\uff5b-\uff65“”‘’…—]")  # fmt: skip


class SourceError(Exception):
    """A mistake in a file that a person wrote; reads ``file:line: what to do``."""

    def __init__(self, path: Path | str, line: int | None, message: str) -> None:
        """Keep `path` and `line` (1-based, None where there is none) beside the sentence `message`."""
        self.path, self.line, self.message = Path(path), line, message
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")


@dataclass(frozen=True)
class Verbatim:
    """Text that is the same in every language."""

    text: str


@dataclass(frozen=True)
class Unit:
    """One message: a title, paragraph, list item, table cell, comment …"""

    kind: str
    text: str
    """The message, on one line."""
    line: int
    """Where it starts in the source file, 1-based."""
    first_prefix: str = ""
    """What stands before its first line (indent, list marker, ``# ``)."""
    rest_prefix: str = ""
    """What stands before its further lines."""
    underline: str = ""
    """The character under a reStructuredText title."""
    width: int = 0
    """Columns to wrap a translation at; 0 keeps it on one line."""
    original: str = ""
    """The lines as written, where the source language keeps them (comments)."""
    suffix: str = ""
    """What ends the unit; a line break unless it stands inside a line."""


Segment = Unit | Verbatim


def display_width(text: str) -> int:
    """Columns that `text` takes in a terminal: wide East Asian characters count two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def join_lines(lines: Iterable[str]) -> str:
    """Join the lines of a paragraph as its language would: no blank between Chinese characters."""
    joined = ""
    for line in (line.strip() for line in lines):
        if not joined or not line:
            joined += line
            continue
        left, right = joined[-1], line[0]
        tight = (
            WIDE_PUNCTUATION.match(left)
            or WIDE_PUNCTUATION.match(right)
            or (HAN.match(left) and HAN.match(right))
        )
        joined += line if tight else " " + line
    return joined


def _wrapped(unit: Unit, text: str) -> str:
    if not unit.width:
        return unit.first_prefix + text
    lines = textwrap.wrap(
        text,
        width=unit.width,
        initial_indent=unit.first_prefix,
        subsequent_indent=unit.rest_prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def render(segments: Iterable[Segment], translate: Callable[[Unit], str | None]) -> str:
    """Write `segments` out, each unit as `translate` gives it (None: as it stands in the source)."""
    out = []
    for segment in segments:
        if isinstance(segment, Verbatim):
            out.append(segment.text)
            continue
        translated = translate(segment)
        if translated is None and segment.original:
            out.append(segment.original + segment.suffix)
            continue
        text = segment.text if translated is None else translated
        if translated is None:
            out.append(segment.first_prefix + text)
        else:
            out.append(_wrapped(segment, text))
        if segment.underline:
            out.append("\n" + segment.rest_prefix + segment.underline * display_width(text))
        out.append(segment.suffix)
    return "".join(out)
