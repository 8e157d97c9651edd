"""Parts of an example's page that docutils doesn't know: a prediction, its answer, a change to try, what real projects do.

Each is an admonition whose title is not the author's, so it is no message for translators::

    .. predict::

       What does the second line print?

       - the same number
       - an error

    .. answer:: B

       Why it is B, and why it isn't A.

An answer is that to the prediction before it, and its title repeats the option that is right. An ``outcome`` says what the
folded cell above it shows, and a page folds it with that cell.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.utils import Reporter

LABELS = {
    "predict": "Predict first",
    "answer": "Answer",
    "change-it": "Change it",
    "outcome": "What it shows",
    "real-projects": "In real projects",
}
"""The title of each part; a site translates it."""
LETTERS = "ABCD"
MIN_CHOICES = 2
RIGHT = " %s · "
"""Stands between an answer's label and the option that is right."""
PAIR = "after each `predict` follows one `answer:: X`, before the next one"


class choice(nodes.list_item):
    """One option; its ``letter`` names it."""

    @property
    def text(self) -> list[nodes.Node]:
        """What it says."""
        return [
            node for paragraph in self.children if isinstance(paragraph, nodes.Element) for node in paragraph
        ]


class choices(nodes.bullet_list):
    """The options of a prediction, which its ``number`` counts on the page."""

    @property
    def options(self) -> list[choice]:
        """Each of them."""
        return [option for option in self.children if isinstance(option, choice)]


class Part(Directive):
    """One of the parts, by its name."""

    has_content = True
    labels: ClassVar[Mapping[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Make the admonition."""
        self.assert_has_content()
        part = nodes.admonition(classes=[self.name])
        part.source, part.line = self.state_machine.get_source_and_line(self.lineno)
        part += nodes.title("", "", nodes.Text(str(self.labels.get(LABELS[self.name], LABELS[self.name]))))
        self.state.nested_parse(self.content, self.content_offset, part)
        for message in list(part.findall(nodes.system_message)):
            if message["level"] < Reporter.WARNING_LEVEL:  # that a role has its English name, and the like
                message.parent.remove(message)
        self.complete(part)
        return [part]

    def complete(self, part: nodes.admonition) -> None:
        """Do what this part needs beyond its text."""


class Predict(Part):
    """A question, and the options to choose from."""

    def complete(self, part: nodes.admonition) -> None:
        """Give each option its letter."""
        listed = part.children[-1]
        items = listed.children if isinstance(listed, nodes.bullet_list) and len(part) > MIN_CHOICES else []
        if not MIN_CHOICES <= len(items) <= len(LETTERS):
            raise self.error(
                f"a prediction is a question and a list of {MIN_CHOICES} to {len(LETTERS)} options"
            )
        made = choices()
        for letter, item in zip(LETTERS, items, strict=False):
            if [type(child) for child in item.children] != [nodes.paragraph]:
                raise self.error("an option is one paragraph")
            made += choice("", *item.children, letter=letter)
        part.replace(listed, made)


class Answer(Part):
    """Which option was right, and why the others weren't."""

    required_arguments = 1

    def complete(self, part: nodes.admonition) -> None:
        """Note the letter."""
        part["letter"] = self.arguments[0]


DIRECTIVES: dict[str, type[Part]] = {
    "predict": Predict, "answer": Answer, "change-it": Part, "outcome": Part, "real-projects": Part,
}  # fmt: skip


def directives(labels: Mapping[str, Any]) -> dict[str, type[Part]]:
    """The directives, with `labels` for the English titles that it has."""
    return {name: type(kind.__name__, (kind,), {"labels": labels}) for name, kind in DIRECTIVES.items()}


def pair(document: nodes.document) -> Iterator[tuple[int | None, str]]:
    """Number the predictions and complete the titles of their answers; what is wrong comes with its line."""
    number, waiting = 0, None
    for part in document.findall(nodes.admonition):
        if "predict" in part["classes"]:
            if waiting is not None:
                yield waiting.line, PAIR
            waiting, number = part, number + 1
            for listed in part.findall(choices):
                listed["number"] = number
        elif "answer" in part["classes"]:
            asked = list(waiting.findall(choice)) if waiting is not None else []
            waiting = None
            right = next((option for option in asked if option["letter"] == part["letter"]), None)
            if right is None:
                letters = ", ".join(option["letter"] for option in asked)
                yield part.line, f"the answer is one of {letters}" if asked else PAIR
                continue
            part["number"] = number
            for title in part.findall(nodes.title):
                title += [nodes.Text(RIGHT % part["letter"]), *(node.deepcopy() for node in right.text)]
    if waiting is not None:
        yield waiting.line, PAIR
