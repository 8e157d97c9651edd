"""Takes in everything that an example writes, in order, and makes of it what a page can show."""

import atexit
import codecs
import contextlib
import ctypes
import io
import os
import re
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ..markup.units import display_width

Pieces = Sequence[tuple[str, str]]
"""Text in the order it was written: pairs of a stream's name and what was written to it."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
STRING = r"\x1b[P\]X^_][^\x07\x1b\n]*(?:\x07|\x1b\\|(?=\n)|\Z)"
ESCAPE = re.compile(rf"{STRING}|\x1b\[(?P<given>[0-?]*)[ -/]*(?P<order>[@-~])|\x1b[ -/]*[0-~]|[\x07\x1b]")
TOKEN = re.compile(rf"(?P<character>[^\x07\x08\r\x1b])|(?P<back>[\r\x08])|{ESCAPE.pattern}")
MOVES = re.compile(r"[\r\x08]|\x1b\[[0-9;]*[A-HJKf]")
FRAGMENT = re.compile(r"""[^\s"'`=:,;(\[{<>|&“‘（《【，。、；：？！]*\Z""")
"""What stands before a folder's name in the word that it belongs to."""
LONGEST_FRAGMENT = 200
LONGEST_MOVE = 999
"""Columns or lines: a terminal has edges."""


AT_ONCE = 2**20
"""Bytes: more is not read at once, for an example may write faster than it is stopped."""


# -- text


def joined(pieces: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """`pieces`, neighbours of one stream made one."""
    runs = groupby(pieces, key=lambda piece: piece[0])
    return [(stream, "".join(text for _, text in run)) for stream, run in runs]


def plain(text: str) -> str:
    """`text` without bells and what colours it, links it or moves a terminal's cursor."""
    return ESCAPE.sub("", text)


class _Screen:
    """A terminal without edges; its first line is the first that a cell writes.

    A line is a list of columns, each a stream and a character; the further columns of a wide one are empty.
    """

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, str]]] = [[]]
        self.ends: list[str] = []
        """The stream that ended each line but the last."""
        self.changed: set[int] = set()
        """The lines that something was erased from or written over: blanks at their ends are no text."""
        self.row = self.column = 0

    def put(self, stream: str, character: str) -> None:
        """Write `character` at the cursor."""
        line = self.lines[self.row]
        if character == "\n":
            if self.row == len(self.ends):
                self.lines.append([])
                self.ends.append(stream)
            self.row, self.column = self.row + 1, 0
            return
        width = 8 - self.column % 8 if character == "\t" else display_width(character)
        if character == "\t" and self.column < len(line):
            self.column += width
            return
        line += [(stream, " ")] * (self.column - len(line))
        if not width and self.column:  # an accent
            line[self.column - 1] = (line[self.column - 1][0], line[self.column - 1][1] + character)
            return
        end = self.column + max(width, 1)
        if self.column < len(line):
            self.erase(self.row, self.column, end)
        line[self.column : end] = [(stream, character), *[(stream, "")] * (width - 1)]
        self.column = end

    def erase(self, row: int, start: int = 0, end: int = sys.maxsize) -> None:
        """Make the columns from `start` to `end` blank, with the wide characters that they belong to."""
        self.changed.add(row)
        line = self.lines[row]
        while 0 < start < len(line) and not line[start][1]:
            start -= 1
        while end < len(line) and not line[end][1]:
            end += 1
        line[start:end] = [(stream, " ") for stream, _ in line[start:end]]

    def order(self, order: str, given: str) -> None:
        """Do what a control character or the sequence ``CSI given order`` says."""
        if given.strip("0123456789;"):
            return
        numbers = [min(int(number[:9] or 0), LONGEST_MOVE) for number in given.split(";")]
        first, count, last = numbers[0], max(numbers[0], 1), len(self.ends)
        match order:
            case "A" | "F":
                self.row = max(self.row - count, 0)
            case "B" | "E":
                self.row = min(self.row + count, last)
            case "H" | "f":
                self.row, self.column = min(count - 1, last), max(numbers[-1], 1) - 1 if numbers[1:] else 0
            case "C":
                self.column += count
            case "D" | "\b":
                self.column = max(self.column - count, 0)
            case "G":
                self.column = count - 1
            case "J" | "K":
                part = min(first, 2)
                self.erase(self.row, *[(self.column,), (0, self.column + 1), ()][part])
                others = [range(self.row + 1, last + 1), range(self.row), range(last + 1)][part]
                for row in others if order == "J" else ():
                    self.erase(row)
        if order in "EF\r":
            self.column = 0

    def shown(self) -> list[tuple[str, str]]:
        """What stands there in the end."""
        for row in self.changed:
            line = self.lines[row]
            while line and line[-1][1] == " ":
                line.pop()
        while len(self.lines) - 1 > self.row and not self.lines[-1]:
            self.lines.pop()
        ends = [[(stream, "\n")] for stream in self.ends[: len(self.lines) - 1]]
        return joined(
            column for line, end in zip(self.lines, [*ends, []], strict=True) for column in line + end
        )


def as_terminal(pieces: Pieces) -> list[tuple[str, str]]:
    """What a terminal shows in the end of what one cell wrote to it.

    It knows how to go back, up and to a place, how to erase, and how wide characters are; what was there before the
    cell is out of reach. Colours, links, bells and titles of windows are left out, and so is every other order.
    """
    if not any(MOVES.search(text) for _, text in pieces):
        return [(stream, plain(text)) for stream, text in pieces]
    screen = _Screen()
    for stream, text in pieces:
        for match in TOKEN.finditer(text):
            if match["character"]:
                screen.put(stream, match["character"])
            elif order := match["back"] or match["order"]:
                screen.order(order, match["given"] or "")
    return screen.shown()


class Scrubber:
    """Takes this machine's folders out of texts, and what a page can't hold."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._known = {folder.rstrip(os.sep): shown for folder, shown in folders.items() if len(folder) > 1}
        longest = sorted(map(re.escape, self._known), key=len, reverse=True)
        after = r"(?![\w@%+~-]|\.[\w-])"
        self._pattern = re.compile(rf"({'|'.join(longest)})({re.escape(os.sep)}|{after})", re.ASCII)

    def _shown(self, match: re.Match[str]) -> str:
        start = match.start()
        before = FRAGMENT.search(match.string[max(0, start - LONGEST_FRAGMENT) : start])
        # In `file:///tmp` and `sqlite:////tmp` a path begins after two or three slashes, in `http://host/tmp` none.
        if before and before[0] not in {"//", "///"} and re.search("[!-~]", before[0]):
            return match[0]
        replacement = self._known[match[1]]
        if match[2]:
            return replacement + "/" if replacement else ""
        return replacement or "."

    def __call__(self, text: str) -> str:
        """`text` as it would read on any machine; a name that only begins or ends like a folder's stays."""
        return CONTROL.sub("\ufffd", self._pattern.sub(self._shown, text))


def shown(pieces: Pieces, scrub: Callable[[str], str]) -> list[tuple[str, str]]:
    """What a page shows of what a cell wrote."""
    return [(stream, scrub(text)) for stream, text in as_terminal(pieces) if text]


def machine_folders(root: Path, hidden: Mapping[str, str]) -> dict[str, str]:
    folders = {str(root / "work"): "", str(root / "lib"): "", str(root / "tmp"): "/tmp"}
    folders |= {str(root / "home"): "~", **hidden}
    places = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")]
    folders |= dict.fromkeys(places, "")
    folders |= {os.path.dirname(os.__file__): "lib", sys.prefix: "python", sys.base_prefix: "python"}  # noqa: PTH120
    return folders | {os.path.realpath(folder): shown for folder, shown in folders.items()}


# -- streams


class Capture:
    """Everything that the process and its children write, in order.

    Standard output and error are two files in the example's folder `root`. Text written through Python is in
    them at once, and before each such write what others wrote meanwhile is read, so the order is that of a terminal.
    """

    def __init__(self, root: Path) -> None:
        self.owner, self.lock = os.getpid(), threading.RLock()
        self.deaf_to: int | None = None
        """The thread whose writes are no output of the example, and neither are those of code that isn't Python."""
        self._chunks: list[tuple[str, str]] = []
        self._readers = {}
        self._null = os.open(os.devnull, os.O_WRONLY)
        self.handles: dict[int, int] = {}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        for number, name, errors in (1, "stdout", "strict"), (2, "stderr", "backslashreplace"):
            self.handles[number] = os.open(root / name, flags)
            os.dup2(self.handles[number], number)
            file = (root / name).open("rb", buffering=0)
            self._readers[name] = codecs.getreader("utf-8")(file, "replace")
            raw: Any = _File(self, number)
            stream = io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

    def listen(self, on: bool) -> None:
        """Take what is written from now on for output of the example, or not.

        What other threads print and other processes write always is.
        """
        _flush_c()
        self.collect()
        self.deaf_to = None if on else threading.get_ident()
        for number, handle in self.handles.items():
            os.dup2(handle if on else self._null, number)

    def collect(self) -> None:
        """Read what was written since the last time."""
        with self.lock:
            for name, reader in self._readers.items():
                if text := reader.read(AT_ONCE):
                    self._chunks.append((name, text))

    def take(self) -> list[tuple[str, str]]:
        """What was written since the last time, streams and texts in order."""
        _flush_c()
        self.collect()
        with self.lock:
            taken, self._chunks = self._chunks, []
        return joined(taken)

    def take_last(self) -> list[tuple[str, str]]:
        """What is written while the example's threads and what it registered for the end are waited for.

        What such a call raises, Python only prints; here it is raised.
        """
        raised: list[BaseException] = []
        sys.unraisablehook = lambda found: raised.append(found.exc_value) if found.exc_value else None
        self.listen(True)
        threading._shutdown()  # type: ignore[attr-defined]  # not public: what Python itself calls before `atexit`
        atexit._run_exitfuncs()  # among others `multiprocessing` joins its children then
        if raised:
            raise raised[0]
        last = self.take()
        self.listen(False)
        return last


def _flush_c() -> None:
    """Have the C library write what was printed through it."""
    with contextlib.suppress(OSError, TypeError, AttributeError):  # Windows names its library otherwise
        ctypes.CDLL(None).fflush(None)


class _File(io.FileIO):
    """Standard output or error, unbuffered."""

    def __init__(self, capture: Capture, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self._capture = capture

    def write(self, data: Any) -> int:
        """Write `data` at once."""
        capture = self._capture
        if os.getpid() != capture.owner:  # a forked child shares the file, not the reading of it
            return super().write(data)
        if capture.deaf_to == threading.get_ident():
            return memoryview(data).nbytes
        with capture.lock:
            capture.collect()
            written = os.write(capture.handles[self.fileno()], data)
            capture.collect()
        return written
