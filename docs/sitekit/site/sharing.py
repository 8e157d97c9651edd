"""What machines read of a page: its description, its card in chats and social media, and the sitemap.

Cards and sitemaps take whole addresses, so the parts of them that need one are written only where the
configuration says, by ``html_baseurl``, where the site will stand.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from ..markup.units import HAN
from .state import Context, Doctree, site
from .synopsis import SENTENCE

LONGEST, LONGEST_HAN = 200, 110
AROUND_HAN = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) | (?=[\u3000-\u9fff\uff00-\uffef])")


def _words(node: nodes.Node) -> str:
    """The text of a paragraph; a formula stays where it reads as text."""
    if isinstance(node, nodes.math):
        text = node.astext()
        return text if re.fullmatch(r"[\w\s+=,()-]+", text) else "…"
    if isinstance(node, nodes.Text):
        return node.astext()
    return "".join(_words(child) for child in node.children)


def description(doctree: nodes.document) -> str:
    """The sentences of a page's first paragraph, as many as a search engine shows."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not isinstance(paragraph.parent, nodes.section) or paragraph["classes"]:
            continue
        # reStructuredText wants blanks around its markup, Chinese doesn't.
        text = AROUND_HAN.sub("", " ".join(_words(paragraph).split()))
        longest = LONGEST_HAN if HAN.search(text) else LONGEST
        chosen = ""
        for sentence in SENTENCE.findall(text) or [text]:
            if chosen and len(chosen + sentence) > longest:
                break
            chosen += sentence
        return chosen.strip()
    return ""


def _facts(app: Sphinx, context: Context, doctree: nodes.document) -> Iterator[tuple[str, str]]:
    """What the head of a page says of it, by name."""
    current = context["current_language"]
    if text := description(doctree):
        yield "description", text
    yield "og:type", "article"
    yield "og:site_name", app.config.project
    yield "og:title", html.unescape(re.sub(r"<[^>]*>", "", context["title"] or app.config.project))
    if text:
        yield "og:description", text
    for link in context["language_links"]:
        name = "og:locale" if link["language"] == current else "og:locale:alternate"
        yield name, link["language"].tag.replace("-", "_")
    if base := app.config.html_baseurl.rstrip("/"):
        yield "og:url", context["pageurl"]
        figures = (image for image in doctree.findall(nodes.image) if "only-light" in image["classes"])
        if image := next(figures, None):
            name = app.builder.images.get(image["uri"]) or image["uri"].rpartition("/")[2]
            yield "og:image", f"{base}/{current.folder}/{app.builder.imagedir}/{name}"
            for name in ("alt", "width", "height"):
                yield f"og:image:{name}", str(image.get(name, ""))
            yield "twitter:card", "summary_large_image"


def _share(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    links = {link["language"]: link for link in context["language_links"]}
    if context.get("pageurl"):
        # Sphinx knows no folder above its own.
        context["pageurl"] = links[context["current_language"]]["absolute"]
    for name, content in _facts(app, context, doctree) if doctree else ():
        kind = "property" if name.startswith("og:") else "name"
        context["metatags"] += f'\n    <meta {kind}="{name}" content="{html.escape(content)}">'


def _sitemap(app: Sphinx, exception: Exception | None) -> None:
    """List every page in every language; the build moves it up, above the languages."""
    base = app.config.html_baseurl.rstrip("/")
    if exception or not base or app.builder.format != "html":
        return
    project, own = site(app).project, site(app).language
    languages = [item for item in project.languages if item == own or not site(app).alone]
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">',
    ]
    for page in sorted(app.env.found_docs):
        address = html.escape(app.builder.get_target_uri(page))
        places = {item.tag: f"{html.escape(base)}/{item.folder}/{address}" for item in languages}
        alternates = "".join(
            f'<xhtml:link rel="alternate" hreflang="{tag}" href="{place}"/>' for tag, place in places.items()
        )
        lines += [f"<url><loc>{place}</loc>{alternates}</url>" for place in places.values()]
    path = Path(app.outdir) / "sitemap.xml"
    path.write_text("\n".join([*lines, "</urlset>", ""]), encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.connect("html-page-context", _share, priority=600)  # after the language links are known
    app.connect("build-finished", _sitemap)
