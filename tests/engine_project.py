"""Small projects and records for the tests of the engine, and a busy machine."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from sitekit.execute.record import Cell, Figure, Record, file_name

LANGUAGES = """\
letters = '[\\u4e00-\\u9fff]'
anchors = "en"

[[languages]]
folder = "en"
tag = "en"
sphinx = "en"
name = "English"
"""


def script(*cells: str, header: str = "") -> str:
    """An example with one text cell between every two code cells."""
    code = "\n# %%\n# Prose.\n\n".join(dedent(cell).strip("\n") + "\n" for cell in cells)
    return f'{header}"""\nTitle\n=====\n\nA page.\n"""\n\n{code}'


def write_project(
    root: Path,
    pages: dict[str, str],
    *,
    limits: dict[str, str] | None = None,
    docs: dict[str, str] | None = None,
) -> Path:
    """Write a project whose only chapter, ``chapter``, has `pages`."""
    chapter = root / "gallery" / "chapter"
    chapter.mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "docs" / "languages.toml").write_text(LANGUAGES, encoding="utf-8")
    (chapter / "GALLERY_HEADER.rst").write_text("Chapter\n=======\n", encoding="utf-8")
    toml = ['[[chapters]]\nname = "chapter"\n']
    for name, text in pages.items():
        (chapter / f"{name}.py").write_text(text, encoding="utf-8")
        toml.append(f"[chapters.pages.{name}]\n{(limits or {}).get(name, '')}\n")
    (root / "gallery" / "curriculum.toml").write_text("\n".join(toml), encoding="utf-8")
    for name, text in (docs or {}).items():
        (root / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    return root


PICTURES = {file_name(content, ".webp"): content for content in (b"light", b"dark", b"png" * 1000)}


def make(page: str = "chapter/page", code: str = "a", environment: str = "b") -> Record:
    """A record with one figure."""
    return Record(
        page=page,
        kind="script",
        code_part={"cells": [code]},
        environment_part={"python": environment},
        device="cpu",
        device_name="Some CPU",
        seconds=1.5,
        peak_mib=100.25,
        device_peak_mib=None,
        versions={"torch": "2.13.0"},
        date="2026-01-01T00:00:00+00:00",
        exit="ok",
        cells=(
            Cell(),
            Cell(
                (("stdout", "a\nb\n"), ("stderr", "\u4e2d\x1b[0m"), ("stdout", "")),
                (Figure(650, 400, *PICTURES),),
            ),
            Cell((), (), ({"figure": 0}, {"output_type": "stream", "name": "stdout", "text": "x"})),
        ),
        names={"x.view": ["torch:Tensor.view"]},
    )


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Make the machine busy for the time of a ``with`` block."""
    # Linux shares the processor between sessions first: in one session all loops together count as one.
    command = [sys.executable, "-S", "-c", "while True: pass"]
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()
