"""What the modules of this package share while Sphinx makes one language's site."""

import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

import msgspec
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from ..execute.chosen import ShownRecord
from ..project.errors import SourceError
from ..project.files import read_toml
from ..project.layout import Language, Page, Project
from .sections import Section

Item = TypeVar("Item")
Context: TypeAlias = dict[str, Any]
"""What the template of a page gets."""
Doctree: TypeAlias = nodes.document | None
"""A page's document; a page that is made of a template only has none."""


@dataclass
class Site:
    """One language's site in the making."""

    project: Project
    language: Language
    alone: bool
    """Whether no other language is built beside it: a plain ``sphinx-build docs OUT``."""
    pages: list[Page]
    """The gallery's pages that are built."""
    anchors: dict[str, Any]
    """What localising noted: the anchors of each page's sections, its title, the titles behind labels."""
    lock: ExitStack
    """Closed when Sphinx is done: it holds the checkout's lock where no build does."""
    records: dict[str, list[ShownRecord]] = field(default_factory=dict)
    """The records that each page shows."""
    sections: dict[str, list[Section]] = field(default_factory=dict)
    """What the search finds, by page."""
    policy: str = ""
    """The Content-Security-Policy, as an element of each page's head."""


sites: WeakKeyDictionary[Sphinx, Site] = WeakKeyDictionary()


def site(app: Sphinx) -> Site:
    """The site that `app` makes."""
    return sites[app]


@cache
def versioned(app: Sphinx, name: str) -> str:
    """The address of our file `name` from a site's root; it changes with the file, so browsers fetch it anew."""
    content = (Path(app.confdir) / "_static" / name).read_bytes()
    return f"_static/{name}?v={crc32(content):08x}"


def table(app: Sphinx, name: str, key: str, item: type[Item], *others: str) -> list[Item]:
    """The list of `item` under `key` in a file of TOML beside ``conf.py``, which may have `others`; none, where it has none."""
    path = Path(app.confdir) / name
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        found = read_toml(path)
        for unknown in (given for given in found if given not in (key, *others)):
            known = ", ".join(map(repr, (key, *others)))
            fault = f"{unknown!r} is no list of this file; it can have {known}"
            raise SourceError(path, text.partition(unknown)[0].count("\n") + 1, fault)
        return msgspec.convert(found.get(key, []), list[item])  # type: ignore[valid-type]  # a type made of a variable
    except msgspec.ValidationError as error:
        number = re.search(r"\$\[(\d+)\]", str(error))
        starts = [match.start() for match in re.finditer(rf"^\[\[{key}\]\]|^[ \t]+\[", text, re.MULTILINE)]
        at = starts[int(number[1])] if number and int(number[1]) < len(starts) else max(0, text.find(key))
        told = str(SourceError(path, text.count("\n", 0, at) + 1, f"{key}: {error}"))
    except SourceError as error:
        told = str(error)
    raise ExtensionError(told)
