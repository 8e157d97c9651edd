"""The directive ``package-api``: the public names of a helper package, read from its source without importing it.

Its docstrings are in numpydoc's form and in one language, whichever the page's is.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Parser
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.util.docutils import SphinxDirective

from ..markup.python_names import imported_names
from .state import site

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
PAGE = re.compile(r"``(\w+/\w+)``")
LITERAL = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_])")
NOT_SHOWN = {"__init__", "__repr__"}


class _FullNames(ast.NodeTransformer):
    """Writes what a module imports with full names, and aliases of types as what they stand for."""

    def __init__(self, module: ast.Module) -> None:
        self.known: dict[str, ast.expr] = {
            name: ast.parse(full, mode="eval").body
            for name, full in imported_names(module).items()
            if name != full
        }

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        self.generic_visit(node)
        if node.value is not None and ast.unparse(node.annotation).endswith("TypeAlias"):
            self.known[ast.unparse(node.target)] = node.value
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)


def _code(match: re.Match[str]) -> str:
    is_linked = match[1].startswith("torch.")
    return f":py:obj:`{match[1]}`" if is_linked else f"``{match[1]}``"


def _docstring(node: Definition | ast.Module, what: Any) -> str:
    text = LITERAL.sub(_code, ast.get_docstring(node) or "")
    config: Any = Config(napoleon_use_rtype=False)
    return str(NumpyDocstring(text, config, what=what))


def _signature(node: Definition) -> str:
    """Name and parameters; those of a class are its ``__init__``'s."""
    function, result = node, ""
    if isinstance(node, ast.ClassDef):
        found = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not found:
            return node.name
        function = found[0]
    elif node.returns:
        result = f" -> {ast.unparse(node.returns)}"
    assert not isinstance(function, ast.ClassDef)
    parameters = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(function.args))
    return f"{node.name}({parameters}){result}"


def _definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """What is public and has a docstring, in the order of ``__all__`` where there is one."""
    found = {node.name: node for node in body if isinstance(node, Definition)}
    listed: Iterable[str] = found
    for statement in body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            listed = ast.literal_eval(statement.value)
    for name in listed:
        node = found.get(name)
        is_special = name.startswith("__") and name.endswith("__") and name not in NOT_SHOWN
        if node is not None and (is_special or not name.startswith("_")) and ast.get_docstring(node):
            yield node


def _object(node: Definition, *, inside: bool = False) -> str:
    kind = "class" if isinstance(node, ast.ClassDef) else "method" if inside else "function"
    parts = [_docstring(node, kind)]
    if isinstance(node, ast.ClassDef):
        bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
        linked = ", ".join(f":py:class:`{base}`" for base in bases)
        parts[:0] = [f"Base: {linked}\n"] if linked else []
        parts += [_object(item, inside=True) for item in _definitions(node.body)]
    return f".. py:{kind}:: {_signature(node)}\n\n" + indent("\n".join(parts), "   ") + "\n"


def package_rst(folder: Path) -> str:
    """The documentation of the package in `folder` as reStructuredText."""
    parts = []
    for path in sorted(folder.rglob("*.py")):
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        name = ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
        module = ast.parse(path.read_text(encoding="utf-8"))
        _FullNames(module).visit(module)
        heading = f".. rubric:: {name}\n\n" if "." in name else ""  # the page's title names the package
        parts.append(f".. py:module:: {name}\n\n{heading}{_docstring(module, 'module')}\n")
        parts += [_object(node) for node in _definitions(module.body)]
    return "\n".join(parts)


class PackageApi(SphinxDirective):
    """The reference of one of the packages in ``sitekit_helper_packages``; its argument is the package's name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A container with the package's modules, classes and functions."""
        root = site(self.env.app).project.root
        folders = [root / place for place in self.config.sitekit_helper_packages]
        folder = next((path for path in folders if path.name == self.arguments[0]), None)
        if folder is None:
            raise self.error(f"sitekit_helper_packages has no package {self.arguments[0]!r}")
        for path in sorted(folder.rglob("*.py")):
            self.env.note_dependency(path)
        # Docutils makes the attribute lang of such a class.
        block = nodes.container(classes=["package-api", "language-en"])
        block += self.parsed(package_rst(folder))
        return [block]

    def parsed(self, text: str) -> list[nodes.Node]:
        """Nodes of reStructuredText, whatever the page's own markup is."""
        here = self.state.document
        document = nodes.document(here.settings, here.reporter, source=here["source"])
        document.note_source(here["source"], self.lineno)
        # What names a page becomes a link to it.
        known = self.env.found_docs
        text = PAGE.sub(lambda name: f":doc:`/{name[1]}`" if name[1] in known else name[0], text)
        Parser().parse(text, document)
        for dash in [node for node in document.findall(nodes.Text) if node == " -- "]:
            dash.parent.replace(dash, nodes.Text(" – "))
        return list(document.children)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_directive("package-api", PackageApi)
