"""Runs a page of Markdown with code cells, in the process of one example.

The page is executed by nbclient in a kernel of its own, which is a child of this process and shares its
folder, environment and limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..project.files import PACKAGE
from .cells import markdown_cells
from .place import keep_figure, note_progress

__all__ = ["run_notebook"]


SETUP = """
import sys
sys.path.insert(0, {package!r})
from {name}.backend import start
from {name}.worker import warnings_are_errors
sys.path.remove({package!r})
start({folder!r})
warnings_are_errors({allowed!r})
del start, warnings_are_errors, sys
"""
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def _output(value: Any, scrub: Callable[[str], str], figures: list[dict[str, Any]], root: Path) -> Any:
    """An output of nbclient as a record keeps it."""
    from .backend import MIME
    from .figures import Saved

    value = json.loads(json.dumps(value))
    if MIME in value.get("data", {}):
        entry = value["data"][MIME]
        png = root / "images" / Path(entry["png"]).name
        light, dark = (png.with_name(f"{png.stem}-{theme}.webp") for theme in ("light", "dark"))
        saved = Saved(entry["width"], entry["height"], entry["alt"], light, dark, png)
        figures.append(keep_figure(root, saved))
        return {"figure": len(figures) - 1}
    value.pop("execution_count", None)
    if "text" in value:
        value["text"] = scrub(value["text"])
    for kind, content in value.get("data", {}).items():
        if kind.startswith("text/") and isinstance(content, str):
            value["data"][kind] = scrub(content)
    return value


def run_notebook(root: Path, job: Mapping[str, Any], scrub: Callable[[str], str]) -> dict[str, Any]:
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
        folder=str(root / "images"),
        allowed=[tuple(item) for item in job["allowed_warnings"]],
    )
    page = new_notebook(cells=[new_cell(setup), *(new_cell(cell.code) for cell in cells)])
    for cell, node in zip(cells, page.cells[1:], strict=True):
        node.metadata["tags"] = re.findall(r"[\w-]+", " ".join(cell.options))
    (root / "images").mkdir()
    client = NotebookClient(
        page, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(root / "work")}}
    )
    started = time.monotonic()
    number, line = 0, 0
    try:
        with client.setup_kernel():
            client.execute_cell(page.cells[0], 0, store_history=False)
            for number, (cell, node) in enumerate(zip(cells, page.cells[1:], strict=True), 1):
                line = cell.line
                note_progress(root, number, line)
                client.execute_cell(node, number)
    except CellExecutionError as error:
        text = ESCAPES.sub("", error.traceback)
        found = re.findall(r"(?:Cell In\[\d+\], line |^-+> ?)(\d+)", text, re.MULTILINE)
        return {
            "status": "error",
            "message": scrub(f"{error.ename}: {ESCAPES.sub('', str(error.evalue))}"),
            "cell": number or None,
            "line": line + int(found[0]) - 1 if found and line else line or None,
        }
    recorded = []
    for node in page.cells[1:]:
        figures: list[dict[str, Any]] = []
        bundles = [_output(value, scrub, figures, root) for value in node.outputs]
        written = [
            (bundle["name"], bundle["text"]) for bundle in bundles if bundle.get("output_type") == "stream"
        ]
        recorded.append({"output": written, "rst": "", "figures": figures, "bundles": bundles})
    seconds = time.monotonic() - started
    return {"status": "done", "seconds": seconds, "names": {}, "cells": recorded}
