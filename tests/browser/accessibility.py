"""What axe-core finds on a page, for the tests that ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page, ViewportSize

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
SAMPLE = ["index", "basics/index", "basics/norms", "exercises/basics", "glossary", "search"]
"""A page of each kind."""
WIDE, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=740)
CONTRAST = "color-contrast"
# Code has a thousand tokens a page in a dozen colours, which have a test of their own; axe looks at its paper and ink.
PLAIN_CODE = """() => {
  for (const token of document.querySelectorAll(".highlight pre span:not([id])")) token.replaceWith(...token.childNodes);
  for (const block of document.querySelectorAll(".highlight pre")) block.normalize();
}"""
# What follows the size of a box, as keyboard.js does, does so after the next layout.
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def prepare(page: Page) -> None:
    """Make an open page ready for axe."""
    page.evaluate(AXE)
    page.evaluate(PLAIN_CODE)


def violations(page: Page, within: str = "html", **options: Any) -> list[str]:
    """What axe finds `within` an element that is serious or critical, one line for each element.

    It looks twice where it finds something: the page may still have been following a change of its size.
    """
    size = page.viewport_size
    assert size is not None
    page.wait_for_function(f"() => innerWidth === {size['width']}")
    lines: list[str] = []
    for _ in range(2):
        page.evaluate(NEXT_FRAME)
        found = page.evaluate(
            "([within, options]) => axe.run(within, options)",
            [within, {"resultTypes": ["violations"], "preload": False, **options}],
        )
        lines = [
            f"{page.url}: {item['id']}: {node['target']} {node['html'][:200]}"
            for item in found["violations"]
            if item["impact"] in {"serious", "critical"}
            for node in item["nodes"]
        ]
        if not lines:
            break
    return lines
