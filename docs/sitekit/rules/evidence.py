"""Whether a page shows what it says: each fraction and percentage in its prose stands in its output or its code."""

import io
import re
import tokenize
from collections.abc import Iterator

from ..markup.units import display_width
from ..project.errors import SourceError
from .pages import WIDEST, Executed, prose

PACKAGES = r"(?:PyTorch|torch|torchvision|Python|NumPy|SciPy|scikit-learn|matplotlib|CUDA|pip|nox|Sphinx)"
VERSION = re.compile(rf"{PACKAGES} ?\d[\d.]*")
FRACTION = re.compile(r"(?<![\w.])(?P<number>\d+\.\d+|\d+(?=\s*[%％]))(?P<percent>\s*[%％])?(?![\w]|\.\d)")
"""A fraction or a percentage in prose."""
NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?")
NOT_CHECKED = {"alt", "fold", "title"}


def _numbers(text: str) -> set[float]:
    return {float(found) for found in NUMBER.findall(text.replace("_", ""))}


def _in_code(code: str) -> set[float]:
    """The numbers of a page's code, also those within its texts; not of its comments."""
    found: set[float] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in {tokenize.NUMBER, tokenize.STRING}:
                found |= _numbers(token.string)
    except (tokenize.TokenError, IndentationError):
        pass  # running the page will say so
    return found


def stands_in(number: str, numbers: set[float], *, percent: bool = False) -> bool:
    """Whether one of `numbers`, rounded to as many digits, reads `number`; a percentage may stand there as a fraction."""
    value = float(number)
    half = 0.5 * 10.0 ** -len(number.partition(".")[2]) * (1 + 1e-9)
    scales = (1, 100) if percent else (1,)
    return any(abs(scale * known - value) <= half for known in numbers for scale in scales)


def _unproved(page: Executed) -> Iterator[SourceError]:
    known = _in_code(page.code).union(*map(_numbers, page.outputs))
    excused = {mark.number.rstrip("%") for mark in page.elsewhere}
    used: set[str] = set()
    for item in prose(page.localised):
        if item.kind in NOT_CHECKED:
            continue
        for found in FRACTION.finditer(VERSION.sub("", f"{item.words} {item.formulas}")):
            number, percent = found["number"], bool(found["percent"])
            if number in excused:
                used.add(number)
            elif not stands_in(number, known, percent=percent):
                shown = number + "%" * percent
                advice = "print it, drop it, or say above the paragraph why not: `.. not-printed: "
                fault = (
                    f"{shown} stands in no output or code of this page ({item.folder}): {advice}{shown}: …`"
                )
                yield page.error(item.line, fault)
    for mark in page.elsewhere:
        if mark.number.rstrip("%") not in used:
            yield page.error(mark.line, f"no sentence says {mark.number}: take this mark away")


def _wide(page: Executed) -> Iterator[SourceError]:
    for output in page.outputs:
        for line in output.splitlines():
            if (width := display_width(line)) > WIDEST:
                fault = f"{width} columns are printed (at most {WIDEST}): “{line[:60]}…”"
                yield page.error(1, fault)


def findings(page: Executed) -> Iterator[SourceError]:
    """What a page says and doesn't show, and lines that are cut off."""
    if page.outputs:
        yield from _unproved(page)
    yield from _wide(page)
