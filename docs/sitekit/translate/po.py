"""PO files, read and written so that an entry comes out as it went in.

In goes a file in UTF-8, whatever its header says; out come its entries, or the line that can't be read. Of the
header only the comments above it are kept: dates and names of tools would differ in each change.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..project.errors import SourceError
from ..project.files import read_text

HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""
LINE = re.compile(
    r'(?P<mark>(?:#~\s*\||#~|#\|)?)\s*(?P<keyword>msgctxt|msgid|msgstr|)\s*"(?P<text>(?:[^"\\]|\\[ntr"\\])*)"'
)
ESCAPE = re.compile(r"\\(.)")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
WRITTEN = str.maketrans({character: f"\\{letter}" for letter, character in ESCAPED.items()})
ORDER = ["|msgctxt", "|msgid", "msgctxt", "msgid", "msgstr"]
"""Of the texts of an entry; ``|`` stands before what the message was when it was translated."""


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


def _note(entry: Entry, comment: str) -> None:
    """Put what `comment` says into `entry`."""
    if comment.startswith("#."):
        entry.kinds.append(comment[2:].strip())
    elif comment.startswith("#,"):
        entry.fuzzy |= "fuzzy" in re.split(r"[\s,]+", comment)
    elif not comment.startswith("#:"):
        entry.comments.append(comment[1:].strip())


def _closed(entry: Entry, texts: dict[str, str], path: Path) -> Entry:
    """`entry` with its `texts`, which the next entry or the end of the file follows."""
    if "msgstr" not in texts:
        raise SourceError(path, entry.line, "this entry lacks its msgid or msgstr")
    previous = {keyword[1:]: text for keyword, text in texts.items() if keyword.startswith("|")}
    id, string, context = texts["msgid"], texts["msgstr"], texts.get("msgctxt", "")
    return replace(entry, id=id, string=string, context=context, previous=previous)


def _entries(path: Path) -> Iterator[Entry]:
    """The entries as they stand; comments below the last one are an entry without a line."""
    entry, texts, last = Entry(), dict[str, str](), ""
    for number, line in enumerate(map(str.strip, read_text(path).split("\n")), 1):
        if not line:
            continue
        match = LINE.fullmatch(line)
        if "msgstr" in texts and (not match or match["keyword"]):
            yield _closed(entry, texts, path)
            entry, texts, last = Entry(), {}, ""
        if not match:
            if not line.startswith("#") or line.startswith(("#~", "#|")):
                raise SourceError(path, number, f"not a line of a catalogue: {line[:40]}")
            _note(entry, line)
            continue
        obsolete, bar = "~" in match["mark"], "|" * ("|" in match["mark"])
        if keyword := match["keyword"]:
            last = bar + keyword
            if (
                last not in ORDER
                or texts.keys() & ORDER[ORDER.index(last) :]
                or (keyword == "msgstr" and "msgid" not in texts)
            ):
                raise SourceError(path, number, f"{keyword} is out of its order")
            if not bar and not texts.keys() & ORDER[2:]:
                entry.obsolete = obsolete
            if "msgid" not in texts:
                entry.line = number
            texts[last] = ""
        elif not last or last.startswith("|") != bool(bar):
            raise SourceError(path, number, f"this text belongs to no message: {line[:40]}")
        if obsolete != entry.obsolete and not bar:
            raise SourceError(path, number, "an entry that is out of use has #~ in all its lines")
        texts[last] += ESCAPE.sub(lambda escape: ESCAPED[escape[1]], match["text"])
    if texts:
        yield _closed(entry, texts, path)
    elif entry.comments:
        yield entry


def read(path: Path) -> list[Entry]:
    """Read a catalogue, its header first; a missing file has no entries.

    A SourceError has the line that is none of a catalogue's, or that repeats a message.
    """
    entries = list(_entries(path)) if path.is_file() else []
    if len(entries) > 1 and not entries[-1].line:
        below = entries.pop()
        entries[-1].comments += below.comments
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        if not entry.obsolete and (first := seen.setdefault(entry.key, entry.line)) != entry.line:
            raise SourceError(path, entry.line, f"this message stands in line {first} already")
    return entries


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
