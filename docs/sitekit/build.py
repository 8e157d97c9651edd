"""Build the site: localise, run what has no record, render every language, publish by rename.

``python -m sitekit.build`` builds the project in the current folder into ``build/html``. A build that fails
leaves the site that was published before as it was; a build whose inputs are all as they were does nothing.
Of two builds in one checkout the second waits for the first. ``--only PAGE …`` builds some pages, for a look
at them, into ``build/preview``.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import amend, root_pages, security
from .catalogue import sources
from .keys import Key, digest
from .localise import LISTING
from .project import Language, Project
from .record import Store
from .segments import SourceError

__all__ = ["arguments", "build", "clean", "locked", "prepare", "preview", "render", "renderer"]

DIGEST = "inputs.sha256"
LOCK = ".cache/build.lock"
RENDERED = "sphinx"
PREVIEW = "preview"
STRICT = ("-n", "-W", "--keep-going")
PACKAGE = Path(__file__).resolve().parent


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
        lock.acquire(timeout=0)
    except Timeout:
        print("another build of this checkout is running; waiting for its end", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


# -- whether there is anything to do


def _input_files(project: Project) -> Iterator[tuple[str, Path]]:
    for path in sorted(project.root.glob("LICENSE*")):  # the archive of all scripts holds them
        yield path.name, path
    folders = [project.docs, project.gallery, project.root / "src"]
    if not PACKAGE.is_relative_to(project.docs):
        folders.append(PACKAGE)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in {".mo", ".pyc", ".new"}:
                yield path.relative_to(folder.parent).as_posix(), path


def inputs_digests(project: Project) -> tuple[str, str]:
    """Digests of everything the site is made from, records apart: of pages' texts, and of all else."""
    texts, found = hashlib.sha256(), hashlib.sha256()
    pages = {source.path for source in sources(project)}
    for name, path in _input_files(project):
        of_page = path in pages or (path.suffix == ".po" and path.is_relative_to(project.locale))
        into = texts if of_page else found
        into.update(f"{name}\0".encode())
        into.update(hashlib.sha256(path.read_bytes()).digest())
    # A distribution's name and version are its folder's name; to read all their metadata takes ten times as long.
    versions = sorted({item.name for folder in sys.path for item in Path(folder).glob("*-info")})
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    found.update(json.dumps([sys.version, versions, epoch]).encode())
    return texts.hexdigest(), found.hexdigest()


def records_digest(project: Project) -> str | None:
    """A digest of the records that the pages show; None where one is missing or damaged."""
    shown: dict[str, Any] = {}
    for language in project.languages:
        try:
            listing = (project.source_tree(language) / "shown.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        for page, items in json.loads(listing).items():
            for item in items:
                place = f"{item['store']} {page}"
                if place not in shown:
                    store = Store(project.root / item["store"], single=item["single"])
                    record = store.get(page, Key(*item["key"]))
                    if record is None:
                        return None
                    shown[place] = [item["current"], asdict(record)]
    return digest(shown)


# -- the steps


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
        Whether source text may stand where a translation is missing.
    """
    from . import keys, runner, shown
    from .localise import localise

    amend.forget(project)
    localise(project, draft=draft)
    options = runner.Options.of(project)

    def warn(line: str) -> None:
        print(f"warning: {line}", file=sys.stderr)

    store = runner.store_for(project, "cpu", warn)
    wanted = [*runner.examples(project), *runner.documents(project)]
    with ExitStack() as stack:
        executor = stack.enter_context(runner.dask_executor(scheduler)) if scheduler else None
        wanted = [example for example in wanted if not only or example.page in only]
        summary = runner.record(wanted, store, options, executor=executor)
    if not only:
        store.prune(runner.CACHE_BYTES, summary.used.items())
    for line in summary.lines():
        print(line, flush=True)
    if summary.failures:
        return False
    chosen: dict[str, list[shown.Shown]] = {}
    for page, key in summary.used.items():
        record = store.get(page, key)
        assert record is not None
        chosen[page] = [shown.Shown(record, store, True)]
    for device in sorted({device for page in project.pages() for device in page.devices} - {"cpu"}):
        committed = runner.store_for(project, device, warn)
        for example in runner.examples(project, device):
            if example.page not in chosen:
                continue
            found = committed.committed(example.page, keys.digest(example.code_part(options)))
            if found:
                chosen[example.page].append(shown.Shown(found[0], committed, found[1]))
    shown.write(project, chosen, others_too=bool(only))
    return True


def clean(project: Project, language: Language) -> None:
    """Leave only what localising wrote: rendering starts from nothing else."""
    tree = project.source_tree(language)
    kept = {tree / name for name in json.loads((tree / LISTING).read_text(encoding="utf-8"))}
    kept |= {tree / LISTING, tree / "shown.json"}
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()


def arguments(project: Project, language: Language, place: Path, *more: str) -> list[str]:
    """What Sphinx is called with to render one language's tree into ``place/html``."""
    return [
        *("-b", "html", "-q", *more, "-c", str(project.docs), "-D", f"language={language.sphinx}"),
        *("-d", str(place / "doctrees"), str(project.source_tree(language)), str(place / "html")),
    ]


@contextmanager
def renderer() -> Iterator[subprocess.Popen[bytes]]:
    """A process that gets ready to render; none of it is left afterwards."""
    process = subprocess.Popen([sys.executable, "-m", f"{__package__}.renderer"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        yield process
    finally:
        with suppress(OSError):  # it may have ended, with what was written to it unread
            process.stdin.close()
        process.wait()


def render(process: subprocess.Popen[bytes], builds: Sequence[Sequence[str]]) -> list[bool]:
    """Have the renderer run Sphinx with each of `builds` at the same time; whether each succeeded."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended; its exit code tells
        process.stdin.write(json.dumps(builds).encode() + b"\n")
        process.stdin.flush()
    failed = process.wait()
    return [failed >= 0 and not failed >> number & 1 for number in range(len(builds))]


def _render(
    project: Project, process: subprocess.Popen[bytes], *more: str, amends: bool = False
) -> list[str]:
    """Render every language, from nothing or what the last build left; returns those that failed."""
    folder = project.build / RENDERED
    shutil.rmtree(folder, ignore_errors=True)
    if amends:
        amend.stage(project, folder)
        more = ("-Q", *more, "-D", "sitekit_amends=1")
    else:
        for language in project.languages:
            clean(project, language)
    # MyST-NB writes beside Sphinx's output, so each language has a folder around it.
    builds = [arguments(project, item, folder / item.folder, *more) for item in project.languages]
    passed = render(process, builds)
    return [item.folder for item, good in zip(project.languages, passed, strict=True) if not good]


def _assemble(project: Project, rendered: Path, new: Path) -> None:
    """Move the rendered languages into the empty folder `new`."""
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for language in project.languages:
        (rendered / language.folder / "html").rename(new / language.folder)
        # Sphinx's note for its next build here, of which there is none; it knows this checkout's folder.
        (new / language.folder / ".buildinfo").unlink(missing_ok=True)
        # Each language lists all pages in all languages.
        if (sitemap := new / language.folder / "sitemap.xml").exists():
            sitemap.replace(new / sitemap.name)


def _publish(project: Project, state: str) -> None:
    """Put the rendered languages in the place of the published site, in two renames."""
    new, html, old = (project.build / name for name in ("html.new", "html", "html.old"))
    _assemble(project, project.build / RENDERED, new)
    root_pages.write(project, new, policy=security.meta())
    shutil.rmtree(old, ignore_errors=True)
    (project.build / DIGEST).unlink(missing_ok=True)
    try:
        if html.exists():
            html.rename(old)
        new.rename(html)
    except BaseException:
        _recover(project)
        raise
    (project.build / DIGEST).write_text(state, encoding="ascii")
    shutil.rmtree(old, ignore_errors=True)


def _recover(project: Project) -> None:
    """Finish what a build that was killed beside the two renames left."""
    html, old = project.build / "html", project.build / "html.old"
    if old.exists() and not html.exists():
        old.rename(html)
    shutil.rmtree(old, ignore_errors=True)


def _published(project: Project) -> str | None:
    try:
        return (project.build / DIGEST).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def build(project: Project, *, scheduler: str | None = None) -> bool:
    """Build and publish; whether it succeeded."""
    with locked(project):
        _recover(project)
        start = time.monotonic()
        html = project.build / "html"
        texts, rest = inputs_digests(project)
        if html.exists() and _published(project) == digest([texts, rest, records_digest(project)]):
            print("nothing changed: build/html/index.html")
            return True
        before = amend.take(project)
        with renderer() as process:
            failed = [] if prepare(project, scheduler=scheduler) else ["the examples"]
            records = records_digest(project)
            amends = not failed and amend.only_words_differ(project, before, rest, records)
            if not failed:
                failed = _render(project, process, *STRICT, amends=amends)
        if failed and amends:  # whatever stopped it
            with renderer() as process:
                failed = _render(project, process, *STRICT)
        if failed:
            kept = "; the site in build/html is as it was" if html.exists() else ""
            print(f"build failed: {', '.join(failed)}{kept}", file=sys.stderr)
            return False
        _publish(project, digest([texts, rest, records]))
        amend.keep(project, project.build / RENDERED, rest, records)
        pages = sum(1 for _ in html.rglob("*.html"))
        print(f"built {pages} pages in {time.monotonic() - start:.0f} s: build/html/index.html")
        return True


def preview(project: Project, pages: Sequence[str], *, scheduler: str | None = None) -> bool:
    """Build some pages into ``build/preview``, where links to all others are plain text; whether it succeeded.

    Source text stands where a translation is missing.

    Raises
    ------
    SourceError
        Where a page is unknown.
    """
    known = [source.docname for source in sources(project)]
    for page in pages:
        if page not in known:
            close = " or ".join(difflib.get_close_matches(page, known)) or "a name as in a page's address"
            raise SourceError(project.gallery / "curriculum.toml", None, f"no page {page!r}; try {close}")
    with locked(project):
        start = time.monotonic()
        # Links to pages that aren't there are no mistake here; everything else is.
        more = ("-W", "--keep-going", "-D", f"root_doc={pages[0]}", "-D", f"sitekit_only={','.join(pages)}")
        with renderer() as process:
            if not prepare(project, only=pages, scheduler=scheduler, draft=True):
                return False
            failed = _render(project, process, *more)
        if failed:
            print(f"build failed: {', '.join(failed)}", file=sys.stderr)
            return False
        folder = project.build / PREVIEW
        _assemble(project, project.build / RENDERED, folder)
        shutil.rmtree(project.build / RENDERED)
        print(f"built in {time.monotonic() - start:.0f} s, without the pages that these link to:")
        for language in project.languages:
            for page in pages:
                print(f"  {folder.relative_to(project.root) / language.folder / page}.html")
        return True


def _given(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sitekit.build", description="Build the site into build/html.")
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="build these pages into build/preview")
    parser.add_argument("--scheduler", help="address of a Dask scheduler whose workers run the examples")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Build the project in the current folder."""
    from .localise import LocaliseError
    from .runner import RunnerError

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    wanted = _given(given)
    signal.signal(signal.SIGTERM, stop)
    try:
        project = Project.load(Path.cwd())
        if wanted.only:
            return 0 if preview(project, wanted.only, scheduler=wanted.scheduler) else 1
        return 0 if build(project, scheduler=wanted.scheduler) else 1
    except (SourceError, LocaliseError, RunnerError) as error:
        print(error, file=sys.stderr)
        print("nothing was built; the site in build/html, if any, is as it was", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was recorded stays, the site in build/html is as it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
