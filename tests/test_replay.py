"""Sphinx-Gallery shows recorded outputs, in the words of the script it is given, and runs nothing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import docutils.parsers.rst.directives
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sitekit.execute import examples, runner
from sitekit.execute.chosen import ShownRecord
from sitekit.execute.record import Cell, Record, Store
from sitekit.project.layout import Project
from sitekit.site import replay
from sphinx.errors import ExtensionError

from tests.engine_project import make, script, write_project

PAGE = script(
    """
    # a remark
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.plot([1, 2])
    print("drawn:\\ttabs and \\x1b[1mescapes\\x1b[0m")
    # alt: a line
    plt.show()
    """,
    "# nothing but words",
    "print('end')",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Store]:
    """`PAGE`, recorded."""
    root = write_project(tmp_path_factory.mktemp("project"), {"page": PAGE})
    project, store = Project.load(root), Store(root / "store")
    options = examples.Options(project, jobs=1)
    summary = runner.record(examples.examples(project), store, options, out=io.StringIO())
    record = store.get("chapter/page", summary.records["chapter/page"].key)
    assert record
    return record, store


def shown(recorded: tuple[Record, Store]) -> list[ShownRecord]:
    """What the page of a record shows."""
    return [ShownRecord(*recorded, True)]


def blocks(text: str, folder: Path) -> list[Any]:
    """The blocks of a script as Sphinx-Gallery cuts it."""
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    found: list[Any] = split_code_and_text_blocks(path)[1]
    return found


def test_outputs_stand_below_their_cells(recorded: tuple[Record, Store], tmp_path: Path) -> None:
    cut = blocks(PAGE, tmp_path)
    outputs = replay.outputs_for_replay(shown(recorded), cut)
    assert len(outputs) == len(cut)
    first = outputs[1]
    assert ".. image:: /recorded/cpu/chapter/page_01_01_light.webp\n   :alt: a line\n" in first
    assert "only-dark" in first
    assert '.. recorded-output:: text\n\n   "drawn:\\ttabs and escapes"\n' in first
    assert all(not output for output, block in zip(outputs, cut, strict=True) if block.type == "text")
    assert '"end"' in outputs[-1]


def test_words_are_those_of_the_script(recorded: tuple[Record, Store], tmp_path: Path) -> None:
    """A translated script has other comments, and maybe fewer blocks of nothing but comments."""
    translated = PAGE.replace("alt: a line", "alt: \u4e00\u6761\u7ebf").replace("# a remark\n", "")
    outputs = replay.outputs_for_replay(shown(recorded), blocks(translated, tmp_path))
    assert "/recorded/cpu/chapter/page_01_01_dark.webp\n   :alt: \u4e00\u6761\u7ebf\n" in outputs[1]


def test_other_cells_are_an_error(recorded: tuple[Record, Store], tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match="1 code cells and its record 2"):
        replay.outputs_for_replay(shown(recorded), blocks(script("x = 1"), tmp_path))


TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]) | st.sampled_from("\n\t `\\|*:"), min_size=1
)


@given(TEXTS, st.integers(1, 5000))
@example("\n\n  a  b\n  1  2\n\n", 1)
@example("x", 30_000)
def test_text_stands_on_the_page_as_it_was_printed(text: str, times: int) -> None:
    """Blank lines, indents, tabs, markup, lines of any length: the page's code block holds just that."""
    docutils.parsers.rst.directives.register_directive("recorded-output", replay.RecordedOutput)
    record = replace(make(), cells=(Cell((("stdout", text * times), ("html", f"<b>{text}</b>"))),))
    rst = replay.cell_rst(record, 0, [])
    document = docutils.core.publish_doctree(rst, settings_overrides={"report_level": 1, "halt_level": 1})
    shown = [node.astext() for node in document.findall(docutils.nodes.literal_block)]
    assert shown == ([(text * times).removesuffix("\n")] if text.strip() else [])
    assert f"<b>{text}</b>" in next(document.findall(docutils.nodes.raw)).astext()


def test_images_are_placed_once(recorded: tuple[Record, Store], tmp_path: Path) -> None:
    replay.place_images(*recorded, tmp_path)
    folder = tmp_path / "recorded" / "cpu" / "chapter"
    assert {path.name for path in folder.iterdir()} == {"page_01_01_light.webp", "page_01_01_dark.webp"}
    light = folder / "page_01_01_light.webp"
    before = light.stat().st_mtime_ns
    replay.place_images(*recorded, tmp_path)
    assert light.stat().st_mtime_ns == before


def test_code_objects(recorded: tuple[Record, Store]) -> None:
    found = replay.code_objects(recorded[0])
    assert found["plt.subplots"][0]["module_short"] == "matplotlib.pyplot"
    assert found["plt.subplots"][0]["name"] == "subplots"


def test_a_variable_is_no_code_object(recorded: tuple[Record, Store]) -> None:
    names = {"x": ["torch:Tensor"], "x.view": ["torch:Tensor", "torch:Tensor.view"]}
    found = replay.code_objects(replace(recorded[0], names=names))
    assert {name: [item["name"] for item in items] for name, items in found.items()} == {
        "x.view": ["Tensor.view"]
    }


def test_imports_tell_the_objects_of_a_notebook() -> None:
    code = "import numpy as np, torch\nfrom torch import nn\nfrom . import own\nnp.zeros(1); nn.Linear(x.a, 1); own.b; torch.nn.init.ones_"
    found = replay.imported_objects(code)
    names = {written: f"{item[0]['module']}.{item[0]['name']}" for written, item in found.items()}
    assert names == {
        "np.zeros": "numpy.zeros",
        "nn": "torch.nn",
        "nn.Linear": "torch.nn.Linear",
        "torch.nn": "torch.nn",
        "torch.nn.init": "torch.nn.init",
        "torch.nn.init.ones_": "torch.nn.init.ones_",
    }


def test_outputs_of_a_notebook() -> None:
    outputs = replay.notebook_outputs(
        replace(make(), cells=(Cell((), make().cells[1].figures, make().cells[2].bundles),)),
        0,
        ["one line"],
    )
    text = outputs[0]["data"]["text/markdown"]
    assert (
        '```{image} /recorded/cpu/chapter/page_01_01_light.webp\n:alt: "one line"\n:width: 650\n:height: 400'
        in text
    )
    assert outputs[1] == {"output_type": "stream", "name": "stdout", "text": "x"}
