"""The directive ``package-api``: the public names of a helper package, read from its source without importing it.

Its docstrings are in numpydoc's form and in one language, whichever the page's is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Parser
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.util.docutils import SphinxDirective

from .state import site

__all__ = ["package_rst"]


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
PAGE = re.compile(r"``(\w+/\w+)``")
LITERAL = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_])")
NOT_SHOWN = {"__init__", "__repr__"}


class _FullNames(ast.NodeTransformer):
    """Writes annotations with full names, and aliases of types as what they stand for."""

    def __init__(self, module: ast.Module) -> None:
        self.known: dict[str, ast.expr] = {}
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                self.known |= {name.asname: self.parsed(name.name) for name in node.names if name.asname}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                self.known |= {
                    name.asname or name.name: self.parsed(f"{node.module}.{name.name}") for name in node.names
                }
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
                assert isinstance(node.target, ast.Name)
                assert node.value is not None
                self.known[node.target.id] = node.value

    @staticmethod
    def parsed(text: str) -> ast.expr:
        return ast.parse(text, mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.known.get(node.id)
        if found is None:
            return node
        # What an import stands for is a full name already; what an alias stands for may hold more of them.
        return found if isinstance(found, ast.Attribute) else self.visit(self.parsed(ast.unparse(found)))

    def text(self, node: ast.expr) -> str:
        return ast.unparse(self.visit(self.parsed(ast.unparse(node))))


def _code(match: re.Match[str]) -> str:
    is_linked = match[1].startswith("torch.")
    return f":py:obj:`{match[1]}`" if is_linked else f"``{match[1]}``"


def _docstring(node: Definition | ast.Module, what: Any) -> str:
    text = LITERAL.sub(_code, ast.get_docstring(node) or "")
    config: Any = Config(napoleon_use_rtype=False)
    return str(NumpyDocstring(text, config, what=what))


def _signature(node: Definition, names: _FullNames) -> str:
    """Name and parameters; those of a class are its ``__init__``'s."""
    function = node
    if isinstance(node, ast.ClassDef):
        found = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not found:
            return node.name
        function = found[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    for argument in every:
        if argument.annotation is not None:
            argument.annotation = names.parsed(names.text(argument.annotation))
    text = ast.unparse(arguments)
    text = re.sub(r"^(self|cls)(, |$)", "", text)
    result = f" -> {names.text(function.returns)}" if function.returns and function is node else ""
    return f"{node.name}({text}){result}"


def _definitions(body: list[ast.stmt], public: list[str] | None) -> Iterator[Definition]:
    found = {node.name: node for node in body if isinstance(node, Definition)}
    for name in public if public is not None else found:
        node = found.get(name)
        is_special = name.startswith("__") and name.endswith("__") and name not in NOT_SHOWN
        if node is not None and (is_special or not name.startswith("_")) and ast.get_docstring(node):
            yield node


def _object(node: Definition, names: _FullNames, *, inside: bool = False) -> str:
    kind = "class" if isinstance(node, ast.ClassDef) else "method" if inside else "function"
    parts = [_docstring(node, kind)]
    if isinstance(node, ast.ClassDef):
        bases = [names.text(base) for base in node.bases]
        linked = ", ".join(f":py:class:`{base.partition('[')[0]}`" for base in bases)
        parts[:0] = [f"Base: {linked}\n"] if linked else []
        parts += [_object(item, names, inside=True) for item in _definitions(node.body, None)]
    return f".. py:{kind}:: {_signature(node, names)}\n\n" + indent("\n".join(parts), "   ") + "\n"


def _public(module: ast.Module) -> list[str] | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def package_rst(folder: Path) -> str:
    """The documentation of the package in `folder` as reStructuredText."""
    parts = []
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder.parent).with_suffix("").parts
        if path.name.startswith("_") and path.name != "__init__.py":
            continue
        name = ".".join(inner).removesuffix(".__init__")
        module = ast.parse(path.read_text(encoding="utf-8"))
        names = _FullNames(module)
        heading = f".. rubric:: {name}\n\n" if "." in name else ""  # the page's title names the package
        parts.append(f".. py:module:: {name}\n\n{heading}{_docstring(module, 'module')}\n")
        parts += [_object(node, names) for node in _definitions(module.body, _public(module))]
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
