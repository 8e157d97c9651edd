"""Examples run alone: what they print and draw is recorded, and none can harm another."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import distributed
import psutil
import pytest
from sitekit.execute import examples, nursery, place, results, runner, watch
from sitekit.execute.record import Store
from sitekit.project.files import PACKAGE
from sitekit.project.layout import Project

from tests.engine_project import busy_loops, script, write_project

pytestmark = [
    pytest.mark.skipif(not nursery.CAN_FORK, reason="the faults are told apart by fork's means"),
    pytest.mark.xdist_group("runner"),  # one worker runs the examples that many tests look at
]

SITEKIT = PACKAGE.parent

GOOD = {
    "prints": script(
        """
        import os, subprocess, sys
        print("python 1")
        os.write(1, b"os 1\\n")
        print("error 1", file=sys.stderr)
        subprocess.run([sys.executable, "-c", "print('child')"], check=True)
        print("python 2")
        """,
        """
        import multiprocessing

        def work():
            print("from a worker", flush=True)

        if __name__ == "__main__":
            process = multiprocessing.Process(target=work)
            process.start()
            process.join()
            print(multiprocessing.current_process().name, multiprocessing.parent_process())
            print(multiprocessing.get_start_method() == multiprocessing.get_all_start_methods()[0])
        """,
        "x = 1",
    ),
    "draws": script(
        """
        import matplotlib.pyplot as plt
        fig, ax = plt.subplots(figsize=(2, 1))
        ax.plot([1, 2], color="k")
        # alt: a rising line
        plt.show()
        print(plt.get_backend(), plt.rcParams["lines.linewidth"])
        """,
        "print(ax.lines[0].get_color(), len(plt.get_fignums()))",
    ),
    "paths": script(
        """
        import pathlib, sys, warnings
        print(pathlib.Path.cwd() / "x.txt")
        print(__file__, sys.argv[1:])
        print(json_path := pathlib.__file__)
        print(pathlib.Path("data.txt").exists(), __name__, sys.stdin.read() == "")
        """
    ),
    "progress": script("import sys\nfor i in range(3):\n    sys.stdout.write(f'\\r{i}')\nprint()"),
}

FAULTY = {
    "raises": script("x = 1", "print('before')\n\ndef f():\n    raise ValueError('no\\nmore')\n\nf()"),
    "exits": script("import sys\nprint('bye')\nsys.exit(3)"),
    "os_exits": script("import os\nos._exit(0)"),
    "aborts": script("import os", "print('last words')\nos.abort()"),
    "crashes": script("import ctypes\n\nctypes.string_at(0)"),
    "hangs": script("print('start')", "x = 1\nwhile True: pass"),
    "hangs_in_c": script("import time\n\ntime.sleep(1000)"),
    "burns_in_children": script(
        """
        import subprocess, sys
        burn = "import time\\nwhile time.process_time() < 0.3: pass"
        while True:
            subprocess.run([sys.executable, "-S", "-c", burn], check=True)
        """
    ),
    "burns_in_orphan": script(
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    pass
            os._exit(0)
        os.wait()
        time.sleep(1000)
        """
    ),
    "grows": script("parts = []\nwhile True: parts.append(bytearray(2**24))"),
    "children_grow": script(
        """
        import os, time
        for _ in range(3):
            if os.fork() == 0:
                block = bytearray(150 * 2**20)
                time.sleep(1000)
        os.wait()
        """
    ),
    "floods": script("print('x' * 100_000_000)"),
    "floods_in_c": script("import os\nwhile True:\n    os.write(1, b'x' * 10_000)"),
    "leaves_child": script(
        """
        import pathlib, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        pathlib.Path(MARKS, "child").write_text(str(child.pid))
        """
    ),
    "leaves_orphan": script(
        """
        import os, pathlib, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                pathlib.Path(MARKS, "orphan").write_text(str(os.getpid()))
                time.sleep(1000)
            os._exit(0)
        os.wait()
        while not pathlib.Path(MARKS, "orphan").exists():
            pass
        """
    ),
    "asks": script("name = input('name?')"),
    "warns": script("import warnings\n\nwarnings.warn('careful', stacklevel=1)"),
    "interrupts": script("raise KeyboardInterrupt"),
    "broken": script("x = 1", "y = = 2"),
    "forgets_import": script("import a_module_that_is_not_there"),
}

UNTIDY = {
    "changes": script(
        """
        import os, random, pathlib
        import matplotlib.pyplot as plt
        import numpy as np
        os.chdir("/")
        os.environ["LEFT_BEHIND"] = "1"
        plt.rcParams["lines.linewidth"] = 77
        np.random.seed(0)
        pathlib.Path(__file__).with_name("left.txt").write_text("x")
        (pathlib.Path.home() / "left.txt").write_text("x")
        """
    ),
    "victim": script(
        """
        import os, pathlib
        import matplotlib.pyplot as plt
        print("LEFT_BEHIND" in os.environ, plt.rcParams["lines.linewidth"])
        print(sorted(path.name for path in pathlib.Path().iterdir()), list(pathlib.Path.home().iterdir()))
        """
    ),
}


def record(root: Path, **values: Any) -> tuple[results.Summary, Store, str]:
    """Record the gallery of the project in `root`."""
    project = Project.load(root)
    store = Store(root / "store")
    out = io.StringIO()
    options = examples.Options(project, **{"jobs": 2, "memory_mib": 350, **values})
    executor = values.pop("executor", None)
    summary = runner.record(examples.examples(project), store, options, executor=executor, out=out)
    return summary, store, out.getvalue()


def cells(summary: results.Summary, store: Store, page: str) -> tuple[Any, ...]:
    """The recorded cells of a page."""
    found = store.get(page, summary.records[page].key)
    assert found
    return found.cells


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[results.Summary, Store, str, Path]:
    """Everything above, run in one go."""
    root = tmp_path_factory.mktemp("project")
    marks = root / "marks"
    pages = {**FAULTY, **GOOD, **UNTIDY}
    pages = {name: text.replace("MARKS", repr(str(marks))) for name, text in pages.items()}
    burning = ("hangs", "hangs_in_c", "burns_in_children", "burns_in_orphan")
    limits = dict.fromkeys(burning, "limits = {seconds = 1}") | {
        "prints": "limits = {seconds = 60, memory_mib = 900}"
    }
    write_project(root, pages, limits=limits)
    marks.mkdir()
    summary, store, out = record(root)
    return summary, store, out, root


def failure(ran: tuple[results.Summary, Store, str, Path], page: str) -> results.Failure:
    """How `page` failed."""
    return next(item for item in ran[0].failures if item.page == f"chapter/{page}")


def test_only_the_faulty_fail(ran: tuple[results.Summary, Store, str, Path]) -> None:
    failed = {item.page for item in ran[0].failures}
    assert failed == {f"chapter/{name}" for name in FAULTY}
    assert set(ran[0].records) == {f"chapter/{name}" for name in {**GOOD, **UNTIDY}}
    assert (
        list(ran[0].lines())[-1] == f"examples: 0 from record, {len(GOOD | UNTIDY)} run, {len(FAULTY)} failed"
    )
    assert len(ran[2].splitlines()) == len(FAULTY) + len(GOOD) + len(UNTIDY)


@pytest.mark.parametrize(
    ("page", "kind", "cell", "code", "message"),
    [
        ("raises", "error", 2, "raise ValueError", "ValueError: no"),
        ("exits", "exit", 1, "sys.exit(3)", "called sys.exit(3)"),
        ("os_exits", "exit", 1, None, "os._exit"),
        ("aborts", "signal", 2, "os.abort()", "SIGABRT"),
        ("crashes", "signal", 1, "ctypes.string_at", "SIGSEGV"),
        ("hangs", "time", 2, "pass", r"used 1\.\d+ s of processor time, more than its limit of 1 s"),
        ("hangs_in_c", "time", 1, "time.sleep", "stood still for its limit of 1 s"),
        ("burns_in_children", "time", 1, "subprocess.run", r"used 1\.\d+ s of processor time"),
        ("burns_in_orphan", "time", 1, "time.sleep", r"used 1\.\d+ s of processor time"),
        ("grows", "error|memory", 1, "bytearray", "Memory|MiB"),
        ("children_grow", "memory", 1, None, "limit of 350 MiB"),
        ("floods", "output", 1, None, "limit of 1 MiB"),
        ("floods_in_c", "output", 1, None, "limit of 1 MiB"),
        ("leaves_child", "children", 1, None, "left processes running: .*sleep"),
        ("leaves_orphan", "children", 1, None, "left processes running"),
        ("asks", "error", 1, "input(", "input()"),
        ("warns", "error", 1, "warnings.warn", "UserWarning: careful"),
        ("interrupts", "error", 1, "raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("broken", "error", 2, "y = = 2", "SyntaxError"),
        ("forgets_import", "error", 1, "import a_module", "ModuleNotFoundError"),
    ],
)
def test_failure_says_where(
    ran: tuple[results.Summary, Store, str, Path],
    page: str,
    kind: str,
    cell: int,
    code: str | None,
    message: str,
) -> None:
    found = failure(ran, page)
    assert found.outcome.kind in kind.split("|")
    assert found.outcome.cell == cell
    assert re.search(re.escape(message) if "(" in message else message, found.outcome.message)
    assert found.source == f"gallery/chapter/{page}.py"
    if code:
        lines = (ran[3] / found.source).read_text(encoding="utf-8").splitlines()
        assert found.outcome.line
        assert code in lines[found.outcome.line - 1]
        assert f"{found.source}:{found.outcome.line}" in str(found)
    assert str(ran[3]) not in str(found).replace(str(ran[3] / "marks"), "")


def test_a_busy_machine_ends_nothing(tmp_path: Path) -> None:
    """On a busy machine it takes long for what it uses; saving, which takes longer than it may, is not its own."""
    burn = """
        import time
        began = time.monotonic()
        while time.monotonic() - began < 2.5:  # longer than it may, were it alone
            pass
        """
    draw = """
        import matplotlib.pyplot as plt
        import matplotlib.ticker

        def slow(value, position):
            while time.process_time() < 2.5:
                pass
            return str(position)

        plt.figure(figsize=(1, 1)).gca().xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(slow))
        """
    text = script(burn, draw, "print(time.process_time() > 2)")
    root = write_project(tmp_path, {"one": text}, limits={"one": "limits = {seconds = 2}"})
    with busy_loops(4 * (os.cpu_count() or 1)):
        summary, store, _ = record(root, jobs=1, memory_mib=900)
    assert [str(item) for item in summary.failures] == []
    assert cells(summary, store, "chapter/one")[2].text == "True\n"


def test_processor_time_is_neither_lost_nor_counted_twice() -> None:
    def process(own: float, children: float = 0.0) -> Any:
        times = SimpleNamespace(user=own, system=0.0, children_user=children, children_system=0.0)
        return SimpleNamespace(cpu_times=lambda: times)

    used = watch.Used()
    assert used.read([process(1), process(3)]) == 4
    assert used.read([process(1)]) == 4  # its parent was read before it ended
    assert used.read([process(1, 3)]) == 4
    assert used.read([process(2, 3), process(2)], 1) == 8
    assert used.read([process(2, 3)], 1) == used.read([process(2, 3)], 1) == 8  # nobody collected it
    assert used.read([process(3, 3)], 1) == 9


def test_last_output_is_told(ran: tuple[results.Summary, Store, str, Path]) -> None:
    assert failure(ran, "aborts").outcome.tail == ("last words",)
    assert failure(ran, "raises").outcome.tail[0] == "before"
    assert max(map(len, failure(ran, "floods").outcome.tail)) < 1000


def test_nothing_is_left_running(ran: tuple[results.Summary, Store, str, Path]) -> None:
    pids = [int(path.read_text()) for path in (ran[3] / "marks").iterdir()]
    assert len(pids) == 2
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    commands = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if "nursery" in command]


def test_nothing_leaks(ran: tuple[results.Summary, Store, str, Path]) -> None:
    (cell,) = cells(ran[0], ran[1], "chapter/victim")
    assert cell.text == "False 1.5\n['victim.py'] []\n"
    assert not list(ran[3].rglob("left.txt"))


def test_text_is_in_order(ran: tuple[results.Summary, Store, str, Path]) -> None:
    first, second, third = cells(ran[0], ran[1], "chapter/prints")
    assert first.output == (
        ("stdout", "python 1\nos 1\n"), ("stderr", "error 1\n"), ("stdout", "child\npython 2\n"),
    )  # fmt: skip
    assert second.text == "from a worker\nMainProcess None\nTrue\n"
    assert third.output == ()


def test_figures_are_recorded(ran: tuple[results.Summary, Store, str, Path]) -> None:
    from PIL import Image

    first, second = cells(ran[0], ran[1], "chapter/draws")
    assert first.text == "agg 1.5\n"
    (figure,) = first.figures
    assert (figure.width, figure.height) == (200, 100)
    folder = ran[1].place("chapter/draws")
    contents = ((folder / name).read_bytes() for name in (figure.light, figure.dark, figure.png))
    light, dark, png = (Image.open(io.BytesIO(content)) for content in contents)
    assert light.size == dark.size == (400, 200)
    assert png.size == (200, 100)
    corners = [image.convert("RGB").crop((0, 0, 1, 1)).tobytes() for image in (light, dark)]
    assert corners[0] == b"\xff\xff\xff"
    assert max(corners[1]) < 30
    # The line is black again, and the figure closed.
    assert second.text == "k 0\n"


def test_no_path_of_this_machine(ran: tuple[results.Summary, Store, str, Path]) -> None:
    (cell,) = cells(ran[0], ran[1], "chapter/paths")
    assert cell.text == "x.txt\npaths.py []\nlib/pathlib.py\nFalse __main__ True\n"
    (cell,) = cells(ran[0], ran[1], "chapter/progress")
    assert cell.text == "2\n"


def test_facts(ran: tuple[results.Summary, Store, str, Path]) -> None:
    found = ran[1].get("chapter/draws", ran[0].records["chapter/draws"].key)
    assert found
    assert found.device == "cpu"
    assert found.device_name
    assert found.exit == "ok"
    assert found.peak_mib > 10
    assert found.seconds > 0
    assert found.versions["python"]
    assert found.names["plt.subplots"] == ["matplotlib.pyplot:subplots"]
    assert "matplotlib.axes:Axes.plot" in found.names["ax.plot"]


def test_second_run_runs_nothing_new(ran: tuple[results.Summary, Store, str, Path], tmp_path: Path) -> None:
    project = Project.load(ran[3])
    good = [item for item in examples.examples(project) if item.page.partition("/")[2] in GOOD]
    options = examples.Options(project, jobs=2, memory_mib=350)
    summary = runner.record(good, ran[1], options, out=io.StringIO())
    assert list(summary.lines()) == [f"examples: {len(GOOD)} from record, 0 run, 0 failed"]


def test_a_changed_helper_reruns_its_users_only(tmp_path: Path) -> None:
    pages = {"one": script("import helper\nprint(helper.f())"), "two": script("print(2)")}
    root = write_project(tmp_path, pages)
    (root / "src").mkdir()
    helper = root / "src" / "helper.py"
    helper.write_text("def f():\n    return 1\n", encoding="utf-8")
    summary, store, _ = record(root)
    assert cells(summary, store, "chapter/one")[0].text == "1\n"
    helper.write_text("def f():\n    # only a comment\n    return 1\n", encoding="utf-8")
    assert record(root)[0].counts["script"] == [2, 0, 0]
    helper.write_text("def f():\n    return 22\n", encoding="utf-8")
    summary, store, _ = record(root)
    assert summary.counts["script"] == [1, 1, 0]
    assert cells(summary, store, "chapter/one")[0].text == "22\n"


def test_data_files(tmp_path: Path) -> None:
    root = write_project(
        tmp_path, {"one": script("print(open('table.csv').read())")}, limits={"one": 'data = ["table.csv"]'}
    )
    (root / "gallery" / "chapter" / "table.csv").write_text("1,2", encoding="utf-8")
    summary, store, _ = record(root)
    assert cells(summary, store, "chapter/one")[0].text == "1,2\n"
    (root / "gallery" / "chapter" / "table.csv").write_text("3,4", encoding="utf-8")
    assert record(root)[0].counts["script"] == [0, 1, 0]


def test_fresh_interpreter_gives_the_same(tmp_path: Path) -> None:
    leaves = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        time.sleep(1)  # so long as it takes to be seen
        """
    faulty = {"raises": FAULTY["raises"], "aborts": FAULTY["aborts"], "leaves": script(leaves)}
    root = write_project(tmp_path, {**GOOD, **faulty})
    summary, store, _ = record(root, fork=False, memory_mib=900)
    assert summary.counts["script"] == [0, len(GOOD), 3]
    assert [item.outcome.kind for item in sorted(summary.failures, key=lambda item: item.page)] == [
        "signal", "children", "error",
    ]  # fmt: skip
    assert cells(summary, store, "chapter/draws")[0].figures


def test_page_of_markdown(tmp_path: Path) -> None:
    page = (
        "# Page\n\n```{code-cell} python\n:tags: [hide-cell]\n\nprint(1)\n```\n\n"
        "```{code-cell} python\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots(figsize=(1, 1))\n"
        "# alt: nothing\nplt.show()\n```\n"
    )
    bad = "# Bad\n\n```{code-cell} python\nx = 1\n```\n\n```{code-cell} python\n\nx += 1\nx / 0\n```\n"
    root = write_project(tmp_path, {}, docs={"page": page, "bad": bad, "prose": "# Prose\n"})
    project = Project.load(root)
    store = Store(root / "store")
    options = examples.Options(project, jobs=2)
    summary = runner.record(examples.documents(project), store, options, out=io.StringIO())
    assert list(summary.lines())[-2:] == [
        "docs pages: 0 from record, 1 run, 1 failed", "examples: 0 from record, 0 run, 0 failed",
    ]  # fmt: skip
    first, second = cells(summary, store, "page")
    assert first.text == "1\n"
    assert len(second.figures) == 1
    assert second.bundles == ({"figure": 0},)
    (failed,) = summary.failures
    assert (failed.outcome.cell, failed.outcome.line) == (2, 10)
    assert failed.outcome.message.startswith("ZeroDivisionError")


def test_any_executor(tmp_path: Path) -> None:
    root = write_project(tmp_path, {name: GOOD[name] for name in ("prints", "progress")})
    project = Project.load(root)
    options = examples.Options(project, jobs=2)
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        summary = runner.record(
            examples.examples(project), Store(root / "store"), options, executor=executor, out=io.StringIO()
        )
    assert summary.counts["script"] == [0, 2, 0]


def test_worker_without_the_package(tmp_path: Path) -> None:
    started = nursery.Nursery(["psutil"])
    try:
        job = place.Job("script", "b.py", {"b.py": b'"""x"""\n'}, versions={"no-such-package": "1"})
        outcome = started.run(job)
    finally:
        started.close()
    assert outcome.kind == "environment"
    assert outcome.message == "this worker lacks the package no-such-package (1)"


def test_file_outside_its_folder(tmp_path: Path) -> None:
    job = place.Job("script", "b.py", {"b.py": b"", "../../evil.py": b""})
    with pytest.raises(ValueError, match="leads out of its folder"):
        place.Place(tmp_path, job)


def start_runner(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run the command line in a project."""
    return subprocess.Popen(
        [sys.executable, "-m", "sitekit", "record", "--jobs", "2", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(SITEKIT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_runner_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    hang = f"""
        import os, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        with open({str(pipe)!r}, "w") as pipe:
            pipe.write(f"{{os.getpid()}} {{os.getppid()}} {{child.pid}}\\n")
        while True:
            pass
        """
    root = write_project(tmp_path / "project", {"quick": script("print(1)"), "hangs": script(hang)})
    process = start_runner(root)
    # Once this can be read, the example runs.
    pids = [int(pid) for pid in pipe.read_text(encoding="ascii").split()]
    processes = [psutil.Process(pid) for pid in pids]
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert "stopped; what was recorded stays" in out
        assert not [item for item in processes if item.is_running()]
    gone, alive = psutil.wait_procs(processes, timeout=10)
    assert len(gone) == 3
    assert not alive


def test_command_line(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"good": script("print(1)"), "bad": script("1 / 0")})
    process = start_runner(root)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "FAILED chapter/bad: cell 1, line 8\n  gallery/chapter/bad.py:8\n  ZeroDivisionError" in out
    assert out.endswith("examples: 0 from record, 1 run, 1 failed\n")
    process = start_runner(root, "chapter/good")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "examples: 1 from record, 0 run, 0 failed\n")
    process = start_runner(root, "--jobs", "-1")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--jobs is how many run at once; 0 is one per core" in out
    process = start_runner(root, "chapter/none")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no page chapter/none to run on cpu" in out


def test_device_that_is_not_there(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"one": script("print(1)")}, limits={"one": 'devices = ["xpu"]'})
    process = start_runner(root, "--device", "xpu")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "this machine has no xpu device that torch" in out


def test_device_that_no_page_names(tmp_path: Path) -> None:
    process = start_runner(write_project(tmp_path, {"one": script("print(1)")}), "--device", "cdua")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no page in curriculum.toml names the device 'cdua'" in out


def test_loader_with_workers(tmp_path: Path) -> None:
    text = script(
        """
        import torch
        from torch.utils.data import DataLoader
        """,
        """
        if __name__ == "__main__":
            loader = DataLoader(torch.arange(6.0), batch_size=2, num_workers=2)
            print([batch.tolist() for batch in loader])
            print(torch.get_num_threads())
        """,
        "x = torch.ones(2)\nx.view(2, 1)\nprint(torch.nn.Linear(1, 1).weight.shape)",
    )
    summary, store, _ = record(write_project(tmp_path, {"one": text}), memory_mib=2048)
    assert not summary.failures
    found = store.get("chapter/one", summary.records["chapter/one"].key)
    assert found
    assert found.cells[1].text == "[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]\n1\n"
    assert found.names["x.view"][0] == "torch:Tensor.view"
    assert "class torch.nn:Linear" in found.names["torch.nn.Linear"]


def test_unseeded_numbers_differ(tmp_path: Path) -> None:
    """A process that was forked must not repeat the random numbers of another."""
    text = script("import random\nimport numpy as np\nprint(random.random(), np.random.rand())")
    summary, store, _ = record(write_project(tmp_path, {"one": text, "two": text}))
    texts = {cells(summary, store, f"chapter/{name}")[0].text for name in ("one", "two")}
    assert len({number for text in texts for number in text.split()}) == 4


def test_record_is_read_with_suspicion(tmp_path: Path) -> None:
    """An example that writes its own results gains nothing but a failure."""
    text = script(
        """
        import json, os, pathlib
        root = pathlib.Path(__file__).parent.parent
        result = {"status": "done", "seconds": 1, "names": {}, "cells": [{"output": [["evil", "x"]]}]}
        (root / "result" / "result.json").write_text(json.dumps(result))
        (root / "result" / "..evil").write_text("x")
        os._exit(0)
        """
    )
    summary, store, _ = record(write_project(tmp_path, {"one": text}))
    (failed,) = summary.failures
    assert failed.outcome.kind == "lost"
    assert "results can't be read" in failed.outcome.message
    assert not list(store.folder.rglob("*.json"))


def test_dask_cluster_loses_nothing(tmp_path: Path) -> None:
    """Two workers on loopback, one killed during the run; neither has this package installed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pages = {
        f"page_{number}": script(f"import time\ntime.sleep(0.2)\nprint({number})") for number in range(8)
    }
    told = f"with open({str(pipe)!r}, 'w') as pipe:\n    pipe.write('x')"
    pages["first"] = script(told, "print('first')")
    pages["aborts"] = FAULTY["aborts"]
    project = Project.load(write_project(tmp_path / "project", pages))
    place = tmp_path / "scheduler.json"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    folder = str(Path(distributed.__file__).parent.parent)

    def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *arguments, "--no-dashboard"],
            env={**environment, "PYTHONPATH": folder},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    processes = [start("dask_scheduler", "--host=127.0.0.1", "--port=0", f"--scheduler-file={place}")]
    try:
        processes += [
            start(
                "dask_worker",
                f"--scheduler-file={place}",
                "--nthreads=1",
                kind,
                f"--local-directory={tmp_path}",
            )
            for kind in ("--no-nanny", "--nanny")
        ]
        address = None
        while not address:
            assert not [process for process in processes if process.poll() is not None]
            time.sleep(0.05)  # by this file alone the scheduler tells that it is there
            with contextlib.suppress(OSError, ValueError):
                address = json.loads(place.read_text(encoding="utf-8"))["address"]

        def kill_one() -> None:
            pipe.read_text(encoding="ascii")  # once this can be read, an example runs
            processes[1].kill()
            pipe.read_text(encoding="ascii")  # it may be the one that must run again

        threading.Thread(target=kill_one, daemon=True).start()
        store = Store(tmp_path / "store")
        with runner.dask_executor(address) as executor:
            summary = runner.record(
                examples.examples(project),
                store,
                examples.Options(project),
                executor=executor,
                out=io.StringIO(),
            )
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
    assert processes[1].returncode == -signal.SIGKILL
    assert summary.counts["script"] == [0, 9, 1]
    assert cells(summary, store, "chapter/page_7")[0].text == "7\n"


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_progress() -> None:
    """A bar on a terminal, which is gone in the end; plain lines elsewhere, as CI keeps them."""
    said = {}
    for out in (Terminal(), io.StringIO()):
        progress = results.Progress(4, 1, out)
        progress.finished("a/one", 9.0, failed=False, running=2)
        progress.finished("a/three", 9.0, failed=True, running=1)
        said[out.isatty()] = out.getvalue()
        progress.close()
        assert out.getvalue().removeprefix(said[out.isatty()]).strip(" \r") == ""
    left = r"\(\d\d:\d\d left, 1 from record"
    last = said[True].rpartition("\r")[2]
    assert re.fullmatch(rf"#{{18}} +\[3/4\] FAILED a/three in 9\.0 s {left}, 1 running, 1 failed\)", last)
    first, second = said[False].splitlines()
    assert re.fullmatch(rf"\[2/4\] done a/one in 9\.0 s {left}, 2 running, 0 failed\)", first)
    assert second.startswith("[3/4] FAILED a/three in 9.0 s (")
