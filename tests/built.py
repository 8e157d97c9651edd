"""The built site as tests see it: which pages there must be, and what stands on each."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from sitekit.project.layout import Project

ROOT = Path(__file__).resolve().parent.parent
PROJECT = Project.load(ROOT)
SITE = PROJECT.build / "html"
LANGUAGES = [language.folder for language in PROJECT.languages]
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")

CODE = re.compile(r"<pre>.*?</pre>", re.DOTALL)
COLOURED = re.compile(r'<span class="\w+">([^<]*)</span>')
"""A token; half of a page's elements are such, and tests of what a page says take three times as long with them."""

EXAMPLES = [page.docname for page in PROJECT.pages()]
NOTEBOOKS = [path.relative_to(PROJECT.docs).with_suffix("").as_posix() for path in PROJECT.docs.rglob("*.md")]
CHAPTERS = [f"{chapter.name}/index" for chapter in PROJECT.chapters]
WRITTEN = sorted([*EXAMPLES, *NOTEBOOKS, *CHAPTERS])
"""Every page that has an author, without language and ending."""
MADE = ["genindex", "search"]
"""Pages that Sphinx makes by itself."""


parsed_once = pytest.mark.xdist_group("pages")
"""Tests of many pages run in one worker, which parses each page once."""
Test = Callable[..., None]


def for_every(names: str, values: Iterable[object]) -> Callable[[Test], Test]:
    """Like ``pytest.mark.parametrize``, but as one test, which goes on after a failure and names all that fail."""
    listed = list(values)
    assert listed, f"no {names} to check"
    parts = names.split(", ")

    def swept(test: Test) -> Test:
        @functools.wraps(test)
        def sweep(**fixtures: object) -> None:
            failures = []
            for value in listed:
                given = value if isinstance(value, tuple) else (value,)
                try:
                    test(**dict(zip(parts, given, strict=True)), **fixtures)
                except Exception as failure:
                    failure.add_note(f"{names}: {value}")
                    failures.append((value, failure))
            if failures:
                failed = ", ".join(str(value) for value, _ in failures)
                raise ExceptionGroup(
                    f"{failed}: {len(failures)} of {len(listed)}", [each for _, each in failures]
                )

        signature = inspect.signature(test)
        kept = [each for name, each in signature.parameters.items() if name not in parts]
        sweep.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return parsed_once(sweep)

    return swept


@functools.cache
def parse(path: Path) -> BeautifulSoup:
    """One file of HTML, parsed once for all tests, but for the colours of code; read it, don't change it."""
    text = CODE.sub(lambda block: COLOURED.sub(r"\1", block[0]), path.read_text(encoding="utf-8"))
    return BeautifulSoup(text, "html.parser")


def html(language: str, docname: str) -> BeautifulSoup:
    """One page."""
    return parse(SITE / language / f"{docname}.html")


@functools.cache
def article(language: str, docname: str) -> Tag:
    """What its author wrote in the page's language, without the furniture around; read it, don't change it."""
    found = html(language, docname).find("article")
    assert isinstance(found, Tag)
    found = copy.copy(found)  # others see the page whole
    for other in found.find_all(lang=True):  # a selector would take ten times as long
        if other.name == "p" or other.find_parent(class_="choices"):
            other.decompose()
    return found


def text(tag: Tag | None) -> str:
    """What a reader sees of `tag`, which must be there, with every run of white space as one space."""
    assert tag is not None
    return " ".join(tag.get_text().split())


def outputs(language: str, docname: str) -> list[str]:
    """What each code cell printed, in order."""
    blocks = article(language, docname).select(".sphx-glr-script-out pre, .cell_output pre")
    return [block.get_text() for block in blocks]


def code_cells(language: str, docname: str) -> list[str]:
    """The Python code that the page shows, cell by cell."""
    blocks = article(language, docname).select('[class*="highlight-python"i], [class*="highlight-ipython"i]')
    return [pre.get_text() for block in blocks for pre in block.select(":scope > .highlight > pre")]


def figures(language: str, docname: str) -> list[Tag]:
    """The images that its code drew."""
    return article(language, docname).select("img.figure.only-light")


def file_behind(language: str, docname: str, address: str) -> Path:
    """The file that a relative link on a page leads to."""
    return (SITE / language / docname).parent.joinpath(address.partition("#")[0]).resolve()


def downloads(language: str, docname: str) -> dict[str, Path]:
    """The files that a page offers under its title, by their ending."""
    links = article(language, docname).select(".page-facts a.download")
    files = [file_behind(language, docname, str(link["href"])) for link in links]
    return {file.suffix: file for file in files}


def paragraphs(language: str, docname: str) -> Iterator[str]:
    """The prose of a page, paragraph by paragraph."""
    for paragraph in article(language, docname).select("p"):
        yield text(paragraph)


def without_words(code: str) -> list[str]:
    """The tokens of Python code, but for what only people read: comments and docstrings."""
    code, spoken = code.rstrip() + "\n", set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node):
            spoken.add((node.body[0].lineno, node.body[0].col_offset))
    return [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type not in (tokenize.COMMENT, tokenize.NL) and token.start not in spoken
    ]
