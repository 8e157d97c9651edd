"""The directive ``learning-map``: chapters, their pages and what each needs, as a map drawn from the curriculum.

A chapter is a box to unfold; folded, it says what it is about and which chapters it builds on. Inside, its pages are
stations in a grid of `LANES` columns, so their texts wrap and can be read, found and reached by keyboard as any other;
the lines between them are one SVG behind, stretched to the grid. A page stands below all it needs in its chapter;
lines that others imply are left out.
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
from .html_nodes import element, joined, page_link
from .state import site

LANES = 3
"""As many as fit a phone."""
# The drawing's units: a row is 100 high, a column 100 wide. The style sheet has the same proportions.
ROW = COLUMN = 100
BOX = 70
"""How high a station is in its row; the rest is room for lines."""
TURN = ROW - BOX
TRACKS = (0, -3, 3)
"""Where lines run between two columns, beside each other."""
SWEEPS = 4


@dataclass(frozen=True)
class Station:
    """The place of a page in its chapter's grid."""

    column: int
    top: int
    """From the grid's upper edge."""

    @property
    def x(self) -> int:
        """The middle of the box, from the grid's left edge."""
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


def built_on(chapters: Sequence[Chapter]) -> dict[str, tuple[str, ...]]:
    """The chapters that each one's pages need, without those that the others of them need."""
    found: dict[str, tuple[str, ...]] = {}
    behind: dict[str, set[str]] = {}
    for chapter in chapters:
        others = {name.partition("/")[0] for page in chapter.pages for name in page.prerequisites}
        direct = [other.name for other in chapters if other.name in others - {chapter.name}]
        implied = set[str]().union(*(behind.get(name, set()) for name in direct))
        behind[chapter.name] = implied.union(direct)
        found[chapter.name] = tuple(name for name in direct if name not in implied)
    return found


def stations(chapter: Chapter, links: Mapping[str, Sequence[str]]) -> dict[str, Station]:
    """Where every page of a chapter stands."""
    rows = _rows(chapter)
    columns = _columns(rows, links)
    return {name: Station(columns[name], at * ROW) for at, row in enumerate(rows) for name in row}


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


def lines(places: Mapping[str, Station], links: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The page that each line of a chapter leads to, and the line's path."""
    used = list[tuple[int, range]]()
    for name, end in places.items():
        for start in (places[other] for other in links[name] if other in places):
            below, above = start.top + BOX, end.top
            if above - below == TURN:
                path = _bend(end.x - start.x)
            else:
                lane = _lane(start, end, [*places.values()], used)
                path = f"{_bend(lane - start.x)}V{above - TURN}{_bend(end.x - lane)}"
            yield name, f"M{start.x} {below}{path}"


class LearningMap(SphinxDirective):
    """The directive: chapters and pages of the curriculum in, boxes to unfold with HTML and an SVG out."""

    def run(self) -> list[nodes.Node]:
        """The map of all pages, as one element; the chapter to begin with is unfolded."""
        chapters = site(self.env.app).project.chapters
        self.links, self.built_on = needed(chapters), built_on(chapters)
        hint = _(
            "Unfold a chapter to see its pages. Numbers give the order of reading. Lines lead from what a page builds on."
        )
        boxes = [self.chapter(chapter, is_first=number == 0) for number, chapter in enumerate(chapters)]
        named = {"class_": "learning-map", "aria_label": _("Map of all pages")}
        return [element("nav", element("p", hint, class_="map-hint"), *boxes, **named)]

    def title(self, chapter: str) -> str:
        """The title of a chapter's page."""
        return synopsis.page_title(self.env.app, f"{chapter}/index")

    def chapter(self, chapter: Chapter, *, is_first: bool) -> nodes.Element:
        """A chapter as HTML: its heading, what it is about, and its pages row by row."""
        index = f"{chapter.name}/index"
        heading = element(
            "summary",
            element("span", self.title(chapter.name), class_="map-name"),
            element("span", synopsis.chapter_facts(chapter), class_="map-facts"),
            element("span", synopsis.promise(self.env.app, index), class_="map-promise"),
        )
        about = [page_link(index, _("About this chapter"))]
        if needs := self.built_on[chapter.name]:
            titles = (page_link(f"{name}/index", self.title(name)) for name in needs)
            about.append(element("span", _("Builds on: "), *joined(titles, _("; "))))
        places = stations(chapter, self.links)
        drawn = [*lines(places, self.links)]
        rows = 1 + max((place.top // ROW for place in places.values()), default=0)
        paths = "".join(f'<path d="{path}"/>' for _name, path in drawn)
        box = f"0 0 {LANES * COLUMN} {rows * ROW}"
        svg = f'<svg viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{paths}</svg>'
        led_to = {name for name, _path in drawn}
        standing = {(place.top // ROW, place.column): name for name, place in places.items()}
        pages = {page.docname: page for page in chapter.pages}
        cells = [
            self.station(pages[name], is_led_to=name in led_to)
            if (name := standing.get((row, column)))
            else element("li", aria_hidden="true")
            for row in range(rows)
            for column in range(LANES)
        ]
        grid = element("div", nodes.raw("", svg, format="html"), element("ul", *cells), class_="map-drawing")
        state = {"open": ""} if is_first else {}
        return element(
            "details", heading, element("p", *about, class_="map-about"), grid, class_="map-chapter", **state
        )

    def station(self, page: Page, *, is_led_to: bool) -> nodes.Element:
        """A page as an item of its chapter's grid: a link, and in words what the page builds on."""
        app = self.env.app
        inside = [
            element("span", synopsis.number(app, page), class_="map-number"),
            element("span", synopsis.page_title(app, page.docname), class_="map-title"),
        ]
        if page.minutes:
            inside.append(element("span", synopsis.minutes(page.minutes), class_="map-minutes"))
        parts = [page_link(page.docname, *inside, class_="map-led-to" if is_led_to else "")]
        if needs := [synopsis.page_title(app, name) for name in self.links[page.docname]]:
            spoken = _("builds on: ") + _("; ").join(needs)
            parts.append(element("span", spoken, class_="visually-hidden"))
        return element("li", *parts)


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_directive("learning-map", LearningMap)
