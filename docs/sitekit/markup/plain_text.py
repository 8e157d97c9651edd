"""Text cells of a script as plain prose, for those who read it in an editor: no roles, labels, directives or escapes."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes

from ..project.errors import SourceError
from . import python_source
from .notebook_text import Writer, read
from .parts import choices
from .text_cells import Cell
from .units import HAN, Unit, display_width

WIDTH = 88
OPENING, CLOSING = "（“‘《【「", "，。；：！？、）”’》】」…—"
TOKEN = re.compile(rf"\s+|[{OPENING}]*(?:{HAN.pattern}|[^\s{OPENING}{CLOSING}\u2e80-\u9fff]+)?[{CLOSING}]*")
"""What a line keeps together: a word, or a Chinese character, with the punctuation beside it."""
HEADING = "%% "
"""Starts a line that begins a cell with this title, as editors know cells."""


@cache
def formula(latex: str) -> str:
    r"""A formula as one would type it: ``\frac{a}{b}`` is ``a/b``."""
    from pylatexenc.latex2text import LatexNodes2Text

    text = LatexNodes2Text(math_mode="text").latex_to_text(latex.replace(r"\|", "‖"))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def wrapped(text: str) -> list[str]:
    """The lines of a paragraph, as wide as `WIDTH` allows."""
    lines = [""]
    for token in TOKEN.findall(text):
        if display_width(lines[-1] + token.rstrip()) > WIDTH:
            lines.append("")
        lines[-1] += token if lines[-1] else token.lstrip()
    return [line.rstrip() for line in lines]


class Plain(Writer):
    """Writes blocks of plain text."""

    def block(self, node: nodes.Node) -> list[str]:
        """The lines of one block."""
        match node:
            case nodes.title() if isinstance(node.parent, nodes.section):
                return [HEADING + self.inline(node)]
            case nodes.paragraph() if not self.in_table:
                return wrapped(self.inline(node))
            case choices():
                return [f"{option['letter']}. {self.words(option)}" for option in node.options]
            case nodes.math_block():
                return [f"    {formula(line)}" for line in re.split(r"\\\\", node.astext())]
            case nodes.literal_block() | nodes.doctest_block():
                return [f"    {line}" for line in node.astext().split("\n")]
        return super().block(node)

    def titled(self, title: str, body: list[str]) -> list[str]:
        """An admonition."""
        return [title + ("：" if HAN.search(title) else ":"), "", *self.quoted(body)]

    def strong(self, text: str) -> str:
        """A heading of a part."""
        return text

    def quoted(self, lines: list[str]) -> list[str]:
        """The lines of a quotation."""
        return [f"  {line}".rstrip() for line in lines]

    def inline(self, node: nodes.Node) -> str:
        """Text without markup; code stands between backticks."""
        text = node.astext().replace("\n", " ")
        match node:
            case nodes.Text():
                return text
            case nodes.math():
                return formula(text)
            case nodes.literal():
                return f"`{text}`"
            case nodes.target():
                return ""
        inner = "".join(map(self.inline, node.children))
        if isinstance(node, nodes.reference) and (address := node.get("refuri", "")) not in {"", text}:
            return f"{inner} <{address}>"
        return inner


def code(text: str) -> str:
    """Code without what its comments say to the site: a folded cell's title and a figure's text stay, as comments."""
    return python_source.MARK.sub(r"\1", text)


def _lines(written: str, prefix: str) -> list[str]:
    """The lines of a text cell; in the header, which has no `prefix`, the title is a line like any other."""
    if not prefix:
        return written.removeprefix(HEADING).split("\n")
    # A title has its cell's first line for itself, with a blank one above it.
    written = re.sub(rf"^({HEADING}.*)\n\n", r"\1\n", written, flags=re.MULTILINE)
    lines = [(prefix + line).rstrip() for line in written.split("\n") if written]
    return [
        "" if line == "#" and below.startswith(prefix + HEADING) else line
        for line, below in pairwise([*lines, ""])
    ]


def script(text: str, path: Path, labels: Mapping[str, str], admonitions: Mapping[str, Any]) -> str:
    """The script at `path` with its text cells as plain prose, and its code as it is.

    `labels` and `admonitions` are as for :func:`.notebook_text.to_markdown`.
    """
    errors: list[SourceError] = []
    found = list(python_source.cells_and_code(text.rstrip("\n").split("\n"), path, errors))
    cells = [part for part in found if isinstance(part, Cell)]
    texts = iter(read(cells, path, labels, admonitions, Plain(admonitions)))
    out: list[str] = []
    for part in found:
        if isinstance(part, Unit):
            out.append(code(part.original or part.first_prefix + part.text) + part.suffix)
        elif not isinstance(part, Cell):
            out.append(part.text)
        else:
            lines = _lines(next(texts), part.prefix)
            if part.prefix and lines and lines[0].startswith(part.prefix + HEADING):
                out.pop()  # the `# %%` above
            out += [f"{line}\n" for line in lines]
    return "".join(out)
