"""Each page of the site, opened once: quiet, whole, its facts on the first screen; on each kind of element, axe-core."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Request

from tests import built
from tests.browser.accessibility import CONTRAST, PHONE, SAMPLE, WIDE, prepare, violations, with_every_kind
from tests.built import EXAMPLES, LANGUAGES, SITE

GENERATED_WORDS = """() => [...document.querySelectorAll("body *")].flatMap((element) =>
  ["::before", "::after"]
    .map((part) => getComputedStyle(element, part).content)
    .filter((content) => /^".*[A-Za-z]{2}/.test(content))
)"""
FIRST_SCREEN = """() => {
  const facts = document.querySelector(".page-facts");
  const parts = [document.querySelector("article h1"), facts.previousElementSibling, facts, ...facts.querySelectorAll("dd")];
  const seen = parts.filter((part) => part.getClientRects().length).map((part) => part.getBoundingClientRect());
  const box = facts.getBoundingClientRect();
  return Math.max(...seen.map((part) => part.bottom)) <= innerHeight
    && Math.max(...seen.map((part) => part.right)) <= innerWidth
    && [...facts.querySelectorAll("dd *")].every((part) => part.getBoundingClientRect().right <= box.right);
}"""
BROKEN_IMAGES = "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"

WITHOUT_COLOURS = {rule: {"enabled": False} for rule in (CONTRAST, "link-in-text-block")}

thorough = pytest.mark.thorough


@pytest.fixture
def quiet_page(new_page: Callable[..., Page]) -> Page:
    """A page of a wide screen, which must be quiet, as all pages of tests."""
    return new_page(viewport=WIDE)


@pytest.fixture
def failed(quiet_page: Page) -> list[str]:
    """What the page asked for and did not get, up to now."""
    noted: list[str] = []

    def note(request: Request) -> None:
        # An image that still loads when the next page is opened is given up by the browser, not missing.
        if request.failure != "net::ERR_ABORTED":
            noted.append(f"{request.url}: {request.failure}")

    quiet_page.on("requestfailed", note)
    quiet_page.on("response", lambda answer: noted.append(answer.url) if answer.status >= 400 else None)
    return noted


def paths(language: str) -> list[str]:
    """Every page of a language; the pages above all languages go with the first."""
    found = [path.relative_to(SITE).as_posix() for path in sorted((SITE / language).rglob("*.html"))]
    assert len(found) >= len(built.WRITTEN)
    return found + ([path.name for path in sorted(SITE.glob("*.html"))] if language == LANGUAGES[0] else [])


def of_sample(path: str) -> bool:
    """Whether it is one of the pages that stand for all of their kind."""
    return path.removesuffix(".html").partition("/")[2] in SAMPLE


def look(page: Page, path: str, *, axe: bool, everywhere: bool) -> Iterator[str]:
    """What is wrong with a page that was just opened, on a wide screen and on a telephone's."""
    language, _, docname = path.removesuffix(".html").partition("/")
    if docname:
        if not page.title().endswith("TorchNotes") and docname != "index":
            yield f"its title is “{page.title()}”"
        if broken := page.evaluate(BROKEN_IMAGES):
            yield f"images that don't show: {broken}"
        if language == "zh" and (words := page.evaluate(GENERATED_WORDS)):
            yield f"English made by a style: {words}"
    if docname in EXAMPLES and not page.evaluate(FIRST_SCREEN):
        yield "title, promise and facts don't fit the first wide screen"
    if axe:
        prepare(page)
        # Colours come from the style sheets, and what stands around an article from the theme: all pages share them.
        if everywhere or docname in SAMPLE:
            yield from violations(page)
        else:
            yield from violations(page, within="article" if docname else "html", rules=WITHOUT_COLOURS)
        if everywhere:
            page.emulate_media(color_scheme="dark")
            yield from violations(page, runOnly=[CONTRAST])
            page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    if docname and page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
        yield "wider than a telephone"
    if docname in EXAMPLES and not page.evaluate(FIRST_SCREEN):
        yield "title, promise and facts don't fit the first narrow screen"
    if axe and everywhere:
        yield from violations(page, rules=WITHOUT_COLOURS)


@pytest.mark.parametrize(
    ("scheme", "everywhere"),
    [
        ("http", False),
        pytest.param("http", True, marks=thorough),
        pytest.param("file", False, marks=thorough),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_quiet_and_whole_and_nothing_is_in_anyones_way(
    language: str,
    scheme: str,
    everywhere: bool,
    quiet_page: Page,
    failed: list[str],
    url: Callable[..., str],
) -> None:
    """Console errors, uncaught errors and requests to other hosts fail the test when it ends."""
    wrong = []
    opened = [
        path
        for number, path in enumerate(paths(language))
        # A page is built alike in all languages, as other tests see to: it is opened in one, in turns.
        if everywhere or "/" not in path or LANGUAGES[number % len(LANGUAGES)] == language or of_sample(path)
    ]
    # Most of what axe finds depends on what elements there are, and it takes most of the time of a page.
    for_axe = with_every_kind({path: (SITE / path).read_text(encoding="utf-8") for path in opened}, times=2)
    for path in opened:
        quiet_page.set_viewport_size(WIDE)
        quiet_page.emulate_media(color_scheme="light")
        quiet_page.goto(url(path))
        axe = scheme == "http" and (everywhere or of_sample(path) or path in for_axe)
        found = look(quiet_page, path, axe=axe, everywhere=everywhere)
        wrong += [f"{path}: {fault}" for fault in found]
    assert wrong + failed == []


@pytest.mark.parametrize("scheme", ["file"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_of_each_kind_is_quiet_and_whole_without_a_server(
    language: str, quiet_page: Page, failed: list[str], url: Callable[..., str]
) -> None:
    wrong = []
    for docname in SAMPLE:
        quiet_page.set_viewport_size(WIDE)
        quiet_page.goto(url(f"{language}/{docname}.html"))
        found = look(quiet_page, f"{language}/{docname}.html", axe=False, everywhere=False)
        wrong += [f"{docname}: {fault}" for fault in found]
    assert wrong + failed == []


FINE = '<article><h1 id="a">A</h1><p>One <a href="b.html">link</a> and <img src="c.webp" alt="picture"></p></article>'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">link<", "><"),
        (' alt="picture"', ""),
        ("<p>", '<p role="button">'),
        ("<p>", '<p class="new">'),
        ("<p>", "<h3></h3><p>"),
        ("<p>", "<iframe></iframe><p>"),
    ],
)
def test_a_page_with_another_kind_of_element_is_one_that_axe_looks_at(old: str, new: str) -> None:
    pages = {str(number): FINE for number in range(9)}
    assert len(with_every_kind(pages, times=2)) == 2
    chosen = with_every_kind(pages | {"4": FINE.replace(old, new)}, times=2)
    assert "4" in chosen
    assert len(chosen) <= 3
