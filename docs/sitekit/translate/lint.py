"""Rules that sources and translations keep, beyond what building needs.

Every finding is one line, ``file:line: what to do``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..markup.units import HAN, Unit, display_width
from ..project.errors import SourceError
from ..project.files import read_text
from ..project.layout import Language, Project
from . import drift
from .localise import Localised, check
from .sources import PLAIN, Source

__all__ = ["findings"]


LONGEST_PAGE = 250
WIDEST = 100
LONGEST_TITLE = {"han": 12, "words": 6}
HALF_WIDTH = re.compile(rf"{HAN.pattern}[,;:?!()]|[,;:?!(]{HAN.pattern}")
BOLD_THAT_STAYS_OPEN = re.compile(r"\*\*[^*\s][^*]*[：，。；！？、）]\*\*(?=\w)")
LEFT_OVER = re.compile(r"`|\*\*|(?<!\w):\w+:(?=`)")


def _script(source: Source) -> Iterator[SourceError]:
    lines = read_text(source.path).splitlines()
    if len(lines) > LONGEST_PAGE:
        yield SourceError(source.path, LONGEST_PAGE, f"a page has at most {LONGEST_PAGE} lines")
    if not lines or lines[0] != "# /// script":
        yield SourceError(source.path, 1, "an example starts with its PEP 723 header, `# /// script`")
    for number, line in enumerate(lines, 1):
        if line.strip() == "plt.show()":
            above = number - 2
            while above > 0 and lines[above].strip().startswith("# ") and "# alt: " not in lines[above]:
                above -= 1
            if "# alt: " not in lines[above]:
                yield SourceError(source.path, number, "describe the figure: `# alt: …` on the line above")


def _unit(source: Source, unit: Unit) -> Iterator[SourceError]:
    words = source.read(unit, unit.text).words
    if HAN.search(words) and unit.kind != "term":
        for found in HALF_WIDTH.finditer(words):
            yield SourceError(source.path, unit.line, f"half-width punctuation in Chinese: “{found[0]}”")
    if source.dialect != "markdown" and unit.kind not in PLAIN and (open_mark := LEFT_OVER.search(words)):
        message = (
            f"docutils doesn't read the markup at “{words[open_mark.start() :][:20]}”: put blanks around it"
        )
        yield SourceError(source.path, unit.line, message)
    if source.dialect == "markdown" and (open_mark := BOLD_THAT_STAYS_OPEN.search(unit.text)):
        message = f"CommonMark doesn't make {open_mark[0]} bold: put the punctuation outside"
        yield SourceError(source.path, unit.line, message)


def _title(source: Source, shown: str, line: int) -> Iterator[SourceError]:
    if HAN.search(shown):
        if display_width(shown) > 2 * LONGEST_TITLE["han"]:
            yield SourceError(source.path, line, f"a title has at most 12 characters: “{shown}”")
    elif len(shown.split()) > LONGEST_TITLE["words"]:
        yield SourceError(source.path, line, f"a title has at most 6 English words: “{shown}”")


def _wide_comments(page: Localised, language: Language) -> Iterator[SourceError]:
    """Lines of code that their translated end-of-line comment makes wider than a page."""
    before = ""
    texts = iter(page.texts[language.folder])
    for segment in page.segments:
        if isinstance(segment, Unit):
            text = next(texts)
            width = display_width(before + segment.first_prefix + text)
            if segment.kind == "comment" and not segment.suffix and not segment.width and width > WIDEST:
                message = (
                    f"{width} columns wide with the {language.folder} comment “{text}” (at most {WIDEST})"
                )
                yield SourceError(page.source.path, segment.line, message)
            before = ""
        else:
            before = (before + segment.text).rpartition("\n")[2]


def findings(project: Project) -> Iterator[SourceError]:
    """Everything that breaks a rule."""
    pages = check(project)
    for page in pages:
        source = page.source
        if source.dialect == "python":
            yield from _script(source)
            first = page.titles[0]
            for folder in page.texts:
                yield from _title(source, page.plain(first, folder), page.units[first].line)
        for unit in page.units:
            yield from _unit(source, unit)
        for language in project.languages:
            yield from _wide_comments(page, language)
    yield from drift.findings(project, pages)
