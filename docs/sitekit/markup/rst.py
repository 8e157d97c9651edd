"""Split reStructuredText into units of prose and the markup between them.

The examples use a small part of reStructuredText; anything else is an error that says what to write
instead, so that nothing a reader sees can slip past translation.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.parsers.rst.languages import en
from docutils.parsers.rst.states import Body, Inliner
from docutils.utils import new_document, unescape

from ..project.errors import SourceError, SourceErrors, gathered
from .units import Segment, Unit, Verbatim, join_lines

__all__ = ["PYTHON_ROLES", "block_start", "inline_markup", "plain_text", "prose", "shown", "split", "terms"]


PROSE_DIRECTIVES = {"note", "tip", "hint", "important", "warning", "caution", "seealso"}
TITLED_DIRECTIVES = {"admonition", "list-table", "rubric"}
VERBATIM_DIRECTIVES = {"math", "code-block", "minigallery", "toctree", "learning-map", "error-index"}
DIRECTIVE = re.compile(r"\.\. (?P<name>[a-zA-Z][\w-]*)::(?: +(?P<argument>.*))?$")
OPTION = re.compile(r" +:[\w-]+:( |$)")
MARKER = re.compile(r"(?:(?:[-*]|\d+\.|#\.) +)+(?=\S)")
ATTRIBUTION = re.compile(r"(?:---?(?!-)|—(?!—)) *(?=\S)")
UNDERLINES = "= - ~ ^ \" ' ` . * + #"
UNDERLINE = re.compile(r"([=\-~^\"'`.*+#])\1{2,}$")
UNSUPPORTED = {
    re.compile(r"\+[-=+]{3,}"): "a grid table; write a list-table",
    re.compile(r"={2,}( +={2,})+"): "a simple table; write a list-table",
    re.compile(r"\|( |$)"): "a line block; write a paragraph or a list",
    re.compile(r":[\w-]+:( |$)"): "a field list; write a list",
    re.compile(r"__ |\.\. __"): "an anonymous target; write the link as `text <https://…>`__",
    re.compile(r"\.\. \["): "a footnote; write it into the sentence",
    re.compile(r"\.\. \|"): "a substitution; write the text itself",
}
# How docutils reads a line that doesn't start a paragraph.
BLOCKS = {
    "bullet": "a list",
    "enumerator": "a list",
    "field_marker": "a field list",
    "option_marker": "an option list",
    "doctest": "a doctest",
    "line_block": "a line block",
    "grid_table_top": "a table",
    "simple_table_top": "a table",
    "explicit_markup": "a directive or comment",
    "anonymous": "a link target",
    "line": "a rule or a title's line",
}
PATTERNS = {name: re.compile(Body.patterns[name]) for name in BLOCKS}
EXPLICIT = re.compile(r"^(?P<title>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
LANGUAGE_TARGET_ROLES = {"term"}
PYTHON_ROLES = {"attr", "class", "const", "data", "exc", "func", "meth", "mod", "obj"}


def shown(role: str, text: str) -> str:
    """What a reader sees of a role, as far as its own text tells."""
    if explicit := EXPLICIT.match(text):
        return explicit["title"]
    name = role.removeprefix("py:")
    if name in PYTHON_ROLES:
        text = text.rpartition(".")[2].lstrip("~") if text.startswith("~") else text.lstrip("!.")
        text += "()" * (name in {"func", "meth"} and not text.endswith(")"))
    return text


def _role(
    rawsource: str, text: str, role: str | None, lineno: int
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Keep a role as it is written, without asking what it means."""
    return [nodes.inline(rawsource, unescape(text, True), role=role or "")], []


def _settings() -> Any:
    settings = get_default_settings(Parser)
    settings.report_level = settings.halt_level = 5  # what is wrong shows in the nodes
    settings.file_insertion_enabled = settings.raw_enabled = False
    return settings


SETTINGS = _settings()
INLINER = Inliner()
INLINER.interpreted = _role  # type: ignore[method-assign]
INLINER.init_customizations(SETTINGS)


@lru_cache(maxsize=10_000)
def _inline(text: str) -> tuple[nodes.Node, ...]:
    """`text` as docutils reads it within a paragraph."""
    document = new_document("", SETTINGS)
    memo = SimpleNamespace(document=document, reporter=document.reporter, language=en, inliner=INLINER)
    return tuple(INLINER.parse(text, 1, memo, document)[0])


def block_start(text: str) -> str | None:
    """What docutils takes `text` for, if not for a paragraph."""
    if text.endswith("::"):
        return "the opening of a literal block"
    name = next((name for name, pattern in PATTERNS.items() if pattern.match(text)), None)
    if name in {"enumerator", "option_marker"}:  # where the pattern alone doesn't decide
        document = new_document("", SETTINGS)
        Parser(inliner=INLINER).parse(text, document)
        if [type(node) for node in document.children] == [nodes.paragraph]:
            return None
    return BLOCKS[name] if name else None


def inline_markup(text: str) -> Counter[str]:
    """Count what a translation must keep: code, maths, roles with their targets, and links."""
    found: Counter[str] = Counter()
    for node in _inline(text):
        if isinstance(node, nodes.literal):
            found[f"``{node.astext()}``"] += 1
        elif isinstance(node, nodes.inline):
            explicit = EXPLICIT.match(node.astext())
            target = explicit["target"] if explicit else node.astext()
            if node["role"] in LANGUAGE_TARGET_ROLES:
                target = "…"
            found[f":{node['role']}:`{target}`" if node["role"] else f"`{target}`"] += 1
        elif isinstance(node, nodes.reference) and "refuri" in node:
            found[f"<{node['refuri']}>"] += 1
        elif isinstance(node, nodes.problematic):
            found[f"broken markup {node.astext()}"] += 1
        elif isinstance(node, nodes.target) and "refuri" in node:
            continue  # belongs to the link before it
        elif not isinstance(node, nodes.Text | nodes.emphasis | nodes.strong):
            found[getattr(node, "rawsource", "") or type(node).__name__] += 1
    return found


def plain_text(text: str) -> str:
    """`text` without markup, as for titles, tooltips and anchors."""
    return "".join(
        shown(node["role"], node.astext()) if isinstance(node, nodes.inline) else node.astext()
        for node in _inline(text)
    )


def prose(text: str) -> str:
    """`text` without code, roles and links: what the author wrote as words."""
    words = (nodes.Text, nodes.emphasis, nodes.strong)
    return "".join(node.astext() for node in _inline(text) if isinstance(node, words))


def terms(text: str) -> list[str]:
    """What the roles in `text` whose targets are words of a language point at."""
    roles = [
        node
        for node in _inline(text)
        if isinstance(node, nodes.inline) and node["role"] in LANGUAGE_TARGET_ROLES
    ]
    matches = [(EXPLICIT.match(node.astext()), node.astext()) for node in roles]
    return [explicit["target"] if explicit else text for explicit, text in matches]


class _Splitter:
    def __init__(self, text: str, path: Path, first_line: int, prefix: str, width: int) -> None:
        self.lines = text.split("\n")
        self.path, self.first_line, self.prefix, self.width = path, first_line, prefix, width
        self.out: list[Segment] = []
        self.errors: list[SourceError] = []
        self.at = 0

    def error(self, message: str, at: int | None = None) -> SourceError:
        return SourceError(self.path, self.first_line + (self.at if at is None else at), message)

    def keep(self, line: str, label: str = "") -> None:
        text = (self.prefix + line).rstrip() + "\n"
        self.out.append(Verbatim(text, label, self.first_line + self.at))

    def keep_lines(self, end: int) -> None:
        while self.at < end:
            self.keep(self.lines[self.at])
            self.at += 1

    def unit(
        self,
        kind: str,
        lines: list[str],
        line: int,
        first: str,
        rest: str,
        underline: str = "",
        over: bool = False,
    ) -> None:
        self.out.append(
            Unit(
                kind,
                join_lines(lines),
                self.first_line + line,
                first_prefix=self.prefix + first,
                rest_prefix=self.prefix + rest,
                underline=underline,
                overlined=over,
                width=0 if underline else self.width,
                suffix="\n",
            )
        )

    def indent(self, line: str) -> int:
        return len(line) - len(line.lstrip(" "))

    def below(self, rows: int = 1) -> str:
        return self.lines[self.at + rows] if self.at + rows < len(self.lines) else ""

    def body_end(self, column: int) -> int:
        """Where what is indented more than `column`, from the current line on, ends."""
        end = self.at
        while end < len(self.lines) and (
            not self.lines[end].strip() or self.indent(self.lines[end]) > column
        ):
            end += 1
        while end > self.at and not self.lines[end - 1].strip():
            end -= 1
        return end

    def paragraph(self, kind: str, first: str, rest: str) -> None:
        """One paragraph from the current line on; `first` has been read off that line already."""
        start, column = self.at, len(rest)
        lines = [self.lines[start][len(first) :]]
        self.at += 1
        while self.at < len(self.lines) and self.lines[self.at].strip():
            line = self.lines[self.at]
            marker = MARKER.match(line.lstrip())
            if self.indent(line) < column and marker and kind == "item":
                break
            if self.indent(line) != column:
                raise self.error("the lines of a paragraph or list item start in the same column")
            if marker:
                raise self.error("leave a blank line before a list")
            lines.append(line)
            self.at += 1
        if any(PATTERNS["line"].match(line.strip()) for line in lines):
            raise self.error(
                f"a title has one line, under it, of at least 3 times one of {UNDERLINES}", start
            )
        text = join_lines(lines)
        literal = text.endswith("::")
        if literal:  # written on its own below, where no translation can lose it
            text = text[:-2].rstrip() if text[-3:-2].isspace() else text[:-1]
        self.check(text, start)
        self.unit(kind, [text], start, first, rest)
        if literal:
            self.keep("")
            self.literal(column, start)

    def literal(self, column: int, start: int) -> None:
        """A block of text as it stands, which `::` has opened."""
        self.keep(" " * column + "::")
        end = self.body_end(column)
        if end == self.at:
            raise self.error("a block that is indented more follows `::`", start)
        self.keep_lines(end)

    def check(self, text: str, line: int) -> None:
        if read_as := block_start(text):
            raise self.error(f"docutils reads this as {read_as}", line)

    def directive(self, match: re.Match[str], column: int) -> None:
        name, argument = match["name"], match["argument"] or ""
        if name not in PROSE_DIRECTIVES | TITLED_DIRECTIVES | VERBATIM_DIRECTIVES:
            known = ", ".join(sorted(PROSE_DIRECTIVES | TITLED_DIRECTIVES | VERBATIM_DIRECTIVES))
            raise self.error(f"directive {name!r} can't be translated; use one of {known}")
        opening = " " * column + f".. {name}:: "
        if argument and name not in VERBATIM_DIRECTIVES:
            start, lines = self.at, [argument]
            while (below := self.below()).strip() and self.indent(below) > column and not OPTION.match(below):
                if name in PROSE_DIRECTIVES:
                    raise self.error(f"leave a blank line after `.. {name}::` and indent the text")
                lines.append(below)
                self.at += 1
            kind = "title" if name in TITLED_DIRECTIVES else "paragraph"
            self.check(join_lines(lines), start)
            self.unit(f"{name} {kind}", lines, start, opening, " " * (column + 3))
        else:
            self.keep(self.lines[self.at])
        self.at += 1
        while self.at < len(self.lines) and OPTION.match(self.lines[self.at]):
            start, first = self.at, self.lines[self.at]
            self.at += 1
            while self.at < len(self.lines) and self.indent(self.lines[self.at]) > self.indent(first):
                self.at += 1  # the option goes on
            caption = re.match(r" +:caption: +", first)
            lines, self.at = self.lines[start : self.at], start if not caption else self.at
            if caption:
                kind = "caption" if name == "toctree" else f"{name} caption"
                text = [first[caption.end() :], *lines[1:]]
                self.check(join_lines(text), start)
                self.unit(kind, text, start, caption[0], " " * (self.indent(first) + 3))
            else:
                self.keep_lines(start + len(lines))
        body = self.body_end(column)
        if name in VERBATIM_DIRECTIVES:
            self.keep_lines(body)
        else:
            self.blocks(column + 1, body)

    def title(self, text: str, first: int, line: str, *, over: bool = False) -> None:
        if self.indent(self.lines[self.at]):
            raise self.error("a title starts in the first column")
        self.check(text, self.at)
        self.unit("title", [text], first, "", "", line[0], over)
        self.at = first + 2

    def block(self, least_column: int) -> None:
        """The block that starts on the current line."""
        line = self.lines[self.at]
        column = self.indent(line)
        if column < least_column:
            raise self.error("this line is indented less than the block it stands in")
        text, below = line[column:].rstrip(), self.below().strip()
        for pattern, message in UNSUPPORTED.items():
            if pattern.match(text):
                raise self.error(f"this looks like {message}")
        if match := DIRECTIVE.match(text):
            self.directive(match, column)
        elif text.startswith(".. ") or text == "..":
            label = re.match(r"\.\. _([^:]+):$", text)
            if label and self.indent(self.below()) > column and below:
                raise self.error("a link's address stands in the sentence: write `text <https://…>`__")
            if not label:
                raise self.error("only labels and directives may start with `..`")
            self.keep(line, label[1])
            self.at += 1
        elif text.startswith(">>> "):
            while self.at < len(self.lines) and self.lines[self.at].strip():
                self.keep_lines(self.at + 1)
        elif text == "::":
            self.at += 1
            self.literal(column, self.at - 1)
        elif UNDERLINE.match(text) and below and self.below(2).rstrip() == text:
            self.title(below, self.at + 1, text, over=True)
        elif UNDERLINE.match(text) and not below and not self.lines[self.at - 1].strip() and self.at:
            self.keep_lines(self.at + 1)  # a transition
        elif UNDERLINE.match(below) and not MARKER.match(text):
            self.title(text, self.at, below)
        elif match := MARKER.match(text):
            first = " " * column + match[0]
            self.paragraph("item", first, " " * len(first))
        elif column and (match := ATTRIBUTION.match(text)):
            self.paragraph("attribution", " " * column + match[0], " " * column)
        else:
            self.paragraph("paragraph", " " * column, " " * column)

    def blocks(self, least_column: int, end: int) -> None:
        while self.at < end:
            if not self.lines[self.at].strip():
                self.keep_lines(self.at + 1)
                continue
            start = self.at
            with gathered(self.errors):
                self.block(least_column)
                continue
            self.at = max(self.at, start + 1)
            while self.at < end and self.lines[self.at].strip():
                self.at += 1
            if self.lines[start].lstrip().startswith(".."):
                self.at = max(self.at, min(end, self.body_end(self.indent(self.lines[start]))))


def split(text: str, path: Path, first_line: int, *, prefix: str = "", width: int = 79) -> list[Segment]:
    """Split reStructuredText.

    Parameters
    ----------
    text
        The text, without the `prefix` that every line of it has in its file.
    path, first_line
        Where it stands, for error messages and units.
    prefix
        Put before each line when rendering, such as ``# `` in a text cell.
    width
        Columns that translations are wrapped at, `prefix` included; 0 for no wrapping.

    Raises
    ------
    SourceErrors
        With every place where the text uses markup that can't be translated.
    """
    splitter = _Splitter(text, path, first_line, prefix, width)
    blank = len(text) - len(text.lstrip("\n"))
    if text[blank : blank + 1].isspace() and text.strip():
        splitter.errors.append(splitter.error("a cell's text starts in the first column", blank))
    splitter.blocks(0, len(splitter.lines))
    if splitter.errors:
        raise SourceErrors(splitter.errors)
    return splitter.out
