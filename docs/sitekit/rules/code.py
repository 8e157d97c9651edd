"""What a page's code may use: names with one spelling, APIs that were introduced before, data that it may look at.

And how a cell may end: with nothing that only a notebook shows.
"""

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping

from ..markup.python_names import full_names
from ..project.errors import SourceError
from ..project.files import read_toml
from ..project.layout import Page, Project
from .drift import WORDS
from .pages import Executed

RELIED_ON = re.compile(
    r"torch\.(nn\.(?!functional$|init$|utils$)\w+|nn\.(functional|init|utils)\.\w+|optim\.\w+|optim\.lr_scheduler\.\w+"
    r"|utils\.data\.\w+|autograd\.(?!graph$)[\w.]+|no_grad|inference_mode|save|load|compile)"
)
"""Names that a page or one that it needs introduces: module classes, losses, optimizers, schedulers, samplers …"""
GROUPS = {
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
}
"""Modules, which are no API themselves."""
METHOD = re.compile(r"\.[A-Z]\w*\.\w+$")
"""Ends the full name of a method."""
ITSELF = re.compile(r"(\w*[a-z]_|train|eval|to|cpu|cuda|half|float|double|bfloat16|fit)")
"""Methods that change a module, a tensor or an estimator and return it."""
TEST_DATA = re.compile(r"test(_\w+)?|\w+_test")


def _before(project: Project, page: str) -> set[str]:
    """The pages that a reader of `page` has read, itself included; exercises come after their chapter."""
    pages, chapter = {item.docname: item for item in project.pages()}, page.rpartition("/")[2]
    waiting = [name for name, item in pages.items() if name == page or item.chapter == chapter]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += pages[name].prerequisites
    return found


def _methods(names: Mapping[str, str]) -> dict[str, str]:
    """Of the introduced `names`, those of methods, by the last part, by which code calls them."""
    return {name.rpartition(".")[2]: name for name in names if METHOD.search(name)}


def _uses(page: Executed, methods: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """The names that its code relies on, each with the line of its first use."""
    seen: set[str] = set()
    for line, name in full_names(page.tree):
        if RELIED_ON.fullmatch(name) and name not in GROUPS and name not in seen:
            seen.add(name)
            yield line, name
    for node in ast.walk(page.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = methods.get(node.func.attr, "")
            if name and name not in seen:
                seen.add(name)
                yield node.lineno, name


def _order(project: Project, page: Executed) -> Iterator[SourceError]:
    pages: dict[str, Page] = {item.docname: item for item in project.pages()}
    by_name = {name: item.docname for item in reversed(list(pages.values())) for name in item.introduces}
    known = _before(project, page.page)
    if not known:
        return  # a page beside the course, such as a check of one's own set-up
    introduced = {name for item in known for name in pages[item].introduces}
    own_attributes = {node.name for node in ast.walk(page.tree) if isinstance(node, ast.FunctionDef)}
    for line, name in _uses(page, _methods(by_name)):
        same = {other for other in by_name if other.rpartition(".")[2] == name.rpartition(".")[2]}
        is_method = bool(METHOD.search(name))
        if name in introduced or (
            is_method and (same & introduced or name.rpartition(".")[2] in own_attributes)
        ):
            continue
        if name in by_name:
            fault = f"{name} is used here and introduced in {by_name[name]}: make that a prerequisite"
        else:
            fault = f"{name} is used here and introduced nowhere: explain it, and list it under `introduces`"
        yield page.error(line, fault)


def _names(project: Project, page: Executed) -> Iterator[SourceError]:
    """Names that have another spelling here."""
    path = project.docs / WORDS
    avoided = read_toml(path).get("code", {}) if path.is_file() else {}
    for node in ast.walk(page.tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                if name in avoided:
                    yield page.error(node.lineno, f"`{name}`: write `{avoided[name]}`")


def _test_data(project: Project, page: Executed) -> Iterator[SourceError]:
    allowed = {item.docname for item in project.pages() if item.test_split}
    if page.page in allowed:
        return
    for node in ast.walk(page.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and TEST_DATA.fullmatch(node.id):
            fault = f"`{node.id}`: compare on validation data; only pages with `test_split` look at test data"
            yield page.error(node.lineno, fault)


def _ends_of_cells(project: Project, page: Executed) -> Iterator[SourceError]:
    """Values that end a cell: a notebook shows them, and the page doesn't."""
    if page.example.kind != "script" or project.capture_repr:
        return
    nodes = list(ast.walk(page.tree))
    assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assigned -= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    for cell in page.example.cells:
        body: list[ast.stmt] = []
        with contextlib.suppress(SyntaxError):
            body = ast.parse(cell.code).body
        match body[-1:]:
            case [ast.Expr(value=ast.Constant())]:
                continue
            case [ast.Expr(value=ast.Call(func=ast.Attribute(attr=name)))] if not ITSELF.fullmatch(name):
                continue
            case [ast.Expr(value=ast.Call(func=ast.Name(id=name)))] if name not in assigned:
                continue
            case [ast.Expr() as last]:
                fault = f"`{ast.unparse(last)}`: a notebook shows the value that ends a cell, and the page doesn't"
                advice = "give it a name, print it, or end the cell with another line"
                yield page.error(cell.line + last.lineno - 1, f"{fault}: {advice}")


def findings(project: Project, page: Executed) -> Iterator[SourceError]:
    """What the code of a page uses and may not."""
    yield from _order(project, page)
    yield from _names(project, page)
    yield from _test_data(project, page)
    yield from _ends_of_cells(project, page)
