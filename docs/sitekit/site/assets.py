"""What a page loads: scripts and styles only where it uses them, styles without comments and unused colors.

`ASSETS` maps patterns of file names in ``_static`` to a piece of HTML. A page whose body has it loads such a file,
every other page doesn't; what is mapped to nothing is loaded nowhere and is not published. It knows our own files, Sphinx,
Furo, Sphinx-Gallery and MyST-NB; a project adds to it by `sitekit_assets`.
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.locale import _

from .state import Context, Doctree

UNUSED = (
    *("doctools.js", "documentation_options.js", "sphinx_highlight.js", "translations.js", "searchtools.js"),
    *("language_data.js", "file.png", "minus.png", "plus.png", "basic.css", "debug.css", "skeleton.css"),
    *("*furo-extensions.*", "*.css.map", "*_logo.svg"),
    *("sg_gallery*.css", "sg-tags.js", "no_image.png", "broken_example.png"),
)
"""The policy of `security` stops doctools.js where there is a translations.js."""
ASSETS = {
    "devices.js": 'class="device-outputs',
    "copy.js": '<div class="highlight">',
    "answers.js": '<details class="admonition hide',  # as MyST-NB writes a hidden cell
    "math.css": "<math",
    "mystnb.*.css": 'class="cell ',
    **dict.fromkeys(UNUSED, ""),
}
TOKENS = "pygments.css"
"""Colors each kind of token of every language that Pygments knows; ours are few."""
KIND = re.compile(r"[^{}]*\.highlight \.(?P<kind>\w+)\{[^{}]*\}")
SPAN = re.compile(r'<span class="(\w+)')
COMMENT = re.compile(r"^[ \t]*(//.*|/\*\*.*\*/)\n", re.MULTILINE)
TOKEN = re.compile(
    r"""(?P<whole>/\*!.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|/\*.*?\*/|\s*(?P<mark>[{};,])\s*|(?P<blank>\s+)""",
    re.DOTALL,
)


def condensed(style: str) -> str:
    """A style sheet without comments, licenses apart, and without blanks that mean nothing."""
    return TOKEN.sub(lambda token: token["whole"] or token["mark"] or (" " if token["blank"] else ""), style)


def only_used(style: str, kinds: set[str]) -> str:
    """The style sheet of tokens without those kinds that no page has."""
    return KIND.sub(lambda rule: rule[0] if rule["kind"] in kinds else "", style)


def uncommented(script: str) -> str:
    """A script of ours without the lines that only comment."""
    return COMMENT.sub("", script)


def _marks(app: Sphinx, name: str) -> set[str]:
    """What a page must have in its body to load the file `name`; with an empty one there is no such page."""
    assets = ASSETS | app.config.sitekit_assets
    return {mark for pattern, mark in assets.items() if fnmatchcase(name, pattern)}


def _offer(app: Sphinx) -> None:
    """Put our own files on every page's lists, each script with what it says to the reader."""
    texts_of = {
        "devices.js": {"label": _("Device")},
        "copy.js": {"label": _("Copy"), "done": _("Copied")},
        "answers.js": {
            "show": _("Show all answers"),
            "hide": _("Hide all answers"),
            "note": _("On paper, only answers that are shown appear."),
            "unfold": _("Unfold everything"),
            "fold": _("Fold everything"),
            "fold-note": _("On paper, only what is unfolded appears."),
        },
    }
    for name, texts in texts_of.items():
        data: dict[str, Any] = {f"data-{key}": text for key, text in texts.items()}
        app.add_js_file(name, loading_method="defer", **data)
    app.add_css_file("math.css")


def _leave_out(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Take the files off the page's lists that it has no use for."""
    body = context.get("body", "")

    def is_used(name: str) -> bool:
        return all(mark and mark in body for mark in _marks(app, name))

    for kind in ("css_files", "script_files"):
        # In place: Sphinx looks at the list itself, and fills it anew for the next page.
        context[kind][:] = [
            asset
            for asset in context[kind]
            if is_used(str(asset.filename or "").partition("?")[0].removeprefix("_static/"))
        ]


def _tidy(app: Sphinx, exception: Exception | None) -> None:
    """Publish no file that no page may load, condense the style sheets, and take comments out of our scripts."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    pages = (path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html"))
    kinds = {kind for page in pages for kind in SPAN.findall(page)}
    for path in sorted(static.rglob("*")):
        marks = _marks(app, path.relative_to(static).as_posix())
        if "" in marks and path.is_file():
            path.unlink()
        elif path.suffix == ".css" and not marks:  # the next build compares those of extensions with its own
            style = condensed(path.read_text(encoding="utf-8"))
            path.write_text(only_used(style, kinds) if path.name == TOKENS else style, encoding="utf-8")
        elif path.suffix == ".js" and (Path(app.confdir) / "_static" / path.relative_to(static)).is_file():
            path.write_text(uncommented(path.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_assets", {}, "html", [dict])
    app.connect("builder-inited", _offer)
    app.connect("html-page-context", _leave_out, priority=950)  # after every extension added its own
    app.connect("build-finished", _tidy, priority=950)
