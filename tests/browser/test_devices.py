"""Outputs of several devices: tabs with JavaScript, one under the other without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import serving

CPU, CARD = "CPU", "CUDA · Karte *8000_X*"


@pytest.fixture(scope="module")
def site_root(foreign_gallery: Path) -> Path:
    """Return the site of a gallery with a page that was recorded on two devices."""
    return foreign_gallery / "build" / "html"


@pytest.fixture(scope="module")
def server(site_root: Path) -> Iterator[str]:
    """Serve that site, and not this project's."""
    with serving(site_root) as address:
        yield address


def shown(page: Page, device: str) -> None:
    """Expect the output of `device` and no other."""
    for name, output in ((CPU, "machine: cpu"), (CARD, "machine: cuda")):
        tab = page.get_by_role("tab", name=name)
        expect(tab).to_have_attribute("aria-selected", str(name == device).lower())
        expect(page.get_by_text(output)).to_be_visible(visible=name == device)


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_tabs_by_click(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("fr/bases/somme.html"))
    shown(page, CPU)
    page.get_by_role("tab", name=CARD).click()
    shown(page, CARD)
    expect(page.get_by_text("total: 5")).to_have_count(1)
    page.get_by_role("tab", name=CPU).click()
    shown(page, CPU)


def test_tabs_by_keyboard(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("fr/bases/somme.html"))
    cpu, card = (page.get_by_role("tab", name=name) for name in (CPU, CARD))
    cpu.focus()
    device = CPU
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "End", "Home"):
        device = CARD if device == CPU else CPU
        page.keyboard.press(key)
        shown(page, device)
        expect(card if device == CARD else cpu).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("tabpanel", name=CPU)).to_be_focused()


def test_the_choice_is_remembered(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("fr/bases/somme.html"))
    page.get_by_role("tab", name=CARD).click()
    page.goto(url("fr/essai.html"))
    page.goto(url("de/bases/somme.html"))
    shown(page, CARD)
    page.get_by_role("tab", name=CPU).click()
    page.reload()
    shown(page, CPU)


def test_without_javascript_both_are_there(new_page: Callable[..., Page], url: Callable[..., str]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(url("fr/bases/somme.html"))
    for text in (CPU, CARD):
        expect(page.locator(".device-outputs").get_by_text(text, exact=True)).to_be_visible()
    for text in ("machine: cpu", "machine: cuda"):
        expect(page.get_by_text(text)).to_be_visible()
    expect(page.get_by_role("tab")).to_have_count(0)


def test_tabs_are_named_in_the_pages_language(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("fr/bases/somme.html"))
    expect(page.get_by_role("tablist", name="Appareil")).to_be_visible()
    found = Axe().run(page, ".device-outputs")
    assert found.response["violations"] == []
