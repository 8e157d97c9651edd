"""The page that a host shows at addresses without one: anywhere in the site, wherever the site stands."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Journal, QuietHandler
from tests.built import LANGUAGES

HEADINGS = {"zh": "没有这一页", "en": "Page not found"}
TAGS = {"zh": "zh-CN", "en": "en"}
SEARCH = {"zh": "搜索", "en": "Search"}


class HostHandler(QuietHandler):
    """Answers as hosts of static files do: the site's own page where there is none."""

    root: Path
    prefix: str

    def translate_path(self, path: str) -> str:
        """Find the file, with the site in a folder of the host."""
        if not path.startswith(self.prefix):
            return str(self.root / "nothing")
        return super().translate_path("/" + path.removeprefix(self.prefix))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send 404.html."""
        body = (self.root / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(params=["/", "/notes/", "/en/notes/"], ids=["root", "folder", "folder named en"])
def host(site_root: Path, request: pytest.FixtureRequest, journal: Journal) -> Iterator[str]:
    """Serve the site from the root of a host, or from a folder."""
    handler = type("Handler", (HostHandler,), {"root": site_root, "prefix": request.param})
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(site_root))) as httpd:
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        journal.host = f"127.0.0.1:{httpd.server_port}"
        yield f"http://{journal.host}{request.param}"
        httpd.shutdown()


@pytest.fixture
def lost(page: Page, journal: Journal) -> Iterator[Page]:
    """A page whose browser may note that what it asked for isn't there, and nothing else."""
    yield page
    page.evaluate("0")  # by its answer, every event before it has arrived
    assert all("404 (Not Found)" in text for text in journal.console_errors)
    journal.console_errors.clear()


@pytest.mark.in_turns
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_address_leads_on_in_its_language(language: str, host: str, lost: Page) -> None:
    lost.goto(f"{host}{language}/basics/deep/brodcasting_rules.html")
    expect(lost.locator("html")).to_have_attribute("lang", TAGS[language])
    expect(lost.get_by_role("heading").first).to_have_text(HEADINGS[language])
    first = lost.locator("section").first
    expect(first.get_by_role("searchbox")).to_have_value("brodcasting rules")
    first.get_by_role("button", name=SEARCH[language]).click()
    lost.wait_for_url(f"{host}{language}/search.html?q=brodcasting+rules")
    expect(lost.locator("#search-results a[href*='broadcasting']").first).to_be_visible()
    lost.goto(f"{host}{language}/nothing/")
    lost.locator("section").first.get_by_role("link").click()
    lost.wait_for_url(f"{host}{language}/index.html")


@pytest.mark.parametrize("host", ["/", "/notes/"], ids=["root", "folder"], indirect=True)
def test_an_address_outside_the_languages_offers_both(host: str, lost: Page) -> None:
    lost.goto(f"{host}instal.html")
    for language in LANGUAGES:
        expect(lost.get_by_role("heading", name=HEADINGS[language])).to_be_visible()
    lost.locator("section[lang=en]").get_by_role("link").click()
    lost.wait_for_url(f"{host}en/index.html")


def test_an_address_is_text_and_never_markup(host: str, lost: Page) -> None:
    lost.goto(host + "zh/" + quote('"><img src=x onerror=document.title=1>.html'))
    expect(lost.get_by_role("searchbox").first).to_be_visible()
    assert lost.locator("img").count() == 0
    lost.goto(host + "zh/%E0%A4%A.html")  # no text at all
    lost.locator("section").first.get_by_role("link").click()
    lost.wait_for_url(f"{host}zh/index.html")
