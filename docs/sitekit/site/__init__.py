"""All that Sphinx loads: one module per feature of a page, and what they share.

In goes one language's source tree with its records, out comes that language's site.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ..project.errors import SitekitError
from ..project.seams import check

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FEATURES = (
    *("languages", "records_on_page", "chrome", "code_links", "downloads", "parts", "typography", "formulas"),
    *("html_nodes", "page_cards", "learning_map", "package_api"),
    *("error_index", "parallel_text", "search", "search_data", "sharing", "assets", "security", "known"),
)
"""Modules with a ``setup`` of their own, in the order in which they are connected."""


def connect(app: Sphinx) -> None:
    """Connect every feature, where Sphinx and its extensions are as they have to be."""
    from sphinx.errors import ExtensionError

    try:
        check("site", "markup")
    except SitekitError as error:
        raise ExtensionError(str(error)) from None
    for name in FEATURES:
        import_module(f".{name}", __name__).setup(app)
