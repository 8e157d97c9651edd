"""What a recorded run is, and the folder that keeps records.

A record holds what an example printed and drew, cell by cell, and the circumstances. On disk it is one
JSON file and its figures, which are named by their content::

    <store>/<chapter>/<page>/<key>.json             in a cache, one per key
    <store>/<chapter>/<page>/record.json            in a committed store, one per page
    <store>/<chapter>/<page>/<digest of it>.webp

The JSON file is written last and put in place by one rename, so a kill at any moment leaves a whole record
or none. Each file carries a checksum; what is damaged counts as missing, with a warning.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..project.files import digest
from .keys import Key

__all__ = ["Cell", "DamagedRecord", "Figure", "Record", "Store"]


FORMAT = 1
STREAMS = {"stdout", "stderr"}
PAGE = re.compile(r"[A-Za-z0-9][\w-]*(/[A-Za-z0-9][\w-]*)*")
FILE = re.compile(r"[0-9a-f]{24}\.[a-z0-9]{1,8}")
FIGURE, OUTPUT = ".. recorded-figure:: ", ".. recorded-output::"
"""Lines of a cell's reStructuredText that stand for a figure of that cell, by its number, and for what it
wrote."""


class DamagedRecord(Exception):
    """A file that is no whole record; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One figure as files of its record, and how the page shows it."""

    width: int
    height: int
    """In CSS pixels."""
    alt: str
    """The ``# alt:`` comment at the time; a page takes the text from its own source, which may be newer."""
    light: str
    dark: str
    png: str
    """File names in the record."""


@dataclass(frozen=True)
class Cell:
    """What one code cell gave."""

    output: tuple[tuple[str, str], ...] = ()
    """Text in the order it came: pairs of ``stdout`` or ``stderr`` and what was written."""
    rst: str = ""
    """Sphinx-Gallery's output block, with `FIGURE` and `OUTPUT` in place of our figures and the text."""
    figures: tuple[Figure, ...] = ()
    bundles: tuple[dict[str, Any], ...] = ()
    """Outputs of a notebook's cell as nbformat writes them; figures of ours stand as
    ``{"figure": number}``."""

    @property
    def text(self) -> str:
        """Everything written, in order."""
        return "".join(text for _, text in self.output)


@dataclass(frozen=True)
class Record:
    """One run of one example on one device."""

    page: str
    kind: str
    """``script`` or ``notebook``."""
    code_part: dict[str, Any]
    environment_part: dict[str, Any]
    device: str
    """Its kind: ``cpu``, ``cuda`` …"""
    device_name: str
    seconds: float
    peak_mib: float
    device_peak_mib: float | None
    versions: dict[str, str]
    date: str
    """UTC, ISO 8601."""
    exit: str
    cells: tuple[Cell, ...]
    names: dict[str, list[str]] = field(default_factory=dict)
    """Names in the code and the objects they may stand for, likeliest first: ``torch:Tensor.view``,
    ``class torch.nn:Linear``."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Size and SHA-256 of each figure file, by name."""

    @property
    def key(self) -> Key:
        """What the record stands for."""
        return Key(digest(self.code_part), digest(self.environment_part))


def file_name(content: bytes, suffix: str) -> str:
    """The name that a figure file gets."""
    return hashlib.sha256(content).hexdigest()[:24] + suffix


# -- a record as JSON; texts become lists of lines, so that a version control system can compare them


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _encode(record: Record) -> dict[str, Any]:
    value = asdict(record)
    for cell in value["cells"]:
        cell["output"] = [[stream, _lines(text)] for stream, text in cell["output"]]
        cell["rst"] = _lines(cell["rst"])
    return value


def _check(condition: bool, what: str) -> None:
    if not condition:
        raise DamagedRecord(what)


def _text(lines: Any) -> str:
    _check(isinstance(lines, list) and all(isinstance(line, str) for line in lines), "a text is none")
    return "\n".join(lines)


def _decode_cell(value: Any, names: set[str]) -> Cell:
    figures = tuple(Figure(**figure) for figure in value["figures"])
    for figure in figures:
        _check({figure.light, figure.dark, figure.png} <= names, "a figure's file is not listed")
        _check(isinstance(figure.alt, str), "an alt text is none")
        sizes = (figure.width, figure.height)
        _check(all(isinstance(size, int) and 0 < size < 100_000 for size in sizes), "a figure has no size")
    output = tuple((stream, _text(lines)) for stream, lines in value["output"])
    _check(all(stream in STREAMS for stream, _ in output), "an unknown stream")
    bundles = tuple(value["bundles"])
    _check(all(isinstance(bundle, dict) for bundle in bundles), "an output is none")
    return Cell(output, _text(value["rst"]), figures, bundles)


def _decode(value: Any) -> Record:
    try:
        _check(set(value) == {item.name for item in fields(Record)}, "other fields than this version's")
        files = value["files"]
        for name, entry in files.items():
            _check(FILE.fullmatch(name) is not None, f"{name!r} is no name of a figure")
            _check(isinstance(entry["size"], int) and isinstance(entry["sha256"], str), "a file's entry")
        _check(PAGE.fullmatch(value["page"]) is not None, f"{value['page']!r} is no page")
        for name, kind in (
            ("kind", str), ("device", str), ("device_name", str), ("date", str), ("exit", str),
            ("seconds", int | float), ("peak_mib", int | float), ("device_peak_mib", int | float | None),
            ("versions", dict), ("names", dict), ("code_part", dict), ("environment_part", dict),
        ):  # fmt: skip
            _check(isinstance(value[name], kind), f"{name} is not what it should be")
        cells = tuple(_decode_cell(cell, set(files)) for cell in value["cells"])
        return Record(**{**value, "cells": cells})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedRecord(f"{type(error).__name__}: {error}") from None


def _dump(record: Record) -> bytes:
    body = _encode(record)
    whole = {"format": FORMAT, "checksum": digest(body), "record": body}
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    return (text + "\n").encode("utf-8", "surrogatepass")


def _load(content: bytes) -> Record:
    try:
        whole = json.loads(content.decode())
        _check(isinstance(whole, dict) and whole.get("format") == FORMAT, "another version of the format")
        _check(whole["checksum"] == digest(whole["record"]), "the checksum differs")
    except (ValueError, KeyError, RecursionError) as error:
        raise DamagedRecord(f"{type(error).__name__}: {error}") from None
    return _decode(whole["record"])


# -- the store


def _write(path: Path, content: bytes) -> None:
    """Put `content` in place by one rename, on disk before its name is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _stat(path: Path) -> os.stat_result | None:
    """What the file system says of a file, if another build hasn't removed it."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


class Store:
    """A folder of records of one device.

    Parameters
    ----------
    folder
        The folder; it is made when the first record is put.
    single
        Whether a page keeps only its last record, under a fixed name: for a store that is committed.
    warn
        Told about each damaged record, in one line.
    """

    def __init__(
        self, folder: Path, *, single: bool = False, warn: Callable[[str], None] = lambda line: None
    ) -> None:
        self.folder, self.single, self.warn = folder, single, warn

    def place(self, page: str) -> Path:
        """The folder of one page's records."""
        if not PAGE.fullmatch(page):
            raise ValueError(f"{page!r} is no name of a page")
        return self.folder / page

    def _json(self, page: str, key: Key) -> Path:
        return self.place(page) / ("record.json" if self.single else f"{key.name}.json")

    def _read(self, path: Path, page: str, *, figures: bool = True) -> Record | None:
        """The record in `path`, or None with a warning where it is damaged."""
        try:
            record = _load(path.read_bytes())
            _check(record.page == page, f"it is the record of {record.page!r}")
            for name, entry in record.files.items() if figures else ():
                content = (path.parent / name).read_bytes()
                _check(len(content) == entry["size"], f"{name} has another size")
                _check(hashlib.sha256(content).hexdigest() == entry["sha256"], f"{name} is damaged")
        except FileNotFoundError as error:
            if Path(error.filename) == path:
                return None
            self.warn(f"{path}: damaged record, runs anew ({Path(error.filename).name} is missing)")
        except (DamagedRecord, OSError) as error:
            self.warn(f"{path}: damaged record, runs anew ({error})")
        else:
            return record
        return None

    def get(self, page: str, key: Key) -> Record | None:
        """The record of exactly this run; notes that it was used."""
        path = self._json(page, key)
        record = self._read(path, page)
        if record is None or record.key != key:
            return None
        if not self.single:
            os.utime(path)
        return record

    def _paths(self, page: str) -> list[Path]:
        """The files of a page's records, the one used last first."""
        states = [(_stat(path), path) for path in self.place(page).glob("*.json")]
        found = [(state.st_mtime, path) for state, path in states if state]
        return [path for _, path in sorted(found, reverse=True)]

    def latest(self, page: str) -> Record | None:
        """The record that was used last, whatever its key; its figures are not read."""
        records = (self._read(path, page, figures=False) for path in self._paths(page))
        return next((record for record in records if record), None)

    def committed(self, page: str, code: str) -> tuple[Record, bool] | None:
        """A record to show whatever it ran on, and whether it is current: whether its code is `code`.

        Parameters
        ----------
        page
            The page.
        code
            The digest of the code part as it is now.
        """
        records = [record for path in self._paths(page) if (record := self._read(path, page))]
        current = next((record for record in records if record.key.code == code), None)
        return (current, True) if current else (records[0], False) if records else None

    def read_file(self, record: Record, name: str) -> bytes:
        """A figure file of `record`."""
        if name not in record.files:
            raise KeyError(name)
        return (self.place(record.page) / name).read_bytes()

    def put(self, record: Record, contents: Mapping[str, bytes]) -> Record:
        """Keep `record` with the `contents` of its figure files; returns it with their checksums."""
        place = self.place(record.page)
        entries = {}
        for name, content in sorted(contents.items()):
            sha256 = hashlib.sha256(content).hexdigest()
            if not FILE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a figure")
            entries[name] = {"size": len(content), "sha256": sha256}
            path = place / name
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                os.utime(path)
            else:
                _write(path, content)
        record = replace(record, files=entries)
        content = _dump(record)
        _load(content)
        _write(self._json(record.page, record.key), content)
        if self.single:
            for path in place.iterdir():
                if FILE.fullmatch(path.name) and path.name not in entries:
                    path.unlink(missing_ok=True)
        return record

    def pages(self) -> Iterator[str]:
        """The pages that have records."""
        for folder in sorted({path.parent for path in self.folder.rglob("*.json")}):
            page = folder.relative_to(self.folder).as_posix()
            if PAGE.fullmatch(page):
                yield page

    def prune(self, limit_bytes: int, keep: Iterable[tuple[str, Key]] = ()) -> int:
        """Remove the records that were used longest ago until the folder is small enough.

        Parameters
        ----------
        limit_bytes
            What all records together may take.
        keep
            Records that stay in any case, by page and key: those that a build just used.

        Returns
        -------
        int
            How many records were removed.
        """
        kept = {self._json(page, key) for page, key in keep}
        records: list[tuple[float, Path, set[str]]] = []
        users: dict[Path, int] = {}
        for page in self.pages():
            for path in self._paths(page):
                record, state = self._read(path, page, figures=False), _stat(path)
                names = set(record.files) if record else set()
                records.append((state.st_mtime if record and state else 0.0, path, names))
                for name in names:
                    users[path.parent / name] = users.get(path.parent / name, 0) + 1
        hour_ago = time.time() - 3600
        size = 0
        for path in self.folder.rglob("*"):
            state = _stat(path)
            if state is None or not stat.S_ISREG(state.st_mode):
                continue
            # What no record lists is left from a kill, or belongs to one that is being written now.
            left_over = path.suffix == ".new" or (FILE.fullmatch(path.name) and path not in users)
            if left_over and state.st_mtime < hour_ago:
                path.unlink(missing_ok=True)
            else:
                size += state.st_size
        removed = 0
        for _, path, names in sorted(records, key=lambda item: item[0]):
            if size <= limit_bytes:
                break
            if path in kept:
                continue
            gone = [path]
            for name in names:
                users[path.parent / name] -= 1
                if not users[path.parent / name]:
                    gone.append(path.parent / name)
            for file in gone:
                if state := _stat(file):
                    size -= state.st_size
                    file.unlink(missing_ok=True)
            removed += 1
        return removed
