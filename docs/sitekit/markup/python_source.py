"""Split an example script into units of prose and the code between them.

Units are: the header docstring and the ``# %%`` text cells (reStructuredText), comments, docstrings
of functions and classes, and ``# alt:`` comments, which describe the figure that the next line shows.
Code is never a unit, so it is the same in every language, token by token.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..project.errors import SourceError, SourceErrors, gathered
from . import notebook_text, rst
from .units import Segment, Unit, Verbatim, join_lines

__all__ = ["is_instruction", "split", "split_code"]


CELL = re.compile(r"# ?%%")
ALT = "alt:"
CODING = re.compile(r"#.*?coding[:=][ \t]*(?!utf-?8\b)[-\w.]+", re.IGNORECASE)  # as Python reads it
SEPARATOR = re.compile("#{20}")  # an older way to start a text cell, which Sphinx-Gallery still reads
NOT_PROSE = re.compile(r"#(!|\s*(sphinx_gallery_|type:|noqa|fmt:|pragma|ruff:|mypy:|pylint:|/// |///$|-\*-))")
CODE_WIDTH = 88


@dataclass(frozen=True)
class _Piece:
    """A run of the code, [start, end) in characters, that becomes one unit or keeps its place."""

    start: int
    end: int
    segments: list[Segment]


def is_instruction(comment: str) -> bool:
    """Whether `comment`, ``#`` included, speaks to a tool and not to a reader."""
    text = comment[1:].strip()
    return bool(
        NOT_PROSE.match(comment) or CELL.match(comment) or SEPARATOR.match(comment)
    ) or text.startswith(ALT)


def _tree(code: str, path: Path, first_line: int) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as error:
        line = first_line + (error.lineno or 1) - 1
        raise SourceError(path, line, f"Python can't read this line: {error.msg}") from None
    except (ValueError, MemoryError, RecursionError) as error:  # a null byte, or brackets too deep
        raise SourceError(path, first_line, f"Python can't read this code: {error}") from None


def _line_starts(code: str) -> list[int]:
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _comment_pieces(code: str, starts: list[int], first_line: int) -> Iterator[_Piece]:
    """Find comments; whole-line comments that follow each other with one indent are one unit."""
    lines = code.split("\n")
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    block: list[tokenize.TokenInfo] = []

    def flush() -> Iterator[_Piece]:
        if not block:
            return
        row, column = block[0].start
        indent = " " * column
        texts = [token.string[1:].strip() for token in block]
        alt = texts[0].startswith(ALT)
        opening = f"{indent}# {ALT} " if alt else f"{indent}# "
        if alt:
            texts[0] = texts[0][len(ALT) :]
        unit = Unit(
            "alt" if alt else "comment",
            join_lines(texts),
            first_line + row - 1,
            first_prefix=opening,
            rest_prefix=f"{indent}# ",
            width=CODE_WIDTH,
            original="\n".join(lines[row - 1 : row - 1 + len(block)]),
        )
        end_row = block[-1].start[0]
        yield _Piece(starts[row - 1], starts[end_row] - 1, [unit])
        block.clear()

    for token in comments:
        row, column = token.start
        if NOT_PROSE.match(token.string) or not token.string.strip("# \t"):
            yield from flush()
            continue
        if lines[row - 1][:column].strip():
            yield from flush()
            text = token.string[1:].strip()
            unit = Unit("comment", text, first_line + row - 1, first_prefix="# ", original=token.string)
            start = starts[row - 1] + column
            yield _Piece(start, start + len(token.string), [unit])
            continue
        if block and (block[-1].start != (row - 1, column) or token.string[1:].strip().startswith(ALT)):
            yield from flush()
        block.append(token)
    yield from flush()


def _docstring_pieces(
    tree: ast.Module, code: str, starts: list[int], path: Path, first_line: int, errors: list[SourceError]
) -> Iterator[_Piece]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if ast.get_docstring(node, clean=False) is None:
            continue
        value = node.body[0].value  # type: ignore[attr-defined]
        lines = code.split("\n")

        def offset(row: int, byte_column: int, lines: list[str] = lines) -> int:
            column = len(lines[row - 1].encode()[:byte_column].decode())
            return starts[row - 1] + column

        start = offset(value.lineno, value.col_offset)
        end = offset(value.end_lineno, value.end_col_offset)
        parts = None
        with gathered(errors):
            parts = _string_parts(code[start:end], path, first_line + value.lineno - 1)
        if parts is None:
            continue
        opening, body, closing = parts
        indent = " " * node.body[0].col_offset
        segments: list[Segment] = [Verbatim(opening)]
        row = value.lineno
        for index, part in enumerate(re.split(r"(\n[ \t]*(?:\n[ \t]*)+|\n[ \t]*$|^\n[ \t]*)", body)):
            if index % 2 or not part:
                segments.append(Verbatim(part))
            else:
                segments.append(
                    Unit(
                        "docstring",
                        join_lines(part.split("\n")),
                        first_line + row - 1,
                        rest_prefix=indent,
                        width=CODE_WIDTH - len(indent) - len(opening),
                        original=part,
                    )
                )
            row += part.count("\n")
        segments.append(Verbatim(closing))
        yield _Piece(start, end, segments)


def _string_parts(literal: str, path: Path, line: int) -> tuple[str, str, str]:
    match = re.fullmatch(r'(?s)([rR]?""")(.*)(""")', literal)
    if not match or '"""' in match[2]:
        raise SourceError(path, line, 'a docstring stands between """ and """')
    if "\\" in match[2] and match[1][0] not in "rR":
        raise SourceError(path, line, 'a docstring with a backslash starts with r"""')
    return match[1], match[2], match[3]


def split_code(code: str, path: Path, first_line: int) -> list[Segment]:
    """Split Python code without text cells: comments and docstrings are the units."""
    tree = _tree(code, path, first_line)
    starts = _line_starts(code)
    errors: list[SourceError] = []
    pieces = [
        *_comment_pieces(code, starts, first_line),
        *_docstring_pieces(tree, code, starts, path, first_line, errors),
    ]
    if errors:
        raise SourceErrors(errors)
    segments: list[Segment] = []
    at = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        segments += [Verbatim(code[at : piece.start]), *piece.segments]
        at = piece.end
    return [*segments, Verbatim(code[at:])]


class _Splitter:
    def __init__(self, text: str, path: Path) -> None:
        self.lines, self.path = text.rstrip("\n").split("\n"), path
        self.out: list[Segment] = []
        self.errors: list[SourceError] = []
        self.cells: list[tuple[int, str]] = []
        """The text cells, each with its first line."""

    def error(self, at: int, message: str) -> None:
        self.errors.append(SourceError(self.path, at + 1, message))

    def text(self, start: int, lines: list[str], prefix: str = "") -> None:
        """A text cell, whose first line has the index `start`."""
        cell = "\n".join(lines)
        self.cells.append((start + 1, cell))
        with gathered(self.errors):
            self.out += rst.split(cell, self.path, start + 1, prefix=prefix) if cell.strip() else []

    def header(self) -> int:
        """Read up to the end of the header docstring, and return the index of the line below."""
        tree = _tree("\n".join(self.lines), self.path, 1)
        if ast.get_docstring(tree, clean=False) is None:
            raise SourceError(self.path, 1, "an example starts with a docstring: its label, title and text")
        value = tree.body[0].value  # type: ignore[attr-defined]
        start, end = value.lineno - 1, value.end_lineno
        metadata = False
        for at, line in enumerate(self.lines[:start]):
            metadata ^= line.startswith("# ///")
            if at < 2 and CODING.match(line):
                self.error(at, "files are in UTF-8: save it so and delete this line")
            elif line.strip() and not metadata and not NOT_PROSE.match(line) and "coding" not in line:
                self.error(at, "comments stand below the header docstring")
        self.out.append(Verbatim("".join(line + "\n" for line in self.lines[:start])))
        with gathered(self.errors):
            literal = "\n".join(self.lines[start:end]).rstrip()
            opening, body, closing = _string_parts(literal, self.path, start + 1)
            if not body.startswith("\n") or not body.endswith("\n"):
                raise SourceError(
                    self.path, start + 1, 'the header docstring\'s """ stand on their own lines'
                )
            self.out.append(Verbatim(opening + "\n"))
            self.text(start + 1, body[1:-1].split("\n"))
            self.out.append(Verbatim(closing + "\n"))
        return int(end)

    def body(self, at: int) -> None:
        """Read text cells and code, from the line with the index `at` on."""
        lines = self.lines
        while at < len(lines):
            start = at
            while at < len(lines) and not CELL.match(lines[at]):
                if SEPARATOR.match(lines[at]):
                    self.error(at, "a text cell starts with `# %%`, not with a row of #")
                at += 1
            if at > start:
                with gathered(self.errors):
                    code = "".join(line + "\n" for line in lines[start:at])
                    self.out += split_code(code, self.path, start + 1)
            if at == len(lines):
                return
            if lines[at].rstrip() not in {"# %%", "#%%"}:
                self.error(at, "`# %%` stands alone; the title goes on the next line")
            self.out.append(Verbatim("# %%\n"))
            start = at = at + 1
            while at < len(lines) and lines[at].startswith("#") and not CELL.match(lines[at]):
                if lines[at] != "#" and not lines[at].startswith("# "):
                    self.error(at, "a line of a text cell starts with `# `")
                at += 1
            self.text(start, [line[2:] for line in lines[start:at]], "# ")


def split(text: str, path: Path) -> list[Segment]:
    """Split an example script.

    Parameters
    ----------
    text
        The script, in UTF-8.
    path
        Its file, for error messages.

    Raises
    ------
    SourceErrors
        Where Python can't read it, the header docstring is missing, or its prose can't be translated or shown
        on the page and in the notebook.
    """
    splitter = _Splitter(text, path)
    splitter.body(splitter.header())
    named = {error.line for found in splitter.errors for error in getattr(found, "errors", [found])}
    shown = notebook_text.faults(splitter.cells, path)
    if errors := splitter.errors + [error for error in shown if error.line not in named]:
        raise SourceErrors(sorted(SourceErrors(errors).errors, key=lambda error: error.line or 0))
    return splitter.out
