"""Formulas as MathML Core, made when the site is built; the reader's browser needs no script for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
_converter = LatexToMathML(fancy_error=False)


def _convert(node: nodes.Element, *, display: bool) -> str:
    try:
        return _converter.convert_with_local_state(node.astext(), displaystyle=display)
    except LatexError as error:
        logger.warning(
            "this formula can't be shown: %s", error, location=node, type="sitekit", subtype="math"
        )
        return ""


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
