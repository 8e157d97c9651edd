"""Builds a gallery of executed examples in several languages.

As a Sphinx extension it connects the rendering side: languages, page furniture, downloads.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__version__ = "0.1.0"

FEATURES = (
    *("languages", "shown", "chrome", "code", "downloads", "bundle", "mathml", "math_font", "markup"),
    *("page_facts", "page_cards", "page_footer", "learning_map", "answers", "package_api", "error_index"),
    *("parallel_text", "glossary_terms", "search", "sharing", "assets", "security", "renderer", "amend"),
)
"""Modules with a ``setup`` of their own, in the order in which they are connected."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect every feature."""
    for name in FEATURES:
        import_module(f".{name}", __name__).setup(app)
    return {
        "version": __version__,
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
