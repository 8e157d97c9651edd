"""Finds the local modules that an example imports, itself or by another of them."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .cells import parse

__all__ = ["local_files"]


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
    queue = deque((tree, "") for tree in map(parse, codes) if tree)
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
            if module := parse(file.read_bytes()):
                queue.append((module, name if is_package else name.rpartition(".")[0]))
    return dict(sorted(files.items()))
