"""Code with links, one to each place in a block, and its tokens in one piece.

Sphinx-Gallery makes a node of each token, a thousand on a page, and everything that walks over the page
afterwards walks over them. Here the tokens between two links become one node that knows its HTML.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator
from sphinx_gallery import _doctree_links

PUNCTUATION = ["p"]


class tokens(nodes.General, nodes.TextElement):
    """Highlighted code without links; its children are the text."""


def _kind(token: nodes.Node) -> str:
    """The class of a token; blanks have none, nor has what both of our styles show as the code around it."""
    if not isinstance(token, nodes.Element) or token.astext().isspace() or token["classes"] == PUNCTUATION:
        return ""
    return " ".join(token["classes"])


def _joined(run: Iterable[nodes.Node]) -> tokens:
    """The tokens of `run` as Pygments writes them: neighbours of one kind together."""
    found = [
        token for node in run for token in (node.children if isinstance(node, nodes.reference) else [node])
    ]
    parts = []
    for name, same in groupby(found, _kind):
        text = "".join(token.astext() for token in same).translate(HTML5Translator.special_characters)
        parts.append(f'<span class="{name}">{text}</span>' if name else text)
    return tokens("", "".join(token.astext() for token in found), html="".join(parts))


def _is_link(node: nodes.Node) -> bool:
    """Whether `node` is a link to keep."""
    if not isinstance(node, nodes.reference):
        return False
    # The variable of a class with a small letter often has its name: `device = torch.device("cpu")`.
    name = node.astext()
    return not (name.islower() and "." not in name and any("py-class" in item for item in node["classes"]))


def _plain_link(node: nodes.Node) -> nodes.Node:
    """The link without its tokens, and without the classes of Sphinx-Gallery's own style sheet."""
    assert isinstance(node, nodes.reference)
    node[:] = [nodes.Text(node.astext())]
    node["classes"] = []
    return node


def _parts(block: nodes.Element) -> list[nodes.Node]:
    """What stands in a block of code: its first link to each place, and between two links one node of tokens."""
    seen: set[str] = set()

    def is_new(node: nodes.Node) -> bool:
        if not isinstance(node, nodes.reference) or not _is_link(node):
            return False
        address = str(node["refuri"])
        new = address not in seen
        seen.add(address)
        return new

    parts: list[nodes.Node] = []
    for linked, run in groupby(block.children, is_new):
        if linked:
            parts += map(_plain_link, run)
        else:
            parts.append(_joined(run))
    return parts


class JoinTokens(SphinxPostTransform):
    """Makes one node of the tokens between two links, in each block of code."""

    default_priority = 6  # Sphinx-Gallery makes them at 5
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Replace the tokens in the document."""
        for block in list(self.document.findall(_doctree_links.code_links_block)):
            block[:] = _parts(block)


def _write(self: Any, node: tokens) -> None:
    self.body.append(node["html"])
    raise nodes.SkipNode


def _no_link_known(app: Sphinx, domain: Any, node: Any) -> bool | None:
    """Leave a Python name as code where no inventory has its package: there is nothing to link it to."""
    if not domain or domain.name != "py":
        return None
    package = node["reftarget"].partition(".")[0]
    known = getattr(app.env, "intersphinx_inventory", {})
    names = (name for kind, found in known.items() if kind.startswith("py:") for name in found)
    return None if any(name.partition(".")[0] == package for name in names) else True


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("warn-missing-reference", _no_link_known)
    app.add_node(tokens, html=(_write, None))
    app.add_post_transform(JoinTokens)
