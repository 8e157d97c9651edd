"""Code on a page: the button that copies it, and what its links say."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

BOTH = pytest.mark.parametrize("scheme", ["http", "file"])


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Open a page that may use the clipboard."""
    return new_page(permissions=["clipboard-read", "clipboard-write"])


def copied(page: Page, block: Locator, label: str = "Copy", done: str = "Copied") -> str:
    """Press a block's button and return what is in the clipboard then."""
    block.hover()
    block.get_by_role("button", name=label).click()
    expect(block.get_by_role("status")).to_have_text(done)
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


@BOTH
def test_a_cells_code_is_copied_as_it_stands(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/norms.html"))
    block = page.locator("article .highlight").nth(1)
    assert copied(page, block) == block.locator("pre").inner_text().rstrip("\n")


def test_the_button_speaks_the_pages_language(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("zh/basics/norms.html"))
    assert copied(page, page.locator("article .highlight").nth(1), "复制", "已复制").startswith(
        "first = torch.tensor("
    )


def test_shell_prompts_are_left_out(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/install.html"))
    text = copied(page, page.locator("article .highlight-console .highlight").first)
    assert text.splitlines()[0].startswith("python -m venv")
    assert "$" not in text


def test_python_prompts_and_output_are_left_out(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/api.html"))
    text = copied(page, page.locator("article .highlight").filter(has_text="FakeDataset(").first)
    assert text == "import numpy as np\nFakeDataset(np.zeros((100, 10)), np.zeros(100))"


@pytest.mark.parametrize("path", ["en/basics/norms.html", "en/exercises/basics.html"])
def test_what_was_printed_has_no_button(path: str, page: Page, url: Callable[..., str]) -> None:
    page.goto(url(path))
    assert page.locator("article .highlight .copy-button").count() > 2
    assert page.locator(".sphx-glr-script-out .copy-button, .cell_output .copy-button").count() == 0


def test_it_works_by_keyboard_and_is_seen_then(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/norms.html"))
    button = page.locator("article .highlight").nth(1).get_by_role("button", name="Copy")
    button.focus()
    expect(button).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(visible=True)).to_have_text("Copied")
    expect(button).to_be_focused()
    assert page.evaluate("navigator.clipboard.readText()").startswith("first = torch.tensor(")


@pytest.mark.parametrize(
    "clipboard", ["undefined", "{writeText: () => Promise.reject(new Error('refused'))}"]
)
def test_it_works_where_the_page_has_no_clipboard(
    clipboard: str, page: Page, url: Callable[..., str]
) -> None:
    # As over plain http from another computer; and as where the browser refuses it.
    page.add_init_script(f"Object.defineProperty(Navigator.prototype, 'clipboard', {{value: {clipboard}}})")
    page.goto(url("en/basics/norms.html"))
    block = page.locator("article .highlight").nth(1)
    block.hover()
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("status")).to_have_text("Copied")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.press("Control+v")
    expect(field).to_have_value(re.compile(r"^first = torch\.tensor\("))


def test_without_javascript_there_is_no_button(
    new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(url("en/basics/norms.html"))
    expect(page.locator("article .highlight").first).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


def test_a_focused_name_says_what_it_is(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/norms.html"))
    first = page.locator("article .highlight").nth(1)
    first.get_by_role("button", name="Copy").focus()
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    expect(link).to_have_text("torch.tensor")
    expect(link).to_have_attribute("title", "torch.tensor")
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    expect(link).to_have_text("x.abs")
    shown = link.evaluate("link => getComputedStyle(link, '::before').content")
    assert "torch.Tensor.abs" in shown or "attr(title)" in shown
    # It isn't cut off: neither the name nor the code around it scrolls because of it.
    assert first.locator("pre").evaluate("pre => pre.scrollHeight <= pre.clientHeight")
