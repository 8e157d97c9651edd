"""What a record gives Sphinx-Gallery and MyST-NB where they would run code: its outputs, figures and names.

Sphinx-Gallery runs an example by `sphinx_gallery.gen_rst.execute_script`, which returns one block of
reStructuredText per block of the script; `records_on_page` puts a function in its place that returns what
`outputs_for_replay` makes of the record.

Alt texts are taken from the script that Sphinx-Gallery reads, which is in the page's language.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from ..execute.cells import coded
from ..execute.figures import alt_texts
from ..execute.record import Figure, Record, Store
from ..project.files import write_if_changed

__all__ = [
    "RecordedOutput",
    "ReplayError",
    "code_objects",
    "imported_objects",
    "notebook_outputs",
    "outputs_for_replay",
    "place_images",
]


LONGEST_PIECE = 800
"""Characters, of which each takes up to twelve as JSON; Docutils refuses lines of more than 10,000."""


class ReplayError(SphinxError):
    """A record can't be shown; the message says why."""

    category = "Replay"


def image_names(page: str, cell: int, figure: int) -> tuple[str, str, str]:
    """The files of a figure in its page's folder of images: light, dark, PNG."""
    stem = f"{page.rpartition('/')[2]}_{cell + 1:02}_{figure + 1:02}"
    return f"{stem}_light.webp", f"{stem}_dark.webp", f"{stem}.png"


def place_images(record: Record, store: Store, folder: Path) -> list[Path]:
    """Put the figures of `record` into `folder`, under names that tell page, cell and number.

    Files that say the same already are left alone.

    Returns
    -------
    list of Path
        The PNG of each figure, in order: for thumbnails and cards.
    """
    pngs = []
    for at, cell in enumerate(record.cells):
        for number, figure in enumerate(cell.figures):
            files = (figure.light, figure.dark, figure.png)
            for name, content in zip(image_names(record.page, at, number), files, strict=True):
                write_if_changed(folder / name, store.read_file(record, content))
            pngs.append(folder / image_names(record.page, at, number)[2])
    return pngs


def _figure_rst(light: str, dark: str, figure: Figure, alt: str) -> str:
    """The reStructuredText of one figure; the theme shows the image that fits its colours."""
    return "".join(
        f".. image:: /{address}\n"
        f"   :alt: {alt}\n"
        f"   :width: {figure.width}\n   :height: {figure.height}\n   :loading: lazy\n"
        f"   :class: figure only-{theme}\n\n"
        for theme, address in (("light", light), ("dark", dark))
    )


def _verbatim(kind: str, text: str) -> str:
    """A directive that gives `text` as it is: in pieces, each written as JSON, for Docutils' lines have an end."""
    pieces = (text[at : at + LONGEST_PIECE] for at in range(0, len(text), LONGEST_PIECE))
    lines = "".join(f"   {json.dumps(piece)}\n" for piece in pieces)
    return f".. recorded-output:: {kind}\n\n{lines}\n"


class RecordedOutput(SphinxDirective):
    """What a cell wrote, blanks and all, or the HTML of its last expression."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the node."""
        text = "".join(map(json.loads, self.content))
        if self.arguments == ["html"]:
            box = f'<div class="output_subarea output_html rendered_html output_result">\n{text}\n</div>\n'
            return [nodes.raw("", box, format="html")]
        return [nodes.literal_block(text, text, language="none", classes=["sphx-glr-script-out"])]


def cell_rst(record: Record, at: int, images: str, alts: Sequence[str]) -> str:
    """The output of code cell `at` (from 0): its figures, what it wrote, the HTML of its last expression.

    Parameters
    ----------
    record
        The run to show.
    at
        The cell.
    images
        The address of the folder that `place_images` filled, from the source folder.
    alts
        What the figures show, in the page's language.
    """
    cell, parts = record.cells[at], [""]
    for number, (figure, alt) in enumerate(
        zip_longest(cell.figures, alts[: len(cell.figures)], fillvalue="")
    ):
        assert isinstance(figure, Figure)
        light, dark, _ = (f"{images}/{name}" for name in image_names(record.page, at, number))
        parts.append(_figure_rst(light, dark, figure, str(alt)))
    if cell.text.strip():
        parts.append(_verbatim("text", cell.text.removesuffix("\n")))
    if cell.html:
        parts.append(_verbatim("html", cell.html))
    return "\n".join([*parts, ""])


def outputs_for_replay(record: Record, script_blocks: Sequence[Any], images: str) -> list[str]:
    """One block of reStructuredText per block of the script, as `execute_script` returns them.

    Parameters
    ----------
    record
        The run to show.
    script_blocks
        The script as Sphinx-Gallery cut it, in any language.
    images
        The address of the folder that `place_images` filled, from the source folder.

    Raises
    ------
    ReplayError
        Where the script has more or fewer code cells than the record.
    """
    cells = coded(script_blocks)
    if len(cells) != len(record.cells):
        raise ReplayError(
            f"{record.page}: the script has {len(cells)} code cells and its record {len(record.cells)}"
        )
    outputs = [""] * len(script_blocks)
    alts = alt_texts(script_blocks[at].content for at in cells)
    for number, at in enumerate(cells):
        outputs[at] = cell_rst(record, number, images, alts[number])
    return outputs


def _object(module: str, name: str, **more: bool) -> dict[str, Any]:
    return {"name": name, "module": module, "module_short": module, **more}


def code_objects(record: Record) -> dict[str, list[dict[str, Any]]]:
    """The names in the code as Sphinx-Gallery's ``.codeobj.json`` has them, for its links.

    Sphinx-Gallery links a variable to its class; that would be every second word, so it is left out.
    """
    objects: dict[str, list[dict[str, Any]]] = {}
    for name, guesses in record.names.items():
        for guess in guesses:
            module, _, attribute = guess.removeprefix("class ").partition(":")
            if attribute.rpartition(".")[2] != name.rpartition(".")[2]:
                continue
            objects.setdefault(name, []).append(
                _object(module, attribute, is_class=guess.startswith("class "), is_explicit=False)
            )
    return objects


def imported_objects(code: str) -> dict[str, list[dict[str, Any]]]:
    """The same of code whose run left no names: those that its imports tell, such as ``nn.Linear``."""
    modules: dict[str, str] = {}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                modules[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    objects = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            written = ast.unparse(node)
            first, _, rest = written.partition(".")
            if first in modules and re.fullmatch(r"[\w.]+", written):
                module, _, name = f"{modules[first]}.{rest}".rstrip(".").rpartition(".")
                objects[written] = [_object(module, name, is_class=True, is_explicit=True)]
    return {name: found for name, found in objects.items() if found[0]["module"]}


def notebook_outputs(record: Record, at: int, images: str, alts: Sequence[str]) -> list[dict[str, Any]]:
    """The outputs of code cell `at` (from 0) of a Markdown page, as nbformat writes them; `alts` describe its figures.

    A figure becomes Markdown with two ``{image}`` directives; MyST-NB shows it with
    ``nb_render_markdown_format = "myst"``.
    """
    cell, outputs = record.cells[at], []
    for bundle in cell.bundles:
        if "figure" not in bundle:
            outputs.append(dict(bundle))
            continue
        number = bundle["figure"]
        figure = cell.figures[number]
        alt = alts[number] if number < len(alts) else ""
        names = image_names(record.page, at, number)
        text = "\n".join(
            f"```{{image}} /{images}/{name}\n:alt: {json.dumps(alt, ensure_ascii=False)}\n"
            f":width: {figure.width}\n:height: {figure.height}\n:loading: lazy\n:class: figure only-{theme}\n```\n"
            for theme, name in zip(("light", "dark"), names[:2], strict=True)
        )
        outputs.append({"output_type": "display_data", "metadata": {}, "data": {"text/markdown": text}})
    return outputs
