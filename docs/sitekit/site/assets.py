"""What a page loads: its extensions' scripts and styles only where it uses them, and styles without comments.

`sitekit_assets` maps patterns of file names in ``_static`` to a piece of HTML. A page whose body has it loads
such a file, every other page doesn't; what is mapped to nothing is loaded nowhere and is not published. Its
default knows Sphinx, Furo, Sphinx-Gallery and MyST-NB.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.builders.html import StandaloneHTMLBuilder

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

ASSETS = {
    "mystnb.*.css": 'class="cell ',
    **dict.fromkeys(
        ["sg_gallery*.css", "sg-tags.js", "no_image.png", "broken_example.png", "*_logo.svg"], ""
    ),
    **dict.fromkeys(["basic.css", "debug.css", "skeleton.css", "*furo-extensions.*", "*.css.map"], ""),
    # The policy of sitekit.security stops doctools.js where there is a translations.js.
    **dict.fromkeys(
        ["doctools.js", "documentation_options.js", "sphinx_highlight.js", "translations.js"], ""
    ),
    **dict.fromkeys(["searchtools.js", "language_data.js", "file.png", "minus.png", "plus.png"], ""),
}
TOKEN = re.compile(
    r"""(?P<kept>/\*!.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|/\*.*?\*/|\s*(?P<mark>[{};,])\s*|(?P<blank>\s+)""",
    re.DOTALL,
)


def condensed(style: str) -> str:
    """A style sheet without comments, licences apart, and without blanks that mean nothing."""
    return TOKEN.sub(lambda token: token["kept"] or token["mark"] or (" " if token["blank"] else ""), style)


def _is_used(app: Sphinx, name: str, body: str) -> bool:
    return all(
        bool(mark) and mark in body
        for pattern, mark in app.config.sitekit_assets.items()
        if fnmatchcase(name, pattern)
    )


def _leave_out(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Take the files off the page's lists."""
    body = context.get("body", "")
    for kind in ("css_files", "script_files"):
        # In place: Sphinx looks at the list itself, and fills it anew for the next page.
        context[kind][:] = [
            asset
            for asset in context[kind]
            if _is_used(app, str(asset.filename or "").partition("?")[0].removeprefix("_static/"), body)
        ]


def _tidy(app: Sphinx, exception: Exception | None) -> None:
    """Publish no file that no page may load, and condense the style sheets."""
    if exception is not None or not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    static = Path(app.outdir) / "_static"
    for path in sorted(static.rglob("*")):
        name = path.relative_to(static).as_posix()
        marks = {mark for pattern, mark in app.config.sitekit_assets.items() if fnmatchcase(name, pattern)}
        if "" in marks and path.is_file():
            path.unlink()
        elif path.suffix == ".css" and not marks:  # the next build compares those of extensions with its own
            path.write_text(condensed(path.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_assets", ASSETS, "html", [dict])
    app.connect("html-page-context", _leave_out, priority=950)  # after every extension added its own
    app.connect("build-finished", _tidy, priority=950)
