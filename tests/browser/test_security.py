"""The Content-Security-Policy in a browser: it stops foreign scripts and is in no tool's way, whatever the scheme."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import Journal

BOTH = pytest.mark.parametrize("scheme", ["http", "file"])
KINDS = {
    "example": "zh/basics/norms.html",
    "example with downloads": "en/basics/dataset_dataloader.html",
    "notebook": "zh/exercises/basics.html",
    "chapter": "en/basics/index.html",
    "landing": "zh/index.html",
    "glossary": "en/glossary.html",
    "reference": "zh/api.html",
    "index": "en/genindex.html",
    "search": "zh/search.html",
}
# Notes what the policy stops.
NOTE = """
addEventListener("securitypolicyviolation", (event) => {
  (window.stopped ??= []).push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""


def stopped(page: Page) -> list[str]:
    """What the policy has stopped on the page."""
    found: list[str] = page.evaluate("window.stopped ?? []")
    return found


@pytest.mark.in_turns
@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_stops_nothing_of_the_sites_own(kind: str, page: Page, url: Callable[..., str]) -> None:
    """What is stopped is an error on the console, which fails the test when it ends."""
    page.goto(url(KINDS[kind]), wait_until="load")
    page.evaluate("document.fonts.ready.then(() => 0)")
    before = page.evaluate("document.body.dataset.theme")
    assert before == "auto"  # the theme's inline script has run
    label = "切换浅色" if KINDS[kind].startswith("zh") else "Toggle Light"
    page.get_by_role("button", name=label).filter(visible=True).first.click()
    assert page.evaluate("document.body.dataset.theme") != before
    side_by_side = page.locator(".parallel-toggle").filter(visible=True)
    if side_by_side.count():
        side_by_side.first.click()
        expect(side_by_side.first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("broadcasting")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")


@BOTH
def test_the_root_page_has_nothing_that_is_stopped(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("index.html"))
    page.wait_for_url("**/en/index.html")


@BOTH
def test_formulas_are_set_in_the_sites_font(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/norms.html"))
    page.evaluate("document.fonts.ready.then(() => 0)")
    faces = page.evaluate("[...document.fonts].map((face) => `${face.family} ${face.status}`)")
    assert [face.replace('"', "") for face in faces] == ["STIX Two Math loaded"]
    # The root grows with what stands under it, as only a font for mathematics lets it.
    heights = page.evaluate(
        "(root => [root, root.querySelector('mo')].map((part) => part.getBoundingClientRect().height))"
        "(document.querySelector('msqrt'))"
    )
    assert heights[0] >= heights[1] > 20


@pytest.mark.in_turns
@BOTH
@pytest.mark.parametrize(
    ("attack", "directive"),
    [
        (
            "const made = document.createElement('script'); made.text = 'ran = 1'; document.body.append(made)",
            "script-src-elem",
        ),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"ran = 1\">')",
            "script-src-attr",
        ),
        (
            "const made = document.createElement('script'); made.src = 'https://example.com/x.js';"
            " document.body.append(made)",
            "script-src-elem",
        ),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://example.com/x.png\">')",
            "img-src",
        ),
        ("try { setTimeout('ran = 1', 0) } catch {}", "script-src"),
    ],
    ids=["inline script", "event handler", "foreign script", "foreign image", "text as code"],
)
def test_the_policy_stops_what_is_not_the_sites(
    attack: str, directive: str, page: Page, url: Callable[..., str], journal: Journal
) -> None:
    failures: list[str] = []
    page.on("requestfailed", lambda request: failures.append(str(request.failure)))
    page.goto(url("en/basics/norms.html"))
    page.evaluate(NOTE)
    page.evaluate(f"() => {{ {attack} }}")
    page.wait_for_function("window.stopped")
    assert stopped(page)[0].startswith(f"{directive} ")
    assert page.evaluate("typeof ran") == "undefined"
    assert all("Content Security Policy" in text for text in journal.console_errors)
    assert len(failures) == len(journal.foreign_requests)  # what was stopped is noted too, where it is at all
    assert set(failures) <= {"csp"}
    for noted in (journal.console_errors, journal.page_errors, journal.foreign_requests):
        noted.clear()


@pytest.mark.parametrize(
    "path", ["zh/basics/norms.html", "en/basics/norms.html", "en/networks/momentum.html"]
)
def test_an_example_is_light(path: str, page: Page, url: Callable[..., str]) -> None:
    fetched: dict[str, int] = {}

    def note(response: Response) -> None:
        fetched.setdefault(response.url, len(response.body()))

    page.on("response", note)
    page.goto(url(path), wait_until="networkidle")
    weights = {address: size for address, size in fetched.items() if "/_images/" not in address}
    assert len(weights) <= 15, sorted(weights)
    assert sum(weights.values()) <= 200_000, weights
