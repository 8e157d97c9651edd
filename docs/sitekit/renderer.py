"""Runs Sphinx for the build: ``python -m sitekit.renderer`` takes what ``python -m sphinx`` takes.

It ends when its standard input does, so that a build that was killed leaves no Sphinx behind, which would
write into the next build's folders.
"""

from __future__ import annotations

import os
import sys
import threading


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    from sphinx.cmd.build import main

    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(main(sys.argv[1:]))
