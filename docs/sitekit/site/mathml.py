"""Formulas as MathML Core, made when the site is built; the reader's browser needs no script for them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

__all__ = ["CHARACTERS"]


logger = logging.getLogger(__name__)
_converter = LatexToMathML(fancy_error=False)

CHARACTERS = "formula characters"
"""Under this name a page's metadata in the environment has the characters that its formulas are set in."""
TOKEN = re.compile(r"<(?P<tag>m[ions]|mtext)(?P<attributes>[^>]*)>(?P<text>[^<]+)<")
ROOT = re.compile(r"<m(sqrt|root)\b")
ITALIC = {
    unicodedata.normalize("NFKC", character): character
    for character in map(chr, [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)])
    if unicodedata.category(character) != "Cn"
}
"""What the browser shows for a letter that is an identifier by itself."""


def _convert(node: nodes.Element, *, display: bool) -> str:
    if "mathml" in node:
        return str(node["mathml"])
    try:
        return _converter.convert_with_local_state(node.astext(), displaystyle=display)
    except LatexError as error:
        logger.warning(
            "this formula can't be shown: %s", error, location=node, type="sitekit", subtype="math"
        )
        return ""


def _characters(mathml: str) -> Iterator[str]:
    """The characters that a browser shows of a formula."""
    for token in TOKEN.finditer(mathml):
        text = html.unescape(token["text"])
        yield from text
        if token["tag"] == "mi" and len(text) == 1:
            yield ITALIC.get(text, text)
        elif text == "-":
            yield "−"
    if ROOT.search(mathml):
        yield "√"


def _note_characters(app: Sphinx, doctree: nodes.document) -> None:
    found: set[str] = set()
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.math | nodes.math_block):
            node["mathml"] = _convert(node, display=isinstance(node, nodes.math_block))
            found.update(_characters(node["mathml"]))
    app.env.metadata[app.env.docname][CHARACTERS] = "".join(sorted(found))


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_convert(node, display=False))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(_convert(node, display=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("doctree-read", _note_characters, priority=960)  # counterparts have come in by then
