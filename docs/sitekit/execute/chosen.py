"""Which records the pages show: the build chooses them and writes a list, which rendering reads."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from ..project.errors import SitekitError, SourceError
from ..project.files import digest, write_if_changed
from ..project.layout import Project
from .examples import Example, Options, examples, store_for
from .figures import alt_texts
from .keys import Key
from .record import Record, Store

SHOWN = "shown.json"


@dataclass(frozen=True)
class ShownRecord:
    """A record as a page shows it."""

    record: Record
    store: Store
    current: bool
    """Whether it was made from the code as it is now."""

    def note(self) -> dict[str, Any]:
        """By what it is found, and known to be the same."""
        record = self.record
        key, checksum = astuple(record.key), record.checksum
        return {"device": record.device, "key": key, "checksum": checksum, "current": self.current}


def committed(project: Project, device: str) -> dict[str, ShownRecord]:
    """A record of each page that has one of `device`, whatever it ran on: of the code as it is, or the newest."""
    options, store = Options(project), store_for(project, device)
    found = {}
    for example in examples(project, device):
        code = digest(example.code_part(options))
        if record := store.latest(example.page, code):
            found[example.page] = ShownRecord(record, store, record.key.code == code)
    return found


def states(project: Project, devices: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of each page the record of each device: ``current``, ``stale`` (of other code), ``none``, or ``-``: not wanted."""
    table: dict[str, dict[str, str]] = {page.docname: {} for page in project.pages()}
    for device in devices:
        found = committed(project, device)
        for page in project.pages():
            item = found.get(page.docname)
            state = "none" if item is None else "current" if item.current else "stale"
            table[page.docname][device] = state if device in page.devices else "-"
    return table


def undescribed(example: Example, shown: Sequence[ShownRecord]) -> Iterator[SourceError]:
    """The cells of a page that draw more figures than their ``# alt:`` comments describe."""
    alts = alt_texts(cell.code for cell in example.cells)
    for record in (item.record for item in shown if item.current):
        for cell, given, texts in zip(example.cells, record.cells, alts, strict=True):
            drawn = len(given.figures)
            told = sum(map(bool, texts[:drawn]))
            if told < drawn:
                line = cell.line + len(cell.code) - len(cell.code.lstrip("\n"))
                fault = f"{told} of {drawn} figures described: write `# alt: …` above each `plt.show()`"
                yield SourceError(example.path, line, fault)


def write_listing(
    project: Project, chosen: Mapping[str, Sequence[ShownRecord]], *, others_too: bool = False
) -> None:
    """Tell every language's tree which records its pages show; `others_too` keeps what is told of others."""
    listing = {page: [item.note() for item in shown] for page, shown in chosen.items()}
    for language in project.languages:
        path = project.source_tree(language) / SHOWN
        if others_too and path.is_file():
            listing = json.loads(path.read_text(encoding="utf-8")) | listing
        write_if_changed(path, json.dumps(listing, indent=1, sort_keys=True) + "\n")


def read_listing(
    project: Project, tree: Path, only: Sequence[str] = (), *, trusted: bool = True
) -> dict[str, list[ShownRecord]]:
    """The records that the pages of a language's `tree` show, or those of `only`; the CPU's first.

    Where a build has checked them, they are `trusted`, and none is hashed again.
    """
    found: dict[str, list[ShownRecord]] = {}
    for page, items in json.loads((tree / SHOWN).read_text(encoding="utf-8")).items():
        for item in items if not only or page in only else ():
            store = store_for(project, item["device"], trusted=trusted)
            record = store.get(page, Key(*item["key"]))
            if record is None or record.checksum != item["checksum"]:
                raise SitekitError(f"the record of {page} has gone; build again")
            found.setdefault(page, []).append(ShownRecord(record, store, item["current"]))
    return found
