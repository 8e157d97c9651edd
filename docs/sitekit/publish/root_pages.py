"""The pages above the languages: the one that leads to a language, and the one for addresses without a page.

They stand outside Sphinx, which knows one language at a time. A host shows ``404.html`` at whatever address a
reader asked for, so nothing in it may depend on where that is: it brings its style and its script along, and
the script finds the site's root in the address.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from ..project.layout import Language, Project

__all__ = ["write"]


def _texts(project: Project, language: Language) -> Callable[[str], str]:
    """Translates the site's own strings, as Sphinx does on all other pages."""
    from babel.messages.pofile import read_po

    path = project.docs / "locale-ui" / language.sphinx / "LC_MESSAGES" / "sphinx.po"
    if not path.is_file():
        return str
    catalog = read_po(path.open("rb"))

    def text(message: str) -> str:
        found = catalog.get(message)
        return str(found.string) if found and found.string else message

    return text


def write(project: Project, folder: Path, *, policy: str = "") -> None:
    """Write both pages into `folder`, beside the languages' folders.

    The first page has the tag `policy`; ``404.html`` has a policy of its own, which allows its script alone.
    """
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    script = (Path(__file__).parent / "not_found.js").read_text(encoding="utf-8")
    known = {
        "title": project.title,
        "languages": project.languages,
        "texts": {language.folder: _texts(project, language) for language in project.languages},
        "policy": policy,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    for name, template in {"index.html": "root.html", "404.html": "404.html"}.items():
        page = templates.get_template(template).render(known)
        (folder / name).write_text(page, encoding="utf-8", newline="\n")
