"""Renders the pages again whose words were edited, and no others, where no other page can tell.

After a build stays what Sphinx knew of the site (``build/kept``). When since then nothing changed but texts on some
pages, the next build lets Sphinx read these pages again and write them over a copy of the published site. What Sphinx
then knows beyond these pages' own text - titles, labels, anchors, contents, images, terms, characters of formulas -
must be what it knew before; else, and whenever anything else is in doubt, the build starts clean, as the first did. So
a page never depends on the order of edits: it has the bytes of a clean build.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

from .keys import digest
from .localise import LISTING
from .project import Project

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["Kept", "forget", "keep", "known", "only_words_differ", "stage", "take"]

FOLDER = "kept"
NOTE = "kept.json"
KNOWN = "known.sha256"
WORDS = {".py", ".md", ".rst"}
"""Endings of what localising writes for a page; beside it stand its units."""
# A page's own reading, what is not about pages, and what only conf.py and files of `docs` decide.
OWN = {
    *("all_docs", "config", "config_status", "config_status_extra", "current_document", "doctreedir"),
    *("intersphinx_cache", "intersphinx_inventory", "intersphinx_named_inventory", "project", "ref_context"),
    *("settings", "srcdir"),
}


@dataclass(frozen=True)
class Kept:
    """What a build left for the next one."""

    fixed: str
    """A digest of all its inputs that are no texts of pages."""
    records: str | None
    """A digest of the records that the pages show."""
    pages: dict[str, str]
    """By language: a digest of the published site."""
    trees: dict[str, dict[str, str]]
    """By language: what localising wrote, each file with its digest."""


def _trees(project: Project) -> dict[str, dict[str, str]]:
    found = {}
    for language in project.languages:
        tree = project.source_tree(language)
        names = [*json.loads((tree / LISTING).read_text(encoding="utf-8")), "shown.json"]
        found[language.folder] = {
            name: hashlib.sha256((tree / name).read_bytes()).hexdigest() for name in names
        }
    return found


def _sites(project: Project) -> dict[str, str]:
    found = {}
    for language in project.languages:
        made = hashlib.sha256()
        folder = project.build / "html" / language.folder
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                made.update(f"{path.relative_to(folder).as_posix()}\0".encode())
                made.update(hashlib.sha256(path.read_bytes()).digest())
        found[language.folder] = made.hexdigest()
    return found


def forget(project: Project) -> None:
    """Have the next build start clean: the trees are not as the last one left them."""
    (project.build / FOLDER / NOTE).unlink(missing_ok=True)


def keep(project: Project, rendered: Path, fixed: str, records: str | None) -> None:
    """Keep what stands in `rendered` beside the published pages."""
    folder = project.build / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    rendered.rename(folder)
    note = asdict(Kept(fixed, records, _sites(project), _trees(project)))
    (folder / NOTE).write_text(json.dumps(note), encoding="utf-8")


def take(project: Project) -> Kept | None:
    """What the last build left, if it is whole."""
    try:
        return Kept(**json.loads((project.build / FOLDER / NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def only_words_differ(project: Project, kept: Kept | None, fixed: str, records: str | None) -> bool:
    """Whether the trees differ from those that `kept` is of by nothing but the texts of pages."""
    if kept is None or records is None:
        return False
    if (kept.fixed, kept.records, kept.pages) != (fixed, records, _sites(project)):
        return False
    trees = _trees(project)
    if {name: [*files] for name, files in trees.items()} != {
        name: [*files] for name, files in kept.trees.items()
    }:
        return False
    changed = {
        name
        for folder, files in trees.items()
        for name, is_now in files.items()
        if kept.trees[folder][name] != is_now
    }
    return all(Path(name).suffix in WORDS or name.endswith(".units.json") for name in changed)


def stage(project: Project, rendered: Path) -> None:
    """Put what the last build left into `rendered`, as it was when Sphinx was done."""
    (project.build / FOLDER).rename(rendered)
    for language in project.languages:
        # Sphinx writes its static files anew in any case.
        shutil.copytree(
            project.build / "html" / language.folder,
            rendered / language.folder / "html",
            ignore=lambda folder, names: {"_static"} & set(names),
        )


# -- in Sphinx


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it, the same for equal values."""
    if isinstance(value, nodes.Node):
        return value.pformat()
    if isinstance(value, Mapping):
        return sorted(([_plain(key), _plain(item)] for key, item in value.items()), key=json.dumps)
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    # What has an address in its name is never the same: such a site is built clean every time.
    return [type(value).__qualname__, _plain(vars(value)) if is_dataclass(value) else repr(value)]


def known(env: BuildEnvironment) -> str:
    """A digest of what pages can know of each other."""
    return digest(_plain({name: value for name, value in env.__getstate__().items() if name not in OWN}))


def _compare(app: Sphinx, env: BuildEnvironment) -> None:
    path = Path(app.doctreedir) / KNOWN
    now = known(env)
    if app.config.sitekit_amends and path.read_text(encoding="ascii") != now:
        sys.exit(1)  # no error: the build starts clean
    path.write_text(now, encoding="ascii")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_amends", False, "", [bool])
    app.connect("env-updated", _compare, priority=999)
