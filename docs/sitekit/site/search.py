"""What the search in the reader's browser reads: one file per language, written when the pages are.

The file is a classic script that sets one global, so that it also loads from ``file://``. It holds the pages, their
sections with heading, text and code (what the code printed included, so that a pasted error message is found), and
groups of words that mean the same. How they are searched stands in ``_static/search-engine.js``; nothing of Sphinx's own
index is written or loaded.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.locale import _

from ..project.files import write_if_changed
from .error_index import explained
from .sections import JOINED, Section, sections_of
from .state import Context, Doctree, site, table, versioned

DATA = "search-data.js"


def _note_sections(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    site(app).sections[docname] = sections_of(doctree)


def _synonyms(app: Sphinx, pages: dict[str, list[Section]]) -> list[list[str]]:
    """Groups of words that mean the same: those of the project's table, and the terms of each glossary entry."""
    groups: list[list[str]] = [*table(app, "search_synonyms.toml", "groups")]
    for sections in pages.values():
        groups += [section.heading.split(JOINED) for section in sections if JOINED in section.heading]
    return [[word.lower() for word in group] for group in groups]


def _script(name: str, language: str, value: Any) -> str:
    """Text of a script that keeps `value` for `language` in the global `name`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"(self.{name}??={{}})[{json.dumps(language)}]={text};\n"


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    docnames = [name for name in sorted(app.env.found_docs) if "nosearch" not in app.env.metadata[name]]
    path = Path(app.doctreedir) / "sections.json"
    earlier = path.read_bytes() if path.is_file() else b"{}"
    noted = msgspec.json.decode(earlier, type=dict[str, list[Section]]) | site(app).sections
    for name in set(docnames) - set(noted):  # the last build failed after it had written them
        app.env.get_and_resolve_doctree(name, app.builder)
    noted |= site(app).sections
    path.write_bytes(msgspec.json.encode({name: noted[name] for name in docnames}))
    pages = {name: noted[name] for name in docnames if noted[name][0].heading}
    for entry, error in explained(app):
        if error is not None:
            sections = noted[error.docname]
            place = next((item for item in sections if item.anchor == error.anchor), sections[0])
            place.code += [alias["text"] for alias in entry["aliases"]]
    value = {
        "pages": [[app.builder.get_target_uri(name), found[0].heading] for name, found in pages.items()],
        "sections": [
            section.record(number) for number, found in enumerate(pages.values()) for section in found
        ],
        "synonyms": _synonyms(app, pages),
    }
    language = site(app).language.folder
    write_if_changed(Path(app.outdir) / DATA, _script("searchData", language, value))


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    setup = {
        "language": site(app).language.folder,
        "languages": {language.folder: language.tag for language in site(app).project.languages},
        "engine": versioned(app, "search-engine.js"),
        "data": DATA,
        # What search.js says to the reader, who gets numbers and the query where braces stand.
        "texts": {
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
        },
    }
    context["search_setup"] = json.dumps(setup, ensure_ascii=False)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    StandaloneHTMLBuilder.search = False  # no searchindex.js, and no page of Sphinx's own
    app.connect("doctree-resolved", _note_sections, priority=900)
    app.connect("html-page-context", _page_context)
    app.connect("build-finished", _write)
    app.add_css_file("search.css")
    app.add_js_file("search.js", loading_method="defer")
