"""Side-by-side reading: every unit of prose is followed by its counterpart in the other language.

The counterparts' text comes from ``<page>.units.json``, which localising writes; here it is parsed as
inline markup of the page's own dialect and put behind the node it belongs to. The style sheet hides
counterparts until the reader asks for them, so a page without JavaScript is in its own language only.
"""

from __future__ import annotations

import copy
import gettext
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sphinx.locale
from docutils import nodes
from docutils.languages import get_language
from docutils.parsers.rst.languages import get_language as get_rst_language
from docutils.parsers.rst.states import Inliner
from docutils.writers._html_base import SimpleListChecker
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from myst_parser.parsers.mdit import create_md_parser
from sphinx import addnodes
from sphinx.locale import admonitionlabels
from sphinx.transforms import SphinxSmartQuotes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxTranslator

from ..markup import myst, rst
from ..markup.inline import Reading
from .html_nodes import SKIPPED, element
from .state import Context, Doctree, site

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from ..project.layout import Language

logger = logging.getLogger(__name__)
SCRIPT = "_static/parallel.js"
NOT_SHOWN = {"comment", "docstring", "alt", "caption"}
"""Kinds of units that stand in code, in attributes and in the site's contents."""
SHOWN_TWICE = {"term"}
"""A glossary entry has a line for its term in either language on both sites."""
MADE_TYPOGRAPHIC = ('"', "'", "--", "...")
UNIT_NODES = (nodes.title, nodes.paragraph, nodes.rubric, nodes.caption, nodes.attribution)


class counterpart(nodes.Invisible, nodes.TextElement):
    """The same text in the other language.

    It counts as invisible, so that a list is as compact as it would be without, and it has no text, so that
    summaries, titles and searches made from the page don't find the other language in it.
    """

    def astext(self) -> str:
        """No text: what is made of the page's text doesn't get the other language's."""
        return ""


def _parse_rst(text: str, document: nodes.document, line: int) -> list[nodes.Node]:
    inliner: Any = Inliner()
    inliner.init_customizations(document.settings)
    memo = SimpleNamespace(
        document=document,
        reporter=document.reporter,
        language=get_language(document.settings.language_code, document.reporter),
        title_styles=[],
        section_level=0,
        section_bubble_up_kludge=False,
        inliner=inliner,
    )
    parsed, messages = inliner.parse(text, line, memo, document)
    return [*parsed, *messages]


_markdown: list[Any] = []
"""A configuration and its Markdown parser: setting one up takes longer than to read a hundred units."""


def _parse_myst(text: str, document: nodes.document, line: int) -> list[nodes.Node]:
    config = document.settings.env.myst_config
    if not _markdown or _markdown[0] is not config:
        _markdown[:] = config, create_md_parser(config, SphinxRenderer)
        _markdown[1].renderer.setup_render(_markdown[1].options, {})
    parser = _markdown[1]
    renderer: Any = parser.renderer
    renderer.document, renderer.reporter, renderer.md_env = document, document.reporter, {}
    renderer.language_module_rst = get_rst_language(document.settings.language_code)
    paragraph = nodes.paragraph()
    with renderer.current_node_context(paragraph):
        renderer.nested_render_text(text, line, inline=True)
    return list(paragraph.children)


PARSE: dict[Callable[[str], Reading], Any] = {rst.read: _parse_rst, myst.read: _parse_myst}
"""How the two markups become nodes."""


class _Quotes(SphinxSmartQuotes):
    """Sphinx's typographic quotes, by the counterpart's language instead of the page's."""

    def is_available(self) -> bool:
        return True


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _squash(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _words(text: str) -> str:
    """`text` without blanks and punctuation: typographic quotes and dashes may have come in since."""
    return re.sub(r"\W+", "", text)


def _belongs(node: nodes.Element, text: str, plain: str) -> bool:
    """Whether `node` was made from the unit `text`, which reads `plain` without markup."""
    if node.rawsource and _squash(node.rawsource) == _squash(text):
        return True
    return bool(_words(plain)) and _words(node.astext()) == _words(plain)


def _matches(
    doctree: nodes.document, units: list[dict[str, Any]], folder: str, read: Callable[[str], Reading]
) -> Iterator[tuple[dict[str, Any], nodes.Element | None]]:
    """Each unit that a reader sees, with its node; both are in the order of the page."""
    candidates = [node for node in doctree.findall(nodes.TextElement) if isinstance(node, UNIT_NODES)]
    at = 0
    for unit in units:
        if unit["kind"] in NOT_SHOWN | SHOWN_TWICE:
            continue
        text = unit["text"][folder]
        plain = read(text).plain
        found = next(
            (index for index in range(at, len(candidates)) if _belongs(candidates[index], text, plain)),
            None,
        )
        if found is None:
            yield unit, None
        else:
            at = found + 1
            yield unit, candidates[found]


@dataclass(frozen=True)
class _Page:
    """What is needed to make the counterparts of one page."""

    app: Sphinx
    doctree: nodes.document
    read: Callable[[str], Reading]
    """The reader of its markup."""
    language: Language
    """The counterparts' language."""
    titles: dict[str, str]
    """In that language, what links without a text of their own read: titles by label and by page."""

    def parse(self, text: str, line: int) -> list[nodes.Node]:
        """Inline nodes of `text`, free of everything that may stand on a page only once."""
        settings = copy.copy(self.doctree.settings)
        settings.language_code = self.language.sphinx
        # A document of its own: explicit targets and footnotes must not be noted on the page twice.
        document = nodes.document(settings, self.doctree.reporter, source=self.doctree["source"])
        document.note_source(self.doctree["source"], line)
        document += nodes.paragraph("", "", *PARSE[self.read](text, document, line))
        config = self.app.config
        quotes = config.smartquotes and self.language.sphinx not in config.smartquotes_excludes["languages"]
        if quotes and any(mark in text for mark in MADE_TYPOGRAPHIC):
            _Quotes(document, None).apply()
        for target in list(document.findall(nodes.target)):
            target.parent.remove(target)
        for part in document.findall(nodes.Element):
            for attribute in ("ids", "names", "dupnames"):
                part[attribute] = []
        for reference in document.findall(addnodes.pending_xref):
            self.give_title(reference)
        for code in list(document.findall(nodes.literal)):
            if type(code) is nodes.literal and not code["classes"] and "  " not in code.astext():
                code.replace_self(element("code", code.astext()))  # pages have hundreds
        return list(document[0].children)

    def give_title(self, reference: addnodes.pending_xref) -> None:
        """Let a link by title read that title in the counterpart's language."""
        if reference.get("refexplicit") or reference["reftype"] not in {"ref", "doc", "myst"}:
            return
        target = reference["reftarget"]
        title = self.titles.get(target) or self.titles.get(target.removeprefix("/"))
        if title is None:
            logger.warning(
                "%r has no known title in %s", target, self.language.name,
                location=reference, type="sitekit", subtype="parallel",
            )  # fmt: skip
            return
        inner = reference[0]
        assert isinstance(inner, nodes.Element)
        inner.children = []
        inner += nodes.Text(title)
        reference["refexplicit"] = True

    def insert(self, node: nodes.Element, children: list[nodes.Node]) -> None:
        """Put the counterpart with `children` behind `node`."""
        made = counterpart("", "", *children, lang=self.language.tag, tag="p", classes=["no-search"])
        made.source, made.line = node.source, node.line
        if isinstance(node, nodes.caption) or isinstance(node.parent, nodes.table):
            made["tag"] = "span"  # what a caption stands in can't hold a paragraph
            node += made
        else:
            node.parent.insert(node.parent.index(node) + 1, made)

    def label_admonitions(self) -> None:
        """The writer itself titles “Note” and the like; they get that title's counterpart."""
        holders = {
            id(holder): holder
            for made in self.doctree.findall(counterpart)
            for holder in _admonitions_around(made)
        }
        for holder in holders.values():
            label = _sphinx_text(type(holder).__name__, self.language)
            made = counterpart(
                "", "", nodes.Text(label), lang=self.language.tag, tag="p", classes=["no-search"]
            )
            holder.insert(0, made)


def _admonitions_around(node: nodes.Element) -> Iterator[nodes.Element]:
    """The admonitions around `node` whose titles are the writer's."""
    holder = node.parent
    while holder is not None:
        if type(holder).__name__ in admonitionlabels:
            yield holder
        holder = holder.parent


def _sphinx_text(name: str, language: Language) -> str:
    """The title that Sphinx gives an admonition in `language`."""
    message = "See also" if name == "seealso" else name.capitalize()
    folder = Path(sphinx.locale.__file__).parent
    return gettext.translation("sphinx", folder, [language.sphinx], fallback=True).gettext(message)


def _add_counterparts(app: Sphinx, doctree: nodes.document) -> None:
    project = site(app).project
    own = site(app).language
    other = next((language for language in project.languages if language != own), None)
    docname = app.env.docname
    units_file = project.units_file(own, docname)
    if other is None or not units_file.is_file() or app.builder.format != "html":
        return
    app.env.note_dependency(units_file)
    source = project.source_file(docname).relative_to(project.root).as_posix()
    known = _read(project.source_tree(other) / "anchors.json")
    read = rst.read if app.env.doc2path(docname).suffix == ".rst" else myst.read
    page = _Page(app, doctree, read, other, known["titles"] | known["labels"])
    for unit, node in list(_matches(doctree, _read(units_file)["units"], own.folder, read)):
        if node is None:
            logger.warning(
                "this %s is not on the page as it stands here, so it has no counterpart", unit["kind"],
                location=f"{source}:{unit['line']}", type="sitekit", subtype="parallel",
            )  # fmt: skip
            continue
        text = unit["text"][other.folder]
        if text != unit["text"][own.folder]:
            page.insert(node, page.parse(text, node.line or 0))
    page.label_admonitions()


class ShortLinks(SphinxPostTransform):
    """Links in counterparts, without the span that Sphinx puts around their text."""

    default_priority = 30  # after links to terms got their titles, which look for that span

    def run(self, **kwargs: Any) -> None:
        """Lift the text out of the span."""
        for made in self.document.findall(counterpart):
            for reference in made.findall(nodes.reference):
                inner = reference.children[0] if len(reference.children) == 1 else None
                if type(inner) is nodes.inline:
                    reference.children = []
                    reference += inner.children


def _visit(translator: SphinxTranslator, node: counterpart) -> None:
    translator.body.append(f'<{node["tag"]} lang="{node["lang"]}">')  # type: ignore[attr-defined]


def _depart(translator: SphinxTranslator, node: counterpart) -> None:
    translator.body.append(f"</{node['tag']}>\n")  # type: ignore[attr-defined]


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Offer the mode where there is something to show, and set it before the page is painted."""
    if doctree is None or next(doctree.findall(counterpart), None) is None:
        return
    context["has_counterparts"] = True
    version = zlib.crc32((Path(app.confdir) / SCRIPT).read_bytes())
    address = context["pathto"](SCRIPT, resource=True)
    # The theme puts scripts at the end of the page; this one must run before the first paint.
    context["metatags"] += f'\n    <script src="{address}?v={version:08x}"></script>'


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(counterpart, html=(_visit, _depart), **SKIPPED)
    # Docutils leaves what is invisible out when it counts the parts of an item, but then visits it too.
    SimpleListChecker.visit_counterpart = SimpleListChecker.ignore_node  # type: ignore[attr-defined]
    app.add_post_transform(ShortLinks)
    # After titles, contents and labels were collected, and after the download box took its place.
    app.connect("doctree-read", _add_counterparts, priority=950)
    app.connect("html-page-context", _page_context)
