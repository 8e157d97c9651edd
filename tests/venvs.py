"""Virtual environments made from the header of a script alone, without a download.

What a header asks for is installed already, at the versions of constraints.txt, where the tests run. A venv
gets links to those distributions and to all that they require in turn, as pip would install them, and to
nothing else: what a script imports but does not list, and torchnotes, is not there.
"""

from __future__ import annotations

import os
import re
import sysconfig
import tomllib
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PEP_723 = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def script_header(text: str) -> dict[str, Any]:
    """Return the one PEP 723 `script` block of a file, parsed as the PEP says."""
    blocks = [match for match in PEP_723.finditer(text) if match["type"] == "script"]
    assert len(blocks) == 1, f"{len(blocks)} script blocks, not one"
    lines = blocks[0]["content"].splitlines(keepends=True)
    return tomllib.loads("".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))


def required(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Every distribution that pip would install for `requirements`, by normalized name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        installed = distribution(name)
        assert requirement.specifier.contains(installed.version, prereleases=True), requirement
        found[name] = installed
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        for line in installed.requires or ():
            further = Requirement(line)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return found


def make(folder: Path, requirements: Iterable[str]) -> Path:
    """Make a venv in `folder` that holds `requirements` and what they require; the path of its Python."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    base = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", base))
    for installed in required(requirements).values():
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            link = packages / top
            if not link.exists():
                link.symlink_to(Path(str(installed.locate_file(top))))
    scripts = Path(sysconfig.get_path("scripts", "venv", base))
    return scripts / ("python.exe" if os.name == "nt" else "python")
