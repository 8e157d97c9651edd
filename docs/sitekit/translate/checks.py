"""What is wrong with a translation: markup lost, changed or smuggled in, and text that would read as markup."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from ..markup import myst, rst
from ..markup.python_source import is_instruction
from ..markup.units import Unit
from .sources import Source

INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
BLANKS = {" ", "\u00a0", "\u3000"}
TAG = re.compile(r"<[a-zA-Z!/?][^<>]*>")
TAG_START = re.compile(r"<[a-zA-Z!/?]")
MARKDOWN_LINK = re.compile(r"\]\(")
FENCE = re.compile(r"```|~~~|:::")
CLOSING_MARKS = re.compile(r"(^|\s)#+$")
LONGEST = 10_000


def problems(source: Source, unit: Unit, translation: str) -> Iterator[str]:
    """Say what is wrong with the `translation` of `unit`: markup lost, changed or smuggled in."""
    if len(translation) > LONGEST:
        yield f"the translation is {len(translation)} characters long (at most {LONGEST})"
        return
    for character in translation:
        category = unicodedata.category(character)
        if category in INVISIBLE or (category == "Zs" and character not in BLANKS):
            yield f"the translation holds the invisible character U+{ord(character):04X}"
            return
    if not translation.strip():
        yield "the translation is empty"
        return
    if translation != translation.strip():
        yield "the translation starts or ends with a blank"
    if unit.kind in {"comment", "alt", "fold"}:
        if is_instruction(f"# {translation}"):
            yield "the translation would not be a comment to readers any more"
    elif unit.kind == "docstring":
        if '"""' in translation or translation.endswith('"') or "\\" in translation:
            yield "a docstring's translation can't hold a backslash or end its quotes"
        if source.dialect == "markdown" and FENCE.search(translation):
            yield "the translation holds a fence, which ends the code cell"
    else:
        yield from _markup_problems(source, unit, translation)


def _markup_problems(source: Source, unit: Unit, translation: str) -> Iterator[str]:
    if "\\" in translation and "\\" not in unit.text:
        yield "the translation adds a backslash"
    if source.dialect == "markdown":
        yield from _markdown_problems(unit, translation)
    else:
        yield from _rst_problems(source, unit, translation)
    wanted, given = source.read(unit, unit.text).markup, source.read(unit, translation).markup
    if lost := wanted - given:
        yield "the translation lacks " + ", ".join(sorted(lost.elements()))
    if added := given - wanted:
        yield "the translation adds " + ", ".join(sorted(added.elements()))


def _markdown_problems(unit: Unit, translation: str) -> Iterator[str]:
    opening = unit.first_prefix.lstrip()
    if unit.kind == "cell":
        if "|" in translation.replace("\\|", ""):
            yield "a table cell can't hold `|`"
    elif unit.kind.endswith("caption"):
        if not myst.is_option_value(translation):
            yield "the caption reads as YAML, not as text: write other words"
    elif unit.kind == "term" and (" : " in translation or translation.startswith("..")):
        yield "a glossary's term can't hold ` : ` or start with `..`"
    elif not myst.is_paragraph(translation):
        yield "the translation starts like a list, directive, heading or HTML, not like text"
    if translation.startswith(":"):
        yield "the translation starts with a colon, like an option of a directive"
    if unit.kind == "title" and CLOSING_MARKS.search(translation):
        yield "a title can't end in #"
    if opening.startswith("`") and "`" in translation:
        yield "the title of a block that backticks open can't hold a backtick"


def _rst_problems(source: Source, unit: Unit, translation: str) -> Iterator[str]:
    if source.dialect == "python" and '"""' in translation:
        yield 'the translation can\'t hold """'
    if source.dialect == "python" and translation.startswith(("%%", "///", "sphinx_gallery_")):
        yield "the translation would start a new cell or metadata, or set an option of Sphinx-Gallery"
    if read_as := rst.block_start(translation):
        yield f"the translation starts or ends like {read_as}, not like text"
    # Sphinx-Gallery writes titles into HTML as they are, and a notebook's text is Markdown.
    words, source_words = rst.read(translation).words, rst.read(unit.text).words
    if unit.kind == "title" and TAG_START.search(words):
        yield "a title can't hold `<` before a letter"
    added = (Counter(p.findall(words)) - Counter(p.findall(source_words)) for p in (TAG, MARKDOWN_LINK))
    if any(added) or TAG_START.match(words):
        yield "the translation adds HTML or a Markdown link"
