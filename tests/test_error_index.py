"""The error index: what pages show stands in it, and other versions' wordings lead to the same places."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import Tag
from sitekit.site import error_index
from sitekit.site.state import table
from sphinx.errors import ExtensionError

from tests import built, foreign
from tests.built import LANGUAGES, PROJECT

GOLDEN = PROJECT.root / "tests" / "golden" / "cpu"
ALIASES = PROJECT.docs / error_index.ALIASES


PRINTED = re.compile(r"(?:^|: )((?:\w+\.)*\w*(?:Error|Warning)): (\S.*)$")


def listed(language: str) -> list[tuple[str, str, Tag]]:
    """The entries of the index: class, message and element."""
    entries = []
    for heading in built.article(language, "errors").select("h2"):
        group = heading.find_next_sibling("ul")
        assert group is not None
        name = built.text(heading.select_one("code"))
        entries += [
            (name, built.text(entry.select_one("code")), entry) for entry in group.select(":scope > li")
        ]
    return entries


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_printed_error_is_listed_once_and_leads_to_it(language: str) -> None:
    """The golden outputs know nothing of what was raised."""
    entries = [(name, error_index.pattern(text), entry) for name, text, entry in listed(language)]
    shown: dict[tuple[str, str], set[str]] = {}
    for path in GOLDEN.rglob("*.json"):
        page = path.relative_to(GOLDEN).with_suffix("").as_posix()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for match in filter(None, map(PRINTED.search, cell)):
                shown.setdefault((match[1], error_index.pattern(match[2])), set()).add(page)
    assert len(shown) > 40
    for (name, message), pages in shown.items():
        found = [
            entry
            for its_name, text, entry in entries
            if its_name == name and (text.startswith(message) or message.removeprefix("… ") in text)
        ]
        assert found, (name, message)
        places = {
            str(link["href"]).partition(".html")[0]
            for entry in found
            for link in entry.select(".error-places a")
        }
        assert pages <= places | set(PROJECT.machine), (name, message)
    kinds = [(name, text) for name, text, entry in entries if "quoted" not in str(entry["class"])]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("language", LANGUAGES)
def test_errors_without_a_class_in_the_output_are_listed_too(language: str) -> None:
    found = {(name, text) for name, text, _entry in listed(language)}
    for name, text in [
        ("FloatingPointError", "layer 2 (Log), clean input: True"),
        ("ValueError", "(200,) against (200, 1)"),  # of a notebook
    ]:
        assert (name, text) in found
    # The page prints a part of it; the child process that a page starts raised the other.
    assert any(name == "RuntimeError" and "you tried to allocate" in text for name, text in found)
    assert any(
        name == "RuntimeError" and text.startswith("An attempt has been made to start")
        for name, text in found
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_place_exists_and_quotations_are_marked(language: str) -> None:
    quoted = 0
    for _name, _text, entry in listed(language):
        places = entry.select(".error-places a")
        assert places
        for link in places:
            address, _, anchor = str(link["href"]).partition("#")
            page = built.html(language, address.removesuffix(".html"))
            assert page.find(id=anchor) if anchor else page.find("h1")
        if "quoted" in str(entry["class"]):
            quoted += 1
            assert entry.select_one(".error-alias")
    assert quoted == len(tomllib.loads(ALIASES.read_text(encoding="utf-8"))["quoted"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_search_knows_other_wordings_where_the_error_is_explained(language: str) -> None:
    text = (built.SITE / language / "search-data.js").read_text(encoding="utf-8")
    data = json.loads(text[text.index("=", text.index("]")) + 1 : text.rindex(";")])
    table = tomllib.loads(ALIASES.read_text(encoding="utf-8"))
    wordings = {alias["text"]: None for entry in table["errors"] for alias in entry["aliases"]}
    wordings |= {entry["text"]: entry["page"] for entry in table["quoted"]}
    assert len(wordings) > 30
    for wording, page in wordings.items():
        beginning = wording.removeprefix("torch.")[:150]
        places = zip(data["sections"]["page"], data["sections"]["code"], strict=True)
        found = [data["pages"][number][0] for number, code in places if beginning in code]
        assert len(found) == 1, wording
        assert found != ["errors.html"]
        assert page is None or found == [f"{page}.html"]


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
    ("page", "text", "told"),
    [
        ("nulle/part", "ValueError: rien", ":2: WARNING: there is no page “nulle/part”"),
        ("index", "ZeroDivisionError: division by zero", ":4: WARNING: a record has “division by zero”"),
    ],
)
def test_a_quotation_that_nobody_needs_stops_the_build(
    foreign_gallery: Path, tmp_path: Path, page: str, text: str, told: str
) -> None:
    gallery = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    example = next((gallery / "gallery").rglob("[a-z]*.py"))
    raising = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)\n"
    example.write_text(f"{example.read_text(encoding='utf-8')}\n{raising}", encoding="utf-8")
    path = gallery / "docs" / error_index.ALIASES
    path.write_text(f'[[quoted]]\npage = "{page}"\nseen = "1"\ntext = "{text}"\n', encoding="utf-8")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    assert any(f"{path}{told}" in line for line in done.stdout.splitlines()), done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[errors]]\nmessage = \n", ":2: not valid TOML"),
        (
            '[[errors]]\nmessage = "a"\naliases = []\n\n[[errors]]\nmessage = "b"\n',
            ":5: errors: Object missing required field",
        ),
        (
            '# One.\n[[quoted]]\npage = "index"\nseen = 2\ntext = "b"\n',
            ":2: quoted: Expected `str`, got `int`",
        ),
        ("[[eror]]\n", ":1: 'eror' is no list of this file; it can have 'errors', 'quoted'"),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, text: str, told: str) -> None:
    """A build ends with that line, as a test of the search's tables sees."""
    path = tmp_path / error_index.ALIASES
    path.write_text(text, encoding="utf-8")
    app: Any = SimpleNamespace(confdir=tmp_path)
    with pytest.raises(ExtensionError, match=re.escape(f"{path}{told}")):
        [
            *table(app, error_index.ALIASES, "errors", error_index.Reworded, "quoted"),
            *error_index._quoted(app),
        ]
