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
import platform
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..project.files import digest
from .cells import CodeCell, has_docstring, parse
from .imports import local_files

__all__ = ["Key", "canonical", "code_part", "environment_part"]


PACKAGES = ("torch", "numpy", "matplotlib", "sphinx-gallery")
NOTEBOOK_PACKAGES = ("torch", "numpy", "matplotlib", "ipython")
CONFIG = re.compile(r"^[ \t]*#\s*(sphinx_gallery_[A-Za-z0-9_]+(?:\s*=\s*.+)?)[ \t]*$", re.MULTILINE)
SCRIPT_METADATA = re.compile(r"(?m)^# /// script\s*$\n(?P<body>(?:^#.*$\n)*?)^# ///\s*$")
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
                    value = value[1:] if has_docstring(item) else value
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


def canonical(code: str | bytes) -> str:
    """A digest of what `code` does: equal for code that differs in comments, docstrings or layout.

    Code that Python can't read (a notebook's magics), or that can read its own text, stands for itself.
    """
    tree = parse(code)
    text = code.encode() if isinstance(code, str) else code
    if tree is None:
        return digest(text.strip())
    itself = any(
        getattr(node, field, None) in READS_ITSELF
        for node in ast.walk(tree)
        for field in ("id", "attr", "name", "module")
        if isinstance(getattr(node, field, None), str)
    )
    tokens = "\n".join(_tokens(tree, docstrings=itself)).encode()
    return digest(tokens + b"\n" + text.strip() if itself else tokens)


@cache
def _file_digest(path: Path, modified: int, size: int) -> str:
    content = path.read_bytes()
    return canonical(content) if path.suffix == ".py" else digest(content)


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
