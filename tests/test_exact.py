"""The same again: examples that are run twice, builds that are killed and started again."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sitekit.execute import examples, golden, runner
from sitekit.execute.record import Record, Store
from sitekit.project.layout import Project

from tests import foreign
from tests.engine_project import busy_loops

ROOT = Path(__file__).resolve().parent.parent


def shown(record: Record, store: Store) -> list[tuple[str, list[bytes]]]:
    """What a record puts on its page, cell by cell."""
    return [
        (
            cell.text,
            [
                store.read_file(record, getattr(figure, name))
                for figure in cell.figures
                for name in ("light", "dark")
            ],
        )
        for cell in record.cells
    ]


@pytest.mark.thorough
def test_every_example_gives_the_same_in_another_order_and_on_a_busy_machine(tmp_path: Path) -> None:
    project = Project.load(ROOT)
    first, store, failures = golden.records(project, "cpu", [])
    assert failures == []
    again = Store(tmp_path / "again")
    wanted = [item for item in reversed(examples.chosen(project, "cpu", [])) if item.page in first]
    with busy_loops(8):
        summary = runner.record(wanted, again, examples.Options(project))
    assert [str(failure) for failure in summary.failures] == []
    different = []
    for page, made in summary.records.items():
        record = again.get(page, made.key)
        assert record is not None
        if shown(record, again) != shown(first[page], store):
            different.append(page)
    assert different == []


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.thorough)])
def test_a_build_that_was_killed_again_and_again_ends_as_a_clean_one(
    foreign_gallery: Path, tmp_path: Path, kills: int
) -> None:
    values = {"SOURCE_DATE_EPOCH": "1700000000"}
    clean, killed = (Path(shutil.copytree(foreign_gallery, tmp_path / name)) for name in ("clean", "killed"))
    shutil.rmtree(clean / "build")
    began = time.monotonic()
    foreign.build(clean, **values)
    longest = time.monotonic() - began
    random_part = random.Random(20)
    moments = [longest * (number + random_part.random()) / kills for number in range(kills)]
    random_part.shuffle(moments)
    for number, moment in enumerate(moments):
        shutil.rmtree(killed / ".cache" / "records" / "cpu" / "bases" / "courbe", ignore_errors=True)
        (killed / "build" / "inputs.sha256").unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-m", "sitekit", "build"],
            cwd=killed, env=foreign.environment(**values), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            time.sleep(moment)  # is what is tested
            process.send_signal(signal.SIGKILL)
        site = killed / "build" / "html"
        assert site.is_dir() or (killed / "build" / "html.old").is_dir(), f"after kill {number}"
    foreign.build(killed, **values)
    assert foreign.files(killed / "build" / "html") == foreign.files(clean / "build" / "html")
    left, wanted = ({path.name for path in (root / "build").iterdir()} for root in (killed, clean))
    assert left == wanted
