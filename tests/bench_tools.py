"""What the benchmark measures with: a copy of the project, edits of it, stock Sphinx-Gallery, timed commands.

Every example of the copy gets one line that notes its run in a file. So executions are counted by the
examples themselves, on both sides, and no report of either side is believed.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from sitekit.execute.place import ONE_THREAD  # noqa: E402
from sitekit.execute.record import Store  # noqa: E402

DONE = re.compile(r"\[\d+/\d+\] done (?P<page>\S+) in ")
FOLDERS = ("docs", "gallery", "src")
FILES = ("constraints.txt", "noxfile.py", "pyproject.toml")
INDEX = "(home)=\n\n# Gallery\n\n```{toctree}\n%s\n```\n"
LEFT_OUT = r"""
# The pages of docs/ are left out here; links to them stay plain text.
nitpick_ignore_regex = [(r"std:(ref|term|doc)", r".*"), (r"myst", r".*")]
suppress_warnings = ["sitekit.parallel"]
"""
STOCK = """\
extensions = ["sphinx_gallery.gen_gallery", "myst_nb"]
root_doc = "index"
exclude_patterns = ["gallery", "**.ipynb", "**sg_execution_times.rst"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
nb_execution_mode = "off"
html_theme = "furo"
sphinx_gallery_conf = {{
    "examples_dirs": {examples!r},
    "gallery_dirs": {galleries!r},
    "filename_pattern": ".",
    "image_scrapers": ("matplotlib",),
    "download_all_examples": False,
    "parallel": {parallel!r},
}}
"""


class Broken(Exception):
    """A command that the benchmark needs failed; the message holds its last lines."""


# -- commands


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, its children's included as far as it waited for them."""
    began: float
    lines: list[tuple[float, str]]
    """What it printed, with the time of each line."""
    well: bool = True

    def done(self) -> Iterator[tuple[str, float]]:
        """Each page it ran, with the seconds since the one before."""
        before = self.began
        for at, line in self.lines:
            if match := DONE.match(line):
                yield match["page"], at - before
                before = at

    def value(self, name: str) -> float:
        """The number that it printed after `name`."""
        return next(float(line.split()[1]) for _, line in self.lines if line.startswith(f"{name} "))


def run(*command: str | Path, cwd: Path, path: tuple[Path, ...], fonts: Path, must: bool = True) -> Ran:
    """Run a command to its end, with one thread per process.

    Parameters
    ----------
    command
        Arguments; the benchmark's Python is put before a first one that begins with ``-``.
    cwd
        Where.
    path
        Folders to import from.
    fonts
        Where matplotlib keeps its list of fonts.
    must
        Whether a failure of the command is one of the benchmark.
    """
    words = [sys.executable] if str(command[0]).startswith("-") else []
    words += [str(word) for word in command]
    # nox tells the commands it runs that it runs them; the builds here are no part of its session.
    env = {name: value for name, value in os.environ.items() if not name.startswith("NOX_")} | ONE_THREAD
    env |= {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "MPLCONFIGDIR": str(fonts),
        "PYTHONUNBUFFERED": "1",
    }
    began = time.monotonic()
    process = subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        with process.stdout as output:
            lines = [(time.monotonic(), line.rstrip("\n")) for line in output]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.terminate()
            process.wait()
    wall = time.monotonic() - began
    if process.returncode and must:
        tail = "\n".join(line for _, line in lines[-40:])
        raise Broken(f"{' '.join(words)} ended with exit code {process.returncode}:\n{tail}")
    return Ran(wall, usage.ru_utime + usage.ru_stime, began, lines, process.returncode == 0)


# -- projects


def _after_docstring(text: str, line: str) -> str:
    """`text` with `line` as its first line of code."""
    lines = text.split("\n")
    at = ast.parse(text).body[0].end_lineno or 0
    rest = lines[at:]
    while rest and not rest[0].strip():
        rest.pop(0)
    return "\n".join([*lines[:at], "", line, "", *rest])


@dataclass(frozen=True)
class Copy:
    """A project in a folder of its own, and the file in which its examples note that they ran."""

    root: Path
    fonts: Path

    @property
    def marks(self) -> Path:
        """The file with one line per execution."""
        return self.root / "marks.txt"

    @property
    def scripts(self) -> dict[str, Path]:
        """The examples by page."""
        found = sorted((self.root / "gallery").glob("*/*.py"))
        return {f"{path.parent.name}/{path.stem}": path for path in found}

    @property
    def chapters(self) -> list[str]:
        """The chapters' names."""
        return sorted({page.partition("/")[0] for page in self.scripts})

    def python(self, *command: str | Path) -> Ran:
        """Run the copy's modules."""
        return run(*command, cwd=self.root, path=(self.root / "docs",), fonts=self.fonts)

    def build(self) -> Ran:
        """Build both languages."""
        return self.python("-m", "sitekit", "build")

    def record(self, store: Path, *, jobs: int) -> Ran:
        """Do the execute step alone, into an empty `store`."""
        return self.python("-m", "sitekit", "record", "--store", store, "--jobs", str(jobs))

    def executed(self, call: Callable[[], Ran]) -> tuple[Ran, list[str]]:
        """Call `call`; also returns the pages that ran meanwhile, as often as they did."""
        self.marks.write_text("", encoding="utf-8")
        ran = call()
        return ran, sorted(self.marks.read_text(encoding="utf-8").split())

    def catalogues(self, page: str) -> list[Path]:
        """The catalogues of one page."""
        return sorted((self.root / "docs" / "locale").glob(f"*/LC_MESSAGES/{page}.po"))


def copy_project(root: Path, fonts: Path) -> Copy:
    """Copy this project without the pages of ``docs/``."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.mo", "*.new")
    root.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    copy = Copy(root, fonts)
    docs = root / "docs"
    for page in sorted(docs.rglob("*.md")):
        if not any(part.startswith(("_", ".")) for part in page.relative_to(docs).parts):
            page.unlink()
    for catalogue in (docs / "locale").rglob("*.po"):
        chapter = catalogue.parent.name
        if chapter not in copy.chapters:
            catalogue.unlink()
    _write_index(copy)
    with (docs / "conf.py").open("a", encoding="utf-8") as file:
        file.write(LEFT_OUT)
    for name, script in copy.scripts.items():
        note = (
            'if __name__ == "__main__":\n'
            f"    with open({str(copy.marks)!r}, 'a') as noted:\n"
            f"        print({name!r}, file=noted)"
        )
        edit(script, partial(_after_docstring, line=note))
    return copy


def _write_index(copy: Copy) -> None:
    index = INDEX % "\n".join(f"{chapter}/index" for chapter in copy.chapters)
    (copy.root / "docs" / "index.md").write_text(index, encoding="utf-8")


def multiply(copy: Copy, root: Path, count: int, *, each: int = 10) -> Copy:
    """A project of `count` pages: copies of the pages of `copy` with their catalogues and records.

    Parameters
    ----------
    copy
        A project that was built.
    root
        Where the new one goes.
    count
        How many pages it has.
    each
        How many pages a chapter has.
    """
    unwanted = shutil.ignore_patterns("__pycache__", "*.po", "records", "error_aliases.toml")
    shutil.copytree(copy.root / "docs", root / "docs", ignore=unwanted)
    shutil.copytree(copy.root / "src", root / "src", ignore=unwanted)
    old, new = (Store(place / ".cache" / "records" / "cpu") for place in (copy.root, root))
    pages = sorted(copy.scripts)
    curriculum = []
    for number in range(count):
        page = pages[number % len(pages)]
        chapter, name = f"chapter{number // each}", f"page{number}"
        if not number % each:
            curriculum.append(f'[[chapters]]\nname = "{chapter}"\n')
            folder = root / "gallery" / chapter
            folder.mkdir(parents=True)
            header = f".. _{chapter}:\n\n{chapter}\n{'=' * len(chapter)}\n\nPages.\n"
            (folder / "GALLERY_HEADER.rst").write_text(header, encoding="utf-8")
        curriculum.append(f"[chapters.pages.{name}]\nminutes = 1\n")
        label = page.replace("/", "-").replace("_", "-")
        sources = {copy.scripts[page]: root / "gallery" / chapter / f"{name}.py"}
        for path in copy.catalogues(page):
            place = path.relative_to(copy.root).parent.parent / chapter / f"{name}.po"
            sources[path] = root / place
        for source, target in sources.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            target.write_text(text.replace(label, f"{chapter}-{name}"), encoding="utf-8")
        record = old.latest(page)
        assert record is not None
        new.put(
            replace(record, page=f"{chapter}/{name}"),
            {file: old.read_file(record, file) for file in record.files},
        )
    (root / "gallery" / "curriculum.toml").write_text("\n".join(curriculum), encoding="utf-8")
    made = Copy(root, copy.fonts)
    _write_index(made)
    return made


def trivial(copy: Copy, root: Path, count: int) -> Copy:
    """A project of `count` examples that do next to nothing; only its execute step works."""
    (root / "docs").mkdir(parents=True)
    shutil.copytree(copy.root / "docs" / "sitekit", root / "docs" / "sitekit")
    shutil.copy(copy.root / "docs" / "languages.toml", root / "docs")
    folder = root / "gallery" / "chapter"
    folder.mkdir(parents=True)
    (folder / "GALLERY_HEADER.rst").write_text("Chapter\n=======\n", encoding="utf-8")
    curriculum = ['[[chapters]]\nname = "chapter"\n']
    for number in range(count):
        curriculum.append(f"[chapters.pages.page{number}]\n")
        text = f'"""\nPage\n====\n\nOne of many.\n"""\n\nprint({number})\n'
        (folder / f"page{number}.py").write_text(text, encoding="utf-8")
    (root / "gallery" / "curriculum.toml").write_text("\n".join(curriculum), encoding="utf-8")
    return Copy(root, copy.fonts)


# -- stock Sphinx-Gallery on the same localised trees


@dataclass(frozen=True)
class Stock:
    """Stock Sphinx-Gallery: one tree and one output per language, built one after the other."""

    root: Path
    copy: Copy
    parallel: int

    def follow(self) -> None:
        """Take over what changed in the localised trees."""
        for tree, language in self._trees():
            for name in ("index.md", "gallery"):
                _mirror(self.copy.root / "build" / "source" / tree / name, self.root / tree / name)
            chapters = self.copy.chapters
            conf = STOCK.format(
                examples=[f"gallery/{chapter}" for chapter in chapters],
                galleries=chapters,
                parallel=self.parallel if self.parallel > 1 else False,
            )
            place = self.root / tree / "conf.py"
            if not place.exists():
                place.write_text(f"language = {language!r}\n{conf}", encoding="utf-8")

    def _trees(self) -> list[tuple[str, str]]:
        import tomllib

        text = (self.copy.root / "docs" / "languages.toml").read_text(encoding="utf-8")
        return [(item["folder"], item["sphinx"]) for item in tomllib.loads(text)["languages"]]

    def build(self, *, must: bool = True) -> Ran:
        """Build every language, one after the other, as far as each is out of date."""
        ran = []
        for tree, _ in self._trees():
            command = ("-m", "sphinx", "-b", "html", "-q", "-d", self.root / f"{tree}-doctrees")
            folders = (self.root / tree, self.root / "html" / tree)
            path = (self.copy.root / "src",)
            ran.append(run(*command, *folders, cwd=self.root, path=path, fonts=self.copy.fonts, must=must))
        return Ran(
            sum(one.wall for one in ran),
            sum(one.cpu for one in ran),
            ran[0].began,
            [line for one in ran for line in one.lines],
            all(one.well for one in ran),
        )


def _mirror(source: Path, target: Path) -> None:
    """Copy the sources below `source` that differ; times of the others stay."""
    files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    for path in files:
        if path.suffix not in {".py", ".rst", ".md"}:
            continue
        place = target / path.relative_to(source) if path != source else target
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


# -- edits


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Replace a file by `change` of its text, which must differ."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    if after == before:
        raise Broken(f"{path.name} was not changed")
    path.write_text(after, encoding="utf-8")


def _sentence(copy: Copy, page: str) -> str:
    """A paragraph that stands on one line of the page, and once in its catalogues."""
    script = copy.scripts[page].read_text(encoding="utf-8")
    catalogues = [path.read_text(encoding="utf-8") for path in copy.catalogues(page)]
    for text in re.findall(r'^msgid "([^"\\]+。)"$', catalogues[0], re.MULTILINE):
        lines = [line for line in script.split("\n") if line in {f"# {text}", text}]
        if len(lines) == 1 and all(catalogue.count(f'msgid "{text}"') == 1 for catalogue in catalogues):
            return str(text)
    raise Broken(f"{page} has no paragraph of one line")


def has_sentence(copy: Copy, page: str) -> bool:
    """Whether the edits below can change this page."""
    try:
        return bool(_sentence(copy, page))
    except Broken:
        return False


def edit_prose(copy: Copy, page: str, number: int) -> None:
    """Change a sentence, and its translations with it."""
    edit_catalogue(copy, page, number)
    old = _sentence(copy, page)
    new = f"{old[:-1]}（{number}）。"
    for path in (copy.scripts[page], *copy.catalogues(page)):
        edit(path, lambda text: text.replace(old, new))


def edit_catalogue(copy: Copy, page: str, number: int) -> None:
    """Change a translation."""
    old = _sentence(copy, page)
    for path in copy.catalogues(page):
        pattern = re.compile(rf'^(msgid "{re.escape(old)}"\nmsgstr ".*)"$', re.MULTILINE)
        edit(path, partial(pattern.sub, rf'\g<1> ({number})"'))


def edit_comment(copy: Copy, page: str, number: int) -> None:
    """Add a comment to the code."""
    edit(copy.scripts[page], lambda text: _after_docstring(text, f"# edit {number}"))


def edit_code(copy: Copy, page: str, number: int) -> None:
    """Add a statement to the code."""
    edit(copy.scripts[page], lambda text: _after_docstring(text, f"edited = {number}"))


def edit_module(copy: Copy, module: str, number: int) -> None:
    """Add a statement to a local module."""
    path = (copy.root / "src").joinpath(*module.split(".")).with_suffix(".py")
    edit(path, lambda text: f"{text}\n_edited = {number}\n")


def users(copy: Copy, module: str) -> list[str]:
    """The pages that import a local module, themselves or by another local module."""
    source = copy.root / "src"
    known = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in source.rglob("*.py")
    }

    def imported(path: Path, package: str) -> set[str]:
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    outer = package.split(".")[: -node.level + 1 or None]
                    base = ".".join([*outer, *([base] if base else [])])
                names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        parts = [name.split(".") for name in names]
        names = {".".join(name[: length + 1]) for name in parts for length in range(len(name))}
        return names & set(known)

    found = []
    for page, script in copy.scripts.items():
        seen: set[str] = set()
        queue = imported(script, "")
        while queue:
            name = queue.pop()
            seen.add(name)
            path = known[name]
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            queue |= imported(path, package) - seen
        if module in seen:
            found.append(page)
    return found


def dump(path: Path, value: object) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
