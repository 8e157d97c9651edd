"""Glossary terms say what they are called in the other language: to the mouse, and to the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import built
from tests.built import EXAMPLES, LANGUAGES

PAGES = ["basics/norms", "install", "exercises/basics"]
"""An example, a page of Markdown, and one whose terms stand in cells."""
OTHER_SCRIPT = {"zh": r"[A-Za-z]{3}", "en": built.HAN.pattern}
SHOWN = """(link) => {
  const style = getComputedStyle(link, "::after");
  return style.content.startsWith('"') && style.visibility === "visible" && style.display !== "none"
    ? style.content.match(/^"([^"]*)"/)[1] : "";
}"""


def terms(page: Page) -> Locator:
    """The links to glossary terms in a page's own language."""
    return page.locator("article a.reference:has(.std-term)").filter(visible=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("site_root")
@built.parsed_once
def test_every_term_of_an_example_has_its_other_name(language: str) -> None:
    found = 0
    for docname in EXAMPLES:
        for term in built.article(language, docname).find_all(class_="std-term"):
            link = term.parent
            if not link or "reference" not in link.get_attribute_list("class"):
                continue
            found += 1
            both = f"{link['title']} {link.get_text()}"  # a Chinese page may well use an English term
            assert all(re.search(script, both) for script in OTHER_SCRIPT.values()), (docname, link)
            assert link["title"] != link.get_text()
    assert found > 50


@pytest.mark.in_turns
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("docname", PAGES)
def test_hover_and_focus_show_the_other_name(
    docname: str, language: str, page: Page, url: Callable[..., str]
) -> None:
    page.goto(url(f"{language}/{docname}.html"))
    link = terms(page).first
    name = str(link.get_attribute("title"))
    assert re.search(OTHER_SCRIPT[language], name)
    link.hover()  # where the browser shows the title by itself
    assert link.evaluate(SHOWN) == ""
    page.evaluate(
        """(link) => {
          const all = [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")]
            .filter((element) => element.checkVisibility({ visibilityProperty: true }));
          all[all.indexOf(link) - 1].focus();
        }""",
        link.element_handle(),
    )
    page.keyboard.press("Tab")
    expect(link).to_be_focused()
    assert link.evaluate(SHOWN) == name
    expect(link).to_have_accessible_description(name)


EDGES = """(link) => {
  const style = getComputedStyle(link, "::after");
  const [left, width, before, after] = ["left", "width", "paddingLeft", "paddingRight"].map((name) => parseFloat(style[name]));
  const start = left + (style.position === "fixed" ? 0 : link.getBoundingClientRect().left);
  return [start, start + width + (style.boxSizing === "border-box" ? 0 : before + after)];
}"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_is_cut_off_on_a_narrow_screen(
    language: str, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    page.goto(url(f"{language}/basics/norms.html"))
    for link in terms(page).all():
        link.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        left, right = link.evaluate(EDGES)
        assert 0 <= left < right <= 360, link.inner_text()
