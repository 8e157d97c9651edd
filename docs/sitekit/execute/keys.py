"""What decides whether a recorded run can stand for a new one.

A key has two parts. The *code part* is everything in the sources that a run depends on: the syntax tree
of each code cell without comments, docstrings, positions and empty fields, the ``# sphinx_gallery_*``
comments, the local modules that the cells import (transitively), and the data files that the curriculum
names. The *environment part* is where it ran: versions, device, settings of the worker. So prose,
comments and translations change nothing, and a changed helper changes exactly its users' keys.

This module needs the standard library only, and its digests are equal on every Python from 3.11 on.
"""

import ast
import platform
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import resolve_name
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..project.files import digest
from .cells import CodeCell, has_docstring, parse

PACKAGES = ("torch", "numpy", "matplotlib", "sphinx-gallery")
NOTEBOOK_PACKAGES = ("torch", "numpy", "matplotlib", "ipython")
CONFIG = re.compile(r"^[ \t]*#\s*(sphinx_gallery_[A-Za-z0-9_]+(?:\s*=\s*.+)?)[ \t]*$", re.MULTILINE)
SCRIPT_METADATA = re.compile(r"(?m)^# /// script\s*$\n(?P<body>(?:^#.*$\n)*?)^# ///\s*$")
DO_NOTHING = {"ctx", "is_lazy", "kind", "type_comment", "type_ignores"}
"""Fields of the syntax tree, not all of them on every Python."""
READS_ITSELF = {"__doc__", "help", "inspect", "getsource", "getdoc", "linecache"}
"""Names by which a cell can print its own comments or docstrings; its text then belongs to the key."""


@dataclass(frozen=True)
class Key:
    """Names one run: what ran and where."""

    code: str
    environment: str

    @property
    def name(self) -> str:
        """A name for files."""
        return f"{self.code[:24]}-{self.environment[:16]}"


def _constant(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int {value:x}"  # hexadecimal has no limit on its length
    return f"{type(value).__name__} {value!a}"


def _joined(parts: Sequence[Any]) -> list[Any]:
    """The parts of an f-string, neighbouring texts made one: Python 3.12 cuts them differently."""
    out: list[Any] = []
    for part in parts:
        if not isinstance(part, ast.Constant):
            out.append(part)
        elif out and isinstance(out[-1], str):
            out[-1] += str(part.value)
        elif part.value:
            out.append(part.value)
    return out


def _fields(node: ast.AST, *, docstrings: bool) -> Iterator[Any]:
    """The names and values of what a node holds, without what is empty or does nothing."""
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if name == "body" and not docstrings and has_docstring(node):
            value = value[1:]
        elif name == "values" and isinstance(node, ast.JoinedStr):
            value = _joined(value)
        elif name == "format_spec" and isinstance(value, ast.JoinedStr) and not _joined(value.values):
            value = None
        if name not in DO_NOTHING and value not in (None, []):
            yield from ((f"{name}:",), value)


def _tokens(tree: ast.AST, *, docstrings: bool) -> Iterator[str]:
    """Write `tree` out without recursion, so that depth is no matter."""
    stack: list[Any] = [tree]
    while stack:
        match item := stack.pop():
            case tuple():  # already text
                yield item[0]
            case None:
                yield "null"
            case list():
                stack += [("]",), *reversed(item), ("[",)]
            case ast.Constant(value):
                yield f"={_constant(value)}"
            case ast.AST():
                yield f"({type(item).__name__}"
                stack += reversed([*_fields(item, docstrings=docstrings), (")",)])
            case _:
                yield f"={_constant(item)}"


@cache
def canonical(code: str | bytes) -> str:
    """A digest of what `code` does: equal for code that differs in comments, docstrings or layout.

    Code that Python can't read (a notebook's magics), or that can read its own text, stands for itself.
    """
    tree = parse(code)
    text = code.encode() if isinstance(code, str) else code
    if tree is None:
        return digest(text.strip())
    itself = READS_ITSELF.intersection(
        getattr(node, field, None) for node in ast.walk(tree) for field in ("id", "attr", "name", "module")
    )
    tokens = "\n".join(_tokens(tree, docstrings=bool(itself))).encode()
    return digest(tokens + b"\n" + text.strip() if itself else tokens)


def _file_digest(path: Path) -> str:
    content = path.read_bytes()
    return canonical(content) if path.suffix == ".py" else digest(content)


# -- local modules


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module name that `tree`, standing in `package`, may import; some are of no module."""
    for node in ast.walk(tree):
        with suppress(ImportError):  # it leads out of the outermost package
            match node:
                case ast.Import(names):
                    yield from (alias.name for alias in names)
                case ast.ImportFrom(module, names, level):
                    base = resolve_name("." * level + (module or ""), package)
                    yield from (f"{base}.{alias.name}" for alias in names)
                case ast.Call(ast.Attribute(_, name) | ast.Name(name), [ast.Constant(str(literal)), *_]):
                    if name in {"import_module", "__import__"}:
                        yield resolve_name(literal, package)


def _files(name: str, folder: Path) -> list[Path]:
    """The file of module `name` below `folder`; of a package also what it carries beside its modules."""
    place = folder.joinpath(*name.split("."))
    init, file = place / "__init__.py", place.with_suffix(".py")
    if init.is_file():
        others = (path for path in place.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})
        return [init, *(path for path in others if "__pycache__" not in path.parts)]
    return [file] if file.is_file() else []


def local_files(codes: Iterable[str], folder: Path) -> dict[str, Path]:
    """The files under `folder` that cells depend on by import, by their place there."""
    files: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [(tree, "") for tree in map(parse, codes) if tree]
    while waiting:
        tree, package = waiting.pop()
        names = {
            name
            for imported in _imported(tree, package)
            for name in accumulate(imported.split("."), "{}.{}".format)
            if all(map(str.isidentifier, name.split(".")))
        }
        for name in names - seen:
            for path in (found := _files(name, folder)):
                files[path.relative_to(folder).as_posix()] = path
            if found and (module := parse(found[0].read_bytes())):
                is_package = found[0].name == "__init__.py"
                waiting.append((module, name if is_package else name.rpartition(".")[0]))
        seen |= names
    return dict(sorted(files.items()))


# -- the two parts


def code_part(cells: Sequence[CodeCell], text: str, folder: Path, data: Mapping[str, Path]) -> dict[str, Any]:
    """The code part of a key: of an example with `text`, `cells` and, by the names it reads them by, `data` files."""
    codes = [cell.code for cell in cells]
    options = [list(cell.options) for cell in cells]
    placed = []
    for match in CONFIG.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        before = sum(cell.line <= line for cell in cells)
        placed.append([before, re.sub(r"\s*=\s*", " = ", match[1].strip(), count=1)])
    return {
        "cells": [canonical(code) for code in codes],
        "config": [*(options if any(options) else []), *placed],
        "modules": {name: _file_digest(path) for name, path in local_files(codes, folder).items()},
        "data": {name: digest(path.read_bytes()) for name, path in sorted(data.items())},
    }


@cache
def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def declared_packages(text: str) -> set[str]:
    """The distributions that a script's PEP 723 header names."""
    match = SCRIPT_METADATA.search(text)
    body = "\n".join(line[2:] for line in match["body"].splitlines()) if match else ""
    try:
        wanted = tomllib.loads(body).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        wanted = []
    names = re.findall(r"^\s*([A-Za-z0-9][\w.-]*)", "\n".join(map(str, wanted)), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def environment_part(
    text: str, device: str, settings: Mapping[str, Any], packages: Iterable[str]
) -> dict[str, Any]:
    """The environment part of a key, as it is here and now, for an example whose source is `text`."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in sorted({*packages, *declared_packages(text)})},
        "device": device,
        "settings": dict(settings),
    }
