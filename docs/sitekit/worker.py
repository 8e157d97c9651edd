"""What happens in the process of one example: set it up, run it, write down what it gave.

`run` is called in a fresh process whose only purpose it is; it never returns. What it sets is what a reader's
``python script.py`` has, apart from three things: one thread, the Agg backend, and warnings that are errors.
"""

from __future__ import annotations

import ast
import codecs
import contextlib
import copy
import io
import json
import os
import platform
import re
import site
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from .keys import has_code
from .record import OUTPUT, file_name

__all__ = ["ALLOWED_WARNINGS", "run", "warnings_are_errors"]

ALLOWED_WARNINGS = (
    # `plt.show()` can't open a window here; the figure is saved when the cell ends.
    ("UserWarning", "FigureCanvasAgg is non-interactive"),
)
OVERWRITTEN = re.compile(r"[^\n]*\r")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]")
ESCAPES = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")  # as Sphinx-Gallery has it


class Reading(Exception):
    """The example can't run here, or is not one; the message says why."""


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


# -- text


class Scrubber:
    """Takes this machine's folders out of texts, and what a page can't hold."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._known = {folder.rstrip(os.sep): shown for folder, shown in folders.items() if len(folder) > 1}
        longest = sorted(map(re.escape, self._known), key=len, reverse=True)
        self._pattern = re.compile(rf"({'|'.join(longest)})({re.escape(os.sep)}|(?![\w.-]))")

    def _shown(self, match: re.Match[str]) -> str:
        replacement = self._known[match[1]]
        if match[2]:
            return replacement + "/" if replacement else ""
        return replacement or "."

    def __call__(self, text: str) -> str:
        """`text` as a terminal would show it on any machine."""
        text = OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
        return CONTROL.sub("\ufffd", self._pattern.sub(self._shown, text))


def _folders(root: Path, hidden: Mapping[str, str]) -> dict[str, str]:
    folders = {str(root / "work"): "", str(root / "lib"): "", str(root / "tmp"): "/tmp"}
    folders |= {str(root / "home"): "~", **hidden}
    places = [*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")]
    folders |= dict.fromkeys(places, "")
    folders |= {os.path.dirname(os.__file__): "lib", sys.prefix: "python", sys.base_prefix: "python"}  # noqa: PTH120
    return folders | {os.path.realpath(folder): shown for folder, shown in folders.items()}


class Capture:
    """Everything that the process and its children write, in order.

    Standard output and error are two files. Text written through Python is in them at once, and before
    each such write what others wrote meanwhile is read, so the order is that of a terminal.
    """

    def __init__(self, streams: Sequence[Path], limit_bytes: int, scrub: Callable[[str], str]) -> None:
        self._limit, self.scrub = limit_bytes, scrub
        self._open = False
        self._chunks: list[tuple[str, str]] = []
        self.written: list[tuple[str, str]] = []
        decoder = codecs.getincrementaldecoder("utf-8")
        self._files = []
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        for number, (name, path) in enumerate(zip(("stdout", "stderr"), streams, strict=True), 1):
            handle = os.open(path, flags)
            os.dup2(handle, number)
            os.close(handle)
            self._files.append((name, path.open("rb", buffering=0), decoder("replace")))
            stream = _Stream(self, number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

    def collect(self) -> None:
        """Take in what was written since the last time."""
        for name, file, decoder in self._files:
            content = file.read(self._limit + 1)
            if content and (text := decoder.decode(content)):
                if self._chunks and self._chunks[-1][0] == name:
                    text = self._chunks.pop()[1] + text
                self._chunks.append((name, text))

    def begin(self) -> None:
        """Start a cell; what was written since the last one belongs to it."""
        self._open = True

    def end(self) -> None:
        """End the cell, once: `written` is what it wrote, streams and texts in order."""
        if not self._open:
            return
        self._open = False
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        self.collect()
        self.written = [(name, self.scrub(text)) for name, text in self._chunks]
        self._chunks = []


class _Stream(io.TextIOWrapper):
    """Standard output or error, unbuffered."""

    def __init__(self, capture: Capture, number: int) -> None:
        self._capture = capture
        raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
        errors = "strict" if number == 1 else "backslashreplace"
        super().__init__(raw, encoding="utf-8", errors=errors, write_through=True)
        self._owner = os.getpid()

    def write(self, text: str) -> int:
        """Write `text` at once."""
        if os.getpid() != self._owner:  # a forked child shares the file, not the reading of it
            return super().write(text)
        self._capture.collect()
        written = super().write(text)
        self._capture.collect()
        return written


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
            raise Reading(f"this worker lacks the package {name} ({version})") from None
        if found != version:
            raise Reading(f"this worker has {name} {found}, not {version}")


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    found = torch.accelerator.current_accelerator()
    if found is None or found.type != device or not torch.accelerator.is_available():
        raise Reading(f"this machine has no {device} device that torch {torch.__version__} can use")


def _device_name(device: str) -> str:
    if device != "cpu":
        import torch

        name = getattr(getattr(torch, device), "get_device_name", None)
        return str(name(0)) if name else device
    with contextlib.suppress(OSError):
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        if match:
            return " ".join(match[1].split())
    return platform.processor() or platform.machine()


def _toolkit(device: str) -> dict[str, str]:
    if device == "cpu":
        return {}
    import torch

    version = getattr(torch.version, device, None)
    return {device: version} if isinstance(version, str) else {}


def _peak_mib() -> float:
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return 0.0


def _device_peak_mib(device: str) -> float | None:
    if device == "cpu":
        return None
    import torch

    peak = getattr(getattr(torch, device), "max_memory_allocated", None)
    return peak() / 2**20 if peak else None


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
    scrub = Scrubber(_folders(root, job["hidden"]))
    capture = Capture([root / "stdout", root / "stderr"], int(job["output_mib"] * 2**20), scrub)
    sys.path[:0] = [str(root / "work"), str(root / "lib")]
    result: dict[str, Any]
    try:
        _check_versions(job["versions"])
        _check_device(job["device"])
        _like_fresh_interpreter()
        warnings_are_errors(job["allowed_warnings"])
        if job["kind"] == "notebook":
            from .notebook import run_notebook

            result = run_notebook(root, job, scrub)
        else:
            if job["device"] == "cpu":
                _limit_memory(job["memory_mib"])
            result = _run_script(root, job, capture)
    except Reading as error:
        result = {"status": "environment", "message": str(error)}
    except SystemExit as error:
        code = error.code if error.code is not None else 0
        result = {"status": "exit", "message": f"called sys.exit({code!r})", "line": _line(error, job)}
    except BaseException as error:
        message = scrub(f"{type(error).__name__}: {error}")
        result = {"status": "error", "message": message, "line": _line(error, job)}
    if result["status"] == "done":
        result["device_name"] = _device_name(job["device"])
        result["versions"] = _toolkit(job["device"])
        result["device_peak_mib"] = _device_peak_mib(job["device"])
        result["peak_mib"] = _peak_mib()
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


def note_progress(root: Path, number: int, line: int) -> None:
    """Tell the keeper which cell runs from now on, should it be the last."""
    (root / "cell").write_text(f"{number} {line}", encoding="ascii")


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
    names = _names(blocks, script_vars["example_globals"], node)
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


def keep_figure(root: Path, saved: Any) -> dict[str, Any]:
    """Move the images of a figure among the results, named by their content."""
    value = {"width": saved.width, "height": saved.height, "alt": saved.alt}
    for name in ("light", "dark", "png"):
        path = getattr(saved, name)
        content = path.read_bytes()
        value[name] = file_name(content, path.suffix)
        path.replace(root / "result" / value[name])
    return value


def _names(blocks: Sequence[Any], variables: dict[str, Any], node: Any) -> dict[str, list[str]]:
    """The names in the code, each with the public objects it may stand for, likeliest first.

    An object is written ``module:name``, a class ``class module:name``.
    """
    from sphinx_gallery.backreferences import identify_names

    codes = [block for block in blocks if block.type == "code"]
    guesses: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guesses |= _methods(codes, variables)
        for name, objects in identify_names(codes, "(?!)", variables, node).items():
            for item in objects:
                mark = "class " if item["is_class"] else ""
                for module in (item["module_short"], item["module"]):
                    guesses.setdefault(name, []).append(f"{mark}{module}:{item['name']}")
    public = {
        name: [guess for guess in dict.fromkeys(found) if not re.search(r"(^|[ .:])(_|builtins:)", guess)]
        for name, found in guesses.items()
    }
    return {name: found for name, found in sorted(public.items()) if found}


def _methods(blocks: Sequence[Any], variables: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Methods and attributes of objects, which Sphinx-Gallery finds only where Python defines them.

    Of ``x.view`` each class of `x` that has it is a guess, in the order of inheritance.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse("\n".join(block.content for block in blocks))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add(f"{node.value.id}.{node.attr}")
    for name in sorted(names):
        variable, attribute = name.split(".")
        owner = type(variables.get(variable))
        if variable not in variables or owner.__module__ in {"builtins", "__main__"}:
            continue
        if not any(attribute in vars(base) for base in owner.__mro__):
            continue
        objects = []
        for base in owner.__mro__:
            parts = base.__module__.split(".") if hasattr(base, attribute) else []
            for depth in range(len(parts), 0, -1):
                module = ".".join(parts[:depth])
                if getattr(sys.modules.get(module), base.__name__, None) is base:
                    objects.append(f"{module}:{base.__qualname__}.{attribute}")
        if objects:
            yield name, objects
