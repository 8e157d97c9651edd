"""Saves the figures of an example, in a light and a dark version, and reads the text that describes each.

Sphinx-Gallery calls `scrape` after every code cell.
Of each figure there are two images for the page (lossless WebP, twice the screen's density) and a PNG of
the light one that goldens are compared with (at the screen's density).

The dark image is the same figure drawn again, not an inverted picture: text, axes and other neutral lines
change from ink on paper to light on dark, colours stay, and so does text that stands on a colour.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..markup.units import join_lines
from .place import saving
from .record import Figure, file_name

if TYPE_CHECKING:
    from PIL.Image import Image

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


def _dark_stroke(color: Sequence[float]) -> Sequence[float]:
    """A line's or text's colour on a dark page: greys turn, colours stay."""
    *channels, alpha = color
    if not alpha or max(channels) - min(channels) >= NEUTRAL:
        return color
    level = sum(channels) / 3
    return *(ink + (paper - ink) * level for ink, paper in zip(INK, PAPER, strict=True)), alpha


def _dark_face(color: Sequence[float]) -> Sequence[float]:
    """An area's colour on a dark page: white and black turn, all others stay."""
    return color if BLACK < sum(color[:3]) / 3 < WHITE else _dark_stroke(color)


LINE = {"color": _dark_stroke, "markeredgecolor": _dark_stroke, "markerfacecolor": _dark_face}
AREA = {"edgecolor": _dark_stroke, "facecolor": _dark_face}


def _set(artist: Any, name: str, value: Any, undo: ExitStack) -> None:
    undo.callback(vars(artist).update, vars(artist).copy())
    getattr(artist, f"set_{name}")(value)


def _turn(artist: Any, undo: ExitStack) -> None:
    """Give a line, an area or a collection of them its colours on a dark page."""
    from matplotlib.collections import Collection
    from matplotlib.colors import to_rgba_array
    from matplotlib.lines import Line2D

    many = isinstance(artist, Collection)
    if many and (artist.get_array() is not None or hasattr(artist, "_facecolor3d")):
        return  # coloured by value; in three dimensions by light
    for name, turn in (LINE if isinstance(artist, Line2D) else AREA).items():
        # "auto" follows the line's colour, but what one gets is that colour.
        if str(getattr(artist, f"_{name}", "")) == "auto":
            continue
        old = [tuple(color) for color in to_rgba_array(getattr(artist, f"get_{name}")())]
        new = [turn(color) for color in old]
        if new != old:
            _set(artist, name, new if many else new[0], undo)


def _behind(text: Any, picture: Image, own: Sequence[float] = ()) -> tuple[float, ...]:
    """The commonest colour behind `text` in `picture`, but for its `own`; the page's if it lies outside."""
    from matplotlib.transforms import Bbox
    from PIL import ImageOps

    box = Bbox.intersection(text.get_window_extent(), Bbox([(0, 0), picture.size]))
    if box is None:
        return (*PAPER, 1.0)
    part = picture.crop((box.x0, picture.height - box.y1, box.x1, picture.height - box.y0))
    counted: Any = ImageOps.posterize(part.convert("RGB"), 5).getcolors(1 << 15)
    written = tuple(round(255 * value) & 0xF8 for value in own[:3])
    _, commonest = max((item for item in counted if item[1] != written), default=(0, (0, 0, 0)))
    return *(value / 255 for value in commonest), 1.0


def _contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """The contrast of two colours much as WCAG 2 has it, 1 to 21."""
    darker, lighter = sorted(
        0.05 + 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        for red, green, blue, _ in (one, other)
    )
    return float(lighter / darker)


def _turn_texts(figure: Any, texts: Iterable[Any], undo: ExitStack, light: Image) -> Image:
    """Turn the texts that are easier to read for it, and draw `figure`.

    What a text will stand on is guessed from the light picture. What turned itself, or shows the paper
    through, may have misled the guess: the dark picture tells, and only then there is another.
    """
    from matplotlib.colors import to_rgba

    colors = {
        text: (color, _dark_stroke(color))
        for text in texts
        if text.get_text() and text.get_visible() and not text.get_path_effects()
        for color in [to_rgba(text.get_color())]
    }

    def choose(behind: Callable[[Any], Sequence[float]]) -> bool:
        changed = False
        for text, known in colors.items():
            best = max(known, key=partial(_contrast, behind(text)))
            if to_rgba(text.get_color()) != best:
                _set(text, "color", best, undo)
                changed = True
        return changed

    choose(lambda text: _dark_face(_behind(text, light)))
    dark = _draw(figure)
    wrong = choose(lambda text: _behind(text, dark, to_rgba(text.get_color())))
    return _draw(figure) if wrong else dark


@contextmanager
def recoloured(figure: Any, light: Image) -> Iterator[Image]:
    """Give a figure, just drawn as `light`, its colours on a dark page for a ``with`` block; its picture then."""
    from matplotlib.collections import Collection
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    with ExitStack() as undo:
        texts, others = [], []
        for artist in figure.findobj():
            if isinstance(artist, Text):
                texts.append(artist)
                others += [artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)]
            elif isinstance(artist, Line2D | Patch | Collection):
                others.append(artist)
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis) if hasattr(axes, "zaxis") else ():
                others.append(axis.pane)
                grid = axis._axinfo["grid"]
                undo.callback(grid.update, color=grid["color"])
                grid["color"] = _dark_stroke(to_rgba(grid["color"]))
        for artist in filter(None, others):
            _turn(artist, undo)
        if (engine := figure.get_layout_engine()) is not None:
            # Everything has its place, and finding it takes as long as drawing.
            figure.set_layout_engine("none")
            undo.callback(figure.set_layout_engine, engine)
        yield _turn_texts(figure, texts, undo, light)


# -- files


def _draw(figure: Any) -> Image:
    """A picture of `figure` as it is now."""
    from PIL import Image

    figure.canvas.draw()
    return Image.frombytes("RGBA", figure.canvas.get_width_height(), figure.canvas.buffer_rgba())


def _write(picture: Image, folder: Path, kind: str, **options: Any) -> str:
    """Write an image under a name that its content gives it, which is returned."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    name = file_name(file.getvalue(), f".{kind}")
    (folder / name).write_bytes(file.getvalue())
    return name


def _has_many_colours(picture: Image) -> bool:
    return not picture.getcolors(int(MANY_COLOURS * picture.width * picture.height))


def save(figure: Any, folder: Path) -> Figure:
    """Write the three images of a matplotlib figure into `folder`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL.Image import Dither, Quantize, Resampling

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
    if light.getchannel("A").getextrema() == (255, 255):
        light, dark = light.convert("RGB"), dark.convert("RGB")
    sample = light.resize((light.width // 4, light.height // 4), Resampling.NEAREST)
    webp = PHOTOGRAPH if _has_many_colours(sample) else WEBP
    small = light.convert("RGB").resize(
        (round(light.width / SCALE), round(light.height / SCALE)), Resampling.LANCZOS
    )
    # 256 colours are enough to compare, and a third of the size. In a picture of many colours the median cut takes as
    # long as all the rest, and its palette is no nearer.
    method = Quantize.FASTOCTREE if _has_many_colours(small) else Quantize.MEDIANCUT
    png = small.quantize(256, method, dither=Dither.NONE)
    return Figure(
        *small.size,
        light=_write(light, folder, "webp", **webp),
        dark=_write(dark, folder, "webp", **webp),
        png=_write(png, folder, "png"),
    )


def save_open(root: Path) -> list[dict[str, Any]]:
    """Save the open figures among the results of the example in `root`, and close them; what a record says of each."""
    plt: Any = sys.modules.get("matplotlib.pyplot")
    if not plt:
        return []
    (root / "result").mkdir(exist_ok=True)
    with saving(root):
        saved = [asdict(save(plt.figure(number), root / "result")) for number in plt.get_fignums()]
    plt.close("all")
    return saved


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the open figures of a code cell (called by Sphinx-Gallery where it runs one).

    What was saved is appended to the configuration's list ``recorded_figures``; the page is told nothing of it.
    """
    gallery_conf.get("recorded_figures", []).extend(save_open(Path(gallery_conf["src_dir"])))
    return ""
