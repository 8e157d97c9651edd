"""What a site is made from, in digests: whether there is anything to build, and whether it is only words.

After a build stays what Sphinx knew of the site (``build/reusable``). When since then nothing changed but texts on some
pages, the next build lets Sphinx read these pages again and write them over a copy of the published site. What Sphinx
then knows beyond these pages' own text - titles, labels, anchors, contents, images, terms, characters of formulas -
must be what it knew before; else, and whenever anything else is in doubt, the build starts clean, as the first did. So
a page never depends on the order of edits: it has the bytes of a clean build.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ..execute.chosen import SHOWN, read_listing
from ..project.errors import SitekitError
from ..project.files import PACKAGE, digest
from ..project.layout import Project
from ..steps import REUSABLE
from ..translate.localise import LISTING
from ..translate.sources import sources

State = dict[str, str]
"""What a site was made from, and what was published, each with a digest."""


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def inputs_digests(project: Project) -> tuple[str, str]:
    """Digests of everything the site is made from, records apart: of pages' texts, and of all else."""
    folders = [project.docs, project.gallery, project.root / "src"]
    if not PACKAGE.is_relative_to(project.docs):
        folders.append(PACKAGE)
    files = {
        path.relative_to(folder.parent).as_posix(): path for folder in folders for path in _files(folder)
    }
    # The archive of all scripts holds the licenses.
    files |= {path.name: path for path in project.root.glob("LICENSE*")}
    texts: dict[str, str] = {}
    fixed: dict[str, str] = {}
    pages = {source.path for source in sources(project)}
    for name, path in files.items():
        if path.suffix not in {".mo", ".pyc", ".new"}:
            of_page = path in pages or (path.suffix == ".po" and path.is_relative_to(project.locale))
            (texts if of_page else fixed)[name] = digest(path.read_bytes())
    # A distribution's name and version are its folder's name; to read all their metadata takes ten times as long.
    versions = sorted({item.name for folder in sys.path for item in Path(folder).glob("*-info")})
    return digest(texts), digest([fixed, sys.version, versions, os.environ.get("SOURCE_DATE_EPOCH")])


def records_digest(project: Project) -> str | None:
    """A digest of the records that the pages show; None where one is missing, another or damaged."""
    trees = [project.source_tree(language) for language in project.languages]
    try:
        for tree in trees:
            read_listing(project, tree, trusted=False)
    except (FileNotFoundError, KeyError, SitekitError):  # or another version made the list
        return None
    return digest([(tree / SHOWN).read_text(encoding="utf-8") for tree in trees])


def _state(project: Project, fixed: str) -> State:
    state = {"fixed": fixed}
    for language in project.languages:
        tree, site = project.source_tree(language), project.build / "html" / language.folder
        for name in [*json.loads((tree / LISTING).read_text(encoding="utf-8")), SHOWN]:
            state[f"{tree.name}/{name}"] = digest((tree / name).read_bytes())
        state[f"html/{site.name}"] = digest(
            {path.relative_to(site).as_posix(): digest(path.read_bytes()) for path in _files(site)}
        )
    return state


def save(project: Project, rendered: Path, fixed: str) -> None:
    """Move what stands in `rendered`, and was published, to where the next build finds it, with the state it is of."""
    note = project.build / REUSABLE
    shutil.rmtree(note.parent, ignore_errors=True)
    rendered.rename(note.parent)
    note.write_text(json.dumps(_state(project, fixed)), encoding="utf-8")


def load(project: Project) -> State:
    """The state that the last build left; empty where it left none."""
    try:
        return dict(json.loads((project.build / REUSABLE).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):
        return {}


def only_words_differ(project: Project, before: State, fixed: str) -> bool:
    """Whether now nothing differs from the state `before` but texts of pages."""
    now = _state(project, fixed)
    changed = [name for name in now if now[name] != before.get(name)]
    # Beside what localising writes for a page stand its units.
    words = all(name.endswith((".py", ".md", ".rst", ".units.json")) for name in changed)
    return words and now.keys() == before.keys()


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
