"""Serve the site while it is being written: ``nox -s live``.

The project is built into ``build/live`` and served from there; what a saved file changes is built again, and the
reader's browser reloads. Source text stands where a translation is missing. Nobody checks here, as `reuse` does, that
other pages are untouched, so what it shows can be behind in corners (lists of pages, what Sphinx warns of).
"""

import shutil
import sys
import time
from pathlib import Path

from ..project.errors import SitekitError
from ..project.layout import Project
from ..project.seams import check
from ..steps import clean, locked, prepare
from . import reuse, root_pages
from .rendering import arguments, render, renderer


def rebuild(root: Path, before: str) -> str:
    """Build what changed, or everything if the digest of all but pages' texts isn't as `before`; returns that digest."""
    start = time.monotonic()
    try:
        project = Project.load(root)
        place = project.build / "live"
        _, fixed = reuse.inputs_digests(project)
        with locked(project), renderer() as process:
            if not prepare(project, draft=True):
                return before
            if fixed != before:
                shutil.rmtree(place, ignore_errors=True)
                clean(project, project.languages)
            # The server's script, which reloads the page, is one that the policy stops.
            good = all(render(process, [*arguments(project, place, "-D", "sitekit_policy=0")]))
            for language in project.languages:
                html = place / language.folder / "html"
                if html.is_dir():
                    shutil.copytree(html, place / "site" / language.folder, dirs_exist_ok=True)
            (place / "site").mkdir(parents=True, exist_ok=True)
            root_pages.write(project, place / "site")
    except (SitekitError, OSError) as error:
        print(error, file=sys.stderr)
        return before
    print(f"{'built' if good else 'built, with mistakes,'} in {time.monotonic() - start:.1f} s", flush=True)
    return fixed


def serve(root: Path, port: int) -> None:
    """Build, serve on `port` of this machine, and build again whatever is saved, until Ctrl-C."""
    from livereload import Server
    from livereload.handlers import LiveReloadHandler

    check("publish")
    fixed = ""

    def again() -> None:
        nonlocal fixed
        fixed = rebuild(root, fixed)
        # It would keep silent about a build that ends within three seconds of the last reload.
        LiveReloadHandler._last_reload_time = 0

    again()
    server = Server()
    for folder in ("docs", "gallery", "src"):
        server.watch(str(root / folder), again)
    try:
        server.serve(port=port, root=str(root / "build" / "live" / "site"))
    except OSError as error:
        fault = f"port {port} can't be served: {error.strerror}; try --port with another"
        raise SitekitError(fault) from None
