"""What one build makes and the next ones use again, in ``.cache/made``.

A thing stands under a digest of all that it is made from, so it never has to be thrown away for being old, and
a build that finds it makes the same site as one that doesn't.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .files import digest, write_atomically

FOLDER = ".cache/made"
CHECKSUM_BYTES = hashlib.sha256().digest_size


def cached(root: Path, made_from: Any, make: Callable[[], bytes]) -> bytes:
    """What `make` returns, from an earlier build where one made it; a damaged file is made again.

    Parameters
    ----------
    root
        The project's folder.
    made_from
        All that the result depends on, as JSON can hold it.
    make
        Makes it.
    """
    path = root / FOLDER / digest(made_from)
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    checksum, made = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    if hashlib.sha256(made).digest() != checksum:
        made = make()
        write_atomically(path, hashlib.sha256(made).digest() + made)
    return made
