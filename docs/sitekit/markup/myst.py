"""MyST Markdown, as its own parser reads it: inline markup, and pages in units of prose and the lines between.

Like :mod:`.text_cells`, for the pages of ``docs/``: markup that could hide prose from translation is an
error. Code cells are split as Python, so their comments are units too.
"""

import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import TokenizeError, options_to_items

from ..project.errors import SourceError, gathered
from .inline import Piece, Reading, role_piece
from .python_source import split_code
from .text_cells import LEFT_OUT, PROSE_DIRECTIVES
from .units import Segment, Unit, Verbatim, join_lines

TITLED_DIRECTIVES = {"admonition", "dropdown"}
CONTAINER_DIRECTIVES = PROSE_DIRECTIVES | TITLED_DIRECTIVES
VERBATIM_DIRECTIVES = LEFT_OUT | {"math", "code-block", "package-api"}
INFO = re.compile(r"\s*(?:\{(?P<name>[\w-]+)\})?\s*(?P<argument>.*)")
ITEM = re.compile(r"\s*([-*+]|\d+[.)]) ")
TABLE_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
CELL_BORDER = re.compile(r"(?<!\\)\|")
NOT_A_PARAGRAPH = "MyST doesn't read this as one paragraph of text; leave blank lines around it"
UNSUPPORTED = {
    "html_block": "this looks like raw HTML; write Markdown",
    "blockquote_open": "this looks like a block quote; write an admonition",
    "code_block": "this looks like code that is only indented; write a fence",
    "footnote_reference_open": "this looks like a footnote; write it into the sentence",
    "hr": "this looks like a rule; write `## heading`",
}
FALSE_STARTS = {
    "$$": "the formula opened by $$ is never closed",
    "```": "a title with code stands after `:::`, not after backticks",
    ":": "this looks like an option or a definition list; start with another character",
}
"""What a paragraph may not start with, though MyST reads it as one."""
HOLDERS = {"bullet_list_open", "ordered_list_open", "list_item_open", "paragraph_open", "heading_open"}
"""Tokens whose text comes with the tokens behind them."""
EXTENSIONS = {"colon_fence", "dollarmath"}  # as in conf.py
_parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)


def is_paragraph(text: str) -> bool:
    """Whether MyST reads `text` as one paragraph, not as a list, heading, HTML or anything else."""
    return [token.type for token in _parser.parse(text)] == ["paragraph_open", "inline", "paragraph_close"]


def is_option_value(text: str) -> bool:
    """Whether `text` can stand after ``:option: ``, which MyST reads much like YAML."""
    try:
        return options_to_items(f"option: {text}")[0] == [("option", text)]
    except TokenizeError:
        return False


def _piece(token: Token) -> Piece:
    text = token.content
    match token.type:
        case "myst_role":
            return role_piece(f"{{{token.meta['name']}}}", token.meta["name"], text)
        case "link_open":
            return Piece("", f"<{token.attrGet('href')}>")
        case "image":
            return Piece("", f"![]({token.attrGet('src')})")
        case "code_inline":
            return Piece(text, f"`{text}`")
        case "math_inline":
            return Piece(text, f"${text}$")
        case kind if kind.startswith(("text", "em_", "strong_", "softbreak", "link_close")):
            return Piece(text)
    return Piece("", f"{token.type} {text}".strip())


@lru_cache(maxsize=10_000)
def read(text: str) -> Reading:
    """Read the inline markup of a paragraph."""
    return Reading(tuple(map(_piece, _parser.parseInline(text)[0].children or ())))


class _Splitter:
    def __init__(self, text: str, path: Path, errors: list[SourceError]) -> None:
        self.lines, self.path, self.errors = text.split("\n"), path, errors
        self.out: list[Segment] = []
        self.at = 0
        """The index of the first line that isn't in `out` yet."""

    def error(self, at: int, message: str) -> SourceError:
        return SourceError(self.path, at + 1, message)

    def keep(self, end: int, label: str = "") -> None:
        """Take the lines up to `end` as they are."""
        for at in range(self.at, end):
            self.out.append(Verbatim(self.lines[at] + "\n", label, at + 1))
        self.at = max(self.at, end)

    def unit(self, kind: str, lines: list[str], at: int, first: str, suffix: str = "\n") -> None:
        """Take `lines`, the first of which has the index `at` and follows `first`, as one unit."""
        self.out.append(Unit(kind, join_lines(lines), at + 1, first_prefix=first, suffix=suffix))
        self.at = at + len(lines)

    def options(self, name: str) -> None:
        while re.match(r"\s*:[\w-]+:", self.lines[self.at]):
            if caption := re.match(r"(\s*:caption: )(\S.*)$", self.lines[self.at]):
                if not is_option_value(caption[2]):
                    raise self.error(self.at, "this caption reads as YAML, not as text: write other words")
                kind = "caption" if name == "toctree" else f"{name} caption"
                self.unit(kind, [caption[2]], self.at, caption[1])
            else:
                self.keep(self.at + 1)

    def fence(self, token: Token, start: int, end: int) -> None:
        """A block between fences, with the lines from `start` to `end`: code, or a directive."""
        opening, closing = self.lines[start], self.lines[end - 1].strip()
        if end - 1 == start or not closing.startswith(token.markup) or closing.strip(token.markup[0]):
            raise self.error(start, f"the block opened by {token.markup} is never closed")
        info = INFO.fullmatch(token.info)
        assert info
        name, argument = info["name"], info["argument"].rstrip()
        if name in CONTAINER_DIRECTIVES and argument:
            if name not in TITLED_DIRECTIVES and self.lines[start + 1].strip() and start + 2 < end:
                raise self.error(start, f"leave a blank line after the line that opens {name!r}")
            if not is_paragraph(argument):
                raise self.error(start, NOT_A_PARAGRAPH)
            kind = f"{name} title" if name in TITLED_DIRECTIVES else "paragraph"
            self.unit(kind, [argument], start, opening[: opening.rindex(argument)])
        elif name in CONTAINER_DIRECTIVES | VERBATIM_DIRECTIVES | {"code-cell", "glossary", None}:
            self.keep(start + 1)
        else:
            known = ", ".join(sorted(CONTAINER_DIRECTIVES | VERBATIM_DIRECTIVES))
            raise self.error(start, f"directive {name!r} can't be translated; use one of {known}")
        if name:
            self.options(name)
        if name in CONTAINER_DIRECTIVES:
            self.blocks(end - 1, opening.index(token.markup))
        elif name == "glossary":
            self.glossary(end - 1)
        elif name == "code-cell":
            code = "".join(line + "\n" for line in self.lines[self.at : end - 1])
            found = split_code(code, self.path, self.at + 1, self.errors)
            for unit in found:
                if isinstance(unit, Unit) and unit.kind == "fold":
                    raise self.error(unit.line - 1, "a page folds a cell by `:tags: [hide-cell]`")
            self.out += found
            self.at = end - 1
        self.keep(end)

    def glossary(self, end: int) -> None:
        while self.at < end:
            start, line = self.at, self.lines[self.at]
            if not line.strip():
                self.keep(start + 1)
            elif not line.startswith(" "):
                self.unit("term", [line], start, "")
            else:
                below = next(at for at in range(start, end + 1) if at == end or not self.lines[at].strip())
                lines = [text.strip() for text in self.lines[start:below]]
                if not is_paragraph("\n".join(lines)):
                    raise self.error(start, NOT_A_PARAGRAPH)
                self.unit("definition", lines, start, line[: len(line) - len(line.lstrip())])

    def table(self, start: int, end: int) -> None:
        if ITEM.match(self.lines[start]):
            raise self.error(start, NOT_A_PARAGRAPH)
        for row in range(start, end):
            line = self.lines[row]
            text = line.strip()
            if TABLE_RULE.match(text):
                self.keep(row + 1)
                continue
            opening = line[: len(line) - len(line.lstrip())] + "| "
            for cell in CELL_BORDER.split(text.removeprefix("|").removesuffix("|")):
                self.unit("cell", [cell.strip()], row, opening, " ")
                opening = "| "
            self.out.append(Verbatim("|\n"))

    def text(self, token: Token, holder: Token, at: int) -> None:
        """A heading, or a paragraph, which may be the first of a list's item."""
        lines = token.content.split("\n")
        place = self.lines[at].find(lines[0], len(holder.markup))
        if holder.type == "paragraph_open":
            place = self.lines[at].rfind(lines[0])
        if place < 0 or not token.content:
            raise self.error(at, NOT_A_PARAGRAPH)
        for start, message in FALSE_STARTS.items():
            if token.content.startswith(start):
                raise self.error(at, message)
        if any(child.type == "hardbreak" for child in token.children or ()):
            raise self.error(at, "a line can't be broken here; write two paragraphs or a list")
        first = self.lines[at][:place]
        kind = "title" if holder.type == "heading_open" else "item" if first.strip() else "paragraph"
        self.unit(kind, lines, at, first)

    def block(self, token: Token, holder: Token, start: int, end: int) -> None:
        match token.type:
            case "inline":
                self.text(token, holder, start)
            case "fence" | "colon_fence":
                self.fence(token, start, end)
            case "table_open":
                self.table(start, end)
            case "math_block" | "math_block_label" | "myst_line_comment":
                self.keep(end)
            case "myst_target":
                self.keep(end, token.content)
            case "front_matter" if start == 0:
                self.keep(end)
            case "hr" if start == 0:
                raise self.error(start, "the front matter doesn't end with a line `---`")
            case kind:
                raise self.error(start, UNSUPPORTED.get(kind, NOT_A_PARAGRAPH))

    def blocks(self, end: int, column: int = 0) -> None:
        """What stands in the lines up to `end`, which are indented by `column`."""
        top, below_paragraph = self.at, -1
        tokens = _parser.parse("\n".join(line[column:] for line in self.lines[top:end]))
        for holder, token in pairwise([Token("", "", 0), *tokens]):
            if not token.map or top + token.map[0] < self.at:  # the end of something, or what a table holds
                continue
            start, stop = top + token.map[0], top + token.map[1]
            with gathered(self.errors):
                if start == below_paragraph:
                    list_follows = token.type in {"bullet_list_open", "ordered_list_open"}
                    raise self.error(
                        start, "leave a blank line before a list" if list_follows else NOT_A_PARAGRAPH
                    )
                if token.type == "heading_open" and not token.markup.startswith("#"):
                    raise self.error(start, NOT_A_PARAGRAPH)
                if token.type in HOLDERS:
                    continue
                self.blank(start)
                self.block(token, holder, start, stop)
            self.at = max(self.at, stop)
            if holder.type == "paragraph_open" and not holder.level:
                below_paragraph = stop
        self.blank(end)

    def blank(self, end: int) -> None:
        """The lines up to `end`, of which MyST has shown nothing."""
        for at in range(self.at, end):
            if self.lines[at].strip():
                message = "MyST shows nothing of this line; write links as [text](https://…)"
                self.errors.append(self.error(at, message))
        self.keep(end)


def split(text: str, path: Path, errors: list[SourceError]) -> list[Segment]:
    """Split a MyST page; `errors` gets every place whose markup can't be translated."""
    # As markdown-it counts lines.
    splitter = _Splitter(re.sub("\r\n?", "\n", text).replace("\0", "\ufffd").rstrip("\n"), path, errors)
    splitter.blocks(len(splitter.lines))
    return splitter.out
