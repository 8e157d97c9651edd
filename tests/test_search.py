"""The data that the search reads: what goes in, what stays out, and that its links lead somewhere."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from sitekit.markup.text_cells import registered
from sitekit.site.search_data import QUESTIONS, SUBJECTS, _script
from sitekit.site.search_text import telling_lines, tidy
from sitekit.site.search_words import pinyin, traditional, words
from sitekit.site.sections import sections_of

from tests import foreign

ROOT = Path(__file__).resolve().parent.parent
QUERIES = tomllib.loads((ROOT / "tests" / "search_queries.toml").read_text(encoding="utf-8"))
KINDS = {"topic", "paraphrase", "api", "mixed", "typo", "error", "other"}
LANGUAGES = ("zh", "en")

PAGE = """\
Title
=====

A word and :math:`x^2` more.

.. math:: y

.. class:: no-search

The other language's text.

Section one
-----------

- In a list, with ``code``.

  .. code::

     print(1)

Deeper
~~~~~~

.. note:: A note.

.. list-table::

   * - a cell

.. image:: a.png
   :alt: what it shows

:math:`\\frac{a}{b} = \\eta`

Section two
-----------

`Only a link <page.html>`__

.. raw:: html

   <p>raw</p>

Recap
-----

Everything again. Next: another page.
"""


def data(site_root: Path, language: str) -> dict[str, Any]:
    """Return what the browser reads for one language."""
    text = (site_root / language / "search-data.js").read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text[text.index("]=") + 2 : text.rindex(";")])
    return value


def sections(value: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Page number, anchor, heading, level, text and code of each section."""
    return list(zip(*value["sections"].values(), strict=True))


class Ids(HTMLParser):
    """Collects the ids of a page, and its scripts."""

    def __init__(self, path: Path) -> None:
        """Read the page at once."""
        super().__init__()
        self.ids: set[str] = set()
        self.scripts: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag has."""
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag == "script":
            self.scripts.append(values.get("src") or "")


def test_sections_hold_text_and_code_apart_and_formulas_in_a_line_as_text() -> None:
    with registered({}, {}):  # whatever Sphinx, in another test of this process, has changed
        found = sections_of(publish_doctree(PAGE, settings_overrides={"doctitle_xform": False}))
    assert [(section.anchor, section.heading, section.level) for section in found] == [
        ("", "Title", 1),
        ("section-one", "Section one", 2),
        ("deeper", "Deeper", 3),
        ("section-two", "Section two", 2),
    ]
    records = [section.record(0) for section in found]
    assert [record[4] for record in records] == [
        "A word and x^2 more.",
        "In a list, with code.",
        "A note.\na cell\na/b = η",
        "",
    ]
    assert [record[5] for record in records] == ["", "print(1)", "", ""]


def test_a_page_without_a_section_is_one_section() -> None:
    document = publish_doctree("Only a paragraph.")
    assert isinstance(document, nodes.document)
    (section,) = sections_of(document)
    assert (section.anchor, section.heading, section.level, section.text) == (
        "",
        "",
        1,
        ["Only a paragraph."],
    )


def test_line_separators_do_not_end_the_script() -> None:
    script = _script("searchData", "zh", {"text": "a\u2028b\u2029c"})
    assert "\u2028" not in script
    assert "\u2029" not in script
    assert script.count("\n") == 1
    assert json.loads(script[script.index("]=") + 2 : -2]) == {"text": "a\u2028b\u2029c"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_queries_are_many_and_name_real_pages(language: str, site_root: Path) -> None:
    queries = QUERIES[language]
    assert len(queries) >= 40
    assert sum(query["kind"] == "error" for query in queries) >= 12
    assert {query["kind"] for query in queries} <= KINDS
    texts = [query["q"] for query in queries]
    assert len(texts) == len(set(texts))
    missing = {page for query in queries for page in query["pages"]}
    assert not [page for page in missing if not (site_root / language / f"{page}.html").is_file()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_result_leads_to_a_place_that_exists(language: str, site_root: Path) -> None:
    value = data(site_root, language)
    pages = [Ids(site_root / language / uri).ids for uri, *_ in value["pages"]]
    wrong = [
        (value["pages"][page][0], anchor)
        for page, anchor, *_ in sections(value)
        if anchor and anchor not in pages[page]
    ]
    assert not wrong


def test_both_languages_hold_the_same_pages_and_sections(site_root: Path) -> None:
    zh, en = (data(site_root, language) for language in LANGUAGES)
    assert [uri for uri, *_ in zh["pages"]] == [uri for uri, *_ in en["pages"]]
    # The ids of glossary entries (level 0) are made from each language's words.
    places = [
        [(page, anchor, level) for page, anchor, _, level, *_ in sections(value) if level]
        for value in (zh, en)
    ]
    assert places[0] == places[1]
    assert len(sections(zh)) == len(sections(en))


@pytest.mark.parametrize("language", LANGUAGES)
def test_errors_are_whole_and_formulas_are_words(language: str, site_root: Path) -> None:
    texts, codes = (data(site_root, language)["sections"][field] for field in ("text", "code"))
    message = "RuntimeError: The size of tensor a (3) must match the size of tensor b (5) at non-singleton dimension 1"
    assert [code for code in codes if message in code]
    assert not [text for text in texts if re.search(r"\\(frac|top|eta|mathbf)\b", text)]
    assert [text for text in texts if "η" in text]


def test_only_lines_that_tell_a_page_from_others_are_kept() -> None:
    plot = ["fig, ax = plt.subplots()", "ax.plot(xs)"]
    beside = ["print(nn.Linear(2, 3))", "except nn.Linear as error:", "for x in nn.Linear(2):"]
    pages = [
        [
            [*plot, *beside, "model = nn.Linear(2, 3)  # two to three"],
            ["nn.Linear(4, 5)", "from torch import nn", " 1.0   2.0"],
            ["no grad was found for it", "a\0b has no such sentence", "no grad was found for it: 2"],
        ],
        [[*plot, "hook = layer.register_hook(f)"]],
        [[*plot, "own = helper(1)", "own(2)", "best = sorted(marks)"], []],
    ]
    assert list(telling_lines(pages)) == [
        [["model = nn.Linear(2, 3)"], [], ["no grad was found for it", "a\0b has no such sentence"]],
        [["hook = layer.register_hook(f)"]],
        [["own = helper(1)"], []],
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("梯度\n传到了 哪里", "梯度传到了哪里"),
        ("用 nn.Linear\n时", "用 nn.Linear 时"),
        ("一句。\n两句", "一句。两句"),
        ("two\n words", "two words"),
    ],
)
def test_a_line_break_in_chinese_is_no_blank(text: str, shown: str) -> None:
    assert tidy(text) == shown


def test_tables_of_chinese() -> None:
    text = "训练时损失变为 nan，训练时显存占用越来越大"
    assert set(words(text, ["过拟合", "a", "层"])) == {"训练", "过拟合"}
    assert {"显存", "占用"} <= set(words(text * 2, []))
    assert pinyin(["广播", "NumPy", "学习率"]) == {"guangbo": "广播", "xuexilv": "学习率"}
    pairs = traditional("过拟合，张量")
    table = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert (table["過"], table["擬"], table["張"]) == ("过", "拟", "张")
    assert "層" not in table


def test_the_data_stay_small(site_root: Path) -> None:
    """At 80 lessons: what belongs to lessons grows with their number, and a browser packs far ends apart."""
    for language in LANGUAGES:
        value = data(site_root, language)
        lessons = {number for number, page in enumerate(value["pages"]) if page[2] == "lesson"}

        def packed(part: object) -> int:
            return len(gzip.compress(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode(), 9))

        parts = [
            [value["pages"][number] for number in lessons],
            *zip(*(section for section in sections(value) if section[0] in lessons), strict=True),
        ]
        whole, growing = packed(value), sum(map(packed, parts))
        assert whole + growing * (80 - len(lessons)) / len(lessons) <= 180_000, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lesson_says_what_it_is_asked(language: str, site_root: Path) -> None:
    pages = data(site_root, language)["pages"]
    assert not [uri for uri, _title, kind, _chapter, asked in pages if kind == "lesson" and len(asked) < 4]
    chapters = {chapter for _uri, _title, kind, chapter, _asked in pages if kind == "lesson"}
    assert len(chapters) == len({uri.partition("/")[0] for uri, _, kind, *_ in pages if kind == "lesson"})


def test_a_broken_table_of_subjects_is_named(foreign_gallery: Path, tmp_path: Path) -> None:
    gallery = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    (gallery / "docs" / SUBJECTS).write_text('subjects = [\n  ["a"],\n  ["b", 1],\n]\n', encoding="utf-8")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    assert f"docs/{SUBJECTS}:3: subjects: Expected `str`" in done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('["nowhere"]\nen = ["a"]\n', ":1: needs the name of a page"),
        ('\n["index"]\nen = "a"\n', ":2: needs the name of a page"),
        ('["index"\n', ":1: not valid TOML"),
    ],
)
def test_a_broken_table_of_questions_is_named(
    foreign_gallery: Path, tmp_path: Path, text: str, told: str
) -> None:
    gallery = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    (gallery / "docs" / QUESTIONS).write_text(text, encoding="utf-8")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    assert f"docs/{QUESTIONS}{told}" in done.stdout


def test_nothing_of_sphinx_own_search_is_written_or_loaded(site_root: Path) -> None:
    assert not list(site_root.rglob("searchindex.js"))
    loaded = {script.split("?")[0] for path in site_root.rglob("*.html") for script in Ids(path).scripts}
    assert not [script for script in loaded if re.search(r"searchtools|language_data|searchindex", script)]
    # The engine and the data come when a reader reaches for them.
    assert not [
        script
        for script in loaded
        if re.search(r"search-(dialog|words|index|engine|view|marks|data)", script)
    ]
