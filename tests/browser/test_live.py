"""``nox -s live``: what is saved shows in the browser, which reloads by itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import foreign

pytestmark = pytest.mark.xdist_group("foreign")
READY = "Start detecting changes"
"""What livereload says once it serves and watches."""


def iter_until(words: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the one that has `words`."""
    for line in lines:
        yield line
        if words in line:
            return


@pytest.fixture
def served(foreign_gallery: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a copy of the gallery while it is written; its folder and its address."""
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "sitekit.live", "--port", str(port)],
        cwd=root, env=foreign.environment(), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            told = list(iter_until(READY, process.stdout))
            assert process.poll() is None, "".join(told)
            yield root, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_what_is_saved_is_shown(served: tuple[Path, str], browser: Browser) -> None:
    root, address = served
    page = browser.new_page()
    site = foreign.files(root / "build" / "html")
    page.goto(f"{address}/fr/bases/somme.html")
    expect(page.locator("article")).to_contain_text("Le total est le même partout.", timeout=180_000)
    foreign.edit(root, "gallery/bases/somme.py", "le même partout.", "le même partout, toujours.")
    expect(page.locator("article")).to_contain_text("même partout, toujours.", timeout=180_000)
    foreign.edit(root, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    expect(page.locator("article")).to_contain_text("total: 6", timeout=180_000)
    page.goto(f"{address}/de/bases/somme.html")
    expect(page.locator("article")).to_contain_text("total: 6", timeout=180_000)
    foreign.edit(root, "gallery/bases/somme.py", 'print("total:"', 'print(("total:"')
    foreign.edit(root, "docs/essai.md", "Une page avec du code.", "Une page de code.")
    foreign.edit(root, "gallery/bases/somme.py", 'print(("total:"', 'print("somme:"')
    page.goto(f"{address}/fr/bases/somme.html")
    expect(page.locator("article")).to_contain_text("somme: 6", timeout=180_000)
    assert foreign.files(root / "build" / "html") == site
    page.close()
