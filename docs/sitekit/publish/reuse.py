"""Renders the pages again whose words were edited, and no others, where no other page can tell.

After a build stays what Sphinx knew of the site (``build/reusable``). When since then nothing changed but texts on some
pages, the next build lets Sphinx read these pages again and write them over a copy of the published site. What Sphinx
then knows beyond these pages' own text - titles, labels, anchors, contents, images, terms, characters of formulas -
must be what it knew before; else, and whenever anything else is in doubt, the build starts clean, as the first did. So
a page never depends on the order of edits: it has the bytes of a clean build.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..execute.chosen import SHOWN
from ..project.files import digest
from ..project.layout import Project
from ..steps import REUSABLE
from ..translate.localise import LISTING

__all__ = ["State", "load", "only_words_differ", "save", "stage"]

State = dict[str, str | None]
"""What a site was made from, and what was published, each with a digest; of what is missing, None."""


def _state(project: Project, fixed: str, records: str | None) -> State:
    state: State = {"fixed": fixed, "records": records}
    for language in project.languages:
        tree, site = project.source_tree(language), project.build / "html" / language.folder
        for name in [*json.loads((tree / LISTING).read_text(encoding="utf-8")), SHOWN]:
            state[f"{tree.name}/{name}"] = digest((tree / name).read_bytes())
        state[f"html/{site.name}"] = digest(
            {path.relative_to(site).as_posix(): digest(path.read_bytes()) for path in _files(site)}
        )
    return state


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def save(project: Project, rendered: Path, fixed: str, records: str | None) -> None:
    """Leave what stands in `rendered` for the next build.

    Parameters
    ----------
    project
        The project, whose site was published.
    rendered
        The folder that Sphinx rendered into; it is moved.
    fixed
        A digest of all inputs that are no texts of pages.
    records
        A digest of the records that the pages show.
    """
    note = project.build / REUSABLE
    shutil.rmtree(note.parent, ignore_errors=True)
    rendered.rename(note.parent)
    note.write_text(json.dumps(_state(project, fixed, records)), encoding="utf-8")


def load(project: Project) -> State:
    """The state that the last build left; empty where it left none."""
    try:
        found = json.loads((project.build / REUSABLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def only_words_differ(project: Project, before: State, fixed: str, records: str | None) -> bool:
    """Whether now nothing differs from the state `before` but texts of pages."""
    if records is None or not before:
        return False
    now = _state(project, fixed, records)
    if now.keys() != before.keys():
        return False
    changed = [name for name in now if now[name] != before[name]]
    # Beside what localising writes for a page stand its units.
    return all(name.endswith((".py", ".md", ".rst", ".units.json")) for name in changed)


def stage(project: Project, rendered: Path) -> None:
    """Put what the last build left into `rendered`, as it was when Sphinx was done."""
    (project.build / REUSABLE).parent.rename(rendered)
    for language in project.languages:
        # Sphinx writes its static files anew in any case.
        shutil.copytree(
            project.build / "html" / language.folder,
            rendered / language.folder / "html",
            ignore=shutil.ignore_patterns("_static"),
        )
