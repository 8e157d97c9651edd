"""What the modules of this package share while Sphinx makes one language's site."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary
from zlib import crc32

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from ..execute.chosen import ShownRecord
from ..project.errors import SourceError
from ..project.files import read_toml
from ..project.layout import Language, Page, Project
from .sections import Section

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


def table(app: Sphinx, name: str, key: str) -> list[Any]:
    """What stands under `key` in a file of TOML beside ``conf.py``; nothing where there is no such file."""
    path = Path(app.confdir) / name
    if not path.is_file():
        return []
    try:
        if not isinstance(found := read_toml(path).get(key), list):
            raise SourceError(path, 1, f"needs a list with the name {key!r}")
    except SourceError as error:
        raise ExtensionError(str(error)) from None
    return found
