"""Pack the built site for readers without a network: it fills ``dist``.

One zip holds the whole site, to be unpacked and opened in a browser; one zip per language holds all scripts
and notebooks, and is the file that the site itself offers; its name ends in ``-examples.zip``.
"""

import re
from pathlib import Path

from ..project import archive
from ..project.errors import SitekitError
from ..project.layout import Project
from ..steps import locked


def _name_and_version(site: Path, project: Project) -> tuple[str, str]:
    """What the site says of itself, in the head of its inventory."""
    with (site / project.source.folder / "objects.inv").open("rb") as inventory:
        _format, name, version = (inventory.readline().decode().strip() for _ in range(3))
    slug = re.sub(r"[^a-z0-9]+", "-", name.partition(": ")[2].lower()).strip("-")
    return slug, version.partition(":")[2].strip() or "0"


def package(project: Project) -> list[Path]:
    """Pack the site that stands in ``build/html``; the zips that were made."""
    site, dist = project.build / "html", project.root / "dist"
    if not (site / "index.html").is_file():
        raise SitekitError("build/html/index.html is missing: build the site first")
    dist.mkdir(exist_ok=True)
    with locked(project):
        name, version = _name_and_version(site, project)
        folder = f"{name}-html-{version}"
        whole = dist / f"{folder}.zip"
        files = (path for path in site.rglob("*") if path.is_file())
        archive.write(whole, ((f"{folder}/{path.relative_to(site).as_posix()}", path) for path in files))
        made = [whole]
        for language in project.languages:
            tree = site / language.folder / "_downloads"
            for bundle in tree.glob("*/*-examples.zip"):
                target = dist / f"{bundle.stem}-{language.folder}-{version}.zip"
                target.write_bytes(bundle.read_bytes())
                made.append(target)
    return made
