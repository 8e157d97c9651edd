"""Makes texts fit for the search's data: formulas as words, no blanks between Chinese characters, telling code."""

import ast
import builtins
import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

HAN = "[\u3400-\u4dbf\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]"
NAME = re.compile(r"(?<=\.)[A-Za-z_]\w{2,}|\b[A-Za-z_]\w{2,}(?=[(=\"])|\b[A-Z]\w*[a-z]\w*")
"""In code: attributes, what is called, keywords, also as texts, classes."""
OWN = re.compile(r"^\s*(?:def|class) (\w+)|^\s*(\w+)(?:, \w+)* = |\bfor (\w+) in\b")
"""A name that the page itself defines."""
BESIDE = re.compile(r"print\(|f[\"']|except\b.*:$|for\b.* in .*:$")
"""How a line of code begins that prints, catches or repeats what other lines are about."""
WORD = re.compile(r"[^\W\d]+")
PYTHONS_OWN = {name for name in dir(builtins) if name.islower()}
COMMENT = re.compile(r"  # .*")
LONGEST = 300
"""Characters of a line; more of a message is seldom looked for, and never shown."""
COMMON = 0.025
"""Share of the pages above which a name in code tells nothing of its page."""


def tidy(text: str) -> str:
    """`text` in one line; where a line of Chinese ended in the source is no blank."""
    return re.sub(rf"(?<={HAN}) (?={HAN})", "", " ".join(text.split()))


def _is_prose(line: str) -> bool:
    """Whether a printed line says something: an error, a sentence; and not a row of numbers."""
    return re.search(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){3}", line) is not None and not _is_code(line)


def _is_code(line: str) -> bool:
    with contextlib.suppress(SyntaxError, ValueError):
        return bool(ast.parse(f"{line} pass" if line.endswith(":") else line))
    return False


def _names(lines: Sequence[str]) -> set[str]:
    own = {name for line in lines for names in OWN.findall(line) for name in names}
    return {name for line in lines for name in NAME.findall(line)} - own


def _bare(line: str) -> str:
    return COMMENT.sub("", line.strip())


def telling_lines(pages: Sequence[Sequence[Sequence[str]]]) -> Iterator[list[list[str]]]:
    """Of the lines of code and output of each page's sections those that tell it from others.

    A name that stands on many pages, such as ``plt``, tells nothing, nor does one of Python's own, such as ``sorted``.
    One that was there before on its page tells nothing more; neither does a table of numbers, a line that differs from
    an earlier one in numbers only, a call of ``print`` or the head of a loop.
    """
    every = [_names([line for lines in sections for line in lines]) for sections in pages]
    often = Counter(name for names in every for name in names)
    most = max(2, COMMON * len(pages))
    for sections, names in zip(pages, every, strict=True):
        new = {name for name in names if often[name] <= most} - PYTHONS_OWN
        seen: set[str] = set()
        kept: list[list[str]] = []
        for lines in sections:
            kept.append([])
            for line in map(_bare, lines):
                found = new.intersection(NAME.findall(line))
                words = " ".join(WORD.findall(line))
                if (found or _is_prose(line)) and words not in seen and not BESIDE.match(line):
                    kept[-1].append(line[:LONGEST])
                    seen.add(words)
                    new -= found
        yield kept
