"""The package as others install it: its files, what it needs, and the examples of its README and docstrings."""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
README = ROOT / "src" / "README.md"
MODULES = sorted(
    path.stem for path in (ROOT / "src" / "torchnotes").glob("*.py") if not path.name.startswith("_")
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that `python -m build` makes of a copy of what it reads."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "LICENSE-text.md"):
        shutil.copy2(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(made.glob("*.tar.gz"))) == 1
    (path,) = made.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (ROOT / "src" / "torchnotes").rglob("*")
    assert inside == {
        path.relative_to(ROOT / "src").as_posix()
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_needs_torch_and_numpy_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert {item.name for item in wanted if item.marker is None} == {"torch", "numpy"}
    assert {str(item.marker) for item in wanted if item.marker} == {'extra == "data"'}
    assert str(metadata.get_payload()).strip() == README.read_text(encoding="utf-8").strip()


def test_the_wheel_works_where_only_it_is(wheel: Path, tmp_path: Path) -> None:
    """Unpacked beside torch and NumPy; scikit-learn is asked for only where digits are loaded."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = f"""\
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["sklearn"] = None
from torchnotes import datasets, models, workers
assert datasets.__file__.startswith({str(tmp_path)!r})
try:
    datasets.Digits.load()
except ModuleNotFoundError as error:
    print(error.name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["sklearn.datasets"]


def test_the_readme_shows_one_example_of_each_module() -> None:
    text = README.read_text(encoding="utf-8")
    assert re.findall(r"^## torchnotes\.(\w+)$", text, re.MULTILINE) == MODULES
    for module in MODULES:
        section = text.partition(f"## torchnotes.{module}\n")[2].partition("\n## ")[0]
        assert f">>> from torchnotes.{module} import" in section


def test_the_examples_of_the_readme_are_true() -> None:
    failed, tried = doctest.testfile(str(README), module_relative=False)
    assert tried >= 10
    assert failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_are_true(module: str) -> None:
    assert doctest.testmod(import_module(f"torchnotes.{module}")).failed == 0
