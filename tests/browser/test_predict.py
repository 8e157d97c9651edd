"""A reader predicts, reads the answer, and unfolds what is folded: by mouse, by keyboard, without JavaScript, on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

PAGE = "basics/gradient_scalar"


def chosen(page: Page) -> Any:
    """The lines beside answers that repeat what was chosen."""
    return page.locator(".answer .chosen span").locator("visible=true")


@pytest.mark.parametrize("scripted", [True, False])
def test_a_choice_is_shown_beside_the_answer(
    scripted: bool, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(java_script_enabled=scripted)
    page.goto(url(f"en/{PAGE}.html"))
    expect(chosen(page)).to_have_count(0)
    options = page.get_by_role("radiogroup").first
    options.get_by_role("radio").nth(1).check()
    expect(chosen(page)).to_have_text(["Your choice: B"])
    options.locator("label").first.click()
    expect(chosen(page)).to_have_text(["Your choice: A"])


def test_a_choice_is_made_by_keyboard_and_kept_in_both_languages(page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"en/{PAGE}.html"))
    first = page.get_by_role("radio").first
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio").nth(1)).to_be_focused()
    expect(chosen(page)).to_have_text(["Your choice: B"])
    page.reload()
    expect(chosen(page)).to_have_text(["Your choice: B"])
    page.goto(url(f"zh/{PAGE}.html"))
    expect(chosen(page)).to_have_text(["你选的是B"])
    page.goto(url("en/basics/shapes.html"))
    expect(chosen(page)).to_have_count(0)  # another page has its own


@pytest.mark.parametrize("scripted", [True, False])
def test_a_folded_cell_opens_by_keyboard(
    scripted: bool, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(java_script_enabled=scripted)
    page.goto(url(f"en/{PAGE}.html"))
    box = page.locator(".change-it").first
    code, printed = box.locator("pre").first, box.locator(".sphx-glr-script-out pre, img").first
    expect(code).to_be_hidden()
    box.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(code).to_be_visible()
    expect(printed).to_be_visible()
    page.keyboard.press("Enter")
    expect(code).to_be_hidden()


def test_a_folded_plot_shows_its_figure(page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"en/{PAGE}.html"))
    plot = page.locator("details.hide-input").first
    expect(plot.locator("pre")).to_be_hidden()
    expect(page.locator("img.figure.only-light").first).to_be_visible()
    expect(plot.locator("img")).to_have_count(0)


def test_paper_shows_what_is_unfolded_and_no_buttons(page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"en/{PAGE}.html"))
    folds = page.locator("details.fold")
    count = folds.count()
    page.emulate_media(media="print")
    expect(folds.locator("visible=true")).to_have_count(0)
    expect(page.locator(".choices label").first).to_be_visible()
    expect(page.locator(".choices input").locator("visible=true")).to_have_count(0)
    expect(page.locator(".answer").first).to_be_visible()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Unfold everything").click()
    page.emulate_media(media="print")
    expect(folds.locator("visible=true")).to_have_count(count)
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Fold everything").click()
    expect(page.locator("details.fold[open]")).to_have_count(0)


def test_output_wraps_where_the_screen_is_narrow(
    new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(viewport={"width": 360, "height": 640})
    page.goto(url("en/pitfalls/shape_mismatch.html"))
    too_wide = "blocks => blocks.filter(block => block.scrollWidth > block.clientWidth + 1).length"
    outputs = page.locator(".sphx-glr-script-out pre").locator("visible=true")
    assert outputs.count() > 1
    assert outputs.evaluate_all(too_wide) == 0


def test_the_browser_sets_space_between_chinese_and_letters(page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"zh/{PAGE}.html"))
    style = "node => getComputedStyle(node).textAutospace"
    assert page.locator("article p:not([lang])").first.evaluate(style) == "normal"
    assert page.locator("article pre").first.evaluate(style) == "no-autospace"
    page.goto(url(f"en/{PAGE}.html"))
    assert page.locator("article p:not([lang])").first.evaluate(style) == "no-autospace"
