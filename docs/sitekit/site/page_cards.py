"""What readers learn of a page before they read it: on its card in the chapter's index, and in the box below its promise.

A card stands in the place of Sphinx-Gallery's thumbnail and shows the page's first figure as it was recorded, or, of a
page that draws none, what it printed first. The box tells how long the page takes, what to read first, downloads, and
what made its output.
"""

import posixpath
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _

from ..execute.record import Record
from ..project.layout import Page
from . import downloads, replay, synopsis
from .html_nodes import SKIPPED, element, joined, page_link
from .records_on_page import provenance
from .state import site

PRINTED_LINES = 6


# -- cards


class thumbnail(nodes.image):
    """A picture with its size in attributes; Sphinx finds and copies it as any other."""


def _pictures(record: Record) -> Iterator[nodes.Node]:
    """The first figure, light and dark; the link around them has the page's title, so they need no text."""
    at = next((number for number, cell in enumerate(record.cells) if cell.figures), None)
    if at is None:
        return
    figure = record.cells[at].figures[0]
    for theme, name in replay.image_files(record, at, 0).items():
        yield thumbnail("", uri=f"/{name}", alt="", theme=theme, wide=figure.width, high=figure.height)


def _printed(record: Record) -> nodes.Element:
    lines = (line for cell in record.cells for line in cell.text.splitlines() if line.strip())
    return element("pre", "\n".join(islice(lines, PRINTED_LINES)), aria_hidden="true")


def _card(app: Sphinx, page: Page) -> nodes.Element:
    """A page as an item of its chapter's list: picture or printed lines, title, promise, facts."""
    records = [item.record for item in site(app).records[page.docname]]
    record = records[0]
    pictures = list(_pictures(record)) or [_printed(record)]
    facts = [synopsis.minutes(page.minutes)] if page.minutes else []
    facts += [item.device.upper() for item in records]
    return element(
        "li",
        page_link(
            page.docname,
            element("span", *pictures, class_="card-picture"),
            element(
                "span",
                element("span", synopsis.number(app, page), class_="card-number"),
                synopsis.page_title(app, page.docname),
                class_="card-title",
            ),
        ),
        element("p", synopsis.promise(app, page.docname)),
        element("p", " · ".join(facts), class_="card-facts"),
    )


def _add_cards(app: Sphinx, doctree: nodes.document) -> None:
    project = site(app).project
    chapter = next((item for item in project.chapters if f"{item.name}/index" == app.env.docname), None)
    if chapter is None:
        return
    # What Sphinx-Gallery wrote between the chapter's text and its contents.
    for node in [*doctree.findall(nodes.raw), *doctree.findall(addnodes.only)]:
        if isinstance(node, addnodes.only) or re.search("sphx-glr-|</div>", node.astext()):
            node.parent.remove(node)
    section = next(iter(doctree.findall(nodes.section)))
    section.insert(1, element("p", synopsis.chapter_facts(chapter), class_="chapter-facts"))
    cards = [_card(app, page) for page in chapter.pages if page in site(app).pages]
    section += element("ol", *cards, class_="page-cards")


def _visit(translator: Any, node: thumbnail) -> None:
    builder = translator.builder
    # A picture that could not be read is not there; Sphinx has warned.
    address = posixpath.join(builder.imgpath, quote(builder.images.get(node["uri"], "")))
    translator.body.append(
        f'<img class="only-{node["theme"]}" src="{address}" alt="" width="{node["wide"]}" height="{node["high"]}"'
        ' loading="lazy" decoding="async">'
    )
    raise nodes.SkipNode


# -- the box


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


def _add_facts(app: Sphinx, doctree: nodes.document) -> None:
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
    app.add_node(thumbnail, html=(_visit, None), **SKIPPED)
    app.connect("doctree-read", _add_facts, priority=900)  # after Sphinx collected the downloads
    app.connect("doctree-read", _add_cards, priority=100)  # before Sphinx collects the images, at 500
