"""Build the site: localise, run what has no record, render every language, publish by rename.

It goes into ``build/html``. A build that fails leaves the site that was published before as it was; a build whose
inputs are all as they were does nothing. Of two builds in one checkout the second waits for the first.
``--only PAGE …`` builds some pages, for a look at them, into ``build/preview``.
"""

import difflib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..project.errors import SourceError
from ..project.files import digest
from ..project.layout import Project
from ..project.policy import meta
from ..steps import locked, prepare
from ..translate.sources import sources
from . import reuse, root_pages
from .rendering import RENDERED, STRICT, WRITTEN_LAST, render_all, renderer

DIGEST = "inputs.sha256"


def _assemble(project: Project, rendered: Path, new: Path) -> None:
    """Move the rendered languages into the empty folder `new`."""
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for language in project.languages:
        (rendered / language.folder / "html").rename(new / language.folder)
        # It is for Sphinx's next build here, of which there is none, and knows this checkout's folder.
        (new / language.folder / WRITTEN_LAST).unlink()
        # Each language lists all pages in all languages.
        if (sitemap := new / language.folder / "sitemap.xml").exists():
            sitemap.replace(new / sitemap.name)


def _publish(project: Project, state: str) -> None:
    """Put the rendered languages in the place of the published site, in two renames."""
    new, html, old = (project.build / name for name in ("html.new", "html", "html.old"))
    _assemble(project, project.build / RENDERED, new)
    root_pages.write(project, new, policy=meta())
    (project.build / DIGEST).unlink(missing_ok=True)
    try:
        if html.exists():
            html.rename(old)
        new.rename(html)
    finally:
        _recover(project)
    (project.build / DIGEST).write_text(state, encoding="ascii")


def _recover(project: Project) -> None:
    """Finish what a build that was killed beside the two renames left."""
    html, old = project.build / "html", project.build / "html.old"
    if old.exists() and not html.exists():
        old.rename(html)
    shutil.rmtree(old, ignore_errors=True)


def build(project: Project, *, scheduler: str | None = None) -> bool:
    """Build and publish; whether it succeeded."""
    with locked(project):
        _recover(project)
        start = time.monotonic()
        html, published = project.build / "html", project.build / DIGEST
        texts, fixed = reuse.inputs_digests(project)
        shown = published.read_text(encoding="ascii") if html.exists() and published.exists() else None
        if shown == digest([texts, fixed, reuse.records_digest(project)]):
            print("nothing changed: build/html/index.html")
            return True
        before = reuse.load(project)
        with renderer() as process:
            if not prepare(project, scheduler=scheduler):
                return _failed(project, ["the examples"])
            reuses = reuse.only_words_differ(project, before, fixed)
            failed = render_all(project, process, *STRICT, reuses=reuses)
        if failed and reuses:  # whatever stopped it
            with renderer() as process:
                failed = render_all(project, process, *STRICT)
        if failed:
            return _failed(project, failed)
        _publish(project, digest([texts, fixed, reuse.records_digest(project)]))
        reuse.save(project, project.build / RENDERED, fixed)
        pages = sum(1 for _ in html.rglob("*.html"))
        print(f"built {pages} pages in {time.monotonic() - start:.0f} s: build/html/index.html")
        return True


def _failed(project: Project, what: Sequence[str]) -> bool:
    before = "; the site in build/html is as it was" if (project.build / "html").exists() else ""
    print(f"build failed: {', '.join(what)}{before}", file=sys.stderr)
    return False


def preview(project: Project, pages: Sequence[str], *, scheduler: str | None = None) -> bool:
    """Build a draft of some pages into ``build/preview``, with links to others as plain text; whether it succeeded."""
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
            failed = render_all(project, process, *more)
        if failed:
            return _failed(project, failed)
        folder = project.build / "preview"
        _assemble(project, project.build / RENDERED, folder)
        shutil.rmtree(project.build / RENDERED)
        print(f"built in {time.monotonic() - start:.0f} s, without the pages that these link to:")
        for language in project.languages:
            for page in pages:
                print(f"  {folder.relative_to(project.root) / language.folder / page}.html")
        return True
