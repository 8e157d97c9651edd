"""What machines read: descriptions, cards for chats and social media, the sitemap, the page for wrong addresses."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests import built
from tests.built import LANGUAGES, PROJECT, SITE, WRITTEN

BASE = "https://carnet.example/livre"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "x": "http://www.w3.org/1999/xhtml"}
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


def meta(soup: BeautifulSoup) -> dict[str, str]:
    """The descriptions of a page, by name."""
    tags = soup.select("head meta[content]:is([name], [property])")
    return {str(tag.get("name") or tag.get("property")): str(tag["content"]) for tag in tags}


@in_every_language
@pytest.mark.usefixtures("site_root")
def test_every_page_describes_itself(language: str) -> None:
    seen: dict[str, str] = {}
    for docname in WRITTEN:
        soup = built.html(language, docname)
        found = meta(soup)
        text = found["description"]
        assert 15 <= len(text) <= 300, (docname, text)
        assert bool(built.HAN.search(text)) == (language == "zh")
        assert not re.search(r"[<>`$\\]|[\u4e00-\u9fff] [\u4e00-\u9fff]", text), (docname, text)
        assert found["og:description"] == text
        heading = built.text(built.article(language, docname).select("h1")[0]).removesuffix("¶")
        assert found["og:title"] == heading
        assert found["og:locale"] == next(
            item.tag.replace("-", "_") for item in PROJECT.languages if item.folder == language
        )
        assert text not in seen, (docname, seen[text])
        seen[text] = docname


@pytest.mark.usefixtures("site_root")
def test_a_site_that_knows_no_address_of_its_own_gives_none() -> None:
    assert not (SITE / "sitemap.xml").exists()
    found = meta(built.html("zh", "basics/norms"))
    assert not {"og:url", "og:image"} & set(found)
    assert not built.html("zh", "basics/norms").select("link[rel=canonical]")


def test_a_card_has_whole_addresses(foreign_gallery: Path) -> None:
    html = foreign_gallery / "build" / "html"
    soup = BeautifulSoup((html / "de/bases/courbe.html").read_text(encoding="utf-8"), "html.parser")
    found = meta(soup)
    assert found["og:url"] == f"{BASE}/de/bases/courbe.html"
    assert soup.select("link[rel=canonical]")[0]["href"] == found["og:url"]
    assert found["og:image"].startswith(f"{BASE}/de/")
    assert (html / found["og:image"].removeprefix(f"{BASE}/")).is_file()
    assert found["og:image:alt"] == "eine steigende Linie"
    assert int(found["og:image:width"]) > int(found["og:image:height"]) > 100
    assert found["twitter:card"] == "summary_large_image"
    without = BeautifulSoup((html / "de/bases/poids.html").read_text(encoding="utf-8"), "html.parser")
    assert "og:image" not in meta(without)


def test_the_sitemap_lists_every_page_with_its_other_language(foreign_gallery: Path) -> None:
    html = foreign_gallery / "build" / "html"
    assert [path.relative_to(html).as_posix() for path in html.rglob("sitemap.xml")] == ["sitemap.xml"]
    listed = set()
    for entry in ET.parse(html / "sitemap.xml").getroot().findall("s:url", SITEMAP):
        place = entry.findtext("s:loc", None, SITEMAP)
        assert place is not None
        listed.add(place.removeprefix(f"{BASE}/"))
        alternates = {link.get("hreflang"): link.get("href") for link in entry.findall("x:link", SITEMAP)}
        assert set(alternates) == {"fr", "de"}
        assert place in alternates.values()
    written = {path.relative_to(html).as_posix() for path in html.glob("*/**/*.html")}
    made = {f"{language}/{name}.html" for language in ("fr", "de") for name in ("search", "genindex")}
    assert listed == {path for path in written - made if "/_" not in path}
