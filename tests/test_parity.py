"""The languages of the site are equal in everything but words, and no page mixes them."""

from __future__ import annotations

import copy
import functools
import hashlib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Comment, Tag

from tests import built
from tests.built import LANGUAGES, MADE, PROJECT, WRITTEN

SOURCE, *OTHERS = LANGUAGES
NAMES = re.compile(
    r"TorchNotes( authors)?|PyTorch|Python|Jupyter|NumPy|Sphinx|Furo|@pradyunsg|English|zip|MIT|CC[- ]BY[- ]4\.0"
)
BLANK = re.compile(r"[\u4e00-\u9fff] +[\u4e00-\u9fffA-Za-z0-9\0]|[A-Za-z0-9\0] +[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{2,}")
PHRASE = re.compile(r"\b[A-Za-z]{2,}[,:]? [A-Za-z]{2,}")
PARTS = ["section", "p", "li", "table", "tr", "pre", "math", "details", "dt"]
SPOKEN = ("aria-label", "aria-description", "title", "placeholder", "data-tooltip", "tooltip", "label")
CHAPTER_TITLES = ".sidebar-tree a, .toc-tree, .related-pages .title, title, link"
FURNITURE_IN_ARTICLE = (
    ".page-facts",
    ".answers-all",
    ".chapter-facts",
    ".map-hint",
    ".map-facts",
    ".map-about",
    ".map-minutes",
    ".admonition-title",
    ".card-facts",
    "details:not(.fold) > summary",
    "noscript",
    "button",
    "#search-results",
    "div[class*=sphx-glr-tag]",
    ".sphx-glr-footer",
)
STRINGS_OF_EXTENSIONS = (
    "Out:",
    "Go to the end",
    "Gallery generated",
    "Total running time",
    "Download ",
    "Launch binder",
    "Show code cell",
    "Hide code cell",
    "Show cell",
    "Toggle ",
    "Permalink",
    "Link to this",
    "Note",
    "Warning",
    "On this page",
    "Back to top",
    "Made with",
    "Copyright",
    "Next",
    "Previous",
    "Search",
)

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
in_every_other_language = pytest.mark.parametrize("language", OTHERS)
of_every_page = built.for_every("page", WRITTEN)
pytestmark = [pytest.mark.usefixtures("site_root"), built.parsed_once]


def anchors(language: str, page: str) -> list[tuple[str, str]]:
    """The level and the anchor of each heading, in order."""
    headings = built.article(language, page).find_all(re.compile("^h[1-6]$"))
    return [(heading.name, str(heading.parent["id"])) for heading in headings if heading.parent]


def labels(page: str, language: str) -> set[str]:
    """Every place in a page that a link can lead to."""
    document = built.html(language, page)
    return {str(tag["id"]) for tag in document.find_all(id=True)}


@in_every_other_language
@of_every_page
def test_headings_have_equal_levels_and_anchors(page: str, language: str) -> None:
    found = anchors(language, page)
    assert found == anchors(SOURCE, page)
    assert len({anchor for _, anchor in found}) == len(found)
    for _, anchor in found:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", anchor)
        assert not re.fullmatch(r"id\d+", anchor)


@of_every_page
def test_no_blank_stands_inside_chinese(page: str) -> None:
    """Nor beside letters, where browsers set a space of their own; code and formulas have their blanks."""
    for block in built.article(SOURCE, page).select("p, li, td, th, h1, h2, h3, dt, dd"):
        if block.find_parent(class_="page-facts"):
            continue  # lists of links and figures, not sentences
        block = copy.copy(block)
        for inner in block.select("code, pre, math, table, svg, .page-facts, .headerlink, [lang]"):
            inner.replace_with("\0")
        text = re.sub(r"\n\s*", "\n", block.get_text())
        assert not BLANK.search(text), text


@in_every_other_language
@of_every_page
def test_hand_written_labels_are_equal(page: str, language: str) -> None:
    own = re.compile(rf"{re.sub('[/_]', '-', page.removesuffix('/index'))}(-|$)")
    found, wanted = (set(filter(own.match, labels(page, folder))) for folder in (language, SOURCE))
    assert found == wanted
    assert found or page == "index"  # whose label is the site's


@in_every_other_language
@of_every_page
def test_code_is_equal_token_by_token(page: str, language: str) -> None:
    ours, theirs = built.code_cells(SOURCE, page), built.code_cells(language, page)
    assert [built.without_words(cell) for cell in ours] == [built.without_words(cell) for cell in theirs]


@in_every_other_language
@of_every_page
def test_two_runs_in_two_languages_print_the_same(page: str, language: str) -> None:
    assert built.outputs(SOURCE, page) == built.outputs(language, page)


@in_every_other_language
@of_every_page
def test_one_picture_serves_every_language(page: str, language: str) -> None:
    def pictures(folder: str) -> list[str]:
        files = [built.file_behind(folder, page, str(image["src"])) for image in built.figures(folder, page)]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    assert pictures(SOURCE) == pictures(language)


@in_every_other_language
@of_every_page
def test_pages_have_equal_parts(page: str, language: str) -> None:
    def parts(folder: str) -> dict[str, int]:
        article = built.article(folder, page)
        of_a_class = {name: len(article.find_all(class_=name)) for name in ("admonition", "reference")}
        return Counter(tag.name for tag in article.find_all(PARTS)) | of_a_class

    assert parts(SOURCE) == parts(language)


@functools.cache
def _names_in(path: Path) -> frozenset[str]:
    document = built.parse(path)
    named = [*document.find_all(id=True), *document.find_all("a", attrs={"name": True})]
    return frozenset(str(tag.get("id") or tag.get("name")) for tag in named)


def _links(document: BeautifulSoup) -> Iterator[str]:
    yield from (str(tag["href"]) for tag in document.find_all(href=True))
    yield from (str(tag["src"]) for tag in document.find_all(src=True))


@in_every_language
@built.for_every("page", [*WRITTEN, *MADE])
def test_every_link_inside_the_site_leads_somewhere(page: str, language: str) -> None:
    path = built.SITE / language / f"{page}.html"
    broken = []
    for link in _links(built.html(language, page)):
        address = urlsplit(link)
        if address.scheme or address.netloc:
            continue
        target = (path.parent / unquote(address.path)).resolve() if address.path else path
        if (
            not target.is_file()
            or not target.is_relative_to(built.SITE.resolve())
            or (
                address.fragment
                and target.suffix == ".html"
                and unquote(address.fragment) not in _names_in(target)
            )
        ):
            broken.append(link)
    assert not broken


@in_every_language
@of_every_page
def test_a_page_links_to_its_own_language_only(page: str, language: str) -> None:
    others = [folder for folder in LANGUAGES if folder != language]
    for link in built.article(language, page).select("a[href]"):
        assert not re.search(rf"(^|/)({'|'.join(others)})/", str(link["href"]))


def _is_seen(tag: Tag | None) -> bool:
    return tag is not None and not any(
        parent.name in ("script", "style", "code", "pre", "math", "template") or parent.get("lang") == "en"
        for parent in [tag, *tag.parents]
    )


def _furniture(document: BeautifulSoup, page: str) -> Iterator[str]:
    """All that a reader sees, or hears from a screen reader, and that no author of the page wrote."""
    titles = {id(tag) for tag in document.select(CHAPTER_TITLES)}
    article = document.find("article")
    furniture = {id(tag) for tag in article.select(", ".join(FURNITURE_IN_ARTICLE))} if article else set()
    for string in document.find_all(string=True):
        if isinstance(string, Comment) or not string.strip() or not _is_seen(string.parent):
            continue
        parents = [parent for parent in string.parents if isinstance(parent, Tag)]
        if string.parent and string.parent.name == "[document]":
            continue
        if any(id(parent) in titles for parent in parents):
            continue
        if not article or article not in parents or any(id(parent) in furniture for parent in parents):
            yield " ".join(string.split())
    for tag in document.find_all(True):
        if tag.name == "input" and tag.get("type") in ("submit", "button", "reset"):
            yield str(tag.get("value", ""))
        if tag.name == "a" and article and article in tag.parents:
            continue  # a term's title is the other language's word
        spoken = [str(tag[name]) for name in SPOKEN if tag.has_attr(name)]
        if spoken and _is_seen(tag):
            yield from spoken


def english(text: str) -> bool:
    """Whether a string of the furniture is, or holds, English."""
    bare = NAMES.sub("", text)
    return bool(PHRASE.search(bare) or (LATIN.search(bare) and not built.HAN.search(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Back to top", True),
        ("Contents", True),
        ("Toggle navigation of 基础", True),
        ("版权所有 © 2026, TorchNotes authors", False),
        ("Python 脚本", False),
        ("张量与 NumPy 互转", False),
        ("English", False),
        ("打包 .zip", False),
    ],
)
def test_english_is_told_from_names(text: str, expected: bool) -> None:
    assert english(text) == expected


@built.for_every("page", [*WRITTEN, *MADE])
def test_no_english_around_a_chinese_page(page: str) -> None:
    found = {text for text in _furniture(built.html("zh", page), page) if english(text)}
    assert not found


@built.for_every("page", [*WRITTEN, *MADE])
def test_no_chinese_around_an_english_page(page: str) -> None:
    document = built.html("en", page)
    switch = {"".join(link.stripped_strings) for link in document.select('[lang="zh-CN"]')} - {""}
    found = {text for text in _furniture(document, page) if built.HAN.search(text)}
    assert found <= switch


@built.for_every("page", [*WRITTEN, *MADE])
def test_extensions_say_nothing_english_on_a_chinese_page(page: str) -> None:
    article = built.article("zh", page)
    seen = [
        " ".join(string.split())
        for string in article.find_all(string=True)
        if not isinstance(string, Comment) and _is_seen(string.parent)
    ]
    assert not [text for text in seen for start in STRINGS_OF_EXTENSIONS if text.startswith(start)]


@in_every_language
@built.for_every("page", [*WRITTEN, *MADE])
def test_no_markup_is_left_over(page: str, language: str) -> None:
    document = built.html(language, page)
    seen = [str(string) for string in document.find_all(string=True) if _is_seen(string.parent)]
    spoken = [str(tag[name]) for tag in document.find_all(True) for name in (*SPOKEN, "alt") if tag.get(name)]
    raw = re.compile(r"``|:[a-z:]+:`|\{[a-z-]+\}`|^\s*\.\. \w+|:::|\*\*\S")
    assert not [text for text in [*seen, *spoken] if raw.search(text)]


def without_strings(code: str) -> str:
    """Code without the strings that it works on, equal in every language; docstrings and comments stay."""
    kept, before = [], "NEWLINE"
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = tokenize.tok_name[token.type]
        if kind not in {"STRING", "FSTRING_MIDDLE"} or before in {"NEWLINE", "INDENT", "DEDENT"}:
            kept.append(token.string)
        if kind not in {"COMMENT", "NL"}:
            before = kind
    return " ".join(kept)


def test_strings_that_code_works_on_are_left_out() -> None:
    code = 'def f():\n    """词"""\n    return "字", [\n        "行",\n    ]  # 注\n'
    assert "".join(built.HAN.findall(without_strings(code))) == "词注"


@in_every_other_language
@built.for_every("page", [page for page in WRITTEN if page != "glossary"])
def test_nothing_is_left_untranslated(page: str, language: str) -> None:
    """The glossary gives both forms; what stands in a code span may show how a source looks."""
    prose = [s for s in built.article(language, page).find_all(string=True) if _is_seen(s.parent)]
    code = [without_strings(cell) for cell in built.code_cells(language, page)]
    assert not [text for text in [*prose, *code] if built.HAN.search(text)]


def test_chinese_pages_are_written_in_chinese() -> None:
    for page in WRITTEN:
        for paragraph in built.article("zh", page).select("p"):
            words = [s for s in paragraph.find_all(string=True) if _is_seen(s.parent)]
            plain = " ".join(words)
            if len(LATIN.findall(plain)) > 6:
                assert built.HAN.search(plain), (page, plain)


def test_every_language_has_the_same_downloads() -> None:
    for page in built.EXAMPLES:
        names = [{file.name for file in built.downloads(folder, page).values()} for folder in LANGUAGES]
        assert all(each == names[0] for each in names)


def test_languages_differ_in_words() -> None:
    """A build that took one language's tree twice would pass every test of equality above."""
    for page in WRITTEN:
        titles = {built.text(built.article(folder, page).select("h1")[0]) for folder in LANGUAGES}
        assert len(titles) == len(LANGUAGES), page
    assert len({language.tag for language in PROJECT.languages}) == len(LANGUAGES)
