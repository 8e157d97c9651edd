"""Pages prove what they say: the rules that hold prose against output, code against what was introduced, and each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitekit.execute.golden import FOLDER
from sitekit.project.layout import Project
from sitekit.rules import drift, evidence, lint

from tests import small_project

PAGE, CURRICULUM = "gallery/start/first.py", "gallery/curriculum.toml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.write(tmp_path)


def change(project: Project, name: str, old: str, new: str) -> Project:
    """Change a file of the project, translate what is new, and read the project again."""
    path = project.root / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new), encoding="utf-8")
    project = Project.load(project.root)
    small_project.translate(project)
    for catalogue in project.locale.rglob("*.po"):
        entries = catalogue.read_text(encoding="utf-8")
        catalogue.write_text(entries.replace("#, fuzzy\n", ""), encoding="utf-8")
    return project


def say(project: Project, sentence: str) -> Project:
    return change(project, PAGE, "# 结束。", f"# {sentence}")


def prints(project: Project, *lines: str, page: str = "start/first") -> None:
    """Agree to what `page` prints."""
    path = project.root / FOLDER / "cpu" / f"{page}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [list(lines)], "figures": []}), encoding="utf-8")


def found(project: Project) -> list[str]:
    """What `nox -s lint` prints of the page, without file and line."""
    return [finding.message for finding in lint.review(project).findings]


# -- numbers in prose stand in the output


@pytest.mark.parametrize(
    ("sentence", "printed", "unproved"),
    [
        ("准确率是 0.67。", "accuracy 0.6712", []),
        ("准确率是 0.68。", "accuracy 0.6712", ["0.68"]),
        ("准确率是 67%。", "accuracy 0.6712", []),
        ("准确率是 67.1%。", "accuracy 0.6712", []),
        ("准确率是 67 %。", "67 percent", []),
        ("准确率是 66%。", "accuracy 0.6712", ["66%"]),
        ("比值是 :math:`2.5`。", "ratio 2.4", ["2.5"]),
        ("默认是 ``0.9``。", "nothing", []),  # code is no claim of ours
        ("要 PyTorch 2.11 以上。", "nothing", []),
        ("第 3 步以后有 12 个。", "nothing", []),  # whole numbers may be words
        ("高是 1e-5 的 0.1 倍。", "1.0e-01", []),
    ],
)
def test_a_fraction_in_prose_stands_in_the_output(
    project: Project, sentence: str, printed: str, unproved: list[str]
) -> None:
    prints(project, printed)
    faults = found(say(project, sentence))
    assert [fault.split()[0] for fault in faults] == unproved * 2  # in both languages
    assert all("stands in no output or code of this page" in fault for fault in faults)


def test_a_number_of_the_code_may_be_named(project: Project) -> None:
    prints(project, "nothing")
    project = change(project, PAGE, "return value * 2", "return value * 0.25")
    assert found(say(project, "乘以 0.25，也就是 25%。")) == []


def test_a_mark_excuses_a_number_and_is_listed(project: Project) -> None:
    prints(project, "nothing")
    project = say(
        project, "上面。\n#\n# .. not-printed: 0.99: the default in the documentation\n#\n# 默认是 0.99。"
    )
    report = lint.review(project)
    assert report.findings == []
    [(page, mark)] = report.elsewhere
    assert (page, mark.number, mark.reason) == ("start/first", "0.99", "the default in the documentation")
    line = (project.root / PAGE).read_text(encoding="utf-8").splitlines()[mark.line - 1]
    assert line.startswith("# .. not-printed: 0.99")


def test_a_mark_without_its_number_is_refused(project: Project) -> None:
    prints(project, "nothing")
    project = say(
        project, "上面。\n#\n# .. not-printed: 0.99: the default in the documentation\n#\n# 默认很大。"
    )
    assert found(project) == ["no sentence says 0.99: take this mark away"]


def test_answers_and_tables_of_markdown_are_held_against_their_page(project: Project) -> None:
    prints(project, "", page="index")
    project = change(project, "docs/index.md", "| 甲 | `1` |", "| 甲 | 0.75 |")
    assert [fault.split()[0] for fault in found(project)] == ["0.75", "0.75"]
    prints(project, "0.753", page="index")
    assert found(project) == []


@given(st.decimals(0, 1000, places=4, allow_nan=False), st.integers(1, 4))
def test_whatever_is_rounded_as_printed_stands_there(value: object, places: int) -> None:
    number = float(str(value))
    assert evidence.stands_in(f"{number:.{places}f}", {number})
    assert evidence.stands_in(f"{100 * number:.{places}f}", {number}, percent=True)
    assert not evidence.stands_in(f"{number + 2 * 10**-places:.{places}f}", {number})


def test_a_wide_line_is_cut_off(project: Project) -> None:
    prints(project, "x" * 92, "宽" * 46)
    assert found(project) == []
    prints(project, "x" * 93)
    assert found(project) == [f"93 columns are printed (at most 92): “{'x' * 60}…”"]


# -- words and sentences


def test_a_claim_of_a_run_off_the_page(project: Project) -> None:
    words = '[zh]\n"量过" = "把运行放到页上"\n[en]\n"we measured" = "the run itself"\n'
    (project.docs / drift.WORDS).write_text(words, encoding="utf-8")
    assert found(say(project, "这一点量过。")) == ["zh “量过”: write 把运行放到页上; “这一点量过。”"]


@pytest.mark.parametrize(
    ("sentence", "marks"),
    [
        ("规则：一：二。", 2),
        ("规则：一。", 0),
        ("在 12:30 到 13:30 之间：走。", 0),
        ("见 ``a: b; c: d``：好。", 0),
    ],
)
def test_a_chain_of_colons_is_counted(project: Project, sentence: str, marks: int) -> None:
    faults = [fault for fault in found(say(project, sentence)) if "colons" in fault]
    assert [fault.split()[0] for fault in faults] == ([str(marks)] * 2 if marks else [])


# -- code


def test_one_spelling_for_a_name(project: Project) -> None:
    (project.docs / drift.WORDS).write_text('[code]\nloss_func = "loss_fn"\n', encoding="utf-8")
    project = change(project, PAGE, "x = np.ones(3)", "loss_func = np.ones(3)\nx = np.ones(3)")
    assert found(project) == ["`loss_func`: write `loss_fn`"]


@pytest.mark.parametrize("name", ["test", "test_images", "x_test"])
def test_test_data_is_for_pages_that_may(project: Project, name: str) -> None:
    code = f"train, {name} = np.ones(2)\nx = np.ones(3)"
    project = change(project, PAGE, "x = np.ones(3)", code)
    assert found(project) == []  # a split has a third part
    project = change(project, PAGE, code, f"{code}\nx = x + {name}")
    assert found(project) == [
        f"`{name}`: compare on validation data; only pages with `test_split` look at test data"
    ]
    project = change(project, CURRICULUM, "minutes = 3", "minutes = 3\ntest_split = true")
    assert found(project) == []


USES = "import numpy as np\nfrom torch import nn\n\nlayer = nn.Linear(2, 3)\nlayer(x).sum().backward()"


def test_an_api_is_introduced_before_it_is_used(project: Project) -> None:
    project = change(project, PAGE, "import numpy as np", USES)
    nowhere = (
        "torch.nn.Linear is used here and introduced nowhere: explain it, and list it under `introduces`"
    )
    assert found(project) == [nowhere]
    names = 'introduces = ["torch.nn.Linear", "torch.Tensor.backward"]'
    later = change(
        project, CURRICULUM, 'prerequisites = ["start/first"]', f'prerequisites = ["start/first"]\n{names}'
    )
    assert found(later) == [
        f"{name} is used here and introduced in start/second: make that a prerequisite"
        for name in ("torch.nn.Linear", "torch.Tensor.backward")
    ]
    own = change(later, CURRICULUM, "minutes = 3", f"minutes = 3\n{names}")
    assert found(own) == []


def test_what_a_prerequisite_introduces_is_known(project: Project) -> None:
    project = change(project, "gallery/start/second.py", 'print("nothing")', USES.replace("(x)", "(None)"))
    assert len(found(project)) == 1
    names = 'introduces = ["torch.nn.Linear", "torch.Tensor.backward"]'
    project = change(project, CURRICULUM, "minutes = 3", f"minutes = 3\n{names}")
    assert found(project) == []


@pytest.mark.parametrize(
    "last",
    ["x", "x[0]", "x + 1", "(x, 2)", "x.train()", "x.eval()", "x.add_(1)", "x.to(int)", "x(2)"],
)
def test_no_cell_ends_in_a_value_that_only_a_notebook_shows(project: Project, last: str) -> None:
    project = change(project, PAGE, "np.zeros(1)", last)
    line = (project.root / PAGE).read_text(encoding="utf-8").split("\n").index(last) + 1
    (finding,) = lint.review(project).findings
    assert finding.line == line
    assert finding.message.startswith(f"`{last}`: a notebook shows the value that ends a cell")


@pytest.mark.parametrize(
    "last", ["print(x)", "double(x)", "x.close()", "_ = x.eval()", "x.__setitem__(0, 1)"]
)
def test_what_shows_nothing_or_may_show_nothing_ends_a_cell(project: Project, last: str) -> None:
    assert found(change(project, PAGE, "np.zeros(1)", last)) == []
