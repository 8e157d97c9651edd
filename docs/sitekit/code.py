"""Code with links, its tokens in one piece.

Sphinx-Gallery makes a node of each token, a thousand on a page, and everything that walks over the page
afterwards walks over them. Here the tokens between two links become one node that knows its HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# As docutils writes text.
SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", ">": "&gt;", "@": "&#64;"})


class tokens(nodes.General, nodes.TextElement):
    """Highlighted code without links; its children are the text."""


def _html(token: nodes.Node) -> str:
    text = token.astext().translate(SPECIAL)
    classes = token["classes"] if isinstance(token, nodes.Element) else ()
    return f'<span class="{" ".join(classes)}">{text}</span>' if classes else text


def _joined(found: Sequence[nodes.Node]) -> tokens:
    return tokens("", "".join(token.astext() for token in found), html="".join(map(_html, found)))


class JoinTokens(SphinxPostTransform):
    """Joins the tokens between links."""

    default_priority = 6  # Sphinx-Gallery makes them at 5
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Join them in each block of code."""
        for block in list(self.document.findall(nodes.TextElement)):
            if block.tagname != "code_links_block":
                continue
            children: list[nodes.Node] = []
            for linked, run in groupby(block.children, lambda node: isinstance(node, nodes.reference)):
                found = list(run)
                children += found if linked else [_joined(found)]
            block.clear()
            block += children


def _write(self: Any, node: tokens) -> None:
    self.body.append(node["html"])
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(tokens, html=(_write, None))
    app.add_post_transform(JoinTokens)
