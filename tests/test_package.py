"""What readers take home at once: the whole site, and each language's scripts and notebooks."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sitekit.publish.package import package

from tests.built import EXAMPLES, HAN, LANGUAGES, PROJECT, ROOT, SITE

VERSION = "0.1.0"
in_every_language = pytest.mark.parametrize("language", LANGUAGES)
pytestmark = pytest.mark.usefixtures("site_root")


def bundle(language: str) -> Path:
    """The zip of all examples, found as a reader finds it: by a link."""
    (found,) = (SITE / language / "_downloads").glob("*/torchnotes-examples.zip")
    page = (SITE / language / "install.html").read_text(encoding="utf-8")
    assert f'href="{found.relative_to(SITE / language).as_posix()}"' in page
    return found


@pytest.fixture(scope="module")
def packed() -> list[Path]:
    """Return what packing made."""
    return package(PROJECT)


def test_packing_makes_one_zip_of_the_site_and_one_of_examples_per_language(packed: list[Path]) -> None:
    assert [path.name for path in packed] == [
        f"torchnotes-html-{VERSION}.zip",
        *(f"torchnotes-examples-{language}-{VERSION}.zip" for language in LANGUAGES),
    ]
    for language, path in zip(LANGUAGES, packed[1:], strict=True):
        assert path.read_bytes() == bundle(language).read_bytes()


def test_packing_again_gives_equal_bytes(packed: list[Path]) -> None:
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in packed]
    for path in packed:
        path.touch()
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in package(PROJECT)] == before
    for path in packed:
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.testzip() is None


def test_the_zip_of_the_site_is_the_site(packed: list[Path]) -> None:
    with zipfile.ZipFile(packed[0]) as archive:
        names = archive.namelist()
        inside = {name.partition("/")[2]: archive.read(name) for name in names}
    assert {name.partition("/")[0] for name in names} == {f"torchnotes-html-{VERSION}"}
    assert inside == {
        path.relative_to(SITE).as_posix(): path.read_bytes() for path in SITE.rglob("*") if path.is_file()
    }


@in_every_language
def test_the_bundle_holds_every_script_and_notebook_in_its_language(language: str) -> None:
    with zipfile.ZipFile(bundle(language)) as archive:
        top = f"torchnotes-examples-{language}/"
        assert all(name.startswith(top) for name in archive.namelist())
        inside = {name.removeprefix(top): archive.read(name).decode() for name in archive.namelist()}
    assert {f"{page}{suffix}" for page in EXAMPLES for suffix in (".py", ".ipynb")} <= set(inside)
    assert {"LICENSE", "LICENSE-text.md"} <= set(inside)
    for page in EXAMPLES:
        docstring = ast.get_docstring(ast.parse(inside[f"{page}.py"]))
        assert bool(HAN.search(docstring or "")) == (language == "zh")
        assert json.loads(inside[f"{page}.ipynb"])["nbformat"] == 4


def test_a_script_in_the_bundle_finds_the_modules_it_shares(tmp_path: Path) -> None:
    shutil.unpack_archive(bundle("en"), tmp_path)
    folders = sorted({page.partition("/")[0] for page in EXAMPLES})
    sharing = [
        page
        for page in EXAMPLES
        if "torchnotes" in (ROOT / "gallery" / f"{page}.py").read_text(encoding="utf-8").partition('"""')[2]
    ]
    assert sharing
    for page in sharing:
        script = tmp_path / "torchnotes-examples-en" / f"{page}.py"
        code = (
            f"import sys; sys.path = [{str(script.parent)!r}] + [p for p in sys.path if {str(ROOT)!r} not in p]\n"
            f"import torchnotes; print(torchnotes.__file__)"
        )
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True
        )
        assert Path(done.stdout.strip()).is_relative_to(script.parent)
    assert folders
