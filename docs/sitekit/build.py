"""Build the site: localise, render every language, publish by rename.

``python -m sitekit.build`` builds the project in the current folder into ``build/html``. A build that fails
leaves the site that was published before as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from .localise import LocaliseError, localise
from .project import Language, Project
from .segments import SourceError

__all__ = ["build"]


def _sphinx(project: Project, language: Language) -> subprocess.Popen[bytes]:
    """Start Sphinx on one language's tree."""
    out = project.build / "render" / language.folder
    command = [
        *(sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going"),
        *("-c", str(project.docs), "-D", f"language={language.sphinx}"),
        *("-d", str(project.build / "doctrees" / language.folder)),
        *(str(project.source_tree(language)), str(out)),
    ]
    paths = [str(project.docs), str(project.root / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",  # two builds at once on few cores: more threads are many times slower
    }
    return subprocess.Popen(command, env=environment)


def _root_page(project: Project) -> str:
    templates = Environment(loader=FileSystemLoader(project.docs / "_templates"), autoescape=True)
    return templates.get_template("root.html").render(languages=project.languages, title="TorchNotes")


def _publish(project: Project) -> None:
    """Put the rendered languages in the place of the published site, in two renames."""
    render, html, old = (project.build / name for name in ("render", "html", "html.old"))
    (render / "index.html").write_text(_root_page(project), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if html.exists():
        html.rename(old)
    render.rename(html)
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
    localise(project)
    for name in ("render", "doctrees"):
        shutil.rmtree(project.build / name, ignore_errors=True)
    running = {language: _sphinx(project, language) for language in project.languages}
    failed = [language.folder for language, process in running.items() if process.wait()]
    if failed:
        kept = " (the site in build/html is as it was)" if (project.build / "html").exists() else ""
        print(f"build failed for {', '.join(failed)}{kept}", file=sys.stderr)
        return False
    _publish(project)
    pages = sum(1 for _ in (project.build / "html").rglob("*.html"))
    print(f"built {pages} pages in {time.monotonic() - start:.0f} s: build/html/index.html")
    return True


def main() -> int:
    """Build the project in the current folder."""
    try:
        return 0 if build(Project.load(Path.cwd())) else 1
    except (SourceError, LocaliseError) as error:
        print(error, file=sys.stderr)
        print("nothing was built; the site in build/html, if any, is as it was", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
