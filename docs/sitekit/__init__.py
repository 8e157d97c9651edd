"""Builds a gallery of executed examples in several languages.

The rooms, from the ground up; each imports only what stands before it::

    project     the project's folders and pages, and files on disk
    markup      units of prose in reStructuredText, Markdown and Python
    translate   catalogues, and one source tree per language        execute   examples, records and goldens
    steps       what comes before rendering
    site        all that Sphinx loads                               publish   builds, previews, packs and serves

`translate` and `execute` don't know each other, nor do `site` and `publish`. The commands stand in ``__main__``;
as a Sphinx extension the package connects `site`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__version__ = "0.1.0"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect every feature of the site."""
    from .site import connect

    connect(app)
    return {
        "version": __version__,
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
