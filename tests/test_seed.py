"""The original note's printed lines, each against its page: the same, or changed for a stated reason."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests import built
from tests.built import LANGUAGES, ROOT

LINES: list[dict[str, Any]] = tomllib.loads(
    (ROOT / "tests" / "seed_outputs.toml").read_text(encoding="utf-8")
)["lines"]
PAGES = list(dict.fromkeys(line["page"] for line in LINES))
SECTIONS_WITHOUT_OUTPUT = {"basics/norms"}

pytestmark = [pytest.mark.usefixtures("site_root"), built.parsed_once]


def plain(line: str) -> str:
    """A line with single blanks."""
    return re.sub(r"\s+", " ", line).strip()


def test_every_page_of_the_note_is_here() -> None:
    of_these_chapters = {page for page in built.EXAMPLES if page.startswith(("basics/", "networks/"))}
    assert of_these_chapters - {*PAGES, *SECTIONS_WITHOUT_OUTPUT} == {"networks/module"}  # which is ours
    assert {*PAGES, *SECTIONS_WITHOUT_OUTPUT} <= of_these_chapters
    assert len(LINES) == 96


@pytest.mark.parametrize("language", LANGUAGES)
@built.for_every("page", PAGES)
def test_a_page_prints_what_the_note_printed(page: str, language: str) -> None:
    printed = iter([plain(line) for line in "\n".join(built.outputs(language, page)).splitlines()])
    for line in (line for line in LINES if line["page"] == page):
        if "why" not in line:
            assert plain(line["seed"]) in printed, f"{line['seed']!r} does not follow on the page"
        elif "now" in line:
            assert any(re.match(line["now"], text) for text in printed), (
                f"nothing on the page is like {line['now']!r}"
            )
