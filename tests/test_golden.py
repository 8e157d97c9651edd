"""What pages print and draw is what a person agreed to: tests/golden/, and how it is compared."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from sitekit.execute import golden
from sitekit.execute.golden import Tolerance, close, differences
from sitekit.execute.record import Cell, Figure, Record, Store, file_name
from sitekit.project.layout import Project

from tests import engine_project, foreign

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project.load(ROOT)
TOLERANCES = {page.docname: Tolerance.of(page) for page in PROJECT.pages()}
FOLDER = ROOT / golden.FOLDER
DEVICES = sorted({device for page in PROJECT.pages() for device in page.devices})
PAGES = {device: [example.page for example in golden.compared(PROJECT, device)] for device in DEVICES}


def test_every_page_shows_what_was_agreed_to() -> None:
    records, store, failures = golden.records(PROJECT, "cpu", [])
    assert failures == []
    assert set(records) == set(PAGES["cpu"])
    found = [
        line
        for page, record in records.items()
        for line in golden.compare(FOLDER / "cpu", record, store, TOLERANCES.get(page, Tolerance()))
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("device", [device for device in DEVICES if device != "cpu"])
def test_committed_records_show_what_was_agreed_to(device: str) -> None:
    records, store, _ = golden.records(PROJECT, device, [])
    found = [
        line for page, record in records.items() for line in golden.compare(FOLDER / device, record, store)
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("device", DEVICES)
def test_every_golden_file_is_of_a_page(device: str) -> None:
    assert golden.stale(FOLDER / device, PAGES[device]) == []


# -- how text is compared


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss 0.1269", "loss 0.1270"),
        ("tensor([ 2.0000, 5.2832])", "tensor([2.0000,  5.2830])"),
        ("1.234567e-05 s", "1.2350e-05 s"),
        ("-0.00", "-0.01"),
        ("ends at 9.999", "ends at 10.001"),
        ("nan", "nan"),
    ],
)
def test_close(before: str, after: str) -> None:
    assert close(before, after)
    assert differences(f"a\n{before}\nb", f"a\n{after}\nb") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss 0.1269", "loss 0.1279"),
        ("step 7", "step 8"),
        ("1", "1.0"),
        ("torch.Size([5, 3])", "torch.Size([5, 4])"),
        ("dtype=torch.float64", "dtype=torch.float32"),
        ("torch 2.13.0", "torch 2.13.1"),
        ("nan", "0.0"),
        ("x1", "x2"),
        ("a b", "a c"),
        ("True", "False"),
    ],
)
def test_not_close(before: str, after: str) -> None:
    assert not close(before, after)
    found = differences(f"a\n{before}\nb", f"a\n{after}\nb")
    assert f"-{before}" in found
    assert f"+{after}" in found


def test_a_page_can_say_how_far_its_numbers_go() -> None:
    assert not close("accuracy 0.9500", "accuracy 0.9517")
    assert close("accuracy 0.9500", "accuracy 0.9517", Tolerance(absolute=1 / 597))
    assert not close("after 200 steps", "after 203 steps", Tolerance(relative=0.5))
    assert close("after 200 steps", "after 203 steps", Tolerance(integers=0.02))
    assert not close("after 200 steps", "after 203.0 steps", Tolerance(integers=0.02))


def test_what_a_model_wrote_is_not_compared_where_the_page_says_so() -> None:
    before, after = "loss 2.40\nwrote: The thure 1\nend", "loss 2.40\nwrote: Tha 7.5 x\nend"
    assert differences(before, after) != []
    assert differences(before, after, Tolerance(sampled="wrote:")) == []
    assert close("wrote: a", "wrote: b", Tolerance(sampled="wrote:"))
    assert not close("wrote: a", "says: a", Tolerance(sampled="wrote:"))
    assert not close("he wrote: a", "he wrote: b", Tolerance(sampled="wrote:"))
    assert not close("loss 2.40", "loss 2.50", Tolerance(sampled="wrote:"))


def test_only_what_differs_is_shown() -> None:
    before, after = "same\n0.5000\nold\n0.2000", "same\n0.5001\nnew\nmore\n0.2000"
    assert differences(before, after)[2:] == [
        "@@ -2,3 +2,4 @@",
        " 0.5000",
        "-old",
        "+new",
        "+more",
        " 0.2000",
    ]


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20), max_size=8
)


@given(LINES)
def test_equal_texts_never_differ(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert differences(text, text) == []


@given(st.floats(1e-6, 1e6), st.integers(1, 6), st.sampled_from([1.01, 0.99, -1.0]))
def test_a_number_that_moved_is_seen(value: float, decimals: int, factor: float) -> None:
    before, after = f"{value:.{decimals}f}", f"{value * factor:.{decimals}f}"
    moved = abs(float(before) - float(after))
    assert close(before, after) == (moved <= 1e-3 * abs(float(before)) + 1.001 * 10.0**-decimals)


# -- figures, and the command


def drawn(width: int) -> bytes:
    """A figure with a line of some width."""
    image = Image.new("RGBA", (640, 480), (255, 255, 255, 0))
    ImageDraw.Draw(image).line((0, 0, 640, 480), fill="blue", width=width)
    out = io.BytesIO()
    image.save(out, "png")
    return out.getvalue()


def recorded(folder: Path, text: str, width: int) -> tuple[Record, Store]:
    """A record of one cell with a text and a figure."""
    store = Store(folder)
    png = drawn(width)
    name = file_name(png, ".png")
    figure = Figure(320, 240, name, name, name)
    made = replace(engine_project.make(), cells=(Cell((("stdout", text),), (figure,)),))
    return store.put(made, {name: png}), store


def test_figures_of_a_page_whose_numbers_vary_may_vary(tmp_path: Path) -> None:
    record, store = recorded(tmp_path, "loss 0.50\n", 4)
    golden.save(tmp_path / "golden", record, store)
    other, store = recorded(tmp_path / "other", "loss 0.50\n", 6)
    assert golden.compare(tmp_path / "golden", other, store) != []
    assert golden.compare(tmp_path / "golden", other, store, Tolerance(sampled="wrote")) != []
    assert golden.compare(tmp_path / "golden", other, store, Tolerance(absolute=0.1)) == []
    blank, store = recorded(tmp_path / "blank", "loss 0.50\n", 60)
    assert golden.compare(tmp_path / "golden", blank, store, Tolerance(absolute=0.1)) != []


def test_figures_are_compared_as_they_look(tmp_path: Path) -> None:
    record, store = recorded(tmp_path / "store", "loss 0.50\n", 4)
    assert "no golden output" in golden.compare(tmp_path / "golden", record, store)[0]
    assert golden.save(tmp_path / "golden", record, store)
    assert not golden.save(tmp_path / "golden", record, store)
    assert golden.compare(tmp_path / "golden", record, store) == []
    thick, store = recorded(tmp_path / "thick", "loss 0.50\n", 40)
    (line,) = golden.compare(tmp_path / "golden", thick, store)
    assert line.startswith("chapter/page, cell 1: page-1.png looks different, by ")
    other, store = recorded(tmp_path / "other", "loss 0.70\n", 4)
    found = golden.compare(tmp_path / "golden", other, store)
    assert found[0] == "chapter/page, cell 1:"
    assert {"  -loss 0.50", "  +loss 0.70"} <= set(found)


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "a\n\n", "\n\na\n"])
def test_what_was_agreed_to_is_the_same_with_blank_lines(text: str, tmp_path: Path) -> None:
    record, store = recorded(tmp_path / "store", text, 4)
    golden.save(tmp_path / "golden", record, store)
    assert golden.compare(tmp_path / "golden", record, store) == []


def test_the_command_compares_and_writes_only_when_asked(foreign_gallery: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return foreign.run(root, "-m", "sitekit", "golden", *arguments)

    first = run()
    assert first.returncode == 1
    assert (
        "bases/somme: no golden output; look at the page, then run `nox -s golden -- --update" in first.stdout
    )
    assert not (root / "tests").exists()
    assert run("--update").returncode == 0
    assert run().returncode == 0
    foreign.edit(root, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    before = foreign.files(root / "tests")
    changed = run("bases/somme")
    assert changed.returncode == 1
    assert "bases/somme, cell 1:\n" in changed.stdout
    assert "  -total: 5\n  +total: 6\n" in changed.stdout
    assert foreign.files(root / "tests") == before
    assert "updated bases/somme\n" in run("--update", "bases/somme").stdout
    assert json.loads((root / "tests/golden/cpu/bases/somme.json").read_text())["cells"][0] == ["total: 6"]
    agreed = root / "tests" / "golden" / "cpu" / "bases"
    (agreed / "gone.json").write_text("{}")
    (agreed / "gone-1.png").touch()
    assert "tests/golden/cpu/bases/gone.json: no page has this name" in run().stdout
    # A page that fails keeps what was agreed to; one that is gone keeps nothing.
    wanted = {path.name for path in agreed.iterdir() if path.stem not in {"gone", "gone-1"}}
    foreign.edit(root, "gallery/bases/courbe.py", "[1, 2, 3]", "[1, 2, 1 / 0]")
    assert run("--update").returncode == 1
    assert {path.name for path in agreed.iterdir()} == wanted


def test_a_report_on_other_versions(foreign_gallery: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    assert foreign.run(root, "-m", "sitekit", "golden", "--update").returncode == 0
    # What another release would do, the examples do themselves.
    foreign.edit(root, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    foreign.edit(root, "gallery/bases/poids.py", "print(peser", 'raise KeyError("gone")\nprint(peser')
    foreign.edit(
        root,
        "gallery/bases/courbe.py",
        "plt.plot",
        'import warnings\nwarnings.warn("old", FutureWarning)\nplt.plot',
    )
    done = foreign.run(root, "-m", "sitekit", "versions")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    states = dict(line.split() for line in lines if line.startswith(("bases/", "essai ")))
    assert states == {
        "bases/somme": "differs",
        "bases/poids": "fails",
        "bases/courbe": "warns",
        "essai": "same",
    }
    assert "      +total: 6" in lines
    assert "      KeyError: 'gone'" in lines
    assert "      FutureWarning: old" in lines
    assert lines[-1].endswith(": 1 same, 1 differs, 1 warns, 1 fails")
    assert (root / "build" / "html" / "fr" / "bases" / "somme.html").is_file()
