"""What this package knows of a project: its folders, languages, chapters and pages.

Everything comes from two files, ``languages.toml`` and ``curriculum.toml``; no module here knows the name
of a page.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .segments import SourceError

__all__ = ["Chapter", "Language", "Page", "Project", "write_if_changed"]

HEADER = "GALLERY_HEADER.rst"
PAGE_NAME = re.compile(r"[a-z][a-z0-9_]*$")
PAGE_KEYS = {"prerequisites", "minutes", "devices", "limits", "data", "tolerance"}


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


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(path, None, "this file is missing; write it first") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise SourceError(path, int(line[1]) if line else None, f"not valid TOML: {error}") from None


def _line_of(path: Path, text: str) -> int | None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text in line:
            return number
    return None


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
        language_file = root / docs / "languages.toml"
        values = _read_toml(language_file)
        try:
            languages = tuple(Language(**language) for language in values["languages"])
            letters, anchors = re.compile(values["letters"]), values["anchors"]
        except (KeyError, TypeError) as error:
            raise SourceError(language_file, None, f"a value is missing or unknown: {error}") from None
        project = cls(
            root=root,
            title=values.get("title", root.name),
            docs=root / docs,
            gallery=root / gallery,
            locale=root / docs / "locale",
            languages=languages,
            letters=letters,
            anchors=anchors,
            chapters=tuple(_chapters(root / gallery / "curriculum.toml")),
        )
        _check_files(project)
        return project


def _chapters(path: Path) -> Iterator[Chapter]:
    seen: set[str] = set()
    for chapter in _read_toml(path).get("chapters", []):
        name = chapter.get("name", "")
        if not PAGE_NAME.match(name):
            raise SourceError(path, _line_of(path, repr(name)), "a chapter needs a lower-case name")
        pages = []
        for page, values in chapter.get("pages", {}).items():
            line = _line_of(path, f"[chapters.pages.{page}]")
            if not PAGE_NAME.match(page):
                raise SourceError(path, line, f"{page!r}: a page's name is lower-case ASCII, digits and _")
            if page in seen:
                raise SourceError(path, line, f"page {page!r} stands twice; names are unique in the site")
            if unknown := set(values) - PAGE_KEYS:
                raise SourceError(path, line, f"page {page!r}: unknown {', '.join(sorted(unknown))}")
            seen.add(page)
            pages.append(
                Page(
                    chapter=name,
                    name=page,
                    prerequisites=tuple(values.get("prerequisites", ())),
                    minutes=values.get("minutes", 0),
                    devices=tuple(values.get("devices", ("cpu",))),
                    limits=values.get("limits", {}),
                    data=tuple(values.get("data", ())),
                    tolerance=values.get("tolerance", {}),
                )
            )
        yield Chapter(name, tuple(pages))


def _check_files(project: Project) -> None:
    curriculum = project.gallery / "curriculum.toml"
    known = {page.docname for page in project.pages()}
    for page in project.pages():
        line = _line_of(curriculum, f"[chapters.pages.{page.name}]")
        if not project.example(page).is_file():
            raise SourceError(
                curriculum, line, f"page {page.docname!r} has no file {page.chapter}/{page.name}.py"
            )
        for wanted in page.prerequisites:
            if wanted not in known:
                raise SourceError(curriculum, line, f"{page.docname!r} needs unknown page {wanted!r}")
    for chapter in project.chapters:
        header = project.gallery / chapter.name / HEADER
        if not header.is_file():
            raise SourceError(header, None, "every chapter has a header: label, title and a paragraph")
    for script in sorted(project.gallery.glob("*/*.py")):
        if script.relative_to(project.gallery).with_suffix("").as_posix() not in known:
            raise SourceError(script, 1, "this example is not listed in gallery/curriculum.toml")


def write_if_changed(path: Path, text: str) -> bool:
    """Write `text` unless the file says that already (Sphinx goes by its time); whether it did."""
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(text.encode())
    new.replace(path)
    return True
