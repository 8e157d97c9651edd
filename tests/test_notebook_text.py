"""Notebook text means what the page means: Markdown and MathJax read no more into it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from sitekit.markup.notebook_text import split_cells, to_markdown
from sitekit.markup.text_cells import Cell
from sitekit.project.errors import SourceError, SourceErrors

HERE = Path("page.py")
JUPYTER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MATHJAX = re.compile(r"\$|\\[()\[\]]|\\(begin|end|ref|eqref)\b")
"""What MathJax, which reads what Markdown made, takes for a formula's mark if no tag stands in it."""
JUPYTERS_MARKS = re.compile(r"(?<!\\)(?:\\\\)*\$|\\\\[()\[\]]|\\(begin|end)\{")
"""What Jupyter keeps from Markdown as a formula's mark; a backslash before a dollar keeps it from that."""
MARKS = [
    "__init__",
    "_a_",
    "*",
    "**",
    "`",
    "``",
    "~~",
    "$5",
    "$",
    "$$",
    "\\",
    "\\(",
    "\\[",
    "\\]",
    "\\begin{x}",
    "\\$",
]
MARKS += [
    "<b>",
    "</b>",
    "<!--",
    "&lt;",
    "&#60;",
    "&",
    "[x](y)",
    "](",
    "[",
    "]",
    "]:",
    "![x](y)",
    "#",
    "##",
    "1.",
    "12)",
    "-",
]
MARKS += [
    "+",
    ">",
    "|",
    "| - |",
    "---",
    "===",
    "***",
    "```",
    "~~~",
    ":",
    "{",
    "}",
    "!",
    "word",
    "snake_case",
    "张量",
    "“好”",
    "a@b.org",
]
texts = st.lists(
    st.sampled_from(MARKS) | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=3)
)


def convert(rst: str) -> str:
    (markdown,) = to_markdown([rst], HERE, {})
    return markdown


def tokens(markdown: str) -> list[Token]:
    return [child for token in JUPYTER.parse(markdown) for child in [token, *(token.children or [])]]


def words(markdown: str) -> str:
    """The text that a reader sees; no tag may bring more than a mark of ours."""
    shown = []
    for token in tokens(markdown):
        if token.type == "html_inline":
            assert re.fullmatch(r"</?(span|strong|em|sub|sup)>|<br>", token.content)
        shown.append(token.content if token.type in {"text", "code_inline", "text_special"} else "")
    return "".join(shown)


CONTEXTS = {
    "paragraph": "{}",
    "item": "- {}",
    "number": "3. {}",
    "title": "{}\n" + "=" * 300,
    "cell": ".. list-table::\n\n   * - {}\n     - x",
    "strong": "a **{}** b",
    "strong in a word": "a\\ **{}**\\ b",
    "admonition": ".. admonition:: {}\n\n   x",
    "quote": "x\n\n    {}",
    "link": "`{} <https://example.org/$x$_(y)>`__",
}
AROUND = {"cell": "x", "strong": "ab", "strong in a word": "ab", "admonition": "x", "quote": "x"}


@given(texts.map(" ".join) | texts.map("".join), st.sampled_from(sorted(CONTEXTS)))
@example("The method __init__ costs $5 or $6, and <b>this</b> is no tag: [x](y) | \\(z\\)", "cell")
@example("0_ and __init__", "admonition")
def test_letters_stay_letters(text: str, context: str) -> None:
    text = " ".join(text.split())
    if not re.search(r"\w", text):
        text += "x"
    escaped = re.sub(r"([^\w\s]|_(?!\w))", r"\\\1", text)  # a word with _ at its end is a link
    markdown = convert(CONTEXTS[context].format(escaped))
    shown = words(markdown)
    around = AROUND.get(context, "")
    assert sorted("".join(shown.split())) == sorted("".join(text.split()) + around)
    assert "".join(text.split()) in "".join(shown.split())
    kinds = {token.type for token in tokens(markdown)}
    assert not kinds & {"html_block", "image", "s_open", "hr", "fence", "code_block"}
    assert ("em_open" in kinds) == ("link_open" in kinds) * False
    assert ("link_open" in kinds) == (context == "link")
    assert not JUPYTERS_MARKS.search(markdown.replace("%24", ""))
    pieces = re.split(r"<[^>]*>", JUPYTER.render(markdown))
    assert all(piece in "$\\" or not MATHJAX.search(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("rst", "markdown"),
    [
        ("3. third\n4. fourth", "3. third\n4. fourth"),
        ("3. third\n\n   - nested", "3. third\n\n   - nested"),
        ("- a\n\n* b\n\n- c", "- a\n\n* b\n\n- c"),
        ("1. a\n\n1. b", "1. a\n\n1) b"),
        ("**a**\\ b and *c*, *d*", "<strong>a</strong>b and *c*, *d*"),
        ("``a`b`` and ```c```", "``a`b`` and `` `c` ``"),
        ("H\\ :sub:`2`\\ O and x\\ :sup:`2`", "H<sub>2</sub>O and x<sup>2</sup>"),
        ("`title`", "*title*"),
        (
            ":func:`print`, :py:class:`~torch.nn.Linear`, :meth:`!x.y` and :mod:`the system <os>`",
            "`print()`, `Linear`, `x.y()` and `the system`",
        ),
        ("https://example.org/x_y and a@b.org", "<https://example.org/x_y> and <a@b.org>"),
        ("`a [b] <https://example.org/x_(y)>`__", "[a &#91;b&#93;](<https://example.org/x_(y)>)"),
        ("So\n\n    a *quotation*\n\n    -- Someone", "So\n\n> a *quotation*\n>\n> — Someone"),
        ("So::\n\n    a *b*\n\n      c\n\nEnd.", "So:\n\n```\na *b*\n\n  c\n```\n\nEnd."),
        ("::\n\n    ```\n    a", "````\n```\na\n````"),
        (">>> 1 + 1\n2\n\nEnd.", "```pycon\n>>> 1 + 1\n2\n```\n\nEnd."),
        ("a\n\n----", "a\n\n---"),
        ("a\n\n----\n\nb", "a\n\n---\n\nb"),
        (
            ".. code-block:: python\n   :caption: A *block*\n   :emphasize-lines: 1\n\n   x = 1",
            "**A *block***\n\n```python\nx = 1\n```",
        ),
        (".. seealso:: This", "> **Seealso**\n>\n> This"),
        (".. minigallery:: torch.nn.Linear", ""),
        (
            ".. list-table::\n   :header-rows: 1\n\n   * - a | b\n     - :math:`|x| + \\|y\\|`\n   * - ``c|d``\n     - e",
            "| a \\| b | $\\vert x\\vert  + \\Vert y\\Vert $ |\n| --- | --- |\n| `c\\|d` | e |",
        ),
        ("A title #\n=========", "# A title \\#"),
        ("=====\nTitle\n=====\n\nOver\n====", "# Title\n\n## Over"),
    ],
)
def test_markup_keeps_its_meaning(rst: str, markdown: str) -> None:
    assert convert(rst) == markdown


def test_headings_have_their_levels_of_the_page() -> None:
    cells = ["Page\n====\n\nA\n-", "Text.", "B\n-\n\nC\n~", "D\n~\n\nText.", "E\n-"]
    cells = [re.sub(r"^([-~])$", r"\1\1\1\1", cell, flags=re.MULTILINE) for cell in cells]
    assert to_markdown(cells, HERE, {}) == [
        "# Page\n\n## A",
        "Text.",
        "## B\n\n### C",
        "### D\n\nText.",
        "## E",
    ]


@pytest.mark.parametrize(
    ("rst", "line", "message"),
    [
        ("A :rfc-x:`b`.", 10, "use :ref:, :term:"),
        ("A footnote [1]_.", 10, "write a link as"),
        ("A weight_ here.", 10, "``code_``"),
        ("A |substitution|.", 10, "Undefined substitution"),
        ("A\n\n*b c", 12, "write a backslash before a mark"),
        (".. note::\n   :colour: red\n\n   a", 10, 'unknown option: "colour"'),
        (".. code-block:: python\n   :capton: red\n\n   a", 10, 'unknown option: "capton"'),
        (
            "word\n  definition\n\n- a\n\n  word\n    definition",
            15,
            "a definition list has no form in a notebook",
        ),
        (".. list-table::\n\n   * - a\n   * - b\n     - c", 10, "list-table"),
        (".. list-table::\n\n   * - .. math:: x", 12, "a math block has no form in a notebook"),
    ],
)
def test_what_a_page_or_its_notebook_would_lose_has_its_line(rst: str, line: int, message: str) -> None:
    found: list[SourceError] = []
    split_cells([Cell(3, "Fine."), Cell(10, rst)], HERE, found)
    assert any(error.line == line and message in error.message for error in found), list(map(str, found))
    with pytest.raises(SourceErrors, match=re.escape(message)):
        to_markdown([rst], HERE, {})
