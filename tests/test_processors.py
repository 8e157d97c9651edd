"""Runs that stand in for other processors: the variables reach the worker, and what differs is reported."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from sitekit.execute import processors, runner
from sitekit.execute.examples import Options, chosen
from sitekit.execute.record import Store
from sitekit.project.errors import SitekitError
from sitekit.project.layout import Project

from tests import engine_project, foreign

SHOWS_THREADS = engine_project.script(
    'import os\nprint(os.environ["OMP_NUM_THREADS"], os.environ.get("EXTRA"))'
)
NOTEBOOK = '# Title\n\n```{code-cell} python\nimport os\nprint(os.environ["OMP_NUM_THREADS"], os.environ["EXTRA"])\n```\n'
ENDS_ITSELF = '"""x"""\nimport os, signal\nos.kill(os.getpid(), signal.SIGILL)\n'


@pytest.mark.parametrize("fork", [True, False])
def test_variables_reach_the_worker_and_the_key(tmp_path: Path, fork: bool) -> None:
    root = engine_project.write_project(tmp_path, {"page": SHOWS_THREADS}, docs={"exercise": NOTEBOOK})
    project, store = Project.load(root), Store(tmp_path / "store")
    usual = Options(project, fork=fork)
    other = Options(project, fork=fork, variables={"OMP_NUM_THREADS": "2", "EXTRA": "x"})
    wanted = chosen(project, "cpu", [])
    summary = runner.record(wanted, store, other, out=io.StringIO())
    assert summary.failures == []
    for example in wanted:
        record = store.get(example.page, example.key(other))
        assert record is not None
        assert record.cells[0].text == "2 x\n"
        # What ran otherwise never stands for an ordinary run.
        assert store.get(example.page, example.key(usual)) is None
    settings = wanted[0].environment_part(usual)["settings"]
    assert set(settings) == {"worker", "threads", "backend"}


def test_libraries_in_the_worker_obey() -> None:
    options = Options(Project.load(foreign.ROOT))
    usual = processors.seen({}, options)
    assert usual["threads"] == "1"
    assert processors.seen(processors.MODES["threads"], options) == usual | {"threads": "2"}
    assert processors.seen(processors.MODES["aten-default"], options)["ATen"] == "DEFAULT"


def test_what_every_mode_sets_is_known() -> None:
    libraries = {"ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"}
    libraries |= {"OPENBLAS_CORETYPE"}
    alone = [set(mode) for mode in processors.MODES.values() if len(mode) == 1]
    assert set().union(*alone) == libraries


def test_a_page_that_depends_on_the_processor_is_named(foreign_gallery: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))
    assert foreign.run(root, "-m", "sitekit", "golden", "--update").returncode == 0
    before = foreign.files(root / ".cache" / "records")

    def run(*arguments: str) -> tuple[int, list[str]]:
        modes = ("--mode", "default", "--mode", "threads", "--mode", "default")
        done = foreign.run(root, "-m", "sitekit", "processors", *arguments, *modes)
        return done.returncode, done.stdout.splitlines()

    code, lines = run("bases/somme", "bases/poids")
    assert code == 0, lines
    assert lines[-1] == "2 modes: 2 of 2 pages are the same in all"
    assert any(line.startswith("[3/3] default: the same code as default") for line in lines)
    foreign.edit(
        root, "gallery/bases/somme.py", "2 + 3", '2 + 2 + int(__import__("os").environ["OMP_NUM_THREADS"])'
    )
    code, lines = run("bases/somme", "bases/poids")
    assert code == 1, lines
    start = lines.index("bases/somme  differs in threads")
    assert lines[start + 1 : start + 3] == ["  threads:", "    bases/somme, cell 1:"]
    assert "      +total: 6" in lines
    assert "bases/poids  same" in lines
    assert lines[-1] == "2 modes: 1 of 2 pages are the same in all"
    assert foreign.files(root / ".cache" / "records") == before


def test_an_unknown_mode_is_named(foreign_gallery: Path) -> None:
    with pytest.raises(SitekitError, match="no mode zen5; there are default, threads, "):
        processors.review(Project.load(foreign_gallery), [], ["zen5"])


def test_a_mode_that_this_processor_cannot_run_is_left_out(
    foreign_gallery: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processors, "PROBE", ENDS_ITSELF)
    assert processors.run(Project.load(foreign_gallery), [], ["avx512"]) == {}
    assert capsys.readouterr().out == "[1/1] avx512: not on this processor (killed by SIGILL)\n"
