"""The form of a page: its length, its title, its punctuation, its markup."""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from ..markup.units import HAN, Unit, display_width
from ..project.errors import SourceError
from ..project.files import read_text
from ..translate.localise import Localised
from ..translate.sources import PLAIN, Source
from .pages import WIDEST, prose

LONGEST_PAGE = 250
LONGEST_TITLE = {"han": 12, "words": 6}
HALF_WIDTH = re.compile(rf"{HAN.pattern}[,;:?!()]|[,;:?!(]{HAN.pattern}")
BOLD_THAT_STAYS_OPEN = re.compile(r"\*\*[^*\s][^*]*[：，。；！？、）]\*\*(?=\w)")
CHAIN = re.compile(r"[:：;；](?!\d)")
LONGEST_CHAIN = 1
"""Colons and semicolons of a paragraph: more of them stand where a connective is missing."""
UNDERLINE = re.compile(r"#? ?([=~-])\1{3,}")
LEFT_OVER = re.compile(r"`|\*\*|(?<!\w):\w+:(?=`)")


def _script(lines: list[str]) -> Iterator[tuple[int, str]]:
    if len(lines) > LONGEST_PAGE:
        yield LONGEST_PAGE, f"a page has at most {LONGEST_PAGE} lines"
    if not lines or lines[0] != "# /// script":
        yield 1, "an example starts with its PEP 723 header, `# /// script`"
    for number, line in enumerate(lines, 1):
        title = lines[number - 2]
        is_text = line.startswith("# ") == title.startswith("# ")
        if is_text and UNDERLINE.fullmatch(line) and len(line) < display_width(title):
            yield number, "make the underline as wide as the title, where a Chinese character has two columns"
        if line.strip() == "plt.show()":
            above = takewhile(lambda line: line.strip().startswith("# "), reversed(lines[: number - 1]))
            if not any("# alt: " in line for line in above):
                yield number, "describe the figure: `# alt: …` on the line above"


def _unit(source: Source, unit: Unit) -> Iterator[str]:
    words = source.read(unit, unit.text).words
    if HAN.search(words) and unit.kind != "term":
        for found in HALF_WIDTH.finditer(words):
            yield f"half-width punctuation in Chinese: “{found[0]}”"
    if source.dialect == "markdown":
        if bold := BOLD_THAT_STAYS_OPEN.search(unit.text):
            yield f"CommonMark doesn't make {bold[0]} bold: put the punctuation outside"
    elif unit.kind not in PLAIN and (mark := LEFT_OVER.search(words)):
        yield f"docutils doesn't read the markup at “{words[mark.start() :][:20]}”: put blanks around it"


def _title(shown: str) -> Iterator[str]:
    if HAN.search(shown):
        if display_width(shown) > 2 * LONGEST_TITLE["han"]:
            yield f"a title has at most 12 characters: “{shown}”"
    elif len(shown.split()) > LONGEST_TITLE["words"]:
        yield f"a title has at most 6 English words: “{shown}”"


def _wide_comments(page: Localised, folder: str) -> Iterator[tuple[int, str]]:
    """Lines of code that their translated end-of-line comment makes wider than a page."""
    before = ""
    texts = iter(page.texts[folder])
    for segment in page.segments:
        if isinstance(segment, Unit):
            text = next(texts)
            width = display_width(before + segment.first_prefix + text)
            if segment.kind == "comment" and not segment.width and width > WIDEST:
                yield (
                    segment.line,
                    f"{width} columns wide with the {folder} comment “{text}” (at most {WIDEST})",
                )
            before = ""
        else:
            before = (before + segment.text).rpartition("\n")[2]


def _page(page: Localised) -> Iterator[tuple[int, str]]:
    """What breaks a rule, each with its line."""
    if page.source.dialect == "python":
        yield from _script(read_text(page.source.path).splitlines())
        first = page.titles[0]
        for folder in page.texts:
            yield from ((page.units[first].line, fault) for fault in _title(page.plain(first, folder)))
    for unit in page.units:
        yield from ((unit.line, fault) for fault in _unit(page.source, unit))
    for folder in page.texts:
        yield from _wide_comments(page, folder)
    for item in prose(page):
        chain = CHAIN.findall(item.words)
        if item.kind not in PLAIN and len(chain) > LONGEST_CHAIN:
            fault = f"{len(chain)} colons and semicolons in one paragraph ({item.folder}): write sentences, joined by words"
            yield item.line, f"{fault}: “{item.words[:60]}…”"
        if item.kind == "fold" and "`" in item.text:
            yield item.line, f"a folded cell's title has no markup: “{item.text}”"


def findings(pages: Iterable[Localised]) -> Iterator[SourceError]:
    """Every place where a page's form is not as it has to be."""
    for page in pages:
        for line, fault in _page(page):
            yield SourceError(page.source.path, line, fault)
