"""Fixtures for browser tests: one Chromium with a fresh profile per worker, and pages that remember nothing.

A test asks for ``page`` (or ``new_page`` to choose language, size, JavaScript …) and ``url``. When it ends,
its pages must have been quiet: no console error, no uncaught error, no request to another host. A test that
means to see one of them reads it from ``journal`` and removes it there. A failed test leaves a screenshot
and a trace (``python -m playwright show-trace FILE``) in build/test-failures/.

To open a page in a new context costs five times as much as to load one of the site's (measured), so a page goes
on to the next test that wants the same settings. It takes the browser's cache along, and nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    ViewportSize,
    WebError,
    sync_playwright,
)

from tests.browser import chromium

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FAILED = pytest.StashKey[bool]()
USUAL_LOOK: dict[str, Any] = {
    "viewport": ViewportSize(width=1280, height=720),
    "reduced_motion": "reduce",
    "color_scheme": "light",
}
"""What can be set on an open page; other settings are those of its context."""
LASTING = ("add_init_script", "expose_function", "new_cdp_session", "route")
"""What a test can do to a page or its context that stays: it closes them behind it."""


def in_turn(combinations: Sequence[Sequence[object]]) -> list[bool]:
    """Which of all combinations to take for each value to have a turn: as many as the longest list has values."""
    columns = [
        [value for n, value in enumerate(each) if value not in each[:n]]
        for each in zip(*combinations, strict=True)
    ]
    turns = [[each[n % len(each)] for each in columns] for n in range(max(map(len, columns)))]
    return [list(combination) in turns for combination in combinations]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that is marked `in_turns`, leave to `nox -s thorough` the combinations that aren't in turn."""
    tests: dict[tuple[object, str], list[pytest.Function]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("in_turns"):
            tests[item.parent, item.originalname].append(item)
    for found in tests.values():
        together = [mark.args[0] for mark in found[0].iter_markers("parametrize")]
        groups = [each.split(", ") if isinstance(each, str) else each for each in together]
        groups += [[name] for name in found[0].callspec.params if not any(name in group for group in groups)]
        rows = [[[item.callspec.params[n] for n in group] for group in groups] for item in found]
        for item, taken in zip(found, in_turn(rows), strict=True):
            if not taken:
                item.add_marker("thorough")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a failure on the test itself, where its fixtures can read it when they end."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@dataclass
class Journal:
    """What the pages of one test did that a reader's browser should never see."""

    host: str
    console_errors: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Write down what happens on every page of `context`."""
        context.on("console", self._console)
        context.on("weberror", self._uncaught)
        context.on("request", self._request)

    def leave(self, context: BrowserContext) -> None:
        """Look away from `context`, which another test will use."""
        context.remove_listener("console", self._console)
        context.remove_listener("weberror", self._uncaught)
        context.remove_listener("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location['url']})")

    def _uncaught(self, error: WebError) -> None:
        self.page_errors.append(str(error.error))

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != self.host:
            self.foreign_requests.append(request.url)

    def assert_quiet(self) -> None:
        """Fail with everything noted so far, if anything was."""
        noted = [
            *(f"console error: {text}" for text in self.console_errors),
            *(f"uncaught error: {text}" for text in self.page_errors),
            *(f"request to another host: {url}" for url in self.foreign_requests),
        ]
        assert not noted, "\n".join(noted)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a line on stderr for each, and no error for the icon that browsers guess at."""

    def do_GET(self) -> None:
        """Answer as the site's host would; /favicon.ico is asked for by the browser, not by a page."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            with contextlib.suppress(ConnectionError):  # the reader went on before all had come
                super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium; Playwright gives it a new, empty profile."""
    executable = chromium.ensure()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield started
        started.close()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port; the address, without a slash at its end."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def server(site_root: Path) -> Iterator[str]:
    """Serve the site."""
    with serving(site_root) as address:
        yield address


@pytest.fixture
def scheme() -> str:
    """How the site is opened; ``@pytest.mark.parametrize("scheme", ["http", "file"])`` opens it both ways."""
    return "http"


@pytest.fixture
def url(scheme: str, server: str, site_root: Path) -> Callable[..., str]:
    """Return a function from a path in the site, such as ``zh/index.html#id``, to its address."""
    base = server if scheme == "http" else site_root.as_uri()

    def address(path: str = "index.html") -> str:
        return f"{base}/{path.lstrip('/')}"

    return address


@pytest.fixture
def journal(server: str) -> Journal:
    """What the test's pages did: console errors, uncaught errors, requests to other hosts."""
    return Journal(host=urlsplit(server).netloc)


class Tab:
    """A page in a context of its own, which one test after another uses."""

    def __init__(self, browser: Browser, settings: dict[str, Any]) -> None:
        self.context = browser.new_context(**settings)
        # A film and snapshots of the DOM would make each page half again as slow.
        self.context.tracing.start()
        self.page = self.context.new_page()
        self.changed = False
        self.listeners: list[tuple[Any, Any]] = []
        for owner in (self.context, self.page):
            for name in LASTING:
                if method := getattr(owner, name, None):
                    setattr(owner, name, functools.partial(self._lasting, method))
        setattr(self.page, "on", functools.partial(self._on, self.page.on))  # noqa: B010, a method for mypy

    def _lasting(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self.changed = True
        return method(*args, **options)

    def _on(self, method: Callable[..., Any], event: Any, listener: Any) -> None:
        self.listeners.append((event, listener))
        method(event, listener)

    def begin(self, viewport: ViewportSize, reduced_motion: Any, color_scheme: Any) -> Page:
        """Return the page with a reader's settings, written down from here on."""
        self.page.set_viewport_size(viewport)
        self.page.emulate_media(media="null", color_scheme=color_scheme, reduced_motion=reduced_motion)
        self.context.tracing.start_chunk()
        return self.page

    def forget(self) -> bool:
        """Make the page remember nothing; False where that can't be done."""
        if self.changed or self.context.pages != [self.page]:
            return False
        try:
            self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        except Error:  # an empty page or one of the browser's own, which can't reach what the site has stored
            return False
        self.page.goto("about:blank")
        self.page.mouse.move(-1, -1)
        while self.listeners:
            self.page.remove_listener(*self.listeners.pop())
        self.context.clear_cookies()
        return True


@pytest.fixture(scope="session")
def idle_tabs() -> dict[str, list[Tab]]:
    """The tabs that no test is using, by the settings they were opened with."""
    return defaultdict(list)


@pytest.fixture
def new_page(
    browser: Browser,
    idle_tabs: dict[str, list[Tab]],
    journal: Journal,
    scheme: str,
    repository: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Page]]:
    """Open pages, each in a context of its own: ``new_page(locale="zh-CN", java_script_enabled=False)``."""
    used: list[tuple[str, Tab]] = []

    def open_page(**options: Any) -> Page:
        look = {name: options.pop(name, usual) for name, usual in USUAL_LOOK.items()}
        settings = {"locale": "en"} | options
        key = f"{scheme} {sorted(settings.items())}"
        tab = idle_tabs[key].pop() if idle_tabs[key] else Tab(browser, settings)
        used.append((key, tab))
        journal.watch(tab.context)
        return tab.begin(**look)

    yield open_page

    failed = request.node.stash.get(FAILED, False)
    try:
        if not failed:
            failed = True
            for _, tab in used:
                if not tab.page.is_closed():
                    tab.page.evaluate("0")  # by its answer, every event before it has arrived
            journal.assert_quiet()
            failed = False
    finally:
        name = re.sub(r"[^\w.-]+", "-", request.node.nodeid).strip("-")
        for number, (key, tab) in enumerate(used, 1):
            stem = repository / "build" / "test-failures" / f"{name}-{number}"
            if failed:
                if not tab.page.is_closed():
                    tab.page.screenshot(path=stem.with_name(stem.name + ".png"))
                tab.context.tracing.stop_chunk(path=stem.with_name(stem.name + ".zip"))
            elif tab.forget():
                tab.context.tracing.stop_chunk()
                journal.leave(tab.context)
                idle_tabs[key].append(tab)
                continue
            tab.context.close()


@pytest.fixture
def remember(url: Callable[..., str]) -> Callable[[Page, str, str], None]:
    """Return a function that stores what a reader chose on an earlier visit."""

    def store(page: Page, name: str, value: str) -> None:
        page.goto(url("en/_static/pygments.css"))  # of the same origin, and no page of ours has been open yet
        page.evaluate("pair => localStorage.setItem(...pair)", [name, value])

    return store


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Open one page with Playwright's own settings, in an English browser."""
    return new_page()
