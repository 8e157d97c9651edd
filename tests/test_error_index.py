"""The error index: what pages show stands in it, and other versions' wordings lead to the same places."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from sitekit.site import error_index

from tests import built, foreign
from tests.built import LANGUAGES, PROJECT

GOLDEN = PROJECT.root / "tests" / "golden" / "cpu"
ALIASES = PROJECT.docs / error_index.ALIASES


def test_every_error_in_an_output_is_listed_once_and_leads_to_it() -> None:
    shown: dict[str, set[str]] = {}
    for path in GOLDEN.rglob("*.json"):
        page = path.relative_to(GOLDEN).with_suffix("").as_posix()
        for line in re.findall(
            r'^ *"(\w+(?:Error|Warning): .+?)",?$', path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            shown.setdefault(error_index.pattern(json.loads(f'"{line}"')), set()).add(page)
    assert len(shown) > 15
    for language in LANGUAGES:
        article = built.article(language, "errors")
        listed: dict[str, set[str]] = {}
        for heading in article.select("h2"):
            group = heading.find_next_sibling("ul")
            assert group is not None
            for entry in group.select("li"):
                name = f"{built.text(heading.select_one('code'))}: {built.text(entry.select_one('code'))}"
                assert error_index.pattern(name) not in listed, name
                listed[error_index.pattern(name)] = pages = set()
                for link in entry.select(".error-places a"):
                    address, _, anchor = str(link["href"]).partition("#")
                    section = built.html(language, address.removesuffix(".html")).find("section", id=anchor)
                    assert error_index.pattern(built.text(entry.select_one("code"))) in error_index.pattern(
                        built.text(section)
                    )
                    pages.add(address.removesuffix(".html"))
        # Pages about one machine have no golden outputs.
        without = {name: pages - set(PROJECT.machine) for name, pages in listed.items()}
        assert {name: pages for name, pages in without.items() if pages} == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_search_knows_other_wordings_where_the_error_is_explained(language: str) -> None:
    text = (built.SITE / language / "search-data.js").read_text(encoding="utf-8")
    data = json.loads(text[text.index("=", text.index("]")) + 1 : text.rindex(";")])
    wordings = re.findall(r'text = "(.+)" \}', ALIASES.read_text(encoding="utf-8"))
    assert wordings
    for wording in wordings:
        found = [data["pages"][section[0]][0] for section in data["sections"] if wording in section[5]]
        assert len(found) == 1, wording
        assert found != ["errors.html"]


def test_a_wording_of_an_error_that_no_page_shows_stops_the_build(
    foreign_gallery: Path, tmp_path: Path
) -> None:
    gallery = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    path = gallery / "docs" / error_index.ALIASES
    path.write_text(
        '# Two.\n[[errors]]\nmessage = "rien"\naliases = [{ version = "1", text = "néant" }]\n',
        encoding="utf-8",
    )
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    # Sphinx colours its warnings.
    told = f"{path}:3: WARNING: no page shows “rien”: correct or delete the entry"
    assert any(told in line for line in done.stdout.splitlines()), done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[errors]]\nmessage = \n", ":2: not valid TOML"),
        ("[[eror]]\n", ":1: needs a list with the name 'errors'"),
    ],
)
def test_a_broken_table_is_named(foreign_gallery: Path, tmp_path: Path, text: str, told: str) -> None:
    gallery = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    path = gallery / "docs" / error_index.ALIASES
    path.write_text(text, encoding="utf-8")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    assert f"docs/{error_index.ALIASES}{told}" in done.stdout
