"""Side-by-side reading in the built pages: counterparts, their order, what they cost, and glossary links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from docutils import nodes, utils
from sitekit.markup import myst, rst
from sitekit.project.layout import Language, Project
from sitekit.site import parallel_text

from tests import built

MOST_GROWTH = 1 / 3
REFERENCE = re.compile(r":(?:ref|doc):`/?([\w/-]+)`|\{(?:ref|doc)\}`/?([\w/-]+)`")
MATHS = re.compile(r":math:`[^`]+`|(?<![\\$])\$[^$\n]+\$")
COUNTERPART = re.compile(r"<(p|span) lang=\"[^\"]+\">.*?</\1>\n", re.DOTALL)
TOGGLE = re.compile(r"<button[^>]*class=\"parallel-toggle\".*?</button>\n?", re.DOTALL)
SCRIPT = re.compile(r"\s*<script src=\"[^\"]*parallel\.js[^\"]*\"></script>")
TERM_TITLE = re.compile(r"(<a class=\"reference internal\"[^>]*?) title=\"[^\"]*\"")

pytestmark = built.parsed_once


@pytest.fixture(scope="module")
def project(repository: Path) -> Project:
    return Project.load(repository)


def other_of(project: Project, language: Language) -> Language:
    return next(item for item in project.languages if item != language)


def words(text: str) -> str:
    """What is the same in a source and on its page: no blanks, punctuation or typographic quotes."""
    return re.sub(r"\W+", "", text)


def shown(text: str, titles: dict[str, str], *, markdown: bool) -> str:
    """A unit's source as a reader sees it, formulas left out."""
    text = REFERENCE.sub(lambda match: titles[match[1] or match[2]], MATHS.sub("", text))
    return words((myst if markdown else rst).read(text).plain)


def text_of(element: Tag) -> str:
    """An element's own text: no formulas, no permalinks, no counterpart in it."""
    copied = BeautifulSoup(str(element), "html.parser").find()
    assert isinstance(copied, Tag)
    for part in copied.select("math, .headerlink, [lang]"):
        part.decompose()
    return words(copied.get_text())


def units(project: Project, language: Language) -> Iterator[tuple[str, bool, list[dict[str, Any]]]]:
    """Each page with whether it is Markdown, and the units that it shows in both languages."""
    tree = project.source_tree(language)
    for path in sorted(tree.rglob("*.units.json")):
        page = json.loads(path.read_text(encoding="utf-8"))
        kept = [
            unit
            for unit in page["units"]
            if unit["kind"] not in parallel_text.NOT_SHOWN | parallel_text.SHOWN_TWICE
            and len(set(unit["text"].values())) > 1
        ]
        yield page["page"], not path.is_relative_to(tree / "gallery"), kept


def is_label(made: Tag) -> bool:
    """Whether this is the counterpart of “Note” and the like, which stands in no source."""
    before = made.find_previous_sibling()
    holder = made.parent
    return bool(
        before
        and holder
        and "admonition-title" in (before.get("class") or [])
        and not any(name.startswith("admonition-") for name in holder.get("class") or [])
    )


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_every_unit_has_its_counterpart_in_order(project: Project, site_root: Path, folder: str) -> None:
    own = project.language(folder)
    other = other_of(project, own)
    titles: dict[str, dict[str, str]] = {}
    for language in (own, other):
        known = json.loads((project.source_tree(language) / "anchors.json").read_text(encoding="utf-8"))
        titles[language.folder] = known["titles"] | known["labels"]
    checked = 0
    for page, markdown, expected in units(project, own):
        made = [
            element
            for element in built.html(own.folder, page).find_all(lang=True)
            if element.css.match("article p, article caption > *, article .choices *")
            and not is_label(element)
        ]
        assert {element["lang"] for element in made} <= {other.tag}, page
        wanted = [
            shown(unit["text"][other.folder], titles[other.folder], markdown=markdown) for unit in expected
        ]
        assert [text_of(element) for element in made] == wanted, page
        for element, unit in zip(made, expected, strict=True):
            # That of an option stands in the same label.
            beside = (
                element.parent if element.find_parent(class_="choices") else element.find_previous_sibling()
            )
            assert beside is not None
            text = shown(unit["text"][own.folder], titles[own.folder], markdown=markdown)
            assert text_of(beside) == text, f"{page}: {unit['line']}"
        checked += len(made)
    assert checked > 100


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_pages_grow_by_less_than_a_third(site_root: Path, folder: str) -> None:
    for path in sorted((site_root / folder).rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        without = page
        for pattern in (COUNTERPART, TOGGLE, SCRIPT):
            without = pattern.sub("", without)
        without = TERM_TITLE.sub(r"\1", without)
        assert "<p lang=" not in without
        growth = len(page.encode()) / len(without.encode()) - 1
        assert growth <= MOST_GROWTH, f"{path.relative_to(site_root)} grew by {growth:.1%}"


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_counterparts_stay_out_of_titles_contents_and_anchors(
    project: Project, site_root: Path, folder: str
) -> None:
    for page, _, _ in units(project, project.language(folder)):
        html = built.html(folder, page)
        for element in html.find_all(lang=True):
            assert not element.css.match(":is(h1, h2, h3, h4, h5, h6) *, .toc-tree *, title *"), page
            if element.css.match("article :is(p, span)"):
                assert not [*element.find_all(id=True), *filter(None, [element.get("id")])], page
        article = html.find("article")
        assert isinstance(article, Tag)
        ids = [element["id"] for element in article.find_all(id=True)]
        assert len(ids) == len(set(ids)), page


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_a_short_list_stays_compact(project: Project, site_root: Path, folder: str) -> None:
    home = built.html(folder, "index")
    assert home.select("ul.simple > li > p[lang]")
    assert not home.select("article ul:not(.simple) > li > p[lang]")


def test_searches_find_nothing_in_a_counterpart() -> None:
    made = parallel_text.counterpart("", "", nodes.Text("text"), lang="en", tag="p", classes=["no-search"])
    page = nodes.section("", nodes.title("", "标题"), made)
    assert page.astext() == "标题\n\n"
    assert isinstance(made, nodes.Invisible)


def test_matching_goes_on_behind_a_unit_that_is_not_there() -> None:
    first = nodes.paragraph("one\ntwo", "one two")
    made_by_a_directive = nodes.paragraph("", "something else")
    last = nodes.paragraph("“three”", "“three”")
    page = utils.new_document("page")
    page += nodes.section("", first, made_by_a_directive, last)
    found = [
        {"kind": "paragraph", "line": line, "text": {"en": text}}
        for line, text in [(1, "one two"), (2, "lost"), (3, '"three"')]
    ]
    matched = list(parallel_text._matches(page, found, "en", rst.read))
    assert [node for _, node in matched] == [first, None, last]


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_links_to_terms_name_them_in_the_other_language(
    project: Project, site_root: Path, folder: str
) -> None:
    language = project.language(folder)
    glossaries: dict[str, dict[str, set[str]]] = {}
    seen = 0
    for page, _, _ in units(project, language):
        for shown_term in built.html(language.folder, page).select("article a > .std-term"):
            link = shown_term.parent
            assert link
            target, _, name = str(link["href"]).partition("#")
            where = (Path(page).parent / target).as_posix().removesuffix(".html") if target else page
            where = re.sub(r"[^/]+/\.\./", "", where)
            if where not in glossaries:
                glossaries[where] = {
                    str(term["id"]): {
                        line.get_text().rstrip("¶")
                        for line in [*term.find_previous_siblings(), *term.find_next_siblings()]
                        if line.name == "dt" and line is not term and same_entry(term, line)
                    }
                    for term in built.html(language.folder, where).select("dl.glossary dt[id]")
                }
            assert set(str(link.get("title", "")).split(" / ")) == glossaries[where][name], page
            seen += 1
    assert seen > 20


def same_entry(term: Tag, line: Tag) -> bool:
    """Whether no definition stands between two lines of a glossary."""

    def definition(element: Tag) -> Tag | None:
        following = element.find_next_sibling("dd")
        return following if isinstance(following, Tag) else None

    return definition(term) is definition(line)
