"""reStructuredText within a paragraph, as docutils reads it."""

import re
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.parsers.rst.languages import en
from docutils.parsers.rst.states import Body, Inliner
from docutils.readers.standalone import Reader
from docutils.utils import new_document, unescape

from .inline import Piece, Reading, role_piece

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


def _keep_role(
    rawsource: str, text: str, role: str | None, lineno: int
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Keep a role as it is written, without asking what it means."""
    return [nodes.inline(rawsource, unescape(text, True), role=role or "")], []


def _settings() -> Any:
    settings = get_default_settings(Parser, Reader)
    settings.report_level = settings.halt_level = 5  # what is wrong shows in the nodes
    settings.doctitle_xform = settings.docinfo_xform = False
    settings.file_insertion_enabled = settings.raw_enabled = False
    settings.syntax_highlight = "none"
    return settings


SETTINGS = _settings()
INLINER = Inliner()
INLINER.interpreted = _keep_role  # type: ignore[method-assign]  # Inliner has no option for it
INLINER.init_customizations(SETTINGS)


def _piece(node: nodes.Node) -> Piece:
    text = node.astext()
    match node:
        case nodes.Text() | nodes.emphasis() | nodes.strong():
            return Piece(text)
        case nodes.literal():
            return Piece(text, f"``{text}``")
        case nodes.inline():
            return role_piece(f":{node['role']}:" if node["role"] else "", node["role"], text)
        case nodes.problematic():
            return Piece(text, f"broken markup {text}")
        case nodes.reference(attributes={"refuri": address}):
            return Piece(text, f"<{address}>")
        case nodes.target(attributes={"refuri": _}):
            return Piece("")  # belongs to the link before it
    return Piece(text, getattr(node, "rawsource", "") or type(node).__name__)


@lru_cache(maxsize=10_000)
def read(text: str) -> Reading:
    """Read the inline markup of a paragraph."""
    document = new_document("", SETTINGS)
    memo = SimpleNamespace(document=document, reporter=document.reporter, language=en, inliner=INLINER)
    return Reading(tuple(map(_piece, INLINER.parse(text, 1, memo, document)[0])))


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
