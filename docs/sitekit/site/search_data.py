"""What the search in the reader's browser reads: one file per language, written when the pages are.

The file is a classic script that sets one global, so that it also loads from ``file://``. It holds the pages with what
readers ask of them, and their sections with heading, text, telling lines of code and the errors that they show. For
Chinese it holds tables of words, sounds and traditional characters. How all this is searched stands in
``_static/search-engine.js`` and what it loads; nothing of Sphinx's own index is written or loaded.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from ..markup.units import HAN
from ..project.errors import SourceError
from ..project.files import read_toml, write_if_changed
from .error_index import messages
from .search_text import telling_lines, tidy
from .search_words import pinyin, traditional, words
from .sections import FIELDS, JOINED, Section, sections_of
from .state import site, table

DATA = "search-data.js"
EXERCISES = "exercises"
"""The folder of ``docs/`` whose pages are exercises."""
QUESTIONS, SUBJECTS = "search_questions.toml", "search_subjects.toml"
ABOUT = 100
"""Characters of a section that tells of the site itself: enough to see what it is about."""
Pages = Mapping[str, Sequence[Section]]
"""The sections of each page; the first is the page itself, under its title."""


# -- tables of the project


def _subjects(app: Sphinx) -> list[list[str]]:
    """Names of subjects, by group; those in Chinese characters only where queries in Chinese are answered."""
    chinese = site(app).language.tag.startswith("zh")
    groups = table(app, SUBJECTS, "subjects", list[str])
    kept = ([name.lower() for name in group if chinese or not HAN.search(name)] for group in groups)
    return [group for group in kept if group]


def _questions(app: Sphinx) -> dict[str, list[str]]:
    """What readers ask of each page, in this site's language."""
    path = Path(app.confdir) / QUESTIONS
    if not path.is_file():
        return {}
    try:
        found = read_toml(path)
        for name, asked in found.items():
            is_page = name in app.env.found_docs or app.config.sitekit_only
            if not is_page or not isinstance(asked, dict) or not all(map(_is_texts, asked.values())):
                line = path.read_text(encoding="utf-8").partition(f'["{name}"]')[0].count("\n") + 1
                fault = f"needs the name of a page with a list of questions for each language, not {name!r}"
                raise SourceError(path, line, fault)
    except SourceError as error:
        raise ExtensionError(str(error)) from None
    return {name: asked.get(site(app).language.folder, []) for name, asked in found.items()}


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


# -- the data


def _kind(app: Sphinx, docname: str, sections: Sequence[Section]) -> str:
    """What a page is to a reader; empty, if it is about this site."""
    if docname in {page.docname for page in site(app).project.pages()}:
        return "lesson"
    if any(section.level == 0 for section in sections):
        return "glossary"
    if docname.partition("/")[0] == EXERCISES:
        return "exercise"
    return "contents" if docname.rpartition("/")[2] == "index" else ""


def _records(app: Sphinx, pages: Pages, kinds: Mapping[str, str]) -> list[list[str | int]]:
    """The sections of all pages as the data have them."""
    told: dict[tuple[str, str], list[str]] = {}
    for docname, anchor, message in messages(app):
        # A section that isn't there has been left out, or a page lacks it; the page itself has it then.
        known = any(section.anchor == anchor for section in pages.get(docname, ()))
        told.setdefault((docname, anchor if known else ""), []).append(message)
    lines = telling_lines([[section.lines for section in sections] for sections in pages.values()])
    records = []
    for number, ((name, sections), kept) in enumerate(zip(pages.items(), lines, strict=True)):
        for section, own in zip(sections, kept, strict=True):
            text = section.text
            if not kinds[name]:  # what the section is about is enough
                text, own = [tidy(part)[:ABOUT] for part in text[:1]], []
            shown = " ".join(own)
            own += [
                message
                for message in told.get((name, section.anchor), ())
                if message.removesuffix(" …") not in shown
            ]
            records.append(Section(section.anchor, section.heading, section.level, text, own).record(number))
    return records


def _value(app: Sphinx, pages: Pages) -> dict[str, Any]:
    kinds = {name: _kind(app, name, sections) for name, sections in pages.items()}
    questions = _questions(app)
    records = _records(app, pages, kinds)

    def page(name: str, sections: Sequence[Section]) -> list[Any]:
        chapter = pages.get(f"{name.partition('/')[0]}/index", ())
        title = chapter[0].heading if chapter else ""
        asked = questions.get(name, [])
        return [app.builder.get_target_uri(name), sections[0].heading, kinds[name], title, asked]

    value: dict[str, Any] = {
        "pages": [page(name, sections) for name, sections in pages.items()],
        "sections": {field: [record[at] for record in records] for at, field in enumerate(FIELDS)},
        "subjects": _subjects(app),
    }
    if site(app).language.tag.startswith("zh"):
        every = (section for sections in pages.values() for section in sections if section.level == 0)
        terms = {term for section in every for term in section.heading.split(JOINED)}
        text = json.dumps(value, ensure_ascii=False)
        asked = json.dumps(value["pages"], ensure_ascii=False)  # twice, for these are readers' words
        value["words"] = " ".join(words(text + asked, terms))
        value |= {"pinyin": pinyin(terms), "traditional": traditional(text)}
    return value


def _script(name: str, language: str, value: Any) -> str:
    """Text of a script that keeps `value` for `language` in the global `name`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"(self.{name}??={{}})[{json.dumps(language)}]={text};\n"


# -- when


def _note_sections(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    site(app).sections[docname] = sections_of(doctree)


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    docnames = [name for name in sorted(app.env.found_docs) if "nosearch" not in app.env.metadata[name]]
    path = Path(app.doctreedir) / "sections.json"
    earlier = path.read_bytes() if path.is_file() else b"{}"
    noted = msgspec.json.decode(earlier, type=dict[str, list[Section]]) | site(app).sections
    for name in set(docnames) - set(noted):  # the last build failed after it had written them
        app.env.get_and_resolve_doctree(name, app.builder)
    noted |= site(app).sections
    path.write_bytes(msgspec.json.encode({name: noted[name] for name in docnames}))
    value = _value(app, {name: noted[name] for name in docnames if noted[name][0].heading})
    write_if_changed(Path(app.outdir) / DATA, _script("searchData", site(app).language.folder, value))


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("doctree-resolved", _note_sections, priority=900)
    app.connect("build-finished", _write)
