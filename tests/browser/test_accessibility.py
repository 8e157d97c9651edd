"""Every reader can use the site: what axe-core finds, the keyboard alone, the colours of code, motion."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sitekit.rules.pages import WIDEST

from tests.browser.accessibility import PHONE, SAMPLE, WIDE, prepare, violations
from tests.built import LANGUAGES, SITE

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
at_both_widths = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "narrow"])

STOP = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const shown = element.matches(".sidebar-toggle")
    ? [...document.querySelectorAll(`label[for="${element.id}"]:not(.overlay)`)].find((label) => label.checkVisibility())
    : element.matches(".toctree-checkbox") ? element.nextElementSibling
    : element.matches(".sidebar-search") ? element.parentElement : element;
  const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
  element.dataset.reached = "";
  return {
    what: element.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0
      && box.top < innerHeight,
  };
}"""
MISSED = """() => {
  const operable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  // The link back to the top comes and goes as one scrolls.
  const hidden = (element) => element.matches(".back-to-top") || !element.checkVisibility({ visibilityProperty: true })
    || element.closest("dialog:not([open])") || element.disabled || element.tabIndex < 0;
  // Tab leads to one of a group of radio buttons, arrow keys to the others.
  const groups = new Set([...document.querySelectorAll("[type=radio][data-reached]")].map((button) => button.name));
  return [...document.querySelectorAll(operable)]
    .filter((element) => element.type !== "radio" || !groups.has(element.name))
    .filter((element) => !hidden(element) && !("reached" in element.dataset))
    .map((element) => element.outerHTML.slice(0, 120));
}"""


def look(page: Page, address: str) -> None:
    """Open a page for axe."""
    page.goto(address)
    prepare(page)


@pytest.fixture
def still_page(new_page: Callable[..., Page]) -> Page:
    """A page of a wide screen."""
    return new_page(viewport=WIDE)


@pytest.mark.in_turns
@pytest.mark.parametrize("mode", ["off", "on"])
@pytest.mark.parametrize("scheme_of_colours", ["light", "dark"])
@in_every_language
def test_axe_finds_nothing_on_narrow_screens_and_side_by_side(
    language: str,
    scheme_of_colours: Any,
    mode: str,
    still_page: Page,
    url: Callable[..., str],
    remember: Callable[[Page, str, str], None],
) -> None:
    page, found = still_page, []
    remember(page, "parallel", mode)
    page.emulate_media(color_scheme=scheme_of_colours)
    for docname in SAMPLE:
        look(page, url(f"{language}/{docname}.html"))
        for size in [PHONE] if mode == "off" else [WIDE, PHONE]:
            page.set_viewport_size(size)
            found += violations(page)
    assert not found, "\n".join(found)


@pytest.mark.in_turns
@at_both_widths
@in_every_language
def test_axe_finds_nothing_in_what_opens(
    language: str, size: Any, still_page: Page, url: Callable[..., str]
) -> None:
    page, found = still_page, []
    page.set_viewport_size(size)
    look(page, url(f"{language}/basics/norms.html"))
    page.locator(".search-open:visible").click()
    page.get_by_role("dialog").locator("input").fill("norm")
    expect(page.locator(".search-hit").first).to_be_visible()
    found += violations(page)
    page.keyboard.press("Escape")
    if size == PHONE:
        for label, drawer in {
            ".nav-overlay-icon": ".sidebar-drawer",
            ".toc-header-icon": ".toc-drawer",
        }.items():
            page.locator(label).click()
            expect(page.locator(drawer)).to_be_in_viewport()
            found += violations(page)
            page.keyboard.press("Escape")
            expect(page.locator(drawer)).to_be_hidden()
    assert not found, "\n".join(found)


@pytest.mark.in_turns
@at_both_widths
@pytest.mark.parametrize("docname", ["index", "basics/norms", "exercises/basics", "glossary", "search"])
def test_tab_leads_to_everything_and_shows_where_it_is(
    docname: str, size: Any, still_page: Page, url: Callable[..., str]
) -> None:
    page, stops = still_page, []
    page.set_viewport_size(size)
    page.goto(url(f"zh/{docname}.html"))
    page.evaluate("document.activeElement.blur()")  # search.html starts in its field
    page.evaluate(
        "document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')"
    )
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            break
        stops.append(stop)
    else:
        pytest.fail("Tab doesn't come to an end")
    assert [stop["what"] for stop in stops if not stop["outlined"]] == []
    assert [stop["what"] for stop in stops if not stop["seen"]] == []
    assert page.evaluate(MISSED) == []
    assert "skip-to-content" in stops[0]["what"]


@in_every_language
def test_the_first_link_skips_to_the_text(language: str, still_page: Page, url: Callable[..., str]) -> None:
    still_page.goto(url(f"{language}/basics/norms.html"))
    still_page.keyboard.press("Tab")
    skip = still_page.locator(".skip-to-content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    still_page.keyboard.press("Enter")
    still_page.keyboard.press("Tab")
    assert still_page.evaluate("!!document.activeElement.closest('article')")


@pytest.mark.parametrize("key", ["Enter", "Space"])
@pytest.mark.parametrize(
    ("toggle", "drawer"), [("#__navigation", ".sidebar-drawer"), ("#__toc", ".toc-drawer")]
)
def test_the_drawers_of_a_narrow_screen_open_and_close_by_keyboard(
    toggle: str, drawer: str, key: str, still_page: Page, url: Callable[..., str]
) -> None:
    page = still_page
    page.set_viewport_size(PHONE)
    page.goto(url("en/basics/norms.html"))
    inside = f"!!document.activeElement.closest('{drawer}')"
    expect(page.locator(drawer)).to_be_hidden()
    page.locator(toggle).focus()
    page.keyboard.press(key)
    expect(page.locator(drawer)).to_be_visible()
    assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(page.locator(drawer)).to_be_hidden()
    expect(page.locator(toggle)).to_be_focused()
    # One that the keyboard leaves doesn't stay in front of the text.
    page.keyboard.press(key)
    expect(page.locator(drawer)).to_be_visible()
    page.evaluate("document.querySelector('article p a').focus()")
    expect(page.locator(drawer)).to_be_hidden()


def test_a_link_to_a_section_closes_the_contents(still_page: Page, url: Callable[..., str]) -> None:
    page = still_page
    page.set_viewport_size(PHONE)
    page.goto(url("en/basics/norms.html"))
    page.locator("#__toc").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".toc-drawer")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".toc-drawer")).to_be_hidden()
    assert "#" in page.url


def test_without_javascript_space_opens_the_drawers(
    new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(java_script_enabled=False, viewport=PHONE)
    page.goto(url("en/basics/norms.html"))
    page.get_by_role("checkbox", name="Toggle site navigation sidebar").press("Space")
    expect(page.locator(".sidebar-drawer")).to_be_visible()
    expect(page.locator(".sidebar-drawer a").first).to_be_in_viewport()


def test_the_chapters_of_the_sidebar_unfold_by_keyboard(still_page: Page, url: Callable[..., str]) -> None:
    page = still_page
    page.goto(url("en/basics/norms.html"))
    chapter = page.get_by_role("switch").first
    pages = page.locator(".sidebar-tree .has-children > ul").first
    expect(pages).to_be_visible()
    chapter.press("Enter")
    expect(pages).to_be_hidden()
    chapter.press("Space")
    expect(pages).to_be_visible()


def test_code_that_is_too_wide_can_be_scrolled_by_keyboard(still_page: Page, url: Callable[..., str]) -> None:
    page = still_page
    page.set_viewport_size(PHONE)
    page.goto(url("zh/basics/norms.html"))
    wide = page.locator("article pre[tabindex='0']").first
    wide.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("box => box.scrollLeft > 0", arg=wide.element_handle())
    # What fits is no stop on the way.
    reached = page.locator("article pre[tabindex='0']").count()
    page.set_viewport_size({"width": 3000, "height": 900})
    page.wait_for_function("n => document.querySelectorAll('article pre[tabindex]').length < n", arg=reached)
    assert page.evaluate(
        "[...document.querySelectorAll('article pre')].every(b => b.hasAttribute('tabindex') == b.scrollWidth > b.clientWidth)"
    )


@pytest.mark.in_turns
@pytest.mark.parametrize("width", [1024, 1440])
@pytest.mark.parametrize("name", ["en/basics/norms", "zh/exercises/basics", "en/install"])
def test_the_widest_line_that_may_be_fits(page: Page, url: Callable[..., str], name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(url(f"{name}.html"))
    cut = page.evaluate(
        """columns => {
            for (const fold of document.querySelectorAll("article details")) fold.open = true;
            const boxes = [...document.querySelectorAll("article pre")];
            for (const box of boxes) box.textContent = "m".repeat(columns);
            return boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.parentElement.parentElement.className);
        }""",
        WIDEST,
    )
    assert cut == []


def channel(value: float) -> float:
    """One channel of a colour, linear."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    """How light ``#rrggbb`` or ``#rgb`` is."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    red, green, blue = (channel(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_colour_of_code_can_be_read(colours: str, still_page: Page, url: Callable[..., str]) -> None:
    still_page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
    still_page.goto(url("zh/basics/norms.html"))
    papers = still_page.evaluate(
        """() => [...new Set([...document.querySelectorAll("article pre")].map((pre) => {
          let box = pre;
          while (getComputedStyle(box).backgroundColor === "rgba(0, 0, 0, 0)") box = box.parentElement;
          return getComputedStyle(box).backgroundColor;
        }))]"""
    )
    assert papers
    sheet = (SITE / "zh" / "_static" / "pygments.css").read_text(encoding="utf-8")
    dark = re.findall(r'body\[data-theme="dark"\] (\.highlight [^{]*)\{([^}]*)\}', sheet)
    light = re.findall(r"(?<!\] )(?<!\) )(\.highlight [^{]*)\{([^}]*)\}", sheet)
    rules = dark if colours == "dark" else light
    assert len(rules) > 30
    for paper in papers:
        paper = "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", paper)[:3])
        for selector, body in rules:
            ink = re.search(r"(?<![-\w])color: (#\w+)", body)
            own = re.search(r"background(?:-color)?: (#\w+)", body)
            if ink and "linenos" not in selector:
                assert contrast(ink[1], own[1] if own else paper) >= 4.5, (selector, paper, body)


def test_nothing_moves_for_readers_who_asked_for_that(
    new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    moving = """() => [...document.querySelectorAll("*")].flatMap((element) => ["", "::before", "::after"].map((part) =>
      [element.className, getComputedStyle(element, part || null)])).filter(([, style]) =>
      parseFloat(style.transitionDuration) > 0 && style.transitionProperty !== "none" || style.animationName !== "none"
      || style.scrollBehavior === "smooth").length"""
    page = new_page(reduced_motion="reduce", viewport=PHONE)
    page.goto(url("zh/basics/norms.html"))
    assert page.evaluate(moving) == 0
    page = new_page(reduced_motion="no-preference", viewport=PHONE)
    page.goto(url("zh/basics/norms.html"))
    assert page.evaluate(moving) > 0
