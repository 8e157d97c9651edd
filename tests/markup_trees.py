"""How docutils, MyST and Sphinx-Gallery read a localised file: the judges of localising's tests."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers import Parser
from docutils.parsers.rst import Directive, directives, roles
from myst_parser.parsers.docutils_ import Parser as MystParser
from sitekit.markup.parts import DIRECTIVES as PARTS
from sphinx.util.docutils import docutils_namespace
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

INLINE_THAT_COUNTS = (nodes.literal, nodes.math, nodes.reference, nodes.inline, nodes.image)
WORDS = (nodes.Text, nodes.emphasis, nodes.strong, nodes.target)


class _Container(Directive):
    """Stands in for Sphinx's admonitions; its content is read like any other."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"class": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        node = nodes.container(classes=[self.name])
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class _Code(_Container):
    """Stands in for a code cell."""

    option_spec: ClassVar = {"tags": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        return [nodes.literal_block("", repr(code_tokens("\n".join([*self.content, ""]))))]


class _Glossary(_Container):
    """Stands in for Sphinx's glossary: which lines are terms, and which start a definition."""

    def run(self) -> list[nodes.Node]:
        kinds = ["definition" if line[:1] == " " else "term" if line else "" for line in self.content]
        return [nodes.literal_block("", re.sub("(definition )+", "definition ", " ".join([*kinds, ""])))]


class _Toctree(_Container):
    option_spec: ClassVar = {"caption": directives.unchanged, "hidden": directives.flag}

    def run(self) -> list[nodes.Node]:
        return [nodes.literal_block("", f"{sorted(self.options)} {list(self.content)}")]


def _role(name: str, rawtext: str, text: str, *rest: Any, **more: Any) -> Any:
    return [nodes.inline(rawtext, text, classes=[name])], []


DIRECTIVES = {"seealso": _Container, "dropdown": _Container, "code-cell": _Code, "glossary": _Glossary}
DIRECTIVES |= {"toctree": _Toctree} | dict.fromkeys(PARTS, _Container)
SETTINGS = {
    "report_level": 5,
    "halt_level": 5,
    "doctitle_xform": False,
    "syntax_highlight": "none",
    "myst_enable_extensions": ["colon_fence", "dollarmath"],
    "warning_stream": False,
}


def _read(text: str, parser: Parser | None) -> nodes.document:
    with docutils_namespace():
        for name, directive in DIRECTIVES.items():
            directives.register_directive(name, directive)
        for name in ("term", "ref", "func", "py:class"):
            roles.register_local_role(name, _role)
        return publish_doctree(text, parser=parser, settings_overrides=SETTINGS)


def rst_tree(text: str) -> nodes.document:
    """What docutils makes of reStructuredText."""
    return _read(text, None)


def myst_tree(text: str) -> nodes.document:
    """What MyST makes of Markdown."""
    return _read(text, MystParser())


def normal_text(node: nodes.Node) -> str:
    """The text of `node` without the blanks that a line break stands for."""
    return "".join(node.astext().split())


def tree(document: nodes.Node) -> Any:
    """The whole tree with its text, however the lines were broken."""
    children: list[Any] = []
    for child in document.children:
        if isinstance(child, nodes.Text) and children and isinstance(children[-1], str):
            children[-1] += normal_text(child)
        elif isinstance(child, nodes.Text):
            children.append(normal_text(child))
        elif not _is_note(child):
            children.append(tree(child))
    return type(document).__name__, children


def _is_note(node: nodes.Node) -> bool:
    """Whether docutils only mentions something, such as a title that reads like a label."""
    return isinstance(node, nodes.system_message) and node["level"] < 2


def skeleton(document: nodes.document) -> list[Any]:
    """The blocks in their order and nesting, with the inline markup each holds, and without words."""

    def walk(node: nodes.Node) -> Any:
        if isinstance(node, nodes.TextElement) and not isinstance(node, nodes.FixedTextElement):
            inner = Counter(type(child).__name__ for child in node.findall() if not isinstance(child, WORDS))
            return type(node).__name__, inner
        if isinstance(node, nodes.FixedTextElement | nodes.math_block):
            return type(node).__name__, node.astext()
        return type(node).__name__, [walk(child) for child in node.children if not _is_note(child)]

    return [walk(child) for child in document.children]


def has_raw(document: nodes.document) -> bool:
    """Whether something in the tree goes into HTML as it is."""
    return any(document.findall(nodes.raw))


def script_skeleton(path: Path, text: str, read: Callable[[nodes.document], Any] = skeleton) -> Any:
    """A script as Sphinx-Gallery splits it, its text cells as docutils reads them."""
    path.write_text(text, encoding="utf-8")
    config, blocks = split_code_and_text_blocks(path)
    cells = [read(rst_tree(block.content)) if block.type == "text" else "code" for block in blocks]
    return config, cells


def code_tokens(code: str) -> list[tuple[int, str]]:
    """The tokens of `code` without comments and docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL}
    tokens = [
        (token.type, token.string)
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type not in skipped
    ]
    blank = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for index, (kind, string) in enumerate(tokens):
        starts = index == 0 or tokens[index - 1][0] in blank
        if (
            kind == tokenize.STRING
            and starts
            and '"""' in string[:4]
            and tokens[index + 1][0] == tokenize.NEWLINE
        ):
            tokens[index] = (kind, "a docstring")
    return tokens
