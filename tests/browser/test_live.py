"""``nox -s live``: what is saved shows in the browser, which reloads by itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import foreign

pytestmark = pytest.mark.xdist_group("foreign")
STARTS = 120


def answers(address: str) -> bool:
    """Whether a page is served there."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def served(foreign_gallery: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a copy of the gallery while it is written; its folder and its address."""
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sitekit.live", "--port", str(port)],
            cwd=root, env=foreign.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + STARTS
        while not answers(f"{address}/index.html"):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.2)
        yield root, address
    finally:
        process.terminate()
        process.wait()


def test_what_is_saved_is_shown(served: tuple[Path, str], browser: Browser) -> None:
    root, address = served
    page = browser.new_page()
    site = foreign.files(root / "build" / "html")
    page.goto(f"{address}/fr/bases/somme.html")
    expect(page.locator("article")).to_contain_text("Le total est le même partout.")
    foreign.edit(root, "gallery/bases/somme.py", "le même partout.", "le même partout, toujours.")
    expect(page.locator("article")).to_contain_text("même partout, toujours.", timeout=60_000)
    foreign.edit(root, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    expect(page.locator("article")).to_contain_text("total: 6", timeout=60_000)
    page.goto(f"{address}/de/bases/somme.html")
    expect(page.locator("article")).to_contain_text("total: 6")
    foreign.edit(root, "gallery/bases/somme.py", 'print("total:"', 'print(("total:"')
    foreign.edit(root, "docs/essai.md", "Une page avec du code.", "Une page de code.")
    foreign.edit(root, "gallery/bases/somme.py", 'print(("total:"', 'print("somme:"')
    page.goto(f"{address}/fr/bases/somme.html")
    expect(page.locator("article")).to_contain_text("somme: 6", timeout=60_000)
    assert foreign.files(root / "build" / "html") == site
    page.close()
