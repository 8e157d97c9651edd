"""Builds a gallery of executed examples in several languages.

As a Sphinx extension it connects the rendering side: languages, page furniture, downloads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__version__ = "0.1.0"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect every feature."""
    from . import (
        assets,
        cards,
        chrome,
        code,
        downloads,
        glossary_terms,
        languages,
        math_font,
        mathml,
        package_api,
        parallel_text,
        search,
        security,
        shown,
    )

    features = (
        languages,
        shown,
        chrome,
        code,
        downloads,
        mathml,
        math_font,
        cards,
        package_api,
        parallel_text,
        glossary_terms,
        search,
        assets,
        security,
    )
    for feature in features:
        feature.setup(app)
    return {
        "version": __version__,
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
