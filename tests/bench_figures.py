"""Print what saving figures takes: ``figure <seconds of CPU> <those of a plain savefig> <name>``, a line each."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sitekit.execute import figures

TIMES = 7


def line() -> Any:
    """One line."""
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    axes.plot(np.sin(np.linspace(0, 10, 200)))
    axes.set(xlabel="x", ylabel="y", title="title")
    return figure


def points() -> Any:
    """2,000 points."""
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    x, y = np.random.default_rng(0).normal(size=(2, 2000))
    axes.scatter(x, y, c=np.arange(2000) % 3, s=9)
    return figure


def images(rows: int, inches: float) -> Any:
    """Noise, which no format makes small."""
    random = np.random.default_rng(0)
    figure, grid = plt.subplots(rows, rows, figsize=(inches, inches), layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.imshow(random.random((256, 256)))
        axes.set_title("title")
    return figure


def seconds(call: Callable[[], Any]) -> float:
    """The processor time of `call`."""
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    """Measure each figure, both ways in turn."""
    made = {
        "one line": line(),
        "2,000 points": points(),
        "one image": images(1, 5),
        "nine images": images(3, 9),
    }
    with tempfile.TemporaryDirectory() as folder:
        place, png = Path(folder), Path(folder, "figure.png")
        for name, figure in made.items():
            plain = lambda figure=figure: figure.savefig(png, dpi=figures.DENSITY * figures.SCALE)  # noqa: E731
            ours = lambda figure=figure: figures.save(figure, place)  # noqa: E731
            took = [(seconds(ours), seconds(plain)) for _ in range(TIMES)]
            print("figure", *map(statistics.median, zip(*took, strict=True)), name)


if __name__ == "__main__":
    main()
