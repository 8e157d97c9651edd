"""Write one plain single-language source tree per language: ``build/source/<language>/``.

Beside each page stands ``<page>.units.json`` (each unit of prose in every language, its kind, anchor and
line) and at the top of each tree ``anchors.json`` (the section anchors of every page, its titles, and
the labels one can link to). Later steps read these and never take the sources apart again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from ..markup.units import Segment, Unit, render
from ..project.errors import SourceError, SourceErrors
from ..project.files import write_if_changed
from ..project.layout import GALLERY, Language, Project
from .catalogue import Untranslated, translator
from .sources import Source, sources

__all__ = ["LISTING", "Localised", "SourceErrors", "check", "localise"]


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

    @property
    def units(self) -> list[Unit]:
        return [segment for segment in self.segments if isinstance(segment, Unit)]


def _localise_one(project: Project, source: Source, errors: list[SourceError]) -> Localised:
    segments = source.split()
    texts: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for language in project.languages:
        translate = translator(project, source, language, segments, errors.append)
        found = {id(unit): translate(unit) for unit in segments if isinstance(unit, Unit)}
        texts[language.folder] = [
            segment.text if found[id(segment)] is None else str(found[id(segment)])
            for segment in segments
            if isinstance(segment, Unit)
        ]
        files[language.folder] = render(segments, lambda unit, found=found: found[id(unit)])  # type: ignore[misc]
    return Localised(source, segments, texts, files)


def _anchors(project: Project, page: Localised) -> list[str]:
    """For each unit the anchor of its section; titles of the anchor language make them."""
    own = _labels_above(page)
    used = {make_id(label) for labels in own.values() for label, _ in labels}
    current, anchors = "", []
    for order, (unit, text) in enumerate(zip(page.units, page.texts[project.anchors], strict=True)):
        if unit.kind == "title":
            wanted = make_id(page.source.plain_text(text)) or "section"
            taken = used - {make_id(label) for label, _ in own.get(order, [])}
            current, number = wanted, 2
            while current in taken:
                current, number = f"{wanted}-{number}", number + 1
            used.add(current)
        anchors.append(current)
    return anchors


def _labels_above(page: Localised) -> dict[int, list[tuple[str, int]]]:
    """The labels that stand right above each unit, with their lines, by the unit's order."""
    above: dict[int, list[tuple[str, int]]] = {}
    order = 0
    for segment in page.segments:
        if isinstance(segment, Unit):
            order += 1
        elif segment.label:
            above.setdefault(order, []).append((segment.label, segment.line))
    return above


def _labels(page: Localised, language: Language) -> dict[str, str]:
    """The labels of a page with the title that follows each, in `language`."""
    texts = page.texts[language.folder]
    return {
        label: page.source.plain_text(texts[order])
        for order, labels in _labels_above(page).items()
        for label, _ in labels
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def check(project: Project, *, draft: bool = False) -> list[Localised]:
    """Read every source and catalogue, and write nothing.

    Parameters
    ----------
    project
        The project.
    draft
        Whether source text may stand where a translation is missing, for a look while it is written.

    Raises
    ------
    SourceErrors
        With every mistake in the sources and catalogues.
    """
    errors: list[SourceError] = []
    pages: list[Localised] = []
    for source in sources(project):
        try:
            pages.append(_localise_one(project, source, errors))
        except SourceError as error:
            errors.append(error)
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

    Nothing is written if anything is wrong; what `draft` tolerates stands in `check`.

    Raises
    ------
    SourceErrors
        With every mistake in the sources and catalogues.
    """
    pages = check(project, draft=draft)
    anchors = {page.source.docname: _anchors(project, page) for page in pages}
    written = {}
    for language in project.languages:
        files: dict[str, str] = {}
        titles: dict[str, str] = {}
        labels: dict[str, str] = {}
        for page in pages:
            docname = page.source.docname
            place = project.place(docname)
            files[place] = page.files[language.folder]
            files[f"{Path(place).with_suffix('')}.units.json"] = _json(
                {
                    "page": docname,
                    "units": [
                        {
                            "kind": unit.kind,
                            "order": order,
                            "line": unit.line,
                            "anchor": anchors[docname][order],
                            "text": {folder: texts[order] for folder, texts in page.texts.items()},
                        }
                        for order, unit in enumerate(page.units)
                    ],
                }
            )
            titles[docname] = next(
                page.source.plain_text(text)
                for unit, text in zip(page.units, page.texts[language.folder], strict=True)
                if unit.kind == "title"
            )
            labels |= _labels(page, language)
        slugs = {
            page.source.docname: [
                anchor
                for anchor, unit in zip(anchors[page.source.docname], page.units, strict=True)
                if unit.kind == "title"
            ]
            for page in pages
        }
        for chapter in project.chapters:
            names = [page.name for page in chapter.pages]
            files[f"{GALLERY}/{chapter.name}/order.json"] = _json(names)
        files["anchors.json"] = _json({"anchors": slugs, "titles": titles, "labels": labels})
        written[language.folder] = _write_tree(project.source_tree(language), files)
    return written


def _check_names(project: Project, pages: list[Localised]) -> Iterator[SourceError]:
    """Titles, labels and names of pages, which links need to be there and to be unique."""
    seen: dict[str, str] = {}
    for page in pages:
        path, units = page.source.path, page.units
        titles = [order for order, unit in enumerate(units) if unit.kind == "title"]
        above = _labels_above(page)
        if not titles:
            yield SourceError(path, 1, "a page needs a title")
        elif titles[0] not in above:
            yield SourceError(
                path, units[titles[0]].line, "a page needs a label above its title, to link to it"
            )
        docname = page.source.docname
        if docname in seen:
            yield SourceError(path, 1, f"{seen[docname]} has this page's name already")
        seen[docname] = str(path.relative_to(project.root))
    places: dict[str, str] = {}
    for page in pages:
        path = page.source.path
        for order, labels in _labels_above(page).items():
            for label, line in labels:
                if order == len(page.units) or page.units[order].kind != "title":
                    yield SourceError(path, line, f"no title follows the label {label!r}")
                if label in places:
                    yield SourceError(path, line, f"the label {label!r} stands in {places[label]} already")
                places[label] = f"{path.relative_to(project.root)}:{line}"


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
