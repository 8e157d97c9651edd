"""Keeps the memory of a Sphinx process in bounds that doesn't collect its garbage by itself (`renderer`)."""

from __future__ import annotations

import gc
from typing import Any

from sphinx.application import Sphinx

PAGES_BETWEEN = 200
_pages = 0


def _collect(*_: Any) -> None:
    """Free memory once in a while, where Python doesn't."""
    global _pages
    _pages += 1
    if _pages % PAGES_BETWEEN == 0 and not gc.isenabled():
        gc.collect()


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("doctree-read", _collect)
    app.connect("html-page-context", _collect)
