"""What happens in the process of one example: set it up, run it, write down what it gave.

`run` is called in a fresh process whose only purpose it is; it never returns. What it sets is what a reader's
``python script.py`` has, apart from three things: one thread, the Agg backend, and warnings that are errors.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from .capture import Capture, Scrubber, machine_folders
from .cells import has_code
from .device import CannotRun, check_device, device_name, device_peak_mib, peak_mib, toolkit
from .names import names_in
from .place import keep_figure, note_progress
from .record import OUTPUT

__all__ = ["ALLOWED_WARNINGS", "run", "warnings_are_errors"]


ALLOWED_WARNINGS = (
    # `plt.show()` can't open a window here; the figure is saved when the cell ends.
    ("UserWarning", "FigureCanvasAgg is non-interactive"),
)
ESCAPES = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")  # as Sphinx-Gallery has it


def warnings_are_errors(allowed: Iterable[tuple[str, str]]) -> None:
    """Make every warning that a reader would see an error.

    Parameters
    ----------
    allowed
        Category, by its name among the built-in ones, and start of the message, a pattern.
    """
    import builtins

    warnings.resetwarnings()
    warnings.simplefilter("error")
    # As in Python's own list of what is not shown.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
    for category in (PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.filterwarnings("ignore", category=category)
    for name, message in allowed:
        warnings.filterwarnings("ignore", message=message, category=getattr(builtins, name))


# -- setting up


def _limit_memory(mib: float) -> None:
    """A second line after the keeper, for what grows faster than it looks: only this process, and CPU."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        import psutil

        now = psutil.Process().memory_info().vms
        limit = now + int(mib * 2**20)
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _like_fresh_interpreter() -> None:
    """Undo what being forked from a process that imported much leaves behind."""
    if "matplotlib" in sys.modules:
        import matplotlib

        matplotlib.rcdefaults()
        matplotlib.use("agg")
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed()
    if "torch" in sys.modules:
        import torch

        torch.default_generator.seed()


def _check_versions(wanted: Mapping[str, str]) -> None:
    for name, version in wanted.items():
        try:
            found = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            raise CannotRun(f"this worker lacks the package {name} ({version})") from None
        if found != version:
            raise CannotRun(f"this worker has {name} {found}, not {version}")


def _trace_crashes(path: Path) -> None:
    """Have crashes, and the keeper's signal, write down where they found the example."""
    import faulthandler
    import signal

    file = path.open("w", encoding="utf-8")
    faulthandler.enable(file, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file, all_threads=False)


def run(root: Path) -> NoReturn:
    """Run the example whose folder is `root`, write its results there, and end this process."""
    job = json.loads((root / "job.json").read_text(encoding="utf-8"))
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(root / "work")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    _trace_crashes(root / "trace")
    scrub = Scrubber(machine_folders(root, job["hidden"]))
    capture = Capture([root / "stdout", root / "stderr"], int(job["output_mib"] * 2**20), scrub)
    sys.path[:0] = [str(root / "work"), str(root / "lib")]
    result: dict[str, Any]
    try:
        _check_versions(job["versions"])
        check_device(job["device"])
        _like_fresh_interpreter()
        warnings_are_errors(job["allowed_warnings"])
        if job["kind"] == "notebook":
            from .notebook import run_notebook

            result = run_notebook(root, job, scrub)
        else:
            if job["device"] == "cpu":
                _limit_memory(job["memory_mib"])
            result = _run_script(root, job, capture)
    except CannotRun as error:
        result = {"status": "environment", "message": str(error)}
    except SystemExit as error:
        code = error.code if error.code is not None else 0
        result = {"status": "exit", "message": f"called sys.exit({code!r})", "line": _line(error, job)}
    except BaseException as error:
        message = scrub(f"{type(error).__name__}: {error}")
        result = {"status": "error", "message": message, "line": _line(error, job)}
    if result["status"] == "done":
        result["device_name"] = device_name(job["device"])
        result["versions"] = toolkit(job["device"])
        result["device_peak_mib"] = device_peak_mib(job["device"])
        result["peak_mib"] = peak_mib()
    content = json.dumps(result, ensure_ascii=True)
    new = root / "result" / "result.json.new"
    new.write_text(content, encoding="utf-8")
    new.rename(new.with_suffix(""))
    os._exit(0)


def _line(error: BaseException, job: Mapping[str, Any]) -> int | None:
    """The line of the example that `error` passed last."""
    import traceback

    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.basename(frame.filename) == job["script"]  # noqa: PTH119
    ]
    return lines[-1] if lines else None


# -- scripts, by Sphinx-Gallery


def _reset_argv(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """Make the stand-in ``__main__`` one that children can import (called when it exists)."""
    script_vars["example_globals"].update(__file__=script_vars["src_file"], __spec__=None)
    return []


def _run_script(root: Path, job: Mapping[str, Any], capture: Capture) -> dict[str, Any]:
    import logging

    from sphinx_gallery import gen_gallery, gen_rst, py_source_parser, scrapers

    for name in ("sphinx", "sphinx.sphinx-gallery"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    script = root / "work" / job["script"]
    recorded: list[tuple[int, Any]] = []
    conf = copy.deepcopy(gen_gallery.DEFAULT_GALLERY_CONF) | {
        "src_dir": str(root / "work"),
        "image_scrapers": (f"{__package__}.figures.scrape",),
        "capture_repr": (),
        "plot_gallery": True,
        "reset_argv": _reset_argv,
        "recorded_figures": recorded,
    }
    file_conf, blocks, node = py_source_parser.split_code_and_text_blocks(script, return_node=True)
    cells = [block for block in blocks if block.type == "code" and has_code(block.content)]
    numbers = {block.lineno: number for number, block in enumerate(cells, 1)}
    outputs: list[list[tuple[str, str]]] = []

    class Tee(gen_rst._LoggingTee):  # type: ignore[misc]
        """Hands Sphinx-Gallery our capture in place of its own, which is deaf to child processes."""

        def __init__(self, src_filename: Any) -> None:
            self.closed = False

        def set_std_and_reset_position(self) -> Tee:
            return self

        def restore_std(self) -> None:
            capture.end()

        @property
        def output(self) -> io.StringIO:
            return io.StringIO("".join(text for _, text in capture.written))

    execute_block = gen_rst.execute_code_block

    def noting(compiler: Any, block: Any, *rest: Any) -> Any:
        if block.type != "code" or not has_code(block.content):
            return execute_block(compiler, block, *rest)
        blank = len(block.content) - len(block.content.lstrip("\n"))
        note_progress(root, numbers[block.lineno], block.lineno + blank)
        capture.begin()
        try:
            return execute_block(compiler, block, *rest)
        finally:
            capture.end()
            outputs.append(capture.written)

    gen_rst._LoggingTee, gen_rst.execute_code_block = Tee, noting
    template = str(root / "images" / f"{script.stem}_{{0:03}}.png")
    script_vars = {
        "execute_script": True,
        "image_path_iterator": scrapers.ImagePathIterator(template),
        "src_file": str(script),
        "target_file": str(script),
    }
    sys.argv = [str(script)]
    rst, seconds = gen_rst.execute_script(blocks, script_vars, conf, file_conf)
    if "formatted_exception" in script_vars:
        return _failure(capture.scrub(str(script_vars["formatted_exception"])), job, cells)
    capture.begin()
    _end_children()
    capture.end()
    names = names_in(blocks, script_vars["example_globals"], node)
    return {
        "status": "done",
        "seconds": seconds,
        "names": names,
        "cells": list(_cells(root, blocks, numbers, rst, outputs, capture.written, recorded)),
    }


def _failure(text: str, job: Mapping[str, Any], cells: Sequence[Any]) -> dict[str, Any]:
    """What a traceback says: the error, and where in the example."""
    lines = re.findall(rf'File "[^"]*{re.escape(job["script"])}", line (\d+)', text)
    line = int(lines[-1]) if lines else None
    reached = [number for number, cell in enumerate(cells, 1) if line and cell.lineno <= line]
    said = [said for said in text.splitlines()[1:] if said and not said[0].isspace()]
    message = said[0] if said else text.strip()
    return {"status": "error", "message": message, "line": line, "cell": reached[-1] if reached else None}


def _end_children() -> None:
    """What `multiprocessing` does when an interpreter ends: join its children, end its daemons."""
    if util := sys.modules.get("multiprocessing.util"):
        util._exit_function()


def _cells(
    root: Path,
    blocks: Sequence[Any],
    numbers: Mapping[int, int],
    rst: Sequence[str],
    outputs: Sequence[list[tuple[str, str]]],
    late: Sequence[tuple[str, str]],
    recorded: Sequence[tuple[int, Any]],
) -> Iterator[dict[str, Any]]:
    for block, text in zip(blocks, rst, strict=True):
        number = numbers.get(block.lineno) if block.type == "code" else None
        if number is None:
            continue
        written = outputs[number - 1]
        text = _without_text(text, "".join(line for _, line in written))
        if number == len(numbers) and late:
            written = [*written, *late]
            text = text if OUTPUT in text else f"{text}\n\n{OUTPUT}"
        figures = [saved for line, saved in recorded if line == block.lineno]
        yield {
            "output": written,
            "rst": text,
            "figures": [keep_figure(root, saved) for saved in figures],
        }


def _without_text(rst: str, written: str) -> str:
    """Sphinx-Gallery's output block with a line in place of what was written."""
    from textwrap import indent

    from sphinx_gallery.gen_rst import CODE_OUTPUT

    shown = ESCAPES.sub("", CODE_OUTPUT.format(indent(written.expandtabs(), " " * 4)))
    return rst.replace(shown, OUTPUT, 1).strip("\n") if written.strip() else rst.strip("\n")
