"""Write one plain single-language source tree per language: ``build/source/<language>/``.

Beside each page stands ``<page>.units.json`` (each unit of prose in every language, its kind, anchor and
line) and at the top of each tree ``anchors.json`` (the section anchors of every page, its titles, and
the labels one can link to). Later steps read these and never take the sources apart again.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, count
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from ..markup.units import Segment, Unit, Verbatim, render
from ..project.errors import SourceError, SourceErrors, gathered
from ..project.files import write_if_changed
from ..project.layout import GALLERY, Project
from .catalogue import Untranslated, translator
from .sources import Source, sources

LISTING = "localised.json"
SHOWN_MISSING = 5


@dataclass(frozen=True)
class Localised:
    """One page in every language."""

    source: Source
    segments: list[Segment]
    texts: dict[str, list[str]]
    """The text of each unit in order, by language folder."""
    files: dict[str, str]
    """The whole file, by language folder."""

    @cached_property
    def units(self) -> list[Unit]:
        return [segment for segment in self.segments if isinstance(segment, Unit)]

    @cached_property
    def titles(self) -> list[int]:
        """The order of each unit that is a title."""
        return [order for order, unit in enumerate(self.units) if unit.kind == "title"]

    @cached_property
    def labels(self) -> list[tuple[int, Verbatim]]:
        """The lines that set labels, each with the order of the unit below it."""
        orders = accumulate(isinstance(segment, Unit) for segment in self.segments)
        return [
            (order, segment)
            for order, segment in zip(orders, self.segments, strict=True)
            if isinstance(segment, Verbatim) and segment.label
        ]

    def plain(self, order: int, folder: str) -> str:
        """A unit's text in one language, without markup."""
        return self.source.read(self.units[order], self.texts[folder][order]).plain


def _localise_one(project: Project, source: Source, errors: list[SourceError]) -> Localised:
    page = Localised(source, source.split(), {}, {})
    for language in project.languages:
        translate = translator(project, source, language, page.segments, errors)
        given: dict[int, str] = {}
        for unit in page.units:
            with gathered(errors):
                if (text := translate(unit)) is not None:
                    given[id(unit)] = text
        page.texts[language.folder] = [given.get(id(unit), unit.text) for unit in page.units]
        page.files[language.folder] = render(page.segments, lambda unit, given=given: given.get(id(unit)))  # type: ignore[misc]
    return page


def _anchors(page: Localised, folder: str) -> list[str]:
    """For each unit the anchor of its section, which the title in the anchors' language makes."""
    labels = [(order, make_id(line.label)) for order, line in page.labels]
    current, anchors = "", []
    used: set[str] = set()
    for order in range(len(page.units)):
        if order in page.titles:
            taken = used | {label for place, label in labels if place != order}
            wanted = make_id(page.plain(order, folder)) or "section"
            names = chain([wanted], (f"{wanted}-{number}" for number in count(2)))
            current = next(name for name in names if name not in taken)
            used.add(current)
        anchors.append(current)
    return anchors


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def check(project: Project, *, draft: bool = False) -> list[Localised]:
    """Read every source and catalogue, and write nothing; a SourceErrors has every mistake in them.

    In a `draft`, source text may stand where a translation is missing.
    """
    errors: list[SourceError] = []
    pages: list[Localised] = []
    for source in sources(project):
        with gathered(errors):
            pages.append(_localise_one(project, source, errors))
    errors += _check_names(project, pages)
    if draft:
        missing = [found for found in errors if isinstance(found, Untranslated)]
        errors = [found for found in errors if found not in missing]
        for found in missing[:SHOWN_MISSING]:
            print(f"warning: {found}", file=sys.stderr)
        if len(missing) > SHOWN_MISSING:
            print(f"warning: {len(missing) - SHOWN_MISSING} more without translation", file=sys.stderr)
    if errors:
        raise SourceErrors(errors)
    return pages


def localise(project: Project, *, draft: bool = False) -> dict[str, int]:
    """Write the tree of every language; returns how many files were written, by language folder.

    Nothing is written if anything is wrong; `check` has what a `draft` tolerates, and what is raised.
    """
    pages = {page.source.docname: page for page in check(project, draft=draft)}
    common: dict[str, str] = {}
    slugs: dict[str, list[str]] = {}
    for docname, page in pages.items():
        anchors = _anchors(page, project.anchors)
        slugs[docname] = [anchors[order] for order in page.titles]
        units = [
            {
                "kind": unit.kind,
                "order": order,
                "line": unit.line,
                "anchor": anchors[order],
                "text": {folder: texts[order] for folder, texts in page.texts.items()},
            }
            for order, unit in enumerate(page.units)
        ]
        name = f"{Path(project.place(docname)).with_suffix('')}.units.json"
        common[name] = _json({"page": docname, "units": units})
    for chapter in project.chapters:
        common[f"{GALLERY}/{chapter.name}/order.json"] = _json([page.name for page in chapter.pages])
    written = {}
    for language in project.languages:
        folder = language.folder
        titles = {docname: page.plain(page.titles[0], folder) for docname, page in pages.items()}
        labels = {
            line.label: page.plain(order, folder) for page in pages.values() for order, line in page.labels
        }
        files = {project.place(docname): page.files[folder] for docname, page in pages.items()}
        files["anchors.json"] = _json({"anchors": slugs, "titles": titles, "labels": labels})
        written[folder] = _write_tree(project.source_tree(language), common | files)
    return written


def _check_names(project: Project, pages: list[Localised]) -> Iterator[SourceError]:
    """Titles, labels and names of pages, which links need to be there and to be unique."""
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for page in pages:
        path, docname = page.source.path, page.source.docname
        shown = path.relative_to(project.root)
        if not page.titles:
            yield SourceError(path, 1, "a page needs a title")
        elif page.titles[0] not in dict(page.labels):
            line = page.units[page.titles[0]].line
            yield SourceError(path, line, "a page needs a label above its title, to link to it")
        if names.setdefault(docname, str(shown)) != str(shown):
            yield SourceError(path, 1, f"{names[docname]} has this page's name already")
        for order, found in page.labels:
            label = found.label
            if order not in page.titles:
                yield SourceError(path, found.line, f"no title follows the label {label!r}")
            if label in places:
                yield SourceError(path, found.line, f"the label {label!r} stands in {places[label]} already")
            places[label] = f"{shown}:{found.line}"


def _write_tree(tree: Path, files: dict[str, str]) -> int:
    """Write `files`, remove what an earlier localising left, and touch nothing that Sphinx made."""
    listing = tree / LISTING
    try:
        before = set(json.loads(listing.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        before = set()
    for stale in before - set(files):
        (tree / stale).unlink(missing_ok=True)
    written = sum(write_if_changed(tree / name, text) for name, text in sorted(files.items()))
    write_if_changed(listing, _json(sorted(files)))
    return written
