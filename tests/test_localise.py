"""Localising: nothing but words changes, and each reader of the files finds the same structure."""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from docutils import nodes
from docutils.utils import column_width
from hypothesis import given
from hypothesis import strategies as st
from sitekit.markup.units import Segment, Unit, join_lines, render
from sitekit.project.errors import SourceError, SourceErrors
from sitekit.project.layout import Project
from sitekit.translate.localise import Localised, check, localise
from sitekit.translate.sources import Source, sources
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from tests import small_project
from tests.markup_trees import (
    code_tokens,
    myst_tree,
    normal_text,
    rst_tree,
    script_skeleton,
    skeleton,
    tree,
)

ROOT = Path(__file__).resolve().parent.parent
HERE = Path("page")

# Words, and the markup that pages use, as an author writes it.
CHINESE = ["张量", "形状（长度）", "“广播”", "先猜……", "一、二；", "对吗？", "（注）", "结果——"]
LATIN = ["NumPy", "x = 1", "3.5%", "a - b", "1. e.g. it's", "(n, 1)"]
RST_MARKUP = ["``x[0] | y``", ":math:`a_i^2`", ":term:`张量`", ":ref:`甲 <b-c>`", "**粗体**", "*斜体*"]
RST_MARKUP += ["`链接 <https://example.org/a_b>`__", "https://example.org/x", "``\\n``"]
MD_MARKUP = ["`x[0]`", "$a_i^2$", "{term}`张量`", "{ref}`甲 <b-c>`", "**粗体**", "*斜体*"]
MD_MARKUP += ["[链接](https://example.org/a_b)", r"\*"]
ENGLISH = [
    "broadcasting",
    "a",
    "don't",
    "(n,)",
    "—",
    "“so”",
    "-",
    "...",
    "1.",
    "12)",
    "*",
    "%%",
    "alt:",
    "==",
]
ENGLISH += ["====", "----", "+", "A.", "::", "x:", ":x:", "..", "|", ">", "#", "type:", "noqa", "a" * 70]


def sentences(markup: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """A paragraph's lines: a first word that starts no block, then words and markup in any order."""
    word = st.sampled_from(CHINESE + LATIN)
    piece = word | st.sampled_from([f" {text} " for text in markup]) if markup else word
    line = st.builds(
        lambda *parts: "".join(parts).strip(), st.sampled_from(CHINESE), st.lists(piece).map("".join)
    )
    return st.lists(line, min_size=1, max_size=4).map("\n".join)


def indented(text: str, first: str, rest: str) -> str:
    return first + textwrap.indent(text, rest)[len(rest) :]


def rst_blocks() -> st.SearchStrategy[str]:
    text = sentences(RST_MARKUP)
    line = text.map(lambda lines: lines.split("\n")[0])
    item = st.builds(indented, text, st.just("- "), st.just("  "))
    numbered = st.builds(indented, text, st.just("1. "), st.just("   "))
    note = st.sampled_from([".. note::\n\n", ".. admonition:: 先猜\n   :class: tip\n\n"])
    row = line.map(lambda text: f"   * - {text}\n     - ``1``")
    part = st.sampled_from(["change-it", "real-projects"])
    return st.one_of(
        text,
        st.builds(
            lambda question, right, wrong, why: (
                f".. predict::\n\n{textwrap.indent(question, '   ')}\n\n   - {right}\n   - {wrong}\n\n"
                f".. answer:: A\n\n{textwrap.indent(why, '   ')}"
            ),
            text,
            line,
            line,
            text,
        ),
        st.builds(lambda name, body: f".. {name}::\n\n{textwrap.indent(body, '   ')}", part, text),
        item,
        st.lists(item, min_size=2, max_size=3).map("\n".join),
        numbered,
        st.builds(lambda opening, body: opening + textwrap.indent(body, "   "), note, text),
        st.builds(lambda title, cell: f".. list-table:: {title}\n\n{cell}", line, row),
        st.just(".. math::\n\n   a = b\n\n   c = d"),
        st.just(".. code-block:: python\n\n   x = 1  # 一"),
        text.map(lambda body: f"引文\n\n{textwrap.indent(body, '    ')}\n\n    -- 某人"),
        st.builds(
            lambda body, end: f"{body}{end}::\n\n    x *y*\n\n      z\n\n后文",
            text,
            st.sampled_from(["", " ", "\n\n"]),
        ),
        text.map(lambda body: f"{indented(body, '- ', '  ')}::\n\n      x\n- 乙"),
        st.just("前\n\n----\n\n后"),
        st.just(">>> 1 + 1\n2"),
        st.just(":func:`print` 与 :py:class:`~a.B`"),
    )


def rst_pages() -> st.SearchStrategy[str]:
    title = st.builds(
        lambda text, over: f"{over}{text}\n{'=' * 60}",
        st.sampled_from(["张量", "小", "NumPy 与 x", "``x`` 的用法"]),
        st.sampled_from(["", "=" * 60 + "\n", "=" * 60 + "\n "]),
    )
    section = st.lists(rst_blocks(), max_size=4).map("\n\n".join)
    return st.builds(lambda head, body: f".. _t:\n\n{head}\n\n{body}", title, section)


def md_pages() -> st.SearchStrategy[str]:
    text = sentences(MD_MARKUP)
    line = text.map(lambda lines: lines.split("\n")[0])
    block = st.one_of(
        text,
        st.builds(indented, text, st.just("- "), st.just("  ")),
        st.builds(indented, text, st.just("1. "), st.just("   ")),
        line.map(lambda text: f"## {text}"),
        text.map(lambda body: f"```{{note}}\n{body}\n```"),
        st.builds(lambda title, body: f":::{{admonition}} {title}\n{body}\n:::", line, text),
        line.map(lambda cell: f"| 甲 | 乙 |\n|---|---|\n| {cell} | `1` |"),
        line.map(lambda cell: f"- 甲\n\n  | 甲 | 乙 |\n  |---|---|\n  | {cell} | `1` |"),
        st.just("```python\nx = 1  # 一\n```"),
        st.just("$$\na = b\n$$"),
        st.just("(label)=\n## 标题"),
    )
    return st.lists(block, max_size=5).map(lambda blocks: "# 题\n\n" + "\n\n".join(blocks) + "\n")


def scripts() -> st.SearchStrategy[str]:
    comment = sentences().map(lambda text: textwrap.indent(text, "# "))
    statement = st.sampled_from(
        ['x = """\n# 不是注释\n"""', "print(f'{x=}  # 也不是')", "y = (1,\n     2)", "if x:\n    pass"]
    )
    line = st.sampled_from(CHINESE)
    code = st.one_of(
        statement,
        comment,
        line.map(lambda text: f"x = [1]  # {text}"),
        line.map(lambda text: f"# alt: {text}\n# {text}\nx.show()"),
        line.map(lambda text: f"# sphinx_gallery_thumbnail_number = 2\nx = 1  # noqa: E1\n# {text}"),
        sentences().map(
            lambda text: (
                f'def f(x):\n    r"""{indented(text, "", "    ")}\n\n    结束。\n    """\n    return x'
            )
        ),
    )
    cell = st.builds(
        lambda text, parts: (
            textwrap.indent(f"%%\n{text}\n", "# ", lambda line: True) + "\n" + "\n\n\n".join(parts)
        ),
        rst_blocks(),
        st.lists(code, min_size=1, max_size=3),
    )
    header = st.sampled_from(["", "# /// script\n# dependencies = []\n# ///\n", "#!/usr/bin/env python\n"])
    return st.builds(
        lambda header, page, cells: f'{header}r"""\n{page}\n"""\n\nimport os\n\n' + "\n\n".join(cells) + "\n",
        header,
        rst_pages(),
        st.lists(cell, max_size=3),
    )


def kept(unit: Unit) -> str | None:
    """Translate nothing."""
    return None


def split(dialect: str, text: str, path: Path = HERE) -> list[Segment]:
    return Source("page", path, dialect).split_text(text)


def units(segments: list[Segment]) -> list[Unit]:
    return [segment for segment in segments if isinstance(segment, Unit)]


@given(rst_pages())
def test_rst_keeps_its_tree_and_comes_to_rest(text: str) -> None:
    """Joining the lines of paragraphs changes no node, and a second time changes nothing."""
    rendered = render(split("rst", text), kept)
    assert tree(rst_tree(rendered)) == tree(rst_tree(text))
    assert render(split("rst", rendered.removesuffix("\n")), kept) == rendered


@given(md_pages())
def test_markdown_keeps_its_tree_and_comes_to_rest(text: str) -> None:
    rendered = render(split("markdown", text), kept)
    assert tree(myst_tree(rendered)) == tree(myst_tree(text))
    assert render(split("markdown", rendered), kept) == rendered


@given(scripts())
def test_scripts_keep_their_code_their_cells_and_come_to_rest(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "script.py"
    rendered = render(split("python", text, path), kept)
    assert code_tokens(rendered) == code_tokens(text)
    assert script_skeleton(path, rendered, tree) == script_skeleton(path, text, tree)
    assert render(split("python", rendered, path), kept) == rendered


@given(scripts(), st.data())
def test_translated_scripts_have_the_same_code_and_cells(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    """English lines are wrapped, wherever the break falls."""
    path = tmp_path_factory.getbasetemp() / "translated.py"
    source = Source("page", path, "python")
    segments = split("python", text, path)
    english = st.lists(st.sampled_from(ENGLISH), max_size=40).map(
        lambda words: " ".join(["Word", *words, "end"])
    )
    texts = {}
    for unit in units(segments):
        markup = [] if unit.kind in {"comment", "alt", "docstring"} else list(markup_of(source, unit))
        texts[id(unit)] = " ".join([data.draw(english), *markup])
    translated = render(segments, lambda unit: texts[id(unit)])
    assert code_tokens(translated) == code_tokens(text)
    assert script_skeleton(path, translated) == script_skeleton(path, text)
    assert [(u.kind, u.text) for u in units(split("python", translated, path))] == [
        (unit.kind, texts[id(unit)]) for unit in units(segments)
    ]


def test_no_mark_begins_a_line_behind_two_blanks() -> None:
    unit = Unit("paragraph", "词", 1, width=79, suffix="\n")
    assert "\n" not in render([unit], lambda _: "w" * 64 + "- - - - -  === ===").rstrip("\n")


def markup_of(source: Source, unit: Unit) -> list[str]:
    """The inline markup of `unit`, as a translator copies it."""
    text = re.sub("[\u4e00-\u9fff]+", "word", unit.text)
    links = re.findall(r"`[^`]+ <[^`>]+>`__|:[\w:]+:`[^`]+`|``.+?``|https://\S+", text)
    assert source.read(unit, " ".join(links)).markup == source.read(unit, unit.text).markup
    return links


@given(st.lists(st.sampled_from([*ENGLISH, *RST_MARKUP]), max_size=60))
def test_breaking_lines_changes_no_node(words: list[str]) -> None:
    text = " ".join(["Word", *words, "end"])
    trees = []
    for width in (20, 40, 79, 0):
        unit = Unit("item", "甲", 1, first_prefix="- ", rest_prefix="  ", width=width, suffix="\n")
        trees.append(tree(rst_tree(render([unit], lambda unit: text))))
    assert trees == [trees[-1]] * 4


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_titles_have_lines_that_are_wide_enough(title: str) -> None:
    unit = Unit("title", "题", 1, underline="-", suffix="\n")
    line, underline, _ = render([unit], lambda unit: title).split("\n")
    assert line == title
    assert set(underline) == {"-"}
    assert len(underline) >= max(4, column_width(title))


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["张量的", "形状"], "张量的形状"),
        (["先看，", "再做"], "先看，再做"),
        (["先看", "（再做）"], "先看（再做）"),
        (["用 NumPy", "计算"], "用 NumPy 计算"),
        (["调用 NumPy，", "torch 也行"], "调用 NumPy，torch 也行"),
        (["所谓", "“广播”", "规则"], "所谓“广播”规则"),
        (["等等……", "NumPy 也是"], "等等……NumPy 也是"),
        (["he said", "“yes” —", "twice"], "he said “yes” — twice"),
        (["得到，", "``x``", "。"], "得到，``x``。"),
        (["（甲）", "``x``", "（乙）"], "（甲） ``x`` （乙）"),
        (["见https://example.org/a", "（甲）"], "见https://example.org/a （甲）"),
        (["  甲  ", "", " 乙 "], "甲乙"),
    ],
)
def test_lines_are_joined_as_the_language_joins_them(lines: list[str], joined: str) -> None:
    assert join_lines(lines) == joined


def test_a_line_never_starts_with_what_would_be_read_as_markup() -> None:
    words = "aaaa - bbbb ---- cccc %% dddd 1. eeee alt: ffff sphinx_gallery_x = 1 gggg :x: hhhh"
    unit = Unit("comment", "甲", 1, first_prefix="# ", rest_prefix="# ", width=12)
    starts = {line[2:].split()[0] for line in render([unit], lambda unit: words).split("\n")}
    assert starts <= set(words.split()) - {"-", "----", "%%", "1.", "alt:", "sphinx_gallery_x", ":x:"}
    assert len(starts) > 4


def test_code_within_a_sentence_stays_on_one_line() -> None:
    words = "aaaa bbbb ``x  =  1`` cccc :ref:`this page <b-c>` dddd"
    unit = Unit("paragraph", "甲", 1, first_prefix="# ", rest_prefix="# ", width=12)
    lines = render([unit], lambda unit: words).split("\n")
    assert lines == ["# aaaa bbbb", "# ``x  =  1``", "# cccc", "# :ref:`this page <b-c>`", "# dddd"]


@pytest.mark.parametrize(
    ("dialect", "text", "fault"),
    [
        ("rst", "上线\n!!!!", "line"),
        ("rst", "====\n上线\n!!!!", "line"),
        ("rst", "甲::\n\n乙", "indented more"),
        ("rst", "::", "indented more"),
        ("rst", "    甲", "first column"),
        ("rst", ".. _甲:\n   https://example.org", "a link's address"),
        ("rst", "(1) 甲\n(2) 乙", "a list"),
        ("rst", "A. 甲\n   乙", "same column"),
        ("rst", "| 甲\n| 乙", "a line block"),
        ("rst", "甲\n  乙", "same column"),
        ("rst", "甲\n- 乙", "blank line before a list"),
        ("rst", ".. raw:: html\n\n   <b>", "'raw'"),
        ("rst", ".. 注释", "labels and directives"),
        ("markdown", "甲\n---", "one paragraph"),
        ("markdown", "甲\n> 乙", "one paragraph"),
        ("markdown", "甲\\\n乙", "can't be broken"),
        ("markdown", "<div>甲</div>", "raw HTML"),
        ("markdown", "甲\n- 乙", "blank line before a list"),
        ("markdown", "```{note} 甲\n乙\n```", "blank line"),
        ("markdown", "```{admonition} `甲`\n乙\n```", "after `:::`"),
        ("markdown", "```{figure} 甲\n```", "'figure'"),
        ("markdown", "$$\na", "never closed"),
        ("markdown", "```python\na", "never closed"),
        ("markdown", "```{toctree}\n:caption: '甲\n```", "YAML"),
        ("markdown", "---\na: b", "front matter"),
        ("python", "x = 1", "docstring"),
        ("python", '"""x"""', "own lines"),
        ("python", '# 甲\n"""\n题\n==\n"""', "below the header"),
        ("python", "'''\n题\n'''", '"""'),
        ("python", '"""\n题\n"""\n# %% 甲', "stands alone"),
        ("python", '"""\n题\n"""\n' + "#" * 30 + "\n# 甲", "row of #"),
        ("python", '"""\n题\n"""\n# %%\n#甲', "starts with `# `"),
        ("python", '"""\n题\n"""\ndef f():\n    "甲"', '"""'),
        ("python", '"""\n题\n"""\ndef f():\n    """甲""" """乙"""', '"""'),
        ("python", '"""\n题\n"""\nx = (', ":4: "),
        ("python", '# coding: latin-1\n"""\n题\n"""', ":1: files are in UTF-8"),
        ("python", '#!x\n# vim: set fileencoding=gbk :\n"""\n题\n"""', ":2: files are in UTF-8"),
    ],
)
def test_what_could_hide_prose_is_an_error(tmp_path: Path, dialect: str, text: str, fault: str) -> None:
    path = tmp_path / "page"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match=re.escape(fault)):
        Source("page", path, dialect).split()


FAULTY = '''\
# coding: latin-1
"""
.. _t:

题
====

见 [1]_ 与 :nope:`x`。

.. [1] 脚注

.. raw:: html

   <b>甲</b>

.. note::
   :colour: red

   甲

甲
- 乙
"""

def f():
    """a\\b"""

def g():
    """a\\b"""

# %%
# :func:`print` 没错，*错了
#
# +---+
# | x |
# +---+

# %% 题
# .. _甲:
#    https://example.org

# %%
#     引文
'''


def test_all_faults_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text(FAULTY, encoding="utf-8")
    with pytest.raises(SourceErrors) as caught:
        Source("page", path, "python").split()
    found = str(caught.value).replace(f"{path}:", "").split("\n")
    assert [(int(line.split(": ")[0]), line.split(": ", 1)[1][:32]) for line in found] == [
        (1, "files are in UTF-8: save it so a"),
        (8, 'Unknown interpreted text role "n'),
        (10, "this looks like a footnote; writ"),
        (12, "directive 'raw' can't be transla"),
        (16, 'Error in "note" directive: unkno'),
        (22, "leave a blank line before a list"),
        (26, "a docstring with a backslash sta"),
        (29, "a docstring with a backslash sta"),
        (32, "Inline emphasis start-string wit"),
        (34, "this looks like a grid table; wr"),
        (38, "`# %%` stands alone; the title g"),
        (39, "a link's address stands in the s"),
        (43, "a cell's text starts in the firs"),
    ]


FAULTY_PAGE = """\
# 题

> 引文

```{raw} html

甲
```

```{code-cell} python
x = (
```

:::{note}
甲
- 乙
:::

```{code-block} python
:caption: '甲
x
```

$$
a
"""


def test_all_faults_of_a_page_of_markdown_are_named_at_once() -> None:
    with pytest.raises(SourceErrors) as caught:
        split("markdown", FAULTY_PAGE)
    assert [(error.line, error.message[:24]) for error in caught.value.errors] == [
        (3, "this looks like a block "),
        (5, "directive 'raw' can't be"),
        (11, "Python can't read this l"),
        (16, "leave a blank line befor"),
        (20, "this caption reads as YA"),
        (24, "the formula opened by $$"),
    ]


def test_captions_are_messages() -> None:
    text = "```{code-block} python\n:caption: 甲 `x`\nx = 1\n```\n\n```{toctree}\n:caption: 乙\n\na\n```\n"
    assert [(unit.kind, unit.text, unit.line) for unit in units(split("markdown", text))] == [
        ("code-block caption", "甲 `x`", 2),
        ("caption", "乙", 7),
    ]
    text = ".. code-block:: python\n   :caption: 甲\n      ``x``\n   :linenos:\n\n   x = 1\n"
    assert [(unit.kind, unit.text, unit.line) for unit in units(split("rst", text))] == [
        ("code-block caption", "甲 ``x``", 2)
    ]


FRAGMENTS = [
    "# ",
    "#",
    "%%",
    '"""',
    "```",
    ":::",
    "{note}",
    "$$",
    "|",
    "---",
    "- ",
    "1. ",
    ".. ",
    "::",
    ":x:",
    "甲",
]
FRAGMENTS += [
    "    ",
    "\t",
    "\0",
    "\x0c",
    "\\",
    "def f():",
    "'",
    "(a)=",
    ".. _a:",
    "alt: ",
    "```{code-cell}",
    "====",
    "\n",
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.just("\n") | st.text(max_size=3)).map("".join))
def test_any_text_is_split_or_refused_in_one_line(text: str) -> None:
    header = f'"""\n.. _a:\n\nT\n====\n"""\n{text}'
    for dialect, written in (("rst", text), ("markdown", text), ("python", text), ("python", header)):
        try:
            split(dialect, written)
        except SourceError as error:
            message = str(error)
            assert re.fullmatch(r"page:\d+: .+(\npage:\d+: .+)*", message)


PAGES = {source.docname: source for source in sources(Project.load(ROOT))}
CODE_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
METADATA = re.compile(r"^# /// script\n(?:#.*\n)*?# ///\n", re.MULTILINE)


@pytest.fixture(scope="module")
def real_pages() -> dict[str, Localised]:
    return {page.source.docname: page for page in check(Project.load(ROOT))}


@pytest.mark.parametrize("docname", PAGES)
def test_every_page_has_the_same_code_and_structure_in_all_languages(
    docname: str, real_pages: dict[str, Localised], tmp_path: Path
) -> None:
    page, source = real_pages[docname], PAGES[docname]
    written = source.path.read_text(encoding="utf-8")
    for text in page.files.values():
        if source.dialect == "python":
            assert code_tokens(text) == code_tokens(written)
            assert METADATA.findall(text) == METADATA.findall(written)
            assert len(METADATA.findall(text)) == 1
            assert script_skeleton(tmp_path / "page.py", text) == script_skeleton(
                tmp_path / "page.py", written
            )
        elif source.dialect == "rst":
            assert skeleton(rst_tree(text)) == skeleton(rst_tree(written))
        else:
            assert list(map(code_tokens, CODE_CELL.findall(text))) == list(
                map(code_tokens, CODE_CELL.findall(written))
            )
            assert skeleton(myst_tree(text)) == skeleton(myst_tree(written))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.write(tmp_path)


def made(project: Project, name: str) -> Any:
    """One JSON file as each language has it."""
    return [json.loads((project.source_tree(x) / name).read_text("utf-8")) for x in project.languages]


def test_units_are_complete_and_the_same_beside_every_language(project: Project) -> None:
    localise(project)
    names = ["gallery/start/first", "gallery/start/second", "gallery/start/GALLERY_HEADER", "index"]
    for name in names:
        chinese, english = made(project, f"{name}.units.json")
        assert chinese == english
        assert [unit["order"] for unit in chinese["units"]] == list(range(len(chinese["units"])))
        suffix = {"index": ".md", "gallery/start/GALLERY_HEADER": ".rst"}.get(name, ".py")
        for unit in chinese["units"]:
            assert unit.keys() == {"kind", "order", "line", "anchor", "text"}
            for language in project.languages:
                text = (project.source_tree(language) / f"{name}{suffix}").read_text("utf-8")
                assert normal_text(nodes.Text(unit["text"][language.folder])) in re.sub(r"\s|#", "", text)
    first = made(project, "gallery/start/first.units.json")[0]
    source = (project.gallery / "start/first.py").read_text("utf-8").split("\n")
    for unit in first["units"]:
        assert unit["text"]["zh"][:2] in source[unit["line"] - 1]
    kinds = [unit["kind"] for unit in first["units"]]
    assert Counter(kinds) == {
        "title": 3, "paragraph": 4, "item": 4, "list-table title": 1, "comment": 2, "docstring": 2, "alt": 1,
    }  # fmt: skip
    letters = [unit for unit in first["units"] if project.letters.search(unit["text"]["zh"])]
    assert [unit for unit in letters if unit["text"]["zh"] == unit["text"]["en"]] == []
    assert len(letters) == len(kinds) - 1  # the cell that holds ``2``


def test_anchors_are_unique_in_their_page_and_equal_in_all_languages(project: Project) -> None:
    localise(project)
    chinese, english = made(project, "anchors.json")
    assert chinese["anchors"] == english["anchors"]
    assert english["anchors"]["start/first"] == ["word", "word-2", "word-3"]
    for anchors in chinese["anchors"].values():
        assert len(set(anchors)) == len(anchors)
    assert chinese["titles"]["start/second"] == "第二页"
    assert english["labels"] == {
        "start": "word", "start-first": "word", "start-second": "word", "home": "word", "home-table": "word",
    }  # fmt: skip


def test_an_anchor_is_never_the_label_of_another_section(project: Project) -> None:
    """Both become ids of the HTML page."""
    path = project.docs / "index.md"
    path.write_text(small_project.INDEX.replace("home-table", "word"), encoding="utf-8")
    localise(project)
    assert made(project, "anchors.json")[0]["anchors"]["index"] == ["word-2", "word"]


def test_real_anchors_are_unique(real_pages: dict[str, Localised]) -> None:
    project = Project.load(ROOT)
    for page in real_pages.values():
        titles = [unit for unit in page.units if unit.kind == "title"]
        assert len({unit.text for unit in titles}) == len(titles), page.source.docname
        assert project.anchors in page.texts


def test_files_are_written_only_if_different(project: Project) -> None:
    assert localise(project) == {"zh": 10, "en": 10}
    files = [path for path in (project.build / "source").rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (1, 1))
    assert localise(project) == {"zh": 0, "en": 0}
    assert {path.stat().st_mtime for path in files} == {1}
    path = project.catalogue_path(project.languages[1], "start/second")
    path.write_text(path.read_text("utf-8").replace('"word."', '"words."'), encoding="utf-8")
    assert localise(project) == {"zh": 1, "en": 2}  # the units of both, the page of one
    assert not list((project.build / "source").rglob("*.new"))


def test_the_source_language_keeps_its_code_as_written(project: Project) -> None:
    """Comments and docstrings keep their lines; only paragraphs of text cells are joined."""
    localise(project)
    made = project.source_tree(project.source) / "gallery/start/first.py"
    written = split_code_and_text_blocks(project.gallery / "start/first.py")[1]
    blocks = split_code_and_text_blocks(made)[1]
    assert [b.content for b in blocks if b.type == "code"] == [b.content for b in written if b.type == "code"]


def test_localising_its_own_output_changes_nothing(project: Project) -> None:
    localise(project)
    tree = project.source_tree(project.source)
    shutil.copytree(tree / "gallery", project.gallery, dirs_exist_ok=True)
    shutil.copy(tree / "index.md", project.docs)
    pages = [path for path in tree.rglob("*.*") if path.suffix != ".json"]
    before = [path.read_bytes() for path in pages]
    localise(project)
    assert [path.read_bytes() for path in pages] == before


def test_files_of_a_page_that_is_gone_are_removed_and_no_others(project: Project) -> None:
    localise(project)
    tree = project.source_tree(project.languages[1])
    (tree / "sphinx_made_this.rst").touch()
    (project.gallery / "start/second.py").unlink()
    curriculum = small_project.CURRICULUM.partition("[chapters.pages.second]")[0]
    (project.gallery / "curriculum.toml").write_text(curriculum, encoding="utf-8")
    first = project.gallery / "start/first.py"
    first.write_text(small_project.FIRST.replace("见 :ref:`start-second`", "没有"), encoding="utf-8")
    project = Project.load(project.root)
    small_project.translate(project)
    localise(project)
    left = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    assert left == {
        "anchors.json", "localised.json", "index.md", "index.units.json", "sphinx_made_this.rst",
        "gallery/start/GALLERY_HEADER.rst", "gallery/start/GALLERY_HEADER.units.json",
        "gallery/start/first.py", "gallery/start/first.units.json", "gallery/start/order.json",
    }  # fmt: skip


def test_a_damaged_list_of_files_is_no_obstacle(project: Project) -> None:
    localise(project)
    (project.source_tree(project.source) / "localised.json").write_text("[", encoding="utf-8")
    assert localise(project) == {"zh": 0, "en": 0}


def test_a_byte_order_mark_and_windows_lines_change_nothing(project: Project) -> None:
    localise(project)
    for path in [*project.gallery.rglob("*.*"), *project.docs.rglob("*.*")]:
        data = path.read_bytes()
        path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert localise(Project.load(project.root)) == {"zh": 0, "en": 0}
