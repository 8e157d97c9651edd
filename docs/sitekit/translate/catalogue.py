"""Messages and their translations: extract them, merge them into PO files, look them up, check them.

In go the sources and the catalogues as they were; out come catalogues that have each message of today, once.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, denormalize, read_po, write_po

from ..markup.units import Segment, Unit
from ..project.errors import SitekitError, SourceError, SourceErrors
from ..project.files import read_text, write_if_changed
from ..project.layout import Language, Project
from .checks import problems
from .sources import Source, sources

__all__ = ["Catalogue", "Counts", "strays", "update"]


PO_HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
PO_LINE = re.compile(r'(#.*|((msg(id|str|ctxt|id_plural)|msgstr\[\d+\]) )?"([^"\\]|\\.)*")?')
PREVIOUS = "| msgid "
PREVIOUS_WRAPPED = re.compile(r"\n#\| (?!msgid\b)")
NOT_LISTED = "no page {}; pages are named as in their address, such as basics/shapes"


def _with_section(segments: Iterable[Segment]) -> Iterator[tuple[str, Unit]]:
    section = ""
    for segment in segments:
        if isinstance(segment, Unit):
            if segment.kind == "title":
                section = segment.text
            yield section, segment


def needs_translation(project: Project, source: Source, unit: Unit) -> bool:
    """Whether a reader of another language would miss something in `unit`."""
    if unit.kind == "term":  # a glossary lists both languages' words; each shows its own first
        return True
    shown = source.plain_text(unit.text) if source.inline_markup(unit, unit.text) else unit.text
    return bool(project.letters.search(shown))


class Catalogue:
    """The translations of one page.

    A message is looked up with its section's title as context first, so that one text can be
    translated differently in two sections, and without context then.
    """

    def __init__(self, catalog: Catalog, path: Path) -> None:
        """Wrap Babel's `catalog`, read from `path`."""
        self.catalog, self.path = catalog, path

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """Read a PO file; a missing one is an empty catalogue.

        Raises
        ------
        SourceError
            Where the file is not a PO file.
        """
        if not path.is_file():
            return cls(Catalog(fuzzy=False), path)
        text = read_text(path)
        _check_lines(text, path)
        try:
            catalog = read_po(io.StringIO(text), abort_invalid=True, charset="utf-8")
        except PoFileError as error:
            raise SourceError(path, error.lineno + 1, f"not a valid catalogue: {error}") from None
        except Exception as error:  # Babel raises whatever a wrong header or number leads to
            raise SourceError(path, 1, f"not a valid catalogue: {error!r}") from None
        return cls(catalog, path)

    def message(self, section: str, unit: Unit) -> Message | None:
        """The entry for `unit`, standing in the section titled `section`."""
        found = self.catalog.get(unit.text, section) if section else None
        return found or self.catalog.get(unit.text)

    def closest(self, unit: Unit, current: Collection[str]) -> Message | None:
        """The entry that `unit` had before it was changed: one whose message is not `current` any more."""
        left = {
            str(message.id): message for message in self.catalog if message.id and message.id not in current
        }
        found = get_close_matches(unit.text, left, 1)
        return left[found[0]] if found else None


def _check_lines(text: str, path: Path) -> None:
    """Find what Babel lets pass: a missing quote, and an entry that a merge of branches left twice."""
    seen: dict[tuple[str, str], int] = {}
    context = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not PO_LINE.fullmatch(line.strip()):
            raise SourceError(path, number, f"not a line of a catalogue: {line[:40]}")
        if line.startswith("msgctxt "):
            context = line
        elif line.startswith("msgid ") and line != 'msgid ""':
            first = seen.setdefault((context, line), number)
            if first != number:
                raise SourceError(path, number, f"this message stands in line {first} already")
            context = ""


def _template(project: Project, source: Source) -> Catalog:
    template = Catalog(fuzzy=False)
    for _, unit in _with_section(source.split()):
        if needs_translation(project, source, unit):
            kinds = [unit.kind] if unit.kind != "paragraph" else []
            template.add(unit.text, auto_comments=kinds)
    return template


def _take_previous(catalog: Catalog) -> dict[tuple[Any, str | None], list[str]]:
    """Remove the ``#|`` comments, which Babel reads as a translator's own, and give them by message."""
    previous: dict[tuple[Any, str | None], list[str]] = {}
    for message in catalog:
        comments = message.user_comments
        message.user_comments = [comment for comment in comments if not comment.startswith("|")]
        texts = [
            denormalize(comment[len(PREVIOUS) :]) for comment in comments if comment.startswith(PREVIOUS)
        ]
        if texts:
            previous[message.id, message.context] = texts
    return previous


def _po_text(catalog: Catalog, language: Language) -> str:
    for message in catalog:
        message.flags &= {"fuzzy"}  # Babel takes a brace in prose for a format string
    out = io.BytesIO()
    write_po(out, catalog, width=0, omit_header=True, include_previous=True)
    body = PREVIOUS_WRAPPED.sub(" ", out.getvalue().decode())  # Babel wraps these, whatever the width
    return PO_HEADER.format(language=language.folder) + body.strip("\n") + "\n"


@dataclass(frozen=True)
class Counts:
    """How far one catalogue is."""

    docname: str
    translated: int
    missing: int
    fuzzy: int


def update(project: Project, source: Source, language: Language) -> Counts:
    """Bring one catalogue up to date with its source, and count what is left to do."""
    path = project.catalogue_path(language, source.docname)
    existing = Catalogue.read(path).catalog
    previous = _take_previous(existing)
    template = _template(project, source)
    known = {message.id for message in template}
    for message in existing:
        # An entry for one section only stays as long as its message does.
        if message.context and message.id in known:
            template.add(message.id, context=message.context)
    existing.update(template, update_header_comment=False)
    existing.obsolete.clear()
    messages = [message for message in existing if message.id]
    for message in messages:
        if message.fuzzy and not message.previous_id:
            message.previous_id = previous.get((message.id, message.context), [])
    if messages:
        write_if_changed(path, _po_text(existing, language))
    elif path.is_file():
        path.unlink()
    fuzzy = sum(message.fuzzy for message in messages)
    missing = sum(not message.string for message in messages)
    return Counts(source.docname, len(messages) - missing - fuzzy, missing, fuzzy)


class Untranslated(SourceError):
    """A message without a translation that could be shown."""


def translator(
    project: Project,
    source: Source,
    language: Language,
    segments: list[Segment],
    report: Callable[[SourceError], None],
) -> Callable[[Unit], str | None]:
    """A function that gives each unit of `segments` in `language`, or None where it stays as it is.

    What is missing, fuzzy or unsafe goes to `report`, and the source text is used in its place.
    """
    if language == project.source:
        return lambda unit: None
    catalogue = Catalogue.read(project.catalogue_path(language, source.docname))
    sections = {id(unit): section for section, unit in _with_section(segments)}
    known = {(section, unit.text) for section, unit in _with_section(segments)}
    for message in catalogue.catalog:
        if message.context and (message.context, message.id) not in known:
            fault = f"no section “{message.context}” has this message: correct or delete the entry"
            report(SourceError(catalogue.path, message.lineno, fault))

    def translate(unit: Unit) -> str | None:
        if not needs_translation(project, source, unit):
            return None
        shown = unit.text if len(unit.text) <= 60 else unit.text[:59] + "…"
        message = catalogue.message(sections[id(unit)], unit)
        if message is None:
            hint = f"run `nox -s translate`, then fill in {catalogue.path.name}"
            fault = f"no {language.folder} translation of “{shown}”; {hint}"
            if old := catalogue.closest(unit, {text for _, text in known}):
                fault += f"; “{old.id}” was “{old.string}”"
            report(Untranslated(source.path, unit.line, fault))
            return None
        text = message.string if isinstance(message.string, str) else ""
        if not text or message.fuzzy:
            fault = "has no translation yet"
            if text:
                fault = (
                    f"its translation may be out of date: “{text}”; mend it and remove its `#, fuzzy` line"
                )
            report(Untranslated(catalogue.path, message.lineno, f"“{shown}”: {fault}"))
            return None
        faults = list(problems(source, unit, text))
        for fault in faults:
            report(SourceError(catalogue.path, message.lineno, f"“{shown}”: {fault}"))
        return None if faults else text

    return translate


def strays(project: Project) -> Iterator[SourceError]:
    """Catalogues whose page is gone or has another name now."""
    docnames = {source.docname for source in sources(project)}
    for language in project.languages[1:]:
        known = {project.catalogue_path(language, docname) for docname in docnames}
        for path in sorted((project.locale / language.folder / "LC_MESSAGES").rglob("*.po")):
            if path not in known:
                yield SourceError(path, 1, "no page has this name: rename or delete the catalogue")


def update_all(project: Project, pages: Sequence[str] = ()) -> int:
    """Update the catalogues of `pages`, all by default, and print a table; how many messages are left to do.

    Raises
    ------
    SitekitError
        With every mistake in sources and catalogues; what has none was updated.
    """
    wanted = [source for source in sources(project) if not pages or source.docname in pages]
    if unknown := set(pages) - {source.docname for source in wanted}:
        raise SitekitError(NOT_LISTED.format(", ".join(sorted(unknown))))
    errors: list[SourceError] = []
    print(f"{'catalogue':44}{'translated':>12}{'missing':>10}{'fuzzy':>8}")
    left = 0
    for language in project.languages[1:]:
        rows = []
        for source in wanted:
            try:
                rows.append(update(project, source, language))
            except SourceError as error:
                errors.append(error)
        missing, fuzzy = sum(row.missing for row in rows), sum(row.fuzzy for row in rows)
        rows.append(Counts("in all", sum(row.translated for row in rows), missing, fuzzy))
        for row in rows:
            name = f"{language.folder}/{row.docname}"
            print(f"{name:44}{row.translated:12}{row.missing:10}{row.fuzzy:8}")
        left += missing + fuzzy
    errors += strays(project)
    if errors:
        raise SourceErrors(errors)
    return left
