"""Find a Chromium for the browser tests, or install one; prints its path.

Order: one on PATH, one that Playwright installed, the distribution's package (as root), Playwright's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300")
PLAYWRIGHT = (sys.executable, "-m", "playwright", "install", "chromium")
HELP = f"""\
No Chromium was found and none could be installed. The browser tests need one; type one of these:
  apt-get update && apt-get install -y chromium    (Debian, as root; elsewhere the system's own way)
  {sys.executable} -m playwright install --with-deps chromium
then run `nox -s tests` again."""


class ChromiumMissingError(RuntimeError):
    """No Chromium could be found or installed; the message says what to type."""


def starts(path: str) -> bool:
    """Whether the program is there and runs: a stand-in for a package of another kind doesn't."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def find() -> str | None:
    """Return the path of a Chromium that starts, or None."""
    for name in NAMES:
        path = shutil.which(name)
        if path and starts(path):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() and starts(own) else None


def install() -> bool:
    """Install the distribution's package as root, else Playwright's own; whether a command succeeded."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    attempts: list[list[tuple[str, ...]]] = []
    if is_root and shutil.which("apt-get"):
        attempts.append([(*APT_GET, "update"), (*APT_GET, "install", "-y", "chromium")])
    attempts.append([PLAYWRIGHT])
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for commands in attempts:
        for command in commands:
            print("Installing Chromium:", *command, file=sys.stderr, flush=True)
            if subprocess.run(command, env=quiet, stdout=sys.stderr, check=False).returncode:
                break
        else:
            if find():
                return True
    return False


def ensure() -> str:
    """Return the path of a Chromium that starts, installing one where there is none.

    Raises
    ------
    ChromiumMissingError
        If none of the ways worked.
    """
    path = find() or (find() if install() else None)
    if path is None:
        raise ChromiumMissingError(HELP)
    return path


if __name__ == "__main__":
    try:
        print(ensure())
    except ChromiumMissingError as error:
        sys.exit(str(error))
