"""What records give Sphinx-Gallery and MyST-NB where they would run code: outputs, figures and names.

Sphinx-Gallery runs an example by `sphinx_gallery.gen_rst.execute_script`, which returns one block of
reStructuredText per block of the script; `records_on_page` puts a function in its place that returns what
`outputs_for_replay` makes of the records. Outputs that are equal on all devices are shown once, others one under
the other with the devices' names, which a script makes tabs of.

Alt texts are taken from the script that Sphinx-Gallery reads, which is in the page's language.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

from ..execute.cells import coded
from ..execute.chosen import ShownRecord
from ..execute.figures import alt_texts
from ..execute.record import Record, Store
from ..markup.python_names import imported_names
from ..project.files import write_if_changed

LONGEST_PIECE = 800
"""Characters, of which each takes up to twelve as JSON; Docutils refuses lines of more than 10,000."""


# -- outputs


def image_files(record: Record, cell: int, figure: int) -> dict[str, str]:
    """The files of a figure in a language's tree, by theme."""
    stem = f"recorded/{record.device}/{record.page}_{cell + 1:02}_{figure + 1:02}"
    return {theme: f"{stem}_{theme}.webp" for theme in ("light", "dark")}


def place_images(record: Record, store: Store, tree: Path) -> None:
    """Put the figures of `record` into a language's tree; files that say the same already are left alone."""
    for at, cell in enumerate(record.cells):
        for number, figure in enumerate(cell.figures):
            for theme, name in image_files(record, at, number).items():
                write_if_changed(tree / name, store.read_file(record, getattr(figure, theme)))


def _images(record: Record, cell: int, figure: int, alt: str) -> Iterator[tuple[str, list[str]]]:
    """Address and options of a figure's two images; the theme shows the one that fits its colours."""
    size = record.cells[cell].figures[figure]
    for theme, name in image_files(record, cell, figure).items():
        options = {"alt": alt, "width": size.width, "height": size.height}
        options |= {"loading": "lazy", "class": f"figure only-{theme}"}
        yield f"/{name}", [f":{option}: {value}" for option, value in options.items()]


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


def cell_rst(record: Record, at: int, alts: Sequence[str]) -> str:
    """The output of code cell `at` (from 0): its figures, which `alts` describe, what it wrote, its HTML."""
    cell, parts = record.cells[at], [""]
    for number in range(len(cell.figures)):
        for address, options in _images(record, at, number, _nth(alts, number)):
            parts.append("\n   ".join([f".. image:: {address}", *options]) + "\n")
    if cell.text.strip():
        parts.append(_verbatim("text", cell.text.removesuffix("\n")))
    if cell.html:
        parts.append(_verbatim("html", cell.html))
    return "\n".join([*parts, ""])


def _nth(alts: Sequence[str], number: int) -> str:
    """The alt text of figure `number`; a draft may lack it."""
    return alts[number] if number < len(alts) else ""


def _numbers(record: Record, other: Record) -> dict[int, int]:
    """The number that a cell of `record` has in `other`, which may be of an earlier version."""
    found: dict[int, int] = {}
    matcher = SequenceMatcher(None, record.code_part["cells"], other.code_part["cells"], autojunk=False)
    for _tag, start, end, there, until in matcher.get_opcodes():
        if end - start == until - there:
            found.update(zip(range(start, end), range(there, until), strict=True))
    return found


def outputs_for_replay(shown: Sequence[ShownRecord], script_blocks: Sequence[Any]) -> list[str]:
    """One block of reStructuredText per block of the script, as `execute_script` returns them.

    The script, as Sphinx-Gallery cut it, may be in any language, but must have as many code cells as the first record.
    """
    first, cells = shown[0].record, coded(script_blocks)
    if len(cells) != len(first.cells):
        raise ExtensionError(
            f"{first.page}: the script has {len(cells)} code cells and its record {len(first.cells)}"
        )
    outputs = [""] * len(script_blocks)
    alts = alt_texts(script_blocks[at].content for at in cells)
    numbers = [(item, _numbers(first, item.record)) for item in shown]
    for cell, at in enumerate(cells):
        there = [(item, known[cell]) for item, known in numbers if cell in known]
        recorded = [item.record.cells[number] for item, number in there]
        faces = [(each.output, [figure.png for figure in each.figures]) for each in recorded]
        texts = [cell_rst(item.record, number, alts[cell]) for item, number in there]
        same = all(face == faces[0] for face in faces)
        outputs[at] = texts[0] if same else _side_by_side([item for item, _number in there], texts)
    return outputs


def device_label(item: ShownRecord) -> str:
    """The device's name on the page."""
    kind, name = item.record.device.upper(), item.record.device_name
    return kind if item.record.device == "cpu" else f"{kind} · {name}"


def version_note(item: ShownRecord) -> str:
    """What a reader must know of a record that is not current."""
    if item.current:
        return ""
    return str(_("recorded from an earlier version of this code, %s")) % item.record.date[:10]


def _side_by_side(shown: Sequence[ShownRecord], texts: Sequence[str]) -> str:
    lines = [".. container:: device-outputs", ""]
    for item, text in zip(shown, texts, strict=True):
        lines += ["   .. container:: device-output", ""]
        for name, words in ("device-name", device_label(item)), ("device-note", version_note(item)):
            if words:
                plain = re.sub(r"([\\*`_|<])", r"\\\1", words)
                lines += [f"      .. rst-class:: {name}", "", f"      {plain}", ""]
        lines += [indent(text, "      "), ""]
    return "\n".join([*lines, ""])


def notebook_outputs(record: Record, at: int, alts: Sequence[str]) -> list[dict[str, Any]]:
    """The outputs of code cell `at` (from 0) of a Markdown page, as nbformat writes them; `alts` describe its figures.

    A figure becomes Markdown with two ``{image}`` directives; MyST-NB shows it with
    ``nb_render_markdown_format = "myst"``.
    """
    outputs = []
    for bundle in record.cells[at].bundles:
        if "figure" in bundle:
            alt = json.dumps(_nth(alts, bundle["figure"]), ensure_ascii=False)
            images = _images(record, at, bundle["figure"], alt)
            fences = (["```{image} " + address, *options, "```\n"] for address, options in images)
            text = "\n".join("\n".join(lines) for lines in fences)
            bundle = {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": text}}
        outputs.append(bundle)
    return outputs


# -- names


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
            if attribute.rpartition(".")[2] == name.rpartition(".")[2]:
                is_class = guess.startswith("class ")
                found = _object(module, attribute, is_class=is_class, is_explicit=False)
                objects.setdefault(name, []).append(found)
    return objects


def imported_objects(code: str) -> dict[str, list[dict[str, Any]]]:
    """The same of code whose run left no names: those that its imports tell, such as ``nn.Linear``."""
    tree = ast.parse(code)
    known, objects = imported_names(tree), {}
    for node in ast.walk(tree):
        written = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        first, dot, rest = written.partition(".")
        if first in known and re.fullmatch(r"[\w.]+", written):
            module, _, name = f"{known[first]}{dot}{rest}".rpartition(".")
            if module:
                objects[written] = [_object(module, name, is_class=True, is_explicit=True)]
    return objects
