"""The parts of an example's page on the page: predictions that can be answered there, and cells that are folded.

A reader's choice is a radio button, and the answer repeats it: the style sheet shows the line that belongs to the
button, so this needs no script; ``answers.js`` only remembers the choice. A cell whose first line is ``# hide-input: title`` has
its code folded under that title, with ``# hide-cell: title`` its output, too; below “change it” it stands in that box. An “outcome” behind it is folded with it.
"""

from collections.abc import Iterator
from html import escape
from typing import Any, TypeGuard

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from ..markup import parts
from ..markup.python_source import FOLD
from .html_nodes import SKIPPED, element

logger = logging.getLogger(__name__)
OUTPUT = {"sphx-glr-script-out", "device-outputs", "figure"}
"""Classes of what `replay` writes below a cell's code; what is HTML is raw."""


class fold(nodes.General, nodes.Element):
    """Code that is folded under its `title`, and for the `part` ``hide-cell`` its output, too."""


class Parts(SphinxTransform):
    """Pairs predictions with their answers, and folds cells."""

    default_priority = 210  # before smart quotes and substitutions look at the text

    def apply(self, **kwargs: Any) -> None:
        """Change the page's document."""
        for line, message in parts.pair(self.document):
            logger.warning(message, location=(self.env.docname, line), type="sitekit", subtype="parts")
        for part in self.document.findall(nodes.admonition):
            if "answer" in part["classes"] and "number" in part:
                part.insert(1, _chosen(self.document, part["number"]))
        for code in list(self.document.findall(nodes.literal_block)):
            if found := FOLD.match(code.astext().lstrip()):
                _fold(code, found["part"], found["title"])


def _chosen(document: nodes.document, number: int) -> nodes.Element:
    """A line for each option of a prediction; the one that was chosen is shown."""
    (options,) = (found for found in document.findall(parts.choices) if found["number"] == number)
    letters = (option["letter"] for option in options.options)
    lines = (
        element("span", _("Your choice: %s") % letter, class_=f"chose-{number}-{letter}")
        for letter in letters
    )
    return element("p", *lines, class_="chosen")


def _output(code: nodes.Element) -> Iterator[nodes.Node]:
    """What stands below `code` up to the next cell, and is its output."""
    for node in code.parent.children[code.parent.index(code) + 1 :]:
        classes = set(node["classes"]) if isinstance(node, nodes.Element) else set()
        if isinstance(node, nodes.raw) or classes & OUTPUT:
            yield node
        elif not isinstance(node, nodes.comment):
            return


def _fold(code: nodes.literal_block, part: str, title: str) -> None:
    """Put a cell under its title, and below “change it” into that box."""
    text = FOLD.sub("", code.astext().lstrip(), count=1)
    code.rawsource, code[:] = text, [nodes.Text(text)]
    parent, made = code.parent, fold("", part=part, title=title)
    inside = [code, *(_output(code) if part == "hide-cell" else ())]
    parent.insert(parent.index(code), made)
    for node in inside:
        parent.remove(node)
        made += node
    below = next(
        (node for node in parent[parent.index(made) + 1 :] if not isinstance(node, nodes.comment)), None
    )
    if _is_part(below, "outcome"):
        parent.remove(below)
        made += below
    above = next(
        (node for node in reversed(parent[: parent.index(made)]) if not isinstance(node, nodes.comment)), None
    )
    if _is_part(above, "change-it"):
        parent.remove(made)
        above += made


def _is_part(node: nodes.Node | None, name: str) -> TypeGuard[nodes.admonition]:
    return isinstance(node, nodes.admonition) and name in node["classes"]


class Options(SphinxPostTransform):
    """Takes options out of their paragraphs: a button's label can't hold one."""

    default_priority = 1

    def run(self, **kwargs: Any) -> None:
        """Lift the text of each."""
        for item in self.document.findall(parts.choice):
            item[:] = [nodes.inline("", "", *item.text)]


# -- HTML


def _visit_choices(translator: Any, node: parts.choices) -> None:
    label = escape(str(_(parts.LABELS["predict"])))
    translator.body.append(f'<div class="choices" role="radiogroup" aria-label="{label}">\n')


def _depart_choices(translator: Any, node: parts.choices) -> None:
    translator.body.append("</div>\n")


def _visit_choice(translator: Any, node: parts.choice) -> None:
    name, letter = f"predict-{node.parent['number']}", node["letter"]
    button = f'<input type="radio" name="{name}" id="{name}-{letter}" value="{letter}">'
    translator.body.append(f"<label>{button} <b>{letter}</b> ")


def _depart_choice(translator: Any, node: parts.choice) -> None:
    translator.body.append("</label>\n")


def _visit_fold(translator: Any, node: fold) -> None:
    summary = f"<summary>{escape(node['title'])}</summary>"
    translator.body.append(f'<details class="admonition hide fold {node["part"]}">{summary}\n')


def _depart_fold(translator: Any, node: fold) -> None:
    translator.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    for name, directive in parts.directives({label: _(label) for label in parts.LABELS.values()}).items():
        app.add_directive(name, directive)
    app.add_node(parts.choices, html=(_visit_choices, _depart_choices), **SKIPPED)
    app.add_node(parts.choice, html=(_visit_choice, _depart_choice), **SKIPPED)
    app.add_node(fold, html=(_visit_fold, _depart_fold), **SKIPPED)
    app.add_transform(Parts)
    app.add_post_transform(Options)
