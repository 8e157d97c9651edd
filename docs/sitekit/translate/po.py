"""PO files, read and written so that an entry comes out as it went in.

In goes a file in UTF-8, whatever its header says; out come its entries, or the line that can't be read. Of the
header only the comments above it are kept: dates and names of tools would differ in each change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..project.errors import SourceError
from ..project.files import read_text

__all__ = ["Entry", "read", "text_of"]


HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
LINE = re.compile(r'(?:(?P<keyword>msgctxt|msgid|msgstr)\s*)?"(?P<text>(?:[^"\\]|\\.)*)"')
MARK = re.compile(r"(#~\s*\||#~|#\||)\s*(.*)")
ESCAPE = re.compile(r"\\(.)")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
WRITTEN = str.maketrans({character: f"\\{letter}" for letter, character in ESCAPED.items()})
ORDER = ["msgctxt", "msgid", "msgstr"]


@dataclass
class Entry:
    """One message with its translation."""

    id: str = ""
    string: str = ""
    context: str = ""
    """The title of the section that this translation is for; "" where it is for all."""
    fuzzy: bool = False
    obsolete: bool = False
    """Whether no text of today has this message."""
    comments: list[str] = field(default_factory=list)
    """What a translator noted."""
    kinds: list[str] = field(default_factory=list)
    """What is translated: a title, an item …"""
    previous: dict[str, str] = field(default_factory=dict)
    """What the message was when it was translated, by keyword, if it was changed since."""
    line: int = 0
    """Where its message stands, 1-based."""

    @property
    def key(self) -> tuple[str, str]:
        """What no two entries in use may share."""
        return self.context, self.id


def _unescaped(text: str, path: Path, line: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in ESCAPED:
            raise SourceError(path, line, f"{match[0]} is no escape here: write the character itself")
        return ESCAPED[match[1]]

    return ESCAPE.sub(character, text)


class _Reader:
    """Reads lines into `entry`, which moves to `entries` when the next one begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.start()

    def start(self) -> None:
        self.entry, self.seen, self.keyword = Entry(), dict[str, str](), ""
        self.texts = self.seen

    def close(self) -> None:
        if "msgstr" in self.seen:
            entry = replace(self.entry, id=self.seen["msgid"], string=self.seen["msgstr"])
            entry.context = self.seen.get("msgctxt", "")
            self.entries.append(entry)
            self.start()
        elif self.seen:
            raise SourceError(self.path, self.entry.line, "this entry lacks its msgid or msgstr")

    def comment(self, line: str) -> None:
        if line.startswith("#."):
            self.entry.kinds.append(line[2:].strip())
        elif line.startswith("#,"):
            self.entry.fuzzy |= "fuzzy" in re.split(r"[\s,]+", line)
        elif not line.startswith("#:"):
            self.entry.comments.append(line[1:].strip())

    def read(self, line: str, number: int) -> None:
        mark, rest = MARK.fullmatch(line).groups()  # type: ignore[union-attr]  # whatever the line
        previous, obsolete = "|" in mark, "~" in mark
        if "msgstr" in self.seen and not rest.startswith('"'):
            self.close()
        if rest.startswith("#") and not mark:
            self.comment(rest)
            return
        match = LINE.fullmatch(rest)
        if not match:
            raise SourceError(self.path, number, f"not a line of a catalogue: {rest[:40]}")
        if keyword := match["keyword"]:
            self.texts, self.keyword = self.entry.previous if previous else self.seen, keyword
            if any(later in self.texts for later in ORDER[ORDER.index(keyword) :]) or (
                keyword == "msgstr" and "msgid" not in self.texts
            ):
                raise SourceError(self.path, number, f"{keyword} is out of its order")
            if not previous:
                self.entry.obsolete = self.entry.obsolete if self.seen else obsolete
                self.entry.line = number if keyword == "msgid" else self.entry.line or number
            self.texts[keyword] = ""
        elif not self.keyword or previous != (self.texts is self.entry.previous):
            raise SourceError(self.path, number, f"this text belongs to no message: {rest[:40]}")
        if obsolete != self.entry.obsolete and not previous:
            raise SourceError(self.path, number, "an entry that is out of use has #~ in all its lines")
        self.texts[self.keyword] += _unescaped(match["text"], self.path, number)


def read(path: Path) -> list[Entry]:
    """Read a catalogue, its header first; a missing file has no entries.

    Raises
    ------
    SourceError
        With the line that is none of a catalogue's, or that repeats a message.
    """
    reader, lines = _Reader(path), read_text(path).split("\n") if path.is_file() else []
    for number, line in enumerate(lines, 1):
        if line.strip():
            reader.read(line.strip(), number)
    comments = [] if reader.seen else reader.entry.comments
    reader.close()
    if comments:  # below the last entry
        reader.entries = reader.entries or [Entry()]
        reader.entries[-1].comments += comments
    seen: dict[tuple[str, str], int] = {}
    for entry in reader.entries:
        if not entry.obsolete and (first := seen.setdefault(entry.key, entry.line)) != entry.line:
            raise SourceError(path, entry.line, f"this message stands in line {first} already")
    return reader.entries


def _written(entry: Entry) -> str:
    mark = "#~ " if entry.obsolete else ""
    lines = [f"# {comment}".rstrip() for comment in entry.comments]
    lines += [f"#. {kind}" for kind in entry.kinds]
    lines += ["#, fuzzy"] * entry.fuzzy
    lines += [
        f'{mark.rstrip() or "#"}| {keyword} "{text.translate(WRITTEN)}"'
        for keyword, text in entry.previous.items()
    ]
    texts = {"msgctxt": entry.context, "msgid": entry.id, "msgstr": entry.string}
    lines += [
        f'{mark}{keyword} "{text.translate(WRITTEN)}"'
        for keyword, text in texts.items()
        if text or keyword != "msgctxt"
    ]
    return "\n".join([*lines, ""])


def text_of(entries: Iterable[Entry], language: str, comments: Iterable[str] = ()) -> str:
    """A catalogue of `entries`, with a header for `language` and `comments` above it."""
    header = "".join(f"# {comment}".rstrip() + "\n" for comment in comments)
    return "\n".join([header + HEADER.format(language=language), *map(_written, entries)])
