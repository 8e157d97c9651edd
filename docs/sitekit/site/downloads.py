"""What a reader takes home: a page's script, its notebook and a zip of both, and a zip of all pages, in one language.

Sphinx-Gallery makes the first three; all are written anew here, because Sphinx-Gallery leaves roles and directives in
the text as they are, and puts today's date into the zip. The script that a reader gets is not the one that Sphinx-Gallery
reads: its text is plain prose, and it lies under ``plain/``.

The zip of all pages is called as `sitekit_bundle` says and lies beside the root document: ``{download}`../<name>```.
Each chapter is a folder in it, with its scripts, their notebooks, and the helper packages that some of them import.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import _, admonitionlabels
from sphinx.transforms import SphinxTransform
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from ..markup import parts, plain_text
from ..markup.notebook_text import to_markdown
from ..markup.python_source import FOLD
from ..project import archive
from ..project.files import digest, write_if_changed
from ..project.layout import Page
from .state import site

PLAIN = "plain"
AROUND_LINKS = {"sphx-glr-footer", "sphx-glr-download-link-note"}


def _notebook(script: Path, labels: dict[str, str], titles: Mapping[str, Any]) -> None:
    """Give the text cells of the notebook beside `script` their Markdown, and fold the cells that the page folds."""
    path, note = script.with_suffix(".ipynb"), script.with_suffix(".ipynb.sha256")
    made_from = [script.read_text(encoding="utf-8"), labels]
    text = path.read_text(encoding="utf-8")
    if note.is_file() and note.read_text(encoding="ascii") == digest([*made_from, text]):
        return  # an earlier build did it
    notebook = json.loads(text)
    _, blocks = split_code_and_text_blocks(script)
    texts = [block.content for block in blocks if block.type == "text"]
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for cell, shown in zip(cells, to_markdown(texts, script, labels, titles), strict=True):
        cell["source"] = [shown]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            _fold(cell)
    notebook["cells"] = [cell for cell in notebook["cells"] if "".join(cell["source"]).strip()]
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    write_if_changed(path, text)
    note.write_text(digest([*made_from, text]), encoding="ascii")


def _fold(cell: dict[str, Any]) -> None:
    """Fold a code cell of a notebook where the page does, and leave comments that are for readers."""
    source = "".join(cell["source"])
    if found := FOLD.match(source):
        hidden = {"source_hidden": True} | ({"outputs_hidden": True} if found["part"] == "hide-cell" else {})
        cell["metadata"] |= {"tags": [found["part"]], "jupyter": hidden}
    cell["source"] = [plain_text.code(source)]


def _plain(app: Sphinx, docname: str) -> Path:
    """The script of a page as a reader gets it."""
    return Path(app.srcdir) / PLAIN / f"{docname}.py"


def _of_page(app: Sphinx, page: Page) -> Iterator[tuple[str, Path]]:
    """The files of a page, each with its name in a zip: script, notebook, and the helper packages it imports."""
    script = Path(app.srcdir) / f"{page.docname}.py"
    for path in (_plain(app, page.docname), script.with_suffix(".ipynb")):
        yield path.name, path
    modules = site(app).records[page.docname][0].record.code_part["modules"]  # also those that others import
    names = {name.split("/")[0] for name in modules}
    for package in map(site(app).project.root.joinpath, app.config.sitekit_helper_packages):
        for path in package.rglob("*") if package.name in names else ():
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{package.name}/{path.relative_to(package).as_posix()}", path


def _of_all(app: Sphinx) -> Iterator[tuple[str, Path]]:
    """The files of all pages, a chapter's in one folder, and the licenses."""
    yield from {
        (f"{page.chapter}/{name}", path) for page in site(app).pages for name, path in _of_page(app, page)
    }
    for path in site(app).project.root.glob("LICENSE*"):
        yield path.name, path


def _zip(target: Path, folder: str, members: Iterable[tuple[str, Path]]) -> None:
    archive.write(target, ((f"{folder}/{name}", path) for name, path in members))


def _write(app: Sphinx) -> None:
    labels = site(app).anchors["labels"]
    titles = admonitionlabels | {label: _(label) for label in parts.LABELS.values()}
    for page in site(app).pages:
        script = Path(app.srcdir) / f"{page.docname}.py"
        _notebook(script, labels, titles)
        text = plain_text.script(script.read_text(encoding="utf-8"), script, labels, titles)
        write_if_changed(_plain(app, page.docname), text)
        _zip(script.with_suffix(".zip"), page.name, _of_page(app, page))
    if name := app.config.sitekit_bundle:
        _zip(Path(app.srcdir) / name, f"{Path(name).stem}-{site(app).language.folder}", _of_all(app))


class PlainScripts(SphinxTransform):
    """Lets the link to a page's script lead to the one with plain prose."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the link, before Sphinx collects the files to download."""
        for link in self.document.findall(addnodes.download_reference):
            if link["reftarget"] == f"{self.env.docname.rpartition('/')[2]}.py":
                link["reftarget"] = f"/{PLAIN}/{self.env.docname}.py"


def take_links(doctree: nodes.document) -> dict[str, addnodes.download_reference]:
    """Take Sphinx-Gallery's download links off the page, with the footer and the note around them.

    They are returned with a text of ours, by the ending of their file; there are none on a page without.
    """
    links: dict[str, addnodes.download_reference] = {}
    for node in list(doctree.findall(nodes.Element)):
        if not AROUND_LINKS.isdisjoint(node["classes"]):
            for link in node.findall(addnodes.download_reference):
                links[Path(link["reftarget"]).suffix] = link
            node.parent.remove(node)
    names = {".py": _("script"), ".ipynb": _("notebook"), ".zip": _("both")}
    if set(links) != set(names):
        return {}
    for ending, name in names.items():
        links[ending].children = [nodes.inline("", f"{name} {ending}")]
    return {ending: links[ending] for ending in names}


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_helper_packages", [], "env", [list])
    app.add_config_value("sitekit_bundle", "", "env", [str])
    app.add_transform(PlainScripts)
    app.connect("builder-inited", _write, priority=900)  # after Sphinx-Gallery wrote its files
