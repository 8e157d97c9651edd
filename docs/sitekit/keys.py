"""What decides whether a recorded run can stand for a new one.

A key has two parts. The *code part* is everything in the sources that a run depends on: the syntax tree
of each code cell without comments, docstrings, positions and empty fields, the ``# sphinx_gallery_*``
comments, the local modules that the cells import (transitively), and the data files that the curriculum
names. The *environment part* is where it ran: versions, device, settings of the worker. So prose,
comments and translations change nothing, and a changed helper changes exactly its users' keys.

This module needs the standard library only, and its digests are equal on every Python from 3.11 on.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import re
import tomllib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = [
    "CodeCell",
    "Key",
    "canonical",
    "code_part",
    "digest",
    "environment_part",
    "has_code",
    "local_files",
    "markdown_cells",
    "script_cells",
]

PACKAGES = ("torch", "numpy", "matplotlib", "sphinx-gallery")
NOTEBOOK_PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel", "nbclient")
# The same pattern as Sphinx-Gallery's, so that cells here are its code blocks (a test compares them).
TEXT_BLOCK = re.compile(
    r"(?P<header>^#{20,}.*|^# ?%%.*)\s(?P<text>(?:^#.*\s?)*)", re.MULTILINE
)  # fmt: skip
CONFIG = re.compile(r"^[ \t]*#\s*(sphinx_gallery_[A-Za-z0-9_]+(?:\s*=\s*.+)?)[ \t]*$", re.MULTILINE)
FENCE = re.compile(r"(?P<fence>`{3,}|~{3,}|:{3,})\{code-cell\}")
OPTION = re.compile(r":[\w-]+:")
SCRIPT_METADATA = re.compile(r"(?m)^# /// script\s*$\n(?P<body>(?:^#.*$\n)*?)^# ///\s*$")
READS_ITSELF = {"__doc__", "help", "inspect", "getsource", "getdoc", "linecache"}
"""Names by which a cell can print its own comments or docstrings; its text then belongs to the key."""


@dataclass(frozen=True)
class CodeCell:
    """A code cell of an example."""

    line: int
    """Where its code starts, 1-based."""
    code: str
    options: tuple[str, ...] = ()
    """Of a Markdown page: the lines ``:name: value`` at its top."""


@dataclass(frozen=True)
class Key:
    """Names one run: what ran and where."""

    code: str
    environment: str

    @property
    def name(self) -> str:
        """A name for files."""
        return f"{self.code[:24]}-{self.environment[:16]}"


def digest(value: Any) -> str:
    """SHA-256 of bytes, or of a JSON value."""
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return hashlib.sha256(value).hexdigest()


# -- cells


def _parse(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def has_code(code: str) -> bool:
    """Whether a cell holds a statement; one with only comments is no cell of a record."""
    tree = _parse(code)
    return tree is None or bool(tree.body)


def script_cells(text: str) -> list[CodeCell]:
    """The code cells of an example script, as Sphinx-Gallery cuts them, without those that only comment."""
    tree = _parse(text)
    line = (tree.body[0].end_lineno or 0) if tree and _has_docstring(tree) else 0
    rest = "\n".join(text.split("\n")[line:])
    cells, at = [], 0
    line += 1
    for match in [*TEXT_BLOCK.finditer(rest), None]:
        code = rest[at : match.start() if match else len(rest)]
        if code.strip() and has_code(code):
            cells.append(CodeCell(line, code))
        if match:
            line += code.count("\n") + 1 + match["text"].count("\n")
            at = match.end()
    return cells


def markdown_cells(text: str) -> list[CodeCell]:
    """The code cells of a MyST-NB page."""
    cells = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        at += 1
        if not opening:
            continue
        closing = re.compile(rf"{re.escape(opening['fence'][0])}{{{len(opening['fence'])},}}\s*$")
        start = at
        while at < len(lines) and not closing.match(lines[at]):
            at += 1
        first = start
        while first < at and OPTION.match(lines[first]):
            first += 1
        while first < at and not lines[first].strip():
            first += 1
        options = tuple(line.strip() for line in lines[start:first] if line.strip())
        cells.append(CodeCell(first + 1, "\n".join(lines[first:at]), options))
    return cells


# -- the syntax tree, the same on every Python


def _has_docstring(node: ast.AST | None) -> bool:
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and bool(node.body)
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    )


def _constant(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int {value:x}"  # hexadecimal has no limit on its length
    return f"{type(value).__name__} {value!a}"


def _joined(parts: Sequence[ast.expr]) -> list[Any]:
    """The parts of an f-string, neighbouring texts made one: Python 3.12 cuts them differently."""
    out: list[Any] = []
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if out and isinstance(out[-1], str):
                out[-1] += part.value
            elif part.value:
                out.append(part.value)
        else:
            out.append(part)
    return out


def _tokens(tree: ast.AST, *, docstrings: bool) -> Iterator[str]:
    """Write `tree` out without recursion, so that depth is no matter."""
    stack: list[Any] = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple):  # already text
            yield item[0]
        elif item is None:
            yield "null"
        elif isinstance(item, list):
            stack += [("]",), *reversed(item), ("[",)]
        elif isinstance(item, ast.Constant):
            yield f"={_constant(item.value)}"
        elif isinstance(item, ast.AST):
            yield f"({type(item).__name__}"
            fields: list[Any] = []
            for name in item._fields:
                value: Any = getattr(item, name, None)
                if name in {"ctx", "kind", "type_comment", "type_ignores"}:
                    continue
                if name == "body" and not docstrings:
                    value = value[1:] if _has_docstring(item) else value
                elif name == "values" and isinstance(item, ast.JoinedStr):
                    value = _joined(value)
                elif name == "format_spec" and isinstance(value, ast.JoinedStr):
                    value = value if _joined(value.values) else None
                if value is None or value == [] or (name == "is_lazy" and not value):  # new in Python 3.15
                    continue
                fields += [(f"{name}:",), value]
            stack += [(")",), *reversed(fields)]
        else:
            yield f"={_constant(item)}"


def canonical(code: str) -> str:
    """A digest of what `code` does: equal for code that differs in comments, docstrings or layout.

    Code that Python can't read (a notebook's magics), or that can read its own text, stands for itself.
    """
    tree = _parse(code)
    if tree is None:
        return digest(code.strip().encode())
    itself = any(
        getattr(node, field, None) in READS_ITSELF
        for node in ast.walk(tree)
        for field in ("id", "attr", "name", "module")
        if isinstance(getattr(node, field, None), str)
    )
    text = "\n".join(_tokens(tree, docstrings=itself))
    if itself:
        text += "\n" + code.strip()
    return digest(text.encode())


# -- local modules


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module name that `tree`, standing in `package`, may import."""

    def absolute(name: str, level: int) -> str:
        if not level:
            return name
        parts = package.split(".")
        return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.module or "", node.level)
            yield from _prefixes(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            literal = node.args[0].value
            if name in {"import_module", "__import__"} and isinstance(literal, str):
                dots = len(literal) - len(literal.lstrip("."))
                yield from _prefixes(absolute(literal[dots:], dots))


def _find(name: str, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """The file of module `name` and the folder it was found from."""
    for folder in folders:
        place = folder.joinpath(*name.split("."))
        for file in (place / "__init__.py", place.with_name(place.name + ".py")):
            if file.is_file():
                return file, folder
    return None


def _package_files(init: Path) -> Iterator[Path]:
    """What a package carries beside its modules."""
    for path in sorted(init.parent.rglob("*")):
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts:
            yield path


def local_files(codes: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """The files under `folders` that cells depend on by import, by their place below their folder."""
    files: dict[str, Path] = {}
    seen: set[str] = set()
    queue = deque((tree, "") for tree in map(_parse, codes) if tree)
    while queue:
        tree, package = queue.popleft()
        for name in _imported(tree, package):
            if name in seen or not name or not all(part.isidentifier() for part in name.split(".")):
                continue
            seen.add(name)
            found = _find(name, folders)
            if not found:
                continue
            file, folder = found
            is_package = file.name == "__init__.py"
            for path in [file, *(_package_files(file) if is_package else ())]:
                files[path.relative_to(folder).as_posix()] = path
            if module := _parse(file.read_text(encoding="utf-8")):
                queue.append((module, name if is_package else name.rpartition(".")[0]))
    return dict(sorted(files.items()))


@cache
def _file_digest(path: Path, modified: int, size: int) -> str:
    content = path.read_bytes()
    return canonical(content.decode()) if path.suffix == ".py" else digest(content)


def _digest_of(path: Path) -> str:
    status = path.stat()
    return _file_digest(path, status.st_mtime_ns, status.st_size)


# -- the two parts


def code_part(
    cells: Sequence[CodeCell],
    *,
    text: str = "",
    folders: Sequence[Path] = (),
    data: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """The code part of a key.

    Parameters
    ----------
    cells
        The code cells, in order.
    text
        The whole example, for its ``# sphinx_gallery_*`` comments.
    folders
        Where local modules are looked for.
    data
        The data files that the example reads, by the name it reads them by.
    """
    codes = [cell.code for cell in cells]
    options = [list(cell.options) for cell in cells]
    if not any(options):
        options = []
    placed = []
    for match in CONFIG.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        before = sum(cell.line <= line for cell in cells)
        placed.append([before, re.sub(r"\s*=\s*", " = ", match[1].strip(), count=1)])
    return {
        "cells": [canonical(code) for code in codes],
        "config": [*options, *placed],
        "modules": {name: _digest_of(path) for name, path in local_files(codes, folders).items()},
        "data": {name: digest(path.read_bytes()) for name, path in sorted((data or {}).items())},
    }


@cache
def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def declared_packages(text: str) -> list[str]:
    """The distributions that a script's PEP 723 header names."""
    match = SCRIPT_METADATA.search(text)
    if not match:
        return []
    body = "\n".join(line[2:] for line in match["body"].splitlines())
    try:
        wanted = tomllib.loads(body).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return []
    names = (re.match(r"[A-Za-z0-9][\w.-]*", item.strip()) for item in wanted if isinstance(item, str))
    return sorted({re.sub(r"[-_.]+", "-", match[0]).lower() for match in names if match})


def environment_part(
    text: str, device: str, settings: Mapping[str, Any], packages: Sequence[str] = PACKAGES
) -> dict[str, Any]:
    """The environment part of a key, as it is here and now, for an example whose source is `text`."""
    names = sorted({*packages, *declared_packages(text)})
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in names},
        "device": device,
        "settings": dict(settings),
    }
