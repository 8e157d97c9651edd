"""Runs a page of Markdown with code cells, in the process of one example.

The page is executed by nbclient in a kernel of its own, which is a child of this process and shares its
folder, environment and limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ..project.files import PACKAGE
from .capture import Scrubber, plain, shown
from .cells import markdown_cells
from .figures import Saved
from .place import keep_figure, note_progress

__all__ = ["MIME", "run_notebook"]


MIME = "application/vnd.sitekit+json"
"""What the kernel tells: a figure, a piece of text, or an error that IPython would swallow."""
SETUP = """
import sys
sys.path.insert(0, {package!r})
from {name}.backend import start
from {name}.worker import warnings_are_errors
sys.path.remove({package!r})
warnings_are_errors({allowed!r})
start({root!r})
del start, warnings_are_errors, sys
"""
FINISH = "__import__({name!r}, fromlist=['finish']).finish()"


def _cell(outputs: list[Any], scrub: Scrubber, root: Path) -> dict[str, Any]:
    """What a cell gave, as a record keeps it."""
    figures: list[dict[str, Any]] = []
    bundles: list[dict[str, Any]] = []
    written: list[tuple[str, str]] = []
    for is_text, run in groupby(outputs, key=lambda value: "stream" in value.get("data", {}).get(MIME, {})):
        if is_text:
            told = [(value["data"][MIME]["stream"], value["data"][MIME]["text"]) for value in run]
            pieces = shown(told, scrub)
            written += pieces
            bundles += [{"output_type": "stream", "name": name, "text": text} for name, text in pieces]
            continue
        for value in run:
            if entry := value.get("data", {}).get(MIME):
                png = root / "images" / Path(entry["png"]).name
                light, dark = (png.with_name(f"{png.stem}-{theme}.webp") for theme in ("light", "dark"))
                figures.append(keep_figure(root, Saved(entry["width"], entry["height"], light, dark, png)))
                bundles.append({"figure": len(figures) - 1})
                continue
            value.pop("execution_count", None)
            for kind, content in value.get("data", {}).items():
                if kind.startswith("text/") and isinstance(content, str):
                    value["data"][kind] = scrub(plain(content))
            bundles.append(value)
    return {"output": written, "figures": figures, "bundles": bundles}


def run_notebook(root: Path, job: Mapping[str, Any], scrub: Scrubber) -> dict[str, Any]:
    """Execute the page of `job`, and return what the worker writes down."""
    import time

    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cells = markdown_cells((root / "work" / job["script"]).read_text(encoding="utf-8"))
    new_cell: Callable[..., Any] = nbformat.v4.new_code_cell
    new_notebook: Callable[..., Any] = nbformat.v4.new_notebook
    setup = SETUP.format(
        package=str(PACKAGE.parent),
        name=__package__,
        root=str(root),
        allowed=job["allowed_warnings"],
    )
    codes = [setup, *(cell.code for cell in cells), FINISH.format(name=f"{__package__}.backend")]
    page = new_notebook(cells=[new_cell(code) for code in codes])
    first, *nodes, last = page.cells
    for cell, node in zip(cells, nodes, strict=True):
        node.metadata["tags"] = re.findall(r"[\w-]+", " ".join(cell.options))
    (root / "images").mkdir()
    client = NotebookClient(
        page, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(root / "work")}}
    )
    started = time.monotonic()
    number, line = 0, 0
    try:
        with client.setup_kernel():
            client.execute_cell(first, 0, store_history=False)
            for number, (cell, node) in enumerate(zip(cells, nodes, strict=True), 1):
                line = cell.line
                note_progress(root, number, line)
                client.execute_cell(node, number)
                for value in node.outputs:
                    if fault := value.get("data", {}).get(MIME, {}).get("error"):
                        return {"status": "error", "message": scrub(fault), "cell": number, "line": line}
            client.execute_cell(last, number + 1)
    except CellExecutionError as error:
        text = plain(error.traceback)
        found = re.findall(r"(?:Cell In\[\d+\], line |^-+> ?)(\d+)", text, re.MULTILINE)
        return {
            "status": "error",
            "message": scrub(plain(f"{error.ename}: {error.evalue}")),
            "cell": number or None,
            "line": line + int(found[0]) - 1 if found and line else line or None,
        }
    outputs = [json.loads(json.dumps(node.outputs)) for node in nodes]
    outputs[-1] += json.loads(json.dumps(last.outputs))
    recorded = [_cell(found, scrub, root) for found in outputs]
    seconds = time.monotonic() - started
    return {"status": "done", "seconds": seconds, "names": {}, "cells": recorded}
