"""Stands in for matplotlib's inline backend, and for Jupyter's streams, in the kernel of a page.

Figures go through `figures`, text through `capture`. The worker has the kernel call `start` before the page's
first cell, and `finish` after its last.
"""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path
from typing import Any

from matplotlib.backend_bases import FigureManagerBase, _Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg

from . import figures
from .capture import Capture
from .notebook import MIME
from .place import saving

__all__ = ["finish", "start"]


_state: dict[str, Any] = {"folder": None, "numbers": itertools.count(1)}


def _tell(value: dict[str, Any]) -> None:
    from IPython import display

    show: Any = display.display
    show({MIME: value, "text/plain": ""}, raw=True)


def _tell_text() -> None:
    """Send what was written so far, before anything else is sent."""
    if threading.current_thread() is threading.main_thread():
        for name, text in _state["capture"].read():
            _tell({"stream": name, "text": text})


def _show_all() -> None:
    """Save and display every open figure."""
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        path = _state["folder"] / f"figure-{next(_state['numbers']):03}.png"
        _state["capture"].listen(False)
        try:
            with saving(path.parent.parent):
                saved = figures.save(plt.figure(number), path)
        finally:
            _state["capture"].listen(True)
        _tell({"width": saved.width, "height": saved.height, "png": path.name})
    plt.close("all")


@_Backend.export
class _BackendRecorded(_Backend):
    FigureCanvas = FigureCanvasAgg
    FigureManager = FigureManagerBase

    @staticmethod
    def show(*args: Any, **kwargs: Any) -> None:
        _show_all()


def start(root: str) -> None:
    """Save the figures of the cells that follow in the folder `root`, and take in what they write."""
    import matplotlib
    from IPython import get_ipython

    _state["folder"], _state["threads"] = Path(root, "images"), threading.enumerate()
    matplotlib.use(f"module://{__name__}")

    def after(result: Any) -> None:
        if result.success and "matplotlib.pyplot" in sys.modules:
            try:
                _show_all()
            except Exception as error:
                _tell({"error": f"{type(error).__name__}: {error}"})

    get_ipython().events.register("post_run_cell", after)
    _state["capture"] = Capture(Path(root), flushed=_tell_text)


def finish() -> None:
    """Wait for the threads that the page has started, as Python does when a script ends."""
    for thread in threading.enumerate():
        if thread not in _state["threads"] and not thread.daemon:
            thread.join()
