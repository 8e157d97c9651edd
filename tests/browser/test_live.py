"""``nox -s live``: what is saved shows in the browser, which reloads by itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from tests import foreign

READY = "Start detecting changes"
"""What livereload says once it serves and watches."""


@pytest.fixture
def served(foreign_gallery: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a copy of the gallery while it is written; its folder and its address."""
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "sitekit", "live", "--port", str(port)],
        cwd=root, env=foreign.environment(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    told: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:  # to the end: a pipe that nobody reads would stop the server
            told.append(line)
            if READY in line:
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen)
    with process:
        listener.start()
        try:
            assert ready.wait(120), "".join(told)
            assert process.poll() is None, "".join(told)
            yield root, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            listener.join()
            print("".join(told))


class Reader:
    """A browser with one page open; livereload reloads only what had told it that it is there."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.connected = False
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        self.connected = False
        socket.on("framereceived", self._greeted)

    def _greeted(self, _: object) -> None:
        self.connected = True

    def open(self, address: str) -> None:
        """Go to a page."""
        self.connected = False
        self.page.goto(address)

    def sees(self, text: str) -> None:
        """Wait until the page has `text`, and the server knows of it."""
        expect(self.page.locator("article")).to_contain_text(text, timeout=60_000)
        for _ in range(600):
            if self.connected:
                return
            self.page.wait_for_timeout(50)
        pytest.fail("livereload doesn't answer")


def test_what_is_saved_is_shown(served: tuple[Path, str], browser: Browser) -> None:
    root, address = served
    reader = Reader(browser.new_page())
    site = foreign.files(root / "build" / "html")
    reader.open(f"{address}/fr/bases/somme.html")
    reader.sees("Le total est le même partout.")
    foreign.edit(root, "gallery/bases/somme.py", "le même partout.", "le même partout, toujours.")
    reader.sees("même partout, toujours.")
    foreign.edit(root, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    reader.sees("total: 6")
    reader.open(f"{address}/de/bases/somme.html")
    reader.sees("total: 6")
    foreign.edit(root, "gallery/bases/somme.py", 'print("total:"', 'print(("total:"')
    foreign.edit(root, "docs/essai.md", "Une page avec du code.", "Une page de code.")
    foreign.edit(root, "gallery/bases/somme.py", 'print(("total:"', 'print("somme:"')
    reader.sees("somme: 6")
    assert foreign.files(root / "build" / "html") == site
    reader.page.close()
