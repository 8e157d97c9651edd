"""The pages above the languages: the one that leads to a language, and the one for addresses without a page.

They stand outside Sphinx, which knows one language at a time. A host shows ``404.html`` at whatever address a
reader asked for, so nothing in it may depend on where that is: it brings its style and its script along, and
the script finds the site's root in the address.
"""

import base64
import hashlib
from gettext import translation
from pathlib import Path

from ..project.layout import Project


def write(project: Project, folder: Path, *, policy: str = "") -> None:
    """Write both pages into `folder`: the first with the tag `policy`, ``404.html`` has one that allows its script."""
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    catalogues = project.docs / "locale-ui"  # Sphinx has compiled them for all other pages
    script = (Path(__file__).parent / "not_found.js").read_text(encoding="utf-8")
    known = {
        "title": project.title,
        "languages": project.languages,
        "texts": {
            language.folder: translation("sphinx", catalogues, [language.sphinx], fallback=True).gettext
            for language in project.languages
        },
        "policy": policy,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    for name, template in {"index.html": "root.html", "404.html": "404.html"}.items():
        page = templates.get_template(template).render(known)
        (folder / name).write_text(page, encoding="utf-8", newline="\n")
