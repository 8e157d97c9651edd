"""How many pages are checked by one test."""

from __future__ import annotations

import pytest

from tests import built


def test_a_sweep_goes_on_after_a_failure_and_names_all_that_fail() -> None:
    seen = []

    @built.for_every("page", ["a", "b", "c"])
    def sweep(page: str, language: str) -> None:
        seen.append(page + language)
        assert page == "b"

    with pytest.raises(ExceptionGroup, match=r"^a, c: 2 of 3") as caught:
        sweep(language="zh")
    assert seen == ["azh", "bzh", "czh"]
    assert [failure.__notes__ for failure in caught.value.exceptions] == [["page: a"], ["page: c"]]


def test_a_sweep_of_nothing_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="no page to check"):
        built.for_every("page", [])
