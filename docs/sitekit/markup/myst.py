"""Split MyST Markdown into units of prose and the markup between them.

Like :mod:`.rst`, for the pages of ``docs/``: markup that could hide prose from translation is an
error. Code cells are split as Python, so their comments are units too.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import TokenizeError, options_to_items

from ..project.errors import SourceError, SourceErrors, gathered
from .python_source import split_code
from .rst import EXPLICIT, LANGUAGE_TARGET_ROLES, PROSE_DIRECTIVES, shown
from .units import Segment, Unit, Verbatim, join_lines

__all__ = ["inline_markup", "is_option_value", "is_paragraph", "plain_text", "prose", "split", "terms"]


CONTAINER_DIRECTIVES = PROSE_DIRECTIVES | {"admonition", "dropdown"}
VERBATIM_DIRECTIVES = {
    "math",
    "code-block",
    "minigallery",
    "toctree",
    "learning-map",
    "package-api",
    "error-index",
}
FENCE = re.compile(r"(?P<fence>`{3,}|:{3,}|~{3,})\s*(?:\{(?P<name>[\w-]+)\})?\s*(?P<argument>.*)$")
HEADING = re.compile(r"(?P<marks>#{1,6}) +(?P<text>.+?)\s*$")
MARKER = re.compile(r"(?:(?:[-*+]|\d+[.)]) +)+(?=\S)")
TABLE_RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
FORMULA_END = re.compile(r"\$\$\s*(\([\w-]+\))?\s*$")
CELL_BORDER = re.compile(r"(?<!\\)\|")
UNSUPPORTED = {
    re.compile(r"<[a-zA-Z!/]"): "raw HTML; write Markdown",
    re.compile(r">"): "a block quote; write an admonition",
    re.compile(r":"): "an option or a definition list; start with another character",
    re.compile(r"\[\^"): "a footnote; write it into the sentence",
    re.compile(r"\[[^\]]+\]: "): "a link definition; write [text](https://…)",
    re.compile(r"(=+|-+)\s*$"): "an underlined heading or a rule; write `## heading`",
}
EXTENSIONS = {"colon_fence", "dollarmath"}  # as in conf.py
_parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
NOT_A_PARAGRAPH = "MyST doesn't read this as one paragraph of text; leave blank lines around it"
PARAGRAPH = ["paragraph_open", "inline", "paragraph_close"]


@lru_cache(maxsize=10_000)
def _parse(text: str) -> tuple[bool, tuple[Token, ...]]:
    """Whether `text` is one paragraph, and its inline tokens."""
    tokens = _parser.parse(text)
    alone = [token.type for token in tokens] == PARAGRAPH
    inline = tokens[1] if alone else _parser.parseInline(text)[0]
    return alone, tuple(inline.children or ())


def is_paragraph(text: str) -> bool:
    """Whether MyST reads `text` as one paragraph, not as a list, heading, HTML or anything else."""
    return _parse(text)[0]


def is_option_value(text: str) -> bool:
    """Whether `text` can stand after ``:option: ``, which MyST reads much like YAML."""
    try:
        return options_to_items(f"option: {text}")[0] == [("option", text)]
    except TokenizeError:
        return False


def inline_markup(text: str) -> Counter[str]:
    """Count what a translation must keep: code, maths, roles with their targets, and links."""
    found: Counter[str] = Counter()
    for token in _parse(text)[1]:
        if token.type == "myst_role":
            explicit = EXPLICIT.match(token.content)
            target = explicit["target"] if explicit else token.content
            name = token.meta["name"]
            found[f"{{{name}}}`{'…' if name in LANGUAGE_TARGET_ROLES else target}`"] += 1
        elif token.type == "link_open":
            found[f"<{token.attrGet('href')}>"] += 1
        elif token.type == "image":
            found[f"![]({token.attrGet('src')})"] += 1
        elif token.type == "code_inline":
            found[f"`{token.content}`"] += 1
        elif token.type == "math_inline":
            found[f"${token.content}$"] += 1
        elif not token.type.startswith(("text", "em_", "strong_", "softbreak", "link_close")):
            found[f"{token.type} {token.content}".strip()] += 1
    return found


def plain_text(text: str) -> str:
    """`text` without markup, as for titles, tooltips and anchors."""
    return "".join(
        shown(token.meta["name"], token.content) if token.type == "myst_role" else token.content
        for token in _parse(text)[1]
        if token.type in {"myst_role", "text", "code_inline", "math_inline"}
    )


def prose(text: str) -> str:
    """`text` without code, roles and maths: what the author wrote as words."""
    return "".join(token.content for token in _parse(text)[1] if token.type == "text")


def terms(text: str) -> list[str]:
    """What the roles in `text` whose targets are words of a language point at."""
    roles = [token for token in _parse(text)[1] if token.type == "myst_role"]
    texts = [token.content for token in roles if token.meta["name"] in LANGUAGE_TARGET_ROLES]
    return [explicit["target"] if (explicit := EXPLICIT.match(text)) else text for text in texts]


class _Splitter:
    def __init__(self, text: str, path: Path) -> None:
        self.lines = text.split("\n")
        self.path = path
        self.out: list[Segment] = []
        self.errors: list[SourceError] = []
        self.at = 0

    def error(self, message: str, at: int | None = None) -> SourceError:
        return SourceError(self.path, (self.at if at is None else at) + 1, message)

    def keep(self, label: str = "") -> None:
        self.out.append(Verbatim(self.lines[self.at] + "\n", label, self.at + 1))
        self.at += 1

    def keep_lines(self, end: int) -> None:
        while self.at < end:
            self.keep()

    def unit(self, kind: str, lines: list[str], line: int, first: str, suffix: str = "\n") -> None:
        self.out.append(Unit(kind, join_lines(lines), line + 1, first_prefix=first, suffix=suffix))

    def front_matter(self) -> None:
        if self.lines[0] != "---":
            return
        self.keep()
        while self.at < len(self.lines) and self.lines[self.at] != "---":
            self.keep()
        if self.at == len(self.lines):
            raise self.error("the front matter doesn't end with a line `---`", 0)
        self.keep()

    def fence_end(self, fence: str, end: int, column: int) -> int:
        """Index of the line that closes the fence opened on the current line."""
        closing = re.compile(rf" {{{column}}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
        for index in range(self.at + 1, end):
            if closing.match(self.lines[index]):
                return index
        raise self.error(f"the block opened by {fence} is never closed")

    def options(self, name: str) -> None:
        while re.match(r"\s*:[\w-]+:", self.lines[self.at]):
            caption = re.match(r"(\s*:caption: )(\S.*)$", self.lines[self.at])
            if caption:
                if not is_option_value(caption[2]):
                    raise self.error("this caption reads as YAML, not as text: write other words")
                kind = "caption" if name == "toctree" else f"{name} caption"
                self.unit(kind, [caption[2]], self.at, caption[1])
                self.at += 1
            else:
                self.keep()

    def fence(self, match: re.Match[str], column: int, end: int) -> None:
        name, argument = match["name"], match["argument"]
        close = self.fence_end(match["fence"], end, column)
        start = self.at
        if name in CONTAINER_DIRECTIVES:
            if argument:
                opening = " " * column + match["fence"] + f"{{{name}}} "
                titled = name in {"admonition", "dropdown"}
                if "`" in argument and match["fence"].startswith("`"):
                    raise self.error("a title with code stands after `:::`, not after backticks")
                if not titled and self.lines[start + 1].strip() and start + 1 < close:
                    raise self.error(f"leave a blank line after the line that opens {name!r}")
                if not is_paragraph(argument):
                    raise self.error(NOT_A_PARAGRAPH)
                self.unit(f"{name} title" if titled else "paragraph", [argument], start, opening)
                self.at += 1
            else:
                self.keep()
            self.options(name)
            self.blocks(close)
        elif name == "code-cell":
            self.keep()
            self.options(name)
            code = "".join(line + "\n" for line in self.lines[self.at : close])
            with gathered(self.errors):
                self.out += split_code(code, self.path, self.at + 1)
            self.at = close
        elif name == "glossary":
            self.keep()
            self.options(name)
            self.glossary(close)
        elif name is None or name in VERBATIM_DIRECTIVES:
            self.keep()
            if name:
                self.options(name)
            self.keep_lines(close)
        else:
            self.at = close + 1
            known = ", ".join(sorted(CONTAINER_DIRECTIVES | VERBATIM_DIRECTIVES))
            raise self.error(f"directive {name!r} can't be translated; use one of {known}", start)
        self.keep()

    def glossary(self, end: int) -> None:
        while self.at < end:
            line = self.lines[self.at]
            if not line.strip():
                self.keep()
            elif not line.startswith(" "):
                self.unit("term", [line], self.at, "")
                self.at += 1
            else:
                self.paragraph(end, "definition", len(line) - len(line.lstrip()), "")

    def table(self, end: int, column: int) -> None:
        for row in range(self.at, end):
            line = self.lines[row]
            if "|" not in line:
                break
            self.at = row + 1
            if TABLE_RULE.match(line.lstrip()):
                self.out.append(Verbatim(line + "\n"))
                continue
            cells = CELL_BORDER.split(line.strip().removeprefix("|").removesuffix("|"))
            for number, cell in enumerate(cells):
                opening = " " * (0 if number else column) + "| "
                self.unit("cell", [cell.strip()], row, opening, " ")
            self.out.append(Verbatim("|\n"))

    def formula(self, end: int, text: str) -> None:
        start = self.at
        self.keep()
        if FORMULA_END.search(text[2:]):
            return
        while self.at < end and not FORMULA_END.search(self.lines[self.at]):
            self.keep()
        if self.at == end:
            raise self.error("the formula opened by $$ is never closed", start)
        self.keep()

    def paragraph(self, end: int, kind: str, column: int, marker: str) -> None:
        start = self.at
        lines = [self.lines[start][column + len(marker) :]]
        self.at += 1
        while self.at < end and self.lines[self.at].strip():
            line = self.lines[self.at]
            stripped = line.lstrip()
            if FENCE.match(stripped) or HEADING.match(stripped):
                raise self.error("leave a blank line before this block")
            if MARKER.match(stripped):
                if marker:
                    break
                raise self.error("leave a blank line before a list")
            indent = len(line) - len(stripped)
            if indent != column + len(marker):
                raise self.error("the lines of a paragraph or list item start in the same column")
            lines.append(line)
            self.at += 1
        if any(line.endswith("\\") for line in lines):
            raise self.error("a line can't be broken here; write two paragraphs or a list", start)
        if not is_paragraph("\n".join(line.strip() for line in lines)):
            raise self.error(NOT_A_PARAGRAPH, start)
        self.unit(kind, lines, start, " " * column + marker)

    def block(self, end: int) -> None:
        """The block that starts on the current line."""
        line = self.lines[self.at]
        column = len(line) - len(line.lstrip())
        text = line[column:]
        if not text or text.startswith("%"):
            self.keep()
            return
        if label := re.match(r"\(([\w-]+)\)=$", text):
            self.keep(label[1])
            return
        if match := FENCE.match(text):
            self.fence(match, column, end)
            return
        for pattern, message in UNSUPPORTED.items():
            if pattern.match(text):
                raise self.error(f"this looks like {message}")
        if match := HEADING.match(text):
            self.unit("title", [match["text"]], self.at, match["marks"] + " ")
            self.at += 1
        elif self.at + 1 < end and "|" in text and TABLE_RULE.match(self.lines[self.at + 1].lstrip()):
            self.table(end, column)
        elif match := MARKER.match(text):
            self.paragraph(end, "item", column, match[0])
        elif text.startswith("$$"):
            self.formula(end, text)
        else:
            self.paragraph(end, "paragraph", column, "")

    def blocks(self, end: int) -> None:
        while self.at < end:
            start = self.at
            with gathered(self.errors):
                self.block(end)
                continue
            self.at = max(self.at, start + 1)
            while self.at < end and self.lines[self.at].strip():
                self.at += 1


def split(text: str, path: Path) -> list[Segment]:
    """Split a MyST page.

    Raises
    ------
    SourceErrors
        With every place where the text uses markup that can't be translated.
    """
    splitter = _Splitter(text.rstrip("\n"), path)
    splitter.front_matter()
    splitter.blocks(len(splitter.lines))
    if splitter.errors:
        raise SourceErrors(splitter.errors)
    return splitter.out
