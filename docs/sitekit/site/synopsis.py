"""What other pages say of an example: its title and its promise, in the language of the site."""

import json
import re

from docutils.utils.smartquotes import smartyPants
from sphinx.application import Sphinx
from sphinx.locale import _

from ..markup import rst
from ..markup.inline import Piece
from ..markup.typography import closed_up
from ..project.layout import Chapter, Page
from .state import site

SENTENCE = re.compile(r".+?(?:[。！？]|[.!?](?=\s|$))")


def _typographic(app: Sphinx, text: str) -> str:
    """`text` with the quotes and blanks that it has on its own page."""
    text = closed_up(text, letters=True)
    language, config = site(app).language, app.config
    if not config.smartquotes or language.sphinx in config.smartquotes_excludes["languages"]:
        return text
    return str(smartyPants(text, config.smartquotes_action, language.tag))


def _shown(app: Sphinx, piece: Piece) -> str:
    """What a reader sees of a piece of text: code as it is, and of a link its title."""
    if piece.kept.startswith("``"):
        return piece.shown
    return _typographic(app, site(app).anchors["labels"].get(piece.shown, piece.shown))


def page_title(app: Sphinx, docname: str) -> str:
    """The title of a page, without markup."""
    return _typographic(app, site(app).anchors["titles"][docname])


def promise(app: Sphinx, docname: str) -> str:
    """The first sentence of an example or a chapter: what it shows, or why that matters."""
    path = site(app).project.units_file(site(app).language, docname)
    folder = site(app).language.folder
    app.env.note_dependency(path)
    if not path.is_file():
        return ""  # a page that is built without the others
    for unit in json.loads(path.read_text(encoding="utf-8"))["units"]:
        if unit["kind"] == "paragraph":
            text = "".join(_shown(app, piece) for piece in rst.read(unit["text"][folder]).pieces)
            first = SENTENCE.match(text)
            return closed_up(first[0] if first else text, letters=True)
    return ""


def number(app: Sphinx, page: Page) -> str:
    """The place of `page` in the order of reading, from 1."""
    return str(list(site(app).project.pages()).index(page) + 1)


def minutes(needed: int) -> str:
    """A reading time of so many minutes, in words."""
    return str(_("%(minutes)d min") % {"minutes": needed})


def chapter_facts(chapter: Chapter) -> str:
    """How many pages a chapter has, and how long they take."""
    return str(
        _("%(pages)d pages · %(minutes)d minutes")
        % {"pages": len(chapter.pages), "minutes": sum(page.minutes for page in chapter.pages)}
    )
