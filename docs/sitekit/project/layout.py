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
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from .errors import SourceError, SourceErrors, gathered
from .files import read_text, read_toml

HEADER = "GALLERY_HEADER.rst"
GALLERY = "gallery"
"""The folder of a language's tree that has its examples."""
PAGE_NAME = re.compile(r"[a-z][a-z0-9_]*$")
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
CAPTURE_REPR = ("_repr_html_", "__repr__")
"""Sphinx-Gallery's default."""
REPR_METHODS = {"_repr_html_", "__repr__", "__str__"}
Read = TypeVar("Read")


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of TOML."""


class Language(_Table, frozen=True):
    """One language of the site, as ``languages.toml`` describes it."""

    folder: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]*$")]
    tag: str
    sphinx: str
    name: str


class _Languages(_Table, frozen=True):
    letters: str
    anchors: str
    languages: tuple[Language, ...]
    title: str = ""


class Page(_Table, frozen=True):
    """One example, as ``curriculum.toml`` describes it."""

    chapter: str
    name: str
    prerequisites: tuple[str, ...] = ()
    minutes: int = 0
    devices: tuple[str, ...] = ("cpu",)
    limits: dict[Literal["seconds", "memory_mib"], float] = {}
    data: tuple[str, ...] = ()
    tolerance: dict[Literal["relative", "absolute", "integers"], float] = {}
    sampled: str = ""
    """How a line begins whose rest was drawn at random from a trained model."""
    introduces: tuple[str, ...] = ()
    """What it explains first, by full public names: ``torch.nn.Linear``."""
    test_split: bool = False
    """Whether it may look at test data."""

    @property
    def docname(self) -> str:
        """Its address in the site, without language and ending: ``chapter/page``."""
        return f"{self.chapter}/{self.name}"


@dataclass(frozen=True)
class Chapter:
    """A folder of examples, in reading order."""

    name: str
    pages: tuple[Page, ...]


class _Chapter(_Table, frozen=True):
    name: Annotated[str, msgspec.Meta(pattern=f"^{PAGE_NAME.pattern}")]
    pages: dict[str, dict[str, Any]] = {}


class _Curriculum(_Table, frozen=True):
    chapters: tuple[dict[str, Any], ...] = ()
    machine: tuple[str, ...] = ()
    allowed_warnings: dict[str, tuple[str, ...]] = {}


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
    allowed_warnings: dict[str, tuple[str, ...]]
    """By page, or ``*`` for all: warnings that are no error, as ``package.Category: start of the message``."""
    capture_repr: tuple[str, ...]
    """What is shown of the last expression of a gallery's cells, as Sphinx-Gallery's option of this name has it."""
    machine: tuple[str, ...]
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

    def documents(self) -> list[str]:
        """The pages of ``docs/``, by name; what begins with ``_`` or a dot is none."""
        pages = (path.relative_to(self.docs).with_suffix("") for path in self.docs.rglob("*.md"))
        return sorted(page.as_posix() for page in pages if not any(part[0] in "_." for part in page.parts))

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
    def load(cls, root: Path) -> Project:
        """Read the two files and check the curriculum against the folders, both ways.

        Raises
        ------
        SourceErrors
            With the files and lines of all mistakes.
        """
        root = root.resolve()
        docs, gallery = root / "docs", root / GALLERY
        path, curriculum = docs / "languages.toml", gallery / "curriculum.toml"
        errors: list[SourceError] = []
        languages = _read(path, _Languages, errors)
        if languages:
            errors += _check_languages(path, languages)
        of_languages = len(errors)
        listed = _read(curriculum, _Curriculum, errors)
        chapters = _chapters(curriculum, listed, errors) if listed else ()
        if listed and len(errors) == of_languages:
            errors += _check_warnings(curriculum, listed, docs, chapters)
            errors += _check_files(gallery, curriculum, chapters)
        capture_repr = _capture_repr(docs / "conf.py", errors)
        if errors or not languages or not listed:
            raise SourceErrors(errors)
        return cls(
            root=root,
            title=languages.title or root.name,
            docs=docs,
            gallery=gallery,
            locale=docs / "locale",
            languages=languages.languages,
            letters=re.compile(languages.letters),
            anchors=languages.anchors,
            chapters=chapters,
            allowed_warnings=listed.allowed_warnings,
            capture_repr=capture_repr,
            machine=listed.machine,
        )


def _lines_of(path: Path, pattern: str) -> list[int]:
    """The lines that begin with `pattern`; TOML's values come without their places."""
    lines = enumerate(read_text(path).split("\n"), 1)
    return [number for number, line in lines if re.match(pattern, line)] or [1]


def _converted(path: Path, values: Any, kind: type[Read], start: int = 1, what: str = "") -> Read:
    """`values`, which stand in `path` from the line `start` on, as `kind`; a mistake begins with `what`."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        keys, places = re.findall(r"(\w+)(?:\[\.{3}\])?`", str(error)), re.findall(r"\[(\d+)\]", str(error))
        found = [line for line in _lines_of(path, rf"\W*{keys[-1]}\b") if line >= start]
        line = dict(enumerate(found)).get(int(places[-1]) if places else 0, start)
        raise SourceError(path, line, f"{what}{error}") from None


def _read(path: Path, kind: type[Read], errors: list[SourceError]) -> Read | None:
    """A file of TOML as `kind`; a mistake goes to `errors`."""
    with gathered(errors):
        return _converted(path, read_toml(path), kind)
    return None


def _check_languages(path: Path, values: _Languages) -> Iterator[SourceError]:
    """What types don't say of ``languages.toml``."""
    folders = [language.folder for language in values.languages]
    for number, folder in enumerate(folders):
        if folder in folders[:number]:
            yield SourceError(path, _lines_of(path, "folder")[number], "a folder is used once")
    if values.anchors not in folders:
        yield SourceError(path, _lines_of(path, "anchors")[0], f"no language {values.anchors!r}")
    try:
        re.compile(values.letters)
    except re.error as error:
        yield SourceError(path, _lines_of(path, "letters")[0], f"not a pattern: {error}")


def _check_warnings(
    path: Path, listed: _Curriculum, docs: Path, chapters: tuple[Chapter, ...]
) -> Iterator[SourceError]:
    """The table ``allowed_warnings`` of ``curriculum.toml``: of examples, and of pages in `docs`."""
    scripts = {page.docname for chapter in chapters for page in chapter.pages}
    for page, texts in listed.allowed_warnings.items():
        line = _lines_of(path, rf'"?{re.escape(page)}"? *=')[-1]
        if page not in {"*", *scripts} and not (docs / f"{page}.md").is_file():
            yield SourceError(path, line, f"allowed_warnings names an unknown page {page!r}")
        for text in texts:
            name = text.partition(":")[0]
            category = getattr(builtins, name, None)
            if not DOTTED.fullmatch(name) and not (
                isinstance(category, type) and issubclass(category, Warning)
            ):
                fault = f"{text!r} is no warning: write `package.Category: start of the message`"
                yield SourceError(path, line, fault)


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


def _chapters(path: Path, listed: _Curriculum, errors: list[SourceError]) -> tuple[Chapter, ...]:
    """The chapters and pages of ``curriculum.toml``."""
    chapters: list[Chapter] = []
    seen: set[str] = set()
    starts = _lines_of(path, r"\[\[chapters\]\]")
    for start, values in zip(chain(starts, repeat(1)), listed.chapters, strict=False):
        with gathered(errors):
            chapter = _converted(path, values, _Chapter, start, "a chapter: ")
            if any(chapter.name == other.name for other in chapters):
                raise SourceError(path, start, f"chapter {chapter.name!r} stands twice")
            pages = []
            for name, page in chapter.pages.items():
                line = _lines_of(path, re.escape(f"[chapters.pages.{name}]"))[-1]
                with gathered(errors):
                    if not PAGE_NAME.match(name):
                        raise SourceError(
                            path, line, f"{name!r}: a page's name is lower-case ASCII, digits and _"
                        )
                    if name in seen:
                        raise SourceError(
                            path, line, f"page {name!r} stands twice; names are unique in the site"
                        )
                    seen.add(name)
                    own = {"chapter": chapter.name, "name": name}
                    pages.append(_converted(path, own | page, Page, line, f"page {name!r}: "))
            chapters.append(Chapter(chapter.name, tuple(pages)))
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
            line = _lines_of(curriculum, rf"\[chapters\.pages\.{page.name}\]")[0]
            if not (gallery / f"{page.docname}.py").is_file():
                yield SourceError(curriculum, line, f"page {page.docname!r} has no file {page.docname}.py")
            for name in page.data:
                folder, file = gallery / chapter.name, gallery / chapter.name / name
                if not file.is_file() or not file.resolve().is_relative_to(folder):
                    yield SourceError(curriculum, line, f"{page.docname!r} has no data file {name} beside it")
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
