"""Saves the figures of an example, with the text that describes each to who can't see it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

__all__ = ["alt_texts", "scrape"]

logger = logging.getLogger(__name__)

ALT = re.compile(r"^[ \t]*# alt: (?P<first>.*)$(?P<rest>(?:\n[ \t]*# .*$)*)", re.MULTILINE)


def alt_texts(code: str) -> list[str]:
    """The texts of the ``# alt:`` comments of a code cell, in order, each on one line."""
    from .segments import join_lines

    return [
        join_lines([match["first"], *(line.strip()[1:] for line in match["rest"].splitlines())])
        for match in ALT.finditer(code)
    ]


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the open figures of a code cell as PNG at twice the screen's density (for Sphinx-Gallery)."""
    import matplotlib.pyplot as plt

    numbers = plt.get_fignums()
    described = alt_texts(block.content)
    rst = []
    for index, number in enumerate(numbers):
        path = Path(next(block_vars["image_path_iterator"]))
        figure = plt.figure(number)
        figure.savefig(path, dpi=200, metadata={"Software": None})
        width = round(figure.get_figwidth() * 100)
        alt = described[index] if index < len(described) else ""
        place = path.relative_to(gallery_conf["src_dir"]).as_posix()
        rst.append(f".. image:: /{place}\n   :alt: {alt}\n   :width: {width}px\n   :class: figure\n\n")
    plt.close("all")
    return "".join(rst)


def _describe(app: Sphinx, doctree: nodes.document) -> None:
    """Give the figures of notebook pages their text, as `scrape` does for examples."""
    from docutils import nodes

    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            code = "".join(block.astext() for block in cell.children[0].findall(nodes.literal_block))
            images, described = list(cell.findall(nodes.image)), alt_texts(code)
            if len(images) != len(described):
                logger.warning(
                    "%d figures, but %d `# alt:` comments", len(images), len(described),
                    location=cell, type="sitekit", subtype="figures",
                )  # fmt: skip
            for image, alt in zip(images, described, strict=False):
                image["alt"] = alt
                image["classes"].append("figure")


def _hide_alt_comments(app: Sphinx, doctree: nodes.document) -> None:
    """Leave ``# alt:`` comments out of the code a page shows: the figure below has the text already."""
    from docutils import nodes

    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if ALT.search(text):
            block.children = [nodes.Text(re.sub(ALT.pattern + r"\n", "", text, flags=re.MULTILINE))]
            block.rawsource = block.astext()


def _draw_in_notebooks(app: Sphinx) -> None:
    """Have the kernels of notebook pages use our backend; examples run in this process, with their own."""
    os.environ["MPLBACKEND"] = "module://sitekit.notebook_backend"
    home = str(Path(__file__).parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("builder-inited", _draw_in_notebooks)
    app.connect("doctree-read", _describe, priority=400)  # before the comments are gone
    app.connect("doctree-read", _hide_alt_comments)
