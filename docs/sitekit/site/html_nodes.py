"""Doctree nodes for furniture: plain HTML elements, and links to pages by name.

What they hold is written by this package and not by an author, so search and side-by-side reading leave it
out, and builders of other formats skip it.
"""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


class html_element(nodes.General, nodes.TextElement):
    """An element of HTML with any children."""


def element(tag: str, *children: nodes.Node | str, **attributes: str) -> nodes.Element:
    """``<tag>`` around `children`; of `attributes`, ``class_`` and ``aria_label`` become ``class``, ``aria-label``."""
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    inside = [nodes.Text(child) if isinstance(child, str) else child for child in children]
    return html_element("", "", *inside, tag=tag, html=names, classes=["no-search"])


def joined(items: Iterable[nodes.Node], between: str) -> Iterator[nodes.Node | str]:
    """`items` with the text `between` each two."""
    for number, item in enumerate(items):
        if number:
            yield between
        yield item


def page_link(docname: str, *children: nodes.Node | str, anchor: str = "", class_: str = "") -> nodes.Element:
    """A link to the page `docname`, or to a section of it; without an address where that page is not built."""
    link = element("a", *children, **({"class": class_} if class_ else {}))
    link["page"] = docname, anchor
    return link


def _visit(translator: Any, node: html_element) -> None:
    builder, attributes = translator.builder, node["html"]
    docname, anchor = node.get("page", ("", ""))
    if docname in builder.env.found_docs:
        address = builder.get_relative_uri(builder.current_docname, docname)
        attributes = {"href": f"{address}#{anchor}" if anchor else address, **attributes}
    written = (f' {name}="{escape(text)}"' for name, text in attributes.items())
    translator.body.append(f"<{node['tag']}{''.join(written)}>")


def _depart(translator: Any, node: html_element) -> None:
    translator.body.append(f"</{node['tag']}>")


def _skip(translator: Any, node: nodes.Element) -> None:
    raise nodes.SkipNode


SKIPPED: Any = dict.fromkeys(("latex", "text", "man", "texinfo"), (_skip, None))
"""For `Sphinx.add_node`: the builders that leave a node out."""


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(html_element, html=(_visit, _depart), **SKIPPED)
