"""Zip files that are equal, byte for byte, when what is in them is."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .files import write_if_changed

EARLIEST = (1980, 1, 1, 0, 0, 0)


def write(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Pack files, each under its name in the archive, in the order of their names.

    An archive that holds them already is left alone: Sphinx goes by its time.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, path in sorted(members):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.create_system = 3  # the same on every system
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    write_if_changed(target, packed.getvalue())
