"""matplotlib's backend in the kernels of notebook pages: PNG at twice the screen's density, as in examples."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import Image, display
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "show"]


def show(*args: Any, **kwargs: Any) -> None:
    """Display every open figure under the cell, and close it."""
    for number in plt.get_fignums():
        figure, file = plt.figure(number), io.BytesIO()
        figure.savefig(file, format="png", dpi=200, metadata={"Software": None})
        display(Image(file.getvalue(), width=round(figure.get_figwidth() * 100)))  # type: ignore[no-untyped-call]
    plt.close("all")
