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

from ..project.errors import SourceError
from . import rst
from .units import Segment, Unit, Verbatim, join_lines

__all__ = ["is_instruction", "split", "split_code"]


CELL = re.compile(r"# ?%%")
ALT = "alt:"
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
    tree: ast.Module, code: str, starts: list[int], path: Path, first_line: int
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
        opening, body, closing = _string_parts(code[start:end], path, first_line + value.lineno - 1)
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
    pieces = [
        *_comment_pieces(code, starts, first_line),
        *_docstring_pieces(tree, code, starts, path, first_line),
    ]
    segments: list[Segment] = []
    at = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        segments += [Verbatim(code[at : piece.start]), *piece.segments]
        at = piece.end
    return [*segments, Verbatim(code[at:])]


def _header(text: str, path: Path) -> tuple[str, list[Segment], str, int]:
    """What stands before the header docstring, its segments, the rest of the file and its line."""
    tree = _tree(text, path, 1)
    if ast.get_docstring(tree, clean=False) is None:
        raise SourceError(path, 1, "an example starts with a docstring: its label, title and text")
    value = tree.body[0].value  # type: ignore[attr-defined]
    lines = text.split("\n")
    before = "".join(line + "\n" for line in lines[: value.lineno - 1])
    metadata = False
    for number, line in enumerate(lines[: value.lineno - 1], 1):
        metadata ^= line.startswith("# ///")
        if line.strip() and not metadata and not NOT_PROSE.match(line):
            raise SourceError(path, number, "comments stand below the header docstring")
    literal = "\n".join(lines[value.lineno - 1 : value.end_lineno])
    opening, body, closing = _string_parts(literal.rstrip(), path, value.lineno)
    if not body.startswith("\n") or not body.endswith("\n"):
        raise SourceError(path, value.lineno, 'the header docstring\'s """ stand on their own lines')
    segments: list[Segment] = [Verbatim(opening + "\n")]
    segments += rst.split(body[1:-1], path, value.lineno + 1)
    segments.append(Verbatim(closing + "\n"))
    rest = "\n".join(lines[value.end_lineno :])
    return before, segments, rest, value.end_lineno + 1


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
    SourceError
        Where Python can't read it, the header docstring is missing, or its prose can't be translated.
    """
    before, segments, rest, line = _header(text.rstrip("\n"), path)
    segments.insert(0, Verbatim(before))
    code: list[str] = []
    code_line = line
    lines = rest.split("\n")
    at = 0

    def flush() -> None:
        if code:
            joined = "\n".join(code) + "\n"
            segments.extend(split_code(joined, path, code_line))
            code.clear()

    while at < len(lines):
        if SEPARATOR.match(lines[at]):
            raise SourceError(path, line + at, "a text cell starts with `# %%`, not with a row of #")
        if not CELL.match(lines[at]):
            if not code:
                code_line = line + at
            code.append(lines[at])
            at += 1
            continue
        flush()
        if lines[at].rstrip() not in {"# %%", "#%%"}:
            raise SourceError(path, line + at, "`# %%` stands alone; the title goes on the next line")
        segments.append(Verbatim("# %%\n"))
        start = at = at + 1
        while at < len(lines) and lines[at].startswith("#") and not CELL.match(lines[at]):
            if lines[at] != "#" and not lines[at].startswith("# "):
                raise SourceError(path, line + at, "a line of a text cell starts with `# `")
            at += 1
        cell = "\n".join(text_line[2:] for text_line in lines[start:at])
        segments.extend(rst.split(cell, path, line + start, prefix="# ") if cell.strip() else [])
    flush()
    return segments
