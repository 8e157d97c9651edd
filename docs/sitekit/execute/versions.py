"""Which pages print or draw something else under the packages that are installed now.

Every example of the project runs, with records of its own under
``build/versions/``, and what they give is compared with the golden outputs: same, differs, warns or fails.
"""

from __future__ import annotations

import re

from ..project.layout import Project
from . import runner
from .examples import Options
from .golden import FOLDER, Tolerance, compare, compared
from .keys import PACKAGES, version
from .record import Store

__all__ = ["report"]


WARNING = re.compile(r"\w*Warning: ")


def report(project: Project, store: Store, device: str = "cpu") -> dict[str, tuple[str, list[str]]]:
    """For each page ``same``, ``differs``, ``warns`` or ``fails``, and the lines that tell more."""
    wanted = compared(project, device)
    summary = runner.record(wanted, store, Options.of(project), device=device)
    tolerances = {page.docname: Tolerance.of(page.tolerance) for page in project.pages()}
    failed = {failure.page: failure for failure in summary.failures}
    found: dict[str, tuple[str, list[str]]] = {}
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


def print_report(project: Project) -> None:
    """Run the examples and print the report, with a line of counts at its end."""
    versions = [f"{name}-{version(name)}" for name in PACKAGES if version(name) != "none"]
    found = report(project, Store(project.root / "build" / "versions" / "_".join(versions)))
    width = max(map(len, found), default=0) + 2
    for page, (state, lines) in found.items():
        print(f"{page:{width}}{state}", *(f"    {line}" for line in lines), sep="\n")
    counts = {
        state: sum(one == state for one, _ in found.values())
        for state in ("same", "differs", "warns", "fails")
    }
    print(f"{', '.join(versions)}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
