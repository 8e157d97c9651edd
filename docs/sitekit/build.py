"""Build the site: localise, run what has no record, render every language, publish by rename.

``python -m sitekit.build`` builds the project in the current folder into ``build/html``. A build that fails
leaves the site that was published before as it was; a build whose inputs are all as they were does nothing.
Of two builds in one checkout the second waits for the first.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .keys import Key, digest
from .project import Language, Project
from .record import Store
from .segments import SourceError

__all__ = ["build", "clean", "locked", "prepare"]

DIGEST = "inputs.sha256"
LOCK = ".cache/build.lock"
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
    folders = [project.docs, project.gallery, project.root / "src"]
    if not PACKAGE.is_relative_to(project.docs):
        folders.append(PACKAGE)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in {".mo", ".pyc", ".new"}:
                yield path.relative_to(folder.parent).as_posix(), path


def inputs_digest(project: Project) -> str:
    """A digest of everything the site is made from, records apart: files and versions."""
    found = hashlib.sha256()
    for name, path in _input_files(project):
        found.update(f"{name}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    versions = sorted(
        f"{item.metadata['Name']} {item.version}" for item in importlib.metadata.distributions()
    )
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    found.update(json.dumps([sys.version, versions, epoch]).encode())
    return found.hexdigest()


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


def prepare(project: Project) -> bool:
    """Localise, run what has no record, and choose the record of each page; whether all examples ran."""
    from . import keys, runner, shown
    from .localise import localise

    localise(project)
    options = runner.Options.of(project)

    def warn(line: str) -> None:
        print(f"warning: {line}", file=sys.stderr)

    store = runner.store_for(project, "cpu", warn)
    wanted = [*runner.examples(project), *runner.documents(project)]
    summary = runner.record(wanted, store, options)
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
            found = committed.committed(example.page, keys.digest(example.code_part(options)))
            if found:
                chosen[example.page].append(shown.Shown(found[0], committed, found[1]))
    shown.write(project, chosen)
    return True


def clean(project: Project, language: Language) -> None:
    """Leave only what localising wrote: rendering starts from nothing else."""
    tree = project.source_tree(language)
    kept = {tree / name for name in json.loads((tree / "localised.json").read_text(encoding="utf-8"))}
    kept |= {tree / "localised.json", tree / "shown.json"}
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()
    shutil.rmtree(project.build / "jupyter_cache" / language.folder, ignore_errors=True)


def _sphinx(project: Project, language: Language) -> subprocess.Popen[bytes]:
    """Start Sphinx on one language's tree; it ends when its input, which nobody writes to, is closed."""
    place = project.build / "sphinx" / language.folder  # MyST-NB writes beside Sphinx's output
    command = [
        *(sys.executable, "-m", f"{__package__}.renderer", "-b", "html", "-q", "-n", "-W", "--keep-going"),
        *("-c", str(project.docs), "-D", f"language={language.sphinx}"),
        *("-d", str(place / "doctrees"), str(project.source_tree(language)), str(place / "html")),
    ]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def _render(project: Project) -> list[str]:
    """Render all languages at the same time; returns those that failed."""
    shutil.rmtree(project.build / "sphinx", ignore_errors=True)
    for language in project.languages:
        clean(project, language)
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for language in project.languages:
            running[language.folder] = _sphinx(project, language)
        return [folder for folder, process in running.items() if process.wait()]
    finally:
        for process in running.values():
            process.kill()
        for process in running.values():
            process.wait()
            assert process.stdin is not None
            process.stdin.close()


def _root_page(project: Project) -> str:
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    return templates.get_template("root.html").render(languages=project.languages, title=project.title)


def _publish(project: Project, state: str) -> None:
    """Put the rendered languages in the place of the published site, in two renames."""
    rendered, new, html, old = (project.build / name for name in ("sphinx", "html.new", "html", "html.old"))
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for language in project.languages:
        (rendered / language.folder / "html").rename(new / language.folder)
        # Sphinx's note for its next build here, of which there is none; it knows this checkout's folder.
        (new / language.folder / ".buildinfo").unlink(missing_ok=True)
    (new / "index.html").write_text(_root_page(project), encoding="utf-8")
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
    for folder in (old, rendered):
        shutil.rmtree(folder, ignore_errors=True)


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


def build(project: Project) -> bool:
    """Build and publish; whether it succeeded."""
    with locked(project):
        _recover(project)
        start = time.monotonic()
        html = project.build / "html"
        inputs = inputs_digest(project)
        if html.exists() and _published(project) == digest([inputs, records_digest(project)]):
            print("nothing changed: build/html/index.html")
            return True
        failed = _render(project) if prepare(project) else ["the examples"]
        if failed:
            kept = "; the site in build/html is as it was" if html.exists() else ""
            print(f"build failed: {', '.join(failed)}{kept}", file=sys.stderr)
            return False
        _publish(project, digest([inputs, records_digest(project)]))
        pages = sum(1 for _ in html.rglob("*.html"))
        print(f"built {pages} pages in {time.monotonic() - start:.0f} s: build/html/index.html")
        return True


def main() -> int:
    """Build the project in the current folder."""
    from .localise import LocaliseError

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        return 0 if build(Project.load(Path.cwd())) else 1
    except (SourceError, LocaliseError) as error:
        print(error, file=sys.stderr)
        print("nothing was built; the site in build/html, if any, is as it was", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was recorded stays, the site in build/html is as it was", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
