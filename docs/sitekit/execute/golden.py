"""Golden outputs: what every example printed and drew when a person last agreed to it.

Each page's record is held against the files under ``tests/golden/<device>/``. Beside a page's text stands a
small picture of each figure, so that figures are compared as one sees them, and not byte by byte.
"""

from __future__ import annotations

import difflib
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from ..project.files import write_if_changed
from ..project.layout import Page, Project
from . import runner
from .chosen import committed
from .examples import Example, Options, chosen, store_for
from .keys import PACKAGES, version
from .record import Record, Store

FOLDER = Path("tests/golden")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\.\d|\w)")
PICTURE_WIDTH = 240
"""Pixels; at this size what matters of a figure can still be told apart."""
COLOUR_DISTANCE = 2.0
"""Root of the mean square of what two pictures differ by, in steps of 0 to 255."""
LOOSE_COLOUR_DISTANCE = 12.0
"""The same where the page's numbers may differ between processors: its curves run elsewhere, and no more than that."""
UNIT = 1.001
"""Of the last printed digit; a little more than one, because decimal fractions are not exact."""
WARNING = re.compile(r"\w*Warning: ")
States = dict[str, tuple[str, list[str]]]
"""By page: one of ``same``, ``differs``, ``warns`` and ``fails``, and the lines that tell more."""


@dataclass(frozen=True)
class Tolerance:
    """How far a printed number may be from the golden one; everything else is equal."""

    relative: float = 1e-3
    absolute: float = 0.0
    """For values such as accuracies: what one sample is worth."""
    integers: float = 0.0
    """Relative, for counts that depend on the processor; the page then says so."""
    sampled: str = ""
    """How a line begins whose rest is not compared: a trained model drew it, and another processor draws another."""

    @property
    def colour_distance(self) -> float:
        """How far the pictures may be from the golden ones."""
        is_exact = self == Tolerance(sampled=self.sampled)
        return COLOUR_DISTANCE if is_exact else LOOSE_COLOUR_DISTANCE

    @classmethod
    def of(cls, page: Page) -> Tolerance:
        """What the curriculum says of `page`."""
        return cls(**page.tolerance, sampled=page.sampled)

    def compared(self, line: str) -> str:
        """The part of a line that is compared."""
        return self.sampled if self.sampled and line.startswith(self.sampled) else line

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
    expected, actual = tolerance.compared(expected), tolerance.compared(actual)
    pairs = zip(NUMBER.findall(expected), NUMBER.findall(actual), strict=True)
    return _words(expected) == _words(actual) and all(tolerance.allows(*pair) for pair in pairs)


def differences(expected: str, actual: str, tolerance: Tolerance = Tolerance()) -> list[str]:
    """The lines that differ, as ``diff -u`` shows them; none where both texts say the same."""
    before, after = expected.splitlines(), actual.splitlines()
    masked, now_masked = (
        [" ".join(_words(tolerance.compared(line))) for line in lines] for lines in (before, after)
    )
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


def _distance(golden: Path, picture: bytes) -> float:
    """How far `picture` is from the golden one; infinitely, if there is none or its shape is another."""
    import numpy as np
    from PIL import Image

    if not golden.is_file():
        return math.inf
    pictures = (Image.open(io.BytesIO(content)) for content in (golden.read_bytes(), picture))
    one, other = (np.asarray(image, dtype=float) for image in pictures)
    return float(np.sqrt(np.mean((one - other) ** 2))) if one.shape == other.shape else math.inf


# -- files


def _pictures(record: Record, store: Store) -> Iterator[tuple[int, str, bytes]]:
    """Each figure of `record`: its cell, its file name here, the picture."""
    drawn = ((cell, figure) for cell, found in enumerate(record.cells, 1) for figure in found.figures)
    for number, (cell, figure) in enumerate(drawn, 1):
        picture = _picture(store.read_file(record, figure.png))
        yield cell, f"{record.page.rpartition('/')[2]}-{number}.png", picture


def save(folder: Path, record: Record, store: Store) -> bool:
    """Make the golden files of one page from its record; whether anything changed."""
    path = folder / f"{record.page}.json"
    pictures = list(_pictures(record, store))
    value = {
        "cells": [cell.text.splitlines() for cell in record.cells],
        "figures": [{"cell": cell, "picture": name} for cell, name, _ in pictures],
    }
    changed = write_if_changed(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    files = {path.with_name(name): picture for _, name, picture in pictures}
    for file in {*path.parent.glob(f"{path.stem}-*.png")} - files.keys():
        file.unlink()
        changed = True
    for file, picture in files.items():
        # What looks the same is left as it is: another release of Pillow may write other bytes.
        if _distance(file, picture) > 0:
            file.write_bytes(picture)
            changed = True
    return changed


def compare(folder: Path, record: Record, store: Store, tolerance: Tolerance = Tolerance()) -> list[str]:
    """What differs between a record and the golden files, as lines that name page and cell; none if nothing."""
    page, path = record.page, folder / f"{record.page}.json"
    if not path.is_file():
        return [f"{page}: no golden output; look at the page, then run `nox -s golden -- --update {page}`"]
    golden = json.loads(path.read_text(encoding="utf-8"))
    lines: list[str] = []
    texts = ["".join(f"{line}\n" for line in cell) for cell in golden["cells"]]
    now = [cell.text for cell in record.cells]
    if len(texts) != len(now):
        lines.append(f"{page}: {len(texts)} code cells before, {len(now)} now")
    for number, (before, after) in enumerate(zip(texts, now, strict=False), 1):
        if found := differences(before, after, tolerance):
            lines += [f"{page}, cell {number}:", *(f"  {line}" for line in found)]
    pictures = list(_pictures(record, store))
    if [item["cell"] for item in golden["figures"]] != [cell for cell, _, _ in pictures]:
        return [*lines, f"{page}: figures stood in other cells before"]
    for cell, name, picture in pictures:
        if (distance := _distance(path.with_name(name), picture)) > tolerance.colour_distance:
            lines.append(f"{page}, cell {cell}: {name} looks different, by {distance:.1f} of 255")
    return lines


def compare_all(project: Project, records: Mapping[str, Record], store: Store) -> dict[str, list[str]]:
    """What differs on each of the pages that `records` are of."""
    tolerances = {page.docname: Tolerance.of(page) for page in project.pages()}
    return {
        page: compare(project.root / FOLDER / record.device, record, store, tolerances.get(page, Tolerance()))
        for page, record in records.items()
    }


def stale(folder: Path, pages: Sequence[str]) -> list[Path]:
    """Golden files of pages that are gone."""
    known = {folder / f"{page}.json" for page in pages}
    return sorted(path for path in folder.rglob("*.json") if path not in known)


def compared(project: Project, device: str, pages: Sequence[str] = ()) -> list[Example]:
    """Those of `pages`, all by default, whose output is compared: it doesn't tell of the machine."""
    return [item for item in chosen(project, device, pages) if item.page not in project.machine]


def records(
    project: Project, device: str, pages: Sequence[str]
) -> tuple[dict[str, Record], Store, list[str]]:
    """The record of each page, made now where the CPU's is missing; its store; failures, in words."""
    store, wanted = store_for(project, device), compared(project, device, pages)
    if device == "cpu":
        summary = runner.record(wanted, store, Options(project))
        return summary.records, store, [str(failure) for failure in summary.failures]
    kept, names = committed(project, device), {example.page for example in wanted}
    return {page: kept[page].record for page in kept if kept[page].current and page in names}, store, []


def review(project: Project, device: str, pages: Sequence[str], *, update: bool) -> int:
    """Compare `pages`, all by default, with their golden files and print what differs, or agree to it; 1 if it does."""
    present, store, found = records(project, device, pages)
    folder = project.root / FOLDER / device
    if update:
        for page, record in present.items():
            if save(folder, record, store):
                print(f"updated {page}")
    else:
        found += chain.from_iterable(compare_all(project, present, store).values())
    for path in [] if pages else stale(folder, [item.page for item in compared(project, device)]):
        if update:
            for file in (path, *path.parent.glob(f"{path.stem}-*.png")):
                file.unlink()
        else:
            found.append(f"{path.relative_to(project.root)}: no page has this name")
    print(*found, f"{len(present)} pages, {len(found)} lines of difference", sep="\n")
    return 1 if found else 0


# -- under other packages, or as on other processors


def report(
    project: Project, store: Store, options: Options, pages: Sequence[str] = (), out: TextIO | None = None
) -> States:
    """Run `pages`, all by default, with `options`, and compare them with the golden outputs."""
    wanted = compared(project, "cpu", pages)
    summary = runner.record(wanted, store, options, out=out)
    found: States = {}
    for page, lines in compare_all(project, summary.records, store).items():
        found[page] = ("differs" if lines else "same", lines)
    for failure in summary.failures:
        state = "warns" if WARNING.match(failure.outcome.message) else "fails"
        found[failure.page] = (state, str(failure).splitlines()[1:])
    return {example.page: found[example.page] for example in wanted}


def counted(found: States) -> str:
    """How many pages are in each state."""
    states = [state for state, _ in found.values()]
    return ", ".join(f"{states.count(state)} {state}" for state in ("same", "differs", "warns", "fails"))


def report_versions(project: Project) -> None:
    """Print which pages give something else under the packages that are installed now, and how many do."""
    versions = [f"{name}-{version(name)}" for name in PACKAGES if version(name) != "none"]
    store = Store(project.root / "build" / "versions" / "_".join(versions))
    found = report(project, store, Options(project))
    width = max(map(len, found), default=0) + 2
    for page, (state, lines) in found.items():
        print(f"{page:{width}}{state}", *(f"    {line}" for line in lines), sep="\n")
    print(f"{', '.join(versions)}: {counted(found)}")
