"""Formulas as MathML Core, made when the site is built, and their font; the reader's browser needs no script for them.

The font is STIX Two Math, cut down to the characters that the site's formulas use: whole it weighs 1.5 MB, what is
left of it some 10 kB. It is taken from the package ziamath and is under the SIL Open Font License, whose notice stays in it.
"""

import html
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution, version
from io import BytesIO
from logging import WARNING, getLogger
from pathlib import Path

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from ..project.cache import cached
from ..project.files import write_if_changed
from .state import site

logger = logging.getLogger(__name__)
_converter = LatexToMathML(fancy_error=False)

CHARACTERS = "formula characters"
"""Under this name a page's metadata in the environment has the characters that its formulas are set in."""
TOKEN = re.compile(r"<(?P<tag>m[ions]|mtext)(?P<attributes>[^>]*)>(?P<text>[^<]+)<")
ROOT = re.compile(r"<m(sqrt|root)\b")
ITALIC = {
    unicodedata.normalize("NFKC", character): character
    for character in map(chr, [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)])
    if unicodedata.category(character) != "Cn"
}
"""What the browser shows for a letter that is an identifier by itself."""
FONT, STYLE = "math.woff2", "math.css"
COPYRIGHT, LICENSE, LICENSE_URL = 0, 13, 14  # entries of a font's table of names
FEATURES = ("dtls", "flac")
"""Letters without dots and flat accents. Shapes of their own for small scripts would more than double the font."""


# -- on pages


def _convert(node: nodes.Element) -> str:
    if "mathml" in node:
        return str(node["mathml"])
    try:
        is_block = isinstance(node, nodes.math_block)
        return _converter.convert_with_local_state(node.astext(), displaystyle=is_block)
    except LatexError as error:
        logger.warning(
            "this formula can't be shown: %s", error, location=node, type="sitekit", subtype="math"
        )
        return ""


def _characters(mathml: str) -> Iterator[str]:
    """The characters that a browser shows of a formula."""
    for token in TOKEN.finditer(mathml):
        text = html.unescape(token["text"])
        yield from text
        if token["tag"] == "mi" and len(text) == 1:
            yield ITALIC.get(text, text)
        elif text == "-":
            yield "−"
    if ROOT.search(mathml):
        yield "√"


def _note_characters(app: Sphinx, doctree: nodes.document) -> None:
    found: set[str] = set()
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.math | nodes.math_block):
            node["mathml"] = _convert(node)
            found.update(_characters(node["mathml"]))
    app.env.metadata[app.env.docname][CHARACTERS] = "".join(sorted(found))


def _visit(translator: HTML5Translator, node: nodes.Element) -> None:
    shown = _convert(node)
    if isinstance(node, nodes.math_block):
        shown = f"{translator.starttag(node, 'div', CLASS='math')}{shown}</div>\n"
    translator.body.append(shown)
    raise nodes.SkipNode


# -- the font


def subset(characters: Iterable[str]) -> bytes:
    """The font with `characters` and every larger form that they grow to, as woff2; the bytes depend on nothing else."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    getLogger("fontTools").setLevel(WARNING)  # it tells each of its steps
    file = distribution("ziamath").locate_file("ziamath/fonts/STIXTwoMath-Regular.ttf")
    font = TTFont(Path(str(file)), recalcTimestamp=False)
    options = Options(hinting=False, layout_features=[*FEATURES])
    options.name_IDs = [*options.name_IDs, COPYRIGHT, LICENSE, LICENSE_URL]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=sorted(map(ord, set(characters))))
    subsetter.subset(font)
    font.flavor = "woff2"
    made = BytesIO()
    font.save(made)
    return made.getvalue()


def _write_font(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the font and its style sheet before the pages that count on them."""
    used = {character for page in env.metadata.values() for character in page.get(CHARACTERS, "")}
    if not used or app.builder.format != "html":
        return []
    static = Path(app.outdir) / "_static"
    versions = [version(name) for name in ("ziamath", "fonttools", "brotli")]
    made_from = [Path(__file__).read_text(encoding="utf-8"), *versions, *sorted(used)]
    content = cached(site(app).project.root, made_from, lambda: subset(used))
    write_if_changed(static / FONT, content)
    write_if_changed(
        static / STYLE,
        '@font-face { font-family: "STIX Two Math"; font-display: swap; '
        f'src: url("{FONT}?v={zlib.crc32(content):08x}") format("woff2"); }}\n',
    )
    return []


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_html_math_renderer("mathml", (_visit, None), (_visit, None))
    app.connect("doctree-read", _note_characters, priority=960)  # counterparts have come in by then
    app.connect("env-updated", _write_font)
