"""The directive ``error-index``: every error that a page shows, with the places that explain it.

The errors are those that the pages' records hold, as they were raised. Wordings that no record has stand in
``error_aliases.toml`` beside the page's sources; search leads from them to the same places.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import _
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from ..execute.record import Record
from . import synopsis
from .html_nodes import element, joined, page_link
from .state import site, table

logger = logging.getLogger(__name__)

ALIASES = "error_aliases.toml"
ERRORS = "errors shown"
"""Under this name a page's metadata in the environment has the errors in its outputs."""
CLASS = re.compile(
    r"(?:\w+\.)*(?P<name>[A-Z]\w*(?:Error|Exception|Warning|Interrupt)): (?P<message>.+)", re.DOTALL
)
INDEX = "error index"
"""Under this name the metadata of the page that has the index says so."""
OUTPUT = {"sphx-glr-script-out", "output"}
SENTENCE = re.compile(r"(?<=[.:!?])\s+|\n\s*")
LONGEST = 300
"""Characters of a message in the index."""
FEW = 4
"""With fewer words, the beginning of a message is not yet what it says."""


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a version of a library words an error."""

    version: str
    text: str


class Reworded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error that a page shows, by the beginning of its message, and how it is worded elsewhere."""

    message: str
    aliases: tuple[Alias, ...]


class Quoted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An error that no record has, as somebody pasted it; and the page that explains it."""

    page: str
    seen: str
    text: str


@dataclass(frozen=True)
class PageError:
    """An error in the output of a page."""

    name: str
    """Its class."""
    message: str
    """In one line."""
    docname: str
    anchor: str = ""
    heading: str = ""
    """Of the section that it stands in."""
    seen: str = ""
    """Of an error that is quoted: where it was seen."""

    @cached_property
    def kind(self) -> tuple[str, str]:
        """What two runs of one mistake have in common: the class, and how the message begins, without numbers."""
        said: list[str] = []
        for part in SENTENCE.split(self.message):
            said.append(part)
            if sum(len(text.split()) for text in said) >= FEW:
                break
        return self.name, pattern(" ".join(said))

    @property
    def short(self) -> str:
        """The message, if it is long without its end."""
        if len(self.message) <= LONGEST:
            return self.message
        return self.message[:LONGEST].rpartition(" ")[0] + " …"


def pattern(message: str) -> str:
    """A message without its numbers and shapes: equal for two runs of one mistake."""
    return re.sub(r"\d+", "#", re.sub(r"\[[\d, ]*\]", "[#]", message)).rstrip(".:;, ")


# -- what the pages show


def _is_output(block: nodes.literal_block) -> bool:
    # Sphinx-Gallery marks the block itself, MyST-NB what is around it.
    return bool(OUTPUT & {*block["classes"], *block.parent["classes"]})


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _share_shown(message: str, text: str) -> float:
    """How much of `message` stands in `text`: a page may leave out the end of a sentence, or whole ones."""
    parts = [_one_line(part).rstrip(".:;").split() for part in SENTENCE.split(message) if part.strip()]
    parts = [part for part in parts if len(part) >= FEW] or parts
    words = sum(map(len, parts))
    return sum(_words_shown(part, text) for part in parts) / max(1, words)


def _words_shown(words: Sequence[str], text: str) -> int:
    """With how many words, but not too few to tell, `words` begin in `text`."""
    least = min(FEW, len(words))
    return next((count for count in range(len(words), least - 1, -1) if " ".join(words[:count]) in text), 0)


def _with_what_is_shown(message: str, text: str) -> str:
    """The message in one line; if what `text` shows of it comes late, that follows its first sentence."""
    whole = _one_line(message)
    parts = [_one_line(part) for part in SENTENCE.split(message) if part.strip()]
    shown = [part for part in parts if _words_shown(part.rstrip(".:;").split(), text)]
    place = whole.find(shown[0]) if shown else 0
    return whole if place < LONGEST else f"{parts[0]} … {whole[place:]}"


def _shown(record: Record) -> Iterator[tuple[str, str]]:
    """Class and message, in one line, of the errors that the output of their cell, or of a later one, tells."""
    texts = [_one_line("\n".join([cell.text, str(cell.bundles)])) for cell in record.cells]
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for at, cell in enumerate(record.cells):
        text = " ".join(texts[at:])
        for name, message in cell.raised:
            kind = PageError(name, _one_line(message), "").kind
            told = _with_what_is_shown(message, text)
            found.setdefault(kind, []).append((_share_shown(message, text), told))
    for (name, _pattern), items in found.items():
        share, message = max(items, key=lambda item: item[0])
        if share:
            yield name, message


def _note(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    found = app.env.metadata[docname][ERRORS] = list[PageError]()
    blocks = [
        (_one_line(block.astext()), block)
        for block in doctree.findall(nodes.literal_block)
        if _is_output(block)
    ]
    for item in site(app).records.get(docname, ()):
        for name, message in _shown(item.record):
            shares = [_share_shown(message, text) for text, _block in blocks]
            best = max(shares, default=0.0)
            # Sections explain what stands in them: each that shows the error is a place.
            for share, (_text, block) in zip(shares, blocks, strict=True):
                if share and share == best:
                    section = _section(block)
                    place = docname, section["ids"][0], section[0].astext()
                    error = PageError(name, message, *place)
                    if error not in found:
                        found.append(error)


def _section(node: nodes.Node) -> nodes.section:
    while not isinstance(node, nodes.section):
        node = node.parent
    return node


def _quoted(app: Sphinx) -> Iterator[PageError]:
    """The wordings that stand in the project's table under the page that explains them."""
    for entry in table(app, ALIASES, "quoted", Quoted, "errors"):
        match = CLASS.match(entry.text)
        name, message = (match["name"], match["message"]) if match else ("RuntimeError", entry.text)
        yield PageError(name, message, entry.page, seen=entry.seen)


def _errors(app: Sphinx) -> list[list[PageError]]:
    """The errors of all pages by class and message; of one error's places the last in reading order comes first.

    Later chapters go deeper into a mistake that earlier ones only show.
    """
    order = {page.docname: -number for number, page in enumerate(site(app).project.pages())}
    every = [error for page in app.env.metadata.values() for error in page.get(ERRORS, ())]
    every.sort(key=lambda error: (*error.kind, order.get(error.docname, 1)))
    return [list(group) for _kind, group in groupby(every, lambda error: error.kind)]


def explained(app: Sphinx) -> Iterator[tuple[Reworded, PageError | None]]:
    """Each entry of the table of other versions' wordings, with the error that it is about, where that is explained."""
    errors = _errors(app)
    for entry in table(app, ALIASES, "errors", Reworded, "quoted"):
        wanted = pattern(entry.message)
        found = (places[0] for places in errors if pattern(places[0].message).startswith(wanted))
        yield entry, next(found, None)


def messages(app: Sphinx) -> Iterator[tuple[str, str, str]]:
    """What the search is to find besides the pages' text: page, anchor, and an error as it would be pasted."""
    for places in _errors(app):
        for error in places:
            yield error.docname, error.anchor, f"{error.name}: {error.short}"
    for entry, explains in explained(app):
        if explains is not None:
            for alias in entry.aliases:
                yield explains.docname, explains.anchor, alias.text
    for error in _quoted(app):
        yield error.docname, "", f"{error.name}: {error.short}"


def _faults(app: Sphinx) -> Iterator[tuple[str, str]]:
    """What is wrong with the table: a text of the entry, and what to do."""
    for entry, error in explained(app):
        if error is None:
            yield entry.message, "no page shows “%s”: correct or delete the entry"
    raised = {error.kind for places in _errors(app) for error in places}
    for error in _quoted(app):
        if error.docname not in app.env.found_docs:
            yield error.docname, "there is no page “%s”: correct or delete the entry"
        elif error.kind in raised:
            yield error.message, "a record has “%s”, so it needs no quotation: delete the entry"


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    path = Path(app.confdir) / ALIASES
    for text, fault in () if app.config.sitekit_only else _faults(app):
        before, _found, _rest = path.read_text(encoding="utf-8").partition(text.replace('"', '\\"'))
        line = before.count("\n") + 1
        logger.warning(fault, text, location=f"{path}:{line}", type="sitekit", subtype="errors")


# -- the page


def error_page(app: Sphinx) -> str:
    """The page with the index; empty, if none has it."""
    return next((name for name, found in sorted(app.env.metadata.items()) if INDEX in found), "")


class error_index(nodes.General, nodes.Element):
    """Stands for the index until all pages are read."""


class ErrorIndex(SphinxDirective):
    """The directive: nothing in, a node out that `FillIndex` replaces."""

    def run(self) -> list[nodes.Node]:
        """A stand-in: the errors are known when all pages are read."""
        self.env.metadata[self.env.docname][INDEX] = "yes"
        return [error_index()]


class FillIndex(SphinxPostTransform):
    """Replaces the stand-in by one section for each class of errors."""

    default_priority = 20

    def run(self, **kwargs: Any) -> None:
        """Put the errors, by class, in the place of the directive."""
        for node in list(self.document.findall(error_index)):
            aliases = defaultdict[PageError | None, list[Alias]](list)
            for entry, error in explained(self.app):
                aliases[error] += entry.aliases
            entries = [*_errors(self.app), *([error] for error in _quoted(self.app))]
            entries.sort(key=lambda places: (places[0].name, bool(places[0].seen)))
            parts: list[nodes.Node] = []
            for name, group in groupby(entries, lambda places: places[0].name):
                section = nodes.section("", ids=[nodes.make_id(name)], classes=["no-search"])
                section += nodes.title("", "", nodes.literal("", name))
                items = [self.entry(places, aliases[places[0]]) for places in group]
                section += element("ul", *items, class_="error-index")
                parts.append(section)
            node.replace_self(parts)

    def entry(self, places: Sequence[PageError], others: Iterable[Alias]) -> nodes.Element:
        """An error as an item of its class's list: message, links to the `places`, and the `others` wordings."""
        first = places[0]
        links = []
        for docname, anchor, heading in dict.fromkeys((at.docname, at.anchor, at.heading) for at in places):
            title = synopsis.page_title(self.app, docname)
            text = f"{title} › {heading}" if heading not in ("", title) else title
            links.append(page_link(docname, text, anchor=anchor))
        item = element(
            "li", element("code", first.short, lang="en"), class_="quoted" if first.seen else "raised"
        )
        if first.seen:
            item += element(
                "p",
                _("Quoted from public reports (%(where)s); no run of this site raised it.")
                % {"where": first.seen},
                class_="error-alias",
            )
        item += element("p", *joined(links, _("; ")), class_="error-places")
        for alias in others:
            seen = element("span", _("in %(version)s:") % {"version": alias.version})
            wording = element("code", alias.text, lang="en")
            item += element("p", seen, " ", wording, class_="error-alias")
        return item


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(error_index)
    app.add_directive("error-index", ErrorIndex)
    app.add_post_transform(FillIndex)
    app.connect("doctree-read", _note)
    app.connect("env-check-consistency", _check)
