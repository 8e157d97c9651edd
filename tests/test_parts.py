"""Predictions, answers and folded cells in a script: what is read, refused, and given to those who download it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from docutils import frontend, nodes
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from hypothesis import given
from hypothesis import strategies as st
from sitekit.markup import parts, plain_text, python_source
from sitekit.markup.notebook_text import to_markdown
from sitekit.markup.text_cells import Cell, registered
from sitekit.markup.typography import close_up, closed_up
from sitekit.markup.units import Unit, display_width, render
from sitekit.project.errors import SourceError, SourceErrors

from tests import built

HEADER = '"""\n.. _a-b:\n\n标题\n====\n\n引子。\n"""\n'
TITLES = {
    "Predict first": "先猜一猜",
    "Answer": "答案",
    "Change it": "改一改",
    "What it shows": "结果说明",
    "In real projects": "在真实项目里",
}
PAGE = f"""{HEADER}
# %%
# 思路
# ----
# 这 **是** :term:`张量` 的 ``x`` 。
#
# .. predict::
#
#    问题？
#
#    - 一
#    - 二 ``x``

x = 1

# %%
# .. answer:: B
#
#    因为二。
#
# .. change-it::
#
#    改成 2。

# hide-cell: 改成 2
x = 2

# %%
# .. outcome::
#
#    现在是 2。
#
# 第二节
# ------

# hide-input: 画图
# 另一句注释
print(x)
# alt: 一条
# 横线
"""


def problems(script: str) -> list[str]:
    """What is wrong with `script`, each with its line."""
    errors: list[SourceError] = []
    try:
        python_source.split(script, Path("page.py"), errors)
    except SourceError as error:
        errors.append(error)
    found = SourceErrors(errors).errors if errors else []
    return [f"{error.line}: {error.message}" for error in found]


def with_text(text: str, code: str = "") -> str:
    """A page with one text cell, whose first line is line 12."""
    commented = "".join(f"# {line}".rstrip() + "\n" for line in text.split("\n"))
    return f"{HEADER}\nimport torch\n\n# %%\n{commented}\n{code}"


PREDICT = ".. predict::\n\n   问题？\n\n   - 一\n   - 二"


def test_a_page_with_all_parts_is_read_unit_by_unit() -> None:
    assert problems(PAGE) == []
    segments = python_source.split(PAGE, Path("page.py"), [])
    units = [(unit.kind, unit.text) for unit in segments if isinstance(unit, Unit)]
    assert units[2:] == [
        ("title", "思路"),
        ("paragraph", "这 **是** :term:`张量` 的 ``x`` 。"),
        ("paragraph", "问题？"),
        ("item", "一"),
        ("item", "二 ``x``"),
        ("paragraph", "因为二。"),
        ("paragraph", "改成 2。"),
        ("fold", "改成 2"),
        ("paragraph", "现在是 2。"),
        ("title", "第二节"),
        ("fold", "画图"),
        ("comment", "另一句注释"),
        ("alt", "一条横线"),
    ]
    assert render(segments, lambda unit: None) == PAGE


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (PREDICT, 13, "after each `predict` follows one `answer:: X`"),
        (f"{PREDICT}\n\n{PREDICT}\n\n.. answer:: A\n\n   对。", 13, "after each `predict` follows one"),
        (".. answer:: A\n\n   对。", 13, "after each `predict` follows one"),
        (f"{PREDICT}\n\n.. answer:: C\n\n   对。", 20, "the answer is one of A, B"),
        (f"{PREDICT}\n\n.. answer::\n\n   对。", 20, "1 argument(s) required"),
        (".. predict::\n\n   问题？", 13, "a question and a list of 2 to 4 options"),
        (".. predict::\n\n   问题？\n\n   - 一", 13, "a question and a list of 2 to 4 options"),
        (".. predict::\n\n   - 一\n   - 二", 13, "a question and a list of 2 to 4 options"),
        (f"{PREDICT}\n   - 三\n   - 四\n   - 五", 13, "a question and a list of 2 to 4 options"),
        (f"{PREDICT}\n\n     又一段", 13, "an option is one paragraph"),
        (".. change-it::", 13, "Content block expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_part_is_said_with_its_line(text: str, line: int, message: str) -> None:
    found = problems(with_text(text))
    assert [fault for fault in found if fault.startswith(f"{line}: ") and message in fault], found


def test_a_fold_is_the_first_line_of_its_cell() -> None:
    assert problems(with_text("字。", "# hide-input: 画图\nx = 1\n")) == []
    [fault] = problems(with_text("字。", "x = 1\n# hide-input: 画图\ny = 1\n"))
    assert fault.startswith("16: `# hide-…: title` is the first line of a cell")


def test_a_translation_keeps_a_fold_on_one_line() -> None:
    segments = python_source.split(PAGE, Path("page.py"), [])
    long = "a title of many words " * 8
    script = render(segments, lambda unit: long.strip() if unit.kind == "fold" else None)
    assert f"# hide-cell: {long.strip()}\nx = 2" in script


def cells(script: str) -> list[str]:
    parts = python_source.cells_and_code(script.split("\n"), Path("page.py"), [])
    return [part.text for part in parts if isinstance(part, Cell)]


def test_a_notebook_letters_the_options_and_repeats_the_right_one() -> None:
    _, first, second, third = to_markdown(cells(PAGE), Path("page.py"), {}, TITLES)
    assert first.endswith("> **先猜一猜**\n>\n> 问题？\n>\n> - A. 一\n> - B. 二 `x`")
    assert "这<strong>是</strong>张量的 `x`。" in first
    assert second == "> **答案 B · 二 `x`**\n>\n> 因为二。\n\n> **改一改**\n>\n> 改成 2。"
    assert third == "> **结果说明**\n>\n> 现在是 2。\n\n## 第二节"


def test_a_script_reads_as_plain_prose() -> None:
    script = plain_text.script(PAGE, Path("page.py"), {}, TITLES)
    assert script == (
        '"""\n标题\n\n引子。\n"""\n\n'
        "# %% 思路\n# 这是张量的 `x`。\n#\n# 先猜一猜：\n#\n#   问题？\n#\n#   A. 一\n#   B. 二 `x`\n\nx = 1\n\n"
        "# %%\n# 答案 B · 二 `x`：\n#\n#   因为二。\n#\n# 改一改：\n#\n#   改成 2。\n\n# 改成 2\nx = 2\n\n"
        "# %%\n# 结果说明：\n#\n#   现在是 2。\n\n# %% 第二节\n\n# 画图\n# 另一句注释\nprint(x)\n# 一条\n# 横线\n"
    )
    assert built.without_words(script) == built.without_words(PAGE)


@given(st.text("张量形状ab c1，。（）“” ", max_size=200))
def test_a_wrapped_paragraph_loses_no_word(text: str) -> None:
    lines = plain_text.wrapped(text)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(display_width(line) <= plain_text.WIDTH + 2 for line in lines)
    assert not any(line.startswith(tuple("，。）”")) for line in lines[1:])


# -- blanks that only markup needs


@given(st.text("张量ab 1，。·x ", max_size=60))
def test_closing_up_takes_nothing_but_blanks_and_closes_all(text: str) -> None:
    for letters in (False, True):
        closed = closed_up(text, letters=letters)
        assert closed.replace(" ", "") == text.replace(" ", "")
        assert not re.search(r"[张量] [张量]", re.sub(" +", " ", closed)) or "  " in text
    assert closed_up("an English sentence, 2 words") == "an English sentence, 2 words"


@pytest.mark.parametrize("letters", [False, True])
def test_blanks_are_closed_across_markup(letters: bool) -> None:
    paragraph = nodes.paragraph()
    paragraph += [
        nodes.Text("改 "),
        nodes.strong("", "形状"),
        nodes.Text(" 不需要 "),
        nodes.literal("", "x y"),
    ]
    paragraph += [nodes.Text(" ，用 "), nodes.math("", "a 张 b"), nodes.Text(" 吧 ok")]
    close_up(paragraph, letters=letters)
    assert paragraph.astext() == (
        "改形状不需要x y，用a 张 b吧ok" if letters else "改形状不需要 x y，用 a 张 b 吧 ok"
    )


def test_the_first_formula_of_a_page_may_stand_in_an_option() -> None:
    """Docutils mentions a role that a language has no name of its own for, right behind the paragraph."""
    page = with_text(PREDICT.replace("- 一", "- 一 :math:`x` ") + "\n\n.. answer:: A\n\n   对。")
    settings = frontend.get_default_settings(Parser)
    settings.language_code, settings.report_level, settings.warning_stream = "zh_cn", 1, io.StringIO()
    document = new_document("page", settings)
    with registered(parts.directives({}), {}):
        Parser().parse(cells(page)[1], document)
    assert [option.astext() for option in document.findall(parts.choice)] == ["一 x", "二"]
