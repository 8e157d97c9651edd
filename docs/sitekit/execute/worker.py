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
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from .capture import Capture, Scrubber, machine_folders, plain, shown
from .cells import coded
from .device import CannotRun, check_device, device_name, device_peak_mib, peak_mib, toolkit
from .names import names_in
from .place import keep_figure, note_progress

__all__ = ["run", "warnings_are_errors"]


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
    capture = Capture(root, int(job["output_mib"] * 2**20))
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
            result = _run_script(root, job, capture, scrub)
    except CannotRun as error:
        result = {"status": "environment", "message": str(error)}
    except SystemExit as error:
        code = error.code if error.code is not None else 0
        result = {"status": "exit", "message": f"called sys.exit({code!r})", "line": _line(error, job)}
    except BaseException as error:
        notes = " ".join(f"({note})" for note in getattr(error, "__notes__", ()))
        message = scrub(f"{_said(error)} {notes}".strip())
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


def _said(error: BaseException) -> str:
    """The error on one line, at most so long that one reads it."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", LONGEST_ERROR, placeholder=" …")


def _line(error: BaseException, job: Mapping[str, Any]) -> int | None:
    """The line of the example that `error` passed last."""
    import traceback

    if isinstance(error, SyntaxError) and Path(error.filename or "").name == job["script"]:
        return error.lineno
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


def _run_script(root: Path, job: Mapping[str, Any], capture: Capture, scrub: Scrubber) -> dict[str, Any]:
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
        "capture_repr": tuple(job["capture_repr"]),
        "plot_gallery": True,
        "reset_argv": _reset_argv,
        "recorded_figures": recorded,
    }
    file_conf, blocks, node = py_source_parser.split_code_and_text_blocks(script, return_node=True)
    cells = [blocks[at] for at in coded(blocks)]
    written: list[list[tuple[str, str]]] = []
    values: dict[int, tuple[str, str]] = {}
    errors: list[BaseException] = []

    def end_cell() -> None:
        if capture.deaf_to is None:
            written.append(capture.take())
            capture.listen(False)

    class Tee(gen_rst._LoggingTee):  # type: ignore[misc]
        """Hands Sphinx-Gallery our capture in place of its own, which is deaf to child processes."""

        def __init__(self, src_filename: Any) -> None:
            self.closed = False
            self.output = io.StringIO()

        def set_std_and_reset_position(self) -> Tee:
            return self

        def restore_std(self) -> None:
            end_cell()

    def noting_error(info: Any, *_: Any) -> str:
        errors.append(info[1])
        script_vars["execute_script"] = False
        return ""

    execute_block, get_last_repr = gen_rst.execute_code_block, gen_rst._get_last_repr

    def noting(compiler: Any, block: Any, *rest: Any) -> Any:
        if block not in cells:
            return ""
        blank = len(block.content) - len(block.content.lstrip("\n"))
        note_progress(root, cells.index(block) + 1, block.lineno + blank)
        capture.listen(True)
        try:
            execute_block(compiler, block, *rest)
        except Exception as error:  # it saves what a cell that failed has drawn, and that can fail, too
            if not errors:
                raise
            errors[0].add_note(f"and drawing its figures: {_said(error)}")
        finally:
            end_cell()
        return ""

    def noting_value(wanted: tuple[str, ...], value: Any) -> Any:
        text, method = get_last_repr(wanted, value)
        if method and isinstance(text, str):
            values[len(written)] = ("html" if method == "_repr_html_" else "value", text)
        return text, method

    gen_rst._LoggingTee, gen_rst.handle_exception = Tee, noting_error
    gen_rst.execute_code_block, gen_rst._get_last_repr = noting, noting_value
    template = str(root / "images" / f"{script.stem}_{{0:03}}.png")
    script_vars: dict[str, Any] = {
        "execute_script": True,
        "image_path_iterator": scrapers.ImagePathIterator(template),
        "src_file": str(script),
        "target_file": str(script),
    }
    sys.argv = [str(script)]
    capture.listen(False)
    _, seconds = gen_rst.execute_script(blocks, script_vars, conf, file_conf)
    if errors:
        raise errors[0]
    capture.listen(True)
    _end_as_python_does()
    if cells:
        written[-1] += capture.take()
    capture.listen(False)
    return {
        "status": "done",
        "seconds": seconds,
        "names": names_in(blocks, script_vars["example_globals"], node),
        "cells": [
            {
                "output": [*shown(pieces, scrub), *_value(values.get(number), pieces, scrub)],
                "figures": [keep_figure(root, saved) for line, saved in recorded if line == cell.lineno],
            }
            for number, (cell, pieces) in enumerate(zip(cells, written, strict=True), 1)
        ],
    }


def _value(
    value: tuple[str, str] | None, pieces: Sequence[tuple[str, str]], scrub: Scrubber
) -> Iterator[tuple[str, str]]:
    """The text of a cell's last expression, a blank line below what the cell wrote, as Sphinx-Gallery shows it."""
    if value and value[1]:
        kind, text = value
        yield kind, scrub(text if kind == "html" else "\n" * bool(pieces) + plain(text))


def _end_as_python_does() -> None:
    """Wait for the threads of the example, and call what it registered for the end.

    Raises
    ------
    Exception
        What such a call raised, which Python only prints.
    """
    import atexit
    import threading

    raised: list[BaseException] = []
    sys.unraisablehook = lambda found: raised.append(found.exc_value) if found.exc_value else None
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()  # among others `multiprocessing` joins its children then
    if raised:
        raise raised[0]
