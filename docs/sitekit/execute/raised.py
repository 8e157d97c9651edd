"""Notes the errors and warnings that an example meets, so that the error index has them as they were raised.

Handlers in the example's code note what they handle, ``warnings`` notes what it shows or keeps for
``record=True``, and a Python that the example starts notes what ends it. All of them add lines of JSON to one
file, for the example's children are other processes.
"""

import ast
import builtins
import codeop
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .capture import plain

MOST = 50
"""Different ones of a cell; more is a loop that handles errors for a living."""
LONGEST = 2000
"""Characters of a message."""
FILE = "raised"
CALL = "_sitekit_note_handled"
"""Under this name the handlers find what to call."""
# A Python that finds this module at its start runs it. `sys.excepthook` is called with whatever ends it.
CHILD = f"""\
import json, sys
def note(kind, error, trace):
    with open({{path!r}}, "a", encoding="utf-8") as file:
        print(json.dumps([kind.__name__, str(error)[:{LONGEST}]]), file=file)
    sys.__excepthook__(kind, error, trace)
sys.excepthook = note
"""


def prepare(root: Path, folder: Path) -> None:
    """Have each Python that finds modules in `folder` note what ends it for the example whose folder is `root`."""
    (root / FILE).touch()
    (folder / "sitecustomize.py").write_text(CHILD.format(path=str(root / FILE)), encoding="utf-8")


class NoteHandled(ast.NodeTransformer):
    """Begins each ``except`` block with a call that notes what it handles."""

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """Put the call in the handler's own line, so that every other keeps its number."""
        self.generic_visit(node)
        call = ast.Expr(ast.Call(ast.Name(CALL, ast.Load()), [], []))
        node.body.insert(0, ast.fix_missing_locations(ast.copy_location(call, node)))
        return node


class Compiler(codeop.Compile):
    """Compiles syntax trees whose handlers note what they handle."""

    def __call__(self, source: Any, *arguments: Any, **more: Any) -> Any:
        """Compile `source`, a tree."""
        return super().__call__(NoteHandled().visit(source), *arguments, **more)


class Raised:
    """What the example whose folder is `root` has met since `take` was called last."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE
        self._seen: set[tuple[str, str]] = set()
        self._told = 0
        setattr(builtins, CALL, lambda: self.note(sys.exception()))
        note = self.note

        class Noted(warnings.WarningMessage):
            """Made of each warning that is shown."""

            def __init__(self, message: Any, category: Any, *rest: Any, **more: Any) -> None:
                super().__init__(message, category, *rest, **more)
                note(message, category)

        # `warnings` makes one of these for each warning that is shown, and has no other place to listen.
        warnings.WarningMessage = Noted  # type: ignore[misc]  # mypy allows no class in place of another

    def note(self, error: object, kind: type | None = None) -> None:
        """Add an error, or a warning of the category `kind`."""
        try:
            message = str(error)
        except Exception:  # the example's own class may be at fault
            message = ""
        told = (kind or type(error)).__name__, message[:LONGEST]
        if told in self._seen or len(self._seen) >= MOST:
            return
        self._seen.add(told)
        with self._path.open("a", encoding="utf-8") as file:
            print(json.dumps(told), file=file)

    def take(self, scrub: Callable[[str], str]) -> list[tuple[str, str]]:
        """Class and message of each, once; `scrub` hides where it ran."""
        lines = self._path.read_text(encoding="utf-8").splitlines()
        new, self._told = lines[self._told :], len(lines)
        self._seen.clear()
        return list(dict.fromkeys((name, scrub(plain(message))) for name, message in map(json.loads, new)))
