"""Each value of a test that is marked `in_turns` is seen in every run, in few combinations."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import in_turn


@pytest.mark.parametrize("sizes", [(1,), (4,), (2, 2), (2, 5), (5, 2), (2, 3, 4), (2, 2, 2)])
def test_each_value_has_a_turn(sizes: tuple[int, ...]) -> None:
    values = [[{"value": n} for n in range(size)] for size in sizes]  # a size of a window has no hash, either
    combinations = list(itertools.product(*values))
    taken = [each for each, is_taken in zip(combinations, in_turn(combinations), strict=True) if is_taken]
    assert len(taken) == max(sizes)
    for column, wanted in zip(zip(*taken, strict=True), values, strict=True):
        assert all(value in column for value in wanted)


def test_the_others_wait_for_the_thorough_session(repository: Path) -> None:
    found = []
    for chosen in ("not thorough", "thorough"):
        command = [sys.executable, "-m", "pytest", "-n0", "--collect-only", "-q", "-m", chosen]
        done = subprocess.run(
            [*command, "tests/browser/test_weight.py"], cwd=repository, capture_output=True, text=True
        )
        found.append(set(re.findall(r"test_nothing_jumps\w*\[(.+)\]", done.stdout)))
    assert found == [{"wide-off", "phone-on"}, {"wide-on", "phone-off"}]
