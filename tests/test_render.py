"""Building and rendering: a gallery of another project, from sources to the published site and back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from bs4 import BeautifulSoup, Tag
from sitekit.project.layout import Project
from sitekit.publish import rendering, reuse

from tests import built, foreign

UNCHANGED = "nothing changed: build/html/index.html\n"
NONE_RUN = "examples: 3 from record, 0 run, 0 failed"
ONE_RUN = "examples: 2 from record, 1 run, 0 failed"


@pytest.fixture
def gallery(foreign_gallery: Path, tmp_path: Path) -> Path:
    """Return a copy of the built gallery."""
    return Path(shutil.copytree(foreign_gallery, tmp_path / "gallery"))


def read(path: Path) -> BeautifulSoup:
    """A page, parsed."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def page(root: Path, name: str) -> Tag:
    """The article of a page of the site."""
    article = read(root / "build" / "html" / f"{name}.html").find("article")
    assert isinstance(article, Tag)
    return article


def provenance(article: Tag) -> list[str]:
    """Its lines on where the outputs come from."""
    (block,) = article.select(".fact-output dd")
    return [" ".join(line.get_text().split()) for line in block.select("div") or [block]]


def outputs(article: Tag) -> list[str]:
    """What the code printed, block by block."""
    return [block.get_text().strip() for block in article.select(".sphx-glr-script-out, .cell_output")]


# -- what a build gives


def test_pages_of_both_languages(foreign_gallery: Path) -> None:
    for language, title, prose in (
        ("fr", "La somme", "Le total est le même partout."),
        ("de", "Die Summe", "Die Summe ist überall gleich."),
    ):
        article = page(foreign_gallery, f"{language}/bases/somme")
        assert str(article.select("h1")[0].contents[0]) == title
        assert prose in article.get_text()
        assert outputs(article)[0] == "total: 5"
        assert outputs(page(foreign_gallery, f"{language}/bases/poids")) == ["poids: 3 g"]
        assert outputs(page(foreign_gallery, f"{language}/essai"))[0] == "essai: 42"
    (light, dark) = page(foreign_gallery, "de/bases/courbe").select("img.figure")
    assert light["alt"] == dark["alt"] == "eine steigende Linie"
    html = foreign_gallery / "build" / "html"
    for image in (light, dark):
        assert (html / "de" / "bases" / str(image["src"])).is_file()
    (archive,) = html.glob("de/_downloads/*/poids.zip")
    with zipfile.ZipFile(archive) as opened:
        assert set(opened.namelist()) == {
            "poids/poids.py", "poids/poids.ipynb", "poids/ustensiles/__init__.py",
        }  # fmt: skip
        notebook = "".join(json.loads(opened.read("poids/poids.ipynb"))["cells"][0]["source"])
    weight = page(foreign_gallery, "de/bases/poids")
    for carried in ("Ein Zitat.", "Eine Unbekannte", "Ein Beispiel", "peser(*une* chose)", "Dann __dies__"):
        assert carried in weight.get_text()
    assert [code.get_text() for code in weight.select("code.xref")] == ["print()", "int"] * 2
    counterparts = {node.get_text() for node in weight.select("[lang=fr]")}
    assert {"Une citation.", "Une inconnue", "Un exemple", "Puis __ceci__, à $5 ou $6."} <= counterparts
    for carried in (
        "> — Eine Unbekannte",
        "**Ein Beispiel**\n\n```python",
        "und `int`:\n\n```\npeser(*une* chose)",
    ):
        assert carried in notebook
    assert r"Dann \_\_dies\_\_, für <span>\$</span>5 oder <span>\$</span>6." in notebook


def test_what_was_printed_stands_there_as_it_was(foreign_gallery: Path) -> None:
    """Blank lines, indents, the order of the streams, and the HTML of a last expression."""
    for language in ("fr", "de"):
        article = page(foreign_gallery, f"{language}/essai")
        texts = [block.get_text() for block in article.select(".cell_output pre")]
        assert texts == ["essai: 42\n", "\n  un\n", "deux\n", "  trois\n"]
        article = page(foreign_gallery, f"{language}/bases/courbe")
        assert [block.get_text() for block in article.select(".sphx-glr-script-out pre")] == [
            "\n\n    droite\n  gauche\n"
        ]
        assert article.select("table.essai td")[0].get_text() == "\n\n  7"


def test_nothing_names_this_project(foreign_gallery: Path, repository: Path) -> None:
    root_page = (foreign_gallery / "build" / "html" / "index.html").read_text(encoding="utf-8")
    assert "<h1>Carnet de recettes</h1>" in root_page
    for path in (foreign_gallery / "build" / "html").rglob("*.html"):
        assert "torchnotes" not in path.read_text(encoding="utf-8").lower(), path
    for path in (repository / "docs" / "sitekit").rglob("*.py"):
        assert "torchnotes" not in path.read_text(encoding="utf-8").lower(), path


def test_provenance_is_in_the_pages_language(foreign_gallery: Path) -> None:
    version = sys.version.split()[0]
    words = re.escape(f"Python {version} · CPU · ")
    for name in ("fr/bases/poids", "fr/bases/courbe", "fr/essai"):
        (line,) = provenance(page(foreign_gallery, name))
        assert re.fullmatch(words + r"run time .* s · peak memory \d+ MiB", line)
    for folder, label in (("fr", "Sorties"), ("de", "Output")):
        assert page(foreign_gallery, f"{folder}/essai").select(".fact-output dt")[0].get_text() == label
    assert not page(foreign_gallery, "fr/index").select(".page-facts")


@built.parsed_once
@pytest.mark.usefixtures("site_root")
def test_provenance_of_this_projects_pages(repository: Path) -> None:
    listing = json.loads((repository / "build" / "source" / "zh" / "shown.json").read_text(encoding="utf-8"))
    assert len(listing) > 10
    for folder, facts in (
        ("zh", r"torch [\d.]+ · CPU · 用时.*秒 · 峰值内存\d+ MiB"),
        ("en", r"torch [\d.]+ · CPU · run time .* s · peak memory \d+ MiB"),
    ):
        for name, records in listing.items():
            lines = provenance(built.html(folder, name))
            assert re.fullmatch(facts, lines[0]), lines
            assert len(lines) == len(records)


def test_a_renderer_that_ends_in_peace_and_has_rendered_nothing_has_failed(tmp_path: Path) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / ".buildinfo").touch()
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        builds = [["-b", "html", str(tmp_path / name)] for name in ("fr", "de")]
        assert rendering.render(process, builds) == [True, False]


# -- what a build does again


def test_a_second_build_starts_no_process(gallery: Path) -> None:
    site = foreign.files(gallery / "build")
    code = (
        "import os, sys\n"
        "def guard(event, arguments):\n"
        "    if event in {'subprocess.Popen', 'os.fork', 'os.posix_spawn', 'os.exec'}: os._exit(99)\n"
        "sys.addaudithook(guard)\n"
        "from sitekit.__main__ import main\n"
        "sys.exit(main(['build']))"
    )
    done = foreign.run(gallery, "-c", code)
    assert (done.returncode, done.stdout) == (0, UNCHANGED)
    assert foreign.files(gallery / "build") == site


def test_edits_run_what_they_change(gallery: Path) -> None:
    foreign.edit(gallery, "gallery/bases/poids.py", "Voir aussi", "Voir d'abord")
    foreign.edit(gallery, "gallery/bases/courbe.py", "# alt: une", "# alt: la")
    foreign.edit(gallery, "gallery/bases/somme.py", 'print("total', '# On compte.\nprint("total')
    foreign.edit(gallery, "docs/essai.md", "Une page avec du code.", "Du code et sa sortie.")
    more = {
        "Voir d'abord :ref:`bases-somme`.": "Siehe zuerst :ref:`bases-somme`.",
        "la ligne qui monte": "die steigende Linie",
        "On compte.": "Wir zählen.",
        "Du code et sa sortie.": "Code und seine Ausgabe.",
    }
    foreign.translate(gallery, more)
    printed = foreign.build(gallery)
    assert NONE_RUN in printed
    assert "docs pages: 1 from record, 0 run, 0 failed" in printed
    assert "Siehe zuerst" in page(gallery, "de/bases/poids").get_text()
    assert page(gallery, "fr/bases/courbe").select("img.figure")[0]["alt"] == "la ligne qui monte"
    assert "Wir zählen." in page(gallery, "de/bases/somme").get_text()

    foreign.edit(gallery, "gallery/bases/courbe.py", "[1, 2, 3]", "[1, 3, 2]")
    assert ONE_RUN in foreign.build(gallery)

    foreign.edit(gallery, "src/ustensiles/__init__.py", "{grammes} g", "{grammes} grammes")
    assert ONE_RUN in foreign.build(gallery)
    assert outputs(page(gallery, "de/bases/poids")) == ["poids: 3 grammes"]


def test_an_edited_license_is_published(gallery: Path) -> None:
    foreign.edit(gallery, "docs/conf.py", "html_theme =", 'sitekit_bundle = "carnet.zip"\nhtml_theme =')
    foreign.edit(gallery, "docs/essai.md", "Une page avec du code.", "{download}`Tout <carnet.zip>`")
    foreign.translate(gallery, {"{download}`Tout <carnet.zip>`": "{download}`Alles <carnet.zip>`"})
    for terms in ("l'un", "l'autre"):
        (gallery / "LICENSE").write_text(terms, encoding="utf-8")
        foreign.build(gallery)
        (packed,) = (gallery / "build" / "html" / "fr").rglob("carnet.zip")
        with zipfile.ZipFile(packed) as archive:
            assert archive.read("carnet-fr/LICENSE").decode() == terms


def test_a_changed_record_changes_its_page(gallery: Path) -> None:
    store, record = foreign.recorded(gallery, "bases/poids")
    (cell,) = record.cells
    store.put(replace(record, cells=(replace(cell, output=(("stdout", "trois\n"),)),)), {})
    assert NONE_RUN in foreign.build(gallery)
    assert outputs(page(gallery, "fr/bases/poids")) == ["trois"]
    assert outputs(page(gallery, "de/bases/poids")) == ["trois"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_damaged_record_is_made_again(gallery: Path, damage: Callable[[Path], None]) -> None:
    (path,) = (gallery / ".cache" / "records" / "cpu" / "bases" / "courbe").glob("*.json")
    whole = damage is Path.unlink
    damage(next(path.parent.glob("*.webp")) if whole else path)
    printed = foreign.build(gallery)
    assert ONE_RUN in printed
    assert re.search(r"warning: .*courbe.*: unusable record, runs anew", printed)
    assert foreign.build(gallery) == UNCHANGED


def test_a_list_of_records_that_another_version_wrote_is_none(gallery: Path) -> None:
    project = Project.load(gallery)
    assert reuse.records_digest(project)
    path = gallery / "build" / "source" / "de" / "shown.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"device"', '"store"'), encoding="utf-8")
    assert reuse.records_digest(project) is None


def test_a_page_that_went_is_nowhere(gallery: Path) -> None:
    foreign.edit(gallery, "gallery/curriculum.toml", "[chapters.pages.courbe]\nminutes = 1\n", "")
    (gallery / "gallery" / "bases" / "courbe.py").unlink()
    (gallery / "docs" / "locale" / "de" / "LC_MESSAGES" / "bases" / "courbe.po").unlink()
    assert "examples: 2 from record, 0 run, 0 failed" in foreign.build(gallery)
    for folder in ("html", "source"):
        assert [name for name in foreign.files(gallery / "build" / folder) if "courbe" in name] == []
    for path in (gallery / "build" / "html").rglob("*.html"):
        assert "courbe" not in path.read_text(encoding="utf-8").lower(), path


# -- faults


def lines_of(path: Path, text: str) -> list[int]:
    """Return the numbers of the lines that are `text`."""
    return [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if line == text]


def test_a_failing_example_publishes_nothing(gallery: Path) -> None:
    site = foreign.files(gallery / "build" / "html")
    foreign.edit(gallery, "gallery/bases/poids.py", "print(peser(3))", 'print("avant")\n1 / 0')
    foreign.edit(gallery, "gallery/bases/courbe.py", "[1, 2, 3]", "[1, 3, 2]")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    (line,) = lines_of(gallery / "gallery/bases/poids.py", "1 / 0")
    assert done.stdout.count(f"FAILED bases/poids: cell 1, line {line}\n") == 1
    block = done.stdout[done.stdout.index("FAILED bases/poids: cell") :]
    assert block.startswith(
        f"FAILED bases/poids: cell 1, line {line}\n"
        f"  gallery/bases/poids.py:{line}\n"
        "  ZeroDivisionError: division by zero\n"
        "  its last output:\n"
        "    avant\n"
    )
    assert "examples: 1 from record, 1 run, 1 failed" in done.stdout
    assert "build failed: the examples; the site in build/html is as it was" in done.stdout
    assert "Traceback" not in done.stdout
    assert foreign.files(gallery / "build" / "html") == site


def test_a_figure_without_a_description_publishes_nothing(gallery: Path) -> None:
    """The words are the page's: no record has them, and nothing runs for them."""
    site = foreign.files(gallery / "build" / "html")
    foreign.edit(gallery, "gallery/bases/courbe.py", "# alt: une ligne qui monte\n", "")
    done = foreign.run(gallery, "-m", "sitekit", "build")
    assert done.returncode == 1
    assert NONE_RUN in done.stdout
    assert "gallery/bases/courbe.py:10: 0 of 1 figures described: write `# alt: …` above" in done.stdout
    assert foreign.files(gallery / "build" / "html") == site
    record = foreign.recorded(gallery, "bases/courbe")[1]
    assert "qui monte" not in repr(record)


def test_a_failing_sphinx_publishes_nothing(gallery: Path) -> None:
    site = foreign.files(gallery / "build" / "html")
    foreign.edit(gallery, "docs/essai.md", "(essai)=", "[](#nulle-part)\n\n(essai)=")
    for _ in range(2):  # a failure is no state to rest in
        done = foreign.run(gallery, "-m", "sitekit", "build")
        assert done.returncode == 1
        assert "nulle-part" in done.stdout
        assert "build failed: fr, de; the site in build/html is as it was" in done.stdout
        assert foreign.files(gallery / "build" / "html") == site
    foreign.edit(gallery, "docs/essai.md", "[](#nulle-part)", "[](#essai)")
    assert NONE_RUN in foreign.build(gallery)
    assert page(gallery, "fr/essai").select("a[href='#essai']")


def test_a_mistake_in_a_source_is_one_line(gallery: Path) -> None:
    foreign.edit(gallery, "gallery/bases/poids.py", "Le poids", "Les poids")
    for command in (["-m", "sitekit", "build"], ["-m", "sphinx", "-q", "-b", "html", "docs", "out"]):
        done = foreign.run(gallery, *command)
        assert done.returncode != 0
        assert "poids.py:4: no de translation of “Les poids”" in done.stdout
        assert "threw an exception" not in done.stdout


@pytest.mark.parametrize("moment", ["between the renames", "after the renames"])
def test_a_build_killed_beside_the_renames(gallery: Path, moment: str) -> None:
    before = foreign.files(gallery / "build" / "html")
    foreign.edit(gallery, "docs/languages.toml", "Carnet de recettes", "Grand carnet")
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "rename = Path.rename\n"
        "def dying(path, target):\n"
        f"    after = {moment.startswith('after')}\n"
        "    if path.name == 'html.new' and after: rename(path, target)\n"
        "    if path.name == 'html.new': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    rename(path, target)\n"
        "Path.rename = dying\n"
        "from sitekit.__main__ import main\n"
        "main(['build'])"
    )
    assert foreign.run(gallery, "-c", code).returncode == -signal.SIGKILL
    assert (gallery / "build" / "html.old").is_dir()
    assert (gallery / "build" / "html").is_dir() == moment.startswith("after")
    # What was rendered is made again: nobody knows any more of what.
    assert NONE_RUN in foreign.build(gallery)
    assert sorted(path.name for path in (gallery / "build").iterdir()) == [
        "html", "inputs.sha256", "reusable", "source",
    ]  # fmt: skip
    after = foreign.files(gallery / "build" / "html")
    assert {name for name in after if after[name] != before.get(name)} == {"index.html", "404.html"}
    assert foreign.build(gallery) == UNCHANGED


class Meeting:
    """A named pipe, at whose other end a program in the gallery says that it has come this far."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "meeting"
        os.mkfifo(self.path)
        self.handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def code(self, then: str) -> str:
        """The program's side."""
        arrive = f"with open({str(self.path)!r}, 'w') as pipe:\n    _ = pipe.write('x')"
        return f"import signal\n{arrive}\n{then}\n"

    def wait(self, arrivals: int = 1) -> None:
        """Our side."""
        while arrivals:
            assert select.select([self.handle], [], [], 120)[0], "it never came there"
            with contextlib.suppress(BlockingIOError):  # the next writer has opened, and not yet written
                arrivals -= len(os.read(self.handle, arrivals))


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Return a named pipe."""
    return Meeting(tmp_path)


@contextlib.contextmanager
def start(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a build; it doesn't outlive the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "sitekit", "build"],
        cwd=root, env=foreign.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("step", "number", "code"),
    [
        ("example", signal.SIGINT, 130),
        ("Sphinx", signal.SIGINT, 130),
        ("Sphinx", signal.SIGTERM, 130),
        ("Sphinx", signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_stopped_build_leaves_no_process(
    gallery: Path, meeting: Meeting, step: str, number: signal.Signals, code: int
) -> None:
    site = foreign.files(gallery / "build" / "html")
    name = "gallery/bases/poids.py" if step == "example" else "docs/conf.py"
    text = (gallery / name).read_text(encoding="utf-8")
    (gallery / name).write_text(f"{text}\n{meeting.code('signal.pause()')}", encoding="utf-8")
    with start(gallery) as process:
        meeting.wait(1 if step == "example" else 2)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in printed
    if code == 130:
        assert "stopped; what was recorded stays, the site in build/html is as it was\n" in printed
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert foreign.files(gallery / "build" / "html") == site
    (gallery / name).write_text(text, encoding="utf-8")
    assert foreign.build(gallery) == UNCHANGED  # and the lock is free


def test_the_second_of_two_builds_waits(gallery: Path, meeting: Meeting, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    path = gallery / "gallery" / "bases" / "poids.py"
    more = meeting.code(f"_ = open({str(go)!r}).read()")
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    with start(gallery) as first:
        meeting.wait()
        with start(gallery) as second:
            assert second.stdout is not None
            line = second.stdout.readline()
            assert line == "another build of this checkout is running; waiting for its end\n"
            with go.open("w"):
                pass
            printed, _ = first.communicate(timeout=120)
            assert (first.returncode, ONE_RUN in printed) == (0, True), printed
            assert second.communicate(timeout=120)[0] == UNCHANGED
            assert second.returncode == 0


# -- a look at some pages


def test_some_pages_are_built_alone(gallery: Path) -> None:
    site = foreign.files(gallery / "build" / "html")
    done = foreign.run(gallery, "-m", "sitekit", "build", "--only", "bases/somme", "essai")
    assert done.returncode == 0, done.stdout
    preview = gallery / "build" / "preview"
    for language in ("fr", "de"):
        for name in ("bases/somme", "essai"):
            path = f"build/preview/{language}/{name}.html"
            assert f"  {path}\n" in done.stdout
            before = read(gallery / "build" / "html" / language / f"{name}.html")
            assert outputs(read(gallery / path)) == outputs(before)
        made = {
            path.relative_to(preview / language).as_posix() for path in (preview / language).rglob("*.html")
        }
        assert made == {"bases/somme.html", "essai.html", "genindex.html"}
    assert foreign.files(gallery / "build" / "html") == site
    assert foreign.build(gallery) == UNCHANGED


def test_a_page_alone_names_what_it_links_to_and_waits_for_no_translation(gallery: Path) -> None:
    foreign.edit(gallery, "gallery/bases/poids.py", "Voir aussi :ref:", "Voir encore :ref:")
    done = foreign.run(gallery, "-m", "sitekit", "build", "--only", "bases/poids")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^warning: \S+: no de translation of “Voir encore", done.stdout, re.MULTILINE)
    for language, title in (("fr", "La somme"), ("de", "Die Summe")):
        text = read(gallery / "build" / "preview" / language / "bases" / "poids.html").get_text()
        assert f"Voir encore {title}." in " ".join(text.split())
    assert "no de translation" in foreign.run(gallery, "-m", "sitekit", "build").stdout


def test_an_unknown_page_alone(gallery: Path) -> None:
    done = foreign.run(gallery, "-m", "sitekit", "build", "--only", "bases/pois")
    assert done.returncode == 1
    assert done.stdout.startswith("gallery/curriculum.toml: no page 'bases/pois'; try bases/poids")


# -- Sphinx


GUARD = """
import os, sys

if "sitekit.site.renderer" in sys.orig_argv:
    refused = set()

    def log(what):
        with open(os.environ["GUARD_LOG"], "a", encoding="utf-8") as file:
            file.write(what + "\\n")

    def guard(event, arguments):
        if event == "import":
            bad = arguments[0].split(".")[0] in {"torch", "torchvision", "torchnotes"}
        elif event == "exec":
            name = getattr(arguments[0], "co_filename", "")
            bad = os.sep + os.path.join("build", "source") + os.sep in name or "ipykernel" in name
        else:
            bad = event in refused
        if bad:
            log(f"{event} {arguments[:2]}")
            raise RuntimeError(f"a Sphinx process did this: {event}")

    def sphinx():
        refused.update({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "os.system"})
        log("started")

    os.register_at_fork(after_in_child=sphinx)
    sys.addaudithook(guard)
"""


@pytest.mark.parametrize("whose", ["another's", pytest.param("this project's", marks=pytest.mark.thorough)])
def test_sphinx_imports_no_torch_and_runs_no_code(
    foreign_gallery: Path, site_root: Path, repository: Path, tmp_path: Path, whose: str
) -> None:
    root = tmp_path / "project"
    source = foreign_gallery if whose == "another's" else repository
    for name in ("docs", "gallery", "src", ".cache/records"):
        shutil.copytree(source / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    log = tmp_path / "log"
    engine = (repository if whose == "another's" else root) / "docs"
    path = os.pathsep.join([str(tmp_path / "guard"), str(engine)])
    printed = foreign.build(root, PYTHONPATH=path, GUARD_LOG=str(log))
    assert re.search(r"^docs pages: \d+ from record, 0 run, 0 failed$", printed, re.MULTILINE), printed
    assert re.search(r"^examples: \d+ from record, 0 run, 0 failed$", printed, re.MULTILINE), printed
    assert log.read_text(encoding="utf-8") == "started\n" * 2


def test_code_without_a_record_is_not_run(gallery: Path) -> None:
    tree = gallery / "build" / "source" / "fr"
    listing = json.loads((tree / "shown.json").read_text(encoding="utf-8"))
    del listing["essai"]
    (tree / "shown.json").write_text(json.dumps(listing), encoding="utf-8")
    done = foreign.run(gallery, "-m", "sphinx", "-q", "-b", "html", "-c", "docs", str(tree), "out")
    assert done.returncode != 0
    assert "has code whose outputs were not recorded; build again" in done.stdout


def test_plain_sphinx_build(gallery: Path) -> None:
    command = ["-m", "sphinx", "-q", "-W", "-b", "html", "docs", "out"]
    done = foreign.run(gallery, *command)
    assert (done.returncode, NONE_RUN in done.stdout) == (0, True), done.stdout
    assert "warning" not in done.stdout.lower()
    html = gallery / "build" / "html" / "fr"
    for path in html.rglob("*.html"):
        ours, theirs = read(path), read(gallery / "out" / path.relative_to(html))
        assert theirs.find("article") == ours.find("article")
    # The other language is not there to be linked to.
    assert "../de/" in (html / "essai.html").read_text(encoding="utf-8")
    assert "../de/" not in (gallery / "out" / "essai.html").read_text(encoding="utf-8")

    foreign.edit(gallery, "src/ustensiles/__init__.py", "{grammes} g", "{grammes} grammes")
    done = foreign.run(gallery, *command)
    assert (done.returncode, ONE_RUN in done.stdout) == (0, True), done.stdout
    assert "poids: 3 grammes" in (gallery / "out" / "bases" / "poids.html").read_text(encoding="utf-8")

    foreign.edit(gallery, "gallery/bases/poids.py", "print(peser(3))", "1 / 0")
    done = foreign.run(gallery, *command)
    assert done.returncode != 0
    (line,) = lines_of(gallery / "gallery/bases/poids.py", "1 / 0")
    assert f"  gallery/bases/poids.py:{line}\n  ZeroDivisionError: division by zero\n" in done.stdout
    assert "an example failed; its block stands above" in done.stdout


# -- devices


def panels(article: Tag) -> list[list[str]]:
    """The lines of each panel of each group of device outputs."""
    return [
        [text for text in panel.get_text("\n").split("\n") if text]
        for group in article.select(".device-outputs")
        for panel in group.select(".device-output")
    ]


def states(root: Path) -> dict[str, list[str]]:
    """The table of records."""
    lines = foreign.run(root, "-m", "sitekit", "records").stdout.splitlines()
    return {name: rest for name, *rest in map(str.split, lines)}


def test_outputs_that_differ_stand_side_by_side(foreign_gallery: Path) -> None:
    for language in ("fr", "de"):
        article = page(foreign_gallery, f"{language}/bases/somme")
        assert panels(article) == [
            ["CPU", "machine: cpu", "reste: 3"],
            ["CUDA · Karte *8000_X*", "machine: cuda", "reste: 3"],
        ]
        assert article.get_text().count("total: 5") == 1
        version = sys.version.split()[0]
        cpu, cuda = provenance(article)
        took = r"run time .* s · peak memory \d+ MiB"
        assert re.fullmatch(re.escape(f"Python {version} · CPU · ") + took, cpu)
        assert re.fullmatch(
            re.escape("Python 3.9.7 · CUDA · Karte *8000_X* · ") + took + " · 12 MiB on the device", cuda
        )
    for name, scripts in (("somme", 1), ("poids", 0)):
        soup = read(foreign_gallery / "build" / "html" / "fr" / "bases" / f"{name}.html")
        assert len(soup.select("script[src*=devices]")) == scripts
    assert states(foreign_gallery) == {
        "page": ["cpu", "cuda"],
        "bases/somme": ["current", "current"],
        "bases/poids": ["current", "-"],
        "bases/courbe": ["current", "-"],
    }


def test_a_record_of_earlier_code_says_so(gallery: Path) -> None:
    note = "recorded from an earlier version of this code, 2026-02-03"
    foreign.edit(gallery, "gallery/bases/somme.py", "2 + 3", "2 + 4")
    assert states(gallery)["bases/somme"] == ["stale", "stale"]
    assert ONE_RUN in foreign.build(gallery)
    assert states(gallery)["bases/somme"] == ["current", "stale"]
    article = page(gallery, "de/bases/somme")
    card = "CUDA · Karte *8000_X*"
    assert panels(article) == [
        ["CPU", "total: 6"],
        [card, note, "total: 5"],
        ["CPU", "machine: cpu", "reste: 3"],
        [card, note, "machine: cuda", "reste: 3"],
    ]
    cpu, cuda = provenance(article)
    assert note not in cpu
    assert cuda.startswith(f"Python 3.9.7 · {card}")
    assert cuda.endswith(f" · {note}")

    # A cell more: what can be compared is found by its code.
    more = "# %%\n# Deux nombres.\n\nx = 1\n\n"
    foreign.edit(gallery, "gallery/bases/somme.py", "# %%\n# Le reste", f"{more}# %%\n# Le reste")
    foreign.edit(gallery, "docs/languages.toml", "Carnet de recettes", "Carnet")
    assert ONE_RUN in foreign.build(gallery)
    assert panels(page(gallery, "fr/bases/somme")) == [
        ["CPU", "machine: cpu", "reste: 3"],
        [card, note, "machine: cuda", "reste: 3"],
    ]
    shutil.rmtree(gallery / "docs" / "records")
    assert states(gallery)["bases/somme"] == ["current", "none"]


# -- the same bytes


def test_builds_are_the_same_byte_by_byte(gallery: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(gallery, tmp_path / "elsewhere" / "gallery"))
    # The second build starts the languages the other way round.
    backwards = (
        "from sitekit.__main__ import main\n"
        "from sitekit.publish import rendering\n"
        "render = rendering.render\n"
        "rendering.render = lambda process, builds: render(process, builds[::-1])[::-1]\n"
        "raise SystemExit(main(['build']))"
    )
    for root, seed, code in (
        (gallery, "1", "from sitekit.__main__ import main; raise SystemExit(main(['build']))"),
        (other, "2", backwards),
    ):
        shutil.rmtree(root / "build")
        done = foreign.run(root, "-c", code, SOURCE_DATE_EPOCH="1700000000", PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stdout
    one, two = (foreign.files(root / "build" / "html") for root in (gallery, other))
    assert one == two
    assert {Path(name).suffix for name in one} >= {".html", ".zip", ".ipynb", ".py", ".webp", ".inv"}
    version = sys.version.split()[0]
    assert provenance(page(gallery, "fr/bases/poids")) == [f"Python {version} · CPU"]
