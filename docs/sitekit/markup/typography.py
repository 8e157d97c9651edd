"""Blanks beside Chinese characters that only the source needs: reStructuredText wants them around its markup."""

import re
from collections.abc import Iterator

from docutils import nodes

from .units import FULL_WIDTH, HAN

WIDE = f"(?:{HAN.pattern}|{FULL_WIDTH.pattern}|[“”‘’…—])"
LETTER = r"[^\W\u2e80-\u9fff\uf900-\ufaff_]"
"""A letter or digit of another script, beside which browsers set a narrow space of their own."""
BETWEEN_CHINESE = re.compile(
    rf"(?<={HAN.pattern}) (?={WIDE})|(?<={WIDE}) (?={HAN.pattern})"
    rf"|(?<={FULL_WIDTH.pattern}) | (?={FULL_WIDTH.pattern})"
)
"""Blanks between two Chinese characters, and beside their punctuation."""
BESIDE_LETTERS = re.compile(rf"(?<={HAN.pattern}) (?=[−±≈]?{LETTER})|(?<={LETTER}) (?={HAN.pattern})")
VERBATIM = (nodes.literal, nodes.math)
"""Nodes whose own text stays as it is; beside one a blank counts as beside a letter."""


def closed_up(text: str, *, letters: bool = False) -> str:
    """`text` without blanks between Chinese characters, and, with `letters`, without those beside letters and digits."""
    text = BETWEEN_CHINESE.sub("", text)
    return BESIDE_LETTERS.sub("", text) if letters else text


def _leaves(parent: nodes.Element) -> Iterator[nodes.Text | nodes.Element]:
    """The texts of a paragraph in order; code and formulas count as one each."""
    for node in parent.children:
        if isinstance(node, nodes.Text | nodes.math | nodes.literal):
            yield node
        elif isinstance(node, nodes.Element):
            yield from _leaves(node)


def close_up(paragraph: nodes.Element, *, letters: bool = False) -> None:
    """Take such blanks out of a paragraph's nodes, also where markup begins or ends between the two characters."""
    leaves = list(_leaves(paragraph))
    shown = ["x" if isinstance(leaf, VERBATIM) else leaf.astext() for leaf in leaves]
    whole = "".join(shown)
    if not HAN.search(whole):
        return
    found = [*BETWEEN_CHINESE.finditer(whole), *(BESIDE_LETTERS.finditer(whole) if letters else ())]
    gone = {match.start() for match in found}
    start = 0
    for leaf, text in zip(leaves, shown, strict=True):
        kept = "".join(character for at, character in enumerate(text, start) if at not in gone)
        start += len(text)
        if kept != text and isinstance(leaf, nodes.Text):
            leaf.parent.replace(leaf, nodes.Text(kept))
