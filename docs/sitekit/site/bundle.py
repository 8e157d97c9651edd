"""All scripts and notebooks of a language in one zip, which the site offers as a download.

Pages link to it as to a file beside the root document: ``{download}`../<name>``` in Markdown. Each chapter is
a folder with its scripts, their notebooks, and the helper packages that some of them import.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..project import archive
from .downloads import carried, package_files
from .state import site

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def _members(app: Sphinx) -> Iterator[tuple[str, Path]]:
    project = site(app).project
    packages = set()
    for page in site(app).pages:
        script = Path(app.srcdir) / f"{page.docname}.py"
        yield f"{page.docname}.py", script
        yield f"{page.docname}.ipynb", script.with_suffix(".ipynb")
        packages |= {(page.chapter, package) for package in carried(app, page)}
    for chapter, package in sorted(packages):
        for name, path in package_files(package):
            yield f"{chapter}/{name}", path
    for path in project.root.glob("LICENSE*"):
        yield path.name, path


def _write(app: Sphinx) -> None:
    if name := app.config.sitekit_bundle:
        language = site(app).language.folder
        folder = f"{Path(name).stem}-{language}"
        members = ((f"{folder}/{member}", path) for member, path in _members(app))
        archive.write(Path(app.srcdir) / name, members)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_bundle", "", "env", [str])
    app.connect("builder-inited", _write, priority=950)  # after the notebooks got their text
