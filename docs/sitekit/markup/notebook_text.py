"""reStructuredText of a text cell as Markdown for a notebook, with no role or directive left over."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser, directives, roles
from docutils.utils import Reporter, new_document

from ..project.errors import SourceError
from .rst import EXPLICIT

__all__ = ["to_markdown"]


class _Writer:
    """Writes Markdown blocks; each block-level method returns its lines."""

    def __init__(self, top_level: int, admonitions: Mapping[str, Any]) -> None:
        """Start with headings of `top_level`; `admonitions` has the words for “Note” and the like."""
        self.top_level, self.admonitions = top_level, admonitions

    def blocks(self, node: nodes.Element) -> list[str]:
        """The blocks in `node`, a blank line between them."""
        lines: list[str] = []
        for child in node.children:
            written = self.block(child)
            if written:
                lines += ([""] if lines else []) + written
        return lines

    def block(self, node: nodes.Node) -> list[str]:
        """The lines of one block."""
        if not isinstance(node, nodes.Element):
            return []
        if isinstance(node, nodes.section):
            return self.blocks(node)
        if isinstance(node, nodes.title):
            depth, parent = self.top_level - 1, node.parent
            while isinstance(parent, nodes.section):
                depth, parent = depth + 1, parent.parent
            return ["#" * max(depth, 1) + " " + self.inline(node)]
        if isinstance(node, nodes.paragraph):
            return [self.inline(node)]
        if isinstance(node, nodes.bullet_list):
            return self.items(node, lambda number: "- ")
        if isinstance(node, nodes.enumerated_list):
            return self.items(node, lambda number: f"{number}. ")
        if isinstance(node, nodes.math_block):
            return ["$$", node.astext(), "$$"]
        if isinstance(node, nodes.literal_block):
            language = next((name for name in node["classes"] if name != "code"), "")
            return [f"```{language}", *node.astext().split("\n"), "```"]
        if isinstance(node, nodes.Admonition):
            name = node.tagname
            label = (
                ""
                if isinstance(node, nodes.admonition)
                else str(self.admonitions.get(name, name.capitalize()))
            )
            body = self.blocks(node)
            lines = [f"**{label}**", "", *body] if label else [f"**{body[0].lstrip('# ')}**", *body[1:]]
            return [f"> {line}".rstrip() for line in lines]
        if isinstance(node, nodes.table):
            return self.table(node)
        if isinstance(node, (nodes.target, nodes.comment, nodes.system_message)):
            return []
        if isinstance(node, nodes.rubric):
            return [f"**{self.inline(node)}**"]
        raise NotImplementedError(f"{type(node).__name__} has no Markdown form here")

    def items(self, node: nodes.Element, marker: Any) -> list[str]:
        """A list."""
        lines = []
        for number, item in enumerate(node.children, 1):
            assert isinstance(item, nodes.Element)
            first, *rest = self.blocks(item) or [""]
            sign = marker(number)
            lines += [sign + first, *((" " * len(sign) + line).rstrip() for line in rest)]
        return lines

    def table(self, node: nodes.table) -> list[str]:
        """A table; Markdown wants a heading row, so a table without one gets an empty one."""
        lines = []
        rows = [
            ["<br>".join(self.blocks(entry)).replace("|", "\\|") for entry in row.findall(nodes.entry)]
            for row in node.findall(nodes.row)
        ]
        if next(node.findall(nodes.thead), None) is None:
            rows.insert(0, [""] * len(rows[0]))
        for index, row in enumerate(rows):
            lines.append("| " + " | ".join(row) + " |")
            if index == 0:
                lines.append("|" + " --- |" * len(row))
        caption = next(node.findall(nodes.title), None)
        return [f"**{self.inline(caption)}**", "", *lines] if caption else lines

    def inline(self, node: nodes.Node) -> str:
        """Text with its inline markup."""
        if isinstance(node, nodes.Text):
            return node.astext().replace("\n", " ")
        if isinstance(node, nodes.literal):
            text = node.astext()
            fence = "``" if "`" in text else "`"
            return f"{fence}{text}{fence}"
        if isinstance(node, nodes.math):
            return f"${node.astext()}$"
        inner = "".join(self.inline(child) for child in node.children)
        if isinstance(node, nodes.strong):
            return f"**{inner}**"
        if isinstance(node, nodes.emphasis):
            return f"*{inner}*"
        if isinstance(node, nodes.reference) and node.get("refuri"):
            return f"[{inner}]({node['refuri']})"
        if isinstance(node, nodes.target):
            return ""
        return inner


def _text_role(titles: dict[str, str]) -> Any:
    def role(name: str, rawtext: str, text: str, *rest: Any, **more: Any) -> Any:
        explicit = EXPLICIT.match(text)
        shown = explicit["title"] if explicit else titles.get(text, text)
        return [nodes.inline(rawtext, shown)], []

    return role


@contextmanager
def _plain_docutils(extra_roles: dict[str, Any]) -> Iterator[None]:
    """Docutils' own directives and roles: Sphinx's want its environment."""
    # Sphinx's docutils_namespace() would do, but it also forgets the node types Sphinx has registered.
    saved = dict(directives._directives), dict(roles._roles)  # type: ignore[attr-defined]
    directives._directives.clear()  # type: ignore[attr-defined]
    roles._roles.clear()  # type: ignore[attr-defined]
    roles._roles.update(extra_roles)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        directives._directives.clear()  # type: ignore[attr-defined]
        directives._directives.update(saved[0])  # type: ignore[attr-defined]
        roles._roles.clear()  # type: ignore[attr-defined]
        roles._roles.update(saved[1])  # type: ignore[attr-defined]


@cache
def _settings() -> Any:
    """Docutils' settings, which take longer to make than a cell to read."""
    settings = get_default_settings(Parser)
    settings.report_level = settings.halt_level = 5
    settings.doctitle_xform = False
    settings.syntax_highlight = "none"
    return settings


def to_markdown(
    text: str,
    path: Path,
    labels: dict[str, str],
    *,
    top_level: int = 2,
    admonitions: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Convert one text cell.

    Parameters
    ----------
    text
        reStructuredText as localising writes it.
    path
        The script it stands in, for error messages.
    labels
        The title behind each label that ``:ref:`` can name.
    top_level
        Level of the cell's first heading: 1 for the page's title, 2 for its sections.
    admonitions
        The title of each kind of admonition in the page's language; English where there is none.
    """
    with _plain_docutils({"term": _text_role({}), "ref": _text_role(labels)}):
        document = new_document(str(path), copy.copy(_settings()))
        parser = Parser()
        parser.parse(text, document)
        document.transformer.populate_from_components((parser,))
        document.transformer.apply_transforms()
    for problem in document.findall(nodes.problematic):
        raise SourceError(path, None, f"{problem.astext()!r} can't be shown in a notebook")
    for message in document.findall(nodes.system_message):
        if message["level"] >= Reporter.ERROR_LEVEL:
            raise SourceError(path, None, f"this can't be shown in a notebook: {message.astext()}")
    try:
        return "\n".join(_Writer(top_level, admonitions).blocks(document))
    except NotImplementedError as error:
        raise SourceError(path, None, str(error)) from None
