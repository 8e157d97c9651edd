"""The furniture around a page: theme strings in the reader's language, our tools in its header, and its footer.

A page ends with the licenses and with where to report a problem with just this page. Both come from the
project's configuration:

``sitekit_licenses``
    ``page``: the page that explains them, under its labels ``<page>-text`` and ``<page>-code``; ``text`` and
    ``code``: their short names.
``sitekit_report_url``
    An address in which ``{page}`` stands for the page's path with its language and ``{version}`` for the
    release; without a scheme it is a page of the site. Empty: there is no such link.
"""

import html
import re
from urllib.parse import quote, urlsplit

from jinja2.ext import Extension
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import _

from ..project import seams
from .state import Context, Doctree, site

LITERAL_LABEL = re.compile(r'\b(?P<name>aria-label|title|placeholder)="(?P<text>[^"{}]*[A-Za-z][^"{}]*)"')
LITERAL_TITLE = re.compile(r"<title>(?P<text>[^<{}]+)</title>")
SKIP = re.compile(rf"{re.escape(seams.FURO_SKIP)}.*?</a>\s*", re.DOTALL)
TOGGLE = re.compile(r'aria-label="Toggle navigation of (?P<title>[^"]*)"')
TOOLTIP = re.compile(r'(?<= tooltip=")[^"]*')
HIDDEN_CELL = '<summary aria-label="Toggle hidden content">'
IN_PAGE = {
    **{place: "{% include 'components/tools.html' %}" + place for place in seams.FURO_TOOLS},
    seams.FURO_FOOTER: seams.FURO_FOOTER + "{% include 'components/page-footer.html' %}",
    "</a>'s": """</a>{{ _("'s") }}""",
    '<aside class="sidebar-drawer': """<aside aria-label="{{ _('Pages of this site') }}" class="sidebar-drawer""",
    '<aside class="toc-drawer': """<aside aria-label="{{ _('On this page') }}" class="toc-drawer""",
}
"""What stands in the theme's template of a page, and what takes its place."""


class ThemeTemplates(Extension):
    """Reads the theme's templates with their fixed English labels made translatable.

    Furo writes some labels as plain text, and its page has no place for tools and a footer of ours;
    both are changed while the template is read, so that no template of the theme is copied here.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Mark fixed labels for translation, put our tools before the theme's, and the link to the text first."""
        source = LITERAL_LABEL.sub(r'\g<name>="{{ _("\g<text>") }}"', source)
        source = LITERAL_TITLE.sub(r'<title>{{ _("\g<text>") }}</title>', source)
        if filename and filename.endswith("furo/page.html"):
            for old, new in IN_PAGE.items():
                source = source.replace(old, new)
            skip = SKIP.search(source)
            assert skip  # `seams` has looked
            source = source.replace(skip[0], "", 1)
            source = source.replace(seams.FURO_TOGGLES, skip[0] + seams.FURO_TOGGLES, 1)
        return source


def _extend_templates(app: Sphinx) -> None:
    templates = getattr(app.builder, "templates", None)
    if templates is not None:
        templates.environment.add_extension(ThemeTemplates)


def _fixed_labels(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Mend labels that Furo, MyST-NB and Sphinx-Gallery write outside their templates."""

    def label(match: re.Match[str]) -> str:
        text = _("Show or hide the pages of %(title)s") % {"title": html.unescape(match["title"])}
        return f'aria-label="{html.escape(text)}"'

    if "furo_navigation_tree" in context:
        tree = TOGGLE.sub(label, context["furo_navigation_tree"])
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    if "body" in context:
        # Without a label of its own, a hidden cell is called by the words that can be seen on it.
        body = context["body"].replace(HIDDEN_CELL, "<summary>")
        # Sphinx-Gallery leaves the marks of literals that touch Chinese punctuation.
        context["body"] = TOOLTIP.sub(lambda found: found[0].replace("``", ""), body)


def _one_chapter(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Have the sidebar list the chapters and the pages of the current one: it would grow with every page."""
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def report_address(template: str, page: str, version: str, to_root: str) -> str:
    """Where a problem with `page` is reported: `template` filled in, from the site's root `to_root` if it is no URL."""
    try:
        address = template.format(page=quote(page, safe="/"), version=quote(version))
    except (KeyError, IndexError, ValueError) as error:
        raise ExtensionError(f"sitekit_report_url knows {{page}} and {{version}} only: {error}") from None
    return address if urlsplit(address).scheme else f"{to_root}{address}"


def _footer(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    if licenses := app.config.sitekit_licenses:
        target = licenses["page"]
        address = "" if pagename == target else app.builder.get_relative_uri(pagename, target)
        context["licenses"] = licenses | {"address": address}
    if url := app.config.sitekit_report_url:
        page = f"{site(app).language.folder}/{pagename}"
        context["report_url"] = report_address(url, page, app.config.release, "../" * pagename.count("/"))


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_licenses", {}, "html", [dict])
    app.add_config_value("sitekit_report_url", "", "html", [str])
    app.connect("html-page-context", _footer)
    app.connect("html-page-context", _one_chapter, priority=100)  # before Furo makes its tree
    app.connect("html-page-context", _fixed_labels, priority=900)  # after Furo made its tree
    app.connect("builder-inited", _extend_templates)
