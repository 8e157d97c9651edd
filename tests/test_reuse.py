"""Pages rendered again after an edit, and the others left as they are: never another site than a clean build's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import foreign

DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
PROSE = ("gallery/bases/poids.py", "Voir aussi :ref:`bases-somme`.", "Voir encore :ref:`bases-somme`.")
# What is edited: file, old and new text, German.
Edit = tuple[str, str, str, str | dict[str, str]]
OF_ONE_PAGE: dict[str, Edit] = {
    "prose": (*PROSE, "Siehe weiter :ref:`bases-somme`."),
    "prose with markup": (
        "gallery/bases/somme.py",
        "# Le total est le même partout.\n",
        "# Le total, *toujours* ``5``, est le même partout (:ref:`bases-poids`, `ici <https://example.org>`_).\n",
        "Die Summe, *immer* ``5``, ist überall gleich (:ref:`bases-poids`, `hier <https://example.org>`_).",
    ),
    "a paragraph more": (
        "gallery/bases/somme.py",
        "# Le total est le même partout.\n",
        "# Le total est le même partout.\n#\n# - une liste\n#\n# .. note::\n#\n#    Un avis.\n",
        {"une liste": "eine Liste", "Un avis.": "Ein Hinweis."},
    ),
    "alt text": (
        "gallery/bases/courbe.py",
        "une ligne qui monte",
        "la ligne qui monte",
        "die steigende Linie",
    ),
    "comment": (
        "gallery/bases/somme.py",
        'print("total',
        '# On compte.\nprint("total',
        {"On compte.": "Wir zählen."},
    ),
    "page of docs": (
        "docs/essai.md",
        "Une page avec du code.",
        "Du code et *sa* sortie.",
        "Code und *seine* Ausgabe.",
    ),
    "the first sentence, which its card repeats": (
        "gallery/bases/courbe.py",
        "Une ligne qui monte.",
        "Une droite qui monte. Et après ?",
        "Eine Gerade, die steigt. Und dann?",
    ),
    "chapter": (
        "gallery/bases/GALLERY_HEADER.rst",
        "Trois recettes.",
        "Trois recettes faciles.",
        "Drei leichte Rezepte.",
    ),
}
OF_MORE: dict[str, Edit] = {
    "title": (
        "gallery/bases/poids.py",
        "Le poids\n========",
        "Les poids\n=========",
        {"Les poids": "Die Gewichte"},
    ),
    "heading": (
        "gallery/bases/somme.py",
        "# Le total est",
        "# .. _bases-total:\n#\n# Le total\n# --------\n# Le total est",
        {"Le total": "Das Ganze"},
    ),
    "formula": (
        "gallery/bases/somme.py",
        "# Le total est le même partout.\n",
        "# Le total :math:`\\Omega` est le même partout.\n",
        {
            "Le total :math:`\\\\Omega` est le même partout.": "Die Summe :math:`\\\\Omega` ist überall gleich."
        },
    ),
    "glossary": (
        "docs/essai.md",
        "Une page avec du code.",
        "Une page avec du code.\n\n```{glossary}\npoids / Gewicht\n  Une masse.\n```",
        {"poids / Gewicht": "Gewicht / poids", "Une masse.": "Eine Masse."},
    ),
    "setting": ("docs/conf.py", 'project = "Carnet"', 'project = "Grand carnet"', {}),
    "code": ("gallery/bases/somme.py", 'print("total:", 2 + 3)', 'print("total:", 2 + 4)', {}),
}

pytestmark = pytest.mark.xdist_group("amend")  # one worker builds the gallery once


@pytest.fixture(scope="module")
def built_gallery(foreign_gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return where a gallery was built, with a date that doesn't change, and a copy of what stood there then."""
    folder = tmp_path_factory.mktemp("built")
    root = Path(shutil.copytree(foreign_gallery, folder / "gallery"))
    foreign.build(root, **DATED)
    return root, Path(shutil.copytree(root, folder / "copy"))


@pytest.fixture
def gallery(built_gallery: tuple[Path, Path]) -> Path:
    """Return the gallery as it was built, in the same place: Sphinx's own notes name it."""
    root, as_built = built_gallery
    shutil.rmtree(root)
    return Path(shutil.copytree(as_built, root))


@pytest.fixture(scope="module")
def clean_after_prose(
    built_gallery: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the site that a clean build makes after the edit of prose."""
    folder = tmp_path_factory.mktemp("prose")
    root = Path(shutil.copytree(built_gallery[1], folder / "gallery"))
    edit(root, *OF_ONE_PAGE["prose"])
    return clean_site(root, folder / "clean")


def edit(root: Path, name: str, old: str, new: str, german: str | dict[str, str] = "") -> None:
    """Replace a text, and translate it."""
    foreign.edit(root, name, old, new)
    more = german if isinstance(german, dict) else {new.removeprefix("# ").strip(): german}
    foreign.translate(root, more)


def written(root: Path) -> dict[str, int]:
    """When each page was written."""
    html = root / "build" / "html"
    return {path.relative_to(html).as_posix(): path.stat().st_mtime_ns for path in html.rglob("*/**/*.html")}


def clean_site(root: Path, at: Path) -> dict[str, str]:
    """The site as a clean build makes it from the same files and records."""
    shutil.copytree(root, at, ignore=shutil.ignore_patterns("build"))
    foreign.build(at, **DATED)
    return foreign.files(at / "build" / "html")


@pytest.mark.thorough
@pytest.mark.parametrize("what", [*OF_ONE_PAGE, *OF_MORE])
def test_an_edited_site_is_a_clean_one(gallery: Path, tmp_path: Path, what: str) -> None:
    before = written(gallery)
    edit(gallery, *(OF_ONE_PAGE | OF_MORE)[what])
    foreign.build(gallery, **DATED)
    assert foreign.files(gallery / "build" / "html") == clean_site(gallery, tmp_path / "clean")
    after = written(gallery)
    if what in OF_ONE_PAGE:
        assert 2 <= sum(before[name] != after[name] for name in after) < len(after)
    else:
        assert all(before.get(name) != after[name] for name in after)


@pytest.mark.parametrize("what", ["title", "glossary", "code"])  # `nox -s thorough` sees the others, too
def test_what_shows_on_other_pages_too_renders_them_all(gallery: Path, what: str) -> None:
    before = written(gallery)
    edit(gallery, *OF_MORE[what])
    foreign.build(gallery, **DATED)
    assert all(before.get(name) != when for name, when in written(gallery).items())


def test_edit_after_edit(gallery: Path, tmp_path: Path) -> None:
    """What one edit leaves is what the next starts from."""
    german: dict[str, str] = {}
    for what, (name, old, new, words) in OF_ONE_PAGE.items():
        if what == "prose with markup":
            continue  # another edit here starts from the same sentence
        german |= words if isinstance(words, dict) else {new: words}
        before = written(gallery)
        edit(gallery, name, old, new, german)
        foreign.build(gallery, **DATED)
        after = written(gallery)
        assert any(before[page] == after[page] for page in after), what
    assert foreign.files(gallery / "build" / "html") == clean_site(gallery, tmp_path / "clean")


def _without_environment(root: Path) -> None:
    (root / "build" / "reusable" / "de" / "doctrees" / "environment.pickle").write_bytes(b"\x80")


def _half_a_note(root: Path) -> None:
    path = root / "build" / "reusable" / "state.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")


def _strange_note(root: Path) -> None:
    (root / "build" / "reusable" / "state.json").write_text(
        json.dumps({"made": "by another version"}), encoding="utf-8"
    )


def _other_page(root: Path) -> None:
    path = root / "build" / "html" / "de" / "bases" / "somme.html"
    path.write_text("by hand", encoding="utf-8")


def _other_doctree(root: Path) -> None:
    (root / "build" / "reusable" / "fr" / "doctrees" / "bases" / "poids.doctree").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _without_environment,
        _half_a_note,
        _other_page,
        pytest.param(_strange_note, marks=pytest.mark.thorough),
        pytest.param(_other_doctree, marks=pytest.mark.thorough),
    ],
)
def test_what_was_left_and_damaged_is_made_anew(
    gallery: Path, clean_after_prose: dict[str, str], damage: Callable[[Path], None]
) -> None:
    damage(gallery)
    edit(gallery, *OF_ONE_PAGE["prose"])
    foreign.build(gallery, **DATED)
    assert foreign.files(gallery / "build" / "html") == clean_after_prose


def test_a_look_at_a_page_in_between(gallery: Path, clean_after_prose: dict[str, str]) -> None:
    """What else writes the trees leaves nothing that a later build would take for its own."""
    edit(gallery, *OF_ONE_PAGE["prose"])
    for command in (
        ["-m", "sitekit", "build", "--only", "essai"],
        ["-m", "sphinx", "-q", "-b", "html", "docs", "out"],
    ):
        done = foreign.run(gallery, *command, **DATED)
        assert done.returncode == 0, done.stdout
    shutil.rmtree(gallery / "out")
    foreign.build(gallery, **DATED)
    assert foreign.files(gallery / "build" / "html") == clean_after_prose


def test_a_mistake_is_told_once(gallery: Path) -> None:
    edit(gallery, PROSE[0], PROSE[1], "Voir :ref:`nulle-part`.", "Siehe :ref:`nulle-part`.")
    done = foreign.run(gallery, "-m", "sitekit", "build", **DATED)
    assert done.returncode == 1
    assert done.stdout.count("has no known title in") == 2, done.stdout  # in each language
    assert "Traceback" not in done.stdout
