"""What a page says in two languages and must say alike, beyond markup: numbers, and the glossary's words.

That a translation is older than its source is told when catalogues are read; this finds one that was called
up to date and is not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from ..markup.units import HAN
from ..project.errors import SourceError
from ..project.files import read_toml
from ..project.layout import Project
from ..translate.localise import Localised

WORDS = "words_to_avoid.toml"
NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:\s*([万亿]))?")
TIMES = {"万": 10**4, "亿": 10**8}
SHORTEST = 2
"""Digits of the shortest number that is held against the other language: smaller ones may be words."""


def numbers(text: str) -> set[str]:
    """The numbers in `text`, with digits only: ``1,000,000`` and ``100 万`` are the same."""
    found = set()
    for whole, fraction, unit in NUMBER.findall(text):
        number = whole.replace(",", "") + fraction
        if unit:
            found.add(f"{float(number) * TIMES[unit]:.0f}")
        elif len(number) >= SHORTEST:
            found.add(number)
    return found


def _entries(pages: Sequence[Localised]) -> dict[str, int]:
    """The glossary's terms, in every language, each with the number of its entry."""
    entries: dict[str, int] = {}
    number = 0
    for page in pages:
        line = 0
        for order, unit in enumerate(page.units):
            if unit.kind == "term":
                # The forms of one term stand on lines that follow one another.
                number += unit.line != line + 1
                line = unit.line
                entries |= {texts[order].lower(): number for texts in page.texts.values()}
    return entries


def _terms(linked: Mapping[str, list[str]], entries: Mapping[str, int]) -> Iterator[str]:
    """Say which languages link to other entries of the glossary than the source, which comes first."""
    for term in {term.lower(): term for terms in linked.values() for term in terms}.values():
        if term.lower() not in entries:
            yield f"“{term}” does not stand in the glossary"
            return
    (own, wanted), *others = linked.items()
    for folder, given in others:
        if sorted(entries[term.lower()] for term in given) != sorted(
            entries[term.lower()] for term in wanted
        ):
            shown = f"{own} links to {', '.join(wanted)}; {folder} to {', '.join(given)}"
            yield f"other terms of the glossary: {shown}"


def _numbers(texts: Mapping[str, str]) -> Iterator[str]:
    (own, text), *others = texts.items()
    for folder, other in others:
        if differing := numbers(text) ^ numbers(other):
            shown = f"{own} “{text}”, {folder} “{other}”"
            yield f"{', '.join(sorted(differing))} stands in one language only: {shown}"


def _words_to_avoid(project: Project) -> list[tuple[str, re.Pattern[str], str]]:
    """The words to avoid, each with its language and with what to write."""
    path = project.docs / WORDS
    return [
        (folder, re.compile(("" if HAN.search(word) else r"\b") + re.escape(word), re.IGNORECASE), good)
        for folder, words in (read_toml(path) if path.is_file() else {}).items()
        for word, good in words.items()
    ]


def findings(project: Project, pages: Sequence[Localised]) -> Iterator[SourceError]:
    """Every unit whose languages say different things, and every word that the glossary has another for."""
    entries, avoided = _entries(pages), _words_to_avoid(project)
    for page in pages:
        for order, unit in enumerate(page.units):
            if unit.kind == "term":
                continue
            texts = {folder: found[order] for folder, found in page.texts.items()}
            read = {folder: page.source.read(unit, text) for folder, text in texts.items()}
            faults = [
                *_terms({folder: found.terms for folder, found in read.items()}, entries),
                *_numbers(texts),
            ]
            for folder, pattern, good in avoided:
                if folder in read and (match := pattern.search(read[folder].words)):
                    faults.append(f"{folder} “{match[0]}”: write {good}; “{texts[folder]}”")
            for fault in faults:
                yield SourceError(page.source.path, unit.line, fault)
