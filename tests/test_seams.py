"""What the engine counts on in other packages is there, and its loss is told before anything is built."""

from __future__ import annotations

import io
import re
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest
from sitekit import site
from sitekit.execute import examples, runner
from sitekit.execute.record import Store
from sitekit.project import seams
from sitekit.project.errors import SitekitError
from sitekit.project.files import PACKAGE
from sitekit.project.layout import Project
from sitekit.publish import live
from sphinx.errors import ExtensionError

from tests.engine_project import script, write_project

ROOMS = ("execute", "markup", "publish", "site")


def remove(patch: pytest.MonkeyPatch, seam: seams.Seam) -> None:
    """Take the place of `seam` away, as another version of its package would."""
    path, _, text = seam.place.partition(": ")
    if text:
        rest = seams._text(path).replace(text, "")
        patch.setattr(seams, "_text", lambda _: rest)
        return
    module, _, name = path.partition("(")[0].partition(":")
    *inner, last = name.split(".")
    owner = resolve_name(f"{module}:{'.'.join(inner)}" if inner else module)
    for found in getattr(owner, "__mro__", [owner]):  # it may be inherited
        if last in vars(found):
            patch.delattr(found, last)


def test_the_installed_packages_have_all_of_it() -> None:
    seams.check(*ROOMS)
    assert {user.split(".")[0] for seam in seams.SEAMS for user in seam.used_by} == set(ROOMS)


def test_each_loss_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for seam in seams.SEAMS:
        with monkeypatch.context() as patch:
            remove(patch, seam)
            with pytest.raises(SitekitError) as told:
                seams.check(*(user.split(".")[0] for user in seam.used_by))
        [line] = [line for line in str(told.value).splitlines() if f" has no {seam.place} any more; " in line]
        assert line.startswith(f"sitekit: {seams.NAMES[seam.package]} ")
        for user in seam.used_by:
            name = f"sitekit/{user.replace('.', '/')}.py"
            assert name in line
            assert (PACKAGE.parent / name).is_file()
    seams.check(*ROOMS)


@pytest.mark.parametrize(
    ("place", "other"),
    [
        ("gen_rst:execute_script", lambda script_blocks, script_vars, gallery_conf, file_conf, more: None),
        ("gen_rst:execute_code_block", lambda block, compiler: None),
    ],
)
def test_other_parameters_are_a_loss(monkeypatch: pytest.MonkeyPatch, place: str, other: Any) -> None:
    module, _, name = f"sphinx_gallery.{place}".partition(":")
    monkeypatch.setattr(resolve_name(module), name, other)
    with pytest.raises(SitekitError, match=rf"Sphinx-Gallery [\d.]+ has no {module}:{name}\(.*adapt"):
        seams.check("execute", "site")


def test_more_parameters_are_none_where_only_the_first_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from sphinx_gallery import utils

    monkeypatch.setattr(utils, "get_md5sum", lambda src_file, mode, more: "")
    seams.check("site")


def test_every_part_of_a_build_looks_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for room in ROOMS:
        remove(monkeypatch, next(seam for seam in seams.SEAMS if seam.used_by[0].startswith(room)))
    app: Any = SimpleNamespace()  # nothing is asked of it
    with pytest.raises(
        ExtensionError, match=r"get_md5sum.* any more; .* adapt sitekit/site/records_on_page\.py"
    ):
        site.connect(app)
    project = Project.load(write_project(tmp_path, {"page": script("print(1)")}))
    store = Store(tmp_path / "store")
    with pytest.raises(SitekitError, match=r"adapt sitekit/execute/worker\.py$"):
        runner.record(examples.examples(project), store, examples.Options(project), out=io.StringIO())
    with pytest.raises(SitekitError, match=r"livereload .* adapt sitekit/publish/live\.py$"):
        live.serve(tmp_path, 0)


def test_readers_find_the_same_list() -> None:
    text = (PACKAGE.parent / "how_it_works.md").read_text(encoding="utf-8")
    described = set(re.findall(rf"^- `((?:{'|'.join(ROOMS)})\.\w+)` ", text, re.MULTILINE))
    (block,) = re.findall(r"```text\n(\w+\.\w+\n    .*?)```", text, re.DOTALL)
    parts = [part.splitlines() for part in re.split(r"^(?=\S)", block, flags=re.MULTILINE) if part]
    shown = {user: {place.strip() for place in places} for user, *places in parts}
    users = {user for seam in seams.SEAMS for user in seam.used_by}
    assert described == users
    assert shown == {user: {seam.place for seam in seams.SEAMS if user in seam.used_by} for user in users}
