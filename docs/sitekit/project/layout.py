"""What this package knows of a project: its folders, languages, chapters and pages.

Everything comes from two files, ``languages.toml`` and ``curriculum.toml``; no module here knows the name
of a page.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SourceError, SourceErrors
from .files import read_text, read_toml

__all__ = ["CAPTURE_REPR", "GALLERY", "Chapter", "Language", "Page", "Project"]


HEADER = "GALLERY_HEADER.rst"
GALLERY = "gallery"
"""The folder of a language's tree that has its examples."""
PAGE_NAME = re.compile(r"[a-z][a-z0-9_]*$")
FOLDER_NAME = re.compile(r"[a-z][a-z0-9-]*$")
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
CAPTURE_REPR = ("_repr_html_", "__repr__")
"""Sphinx-Gallery's default."""
REPR_METHODS = {"_repr_html_", "__repr__", "__str__"}
PAGE_TABLES = {"limits": ("seconds", "memory_mib"), "tolerance": ("relative", "absolute", "integers")}
PAGE_KEYS = {
    "prerequisites": "a list of pages",
    "minutes": "a whole number",
    "devices": "a list of names",
    "data": "a list of files",
} | {key: f"a table of numbers: {', '.join(names)}" for key, names in PAGE_TABLES.items()}


@dataclass(frozen=True)
class Language:
    """One language of the site, as ``languages.toml`` describes it."""

    folder: str
    tag: str
    sphinx: str
    name: str


@dataclass(frozen=True)
class Page:
    """One example, as ``curriculum.toml`` describes it."""

    chapter: str
    name: str
    prerequisites: tuple[str, ...] = ()
    minutes: int = 0
    devices: tuple[str, ...] = ("cpu",)
    limits: dict[str, float] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    tolerance: dict[str, float] = field(default_factory=dict)

    @property
    def docname(self) -> str:
        """Its address in the site, without language and ending: ``chapter/page``."""
        return f"{self.chapter}/{self.name}"


@dataclass(frozen=True)
class Chapter:
    """A folder of examples, in reading order."""

    name: str
    pages: tuple[Page, ...]


def _lines_of(path: Path, text: str) -> list[int]:
    """The lines that hold `text`; TOML's values come without their places."""
    return [number for number, line in enumerate(read_text(path).split("\n"), 1) if text in line] or [1]


@dataclass(frozen=True)
class Project:
    """A gallery and its pages of Markdown, in several languages."""

    root: Path
    title: str
    docs: Path
    gallery: Path
    locale: Path
    languages: tuple[Language, ...]
    letters: re.Pattern[str]
    anchors: str
    chapters: tuple[Chapter, ...]
    allowed_warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By page, or ``*`` for all: warnings that are no error, as ``package.Category: start of the message``."""
    capture_repr: tuple[str, ...] = ()
    """What is shown of the last expression of a gallery's cells, as Sphinx-Gallery's option of this name has it."""
    machine: tuple[str, ...] = ()
    """Pages whose output tells of the machine it was made on: nobody expects the same on another."""

    @property
    def source(self) -> Language:
        """The language that the files are written in."""
        return self.languages[0]

    @property
    def build(self) -> Path:
        """Where everything that is made goes."""
        return self.root / "build"

    def source_tree(self, language: Language) -> Path:
        """The folder that Sphinx reads for `language`."""
        return self.build / "source" / language.folder

    def pages(self) -> Iterator[Page]:
        """Every example, in reading order."""
        for chapter in self.chapters:
            yield from chapter.pages

    def catalogue_path(self, language: Language, docname: str) -> Path:
        """The catalogue of one page in one language."""
        return self.locale / language.folder / "LC_MESSAGES" / f"{docname}.po"

    def place(self, docname: str) -> str:
        """Where localising puts the source of a page in a language's tree."""
        if docname in {page.docname for page in self.pages()}:
            return f"{GALLERY}/{docname}.py"
        if docname in {f"{chapter.name}/index" for chapter in self.chapters}:
            return f"{GALLERY}/{docname.removesuffix('index')}{HEADER}"
        return f"{docname}.md"

    def source_file(self, docname: str) -> Path:
        """The file that a person wrote for a page."""
        place = self.place(docname)
        in_gallery = place.removeprefix(f"{GALLERY}/")
        return self.docs / place if in_gallery == place else self.gallery / in_gallery

    def units_file(self, language: Language, docname: str) -> Path:
        """The prose of a page in all languages, as localising writes it beside the page."""
        return (self.source_tree(language) / self.place(docname)).with_suffix(".units.json")

    def example(self, page: Page) -> Path:
        """The script of one page."""
        return self.gallery / page.chapter / f"{page.name}.py"

    def language(self, folder: str) -> Language:
        """The language whose pages stand under `folder`."""
        return next(language for language in self.languages if language.folder == folder)

    @classmethod
    def load(cls, root: Path, *, docs: str = "docs", gallery: str = "gallery") -> Project:
        """Read the two files and check the curriculum against the folders, both ways.

        Raises
        ------
        SourceError
            With the file and line of the first mistake.
        """
        root = root.resolve()
        curriculum = root / gallery / "curriculum.toml"
        errors: list[SourceError] = []
        values = _languages(root / docs / "languages.toml", errors)
        mistaken = len(errors)
        chapters = _chapters(curriculum, errors)
        machine: tuple[str, ...] = ()
        allowed: dict[str, tuple[str, ...]] = {}
        if len(errors) == mistaken:
            machine = _machine(curriculum, errors)
            scripts = {page.docname for chapter in chapters for page in chapter.pages}
            allowed = _allowed_warnings(curriculum, scripts, root / docs, errors)
            errors += _check_files(root / gallery, curriculum, chapters)
        capture_repr = _capture_repr(root / docs / "conf.py", errors)
        if errors:
            raise SourceErrors(errors)
        return cls(
            root=root,
            docs=root / docs,
            gallery=root / gallery,
            locale=root / docs / "locale",
            chapters=chapters,
            machine=machine,
            allowed_warnings=allowed,
            capture_repr=capture_repr,
            **values,
        )


def _languages(path: Path, errors: list[SourceError]) -> dict[str, Any]:
    """The values of ``languages.toml``."""
    try:
        values = read_toml(path)
        languages = tuple(Language(**language) for language in values["languages"])
        folders = [language.folder for language in languages]
        for folder in folders:
            if not FOLDER_NAME.match(folder) or folders.count(folder) > 1:
                line = _lines_of(path, f'"{folder}"')[-1]
                errors.append(SourceError(path, line, "a folder is lower-case ASCII and used once"))
        letters, anchors = re.compile(values["letters"]), values["anchors"]
        if anchors not in folders:
            errors.append(SourceError(path, _lines_of(path, "anchors")[-1], f"no language {anchors!r}"))
        title = values.get("title", path.parent.parent.name)
        return {"languages": languages, "letters": letters, "anchors": anchors, "title": title}
    except SourceError as error:
        errors.append(error)
    except re.error as error:
        errors.append(SourceError(path, _lines_of(path, "letters =")[0], f"not a pattern: {error}"))
    except (KeyError, TypeError) as error:
        errors.append(SourceError(path, 1, f"a value is missing, unknown or of another kind: {error}"))
    return {}


def _machine(path: Path, errors: list[SourceError]) -> tuple[str, ...]:
    """The pages that ``curriculum.toml`` names as telling of the machine."""
    listed = read_toml(path).get("machine", [])
    if isinstance(listed, list) and all(isinstance(page, str) for page in listed):
        return tuple(listed)
    errors.append(SourceError(path, _lines_of(path, "machine")[0], "machine is a list of pages"))
    return ()


def _allowed_warnings(
    path: Path, scripts: set[str], docs: Path, errors: list[SourceError]
) -> dict[str, tuple[str, ...]]:
    """The table ``allowed_warnings`` of ``curriculum.toml``: of `scripts`, and of pages in `docs`."""
    table = read_toml(path).get("allowed_warnings", {})
    if not isinstance(table, dict):
        fault = 'allowed_warnings is a table: lists of warnings by page, "*" for all'
        errors.append(SourceError(path, _lines_of(path, "allowed_warnings")[0], fault))
        return {}
    for page, listed in table.items():
        wrong, fault = page, ""
        if page not in {"*", *scripts} and not (docs / f"{page}.md").is_file():
            fault = f"allowed_warnings names an unknown page {page!r}"
        elif not isinstance(listed, list):
            fault = f"the allowed warnings of {page!r} are a list of texts"
        elif others := [str(item) for item in listed if not _is_warning(item)]:
            wrong, fault = (
                others[0],
                f"{others[0]!r} is no warning: write `package.Category: start of the message`",
            )
        if fault:
            errors.append(SourceError(path, _lines_of(path, wrong)[-1], fault))
    return {page: tuple(listed) for page, listed in table.items()}


def _is_warning(item: Any) -> bool:
    """Whether `item` is a text that names a category, one of Python's own or by its dotted name."""
    name = item.partition(":")[0] if isinstance(item, str) else ""
    category = getattr(builtins, name, None)
    return bool(DOTTED.fullmatch(name)) or (isinstance(category, type) and issubclass(category, Warning))


def _capture_repr(conf: Path, errors: list[SourceError]) -> tuple[str, ...]:
    """The option ``capture_repr`` in ``conf.py``, which is read and not run: recording needs no Sphinx."""
    if not conf.is_file():
        return ()
    try:
        dicts = [node for node in ast.walk(ast.parse(read_text(conf))) if isinstance(node, ast.Dict)]
    except (SourceError, SyntaxError, ValueError):
        return CAPTURE_REPR  # Sphinx will say what is wrong there
    for key, value in (pair for node in dicts for pair in zip(node.keys, node.values, strict=True)):
        if getattr(key, "value", None) == "capture_repr":
            with contextlib.suppress(ValueError, TypeError):
                given = ast.literal_eval(value)
                if isinstance(given, tuple) and REPR_METHODS.issuperset(given):
                    return given
            fault = f"capture_repr is a tuple, written out, of some of {', '.join(sorted(REPR_METHODS))}"
            errors.append(SourceError(conf, value.lineno, fault))
    return CAPTURE_REPR


def _fits(value: Any, key: str) -> bool:
    """Whether `value` is what ``PAGE_KEYS`` says of `key`."""
    if key == "minutes":
        return isinstance(value, int)
    if PAGE_KEYS[key].startswith("a list"):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, dict) and all(
        name in PAGE_TABLES[key] and isinstance(item, int | float) for name, item in value.items()
    )


def _chapters(path: Path, errors: list[SourceError]) -> tuple[Chapter, ...]:
    """The chapters and pages of ``curriculum.toml``."""
    try:
        listed = read_toml(path).get("chapters", [])
    except SourceError as error:
        errors.append(error)
        return ()
    if not isinstance(listed, list) or not all(isinstance(chapter, dict) for chapter in listed):
        errors.append(SourceError(path, _lines_of(path, "chapters")[0], "a chapter starts with [[chapters]]"))
        return ()
    chapters: list[Chapter] = []
    seen: set[str] = set()
    for chapter in listed:
        name = chapter.get("name", "")
        places = _lines_of(path, f'name = "{name}"')
        if not isinstance(name, str) or not PAGE_NAME.match(name):
            errors.append(SourceError(path, places[0], "a chapter needs a lower-case name"))
            continue
        if any(name == other.name for other in chapters):
            errors.append(SourceError(path, places[-1], f"chapter {name!r} stands twice"))
        pages = []
        entries = chapter.get("pages", {})
        if not isinstance(entries, dict):
            errors.append(SourceError(path, places[0], "a chapter's page is a table, [chapters.pages.name]"))
            continue
        for page, values in entries.items():
            places = _lines_of(path, f"[chapters.pages.{page}]")
            fault = ""
            if not PAGE_NAME.match(page):
                fault = f"{page!r}: a page's name is lower-case ASCII, digits and _"
            elif page in seen:
                fault = f"page {page!r} stands twice; names are unique in the site"
            elif not isinstance(values, dict):
                fault = f"page {page!r} is a table, [chapters.pages.{page}]"
            elif unknown := set(values) - set(PAGE_KEYS):
                fault = f"page {page!r}: unknown {', '.join(sorted(unknown))}"
            elif wrong := [key for key in values if not _fits(values[key], key)]:
                fault = f"page {page!r}: {wrong[0]} is {PAGE_KEYS[wrong[0]]}"
            seen.add(page)
            if fault:
                errors.append(SourceError(path, places[-1], fault))
                continue
            lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
            pages.append(Page(name, page, **values | lists))
        chapters.append(Chapter(name, tuple(pages)))
    return tuple(chapters)


def _check_files(gallery: Path, curriculum: Path, chapters: tuple[Chapter, ...]) -> Iterator[SourceError]:
    """Hold the curriculum against the folders, both ways."""
    known = {page.docname for chapter in chapters for page in chapter.pages}
    before: set[str] = set()
    for chapter in chapters:
        if not (gallery / chapter.name / HEADER).is_file():
            line = _lines_of(curriculum, f'name = "{chapter.name}"')[0]
            fault = f"chapter {chapter.name!r} has no {chapter.name}/{HEADER}: label, title and a paragraph"
            yield SourceError(curriculum, line, fault)
        for page in chapter.pages:
            line = _lines_of(curriculum, f"[chapters.pages.{page.name}]")[0]
            if not (gallery / f"{page.docname}.py").is_file():
                yield SourceError(curriculum, line, f"page {page.docname!r} has no file {page.docname}.py")
            for wanted in page.prerequisites:
                if wanted not in known:
                    yield SourceError(curriculum, line, f"{page.docname!r} needs unknown page {wanted!r}")
                elif wanted not in before:
                    fault = f"{page.docname!r} needs {wanted!r}, which comes later: move it up"
                    yield SourceError(curriculum, line, fault)
            before.add(page.docname)
    for script in sorted(gallery.rglob("*.py")):
        docname = script.relative_to(gallery).with_suffix("").as_posix()
        if docname not in known:
            yield SourceError(script, 1, f"this example is not listed in {curriculum.name}")
