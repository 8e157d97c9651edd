"""Renders the pages again whose words were edited, and no others, where no other page can tell.

After a build stays what Sphinx knew of the site (``build/reusable``). When since then nothing changed but texts on some
pages, the next build lets Sphinx read these pages again and write them over a copy of the published site. What Sphinx
then knows beyond these pages' own text - titles, labels, anchors, contents, images, terms, characters of formulas -
must be what it knew before; else, and whenever anything else is in doubt, the build starts clean, as the first did. So
a page never depends on the order of edits: it has the bytes of a clean build.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ..execute.chosen import SHOWN
from ..project.layout import Project
from ..steps import REUSABLE
from ..translate.localise import LISTING

__all__ = ["Reusable", "note", "only_words_differ", "stage", "take"]


WORDS = {".py", ".md", ".rst"}
"""Endings of what localising writes for a page; beside it stand its units."""


@dataclass(frozen=True)
class Reusable:
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
        names = [*json.loads((tree / LISTING).read_text(encoding="utf-8")), SHOWN]
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


def note(project: Project, rendered: Path, fixed: str, records: str | None) -> None:
    """Leave what stands in `rendered`, beside the published pages, for the next build."""
    folder = (project.build / REUSABLE).parent
    shutil.rmtree(folder, ignore_errors=True)
    rendered.rename(folder)
    left = asdict(Reusable(fixed, records, _sites(project), _trees(project)))
    (project.build / REUSABLE).write_text(json.dumps(left), encoding="utf-8")


def take(project: Project) -> Reusable | None:
    """What the last build left, if it is whole."""
    try:
        return Reusable(**json.loads((project.build / REUSABLE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def only_words_differ(project: Project, before: Reusable | None, fixed: str, records: str | None) -> bool:
    """Whether the trees differ from those that `before` is of by nothing but the texts of pages."""
    if before is None or records is None:
        return False
    if (before.fixed, before.records, before.pages) != (fixed, records, _sites(project)):
        return False
    trees = _trees(project)
    if {name: [*files] for name, files in trees.items()} != {
        name: [*files] for name, files in before.trees.items()
    }:
        return False
    changed = {
        name
        for folder, files in trees.items()
        for name, is_now in files.items()
        if before.trees[folder][name] != is_now
    }
    return all(Path(name).suffix in WORDS or name.endswith(".units.json") for name in changed)


def stage(project: Project, rendered: Path) -> None:
    """Put what the last build left into `rendered`, as it was when Sphinx was done."""
    (project.build / REUSABLE).parent.rename(rendered)
    for language in project.languages:
        # Sphinx writes its static files anew in any case.
        shutil.copytree(
            project.build / "html" / language.folder,
            rendered / language.folder / "html",
            ignore=lambda folder, names: {"_static"} & set(names),
        )
