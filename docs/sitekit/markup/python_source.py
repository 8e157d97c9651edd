"""Split an example script into units of prose and the code between them.

Units are: the header docstring and the ``# %%`` text cells (reStructuredText), comments, docstrings
of functions and classes, ``# alt:`` comments, which describe the figure that the next line shows, and the titles of cells
that a page shows folded (``# hide-input: title``, ``# hide-cell: title``).
Code is never a unit, so it is the same in every language, token by token.
"""

import ast
import io
import re
import tokenize
from collections.abc import Generator, Iterator
from itertools import accumulate
from pathlib import Path

from ..project.errors import SourceError, gathered
from .notebook_text import split_cells
from .text_cells import Cell
from .units import Segment, Unit, Verbatim, join_lines

CELL = re.compile(r"# ?%%")
MARKS = {"alt:": "alt", "hide-input:": "fold", "hide-cell:": "fold"}
"""What starts a comment that says something of its figure or its cell, with the kind of unit that it is."""
MARK = re.compile(rf"^([ \t]*# )({'|'.join(MARKS)}) ?", re.MULTILINE)
FOLD = re.compile(r"# (?P<part>hide-input|hide-cell): (?P<title>.+)\n?")
"""The first line of a cell that a page shows folded: its code, or its output, too."""
FIRST_LINE = "`# hide-…: title` is the first line of a cell: write `# %%` and a blank line above it"
CODING = re.compile(r"#.*?coding[:=][ \t]*(?!utf-?8\b)[-\w.]+", re.IGNORECASE)  # as Python reads it
SEPARATOR = re.compile("#{20}")  # an older way to start a text cell, which Sphinx-Gallery still reads
NOT_PROSE = re.compile(r"#(!|\s*(sphinx_gallery_|type:|noqa|fmt:|pragma|ruff:|mypy:|pylint:|/// |///$|-\*-))")
CODE_WIDTH = 88
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Piece = tuple[int, int, list[Segment]]
"""Where a text starts and ends in the code, in characters, and what it becomes."""


def is_instruction(comment: str) -> bool:
    """Whether `comment`, ``#`` included, speaks to a tool and not to a reader."""
    to_a_tool = any(pattern.match(comment) for pattern in (NOT_PROSE, CELL, SEPARATOR))
    return to_a_tool or comment[1:].strip().startswith(tuple(MARKS))


def _tree(code: str, path: Path, first_line: int) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        # The last three: a null byte, or brackets too deep.
        line, fault = getattr(error, "lineno", None) or 1, getattr(error, "msg", error)
        raise SourceError(path, first_line + line - 1, f"Python can't read this line: {fault}") from None


def _comments(lines: list[str], starts: list[int], first_line: int) -> Iterator[Piece]:
    """Find comments; those that follow each other on lines of their own, with one indent, are one unit."""
    blocks: list[list[tokenize.TokenInfo]] = []
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        text = token.string[1:].strip()
        if token.type != tokenize.COMMENT or NOT_PROSE.match(token.string) or not text.strip("# \t"):
            continue
        row, column = token.start
        on_own_lines = not "".join(line[:column] for line in lines[max(row - 2, 0) : row]).strip()
        follows = (
            blocks and blocks[-1][-1].start == (row - 1, column) and not FOLD.match(blocks[-1][-1].string)
        )
        if on_own_lines and follows and not text.startswith(tuple(MARKS)):
            blocks[-1].append(token)
        else:
            blocks.append([token])
    for block in blocks:
        row, column = block[0].start
        on_own_line = not lines[row - 1][:column].strip()
        texts = [token.string[1:].strip() for token in block]
        opening = " " * (column * on_own_line) + "# "
        mark = next((mark for mark in MARKS if on_own_line and texts[0].startswith(mark)), "")
        kind = MARKS.get(mark, "comment")
        unit = Unit(
            kind,
            join_lines([texts[0].removeprefix(mark), *texts[1:]]),
            first_line + row - 1,
            first_prefix=f"{opening}{mark} " if mark else opening,
            rest_prefix=opening,
            width=0 if kind == "fold" else CODE_WIDTH * on_own_line,
            original="\n".join(lines[row - 1 : row - 1 + len(block)])[0 if on_own_line else column :],
        )
        start = starts[row - 1] + (0 if on_own_line else column)
        yield start, start + len(unit.original), [unit]


def _docstrings(
    lines: list[str], starts: list[int], path: Path, first_line: int, errors: list[SourceError]
) -> Iterator[Piece]:
    code = "\n".join(lines)
    for node in ast.walk(_tree(code, path, first_line)):
        if not isinstance(node, DOCUMENTED) or ast.get_docstring(node, clean=False) is None:
            continue
        value = node.body[0].value  # type: ignore[attr-defined]  # the docstring's expression
        literal = ast.get_source_segment(code, value) or ""
        row = value.lineno
        with gathered(errors):
            opening, body, closing = _string_parts(literal, path, first_line + row - 1)
            start = starts[row - 1] + len(lines[row - 1].encode()[: value.col_offset].decode())
            indent = " " * node.body[0].col_offset
            segments: list[Segment] = [Verbatim(opening)]
            for index, part in enumerate(re.split(r"(\n[ \t]*(?:\n[ \t]*)+|\n[ \t]*$|^\n[ \t]*)", body)):
                if index % 2 or not part:
                    segments.append(Verbatim(part))
                else:
                    unit = Unit(
                        "docstring",
                        join_lines(part.split("\n")),
                        first_line + row - 1,
                        rest_prefix=indent,
                        width=CODE_WIDTH - len(indent) - len(opening),
                        original=part,
                    )
                    segments.append(unit)
                row += part.count("\n")
            yield start, start + len(literal), [*segments, Verbatim(closing)]


def _string_parts(literal: str, path: Path, line: int) -> tuple[str, str, str]:
    match = re.fullmatch(r'(?s)([rR]?""")(.*)(""")', literal)
    if not match or '"""' in match[2]:
        raise SourceError(path, line, 'a docstring stands between """ and """')
    if "\\" in match[2] and match[1][0] not in "rR":
        raise SourceError(path, line, 'a docstring with a backslash starts with r"""')
    return match[1], match[2], match[3]


def split_code(code: str, path: Path, first_line: int, errors: list[SourceError]) -> list[Segment]:
    """Split Python code without text cells: comments and docstrings are the units."""
    lines = code.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    pieces = [*_docstrings(lines, starts, path, first_line, errors), *_comments(lines, starts, first_line)]
    segments: list[Segment] = []
    at = 0
    for start, end, found in sorted(pieces, key=lambda piece: piece[0]):
        segments += [Verbatim(code[at:start]), *found]
        at = end
    return [*segments, Verbatim(code[at:])]


def _header(lines: list[str], path: Path, errors: list[SourceError]) -> Generator[Segment | Cell, None, int]:
    """What stands up to the end of the header docstring; returns the index of the line below."""
    tree = _tree("\n".join(lines), path, 1)
    if ast.get_docstring(tree, clean=False) is None:
        raise SourceError(path, 1, "an example starts with a docstring: its label, title and text")
    value = tree.body[0].value  # type: ignore[attr-defined]  # the docstring's expression
    start, end = value.lineno - 1, value.end_lineno
    metadata = False
    for number, line in enumerate(lines[:start], 1):
        metadata ^= line.startswith("# ///")
        if number <= 2 and CODING.match(line):
            errors.append(SourceError(path, number, "files are in UTF-8: save it so and delete this line"))
        elif line.strip() and not metadata and not NOT_PROSE.match(line) and "coding" not in line:
            errors.append(SourceError(path, number, "comments stand below the header docstring"))
        yield Verbatim(line + "\n")
    with gathered(errors):
        opening, body, closing = _string_parts("\n".join(lines[start:end]).rstrip(), path, start + 1)
        if not body.startswith("\n") or not body.endswith("\n"):
            raise SourceError(path, start + 1, 'the header docstring\'s """ stand on their own lines')
        yield Verbatim(opening + "\n")
        yield Cell(start + 2, body[1:-1])
        yield Verbatim(closing + "\n")
    return int(end)


def cells_and_code(lines: list[str], path: Path, errors: list[SourceError]) -> Iterator[Segment | Cell]:
    """The text cells of a script, and the segments between them."""
    at = yield from _header(lines, path, errors)
    while at < len(lines):
        start = at
        while at < len(lines) and not CELL.match(lines[at]):
            if SEPARATOR.match(lines[at]):
                message = "a text cell starts with `# %%`, not with a row of #"
                errors.append(SourceError(path, at + 1, message))
            at += 1
        with gathered(errors):
            code = "".join(line + "\n" for line in lines[start:at])
            for segment in split_code(code, path, start + 1, errors):
                if (
                    isinstance(segment, Unit)
                    and segment.kind == "fold"
                    and "".join(lines[start : segment.line - 1])
                ):
                    errors.append(SourceError(path, segment.line, FIRST_LINE))
                yield segment
        if at == len(lines):
            return
        if lines[at].rstrip() not in {"# %%", "#%%"}:
            errors.append(SourceError(path, at + 1, "`# %%` stands alone; the title goes on the next line"))
        yield Verbatim("# %%\n")
        start = at = at + 1
        while at < len(lines) and lines[at].startswith("#") and not CELL.match(lines[at]):
            if lines[at] != "#" and not lines[at].startswith("# "):
                errors.append(SourceError(path, at + 1, "a line of a text cell starts with `# `"))
            at += 1
        yield Cell(start + 1, "\n".join(line[2:] for line in lines[start:at]), "# ")


def split(text: str, path: Path, errors: list[SourceError]) -> list[Segment]:
    """Split an example script; `errors` gets what can't be translated, or shown on the page and in the notebook.

    A script without a header docstring, or that Python can't read, raises a SourceError.
    """
    parts = list(cells_and_code(text.rstrip("\n").split("\n"), path, errors))
    cells = iter(split_cells([part for part in parts if isinstance(part, Cell)], path, errors))
    return [segment for part in parts for segment in (next(cells) if isinstance(part, Cell) else [part])]
