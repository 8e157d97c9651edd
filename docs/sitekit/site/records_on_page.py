"""Shows records on pages: hands them to Sphinx-Gallery and MyST-NB where these would run something.

The build decides which record a page shows and writes that into ``shown.json`` of each language's tree
(`write`); Sphinx only reads it. A page can have a record of each device it names. Outputs that are equal on
all devices are shown once, others one under the other with the devices' names, which a script makes tabs of.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.locale import _

from ..execute.cells import coded
from ..execute.chosen import ShownRecord, read_listing
from ..execute.figures import ALT, alt_texts
from ..execute.record import Record
from ..project.errors import SitekitError
from ..project.files import write_if_changed
from ..project.layout import CAPTURE_REPR
from .replay import (
    RecordedOutput,
    cell_rst,
    code_objects,
    imported_objects,
    notebook_outputs,
    outputs_for_replay,
    place_images,
)
from .state import site

IMAGES = "recorded"


# -- examples of the gallery


def _counterparts(record: Record, other: Record) -> list[int | None]:
    """For each cell of `record` that cell's number in `other`, which may be of an earlier version."""
    ours, theirs = record.code_part["cells"], other.code_part["cells"]
    if len(ours) == len(theirs):
        return [*range(len(ours))]
    found: list[int | None] = [None] * len(ours)
    for match in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        found[match.a : match.a + match.size] = range(match.b, match.b + match.size)
    return found


def _combined(shown: Sequence[ShownRecord], blocks: Sequence[Any]) -> list[str]:
    """Each block's output: once where all devices agree, else under each device's name."""
    first, *others = shown
    outputs = outputs_for_replay(first.record, blocks, image_folder(first.record))
    if not others:
        return outputs
    cells = coded(blocks)
    alts = alt_texts(blocks[at].content for at in cells)
    numbers = [(item, _counterparts(first.record, item.record)) for item in shown]
    for cell, at in enumerate(cells):
        there = [(item, known[cell]) for item, known in numbers]
        present = [(item, number) for item, number in there if number is not None]
        faces = []
        for item, number in present:
            found = item.record.cells[number]
            faces.append((found.output, [figure.png for figure in found.figures]))
        if any(face != faces[0] for face in faces):
            texts = [
                cell_rst(item.record, number, image_folder(item.record), alts[cell])
                for item, number in present
            ]
            outputs[at] = _side_by_side([item for item, _number in present], texts)
    return outputs


def _label(item: ShownRecord) -> str:
    """The device's name on the page."""
    kind, name = item.record.device.upper(), item.record.device_name
    return kind if item.record.device == "cpu" else f"{kind} · {name}"


def _note(item: ShownRecord) -> str:
    """What a reader must know of a record that is not current."""
    if item.current:
        return ""
    return str(_("recorded from an earlier version of this code, %s")) % item.record.date[:10]


def _side_by_side(shown: Sequence[ShownRecord], texts: Sequence[str]) -> str:
    lines = [".. container:: device-outputs", ""]
    for item, text in zip(shown, texts, strict=True):
        lines += ["   .. container:: device-output", ""]
        for name, words in ("device-name", _label(item)), ("device-note", _note(item)):
            if words:
                plain = re.sub(r"([\\*`_|<])", r"\\\1", words)
                lines += [f"      .. rst-class:: {name}", "", f"      {plain}", ""]
        lines += [indent(text, "      "), ""]
    return "\n".join([*lines, ""])


def image_folder(record: Record) -> str:
    """Where the figures of a record stand in a language's tree."""
    chapter = record.page.rpartition("/")[0]
    return "/".join(part for part in (IMAGES, record.device, chapter) if part)


def _replay(app: Sphinx) -> None:
    """Stand in for Sphinx-Gallery's executor until its pages are written."""
    from sphinx_gallery import gen_rst
    from sphinx_gallery.utils import get_md5sum

    source = Path(app.srcdir)

    def execute_script(
        script_blocks: Sequence[Any],
        script_vars: dict[str, Any],
        gallery_conf: dict[str, Any],
        file_conf: dict[str, Any],
    ) -> tuple[list[str], float]:
        target = Path(script_vars["target_file"])
        page = target.relative_to(source).with_suffix("").as_posix()
        shown = site(app).records[page]
        for item in shown:
            pngs = place_images(item.record, item.store, source / image_folder(item.record))
            if item is shown[0]:
                for png in pngs:  # Sphinx-Gallery makes the thumbnail from images that it counted itself
                    Path(next(script_vars["image_path_iterator"])).write_bytes(png.read_bytes())
        script_vars |= {"example_globals": {}, "memory_delta": 0.0, "passing": True}
        Path(f"{target}.md5").write_text(get_md5sum(str(target), mode="t"), encoding="ascii")
        return _combined(shown, script_blocks), 0.0

    site(app).replaying.callback(setattr, gen_rst, "execute_script", gen_rst.execute_script)
    gen_rst.execute_script = execute_script


def _replayed(app: Sphinx) -> None:
    """Give Sphinx-Gallery its executor back, and the names its links are made from."""
    site(app).replaying.close()
    for page, (first, *_rest) in site(app).records.items():
        if first.record.kind == "script":
            _write_names(app, page, code_objects(first.record))


def _write_names(app: Sphinx, page: str, objects: Mapping[str, Any]) -> None:
    """Write what the links in a page's code are made from."""
    text = json.dumps(objects, indent=1, sort_keys=True)
    write_if_changed(Path(app.srcdir) / f"{page}.codeobj.json", text + "\n")


# -- pages of docs/


def _replay_notebooks(app: Sphinx) -> None:
    """Stand in for what MyST-NB runs notebooks with."""
    import nbformat
    from myst_nb.core import execute

    from_dict: Callable[[Any], Any] = nbformat.from_dict

    class Replayed(execute.NotebookClientBase):  # type: ignore[misc]  # MyST-NB publishes no types
        def start_client(self) -> None:
            page = self.path.relative_to(app.srcdir).with_suffix("").as_posix()
            cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
            item = next(iter(site(app).records.get(page, ())), None)
            if item is None or len(cells) != len(item.record.cells):
                raise ExtensionError(f"{page} has code whose outputs were not recorded; build again")
            record = item.record
            place_images(record, item.store, Path(app.srcdir) / image_folder(record))
            alts = alt_texts(cell.source for cell in cells)
            for number, cell in enumerate(cells):
                outputs = notebook_outputs(record, number, image_folder(record), alts[number])
                cell.outputs = [from_dict(output) for output in outputs]
                cell.execution_count = number + 1
            _write_names(app, page, imported_objects("\n".join(cell.source for cell in cells)))
            self.notebook.metadata["language_info"] = {
                "name": "python",
                "pygments_lexer": "ipython3",
                "version": record.versions["python"],
            }

    execute.NotebookClientDirect = Replayed


# -- where it comes from


def provenance(item: ShownRecord, packages: Sequence[str]) -> str:
    """One line: versions, device, and what the run took.

    Parameters
    ----------
    item
        The record.
    packages
        Whose versions are named.
    """
    record = item.record
    # That a build is for CPUs only says no more than the device's name does.
    facts = [
        f"{'Python' if name == 'python' else name} {record.versions[name].removesuffix('+cpu')}"
        for name in packages
        if record.versions.get(name, "none") != "none"
    ]
    facts.append(_label(item))
    if "SOURCE_DATE_EPOCH" not in os.environ:
        short = record.seconds < 0.1
        facts.append(str(_("run time under 0.1 s") if short else _("run time %.1f s") % record.seconds))
        facts.append(str(_("peak memory %.0f MiB")) % record.peak_mib)
        if record.device_peak_mib is not None:
            facts.append(str(_("%.0f MiB on the device")) % record.device_peak_mib)
    return " · ".join([*facts, *filter(None, [_note(item)])])


def _hide_alt_comments(app: Sphinx, doctree: nodes.document) -> None:
    """Leave ``# alt:`` comments out of the code a page shows: the figure below has the text already."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if ALT.search(text):
            block.children = [nodes.Text(re.sub(ALT.pattern + r"\n", "", text, flags=re.MULTILINE))]
            block.rawsource = block.astext()


def _configure(app: Sphinx, config: Config) -> None:
    tree = Path(app.srcdir)
    try:
        site(app).records = read_listing(site(app).project, tree, config.sitekit_only)
    except SitekitError as error:
        raise ExtensionError(str(error)) from None
    config.sphinx_gallery_conf["reset_modules"] = ()  # nothing runs here that would need it
    config.nb_execution_mode = "force"
    config.nb_merge_streams = False  # it would part the two streams; a record's are merged in order
    config.nb_render_text_lexer = "none"  # its own drops the blank lines that a text begins with
    if config.sphinx_gallery_conf.get("capture_repr", CAPTURE_REPR) != site(app).project.capture_repr:
        raise ExtensionError(
            "conf.py: write capture_repr out in sphinx_gallery_conf; records are made without Sphinx"
        )


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_versions_shown", ["python"], "env", [list])
    app.add_directive("recorded-output", RecordedOutput)
    app.connect("config-inited", _configure, priority=6)  # the tree is known from 5 on
    app.connect("builder-inited", _replay, priority=400)  # Sphinx-Gallery makes its pages at 500
    app.connect("builder-inited", _replayed, priority=600)
    app.connect("builder-inited", _replay_notebooks)
    app.connect("doctree-read", _hide_alt_comments)
