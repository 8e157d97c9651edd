"""What a reader takes home: the script, the notebook and a zip of both, in the page's language.

Sphinx-Gallery writes all three; the notebook's text and the zip are written again here, because
Sphinx-Gallery leaves roles and directives in the text as they are, and puts today's date into the zip.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _, admonitionlabels
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from ..markup.notebook_text import to_markdown
from ..project import archive
from ..project.files import digest, write_if_changed
from .state import site

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from ..project.layout import Page


def _markdown(text: str, script: Path, labels: dict[str, str], top_level: int) -> str:
    return to_markdown(text, script, labels, top_level=top_level, admonitions=admonitionlabels)


def _notebook(script: Path, labels: dict[str, str]) -> None:
    """Give the text cells of the notebook beside `script` their Markdown."""
    path, note = script.with_suffix(".ipynb"), script.with_suffix(".ipynb.sha256")
    made_from = [script.read_text(encoding="utf-8"), labels]
    text = path.read_text(encoding="utf-8")
    if note.is_file() and note.read_text(encoding="ascii") == digest([*made_from, text]):
        return  # an earlier build did it
    notebook = json.loads(text)
    _, blocks = split_code_and_text_blocks(script)
    texts = [block.content for block in blocks if block.type == "text"]
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for number, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        cell["source"] = [_markdown(text, script, labels, 2 if number else 1)]
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    write_if_changed(path, text)
    note.write_text(digest([*made_from, text]), encoding="ascii")


def carried(app: Sphinx, page: Page) -> list[Path]:
    """The helper packages that a page's script imports, itself or by another of them."""
    project = site(app).project
    modules = site(app).shown[page.docname][0].record.code_part["modules"]
    names = {name.split("/")[0] for name in modules}
    packages = [project.root / folder for folder in app.config.sitekit_helper_packages]
    return [package for package in packages if package.name in names]


def package_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a helper package, each with its name in an archive."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".typed"}:
            yield f"{folder.name}/{path.relative_to(folder).as_posix()}", path


def _zip(script: Path, packages: list[Path]) -> None:
    """Pack the script, its notebook and the helper packages it needs; equal input gives equal bytes."""
    members = [(script.name, script), (f"{script.stem}.ipynb", script.with_suffix(".ipynb"))]
    for package in packages:
        members += package_files(package)
    archive.write(script.with_suffix(".zip"), ((f"{script.stem}/{name}", path) for name, path in members))


def _write(app: Sphinx) -> None:
    labels = site(app).anchors["labels"]
    for page in site(app).pages:
        script = Path(app.srcdir) / f"{page.docname}.py"
        _notebook(script, labels)
        _zip(script, carried(app, page))


def take_links(doctree: nodes.document) -> dict[str, addnodes.download_reference]:
    """Take Sphinx-Gallery's download links off the page, with the footer and the note around them.

    Returns
    -------
    dict
        The links, with a text of ours, by the ending of their file; empty on a page without.
    """
    links: dict[str, addnodes.download_reference] = {}
    for container in list(doctree.findall(nodes.container)):
        if "sphx-glr-footer" in container["classes"]:
            for node in container.findall(addnodes.download_reference):
                links[Path(node["reftarget"]).suffix] = node
            container.parent.remove(container)
    for note in list(doctree.findall(nodes.note)):
        if "sphx-glr-download-link-note" in note["classes"]:
            note.parent.remove(note)
    names = {".py": _("script"), ".ipynb": _("notebook"), ".zip": _("both")}
    if set(links) != set(names):
        return {}
    for ending, name in names.items():
        links[ending].children = [nodes.inline("", f"{name} {ending}")]
    return {ending: links[ending] for ending in names}


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_helper_packages", [], "env", [list])
    app.connect("builder-inited", _write, priority=900)  # after Sphinx-Gallery wrote its files
