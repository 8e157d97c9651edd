"""The pages above the languages: the one that leads to a language, and the one for addresses without a page.

They stand outside Sphinx, which knows one language at a time. A host shows ``404.html`` at whatever address a
reader asked for, so nothing in it may depend on where that is: it brings its style and its script along, and
the script finds the site's root in the address.
"""

from __future__ import annotations

import base64
import hashlib
from gettext import translation
from pathlib import Path

from ..project.layout import Project

__all__ = ["write"]


def write(project: Project, folder: Path, *, policy: str = "") -> None:
    """Write both pages into `folder`, beside the languages' folders.

    The first page has the tag `policy`; ``404.html`` has a policy of its own, which allows its script alone.
    """
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    # Sphinx has compiled them for all other pages.
    texts = {
        language.folder: translation("sphinx", project.docs / "locale-ui", [language.sphinx], fallback=True)
        for language in project.languages
    }
    script = (Path(__file__).parent / "not_found.js").read_text(encoding="utf-8")
    known = {
        "title": project.title,
        "languages": project.languages,
        "texts": {folder: found.gettext for folder, found in texts.items()},
        "policy": policy,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    for name, template in {"index.html": "root.html", "404.html": "404.html"}.items():
        page = templates.get_template(template).render(known)
        (folder / name).write_text(page, encoding="utf-8", newline="\n")
