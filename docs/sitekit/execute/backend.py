"""Stands in for matplotlib's inline backend in the kernel of a page: figures go through `figures`.

The worker has the kernel call `start` before the page's first cell.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from matplotlib.backend_bases import FigureManagerBase, _Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg

from . import figures

__all__ = ["MIME", "start"]


MIME = "application/vnd.sitekit.figure+json"
_state: dict[str, Any] = {"folder": None, "numbers": itertools.count(1), "alts": []}


def _show_all() -> None:
    """Save and display every open figure."""
    import matplotlib.pyplot as plt
    from IPython import display

    for number in plt.get_fignums():
        alt = _state["alts"].pop(0) if _state["alts"] else ""
        path = _state["folder"] / f"figure-{next(_state['numbers']):03}.png"
        saved = figures.save(plt.figure(number), path, alt)
        value = {"width": saved.width, "height": saved.height, "alt": saved.alt, "png": path.name}
        show: Any = display.display
        show({MIME: value, "text/plain": "<Figure>"}, raw=True)
    plt.close("all")


@_Backend.export
class _BackendRecorded(_Backend):
    FigureCanvas = FigureCanvasAgg
    FigureManager = FigureManagerBase

    @staticmethod
    def show(*args: Any, **kwargs: Any) -> None:
        _show_all()


def start(folder: str) -> None:
    """Save the figures of the cells that follow in `folder`."""
    import matplotlib
    from IPython import get_ipython

    _state["folder"] = Path(folder)
    matplotlib.use(f"module://{__name__}")

    def before(info: Any) -> None:
        _state["alts"] = figures.alt_texts(info.raw_cell or "")

    def after(result: Any) -> None:
        import sys

        if result.success and "matplotlib.pyplot" in sys.modules:
            _show_all()

    shell = get_ipython()
    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
