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

from ..project.errors import SourceError
from .units import Segment, Unit, Verbatim, join_lines

__all__ = ["block_start", "inline_markup", "plain_text", "prose", "split", "terms"]


PROSE_DIRECTIVES = {"note", "tip", "hint", "important", "warning", "caution", "seealso"}
TITLED_DIRECTIVES = {"admonition", "list-table", "rubric"}
VERBATIM_DIRECTIVES = {"math", "code-block", "minigallery", "toctree", "learning-map", "error-index"}
DIRECTIVE = re.compile(r"\.\. (?P<name>[a-zA-Z][\w-]*)::(?: +(?P<argument>.*))?$")
OPTION = re.compile(r" +:[\w-]+:( |$)")
MARKER = re.compile(r"(?:(?:[-*]|\d+\.|#\.) +)+(?=\S)")
UNDERLINES = "= - ~ ^ \" ' ` . * + #"
UNDERLINE = re.compile(r"([=\-~^\"'`.*+#])\1{2,}$")
UNSUPPORTED = {
    re.compile(r"\+[-=+]{3,}"): "a grid table; write a list-table",
    re.compile(r"={2,}( +={2,})+"): "a simple table; write a list-table",
    re.compile(r"\|( |$)"): "a line block; write a paragraph or a list",
    re.compile(r":[\w-]+:( |$)"): "a field list; write a list",
    re.compile(r">>> "): "a doctest; write a code cell",
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
    shown = []
    for node in _inline(text):
        explicit = EXPLICIT.match(node.astext()) if isinstance(node, nodes.inline) else None
        shown.append(explicit["title"] if explicit else node.astext())
    return "".join(shown)


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
    return [explicit["target"] if explicit else shown for explicit, shown in matches]


class _Splitter:
    def __init__(self, text: str, path: Path, first_line: int, prefix: str, width: int) -> None:
        self.lines = text.split("\n")
        self.path, self.first_line, self.prefix, self.width = path, first_line, prefix, width
        self.out: list[Segment] = []
        self.at = 0

    def error(self, message: str) -> SourceError:
        return SourceError(self.path, self.first_line + self.at, message)

    def keep(self, line: str, label: str = "") -> None:
        text = (self.prefix + line).rstrip() + "\n"
        self.out.append(Verbatim(text, label, self.first_line + self.at))

    def unit(
        self, kind: str, lines: list[str], line: int, first: str, rest: str, underline: str = ""
    ) -> None:
        self.out.append(
            Unit(
                kind,
                join_lines(lines),
                self.first_line + line,
                first_prefix=self.prefix + first,
                rest_prefix=self.prefix + rest,
                underline=underline,
                width=0 if underline else self.width,
                suffix="\n",
            )
        )

    def indent(self, line: str) -> int:
        return len(line) - len(line.lstrip(" "))

    def below(self) -> str:
        return self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""

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
        if lines[-1].rstrip().endswith("::"):
            raise self.error("a literal block is not translated; write `.. code-block:: python`")
        if any(PATTERNS["line"].match(line.strip()) for line in lines):
            message = f"a title has one line, under it, of at least 3 times one of {UNDERLINES}"
            raise SourceError(self.path, self.first_line + start, message)
        self.check(join_lines(lines), start)
        self.unit(kind, lines, start, first, rest)

    def check(self, text: str, line: int) -> None:
        if read_as := block_start(text):
            raise SourceError(self.path, self.first_line + line, f"docutils reads this as {read_as}")

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
            self.keep(self.lines[self.at])
            self.at += 1
        body = self.at
        while body < len(self.lines) and (
            not self.lines[body].strip() or self.indent(self.lines[body]) > column
        ):
            body += 1
        while body > self.at and not self.lines[body - 1].strip():
            body -= 1
        if name in VERBATIM_DIRECTIVES:
            for line in self.lines[self.at : body]:
                self.keep(line)
            self.at = body
        else:
            self.blocks(column + 1, body)

    def blocks(self, least_column: int, end: int) -> None:
        while self.at < end:
            line = self.lines[self.at]
            if not line.strip():
                self.keep("")
                self.at += 1
                continue
            column = self.indent(line)
            if column < least_column:
                raise self.error("this line is indented less than the block it stands in")
            text = line[column:]
            for pattern, message in UNSUPPORTED.items():
                if pattern.match(text):
                    raise self.error(f"this looks like {message}")
            below = self.below().strip()
            if match := DIRECTIVE.match(text):
                self.directive(match, column)
            elif text.startswith(".. ") or text == "..":
                label = re.match(r"\.\. _([^:]+):$", text)
                if not label:
                    raise self.error("only labels and directives may start with `..`")
                self.keep(line, label[1])
                self.at += 1
            elif UNDERLINE.match(below) and not MARKER.match(text):
                if column:
                    raise self.error("a title starts in the first column")
                self.check(text, self.at)
                self.unit("title", [text], self.at, "", "", below[0])
                self.at += 2
            elif match := MARKER.match(text):
                first = " " * column + match[0]
                self.paragraph("item", first, " " * len(first))
            else:
                self.paragraph("paragraph", " " * column, " " * column)


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
    SourceError
        Where the text uses markup that can't be translated.
    """
    splitter = _Splitter(text, path, first_line, prefix, width)
    splitter.blocks(0, len(splitter.lines))
    return splitter.out
