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
from sphinx_gallery import _doctree_links

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

# As docutils writes text.
SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", ">": "&gt;", "@": "&#64;"})


class tokens(nodes.General, nodes.TextElement):
    """Highlighted code without links; its children are the text."""


class _Token(nodes.Text):
    """A token that knows its class; it costs a tenth of an element."""

    kind = ""


def _token(ttype: Any, text: str) -> _Token:
    token = _Token(text)
    token.kind = _doctree_links._pygments_class(ttype)
    return token


def _html(token: nodes.Node) -> str:
    text = token.astext().translate(SPECIAL)
    if isinstance(token, _Token):
        kind = token.kind
    else:
        kind = " ".join(token["classes"]) if isinstance(token, nodes.Element) else ""
    return f'<span class="{kind}">{text}</span>' if kind else text


def _joined(found: Sequence[nodes.Node]) -> tokens:
    return tokens("", "".join(token.astext() for token in found), html="".join(map(_html, found)))


class JoinTokens(SphinxPostTransform):
    """Joins the tokens between links, and those of each link."""

    default_priority = 6  # Sphinx-Gallery makes them at 5
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Join them in each block of code."""
        for block in list(self.document.findall(_doctree_links.code_links_block)):
            children: list[nodes.Node] = []
            for linked, run in groupby(block.children, lambda node: isinstance(node, nodes.reference)):
                found = list(run)
                if linked:
                    for link in found:
                        link.children = [_joined(link.children)]
                children += found if linked else [_joined(found)]
            block.clear()
            block += children


def _write(self: Any, node: tokens) -> None:
    self.body.append(node["html"])
    raise nodes.SkipNode


def _cheap_tokens(app: Sphinx, config: Config) -> None:
    # Line numbers are put between elements; without this function pages are the same, only slower to make.
    if hasattr(_doctree_links, "_token_node") and not config.sphinx_gallery_conf.get("line_numbers"):
        _doctree_links._token_node = _token


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(tokens, html=(_write, None))
    app.add_post_transform(JoinTokens)
    app.connect("config-inited", _cheap_tokens)
