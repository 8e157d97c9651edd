"""Cuts examples into code cells, as Sphinx-Gallery and MyST-NB cut them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CodeCell", "coded", "has_code", "markdown_cells", "script_cells"]

# The same pattern as Sphinx-Gallery's, so that cells here are its code blocks (a test compares them).
TEXT_BLOCK = re.compile(
    r"(?P<header>^#{20,}.*|^# ?%%.*)\s(?P<text>(?:^#.*\s?)*)", re.MULTILINE
)  # fmt: skip
FENCE = re.compile(r"(?P<fence>`{3,}|~{3,}|:{3,})\{code-cell\}")
OPTION = re.compile(r":[\w-]+:")


@dataclass(frozen=True)
class CodeCell:
    """A code cell of an example."""

    line: int
    """Where its code starts, 1-based."""
    code: str
    options: tuple[str, ...] = ()
    """Of a Markdown page: the lines ``:name: value`` at its top."""


# -- cells


def parse(code: str | bytes) -> ast.Module | None:
    """The syntax tree of `code`, None where Python can't read it."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def has_code(code: str) -> bool:
    """Whether a cell holds a statement; one with only comments is no cell of a record."""
    tree = parse(code)
    return tree is None or bool(tree.body)


def coded(blocks: Sequence[Any]) -> list[int]:
    """Which of a script's blocks, as Sphinx-Gallery cuts it, are the cells of a record."""
    return [at for at, block in enumerate(blocks) if block.type == "code" and has_code(block.content)]


def script_cells(text: str) -> list[CodeCell]:
    """The code cells of an example script, as Sphinx-Gallery cuts them, without those that only comment."""
    tree = parse(text)
    line = (tree.body[0].end_lineno or 0) if tree and has_docstring(tree) else 0
    rest = "\n".join(text.split("\n")[line:])
    cells, at = [], 0
    line += 1
    for match in [*TEXT_BLOCK.finditer(rest), None]:
        code = rest[at : match.start() if match else len(rest)]
        if code.strip() and has_code(code):
            cells.append(CodeCell(line, code))
        if match:
            line += code.count("\n") + 1 + match["text"].count("\n")
            at = match.end()
    return cells


def markdown_cells(text: str) -> list[CodeCell]:
    """The code cells of a MyST-NB page."""
    cells = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        at += 1
        if not opening:
            continue
        closing = re.compile(rf"{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}\s*$")
        start = at
        while at < len(lines) and not closing.match(lines[at]):
            at += 1
        first = start
        while first < at and OPTION.match(lines[first]):
            first += 1
        while first < at and not lines[first].strip():
            first += 1
        options = tuple(line.strip() for line in lines[start:first] if line.strip())
        cells.append(CodeCell(first + 1, "\n".join(lines[first:at]), options))
    return cells


# -- the syntax tree, the same on every Python


def has_docstring(node: ast.AST | None) -> bool:
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and bool(node.body)
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    )
