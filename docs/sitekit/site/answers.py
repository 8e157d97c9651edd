"""Pages with folded answers get a button that shows all of them, on the screen and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sphinx.locale import _

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

FOLDED = '<details class="admonition hide'
"""As MyST-NB writes a hidden cell."""


def _add_button(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if FOLDED in context.get("body", ""):
        labels: dict[str, Any] = {
            "data-show": str(_("Show all answers")),
            "data-hide": str(_("Hide all answers")),
            "data-note": str(_("On paper, only answers that are shown appear.")),
        }
        app.add_js_file("answers.js", loading_method="defer", **labels)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("html-page-context", _add_button)
