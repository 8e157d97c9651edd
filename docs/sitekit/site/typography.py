"""Chinese as it is set in books: no blank stands inside it, because browsers set the space beside letters themselves.

Blanks that only the source's markup needs would show, and a search of the page for what a reader sees would miss.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from ..markup.typography import close_up

SET = (nodes.title, nodes.paragraph, nodes.rubric, nodes.caption, nodes.attribution, nodes.term)


class CloseUp(SphinxTransform):
    """Takes the blanks out of each paragraph."""

    default_priority = 220  # after parts made their titles, before titles and terms are collected

    def apply(self, **kwargs: Any) -> None:
        """Change the page's document."""
        for node in list(self.document.findall(nodes.TextElement)):
            if isinstance(node, SET):
                close_up(node, letters=True)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_transform(CloseUp)
