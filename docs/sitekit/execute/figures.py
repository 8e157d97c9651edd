"""Saves the figures of an example, in a light and a dark version, and reads the text that describes each.

Sphinx-Gallery calls `scrape`, named by this dotted string in its configuration, after every code cell.
Of each figure there are two images for the page (lossless WebP, twice the screen's density) and a PNG of
the light one for tests, thumbnails and cards (at the screen's density).

The dark image is the same figure drawn again, not an inverted picture: text, axes and other neutral lines
change from ink on paper to light on dark, colours stay, and so does text that stands on a colour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..markup.units import join_lines
from .place import saving

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Picture = np.ndarray[Any, Any]

__all__ = ["Saved", "alt_texts", "recoloured", "save", "scrape"]


ALT = re.compile(r"^[ \t]*# alt: (?P<first>.*)$(?P<rest>(?:\n[ \t]*# .*$)*)", re.MULTILINE)
DEFERRED = re.compile(r"^[ \t]*#\s*sphinx_gallery_defer_figures[ \t]*$", re.MULTILINE)
DENSITY = 100
"""CSS pixels in an inch of a figure."""
SCALE = 2
WEBP = {"lossless": True, "method": 2, "quality": 30}
"""Tried on a whole gallery: more effort saves nothing, and below a quality of 26 a file is a fifth larger."""
PHOTOGRAPH = {"lossless": True, "method": 1, "quality": 0}
"""Of a picture that hardly repeats itself no effort saves more than 2 %."""
MANY_COLOURS = 0.2
"""Different colours, as a part of the pixels, from which on a picture is taken for a photograph."""
PAPER, INK = (0x13 / 255, 0x14 / 255, 0x16 / 255), (0xCF / 255, 0xD0 / 255, 0xD0 / 255)
"""Dark pages: what white and black become. The theme's dark background and text."""
NEUTRAL = 0.04
"""A colour whose channels differ by less is a grey."""
WHITE, BLACK = 0.94, 0.06
"""From here on a grey is white or black."""


def alt_texts(codes: Iterable[str]) -> list[list[str]]:
    """The texts of the ``# alt:`` comments of each code cell, in order, each on one line.

    Those of a cell that leaves its figures to the next one are the next one's.
    """
    found, carried = [], []
    for code in codes:
        carried += [
            join_lines([match["first"], *(line.strip()[1:] for line in match["rest"].splitlines())])
            for match in ALT.finditer(code)
        ]
        deferred = DEFERRED.search(code)
        found.append([] if deferred else carried)
        carried = carried if deferred else []
    return found


# -- colours


def _level(color: Any) -> float | None:
    """How light a grey is, from 0 to 1; None of a colour."""
    red, green, blue = color[:3]
    return (red + green + blue) / 3 if max(red, green, blue) - min(red, green, blue) < NEUTRAL else None


def _mix(level: float, alpha: float) -> tuple[float, float, float, float]:
    red, green, blue = (ink + (paper - ink) * level for ink, paper in zip(INK, PAPER, strict=True))
    return red, green, blue, alpha


def _dark_stroke(color: Any) -> Any:
    """A line's or text's colour on a dark page: greys turn, colours stay."""
    level = _level(color)
    return color if level is None or not color[3] else _mix(level, color[3])


def _dark_face(color: Any) -> Any:
    """An area's colour on a dark page: white and black turn, all others stay."""
    level = _level(color)
    if level is None or not color[3] or BLACK < level < WHITE:
        return color
    return _mix(round(level), color[3])


class _Undo:
    """Sets properties of artists and can set them back."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], Any]] = []

    def set(self, artist: Any, name: str, value: Any) -> None:
        old = getattr(artist, f"get_{name}")()
        getattr(artist, f"set_{name}")(value)
        self.add(lambda: getattr(artist, f"set_{name}")(old))

    def add(self, step: Callable[[], Any]) -> None:
        self._steps.append(step)

    def __call__(self) -> None:
        for step in reversed(self._steps):
            step()


def _turn_lines(artist: Any, undo: _Undo) -> None:
    from matplotlib.colors import to_rgba

    for name, turn in (
        ("color", _dark_stroke), ("markeredgecolor", _dark_stroke), ("markerfacecolor", _dark_face)
    ):  # fmt: skip
        old = getattr(artist, f"get_{name}")()
        # "auto" follows the line's colour, but what one gets is that colour.
        if str(getattr(artist, f"_{name}", "")) == "auto" or str(old) == "none":
            continue
        color = to_rgba(old)
        if turn(color) != color:
            undo.set(artist, name, turn(color))


def _turn_patch(artist: Any, undo: _Undo) -> None:
    alpha = artist.get_alpha()
    for name, turn in (("edgecolor", _dark_stroke), ("facecolor", _dark_face)):
        color = getattr(artist, f"get_{name}")()
        if turn(color) != color:
            new = turn(color)
            undo.set(artist, name, new[:3] if alpha is not None else new)


def _turn_collection(artist: Any, undo: _Undo) -> None:
    from matplotlib.collections import Collection

    assert isinstance(artist, Collection)
    if artist.get_array() is not None or hasattr(artist, "_facecolor3d"):
        return  # coloured by value; in three dimensions by light
    alpha = artist.get_alpha()
    for name, turn in (("edgecolor", _dark_stroke), ("facecolor", _dark_face)):
        colors = [tuple(color) for color in getattr(artist, f"get_{name}")()]
        new = [turn(color) for color in colors]
        if new != colors:
            undo.set(artist, name, [color[:3] for color in new] if alpha is not None else new)


def _behind(text: Any, picture: Picture, own: Sequence[float] = ()) -> tuple[float, ...]:
    """The commonest colour behind `text` in `picture`, but for its `own`; the page's if it lies outside."""
    import numpy as np

    box = text.get_window_extent()
    height, width = picture.shape[:2]
    left, right = max(int(box.x0), 0), min(int(box.x1) + 1, width)
    top, bottom = max(height - int(box.y1) - 1, 0), min(height - int(box.y0), height)
    if left >= right or top >= bottom:
        return (*PAPER, 1.0)
    red, green, blue = np.moveaxis(picture[top:bottom, left:right, :3] >> 3, -1, 0).astype(np.int32)
    counts = np.bincount((red << 10 | green << 5 | blue).ravel(), minlength=1 << 15)
    if own:
        red, green, blue = (round(255 * value) >> 3 for value in own[:3])
        counts[red << 10 | green << 5 | blue] = 0
    packed = int(counts.argmax())
    return *((packed >> shift & 31) * 8 / 255 for shift in (10, 5, 0)), 1.0


def _contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """The contrast of two colours as WCAG 2 has it, 1 to 21."""

    def luminance(color: Sequence[float]) -> float:
        red, green, blue = (
            value / 12.92 if value <= 0.04045 else math.pow((value + 0.055) / 1.055, 2.4)
            for value in color[:3]
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _turn_texts(figure: Any, texts: Sequence[Any], undo: _Undo, light: Picture) -> Picture:
    """Turn the texts that are easier to read for it, and draw `figure`.

    What a text will stand on is guessed from the light picture. What turned itself, or shows the paper
    through, may have misled the guess: the dark picture tells, and only then there is another.
    """
    from matplotlib.colors import to_rgba

    def choose(behind: Callable[[Any], Sequence[float]]) -> bool:
        changed = False
        for text, colors in choices.items():
            ground = behind(text)
            best = max(colors, key=lambda color: _contrast(color, ground))
            if to_rgba(text.get_color()) != best:
                undo.set(text, "color", best)
                changed = True
        return changed

    choices = {}
    for text in texts:
        if text.get_text() and text.get_visible() and not text.get_path_effects():
            color = to_rgba(text.get_color())
            if (turned := _dark_stroke(color)) != color:
                choices[text] = (color, turned)
    choose(lambda text: _dark_face(_behind(text, light)))
    dark = _draw(figure)
    wrong = choose(lambda text: _behind(text, dark, to_rgba(text.get_color())))
    return _draw(figure) if wrong else dark


def _turn_panes(axes: Any, undo: _Undo) -> None:
    """The walls and grid of axes in three dimensions."""
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        grid = axis._axinfo["grid"]
        old = grid["color"]
        grid["color"] = _mix(0.7, 1.0)
        undo.add(lambda grid=grid, old=old: grid.update(color=old))  # type: ignore[misc]
        axis.pane.set_facecolor(_mix(0.93, 0.5))
        undo.add(lambda pane=axis.pane: pane.set_facecolor((0.95, 0.95, 0.95, 0.5)))  # type: ignore[misc]


@contextmanager
def recoloured(figure: Any, light: Picture) -> Iterator[Picture]:
    """Give `figure` its colours on a dark page for the time of a ``with`` block; its pixels then.

    Parameters
    ----------
    figure
        A matplotlib figure.
    light
        Its pixels, just drawn.
    """
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    undo = _Undo()
    texts = []
    try:
        for artist in figure.findobj(include_self=True):
            if isinstance(artist, Text):
                texts.append(artist)
                if artist.get_bbox_patch() is not None:
                    _turn_patch(artist.get_bbox_patch(), undo)
                if (arrow := getattr(artist, "arrow_patch", None)) is not None:
                    _turn_patch(arrow, undo)
            elif isinstance(artist, Line2D):
                _turn_lines(artist, undo)
            elif isinstance(artist, Patch):
                _turn_patch(artist, undo)
            elif isinstance(artist, Collection):
                _turn_collection(artist, undo)
        for axes in figure.axes:
            if hasattr(axes, "zaxis"):
                _turn_panes(axes, undo)
        if (engine := figure.get_layout_engine()) is not None:
            # Everything has its place, and finding it takes as long as drawing.
            figure.set_layout_engine("none")
            undo.add(lambda: figure.set_layout_engine(engine))
        yield _turn_texts(figure, texts, undo, light)
    finally:
        undo()


# -- files


@dataclass(frozen=True)
class Saved:
    """A figure that was saved."""

    width: int
    height: int
    """In CSS pixels."""
    light: Path
    dark: Path
    png: Path


def _draw(figure: Any) -> Picture:
    """The pixels of `figure` as it is now."""
    import numpy as np

    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


def _image(pixels: Picture) -> Image:
    from PIL import Image

    opaque = bool((pixels[..., 3] == 255).all())
    return Image.fromarray(pixels[..., :3] if opaque else pixels)


def _is_photograph(pixels: Picture) -> bool:
    """Whether hardly a colour in a picture stands there twice."""
    import numpy as np

    sample = np.ascontiguousarray(pixels[::4, ::4]).view(np.uint32)
    return len(np.unique(sample)) > MANY_COLOURS * sample.size


def save(figure: Any, png: Path) -> Saved:
    """Write the three images of a matplotlib figure.

    Parameters
    ----------
    figure
        The figure.
    png
        Where its PNG goes; the others get the same name with ``-light.webp`` and ``-dark.webp``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL.Image import Dither, Resampling

    canvas, density = figure.canvas, figure.dpi
    if not isinstance(canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    try:
        figure.dpi = DENSITY * SCALE
        light = _draw(figure)
        with recoloured(figure, light) as dark:
            pass
    finally:
        figure.dpi = density
        figure.set_canvas(canvas)
    saved = Saved(
        width=round(light.shape[1] / SCALE),
        height=round(light.shape[0] / SCALE),
        light=png.with_name(f"{png.stem}-light.webp"),
        dark=png.with_name(f"{png.stem}-dark.webp"),
        png=png,
    )
    photograph = _is_photograph(light)
    for pixels, path in ((light, saved.light), (dark, saved.dark)):
        _image(pixels).save(path, "WEBP", **(PHOTOGRAPH if photograph else WEBP))
    small = _image(light).convert("RGB").resize((saved.width, saved.height), Resampling.LANCZOS)
    if photograph:
        # Finding the best palette for each of its colours would take as long as all the rest.
        small = small.point([value & 0xF8 | value >> 5 for value in range(256)] * 3)
    # 256 colours are enough for a test or a thumbnail, and a third of the size.
    small.quantize(256, dither=Dither.NONE).save(png, "PNG")
    return saved


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the open figures of a code cell (called by Sphinx-Gallery where it runs one).

    What was saved is appended to the configuration's list ``recorded_figures`` with the cell's line; the page
    is told nothing of them.
    """
    import sys

    plt: Any = sys.modules.get("matplotlib.pyplot")
    for number in plt.get_fignums() if plt else ():
        path = Path(next(block_vars["image_path_iterator"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        with saving(path.parent.parent):
            saved = save(plt.figure(number), path)
        gallery_conf.get("recorded_figures", []).append((block.lineno, saved))
    if plt:
        plt.close("all")
    return ""
