"""Messages and their translations: extract them, merge them into PO files, look them up, check them.

``python -m sitekit.catalogue [page …]`` brings the catalogues up to date with the sources and prints how
many messages are translated, missing and fuzzy in each.
"""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po, write_po

from . import myst, rst
from .project import HEADER, Language, Project, write_if_changed
from .python_source import split as split_python
from .segments import Segment, SourceError, Unit

__all__ = ["Catalogue", "Source", "problems", "sources", "update"]

PO_HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
BLOCK_START = re.compile(
    r"\s|\.\. |\.\.$|__ |>>> |[-*+] |\d+[.)] |#+ |:[\w-]+: |[`~:]{3,}|<[a-zA-Z!/?]|>|\||\$\$|\([\w-]+\)=$|%"
)
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
LONGEST = 10_000


@dataclass(frozen=True)
class Source:
    """One file that localising reads, and how its text is marked up."""

    docname: str
    path: Path
    dialect: str
    """``python``, ``rst`` or ``markdown``."""

    def split(self) -> list[Segment]:
        """Read the file and split it into segments."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(self.path, None, f"not UTF-8: {error}") from None
        if self.dialect == "python":
            return split_python(text, self.path)
        if self.dialect == "rst":
            return rst.split(text, self.path, 1, width=0)
        return myst.split(text, self.path)

    def inline_markup(self, unit: Unit, text: str) -> Counter[str]:
        """The inline markup of `text`; comments and plain docstrings have none."""
        if unit.kind in {"comment", "alt", "docstring"}:
            return Counter()
        return myst.inline_markup(text) if self.dialect == "markdown" else rst.inline_markup(text)

    def plain_text(self, text: str) -> str:
        """`text` without its inline markup."""
        return myst.plain_text(text) if self.dialect == "markdown" else rst.plain_text(text)


def sources(project: Project) -> Iterator[Source]:
    """Every file that has messages: chapters and their pages in order, then the pages of ``docs/``."""
    for chapter in project.chapters:
        yield Source(f"{chapter.name}/index", project.gallery / chapter.name / HEADER, "rst")
        for page in chapter.pages:
            yield Source(page.docname, project.example(page), "python")
    for path in sorted(project.docs.rglob("*.md")):
        relative = path.relative_to(project.docs)
        if not any(part.startswith(("_", ".")) for part in relative.parts):
            yield Source(relative.with_suffix("").as_posix(), path, "markdown")


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
    def read(cls, path: Path, language: Language) -> Catalogue:
        """Read a PO file; a missing one is an empty catalogue.

        Raises
        ------
        SourceError
            Where the file is not a PO file.
        """
        if not path.is_file():
            return cls(Catalog(locale=language.sphinx, fuzzy=False), path)
        try:
            text = path.read_text(encoding="utf-8")
            catalog = read_po(
                io.StringIO(text), locale=language.sphinx, abort_invalid=True, charset="utf-8"
            )
        except PoFileError as error:
            raise SourceError(path, error.lineno + 1, f"not a valid catalogue: {error}") from None
        except (UnicodeDecodeError, ValueError) as error:
            raise SourceError(path, None, f"not a valid catalogue: {error}") from None
        return cls(catalog, path)

    def message(self, section: str, unit: Unit) -> Message | None:
        """The entry for `unit`, standing in the section titled `section`."""
        found = self.catalog.get(unit.text, section) if section else None
        return found or self.catalog.get(unit.text)

    def line(self, message_id: str) -> int | None:
        """The line of `message_id` in the file, for error messages."""
        wanted = 'msgid "' + message_id.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if self.path.is_file():
            for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
                if line == wanted:
                    return number
        return None


def problems(source: Source, unit: Unit, translation: str) -> Iterator[str]:
    """Say what is wrong with the `translation` of `unit`: markup lost, changed or smuggled in."""
    if len(translation) > LONGEST:
        yield f"the translation is {len(translation)} characters long (at most {LONGEST})"
        return
    if found := INVISIBLE.search(translation):
        yield f"the translation holds the invisible character U+{ord(found[0]):04X}"
        return
    if translation != translation.strip():
        yield "the translation starts or ends with a blank"
    if unit.kind in {"comment", "alt"}:
        if unit.kind == "comment" and re.match(r"%%|sphinx_gallery_|///|alt:|#{20}", translation):
            yield "the translation would not be a comment any more"
        return
    if unit.kind == "docstring":
        if '"""' in translation or translation.endswith('"') or "\\" in translation:
            yield "a docstring's translation can't hold a backslash or end its quotes"
        return
    if source.dialect == "python" and '"""' in translation:
        yield 'the translation can\'t hold """'
    if "\\" in translation and "\\" not in unit.text:
        yield "the translation adds a backslash"
    if BLOCK_START.match(translation) and not BLOCK_START.match(unit.text):
        yield "the translation starts like a list, directive, heading or HTML, not like text"
    if source.dialect != "markdown" and translation.endswith("::"):
        yield "the translation ends with `::`, which starts a literal block"
    if source.dialect == "markdown" and unit.kind == "cell" and "|" in translation.replace("\\|", ""):
        yield "a table cell can't hold `|`"
    wanted = source.inline_markup(unit, unit.text)
    given = source.inline_markup(unit, translation)
    if lost := wanted - given:
        yield "the translation lacks " + ", ".join(sorted(lost.elements()))
    if added := given - wanted:
        yield "the translation adds " + ", ".join(sorted(added.elements()))


def _template(project: Project, source: Source) -> Catalog:
    template = Catalog(fuzzy=False)
    for _, unit in _with_section(source.split()):
        if needs_translation(project, source, unit):
            kinds = [unit.kind] if unit.kind != "paragraph" else []
            template.add(unit.text, auto_comments=kinds)
    return template


def _po_text(catalog: Catalog, language: Language) -> str:
    out = io.BytesIO()
    write_po(out, catalog, width=0, no_location=True, omit_header=True, include_previous=True)
    body = out.getvalue().decode()
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
    existing = Catalogue.read(path, language).catalog
    template = _template(project, source)
    known = {message.id for message in template}
    for message in existing:
        # An entry for one section only stays as long as its message does.
        if message.context and message.id in known:
            template.add(message.id, context=message.context)
    existing.update(template, update_header_comment=False)
    existing.obsolete.clear()
    messages = [message for message in existing if message.id]
    if messages:
        write_if_changed(path, _po_text(existing, language))
    elif path.is_file():
        path.unlink()
    fuzzy = sum(message.fuzzy for message in messages)
    missing = sum(not message.string for message in messages)
    return Counts(source.docname, len(messages) - missing - fuzzy, missing, fuzzy)


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
    catalogue = Catalogue.read(project.catalogue_path(language, source.docname), language)
    sections = {id(unit): section for section, unit in _with_section(segments)}

    def translate(unit: Unit) -> str | None:
        if not needs_translation(project, source, unit):
            return None
        shown = unit.text if len(unit.text) <= 60 else unit.text[:59] + "…"
        message = catalogue.message(sections[id(unit)], unit)
        where = (catalogue.path, catalogue.line(unit.text))
        if message is None or not message.string:
            report(
                SourceError(
                    source.path,
                    unit.line,
                    f"no {language.folder} translation of “{shown}”; run `nox -s translate`, "
                    f"then fill in {catalogue.path.name}",
                )
            )
            return None
        if message.fuzzy:
            report(SourceError(*where, f"“{shown}” is fuzzy: mend it and remove the flag"))
            return None
        text = message.string if isinstance(message.string, str) else message.string[0]
        faults = list(problems(source, unit, text))
        for fault in faults:
            report(SourceError(*where, f"“{shown}”: {fault}"))
        return None if faults else text

    return translate


def main(arguments: list[str]) -> int:
    """Update every catalogue, or those of the pages named, and print what is left to do."""
    from .localise import NOT_LISTED

    try:
        project = Project.load(Path.cwd())
        wanted = [source for source in sources(project) if not arguments or source.docname in arguments]
        if unknown := set(arguments) - {source.docname for source in wanted}:
            print(NOT_LISTED.format(", ".join(sorted(unknown))), file=sys.stderr)
            return 1
        print(f"{'catalogue':44}{'translated':>12}{'missing':>10}{'fuzzy':>8}")
        left = 0
        for language in project.languages[1:]:
            rows = [update(project, source, language) for source in wanted]
            for row in rows:
                name = f"{language.folder}/{row.docname}"
                print(f"{name:44}{row.translated:12}{row.missing:10}{row.fuzzy:8}")
            done, missing, fuzzy = (
                sum(getattr(row, name) for row in rows) for name in ("translated", "missing", "fuzzy")
            )
            print(f"{language.folder + ' in all':44}{done:12}{missing:10}{fuzzy:8}")
            left += missing + fuzzy
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    if left:
        print(f"{left} messages to translate or mend: edit the .po files, then run `nox -s docs`")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
