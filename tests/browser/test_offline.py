"""The packed site on a reader's own disk: it opens and answers questions without a server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sitekit.publish.package import package

from tests.built import PROJECT


@pytest.fixture(scope="session")
def site_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that a reader gets from the zip, its name with blanks and Chinese in it."""
    folder = tmp_path_factory.mktemp("下载 of a reader")
    whole, *_examples = package(PROJECT)
    shutil.unpack_archive(whole, folder)
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="session")
def server() -> str:
    """Return an address where nothing is: no page may ask for anything."""
    return "http://nowhere.invalid"


@pytest.fixture
def scheme() -> str:
    """Return how it is opened."""
    return "file"


@pytest.mark.parametrize(("locale", "folder"), [("zh-CN", "zh"), ("en", "en")])
def test_the_first_page_leads_to_the_readers_language(
    locale: str, folder: str, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(locale=locale)
    page.goto(url("index.html"))
    page.wait_for_url(f"**/{folder}/index.html")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("folder", ["zh", "en"])
def test_search_works_in_the_unpacked_copy(folder: str, page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"{folder}/index.html"))
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").locator("input").fill("nn.Linear")
    hit = page.get_by_role("dialog").locator("a[href*='linear_layer']").first
    expect(hit).to_be_visible()
    hit.click()
    page.wait_for_url(f"**/{folder}/networks/linear_layer.html*")
    page.goto(url(f"{folder}/search.html?q=broadcasting"))
    expect(page.locator("#search-results a[href*='broadcasting']").first).to_be_visible()
