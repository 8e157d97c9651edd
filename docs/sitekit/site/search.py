"""The search's own furniture: its scripts and styles, and what they say to the reader of a page."""

import json

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.locale import _

from .error_index import error_page
from .search_data import DATA
from .state import Context, Doctree, site, versioned
from .synopsis import page_title


def _guides(app: Sphinx) -> list[list[str]]:
    """Where to look when no page is about it: the contents, and the index of errors if there is one."""
    found = [[app.builder.get_target_uri(app.config.root_doc), str(_("Contents of this site"))]]
    if page := error_page(app):
        found.append([app.builder.get_target_uri(page), page_title(app, page)])
    return found


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    elsewhere = app.config.sitekit_search_elsewhere
    setup = {
        "language": site(app).language.folder,
        "languages": {language.folder: language.tag for language in site(app).project.languages},
        "scripts": [versioned(app, f"search-{name}.js") for name in ("words", "index", "engine", "view")],
        "dialog": versioned(app, "search-dialog.js"),
        "marks": versioned(app, "search-marks.js"),
        "data": DATA,
        "guides": _guides(app),
        "outside": elsewhere.get("url", ""),
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
            "count": {
                "one": _("1 result on 1 page"),
                "page": _("{count} results on 1 page"),
                "many": _("{count} results on {pages} pages"),
            },
            "none": _("Nothing found for “{query}”."),
            "uncovered": _("No page of this site is about “{query}”. These come closest:"),
            "understood": _("Searching for: {query}"),
            "recent": _("Recent searches"),
            "forget": _("Forget them"),
            "term": _("In the glossary:"),
            "elsewhere": _("Where else to look"),
            "outside": _("The same search in the documentation of %s") % elsewhere.get("name", ""),
            "kinds": {"lesson": _("lesson"), "exercise": _("exercise"), "glossary": _("glossary")},
            "failed": _("The search data could not be loaded."),
            "close": _("Close"),
        },
    }
    context["search_setup"] = json.dumps(setup, ensure_ascii=False)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    StandaloneHTMLBuilder.search = False  # no searchindex.js, and no page of Sphinx's own
    app.add_config_value("sitekit_search_elsewhere", {}, "html", [dict])
    app.connect("html-page-context", _page_context)
    app.add_css_file("search.css")
    app.add_js_file("search.js", loading_method="defer")
