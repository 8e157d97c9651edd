"""The two languages as a reader meets them in a browser: the switch, the root page, and quiet pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests import built
from tests.built import LANGUAGES, PROJECT

OTHER = dict(zip(LANGUAGES, reversed(LANGUAGES), strict=True))
TAGS = {language.folder: language.tag for language in PROJECT.languages}
LONG_PAGE = "basics/computational_graph"
WIDE, PHONE = ViewportSize(width=1280, height=720), ViewportSize(width=360, height=740)
WIDTHS = [360, 768, 1008, 1024, 1280, 1920]
both_ways = pytest.mark.parametrize("scheme", ["http", "file"])
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


def switch(page: Page) -> Locator:
    """The language switches that can be seen: one."""
    return page.locator(".language-switch").filter(visible=True)


def sections(language: str, docname: str) -> list[str]:
    """The anchors under a page's title, in order."""
    found = built.article(language, docname).select("section[id] section[id]")
    return [str(section["id"]) for section in found]


def path_in_site(page: Page) -> str:
    """Language, page and anchor that a browser shows."""
    return re.sub(rf"^.*?/(?=({'|'.join(LANGUAGES)})/|index\.html)", "", page.url)


@pytest.fixture
def open_in(new_page: Callable[..., Page], url: Callable[..., str]) -> Callable[..., Page]:
    """Return a function that opens a path in a browser of some language."""

    def open_page(path: str, locale: str = "en", **options: object) -> Page:
        page = new_page(locale=locale, **options)
        page.goto(url(path))
        return page

    return open_page


@pytest.mark.in_turns
@both_ways
@in_every_language
def test_the_switch_leads_to_the_same_page(language: str, page: Page, url: Callable[..., str]) -> None:
    for docname in ("index", "glossary", "basics/index", "exercises/basics", "networks/momentum", "genindex"):
        page.goto(url(f"{language}/{docname}.html"))
        expect(switch(page)).to_have_count(1)
        switch(page).get_by_role("link").click()
        page.wait_for_url(f"**/{OTHER[language]}/{docname}.html")
        expect(page.locator("html")).to_have_attribute("lang", TAGS[OTHER[language]])


@pytest.mark.in_turns
@both_ways
@in_every_language
def test_the_switch_keeps_the_section_in_the_address(
    language: str, page: Page, url: Callable[..., str]
) -> None:
    for anchor in sections(language, LONG_PAGE):
        page.goto(url(f"{language}/{LONG_PAGE}.html#{anchor}"))
        switch(page).get_by_role("link").click()
        page.wait_for_url(f"**/{OTHER[language]}/{LONG_PAGE}.html#{anchor}")
        heading = page.locator(f"section#{anchor} > h2")
        expect(heading).to_be_in_viewport()
        assert bool(built.HAN.search(heading.inner_text())) == (OTHER[language] == "zh")


@pytest.mark.in_turns
@both_ways
@in_every_language
def test_the_switch_keeps_the_section_that_was_scrolled_to(
    language: str, page: Page, url: Callable[..., str]
) -> None:
    *inner, last = sections(language, LONG_PAGE)
    page.set_viewport_size(
        {"width": 1280, "height": 500}
    )  # or, in some fonts, the end is seen with the last but one
    for anchor in inner:
        page.goto(url(f"{language}/{LONG_PAGE}.html"))
        page.locator(f"section#{anchor} > h2 ~ :not([lang])").first.evaluate(
            "element => element.scrollIntoView()"
        )
        assert "#" not in page.url
        switch(page).get_by_role("link").click()
        page.wait_for_url(f"**/{OTHER[language]}/{LONG_PAGE}.html#{anchor}")
        expect(page.locator(f"section#{anchor} > h2")).to_be_in_viewport()
    page.goto(url(f"{language}/{LONG_PAGE}.html"))
    page.keyboard.press("End")
    expect(page.locator("footer .bottom-of-page")).to_be_in_viewport()
    switch(page).get_by_role("link").click()
    page.wait_for_url(f"**/{OTHER[language]}/{LONG_PAGE}.html#{last}")


def test_the_switch_follows_the_reader_away_from_the_address(page: Page, url: Callable[..., str]) -> None:
    first, *_, last = sections("zh", LONG_PAGE)
    page.goto(url(f"zh/{LONG_PAGE}.html#{first}"))
    page.keyboard.press("End")
    expect(page.locator("footer .bottom-of-page")).to_be_in_viewport()
    switch(page).get_by_role("link").click()
    page.wait_for_url(f"**/en/{LONG_PAGE}.html#{last}")
    page.keyboard.press("Home")
    expect(page.locator("h1")).to_be_in_viewport()
    switch(page).get_by_role("link").click()
    page.wait_for_url(f"**/zh/{LONG_PAGE}.html")


def test_the_switch_works_with_any_address(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("zh/basics/shapes.html#%E0%A4%A"))
    switch(page).get_by_role("link").click()
    page.wait_for_url("**/en/basics/shapes.html")


def test_the_switch_keeps_the_section_in_a_new_tab(page: Page, url: Callable[..., str]) -> None:
    anchor = sections("zh", LONG_PAGE)[1]
    page.goto(url(f"zh/{LONG_PAGE}.html#{anchor}"))
    with page.context.expect_page() as opened:
        switch(page).get_by_role("link").click(button="middle")
    opened.value.wait_for_url(f"**/en/{LONG_PAGE}.html#{anchor}")
    opened.value.close()


def test_the_switch_works_from_the_keyboard(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/shapes.html"))
    link = switch(page).get_by_role("link", name="中文")
    link.focus()
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/zh/basics/shapes.html")


@pytest.mark.parametrize(
    ("locale", "language", "scheme"),
    [
        *[(locale, "zh", "http") for locale in ("zh-CN", "zh-TW")],
        *[(locale, "en", "http") for locale in ("en-US", "en-GB", "fr")],
        ("zh-CN", "zh", "file"),
        ("en-US", "en", "file"),
    ],
)
def test_the_root_page_picks_the_browsers_language(
    locale: str, language: str, open_in: Callable[..., Page]
) -> None:
    page = open_in("index.html", locale)
    page.wait_for_url(f"**/{language}/index.html")
    expect(page.locator("html")).to_have_attribute("lang", TAGS[language])


@pytest.mark.in_turns
@both_ways
@pytest.mark.parametrize(("locale", "language"), [("zh-CN", "zh"), ("en-US", "en")])
def test_the_root_page_remembers_the_choice(
    locale: str, language: str, open_in: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = open_in("index.html", locale)
    page.wait_for_url(f"**/{language}/index.html")
    for chosen in (OTHER[language], language):
        switch(page).get_by_role("link").click()
        page.wait_for_url(f"**/{chosen}/index.html")
        page.goto(url("index.html"))
        page.wait_for_url(f"**/{chosen}/index.html")


def test_the_root_page_is_not_in_the_way_of_going_back(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/glossary.html"))
    page.goto(url("index.html"))
    page.wait_for_url("**/en/index.html")
    page.go_back()
    page.wait_for_url("**/en/glossary.html")


@both_ways
def test_languages_work_without_javascript(open_in: Callable[..., Page]) -> None:
    page = open_in("index.html", "fr", java_script_enabled=False)
    expect(page.get_by_role("link")).to_have_count(len(LANGUAGES))
    for language in PROJECT.languages:
        expect(page.get_by_role("link", name=language.name, exact=True)).to_be_visible()
    page.get_by_role("link", name="中文").click()
    assert path_in_site(page) == "zh/index.html"
    for folder in ("en", "zh"):
        expect(switch(page)).to_have_count(1)
        switch(page).get_by_role("link").click()
        assert path_in_site(page) == f"{folder}/index.html"


@in_every_language
def test_pages_show_all_they_have_without_javascript(language: str, open_in: Callable[..., Page]) -> None:
    page = open_in(f"{language}/basics/norms.html", java_script_enabled=False)
    for image in page.locator("article img:not(.only-dark)").all():
        image.scroll_into_view_if_needed()
        expect(image).to_be_visible()
    expect(page.locator(".fact-downloads a")).to_have_count(3)
    expect(switch(page)).to_have_count(1)


@pytest.mark.in_turns
@in_every_language
@pytest.mark.parametrize("width", WIDTHS)
def test_one_switch_is_seen_at_every_width(width: int, language: str, open_in: Callable[..., Page]) -> None:
    page = open_in(f"{language}/basics/shapes.html", viewport={"width": width, "height": 800})
    expect(switch(page)).to_have_count(1)
    link = switch(page).get_by_role("link")
    expect(link).to_be_in_viewport(ratio=1)
    box = link.bounding_box()
    assert box
    assert box["height"] >= 24


@in_every_language
def test_downloads_are_offered_in_the_pages_language(
    language: str, page: Page, url: Callable[..., str]
) -> None:
    page.goto(url(f"{language}/basics/dataset_dataloader.html"))
    links = page.locator(".fact-downloads").get_by_role("link")
    expect(links).to_have_count(3)
    for link, suffix in zip(links.all(), ("py", "ipynb", "zip"), strict=True):
        with page.expect_download() as download:
            link.click()
        assert download.value.suggested_filename == f"dataset_dataloader.{suffix}"
        assert f"/{language}/_downloads/" in urlsplit(download.value.url).path


@in_every_language
def test_answers_are_hidden_until_asked_for(language: str, page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"{language}/exercises/basics.html"))
    answers = page.locator("details")
    assert answers.count() >= 8
    first = answers.first
    expect(first.locator("pre").first).to_be_hidden()
    label = {"zh": "显示答案", "en": "Show the answer"}[language]
    first.get_by_text(label).click()
    expect(first.locator("pre").first).to_be_visible()
    expect(first.get_by_text({"zh": "收起答案", "en": "Hide the answer"}[language])).to_be_visible()
