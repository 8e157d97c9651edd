"""The directive ``error-index``: every error that a page shows, with the places that explain it.

The messages are taken from the outputs on the pages, so from runs. Wordings of other versions of a library stand
in ``error_aliases.toml`` beside the page's sources; search leads from them to the same place.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import _
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from . import synopsis
from .html_nodes import element, joined, page_link
from .state import site, table

logger = logging.getLogger(__name__)

ALIASES = "error_aliases.toml"
ERRORS = "errors shown"
"""Under this name a page's metadata in the environment has the errors in its outputs."""
ERROR = re.compile(
    r"^(?P<name>(?:\w+\.)*\w*(?:Error|Exception|Warning|Interrupt)): (?P<message>\S.*)$", re.MULTILINE
)
OUTPUT = {"sphx-glr-script-out", "output"}
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class PageError:
    """An error in the output of a page."""

    name: str
    """The error's class, as printed."""
    message: str
    docname: str
    anchor: str
    heading: str
    """Of the section that it stands in."""


def pattern(message: str) -> str:
    """A message without its numbers: equal for two runs of one mistake."""
    return NUMBER.sub("#", message)


# -- what the pages show


def _is_output(block: nodes.literal_block) -> bool:
    # Sphinx-Gallery marks the block itself, MyST-NB what is around it.
    return bool(OUTPUT & {*block["classes"], *block.parent["classes"]})


def _note(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    found = app.env.metadata[docname][ERRORS] = list[PageError]()
    for block in filter(_is_output, doctree.findall(nodes.literal_block)):
        section = block.parent
        while not isinstance(section, nodes.section):
            section = section.parent
        place = docname, section["ids"][0], section[0].astext()
        found += (
            PageError(match["name"], match["message"].strip(), *place)
            for match in ERROR.finditer(block.astext())
        )


def _errors(app: Sphinx) -> list[list[PageError]]:
    """The errors of all pages by class and message; of one error's places the last in reading order comes first.

    Later chapters go deeper into a mistake that earlier ones only show.
    """
    order = {page.docname: -number for number, page in enumerate(site(app).project.pages())}

    def kind(error: PageError) -> tuple[str, str]:
        return error.name, pattern(error.message)

    every = [error for page in app.env.metadata.values() for error in page.get(ERRORS, ())]
    every.sort(key=lambda error: (*kind(error), order.get(error.docname, 1)))
    return [list(group) for _, group in groupby(every, kind)]


def explained(app: Sphinx) -> Iterator[tuple[dict[str, Any], PageError | None]]:
    """Each entry of the table of other wordings, with the error that it is about, at the place that explains it."""
    errors = _errors(app)
    for entry in table(app, ALIASES, "errors"):
        wanted = pattern(entry["message"])
        found = (places[0] for places in errors if pattern(places[0].message).startswith(wanted))
        yield entry, next(found, None)


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    for entry, error in () if app.config.sitekit_only else explained(app):
        if error is None:
            path = Path(app.confdir) / ALIASES
            before, _, _ = path.read_text(encoding="utf-8").partition(entry["message"])
            logger.warning(
                "no page shows “%s”: correct or delete the entry", entry["message"],
                location=f"{path}:{before.count(chr(10)) + 1}", type="sitekit", subtype="errors",
            )  # fmt: skip


# -- the page


class error_index(nodes.General, nodes.Element):
    """Stands for the index until all pages are read."""


class ErrorIndex(SphinxDirective):
    """The directive: nothing in, a node out that `FillIndex` replaces."""

    def run(self) -> list[nodes.Node]:
        """A stand-in: the errors are known when all pages are read."""
        return [error_index()]


class FillIndex(SphinxPostTransform):
    """Replaces the stand-in by one section for each class of errors."""

    default_priority = 20

    def run(self, **kwargs: Any) -> None:
        """Put the errors, by class, in the place of the directive."""
        for node in list(self.document.findall(error_index)):
            aliases = defaultdict[PageError | None, list[dict[str, str]]](list)
            for entry, error in explained(self.app):
                aliases[error] += entry["aliases"]
            parts: list[nodes.Node] = []
            for name, group in groupby(_errors(self.app), lambda places: places[0].name):
                section = nodes.section("", ids=[nodes.make_id(name)], classes=["no-search"])
                section += nodes.title("", "", nodes.literal("", name))
                entries = [self.entry(places, aliases[places[0]]) for places in group]
                section += element("ul", *entries, class_="error-index")
                parts.append(section)
            node.replace_self(parts)

    def entry(self, places: list[PageError], others: list[dict[str, str]]) -> nodes.Element:
        """An error as an item of its class's list: message, links to the `places`, and the `others` wordings."""
        links = []
        for docname, anchor, heading in dict.fromkeys((at.docname, at.anchor, at.heading) for at in places):
            title = synopsis.page_title(self.app, docname)
            text = title if heading == title else f"{title} › {heading}"
            links.append(page_link(docname, text, anchor=anchor))
        item = element("li", element("code", places[0].message, lang="en"))
        item += element("p", *joined(links, _("; ")), class_="error-places")
        for alias in others:
            seen = element("span", _("in %(version)s:") % {"version": alias["version"]})
            wording = element("code", alias["text"], lang="en")
            item += element("p", seen, " ", wording, class_="error-alias")
        return item


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(error_index)
    app.add_directive("error-index", ErrorIndex)
    app.add_post_transform(FillIndex)
    app.connect("doctree-read", _note)
    app.connect("env-check-consistency", _check)
