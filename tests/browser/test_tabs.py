"""What tests themselves rest on: a page that goes on to another test remembers nothing of the one before."""

from collections.abc import Callable

from playwright.sync_api import Browser

from tests.browser.conftest import USUAL_LOOK, Tab


def test_a_page_remembers_nothing(browser: Browser, server: str) -> None:
    tab = Tab(browser, {})
    heard: list[str] = []
    page = tab.begin(**USUAL_LOOK | {"viewport": {"width": 500, "height": 500}, "color_scheme": "dark"})
    page.on("load", lambda loaded: heard.append(loaded.url))
    page.emulate_media(media="print")
    page.goto(f"{server}/en/index.html")
    page.evaluate("localStorage.a = sessionStorage.a = 1, document.cookie = 'a=1'")
    assert tab.forget()
    assert len(heard) == 2  # the empty page too
    page = tab.begin(**USUAL_LOOK)
    page.goto(f"{server}/en/index.html")
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark), print').matches]") == [
        1280,
        False,
    ]
    assert len(heard) == 2
    tab.context.close()


def test_a_page_that_cannot_forget_is_not_used_again(browser: Browser, server: str) -> None:
    changes: list[Callable[[Tab], object]] = [
        lambda tab: tab.page.add_init_script("window.a = 1"),
        lambda tab: tab.context.new_cdp_session(tab.page),
        lambda tab: tab.context.new_page(),
        lambda tab: tab.page.goto("about:blank"),
    ]
    for change in changes:
        tab = Tab(browser, {})
        tab.begin(**USUAL_LOOK).goto(f"{server}/en/index.html")
        change(tab)
        assert not tab.forget()
        tab.context.close()
