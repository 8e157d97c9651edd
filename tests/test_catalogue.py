"""Catalogues: messages in and out, and nothing but words in a translation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sitekit.markup import notebook_text
from sitekit.markup.units import Unit, render
from sitekit.project.errors import SourceError, SourceErrors
from sitekit.project.layout import Project
from sitekit.translate import catalogue, po, sources
from sitekit.translate.catalogue import Catalogue
from sitekit.translate.checks import problems
from sitekit.translate.localise import localise
from sitekit.translate.sources import Source
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from tests import small_project
from tests.markup_trees import code_tokens, has_raw, myst_tree, script_skeleton, skeleton

HERE = Path("page")
RST = Source("page", HERE, "python")
MARKDOWN = Source("page", HERE, "markdown")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.write(tmp_path)


def po_file(project: Project, docname: str = "start/first") -> Path:
    return project.catalogue_path(project.languages[1], docname)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def update(project: Project, docname: str = "start/first") -> catalogue.Counts:
    source = next(source for source in sources.sources(project) if source.docname == docname)
    return catalogue.update(project, source, project.languages[1])


def faults(project: Project) -> list[str]:
    with pytest.raises(SourceErrors) as caught:
        localise(project)
    assert not project.build.exists()
    return str(caught.value).replace(f"{project.root}/", "").split("\n")


def test_a_catalogue_holds_what_a_reader_sees_and_nothing_else(project: Project) -> None:
    text = po_file(project).read_text("utf-8")
    assert text.startswith(po.HEADER.format(language="en"))
    assert re.findall('^msgid "(.+)"$', text, re.MULTILINE) == [
        "第一页",
        "一个 :term:`张量` 加上 ``1``，得到 :math:`x + 1`。",
        "你将学到：",
        "加法，以及减法",
        "见 :ref:`start-second`",
        "加法",
        "形状要 **相同** ，见 `手册 <https://example.org/a>`__。",
        "结果",
        "甲",
        "三个一",
        "一个函数，只有一行。",
        "把 `value` 加倍。",
        "返回值是新的数组。",
        "一条横线，高度是 2。",
        "结束。",
    ]
    assert not re.search(r"^#[:,|~]|POT-Creation|PO-Revision|\d{4}-\d\d", text, re.MULTILINE)
    assert re.findall("^#[.] (.+)$", text, re.MULTILINE).count("alt") == 1
    assert re.findall('^msgid "(.+)"$', po_file(project, "index").read_text("utf-8"), re.MULTILINE) == [
        "首页",
        "一句话，用到 `code`、$x$ 和{ref}`start-first`。",
        "章节",
        "注意",
        "里面有[链接](https://example.org/b)。",
        "表格",
        "名",
        "值",
        "甲",
        "一",
        "张量",
        "多维数组。",
    ]


def test_updating_twice_changes_nothing(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.locale.rglob("*.po")}
    assert len(before) == 4
    for source in sources.sources(project):
        counts = catalogue.update(project, source, project.languages[1])
        assert (counts.missing, counts.fuzzy) == (0, 0)
    assert {path: path.read_bytes() for path in project.locale.rglob("*.po")} == before


def test_a_changed_sentence_is_fuzzy_until_someone_mends_it(project: Project) -> None:
    path, source = po_file(project), project.gallery / "start/first.py"
    change(path, 'msgid "返回值是新的数组。"', '# kept\nmsgid "返回值是新的数组。"')
    change(source, "返回值是\n    新的", "返回值是一个\n    新的")
    change(source, "你将学到：", "")
    change(source, "    return value * 2", "    # 这句话是新加的\n    return value * 2")
    assert update(project) == catalogue.Counts("start/first", 13, 1, 1)
    text = path.read_text("utf-8")
    assert (
        '# kept\n#. docstring\n#, fuzzy\n#| msgid "返回值是新的数组。"\n'
        'msgid "返回值是一个新的数组。"\nmsgstr "word."\n'
    ) in text
    assert text.endswith('\n#~ msgid "你将学到："\n#~ msgstr "word:"\n')
    assert update(project) == catalogue.Counts("start/first", 13, 1, 1)
    assert path.read_text("utf-8") == text
    line = text[: text.index('msgid "返回值是一个')].count("\n") + 1
    missing = text[: text.index('msgid "这句话')].count("\n") + 1
    place = "docs/locale/en/LC_MESSAGES/start/first.po"
    assert faults(project) == [
        f"{place}:{line}: “返回值是一个新的数组。”: its translation may be out of date: “word.”; "
        "mend it and remove its `#, fuzzy` line",
        f"{place}:{missing}: “这句话是新加的”: has no translation yet",
    ]
    change(path, "#, fuzzy\n", "")
    change(path, 'msgid "这句话是新加的"\nmsgstr ""', 'msgid "这句话是新加的"\nmsgstr "new"')
    assert update(project) == catalogue.Counts("start/first", 15, 0, 0)
    assert "#|" not in path.read_text("utf-8")
    assert "# | " not in path.read_text("utf-8")
    assert "# kept\n" in path.read_text("utf-8")


@pytest.mark.parametrize("words", ["很长的一句话没有空格" * 12, "很长的 一句话 有空格 " * 12 + "完"])
def test_the_text_before_a_change_is_kept_however_long(project: Project, words: str) -> None:
    source = project.gallery / "start/second.py"
    change(source, "这里什么也没有。", f"{words}。")
    change(po_file(project, "start/second"), 'msgid "这里什么也没有。"', f'msgid "{words}。"')
    change(source, f"{words}。", f"{words}！")
    for _ in range(2):
        update(project, "start/second")
        text = po_file(project, "start/second").read_text("utf-8")
        assert f'#, fuzzy\n#| msgid "{words}。"\nmsgid "{words}！"\n' in text


def test_a_new_sentence_is_named_with_its_place(project: Project) -> None:
    change(project.gallery / "start/second.py", "这里什么也没有。", "这里什么也没有。\n\n新的一段。")
    assert faults(project) == [
        "gallery/start/second.py:12: no en translation of “新的一段。”; "
        "run `nox -s translate`, then fill in second.po"
    ]


def test_one_section_can_have_its_own_translation(project: Project) -> None:
    change(project.gallery / "start/first.py", "# 结束。", "# 再次\n# ----\n#\n# 加法，以及减法")
    own = 'msgctxt "再次"\nmsgid "加法，以及减法"\nmsgstr "this one"\n'
    small_project.translate(project)
    with po_file(project).open("a", encoding="utf-8") as file:
        file.write(f"\n{own}")
    assert update(project).missing == 0
    text = po_file(project).read_text("utf-8")
    assert own in text
    localise(project)
    english = (project.source_tree(project.languages[1]) / "gallery/start/first.py").read_text("utf-8")
    assert "- word, word\n" in english
    assert english.endswith("# this one\n")
    # Without its section the entry stays for a person to decide on, and is named.
    change(project.gallery / "start/first.py", "# 再次", "# 又来")
    change(po_file(project), 'msgid "再次"', 'msgid "又来"')
    update(project)
    assert own in po_file(project).read_text("utf-8")
    with pytest.raises(SourceErrors, match=r"first\.po:\d+: no section “再次” has this message"):
        localise(project)


def test_braces_and_percents_are_no_format_strings(project: Project) -> None:
    change(
        project.gallery / "start/second.py", "这里什么也没有。", "这里 {x} 和 %(y)s 什么也没有，100% 正确。"
    )
    update(project, "start/second")
    text = po_file(project, "start/second").read_text("utf-8")
    assert "%(y)s" in text
    assert "format" not in text


def test_a_page_without_messages_has_no_catalogue(project: Project) -> None:
    change(project.gallery / "start/second.py", "第二页\n======", "Second\n======")
    change(project.gallery / "start/second.py", "这里什么也没有。\n", "")
    po_file(project, "start/second").write_text('msgid "第二页"\nmsgstr ""\n', encoding="utf-8")
    assert update(project, "start/second") == catalogue.Counts("start/second", 0, 0, 0)
    assert not po_file(project, "start/second").exists()
    localise(project)


def test_the_catalogue_of_a_page_that_is_gone_is_named(project: Project) -> None:
    assert list(catalogue.strays(project)) == []
    po_file(project).rename(po_file(project, "start/gone"))
    assert [str(error) for error in catalogue.strays(project)] == [
        f"{po_file(project, 'start/gone')}:1: no page has this name: rename or delete the catalogue"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('msgid "甲"\nmsgstr "a"\n\nmsgid "甲"\nmsgstr "b"\n', 4),
        ('msgid "甲"\nmsgid "乙"\nmsgstr "b"\n', 2),
        ('msgid "甲"\nmsgstr "a"\n<<<<<<< HEAD\n', 3),
        ('msgid "甲\nmsgstr "a"\n', 1),
        ('msgid "甲\\n"\n', 1),
        ('"甲"\n', 1),
        ('msgid "甲"\nmsgstr[x] "a"\n', 2),
        ('msgid ""\n"甲"\nmsgstr "a"\n\nmsgid "甲"\nmsgstr "b"\n', 5),
        ('msgctxt ""\n"节"\nmsgid "甲"\nmsgstr ""\nmsgctxt "节"\nmsgid ""\n"甲"\nmsgstr ""\n', 6),
        ('msgid "甲"\nmsgid_plural "乙"\nmsgstr[0] "b"\n', 2),
        ('msgid "甲"\nmsgstr "\\x41"\n', 2),
        ('msgid "甲"\nmsgstr "a\n', 2),
        ('msgid "甲"\nmsgstr "a\\"\n', 2),
        ('msgid "甲"\n#~ msgstr "a"\n', 2),
        ('msgid "甲"\nmsgctxt "节"\nmsgstr "a"\n', 2),
        ('msgid "甲"\nmsgstr "a"\nmsgctxt "节"\n', 3),
        ('msgstr "a"\n', 1),
        ('#| msgid "甲"\n"乙"\n', 2),
        ("\ud800", 1),
    ],
)
def test_a_broken_catalogue_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "page.po"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(SourceError) as caught:
        Catalogue(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_duplicate_is_named_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "page.po"
    path.write_text('msgid ""\n"一"\n"二"\nmsgstr ""\n\nmsgid "一二"\nmsgstr ""\n', encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        Catalogue(path)
    assert str(caught.value) == f"{path}:6: this message stands in line 1 already"
    path.write_text('msgid ""\n"一"\n"二"\nmsgstr ""\n\nmsgid ""\n"一"\nmsgstr ""\n', encoding="utf-8")
    assert list(Catalogue(path).entries) == [("", "一二"), ("", "一")]


@pytest.mark.parametrize("charset", ["iso-8859-1", "CHARSET", "gbk", "utf-16", "x y; charset=z", ""])
def test_a_header_never_changes_how_a_catalogue_is_read_or_written(project: Project, charset: str) -> None:
    path = po_file(project)
    before = path.read_text("utf-8").replace("word", "wörd 字")
    path.write_text(before.replace("charset=utf-8", f"charset={charset}"), encoding="utf-8")
    assert update(project).missing == 0
    assert path.read_text("utf-8") == before
    data = path.read_bytes().replace("字".encode(), "字".encode("gbk"))
    path.write_bytes(data)
    with pytest.raises(SourceError, match=rf"first\.po:{data[: data.index(b'w')].count(10) + 1}: not UTF-8"):
        update(project)
    assert path.read_bytes() == data


def test_what_is_out_of_use_stays_until_its_message_comes_back(project: Project) -> None:
    path, source = po_file(project), project.gallery / "start/first.py"
    old = (
        '# a note\n#, fuzzy\n#~| msgctxt "节"\n#~| msgid "从前"\n'
        '#~ msgctxt "节"\n#~ msgid "现在"\n#~ msgstr "now"\n\n'
        '#~ msgctxt "节"\n#~ msgid "现在"\n#~ msgstr "at present"\n'
    )
    path.write_text(f"{path.read_text('utf-8')}\n{old}", encoding="utf-8")
    update(project)
    before = path.read_text("utf-8")
    assert before.endswith(f"\n{old}")
    change(path, 'msgid "结束。"', '# praised\nmsgid "结束。"')
    change(source, "# 结束。\n", "")
    assert update(project).translated == 14
    assert path.read_text("utf-8").count('# praised\n#~ msgid "结束。"\n#~ msgstr "word."\n') == 1
    localise(project)
    with source.open("a", encoding="utf-8") as file:
        file.write("# 结束。\n")
    assert update(project).translated == 15
    change(path, "# praised\n", "")
    assert path.read_text("utf-8") == before


def test_a_page_without_messages_keeps_its_translations(project: Project) -> None:
    path, source = po_file(project, "start/second"), project.gallery / "start/second.py"
    before = path.read_text("utf-8")
    change(source, "第二页\n======", "Second\n======")
    change(source, "这里什么也没有。\n", "")
    assert update(project, "start/second") == catalogue.Counts("start/second", 0, 0, 0)
    assert path.read_text("utf-8") != before
    source.write_text(small_project.SECOND, encoding="utf-8")
    assert update(project, "start/second").translated == 2
    assert path.read_text("utf-8") == before


def test_comments_above_the_header_and_below_the_last_message_stay(project: Project) -> None:
    path = po_file(project)
    text = path.read_text("utf-8")
    path.write_bytes(f"\ufeff# License: CC\n#\n# 译者\n{text}# the end".replace("\n", "\r\n").encode())
    update(project)
    assert path.read_text("utf-8").startswith(f"# License: CC\n#\n# 译者\n{po.HEADER.format(language='en')}")
    assert path.read_text("utf-8").count("# the end\n") == 1


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
SOME_WORDS = WORDS.filter(bool)
LINES_OF_WORDS = st.lists(WORDS.map(lambda text: " ".join(text.split())), max_size=2)
ENTRIES = st.builds(
    po.Entry,
    SOME_WORDS,
    WORDS,
    WORDS,
    st.booleans(),
    st.booleans(),
    LINES_OF_WORDS,
    LINES_OF_WORDS,
    st.dictionaries(st.sampled_from(["msgctxt", "msgid"]), SOME_WORDS).map(
        lambda found: dict(sorted(found.items()))
    ),
)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.key), st.data())
def test_entries_come_back_as_they_were_however_they_are_wrapped(
    tmp_path_factory: pytest.TempPathFactory, entries: list[po.Entry], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.po"
    written = po.text_of(entries, "en", ["a", ""])
    lines = []
    for line in written.split("\n"):
        match = re.fullmatch(r'(#~?\|? ?)?(msg\w+ )"(.*)"', line)
        if match and data.draw(st.booleans()):
            mark, keyword, text = match[1] or "", match[2], match[3]
            parts = re.findall(r"\\.|[^\\]", text)
            at = data.draw(st.integers(0, len(parts)))
            pieces = ["", *("".join(piece) for piece in (parts[:at], parts[at:]))]
            lines += [f'{mark}{keyword}"{pieces[0]}"', *(f'{mark}"{piece}"' for piece in pieces[1:])]
        else:
            lines.append(line)
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    path.write_bytes(data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + newline.join(lines).encode())
    header, *read = po.read(path)
    assert header.comments == ["a", ""]
    for entry in read:
        entry.line = 0
    assert read == entries
    assert po.text_of(read, "en", header.comments) == written


PO_LINES = [
    "msgid ",
    "msgstr ",
    "msgctxt ",
    "msgid_plural ",
    "msgstr[0] ",
    "msgstr[9] ",
    "#, fuzzy",
    "#| ",
    "#~ ",
    "#: ",
]
PO_LINES += [
    '"',
    "\\",
    "\n",
    '"甲"',
    '""',
    '"Language: \\n"',
    '"Content-Type: text/plain; charset=x\\n"',
    "#. ",
    "\\n",
    "{",
]


@given(st.lists(st.sampled_from(PO_LINES) | st.text(max_size=2), max_size=30).map("".join))
def test_any_catalogue_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.po"
    path.write_text(text, encoding="utf-8")
    try:
        read = Catalogue(path)
    except SourceError as error:
        message = str(error)
        assert re.fullmatch(rf"{re.escape(str(path))}:\d+: .+", message)
    else:
        unit = Unit("paragraph", "甲", 1)
        entry = read.message("节", unit)
        if entry is not None:
            list(problems(RST, unit, entry.string))


REJECTED = {
    # Blocks
    ("paragraph", "- a list"): "like a list",
    ("paragraph", "1. a list"): "like a list",
    ("paragraph", "(a) a list"): "like a list",
    ("paragraph", "A. Turing"): "like a list",
    ("paragraph", "• a list"): "like a list",
    ("item", "* a list in a list"): "like a list",
    ("paragraph", ".. raw:: html"): "like a directive",
    ("paragraph", ".. include:: /etc/passwd"): "like a directive",
    ("paragraph", ".. _label:"): "like a directive",
    ("paragraph", "__ https://example.org"): "like a link target",
    ("paragraph", "| a line block"): "like a line block",
    ("paragraph", ":field: list"): "like a field list",
    ("paragraph", "-a  an option"): "like an option list",
    ("paragraph", ">>> 1"): "like a doctest",
    ("paragraph", "+---+---+"): "like a table",
    ("paragraph", "=== ==="): "like a table",
    ("paragraph", "----"): "like a rule",
    ("paragraph", "as follows::"): "like the opening of a literal block",
    ("title", "::"): "like the opening of a literal block",
    ("paragraph", "%% a cell"): "start a new cell",
    ("paragraph", "sphinx_gallery_thumbnail_number = 9"): "start a new cell",
    # Markup
    ("paragraph", "see :raw-html:`<b>`"): "adds :raw-html:`b`",
    ("paragraph", "see ``code``"): "adds ``code``",
    ("paragraph", "see :math:`x`"): "adds :math:`x`",
    ("paragraph", "see `default`"): "adds `default`",
    ("paragraph", "see `here <https://example.org>`__"): "adds <https://example.org>",
    ("paragraph", "see https://example.org"): "adds <https://example.org>",
    ("paragraph", "see javascript:alert(1)"): "adds <javascript:alert(1>",
    ("paragraph", "mail a@example.org"): "adds <mailto:a@example.org>",
    ("paragraph", "see weight_"): "adds weight_",
    ("paragraph", "see |x|"): "adds |x|",
    ("paragraph", "see [1]_"): "adds [1]_",
    ("paragraph", "see _`target`"): "adds _`target`",
    ("paragraph", "**never closed"): "adds broken markup",
    ("paragraph", "`never closed"): "adds broken markup",
    # HTML, which notebooks and Sphinx-Gallery's cards would show
    ("title", "A <script>alert(1)</script>"): "`<` before a letter",
    ("title", "A <img onerror=x"): "`<` before a letter",
    ("paragraph", "so <b>bold</b>"): "adds HTML",
    ("paragraph", "<!-- a comment"): "adds HTML",
    ("paragraph", "see [x](javascript:alert(1))"): "Markdown link",
    # Strings
    ("paragraph", 'end """ here'): 'can\'t hold """',
    ("paragraph", "a \\ backslash"): "adds a backslash",
    ("paragraph", " a blank"): "starts or ends with a blank",
    ("paragraph", "\u00a0"): "is empty",
    ("paragraph", "x" * 1_000_000): "1000000 characters long",
    ("paragraph", "two\nlines"): "U+000A",
    ("paragraph", "a\tb"): "U+0009",
    ("paragraph", "a\x1bb"): "U+001B",
    ("paragraph", "a\x00b"): "U+0000",
    ("paragraph", "a\u202eb"): "U+202E",
    ("paragraph", "a\u2066b"): "U+2066",
    ("paragraph", "a\u061cb"): "U+061C",
    ("paragraph", "a\u200bb"): "U+200B",
    ("paragraph", "a\u2028b"): "U+2028",
    ("paragraph", "a\u00adb"): "U+00AD",
    ("paragraph", "a\u2003b"): "U+2003",
    ("paragraph", "a\U000e0041b"): "U+E0041",
    # Comments and docstrings
    ("comment", "two\nlines"): "U+000A",
    ("comment", "%% a cell"): "not be a comment",
    ("comment", "%%a cell"): "not be a comment",
    ("comment", "alt: a figure"): "not be a comment",
    ("comment", "sphinx_gallery_thumbnail_number = 9"): "not be a comment",
    ("comment", "/// script"): "not be a comment",
    ("comment", "type: ignore"): "not be a comment",
    ("alt", "alt: alt: x"): "not be a comment",
    ("docstring", 'end """'): "end its quotes",
    ("docstring", 'said "so"'): "end its quotes",
    ("docstring", "a \\n"): "a backslash",
}
REJECTED_MARKDOWN = {
    ("paragraph", "# heading"): "starts like",
    ("paragraph", "- a list"): "starts like",
    ("paragraph", "1) a list"): "starts like",
    ("paragraph", "> quote"): "starts like",
    ("paragraph", "```{raw} html"): "starts like",
    ("paragraph", ":::{note}"): "starts like",
    ("paragraph", "~~~"): "starts like",
    ("paragraph", "***"): "starts like",
    ("paragraph", "---"): "starts like",
    ("paragraph", "+++"): "starts like",
    ("paragraph", "(label)="): "starts like",
    ("paragraph", "% comment"): "starts like",
    ("paragraph", "$$x$$"): "starts like",
    ("paragraph", "[a]: https://example.org"): "starts like",
    ("paragraph", "[^a]: a footnote"): "starts like",
    ("paragraph", "<div>"): "starts like",
    ("paragraph", "<!-- comment -->"): "starts like",
    ("paragraph", "a <b>tag</b>"): "adds html_inline",
    ("paragraph", "a <!-- comment -->"): "adds html_inline",
    ("paragraph", "a <https://example.org>"): "adds <https://example.org>",
    ("paragraph", "a [link](https://example.org)"): "adds <https://example.org>",
    ("paragraph", "an ![image](https://example.org/x.png)"): "adds ![](https://example.org/x.png)",
    ("paragraph", "some `code`"): "adds `code`",
    ("paragraph", "some $x$"): "adds $x$",
    ("paragraph", "some {raw}`html`"): "adds {raw}`html`",
    ("paragraph", "a \\ backslash"): "adds a backslash",
    ("cell", "a | b"): "a table cell",
    ("title", "a title ##"): "end in #",
    ("term", "term : classifier"): "a glossary's term",
    ("term", ".. comment"): "a glossary's term",
    ("term", ":option: x"): "starts with a colon",
    ("caption", "'quoted"): "YAML",
    ("caption", "key: value # x"): "YAML",
    ("caption", "|"): "YAML",
    ("docstring", "a ``` fence"): "ends the code cell",
}


@pytest.mark.parametrize(
    ("source", "kind", "text", "fault"),
    [(RST, *case, fault) for case, fault in REJECTED.items()]
    + [(MARKDOWN, *case, fault) for case, fault in REJECTED_MARKDOWN.items()],
)
def test_what_smuggles_something_in_is_rejected(source: Source, kind: str, text: str, fault: str) -> None:
    found = list(problems(source, Unit(kind, "普通的一句话。", 1), text))
    assert any(fault in problem for problem in found), found
    assert max(map(len, found)) < 1000


@pytest.mark.parametrize(
    ("source", "text", "translation", "fault"),
    [
        (RST, "用 ``x`` 算", "compute", "lacks ``x``"),
        (RST, "用 ``x`` 算", "compute with ``y``", "lacks ``x``"),
        (RST, "用 ``x`` 算", "``x`` ``x``", "adds ``x``"),
        (RST, "公式 :math:`a_b`", "formula :math:`a_c`", "lacks :math:`a_b`"),
        (RST, "见 :ref:`a-b`", "see :ref:`a-c`", "lacks :ref:`a-b`"),
        (RST, "见 `甲 <https://a.org>`__", "see `a <https://b.org>`__", "lacks <https://a.org>"),
        (MARKDOWN, "用`x`算", "compute", "lacks `x`"),
        (MARKDOWN, "公式$a$", "formula $b$", "lacks $a$"),
        (MARKDOWN, "见{ref}`a`", "see {doc}`a`", "lacks {ref}`a`"),
        (MARKDOWN, "[甲](https://a.org)", "[a](https://b.org)", "lacks <https://a.org>"),
    ],
)
def test_lost_or_changed_markup_is_rejected(source: Source, text: str, translation: str, fault: str) -> None:
    assert any(fault in problem for problem in problems(source, Unit("paragraph", text, 1), translation))


@pytest.mark.parametrize(
    ("source", "text", "translation"),
    [
        (RST, "把 :term:`张量` 给 ``f``", "``f`` takes :term:`tensors <tensor>`: 2 * 3 < 7 & more"),
        (RST, "见 :ref:`a-b` 和 `甲 <https://a.org>`__", "`a <https://a.org>`__ and :ref:`this <a-b>`"),
        (RST, "如果 a<b 就停", "Stop if a<b; e.g. *now*, **here** — it's 100% {safe} %(x)s"),
        (RST, "转义 \\* 号", "an escaped \\* star"),
        (MARKDOWN, "{term}`张量`和`f`、$x$", "`f`, $x$ and {term}`tensors <tensor>`, 2 < 3 &amp; **more**"),
        (MARKDOWN, "[甲](https://a.org)", "the [link](https://a.org), 1. 2. # - +"),
    ],
)
def test_a_fair_translation_passes(source: Source, text: str, translation: str) -> None:
    assert list(problems(source, Unit("paragraph", text, 1), translation)) == []


# What a translation could be made of to break out of its place.
HOSTILE = [
    "- ",
    "* ",
    "+ ",
    "1. ",
    "(a) ",
    "A. ",
    "i) ",
    ".. ",
    "..",
    "::",
    ":",
    "|",
    "| ",
    "__ ",
    "__",
    "_",
    "`",
    "``",
]
HOSTILE += [
    "***",
    "**",
    "*",
    "====",
    "----",
    "~",
    "^^^^",
    "#",
    "## ",
    "%%",
    "%",
    "$",
    "$$",
    "\\",
    '"',
    '"""',
    "'''",
    ">",
]
HOSTILE += [
    ">>> ",
    "<b>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<",
    "&lt;",
    "&#60;",
    "]",
    "[",
    "](",
    "!",
    "[x]_",
    "{",
    "}",
]
HOSTILE += [
    "[x]: y",
    "[^1]",
    "{raw}`html`",
    ":raw:`x`",
    "```",
    "~~~",
    ":::",
    "{note}",
    ".. note::",
    "(x)=",
    "x_",
    ":x: ",
]
HOSTILE += [
    "https://e.org",
    "javascript:alert(1)",
    "a@b.org",
    "sphinx_gallery_start_ignore",
    "sphinx_gallery_x = 1",
]
HOSTILE += [
    "alt: ",
    "type: ",
    "noqa",
    "/// script",
    "# ",
    "+++",
    "+--+",
    "=== ===",
    "-a  b",
    "--x=y  z",
    "\u00a0",
    "\u3000",
]
HOSTILE += [
    "a: b",
    " : ",
    "'",
    ",",
    ".",
    "(",
    ")",
    "a",
    "word",
    "is long enough to be wrapped somewhere",
    "w" * 60,
    "张",
]


def hostile(markup: str) -> st.SearchStrategy[str]:
    """Translations that keep `markup`, so that they get past the first check."""
    piece = st.sampled_from(HOSTILE) | st.sampled_from([" ", " ", f" {markup} "]) | st.text(max_size=2)
    return (
        st.lists(piece, max_size=12).map("".join).map(lambda text: text.strip() if text.strip() else "word")
    )


def attacked(source: Source, text: str, data: st.DataObject) -> str:
    """`text` in the other language, one unit of it hostile and yet accepted."""
    segments = source.split_text(text)
    units = [segment for segment in segments if isinstance(segment, Unit)]
    victim = data.draw(st.sampled_from(units))
    attack = data.draw(hostile(small_project.english(victim.text)))
    found = list(problems(source, victim, attack))
    assert not any("\n" in problem for problem in found)
    assume(not found)
    return render(segments, lambda unit: attack if unit is victim else small_project.english(unit.text))


@given(st.data())
@settings(max_examples=100)
def test_no_accepted_translation_changes_a_script(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.py"
    text = attacked(RST, small_project.FIRST, data)
    assert code_tokens(text) == code_tokens(small_project.FIRST)
    assert script_skeleton(path, text) == script_skeleton(path, small_project.FIRST)
    assert not any(cell is True for cell in script_skeleton(path, text, has_raw)[1])
    assert text.count("# ///") == 2
    for block in split_code_and_text_blocks(path)[1]:
        if block.type == "text":
            (notebook,) = notebook_text.to_markdown([block.content], path, {})
            tokens = [
                child for token in MarkdownIt().parse(notebook) for child in [token, *(token.children or [])]
            ]
            assert not [token for token in tokens if token.type in {"html_block", "image"}]
            tags = {token.content.replace("/", "") for token in tokens if token.type == "html_inline"}
            assert tags <= {
                "<span>",
                "<strong>",
                "<em>",
            }  # around dollars and backslashes, and where marks don't do
            assert {token.attrGet("href") for token in tokens} <= {None, "https://example.org/a"}


@given(st.data())
@settings(max_examples=200)
def test_no_accepted_translation_changes_a_markdown_page(data: st.DataObject) -> None:
    text = attacked(MARKDOWN, small_project.INDEX, data)
    assert skeleton(myst_tree(text)) == skeleton(myst_tree(small_project.INDEX))
    assert not has_raw(myst_tree(text))
