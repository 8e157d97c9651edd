"""What names in Python code stand for, as far as its imports tell."""

import ast
from collections.abc import Iterator


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What `tree` imports from elsewhere: each name with the full one that it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _written(node: ast.expr) -> str:
    """A name with its dots, as it is written; nothing of other expressions."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = _written(value)
            return f"{before}.{name}" if before else ""
    return ""


def full_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The names in `tree` that its imports tell, each by its full name and with its line: ``nn.Linear`` is torch's."""
    known = imported_names(tree)
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and node not in inner:
            first, dot, rest = _written(node).partition(".")
            if first in known:
                yield node.lineno, f"{known[first]}{dot}{rest}"
