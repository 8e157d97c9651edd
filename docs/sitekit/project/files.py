"""Files: how they are read, written and told apart."""

import hashlib
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import SourceError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of this package."""


def read_text(path: Path) -> str:
    """Read a UTF-8 file, however its lines end, and without a byte order mark.

    Raises
    ------
    SourceError
        With the line that holds something else.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise SourceError(path, None, f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            path, line, f"not UTF-8: byte 0x{data[error.start]:02x}; save it as UTF-8"
        ) from None
    if "\0" in text:
        raise SourceError(path, text.partition("\0")[0].count("\n") + 1, "holds a null byte: not a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_toml(path: Path) -> dict[str, Any]:
    """What a file of TOML says; a mistake is named with its place."""
    if not path.is_file():
        raise SourceError(path, None, "this file is missing; write it first")
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        last = path.read_bytes().rstrip().count(b"\n") + 1  # tomllib names no line at the end
        raise SourceError(path, int(line[1]) if line else last, f"not valid TOML: {error}") from None


def write_atomically(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put `content` in place by one rename: whenever a kill comes, the file is whole, or as it was.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    content
        What it holds from now on.
    durable
        Whether that is so even if the power fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")  # another process may write the same file
    try:
        with new.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Write `content` unless the file holds it already (Sphinx goes by its time); whether it did."""
    content = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, content)
    return True


def digest(value: Any) -> str:
    """SHA-256 of bytes, or of a JSON value."""
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return hashlib.sha256(value).hexdigest()
