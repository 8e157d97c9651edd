"""The directive ``chapter-cards``: every chapter with its pages, from the curriculum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from .project import Chapter, Project


class ChapterCards(SphinxDirective):
    """Cards with each chapter's title, pages and reading time."""

    def run(self) -> list[nodes.Node]:
        """Make one card per chapter."""
        project: Project = self.env.app.sitekit_project  # type: ignore[attr-defined]
        cards = nodes.container(classes=["chapter-cards"])
        cards += [self.card(chapter) for chapter in project.chapters]
        return [cards]

    def card(self, chapter: Chapter) -> nodes.container:
        """One chapter."""
        minutes = sum(page.minutes for page in chapter.pages)
        facts = _("%(pages)d pages · %(minutes)d minutes") % {
            "pages": len(chapter.pages),
            "minutes": minutes,
        }
        card = nodes.container(classes=["chapter-card"])
        card += nodes.paragraph("", "", self.link(f"{chapter.name}/index"), classes=["card-title"])
        card += nodes.paragraph("", facts, classes=["card-facts"])
        pages = nodes.enumerated_list("", enumtype="arabic", prefix="", suffix=".")
        for page in chapter.pages:
            pages += nodes.list_item("", nodes.paragraph("", "", self.link(page.docname)))
        card += pages
        return card

    def link(self, docname: str) -> addnodes.pending_xref:
        """A reference to a page by its title."""
        return addnodes.pending_xref(
            "",
            nodes.inline("", docname),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refdoc=self.env.docname,
            refexplicit=False,
            refwarn=True,
        )


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_directive("chapter-cards", ChapterCards)
