"""Runs a page of Markdown with code cells, as Jupyter would, in the process of one example.

IPython runs the cells. What they display stands in order with what they write, which `capture` takes in.
matplotlib's backend is this module, so that ``plt.show()`` shows a figure where it stands.
"""

import re
import time
import traceback
import warnings
from base64 import b64encode
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.backends.backend_agg import FigureCanvasAgg
from traitlets.config import Config

from .capture import Capture, Scrubber, plain, shown
from .cells import markdown_cells
from .figures import save_open
from .place import note_progress
from .raised import NoteHandled, Raised

FigureCanvas = FigureCanvasAgg
"""Under this name matplotlib looks for it in a backend."""


def _bundle(kind: str, data: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """An output as nbformat has it."""
    texts = {
        name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in data.items()
    }
    return {"output_type": kind, "data": texts, "metadata": metadata or {}}


class _Publisher(DisplayPublisher):
    """Takes down what the cell that runs gives: what it wrote as pairs, outputs and figures as dictionaries."""

    root: Path
    capture: Capture
    raised: Raised
    outputs: list[Any]
    named: dict[str | None, dict[str, Any]]
    """The outputs that were displayed under a name, which can change."""

    def take(self, *outputs: dict[str, Any]) -> None:
        """Add `outputs`, after what was written before them."""
        self.outputs += [*self.capture.take(), *outputs]

    def publish(
        self, data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **__: Any
    ) -> None:
        """Add what is displayed, or put it in the place of what has its name."""
        output, name = _bundle("display_data", data, metadata), (transient or {}).get("display_id")
        if update:
            self.named.get(name, {}).update(output)
        else:
            self.named[name] = output
            self.take(output)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell gave so far."""
        self.capture.take()
        self.outputs.clear()

    def take_figures(self) -> None:
        """Save and add the open figures; what is written meanwhile is none of the page."""
        self.take()
        self.capture.listen(False)
        try:
            figures = save_open(self.root)
        finally:
            self.capture.listen(True)
        self.outputs += figures


class _Hook(DisplayHook):
    """Takes down the value of a cell's last expression."""

    shell: Any

    def write_output_prompt(self) -> None:
        """Write nothing."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Take it down."""
        self.shell.display_pub.take(_bundle("execute_result", format_dict, md_dict))


class _Shell(InteractiveShell):
    """Takes down an error as an output."""

    display_pub: Any

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        self.display_pub.raised.note(evalue)
        told = {"ename": etype.__name__, "evalue": str(evalue), "traceback": stb}
        self.display_pub.take({"output_type": "error", **told})


def show(*_: Any, **__: Any) -> None:
    """Show the open figures (called by matplotlib)."""
    _Shell.instance().display_pub.take_figures()


def _cell(outputs: list[Any], scrub: Scrubber) -> dict[str, Any]:
    """What a cell gave, as a record keeps it."""
    figures: list[dict[str, Any]] = []
    bundles: list[dict[str, Any]] = []
    written: list[tuple[str, str]] = []
    for is_text, run in groupby(outputs, key=lambda output: isinstance(output, tuple)):
        if is_text:
            pieces = shown(list(run), scrub)
            written += pieces
            bundles += [{"output_type": "stream", "name": name, "text": text} for name, text in pieces]
            continue
        for output in run:
            if "png" in output:
                bundles.append({"figure": len(figures)})
                figures.append(output)
                continue
            for kind, content in output.get("data", {}).items():
                if kind.startswith("text/") and isinstance(content, str):
                    output["data"][kind] = scrub(plain(content))
            bundles.append(output)
    return {"output": written, "figures": figures, "bundles": bundles}


def run_notebook(root: Path, job: Mapping[str, Any], capture: Capture, scrub: Scrubber) -> dict[str, Any]:
    """Execute the page of `job`, and return what the worker writes down."""
    with warnings.catch_warnings(action="ignore"):
        history = Config(HistoryManager={"enabled": False})
        shell: Any = _Shell.instance(config=history, displayhook_class=_Hook, display_pub_class=_Publisher)
        matplotlib.use(f"module://{__name__}")
    page = shell.display_pub
    page.root, page.capture, page.raised, page.named = root, capture, Raised(root), {}
    shell.ast_transformers.append(NoteHandled())
    recorded = []
    raised: list[list[tuple[str, str]]] = []
    began = time.monotonic()
    text = (root / "work" / job["script"]).read_text(encoding="utf-8")
    for number, cell in enumerate(markdown_cells(text), 1):
        page.outputs = []
        recorded.append(page.outputs)
        raised.append([])
        tags = re.findall(r"[\w-]+", " ".join(cell.options))
        if "skip-execution" in tags:
            continue
        note_progress(root, number, cell.line)
        capture.listen(True)
        ran = shell.run_cell(cell.code, store_history=True)
        error = ran.error_before_exec or ran.error_in_exec
        if error and "raises-exception" not in tags:
            frames = traceback.extract_tb(error.__traceback__)
            inside = next((frame.lineno for frame in frames if frame.name == "<module>"), None)
            line = cell.line - 1 + (inside or getattr(error, "lineno", None) or 1)
            message = scrub(plain(f"{type(error).__name__}: {error}"))
            return {"status": "error", "message": message, "line": line}
        page.take_figures()
        raised[-1] += page.raised.take(scrub)
        capture.listen(False)
    page.outputs += capture.take_last()
    seconds = time.monotonic() - began
    cells = [_cell(outputs, scrub) | {"raised": met} for outputs, met in zip(recorded, raised, strict=True)]
    return {"seconds": seconds, "names": {}, "cells": cells}
