"""Shows records on pages: hands them to Sphinx-Gallery and MyST-NB where these would run something.

The build decides which record a page shows and writes that into ``shown.json`` of each language's tree
(`choose`, `write`); Sphinx only reads it. A page can have a record of each device it names. Outputs that are
equal on all devices are shown once, others side by side under the devices' names.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.locale import _

from .figures import ALT
from .keys import Key
from .project import Project, write_if_changed
from .record import Record, Store
from .replay import (
    check_seam,
    code_objects,
    notebook_outputs,
    outputs_for_replay,
    place_images,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

LISTING = "shown.json"
IMAGES = "recorded"


@dataclass(frozen=True)
class Shown:
    """A record as a page shows it."""

    record: Record
    store: Store
    current: bool
    """Whether it was made from the code as it is now."""

    @property
    def label(self) -> str:
        """The device's name on the page."""
        kind, name = self.record.device.upper(), self.record.device_name
        return kind if self.record.device == "cpu" else f"{kind} · {name}"


# -- choosing, before Sphinx starts


def write(project: Project, chosen: Mapping[str, Sequence[Shown]]) -> None:
    """Tell every language's tree which records its pages show."""
    listing = {
        page: [
            {
                "store": str(item.store.folder),
                "single": item.store.single,
                "key": [item.record.key.code, item.record.key.environment],
                "current": item.current,
            }
            for item in shown
        ]
        for page, shown in chosen.items()
    }
    for language in project.languages:
        path = project.source_tree(language) / LISTING
        write_if_changed(path, json.dumps(listing, indent=1, sort_keys=True) + "\n")


def read(tree: Path) -> dict[str, list[Shown]]:
    """The records that the pages of `tree` show, the CPU's first."""
    found = {}
    for page, items in json.loads((tree / LISTING).read_text(encoding="utf-8")).items():
        found[page] = []
        for item in items:
            store = Store(Path(item["store"]), single=item["single"])
            record = store.get(page, Key(*item["key"]))
            if record is None:
                raise FileNotFoundError(f"the record of {page} has gone; build again")
            found[page].append(Shown(record, store, item["current"]))
    return found


# -- examples of the gallery


def _combined(shown: Sequence[Shown], blocks: Sequence[Any]) -> list[str]:
    """Each block's output: once where all devices agree, else under each device's name."""
    outputs = [outputs_for_replay(item.record, blocks, _folder(item.record)) for item in shown]
    if len(shown) == 1:
        return outputs[0]
    numbers = iter(range(len(shown[0].record.cells)))
    combined = []
    for texts in zip(*outputs, strict=True):
        if not any(texts):
            combined.append("")
            continue
        cells = [item.record.cells[number] for number in [next(numbers)] for item in shown]
        faces = [(cell.output, [figure.png for figure in cell.figures]) for cell in cells]
        if all(face == faces[0] for face in faces):
            combined.append(texts[0])
            continue
        parts = [
            f".. container:: device-output\n\n   .. rst-class:: device-name\n\n   {item.label}\n\n{indent(text, '   ')}"
            for item, text in zip(shown, texts, strict=True)
        ]
        combined.append(".. container:: device-outputs\n\n" + indent("\n\n".join(parts), "   ") + "\n\n")
    return combined


def _folder(record: Record) -> str:
    """Where the figures of a record stand in a language's tree."""
    chapter = record.page.rpartition("/")[0]
    return "/".join(part for part in (IMAGES, record.device, chapter) if part)


def _replay(app: Sphinx) -> None:
    """Stand in for Sphinx-Gallery's executor until its pages are written."""
    from sphinx_gallery import gen_rst
    from sphinx_gallery.utils import get_md5sum

    check_seam()
    source = Path(app.srcdir)

    def execute_script(
        script_blocks: Sequence[Any],
        script_vars: dict[str, Any],
        gallery_conf: dict[str, Any],
        file_conf: dict[str, Any],
    ) -> tuple[list[str], float]:
        target = Path(script_vars["target_file"])
        page = target.relative_to(source).with_suffix("").as_posix()
        shown = app.sitekit_shown[page]  # type: ignore[attr-defined]
        for item in shown:
            pngs = place_images(item.record, item.store, source / _folder(item.record))
            if item is shown[0]:
                for png in pngs:  # Sphinx-Gallery makes the thumbnail from images that it counted itself
                    Path(next(script_vars["image_path_iterator"])).write_bytes(png.read_bytes())
        script_vars |= {"example_globals": {}, "memory_delta": 0.0, "passing": True}
        Path(f"{target}.md5").write_text(get_md5sum(str(target), mode="t"), encoding="ascii")
        return _combined(shown, script_blocks), 0.0

    stack = ExitStack()
    stack.callback(setattr, gen_rst, "execute_script", gen_rst.execute_script)
    gen_rst.execute_script = execute_script
    app.sitekit_replaying = stack  # type: ignore[attr-defined]


def _replayed(app: Sphinx) -> None:
    """Give Sphinx-Gallery its executor back, and the names its links are made from."""
    app.sitekit_replaying.close()  # type: ignore[attr-defined]
    for page, (first, *_rest) in app.sitekit_shown.items():  # type: ignore[attr-defined]
        if first.record.kind == "script":
            text = json.dumps(code_objects(first.record), indent=1, sort_keys=True)
            write_if_changed(Path(app.srcdir) / f"{page}.codeobj.json", text + "\n")


# -- pages of docs/


def _fill_cache(app: Sphinx) -> None:
    """Put the recorded outputs of the Markdown pages into MyST-NB's cache, so that it finds every one."""
    import nbformat
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    from myst_nb.core.read import create_nb_reader

    cache = get_cache(app.config.nb_execution_cache_path)
    for page, (item, *_rest) in app.sitekit_shown.items():  # type: ignore[attr-defined]
        record = item.record
        if record.kind != "notebook":
            continue
        place_images(record, item.store, Path(app.srcdir) / _folder(record))
        path = Path(app.srcdir) / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        reader = create_nb_reader(str(path), app.env.myst_config, app.env.mystnb_config, text)  # type: ignore[attr-defined]
        assert reader is not None
        notebook = reader.read(text)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(cells):
            outputs = notebook_outputs(record, number, _folder(record), cell.source)
            cell.outputs = [nbformat.from_dict(output) for output in outputs]
            cell.execution_count = number + 1
        notebook.metadata["language_info"] = {
            "name": "python",
            "pygments_lexer": "ipython3",
            "version": record.versions["python"],
        }
        cache.cache_notebook_bundle(
            CacheBundleIn(notebook, str(path), data={"execution_seconds": record.seconds}),
            check_validity=False,
            overwrite=True,
        )


# -- where it comes from


def provenance(item: Shown) -> str:
    """One line: torch, device, and what the run took."""
    record = item.record
    facts = [f"torch {record.versions['torch']}", item.label] if "torch" in record.versions else [item.label]
    if "SOURCE_DATE_EPOCH" not in os.environ:
        peak = record.device_peak_mib if record.device_peak_mib is not None else record.peak_mib
        facts += [f"{record.seconds:.1f} s", f"{peak:.0f} MiB"]
    if not item.current:
        facts.append(_("recorded from an earlier version of this code, %s") % record.date[:10])
    return " · ".join(facts)


def _insert_provenance(app: Sphinx, doctree: nodes.document) -> None:
    shown = app.sitekit_shown.get(app.env.docname)  # type: ignore[attr-defined]
    title = next(iter(doctree.findall(nodes.title)), None)
    if not shown or title is None:
        return
    line = nodes.paragraph(classes=["provenance"])
    line += nodes.inline("", _("This page's output: ") + "; ".join(provenance(item) for item in shown))
    title.parent.insert(title.parent.index(title) + 1, line)


def _hide_alt_comments(app: Sphinx, doctree: nodes.document) -> None:
    """Leave ``# alt:`` comments out of the code a page shows: the figure below has the text already."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if ALT.search(text):
            block.children = [nodes.Text(re.sub(ALT.pattern + r"\n", "", text, flags=re.MULTILINE))]
            block.rawsource = block.astext()


def _configure(app: Sphinx, config: Config) -> None:
    app.sitekit_shown = read(Path(app.srcdir))  # type: ignore[attr-defined]
    tree = Path(app.srcdir)
    config.nb_execution_mode = "cache"
    config.nb_execution_cache_path = str(tree.parent.parent / "jupyter_cache" / tree.name)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("config-inited", _configure, priority=6)  # the tree is known from 5 on
    app.connect("builder-inited", _replay, priority=400)  # Sphinx-Gallery makes its pages at 500
    app.connect("builder-inited", _replayed, priority=600)
    app.connect("builder-inited", _fill_cache, priority=900)
    app.connect("doctree-read", _hide_alt_comments)
    app.connect("doctree-read", _insert_provenance, priority=890)  # under the downloads, which come at 900
