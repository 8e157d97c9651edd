"""The first screen, the map, answers and paper, as a reader has them in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.built import EXAMPLES, LANGUAGES, PROJECT

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
in_both_themes = pytest.mark.parametrize("theme", ["light", "dark"])
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=800)
at_both_sizes = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
OVERFLOWING = """() => [...document.querySelectorAll(".map-chapter li > a")]
  .filter((box) => {
    const inner = [...box.children].map((part) => part.getBoundingClientRect()).filter((part) => part.height);
    const outer = box.getBoundingClientRect();
    return inner.some((part) => part.top < outer.top || part.bottom > outer.bottom || part.right > outer.right);
  }).map((box) => box.textContent)"""
LOOSE_ENDS = """() => {
  const boxes = [...document.querySelectorAll(".map-chapter li > a")].map((box) => box.getBoundingClientRect());
  const near = (a, b) => Math.abs(a - b) < 2;
  return [...document.querySelectorAll(".map-drawing path")].filter((path) => {
    const matrix = path.getScreenCTM();
    const [start, end] = [0, path.getTotalLength()].map((at) => path.getPointAtLength(at).matrixTransform(matrix));
    const middle = (box, point) => near((box.left + box.right) / 2, point.x);
    return !boxes.some((box) => middle(box, start) && near(box.bottom, start.y))
      || !boxes.some((box) => middle(box, end) && near(box.top, end.y));
  }).length;
}"""


# -- the map


@pytest.mark.in_turns
@at_both_sizes
@in_every_language
def test_the_maps_texts_and_lines_fit_its_stations(
    language: str, size: ViewportSize, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(viewport=size)
    page.goto(url(f"{language}/index.html"))
    expect(page.locator(".map-chapter li > a")).to_have_count(len(EXAMPLES))
    folded = page.locator(".map-chapter:not([open]) > summary")
    for left in range(len(PROJECT.chapters) - 1, 0, -1):
        expect(folded).to_have_count(left)
        folded.first.click()
    expect(page.locator(".map-chapter li > a:visible")).to_have_count(len(EXAMPLES))
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(LOOSE_ENDS) == 0


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_map_by_keyboard(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    drawn = page.get_by_role("navigation", name="Map of all pages")
    chapters, links = drawn.locator("summary"), drawn.get_by_role("link")
    first, second = (len(chapter.pages) for chapter in PROJECT.chapters[:2])
    expect(chapters).to_have_count(len(PROJECT.chapters))
    expect(links).to_have_count(1 + first)  # the chapter to begin with is unfolded
    chapters.first.focus()
    for stop in (chapters.first, links.first, links.nth(1), links.nth(2)):
        expect(stop).to_be_focused()
        assert stop.evaluate("stop => getComputedStyle(stop).outlineStyle") != "none"
        page.keyboard.press("Tab")
    chapters.nth(1).focus()
    page.keyboard.press("Enter")
    expect(links).to_have_count(
        1 + first + len(drawn.locator(".map-chapter").nth(1).get_by_role("link").all())
    )
    assert drawn.locator(".map-chapter").nth(1).locator("li > a").count() == second
    links.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/en/basics/tensor_numpy\.html$"))


# -- cards


def test_a_card_shows_the_figure_of_the_theme(new_page: Callable[..., Page], url: Callable[..., str]) -> None:
    for theme, other in (("light", "dark"), ("dark", "light")):
        page = new_page(color_scheme=theme)
        page.goto(url("zh/basics/index.html"))
        card = page.locator(".page-cards > li").first
        expect(card.locator(f".only-{theme}")).to_be_visible()
        expect(card.locator(f".only-{other}")).to_be_hidden()
        card.get_by_text("分钟").click(force=True)  # anywhere on it
        expect(page).to_have_url(re.compile(r"/basics/tensor_numpy\.html$"))


# -- answers


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_one_button_opens_and_closes_all_answers(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/exercises/basics.html"))
    answers = page.locator("article details")
    count = answers.count()
    assert count > 5
    page.get_by_role("button", name="Show all answers").click()
    expect(page.locator("article details[open]")).to_have_count(count)
    answers.first.locator("summary").click()
    page.get_by_role("button", name="Show all answers").click()
    page.get_by_role("button", name="Hide all answers").click()
    expect(page.locator("article details[open]")).to_have_count(0)
    page.goto(url("zh/exercises/networks.html"))
    expect(page.get_by_role("button", name="显示全部答案")).to_be_visible()
    page.goto(url("zh/glossary.html"))
    expect(page.locator("script[src*=answers]")).to_have_count(0)


def test_paper_has_exercises_without_answers_unless_they_are_open(
    page: Page, url: Callable[..., str]
) -> None:
    page.goto(url("en/exercises/basics.html"))
    answers = page.locator("article details")
    count = answers.count()
    page.emulate_media(media="print")
    expect(answers.locator("visible=true")).to_have_count(0)
    expect(page.get_by_role("heading", name="Exercise 1")).to_be_visible()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Show all answers").click()
    page.emulate_media(media="print")
    expect(answers.locator("visible=true")).to_have_count(count)
    expect(answers.first.locator("pre").first).to_be_visible()
    expect(page.locator("summary, .answers-all").locator("visible=true")).to_have_count(0)


# -- paper


@in_both_themes
def test_paper_shows_the_text_and_no_tools(
    theme: Literal["light", "dark"], new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(color_scheme=theme, viewport={"width": 680, "height": 960})
    page.goto(url("en/basics/norms.html"))
    page.emulate_media(media="print", color_scheme=theme)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for tools in (".sidebar-drawer", ".toc-drawer", ".mobile-header", ".content-icon-container", ".related-pages",
                  ".fact-downloads", ".report-problem", ".back-to-top", ".skip-to-content"):  # fmt: skip
        expect(page.locator(tools).locator("visible=true")).to_have_count(0)
    expect(page.locator("footer .licenses")).to_be_visible()
    figures = page.locator("article img.figure")
    expect(figures.locator("visible=true")).to_have_count(figures.count() // 2)
    expect(page.locator("article img.only-light").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for code in page.locator("article pre").all():
        assert code.evaluate("code => code.scrollWidth <= code.clientWidth")
        assert code.evaluate("code => getComputedStyle(code.closest('.highlight')).breakInside") == "avoid"


def test_paper_spells_links_to_other_sites(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/license.html"))
    after = "link => getComputedStyle(link, '::after').content"
    link = page.locator("article").get_by_role("link", name="Creative Commons").first
    assert link.evaluate(after) == "none"
    page.emulate_media(media="print")
    assert link.evaluate(after) == '" <" attr(href) ">"' or "creativecommons.org/licenses" in link.evaluate(
        after
    )


# -- reports


def test_a_report_starts_on_the_page_that_explains_it(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("zh/basics/norms.html"))
    page.get_by_role("link", name="报告本页的问题").click()
    expect(page).to_have_url(
        re.compile(r"/zh/contributing\.html\?page=zh/basics/norms&version=0\.1\.0#contributing-report")
    )
    expect(page.get_by_role("heading", name="报告一页的问题")).to_be_in_viewport()
