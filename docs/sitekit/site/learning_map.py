"""The directive ``learning-map``: chapters, pages and what each needs, as a map drawn from the curriculum.

The stations are HTML in a grid of `LANES` columns, so their texts wrap and can be read, found and reached by
keyboard as any other; the lines between them are one SVG behind, stretched to the grid. A page stands below
all it needs; lines that others imply are left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, permutations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

from ..project.layout import Chapter, Page
from . import synopsis
from .html_nodes import element, page_link
from .state import site

LANES = 3
"""As many as fit a phone."""
# The drawing's units: a row is 100 high, a column 100 wide. The style sheet has the same proportions.
ROW = COLUMN = 100
BOX = 70
"""How high a station is in its row; the rest is room for lines."""
HEADING = 80
"""How high a chapter's heading is."""
TURN = ROW - BOX
TRACKS = (0, -3, 3)
"""Where lines run between two columns, beside each other."""
SWEEPS = 4


@dataclass(frozen=True)
class Station:
    """The place of a page on the map."""

    chapter: int
    column: int
    top: int
    """From the map's upper edge."""

    @property
    def x(self) -> int:
        """The middle of the box, from the map's left edge."""
        return self.column * COLUMN + COLUMN // 2


def needed(chapters: Sequence[Chapter]) -> dict[str, tuple[str, ...]]:
    """What each page needs that is not needed by something else it needs."""
    found: dict[str, tuple[str, ...]] = {}
    behind: dict[str, set[str]] = {}  # everything a page stands on; the curriculum's order has it ready
    for page in (page for chapter in chapters for page in chapter.pages):
        implied = set[str]().union(*(behind[name] for name in page.prerequisites))
        behind[page.docname] = implied.union(page.prerequisites)
        found[page.docname] = tuple(name for name in page.prerequisites if name not in implied)
    return found


def _rows(chapter: Chapter) -> list[list[str]]:
    """Every page in the first row with a free place below what it needs in this chapter."""
    rows: defaultdict[int, list[str]] = defaultdict(list)
    row_of: dict[str, int] = {}
    for page in chapter.pages:
        first = max((row_of[name] + 1 for name in page.prerequisites if name in row_of), default=0)
        row_of[page.docname] = at = next(row for row in count(first) if len(rows[row]) < LANES)
        rows[at].append(page.docname)
    return [*rows.values()]


def _columns(rows: Sequence[Sequence[str]], links: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Columns that keep lines short and few of them crossed: each row in turn is put where it fits best."""
    middle = {1: (1,), 2: (0, 2), 3: (0, 1, 2)}
    columns = {name: column for row in rows for name, column in zip(row, middle[len(row)], strict=True)}
    row_of = {name: number for number, row in enumerate(rows) for name in row}
    pairs = [(one, name) for name in row_of for one in links[name] if one in row_of]

    def cost(row: Sequence[str]) -> tuple[int, int]:
        touching = [pair for pair in pairs if pair[0] in row or pair[1] in row]
        length = sum((columns[one] - columns[other]) ** 2 for one, other in touching)
        passed = sum(
            columns[name] == columns[other]
            for one, other in touching
            for between in rows[row_of[one] + 1 : row_of[other]]
            for name in between
        )
        crossings = sum(
            (columns[a] - columns[c]) * (columns[b] - columns[d]) < 0
            for a, b in touching
            for c, d in pairs
            if row_of[a] == row_of[c] and row_of[b] == row_of[d]
        )
        return 2 * length + 3 * crossings + 2 * passed, sum(columns[name] for name in row)

    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            trials = []
            for choice in permutations(range(LANES), len(row)):
                columns.update(zip(row, choice, strict=True))
                trials.append((cost(row), choice))
            columns.update(zip(row, min(trials)[1], strict=True))
    return columns


def stations(chapters: Sequence[Chapter]) -> dict[str, Station]:
    """Where every page stands."""
    links, found, top = needed(chapters), dict[str, Station](), 0
    for number, chapter in enumerate(chapters):
        rows = _rows(chapter)
        columns = _columns(rows, links)
        top += HEADING
        for row in rows:
            found |= {name: Station(number, columns[name], top) for name in row}
            top += ROW
    return found


def _drawn(chapters: Sequence[Chapter], places: Mapping[str, Station]) -> Iterator[tuple[Station, Station]]:
    """The stations that a line leads from and to.

    What stands further back than the chapter before has none: on a map of many chapters those lines would hide
    all others.
    """
    for name, others in needed(chapters).items():
        for start in (places[other] for other in others):
            if places[name].chapter - start.chapter <= 1:
                yield start, places[name]


def _lane(start: Station, end: Station, places: Sequence[Station], used: list[tuple[int, range]]) -> int:
    """Where a line runs down between two stations that are not in neighbouring rows; it is added to `used`."""
    between = range(start.top + ROW, end.top - TURN + 1)
    blocked = {place.column for place in places if start.top < place.top < end.top}
    free = [column * COLUMN + COLUMN // 2 for column in range(LANES) if column not in blocked]
    beside = [edge * COLUMN + track for edge in range(1, LANES) for track in TRACKS]

    def cost(x: int) -> tuple[int, int, int]:
        there = (other for lane, other in used if lane == x)
        overlaps = sum(between.start < other.stop and other.start < between.stop for other in there)
        return abs(x - start.x) + abs(x - end.x) + 30 * overlaps, abs(x - end.x), x

    best = min([*free, *beside], key=cost)
    used.append((best, between))
    return best


def _bend(aside: int) -> str:
    """A piece of a path that turns `aside` on its way down through the room between two rows."""
    return f"c0 {TURN // 2} {aside} {TURN // 2} {aside} {TURN}"


def lines(chapters: Sequence[Chapter]) -> Iterator[tuple[str, bool]]:
    """The path of each line, and whether it leads from one chapter to the next."""
    places, used = stations(chapters), list[tuple[int, range]]()
    for start, end in _drawn(chapters, places):
        below, above = start.top + BOX, end.top
        if above - below == TURN:
            path = _bend(end.x - start.x)
        else:
            lane = _lane(start, end, [*places.values()], used)
            path = f"{_bend(lane - start.x)}V{above - TURN}{_bend(end.x - lane)}"
        yield f"M{start.x} {below}{path}", start.chapter != end.chapter


class LearningMap(SphinxDirective):
    """The directive: chapters and pages of the curriculum in, HTML and one SVG out."""

    def run(self) -> list[nodes.Node]:
        """The map of all pages, as one element."""
        chapters = site(self.env.app).project.chapters
        self.places, self.links = stations(chapters), needed(chapters)
        self.led = {end for _start, end in _drawn(chapters, self.places)}
        rows = {place.top for place in self.places.values()}
        near, far = '<path d="{}"/>', '<path class="map-far" d="{}"/>'
        paths = "".join((far if leaves else near).format(path) for path, leaves in lines(chapters))
        box = f"0 0 {LANES * COLUMN} {HEADING * len(chapters) + ROW * len(rows)}"
        svg = f'<svg viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{paths}</svg>'
        hint = element(
            "p",
            _("Numbers: the order of reading. Lines: what a page builds on, dashed from the chapter before."),
            class_="map-hint",
        )
        drawing = element(
            "div", nodes.raw("", svg, format="html"), *map(self.chapter, chapters), class_="map-drawing"
        )
        return [element("nav", hint, drawing, class_="learning-map", aria_label=_("Map of all pages"))]

    def chapter(self, chapter: Chapter) -> nodes.Element:
        """A chapter as HTML: its heading, and its pages row by row."""
        app, index = self.env.app, f"{chapter.name}/index"
        heading = element(
            "p",
            page_link(index, synopsis.page_title(app, index)),
            element("span", synopsis.chapter_facts(chapter)),
            class_="map-chapter-title",
        )
        pages = {
            (self.places[page.docname].top, self.places[page.docname].column): page for page in chapter.pages
        }
        cells = [
            self.station(pages[top, column]) if (top, column) in pages else element("li", aria_hidden="true")
            for top in sorted({top for top, _column in pages})
            for column in range(LANES)
        ]
        return element("div", heading, element("ul", *cells), class_="map-chapter")

    def station(self, page: Page) -> nodes.Element:
        """A page as an item of its chapter's grid: a link, and in words what the page builds on."""
        app = self.env.app
        inside = [
            element("span", synopsis.number(app, page), class_="map-number"),
            element("span", synopsis.page_title(app, page.docname), class_="map-title"),
        ]
        if page.minutes:
            inside.append(element("span", synopsis.minutes(page.minutes), class_="map-minutes"))
        led_to = "map-led-to" if self.places[page.docname] in self.led else ""
        parts = [page_link(page.docname, *inside, class_=led_to)]
        if needs := [synopsis.page_title(app, name) for name in self.links[page.docname]]:
            spoken = _("builds on: ") + _("; ").join(needs)
            parts.append(element("span", spoken, class_="visually-hidden"))
        return element("li", *parts)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_directive("learning-map", LearningMap)
