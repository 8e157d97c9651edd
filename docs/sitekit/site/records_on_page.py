"""Shows records on pages: hands them to Sphinx-Gallery and MyST-NB where these would run something.

The build decides which record a page shows and writes that into ``shown.json`` of each language's tree; Sphinx
only reads it. A page can have a record of each device it names.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.locale import _

from ..execute.chosen import ShownRecord, read_listing
from ..execute.figures import ALT, alt_texts
from ..project.errors import SitekitError
from ..project.files import write_if_changed
from ..project.layout import CAPTURE_REPR
from . import replay
from .state import site

# -- examples of the gallery


def _replay(app: Sphinx) -> None:
    """Stand in for Sphinx-Gallery's executor."""
    from sphinx_gallery import gen_rst
    from sphinx_gallery.utils import get_md5sum

    tree = Path(app.srcdir)

    def execute_script(blocks: Any, script_vars: dict[str, Any], *_confs: Any) -> tuple[list[str], float]:
        target = Path(script_vars["target_file"])
        shown = site(app).records[target.relative_to(tree).with_suffix("").as_posix()]
        for item in shown:
            replay.place_images(item.record, item.store, tree)
        script_vars |= {"example_globals": {}, "memory_delta": 0.0, "passing": True}
        Path(f"{target}.md5").write_text(get_md5sum(str(target), mode="t"), encoding="ascii")
        return replay.outputs_for_replay(shown, blocks), 0.0

    gen_rst.execute_script = execute_script


def _name(app: Sphinx) -> None:
    """Put our names in the place of those that Sphinx-Gallery noted, to make links from."""
    for page, (first, *_rest) in site(app).records.items():
        if first.record.kind == "script":
            _write_names(app, page, replay.code_objects(first.record))


def _write_names(app: Sphinx, page: str, objects: Mapping[str, Any]) -> None:
    """Write what the links in a page's code are made from."""
    text = json.dumps(objects, indent=1, sort_keys=True)
    write_if_changed(Path(app.srcdir) / f"{page}.codeobj.json", text + "\n")


# -- pages of docs/


def _replay_notebooks(app: Sphinx) -> None:
    """Stand in for what MyST-NB runs notebooks with."""
    import nbformat
    from myst_nb.core import execute

    class Replayed(execute.NotebookClientBase):  # type: ignore[misc]  # MyST-NB publishes no types
        def start_client(self) -> None:
            tree = Path(app.srcdir)
            page = self.path.relative_to(tree).with_suffix("").as_posix()
            cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
            item = next(iter(site(app).records.get(page, ())), None)
            if item is None or len(cells) != len(item.record.cells):
                raise ExtensionError(f"{page} has code whose outputs were not recorded; build again")
            replay.place_images(item.record, item.store, tree)
            alts = alt_texts(cell.source for cell in cells)
            for number, cell in enumerate(cells):
                outputs = replay.notebook_outputs(item.record, number, alts[number])
                cell.outputs = nbformat.from_dict(outputs)  # type: ignore[no-untyped-call]
                cell.execution_count = number + 1
            _write_names(app, page, replay.imported_objects("\n".join(cell.source for cell in cells)))
            self.notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}

    execute.NotebookClientDirect = Replayed


# -- where it comes from


def provenance(item: ShownRecord, packages: Sequence[str]) -> str:
    """One line: versions of `packages`, device, and what the run took."""
    record = item.record
    # That a build is for CPUs only says no more than the device's name does.
    facts = [
        f"{'Python' if name == 'python' else name} {record.versions[name].removesuffix('+cpu')}"
        for name in packages
        if record.versions.get(name, "none") != "none"
    ]
    facts.append(replay.device_label(item))
    if "SOURCE_DATE_EPOCH" not in os.environ:
        short = record.seconds < 0.1
        facts.append(str(_("run time under 0.1 s") if short else _("run time %.1f s") % record.seconds))
        facts.append(str(_("peak memory %.0f MiB")) % record.peak_mib)
        if record.device_peak_mib is not None:
            facts.append(str(_("%.0f MiB on the device")) % record.device_peak_mib)
    return " · ".join(filter(None, [*facts, replay.version_note(item)]))


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
    config.nb_code_prompt_show = str(_("Show the answer"))
    config.nb_code_prompt_hide = str(_("Hide the answer"))
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
    app.add_directive("recorded-output", replay.RecordedOutput)
    app.connect("config-inited", _configure, priority=6)  # the tree is known from 5 on
    app.connect("builder-inited", _replay, priority=400)  # Sphinx-Gallery makes its pages at 500
    app.connect("builder-inited", _name, priority=600)
    app.connect("builder-inited", _replay_notebooks)
    app.connect("doctree-read", _hide_alt_comments)
