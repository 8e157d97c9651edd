"""The two markups that prose is written in, each with how a unit's text is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from . import myst, rst

__all__ = ["MYST", "RST", "Dialect"]


@dataclass(frozen=True)
class Dialect:
    """How inline markup is read."""

    plain_text: Callable[[str], str]
    """A text as a reader sees it."""
    inline_markup: Callable[[str], Counter[str]]
    """What a translation must keep."""
    prose: Callable[[str], str]
    """What the author wrote as words."""
    terms: Callable[[str], list[str]]
    """The glossary's terms that a text links to."""


RST = Dialect(rst.plain_text, rst.inline_markup, rst.prose, rst.terms)
MYST = Dialect(myst.plain_text, myst.inline_markup, myst.prose, myst.terms)
