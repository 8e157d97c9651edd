"""What examples write reaches their pages whole: as a terminal shows it, in order, and nothing else with it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sitekit.execute import examples, results, runner
from sitekit.execute.capture import Scrubber, as_terminal, plain, shown
from sitekit.execute.record import Cell, Store
from sitekit.project.layout import Project

from tests.engine_project import script, write_project

# -- the terminal


def screen(*pieces: str) -> str:
    """What stands on a terminal after `pieces`, written to standard output and error in turns."""
    return "".join(
        text
        for _, text in as_terminal([(("stdout", "stderr")[at % 2], text) for at, text in enumerate(pieces)])
    )


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("".join(f"step {step}\r" for step in range(4)), "step 3"),
        ("long line here\rabc", "abcg line here"),
        ("|\b/\b-\bdone\a\n", "done\n"),
        ("100%|####\r\x1b[K7%\n", "7%\n"),
        ("12345\x1b[1K678", "     678"),
        ("loading...\r          \rok\n", "ok\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("one\ntwo\n\x1b[2A\x1b[2Kuno\n\n", "uno\ntwo\n"),
        ("first\nsecond\x1b[1Fupper\n", "upper\nsecond"),
        ("\x1b[9Aa\b\b\bb", "b"),  # what was there before the cell is out of reach
        ("\x1b[2J\x1b[Hlong frame\nof two\n\x1b[2J\x1b[Hlast\n", "last\n"),
        ("old\nold\n\x1b[2;2Hx\x1b[Jy", "old\noxy"),
        ("a\x1b[3Cb\x1b[2Dc\x1b[9Gd", "a  cb   d"),
        ("\x1b[31mred\x1b[0m \x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ end", "red link end"),
        ("\x1b]0;title\x07\x1b(B\x1b7x\x1b[?25l\x1b[>4;2my\x1bPq#0\x1b\\z\x1b", "xyz"),
        (f"\x1b[{'9' * 5000}C|", " " * 999 + "|"),
        ("\x1b]8;;never closed\nnext line", "\nnext line"),
        ("你好世界\rab", "ab好世界"),
        ("你好\b\bx", "你x"),
        ("你好\ra", "a 好"),
        ("e\u0301\rx", "x"),
        ("a\tb\rxy", "xy      b"),
        ("ab\r\tc", "ab      c"),
        ("    right\n    aligned  \n", "    right\n    aligned  \n"),
        ("\n\n  a\tb\n\n", "\n\n  a\tb\n\n"),
    ],
)
def test_what_a_terminal_shows_in_the_end(written: str, left: str) -> None:
    assert screen(written) == left


def test_streams_share_the_terminal() -> None:
    """A progress bar on one stream is overwritten by the other, and each text keeps its stream."""
    written = [("stderr", "50%|##"), ("stdout", "\rtext\n"), ("stderr", "100%|####"), ("stderr", "\r\x1b[K")]
    assert as_terminal(written) == [("stdout", "text"), ("stderr", "##"), ("stdout", "\n")]


CHARACTERS = st.sampled_from([*"ab \t\n", "\u4e2d", "\u0301"])
ORDERS = st.sampled_from(
    ["\r", "\b", "\x1b[A", "\x1b[2B", "\x1b[K", "\x1b[1K", "\x1b[2J", "\x1b[H", "\x1b[5G", "\x1b[3C"]
)


@given(st.text(CHARACTERS), st.lists(st.sampled_from(["\x1b[1m", "\x1b[38;5;9m", "\x1b]8;;x\x07", "\a"])))
def test_text_without_moves_stays_as_printed(text: str, marks: list[str]) -> None:
    assert screen(text + "".join(marks)) == text
    assert plain("".join(marks) + text) == text


@given(st.lists(CHARACTERS | ORDERS))
@example(["\t", "\b", "\u4e2d", "\r", "a"])
def test_any_sequence_ends_in_text(parts: list[str]) -> None:
    """Nothing is left of orders, no line is lost, and what shows nothing more to do shows the same again."""
    left = screen("".join(parts))
    assert not re.search(r"[\r\b\x1b]", left)
    assert left.count("\n") <= parts.count("\n")
    assert screen(left) == left


@given(st.lists(CHARACTERS | ORDERS), st.integers(0, 20))
def test_a_write_may_be_cut_anywhere(parts: list[str], at: int) -> None:
    text, rest = "".join(parts[:at]), "".join(parts[at:])
    assert screen(text, rest) == screen(text + rest)


@given(st.text("ab\u4e2d", max_size=8), st.text("xy\u6587", max_size=8))
def test_what_comes_after_a_return_is_on_top(first: str, second: str) -> None:
    left = screen(f"{first}\r{second}")
    assert left.startswith(second)
    assert screen(f"{first}\r\x1b[K{second}") == second


# -- folders


FOLDERS = {"/mia": "~", "/tmp/sitekit-1/work": "", "/tmp/sitekit-1/tmp": "/tmp", "/usr/lib/py": "lib"}


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("/mia/a.py\n/mia/b.py\n", "~/a.py\n~/b.py\n"),
        ("/tmp/sitekit-1/work/a.py", "a.py"),
        ("cwd=/tmp/sitekit-1/work", "cwd=."),
        ("'/mia' (/mia) [/mia/x] <td>/mia/x</td> a:/mia/b", "'~' (~) [~/x] <td>~/x</td> a:~/b"),
        ("saved in /mia. /mia, /mia", "saved in ~. ~, ~"),
        ("保存到/mia/数据里，/mia目录", "保存到~/数据里，~目录"),
        ("file:///tmp/sitekit-1/work/a.html sqlite:////mia/a.db", "file://a.html sqlite:///~/a.db"),
    ],
)
def test_a_folder_is_taken_out(written: str, left: str) -> None:
    assert Scrubber(FOLDERS)(written) == left


@pytest.mark.parametrize(
    "written",
    [
        "https://example.org/mia/page",
        "https://mia/x http://localhost:8080/mia/x",
        "/miaow /mia-x /mia.txt /mia_2 /mia~ /mia%20a",
        "/srv/mia/x ./mia ../mia/x ~/mia /数据/mia/x ${HOME}/mia f(x)/mia",
        "s3://bucket/usr/lib/py/a",
        "and/mia/or/usr/lib/py",
    ],
)
def test_what_only_contains_a_folders_name_stays(written: str) -> None:
    assert Scrubber(FOLDERS)(written) == written


@given(
    st.sampled_from(list(FOLDERS)),
    st.text("abz09._-~/\u4e2d", max_size=6),
    st.text("abz09_-", min_size=1, max_size=6),
)
def test_part_of_another_name_stays(folder: str, before: str, after: str) -> None:
    scrub = Scrubber({folder: "SHOWN"})
    assert scrub(f"{folder}{after} {folder}.{after}") == f"{folder}{after} {folder}.{after}"
    inside = f"https://host/{before}a{folder}/{after}"
    assert scrub(inside) == inside
    assert scrub(f"{before} {folder}/{after}") == f"{before} SHOWN/{after}"


# -- examples


PAGES = {
    "progress": script(
        """
        import sys
        for step in range(4):
            print(f"step {step}", end="\\r")
        """,
        """
        for step in range(4):
            print(f"\\r{25 * (step + 1)}%|{'#' * step}", end="", file=sys.stderr)
        print(file=sys.stderr)
        print("long line here", end="\\r")
        print("abc")
        """,
        """
        for mark in "|/-":
            print(mark, end="\\b")
        print("done\\a")
        """,
    ),
    "spaces": script(
        r"""
        print("\n\n  a  b\n  1  2\n\n")
        print("\x1b[31mred\x1b[0m \x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ end\tx")
        """
    ),
    "drawing": script(
        """
        import os, sys, threading
        import matplotlib.pyplot as plt

        def label(value, position):
            print("tick drawn")
            print("tick drawn", file=sys.stderr)
            sys.stdout.buffer.write(b"tick drawn")
            os.write(1, b"tick drawn")
            os.system("echo tick drawn")
            if not drawn.is_set():
                drawn.set()
                printed.wait()
            return str(value)

        def other():
            drawn.wait()
            print("another thread")
            printed.set()

        drawn, printed = threading.Event(), threading.Event()
        threading.Thread(target=other, daemon=True).start()
        fig, ax = plt.subplots(figsize=(1, 1))
        ax.xaxis.set_major_formatter(label)
        """,
        'print("second")',
        "fig, ax = plt.subplots(figsize=(1, 1))\nax.xaxis.set_major_formatter(label)",
    ),
    "value": script(
        """
        import os
        class Shown:
            def __repr__(self):
                return "Shown in " + os.getcwd()
            def _repr_html_(self):
                return f"<b>\\n  shown\\n</b> {os.getcwd()}/x"
        print("printed")
        Shown()
        """,
        "print('nothing else')",
        "# sphinx_gallery_capture_repr_block = ()\nShown()",
        "1 + 1",
        "'\\x1b[1mbold\\x1b[0m'",
    ),
    "own_value": script('# sphinx_gallery_capture_repr = ("__repr__",)\nimport os\nos.path.abspath("x")'),
    "c_library": script(
        'import ctypes\ncount = ctypes.CDLL(None).printf(b"from C\\n")', "print('then Python')"
    ),
    "exit": script(
        """
        import atexit, sys, threading, weakref
        from concurrent.futures import ThreadPoolExecutor
        atexit.register(print, "registered first")
        atexit.register(print, "registered last", file=sys.stderr)

        def late():
            go.wait()
            print("from a thread")

        go = threading.Event()
        threading.Thread(target=late).start()
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        waits = ThreadPoolExecutor(1).submit(go.wait)
        """,
        "print('the end', end='...')\ngo.set()",
    ),
    "mark": "\ufeff" + script("print('mark')"),
    "warns": script(
        "import warnings, decimal, local\n"
        "warnings.warn('careful: more', stacklevel=1)\n"
        "warnings.warn('any', local.Odd, stacklevel=1)\nprint('went on')"
    ),
    # what follows fails
    "masked": script(
        """
        import matplotlib.pyplot as plt
        fig = plt.figure()
        fig.text(0.1, 0.1, r"$\\notacommand$")
        total = 1

        raise ValueError("what really went wrong")
        """
    ),
    "draws_wrong": script('import matplotlib.pyplot as plt\nplt.figure().text(0.1, 0.1, r"$\\notacommand$")'),
    "exits_wrong": script(
        "import atexit\ndef end():\n    raise ValueError('at the end')\natexit.register(end)"
    ),
    "waits": script("import threading\nthreading.Thread(target=threading.Event().wait).start()"),
    "warns_more": script("import warnings\nwarnings.warn('dangerous', stacklevel=1)"),
}
DOCS = {
    "order": """\
# Page

```{code-cell} python
import os, subprocess, sys
print("out 1")
print("error 1", file=sys.stderr)
print("out 2", end="\\r")
os.write(1, b"OUT\\n")
subprocess.run([sys.executable, "-c", "print('child')"])
"a value"
```

```{code-cell} python
import matplotlib.pyplot as plt
def label(value, position):
    print("tick drawn")
    return ""
fig, ax = plt.subplots(figsize=(1, 1))
ax.xaxis.set_major_formatter(label)
print("  before", flush=True)
plt.show()
print("after")
print("  stays", file=sys.stderr)
```

```{code-cell} python
import threading, warnings
go = threading.Event()
def late():
    go.wait()
    print("late")
threading.Thread(target=late).start()
warnings.warn("careful, too")
print("last")
go.set()
```
""",
    "outputs": """\
# Page

```{code-cell} python
from IPython.display import HTML, clear_output, display
print("forgotten")
clear_output()
shown = display(HTML("<b>first</b>"), display_id=True)
print("between")
shown.update(HTML("<b>second</b>"))
1;
```

```{code-cell} python
:tags: [raises-exception]
print("before")
1 / 0
```

```{code-cell} python
:tags: [skip-execution]
1 / 0
```

```{code-cell} python
!echo a command
import asyncio
await asyncio.sleep(0, "waited")
```
""",
    "wrong": """\
# Page

```{code-cell} python
x = 1
```

```{code-cell} python
import matplotlib.pyplot as plt
plt.figure().text(0.1, 0.1, r"$\\notacommand$")
```
""",
}
ALLOWED = """
[allowed_warnings]
"*" = ["UserWarning: careful"]
"chapter/warns" = ["local.Odd"]
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Summary, Store, Path]:
    """All of them, recorded."""
    limits = {"waits": "limits = {seconds = 2}"}
    root = write_project(tmp_path_factory.mktemp("project"), PAGES, limits=limits, docs=DOCS)
    (root / "docs" / "conf.py").write_text(
        "import nothing\nsphinx_gallery_conf = {'x': 1}\n", encoding="utf-8"
    )
    chapter, curriculum = root / "gallery" / "chapter", root / "gallery" / "curriculum.toml"
    (chapter / "latin.py").write_bytes(b'# -*- coding: latin-1 -*-\n"""Latin"""\n\nprint("caf\xe9")\n')
    (root / "docs" / "latin.md").write_bytes(b"# Caf\xe9\n")
    (root / "src").mkdir()
    helper = "# -*- coding: latin-1 -*-\nfrom elsewhere import Odd  # caf\xe9\n"
    (root / "src" / "local.py").write_bytes(helper.encode("latin-1"))
    (root / "src" / "elsewhere.py").write_text("\ufeffclass Odd(Warning):\n    pass\n", encoding="utf-8")
    with curriculum.open("a", encoding="utf-8") as file:
        file.write(f"[chapters.pages.latin]\n{ALLOWED}")
    project, store = Project.load(root), Store(root / "store")
    wanted = [*examples.examples(project), *examples.documents(project)]
    options = examples.Options(project, jobs=2)
    return runner.record(wanted, store, options, out=io.StringIO()), store, root


def cells(ran: tuple[results.Summary, Store, Path], page: str) -> tuple[Cell, ...]:
    failed = [str(item) for item in ran[0].failures if item.page == page]
    assert not failed
    record = ran[1].get(page, ran[0].records[page].key)
    assert record
    return record.cells


def texts(ran: tuple[results.Summary, Store, Path], page: str) -> list[str]:
    return [cell.text for cell in cells(ran, f"chapter/{page}")]


def failure(ran: tuple[results.Summary, Store, Path], page: str) -> str:
    return next(str(item) for item in ran[0].failures if item.page == page)


def test_progress_ends_as_on_a_terminal(ran: tuple[results.Summary, Store, Path]) -> None:
    assert texts(ran, "progress") == ["step 3", "100%|###\nabcg line here\n", "done\n"]


def test_blank_lines_and_indents_stay(ran: tuple[results.Summary, Store, Path]) -> None:
    assert texts(ran, "spaces") == ["\n\n  a  b\n  1  2\n\n\nred link end\tx\n"]


def test_what_drawing_prints_reaches_no_cell(ran: tuple[results.Summary, Store, Path]) -> None:
    """But what another thread prints meanwhile does."""
    assert texts(ran, "drawing") == ["", "another thread\nsecond\n", ""]
    assert [len(cell.figures) for cell in cells(ran, "chapter/drawing")] == [1, 0, 1]


def test_the_value_of_a_last_expression(ran: tuple[results.Summary, Store, Path]) -> None:
    """It is shown as Sphinx-Gallery's option says, in conf.py or in the file; paths are not."""
    first, second, third, fourth, fifth = cells(ran, "chapter/value")
    assert first.output == (("stdout", "printed\n"), ("html", "<b>\n  shown\n</b> x"))
    assert (first.text, first.html) == ("printed\n", "<b>\n  shown\n</b> x")
    assert second.output == (("stdout", "nothing else\n"),)
    assert third.output == ()
    assert fourth.output == (("value", "2"),)
    assert fifth.text == "'\\x1b[1mbold\\x1b[0m'"
    assert cells(ran, "chapter/own_value")[0].output == (("value", "'x'"),)


def test_text_of_the_c_library_stands_in_its_cell(ran: tuple[results.Summary, Store, Path]) -> None:
    assert texts(ran, "c_library") == ["from C\n", "then Python\n"]


def test_threads_and_exit_handlers_are_waited_for(ran: tuple[results.Summary, Store, Path]) -> None:
    first, last = texts(ran, "exit")
    assert first == ""
    assert last == "the end...from a thread\nregistered last\nregistered first\n"
    assert "ValueError: at the end" in failure(ran, "chapter/exits_wrong")
    assert "gallery/chapter/exits_wrong.py:10\n" in failure(ran, "chapter/exits_wrong")
    assert "stood still for its limit of 2 s" in failure(ran, "chapter/waits")


def test_the_cells_own_error_is_told_first(ran: tuple[results.Summary, Store, Path]) -> None:
    told = failure(ran, "chapter/masked")
    assert (
        "gallery/chapter/masked.py:13\n  ValueError: what really went wrong (and drawing its figures: "
        in told
    )
    assert "notacommand" in told
    assert "notacommand" in failure(ran, "chapter/draws_wrong")


def test_encodings(ran: tuple[results.Summary, Store, Path]) -> None:
    """A byte order mark is none of the text; a file in another encoding is refused, and the others run."""
    assert texts(ran, "mark") == ["mark\n"]
    lines = list(ran[0].lines())
    assert "gallery/chapter/latin.py:4: not UTF-8: byte 0xe9; save it as UTF-8\n" in lines
    assert "docs/latin.md:1: not UTF-8: byte 0xe9; save it as UTF-8\n" in lines
    assert lines[-1] == f"examples: 0 from record, {len(PAGES) - 5} run, 6 failed"


def test_warnings_that_the_project_allows(ran: tuple[results.Summary, Store, Path]) -> None:
    assert texts(ran, "warns") == ["went on\n"]
    assert "UserWarning: dangerous" in failure(ran, "chapter/warns_more")


def test_a_page_of_markdown_shows_streams_in_order(ran: tuple[results.Summary, Store, Path]) -> None:
    first, second, third = cells(ran, "order")
    assert first.output == (
        ("stdout", "out 1\n"), ("stderr", "error 1\n"), ("stdout", "OUT 2\nchild\n"),
    )  # fmt: skip
    assert [bundle["output_type"] for bundle in first.bundles] == [*["stream"] * 3, "execute_result"]
    assert second.output == (("stdout", "  before\n"), ("stdout", "after\n"), ("stderr", "  stays\n"))
    assert second.bundles[1] == {"figure": 0}
    assert third.text == "last\nlate\n"


def test_a_page_of_markdown_shows_what_jupyter_shows(ran: tuple[results.Summary, Store, Path]) -> None:
    first, second, third, fourth = cells(ran, "outputs")
    html, text = first.bundles
    assert html["data"]["text/html"] == "<b>second</b>"
    assert (text["text"], first.text) == ("between\n", "between\n")
    text, error = second.bundles
    assert text["text"] == "before\n"
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert any("1 / 0" in plain(line) for line in error["traceback"])
    assert third.bundles == ()
    text, value = fourth.bundles
    assert text["text"] == "a command\n"
    assert value["data"] == {"text/plain": "'waited'"}


def test_a_page_of_markdown_whose_figure_cant_be_drawn(ran: tuple[results.Summary, Store, Path]) -> None:
    told = failure(ran, "wrong")
    assert "cell 2, line 8\n" in told
    assert "notacommand" in told


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("gallery/curriculum.toml", '"*" = [', '"*" = ["RuntimeWarning: x", '),
        ("gallery/curriculum.toml", '["local.Odd"]', '["local.Odd", "local.Even"]'),
        ("docs/conf.py", "'x': 1", "'capture_repr': ()"),
    ],
)
def test_settings_belong_to_the_key(
    ran: tuple[results.Summary, Store, Path], tmp_path: Path, name: str, old: str, new: str
) -> None:
    import shutil

    root = Path(shutil.copytree(ran[2], tmp_path / "copy"))

    def keys() -> dict[str, Any]:
        project = Project.load(root)
        found = [item for item in examples.examples(project) if item.page.endswith(("/warns", "/mark"))]
        return {item.page: item.key(examples.Options(project)).code for item in found}

    before, path = keys(), root / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    changed = {page for page, key in keys().items() if key != before[page]}
    assert changed == ({"chapter/warns"} if "Odd" in old else {"chapter/warns", "chapter/mark"})


def test_shown_is_scrubbed() -> None:
    assert shown([("stdout", "x\r/mia/a\n\x00"), ("stderr", "")], Scrubber(FOLDERS)) == [
        ("stdout", "~/a\n\ufffd")
    ]
