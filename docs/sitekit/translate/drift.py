"""What a page says in two languages and must say alike, beyond markup: numbers, and the glossary's words.

That a translation is older than its source is told when catalogues are read; this finds one that was called
up to date and is not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..markup.units import HAN, Unit
from ..project.errors import SourceError
from ..project.files import read_toml

if TYPE_CHECKING:
    from ..project.layout import Project
    from .localise import Localised
    from .sources import Source

__all__ = ["findings", "numbers"]


WORDS = "words_to_avoid.toml"
NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:\s*([万亿]))?")
TIMES = {"万": 10**4, "亿": 10**8}
SHORTEST = 2
"""Digits of the shortest number that is held against the other language: smaller ones may be words."""


def numbers(text: str) -> Counter[str]:
    """The numbers in `text`, with digits only: ``1,000,000`` and ``100 万`` are the same."""
    found: Counter[str] = Counter()
    for whole, fraction, unit in NUMBER.findall(text):
        number = whole.replace(",", "")
        if unit:
            found[f"{float(number + fraction) * TIMES[unit]:.0f}"] += 1
        elif fraction or len(number) >= SHORTEST:
            found[number + fraction] += 1
    return found


def _entries(pages: Sequence[Localised]) -> dict[str, int]:
    """The glossary's terms, in every language, each with the number of its entry."""
    entries: dict[str, int] = {}
    number = 0
    for page in pages:
        line = 0
        for order, unit in enumerate(page.units):
            if unit.kind == "term":
                number += (
                    unit.line != line + 1
                )  # the forms of one term stand on lines that follow one another
                line = unit.line
                for texts in page.texts.values():
                    entries[texts[order].lower()] = number
    return entries


def _terms(
    page: Localised, unit: Unit, texts: Mapping[str, str], entries: Mapping[str, int]
) -> Iterator[SourceError]:
    """Say which languages link to other entries of the glossary than the source does."""
    source = page.source
    linked = {folder: source.read(unit, text).terms for folder, text in texts.items()}
    for term in {term for terms in linked.values() for term in terms}:
        if term.lower() not in entries:
            yield SourceError(source.path, unit.line, f"“{term}” does not stand in the glossary")
            return
    counted = {folder: Counter(entries[term.lower()] for term in terms) for folder, terms in linked.items()}
    (own, wanted), *others = counted.items()
    for folder, given in others:
        if given != wanted:
            shown = f"{own} links to {', '.join(linked[own])}; {folder} to {', '.join(linked[folder])}"
            yield SourceError(source.path, unit.line, f"other terms of the glossary: {shown}")


def _numbers(source: Source, unit: Unit, texts: Mapping[str, str]) -> Iterator[SourceError]:
    (own, text), *others = texts.items()
    for folder, other in others:
        differing = set(numbers(text)) ^ set(numbers(other))
        if differing:
            shown = f"{own} “{text}”, {folder} “{other}”"
            message = f"{', '.join(sorted(differing))} stands in one language only: {shown}"
            yield SourceError(source.path, unit.line, message)


def _words(project: Project) -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """For each language the words to avoid, with what to write."""
    path = project.docs / WORDS
    if not path.is_file():
        return {}
    found = {}
    for folder, words in read_toml(path).items():
        found[folder] = [
            (
                re.compile(re.escape(word) if HAN.search(word) else rf"\b{re.escape(word)}", re.IGNORECASE),
                good,
            )
            for word, good in words.items()
        ]
    return found


def findings(project: Project, pages: Sequence[Localised]) -> Iterator[SourceError]:
    """Every unit whose languages say different things, and every word that the glossary has another for."""
    entries, words = _entries(pages), _words(project)
    for page in pages:
        for order, unit in enumerate(page.units):
            if unit.kind == "term":
                continue
            texts = {folder: found[order] for folder, found in page.texts.items()}
            yield from _terms(page, unit, texts, entries)
            yield from _numbers(page.source, unit, texts)
            for folder, text in texts.items():
                prose = page.source.read(unit, text).words
                for pattern, good in words.get(folder, ()):
                    if match := pattern.search(prose):
                        path: Path = page.source.path
                        yield SourceError(path, unit.line, f"{folder} “{match[0]}”: write {good}; “{text}”")
