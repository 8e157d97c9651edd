"""How soon a reader with a slow telephone sees text: prints the first contentful paint of the heaviest example.

The site is served as hosts serve it, with its text compressed; the browser has a fourth of this machine's speed and
1.6 Mbit/s. The best of several loads with an empty cache counts: other work on the machine only makes one slower.
"""

from __future__ import annotations

import gzip
import io
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from tests.browser import chromium  # noqa: E402
from tests.browser.conftest import FLAGS  # noqa: E402

TRIES = 5
BYTES_PER_SECOND = 1.6e6 / 8
FIRST_PAINT = """() => new Promise((resolve) => new PerformanceObserver((list) => {
  const paint = list.getEntriesByName("first-contentful-paint")[0];
  if (paint) resolve(paint.startTime / 1000);
}).observe({ type: "paint", buffered: true }))"""


class Compressing(SimpleHTTPRequestHandler):
    """Serves text compressed, as hosts do."""

    def send_head(self) -> Any:
        """Answer with the compressed file, where it is text."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in {".html", ".css", ".js", ".svg"} or not path.is_file():
            return super().send_head()
        content = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def first_paint(browser: Browser, address: str) -> float:
    """Seconds until the first text of a page, with an empty cache."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    devtools.send("Network.enable")
    speed = {"downloadThroughput": BYTES_PER_SECOND, "uploadThroughput": BYTES_PER_SECOND}
    devtools.send("Network.emulateNetworkConditions", {"offline": False, "latency": 0, **speed})
    page.goto(address)
    seconds = float(page.evaluate(FIRST_PAINT))
    context.close()
    return seconds


def main(site: Path) -> None:
    """Measure every language of a built site."""
    handler = partial(Compressing, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=list(FLAGS))
        for language in sorted(path for path in site.iterdir() if (path / "index.html").is_file()):
            heaviest = max(language.glob("*/*.html"), key=lambda path: path.stat().st_size)
            page = heaviest.relative_to(site).as_posix()
            address = f"http://127.0.0.1:{server.server_port}/{page}"
            print("first-paint", min(first_paint(browser, address) for _ in range(TRIES)), page, flush=True)
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "html")
