"""What every page ends with: the licences, and where to report a problem with just this page.

Both come from the project's configuration:

``sitekit_licences``
    ``page``: the page that explains them, under its labels ``<page>-text`` and ``<page>-code``; ``text`` and
    ``code``: their short names.
``sitekit_report_url``
    An address in which ``{page}`` stands for the page's path with its language and ``{version}`` for the
    release; without a scheme it is a page of the site. Empty: there is no such link.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from .state import Context, Doctree, site


def report_address(template: str, page: str, version: str, to_root: str) -> str:
    """Where a problem with `page` is reported.

    Parameters
    ----------
    template
        The configured address.
    page, version
        What it carries.
    to_root
        The relative address of the site in this language, with a slash at its end or empty.

    Raises
    ------
    ExtensionError
        Where the template asks for anything else.
    """
    try:
        address = template.format(page=quote(page, safe="/"), version=quote(version))
    except (KeyError, IndexError, ValueError) as error:
        raise ExtensionError(f"sitekit_report_url knows {{page}} and {{version}} only: {error}") from None
    return address if urlsplit(address).scheme else f"{to_root}{address}"


def _context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    licences = app.config.sitekit_licences
    if licences:
        target = licences["page"]
        address = "" if pagename == target else app.builder.get_relative_uri(pagename, target)
        context["licences"] = licences | {"address": address}
    if app.config.sitekit_report_url:
        page = f"{site(app).language.folder}/{pagename}"
        context["report_url"] = report_address(
            app.config.sitekit_report_url, page, app.config.release, "../" * pagename.count("/")
        )


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_licences", {}, "html", [dict])
    app.add_config_value("sitekit_report_url", "", "html", [str])
    app.connect("html-page-context", _context)
