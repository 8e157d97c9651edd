"""Figures on light and dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sitekit.execute import figures

matplotlib.use("agg")


@pytest.fixture
def figure() -> Any:
    """One of everything that changes its colour or must not."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(4, 2))
    left.plot([0, 1], [0, 1], "k--", label="black")
    left.plot([0, 1], [1, 0], color="C1", marker="o", markerfacecolor="white", label="colour")
    left.fill_between([0, 1], [0, 0.2], color="k", alpha=0.2)
    left.scatter([0.5], [0.5], c="black")
    left.text(0.1, 0.9, "boxed", bbox={"facecolor": "white", "edgecolor": "black"})
    left.annotate("arrow", (0.5, 0.5), (0.8, 0.2), arrowprops={"arrowstyle": "->"})
    left.legend()
    right.imshow(np.arange(4).reshape(2, 2), cmap="viridis")
    right.text(0, 0, "M", color="white", fontsize=30, ha="center", va="center")
    right.text(1, 1, "M", color="black", fontsize=30, ha="center", va="center")
    right.set_title("title")
    yield fig
    plt.close(fig)


def colours(fig: Any) -> list[str]:
    """Every colour of every artist."""
    names = ("get_color", "get_facecolor", "get_edgecolor", "get_markerfacecolor", "get_markeredgecolor")
    return [
        f"{type(artist).__name__} {name} {getattr(artist, name)()}"
        for artist in fig.findobj()
        for name in names
        if hasattr(artist, name)
    ]


def test_the_figure_stays_as_it_was(figure: Any, tmp_path: Path) -> None:
    figure.canvas.draw()
    before, density = colours(figure), figure.dpi
    figures.save(figure, tmp_path)
    assert colours(figure) == before
    assert figure.dpi == density


def test_dark(figure: Any) -> None:
    figure.dpi = 200
    with figures.recoloured(figure, figures._draw(figure)):
        texts = {text.get_text(): text for text in figure.findobj(matplotlib.text.Text)}
        light = ["black", "title", "arrow", "boxed"]
        assert all(min(matplotlib.colors.to_rgb(texts[name].get_color())) > 0.7 for name in light)
        left, right = figure.axes
        assert [text.get_color() for text in right.texts] == ["white", "black"]
        assert min(matplotlib.colors.to_rgb(left.lines[0].get_color())) > 0.7
        assert left.lines[1].get_color() == "C1"
        assert max(matplotlib.colors.to_rgb(left.lines[1].get_markerfacecolor())) < 0.2
        assert max(left.patch.get_facecolor()[:3]) < 0.2
        assert left.collections[0].get_facecolor()[0][3] == pytest.approx(0.2)
        assert min(left.spines["left"].get_edgecolor()[:3]) > 0.7


@pytest.mark.parametrize(("face", "dark"), [("#1f77b440", True), ("#fff0a0", False), ("white", True)])
def test_text_is_readable_on_what_stands_behind_it_in_the_dark(face: str, dark: bool) -> None:
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.axis("off")
    axes.add_patch(matplotlib.patches.Rectangle((0, 0), 1, 1, facecolor=face))
    text = axes.text(0.5, 0.5, "word", color="black")
    with figures.recoloured(figure, figures._draw(figure)):
        assert (min(matplotlib.colors.to_rgb(text.get_color())) > 0.7) == dark
    plt.close(figure)


def test_the_dark_image_is_laid_out_as_the_light_one_and_drawn_once(tmp_path: Path) -> None:
    """But for text that the light image misled about what it will stand on."""
    from matplotlib.figure import Figure

    for face, drawn in (("#1f77b4", 2), ("#1f77b440", 3)):
        made, grid = plt.subplots(2, 2, figsize=(3, 3), layout="constrained")
        for axes in grid.flat:
            axes.imshow(np.arange(9).reshape(3, 3), cmap="viridis")
            axes.set_title("word", bbox={"facecolor": face, "edgecolor": "none"})
        engine = made.get_layout_engine()
        with mock.patch.object(Figure, "draw", autospec=True, side_effect=Figure.draw) as draw:
            saved = figures.save(made, tmp_path)
        assert draw.call_count == drawn
        assert made.get_layout_engine() is engine
        images = (Image.open(tmp_path / name).convert("RGB") for name in (saved.light, saved.dark))
        light, dark = map(np.asarray, images)
        coloured = np.ptp(light.astype(int), axis=2) > 100  # viridis, but for its edges
        same = (light == dark).all(axis=2)
        assert same[coloured].mean() > 0.97
        plt.close(made)


def test_images(figure: Any, tmp_path: Path) -> None:
    saved = figures.save(figure, tmp_path)
    sizes = []
    for name in (saved.light, saved.dark, saved.png):
        with Image.open(tmp_path / name) as image:
            sizes.append(image.size)
        assert (tmp_path / name).stat().st_size < 60_000
    assert sizes == [(800, 400), (800, 400), (400, 200)]
    assert (saved.width, saved.height) == (400, 200)
    (tmp_path / "again").mkdir()
    again = figures.save(figure, tmp_path / "again")
    assert (tmp_path / saved.light).read_bytes() == (tmp_path / "again" / again.light).read_bytes()
    assert (tmp_path / saved.png).read_bytes() == (tmp_path / "again" / again.png).read_bytes()


def test_alt_texts() -> None:
    code = "plt.plot()\n# alt: a line\n#   that goes up\nplt.show()\n"
    code += "if x:\n    # alt: \u4e00\u6761\n    # \u7ebf\n    plt.show()\n"
    late = "# sphinx_gallery_defer_figures\n# alt: drawn here, shown below\n"
    assert figures.alt_texts([code, late, "# alt: two"]) == [
        ["a line that goes up", "\u4e00\u6761\u7ebf"],
        [],
        ["drawn here, shown below", "two"],
    ]
