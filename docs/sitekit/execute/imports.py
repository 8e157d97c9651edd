"""Finds the local modules that an example imports, itself or by another of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from itertools import accumulate
from pathlib import Path

from .cells import parse

__all__ = ["local_files"]


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module name that `tree`, standing in `package`, may import; some are of no module."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                base = _absolute("." * level + (module or ""), package)
                yield from (f"{base}.{alias.name}" for alias in names)
            case ast.Call(ast.Attribute(_, name) | ast.Name(name), [ast.Constant(str(literal)), *_]):
                if name in {"import_module", "__import__"}:
                    yield _absolute(literal, package)


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:  # it leads out of the outermost package
        return ""


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
