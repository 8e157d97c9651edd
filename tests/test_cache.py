"""What builds make once for all that follow."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sitekit.project.cache import FOLDER, cached


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
