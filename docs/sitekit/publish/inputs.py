"""Digests of all that a site is made from: whether there is anything to build, and whether it is only words."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ..execute.chosen import read_listing
from ..project.errors import SitekitError
from ..project.files import PACKAGE, digest
from ..project.layout import Project
from ..translate.sources import sources

__all__ = ["inputs_digests", "records_digest"]


def _input_files(project: Project) -> Iterator[tuple[str, Path]]:
    for path in project.root.glob("LICENSE*"):  # the archive of all scripts holds them
        yield path.name, path
    folders = [project.docs, project.gallery, project.root / "src"]
    if not PACKAGE.is_relative_to(project.docs):
        folders.append(PACKAGE)
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix not in {".mo", ".pyc", ".new"}:
                yield path.relative_to(folder.parent).as_posix(), path


def inputs_digests(project: Project) -> tuple[str, str]:
    """Digests of everything the site is made from, records apart: of pages' texts, and of all else."""
    texts: dict[str, str] = {}
    fixed: dict[str, str] = {}
    pages = {source.path for source in sources(project)}
    for name, path in _input_files(project):
        of_page = path in pages or (path.suffix == ".po" and path.is_relative_to(project.locale))
        (texts if of_page else fixed)[name] = digest(path.read_bytes())
    # A distribution's name and version are its folder's name; to read all their metadata takes ten times as long.
    versions = sorted({item.name for folder in sys.path for item in Path(folder).glob("*-info")})
    return digest(texts), digest([fixed, sys.version, versions, os.environ.get("SOURCE_DATE_EPOCH")])


def records_digest(project: Project) -> str | None:
    """A digest of the records that the pages show; None where one is missing or damaged."""
    found = {}
    for language in project.languages:
        try:
            shown = read_listing(project, project.source_tree(language), trusted=False)
        except (FileNotFoundError, KeyError, SitekitError):  # or another version made the list
            return None
        found[language.folder] = {
            page: [[item.record.device, item.record.checksum, item.current] for item in items]
            for page, items in shown.items()
        }
    return digest(found)
