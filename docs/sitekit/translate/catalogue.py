"""Messages and their translations: extract them, merge them into PO files, look them up, check them.

In go the sources and the catalogues as they were; out come catalogues that have each message of today, once.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from ..markup.units import Segment, Unit
from ..project.errors import SitekitError, SourceError, SourceErrors, gathered
from ..project.files import write_if_changed
from ..project.layout import Language, Project
from . import po
from .checks import problems
from .po import Entry
from .sources import Source, sources

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
    return bool(project.letters.search(source.read(unit, unit.text).plain))


class Catalogue:
    """The translations of one page.

    A message is looked up with its section's title as context first, so that one text can be
    translated differently in two sections, and without context then.
    """

    def __init__(self, path: Path) -> None:
        """Read the PO file at `path`; a missing one is an empty catalogue."""
        self.path = path
        entries = po.read(path)
        self.comments = [comment for entry in entries if not entry.id for comment in entry.comments]
        """What stands above the header, such as a license and the translators' names."""
        self.entries = {entry.key: entry for entry in entries if entry.id and not entry.obsolete}
        self.unused = [entry for entry in entries if entry.obsolete]

    def message(self, section: str, unit: Unit) -> Entry | None:
        """The entry for `unit`, standing in the section titled `section`."""
        return self.entries.get((section, unit.text)) or self.entries.get(("", unit.text))

    def closest(self, text: str, current: Collection[str] = ()) -> Entry | None:
        """The translated entry that `text` had before it was changed: one that is not `current` any more."""
        entries = [*self.unused, *self.entries.values()]
        left = {entry.id: entry for entry in entries if entry.string and entry.id not in current}
        return next((left[found] for found in get_close_matches(text, left, 1)), None)


class Counts(NamedTuple):
    """How far one catalogue is."""

    docname: str
    translated: int
    missing: int
    fuzzy: int


def update(project: Project, source: Source, language: Language) -> Counts:
    """Bring one catalogue up to date with its source, and count what is left to do.

    A translation whose message is gone stays, out of use, until the message comes back or a person deletes it.
    """
    path = project.catalogue_path(language, source.docname)
    catalogue = Catalogue(path)
    sections = list(_with_section(source.split()))
    kinds: dict[str, dict[str, None]] = {}
    for _, unit in sections:
        if needs_translation(project, source, unit):
            kinds.setdefault(unit.text, {}).update({} if unit.kind == "paragraph" else {unit.kind: None})
    left, unused = dict(catalogue.entries), list(catalogue.unused)

    def take(context: str, text: str) -> Entry | None:
        """The entry of a message: what was out of use, if it alone has a translation."""
        entry = left.pop((context, text), None)
        if not entry or not entry.string:
            for old in [old for old in unused if old.key == (context, text)][:1]:
                unused.remove(old)
                return old
        return entry

    messages, changed = [], set()
    for text in kinds:
        entry = take("", text)
        if entry is None and (old := catalogue.closest(text)):
            changed.add(old.key)
            previous = old.previous or {"msgid": old.id}
            entry = replace(old, id=text, context="", fuzzy=True, previous=previous)
        messages.append(replace(entry or Entry(text), kinds=list(kinds[text]), obsolete=False))
    # An entry for one section only stays as long as its message does.
    own = {key for key in left if key[0] and key[1] in kinds}
    own |= {old.key for old in unused} & {(section, unit.text) for section, unit in sections}
    own_entries = [take(*key) for key in sorted(own - {("", text) for text in kinds})]
    messages += [replace(entry, kinds=[], obsolete=False) for entry in own_entries if entry]
    unused += [entry for key, entry in left.items() if entry.string and key not in changed]
    old_entries = [replace(entry, kinds=[], obsolete=True) for entry in unused]
    for entry in messages:
        entry.fuzzy = entry.fuzzy and bool(entry.string)
        entry.previous = entry.previous if entry.fuzzy else {}
    if messages or old_entries or catalogue.comments:
        write_if_changed(path, po.text_of([*messages, *old_entries], language.folder, catalogue.comments))
    elif path.is_file():
        path.unlink()
    fuzzy = sum(entry.fuzzy for entry in messages)
    missing = sum(not entry.string for entry in messages)
    return Counts(source.docname, len(messages) - missing - fuzzy, missing, fuzzy)


class Untranslated(SourceError):
    """A message without a translation that could be shown."""


def translator(
    project: Project, source: Source, language: Language, segments: list[Segment], errors: list[SourceError]
) -> Callable[[Unit], str | None]:
    """A function that gives each unit of `segments` in `language`, or None where it stays as it is.

    It raises a SourceError where a translation is missing, fuzzy or unsafe; entries for no section go to `errors`.
    """
    if language == project.source:
        return lambda unit: None
    catalogue = Catalogue(project.catalogue_path(language, source.docname))
    sections = {id(unit): section for section, unit in _with_section(segments)}
    known = {(section, unit.text) for section, unit in _with_section(segments)}
    for entry in catalogue.entries.values():
        if entry.context and entry.key not in known:
            fault = f"no section “{entry.context}” has this message: correct or delete the entry"
            errors.append(SourceError(catalogue.path, entry.line, fault))

    def translate(unit: Unit) -> str | None:
        if not needs_translation(project, source, unit):
            return None
        shown = unit.text if len(unit.text) <= 60 else unit.text[:59] + "…"
        message = catalogue.message(sections[id(unit)], unit)
        if message is None:
            hint = f"run `nox -s translate`, then fill in {catalogue.path.name}"
            fault = f"no {language.folder} translation of “{shown}”; {hint}"
            if old := catalogue.closest(unit.text, {text for _, text in known}):
                fault += f"; “{old.id}” was “{old.string}”"
            raise Untranslated(source.path, unit.line, fault)
        if not message.string:
            raise Untranslated(catalogue.path, message.line, f"“{shown}”: has no translation yet")
        if message.fuzzy:
            fault = f"its translation may be out of date: “{message.string}”; mend it and remove its `#, fuzzy` line"
            raise Untranslated(catalogue.path, message.line, f"“{shown}”: {fault}")
        if faults := list(problems(source, unit, message.string)):
            raise SourceErrors(
                SourceError(catalogue.path, message.line, f"“{shown}”: {fault}") for fault in faults
            )
        return message.string

    return translate


def strays(project: Project) -> Iterator[SourceError]:
    """Catalogues whose page is gone or has another name now."""
    for language in project.languages[1:]:
        known = {project.catalogue_path(language, source.docname) for source in sources(project)}
        for path in sorted((project.locale / language.folder / "LC_MESSAGES").rglob("*.po")):
            if path not in known:
                yield SourceError(path, 1, "no page has this name: rename or delete the catalogue")


def update_all(project: Project, pages: Sequence[str] = ()) -> int:
    """Update the catalogues of `pages`, all by default, and print a table; how many messages are left to do.

    A SourceErrors has every mistake in sources and catalogues; what has none was updated.
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
            with gathered(errors):
                rows.append(update(project, source, language))
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
