"""Cuts examples into code cells, as Sphinx-Gallery and MyST-NB cut them."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# The same pattern as Sphinx-Gallery's, so that cells here are its code blocks (a test compares them).
TEXT_BLOCK = re.compile(
    r"(?P<header>^#{20,}.*|^# ?%%.*)\s(?P<text>(?:^#.*\s?)*)", re.MULTILINE
)  # fmt: skip
FENCED = re.compile(
    r"^(?P<fence>(?P<mark>[`~:])(?P=mark){2,})\{code-cell\}.*\n"
    r"(?P<options>(?::[\w-]+:.*\n)*)(?:[ \t]*\n)*(?P<code>(?s:.*?))(?:^(?P=fence)(?P=mark)*[ \t]*$|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class CodeCell:
    """A code cell of an example."""

    line: int
    """Where its code starts, 1-based."""
    code: str
    options: tuple[str, ...] = ()
    """Of a Markdown page: the lines ``:name: value`` at its top."""


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
    return [
        CodeCell(
            1 + text.count("\n", 0, match.start("code")),
            match["code"].removesuffix("\n"),
            tuple(map(str.strip, match["options"].splitlines())),
        )
        for match in FENCED.finditer(text)
    ]


def has_docstring(node: ast.AST | None) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
        return False
    return ast.get_docstring(node, clean=False) is not None
