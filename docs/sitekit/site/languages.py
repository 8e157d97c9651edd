"""The languages of the site, on the Sphinx side: sources, anchors that are equal, and the switch."""

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from ..project.errors import SourceError
from ..project.layout import GALLERY, Language, Project
from ..steps import clean, locked, prepare
from .state import Context, Doctree, Site, site, sites

logger = logging.getLogger(__name__)


class CurriculumOrder:
    """Sorts the examples of a chapter as the curriculum lists them; Sphinx-Gallery calls it."""

    def __init__(self, src_dir: str) -> None:
        """Keep the place of the order that localising wrote beside the examples in `src_dir`."""
        # Sphinx-Gallery also makes one without a real folder, only to see that it can.
        self.path = Path(src_dir) / "order.json"

    def __call__(self, filename: str) -> int:
        """The place of `filename` in its chapter."""
        order = json.loads(self.path.read_text(encoding="utf-8"))
        return int(order.index(Path(filename).stem))


def _prepare(app: Sphinx, project: Project, language: Language) -> ExitStack:
    """Do what comes before rendering, for a plain ``sphinx-build docs OUT``, as editors and hosts call it."""
    with ExitStack() as stack:
        stack.enter_context(locked(project))
        if not prepare(project):
            raise ExtensionError("an example failed; its block stands above")
        clean(project, [language])
        lock = stack.pop_all()
    # Rendering starts clean here, too: what Sphinx remembers of its last build is of another tree.
    (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    app.srcdir = type(app.srcdir)(project.source_tree(language))
    return lock


def _configure(app: Sphinx, config: Config) -> None:
    alone, lock = Path(app.srcdir) == Path(app.confdir), ExitStack()
    try:
        project = Project.load(Path(app.confdir).parent)
        language = next((item for item in project.languages if item.sphinx == config.language), None)
        if language is None:
            raise ExtensionError(f"language {config.language!r} does not stand in languages.toml")
        if alone:
            lock = _prepare(app, project, language)
    except SourceError as error:
        raise ExtensionError(str(error)) from None
    only = config.sitekit_only
    pages = [page for page in project.pages() if not only or page.docname in only]
    wanted = {page.partition("/")[0] for page in only}
    chapters = [chapter.name for chapter in project.chapters if not only or chapter.name in wanted]
    examples = [f"{GALLERY}/{name}" for name in chapters]
    config.sphinx_gallery_conf |= {"examples_dirs": examples, "gallery_dirs": chapters}
    known = json.loads((Path(app.srcdir) / "anchors.json").read_text(encoding="utf-8"))
    sites[app] = Site(project, language, alone, pages, known, lock)
    if only:
        app.connect("missing-reference", _title)
        _leave_out(config, [page for page in known["anchors"] if page not in only])


def _leave_out(config: Config, pages: Sequence[str]) -> None:
    """Build without `pages`, and say nothing of links to them."""
    config.exclude_patterns = [*config.exclude_patterns, *(f"{page}.*" for page in pages)]
    # Sphinx-Gallery holds this against a file's name alone; names of pages are unique.
    names = (re.escape(page.rpartition("/")[2]) for page in pages)
    config.sphinx_gallery_conf["ignore_pattern"] = "|".join(rf"^{name}\.py$" for name in names)
    config.nitpicky = False
    config.suppress_warnings = [*config.suppress_warnings, "ref", "toc", "myst.xref_missing"]


def _title(app: Sphinx, env: Any, node: addnodes.pending_xref, text: nodes.Element) -> nodes.Element | None:
    """What stands for a link to a page that was left out."""
    titles = site(app).anchors["labels" if node["reftype"] == "ref" else "titles"]
    known = titles.get(node["reftarget"].strip("/"))
    return None if known is None or node.get("refexplicit") else nodes.inline("", known)


def _finished(app: Sphinx, exception: Exception | None) -> None:
    site(app).lock.close()


class EqualAnchors(SphinxTransform):
    """Gives each section the anchor made from its English title, in every language."""

    default_priority = 500  # before the domains note labels

    def apply(self, **kwargs: Any) -> None:
        """Put the anchor first among the section's ids, where permalinks and contents find it."""
        wanted = site(self.app).anchors["anchors"].get(self.env.docname)
        if wanted is None:
            return
        sections = list(self.document.findall(nodes.section))
        if len(sections) != len(wanted):
            logger.warning(
                "%d sections, but %d titles were localised", len(sections), len(wanted),
                location=self.env.docname, type="sitekit", subtype="anchors",
            )  # fmt: skip
            return
        for section, anchor in zip(sections, wanted, strict=True):
            labels = [name for name in section["ids"] if not name.startswith("id")]
            section["ids"] = [anchor, *(name for name in labels if name != anchor)]
            self.document.ids[anchor] = section


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    project = site(app).project
    current = site(app).language
    to_root = "../" * (pagename.count("/") + 1)
    page = app.builder.get_target_uri(pagename)
    base = app.config.html_baseurl
    context["current_language"] = current
    context["language_links"] = [
        {
            "language": language,
            "url": f"{to_root}{language.folder}/{page}",
            "absolute": f"{base.rstrip('/')}/{language.folder}/{page}" if base else "",
        }
        for language in project.languages
        if language == current or not site(app).alone
    ]


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_only", [], "env", [list])
    app.connect("config-inited", _configure, priority=5)  # Sphinx-Gallery reads its values at 10
    app.connect("html-page-context", _page_context)
    app.connect("build-finished", _finished)
    app.add_transform(EqualAnchors)
