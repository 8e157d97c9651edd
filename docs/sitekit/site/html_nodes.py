"""Doctree nodes for furniture: plain HTML elements, and links to pages by name.

What they hold is written by this package and not by an author, so search and side-by-side reading leave it
out, and builders of other formats skip it.
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

__all__ = ["SKIPPED", "element", "page_link"]


class html_element(nodes.General, nodes.TextElement):
    """An element of HTML with any children."""


class html_page_link(nodes.General, nodes.TextElement):
    """A link to another page; without an address where that page is not built."""


def _fill(node: nodes.Element, children: tuple[nodes.Node | str, ...]) -> nodes.Element:
    node["classes"] = ["no-search"]
    node += [nodes.Text(child) if isinstance(child, str) else child for child in children]
    return node


def element(tag: str, *children: nodes.Node | str, **attributes: str) -> nodes.Element:
    """``<tag>`` around `children`; of `attributes`, ``class_`` and ``aria_label`` become ``class``, ``aria-label``."""
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return _fill(html_element("", "", tag=tag, html=names), children)


def page_link(docname: str, *children: nodes.Node | str, anchor: str = "", class_: str = "") -> nodes.Element:
    """A link to the page `docname`, or to a section of it, around `children`."""
    html = {"class": class_} if class_ else {}
    return _fill(html_page_link("", "", docname=docname, anchor=anchor, html=html), children)


def _open(tag: str, attributes: dict[str, str]) -> str:
    written = (f' {name}="{escape(text)}"' for name, text in attributes.items())
    return f"<{tag}{''.join(written)}>"


def _visit_element(translator: Any, node: html_element) -> None:
    translator.body.append(_open(node["tag"], node["html"]))


def _depart_element(translator: Any, node: html_element) -> None:
    translator.body.append(f"</{node['tag']}>")


def _visit_link(translator: Any, node: html_page_link) -> None:
    builder, target = translator.builder, node["docname"]
    built = target in builder.env.found_docs
    uri = builder.get_relative_uri(builder.current_docname, target) if built else ""
    fragment = f"#{node['anchor']}" if node["anchor"] else ""
    address = {"href": uri + fragment} if built else {}
    translator.body.append(_open("a", address | node["html"]))


def _depart_link(translator: Any, node: html_page_link) -> None:
    translator.body.append("</a>")


def _skip(translator: Any, node: nodes.Element) -> None:
    raise nodes.SkipNode


SKIPPED: Any = dict.fromkeys(("latex", "text", "man", "texinfo"), (_skip, None))
"""For `Sphinx.add_node`: the builders that leave a node out."""


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(html_element, html=(_visit_element, _depart_element), **SKIPPED)
    app.add_node(html_page_link, html=(_visit_link, _depart_link), **SKIPPED)
