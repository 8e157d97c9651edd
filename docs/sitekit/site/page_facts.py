"""The box under a page's promise: how long it takes, what to read first, downloads, and what made its output."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _

from ..project.layout import Page
from . import downloads, synopsis
from .html_nodes import element, joined, page_link
from .records_on_page import provenance
from .state import site


def _fact(name: str, label: str, *children: nodes.Node | str) -> nodes.Element:
    return element("div", element("dt", label), element("dd", *children), class_=f"fact-{name}")


def _of_example(
    app: Sphinx, page: Page, links: dict[str, addnodes.download_reference]
) -> Iterator[nodes.Element]:
    if page.minutes:
        yield _fact("reading", _("Reading"), synopsis.minutes(page.minutes))
    first = [page_link(name, synopsis.page_title(app, name)) for name in page.prerequisites]
    yield _fact("first", _("Read first"), *(joined(first, _("; ")) if first else [_("nothing")]))
    if links:
        script = Path(links[".py"]["reftarget"]).name
        yield _fact("downloads", _("Download"), *joined(links.values(), " "))
        yield _fact("run", _("Run"), nodes.literal("", f"python {script}"))


def _insert(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    links = downloads.take_links(doctree)
    page = next((page for page in site(app).project.pages() if page.docname == docname), None)
    rows = [*_of_example(app, page, links)] if page else []
    if records := site(app).records.get(docname):
        lines = [provenance(item, app.config.sitekit_versions_shown) for item in records]
        lines = [line.replace(" · ", "\u00a0· ") for line in lines]  # no line starts with the dot
        parts = [element("div", line) for line in lines] if len(lines) > 1 else lines
        rows.append(_fact("output", _("Output"), *parts))
    title = doctree.next_node(nodes.title)
    if not rows or title is None:
        return
    place = title.parent.index(title) + 1
    if place < len(title.parent) and isinstance(title.parent[place], nodes.paragraph):
        place += 1  # the promise stands above
    title.parent.insert(place, element("dl", *rows, class_="page-facts simple"))


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("doctree-read", _insert, priority=900)  # after Sphinx collected the downloads
