"""Which records the pages show: the build chooses them and writes a list, which rendering reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..project.errors import SitekitError, SourceError
from ..project.files import write_if_changed
from ..project.layout import Project
from .examples import Example, store_for
from .figures import alt_texts
from .keys import Key
from .record import Record, Store

__all__ = ["SHOWN", "ShownRecord", "read_listing", "undescribed", "write_listing"]

SHOWN = "shown.json"


@dataclass(frozen=True)
class ShownRecord:
    """A record as a page shows it."""

    record: Record
    store: Store
    current: bool
    """Whether it was made from the code as it is now."""


def undescribed(example: Example, shown: Sequence[ShownRecord]) -> Iterator[SourceError]:
    """The cells of a page that draw more figures than their ``# alt:`` comments describe."""
    alts = alt_texts(cell.code for cell in example.cells)
    for record in (item.record for item in shown if item.current):
        for cell, given, texts in zip(example.cells, record.cells, alts, strict=True):
            drawn = len(given.figures)
            if drawn > len(texts) or not all(texts[:drawn]):
                line = cell.line + len(cell.code) - len(cell.code.lstrip("\n"))
                told = len(list(filter(None, texts)))
                fault = f"{told} of {drawn} figures described: write `# alt: …` above each `plt.show()`"
                yield SourceError(example.path, line, fault)


def write_listing(
    project: Project, chosen: Mapping[str, Sequence[ShownRecord]], *, others_too: bool = False
) -> None:
    """Tell every language's tree which records its pages show; `others_too` keeps what is told of others."""
    listing = {
        page: [
            {
                "device": item.record.device,
                "key": [item.record.key.code, item.record.key.environment],
                "current": item.current,
            }
            for item in shown
        ]
        for page, shown in chosen.items()
    }
    for language in project.languages:
        path = project.source_tree(language) / SHOWN
        if others_too and path.is_file():
            listing = json.loads(path.read_text(encoding="utf-8")) | listing
        write_if_changed(path, json.dumps(listing, indent=1, sort_keys=True) + "\n")


def read_listing(
    project: Project, tree: Path, only: Sequence[str] = (), *, trusted: bool = True
) -> dict[str, list[ShownRecord]]:
    """The records that the pages of `tree` show, the CPU's first.

    Parameters
    ----------
    project
        The project.
    tree
        A language's source tree.
    only
        The pages; all by default.
    trusted
        Whether a build has checked the records: then none is hashed again.

    Raises
    ------
    SitekitError
        Where a record has gone since it was chosen.
    """
    found: dict[str, list[ShownRecord]] = {}
    for page, items in json.loads((tree / SHOWN).read_text(encoding="utf-8")).items():
        if only and page not in only:
            continue
        found[page] = []
        for item in items:
            store = store_for(project, item["device"], trusted=trusted)
            record = store.get(page, Key(*item["key"]))
            if record is None:
                raise SitekitError(f"the record of {page} has gone; build again")
            found[page].append(ShownRecord(record, store, item["current"]))
    return found
