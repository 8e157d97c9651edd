"""What comes before rendering, for builds and for a plain ``sphinx-build``: source trees, records, the choice of these.

In go a project's files; out come one source tree per language and, in it, the list of records that its pages show.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .execute import runner
from .execute.chosen import SHOWN, ShownRecord, undescribed, write_listing
from .execute.cluster import dask_executor
from .execute.examples import Options, documents, examples, print_warning, store_for
from .execute.record import forget_read
from .project.errors import SourceErrors
from .project.files import digest
from .project.layout import Language, Project
from .translate.localise import LISTING, localise

__all__ = ["REUSABLE", "clean", "forget_reusable", "locked", "prepare"]

LOCK = ".cache/build.lock"
REUSABLE = "reusable/state.json"
"""Below ``build``: what the last build says of the trees and pages that the next one may use again, beside these."""


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """Have the checkout's ``build`` folder for oneself; waits, and says so, while another build has it.

    The system frees the lock of a process that was killed.
    """
    from filelock import FileLock, Timeout

    path = project.root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        print("another build of this checkout is running; waiting for its end", file=sys.stderr, flush=True)
        held = lock.acquire()
    with held:
        forget_read()
        yield


def forget_reusable(project: Project) -> None:
    """Have the next build start clean: the trees are not as the last one left them."""
    (project.build / REUSABLE).unlink(missing_ok=True)


def prepare(
    project: Project, *, only: Sequence[str] = (), scheduler: str | None = None, draft: bool = False
) -> bool:
    """Localise, run what has no record, and choose the record of each page; whether all examples ran.

    Parameters
    ----------
    project
        The project.
    only
        The pages whose examples are wanted; all by default.
    scheduler
        The address of a Dask scheduler whose workers run the examples.
    draft
        Whether source text may stand where a translation is missing, and a figure without its description.
    """
    forget_reusable(project)
    localise(project, draft=draft)
    options, store = Options.of(project), store_for(project)
    wanted = [item for item in (*examples(project), *documents(project)) if not only or item.page in only]
    with dask_executor(scheduler) as executor:
        summary = runner.record(wanted, store, options, executor=executor)
    print(*summary.lines(), sep="\n", flush=True)
    if summary.failures:
        return False
    chosen: dict[str, list[ShownRecord]] = {}
    for page, key in summary.used.items():
        record = store.get(page, key)
        assert record is not None
        chosen[page] = [ShownRecord(record, store, True)]
    for device in sorted({device for page in project.pages() for device in page.devices} - {"cpu"}):
        committed = store_for(project, device)
        for example in examples(project, device):
            if example.page not in chosen:
                continue
            found = committed.committed(example.page, digest(example.code_part(options)))
            if found:
                chosen[example.page].append(ShownRecord(found[0], committed, found[1]))
    faults = [fault for example in wanted for fault in undescribed(example, chosen[example.page])]
    if faults and not draft:
        raise SourceErrors(faults)
    for fault in faults:
        print_warning(str(fault))
    write_listing(project, chosen, others_too=bool(only))
    return True


def clean(project: Project, language: Language) -> None:
    """Leave only what localising wrote, and the list of records: rendering starts from nothing else."""
    tree = project.source_tree(language)
    written = {tree / name for name in json.loads((tree / LISTING).read_text(encoding="utf-8"))}
    written |= {tree / LISTING, tree / SHOWN}
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in written:
            path.unlink()
