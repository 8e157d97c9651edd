"""Which pages print or draw something else under the packages that are installed now.

Every example of the project runs, with records of its own under
``build/versions/``, and what they give is compared with the golden outputs: same, differs, warns or fails.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TextIO

from ..project.layout import Project
from . import runner
from .examples import Options
from .golden import FOLDER, Tolerance, compare, compared
from .keys import PACKAGES, version
from .record import Store

__all__ = ["States", "counted", "print_report", "report"]


WARNING = re.compile(r"\w*Warning: ")
States = dict[str, tuple[str, list[str]]]
"""By page: one of ``same``, ``differs``, ``warns`` and ``fails``, and the lines that tell more."""


def report(
    project: Project,
    store: Store,
    options: Options,
    *,
    device: str = "cpu",
    pages: Sequence[str] = (),
    out: TextIO | None = None,
) -> States:
    """Run `pages`, all by default, with `options`, and compare them with the golden outputs."""
    wanted = compared(project, device, pages)
    summary = runner.record(wanted, store, options, device=device, out=out)
    tolerances = {page.docname: Tolerance.of(page.tolerance) for page in project.pages()}
    failed = {failure.page: failure for failure in summary.failures}
    found: States = {}
    for example in wanted:
        page = example.page
        if page in failed:
            message = failed[page].outcome.message
            found[page] = ("warns" if WARNING.match(message) else "fails", str(failed[page]).splitlines()[1:])
            continue
        record = store.get(page, summary.used[page])
        assert record is not None
        lines = compare(project.root / FOLDER / device, record, store, tolerances.get(page, Tolerance()))
        found[page] = ("differs" if lines else "same", lines)
    return found


def counted(found: States) -> str:
    """How many pages are in each state."""
    states = [state for state, _ in found.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in ("same", "differs", "warns", "fails"))


def print_report(project: Project) -> None:
    """Run the examples and print the report, with a line of counts at its end."""
    versions = [f"{name}-{version(name)}" for name in PACKAGES if version(name) != "none"]
    store = Store(project.root / "build" / "versions" / "_".join(versions))
    found = report(project, store, Options.of(project))
    width = max(map(len, found), default=0) + 2
    for page, (state, lines) in found.items():
        print(f"{page:{width}}{state}", *(f"    {line}" for line in lines), sep="\n")
    print(f"{', '.join(versions)}: {counted(found)}")
