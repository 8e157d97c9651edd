"""Rules of sources and translations: each finding names file and line, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitekit.project.errors import SourceError, SourceErrors
from sitekit.project.layout import Project
from sitekit.rules import drift, lint

from tests import small_project

PAGE = "gallery/start/first.py"
PO = "docs/locale/en/LC_MESSAGES/start/first.po"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.write(tmp_path)


def found(project: Project) -> list[str]:
    """What `nox -s lint` prints, without the folder."""
    try:
        faults = [str(finding) for finding in lint.review(project).findings]
    except SourceErrors as error:
        faults = str(error).splitlines()
    return [fault.replace(f"{project.root}/", "") for fault in faults]


def edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


def translate(project: Project) -> None:
    """Bring the catalogues up to date and agree to all that is fuzzy."""
    small_project.translate(project)
    for path in project.locale.rglob("*.po"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("#, fuzzy\n", ""), encoding="utf-8")


def line_of(project: Project, text: str, name: str = PAGE) -> int:
    lines = (project.root / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_the_small_project_keeps_every_rule(project: Project) -> None:
    assert found(project) == []


def test_a_changed_sentence_is_shown_with_its_old_translation(project: Project) -> None:
    edit(project, PO, 'msgid "结束。"\nmsgstr "word."', 'msgid "结束。"\nmsgstr "The end."')
    edit(project, PAGE, "# 结束。", "# 全部结束。")
    assert found(project) == [
        f"{PAGE}:{line_of(project, '全部结束')}: no en translation of “全部结束。”; run `nox -s translate`, "
        "then fill in first.po; “结束。” was “The end.”"
    ]
    small_project.translate(project)  # as `nox -s translate` does; what there is, is not filled in
    line = line_of(project, 'msgid "全部结束。"', PO)
    # Babel counts an entry from its first comment on.
    [fault] = found(project)
    assert "“全部结束。”: its translation may be out of date: “The end.”; mend it" in fault
    assert abs(int(fault.split(":")[1]) - line) <= 3


@pytest.mark.parametrize(
    ("zh", "en", "differing"),
    [
        ("等 10 毫秒", "waits 5 milliseconds", "10"),
        ("准确率 0.953", "an accuracy of 0.935", "0.935, 0.953"),
        ("贷款 100 万元", "a loan of 1,000,000", None),
        ("有 3 个", "there are three", None),
        ("用 ``float32`` 算 12 次", "computes it 12 times in ``float32``", None),
    ],
)
def test_a_number_stands_in_both_languages(project: Project, zh: str, en: str, differing: str | None) -> None:
    edit(project, PAGE, "# 结束。", f"# {zh}。")
    edit(project, PO, 'msgid "结束。"\nmsgstr "word."', f'msgid "{zh}。"\nmsgstr "{en}."')
    message = (
        f"{PAGE}:{line_of(project, zh)}: {differing} stands in one language only: zh “{zh}。”, en “{en}.”"
    )
    assert found(project) == ([message] if differing else [])


@given(st.integers(10, 10**9), st.integers(0, 999))
def test_ways_to_write_a_number_are_one(number: int, thousandths: int) -> None:
    fraction = f".{thousandths:03d}"
    written = {f"{number}{fraction}", f"{number:,}{fraction}"}
    assert len({frozenset(drift.numbers(f"一共 {text} 个")) for text in written}) == 1
    assert set(drift.numbers(f"{number} 万")) == set(drift.numbers(f"{number * 10**4:,}"))


def test_a_term_is_the_same_entry_in_both_languages(project: Project) -> None:
    glossary = "docs/locale/en/LC_MESSAGES/index.po"
    edit(
        project,
        "docs/index.md",
        "张量\n  多维数组。",
        "张量\ntensor\n  多维数组。\n\n形状\nshape\n  轴的长度。",
    )
    small_project.translate(project)
    entries = (project.root / glossary).read_text(encoding="utf-8")
    for zh, en in {"张量": "tensor", "形状": "shape"}.items():
        entries = entries.replace(f'msgid "{zh}"\nmsgstr "word"', f'msgid "{zh}"\nmsgstr "{en}"')
        entries = entries.replace(f'msgid "{en}"\nmsgstr ""', f'msgid "{en}"\nmsgstr "{zh}"')
        entries = entries.replace(f'msgid "{en}"\nmsgstr "{en}"', f'msgid "{en}"\nmsgstr "{zh}"')
    (project.root / glossary).write_text(entries, encoding="utf-8")
    edit(project, PO, ":term:`word`", ":term:`tensors <tensor>`")
    assert found(project) == []
    edit(project, PO, ":term:`tensors <tensor>`", ":term:`shapes <shape>`")
    place = f"{PAGE}:{line_of(project, '一个 :term:')}"
    assert found(project) == [f"{place}: other terms of the glossary: zh links to 张量; en to shape"]
    edit(project, PO, ":term:`shapes <shape>`", ":term:`arrays <array>`")
    assert found(project) == [f"{place}: “array” does not stand in the glossary"]


def test_words_that_the_glossary_has_others_for(project: Project) -> None:
    words = '[zh]\n"步长" = "步幅"\n[en]\n"optimis" = "optimiz…"\n'
    (project.docs / drift.WORDS).write_text(words, encoding="utf-8")
    edit(project, PAGE, "# 结束。", "# 步长是 ``步长`` 。")
    edit(
        project, PO, 'msgid "结束。"\nmsgstr "word."',
        'msgid "步长是 ``步长`` 。"\nmsgstr "Optimise ``步长``, deoptimise nothing."',
    )  # fmt: skip
    place = f"{PAGE}:{line_of(project, '步长')}"
    assert found(project) == [
        f"{place}: zh “步长”: write 步幅; “步长是 ``步长`` 。”",
        f"{place}: en “Optimis”: write optimiz…; “Optimise ``步长``, deoptimise nothing.”",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("结束,好", "half-width punctuation in Chinese: “束,”"),
        ("看``code``怎样", "docutils doesn't read the markup at “``code``怎样。”: put blanks around it"),
        ("很**粗**的字", "docutils doesn't read the markup at “**粗**的字。”: put blanks around it"),
    ],
)
def test_markup_and_punctuation(project: Project, text: str, fault: str) -> None:
    edit(project, PAGE, "# 结束。", f"# {text}。")
    translate(project)
    assert f"{PAGE}:{line_of(project, text)}: {fault}" in found(project)


def test_bold_that_commonmark_leaves_open(project: Project) -> None:
    edit(project, "docs/index.md", "一句话，", "**注意：**一句话，")
    translate(project)
    faults = found(project)
    place = f"docs/index.md:{line_of(project, '一句话', 'docs/index.md')}"
    assert f"{place}: CommonMark doesn't make **注意：** bold: put the punctuation outside" in faults


def test_a_heading_without_a_translation(project: Project) -> None:
    edit(project, PO, '#. title\nmsgid "第一页"\nmsgstr "word"', '#. title\nmsgid "第一页"\nmsgstr ""')
    [fault] = found(project)
    assert fault.startswith(f"{PO}:")
    assert fault.endswith("“第一页”: has no translation yet")


def test_a_comment_that_makes_a_line_too_wide(project: Project) -> None:
    edit(project, PO, '三个一"\nmsgstr "word"', f'三个一"\nmsgstr "{"w" * 75}"')
    place = f"{PAGE}:{line_of(project, '三个一')}"
    assert found(project) == [f"{place}: 93 columns wide with the en comment “{'w' * 75}” (at most 92)"]


def test_a_table_of_words_that_is_no_toml_is_named(project: Project) -> None:
    (project.docs / drift.WORDS).write_text('[zh]\n"步长" = \n', encoding="utf-8")
    with pytest.raises(SourceError, match=rf"{drift.WORDS}:2: not valid TOML"):
        found(project)


def test_an_underline_that_is_shorter_than_its_title(project: Project) -> None:
    edit(project, PAGE, "第一页\n======", "第一页\n=====")
    place = f"{PAGE}:{line_of(project, '第一页') + 1}"
    assert any(fault.startswith(f"{place}: make the underline as wide") for fault in found(project))
