"""What axe-core finds on a page, and which pages to ask it about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
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

# Code and formulas are alike on all pages, and long.
LONG = re.compile(r"<pre>.*?</pre>|<math\b.*?</math>", re.DOTALL)
ELEMENT = re.compile(r"<([a-z]\w*)((?:\s[^<>]*)?)>(\s*</)?")
ATTRIBUTE = re.compile(r'\s([\w:-]+)(?:="([^"]*)")?')
# Of these an empty one is another kind: it has no name.
NAMED = {"a", "button", "caption", "figcaption", "h1", "h2", "h3", "h4", "label", "summary", "th"}
Kind = tuple[str, tuple[str, ...], tuple[str, ...], str, bool]


def kinds_of_elements(html: str) -> set[Kind]:
    """What elements the article of a page has: tag, classes, names of attributes, role, and whether it lacks its text."""
    text = html[html.find("<article") : html.rfind("</article>")] if "<article" in html else html
    found: set[Kind] = set()
    for tag, written, ended in ELEMENT.findall(LONG.sub("", text)):
        values: dict[str, str] = dict(ATTRIBUTE.findall(written))
        classes = tuple(sorted(set(values.pop("class", "").split())))
        names = tuple(sorted(values))
        found.add((tag, classes, names, values.get("role", ""), bool(ended) and tag in NAMED))
    return found


def with_every_kind(pages: Mapping[str, str], times: int) -> set[str]:
    """Few of the pages, by name and HTML, on which each kind of element stands on as many `times`, or on all it is on."""
    kinds = {name: kinds_of_elements(html) for name, html in pages.items()}
    wanted = Counter(kind for each in kinds.values() for kind in each)
    wanted = Counter({kind: min(times, count) for kind, count in wanted.items()})
    chosen: set[str] = set()
    while any(wanted.values()):
        best = max(
            kinds.keys() - chosen, key=lambda name: (sum(wanted[kind] > 0 for kind in kinds[name]), name)
        )
        chosen.add(best)
        for kind in kinds[best]:
            wanted[kind] = max(0, wanted[kind] - 1)
    return chosen


def prepare(page: Page) -> None:
    """Make an open page ready for axe."""
    page.evaluate(f"{AXE};0")  # without a value, which would be sent back
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
