"""What each page of the gallery promises its reader, read off the built site in every language."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests import built
from tests.built import EXAMPLES, LANGUAGES, MADE, PROJECT, WRITTEN

TABLE = tomllib.loads((Path(__file__).parent / "seed_table.toml").read_text(encoding="utf-8"))
FIGURES = TABLE.pop("figures")
TAGS = {language.folder: language.tag for language in PROJECT.languages}
PHRASES = {
    "zh": {
        "learn": "你将学到：",
        "recap": ["规则：", "API：", "下一页："],
    },
    "en": {
        "learn": "You will learn to:",
        "recap": ["Rule: ", "API: ", "Next: "],
    },
}
RANDOM = re.compile(
    r"\btorch\.(rand|randn|randint|randperm|normal|bernoulli)\b"
    r"|\bnn\.(Linear|Conv\w+|Embedding|LSTM|GRU|RNN|Dropout)\("
    r"|\bshuffle=True|\brandom\(|\brng\.\w+\("
)
SEED = re.compile(r"\bmanual_seed\(\w+\)|\bdefault_rng\(\d+\)")
UNFIT_FOR_OUTPUT = {
    "traceback": re.compile(r"Traceback \(most recent call last\)|^\s*File \""),
    "line number": re.compile(r"\.py:\d+|\bline \d+\b"),
    "memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
    "path": re.compile(r"(?<![\w.<])(/[\w.~-]+){2,}|\b[A-Za-z]:\\\w|\b\w+\.py\b"),
    "colour code": re.compile("\x1b"),
    "object that says only where it is": re.compile(r"<[\w.]+ object at "),
}

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
of_every_example = built.for_every("page", EXAMPLES)
pytestmark = [pytest.mark.usefixtures("site_root"), built.parsed_once]


def test_the_table_names_every_page_of_the_seed() -> None:
    assert len(TABLE) == 17
    assert set(TABLE) <= set(EXAMPLES)
    assert set(FIGURES) <= set(TABLE)


@in_every_language
def test_the_site_has_every_page_and_no_other(language: str) -> None:
    folder = built.SITE / language
    found = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.html")}
    assert found == {*WRITTEN, *MADE}


@in_every_language
@built.for_every("page", TABLE)
def test_the_seeds_results_are_printed(page: str, language: str) -> None:
    printed = "\n".join(built.outputs(language, page)).expandtabs()
    missing = {line: times for line, times in TABLE[page].items() if printed.count(line) < times}
    assert not missing, printed


@in_every_language
@built.for_every("page", FIGURES)
def test_the_seeds_pictures_are_drawn(page: str, language: str) -> None:
    assert len(built.figures(language, page)) >= FIGURES[page]


@of_every_example
def test_an_example_starts_with_its_header_and_label(page: str) -> None:
    lines = (PROJECT.gallery / f"{page}.py").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# /// script"
    end = lines.index("# ///")
    assert lines[end + 1].removeprefix("r") == '"""'
    assert lines[end + 2] == f".. _{re.sub('[/_]', '-', page)}:"


@in_every_language
@of_every_example
def test_a_page_opens_with_a_short_title_and_says_what_it_teaches(page: str, language: str) -> None:
    article = built.article(language, page)
    heading = article.select_one("h1")
    assert heading
    title = built.text(heading).removesuffix("¶")
    if language == "zh":
        assert len(built.HAN.findall(title)) <= 12
    else:
        assert len(title.split()) <= 6
        assert not built.HAN.search(title)
    learn = [p for p in article.select("p") if built.text(p) == PHRASES[language]["learn"]]
    assert len(learn) == 1
    bullets = learn[0].find_next_sibling("ul")
    assert bullets
    assert 2 <= len(bullets.find_all("li", recursive=False)) <= 3


@of_every_example
def test_the_seed_stands_before_the_first_random_number(page: str) -> None:
    code = "\n".join(built.code_cells("zh", page))
    lines = code.splitlines()
    definitions = [
        node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    # A layer without values draws none.
    draw = [n for n, line in enumerate(lines) if RANDOM.search(line) and 'device="meta"' not in line]
    # What stands in a definition draws nothing before it is used.
    inside = {number for node in definitions for number in range(node.lineno - 1, node.end_lineno or 0)}
    random = next((number for number in draw if number not in inside), None)
    seed = next((number for number, line in enumerate(lines) if SEED.search(line)), None)
    if random is not None:
        assert seed is not None, lines[random]
        assert seed <= random, lines[random]


@in_every_language
@of_every_example
def test_a_page_asks_before_an_output_and_answers_behind_it(page: str, language: str) -> None:
    article = built.article(language, page)
    parts = article.select(".predict, .answer")
    kinds = ["predict" if "predict" in part["class"] else "answer" for part in parts]
    assert kinds in (["predict", "answer"], ["predict", "answer"] * 2)
    for question, answer in zip(parts[::2], parts[1::2], strict=True):
        assert re.search("[?？]", built.text(question))
        options = {built.text(b): built.text(b.find_next("span")) for b in question.select(".choices b")}
        assert 2 <= len(options) <= 4
        title = built.text(answer.select_one(".admonition-title"))
        assert [letter for letter, words in options.items() if title.endswith(f"{letter} · {words}")]
        # What decides it stands between the two.
        assert set(question.find_all_next(class_="sphx-glr-script-out")) - set(
            answer.find_all_next(class_="sphx-glr-script-out")
        )


@in_every_language
@of_every_example
def test_a_page_has_something_to_change_that_ran(page: str, language: str) -> None:
    boxes = built.article(language, page).select(".change-it")
    assert 1 <= len(boxes) <= 2
    for box in boxes:
        (fold,) = box.select("details")
        assert built.text(fold.select_one("summary"))
        assert fold.select("pre")
        assert fold.select(".sphx-glr-script-out, img")
        assert not fold.has_attr("open")


@in_every_language
@of_every_example
def test_a_page_leads_on_to_real_projects(page: str, language: str) -> None:
    (box,) = built.article(language, page).select(".real-projects")
    assert len({link["href"] for link in box.select("a.external")}) >= 2


@in_every_language
@of_every_example
def test_a_page_ends_with_a_recap(page: str, language: str) -> None:
    last = built.article(language, page).select("section[id]")[-1]
    assert last["id"] == "recap"
    bullets = [built.text(item) for item in last.select("li")]
    assert len(bullets) == 3
    for bullet, beginning in zip(bullets, PHRASES[language]["recap"], strict=True):
        assert bullet.startswith(beginning)


@in_every_language
@built.for_every("page", WRITTEN)
def test_every_figure_is_described_in_the_pages_language(page: str, language: str) -> None:
    code = "\n".join(built.code_cells(language, page))
    described = [str(image.get("alt", "")) for image in built.figures(language, page)]
    assert len(described) == code.count("plt.show()")
    for alt in described:
        assert len(alt) > 20
        if language == "zh":
            assert built.HAN.search(alt)
        else:
            assert re.search(r"[a-z]+ [a-z]+ [a-z]+", alt)
            assert not built.HAN.search(alt)


@in_every_language
@built.for_every("page", WRITTEN)
def test_figures_are_sharp_and_no_wider_than_a_page(page: str, language: str) -> None:
    for image in built.figures(language, page):
        width = re.search(r"\d+", str(image.get("width") or image["style"]))
        assert width
        with Image.open(built.file_behind(language, page, str(image["src"]))) as picture:
            assert picture.width == 2 * int(width[0])
        assert int(width[0]) <= 800


@in_every_language
@built.for_every("page", WRITTEN)
def test_outputs_hold_nothing_of_one_run_or_one_machine(page: str, language: str) -> None:
    assert not built.article(language, page).select(".output.stderr, .output.traceback, .output.text_html")
    found = [
        f"{name}: {match[0]!r} in {output!r}"
        for output in built.outputs(language, page)
        for name, pattern in UNFIT_FOR_OUTPUT.items()
        for match in pattern.finditer(output)
    ]
    assert not found


@in_every_language
@built.for_every("page", [*WRITTEN, *MADE])
def test_a_page_says_its_language_and_where_the_others_are(page: str, language: str) -> None:
    document = built.html(language, page)
    assert document.html
    assert document.html["lang"] == TAGS[language]
    alternates = {
        str(link["hreflang"]): str(link["href"])
        for link in document.select('head link[rel="alternate"][hreflang]')
    }
    assert set(alternates) == {*TAGS.values(), "x-default"}
    for folder, tag in TAGS.items():
        assert not urlsplit(alternates[tag]).scheme
        target = built.file_behind(language, page, alternates[tag])
        assert target == built.SITE / folder / f"{page}.html"
        assert target.is_file()
    assert alternates["x-default"] == alternates[PROJECT.source.tag]


def test_the_root_page_leads_to_every_language_without_javascript(site_root: Path) -> None:
    root = built.parse(site_root / "index.html")
    links = {str(link["lang"]): str(link["href"]) for link in root.select("#languages a")}
    assert links == {tag: f"{folder}/index.html" for folder, tag in TAGS.items()}
    alternates = {
        str(link["hreflang"]): str(link["href"]) for link in root.select('head link[rel="alternate"]')
    }
    assert alternates == links | {"x-default": "index.html"}
