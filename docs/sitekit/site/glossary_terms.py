"""Links to glossary terms get a title, the other lines of the term's entry: the term in the other language."""

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from .sections import forms

SEPARATOR = " / "
OTHERS = "other lines of terms"
"""Under this name a page's metadata in the environment has, by a term's id, the other lines of its entry."""


def _collect(app: Sphinx, doctree: nodes.document) -> None:
    others: dict[str, str] = {}
    for glossary in doctree.findall(addnodes.glossary):
        for lines in map(forms, glossary.findall(nodes.definition_list_item)):
            for ids, text in lines:
                rest = SEPARATOR.join(other for _ids, other in lines if other != text)
                others |= {name: rest for name in ids if rest}
    if others:
        app.env.metadata[app.env.docname][OTHERS] = others


class TermTitles(SphinxPostTransform):
    """Gives links to terms a title, which browsers show on hover and screen readers read."""

    default_priority = 20  # after references were resolved, at 10

    def run(self, **kwargs: Any) -> None:
        """Find the links by the class that the role left on their text."""
        known: dict[str, str] = {}
        for page in self.env.metadata.values():
            known |= page.get(OTHERS, {})
        for reference in self.document.findall(nodes.reference):
            inner = reference.next_node(nodes.inline)
            name = reference.get("refid") or reference.get("refuri", "").rpartition("#")[2]
            if inner is not None and "std-term" in inner["classes"] and name in known:
                reference["reftitle"] = known[name]


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("doctree-read", _collect)
    app.add_post_transform(TermTitles)
