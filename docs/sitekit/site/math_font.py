"""The font of the formulas: STIX Two Math, cut down to the characters that the site's formulas use.

The whole font weighs 1.5 MB, what is left of it some 10 kB. It is taken from the package ziamath when the site
is built, and is under the SIL Open Font License, whose notice stays in it.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.builders.html import StandaloneHTMLBuilder

from ..project.cache import cached
from ..project.files import write_if_changed
from .mathml import CHARACTERS
from .state import site

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["subset"]


SOURCE = ("ziamath", "fonts/STIXTwoMath-Regular.ttf")
FONT, STYLE = "math.woff2", "math.css"
COPYRIGHT, LICENSE, LICENSE_URL = 0, 13, 14  # entries of a font's table of names
FEATURES = ("dtls", "flac")
"""Letters without dots and flat accents. Shapes of their own for small scripts would more than double the font."""


def subset(characters: Iterable[str]) -> bytes:
    """The font with `characters` and every larger form that they grow to, as woff2; the bytes depend on nothing else."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells each of its steps
    package = find_spec(SOURCE[0])  # found and not imported: only its font is wanted
    assert package is not None
    assert package.origin is not None
    font = TTFont(Path(package.origin).parent / SOURCE[1], recalcTimestamp=False)
    options = Options()
    options.hinting = False
    options.layout_features = list(FEATURES)
    options.name_IDs = [*options.name_IDs, COPYRIGHT, LICENSE, LICENSE_URL]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(map(ord, set(characters))))
    subsetter.subset(font)
    font.flavor = "woff2"
    made = BytesIO()
    font.save(made)
    return made.getvalue()


def _write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the font and its style sheet before the pages that count on them."""
    used = {character for page in env.metadata.values() for character in page.get(CHARACTERS, "")}
    if not used or not isinstance(app.builder, StandaloneHTMLBuilder):
        return []
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    packages = {name: version(name) for name in ("ziamath", "fonttools", "brotli")}
    made_from = {
        "by": Path(__file__).read_text(encoding="utf-8"),
        "packages": packages,
        "characters": sorted(used),
    }
    content = cached(site(app).project.root, made_from, lambda: subset(used))
    (static / FONT).write_bytes(content)
    write_if_changed(
        static / STYLE,
        '@font-face { font-family: "STIX Two Math"; font-display: swap; '
        f'src: url("{FONT}?v={zlib.crc32(content):08x}") format("woff2"); }}\n',
    )
    return []


def _page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    if app.env.metadata.get(pagename, {}).get(CHARACTERS):
        app.add_css_file(STYLE)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("env-updated", _write)
    app.connect("html-page-context", _page_context)
