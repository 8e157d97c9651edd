"""Text cells in reStructuredText: units of prose, and the lines between them, where docutils finds them.

What docutils takes for anything that the examples don't need is an error that says what to write instead, so that
nothing a reader sees can slip past translation.
"""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from docutils import nodes
from docutils.parsers.rst import Directive, Parser, directives, roles
from docutils.parsers.rst.directives.admonitions import BaseAdmonition
from docutils.parsers.rst.directives.tables import ListTable
from docutils.parsers.rst.languages import en
from docutils.readers.standalone import Reader
from docutils.utils import new_document, unescape

from ..project.errors import SourceError, gathered
from . import parts
from .inline import PYTHON_ROLES, shown
from .rst import PATTERNS, SETTINGS, block_start
from .units import Segment, Unit, Verbatim, join_lines

PROSE_DIRECTIVES = {"note", "tip", "hint", "important", "warning", "caution", "seealso"}
OWN_DIRECTIVES = {"admonition", "list-table", "rubric", "math", "code-block"}
LEFT_OUT = {"minigallery", "toctree", "learning-map", "error-index"}
"""What leads from page to page, which a notebook can't do."""
KNOWN = PROSE_DIRECTIVES | OWN_DIRECTIVES | LEFT_OUT | set(parts.DIRECTIVES)
USE_ANOTHER = f"use one of {', '.join(sorted(KNOWN))}"
CODE_OPTIONS = ("caption", "class", "dedent", "emphasize-lines", "force", "lineno-start", "linenos", "name")
TOCTREE_OPTIONS = ("class", "glob", "hidden", "includehidden", "maxdepth", "name", "numbered", "reversed", "titlesonly")  # fmt: skip
MARKERS = r"(?:(?:[-*]|\d+\.|#\.) +)+"
MARKER = re.compile(rf"{MARKERS}(?=\S)")
OPENING = re.compile(
    rf" *(?:(?P<marker>{MARKERS})|(?P<order>\.\. (?P<directive>[\w-]+)::|:caption:) +|(?P<dash>---?|—) *)?"
)
"""What may stand before a text in its first line."""
FOR_LINT = re.compile(r"not-printed: ")
"""The start of a comment that readers and translators don't see."""
LABEL = re.compile(r" *\.\. _([^:]+):")
UNDERLINES = "= - ~ ^ \" ' ` . * + #"
UNDERLINE = re.compile(r"(([=\-~^\"'`.*+#])\2{2,})?$")
UNSUPPORTED = {
    nodes.table: "a grid table; write a list-table",
    nodes.line_block: "a line block; write a paragraph or a list",
    nodes.field_list: "a field list; write a list",
    nodes.footnote: "a footnote; write it into the sentence",
    nodes.citation: "a citation; write it into the sentence",
    nodes.substitution_definition: "a substitution; write the text itself",
}
HINTS = {
    "interpreted text role": "use :ref:, :term:, :math: or a Python role such as :func:",
    "Unknown target name": "write a link as `text <https://…>`__, code as ``code_``, a footnote into the sentence",
    "start-string": "write a backslash before a mark that is meant as it stands, in a docstring that starts with r",
    "Literal block expected": "a block that is indented more follows `::`",
    "Unknown directive": USE_ANOTHER,
}


class seealso(nodes.Admonition, nodes.Element):
    """Sphinx's own admonition."""


class _SeeAlso(BaseAdmonition):
    node_class = seealso


class _ListTable(ListTable):
    def build_table_from_list(self, *parts: Any) -> nodes.table:
        table = super().build_table_from_list(*parts)
        table["is_list"] = True  # unlike one that is drawn
        return table


class _Block(Directive):
    """What has no prose in it."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True


class _Code(_Block):
    option_spec: ClassVar = dict.fromkeys(CODE_OPTIONS, directives.unchanged)

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, language=" ".join(self.arguments))
        if not (caption := self.options.get("caption")):
            return [block]
        text, messages = self.state.inline_text(caption, self.lineno)
        return [nodes.rubric(caption, "", *text, kind="code-block caption"), *messages, block]


class _LeftOut(_Block):
    option_spec: ClassVar = dict.fromkeys(TOCTREE_OPTIONS, directives.unchanged)

    def run(self) -> list[nodes.Node]:
        return []


class _Refused(_Block):
    def run(self) -> list[nodes.Node]:
        raise self.error(f"directive {self.name!r} can't be translated; {USE_ANOTHER}")


DIRECTIVES: dict[str, type[Directive]] = dict.fromkeys(set(en.directives) - KNOWN, _Refused)
DIRECTIVES |= dict.fromkeys(LEFT_OUT, _LeftOut)
DIRECTIVES |= {"code-block": _Code, "seealso": _SeeAlso, "list-table": _ListTable}


@contextmanager
def registered(own_directives: Mapping[str, type[Directive]], own_roles: Mapping[str, Any]) -> Iterator[None]:
    """Docutils' own directives and roles and those given, in place of Sphinx's: they want its environment."""
    # Docutils has no other way to put them aside, and its types don't know these two.
    # Sphinx's docutils_namespace() would do, but it also forgets the node types Sphinx has registered.
    saved = directives._directives, roles._roles  # type: ignore[attr-defined]
    directives._directives, roles._roles = dict(own_directives), dict(own_roles)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        directives._directives, roles._roles = saved  # type: ignore[attr-defined]


def _text_role(titles: Mapping[str, str], node_class: type[nodes.TextElement] = nodes.inline) -> Any:
    def role(name: str, rawtext: str, text: str, *rest: Any, **more: Any) -> Any:
        text = unescape(text)
        return [node_class(rawtext, titles.get(text) or shown(name, text))], []

    return role


def is_cell_break(node: nodes.Node) -> bool:
    """Whether a text cell begins with `node`."""
    return isinstance(node, nodes.comment) and node.rawsource == "cell-break"


def _is_for_lint(node: nodes.Element) -> bool:
    """Whether `node` is a comment that only our own rules read."""
    return isinstance(node, nodes.comment) and bool(FOR_LINT.match(node.rawsource))


def _is_heading(node: nodes.Element) -> bool:
    """Whether `node` is the title of a section."""
    return isinstance(node, nodes.title) and isinstance(node.parent, nodes.section)


def _opens_literal(node: nodes.Element) -> bool:
    """Whether `node` is a paragraph at whose end ``::`` announces a literal block."""
    return isinstance(node, nodes.paragraph) and node.rawsource.endswith("::")


class Cell(NamedTuple):
    """A text cell as it stands in a file."""

    line: int
    """Its first line, 1-based."""
    text: str
    """Its lines, without the `prefix` of each."""
    prefix: str = ""


class Cells:
    """The text cells of a file as docutils reads them, all together."""

    def __init__(
        self,
        cells: Sequence[Cell],
        path: Path,
        titles: Mapping[str, str] | None = None,
        labels: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Read `cells` of the file at `path`; `titles` has those behind labels, `labels` those of parts."""
        self.path, self.cells = path, cells
        self.lines: list[str] = []
        self.starts: list[int] = []
        """The index in `lines` at which each cell begins."""
        self.labels: dict[int, str] = {}
        """Those that lines set, by the index of the line."""
        self.errors: list[SourceError] = []
        for cell in cells:
            # The empty comment keeps what is indented from belonging to the first one.
            self.lines += [".. cell-break", "", "..", ""]
            self.starts.append(len(self.lines))
            self.lines += [
                " ".join(line.splitlines()).expandtabs().rstrip() for line in cell.text.split("\n")
            ]
            self.lines.append("")
        self.lines.append(".. cell-break")  # code, or what Sphinx-Gallery adds, follows the last one
        own_roles = {"term": _text_role({}), "ref": _text_role(titles or {})}
        python = _text_role({}, nodes.literal)
        own_roles |= {f"{domain}{name}": python for name in PYTHON_ROLES for domain in ("", "py:")}
        with registered(DIRECTIVES | parts.directives(labels), own_roles):
            self.document = new_document(str(path), copy(SETTINGS))
            parser = Parser()
            parser.parse("\n".join(self.lines), self.document)
            self.document.transformer.populate_from_components((Reader(), parser))
            self.document.transformer.apply_transforms()
        self.errors += [self.error(line, message) for line, message in parts.pair(self.document)]

    def place(self, index: int) -> tuple[Cell, int]:
        """The cell that has the line with this index, and the line's number in the file."""
        number = max(bisect(self.starts, index) - 1, 0)
        return self.cells[number], self.cells[number].line + max(index - self.starts[number], 0)

    def error(self, line: int | None, message: str) -> SourceError:
        """A mistake at a line of the cells, which docutils counts as one text, from 1."""
        return SourceError(self.path, self.place((line or 1) - 1)[1], message)

    def split(self, width: int = 79) -> list[list[Segment]]:
        """The segments of each cell; translations are wrapped at `width` columns, 0 for no wrapping.

        What can't be translated goes to `errors`.
        """
        found: dict[int, tuple[list[Segment], int]] = {}
        at = 0
        for node in self._texts(self.document):
            with gathered(self.errors):
                start = self._start(node, at)
                at = start + node.rawsource.count("\n") + 1
                unit = self._unit(node, start, at, width)
                segments: list[Segment] = [unit]
                if _opens_literal(node):  # written on its own below, where no translation can lose it
                    segments += [
                        Verbatim(unit.rest_prefix.rstrip() + "\n"),
                        Verbatim(f"{unit.rest_prefix}::\n"),
                    ]
                found[start - unit.overlined] = segments, at + bool(unit.underline)
        return [list(self._segments(number, found)) for number in range(len(self.cells))]

    def _segments(self, number: int, found: dict[int, tuple[list[Segment], int]]) -> Iterator[Segment]:
        """The segments of one cell, of which `found` has those that are prose and the line below each."""
        cell, start = self.cells[number], self.starts[number]
        if not cell.text.strip():
            return
        if cell.text.lstrip("\n")[0].isspace():
            line = cell.line + len(cell.text) - len(cell.text.lstrip("\n"))
            self.errors.append(SourceError(self.path, line, "a cell's text starts in the first column"))
        at = start
        while at < start + cell.text.count("\n") + 1:
            if at in found:
                segments, at = found[at]
                yield from segments
            else:
                text = (cell.prefix + self.lines[at]).rstrip() + "\n"
                yield Verbatim(text, self.labels.get(at, ""), cell.line + at - start)
                at += 1

    def _texts(self, parent: nodes.Element) -> Iterator[nodes.Element]:
        """The nodes that hold prose, in their order, and comments, which may."""
        for node in parent.children:
            match node:
                case (
                    nodes.title() | nodes.paragraph() | nodes.attribution() | nodes.rubric() | nodes.comment()
                ):
                    if node.rawsource and not is_cell_break(node) and not _is_for_lint(node):
                        yield node
                case nodes.target(line=int(line)):
                    label = LABEL.fullmatch(self.lines[line - 1])
                    if label and "refuri" not in node:
                        self.labels[line - 1] = label[1]
                    else:
                        message = "a link's address stands in the sentence: write `text <https://…>`__"
                        self.errors.append(self.error(line, message))
                case nodes.literal_block(line=int(line), rawsource=".. cell-break"):
                    self.errors.append(self.error(line - 2, HINTS["Literal block expected"]))
                case nodes.Element() if type(node) in UNSUPPORTED and not node.get("is_list"):
                    line = next(inner.line for inner in node.findall() if inner.line)
                    while self.lines[line - 2].strip():
                        line -= 1
                    self.errors.append(self.error(line, f"this looks like {UNSUPPORTED[type(node)]}"))
                case nodes.Element() if not isinstance(node, nodes.system_message):
                    yield from self._texts(node)

    def _start(self, node: nodes.Element, at: int) -> int:
        """The index of the first line of `node`, whose text stands at or below the line with the index `at`."""
        first = node.rawsource.split("\n")[0]
        if isinstance(node, nodes.paragraph | nodes.attribution):  # of others docutils has not kept it
            at = max(at, (node.line or 1) - 1)
        for index in range(at, len(self.lines) - 1):
            if self.lines[index].endswith(first) and (
                not _is_heading(node) or PATTERNS["line"].match(self.lines[index + 1])
            ):
                return index
        raise self.error(node.line, "docutils doesn't read this line as it stands")

    def _unit(self, node: nodes.Element, start: int, end: int, width: int) -> Unit:
        """The unit that `node` was made of, in the lines with indices from `start` up to `end`."""
        lines = node.rawsource.split("\n")
        first = self.lines[start].removesuffix(lines[0])
        opening, underline = OPENING.fullmatch(first), ""
        if isinstance(node, nodes.comment):
            raise self.error(start + 1, "only labels and directives may start with `..`")
        if not opening:
            hint = "start it with `- ` or `1. `, and a paragraph's lines in the same column"
            raise self.error(start + 1, f"docutils reads this as a list: {hint}")
        for index in range(start + 1, end):
            if MARKER.match(self.lines[index].strip()):
                raise self.error(index + 1, "leave a blank line before a list")
        if _is_heading(node):
            kind, underline, first = "title", self.lines[end], ""
        elif isinstance(node, nodes.title | nodes.rubric):
            kind = node.get("kind") or f"{opening['directive']} title"
        else:
            kind = "item" if opening["marker"] else node.tagname
        if any(PATTERNS["line"].match(line.strip()) for line in lines) or not UNDERLINE.match(underline):
            hint = f"of at least 3 times one of {UNDERLINES}, and as wide as the title"
            raise self.error(start + 1, f"a title has one line, under it, {hint}")
        text = join_lines(lines)
        if _opens_literal(node):
            text = text[:-2].rstrip() if node.rawsource[-3:-2].isspace() else text[:-1]
        if read_as := block_start(text):
            raise self.error(start + 1, f"docutils reads this as {read_as}")
        column = len(first)
        if opening["order"] or opening["dash"]:
            column = len(first) - len(first.lstrip()) + 3 * bool(opening["order"])
        cell, number = self.place(start)
        return Unit(
            kind,
            text,
            number,
            first_prefix=cell.prefix + first,
            rest_prefix=cell.prefix + " " * column,
            underline=underline[:1],
            overlined=bool(underline) and self.lines[start - 1] == underline,
            width=0 if underline else width,
            suffix="\n",
        )
