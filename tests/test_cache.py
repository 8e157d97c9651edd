"""How builds write files, and what they make once for all that follow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sitekit.project.cache import FOLDER, cached
from sitekit.project.files import write_atomically, write_if_changed


def _fails() -> bytes:
    raise AssertionError("made a second time")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(), other=st.binary())
def test_it_is_made_once_for_each_origin(tmp_path: Path, content: bytes, other: bytes) -> None:
    origin = [content.hex(), other.hex()]
    assert cached(tmp_path, origin, lambda: content) == content
    assert cached(tmp_path, origin, _fails) == content
    assert cached(tmp_path, [*origin, "changed"], lambda: other) == other


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    cached(tmp_path, "font", lambda: b"whole")
    [path] = (tmp_path / FOLDER).iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], whole + b"more"):
        path.write_bytes(damaged)
        assert cached(tmp_path, "font", lambda: b"whole") == b"whole"
        assert path.read_bytes() == whole


def test_a_write_that_is_cut_short_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"whole", durable=True)

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"another", durable=True)
    assert [file.read_bytes() for file in path.parent.iterdir()] == [b"whole"]


def test_a_file_that_says_the_same_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in ("text\n", b"bytes"):
        assert write_if_changed(path, content)
        os.utime(path, (1_000_000, 1_000_000))
        assert not write_if_changed(path, content)
        assert path.stat().st_mtime == 1_000_000
