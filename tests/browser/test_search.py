"""Search as a reader meets it: in the dialog and on search.html, over http and from file://."""

from __future__ import annotations

import re
import statistics
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from tests.browser.conftest import Journal

ROOT = Path(__file__).resolve().parents[2]
QUERIES = tomllib.loads((ROOT / "tests" / "search_queries.toml").read_text(encoding="utf-8"))
REAL = tomllib.loads((ROOT / "tests" / "search_real_queries.toml").read_text(encoding="utf-8"))["queries"]
BOTH = pytest.mark.parametrize("scheme", ["http", "file"])
MODIFIER = "Control"
INJECTION = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>"\'><b id=injected>nn.Linear'
)

# Puts each query into the field of search.html and reads the list that stands there right after.
ASK = """queries => {
  const field = document.getElementById("search-page-input");
  const home = new URL(".", location.href).href;
  return queries.map(query => {
    field.value = query;
    const start = performance.now();
    field.dispatchEvent(new InputEvent("input"));
    const milliseconds = performance.now() - start;
    const results = document.getElementById("search-results");
    const links = [...results.querySelectorAll("a[href]")];
    return {milliseconds, covered: results.dataset.covered, links: links.map(link => link.href.replace(home, "").replace(/\\.html.*/, ""))};
  });
}"""
# From a key to the list that it changes, with the time the keyboard's event gives for itself.
WATCH = """() => {
  window.times = [];
  let pressed = 0;
  addEventListener("keydown", event => { pressed = event.timeStamp; }, true);
  const list = document.querySelector("[role=listbox]");
  new MutationObserver(() => times.push(performance.now() - pressed)).observe(list, {childList: true});
}"""


def open_dialog(page: Page) -> Page:
    """Press Ctrl+K and wait for the field."""
    page.keyboard.press(f"{MODIFIER}+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    return page


def ask(page: Page, text: str) -> list[str]:
    """Type into the open dialog and return where the results lead."""
    page.get_by_role("combobox").fill(text)
    expect(page.get_by_role("option").first).to_be_visible()
    options = page.get_by_role("option")
    found: list[str] = options.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_right_page_comes_first(
    language: str, page: Page, url: Callable[..., str], record_property: Callable[[str, object], None]
) -> None:
    page.goto(url(f"{language}/search.html"))
    # One query of each script loads the data of both languages. Between them the list is emptied: the answers to the
    # first would stand until the second's data have come.
    for text in ("broadcasting", "广播"):
        page.locator("#search-page-input").fill(text)
        expect(page.locator("#search-results a").first).to_be_visible()
        page.locator("#search-page-input").fill("")
        expect(page.locator("#search-results a")).to_have_count(0)
    queries = QUERIES[language]
    found = page.evaluate(ASK, [query["q"] for query in queries])
    first, three, reciprocal, missed = 0, 0, 0.0, []
    for query, answer in zip(queries, found, strict=True):
        right = [link in query["pages"] for link in answer["links"]]
        first += any(right[:1])
        three += any(right[:3])
        reciprocal += 1 / (right.index(True) + 1) if any(right) else 0
        if not any(right[:1]):
            missed.append((query["q"], answer["links"][:3]))
    count = len(queries)
    record_property("hit@1", first / count)
    record_property("hit@3", three / count)
    record_property("mrr", reciprocal / count)
    record_property("median_ms", statistics.median(answer["milliseconds"] for answer in found))
    assert first / count >= 0.85, missed
    assert three / count >= 0.95, missed


def open_search_page(page: Page, address: str) -> None:
    """Open search.html with the data of both languages loaded."""
    page.goto(address)
    for text in ("broadcasting", "广播"):
        page.locator("#search-page-input").fill(text)
        expect(page.locator("#search-results a").first).to_be_visible()
        page.locator("#search-page-input").fill("")
        expect(page.locator("#search-results a")).to_have_count(0)


def test_real_questions_find_their_page_and_no_other_is_made_up(
    page: Page, url: Callable[..., str], record_property: Callable[[str, object], None]
) -> None:
    first, three, unknown, missed = [], [], [], []
    for language in ("zh", "en"):
        open_search_page(page, url(f"{language}/search.html"))
        queries = [query for query in REAL if query["language"] == language]
        found = page.evaluate(ASK, [query["query"] for query in queries])
        for query, answer in zip(queries, found, strict=True):
            right = [link in query["pages"] for link in answer["links"]]
            if query["pages"]:
                first.append(any(right[:1]))
                three.append(any(right[:3]))
                missed += [query["query"]] if answer["covered"] == "no" else []
            else:
                unknown.append(answer["covered"] == "no")
    record_property("hit@1", sum(first) / len(first))
    record_property("hit@3", sum(three) / len(three))
    assert sum(first) / len(first) >= 0.9
    assert sum(three) / len(three) >= 0.98
    assert len(missed) / len(first) <= 0.02, missed
    assert sum(unknown) / len(unknown) >= 0.8


# Pairs of what means the same, one of which no page has or had; and what stands after a message.
ASKED = [
    ("en", "intermediate features of a network", "training/hooks"),
    ("zh", "中间层的特征怎么拿出来", "training/hooks"),
    ("zh", "断点继续训练", "training/save_and_load"),
    ("zh", "loss 不变化", "training/first_checks"),
    ("zh", "两次结果不一样", "training/reproducibility"),
    ("zh", "权重不匹配 加载失败", "pitfalls/state_dict_keys"),
    ("zh", "显存不够", "pitfalls/memory_growth"),
    ("zh", "内存占用一直增加", "pitfalls/memory_growth"),
    ("zh", "過擬合", "training/overfitting"),
    ("zh", "損失函數 交叉熵", "networks/cross_entropy"),
    ("zh", "guangbo", "basics/broadcasting"),
    ("zh", "xue xi lv", "training/learning_rate_schedules"),
    ("en", "F.cross_entropy", "networks/cross_entropy"),
    ("en", "back propagation", "basics/computational_graph"),
    ("zh", "作用域 broadcasting", "basics/broadcasting"),
    (
        "en",
        "RuntimeError: Expected object of backend CPU but got backend CUDA for argument #4 'mat1'",
        "pitfalls/device_mismatch",
    ),
    (
        "en",
        "RuntimeError: CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA` to enable",
        "pitfalls/class_targets",
    ),
    (
        "en",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total",
        "pitfalls/memory_growth",
    ),
    (
        "en",
        "RuntimeError: size mismatch, m1: [32 x 400], m2: [120 x 84] at d:\\build\\torch\\lib\\th\\generic/THTensorMath.c:1434",
        "pitfalls/shape_mismatch",
    ),
    (
        "en",
        'ValueError: optimizer got an empty parameter list\n  File "a.py", line 3, in <module>\nProcess finished with exit code 1',
        "pitfalls/unregistered_parameters",
    ),
    (
        "en",
        "IndexError: Target 7 is out of bounds.\nException ignored in: <function _MultiProcessingDataLoaderIter.__del__>\n"
        "Traceback (most recent call last):\nAttributeError: 'NoneType' object has no attribute 'shutdown'",
        "pitfalls/class_targets",
    ),
    ("en", "raise an Exception when loss is nan", "pitfalls/nan_hunting"),
    ("en", "mat1 and mat2 shapes cannot be multiplied (8x12 and 10x4) in my LSTM", "pitfalls/shape_mismatch"),
]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_other_words_for_it_lead_to_it(language: str, page: Page, url: Callable[..., str]) -> None:
    open_search_page(page, url(f"{language}/search.html"))
    asked = [(text, right) for its_language, text, right in ASKED if its_language == language]
    found = page.evaluate(ASK, [text for text, _right in asked])
    wrong = [
        (text, answer["links"][:3], answer["covered"])
        for (text, right), answer in zip(asked, found, strict=True)
        if right not in answer["links"][:3] or answer["covered"] != "yes"
    ]
    assert not wrong


@pytest.mark.parametrize("language", ["zh", "en"])
def test_while_typing_the_list_is_never_empty(language: str, page: Page, url: Callable[..., str]) -> None:
    open_search_page(page, url(f"{language}/search.html"))
    texts = [
        "gradient clipping",
        "gradeint",
        "broadcasting",
        "nn.Linear",
        "state_dict keys",
        "optimizer.zero_grad()",
    ]
    texts += (
        ["学习率调度", "过拟合怎么办", "显存不足", "guangbo", "xuexilv"]
        if language == "zh"
        else ["overfitting", "reproducibility"]
    )
    keys = [text[:end] for text in texts for end in range(1, len(text) + 1)]
    found = page.evaluate(ASK, keys)
    assert not [key for key, answer in zip(keys, found, strict=True) if not answer["links"]]


def test_answers_are_quick_on_a_slow_processor(
    page: Page, url: Callable[..., str], record_property: Callable[[str, object], None]
) -> None:
    session = page.context.new_cdp_session(page)
    times: list[float] = []
    for language in ("zh", "en"):
        open_search_page(page, url(f"{language}/search.html"))
        typed = [query["q"] for query in QUERIES[language]]
        keys = [  # each is like the one before; some of them will do
            text[:end] for text in typed if len(text) < 40 for end in range(1, len(text) + 1)
        ][::8]
        pasted = [query["query"] for query in REAL if query["language"] == language]
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        rounds = [page.evaluate(ASK, [*keys, *typed, *pasted]) for _ in range(2)]
        session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        # Other programs on the machine slow a round down, and nothing makes one faster than it is.
        times += [min(answer["milliseconds"] for answer in one) for one in zip(*rounds, strict=True)]
    median, most = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    record_property("median_ms", median)
    record_property("p95_ms", most)
    assert (median <= 15, most <= 60) == (True, True), (median, most)


@BOTH
def test_what_is_not_covered_is_said_and_where_to_look_on(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/search.html?q=diffusion%20model%20entropy"))
    results = page.locator("#search-results")
    expect(results).to_have_attribute("data-covered", "no")
    expect(page.get_by_role("status")).to_contain_text(
        "No page of this site is about “diffusion model entropy”"
    )
    group = page.get_by_role("group", name="Where else to look")
    names = [link.split("\n")[0] for link in group.get_by_role("link").all_inner_texts()]
    assert names[0].startswith("In the glossary: ")
    assert names[1:] == [
        "Contents of this site", "Error index", "The same search in the documentation of PyTorch",
    ]  # fmt: skip
    outside = group.get_by_role("link").last
    expect(outside).to_have_attribute(
        "href", re.compile(r"^https://docs\.pytorch\.org/.*q=diffusion\+model\+entropy$")
    )
    group.get_by_role("link", name="Error index").click()
    page.wait_for_url("**/errors.html")


@pytest.mark.parametrize(("language", "text"), [("zh", "x.view() 报错 步幅"), ("en", "cross entropy loss")])
def test_results_follow_a_key_within_50_ms(
    language: str,
    text: str,
    page: Page,
    url: Callable[..., str],
    record_property: Callable[[str, object], None],
) -> None:
    rounds = []
    for _ in range(3):
        page.goto(url(f"{language}/index.html"))
        open_dialog(page)
        ask(page, "tensor")
        ask(page, "张量")  # now the data of both languages is there
        page.get_by_role("combobox").fill("")
        page.evaluate(WATCH)
        page.keyboard.type(text)
        page.wait_for_function("count => times.length >= count", arg=len(text))
        rounds.append(page.evaluate("times"))
    # Other programs on the machine slow a round down, and nothing makes one faster than it is.
    times = [min(one_key) for one_key in zip(*rounds, strict=True)]
    record_property("median_ms", statistics.median(times))
    assert statistics.median(times) <= 50, times


@BOTH
def test_by_keyboard_alone(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/shapes.html"))
    page.get_by_role("link", name="TorchNotes").first.focus()
    page.keyboard.press("/")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type("keepdim=True/")
    expect(field).to_have_value("keepdim=True/")
    options = page.get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", str(options.nth(1).get_attribute("id")))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    chosen = str(options.first.get_attribute("href")).removeprefix("../")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{chosen}")


@BOTH
def test_escape_gives_the_focus_back(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("zh/index.html"))
    button = page.get_by_role("button", name="搜索").filter(visible=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="搜索本站")).to_be_visible()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()


def test_the_number_of_results_is_announced(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    status = page.get_by_role("status")
    ask(page, "broadcasting")
    expect(status).to_have_text(re.compile(r"^\d+ results on \d+ pages$"))
    ask(page, "gradcheck")
    expect(status).to_have_text(re.compile(r"^\d+ results on 1 page$"))
    ask(page, "weakref")
    expect(status).to_have_text("1 result on 1 page")
    page.get_by_role("combobox").fill("qqqzzzxxx")
    expect(status).to_have_text("Nothing found for “qqqzzzxxx”.")
    expect(page.get_by_role("listbox")).to_have_attribute("data-covered", "no")


@BOTH
def test_a_result_shows_page_section_and_marked_words(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    links = ask(page, "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float")
    assert links[0].endswith("pitfalls/dtype_mismatch.html#float64-meets-float32")
    best = page.get_by_role("option").first
    expect(best).to_contain_text("Data type mismatch")
    expect(best).to_contain_text("float64 meets float32")
    expect(best.locator("code mark").filter(has_text="mat1").first).to_be_visible()


@BOTH
def test_the_other_languages_query_is_answered_here(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/networks/momentum.html"))
    open_dialog(page)
    links = ask(page, "广播 拉伸 复制")
    assert links[0].startswith("../basics/broadcasting.html")
    best = page.get_by_role("option").first
    expect(best).to_contain_text("Broadcasting")
    expect(best.locator("[lang=zh-CN]")).to_contain_text("拉伸")
    best.click()
    page.wait_for_url("**/en/basics/broadcasting.html*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Broadcasting")

    page.goto(url("zh/index.html"))
    open_dialog(page)
    assert ask(page, "vanishing gradient")[0].startswith("./networks/activations.html")
    expect(page.get_by_role("option").first).to_contain_text("激活函数")


@BOTH
def test_search_html_runs_its_query(page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"zh/search.html?q={quote('交叉熵')}"))
    results = page.locator("#search-results a[href]")
    expect(results.first).to_have_attribute("href", re.compile("networks/cross_entropy.html"))
    expect(page.locator("#search-page-input")).to_have_value("交叉熵")
    expect(page.get_by_role("link", name="English").filter(visible=True)).to_have_attribute(
        "href", re.compile(r"en/search\.html\?q=%E4%BA%A4")
    )
    listed = results.evaluate_all("links => links.map(link => link.href)")
    open_dialog(page)
    ask(page, "交叉熵")
    in_dialog = page.get_by_role("option").evaluate_all("links => links.map(link => link.href)")
    assert in_dialog == listed


@BOTH
def test_the_sidebars_field_is_taken_over(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/shapes.html"))
    sidebar = page.get_by_role("searchbox", name="Search", exact=True)
    sidebar.focus()
    page.keyboard.type("n")
    expect(page.get_by_role("combobox")).to_be_focused()
    expect(page.get_by_role("combobox")).to_have_value("n")
    page.keyboard.press("Escape")
    sidebar.click()
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    sidebar.evaluate("field => { field.value = 'momentum'; field.form.requestSubmit(); }")
    page.wait_for_url("**/en/search.html?q=momentum")
    expect(page.locator("#search-results a").first).to_have_attribute("href", re.compile("networks/momentum"))


@pytest.mark.in_turns
@BOTH
@pytest.mark.parametrize("place", ["dialog", "page"])
def test_a_query_never_becomes_html(place: str, page: Page, url: Callable[..., str]) -> None:
    if place == "page":
        page.goto(url(f"en/search.html?q={quote(INJECTION)}"))
        results = page.locator("#search-results")
    else:
        page.goto(url("en/index.html"))
        open_dialog(page).get_by_role("combobox").fill(INJECTION)
        results = page.get_by_role("listbox")
    expect(results.locator("a").first).to_be_visible()
    assert (
        page.evaluate("document.querySelectorAll('#injected, img[src=x], .search-results script').length")
        == 0
    )
    assert page.title() not in {"1", "2"}
    field = page.locator("#search-page-input" if place == "page" else "#search-dialog-input")
    field.fill("<qqqzzz>")
    expect(page.get_by_role("status").filter(visible=True)).to_contain_text("<qqqzzz>")
    assert page.evaluate("document.querySelectorAll('qqqzzz').length") == 0


PIECES = [
    "<img src=x onerror=alert(1)>", "<script>", "</script>", "<!--", "&lt;", "&#x3c;", '"', "'", "`", "${1}", "{{1}}",
    "nn.Linear", "广播", "e\u0301", "ｎｎ", "\u202e", "\u2066", "\u0000", "\u2028", "\ud800", "\ufeff", "\n", "\t",
    "\\", "(", "[", "*", "+", "?", "|", "^", "$", "__proto__", "constructor", "toString", "%00", "%E0%A4%A", "#", "&", "=",
]  # fmt: skip
QUERY = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=5) | st.integers().map(str), max_size=20
).map("".join) | st.builds(lambda piece, count: piece * count, st.sampled_from(PIECES), st.integers(1, 20_000))  # fmt: skip


@pytest.mark.parametrize("count", [20, pytest.param(300, marks=pytest.mark.thorough)])
def test_any_query_is_answered_with_text(count: int, page: Page, url: Callable[..., str]) -> None:
    """An uncaught error or a word on the console fails the test when it ends."""
    page.goto(url("en/search.html"))
    for text in ("广播", "broadcasting"):
        page.locator("#search-page-input").fill(text)
        expect(page.locator("#search-results a").first).to_be_visible()
    known = set(page.evaluate("[...new Set([...document.querySelectorAll('*')].map((e) => e.localName))]"))

    @settings(max_examples=count, deadline=None)
    @given(QUERY)
    def answered(query: str) -> None:
        found = page.evaluate(
            """([query]) => {
              const field = document.getElementById("search-page-input");
              field.value = query;
              field.dispatchEvent(new InputEvent("input"));
              const results = document.getElementById("search-results");
              return {
                names: [...new Set([...document.querySelectorAll("*")].map((element) => element.localName))],
                links: [...results.querySelectorAll("a")].map((link) => new URL(link.href).origin),
                said: document.querySelector("[role=status]").textContent,
              };
            }""",
            [query],
        )
        assert set(found["names"]) <= known | {"mark", "code", "button"}
        assert set(found["links"]) <= {page.evaluate("location.origin"), "https://docs.pytorch.org"}
        assert found["said"]

    answered()


@pytest.mark.parametrize(
    "query", ["%00", "%E0%A4%A", "%3Cscript%3E", "%ED%A0%80", "a" * 5_000, "%F0%9F%98%80", "+"]
)
def test_any_address_of_the_search_page_opens(query: str, page: Page, url: Callable[..., str]) -> None:
    page.goto(url(f"zh/search.html?q={query}"))
    expect(page.locator("#search-page-input")).to_be_visible()
    page.locator("#search-page-input").fill("张量")
    expect(page.locator("#search-results a").first).to_be_visible()


def test_nothing_is_searched_before_an_input_method_is_done(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("zh/index.html"))
    open_dialog(page)
    ask(page, "tensor")
    before = page.get_by_role("listbox").inner_text()
    page.get_by_role("combobox").select_text()
    session = page.context.new_cdp_session(page)
    for letters in ("g", "gu", "guang bo"):
        session.send(
            "Input.imeSetComposition",
            {"text": letters, "selectionStart": len(letters), "selectionEnd": len(letters)},
        )
        expect(page.get_by_role("combobox")).to_have_value(letters)
    assert page.get_by_role("listbox").inner_text() == before
    session.send("Input.insertText", {"text": "广播"})
    expect(page.get_by_role("option").first).to_contain_text("广播")
    assert page.get_by_role("listbox").inner_text() != before


def test_a_pasted_traceback_leads_to_its_error(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    lines = [
        "Traceback (most recent call last):",
        '  File "train.py", line 88, in <module>',
        "    loss.backward()",
        "RuntimeError: grad can be implicitly created only for scalar outputs",
    ]
    page.get_by_role("combobox").evaluate(
        """(field, text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, cancelable: true}));
        }""",
        "\n".join(lines),
    )
    best = page.get_by_role("option").first
    expect(best).to_have_attribute("href", re.compile("basics/gradient_vector.html"))


def test_a_paste_shows_what_was_understood(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    understood = page.locator(".search-understood").filter(visible=True)
    ask(page, "broadcasting")
    expect(understood).to_have_count(0)
    ask(
        page,
        'File "a.py", line 1 ValueError: optimizer got an empty parameter list Process finished with exit code 1',
    )
    expect(understood).to_have_text("Searching for: ValueError: optimizer got an empty parameter list")


def test_a_hit_shows_chapter_and_kind_and_ends_at_a_word(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    ask(page, "gradient clipping")
    hits = page.get_by_role("option")
    expect(hits.first.locator(".search-kind")).to_have_text("Training in practice · lesson")
    expect(hits.filter(has_text="Glossary").locator(".search-kind")).to_have_text("glossary")
    whole = page.evaluate("searchData.en.sections.text.join(' ')")
    compared = 0
    for snippet in page.locator("span.search-snippet").all_inner_texts():
        shown = snippet.removeprefix("… ").removesuffix(" …")
        at = whole.find(shown.replace("\n", " ")) if shown.replace("\n", " ") in whole else -1
        if at > 0:
            compared += 1
            assert not re.match(r"\w\w", whole[at - 1 : at + 1])
            assert not re.match(r"\w\w", whole[at + len(shown) - 1 : at + len(shown) + 1])
    assert compared
    recaps = page.evaluate("searchData.en.sections.anchor.filter(anchor => anchor === 'recap').length")
    assert recaps == 0


@BOTH
def test_the_page_marks_what_was_searched_for(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    ask(page, "learning rate warm-up")
    page.keyboard.press("Enter")
    page.wait_for_url("**/training/learning_rate_schedules.html*")
    page.wait_for_function("() => CSS.highlights.has('search')")
    marked = page.evaluate("[...CSS.highlights.get('search')].map(range => range.toString().toLowerCase())")
    assert {"learning", "rate"} <= set(marked)
    in_sight = page.evaluate(
        """() => [...CSS.highlights.get("search")].some(range => {
          const place = range.getBoundingClientRect();
          return place.top >= 0 && place.bottom <= innerHeight;
        })"""
    )
    assert in_sight
    shifts = "new Promise(done => new PerformanceObserver(list => done(list.getEntries().map(e => e.value)))"
    shifts += ".observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done([]), 300))"
    assert sum(page.evaluate(shifts)) < 0.01
    page.keyboard.press("Escape")
    assert not page.evaluate("CSS.highlights.has('search')")
    page.reload()
    page.wait_for_load_state("networkidle")
    assert not page.evaluate("CSS.highlights.has('search')")


@pytest.mark.parametrize(
    ("language", "query"),
    [
        ("zh", "IndexError: Target 10 is out of bounds"),  # answered from the English text
        ("en", 'File "C:\\王\\a.py", line 1 IndexError: Target 10 is out of bounds.'),
    ],
)
def test_a_message_is_marked_in_every_language(
    language: str, query: str, page: Page, url: Callable[..., str]
) -> None:
    page.goto(url(f"{language}/index.html"))
    open_dialog(page)
    ask(page, query)
    assert language == "zh" or page.locator("[role=option] [lang=zh-CN]").count() == 0
    page.keyboard.press("Enter")
    page.wait_for_function("() => CSS.highlights.has('search')")
    marked = page.evaluate("[...CSS.highlights.get('search')].map(range => range.toString().toLowerCase())")
    assert {"target", "bound"} <= {word.removesuffix("s") for word in marked}


def test_a_long_paste_is_remembered_by_its_message(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/index.html"))
    open_dialog(page)
    frames = " ".join(f'File "C:\\someone\\{number}.py", line {number}, in f' for number in range(20))
    ask(
        page, f"Traceback (most recent call last): {frames} ValueError: optimizer got an empty parameter list"
    )
    with page.expect_navigation():
        page.keyboard.press("Enter")
    open_dialog(page)
    expect(page.get_by_role("option").first).to_have_text("ValueError: optimizer got an empty parameter list")
    assert "someone" not in page.evaluate("JSON.stringify(localStorage)")


@pytest.mark.parametrize("missing", ["search-index.js", "search-dialog.js", "search-data.js"])
def test_a_script_that_failed_is_loaded_anew(
    missing: str, page: Page, url: Callable[..., str], journal: Journal
) -> None:
    page.route(f"**/{missing}*", lambda route: route.abort())
    page.goto(url("en/index.html"))
    with page.expect_event("requestfailed"):
        page.keyboard.press(f"{MODIFIER}+k")
    page.wait_for_function(
        "name => ![...document.scripts].some(script => script.src.includes(name))", arg=missing
    )
    page.unroute(f"**/{missing}*")
    if missing == "search-dialog.js":
        open_dialog(page)
    ask(page, "tensor")
    # The missing script is told on the console; those that need it can't run.
    journal.console_errors.clear()
    journal.page_errors.clear()


def test_lines_of_an_address_and_of_a_paste_stay_apart(page: Page, url: Callable[..., str]) -> None:
    told = 'File "a.py"\nValueError: optimizer got an empty parameter list\nProcess finished with exit code 1'
    page.goto(url(f"en/search.html?q={quote(told)}"))
    first = page.locator("#search-results a").first
    expect(first).to_have_attribute("href", re.compile("unregistered_parameters"))
    page.locator("#search-page-input").fill("")
    page.locator("#search-page-input").evaluate(
        """field => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "gradient\\nclipping");
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, cancelable: true}));
        }"""
    )
    page.wait_for_url("**/search.html?q=gradient+clipping")


def test_a_hit_on_the_open_page_marks_it_too(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/shapes.html"))
    open_dialog(page)
    ask(page, "view and reshape contiguous memory")
    page.get_by_role("option").filter(has_text="Changing a tensor’s shape").first.click()
    page.wait_for_function("() => CSS.highlights.has('search')")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_recent_searches_stay_in_the_browser(page: Page, url: Callable[..., str]) -> None:
    asked: list[str] = []
    page.goto(url("en/index.html"))
    page.on("request", lambda request: asked.append(request.url))
    open_dialog(page)
    expect(page.get_by_role("option")).to_have_count(0)
    for text in ("momentum", "hooks", "momentum"):
        ask(page, text)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        open_dialog(page)
    expect(page.get_by_role("option")).to_have_text(["momentum", "hooks", "Forget them"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox")).to_have_value("hooks")
    expect(page.get_by_role("option").first).to_contain_text("hooks")
    assert not [address for address in asked if "momentum" in address.partition("?")[2]]
    page.get_by_role("combobox").fill("")
    page.get_by_role("option", name="Forget them").click()
    expect(page.get_by_role("option")).to_have_count(0)
    assert page.evaluate("localStorage.getItem('recent searches')") is None


def test_control_k_closes_and_tab_goes_round_the_dialog(page: Page, url: Callable[..., str]) -> None:
    page.goto(url("en/basics/shapes.html"))
    open_dialog(page)
    ask(page, "view")
    stops = []
    for _ in range(2):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.className"))
    assert stops[0] == "search-close"
    assert "search-results" not in stops[1]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.press(f"{MODIFIER}+k")
    expect(page.get_by_role("dialog")).to_be_hidden()
    open_dialog(page)


def test_data_is_loaded_when_it_is_wanted(page: Page, url: Callable[..., str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1].split("?")[0]))
    page.goto(url("en/index.html"), wait_until="networkidle")
    assert not {"search-data.js", "search-engine.js"} & set(asked)
    open_dialog(page)
    ask(page, "tensor")
    assert {"search-data.js", "search-engine.js"} <= set(asked)
    assert asked.count("search-data.js") == 1
    ask(page, "张量")
    assert asked.count("search-data.js") == 2


def test_data_that_cannot_be_loaded_is_reported(
    page: Page, url: Callable[..., str], journal: Journal
) -> None:
    page.route("**/search-data.js", lambda route: route.abort())
    page.goto(url("en/index.html"))
    open_dialog(page).get_by_role("combobox").fill("tensor")
    expect(page.get_by_role("status")).to_have_text("The search data could not be loaded.")
    page.unroute("**/search-data.js")
    ask(page, "tensor")
    assert [error for error in journal.console_errors if "ERR_FAILED" in error]
    journal.console_errors.clear()


@BOTH
def test_without_javascript_search_html_says_so(
    new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(url("zh/search.html?q=x"))
    expect(page.get_by_text("请打开JavaScript")).to_be_visible()
    expect(page.locator("#search-form")).to_be_hidden()
    expect(page.get_by_role("button", name="搜索")).to_have_count(0)


@pytest.mark.in_turns
@pytest.mark.parametrize("scheme_of_colours", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_open_dialog_is_accessible(
    scheme_of_colours: Any, width: int, new_page: Callable[..., Page], url: Callable[..., str]
) -> None:
    page = new_page(color_scheme=scheme_of_colours, viewport={"width": width, "height": 800})
    page.goto(url("en/basics/shapes.html"))
    open_dialog(page)
    ask(page, "view size is not compatible with input tensor's size")
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for place in ("dialog", ".search-open", ".sidebar-search-container"):
        found = Axe().run(page, context={"include": [[place]]} if place == "dialog" else place)
        bad = [item for item in found.response["violations"] if item["impact"] in {"serious", "critical"}]
        assert not bad, [(item["id"], [node["html"] for node in item["nodes"]]) for item in bad]
