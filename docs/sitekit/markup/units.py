"""Pieces of a source file: units of prose that can be translated, and the text between them.

A source file is a list of segments. Rendering the segments with each unit's own text gives the file
back (with the lines of a paragraph joined); rendering them with translations gives the other language.
"""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from docutils.utils import punctuation_chars

HAN = re.compile(r"[\u2e80-\u2fff\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
FULL_WIDTH = re.compile(r"[\u3000-\u3004\u3008-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")
EITHER_WIDTH = re.compile(r"[“”‘’…—]")  # full-width in a Chinese sentence, narrow in an English one
BEFORE_MARKUP = re.compile(rf"[{punctuation_chars.openers}{punctuation_chars.delimiters}]")
AFTER_MARKUP = re.compile(
    rf"[{punctuation_chars.closing_delimiters}{punctuation_chars.delimiters}{punctuation_chars.closers}]"
)
URL = re.compile(r"\S*://")
KEPT_TOGETHER = re.compile(r"``.+?``|`[^`]+`")
# What would be read as markup, a new cell or an order to a tool if it stood first on a line.
NEVER_FIRST = re.compile(
    r" +(?=[^\w\s]+(?: |$)|\d+[.)] |[A-Za-z][.)] |%%|///|:(?![\w:+.-]+:`)"
    r"|alt:|hide-|sphinx_gallery_|type:|noqa|fmt:|pragma|ruff:|mypy:|pylint:|-\*-)"
)
NEVER_ALONE = re.compile(r"^([^\w\s]+) +")
TIED = "\0"
SHORTEST_UNDERLINE = 4


@dataclass(frozen=True)
class Verbatim:
    """Text that is the same in every language."""

    text: str
    label: str = ""
    """The label that this line sets, if it sets one."""
    line: int = 0
    """Where the label stands in the source file, 1-based."""


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
    overlined: bool = False
    """Whether it stands above the title too."""
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
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _tight(before: str, after: str, chinese: bool) -> bool:
    """Whether the line `after` follows the text `before` without a blank."""
    left, right = before[-1], after[0]
    if HAN.match(left) and HAN.match(right):
        return True
    if not any(FULL_WIDTH.match(c) or (chinese and EITHER_WIDTH.match(c)) for c in (left, right)):
        return False
    # reStructuredText sees inline markup only beside a blank or certain punctuation.
    starts_markup = (right in "`*|:" or URL.match(after)) and not BEFORE_MARKUP.match(left)
    ends_markup = (left in "`*|_" or URL.match(before.split()[-1])) and not AFTER_MARKUP.match(right)
    return not starts_markup and not ends_markup


def join_lines(lines: Iterable[str]) -> str:
    """Join the lines of a paragraph as its language would: no blank between Chinese characters."""
    stripped = [line.strip() for line in lines]
    chinese = any(HAN.search(line) for line in stripped)
    joined = ""
    for line in stripped:
        joined += "" if not joined or not line or _tight(joined, line, chinese) else " "
        joined += line
    return joined


def _wrapped(unit: Unit, text: str) -> str:
    if not unit.width:
        return unit.first_prefix + text
    tied = KEPT_TOGETHER.sub(lambda match: match[0].replace(" ", TIED), text)
    tied = NEVER_ALONE.sub(rf"\g<1>{TIED}", NEVER_FIRST.sub(TIED, tied))
    lines = textwrap.wrap(
        tied,
        width=unit.width,
        initial_indent=unit.first_prefix,
        subsequent_indent=unit.rest_prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(TIED, " ")


def render(segments: Iterable[Segment], translate: Callable[[Unit], str | None]) -> str:
    """Write `segments` out, each unit as `translate` gives it (None: as it stands in the source)."""
    out = []
    for segment in segments:
        if isinstance(segment, Verbatim):
            out.append(segment.text)
            continue
        text = translate(segment)
        body = (
            segment.original or segment.first_prefix + segment.text
            if text is None
            else _wrapped(segment, text)
        )
        if segment.underline:
            width = display_width(segment.text if text is None else text)
            line = segment.rest_prefix + segment.underline * max(width, SHORTEST_UNDERLINE)
            body = "\n".join([*[line] * segment.overlined, body, line])
        out.append(body + segment.suffix)
    return "".join(out)
