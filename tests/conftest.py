"""What all tests share: where the repository and the built site are, and how Hypothesis runs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock
from hypothesis.database import DirectoryBasedExampleDatabase

from tests import foreign

ROOT = Path(__file__).resolve().parent.parent

SAME_EVERY_RUN = bool(os.environ.get("CI"))

hypothesis.settings.register_profile(
    "project",
    deadline=None,  # a busy machine is no failure
    derandomize=SAME_EVERY_RUN,
    database=None if SAME_EVERY_RUN else DirectoryBasedExampleDatabase(ROOT / ".cache" / "hypothesis"),
    print_blob=True,
)
hypothesis.settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, and clear away what an earlier run's failures left, once, not once per worker."""
    # A shell's background job is started deaf to it, and so would be every build that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        shutil.rmtree(ROOT / "build" / "test-failures", ignore_errors=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def site_root(repository: Path) -> Path:
    """Return the built site; tests of it fail, and never skip, where it is missing."""
    root = repository / "build" / "html"
    if not (root / "index.html").is_file():
        pytest.fail("build/html/index.html is missing: run `nox -s docs` (or `nox -s tests`, which does)")
    return root


@pytest.fixture(scope="session")
def foreign_gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a built gallery that is not this project's; tests that change it take a copy."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers: the first one to come builds it
    root = folder / "foreign"
    with FileLock(folder / "foreign.lock"):
        if not root.exists():
            foreign.make(root)
    made = foreign.files(root)
    yield root
    assert foreign.files(root) == made, "a test changed the gallery that all tests share"
