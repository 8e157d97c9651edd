"""What comes before rendering, for builds and for a plain ``sphinx-build``: source trees, records, the choice of these.

In go a project's files; out come one source tree per language and, in it, the list of records that its pages show.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from .execute import runner
from .execute.chosen import SHOWN, ShownRecord, committed, undescribed, write_listing
from .execute.examples import Options, chosen, print_warning, store_for
from .execute.record import forget_read
from .project.errors import SitekitError, SourceErrors
from .project.layout import Language, Project
from .translate.localise import LISTING, localise

REUSABLE = "reusable/state.json"
"""Below ``build``: what the last build says of the trees and pages that the next one may use again, beside these."""


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """Have the checkout's ``build`` folder for oneself; waits, and says so, while another build has it.

    The system frees the lock of a process that was killed.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(project.root / ".cache" / "build.lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        print("another build of this checkout is running; waiting for its end", file=sys.stderr, flush=True)
        held = lock.acquire()
    with held:
        forget_read()
        yield


def prepare(
    project: Project, *, only: Sequence[str] = (), scheduler: str | None = None, draft: bool = False
) -> bool:
    """Localise, run what has no record, and choose the record of each page; whether all examples ran.

    `only` names the pages whose examples are wanted, all by default; the workers of a Dask `scheduler` run them. In a
    `draft`, source text may stand where a translation is missing, and a figure without its description.
    """
    (project.build / REUSABLE).unlink(missing_ok=True)  # the trees won't be as the last build left them
    localised = partial(localise, project, draft=draft)
    store = store_for(project)
    try:
        wanted = [item for item in chosen(project, "cpu", ()) if not only or item.page in only]
    except SitekitError:
        localised()  # which finds more faults, and all of them
        raise
    with runner.dask_executor(scheduler) as executor:
        summary = runner.record(wanted, store, Options(project), executor=executor, first=localised)
    print(*summary.lines(), sep="\n", flush=True)
    if summary.failures:
        return False
    shown = {page: [ShownRecord(record, store, True)] for page, record in summary.records.items()}
    for device in sorted({device for page in project.pages() for device in page.devices} - {"cpu"}):
        for page, item in committed(project, device).items():
            if page in shown:
                shown[page].append(item)
    faults = [fault for example in wanted for fault in undescribed(example, shown[example.page])]
    if faults and not draft:
        raise SourceErrors(faults)
    for fault in faults:
        print_warning(str(fault))
    write_listing(project, shown, others_too=bool(only))
    return True


def clean(project: Project, languages: Iterable[Language]) -> None:
    """Leave only what localising wrote, and the list of records: rendering starts from nothing else."""
    for tree in map(project.source_tree, languages):
        written = {tree / name for name in json.loads((tree / LISTING).read_text(encoding="utf-8"))}
        written |= {tree / LISTING, tree / SHOWN}
        for path in [*tree.rglob("*")]:
            if path.is_file() and path not in written:
                path.unlink()
