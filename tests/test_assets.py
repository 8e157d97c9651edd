"""What pages load: nothing of another host, nothing that they don't use, and only scripts that the policy allows."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from io import BytesIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from fontTools.ttLib import TTFont
from sitekit.project.policy import meta
from sitekit.site.assets import condensed, only_used, uncommented
from sitekit.site.formulas import subset

from tests import built
from tests.built import LANGUAGES, MADE, NOTEBOOKS, PROJECT, SITE, WRITTEN

POLICY = 'meta[http-equiv="Content-Security-Policy"]'
# What a browser fetches by itself; links that a reader follows are none of it.
FETCHED = {
    "src": "[src]",
    "srcset": "[srcset]",
    "data": "object[data]",
    "poster": "[poster]",
    "action": "form[action]",
    "formaction": "[formaction]",
    "href": "link:not([rel=alternate], [rel=next], [rel=prev], [rel=index], [rel=search], [rel=canonical],"
    " [rel=author], [rel=license], [rel=copyright]), image, use",
}
IN_STYLE = re.compile(r"""url\(\s*["']?(?!data:)([^"')]+)|@import\s+["']([^"']+)""")
FOREIGN = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//|^(?!data:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
PAGES = [f"{language}/{page}.html" for language in LANGUAGES for page in [*WRITTEN, *MADE]]

pytestmark = [pytest.mark.usefixtures("site_root"), built.parsed_once]


def pages() -> list[Path]:
    return sorted(SITE.rglob("*.html"))


def policy_of(document: BeautifulSoup) -> dict[str, list[str]]:
    tag = document.select_one(POLICY)
    assert tag
    return {name: values for name, *values in (part.split() for part in str(tag["content"]).split(";"))}


def inline_scripts(document: BeautifulSoup) -> list[str]:
    return [script.decode_contents() for script in document.select("script:not([src])")]


def assets(document: BeautifulSoup) -> set[str]:
    """The names of the scripts and styles that a page loads."""
    addresses = [
        str(tag.get("src") or tag.get("href")) for tag in document.select("script[src], link[rel=stylesheet]")
    ]
    return {address.partition("?")[0].rpartition("_static/")[2] for address in addresses}


@built.for_every("path", ["index.html", *PAGES])
def test_every_page_has_the_policy_before_all_it_rules(path: str) -> None:
    document = built.parse(SITE / path)
    head = document.head
    assert head
    first = head.select_one("script, link, style, img, meta[http-equiv]")
    assert first is document.select_one(POLICY)
    policy = policy_of(document)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"][0] == "'self'"
    assert not [value for value in policy["script-src"] if "unsafe" in value or "*" in value or ":" in value]
    wanted = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in inline_scripts(document)
    ]
    assert policy["script-src"][1:] == wanted
    assert len(wanted) == (path != "index.html")


def test_the_hash_is_made_from_the_script() -> None:
    first, second = meta(["go()"]), meta(["stop()"])
    assert "'sha256-" in first
    assert first != second
    assert "sha256" not in meta()


@built.for_every("path", ["index.html", *PAGES])
def test_no_script_stands_in_an_attribute(path: str) -> None:
    found = [
        f"{tag.name} {name}={value}"
        for tag in built.parse(SITE / path).find_all(True)
        if isinstance(tag, Tag)
        for name, value in tag.attrs.items()
        if name.startswith("on") or re.match(r"\s*javascript:", str(value), re.IGNORECASE)
    ]
    assert not found


def test_pages_beside_the_known_ones_are_checked_too() -> None:
    for path in pages():
        assert built.parse(path).select_one(POLICY), path


def may_fetch(tag: Tag) -> bool:
    return tag.name != "a" and (tag.name == "style" or not {*FETCHED, "style"}.isdisjoint(tag.attrs))


def test_no_page_fetches_from_another_host() -> None:
    found = []
    for path in pages():
        styles = []
        for tag in built.parse(path).find_all(may_fetch):
            assert isinstance(tag, Tag)
            found += [
                (path, str(tag[attribute]))
                for attribute, selector in FETCHED.items()
                if tag.has_attr(attribute) and tag.css.match(selector)
            ]
            styles += [tag.get_text()] if tag.name == "style" else [str(tag.get("style", ""))]
        found += [(path, "".join(match)) for style in styles for match in IN_STYLE.findall(style)]
    for path in SITE.rglob("*.css"):
        found += [(path, "".join(match)) for match in IN_STYLE.findall(path.read_text(encoding="utf-8"))]
    assert len(found) > 1000
    assert not [item for item in found if FOREIGN.search(item[1])]


@functools.cache
def _named_in_files() -> str:
    files = [*pages(), *SITE.rglob("_static/**/*.css"), *SITE.rglob("_static/**/*.js")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_of_theme_and_extensions_is_used(language: str) -> None:
    used = _named_in_files()
    own = {path.name for path in (PROJECT.docs / "_static").iterdir()}
    published = [path for path in (SITE / language / "_static").rglob("*") if path.is_file()]
    unused = {path.name for path in published if path.name not in used} - own
    assert not {name for name in unused if "LICENSE" not in name}


@built.for_every("path", PAGES)
def test_a_page_loads_only_what_it_uses(path: str) -> None:
    document = built.parse(SITE / path)
    loaded = assets(document)
    there = set()
    for tag in document.find_all(True):
        assert isinstance(tag, Tag)
        classes = tag.get_attribute_list("class") if tag.has_attr("class") else []
        there |= {tag.name, *classes, *(f"{tag.name}.{name}" for name in classes)}
    conditions = {
        "mystnb": "cell",
        "sg_gallery": "sphx-glr-thumbnails",
        "math.css": "math",
        "copy.js": "highlight",
        "devices.js": "device-outputs",
        "answers.js": "details.hide",
    }
    for name, wanted in conditions.items():
        is_loaded = any(asset.startswith(name) for asset in loaded)
        assert is_loaded == (wanted in there), name
    for gone in (
        "doctools.js",
        "sphinx_highlight.js",
        "translations.js",
        "sg-tags.js",
        "furo-extensions.css",
    ):
        assert not [asset for asset in loaded if asset.endswith(gone)]


def test_most_pages_are_no_notebooks() -> None:
    loading = {page for page in WRITTEN if any("mystnb" in name for name in assets(built.html("en", page)))}
    assert loading
    assert loading < set(NOTEBOOKS)


def test_chinese_pages_name_chinese_fonts() -> None:
    style = (SITE / "zh" / "_static" / "site.css").read_text(encoding="utf-8")
    rule = re.search(r"body:lang\(zh\)\s*\{[^}]*--font-stack:([^;]*);", style)
    assert rule
    names = [name.strip(' "\n') for name in rule[1].split(",")]
    places = [
        names.index(name) for name in ("PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")
    ]
    assert places == sorted(places)
    assert places[-1] == len(names) - 1


def test_only_tokens_that_a_page_has_are_colored() -> None:
    style = ".highlight{color: #000} .highlight .k{color: #111} .highlight .gd{color: #222}@media print{p .highlight .gd{top: 0}.highlight .k{top: 1}}"
    left = ".highlight{color: #000} .highlight .k{color: #111}@media print{.highlight .k{top: 1}}"
    assert only_used(style, {"k", "n"}) == left


def test_styles_are_condensed_and_mean_the_same() -> None:
    style = """/* the page's */ a > b , c { color : red ; }
    /*! MIT */ d::before { content: "/* } ' */  x"; width: calc(1px + 2px) }
    @media (hover: hover) { e f { mask: url('data:,<svg a=" , ">') } }"""
    assert condensed(style) == (
        ' a > b,c{color : red;}/*! MIT */ d::before{content: "/* } \' */  x";width: calc(1px + 2px)}'
        "@media (hover: hover){e f{mask: url('data:,<svg a=\" , \">')}}"
    )
    for name in ("pygments", "site", "search", "parallel"):
        assert "/*" not in (SITE / "en" / "_static" / f"{name}.css").read_text(encoding="utf-8")


def test_scripts_of_ours_lose_the_lines_that_only_comment() -> None:
    script = (
        '// Says hello.\n/** A greeting. */\nconst hello = "// hello"; // stays\n  // inside\n  hi(hello);\n'
    )
    assert uncommented(script) == 'const hello = "// hello"; // stays\n  hi(hello);\n'
    for path in (PROJECT.docs / "_static").glob("*.js"):
        published = SITE / "en" / "_static" / path.name
        assert published.read_text("utf-8") == uncommented(path.read_text("utf-8")), path.name
        assert "`//" not in path.read_text("utf-8"), path.name


# -- the font for formulas


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_font_has_every_character_of_the_formulas(language: str) -> None:
    content = (SITE / language / "_static" / "math.woff2").read_bytes()
    assert content.startswith(b"wOF2")
    assert len(content) < 40_000
    font = TTFont(BytesIO(content))
    assert "MATH" in font
    assert "STIX" in str(font["name"].getDebugName(0))
    shown = {
        character
        for path in (SITE / language).rglob("*.html")
        for token in built.parse(path).select("mi, mo, mn, mtext")
        for character in token.get_text()
    }
    assert {"∑", "=", "x"} <= shown
    assert not {hex(ord(character)) for character in shown} - {hex(code) for code in font.getBestCmap()}
    assert {ord("√"), 0x1D465} <= set(font.getBestCmap())  # the browser draws the root and the slanted x


def test_a_subset_is_the_same_every_time_and_grows() -> None:
    made = subset("([√∑x")
    assert made == subset(["x", "∑", "√", "[", "("])
    font = TTFont(BytesIO(made))
    variants = font["MATH"].table.MathVariants
    growing = dict(zip(variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction, strict=True))
    names = font.getBestCmap()
    for character in "([√∑":
        assert growing[names[ord(character)]].VariantCount > 1, character
    assert len(made) < 20_000
