"""What the search in the reader's browser reads: one file per language, written when the pages are.

The file is a classic script that sets one global, so that it also loads from ``file://``. It holds the pages, their
sections with heading, text and code (what the code printed included, so that a pasted error message is found), and
groups of words that mean the same. How they are searched stands in ``_static/search-engine.js``; nothing of Sphinx's own
index is written or loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.locale import _

from .error_index import aliases
from .project import write_if_changed
from .site import site, table

if TYPE_CHECKING:
    from sphinx.application import Sphinx


__all__ = ["Section", "sections_of"]

DATA = "search-data.js"
KEPT = "sections.json"
ENGINE = "search-engine.js"
SYNONYMS = "search_synonyms.toml"
JOINED = " · "  # between the forms of a term in its heading
# Whatever has one of these classes is no text of its page: links to other pages, or its other language's text.
LEFT_OUT = {
    *("no-search", "toctree-wrapper"),
}
CODE = {"literal_block", "doctest_block", "code_links_block"}  # the last is Sphinx-Gallery's, with API links
NO_TEXT = (
    *(nodes.Invisible, nodes.math, nodes.math_block, nodes.raw, nodes.system_message),
    *(nodes.footnote_reference, addnodes.index, addnodes.toctree),
)


@dataclass
class Section:
    """A part of a page that a search result can lead to."""

    anchor: str
    heading: str
    level: int
    text: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def record(self, page: int) -> list[str | int]:
        """Itself as the browser reads it."""
        text = re.sub(r"\s+", " ", " ".join(self.text)).strip()
        code = "\n".join(block.strip("\n") for block in self.code)
        return [page, self.anchor, self.heading, self.level, text, code]


def _is_left_out(node: nodes.Node) -> bool:
    return isinstance(node, NO_TEXT) or (
        isinstance(node, nodes.Element) and bool(LEFT_OUT & set(node["classes"]))
    )


def _plain(node: nodes.Node) -> str:
    """The words of a paragraph, without its formulas and pictures."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.image) or _is_left_out(node):
        return ""
    return "".join(_plain(child) for child in node.children)


def _is_link(node: nodes.TextElement) -> bool:
    """Whether a paragraph is nothing but a link, as in a list of pages: its words stand where it leads."""
    return len(node) == 1 and isinstance(node[0], nodes.reference)


def _heading(node: nodes.Node | None) -> str:
    return " ".join(_plain(node).split()) if node is not None else ""


def _entry(item: nodes.definition_list_item) -> Section:
    """A glossary entry: its heading is the term with its other forms, its level tells that it is one."""
    terms = [child for child in item.children if isinstance(child, nodes.term)]
    ids = [name for term in terms for name in term["ids"]]
    return Section(ids[0] if ids else "", JOINED.join(map(_heading, terms)), 0)


def _collect(parent: nodes.Element, into: Section, sections: list[Section]) -> None:
    """Add to `into` what stands under `parent`, and to `sections` the sections below it, in reading order."""

    def begin(section: Section, content: nodes.Element) -> None:
        sections.append(section)
        _collect(content, section, sections)

    for node in parent.children:
        if not isinstance(node, nodes.Element) or _is_left_out(node):
            continue
        if isinstance(node, nodes.section):
            begin(Section(node["ids"][0], _heading(node.next_node(nodes.title)), into.level + 1), node)
        elif isinstance(node, nodes.definition_list) and "glossary" in node["classes"]:
            for item in node.findall(nodes.definition_list_item):
                for definition in item.findall(nodes.definition):
                    begin(_entry(item), definition)
        elif isinstance(node, addnodes.desc):
            name, content = (
                node.next_node(part) for part in (addnodes.desc_signature, addnodes.desc_content)
            )
            if name is not None and content is not None:
                anchor = next(iter(name["ids"]), into.anchor)
                begin(Section(anchor, _heading(name), into.level + 1), content)
        elif node.tagname in CODE:
            into.code.append(node.astext())
        elif isinstance(node, nodes.title) and isinstance(parent, nodes.section):
            pass
        elif isinstance(node, nodes.image):
            into.text.append(node.get("alt", ""))
        elif isinstance(node, nodes.TextElement):
            if not _is_link(node):
                into.text.append(_plain(node))
        else:
            _collect(node, into, sections)


def sections_of(document: nodes.document) -> list[Section]:
    """The sections of a page in reading order; the first is the page itself, under its title."""
    page = Section("", _heading(document.next_node(nodes.title)), 0)
    found: list[Section] = []
    _collect(document, page, found)
    if (
        found and not page.text and not page.code
    ):  # all there is stands in the section that has the page's title
        page, *found = found
        page.anchor = ""
    page.level = 1
    return [page, *found]


def _note_sections(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    site(app).sections[docname] = sections_of(doctree)


def _synonyms(app: Sphinx, pages: dict[str, list[Section]]) -> list[list[str]]:
    """Groups of words that mean the same: those of the project's table, and the terms of each glossary entry."""
    groups: list[list[str]] = [*table(app, SYNONYMS, "groups")]
    for sections in pages.values():
        groups += [section.heading.split(JOINED) for section in sections if JOINED in section.heading]
    return [[word.lower() for word in group] for group in groups]


def _script(name: str, language: str, value: Any) -> str:
    """Text of a script that keeps `value` for `language` in the global `name`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"(self.{name}??={{}})[{json.dumps(language)}]={text};\n"


def _take_kept(path: Path, noted: dict[str, list[Section]]) -> None:
    """Add to `noted` the pages that an earlier build wrote and this one didn't."""
    with suppress(OSError):
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for name in earlier.keys() - noted.keys():
            noted[name] = [Section(**section) for section in earlier[name]]


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    noted = site(app).sections
    docnames = [name for name in sorted(app.env.found_docs) if "nosearch" not in app.env.metadata[name]]
    path = Path(app.doctreedir) / KEPT
    _take_kept(path, noted)
    for name in set(docnames) - set(noted):  # the last build failed after it had written them
        app.env.get_and_resolve_doctree(name, app.builder)
    kept = {name: [asdict(section) for section in noted[name]] for name in docnames}
    path.write_text(json.dumps(kept), encoding="utf-8")
    pages = {name: noted[name] for name in docnames if noted[name][0].heading}
    for alias in aliases(app):
        sections = noted[alias.shown.docname]
        explained = next((item for item in sections if item.anchor == alias.shown.anchor), sections[0])
        explained.code.append(alias.text)
    value = {
        "pages": [[app.builder.get_target_uri(name), found[0].heading] for name, found in pages.items()],
        "sections": [
            section.record(number) for number, found in enumerate(pages.values()) for section in found
        ],
        "synonyms": _synonyms(app, pages),
    }
    language = site(app).language.folder
    write_if_changed(Path(app.outdir) / DATA, _script("searchData", language, value))


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _start(app: Sphinx) -> None:
    if isinstance(app.builder, StandaloneHTMLBuilder):
        app.builder.search = False  # no searchindex.js, and no page of Sphinx's own


def _texts() -> dict[str, str]:
    """What search.js says to the reader, who gets numbers and the query where braces stand."""
    return {
        "label": _("Search this site"),
        "placeholder": _("Topic, API name, or pasted error message"),
        "results": _("Search results"),
        "hint": _(
            "Type a topic, a name such as nn.Linear, or paste an error message. Chinese and English both work."
        ),
        "keys": _("↑ ↓ choose · Enter opens · Esc closes"),
        "loading": _("Loading …"),
        "count": _("{count} results on {pages} pages"),
        "none": _("Nothing found for “{query}”."),
        "failed": _("The search data could not be loaded."),
        "close": _("Close"),
    }


def _page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    version = _digest(Path(app.confdir) / "_static" / ENGINE)[:8]
    setup = {
        "language": site(app).language.folder,
        "languages": {language.folder: language.tag for language in site(app).project.languages},
        "engine": f"_static/{ENGINE}?v={version}",
        "data": DATA,
        "texts": {name: str(text) for name, text in _texts().items()},
    }
    context["search_setup"] = json.dumps(setup, ensure_ascii=False)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("builder-inited", _start)
    app.connect("doctree-resolved", _note_sections, priority=900)
    app.connect("html-page-context", _page_context)
    app.connect("build-finished", _write)
    app.add_css_file("search.css")
    app.add_js_file("search.js", loading_method="defer")
