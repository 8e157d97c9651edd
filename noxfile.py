# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.5"]
# ///
"""The project's commands. Most share one environment, so PyTorch is installed once."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "docs", "tests"]

ROOT = Path(__file__).parent
HOME = ROOT / ".nox" / "shared"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Put the project and dependency groups into the shared environment, where they aren't there yet."""
    if not PYTHON.exists():
        session.run(sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(HOME), external=True)
    metadata = {key: PROJECT[key] for key in ("build-system", "project", "dependency-groups")}
    wanted = hashlib.sha256(repr(metadata).encode() + CONSTRAINTS.read_bytes()).hexdigest()
    stamps = [HOME / f"{group}.installed" for group in groups]
    if all(stamp.is_file() and stamp.read_text() == wanted for stamp in stamps):
        return
    pins = ("--constraint", str(CONSTRAINTS), "--build-constraint", str(CONSTRAINTS))
    requirements = nox.project.dependency_groups(PROJECT, *groups)
    session.log("Installing %s; a first set-up downloads PyTorch", ", ".join(groups))
    # What is imported is compiled then; compiling all of PyTorch would take as long as unpacking it.
    command = ("-m", "pip", "install", "--quiet", "--no-compile", *pins, "--editable", str(ROOT))
    session.run(str(PYTHON), *command, *requirements, external=True)
    for stamp in stamps:
        stamp.write_text(wanted)


def python(session: nox.Session, *args: str) -> None:
    """Run the shared environment's Python, which has at least what building needs."""
    install(session, "docs")
    run(session, PYTHON, *args)


def run(session: nox.Session, *command: str | Path) -> None:
    """Run a program of the shared environment, which finds the site's builder."""
    session.run(*map(str, command), env={"PYTHONPATH": str(ROOT / "docs")}, external=True)


def command(name: str, text: str, *args: str) -> None:
    """Make a session of one command of the site's builder."""

    def session_of_it(session: nox.Session) -> None:
        python(session, "-m", "sitekit", *(args or (name,)), *session.posargs)

    session_of_it.__doc__ = text
    nox.session(session_of_it, name=name, venv_backend="none")


command("docs", "Build the site, in every language, into build/html.", "build")
command("live", "Serve the site, build again what is saved, and reload the browser.")
command(
    "translate",
    "Bring the catalogues up to date and print what is translated, missing and fuzzy in each file.",
)
command("record", "Run what has no record; `-- --device cuda` records on a GPU, into docs/records/cuda.")
command("records", "Print which page has a current, a stale or no record of each device.")
command("processors", "Run the gallery as other processors would; `-- [page] --mode NAME` narrows it.")
command(
    "golden",
    "Compare what pages print and draw with tests/golden; `-- --update [page]` agrees to what they show.",
)


@nox.session(venv_backend="none")
def inventory(session: nox.Session) -> None:
    """Write docs/torch.inv, the addresses of PyTorch's documentation that names in code link to."""
    python(session, str(ROOT / "docs" / "torch_inventory.py"), str(ROOT / "docs" / "torch.inv"))


@nox.session(venv_backend="none")
def package(session: nox.Session) -> None:
    """Build the site and pack it for offline readers, with its scripts and notebooks, into dist."""
    python(session, "-m", "sitekit", "build")
    python(session, "-m", "sitekit", "package")


@nox.session(venv_backend="none")
def tests(session: nox.Session, *options: str) -> None:
    """Run the tests, browser tests included, against a freshly built site."""
    install(session, "docs", "tests")
    python(session, str(ROOT / "tests" / "browser" / "chromium.py"))
    python(session, "-m", "sitekit", "build")
    python(session, "-m", "pytest", *options, *session.posargs)


@nox.session(venv_backend="none")
def thorough(session: nox.Session) -> None:
    """Run the tests that take too long for every change: every script and notebook at home, and more."""
    tests(session, "-m", "thorough")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check form, types, and the rules that sources and translations keep."""
    install(session, "docs", "tests", "lint")
    for words in ("ruff check", "ruff format --check", "mypy"):
        python(session, "-m", *words.split())
    run(session, PYTHON.with_name("lint-imports"), "--cache-dir", ROOT / ".cache" / "import-linter")
    python(session, "-m", "sitekit", "lint")


@nox.session
def versions(session: nox.Session) -> None:
    """Run the gallery under other versions, `-- torch==X`, and report page by page what changes."""
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in session.posargs}
    pins = [pin for pin in CONSTRAINTS.read_text().splitlines() if pin.split("==")[0].lower() not in names]
    (kept := Path(session.create_tmp()) / "constraints.txt").write_text("\n".join(pins))
    wanted = [*session.posargs, "--editable", str(ROOT), *nox.project.dependency_groups(PROJECT, "docs")]
    session.install("--constraint", str(kept), *wanted)
    session.run("python", "-m", "sitekit", "versions", env={"PYTHONPATH": str(ROOT / "docs")})


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure the builder against stock Sphinx-Gallery, print a table and write build/bench.json."""
    install(session, "docs", "tests")
    python(session, "-m", "tests.bench", "--nox", sys.executable, *session.posargs)


@nox.session(reuse_venv=False)
def constraints(session: nox.Session) -> None:
    """Resolve all dependencies anew and write constraints.txt; arguments hold versions back."""
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"], *session.posargs]
    wanted += nox.project.dependency_groups(PROJECT, "docs", "tests", "lint")
    session.install("--upgrade", "--upgrade-strategy", "eager", *wanted)
    frozen = (session.run("python", "-m", "pip", "freeze", silent=True) or "").splitlines()
    # A local version ("+cpu") exists in one index only, and what is named nvidia or triton follows from it.
    pins = [re.sub(r"\+\w+$", "", line) for line in frozen if re.match(r"(?!nvidia|cuda|triton).*==", line)]
    made_by = " ".join(["nox", "-s", "constraints", *(["--", *session.posargs] if session.posargs else [])])
    pins.insert(0, f"# The exact versions that nox installs. Made by: {made_by}")
    CONSTRAINTS.write_text("\n".join([*pins, ""]), encoding="utf-8")
