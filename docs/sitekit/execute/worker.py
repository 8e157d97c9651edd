"""What happens in the process of one example: set it up, run it, write down what it gave.

`run` is called in a fresh process whose only purpose it is; it never returns. What it sets is what a reader's
``python script.py`` has, apart from three things: one thread, the Agg backend, and warnings that are errors.
"""

import contextlib
import io
import json
import logging
import os
import platform
import re
import sys
import textwrap
import time
import traceback
import types
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from .capture import Capture, Scrubber, machine_folders, plain, shown
from .cells import coded
from .device import CannotRun, check_device, facts
from .figures import scrape
from .keys import version
from .names import names_in
from .place import note_progress
from .raised import Compiler, Raised

ALLOWED_WARNINGS = (
    # `plt.show()` can't open a window here; the figure is saved when the cell ends.
    "UserWarning: FigureCanvasAgg is non-interactive",
)
LONGEST_ERROR = 300
"""Characters."""


class _Named(type):
    """The type of a warning that is known by its dotted name, for its package may be imported later or never."""

    def __subclasscheck__(cls, category: type) -> bool:
        module, _, name = cls.__name__.rpartition(".")
        return getattr(sys.modules.get(module or "builtins"), name, None) in category.__mro__


def warnings_are_errors(allowed: Iterable[str]) -> None:
    """Make every warning that a reader would see an error, but for those that are `allowed`."""
    warnings.resetwarnings()
    warnings.simplefilter("error")
    # As in Python's own list of what is not shown.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
    for category in (PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.filterwarnings("ignore", category=category)
    for item in (*ALLOWED_WARNINGS, *allowed):
        name, _, message = item.partition(":")
        named: Any = _Named(name, (Warning,), {})
        warnings.filterwarnings("ignore", message=re.escape(message.strip()), category=named)


# -- setting up


def _limit_memory(mib: float) -> None:
    """A second line after the keeper, for what grows faster than it looks: only this process, and CPU."""
    import psutil

    process: Any = psutil.Process()
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Linux has such limits
        _, hard = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + int(mib * 2**20), hard))


def _like_fresh_interpreter() -> None:
    """Undo what being forked from a process that imported much leaves behind."""
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed()
    if "torch" in sys.modules:
        import torch

        torch.default_generator.seed()


def _check_versions(wanted: Mapping[str, str]) -> None:
    for name, needed in wanted.items():
        found = platform.python_version() if name == "python" else version(name)
        if found == "none":
            raise CannotRun(f"this worker lacks the package {name} ({needed})")
        if found != needed:
            raise CannotRun(f"this worker has {name} {found}, not {needed}")


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
    _trace_crashes(root / "trace")
    scrub = Scrubber(machine_folders(root, job["hidden"]))
    capture = Capture(root)
    capture.listen(False)
    sys.path[:0] = [str(root / "work"), str(root / "lib")]
    result: dict[str, Any]
    try:
        _check_versions(job["versions"])
        check_device(job["device"])
        _like_fresh_interpreter()
        warnings_are_errors(job["allowed_warnings"])
        if job["kind"] == "notebook":
            from .notebook import run_notebook

            ran = run_notebook(root, job, capture, scrub)
        else:
            if job["device"] == "cpu":
                _limit_memory(job["memory_mib"])
            ran = _run_script(root, job, capture, scrub)
        result = {"status": "done", **facts(job["device"]), **ran}
    except CannotRun as error:
        result = {"status": "environment", "message": str(error)}
    except SystemExit as error:
        message = f"called sys.exit({error.code or 0!r})"
        result = {"status": "exit", "message": message, "line": _line(error, job)}
    except BaseException as error:
        notes = " ".join(f"({note})" for note in getattr(error, "__notes__", ()))
        message = scrub(plain(f"{_said(error)} {notes}".strip()))
        result = {"status": "error", "message": message, "line": _line(error, job)}
    (root / "result" / "result.json").write_text(json.dumps(result), encoding="utf-8")
    os._exit(0)


def _said(error: BaseException) -> str:
    """The error on one line, at most so long that one reads it."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", LONGEST_ERROR, placeholder=" …")


def _line(error: BaseException, job: Mapping[str, Any]) -> int | None:
    """The line of the example that `error` passed last."""
    if isinstance(error, SyntaxError) and Path(error.filename or "").name == job["script"]:
        return error.lineno
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((frame.lineno for frame in frames if Path(frame.filename).name == job["script"]), None)


# -- scripts, by Sphinx-Gallery


def _run_script(root: Path, job: Mapping[str, Any], capture: Capture, scrub: Scrubber) -> dict[str, Any]:
    from sphinx_gallery import gen_gallery, gen_rst, py_source_parser

    logging.getLogger("sphinx.sphinx-gallery").disabled = True
    script = root / "work" / job["script"]
    file_conf, blocks, node = py_source_parser.split_code_and_text_blocks(script, return_node=True)
    main = types.ModuleType("__main__", "")
    vars(main).update(__file__=str(script), input=gen_rst._check_input)
    sys.argv = [str(script)]
    script_vars: dict[str, Any] = {
        "execute_script": True,
        "fake_main": main,
        "image_path_iterator": (),
        "memory_delta": [],
        "src_file": str(script),
    }
    cells: list[Any] = []
    errors: list[BaseException] = []

    class Tee:
        """Stands in for Sphinx-Gallery's capture, which is deaf to child processes."""

        output = io.StringIO()

        def __init__(self, src_filename: Any) -> None:
            pass

        def set_std_and_reset_position(self) -> None:
            pass

        def restore_std(self) -> None:
            if capture.deaf_to is None:
                cells[-1].pieces += capture.take()
                capture.listen(False)

    def noting_error(info: Any, *_: Any) -> str:
        errors.append(info[1])
        return ""

    get_last_repr = gen_rst._get_last_repr

    def noting_value(wanted: tuple[str, ...], value: Any) -> Any:
        text, method = get_last_repr(wanted, value)
        if method and isinstance(text, str):
            cells[-1].kind, cells[-1].value = "html" if method == "_repr_html_" else "value", text
        return text, method

    gen_rst._LoggingTee, gen_rst.handle_exception, gen_rst._get_last_repr = Tee, noting_error, noting_value
    compiler, raised = Compiler(), Raised(root)
    began = time.monotonic()
    for number, block in enumerate((blocks[at] for at in coded(blocks)), 1):
        blank = len(block.content) - len(block.content.lstrip("\n"))
        note_progress(root, number, block.lineno + blank)
        cells.append(types.SimpleNamespace(pieces=[], figures=[], raised=[], kind="", value=""))
        conf = gen_gallery.DEFAULT_GALLERY_CONF | {
            "src_dir": str(root),
            "image_scrapers": scrape,
            "capture_repr": tuple(job["capture_repr"]),
            "recorded_figures": cells[-1].figures,
        }
        capture.listen(True)
        try:
            gen_rst.execute_code_block(compiler, block, vars(main), script_vars, conf, file_conf)
        except Exception as error:  # it saves what a cell that failed has drawn, and that can fail, too
            if not errors:
                raise
            errors[0].add_note(f"and drawing its figures: {_said(error)}")
        if errors:
            raise errors[0]
        cells[-1].raised = raised.take(scrub)
    seconds = time.monotonic() - began
    last = capture.take_last()
    if cells:
        cells[-1].pieces += last
        cells[-1].raised += raised.take(scrub)
    recorded = []
    for cell in cells:
        output = shown(cell.pieces, scrub)
        if cell.value:
            # Sphinx-Gallery leaves a line between what the cell wrote and its value.
            text = cell.value if cell.kind == "html" else "\n" * bool(cell.pieces) + plain(cell.value)
            output.append((cell.kind, scrub(text)))
        recorded.append({"output": output, "figures": cell.figures, "raised": cell.raised})
    return {"seconds": seconds, "names": names_in(blocks, vars(main), node), "cells": recorded}
