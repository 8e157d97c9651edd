"""What examples raise is recorded as it was raised: handled or not, in scripts and notebooks, in processes of their own."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitekit.execute import examples, raised, runner
from sitekit.execute.record import Store
from sitekit.project.layout import Project

from tests.engine_project import script, write_project

PAGES = {
    "handled": script(
        """
        def attempt(call):
            try:
                call()
            except (ValueError, KeyError) as error:
                print(type(error).__name__)

        attempt(lambda: int("a"))
        attempt(lambda: {}["b"])
        attempt(lambda: int("a"))
        """,
        """
        try:
            try:
                1 / 0
            except ZeroDivisionError as error:
                raise RuntimeError("above") from error
        except RuntimeError:
            pass
        try:
            raise ExceptionGroup("several", [OSError("one"), TypeError("two")])
        except* OSError:
            pass
        except* TypeError:
            pass
        """,
        "print('nothing')",
    ),
    "strange": script(
        """
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        try:
            raise Mute
        except Mute:
            print("still here")
        """,
        """
        for number in range(1000):
            try:
                raise LookupError(number)
            except LookupError:
                pass
        try:
            raise ValueError("long " * 10_000)
        except ValueError:
            pass
        """,
    ),
    "warned": script(
        """
        import warnings

        with warnings.catch_warnings(record=True) as kept:
            warnings.simplefilter("always")
            warnings.warn("kept", FutureWarning, stacklevel=1)
            isinstance(kept[0], warnings.WarningMessage)
            warnings.simplefilter("ignore")
            warnings.warn("nobody sees it", stacklevel=1)
        try:
            warnings.warn("an error here", stacklevel=1)
        except UserWarning as error:
            print(error)
        """,
    ),
    "elsewhere": script(
        """
        import multiprocessing, subprocess, sys

        def work():
            try:
                raise ValueError("in a fork")
            except ValueError:
                pass

        if __name__ == "__main__":
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            process.join()
            done = subprocess.run([sys.executable, "-c", "import sys\\nraise OSError('in ' + sys.argv[0])"], stderr=-1)
            print(done.returncode)
        """,
    ),
}
NOTEBOOK = """\
# Page

```{code-cell} python
try:
    1 / 0
except ZeroDivisionError:
    await __import__("asyncio").sleep(0)
```

```{code-cell} python
:tags: [raises-exception]
int("a")
```
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[tuple[str, str]]]]:
    """What was recorded of each page, cell by cell."""
    root = write_project(tmp_path_factory.mktemp("project"), PAGES, docs={"notebook": NOTEBOOK})
    project, store = Project.load(root), Store(root / "store")
    options = examples.Options(project, jobs=2, memory_mib=900)
    wanted = [*examples.examples(project), *examples.documents(project)]
    summary = runner.record(wanted, store, options, out=io.StringIO())
    assert [str(failure) for failure in summary.failures] == []
    return {
        page.removeprefix("chapter/"): [list(cell.raised) for cell in record.cells]
        for page, record in summary.records.items()
    }


def test_what_is_handled_is_recorded_once_a_cell(found: dict[str, list[list[tuple[str, str]]]]) -> None:
    invalid = "invalid literal for int() with base 10: 'a'"
    assert found["handled"][0] == [("ValueError", invalid), ("KeyError", "'b'")]
    assert found["handled"][1][:2] == [("ZeroDivisionError", "division by zero"), ("RuntimeError", "above")]
    assert {name for name, _message in found["handled"][1][2:]} == {"ExceptionGroup"}
    assert found["handled"][2] == []


def test_no_error_harms_its_page(found: dict[str, list[list[tuple[str, str]]]]) -> None:
    assert found["strange"][0] == [("Mute", "")]
    assert len(found["strange"][1]) == raised.MOST
    assert max(len(message) for _name, message in found["strange"][1]) <= raised.LONGEST


def test_warnings_that_are_shown_or_kept_have_their_category(
    found: dict[str, list[list[tuple[str, str]]]],
) -> None:
    assert found["warned"] == [[("FutureWarning", "kept"), ("UserWarning", "an error here")]]


def test_other_processes_errors_belong_to_the_page(found: dict[str, list[list[tuple[str, str]]]]) -> None:
    assert found["elsewhere"] == [[("ValueError", "in a fork"), ("OSError", "in -c")]]


def test_notebooks_are_no_different(found: dict[str, list[list[tuple[str, str]]]]) -> None:
    assert found["notebook"] == [
        [("ZeroDivisionError", "division by zero")],
        [("ValueError", "invalid literal for int() with base 10: 'a'")],
    ]


BODY = st.sampled_from(["pass", "x = 1", "raise", "return 1", "'text'", "x: int = 2"])


@given(st.lists(st.tuples(BODY, st.booleans()), min_size=1, max_size=5))
def test_every_line_keeps_its_number(handlers: list[tuple[str, bool]]) -> None:
    """A traceback of the page, and a debugger, name the lines of the reader's file."""
    lines = ["def f():", "    try:", "        call()"]
    for body, named in handlers:
        lines += [f"    except ValueError{' as error' if named else ''}:", f"        {body}"]
    tree = ast.parse("\n".join(lines))
    before = [(type(node), node.lineno) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    changed = raised.NoteHandled().visit(tree)
    compile(changed, "page.py", "exec")
    after = [
        (type(node), node.lineno)
        for node in ast.walk(changed)
        if isinstance(node, ast.stmt) and raised.CALL not in ast.dump(node).partition("body=")[0]
    ]
    assert [item for item in after if item in before] == before
    notes = [node for node in ast.walk(changed) if isinstance(node, ast.Name) and node.id == raised.CALL]
    assert len(notes) == len(handlers)


def test_a_child_finds_the_module_in_the_folder(tmp_path: Path) -> None:
    raised.prepare(tmp_path, tmp_path)
    compile((tmp_path / "sitecustomize.py").read_text(encoding="utf-8"), "sitecustomize.py", "exec")
