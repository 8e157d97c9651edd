"""Has Sphinx render the languages, in processes that have imported it beforehand.

In go the languages' source trees; out come their sites, under ``build/sphinx``.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..project.files import PACKAGE
from ..project.layout import Project
from ..steps import clean
from . import reuse

RENDERED = "sphinx"
RENDERER = f"{PACKAGE.name}.site.renderer"
STRICT = ("-n", "-W", "--keep-going")
WRITTEN_LAST = ".buildinfo"
"""What Sphinx writes when all else is done; no published site has it."""


def arguments(project: Project, place: Path, *more: str) -> Iterator[list[str]]:
    """What Sphinx is called with to render each language's tree into ``html`` in a folder of `place`."""
    for language in project.languages:
        tree, own = project.source_tree(language), place / language.folder
        common = ("-b", "html", "-q", *more, "-c", str(project.docs), "-D", f"language={language.sphinx}")
        yield [*common, "-d", str(own / "doctrees"), str(tree), str(own / "html")]


@contextmanager
def renderer() -> Iterator[subprocess.Popen[bytes]]:
    """A process that gets ready to render; none of it is left afterwards."""
    process = subprocess.Popen([sys.executable, "-m", RENDERER], stdin=subprocess.PIPE)
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
    with suppress(BrokenPipeError):  # it has ended, with or without a word
        process.stdin.write(json.dumps(builds).encode() + b"\n")
        process.stdin.flush()
    failed = process.wait()
    return [
        failed >= 0 and not failed >> number & 1 and Path(build[-1], WRITTEN_LAST).is_file()
        for number, build in enumerate(builds)
    ]


def render_all(
    project: Project, process: subprocess.Popen[bytes], *more: str, reuses: bool = False
) -> list[str]:
    """Render every language, with `more` of Sphinx's options; the languages that failed."""
    folder = project.build / RENDERED
    shutil.rmtree(folder, ignore_errors=True)
    if reuses:
        reuse.stage(project, folder)
        more = ("-Q", *more, "-D", "sitekit_reuses=1")  # a clean build repeats what fails, and tells
    else:
        clean(project, project.languages)
    # MyST-NB writes beside Sphinx's output, so each language has a folder around it.
    passed = render(process, [*arguments(project, folder, *more)])
    return [item.folder for item, good in zip(project.languages, passed, strict=True) if not good]
