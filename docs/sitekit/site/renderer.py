"""Runs Sphinx for the build, one process per language, from a process that has imported it beforehand.

``python -m sitekit.site.renderer`` imports while the build localises and runs examples. Then it takes one line: a
JSON list with what ``python -m sphinx`` would take for each language. Its exit code has a bit for each that
failed. It ends, and its processes with it, when its standard input does: so a build that was killed leaves no
Sphinx behind, which would write into the next build's folders.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import threading
from multiprocessing import Process, set_start_method
from types import ModuleType

from . import FEATURES

PRELOAD = (
    *("sphinx.cmd.build", "sphinx.builders.html", "sphinx_gallery.gen_gallery", "myst_nb.sphinx_ext"),
    *("sphinx.ext.intersphinx", "furo.navigation", "sphinx_basic_ng", "jinja2.ext", "PIL.PngImagePlugin"),
    *(f"{__package__}.{name}" for name in FEATURES),
)
FORKS = hasattr(os, "fork") and sys.platform != "darwin"
FAILED = 1
GARBAGE = 200_000
"""After so many new objects Python looks for those that nobody uses; by default a fifth of the time goes there."""


def _preload() -> None:
    # Sphinx-Gallery would import it for its own executor, and does without.
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]
    # Nor is needed what MyST-NB runs notebooks with, a third of all imports: `records_on_page` replays them.
    for name in ("cache", "direct", "inline"):
        stand_in = ModuleType(f"myst_nb.core.execute.{name}")
        setattr(stand_in, f"NotebookClient{name.title()}", None)
        sys.modules.setdefault(stand_in.__name__, stand_in)
    for name in PRELOAD:
        with contextlib.suppress(ImportError):  # another project has another theme
            importlib.import_module(name)
    from sphinx.application import builtin_extensions

    for name in builtin_extensions:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _sphinx(arguments: list[str]) -> None:
    from sphinx.cmd.build import main

    gc.set_threshold(GARBAGE)
    sys.exit(main(arguments))


def _end_with_input(running: list[Process]) -> None:
    while os.read(0, 1024):
        pass
    for process in running:
        process.kill()
    os._exit(FAILED)


def main() -> int:
    """Import, wait for the line, run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the build hears Ctrl-C, and closes the input
    if FORKS:
        _preload()
    # Without a buffer: it would take what `_end_with_input` waits for.
    line = os.fdopen(0, "rb", buffering=0, closefd=False).readline()
    if not line.endswith(b"\n"):
        return FAILED  # the build has nothing to render
    set_start_method("fork" if FORKS else "spawn")
    running = [Process(target=_sphinx, args=(arguments,)) for arguments in json.loads(line)]
    for process in running:
        process.start()
    threading.Thread(target=_end_with_input, args=(running,), daemon=True).start()
    for process in running:
        process.join()
    return sum((process.exitcode != 0) << number for number, process in enumerate(running))


if __name__ == "__main__":
    sys.exit(main())
