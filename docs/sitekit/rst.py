"""Split reStructuredText into units of prose and the markup between them.

The examples use a small part of reStructuredText; anything else is an error that says what to write
instead, so that nothing a reader sees can slip past translation.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from .segments import Segment, SourceError, Unit, Verbatim, join_lines

__all__ = ["inline_markup", "plain_text", "split"]

PROSE_DIRECTIVES = {"note", "tip", "hint", "important", "warning", "caution", "seealso"}
TITLED_DIRECTIVES = {"admonition", "list-table", "rubric"}
VERBATIM_DIRECTIVES = {"math", "code-block", "minigallery", "toctree", "chapter-cards"}
DIRECTIVE = re.compile(r"\.\. (?P<name>[a-zA-Z][\w-]*)::(?: +(?P<argument>.*))?$")
MARKER = re.compile(r"(?:(?:[-*]|\d+\.|#\.) +)+(?=\S)")
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
INLINE = re.compile(
    r"(?P<literal>``.+?``)"
    r"|:(?P<role>[a-zA-Z][\w:+-]*):`(?P<content>[^`]+)`"
    r"|`(?P<label>[^`<]*?)\s*<(?P<target>[^`>]+)>`(?P<anonymous>__?)"
    r"|(?P<default>`[^`]+`_{0,2})"
    r"|(?P<substitution>\|[^|\s][^|]*\|_{0,2})"
    r"|(?P<footnote>\[[^\]\s]+\]_)"
    r"|(?P<uri>https?://[^\s<>`]+)",
    re.DOTALL,
)
EXPLICIT = re.compile(r"^(?P<title>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
LANGUAGE_TARGET_ROLES = {"term"}


def inline_markup(text: str) -> Counter[str]:
    """Count what a translation must keep: code, maths, roles with their targets, and links."""
    found: Counter[str] = Counter()
    for match in INLINE.finditer(text):
        if role := match["role"]:
            explicit = EXPLICIT.match(match["content"])
            target = explicit["target"] if explicit else match["content"]
            if role in LANGUAGE_TARGET_ROLES:
                target = "…"
            found[f":{role}:`{target}`"] += 1
        elif match["target"]:
            found[f"<{match['target']}>"] += 1
        else:
            found[match[0]] += 1
    return found


def plain_text(text: str) -> str:
    """`text` without markup, as for titles, tooltips and anchors."""

    def shown(match: re.Match[str]) -> str:
        if match["literal"]:
            return match["literal"][2:-2]
        if match["role"]:
            explicit = EXPLICIT.match(match["content"])
            return explicit["title"] if explicit else match["content"]
        if match["target"]:
            return match["label"] or match["target"]
        return match[0].strip("`_|")

    return re.sub(r"(\*\*?)(\S(?:.*?\S)?)\1", r"\2", INLINE.sub(shown, text))


class _Splitter:
    def __init__(self, text: str, path: Path, first_line: int, prefix: str, width: int) -> None:
        self.lines = text.split("\n")
        self.path, self.first_line, self.prefix, self.width = path, first_line, prefix, width
        self.out: list[Segment] = []
        self.at = 0

    def error(self, message: str) -> SourceError:
        return SourceError(self.path, self.first_line + self.at, message)

    def keep(self, line: str) -> None:
        self.out.append(Verbatim((self.prefix + line).rstrip() + "\n"))

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
        self.unit(kind, lines, start, first, rest)

    def directive(self, match: re.Match[str], column: int) -> None:
        name, argument = match["name"], match["argument"] or ""
        if name not in PROSE_DIRECTIVES | TITLED_DIRECTIVES | VERBATIM_DIRECTIVES:
            known = ", ".join(sorted(PROSE_DIRECTIVES | TITLED_DIRECTIVES | VERBATIM_DIRECTIVES))
            raise self.error(f"directive {name!r} can't be translated; use one of {known}")
        opening = " " * column + f".. {name}:: "
        if argument and name not in VERBATIM_DIRECTIVES:
            kind = "title" if name in TITLED_DIRECTIVES else "paragraph"
            self.unit(f"{name} {kind}", [argument], self.at, opening, " " * (column + 3))
            if name in PROSE_DIRECTIVES and self.at + 1 < len(self.lines):
                if self.lines[self.at + 1].strip() and self.indent(self.lines[self.at + 1]):
                    raise self.error(f"leave a blank line after `.. {name}::` and indent the text")
        else:
            self.keep(self.lines[self.at])
        self.at += 1
        while self.at < len(self.lines) and re.match(r" +:[\w-]+:", self.lines[self.at]):
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
            below = self.lines[self.at + 1].strip() if self.at + 1 < len(self.lines) else ""
            if match := DIRECTIVE.match(text):
                self.directive(match, column)
            elif text.startswith(".. ") or text == "..":
                if not re.match(r"\.\. _[^:]+:$", text):
                    raise self.error("only labels and directives may start with `..`")
                self.keep(line)
                self.at += 1
            elif UNDERLINE.match(below) and not MARKER.match(text):
                if column:
                    raise self.error("a title starts in the first column")
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
