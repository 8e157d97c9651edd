"""reStructuredText of text cells as Markdown that a notebook shows as the page does, and what can't be so shown.

Jupyter runs MathJax over what its Markdown gives, so dollar signs and backslashes are kept apart from their neighbours.
"""

from __future__ import annotations

import copy
import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Directive, Parser, directives, roles
from docutils.parsers.rst.directives.admonitions import BaseAdmonition
from docutils.readers.standalone import Reader
from docutils.utils import Reporter, new_document, unescape

from ..project.errors import SourceError, SourceErrors
from .rst import PYTHON_ROLES, shown

__all__ = ["faults", "to_markdown"]

MARKS = re.compile(r"[$\\*`~<]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|\](?=[(\[:]|$)")
STARTS_A_BLOCK = re.compile(r"\A(?:(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|[-=]+\s*$)|(\d{1,9})([.)](?=\s|$)))")
CODE_OPTIONS = ("caption", "class", "dedent", "emphasize-lines", "force", "lineno-start", "linenos", "name")
TOCTREE_OPTIONS = ("caption", "class", "glob", "hidden", "includehidden", "maxdepth", "name", "numbered", "reversed", "titlesonly")  # fmt: skip
LOCALISED = re.compile("Title (under|over)line too short")
"""What docutils says of a source, and not of what localising makes of it."""
HINTS = {
    "interpreted text role": "use :ref:, :term:, :math: or a Python role such as :func:",
    "Unknown target name": "write a link as `text <https://…>`__, code as ``code_``, a footnote into the sentence",
    "start-string": "write a backslash before a mark that is meant as it stands, in a docstring that starts with r",
}


class seealso(nodes.Admonition, nodes.Element):
    """Sphinx's own admonition."""


class cell_break(nodes.Element):
    """Where a text cell begins."""


class _SeeAlso(BaseAdmonition):
    node_class = seealso


class _CellBreak(Directive):
    def run(self) -> list[nodes.Node]:
        return [cell_break()]


class _Code(Directive):
    has_content = True
    optional_arguments = 1
    option_spec: ClassVar = dict.fromkeys(CODE_OPTIONS, directives.unchanged)

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, language=" ".join(self.arguments))
        if "caption" not in self.options:
            return [block]
        text, messages = self.state.inline_text(self.options["caption"], self.lineno)
        return [nodes.rubric("", "", *text), *messages, block]


class _LeftOut(Directive):
    """What leads from page to page, which a notebook can't do."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = dict.fromkeys(TOCTREE_OPTIONS, directives.unchanged)

    def run(self) -> list[nodes.Node]:
        return []


DIRECTIVES = {"code-block": _Code, "seealso": _SeeAlso, "cell-break": _CellBreak}
DIRECTIVES |= dict.fromkeys(("minigallery", "toctree", "learning-map", "error-index"), _LeftOut)


def _escaped(text: str) -> str:
    """`text` with nothing that Markdown or MathJax would take for more than letters."""

    def escaped(match: re.Match[str]) -> str:
        mark = match[0]
        return f"<span>\\{mark}</span>" if mark in "$\\" else "&#93;" if mark == "]" else f"\\{mark}"

    return MARKS.sub(escaped, text)


def _fence(text: str, shortest: int) -> str:
    return "`" * max([shortest, *(len(run) + 1 for run in re.findall("`+", text) if len(run) >= shortest)])


class _Writer:
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
                if isinstance(child, cell_break):
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
        if isinstance(node, nodes.title):
            depth, parent = 0, node.parent
            while isinstance(parent, nodes.section):
                depth, parent = depth + 1, parent.parent
            return ["#" * depth + " " + re.sub(r"(#+)$", r"\\\1", self.inline(node))]
        if isinstance(node, nodes.paragraph):
            return [STARTS_A_BLOCK.sub(r"\2\\\1\3", self.inline(node))]
        if isinstance(node, (nodes.target, nodes.comment, nodes.system_message)):
            return []
        if isinstance(node, nodes.bullet_list | nodes.enumerated_list):
            return self.items(node)
        if not self.in_table and (lines := self.block_outside_a_table(node)):
            return lines
        self.without_form.append(node)
        return []

    def block_outside_a_table(self, node: nodes.Node) -> list[str]:
        """The lines of a block that can't stand in a table; none where Markdown has no form for it."""
        if isinstance(node, nodes.math_block):
            return ["$$", node.astext(), "$$"]
        if isinstance(node, nodes.literal_block | nodes.doctest_block):
            text = node.astext()
            language = "pycon" if isinstance(node, nodes.doctest_block) else node.get("language", "")
            return [_fence(text, 3) + language, *text.split("\n"), _fence(text, 3)]
        if isinstance(node, nodes.Admonition):
            name, body = type(node).__name__, node.children
            label = _escaped(str(self.admonitions.get(name, name.capitalize())))
            if isinstance(node, nodes.admonition):
                label, body = self.inline(node.children[0]), node.children[1:]
            return [f"> {line}".rstrip() for line in [f"**{label}**", "", *self.blocks(body)]]
        if isinstance(node, nodes.block_quote):
            return [f"> {line}".rstrip() for line in self.blocks(node.children)]
        if isinstance(node, nodes.attribution):
            return [f"— {self.inline(node)}"]
        if isinstance(node, nodes.transition):
            return ["---"]
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, nodes.rubric):
            return [f"**{self.inline(node)}**"]
        return []

    def items(self, node: nodes.Element) -> list[str]:
        """A list; one right behind another of its kind has other marks, or Markdown would make one of both."""
        before = node.parent.children[: node.parent.index(node)]
        other = bool(before) and type(before[-1]) is type(node) and not getattr(before[-1], "other", False)
        node.other = other  # type: ignore[attr-defined]
        lines = []
        for number, item in enumerate(node.children, node.get("start", 1)):
            sign = "-*"[other] if isinstance(node, nodes.bullet_list) else f"{number}{'.)'[other]}"
            first, *rest = self.blocks(item.children) or [""]
            lines += [f"{sign} {first}", *((" " * (len(sign) + 1) + line).rstrip() for line in rest)]
        return lines

    def table(self, node: nodes.table) -> list[str]:
        """A table; Markdown wants a heading row, so a table without one gets an empty one."""
        caption = next(node.findall(nodes.title), None)
        lines = [f"**{self.inline(caption)}**", ""] if caption else []
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


def _text_role(titles: Mapping[str, str], node_class: type[nodes.TextElement] = nodes.inline) -> Any:
    def role(name: str, rawtext: str, text: str, *rest: Any, **more: Any) -> Any:
        text = unescape(text)
        return [node_class(rawtext, titles.get(text) or shown(name, text))], []

    return role


@contextmanager
def _plain_docutils(titles: Mapping[str, str]) -> Iterator[None]:
    """Docutils' own directives and roles, with stand-ins for some of Sphinx's: those want its environment."""
    # Sphinx's docutils_namespace() would do, but it also forgets the node types Sphinx has registered.
    known: list[dict[str, Any]] = [directives._directives, roles._roles]  # type: ignore[attr-defined]
    python = {f"{domain}{name}" for name in PYTHON_ROLES for domain in ("", "py:")}
    ours = {"term": _text_role({}), "ref": _text_role(titles)} | dict.fromkeys(
        python, _text_role({}, nodes.literal)
    )
    saved = [dict(registry) for registry in known]
    try:
        for registry, found in zip(known, (DIRECTIVES, ours), strict=True):
            registry.clear()
            registry.update(found)
        yield
    finally:
        for registry, found in zip(known, saved, strict=True):
            registry.clear()
            registry.update(found)


@cache
def _settings() -> Any:
    """Docutils' settings, which take longer to make than a cell to read."""
    settings = get_default_settings(Parser, Reader)
    settings.report_level = settings.halt_level = 5
    settings.doctitle_xform = settings.docinfo_xform = settings.file_insertion_enabled = (
        settings.raw_enabled
    ) = False
    settings.syntax_highlight = "none"
    return settings


class _Cells:
    """The text cells of a page as docutils reads them, all together."""

    def __init__(self, cells: Sequence[tuple[int, str]], path: Path, titles: Mapping[str, str]) -> None:
        """Read `cells`, each with its first line in `path`; `titles` has those behind labels."""
        self.path = path
        self.places: list[tuple[int, int]] = []
        lines: list[str] = []
        for line, text in cells:
            # The empty comment keeps what is indented from being the directive's content.
            lines += [".. cell-break::", "", "..", "", *text.split("\n"), ""]
            self.places.append((len(lines) - text.count("\n") - 1, line))
        lines.append(".. cell-break::")  # code, or what Sphinx-Gallery adds, follows the last one
        with _plain_docutils(titles):
            self.document = new_document(str(path), copy.copy(_settings()))
            parser = Parser()
            parser.parse("\n".join(lines), self.document)
            self.document.transformer.populate_from_components((Reader(), parser))
            self.document.transformer.apply_transforms()

    def error(self, line: int | None, message: str) -> SourceError:
        """A mistake at a line of the cells, which are counted as one text."""
        own, source = self.places[max(bisect(self.places, ((line or 1), float("inf"))) - 1, 0)]
        return SourceError(self.path, source + max((line or 1) - own, 0), message)

    def markdown(self, admonitions: Mapping[str, Any]) -> tuple[list[str], list[SourceError]]:
        """The cells as Markdown, and what is lost in it or what docutils, and Sphinx after it, complain about."""
        writer, errors = _Writer(admonitions), []
        cells = writer.cells(self.document)
        for message in [*self.document.findall(nodes.system_message), *self.document.transform_messages]:
            text = message.children[0].astext() if message.children else ""
            if message["level"] >= Reporter.WARNING_LEVEL and not LOCALISED.match(text):
                hints = [hint for words, hint in HINTS.items() if words in text]
                errors.append(self.error(message.get("line"), "; ".join([text.rstrip("."), *hints])))
        for node in writer.without_form:
            line = next((found.line for found in [*node.findall(), node.parent] if found.line), None)
            name = type(node).__name__.replace("_", " ")
            errors.append(
                self.error(line, f"a {name} has no form in a notebook here: write paragraphs or a list")
            )
        return cells, errors


def faults(cells: Sequence[tuple[int, str]], path: Path) -> list[SourceError]:
    """What can't be shown on the page or in its notebook.

    Parameters
    ----------
    cells
        The text cells, each with the line of the file that it starts at.
    path
        That file.
    """
    return _Cells(cells, path, {}).markdown({})[1]


def to_markdown(
    cells: Sequence[str],
    path: Path,
    labels: Mapping[str, str],
    admonitions: Mapping[str, Any] = MappingProxyType({}),
) -> list[str]:
    """Convert the text cells of a page.

    Parameters
    ----------
    cells
        reStructuredText as localising writes it.
    path
        The script it stands in, for error messages.
    labels
        The title behind each label that ``:ref:`` can name.
    admonitions
        The title of each kind of admonition in the page's language; English where there is none.

    Raises
    ------
    SourceErrors
        Where localising let something pass that has no place in a notebook.
    """
    found, errors = _Cells([(1, cell) for cell in cells], path, labels).markdown(admonitions)
    if errors:
        raise SourceErrors(SourceError(path, None, error.message) for error in errors)
    return found
