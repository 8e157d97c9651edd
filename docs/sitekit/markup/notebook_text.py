"""reStructuredText of text cells as Markdown that a notebook shows as the page does, and what can't be so shown.

Jupyter runs MathJax over what its Markdown gives, so dollar signs and backslashes are kept apart from their neighbours.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from docutils import nodes
from docutils.utils import Reporter

from ..project.errors import SourceError, SourceErrors
from .parts import choice, choices
from .text_cells import HINTS, Cell, Cells, is_cell_break
from .typography import close_up
from .units import Segment

MARKS = re.compile(r"[$\\*`~<]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|\](?=[(\[:]|$)")
LOCALISED = re.compile("Title (under|over)line too short")
"""What docutils says of a source, and not of what localising makes of it."""
STARTS_A_BLOCK = re.compile(r"\A(?:(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|[-=]+\s*$)|(\d{1,9})([.)](?=\s|$)))")


def _escaped(text: str) -> str:
    """`text` with nothing that Markdown or MathJax would take for more than letters."""

    def escaped(match: re.Match[str]) -> str:
        mark = match[0]
        return f"<span>\\{mark}</span>" if mark in "$\\" else "&#93;" if mark == "]" else f"\\{mark}"

    return MARKS.sub(escaped, text)


def _fence(text: str, shortest: int) -> str:
    return "`" * max([shortest, *(len(run) + 1 for run in re.findall("`+", text) if len(run) >= shortest)])


class Writer:
    """Writes Markdown blocks; each block-level method returns its lines."""

    def __init__(self, admonitions: Mapping[str, Any]) -> None:
        """Take from `admonitions` the words for “Note” and the like."""
        self.admonitions = admonitions
        self.in_table = False
        self.without_form: list[nodes.Node] = []

    def cells(self, document: nodes.document) -> list[str]:
        """The cells, in their order."""
        cells: list[list[str]] = []

        def read(node: nodes.Element) -> None:
            for child in node.children:
                if is_cell_break(child):
                    cells.append([])
                elif isinstance(child, nodes.section):
                    read(child)
                elif written := self.block(child):
                    cells[-1] += ([""] if cells[-1] else []) + written

        read(document)
        return ["\n".join(lines) for lines in cells[:-1]]

    def blocks(self, found: Sequence[nodes.Node]) -> list[str]:
        """The blocks, a blank line between them."""
        lines: list[str] = []
        for node in found:
            if written := self.block(node):
                lines += ([""] if lines else []) + written
        return lines

    def block(self, node: nodes.Node) -> list[str]:
        """The lines of one block."""
        match node:
            case nodes.title():
                depth, parent = 0, node.parent
                while isinstance(parent, nodes.section):
                    depth, parent = depth + 1, parent.parent
                return ["#" * depth + " " + re.sub(r"(#+)$", r"\\\1", self.inline(node))]
            case nodes.paragraph():
                return [STARTS_A_BLOCK.sub(r"\2\\\1\3", self.inline(node))]
            case nodes.target() | nodes.comment() | nodes.system_message():
                return []
            case choices():
                return [f"- {option['letter']}. {self.words(option)}" for option in node.options]
            case nodes.bullet_list() | nodes.enumerated_list():
                return self.items(node)
            case _ if self.in_table:
                pass  # what follows can't stand there
            case nodes.math_block():
                return ["$$", node.astext(), "$$"]
            case nodes.literal_block() | nodes.doctest_block():
                text = node.astext()
                language = "pycon" if isinstance(node, nodes.doctest_block) else node.get("language", "")
                return [_fence(text, 3) + language, *text.split("\n"), _fence(text, 3)]
            case nodes.admonition(children=[title, *body]):
                return self.titled(self.inline(title), self.blocks(body))
            case nodes.Admonition():
                name = type(node).__name__
                label = self.inline(nodes.Text(str(self.admonitions.get(name, name.capitalize()))))
                return self.titled(label, self.blocks(node.children))
            case nodes.block_quote():
                return self.quoted(self.blocks(node.children))
            case nodes.attribution():
                return [f"— {self.inline(node)}"]
            case nodes.transition():
                return ["---"]
            case nodes.table():
                return self.table(node)
            case nodes.rubric():
                return [self.strong(self.inline(node))]
        self.without_form.append(node)
        return []

    def titled(self, title: str, body: list[str]) -> list[str]:
        """A box with a title."""
        return self.quoted([self.strong(title), "", *body])

    def strong(self, text: str) -> str:
        """A heading of a part."""
        return f"**{text}**"

    def quoted(self, lines: list[str]) -> list[str]:
        """The lines of a quotation."""
        return [f"> {line}".rstrip() for line in lines]

    def items(self, node: nodes.Element) -> list[str]:
        """A list; one right behind another of its kind has other marks, or Markdown would make one of both."""
        before = node.parent.children[: node.parent.index(node)]
        other = bool(before) and type(before[-1]) is type(node) and not getattr(before[-1], "other", False)
        node.other = other  # type: ignore[attr-defined]  # a note of ours, for the list behind it
        lines = []
        for number, item in enumerate(node.children, node.get("start", 1)):
            sign = "-*"[other] if isinstance(node, nodes.bullet_list) else f"{number}{'.)'[other]}"
            first, *rest = self.blocks(item.children) or [""]
            lines += [f"{sign} {first}", *((" " * (len(sign) + 1) + line).rstrip() for line in rest)]
        return lines

    def table(self, node: nodes.table) -> list[str]:
        """A table; Markdown wants a heading row, so a table without one gets an empty one."""
        caption = next(node.findall(nodes.title), None)
        lines = [self.strong(self.inline(caption)), ""] if caption else []
        self.in_table = True
        rows = [
            ["<br>".join(self.blocks(entry.children)) for entry in row.findall(nodes.entry)]
            for row in node.findall(nodes.row)
        ]
        self.in_table = False
        if next(node.findall(nodes.thead), None) is None:
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        return lines + ["| " + " | ".join(row) + " |" for row in rows]

    def words(self, option: choice) -> str:
        """What an option says."""
        return "".join(map(self.inline, option.text))

    def inline(self, node: nodes.Node) -> str:
        """Text with its inline markup."""
        text = node.astext().replace("\n", " ")
        if isinstance(node, nodes.Text):
            return _escaped(text).replace("|", "\\|" if self.in_table else "|")
        if isinstance(node, nodes.math):
            if self.in_table:  # a bar would end the cell
                text = re.sub(r"(\\?)\|", lambda bar: r"\Vert " if bar[1] else r"\vert ", text)
            return f"${text}$"
        if isinstance(node, nodes.literal):
            pad = " " if text.startswith("`") or text.endswith("`") else ""
            code = text.replace("|", "\\|") if self.in_table else text
            return f"{_fence(text, 1)}{pad}{code}{pad}{_fence(text, 1)}"
        inner = "".join(map(self.inline, node.children))
        if isinstance(node, nodes.strong | nodes.emphasis | nodes.title_reference):
            mark, tag = ("**", "strong") if isinstance(node, nodes.strong) else ("*", "em")
            place = node.parent.index(node)
            before = node.parent[place - 1].astext()[-1:] if place else ""
            after = "".join(found.astext()[:1] for found in node.parent[place + 1 : place + 2])
            joined = before.isalnum() or after.isalnum()  # where Markdown may see no mark
            return f"<{tag}>{inner}</{tag}>" if joined else f"{mark}{inner}{mark}"
        if isinstance(node, nodes.subscript | nodes.superscript):
            return f"<{node.tagname[:3]}>{inner}</{node.tagname[:3]}>"
        if isinstance(node, nodes.reference) and (address := node.get("refuri")):
            if address in {text, f"mailto:{text}"}:
                return f"<{text}>"
            address = address.replace("$", "%24").replace("|", "%7C")
            inner = inner.replace("[", "&#91;").replace("]", "&#93;")
            return f"[{inner}](<{address}>)" if re.search(r"[\s()]", address) else f"[{inner}]({address})"
        return "" if isinstance(node, nodes.target) else inner


def _faults(cells: Cells, writer: Writer) -> Iterator[SourceError]:
    """What is lost in Markdown, and what docutils, and Sphinx after it, complain about."""
    document = cells.document
    for message in [*document.findall(nodes.system_message), *document.transform_messages]:
        text = message.children[0].astext() if message.children else ""
        if message["level"] >= Reporter.WARNING_LEVEL and not LOCALISED.match(text):
            hints = [hint for words, hint in HINTS.items() if words in text]
            yield cells.error(message.get("line"), "; ".join([text.rstrip("."), *hints]))
    for node in writer.without_form:
        line = next((found.line for found in [*node.findall(), node.parent] if found.line), None)
        name = type(node).__name__.replace("_", " ")
        advice = "write paragraphs or a list, with the lines of each in the same column"
        yield cells.error(line, f"a {name} has no form in a notebook here: {advice}")


def split_cells(
    given: Sequence[Cell], path: Path, errors: list[SourceError], *, width: int = 79
) -> list[list[Segment]]:
    """The segments of each text cell of the file at `path`, for translations that are `width` columns wide.

    What can't be translated, or shown on the page and in its notebook, goes to `errors`.
    """
    cells, writer = Cells(given, path), Writer({})
    segments = cells.split(width)
    writer.cells(cells.document)
    errors += cells.errors
    named = {error.line for found in errors for error in getattr(found, "errors", [found])}
    errors += [error for error in _faults(cells, writer) if error.line not in named]
    return segments


def to_markdown(
    texts: Sequence[str],
    path: Path,
    labels: Mapping[str, str],
    admonitions: Mapping[str, Any] = MappingProxyType({}),
) -> list[str]:
    """Convert the text cells of the script at `path`, as localising writes them.

    `labels` has the title behind each label that ``:ref:`` can name, `admonitions` the title of each kind of
    admonition, and of a page's parts by their English ones, in the page's language; it is English where there is none. A SourceErrors means that localising let
    something pass that has no place in a notebook.
    """
    return read([Cell(1, text) for text in texts], path, labels, admonitions, Writer(admonitions))


def read(
    given: Sequence[Cell],
    path: Path,
    labels: Mapping[str, str],
    admonitions: Mapping[str, Any],
    writer: Writer,
) -> list[str]:
    """The text cells as `writer` writes them; the rest is as for `to_markdown`."""
    cells = Cells(given, path, labels, admonitions)
    for text in cells.document.findall(nodes.TextElement):
        if isinstance(text, nodes.title | nodes.paragraph | nodes.rubric | nodes.attribution):
            close_up(text)
    written = writer.cells(cells.document)
    if errors := list(_faults(cells, writer)):
        raise SourceErrors(SourceError(path, None, error.message) for error in errors)
    return written
