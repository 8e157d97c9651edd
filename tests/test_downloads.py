"""What a reader takes home runs there, prints what the page shows, and speaks the page's language."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sitekit.execute.examples import store_for
from sitekit.execute.golden import Tolerance, differences

from tests import built, venvs
from tests.built import EXAMPLES, LANGUAGES, ROOT, SITE

HELPER = ROOT / "src" / "torchnotes"
BACKEND = '''\
"""Stands in for a window: notes how many figures a script shows, and closes them."""
import os
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

def show(*args, **kwargs):
    with open(os.environ["SHOWN"], "a") as file:
        file.write("x" * len(pyplot.get_fignums()))
    pyplot.close("all")
'''
RAW_MARKUP = re.compile(
    r":[a-z]+(:[a-z]+)?:`"  # roles
    r"|^\s*\.\. "  # directives, labels
    r"|(?<!`)``(?!`)"  # literals
    r"|`__?(?!\w)"  # links
    r"|^[=~^\"-]{4,}$"  # underlines
    r"|::$|<[a-z0-9]+-[a-z0-9-]+>",
    re.MULTILINE,
)


DISTRIBUTIONS = packages_distributions()


def imports(script: Path) -> set[str]:
    """The packages that a script imports, by the names under which they are installed."""
    names = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return {canonicalize_name(DISTRIBUTIONS.get(top, [top])[0]) for top in tops}


def comments(code: str) -> list[str]:
    """The comments of code."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return [token.string.removeprefix("# ") for token in tokens if token.type == tokenize.COMMENT]


def spoken(script: str) -> list[str]:
    """What a script says to its reader, without the texts that its code works on."""
    return [ast.get_docstring(ast.parse(script)) or "", *comments(script)]


def header(script: Path) -> list[str]:
    """The requirements in a script's header."""
    return list(venvs.script_header(script.read_text(encoding="utf-8"))["dependencies"])


WITH_HELPER = [page for page in EXAMPLES if "torchnotes" in imports(ROOT / "gallery" / f"{page}.py")]
TOLERANCES = {page.docname: Tolerance.of(page) for page in built.PROJECT.pages()}

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
of_every_example = built.for_every("page", EXAMPLES)
pytestmark = pytest.mark.usefixtures("site_root")


@pytest.fixture(scope="session")
def python_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function from requirements to the Python of a venv that holds them and nothing else."""
    made: dict[frozenset[str], Path] = {}

    def python(*requirements: str) -> Path:
        key = frozenset(venvs.required(requirements))
        if key not in made:
            made[key] = venvs.make(tmp_path_factory.mktemp("venv"), requirements)
        return made[key]

    return python


@pytest.fixture
def home_machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a reader who has nothing of ours: no PYTHONPATH, no variable of this run."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ}
    (tmp_path / "home").mkdir()
    return kept | {
        "HOME": str(tmp_path / "home"),
        "USERPROFILE": str(tmp_path / "home"),
        "MPLCONFIGDIR": str(ROOT / ".cache" / "matplotlib"),  # finding all fonts takes seconds
        "OMP_NUM_THREADS": "1",  # as in the build: sums are rounded in the order of the threads
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def run(
    tmp_path: Path, home_machine: dict[str, str], python_for: Callable[..., Path]
) -> Callable[[Path], tuple[subprocess.CompletedProcess[str], int]]:
    """Return a function that runs a script with its header's venv; it also counts the figures shown."""

    def run_script(script: Path) -> tuple[subprocess.CompletedProcess[str], int]:
        (tmp_path / "backend").mkdir()
        (tmp_path / "backend" / "counting_backend.py").write_text(BACKEND)
        shown = tmp_path / "shown"
        shown.touch()
        environment = home_machine | {
            "MPLBACKEND": "module://counting_backend",
            "PYTHONPATH": str(tmp_path / "backend"),
            "SHOWN": str(shown),
        }
        done = subprocess.run(
            [python_for(*header(script)), script.name],
            cwd=script.parent,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return done, shown.stat().st_size

    return run_script


def lines(text: str) -> list[str]:
    """What `text` shows: its lines, without blank ones and white space at the ends, tabs as blanks."""
    return [line.rstrip() for line in text.expandtabs().splitlines() if line.strip()]


def on_page(language: str, page: str) -> list[str]:
    """The lines that a page shows as printed."""
    return lines("\n".join(built.outputs(language, page)))


def not_on_page(language: str, page: str, printed: str) -> list[str]:
    """What of `printed` is not as the page shows it."""
    shown = on_page(language, page)
    return differences("\n".join(shown), "\n".join(lines(printed)), TOLERANCES[page])


def unzipped(language: str, page: str, folder: Path) -> Path:
    """Unpack a page's zip as a reader would, and return the script in it."""
    with zipfile.ZipFile(built.downloads(language, page)[".zip"]) as archive:
        archive.extractall(folder)
    (script,) = folder.glob("*/*.py")
    return script


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook's file."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-any-return, no-untyped-call]


def notebook(language: str, page: str) -> nbformat.NotebookNode:
    """The notebook that a page offers."""
    return read(built.downloads(language, page)[".ipynb"])


def markdown(language: str, page: str) -> Iterator[str]:
    """The text cells of its notebook."""
    for cell in notebook(language, page).cells:
        if cell.cell_type == "markdown":
            yield cell.source


def prose(source: str) -> str:
    """Markdown without its code and formulas."""
    return re.sub(r"(`+).*?\1|\$\$?.*?\$\$?", "…", source, flags=re.DOTALL)


@in_every_language
@of_every_example
def test_a_page_offers_a_script_a_notebook_and_both_in_a_zip(page: str, language: str) -> None:
    files = built.downloads(language, page)
    assert list(files) == [".py", ".ipynb", ".zip"]
    for suffix, file in files.items():
        assert file.is_relative_to(SITE / language)
        assert file.name == page.split("/")[1] + suffix


@in_every_language
@of_every_example
def test_a_script_speaks_the_pages_language(page: str, language: str) -> None:
    text = built.downloads(language, page)[".py"].read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    if language == "zh":
        assert len(built.HAN.findall(docstring)) > 50
    else:
        assert not [words for words in spoken(text) if built.HAN.search(words)]


@in_every_language
@of_every_example
def test_a_notebook_speaks_the_pages_language(page: str, language: str) -> None:
    cells = list(markdown(language, page))
    assert len(cells) > 3
    if language == "zh":
        assert all(built.HAN.search(cell) for cell in cells)
    else:
        code = [cell.source for cell in notebook(language, page).cells if cell.cell_type == "code"]
        assert not [words for words in [*cells, *map(comments, code)] if built.HAN.search(str(words))]


@of_every_example
def test_scripts_of_all_languages_are_equal_token_by_token(page: str) -> None:
    codes = [
        built.without_words(built.downloads(language, page)[".py"].read_text(encoding="utf-8"))
        for language in LANGUAGES
    ]
    assert all(code == codes[0] for code in codes)


@in_every_language
@of_every_example
def test_a_script_is_the_page(page: str, language: str) -> None:
    script = built.downloads(language, page)[".py"].read_text(encoding="utf-8")
    cells = "\n".join(built.code_cells(language, page))
    assert [t for t in built.without_words(script) if t.strip()] == [
        t for t in built.without_words(cells) if t.strip()
    ]


@in_every_language
@of_every_example
def test_a_script_reads_as_plain_prose(page: str, language: str) -> None:
    script = built.downloads(language, page)[".py"].read_text(encoding="utf-8")
    text = "\n".join(spoken(script))
    assert not [match[0] for match in RAW_MARKUP.finditer(text)]
    words = re.sub(r"`[^`]+`", "", text)
    assert not re.search(r"\\[\\*`_|<]|\*\*\w|hide-(input|cell):|^alt:", words, re.MULTILINE)


@in_every_language
@of_every_example
def test_a_notebook_is_the_page(page: str, language: str) -> None:
    book = notebook(language, page)
    nbformat.validate(book)
    assert book.metadata.kernelspec.name == "python3"
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [built.without_words(cell.source) for cell in code] == [
        built.without_words(cell) for cell in built.code_cells(language, page)
    ]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    headings = [
        (f"h{len(level)}", re.sub(r"[`*$\\]", "", title).replace("'", "’"))
        for cell in markdown(language, page)
        for level, title in re.findall(r"(?m)^(#+) (.*)$", cell)
    ]
    on_page = [
        (heading.name, built.text(heading).removesuffix("¶"))
        for heading in built.article(language, page).find_all(re.compile("^h[1-6]$"))
    ]
    # In Chinese the page has no blank beside letters, because browsers set a space of their own.
    assert [(level, title.replace(" ", "")) for level, title in headings] == [
        (level, title.replace(" ", "")) for level, title in on_page
    ]


@in_every_language
@of_every_example
def test_notebook_text_holds_no_markup_of_ours(page: str, language: str) -> None:
    found = [match[0] for cell in markdown(language, page) for match in RAW_MARKUP.finditer(cell)]
    assert not found


@in_every_language
@of_every_example
def test_bold_and_code_close_in_notebook_text(page: str, language: str) -> None:
    for cell in markdown(language, page):
        assert "*" not in re.sub(r"\*\*(?=\S)[^*]+(?<=\S)\*\*|\*[^*]+\*", "", prose(cell))
        assert "`" not in prose(cell)


@in_every_language
@of_every_example
def test_a_zip_holds_the_script_the_notebook_and_what_they_import(page: str, language: str) -> None:
    files = built.downloads(language, page)
    name = page.split("/")[1]
    expected = {f"{name}/{name}{suffix}": files[suffix].read_bytes() for suffix in (".py", ".ipynb")}
    if page in WITH_HELPER:
        for path in HELPER.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                expected[f"{name}/torchnotes/{path.relative_to(HELPER).as_posix()}"] = path.read_bytes()
    with zipfile.ZipFile(files[".zip"]) as archive:
        assert archive.testzip() is None
        assert {entry.filename: archive.read(entry) for entry in archive.infolist()} == expected
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()} == {0o644}


@of_every_example
def test_a_header_lists_what_the_script_imports(page: str) -> None:
    script = built.downloads("zh", page)[".py"]
    listed = {canonicalize_name(Requirement(line).name) for line in header(script)}
    assert imports(script) - sys.stdlib_module_names - {"torchnotes"} <= listed


def test_a_venv_holds_what_a_header_asks_for_and_no_more(
    python_for: Callable[..., Path], home_machine: dict[str, str]
) -> None:
    code = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    names = ["torch", "numpy", "matplotlib", "sphinx", "sklearn", "pytest", "torchnotes", "sitekit"]
    for asked, expected in {
        ("torch",): ["torch"],
        ("torch", "numpy"): ["torch", "numpy"],
        ("matplotlib",): ["numpy", "matplotlib"],
    }.items():
        command = [str(python_for(*asked)), "-c", code, *names]
        done = subprocess.run(command, env=home_machine, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(expected)


SHORT = 5.0
"""Seconds; what takes longer waits for `nox -s thorough`."""


def seconds(page: str) -> float:
    """How long a page took when the site was built."""
    record = store_for(built.PROJECT, "cpu").latest(page)
    return record.seconds if record else 0.0


def shortest_of_their_kind() -> Iterator[str]:
    """The shortest page with our package, one without, and one for each package that short pages need."""
    seen: set[object] = set()
    for page in sorted((page for page in EXAMPLES if seconds(page) < SHORT), key=seconds):
        needed = {Requirement(line).name for line in header(ROOT / "gallery" / f"{page}.py")}
        kinds = {page in WITH_HELPER, *needed}
        if not kinds <= seen:
            yield page
        seen |= kinds


OF_EACH_KIND = set(shortest_of_their_kind())
AS_NOTEBOOKS = set(sorted(OF_EACH_KIND, key=seconds)[:4])


def in_turns(first: int, in_ci: set[str]) -> pytest.MarkDecorator:
    """Every example in one language: what its other scripts do is the same, token by token, as a test above sees to.

    That script, notebook and page are the same code is seen there too, so only some are run for every change.
    """
    turns = [
        pytest.param(
            page, LANGUAGES[number % len(LANGUAGES)], marks=() if page in in_ci else pytest.mark.thorough
        )
        for number, page in enumerate(EXAMPLES, first)
    ]
    return pytest.mark.parametrize(("page", "language"), turns)


@in_turns(0, OF_EACH_KIND)
def test_a_script_runs_at_home_and_prints_what_the_page_shows(
    page: str,
    language: str,
    tmp_path: Path,
    run: Callable[[Path], tuple[subprocess.CompletedProcess[str], int]],
) -> None:
    if page in WITH_HELPER:
        script = unzipped(language, page, tmp_path / "unzipped")
    else:
        (tmp_path / "downloads").mkdir()
        script = Path(shutil.copy(built.downloads(language, page)[".py"], tmp_path / "downloads"))
    done, shown = run(script)
    assert done.returncode == 0, done.stderr
    assert not_on_page(language, page, done.stdout) == []
    assert done.stderr == ""
    assert shown == len(built.figures(language, page))


@pytest.mark.parametrize(
    ("page", "language"),
    [
        pytest.param(
            page, language, marks=() if LANGUAGES[number : number + 1] == [language] else pytest.mark.thorough
        )
        for number, page in enumerate(WITH_HELPER)
        for language in LANGUAGES
    ],
)
def test_a_lone_script_says_where_to_get_the_helper_package(
    page: str,
    language: str,
    tmp_path: Path,
    run: Callable[[Path], tuple[subprocess.CompletedProcess[str], int]],
) -> None:
    (tmp_path / "downloads").mkdir()
    script = Path(shutil.copy(built.downloads(language, page)[".py"], tmp_path / "downloads"))
    done, _ = run(script)
    assert done.returncode == 1
    *_, failing, last = lines(done.stderr)
    assert last == "ModuleNotFoundError: No module named 'torchnotes'"
    told = [line for line in done.stderr.splitlines() if re.search(r"# torchnotes .*zip", line)]
    assert len(told) == 1, failing
    assert bool(built.HAN.search(told[0])) == (language == "zh")


@in_turns(1, AS_NOTEBOOKS)
def test_a_notebook_prints_and_draws_what_the_page_shows(
    page: str,
    language: str,
    tmp_path: Path,
    python_for: Callable[..., Path],
    home_machine: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = unzipped(language, page, tmp_path / "unzipped")
    python = python_for(*header(script), "ipykernel")
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "language": "python",
    }
    (tmp_path / "kernels" / "home").mkdir(parents=True)
    (tmp_path / "kernels" / "home" / "kernel.json").write_text(json.dumps(spec | {"display_name": "home"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    client = NotebookClient(
        read(script.with_suffix(".ipynb")),
        kernel_name="home",
        resources={"metadata": {"path": str(script.parent)}},
        timeout=300,
    )
    book = client.execute(env=home_machine)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "display_data"}
    streams = [output for output in outputs if output.output_type == "stream"]
    assert {output.name for output in streams} == {"stdout"}
    assert not_on_page(language, page, "\n".join(output.text for output in streams)) == []
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(drawn) == len(built.figures(language, page))
