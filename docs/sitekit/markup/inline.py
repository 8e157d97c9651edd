"""Inline markup, whichever it is: what a reader sees of a text, and what a translation of it must keep."""

import re
from collections import Counter
from dataclasses import dataclass

EXPLICIT = re.compile(r"^(?P<title>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
PYTHON_ROLES = {"attr", "class", "const", "data", "exc", "func", "meth", "mod", "obj"}


@dataclass(frozen=True)
class Piece:
    """Words, or one role, link, formula or piece of code."""

    shown: str
    """What a reader sees, as far as its own text tells."""
    kept: str = ""
    """What a translation must keep of it; nothing of words."""
    term: str = ""
    """The term of the glossary that it links to."""


@dataclass(frozen=True)
class Reading:
    """A text in its pieces."""

    pieces: tuple[Piece, ...]

    @property
    def plain(self) -> str:
        """The text without markup, as for titles, tooltips and anchors."""
        return "".join(piece.shown for piece in self.pieces)

    @property
    def words(self) -> str:
        """What the author wrote as words: no code, roles and formulas."""
        return "".join(piece.shown for piece in self.pieces if not piece.kept)

    @property
    def markup(self) -> Counter[str]:
        """What a translation must keep, and how often."""
        return Counter(piece.kept for piece in self.pieces if piece.kept)

    @property
    def terms(self) -> list[str]:
        """The glossary's terms that the text links to."""
        return [piece.term for piece in self.pieces if piece.term]


def shown(role: str, text: str) -> str:
    """What a reader sees of a role, as far as its own text tells."""
    if explicit := EXPLICIT.match(text):
        return explicit["title"]
    name = role.removeprefix("py:")
    if name in PYTHON_ROLES:
        text = text.rpartition(".")[2].lstrip("~") if text.startswith("~") else text.lstrip("!.")
        text += "()" * (name in {"func", "meth"} and not text.endswith(")"))
    return text


def role_piece(mark: str, role: str, text: str) -> Piece:
    """A role, whose name reads `mark` in its markup; a term's target is a word, and so has its own in each language."""
    explicit = EXPLICIT.match(text)
    target = explicit["target"] if explicit else text
    kept, term = ("…", target) if role == "term" else (target, "")
    return Piece(shown(role, text), f"{mark}`{kept}`", term)
