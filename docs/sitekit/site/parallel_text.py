"""Side-by-side reading: every unit of prose is followed by its counterpart in the other language.

The counterparts' text comes from ``<page>.units.json``, which localising writes; here it is parsed as
inline markup of the page's own dialect and put behind the node it belongs to. The style sheet hides
counterparts until the reader asks for them, so a page without JavaScript is in its own language only.

Links to glossary terms get a title, the other lines of the term's entry: the term in the other language.
"""

import copy
import gettext
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sphinx.locale
from babel.messages.pofile import read_po
from docutils import nodes
from docutils.languages import get_language
from docutils.parsers.rst.languages import get_language as get_rst_language
from docutils.parsers.rst.states import Inliner
from docutils.writers._html_base import SimpleListChecker
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from myst_parser.parsers.mdit import create_md_parser
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import admonitionlabels
from sphinx.transforms import SphinxSmartQuotes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from ..markup import myst, parts, rst
from ..markup.inline import Reading
from ..markup.typography import close_up, closed_up
from ..project.layout import Language
from .html_nodes import SKIPPED, element
from .sections import forms
from .state import Context, Doctree, site, versioned

logger = logging.getLogger(__name__)
NOT_SHOWN = {"comment", "docstring", "alt", "fold", "caption"}
"""Kinds of units that stand in code, in attributes and in the site's contents."""
SHOWN_TWICE = {"term"}
"""A glossary entry has a line for its term in either language on both sites."""
UNIT_NODES = (nodes.title, nodes.paragraph, nodes.rubric, nodes.caption, nodes.attribution)
SEPARATOR = " / "
OTHERS = "other lines of terms"
"""Under this name a page's metadata in the environment has, by a term's id, the other lines of its entry."""


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
    language = get_language(document.settings.language_code, document.reporter)
    memo = SimpleNamespace(document=document, reporter=document.reporter, language=language)
    parsed, messages = inliner.parse(text, line, memo, document)
    return [*parsed, *messages]


@cache
def _markdown(env: Any) -> Any:
    """What renders Markdown; to set it up takes longer than to read a hundred units."""
    parser: Any = create_md_parser(env.myst_config, SphinxRenderer)
    parser.renderer.setup_render(parser.options, {})
    return parser.renderer


def _parse_myst(text: str, document: nodes.document, line: int) -> list[nodes.Node]:
    renderer = _markdown(document.settings.env)
    renderer.document, renderer.reporter, renderer.md_env = document, document.reporter, {}
    renderer.language_module_rst = get_rst_language(document.settings.language_code)
    paragraph = nodes.paragraph()
    with renderer.current_node_context(paragraph):
        renderer.nested_render_text(text, line, inline=True)
    return list(paragraph.children)


class _Quotes(SphinxSmartQuotes):
    """Sphinx's typographic quotes, by the counterpart's language instead of the page's."""

    def is_available(self) -> bool:
        return True


def _words(text: str) -> str:
    """`text` without blanks and punctuation: typographic quotes and dashes may have come in since."""
    return re.sub(r"\W+", "", text)


def _belongs(node: nodes.Element, text: str, plain: str) -> bool:
    """Whether `node` was made from the unit `text`, which reads `plain` without markup."""
    if node.rawsource and "".join(node.rawsource.split()) == "".join(text.split()):
        return True
    return bool(_words(plain)) and _words(node.astext()) == _words(plain)


def _matches(
    doctree: nodes.document, units: list[dict[str, Any]], folder: str, read: Callable[[str], Reading]
) -> Iterator[tuple[dict[str, Any], nodes.Element | None]]:
    """Each unit that a reader sees, with its node; both are in the order of the page."""
    left = [node for node in doctree.findall(nodes.TextElement) if isinstance(node, UNIT_NODES)]
    for unit in units:
        if unit["kind"] in NOT_SHOWN | SHOWN_TWICE:
            continue
        text = unit["text"][folder]
        plain = read(text).plain
        at = next((index for index, node in enumerate(left) if _belongs(node, text, plain)), None)
        yield unit, None if at is None else left[at]
        left = left if at is None else left[at + 1 :]


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
        parse = _parse_rst if self.read is rst.read else _parse_myst
        document += (paragraph := nodes.paragraph("", "", *parse(text, document, line)))
        close_up(paragraph, letters=True)
        config = self.app.config
        if config.smartquotes and self.language.sphinx not in config.smartquotes_excludes["languages"]:
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
        title = self.titles.get(target.removeprefix("/"))
        if title is None:
            logger.warning(
                "%r has no known title in %s", target, self.language.name,
                location=reference, type="sitekit", subtype="parallel",
            )  # fmt: skip
            return
        inner = reference[0]
        assert isinstance(inner, nodes.Element)
        inner[:] = [nodes.Text(closed_up(title, letters=True))]
        reference["refexplicit"] = True

    def made(self, children: list[nodes.Node]) -> counterpart:
        return counterpart("", "", *children, lang=self.language.tag, tag="p", classes=["no-search"])

    def insert(self, node: nodes.Element, children: list[nodes.Node]) -> None:
        """Put the counterpart with `children` behind `node`."""
        made = self.made(children)
        made.source, made.line = node.source, node.line
        if isinstance(node, nodes.caption) or isinstance(node.parent, nodes.table | parts.choice):
            made["tag"] = "span"  # what these stand in can't hold a paragraph
            node += made
        else:
            node.parent.insert(node.parent.index(node) + 1, made)

    def label_admonitions(self) -> None:
        """Titles that no author wrote, of “Note” and of a page's parts, get their counterpart."""
        folder = Path(sphinx.locale.__file__).parent
        texts = gettext.translation("sphinx", folder, [self.language.sphinx], fallback=True)
        for holder in list(self.doctree.findall(nodes.Element)):
            name = type(holder).__name__
            if name in admonitionlabels and holder.next_node(counterpart):
                label = texts.gettext("See also" if name == "seealso" else name.capitalize())
                holder.insert(0, self.made([nodes.Text(label)]))
        ours = _ui_texts(Path(self.app.confdir) / "locale-ui", self.language.sphinx)
        for part in self.doctree.findall(nodes.admonition):
            if name := next((name for name in parts.LABELS if name in part["classes"]), ""):
                label = ours.get(parts.LABELS[name], parts.LABELS[name])
                part.insert(1, self.made([nodes.Text(label), *self.right_option(part)]))

    def right_option(self, part: nodes.Element) -> Iterator[nodes.Node]:
        """What follows an answer's label in its title."""
        for item in self.doctree.findall(parts.choice):
            if item["letter"] == part.get("letter") and item.parent["number"] == part.get("number"):
                other = item.next_node(counterpart)
                yield nodes.Text(parts.RIGHT % part["letter"])
                yield from (node.deepcopy() for node in (other.children if other is not None else item.text))


@cache
def _ui_texts(folder: Path, language: str) -> dict[str, str]:
    """The texts of the site's own catalogue, as it is written: Sphinx may not have compiled it yet."""
    path = folder / language / "LC_MESSAGES" / "sphinx.po"
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


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
    known = json.loads((project.source_tree(other) / "anchors.json").read_text(encoding="utf-8"))
    units = json.loads(units_file.read_text(encoding="utf-8"))["units"]
    read = rst.read if app.env.doc2path(docname).suffix == ".rst" else myst.read
    page = _Page(app, doctree, read, other, known["titles"] | known["labels"])
    for unit, node in list(_matches(doctree, units, own.folder, read)):
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


def _note_terms(app: Sphinx, doctree: nodes.document) -> None:
    others: dict[str, str] = {}
    for glossary in doctree.findall(addnodes.glossary):
        for lines in map(forms, glossary.findall(nodes.definition_list_item)):
            for ids, text in lines:
                rest = SEPARATOR.join(other for _ids, other in lines if other != text)
                others |= {name: rest for name in ids if rest}
    if others:
        app.env.metadata[app.env.docname][OTHERS] = others


class TermTitles(SphinxPostTransform):
    """Gives links to terms a title, which browsers show on hover and screen readers read."""

    default_priority = 20  # after references were resolved, at 10

    def run(self, **kwargs: Any) -> None:
        """Find the links by the class that the role left on their text."""
        known: dict[str, str] = {}
        for page in self.env.metadata.values():
            known |= page.get(OTHERS, {})
        for reference in self.document.findall(nodes.reference):
            inner = reference.next_node(nodes.inline)
            name = reference.get("refid") or reference.get("refuri", "").rpartition("#")[2]
            if inner is not None and "std-term" in inner["classes"] and name in known:
                reference["reftitle"] = known[name]


class ShortLinks(SphinxPostTransform):
    """Links in counterparts, without the span that Sphinx puts around their text."""

    default_priority = 30  # after links to terms got their titles, which look for that span

    def run(self, **kwargs: Any) -> None:
        """Lift the text out of the span."""
        for made in self.document.findall(counterpart):
            for reference in made.findall(nodes.reference):
                if len(reference) == 1 and type(reference[0]) is nodes.inline:
                    reference[:] = reference[0].children


def _visit(translator: Any, node: counterpart) -> None:
    translator.body.append(f'<{node["tag"]} lang="{node["lang"]}">')


def _depart(translator: Any, node: counterpart) -> None:
    translator.body.append(f"</{node['tag']}>\n")


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Offer the mode where there is something to show, and set it before the page is painted."""
    if doctree is None or doctree.next_node(counterpart) is None:
        return
    context["has_counterparts"] = True
    address = context["pathto"](versioned(app, "parallel.js"), resource=True)
    # The theme puts scripts at the end of the page; this one must run before the first paint.
    context["metatags"] += f'\n    <script src="{address}"></script>'


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_node(counterpart, html=(_visit, _depart), **SKIPPED)
    # Docutils leaves what is invisible out when it counts the parts of an item, but then visits it too.
    SimpleListChecker.visit_counterpart = SimpleListChecker.ignore_node  # type: ignore[attr-defined]
    app.add_post_transform(TermTitles)
    app.add_post_transform(ShortLinks)
    app.connect("doctree-read", _note_terms)
    # After titles, contents and labels were collected, and after the download box took its place.
    app.connect("doctree-read", _add_counterparts, priority=950)
    app.connect("html-page-context", _page_context)
