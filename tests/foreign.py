"""A gallery that is not this project's: other names, French sources, German pages, no PyTorch.

It has `sitekit` in common with TorchNotes, and the templates, styles and scripts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from sitekit.execute import examples
from sitekit.execute.record import Cell, Record, Store
from sitekit.project.layout import Project
from sitekit.translate import catalogue, sources

ROOT = Path(__file__).resolve().parent.parent

FILES = {
    "docs/conf.py": """\
from pathlib import Path

project = "Carnet"
language = "fr"
html_baseurl = "https://carnet.example/livre/"
extensions = ["sphinx_gallery.gen_gallery", "myst_nb", "sitekit"]
exclude_patterns = ["gallery", "**.ipynb", "**sg_execution_times.rst"]
templates_path = ["_templates"]
locale_dirs = [str(Path(__file__).parent / "locale-ui")]
nitpicky = True
highlight_language = "none"
myst_enable_extensions = ["colon_fence"]
myst_update_mathjax = False
nb_render_markdown_format = "myst"
sphinx_gallery_conf = {
    "filename_pattern": ".",
    "image_scrapers": ("sitekit.execute.figures.scrape",),
    "within_subsection_order": "sitekit.site.languages.CurriculumOrder",
    "capture_repr": (),
    "inspect_global_variables": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "nested_sections": False,
}
sitekit_helper_packages = ["src/ustensiles"]
html_math_renderer = "mathml"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["language.js"]
html_copy_source = False
html_show_sourcelink = False
""",
    "docs/languages.toml": """\
title = "Carnet de recettes"
letters = '[A-Za-zÀ-ÿ]'
anchors = "de"

[[languages]]
folder = "fr"
tag = "fr"
sphinx = "fr"
name = "Français"

[[languages]]
folder = "de"
tag = "de"
sphinx = "de"
name = "Deutsch"
""",
    "docs/locale-ui/fr/LC_MESSAGES/sphinx.po": """\
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Output"
msgstr "Sorties"

msgid "Device"
msgstr "Appareil"
""",
    "docs/index.md": """\
(carnet)=

# Carnet

Tout est mesuré.

```{learning-map}
```

```{toctree}
:hidden:

bases/index
essai
```
""",
    "docs/essai.md": """\
---
file_format: mystnb
kernelspec:
  name: python3
---

(essai)=

# Essai

Une page avec du code.

```{code-cell} python
print("essai:", 6 * 7)
```

```{code-cell} python
import sys

print("\\n  un")
print("deux", file=sys.stderr)
print("  trois")
```
""",
    "gallery/curriculum.toml": """\
[[chapters]]
name = "bases"

[chapters.pages.somme]
minutes = 1
devices = ["cpu", "cuda"]

[chapters.pages.poids]
minutes = 1

[chapters.pages.courbe]
minutes = 1
""",
    "gallery/bases/GALLERY_HEADER.rst": """\
.. _bases:

Les bases
=========

Trois recettes.
""",
    "gallery/bases/somme.py": '''\
"""
.. _bases-somme:

La somme
========

Deux nombres.
"""

# %%
# Le total est le même partout.

print("total:", 2 + 3)

# %%
# Le reste dépend de la machine.

print("machine:", "cpu")
print("reste:", 7 % 4)
''',
    "gallery/bases/poids.py": '''\
"""
.. _bases-poids:

Le poids
========

Voir aussi :ref:`bases-somme`.

Un mot sur :func:`print` et :py:class:`int`::

    peser(*une* chose)

Puis __ceci__, à $5 ou $6.

    Une citation.

    -- Une inconnue

.. code-block:: python
   :caption: Un exemple

   peser(1)
"""

from ustensiles import peser

print(peser(3))
''',
    "gallery/bases/courbe.py": '''\
"""
.. _bases-courbe:

La courbe
=========

Une ligne qui monte.
"""

import matplotlib.pyplot as plt

plt.plot([1, 2, 3])
# alt: une ligne qui monte
plt.show()
print("\\n\\n    droite\\n  gauche")

# %%
# Un tableau.

# sphinx_gallery_capture_repr_block = ("_repr_html_",)
class Tableau:
    def _repr_html_(self):
        return "<table class='essai'><tr><td>\\n\\n  7</td></tr></table>"


Tableau()
''',
    "src/ustensiles/__init__.py": '''\
def peser(grammes):
    """Donne le poids en toutes lettres."""
    return f"poids: {grammes} g"
''',
}

GERMAN = {
    "Carnet": "Heft",
    "Tout est mesuré.": "Alles ist gemessen.",
    "Essai": "Versuch",
    "Une page avec du code.": "Eine Seite mit Code.",
    "Les bases": "Die Grundlagen",
    "Trois recettes.": "Drei Rezepte.",
    "La somme": "Die Summe",
    "Deux nombres.": "Zwei Zahlen.",
    "Le total est le même partout.": "Die Summe ist überall gleich.",
    "Le reste dépend de la machine.": "Der Rest hängt vom Rechner ab.",
    "Le poids": "Das Gewicht",
    "Voir aussi :ref:`bases-somme`.": "Siehe auch :ref:`bases-somme`.",
    "Un mot sur :func:`print` et :py:class:`int`:": "Ein Wort zu :func:`print` und :py:class:`int`:",
    "Puis __ceci__, à $5 ou $6.": "Dann __dies__, für $5 oder $6.",
    "Une citation.": "Ein Zitat.",
    "Une inconnue": "Eine Unbekannte",
    "Un exemple": "Ein Beispiel",
    "La courbe": "Die Kurve",
    "Un tableau.": "Eine Tabelle.",
    "Une ligne qui monte.": "Eine steigende Linie.",
    "une ligne qui monte": "eine steigende Linie",
}


def write(root: Path) -> None:
    """Write the gallery's files, its look taken from this repository."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "docs" / name, root / "docs" / name)
    translate(root)


def translate(root: Path, more: dict[str, str] | None = None) -> None:
    """Write the German catalogues of the sources as they are, from `GERMAN` and `more`."""
    project = Project.load(root)
    (german,) = project.languages[1:]
    for source in sources.sources(project):
        path = project.catalogue_path(german, source.docname)
        path.unlink(missing_ok=True)  # or what changed would be fuzzy
        catalogue.update(project, source, german)
        text = path.read_text(encoding="utf-8")
        for french, translation in (GERMAN | (more or {})).items():
            entry = f'msgid "{french}"\nmsgstr "'
            text = text.replace(f'{entry}"\n', f'{entry}{translation}"\n')
        path.write_text(text, encoding="utf-8")


def environment(**values: str) -> dict[str, str]:
    """Environment variables with which a command finds `sitekit`, and nothing of this machine's settings."""
    kept = dict(os.environ)
    for name in ("SOURCE_DATE_EPOCH", "PYTHONHASHSEED"):
        kept.pop(name, None)
    return kept | {"PYTHONPATH": str(ROOT / "docs"), "PYTHONUTF8": "1"} | values


def run(root: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the gallery's folder, with `values` as environment variables."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment(**values),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def build(root: Path, **values: str) -> str:
    """Build the site, which must succeed; what was printed."""
    done = run(root, "-m", "sitekit", "build", **values)
    assert done.returncode == 0, done.stdout
    return done.stdout


def edit(root: Path, name: str, old: str, new: str) -> None:
    """Replace a text that stands once in a file."""
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def recorded(root: Path, page: str) -> tuple[Store, Record]:
    """The page's newest record of the CPU."""
    store = examples.store_for(Project.load(root))
    record = store.latest(page)
    assert record is not None
    return store, record


def record_on_a_card(root: Path) -> None:
    """Give ``bases/somme`` a committed record of a device that doesn't exist; its second output differs."""
    _, cpu = recorded(root, "bases/somme")
    first, second = cpu.cells
    text = second.text.replace("cpu", "cuda")
    cuda = replace(
        cpu,
        device="cuda",
        device_name="Karte *8000_X*",
        device_peak_mib=12.0,
        cells=(first, Cell((("stdout", text),))),
        date="2026-02-03T04:05:06+00:00",
        versions={**cpu.versions, "python": "3.9.7"},
    )
    examples.store_for(Project.load(root), "cuda").put(cuda, {})


def make(root: Path) -> None:
    """Write and build the gallery, with records of a CPU and of a made-up card."""
    write(root)
    done = run(root, "-m", "sitekit", "record")
    assert done.returncode == 0, done.stdout
    record_on_a_card(root)
    build(root)


def files(folder: Path) -> dict[str, str]:
    """The digest of each file below a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
