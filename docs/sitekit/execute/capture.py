"""Takes in everything that an example writes, in order, and makes of it what a page can show."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

OVERWRITTEN = re.compile(r"[^\n]*\r")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]")


# -- text


class Scrubber:
    """Takes this machine's folders out of texts, and what a page can't hold."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._known = {folder.rstrip(os.sep): shown for folder, shown in folders.items() if len(folder) > 1}
        longest = sorted(map(re.escape, self._known), key=len, reverse=True)
        self._pattern = re.compile(rf"({'|'.join(longest)})({re.escape(os.sep)}|(?![\w.-]))")

    def _shown(self, match: re.Match[str]) -> str:
        replacement = self._known[match[1]]
        if match[2]:
            return replacement + "/" if replacement else ""
        return replacement or "."

    def __call__(self, text: str) -> str:
        """`text` as a terminal would show it on any machine."""
        text = OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
        return CONTROL.sub("\ufffd", self._pattern.sub(self._shown, text))


def machine_folders(root: Path, hidden: Mapping[str, str]) -> dict[str, str]:
    folders = {str(root / "work"): "", str(root / "lib"): "", str(root / "tmp"): "/tmp"}
    folders |= {str(root / "home"): "~", **hidden}
    places = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")]
    folders |= dict.fromkeys(places, "")
    folders |= {os.path.dirname(os.__file__): "lib", sys.prefix: "python", sys.base_prefix: "python"}  # noqa: PTH120
    return folders | {os.path.realpath(folder): shown for folder, shown in folders.items()}


class Capture:
    """Everything that the process and its children write, in order.

    Standard output and error are two files. Text written through Python is in them at once, and before
    each such write what others wrote meanwhile is read, so the order is that of a terminal.
    """

    def __init__(self, streams: Sequence[Path], limit_bytes: int, scrub: Callable[[str], str]) -> None:
        self._limit, self.scrub = limit_bytes, scrub
        self._open = False
        self._chunks: list[tuple[str, str]] = []
        self.written: list[tuple[str, str]] = []
        decoder = codecs.getincrementaldecoder("utf-8")
        self._files = []
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        for number, (name, path) in enumerate(zip(("stdout", "stderr"), streams, strict=True), 1):
            handle = os.open(path, flags)
            os.dup2(handle, number)
            os.close(handle)
            self._files.append((name, path.open("rb", buffering=0), decoder("replace")))
            stream = _Stream(self, number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

    def collect(self) -> None:
        """Take in what was written since the last time."""
        for name, file, decoder in self._files:
            content = file.read(self._limit + 1)
            if content and (text := decoder.decode(content)):
                if self._chunks and self._chunks[-1][0] == name:
                    text = self._chunks.pop()[1] + text
                self._chunks.append((name, text))

    def begin(self) -> None:
        """Start a cell; what was written since the last one belongs to it."""
        self._open = True

    def end(self) -> None:
        """End the cell, once: `written` is what it wrote, streams and texts in order."""
        if not self._open:
            return
        self._open = False
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        self.collect()
        self.written = [(name, self.scrub(text)) for name, text in self._chunks]
        self._chunks = []


class _Stream(io.TextIOWrapper):
    """Standard output or error, unbuffered."""

    def __init__(self, capture: Capture, number: int) -> None:
        self._capture = capture
        raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
        errors = "strict" if number == 1 else "backslashreplace"
        super().__init__(raw, encoding="utf-8", errors=errors, write_through=True)
        self._owner = os.getpid()

    def write(self, text: str) -> int:
        """Write `text` at once."""
        if os.getpid() != self._owner:  # a forked child shares the file, not the reading of it
            return super().write(text)
        self._capture.collect()
        written = super().write(text)
        self._capture.collect()
        return written
