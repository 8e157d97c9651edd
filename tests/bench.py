"""Measure the builder against stock Sphinx-Gallery, side by side in one run, on the project's own gallery.

``python -m tests.bench`` takes up to 25 minutes on two cores, prints a table and writes build/bench.json. It
works on copies in a temporary folder. The exit code is 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests import bench_tools as tools
from tests.bench_tools import ROOT, Broken, Copy, Ran, Stock

HELPER = "torchnotes.datasets"
"""The local module whose edit must run exactly its users."""
PEAK = """\
import resource, sys
from sitekit.__main__ import main
code = main(sys.argv[1:])
try:
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("peak", peak)
sys.exit(code)
"""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    part: str
    name: str
    measured: float
    unit: str
    low: float | None
    high: float
    detail: str = ""
    right: bool = True
    """Whether what can't be said by a number is as it should be."""

    @property
    def ok(self) -> bool:
        """Whether the bound is kept."""
        return self.right and (self.low is None or self.low <= self.measured) and self.measured <= self.high

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.low is None:
            return f"≤ {self.high:g}"
        return f"{self.high:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


@dataclass
class Bench:
    """One run of the benchmark."""

    folder: Path
    quick: bool = False
    nox: str | None = None
    """The interpreter that has nox, where an environment that it made can be used."""
    figures: list[Figure] = field(default_factory=list)
    runs: dict[str, Any] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)

    # -- what the parts share

    def note(self, name: str, ran: Ran, executed: list[str] | None = None) -> None:
        """Keep what a command took, and say it."""
        facts: dict[str, Any] = {"seconds": round(ran.wall, 2), "cpu_seconds": round(ran.cpu, 2)}
        text = f"{name}: {ran.wall:.1f} s, {ran.cpu:.1f} s of CPU"
        if executed is not None:
            facts["executions"] = dict(Counter(executed))
            text += f", {len(executed)} executions"
        self.runs.setdefault(name, []).append(facts)
        print(text, flush=True)

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Add a line to the table."""
        self.figures.append(Figure(*args, **kwargs))

    @cached_property
    def fonts(self) -> Path:
        """Matplotlib's list of fonts; with it everything heavy is read once, for whoever comes first."""
        fonts = self.folder / "fonts"
        code = (
            "import furo, myst_nb, sphinx.application, sphinx_gallery.gen_gallery, torch._dynamo, torch.optim"
        )
        code += "; import matplotlib.pyplot as plt; plt.subplots()[0].canvas.draw()"
        tools.run("-c", code, cwd=self.folder, path=(), fonts=fonts)
        return fonts

    @cached_property
    def copy(self) -> Copy:
        """The project, not built yet."""
        copy = tools.copy_project(self.folder / "project", self.fonts)
        # Whoever runs first would make the runner's list of fonts, and byte code.
        page = tools.trivial(copy, self.folder / "warm", 1)
        script = page.scripts["chapter/page0"]
        tools.edit(
            script, lambda text: f"{text}import matplotlib.pyplot as plt\nplt.subplots()\nplt.show()\n"
        )
        page.record(self.folder / "warm-store", jobs=1)
        for folder in ("docs", "src"):
            copy.python("-m", "compileall", "-q", folder)
        return copy

    @cached_property
    def cold(self) -> tuple[Ran, list[str]]:
        """Build both languages from nothing."""
        ran, executed = self.copy.executed(self.copy.build)
        self.note("ours, cold", ran, executed)
        return ran, executed

    @property
    def site(self) -> Copy:
        """The project, built."""
        assert self.cold
        return self.copy

    @cached_property
    def stock(self) -> tuple[Stock, Ran]:
        """Stock Sphinx-Gallery, serial, built."""
        stock = Stock(self.folder / "stock", self.site, 1)
        stock.follow()
        ran, executed = self.copy.executed(stock.build)
        self.note("stock, serial, cold", ran, executed)
        if len(executed) != 2 * len(self.copy.scripts):
            raise Broken(f"stock Sphinx-Gallery made {len(executed)} executions")
        return stock, ran

    def _parallel(self) -> str:
        """What stock Sphinx-Gallery takes with two processes of its own, in words."""
        stock = Stock(self.folder / "stock-parallel", self.site, 2)
        stock.follow()
        # Under its processes a page that starts loader workers may fail; the time of the others still counts.
        ran, executed = self.copy.executed(lambda: stock.build(must=False))
        self.note("stock, parallel=2, cold", ran, executed)
        failed = {name for _, line in ran.lines for name in re.findall(r"gallery/(\S+)\.py failed", line)}
        return f"{ran.wall:.1f} s" + (f" ({', '.join(sorted(failed))} failed in it)" if failed else "")

    @cached_property
    def alone(self) -> tuple[float, float, int]:
        """Seconds of all examples: each isolated, all in one process; and how many.

        Both go one after the other, twice in turn; of each page's two times the shorter counts.
        """
        times: dict[str, list[dict[str, float]]] = {"isolated": [], "one process": []}
        program = Path(__file__).with_name("bench_one_process.py")
        copy = self.copy
        for number in range(2):
            one = tools.run(
                *("-P", program, copy.root),
                cwd=self.folder,
                path=(copy.root / "docs", copy.root / "src"),
                fonts=self.fonts,
            )
            store = self.folder / f"isolated{number}"
            for name, ran in (("isolated", copy.record(store, jobs=1)), ("one process", one)):
                self.note(f"all examples, {name}", ran)
                times[name].append(dict(ran.done()))
        best = {
            name: sum(min(run[page] for run in runs) for page in self.copy.scripts)
            for name, runs in times.items()
        }
        return best["isolated"], best["one process"], len(self.copy.scripts)

    # -- the parts

    def part_cold(self) -> None:
        """Both languages from nothing; the second one; the limit."""
        ours, executed = self.cold
        _, serial = self.stock
        detail = f"{ours.wall:.1f} s; stock {serial.wall:.1f} s, with parallel=2 {self._parallel()}"
        self.add("cold", "cold build, both languages", ours.wall / serial.wall, "× stock", None, 0.28, detail)
        again = len(executed) - len(set(executed))
        self.add(
            *("cold", "second language", again, "executions", 0, 0),
            f"{len(set(executed))} for the first; stock {len(executed)} more",
            right=set(executed) == set(self.copy.scripts),
        )
        (self.copy.root / "build").rename(self.folder / "first-build")
        rendering, executed = self.copy.executed(self.copy.build)
        self.note("ours, rendering alone", rendering, executed)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        one = self.alone[1]
        self.limit = {
            "one_process_seconds": round(one, 2),
            "cores": cores,
            "rendering_seconds": round(rendering.wall, 2),
            "limit_seconds": round(one / cores + rendering.wall, 2),
            "cold_seconds": round(ours.wall, 2),
        }
        ratio = ours.wall / (one / cores + rendering.wall)
        self.add("cold", "cold build against its limit", ratio, "× limit", None, 1.1, "see below")

    def _edit(self, name: str, change: Callable[[Copy, str, int], None], page: str) -> None:
        """One kind of edit, twice: ours and stock after the same change; the shorter times count."""
        stock, _ = self.stock
        ours: list[Ran] = []
        theirs: list[Ran] = []
        ran: list[str] = []
        for number in (1, 2):
            change(self.site, page, number)
            found, executed = self.copy.executed(self.copy.build)
            self.note(f"ours, {name}", found, executed)
            ours.append(found)
            ran += executed
            stock.follow()
            found, executed = self.copy.executed(stock.build)
            self.note(f"stock, {name}", found, executed)
            theirs.append(found)
        self.add("edits", f"{name}, executions", len(ran), "executions", 0, 0, f"of {page}, twice")
        (wall, other), (cpu, other_cpu) = (
            [min(getattr(one, what) for one in runs) for runs in (ours, theirs)] for what in ("wall", "cpu")
        )
        detail = f"{wall:.1f} s, {cpu:.1f} s of CPU; stock {other:.1f} s, {other_cpu:.1f} s of CPU"
        detail += f", {len(executed)} executions"
        self.add("edits", f"{name}, time", wall / other, "× stock", None, 0.45, detail)

    def part_edits(self) -> None:
        """What an edit of prose, catalogue, comment, code or helper runs, and how long it takes."""
        took = {}
        for page, seconds in re.findall(
            r"done (\S+) in ([\d.]+) s", "\n".join(t for _, t in self.cold[0].lines)
        ):
            took[page] = float(seconds)
        middle = statistics.median(took.values())
        fit = [page for page in took if tools.has_sentence(self.copy, page)]
        page = min(fit, key=lambda page: abs(took[page] - middle))
        self.stock  # noqa: B018
        self.site.build()
        self._edit("prose edit", tools.edit_prose, page)
        self._edit(".po edit", tools.edit_catalogue, page)
        self._edit("comment edit", tools.edit_comment, page)
        tools.edit_code(self.copy, page, 1)
        ran, executed = self.copy.executed(self.copy.build)
        self.note("ours, code edit", ran, executed)
        detail = f"{page}; {ran.wall:.1f} s"
        right = executed == [page]
        self.add("edits", "code edit", len(executed), "executions", 1, 1, detail, right=right)
        wanted = tools.users(self.copy, HELPER)
        tools.edit_module(self.copy, HELPER, 1)
        ran, executed = self.copy.executed(self.copy.build)
        self.note(f"ours, edit of {HELPER}", ran, executed)
        count, right = len(wanted), executed == wanted
        detail = ", ".join(executed) or "none"
        self.add("edits", f"edit of {HELPER}", len(executed), "executions", count, count, detail, right=right)

    def part_unchanged(self) -> None:
        """A build with nothing to do."""
        command: tuple[str | Path, ...] = ("-m", "sitekit", "build")
        label = "unchanged build"
        environment = ROOT / ".nox"
        if self.nox and environment.is_dir():
            link = self.site.root / ".nox"
            if not link.exists():
                link.symlink_to(environment, target_is_directory=True)
            command = (self.nox, "-m", "nox", "-R", "-s", "docs")
            label = "unchanged `nox -R -s docs`"
        self.site.python(*command)
        ran, executed = [], []
        for _ in range(3):
            found, pages = self.copy.executed(lambda: self.copy.python(*command))
            self.note(f"ours, {label}", found, pages)
            ran.append(found)
            executed += pages
        cpu = statistics.median(one.cpu for one in ran)
        detail = f"{statistics.median(one.wall for one in ran):.1f} s; by {' '.join(map(str, command[1:]))}"
        self.add("unchanged", "unchanged build, executions", len(executed), "executions", 0, 0, "three times")
        self.add("unchanged", label, cpu, "s of CPU", None, 1.0, detail)

    def part_execute(self) -> None:
        """The execute step of many trivial examples against few.

        Both sizes run at the same time, each on one core, the small one again and again: so they see the
        same load. The time of a run with one example, start-up, is taken off.
        """
        many, few = (200, 20) if self.quick else (1000, 100)
        projects = {
            count: tools.trivial(self.copy, self.folder / f"trivial{count}", count)
            for count in (1, few, many)
        }
        ran: dict[int, list[Ran]] = {1: [], few: [], many: []}

        def once(count: int) -> None:
            store = self.folder / f"trivial{count}-{len(ran[count])}"
            arguments = ("record", "--store", store, "--jobs", "1")
            ran[count].append(projects[count].python("-c", PEAK, *arguments))

        background = threading.Thread(target=once, args=(many,))
        background.start()
        while background.is_alive() or not ran[few]:
            once(1)
            once(few)
        background.join()
        if not ran[many]:
            raise Broken(f"the execute step of {many} examples failed")
        start = statistics.median(one.wall for one in ran[1])
        cost = {
            count: (statistics.mean(one.wall for one in ran[count]) - start) / (count - 1)
            for count in (few, many)
        }
        peak = {count: max(one.value("peak") for one in ran[count]) / 1024 for count in (few, many)}
        for count, runs in ran.items():
            for one in runs:
                self.note(f"execute step, {count} trivial", one)
        detail = f"{cost[many] * 1000:.0f} ms an example; {few} examples {cost[few] * 1000:.0f} ms"
        ratio = cost[many] / cost[few]
        self.add("execute", f"execute {many} examples, cost", ratio, f"× {few}", 0.9, 1.1, detail)
        detail = f"{peak[many]:.0f} MiB; {few} examples {peak[few]:.0f} MiB"
        ratio = peak[many] / peak[few]
        self.add("execute", f"execute {many} examples, memory", ratio, f"× {few}", None, 1.2, detail)

    def part_render(self) -> None:
        """The render step of many pages against few, from records."""
        tiny, few, many = (2, 10, 60) if self.quick else (5, 50, 300)
        cpu = {}
        for count in (tiny, few, many):
            made = tools.multiply(self.site, self.folder / f"pages{count}", count)
            ran, executed = self.copy.executed(made.build)
            self.note(f"render, {count} pages", ran, executed)
            if executed:
                raise Broken(f"rendering {count} pages from records ran {len(executed)} examples")
            cpu[count] = ran.cpu
        each = {count: cpu[count] / count for count in (few, many)}
        net = {few: (cpu[few] - cpu[tiny]) / (few - tiny), many: (cpu[many] - cpu[tiny]) / (many - tiny)}
        detail = f"{each[many]:.2f} s a page in both languages; {few} pages {each[few]:.2f} s"
        detail += f"; without start-up {net[many]:.2f} s and {net[few]:.2f} s: × {net[many] / net[few]:.2f}"
        ratio = each[many] / each[few]
        self.add("render", f"render {many} pages, CPU a page", ratio, f"× {few}", None, 1.15, detail)

    def part_isolation(self) -> None:
        """What a process of its own costs an example."""
        isolated, one, count = self.alone
        detail = (
            f"{count} examples one after the other: isolated {isolated:.1f} s, in one process {one:.1f} s"
        )
        self.add("isolation", "isolation, an example", (isolated - one) / count, "s", None, 0.3, detail)

    def part_figures(self) -> None:
        """What saving a figure takes against a plain `savefig` of as many pixels, in turn, in one process."""
        program = Path(__file__).with_name("bench_figures.py")
        ran = tools.run("-P", program, cwd=self.folder, path=(self.copy.root / "docs",), fonts=self.fonts)
        for _, line in ran.lines:
            if line.startswith("figure "):
                _, ours, plain, name = line.split(maxsplit=3)
                detail = f"{float(ours):.2f} s of CPU; savefig {float(plain):.2f} s"
                ratio = float(ours) / float(plain)
                self.add("figures", f"saving {name}", ratio, "× savefig", None, 3.0, detail)

    def part_reading(self) -> None:
        """How soon a reader with a slow telephone sees text."""
        program = Path(__file__).with_name("bench_first_paint.py")
        site = self.site.root / "build" / "html"
        ran = tools.run("-P", program, site, cwd=ROOT, path=(ROOT / "docs",), fonts=self.fonts)
        for _, line in ran.lines:
            if line.startswith("first-paint "):
                _, seconds, page = line.split()
                self.add(
                    "reading",
                    f"first text of {page}",
                    float(seconds),
                    "s",
                    None,
                    1.0,
                    "CPU / 4, 1.6 Mbit/s, compressed",
                )


def table(bench: Bench) -> str:
    """The figures in columns."""
    rows = [("figure", "measured", "bound", "", "")]
    for figure in bench.figures:
        measured = f"{figure.measured:.0f}" if figure.unit == "executions" else f"{figure.measured:.2f}"
        verdict = "ok" if figure.ok else "OVER"
        rows.append((figure.name, f"{measured} {figure.unit}", figure.bound, verdict, figure.detail))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*map(str.ljust, row[:4], widths), row[4]]).rstrip() for row in rows]
    if bench.limit:
        limit = bench.limit
        lines.append(
            f"limit of the cold build: {limit['limit_seconds']:.1f} s (all examples in one process, "
            f"{limit['one_process_seconds']:.1f} s, divided by {limit['cores']} cores, plus rendering alone, "
            f"{limit['rendering_seconds']:.1f} s); the build took {limit['cold_seconds']:.1f} s"
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the parts that are wanted."""
    names = [name.removeprefix("part_") for name in vars(Bench) if name.startswith("part_")]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", help=f"parts, with commas: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="a fifth of the synthetic pages and examples")
    parser.add_argument("--nox", help="the Python that has nox, to measure the real command")
    given = parser.parse_args(arguments)
    wanted = given.only.split(",") if given.only else names
    if unknown := set(wanted) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    began, load = time.monotonic(), os.getloadavg()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder goes in any case
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder).resolve(), given.quick, given.nox)
        for name in names:
            try:
                if name in wanted:
                    getattr(bench, f"part_{name}")()
            except Broken as error:
                broken.append(f"{name}: {error}")
                print(broken[-1], flush=True)
    value = {
        "python": platform.python_version(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torch", "sphinx", "sphinx-gallery", "matplotlib")
        },
        "load_before_and_after": [load, os.getloadavg()],
        "quick": given.quick,
        "seconds": round(time.monotonic() - began, 1),
        "figures": [{**asdict(figure), "ok": figure.ok} for figure in bench.figures],
        "limit": bench.limit,
        "broken": broken,
        "runs": bench.runs,
    }
    tools.dump(ROOT / "build" / "bench.json", value)
    print(f"\n{table(bench)}", *(f"BROKEN {line.splitlines()[0]}" for line in broken), sep="\n")
    print(f"{value['seconds']:.0f} s; all times in build/bench.json")
    return 0 if not broken and all(figure.ok for figure in bench.figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
