"""Write one plain single-language source tree per language: ``build/source/<language>/``.

Beside each page stands ``<page>.units.json`` (each unit of prose in every language, its kind, anchor and
line) and at the top of each tree ``anchors.json`` (the section anchors of every page, its titles, and
the labels one can link to). Later steps read these and never take the sources apart again.

``python -m sitekit.localise`` does this step alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils.nodes import make_id

from .catalogue import Source, sources, translator
from .project import Language, Project, write_if_changed
from .segments import Segment, SourceError, Unit, Verbatim, render

__all__ = ["LocaliseError", "check", "localise"]

GALLERY = "gallery"
NOT_LISTED = "no page {}; pages are named as in their address, such as basics/shapes"


class LocaliseError(Exception):
    """Every mistake that was found in the sources and catalogues, one line each."""

    def __init__(self, errors: list[SourceError]) -> None:
        """Keep `errors` in the order they were found."""
        self.errors = errors
        super().__init__("\n".join(str(error) for error in errors))


@dataclass(frozen=True)
class _Localised:
    source: Source
    segments: list[Segment]
    texts: dict[str, list[str]]
    """The text of each unit in order, by language folder."""
    files: dict[str, str]
    """The whole file, by language folder."""

    @property
    def units(self) -> list[Unit]:
        return [segment for segment in self.segments if isinstance(segment, Unit)]


def _localise_one(project: Project, source: Source, errors: list[SourceError]) -> _Localised:
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
    return _Localised(source, segments, texts, files)


def _anchors(project: Project, page: _Localised) -> list[str]:
    """For each unit the anchor of its section; titles of the anchor language make them."""
    used: set[str] = set()
    current, anchors = "", []
    for unit, text in zip(page.units, page.texts[project.anchors], strict=True):
        if unit.kind == "title":
            wanted = make_id(page.source.plain_text(text)) or "section"
            current, number = wanted, 2
            while current in used:
                current, number = f"{wanted}-{number}", number + 1
            used.add(current)
        anchors.append(current)
    return anchors


def _labels(page: _Localised, language: Language) -> Iterator[tuple[str, str]]:
    """Labels of a page with the title that follows each, in `language`."""
    texts = iter(page.texts[language.folder])
    waiting: list[str] = []
    for segment in page.segments:
        if isinstance(segment, Unit):
            text = next(texts)
            if segment.kind == "title":
                for label in waiting:
                    yield label, page.source.plain_text(text)
            waiting.clear()
            continue
        for line in segment.text.splitlines():
            line = line.removeprefix("# ").strip()
            if line.startswith(".. _") and line.endswith(":"):
                waiting.append(line[4:-1])
            elif line.startswith("(") and line.endswith(")="):
                waiting.append(line[1:-2])


def _place(source: Source) -> str:
    if source.dialect == "rst":
        return f"{GALLERY}/{Path(source.docname).parent.as_posix()}/{source.path.name}"
    if source.dialect == "python":
        return f"{GALLERY}/{source.docname}.py"
    return f"{source.docname}.md"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def check(project: Project) -> list[_Localised]:
    """Localise in memory only.

    Raises
    ------
    LocaliseError
        With every mistake in the sources and catalogues.
    """
    errors: list[SourceError] = []
    pages: list[_Localised] = []
    for source in sources(project):
        try:
            pages.append(_localise_one(project, source, errors))
        except SourceError as error:
            errors.append(error)
    errors += _check_names(project, pages)
    if errors:
        raise LocaliseError(errors)
    return pages


def localise(project: Project) -> dict[str, int]:
    """Write the tree of every language; returns how many files were written, by language folder.

    Nothing is written if anything is wrong (:func:`check`).
    """
    pages = check(project)
    anchors = {page.source.docname: _anchors(project, page) for page in pages}
    written = {}
    for language in project.languages:
        files: dict[str, str] = {}
        titles: dict[str, str] = {}
        labels: dict[str, str] = {}
        for page in pages:
            docname = page.source.docname
            place = _place(page.source)
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
                            "text": {
                                folder: texts[order] for folder, texts in page.texts.items()
                            },
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
            labels |= dict(_labels(page, language))
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


def _check_names(project: Project, pages: list[_Localised]) -> Iterator[SourceError]:
    seen: dict[str, Path] = {}
    for page in pages:
        if not any(unit.kind == "title" for unit in page.units):
            yield SourceError(page.source.path, 1, "a page needs a title")
        if page.source.docname in seen:
            other = seen[page.source.docname].relative_to(project.root)
            yield SourceError(page.source.path, 1, f"{other} has this page's name already")
        seen[page.source.docname] = page.source.path


def _write_tree(tree: Path, files: dict[str, str]) -> int:
    """Write `files`, remove what an earlier localising left, and touch nothing that Sphinx made."""
    listing = tree / "localised.json"
    before = set(json.loads(listing.read_text(encoding="utf-8"))) if listing.is_file() else set()
    for stale in before - set(files):
        (tree / stale).unlink(missing_ok=True)
    written = sum(write_if_changed(tree / name, text) for name, text in sorted(files.items()))
    write_if_changed(listing, _json(sorted(files)))
    return written


def main() -> int:
    """Localise the project in the current folder."""
    try:
        written = localise(Project.load(Path.cwd()))
    except (SourceError, LocaliseError) as error:
        print(error, file=sys.stderr)
        return 1
    print("localised: " + ", ".join(f"{count} files changed in {name}" for name, count in written.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
