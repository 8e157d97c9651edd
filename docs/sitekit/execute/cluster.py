"""Runs examples on other machines, by a Dask cluster whose workers get this package from the scheduler."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

from ..project.errors import SitekitError
from ..project.files import PACKAGE

__all__ = ["dask_executor"]


@contextlib.contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """An executor on the Dask cluster whose scheduler has this `address`; None without one."""
    if not address:
        yield None
        return
    try:
        connect = importlib.import_module("distributed").Client
    except ImportError:
        raise SitekitError("a scheduler needs the package distributed: pip install distributed") from None
    try:
        client = connect(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SitekitError(f"no scheduler at {address}: {error}") from None
    with client, tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{PACKAGE.name}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(PACKAGE.rglob("*.py")):
                file.write(path, path.relative_to(PACKAGE.parent))
        client.upload_file(str(archive))
        yield client.get_executor(pure=False)
