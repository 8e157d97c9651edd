"""Side-by-side reading in the browser: the toggle, what it remembers, and where the text stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 400, "height": 800}
PAGES = ["zh/basics/broadcasting.html", "en/basics/norms.html", "zh/glossary.html", "en/contributing.html"]
LABEL = {"zh": "对照", "en": "Side by side"}
TAG = {"zh": "en", "en": "zh-CN"}
ADDRESSES = Callable[..., str]
OPEN = Callable[..., Page]
REMEMBER = Callable[[Page, str, str], None]

# Left, top, right and bottom of each unit and of its counterpart, table cells and captions aside.
BOXES = """() => [...document.querySelectorAll("article p[lang]")]
  .filter((made) => !made.closest("td, th") && !made.previousElementSibling.matches(".admonition-title"))
  .map((made) => [made.previousElementSibling, made].map((element) => {
    const box = element.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom];
  }))"""
PLACES = """() => [...document.querySelectorAll("article, article *:not(p[lang], p[lang] *)")]
  .map((element) => {
    const box = element.getBoundingClientRect();
    return [element.tagName, box.left, box.top, box.width, box.height].join(" ");
  })"""
SHIFT = """() => new Promise((resolve) => {
  let sum = 0;
  const add = (entries) => entries.forEach((entry) => { sum += entry.value; });
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => { add(observer.takeRecords()); resolve(sum); }));
})"""


def toggle(page: Page, language: str = "zh") -> Locator:
    """The one that is shown: the theme has a header of its own for narrow screens."""
    return page.get_by_role("button", name=LABEL[language])


@pytest.mark.in_turns
@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_toggle_shows_and_hides_the_other_language(
    new_page: OPEN, url: ADDRESSES, viewport: dict[str, int]
) -> None:
    page = new_page(viewport=viewport)
    page.goto(url("zh/basics/broadcasting.html"))
    title = page.locator("h1 + p[lang=en]")
    expect(title).to_be_hidden()
    expect(toggle(page)).to_have_attribute("aria-pressed", "false")
    toggle(page).click()
    expect(toggle(page)).to_have_attribute("aria-pressed", "true")
    expect(title).to_have_text("Broadcasting")
    expect(title).to_be_visible()
    toggle(page).focus()
    page.keyboard.press("Space")
    expect(title).to_be_hidden()
    expect(toggle(page)).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_mode_stays_on_the_next_page_and_in_the_other_language(new_page: OPEN, url: ADDRESSES) -> None:
    page = new_page(viewport=WIDE)
    page.goto(url("zh/basics/broadcasting.html"))
    toggle(page).click()
    page.goto(url("zh/basics/norms.html"))
    expect(page.locator("h1 + p[lang=en]")).to_be_visible()
    expect(toggle(page)).to_have_attribute("aria-pressed", "true")

    section = page.locator("article section section").nth(1)
    name = section.get_attribute("id")
    section.evaluate("element => element.scrollIntoView({ behavior: 'instant' })")
    page.get_by_role("link", name="English", exact=True).click()
    page.wait_for_url(f"**/en/basics/norms.html#{name}")
    expect(page.locator("h1 + p[lang=zh-CN]")).to_have_text("向量与矩阵的范数")
    expect(toggle(page, "en")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(f"[id='{name}'] > h2")).to_be_in_viewport()

    toggle(page, "en").click()
    page.reload()
    expect(page.locator("h1 + p[lang=zh-CN]")).to_be_hidden()


@pytest.mark.in_turns
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1000, 1440, 1920])
def test_wide_screens_show_two_columns_row_by_row(
    new_page: OPEN, url: ADDRESSES, remember: REMEMBER, path: str, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    remember(page, "parallel", "on")
    page.goto(url(path))
    pairs = page.evaluate(BOXES)
    assert len(pairs) > 10
    for own, other in pairs:
        assert own[1] == pytest.approx(other[1], abs=1)
        assert own[2] < other[0]
    made = page.locator("article p[lang]")
    assert set(made.evaluate_all("all => all.map((element) => element.lang)")) == {TAG[path[:2]]}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if (code := page.locator("article div.highlight")).count():
        box = code.first.bounding_box()
        assert box is not None
        assert box["x"] <= min(own[0] for own, _ in pairs)
        assert box["x"] + box["width"] >= max(other[2] for _, other in pairs) - 8


@pytest.mark.parametrize("path", PAGES)
def test_narrow_screens_show_each_counterpart_under_its_unit(
    new_page: OPEN, url: ADDRESSES, remember: REMEMBER, path: str
) -> None:
    page = new_page(viewport=NARROW)
    remember(page, "parallel", "on")
    page.goto(url(path))
    pairs = page.evaluate(BOXES)
    assert len(pairs) > 10
    for own, other in pairs:
        assert own[3] <= other[1] + 1
        assert other[0] < own[2]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", PAGES)
def test_without_javascript_a_page_is_in_its_own_language(new_page: OPEN, url: ADDRESSES, path: str) -> None:
    page = new_page(viewport=WIDE, java_script_enabled=False)
    page.goto(url(path))
    expect(page.locator("article p[lang]").filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("button", name=LABEL[path[:2]])).to_have_count(0)


@pytest.mark.in_turns
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_switched_off_the_page_stands_as_if_there_were_no_counterparts(
    new_page: OPEN, url: ADDRESSES, path: str, viewport: dict[str, int]
) -> None:
    page = new_page(viewport=viewport)
    page.goto(url(path))
    before = page.evaluate(PLACES)
    page.evaluate("document.querySelectorAll('article p[lang]').forEach((element) => element.remove())")
    assert page.evaluate(PLACES) == before


@pytest.mark.parametrize("mode", ["on", "off"])
def test_a_remembered_mode_moves_nothing_after_the_first_paint(
    new_page: OPEN, url: ADDRESSES, remember: REMEMBER, mode: str
) -> None:
    page = new_page(viewport=WIDE)
    remember(page, "parallel", mode)
    page.goto(url("zh/basics/broadcasting.html"))
    assert page.evaluate(SHIFT) < 0.02


def test_what_is_being_read_stays_in_its_place(new_page: OPEN, url: ADDRESSES) -> None:
    page = new_page(viewport=WIDE)
    page.goto(url("zh/basics/norms.html"))
    page.locator("article section section").nth(2).evaluate(
        "element => element.scrollIntoView({ behavior: 'instant' })"
    )
    heading = page.locator("article section section").nth(2).locator("> h2")
    expect(heading).to_be_in_viewport()
    page.keyboard.press("Tab")
    before = heading.evaluate("element => element.getBoundingClientRect().top")
    toggle(page).evaluate("element => element.click()")
    after = heading.evaluate("element => element.getBoundingClientRect().top")
    assert after == pytest.approx(before, abs=40)  # its own margin differs


def test_links_to_terms_show_the_other_language_on_focus(new_page: OPEN, url: ADDRESSES) -> None:
    page = new_page(viewport=WIDE)
    page.goto(url("zh/basics/broadcasting.html"))
    link = page.get_by_role("link", name="张量", exact=True).first
    expect(link).to_have_attribute("title", "tensor")
    expect(link).to_have_accessible_description("tensor")
    content = "element => getComputedStyle(element, '::after').content"
    assert link.evaluate(content) == "none"
    page.keyboard.press("Tab")
    link.focus()
    assert link.evaluate(content).startswith('"tensor"')
    expect(link).to_have_accessible_name("张量")  # what is shown is the description, said once
