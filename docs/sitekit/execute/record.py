"""What a recorded run is, and the folder that keeps records.

A record holds what an example printed and drew, cell by cell, and the circumstances. On disk it is one
JSON file and its figures, which are named by their content::

    <store>/<chapter>/<page>/<key>.json             in a cache, one per key
    <store>/<chapter>/<page>/record.json            in a committed store, one per page
    <store>/<chapter>/<page>/<digest of it>.webp

The JSON file is written last and put in place by one rename, so a kill at any moment leaves a whole record
or none. It carries a checksum, and a figure's name is one; what is damaged counts as missing, with a warning.
"""

import contextlib
import functools
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..project.files import digest, write_atomically
from .keys import Key

FORMAT = 3
NEWEST = 4
"""How many records of a page stay: with them one can change one's mind, or the branch, and nothing runs."""
LEFT_SECONDS = 3600.0
"""After this time a figure that no record names is what a kill left, and none of a record that is being put."""
PAGE = re.compile(r"[A-Za-z0-9][\w-]*(/[A-Za-z0-9][\w-]*)*")
FILE = r"[0-9a-f]{24}\.[a-z0-9]{1,8}"

Kind = Literal["script", "notebook"]
FileName = Annotated[str, Meta(pattern=rf"^{FILE}\Z")]
"""The name of a figure's file in its record."""
Pixels = Annotated[int, Meta(gt=0, lt=100_000)]
"""Of CSS."""


class DamagedRecord(ValueError):
    """A file that is no whole record; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One figure as files of its record; what it shows, in words, stands on the page."""

    width: Pixels
    height: Pixels
    light: FileName
    dark: FileName
    png: FileName


@dataclass(frozen=True)
class Cell:
    """What one code cell gave."""

    output: tuple[tuple[Literal["stdout", "stderr", "value", "html"], str], ...] = ()
    """Text in the order it came: pairs of ``stdout`` or ``stderr`` and what was written; at the end what
    ``capture_repr`` asks of the last expression, as ``value`` or ``html``."""
    figures: tuple[Figure, ...] = ()
    bundles: tuple[dict[str, Any], ...] = ()
    """Outputs of a notebook's cell as nbformat writes them; figures of ours stand as ``{"figure": number}``."""
    raised: tuple[tuple[str, str], ...] = ()
    """Class and message of the errors that were handled or ended the cell, and of the warnings that were shown or kept."""

    @property
    def text(self) -> str:
        """Everything written, in order."""
        return "".join(text for stream, text in self.output if stream != "html")

    @property
    def html(self) -> str:
        """The HTML of the last expression."""
        return "".join(text for stream, text in self.output if stream == "html")


@dataclass(frozen=True)
class Record:
    """One run of one example on one device."""

    page: str
    kind: Kind
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
    """Names in the code and what they may stand for, likeliest first: ``torch:Tensor.view``, ``class torch.nn:Linear``."""
    checksum: str = field(default="", compare=False)
    """Of all the rest, once it was put; figures belong to it by their names."""

    @functools.cached_property
    def key(self) -> Key:
        """What the record stands for."""
        return Key(digest(self.code_part), digest(self.environment_part))

    @property
    def files(self) -> set[str]:
        """The names of its figure files."""
        figures = (figure for cell in self.cells for figure in cell.figures)
        return {name for figure in figures for name in (figure.light, figure.dark, figure.png)}


def file_name(content: bytes, suffix: str) -> str:
    """The name that a figure file gets."""
    return hashlib.sha256(content).hexdigest()[:24] + suffix


def _dump(record: Record) -> bytes:
    """A record as JSON; texts become lists of lines, so that a version control system can compare them."""
    body = asdict(record)
    del body["checksum"]
    for cell in body["cells"]:
        cell["output"] = [[stream, text.split("\n")] for stream, text in cell["output"]]
    whole = {"format": FORMAT, "checksum": digest(body), "record": body}
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    return (text + "\n").encode()


def _load(content: bytes, *, trusted: bool = False) -> Record:
    """The record that `_dump` made `content` of, if every value is of its type."""
    try:
        whole = json.loads(content)
        if whole["format"] != FORMAT:
            raise DamagedRecord("of another version of sitekit")
        body = whole["record"]
        if not trusted and whole["checksum"] != digest(body):
            raise DamagedRecord("the checksum differs")
        for cell in body["cells"]:
            cell["output"] = [[stream, "\n".join(lines)] for stream, lines in cell["output"]]
        return msgspec.convert({**body, "checksum": whole["checksum"]}, Record)
    except (KeyError, TypeError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise DamagedRecord(f"{type(error).__name__}: {error}") from None


def _check_figure(name: str, content: bytes) -> None:
    if file_name(content, Path(name).suffix) != name:
        raise DamagedRecord(f"{name} is damaged")


@functools.cache
def _whole(path: Path, state: tuple[int, ...]) -> Record:
    """The record in the file `path` that has this `state`, its figures checked: once in the life of a build."""
    record = _load(path.read_bytes())
    for name in record.files:
        _check_figure(name, (path.parent / name).read_bytes())
    return record


def forget_read() -> None:
    """Check every record anew when it is read next: a build has ended, or begins."""
    _whole.cache_clear()


def _written(path: Path) -> float:
    """When a file was written; never, if another build has removed it meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@dataclass(frozen=True)
class Store:
    """A folder of records of one device; it is made when the first is put."""

    folder: Path
    single: bool = False
    """Whether a page keeps only its last record, under a fixed name: for a store that is committed."""
    warn: Callable[[str], None] = lambda line: None
    """Told about each record that can't be used, in one line."""
    trusted: bool = False
    """Whether the build that started this process has checked what is read here."""

    def place(self, page: str) -> Path:
        """The folder of one page's records."""
        if not PAGE.fullmatch(page):
            raise ValueError(f"{page!r} is no name of a page")
        return self.folder / page

    def _json(self, page: str, key: Key) -> Path:
        return self.place(page) / ("record.json" if self.single else f"{key.name}.json")

    def _read(self, path: Path, page: str) -> Record | None:
        """The record in `path`, or None: with a warning, unless there is no such file."""
        try:
            if self.trusted:
                return _load(path.read_bytes(), trusted=True)
            status = path.stat()
            record = _whole(path, (status.st_ino, status.st_mtime_ns, status.st_size))
            if record.page != page:
                raise DamagedRecord(f"it is the record of {record.page!r}")
            return record
        except FileNotFoundError as error:
            if Path(error.filename) == path:
                return None
            fault = f"{Path(error.filename).name} is missing"
        except (DamagedRecord, OSError) as error:
            fault = str(error)
        self.warn(f"{path}: unusable record, runs anew ({fault})")
        return None

    def get(self, page: str, key: Key) -> Record | None:
        """The record of exactly this run."""
        record = self._read(self._json(page, key), page)
        return record if record and record.key == key else None

    def _paths(self, page: str) -> list[Path]:
        """The files of a page's records, the newest first."""
        return sorted(self.place(page).glob("*.json"), key=_written, reverse=True)

    def latest(self, page: str, code: str = "") -> Record | None:
        """The newest record of the code part whose digest is `code`; if there is none, of any."""
        found: Iterator[Record] = filter(None, (self._read(path, page) for path in self._paths(page)))
        return max(found, key=lambda record: record.key.code == code, default=None)  # the first of equals

    def read_file(self, record: Record, name: str) -> bytes:
        """A figure file of `record`."""
        return (self.place(record.page) / name).read_bytes()

    def put(self, record: Record, contents: Mapping[str, bytes]) -> Record:
        """Add `record`, if it could be read again, with the `contents` of its figure files; the oldest make room."""
        text = _dump(record)
        record = _load(text)
        path = self._json(record.page, record.key)
        for name in record.files:
            _check_figure(name, contents[name])
        for name in record.files:
            write_atomically(path.with_name(name), contents[name], durable=True)
        write_atomically(path, text, durable=True)
        self._leave_newest(record.page, path)
        return record

    def _leave_newest(self, page: str, path: Path) -> None:
        """Remove all but `path` and the newest others; and files that no record names, once they are old.

        Another build may do the same at this moment, or have written figures of a record that comes next.
        """
        paths = [path, *(other for other in self._paths(page) if other != path)]
        for other in paths[NEWEST:]:
            other.unlink(missing_ok=True)
        named = set()
        for other in paths[:NEWEST]:
            with contextlib.suppress(FileNotFoundError):
                named |= set(re.findall(FILE, other.read_text(encoding="utf-8", errors="replace")))
        latest = time.time() - (0 if self.single else LEFT_SECONDS)
        for file in path.parent.glob("*.*"):
            if file.suffix != ".json" and file.name not in named and _written(file) < latest:
                file.unlink(missing_ok=True)
