"""A record's key follows what the code does, and a store gives back what was put in, or nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sitekit.execute import cells, keys, record
from sitekit.execute.keys import Key
from sitekit.execute.record import NEWEST, DamagedRecord, Store, file_name
from sitekit.project import files

from tests.engine_project import PICTURES, make, script

# -- the code part

# Stored digests: they must be the same on every Python from 3.11 on, and stay.
DIGESTS = {
    "x = 1; y = 2.5e-3; z = 3j; b = b'\\x00'; s = '\u4e2d\\n'; u = u'a'; e = ...; t = None; n = 0xff": (
        "PLAIN"
    ),
    (
        "def f(a: int = 1, *args, b=None, **kw) -> str:\n    'doc'\n"
        "    return f'{a=} {b!r:>{10}} {a:.2f}' 'tail' f'{a:}' 'a' 'b' f\"{'q'}\" f'{a + b =}{{}}'\n"
    ): "STRINGS",
    (
        "async def g():\n    async with a as b, c: pass\n    async for i in x: yield i\n"
        "match v:\n    case {'a': 1, **rest} if rest: pass\n    case [1, *_] | None: pass\n"
        "    case P(x=1): pass\ntry: pass\nexcept* E as e: raise X from e\n"
        "x: int\nd = {**a, 'k': 1}\nlambda *, k=1, j: k\nwith (open('a') as f, open('b')): pass\n"
        "@dec\nclass C(B, k=1):\n    '''doc'''\n    def h(p, /, q): global z; z = p[1:2, ::3]; del q\n"
    ): "STATEMENTS",
}

CODE = '''\
import math


class Thing:
    """What it is."""

    def area(self, r):
        """Say how large."""
        # the usual way
        return math.pi * r**2  # exactly


print(f"{Thing().area(2.0):.3f}")
'''
VALUES = st.sampled_from(["2.0", "3", "'x'", "None", "(1, 2)", "[i for i in x]", "f(x)[0]", "-1", "a @ b"])
NAMES = st.sampled_from(["alpha", "beta", "gamma"])
STATEMENTS = st.lists(
    st.one_of(
        st.builds("{} = {}".format, NAMES, VALUES),
        st.builds("print({}, {})".format, NAMES, VALUES),
        st.builds("for i in {}:\n    {} = i".format, VALUES, NAMES),
        st.builds("def {}(x):\n    return {}".format, NAMES, VALUES),
    ),
    min_size=1,
    max_size=6,
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


def code_key(text: str, folder: Path = Path("nowhere")) -> str:
    """The digest of the code part of an example script."""
    return files.digest(keys.code_part(cells.script_cells(text), text, folder, {}))


@pytest.mark.parametrize(("code", "name"), DIGESTS.items())
def test_stored_digests(code: str, name: str) -> None:
    stored = {
        "PLAIN": "afad3bd88fdfcf473847c4a87ee3a77f",
        "STRINGS": "a508b39fd89b5ef6921b8c6255ce5ce0",
        "STATEMENTS": "6c6f60f1e2797b1981e9713e93d78ed3",
    }
    assert keys.canonical(code)[:32] == stored[name]


@given(STATEMENTS, st.lists(TEXT, min_size=1), st.integers(0, 3), st.randoms())
def test_comments_and_blank_lines_are_nothing(
    statements: list[str], comments: list[str], blanks: int, random: Any
) -> None:
    lines = []
    for line in "\n".join(statements).split("\n"):
        comment = "# " + random.choice(comments)
        indent = line[: len(line) - len(line.lstrip())]
        lines += random.choice([[], [indent + comment], [""] * blanks])
        lines.append(line + random.choice(["", "  " + comment, "   "]))
    assert keys.canonical("\n".join(lines)) == keys.canonical("\n".join(statements))


@given(STATEMENTS, STATEMENTS)
def test_equal_only_if_the_code_is(one: list[str], other: list[str]) -> None:
    first, second = "\n".join(one), "\n".join(other)
    same = ast.dump(ast.parse(first)) == ast.dump(ast.parse(second))
    assert (keys.canonical(first) == keys.canonical(second)) == same


@given(STATEMENTS)
def test_layout_is_nothing(statements: list[str]) -> None:
    code = "\n".join(statements)
    assert keys.canonical(ast.unparse(ast.parse(code))) == keys.canonical(code)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"""What it is."""', '"""\u5b83\u662f\u4ec0\u4e48\u3002"""', True),
        ('        """Say how large."""\n', "", True),
        ("# the usual way", "# another", True),
        ("  # exactly", "", True),
        ("r**2", "(r**2)", True),
        ('"{Thing().area(2.0):.3f}"', "'{Thing().area(2.0):.3f}'", True),
        ("\n\n\nprint", "\n# only this\n\nprint", True),
        ("r**2", "r**3", False),
        (":.3f", ":.4f", False),
        ("area(", "size(", False),
        ("2.0", "2", False),
    ],
)
def test_one_edit(old: str, new: str, same: bool) -> None:
    assert old in CODE
    assert (code_key(script(CODE)) == code_key(script(CODE.replace(old, new)))) == same


def test_prose_and_header_are_nothing() -> None:
    text = script("x = 1", "print(x)")
    other = text.replace("Prose.", "Other prose.\n#\n# More of it.").replace("A page.", "\u4e00\u9875\u3002")
    header = "# /// script\n# dependencies = []\n# ///\n"
    assert code_key(text) == code_key(other) == code_key(header + text)


def test_cells_matter() -> None:
    assert code_key(script("x = 1", "print(x)")) != code_key(script("x = 1\nprint(x)"))


def test_a_cell_of_comments_is_none() -> None:
    assert code_key(script("x = 1", "# only a remark", "print(x)")) == code_key(script("x = 1", "print(x)"))


def test_settings_of_sphinx_gallery_matter() -> None:
    text = script("x = 1", "print(x)")
    assert code_key(text) != code_key(text.replace("x = 1", "# sphinx_gallery_defer_figures\nx = 1"))


def test_code_that_reads_its_own_text() -> None:
    text = script(CODE.replace("Thing().area(2.0):.3f", "Thing.__doc__"))
    assert code_key(text) != code_key(text.replace("What it is", "What it was"))


def test_unreadable_code_stands_for_itself() -> None:
    assert keys.canonical("%timeit f()") == keys.canonical("%timeit f()\n") != keys.canonical("%time f()")


def test_cells_are_those_of_sphinx_gallery(tmp_path: Path) -> None:
    from sphinx_gallery import py_source_parser as parser

    root = Path(__file__).parent.parent / "gallery"
    odd = "\n" + "#" * 24 + "\n# Ruled text.\n\nz = 3\n\n#%%\n# Tight.\n# sphinx_gallery_tags = [1]\n"
    texts = [path.read_text(encoding="utf-8") for path in root.glob("*/*.py")]
    for text in [*texts, script("x = 1", "y = 2") + odd, script("x = 1") + "\n# %%\n\n\ny = 2\n"]:
        path = tmp_path / "example.py"
        path.write_text(text, encoding="utf-8")
        blocks = parser.split_code_and_text_blocks(path)[1]
        wanted = [(block.lineno, block.content) for block in blocks if block.type == "code"]
        found = [(cell.line, cell.code) for cell in cells.script_cells(text)]
        assert found == [item for item in wanted if cells.has_code(item[1])]


def test_cells_are_those_of_myst_nb() -> None:
    from myst_nb.core.read import read_myst_markdown_notebook as read

    root = Path(__file__).parent.parent / "docs"
    texts = [path.read_text(encoding="utf-8") for path in root.rglob("*.md")]
    tricky = "# A\n\n````{code-cell} python\n:tags: [a]\n\nx = '```'\n````\n\n```python\nno = 1\n```\n"
    for text in [*texts, tricky]:
        wanted = [cell.source.strip() for cell in read(text).cells if cell.cell_type == "code"]
        assert [cell.code.strip() for cell in cells.markdown_cells(text)] == wanted


# -- local modules and data


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with local modules."""
    folder = tmp_path / "src"
    (folder / "pack" / "sub").mkdir(parents=True)
    files = {
        "pack/__init__.py": "",
        "pack/one.py": "from . import two\n",
        "pack/two.py": "from .sub.deep import x\n",
        "pack/table.csv": "1,2",
        "pack/sub/__init__.py": "",
        "pack/sub/deep.py": "x = 1\n",
        "pack/unused.py": "import alone\n",
        "alone.py": "import importlib\nother = importlib.import_module('late')\n",
        "late.py": "y = 1\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("import torch", set()),
        ("import pack.one", {"pack/one.py", "pack/two.py", "pack/sub/__init__.py", "pack/sub/deep.py"}),
        (
            "from pack import one as o",
            {"pack/one.py", "pack/two.py", "pack/sub/__init__.py", "pack/sub/deep.py"},
        ),
        ("def f():\n    from pack.sub import deep", {"pack/sub/__init__.py", "pack/sub/deep.py"}),
        ("import alone", {"alone.py", "late.py"}),
    ],
)
def test_local_modules(package: Path, code: str, wanted: set[str]) -> None:
    base = {"pack/__init__.py", "pack/table.csv"} if "pack" in code else set()
    assert set(keys.local_files([code], package)) == wanted | base


def test_key_follows_local_modules(package: Path) -> None:
    text = script("from pack.one import two")
    before = code_key(text, package)
    (package / "pack" / "sub" / "deep.py").write_text("# remark\nx = 1\n", encoding="utf-8")
    (package / "pack" / "unused.py").write_text("changed = 1\n", encoding="utf-8")
    assert code_key(text, package) == before
    (package / "pack" / "sub" / "deep.py").write_text("x = 2222\n", encoding="utf-8")
    changed = code_key(text, package)
    assert changed != before
    (package / "pack" / "table.csv").write_text("1,2,3", encoding="utf-8")
    assert code_key(text, package) != changed


def test_key_does_not_hold_folders(package: Path, tmp_path: Path) -> None:
    text = script("from pack.one import two")
    before = code_key(text, package)
    moved = package.rename(tmp_path / "elsewhere")
    assert code_key(text, moved) == before


def test_environment() -> None:
    header = '# /// script\n# dependencies = ["Hypothesis>=6", "none-such[x]"]\n# ///\n'
    part = keys.environment_part(script("x = 1", header=header), "cpu", {"threads": 1}, ["pytest"])
    assert sorted(part["packages"]) == ["hypothesis", "none-such", "pytest"]
    assert part["packages"]["none-such"] == "none"
    other = keys.environment_part(script("x = 1", header=header), "cuda", {"threads": 1}, ["pytest"])
    assert files.digest(part) != files.digest(other)


# -- the store


def json_file(store: Store) -> Path:
    """The only record's file."""
    (path,) = store.folder.rglob("*.json")
    return path


@pytest.mark.parametrize("single", [False, True])
def test_what_is_put_comes_back(tmp_path: Path, single: bool) -> None:
    store = Store(tmp_path, single=single, warn=pytest.fail)
    put = store.put(make(), PICTURES)
    assert store.get("chapter/page", put.key) == put == store.latest("chapter/page")
    assert put == make()
    assert store.read_file(put, file_name(b"dark", ".webp")) == b"dark"
    assert store.get("chapter/page", Key("x" * 64, "y" * 64)) is None
    assert store.get("chapter/other", put.key) is None


@given(st.integers(0), st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_flipped_bit(tmp_path: Path, place: int, bit: int) -> None:
    warnings: list[str] = []
    store = Store(tmp_path / f"{place}-{bit}"[:40], warn=warnings.append)
    put = store.put(make(), PICTURES)
    files = sorted(path for path in store.folder.rglob("*") if path.is_file())
    contents = [path.read_bytes() for path in files]
    at = place % sum(map(len, contents))
    for path, content in zip(files, contents, strict=True):
        if at < len(content):
            flipped = bytes([*content[:at], content[at] ^ (1 << bit), *content[at + 1 :]])
            path.write_bytes(flipped)
            break
        at -= len(content)
    found = store.get("chapter/page", put.key)
    # A changed blank between two values of the JSON file changes nothing.
    assert found in (None, put)
    assert (found is None) == bool(warnings)


@given(st.integers(0), st.integers(0, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_truncated(tmp_path: Path, length: int, which: int) -> None:
    warnings: list[str] = []
    store = Store(tmp_path / f"{length}-{which}"[:40], warn=warnings.append)
    put = store.put(make(), PICTURES)
    path = sorted(path for path in store.folder.rglob("*") if path.is_file())[which]
    # The line break at the end of the JSON file is no loss.
    path.write_bytes(path.read_bytes()[: length % (path.stat().st_size - 1)])
    assert store.get("chapter/page", put.key) is None
    assert "unusable record, runs anew" in warnings[0]
    assert store.put(make(), PICTURES) == put == store.get("chapter/page", put.key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 3', '"format": 4'),
        ('"page": "chapter/page"', '"page": "../../etc"'),
        (file_name(b"dark", ".webp"), "../../../../secret.webp"),
        ('"seconds": 1.5', '"seconds": "1.5"'),
        ('"stderr"', '"elsewhere"'),
        ('"width": 650', '"width": -1'),
        ('"kind": "script"', '"sort": "script"'),
        ('"kind": "script"', '"kind": "letter"'),
        ('"png": "', '"png": 3, "was": "'),
        ('"torch:Tensor.view"', "3"),
    ],
)
def test_hostile_record(tmp_path: Path, old: str, new: str) -> None:
    """Even with a right checksum a record can't name files outside its folder or hold other types."""
    import json

    warnings: list[str] = []
    store = Store(tmp_path, warn=warnings.append)
    put = store.put(make(), PICTURES)
    path = json_file(store)
    text = path.read_text(encoding="utf-8")
    assert old in text
    whole = json.loads(text.replace(old, new))
    whole["checksum"] = files.digest(whole["record"])
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert store.get("chapter/page", put.key) is None
    assert len(warnings) == 1


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"format": 1}', b"[" * 100_000, b"\xff"])
def test_not_a_record(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    put = store.put(make(), PICTURES)
    json_file(store).write_bytes(content)
    assert store.get("chapter/page", put.key) is None
    assert store.latest("chapter/page") is None


@pytest.mark.parametrize("page", ["../page", "/etc", "a//b", "a/../b", "", "a/.b", "a\\b", "a/b\n"])
def test_no_page(tmp_path: Path, page: str) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(ValueError, match="is no name of a page"):
        store.get(page, make().key)
    with pytest.raises(ValueError, match="is no name of a page"):
        store.put(replace(make(), page=page), PICTURES)


def test_committed_is_current_on_any_torch(tmp_path: Path) -> None:
    store = Store(tmp_path, single=True)
    put = store.put(make(environment="torch 2.11"), PICTURES)
    assert store.latest("chapter/page", make(environment="torch 2.13").key.code) == put
    assert put.key.code == make(environment="torch 2.13").key.code
    assert store.latest("chapter/page", make(code="changed").key.code) == put
    assert put.key.code != make(code="changed").key.code
    assert store.latest("chapter/other", put.key.code) is None
    # A page keeps one record and its figures.
    store.put(replace(make(code="changed"), cells=()), {})
    assert [path.name for path in store.place("chapter/page").iterdir()] == ["record.json"]


def test_a_page_keeps_its_newest_records(tmp_path: Path) -> None:
    store = Store(tmp_path)
    other = store.put(make("chapter/other"), PICTURES)
    records = [store.put(make(code=str(number)), PICTURES) for number in range(NEWEST)]
    for age, number in enumerate([2, 0, 1, 3]):
        path = store.place("chapter/page") / f"{records[number].key.name}.json"
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    store.put(make(code="more"), PICTURES)
    found = [store.get("chapter/page", made.key) for made in records]
    assert found == [records[0], records[1], None, records[3]]
    assert store.get(other.page, other.key) == other
    assert {path.suffix for path in store.place("chapter/page").iterdir()} == {".json", ".webp"}


def test_figures_that_no_record_names_go_when_they_are_old(tmp_path: Path) -> None:
    """A new one may belong to a record that another build is about to put."""
    store = Store(tmp_path)
    for number in range(NEWEST):
        store.put(make(code=str(number)), PICTURES)
    place = store.place("chapter/page")
    left = [place / file_name(b"left", ".webp"), place / "record.json.77.new"]
    young = place / file_name(b"of another build", ".webp")
    for path in (*left, young):
        path.write_bytes(b"left")
    for path in place.iterdir():
        if path != young:
            os.utime(path, (1_000_000, 1_000_000))
    store.put(replace(make(), cells=()), {})
    assert {path.name for path in place.iterdir() if path.suffix != ".json"} == {*PICTURES, young.name}


def test_put_beside_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one build removes, another that does the same at the same time doesn't miss."""
    store = Store(tmp_path)
    for number in range(2 * NEWEST):
        monkeypatch.setattr(record, "NEWEST", 99)
        store.put(make(code=str(number)), PICTURES)
    paths = Store._paths

    def removed_by_another(store: Store, page: str) -> list[Path]:
        found = paths(store, page)
        for path in found[1:]:
            path.unlink()
        return found

    monkeypatch.setattr(record, "NEWEST", NEWEST)
    monkeypatch.setattr(Store, "_paths", removed_by_another)
    put = store.put(make(), PICTURES)
    assert store.get(put.page, put.key) == put


@pytest.mark.parametrize("contents", [{}, dict.fromkeys(PICTURES, b"other")])
def test_a_record_without_its_figures_is_not_put(tmp_path: Path, contents: dict[str, bytes]) -> None:
    store = Store(tmp_path)
    with pytest.raises((KeyError, DamagedRecord)):
        store.put(make(), contents)
    assert not list(tmp_path.iterdir())


def test_each_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Store(tmp_path).put(make(), PICTURES)
    read: list[Path] = []
    read_bytes = Path.read_bytes

    def noting(path: Path) -> bytes:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noting)
    for _ in range(2):
        assert Store(tmp_path).get("chapter/page", put.key) == put
    assert len(read) == 1 + len(PICTURES)
    trusted = Store(tmp_path, trusted=True)
    assert trusted.get("chapter/page", put.key) == put
    assert len(read) == 2 + len(PICTURES)
    # Another record in its place is seen, and every record when the next build begins.
    other = Store(tmp_path).put(replace(make(), date="2026-01-02T00:00:00+00:00"), PICTURES)
    assert Store(tmp_path).get("chapter/page", put.key) == other
    next(iter(Store(tmp_path).place("chapter/page").glob("*.webp"))).write_bytes(b"damaged")
    assert Store(tmp_path).get("chapter/page", put.key) == other
    record.forget_read()
    assert Store(tmp_path).get("chapter/page", put.key) is None


KILLED = """
import os, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.engine_project import make, PICTURES
from sitekit.execute.record import Store
calls = 0
def hook(event, arguments):
    global calls
    if event in {{"open", "os.rename", "os.chmod", "os.remove", "os.utime", "os.mkdir"}}:
        calls += 1
        if calls == {count}:
            os._exit(9)
store = Store(Path({folder!r}))
sys.addaudithook(hook)
store.put(make(), PICTURES)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Whichever step a kill comes before, there is a whole record or none, and the next run puts one."""
    states = set()
    for count in range(1, 60):
        folder = tmp_path / str(count)
        code = KILLED.format(path=sys.path, count=count, folder=str(folder))
        ended = subprocess.run([sys.executable, "-c", code], check=False).returncode
        store = Store(folder, warn=pytest.fail)
        states.add((ended, store.get("chapter/page", make().key) is not None))
        store.put(make(), PICTURES)
        assert store.get("chapter/page", make().key)
        if not ended:
            break
    assert states == {(9, False), (9, True), (0, True)}
