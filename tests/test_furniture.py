"""What stands around an author's text: facts, order, cards, the map of all pages, licenses and reports."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from sitekit.project.layout import Chapter, Page
from sitekit.site import learning_map
from sitekit.site.chrome import report_address
from sitekit.site.learning_map import BOX, LANES, ROW
from sphinx.errors import ExtensionError

from tests import built
from tests.built import CHAPTERS, EXAMPLES, LANGUAGES, MADE, PROJECT, SITE, WRITTEN

PAGES = {page.docname: page for page in PROJECT.pages()}
ANY_TIME = {"zh": "{}分钟", "en": "{} min"}

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
of_every_example = built.for_every("page", EXAMPLES)


def docname_behind(language: str, page: str, link: Tag) -> str:
    """The page that a link leads to, without language and ending."""
    target = built.file_behind(language, page, str(link["href"]))
    return target.relative_to((SITE / language).resolve()).with_suffix("").as_posix()


# -- the first screen


@in_every_language
@of_every_example
def test_a_page_opens_with_its_promise_and_its_facts(page: str, language: str, site_root: Path) -> None:
    article, about = built.article(language, page), PAGES[page]
    heading = article.select_one("h1")
    assert heading
    first, second = heading.find_next_siblings(limit=2)
    assert first.name == "p"
    assert second["class"] == ["page-facts", "simple"]
    facts = {str(row["class"][0]): row.select("dd")[0] for row in second.select("div[class]")}
    assert list(facts) == ["fact-reading", "fact-first", "fact-downloads", "fact-run", "fact-output"]
    assert built.text(facts["fact-reading"]) == ANY_TIME[language].format(about.minutes)
    links = [docname_behind(language, page, link) for link in facts["fact-first"].select("a")]
    assert links == list(about.prerequisites)
    assert built.text(facts["fact-first"]) or links
    name = page.split("/")[1]
    assert [link.get_text().split()[-1] for link in facts["fact-downloads"].select("a")] == [
        ".py",
        ".ipynb",
        ".zip",
    ]
    assert built.text(facts["fact-run"]) == f"python {name}.py"
    assert "torch 2." in built.text(facts["fact-output"])


# -- the order of reading


@in_every_language
def test_next_and_previous_follow_the_curriculum(language: str, site_root: Path) -> None:
    order = ["index"]
    for chapter in PROJECT.chapters:
        order += [f"{chapter.name}/index", *(page.docname for page in chapter.pages)]
    for here, there in pairwise(order):
        (following,) = built.html(language, here).select("footer a.next-page")
        assert docname_behind(language, here, following) == there
        (previous,) = built.html(language, there).select("footer a.prev-page")
        assert docname_behind(language, there, previous) == here


# -- a chapter's pages


@in_every_language
@built.for_every("index", CHAPTERS)
def test_a_chapter_shows_its_pages_as_cards(index: str, language: str, site_root: Path) -> None:
    chapter = next(chapter for chapter in PROJECT.chapters if f"{chapter.name}/index" == index)
    article = built.article(language, index)
    cards = article.select(".page-cards > li")
    assert len(cards) == len(chapter.pages)
    for card, page in zip(cards, chapter.pages, strict=True):
        (link,) = card.select("a")
        assert docname_behind(language, index, link) == page.docname
        heading = built.article(language, page.docname).select("h1")[0]
        assert built.text(heading).removesuffix("¶") in built.text(link)
        promise = built.text(card.select("p")[0])
        opening = built.text(heading.find_next_sibling("p"))
        assert promise
        assert opening.replace(" ", "").startswith(promise.replace(" ", "").rstrip("."))
        facts = built.text(card.select(".card-facts")[0]).split(" · ")
        assert facts[0] == ANY_TIME[language].format(page.minutes)
        output = built.article(language, page.docname).select(".fact-output dd")[0]
        lines = [built.text(line) for line in output.select("div") or [output]]
        assert [line.split(" · ")[1] for line in lines] == facts[1:]
        if figures := built.figures(language, page.docname):
            light, dark = card.select("img")
            assert Path(str(light["src"])).name == Path(str(figures[0]["src"])).name
            assert [light["class"], dark["class"]] == [["only-light"], ["only-dark"]]
            for image in (light, dark):
                assert built.file_behind(language, index, str(image["src"])).is_file()
                assert image["loading"] == "lazy"
                assert image["alt"] == ""
                assert int(str(image["width"])) > 100 < int(str(image["height"]))
        else:
            printed = card.select("pre")[0].get_text()
            assert printed.splitlines()[0] in built.outputs(language, page.docname)[0]
    total = sum(page.minutes for page in chapter.pages)
    assert re.findall(r"\d+", built.text(article.select(".chapter-facts")[0])) == [
        str(len(cards)),
        str(total),
    ]


def test_nothing_is_left_of_the_gallerys_own_thumbnails(site_root: Path) -> None:
    assert not list(SITE.rglob("sphx_glr_*_thumb.png"))
    for language in LANGUAGES:
        for index in CHAPTERS:
            assert "sphx-glr-thumb" not in str(built.article(language, index))


# -- the map


@in_every_language
def test_the_map_leads_to_every_page_and_says_what_it_builds_on(language: str, site_root: Path) -> None:
    (drawn,) = built.article(language, "index").select("nav.learning-map")
    assert drawn["aria-label"]
    chapters = {
        chapter.name: box for chapter, box in zip(PROJECT.chapters, drawn.select("details"), strict=True)
    }
    assert [name for name, box in chapters.items() if box.has_attr("open")] == [PROJECT.chapters[0].name]
    links = {docname_behind(language, "index", link): link for link in drawn.select("li > a")}
    assert set(links) == set(EXAMPLES)
    needs = learning_map.needed(PROJECT.chapters)
    for number, page in enumerate(EXAMPLES, 1):
        station = links[page].parent
        assert station
        assert built.text(links[page].select(".map-number")[0]) == str(number)
        title = built.text(built.article(language, page).select("h1")[0]).removesuffix("¶")
        assert built.text(links[page].select(".map-title")[0]) == title
        spoken = " ".join(built.text(tag) for tag in station.select(".visually-hidden"))
        for other in needs[page]:
            assert built.text(links[other].select(".map-title")[0]) in spoken
    inside = [
        (page, other)
        for page, others in needs.items()
        for other in others
        if page.split("/")[0] == other.split("/")[0]
    ]
    assert len(drawn.select("path")) == len(inside)
    led_to = {page for page, _other in inside}
    assert {page for page in EXAMPLES if "map-led-to" in links[page].get_attribute_list("class")} == led_to


@in_every_language
def test_a_folded_chapter_says_what_it_is_about_and_builds_on(language: str, site_root: Path) -> None:
    drawn = built.article(language, "index").select("nav.learning-map details")
    needs = learning_map.built_on(PROJECT.chapters)
    for chapter, box in zip(PROJECT.chapters, drawn, strict=True):
        index = f"{chapter.name}/index"
        article = built.article(language, index)
        assert built.text(box.select(".map-name")[0]) == built.text(article.select("h1")[0]).removesuffix("¶")
        promise = built.text(box.select(".map-promise")[0])
        assert promise
        assert promise in built.text(article)
        about = [docname_behind(language, "index", link) for link in box.select(".map-about a")]
        assert about == [index, *(f"{name}/index" for name in needs[chapter.name])]
        inside = {docname_behind(language, "index", link) for link in box.select("li > a")}
        assert inside == {page.docname for page in chapter.pages}


def test_a_chapter_builds_on_those_whose_pages_its_pages_need_and_no_other_implies() -> None:
    a, b, c = Page("a", "1"), Page("b", "1", ("a/1",)), Page("c", "1", ("a/1", "b/1"))
    d = Page("d", "1", ("a/1",))
    chapters = [Chapter(page.chapter, (page,)) for page in (a, b, c, d)]
    assert learning_map.built_on(chapters) == {"a": (), "b": ("a",), "c": ("b",), "d": ("a",)}


def curriculum(seed: int, chapters: int = 6, pages: int = 80) -> list[Chapter]:
    """A curriculum as large as this one may grow, with prerequisites drawn at random from earlier pages."""
    rng, before, made = random.Random(seed), list[str](), list[Chapter]()
    for number in range(chapters):
        listed = []
        for at in range(pages // chapters + (number < pages % chapters)):
            near = before[-6:] or before
            needs = rng.sample(near, min(len(near), rng.choice((0, 1, 1, 1, 2, 3))))
            if before and rng.random() < 0.2:
                needs.append(rng.choice(before))
            listed.append(Page(f"c{number}", f"p{at}", tuple(dict.fromkeys(needs)), 5))
            before.append(listed[-1].docname)
        made.append(Chapter(f"c{number}", tuple(listed)))
    return made


@pytest.mark.parametrize("seed", range(20))
def test_on_a_large_map_every_page_stands_below_what_it_needs_in_its_chapter(seed: int) -> None:
    chapters = curriculum(seed)
    links = learning_map.needed(chapters)
    for chapter in chapters:
        places = learning_map.stations(chapter, links)
        assert {*places} == {page.docname for page in chapter.pages}
        assert len({(place.top, place.column) for place in places.values()}) == len(places)
        for page in chapter.pages:
            assert 0 <= places[page.docname].column < LANES
            for needed in set(page.prerequisites) & set(places):
                assert places[needed].top < places[page.docname].top


@pytest.mark.parametrize("seed", range(20))
def test_no_line_runs_through_a_station(seed: int) -> None:
    chapters, again = curriculum(seed), curriculum(seed)
    for chapter, same in zip(chapters, again, strict=True):
        links = learning_map.needed(chapters)
        places = learning_map.stations(chapter, links)
        drawn = list(learning_map.lines(places, links))
        assert drawn == list(learning_map.lines(learning_map.stations(same, links), links))
        assert len(drawn) == sum(name in places for page in places for name in links[page])
        for _name, path in drawn:
            run = re.fullmatch(r"M(\d+) (\d+)c0 \d+ \S+ \d+ (-?\d+) (\d+)V(\d+)c.*", path)
            if not run:
                continue  # to the next row
            x, y, over, down, end = map(int, run.groups())
            for place in places.values():
                beside = abs(place.x - (x + over)) >= 0.44 * ROW
                assert beside or place.top + BOX <= y + down or place.top >= end


def test_lines_that_others_imply_are_left_out() -> None:
    first, second, third = Page("c", "a"), Page("c", "b", ("c/a",)), Page("c", "d", ("c/a", "c/b"))
    needs = learning_map.needed([Chapter("c", (first, second, third))])
    assert needs == {"c/a": (), "c/b": ("c/a",), "c/d": ("c/b",)}


# -- licenses and reports


@in_every_language
@built.for_every("page", [*WRITTEN, *MADE])
def test_every_page_states_its_licenses_and_where_to_report(
    page: str, language: str, site_root: Path
) -> None:
    (licenses,) = built.html(language, page).select("footer .licenses")
    assert [link.get_text() for link in licenses.select("a")] == ["CC BY 4.0", "MIT"]
    (report,) = built.html(language, page).select("footer a.report-problem")
    address = str(report["href"])
    assert address.endswith(f"contributing.html?page={language}/{page}&version=0.1.0#contributing-report")
    assert address.count("../") == page.count("/")


def test_a_gallery_without_these_values_has_no_such_lines(foreign_gallery: Path) -> None:
    page = foreign_gallery / "build" / "html" / "fr" / "bases" / "somme.html"
    document = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    assert document.select("footer .bottom-of-page")
    assert not document.select(".licenses, .report-problem")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "https://tracker.example/new?title={page}+{version}",
            "https://tracker.example/new?title=zh/a/b%26+1%2B2",
        ),
        ("mailto:notes@example.org?subject={page}", "mailto:notes@example.org?subject=zh/a/b%26"),
        ("report.html?page={page}#top", "../report.html?page=zh/a/b%26#top"),
    ],
)
def test_a_report_carries_page_and_version(template: str, expected: str) -> None:
    assert report_address(template, "zh/a/b&", "1+2", "../") == expected


def test_a_report_can_carry_nothing_else() -> None:
    with pytest.raises(ExtensionError, match=r"\{page\} and \{version\} only"):
        report_address("https://tracker.example/{user}", "zh/a", "1", "")
