"""Build the site: localise, run what has no record, render every language, publish by rename.

``python -m sitekit.build`` builds the project in the current folder into ``build/html``. A build that fails
leaves the site that was published before as it was; a build whose inputs are all as they were does nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .project import Language, Project
from .segments import SourceError

__all__ = ["build", "prepare"]

DIGEST = "inputs.sha256"


# -- whether there is anything to do


def _input_files(project: Project) -> Iterator[Path]:
    for folder in (project.docs, project.gallery, project.root / "src"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in {".mo", ".pyc", ".new"}:
                yield path


def inputs_digest(project: Project) -> str:
    """A digest of everything the site is made from: files, records, versions."""
    found = hashlib.sha256()
    for path in _input_files(project):
        found.update(f"{path.relative_to(project.root)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    versions = sorted(
        f"{item.metadata['Name']} {item.version}" for item in importlib.metadata.distributions()
    )
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    found.update(json.dumps([sys.version, versions, epoch]).encode())
    return found.hexdigest()


def _records_stand(project: Project) -> bool:
    """Whether each record that the published site shows is still there."""
    for language in project.languages:
        listing = project.source_tree(language) / "shown.json"
        if not listing.is_file():
            return False
        for page, items in json.loads(listing.read_text(encoding="utf-8")).items():
            if not all((Path(item["store"]) / page).is_dir() for item in items):
                return False
    return True


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


def _clean_tree(tree: Path) -> None:
    """Leave only what localising wrote: rendering starts from nothing else."""
    kept = {tree / name for name in json.loads((tree / "localised.json").read_text(encoding="utf-8"))}
    kept |= {tree / "localised.json", tree / "shown.json"}
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()


def _sphinx(project: Project, language: Language) -> subprocess.Popen[bytes]:
    """Start Sphinx on one language's tree."""
    out = project.build / "render" / language.folder
    command = [
        *(sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going"),
        *("-c", str(project.docs), "-D", f"language={language.sphinx}"),
        *("-d", str(project.build / "doctrees" / language.folder)),
        *(str(project.source_tree(language)), str(out)),
    ]
    return subprocess.Popen(command)


def _render(project: Project) -> list[str]:
    """Render all languages at the same time; returns those that failed."""
    for name in ("render", "doctrees", "jupyter_cache"):
        shutil.rmtree(project.build / name, ignore_errors=True)
    for language in project.languages:
        _clean_tree(project.source_tree(language))
    running = {language.folder: _sphinx(project, language) for language in project.languages}
    try:
        return [folder for folder, process in running.items() if process.wait()]
    finally:
        for process in running.values():
            if process.poll() is None:
                process.terminate()
                process.wait()


def _root_page(project: Project) -> str:
    from jinja2 import Environment, FileSystemLoader

    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    return templates.get_template("root.html").render(languages=project.languages, title="TorchNotes")


def _publish(project: Project, digest: str) -> None:
    """Put the rendered languages in the place of the published site, in two renames."""
    render, html, old = (project.build / name for name in ("render", "html", "html.old"))
    (render / "index.html").write_text(_root_page(project), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    (project.build / DIGEST).unlink(missing_ok=True)
    if html.exists():
        html.rename(old)
    render.rename(html)
    (project.build / DIGEST).write_text(digest, encoding="ascii")
    shutil.rmtree(old, ignore_errors=True)


def _recover(project: Project) -> None:
    """Finish what a build that was killed between the two renames left."""
    html, old = project.build / "html", project.build / "html.old"
    if old.exists() and not html.exists():
        old.rename(html)


def build(project: Project) -> bool:
    """Build and publish; whether it succeeded."""
    _recover(project)
    start = time.monotonic()
    html, digest_file = project.build / "html", project.build / DIGEST
    digest = inputs_digest(project)
    if html.exists() and digest_file.is_file() and digest_file.read_text(encoding="ascii") == digest:
        if _records_stand(project):
            print("nothing changed: build/html/index.html")
            return True
    failed = ["the examples"]
    if prepare(project):
        failed = _render(project)
    if failed:
        kept = "; the site in build/html is as it was" if html.exists() else ""
        print(f"build failed: {', '.join(failed)}{kept}", file=sys.stderr)
        return False
    _publish(project, digest)
    pages = sum(1 for _ in html.rglob("*.html"))
    print(f"built {pages} pages in {time.monotonic() - start:.0f} s: build/html/index.html")
    return True


def main() -> int:
    """Build the project in the current folder."""
    from .localise import LocaliseError

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
