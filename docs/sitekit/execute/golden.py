"""Golden outputs: what every example printed and drew when a person last agreed to it.

Each page's record is held against the files under ``tests/golden/<device>/``. Beside a page's text stands a
small picture of each figure, so that figures are compared as one sees them, and not byte by byte.
"""

from __future__ import annotations

import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..project.files import digest, write_if_changed
from ..project.layout import Project
from . import runner
from .examples import Example, Options, chosen, store_for
from .record import Record, Store

__all__ = ["Tolerance", "close", "compare", "differences", "load", "save", "stale"]


FOLDER = Path("tests/golden")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\.\d|\w)")
PICTURE_WIDTH = 240
"""Pixels; at this size what matters of a figure can still be told apart."""
COLOUR_DISTANCE = 2.0
"""Root of the mean square of what two pictures differ by, in steps of 0 to 255."""
UNIT = 1.001
"""Of the last printed digit; a little more than one, because decimal fractions are not exact."""


@dataclass(frozen=True)
class Tolerance:
    """How far a printed number may be from the golden one; everything else is equal."""

    relative: float = 1e-3
    absolute: float = 0.0
    """For values such as accuracies: what one sample is worth."""
    integers: float = 0.0
    """Relative, for counts that depend on the processor; the page then says so."""

    @classmethod
    def of(cls, values: Mapping[Any, float]) -> Tolerance:
        """The tolerance of a page, as ``curriculum.toml`` gives it."""
        return cls(**values)

    def allows(self, expected: str, actual: str) -> bool:
        """Whether the number `actual` may stand where `expected` stood."""
        if expected == actual:
            return True
        one, other = float(expected), float(actual)
        fractions = [re.search("[.eE]", text) for text in (expected, actual)]
        if not all(fractions):
            return not any(fractions) and abs(one - other) <= self.integers * abs(one)
        mantissa, _, exponent = expected.lower().partition("e")
        last_digit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
        return abs(one - other) <= max(self.relative * abs(one), self.absolute) + UNIT * last_digit


def _words(text: str) -> list[str]:
    """What stands between the numbers; the width of a column may follow from a number."""
    return [re.sub(r"[ \t]+", " ", word).strip(" ") for word in NUMBER.split(text)]


def close(expected: str, actual: str, tolerance: Tolerance = Tolerance()) -> bool:
    """Whether two lines say the same, numbers as far as `tolerance` goes."""
    if expected == actual:
        return True
    if _words(expected) != _words(actual):
        return False
    pairs = zip(NUMBER.findall(expected), NUMBER.findall(actual), strict=True)
    return all(tolerance.allows(*pair) for pair in pairs)


def differences(expected: str, actual: str, tolerance: Tolerance = Tolerance()) -> list[str]:
    """The lines that differ, as ``diff -u`` shows them; none where both texts say the same."""
    before, after = expected.splitlines(), actual.splitlines()
    masked, now_masked = ([" ".join(_words(line)) for line in lines] for lines in (before, after))
    shown = list(after)
    for match in difflib.SequenceMatcher(None, masked, now_masked, autojunk=False).get_matching_blocks():
        for offset in range(match.size):
            if close(before[match.a + offset], after[match.b + offset], tolerance):
                shown[match.b + offset] = before[match.a + offset]
    return list(difflib.unified_diff(before, shown, "golden", "now", lineterm="", n=1))


# -- figures


def _picture(png: bytes) -> bytes:
    """A figure at a size at which it can be kept beside the text, in grey."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        height = max(1, round(image.height * PICTURE_WIDTH / image.width))
        flat = Image.new("RGBA", image.size, "white")
        flat.alpha_composite(image.convert("RGBA"))
        small = flat.convert("L").resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "png", optimize=True)
    return out.getvalue()


def _distance(one: bytes, other: bytes) -> float:
    """How far two pictures are from each other; infinitely, if their shapes differ."""
    import numpy as np
    from PIL import Image

    grey = []
    for png in (one, other):
        with Image.open(io.BytesIO(png)) as image:
            grey.append(np.asarray(image.convert("L"), dtype=float))
    if grey[0].shape != grey[1].shape:
        return float("inf")
    return float(np.sqrt(np.mean((grey[0] - grey[1]) ** 2)))


# -- files


def _path(folder: Path, page: str) -> Path:
    return folder / f"{page}.json"


def _pictures(record: Record, store: Store) -> Iterator[tuple[int, str, bytes]]:
    """Each figure of `record`: its cell, its file name here, the picture."""
    name, number = record.page.rpartition("/")[2], 0
    for cell, content in enumerate(record.cells, 1):
        for figure in content.figures:
            number += 1
            yield cell, f"{name}-{number}.png", _picture(store.read_file(record, figure.png))


def save(folder: Path, record: Record, store: Store) -> bool:
    """Make the golden files of one page from its record; whether anything changed."""
    path = _path(folder, record.page)
    pictures = list(_pictures(record, store))
    value = {
        "cells": [cell.text.splitlines() for cell in record.cells],
        "figures": [{"cell": cell, "picture": name} for cell, name, _ in pictures],
    }
    changed = write_if_changed(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    for name in {item.name for item in path.parent.glob(f"{path.stem}-*.png")} - {
        name for _, name, _ in pictures
    }:
        (path.parent / name).unlink()
        changed = True
    for _, name, picture in pictures:
        place = path.parent / name
        # What looks the same is left as it is: another release of Pillow may write other bytes.
        if not place.is_file() or _distance(place.read_bytes(), picture) > 0:
            place.write_bytes(picture)
            changed = True
    return changed


def load(folder: Path, page: str) -> dict[str, Any] | None:
    """The golden text of one page, cell by cell, and its list of figures; None if it has none."""
    path = _path(folder, page)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def compare(folder: Path, record: Record, store: Store, tolerance: Tolerance = Tolerance()) -> list[str]:
    """What differs between a record and the golden files, as lines that name page and cell; none if nothing."""
    golden = load(folder, record.page)
    if golden is None:
        return [
            f"{record.page}: no golden output; look at the page, then run `nox -s golden -- --update {record.page}`"
        ]
    lines: list[str] = []
    texts = ["\n".join(cell) for cell in golden["cells"]]
    now = [cell.text for cell in record.cells]
    if len(texts) != len(now):
        lines.append(f"{record.page}: {len(texts)} code cells before, {len(now)} now")
    for number, (before, after) in enumerate(zip(texts, now, strict=False), 1):
        if found := differences(before, after, tolerance):
            lines += [f"{record.page}, cell {number}:", *(f"  {line}" for line in found)]
    pictures = list(_pictures(record, store))
    if [item["cell"] for item in golden["figures"]] != [cell for cell, _, _ in pictures]:
        return [*lines, f"{record.page}: figures stood in other cells before"]
    for cell, name, picture in pictures:
        place = _path(folder, record.page).parent / name
        distance = _distance(place.read_bytes(), picture) if place.is_file() else float("inf")
        if distance > COLOUR_DISTANCE:
            lines.append(f"{record.page}, cell {cell}: {name} looks different, by {distance:.1f} of 255")
    return lines


def stale(folder: Path, pages: Sequence[str]) -> list[Path]:
    """Golden files of pages that are gone."""
    known = {_path(folder, page) for page in pages}
    return sorted(path for path in folder.rglob("*.json") if path not in known)


def compared(project: Project, device: str, pages: Sequence[str] = ()) -> list[Example]:
    """Those of `pages`, all by default, whose output is compared: it doesn't tell of the machine."""
    return [item for item in chosen(project, device, pages) if item.page not in project.machine]


def records(
    project: Project, device: str, pages: Sequence[str]
) -> tuple[dict[str, Record], Store, list[str]]:
    """The record of each page, made now where the CPU's is missing; its store; failures, in words."""
    store = store_for(project, device)
    options = Options.of(project)
    wanted = compared(project, device, pages)
    found: dict[str, Record] = {}
    if device != "cpu":
        for example in wanted:
            committed = store.committed(example.page, digest(example.code_part(options)))
            if committed and committed[1]:
                found[example.page] = committed[0]
        return found, store, []
    summary = runner.record(wanted, store, options)
    for page, key in summary.used.items():
        if record := store.get(page, key):
            found[page] = record
    return found, store, [str(failure) for failure in summary.failures]


def review(project: Project, device: str, pages: Sequence[str], *, update: bool) -> int:
    """Compare `pages`, all by default, with their golden files and print what differs; or agree to them.

    Returns
    -------
    int
        1 where something differs or failed, else 0.
    """
    present, store, found = records(project, device, pages)
    tolerances = {page.docname: Tolerance.of(page.tolerance) for page in project.pages()}
    folder = project.root / FOLDER / device
    for page, record in present.items():
        if not update:
            found += compare(folder, record, store, tolerances.get(page, Tolerance()))
        elif save(folder, record, store):
            print(f"updated {page}")
    if not pages:
        for path in stale(folder, [item.page for item in compared(project, device)]):
            if update:
                for file in (path, *path.parent.glob(f"{path.stem}-*.png")):
                    file.unlink()
            else:
                found.append(f"{path.relative_to(project.root)}: no page has this name")
    print(*found, f"{len(present)} pages, {len(found)} lines of difference", sep="\n")
    return 1 if found else 0
