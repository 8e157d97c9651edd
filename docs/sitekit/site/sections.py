"""Takes a page's document apart into the sections that a search result can lead to."""

from dataclasses import dataclass, field

from docutils import nodes
from sphinx import addnodes

from ..markup.plain_text import formula
from .parts import fold
from .search_text import tidy

JOINED = " · "  # between the forms of a term in its heading
# Whatever has one of these classes is no text of its page (links to other pages, its other language's text), or says
# nothing that the page doesn't say elsewhere: most options of a prediction are wrong. Folded answers are for those who tried.
LEFT_OUT = {
    "no-search",
    "toctree-wrapper",
    "predict",
    "answer",
    "change-it",
    "real-projects",
    "tag_hide-cell",
}
GOALS = 1
"""On this level, of the page itself, a list only announces what its sections say."""
RECAP = "recap"
"""The id of the section that only repeats its page."""
CODE = {"literal_block", "doctest_block", "code_links_block"}  # the last is Sphinx-Gallery's, with API links
NO_TEXT = (
    *(nodes.Invisible, nodes.raw, nodes.system_message, nodes.math_block),
    *(nodes.footnote_reference, addnodes.index, addnodes.toctree),
    fold,
)


FIELDS = ("page", "anchor", "heading", "level", "text", "code")
"""Of a section in the data, which keep a list of each: like beside like packs smaller."""


@dataclass
class Section:
    """A part of a page that a search result can lead to."""

    anchor: str
    heading: str
    level: int
    text: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def record(self, page: int) -> list[str | int]:
        """The fields of the section in ``search-data.js``, under the number of its `page`."""
        return [
            page,
            self.anchor,
            self.heading,
            self.level,
            "\n".join(filter(None, map(tidy, self.text))),
            "\n".join(self.code),
        ]

    @property
    def lines(self) -> list[str]:
        """Of its code and what that printed."""
        return [line for block in self.code for line in block.splitlines()]


def _is_left_out(node: nodes.Node) -> bool:
    return isinstance(node, NO_TEXT) or (
        isinstance(node, nodes.Element) and bool(LEFT_OUT & set(node["classes"]))
    )


def _plain(node: nodes.Node) -> str:
    """The words of a paragraph, without its pictures."""
    if isinstance(node, nodes.math):
        return formula(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.image) or _is_left_out(node):
        return ""
    return "".join(_plain(child) for child in node.children)


def _is_link(node: nodes.TextElement) -> bool:
    """Whether a paragraph is nothing but a link, as in a list of pages: its words stand where it leads."""
    return len(node) == 1 and isinstance(node[0], nodes.reference)


def _heading(node: nodes.Node | None) -> str:
    return tidy(_plain(node)) if node is not None else ""


def forms(item: nodes.definition_list_item) -> list[tuple[list[str], str]]:
    """The forms of a term in its glossary entry: the ids and the text of each."""
    return [(term["ids"], _heading(term)) for term in item.findall(nodes.term)]


def _entry(item: nodes.definition_list_item) -> Section:
    """A glossary entry: its heading is the term with its other forms, its level tells that it is one."""
    found = forms(item)
    ids = [name for names, _text in found for name in names]
    return Section(ids[0] if ids else "", JOINED.join(text for _ids, text in found), 0)


def _collect(parent: nodes.Element, into: Section, sections: list[Section]) -> None:
    """Add to `into` what stands under `parent`, and to `sections` the sections below it, in reading order."""

    def begin(section: Section, content: nodes.Element) -> None:
        sections.append(section)
        _collect(content, section, sections)

    for node in parent.children:
        if not isinstance(node, nodes.Element) or _is_left_out(node):
            continue
        if isinstance(node, nodes.bullet_list) and into.level == GOALS and isinstance(parent, nodes.section):
            continue
        if isinstance(node, nodes.section):
            if RECAP in node["ids"]:
                continue
            begin(Section(node["ids"][0], _heading(node.next_node(nodes.title)), into.level + 1), node)
        elif isinstance(node, nodes.definition_list) and "glossary" in node["classes"]:
            for item in node.findall(nodes.definition_list_item):
                for definition in item.findall(nodes.definition):
                    begin(_entry(item), definition)
        elif isinstance(node, addnodes.desc):
            name, content = node.next_node(addnodes.desc_signature), node.next_node(addnodes.desc_content)
            if name is not None and content is not None:
                anchor = next(iter(name["ids"]), into.anchor)
                begin(Section(anchor, _heading(name), into.level + 1), content)
        elif node.tagname in CODE:
            into.code.append(node.astext())
        elif isinstance(node, nodes.TextElement):
            is_heading = isinstance(node, nodes.title) and isinstance(parent, nodes.section)
            if not is_heading and not _is_link(node):
                into.text.append(_plain(node))
        else:
            _collect(node, into, sections)


def sections_of(document: nodes.document) -> list[Section]:
    """The sections of a page in reading order; the first is the page itself, under its title."""
    page = Section("", _heading(document.next_node(nodes.title)), 0)
    found: list[Section] = []
    _collect(document, page, found)
    if found and not page.text and not page.code:
        page, *found = found  # all there is stands in the section that has the page's title
        page.anchor = ""
    page.level = 1
    return [page, *found]
