"""Mistakes in what people write: one line each with file and line, exit code 1, and nothing written."""

from __future__ import annotations

import contextlib
import io
import re
import signal
import subprocess
from pathlib import Path

import pytest
from sitekit.__main__ import main
from sitekit.project.layout import Project

from tests import small_project

FIRST = "gallery/start/first.py"
SECOND = "gallery/start/second.py"
HEADER = "gallery/start/GALLERY_HEADER.rst"
CURRICULUM = "gallery/curriculum.toml"
LANGUAGES = "docs/languages.toml"
INDEX = "docs/index.md"
PO = "docs/locale/en/LC_MESSAGES/start/second.po"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.write(tmp_path)


def run(project: Project, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process would, but in this one."""
    out, err, before = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(project.root),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main([command, *arguments])
        except SystemExit as stop:  # of argparse
            code = int(stop.code or 0)
        finally:
            signal.signal(signal.SIGTERM, before)
    return subprocess.CompletedProcess([command, *arguments], code, out.getvalue(), err.getvalue())


def change(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


CHANGES = {
    "syntax error": (
        FIRST,
        "x = np.ones(3)",
        "x = np.ones(3",
        (FIRST, 35),
        "Python can't read this line: '(' was never closed",
    ),
    "null byte": (FIRST, "x = np", "x = \x00np", (FIRST, 35), "holds a null byte"),
    "no docstring": (
        SECOND,
        '"""\n.. _start',
        'x = """\n.. _start',
        (SECOND, 1),
        "an example starts with a docstring: its label, title and text",
    ),
    "no title": (SECOND, "第二页\n======\n", "", (SECOND, 1), "a page needs a title"),
    "no label": (
        SECOND,
        ".. _start-second:\n\n",
        "",
        (SECOND, 5),
        "a page needs a label above its title, to link to it",
    ),
    "label without title": (INDEX, "## 表格", "表格", (INDEX, 22), "no title follows the label 'home-table'"),
    "label twice": (
        INDEX,
        "(home-table)=",
        "(start-first)=",
        (INDEX, 22),
        "the label 'start-first' stands in gallery/start/first.py:6 already",
    ),
    "directive": (
        FIRST,
        ".. note::",
        ".. raw:: html",
        (FIRST, 26),
        "directive 'raw' can't be translated; use one of ",
    ),
    "chapter without title": (
        HEADER,
        "====",
        "!!!!",
        (HEADER, 3),
        "a title has one line, under it, of at least 3 times one of ",
    ),
    "block never closed": (
        INDEX,
        "```{glossary}",
        "````{glossary}",
        (INDEX, 34),
        "the block opened by ```` is never closed",
    ),
    "unknown page": (
        CURRICULUM,
        "[chapters.pages.second]",
        "[chapters.pages.third]",
        (CURRICULUM, 7),
        "page 'start/third' has no file start/third.py",
    ),
    "unlisted file": (
        CURRICULUM,
        "[chapters.pages.second]",
        "[chapters.pages.third]",
        (SECOND, 1),
        "this example is not listed in curriculum.toml",
    ),
    "data file": (
        CURRICULUM,
        "minutes = 3",
        'data = ["table.csv"]',
        (CURRICULUM, 4),
        "'start/first' has no data file table.csv beside it",
    ),
    "data file elsewhere": (
        CURRICULUM,
        "minutes = 3",
        'data = ["../curriculum.toml"]',
        (CURRICULUM, 4),
        "'start/first' has no data file ../curriculum.toml beside it",
    ),
    "unknown prerequisite": (
        CURRICULUM,
        '"start/first"',
        '"start/zero"',
        (CURRICULUM, 7),
        "'start/second' needs unknown page 'start/zero'",
    ),
    "prerequisite that comes later": (
        CURRICULUM,
        "minutes = 3",
        'prerequisites = ["start/second"]',
        (CURRICULUM, 4),
        "'start/first' needs 'start/second', which comes later: move it up",
    ),
    "key of a limit": (
        CURRICULUM,
        "minutes = 3",
        "limits = { secnds = 5 }",
        (CURRICULUM, 5),
        "page 'first': Invalid enum value 'secnds' - at `key` in `$.limits`",
    ),
    "unknown chapter": (
        CURRICULUM,
        '"start"',
        '"stop"',
        (CURRICULUM, 2),
        "chapter 'stop' has no stop/GALLERY_HEADER.rst",
    ),
    "chapter's name": (
        CURRICULUM,
        '"start"',
        '"../start"',
        (CURRICULUM, 2),
        "a chapter: Expected `str` matching regex '^[a-z][a-z0-9_]*$' - at `$.name`",
    ),
    "page's name": (
        CURRICULUM,
        "pages.first]",
        "pages.First]",
        (CURRICULUM, 4),
        "'First': a page's name is lower-case ASCII",
    ),
    "page twice": (
        CURRICULUM,
        "minutes = 3",
        '[[chapters]]\nname = "more"\n[chapters.pages.first]',
        (CURRICULUM, 7),
        "page 'first' stands twice",
    ),
    "chapter twice": (
        CURRICULUM,
        "minutes = 3",
        '[[chapters]]\nname = "start"',
        (CURRICULUM, 5),
        "chapter 'start' stands twice",
    ),
    "key of a page": (
        CURRICULUM,
        "minutes",
        "minuets",
        (CURRICULUM, 5),
        "page 'first': Object contains unknown field `minuets`",
    ),
    "kind of a value": (
        CURRICULUM,
        '["start/first"]',
        '"start/first"',
        (CURRICULUM, 8),
        "page 'second': Expected `array`, got `str` - at `$.prerequisites`",
    ),
    "warning's category": (
        CURRICULUM,
        "[[chapters]]",
        '[allowed_warnings]\n"*" = ["UserWarnin: x"]\n[[chapters]]',
        (CURRICULUM, 2),
        "'UserWarnin: x' is no warning: write `package.Category: start of the message`",
    ),
    "warning that is none": (
        CURRICULUM,
        "[[chapters]]",
        'allowed_warnings = ["UserWarning"]\n[[chapters]]',
        (CURRICULUM, 1),
        "Expected `object`, got `array` - at `$.allowed_warnings`",
    ),
    "warnings of no page": (
        CURRICULUM,
        "[[chapters]]",
        '[allowed_warnings]\n"start/zero" = ["a.B"]\n[[chapters]]',
        (CURRICULUM, 2),
        "allowed_warnings names an unknown page 'start/zero'",
    ),
    "warnings that are no list": (
        CURRICULUM,
        "[[chapters]]",
        '[allowed_warnings]\n"index" = "a.B"\n[[chapters]]',
        (CURRICULUM, 1),
        "Expected `array`, got `str` - at `$.allowed_warnings[...]`",
    ),
    "no chapters": (CURRICULUM, "[[chapters]]\nname", "chapters", (CURRICULUM, 3), "not valid TOML"),
    "TOML": (
        CURRICULUM,
        "minutes = 3",
        "minutes = ",
        (CURRICULUM, 5),
        "not valid TOML: Invalid value (at line 5, column 11)",
    ),
    "key twice": (
        CURRICULUM,
        "[chapters.pages.second]",
        "[chapters.pages.first]",
        (CURRICULUM, 7),
        "not valid TOML: Cannot declare",
    ),
    "language's folder": (
        LANGUAGES,
        'folder = "en"',
        'folder = "../en"',
        (LANGUAGES, 11),
        "Expected `str` matching regex '^[a-z][a-z0-9-]*$' - at `$.languages[1].folder`",
    ),
    "language twice": (
        LANGUAGES,
        'folder = "en"',
        'folder = "zh"',
        (LANGUAGES, 11),
        "a folder is used once",
    ),
    "language's key": (
        LANGUAGES,
        "tag = ",
        "tags = ",
        (LANGUAGES, 6),
        "Object contains unknown field `tags` - at `$.languages[0]`",
    ),
    "no languages": (
        LANGUAGES,
        'anchors = "en"\n',
        "",
        (LANGUAGES, 1),
        "Object missing required field `anchors`",
    ),
    "pattern": (LANGUAGES, "letters = '[", "letters = '(", (LANGUAGES, 1), "not a pattern: "),
    "anchors": (LANGUAGES, 'anchors = "en"', 'anchors = "fr"', (LANGUAGES, 2), "no language 'fr'"),
    "catalogue": (PO, 'msgstr "word', "msgstr word", (PO, 10), "not a line of a catalogue: msgstr word"),
    "missing": (PO, 'msgstr "word"', 'msgstr ""', (PO, 9), "“第二页”: has no translation yet"),
    "fuzzy": (
        PO,
        "#. title",
        "#. title\n#, fuzzy",
        (PO, 10),
        "“第二页”: its translation may be out of date: “word”; mend it and remove its `#, fuzzy` line",
    ),
    "new": (
        SECOND,
        "第二页",
        "第三页",
        (SECOND, 7),
        "no en translation of “第三页”; run `nox -s translate`, then fill in second.po",
    ),
    "markup": (PO, 'msgstr "word"', 'msgstr "``word``"', (PO, 9), "“第二页”: the translation adds ``word``"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_mistake_is_named_with_its_place_and_nothing_is_written(project: Project, case: str) -> None:
    name, old, new, place, message = CHANGES[case]
    change(project, name, old, new)
    done = run(project, "localise")
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert any(line.startswith(f"{place[0]}:{place[1]}: {message}") for line in lines), done.stderr
    assert all(re.match(r"[\w./]+:\d+: \S", line) for line in lines), done.stderr
    assert not project.build.exists()


@pytest.mark.parametrize("name", [FIRST, HEADER, INDEX, CURRICULUM, LANGUAGES, PO])
def test_a_file_that_is_not_utf8_is_named_with_the_line(project: Project, name: str) -> None:
    path = project.root / name
    data = path.read_bytes()
    path.write_bytes(data + "坏".encode("gbk"))
    done = run(project, "localise")
    line = data.count(b"\n") + 1
    assert done.stderr.splitlines()[0] == f"{name}:{line}: not UTF-8: byte 0xbb; save it as UTF-8"
    assert done.returncode == 1
    assert not project.build.exists()


@pytest.mark.parametrize(
    ("conf", "line"),
    [
        ("sphinx_gallery_conf = {\n  'capture_repr': '__repr__'}\n", 2),
        ("x = {'capture_repr': ('repr',)}\n", 1),
        ("\nconf = {'capture_repr': given()}\n", 2),
    ],
)
def test_what_conf_says_of_values_is_written_out(project: Project, conf: str, line: int) -> None:
    (project.docs / "conf.py").write_text(conf, encoding="utf-8")
    done = run(project, "record")
    fault = "capture_repr is a tuple, written out, of some of __repr__, __str__, _repr_html_"
    assert done.stderr == f"docs/conf.py:{line}: {fault}\n"
    assert done.returncode == 1


def test_a_missing_file_is_named(project: Project) -> None:
    for name in (CURRICULUM, LANGUAGES):
        (project.root / name).unlink()
    done = run(project, "localise")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "docs/languages.toml: this file is missing; write it first",
        "gallery/curriculum.toml: this file is missing; write it first",
    ]


def test_what_cannot_be_read_is_named(project: Project) -> None:
    (project.docs / "folder.md").mkdir()
    done = run(project, "localise")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["docs/folder.md: can't be read: Is a directory"]


def test_all_mistakes_are_named_together(project: Project) -> None:
    change(project, FIRST, "x = np.ones(3)", "x = np.ones(3")
    change(project, HEADER, "这一章只有两页，\n都很短。", "新的一句。\n\n新的一句。\n\n- 又一句")
    change(project, PO, 'msgstr "word."', 'msgstr "- <b>"')
    change(project, INDEX, "(home)=", "(start-second)=")
    done = run(project, "localise")
    assert done.returncode == 1
    places = [line.split(": ")[0] for line in done.stderr.splitlines()]
    assert places == [
        f"{HEADER}:6",
        f"{HEADER}:8",
        f"{HEADER}:10",
        f"{FIRST}:35",
        f"{PO}:12",
        f"{PO}:12",
        f"{INDEX}:5",
    ]
    change(project, CURRICULUM, "pages.first]", "pages.First]")
    change(project, CURRICULUM, '"start/first"', "3")
    change(project, LANGUAGES, 'anchors = "en"', 'anchors = "fr"')
    done = run(project, "localise")
    places = [line.split(": ")[0] for line in done.stderr.splitlines()]
    assert places == [f"{LANGUAGES}:2", f"{CURRICULUM}:4", f"{CURRICULUM}:7"]


def test_two_pages_of_one_name_are_named(project: Project) -> None:
    (project.docs / "start").mkdir()
    (project.docs / "start/second.md").write_text("(another)=\n\n# Another\n", encoding="utf-8")
    done = run(project, "localise")
    assert done.stderr == f"docs/start/second.md:1: {SECOND} has this page's name already\n"
    assert done.returncode == 1
    assert not project.build.exists()


def test_an_earlier_tree_stays_as_it_is(project: Project) -> None:
    assert run(project, "localise").returncode == 0
    before = {path: path.read_bytes() for path in project.build.rglob("*") if path.is_file()}
    assert len(before) == 22
    change(project, SECOND, "第二页", "第三页")
    assert run(project, "localise").returncode == 1
    assert {path: path.read_bytes() for path in project.build.rglob("*") if path.is_file()} == before


def test_the_catalogue_command(project: Project) -> None:
    """It says how far each file is, and refuses what it can't read without touching it."""
    change(project, SECOND, "第二页", "第三页")
    done = run(project, "translate", "start/second")
    assert done.returncode == 0
    assert [line.split() for line in done.stdout.splitlines()[:-1]] == [
        ["catalogue", "translated", "missing", "fuzzy"],
        ["en/start/second", "1", "0", "1"],
        ["en/in", "all", "1", "0", "1"],
    ]
    assert done.stdout.endswith(
        "1 messages to translate or mend: edit the .po files, then run `nox -s docs`\n"
    )
    before = (project.root / PO).read_bytes()
    change(project, SECOND, "print(", "print((")
    change(project, "docs/locale/en/LC_MESSAGES/index.po", "msgid ", "msgId ")
    done = run(project, "translate")
    assert done.returncode == 1
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        f"{SECOND}:13",
        "docs/locale/en/LC_MESSAGES/index.po:1",
    ]
    assert (project.root / PO).read_bytes() == before


@pytest.mark.parametrize("command", ["localise", "translate"])
def test_arguments_are_explained(project: Project, command: str) -> None:
    done = run(project, command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: sitekit {command} [-h]")
    done = run(project, command, "--nonsense")
    assert done.returncode == 2
    assert "unrecognized arguments: --nonsense" in done.stderr


def test_an_unknown_page_is_named(project: Project) -> None:
    done = run(project, "translate", "start/first", "first", "start/third")
    assert done.returncode == 1
    assert (
        done.stderr
        == "no page first, start/third; pages are named as in their address, such as basics/shapes\n"
    )
