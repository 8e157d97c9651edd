"""What other packages don't promise and the engine counts on all the same: each place, who needs it, and why.

`check` tells before a build which of these places the installed versions no longer have. Public interfaces are not
listed. `docs/how_it_works.md` lists the same places for readers, by module.
"""

import inspect
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from .errors import SitekitError

NAMES = {
    **{"docutils": "docutils", "furo": "Furo", "livereload": "livereload", "myst_nb": "MyST-NB"},
    **{"myst_parser": "MyST-Parser", "sphinx": "Sphinx", "sphinx_gallery": "Sphinx-Gallery"},
}
FURO_TOOLS = (
    '<div class="theme-toggle-container theme-toggle-content">',
    '<div class="theme-toggle-container theme-toggle-header">',
)
FURO_FOOTER = '<div class="right-details">'
FURO_TOGGLES = '<input type="checkbox" class="sidebar-toggle"'
FURO_SKIP = '<a class="skip-to-content'
TABLE = f"""
sphinx_gallery.gen_rst:execute_code_block(compiler, block, example_globals, script_vars, gallery_conf, file_conf) | execute.worker | runs a block of a script
sphinx_gallery.gen_rst:_LoggingTee(src_filename); sphinx_gallery.gen_rst:_LoggingTee.set_std_and_reset_position(self); sphinx_gallery.gen_rst:_LoggingTee.restore_std(self) | execute.worker | replaced: it doesn't hear child processes
sphinx_gallery.gen_gallery:DEFAULT_GALLERY_CONF; sphinx_gallery.gen_rst:_check_input(prompt) | execute.worker | what a run without Sphinx needs
sphinx_gallery.gen_rst:handle_exception(exc_info, src_file, script_vars, gallery_conf); sphinx_gallery.gen_rst:_get_last_repr(capture_repr, ___) | execute.worker | the first replaced, to have the error itself; the second wrapped, to have the value of a last expression
sphinx_gallery.py_source_parser:split_code_and_text_blocks(source_file, return_node, …) | execute.worker, site.downloads | cuts a script into its blocks
sphinx_gallery.backreferences:identify_names(script_blocks, ref_regex, global_variables, node, …) | execute.names | finds the names in code that become links
sphinx_gallery.utils:get_md5sum(src_file, mode, …); sphinx_gallery/_doctree_links.py: .codeobj.json | site.records_on_page | notes beside a page: that it is current, and the names in its code
sphinx_gallery.gen_rst:execute_script(script_blocks, script_vars, gallery_conf, file_conf) | site.records_on_page | runs a script's blocks; for a page, a function that returns recorded outputs takes its place
sphinx_gallery._doctree_links:code_links_block | site.code_links, site.sections | code with links in it
sphinx_gallery/gen_rst.py: sphx-glr-script-out | site.error_index | marks output
sphinx_gallery/gen_rst.py: sphx-glr-footer; sphinx_gallery/gen_rst.py: sphx-glr-download-link-note | site.downloads | marks the download links, which move into the box under the title, and a note
sphinx_gallery/backreferences.py: sphx-glr-thumbnails | site.page_cards | marks the thumbnails, which give way to cards
myst_nb.core.execute:NotebookClientBase; myst_nb.core.execute:NotebookClientDirect | site.records_on_page | gives a page its outputs; one that has them from the record takes its place
myst_nb.core.config:NbParserConfig.merge_streams; myst_nb.core.config:NbParserConfig.render_text_lexer | site.records_on_page | set, so that text stays in its order and as it was printed
myst_nb/core/execute/__init__.py: from .cache import NotebookClientCache; myst_nb/core/execute/__init__.py: from .direct import NotebookClientDirect; myst_nb/core/execute/__init__.py: from .inline import NotebookClientInline | site.renderer | modules with stand-ins, which import nothing
myst_nb/sphinx_.py: <details class="admonition hide | site.assets | marks a folded answer
myst_nb/sphinx_.py: <summary aria-label="Toggle hidden content"> | site.chrome | a label that hides the words on it
docutils.parsers.rst.states:Inliner.parse(self, text, lineno, memo, parent) | site.parallel_text | reads one paragraph without a document around it
docutils.writers._html_base:SimpleListChecker.ignore_node(self, node) | site.parallel_text | keeps a list compact when counterparts stand in it
myst_parser.parsers.mdit:create_md_parser(config, renderer); myst_parser.mdit_to_docutils.sphinx_:SphinxRenderer.setup_render(self, options, env); myst_parser.mdit_to_docutils.sphinx_:SphinxRenderer.nested_render_text(self, text, lineno, inline, …) | site.parallel_text | read one paragraph of Markdown
sphinx.transforms:SphinxSmartQuotes.is_available(self) | site.parallel_text | overridden: the other language has its own quotes
furo/theme/furo/page.html: {FURO_TOOLS[0]}; furo/theme/furo/page.html: {FURO_TOOLS[1]}; furo/theme/furo/page.html: {FURO_FOOTER} | site.chrome | where our tools and our footer come in
furo/theme/furo/page.html: {FURO_TOGGLES}; furo/theme/furo/page.html: {FURO_SKIP} | site.chrome | the link to the text, which moves before the toggles
furo/navigation.py: Toggle navigation of; furo/__init__.py: context["furo_navigation_tree"] | site.chrome | a label that no catalogue translates
furo/theme/furo/base.html: {{% block body %}} | site.security | has the theme's one inline script, which is allowed by its hash
docutils.parsers.rst.directives:_directives; docutils.parsers.rst.roles:_roles | markup.text_cells | put aside while a notebook's text is read
sphinx/environment/__init__.py: def __getstate__(self) | site.known | what pages can know of each other
sphinx.application:builtin_extensions | site.renderer | what is imported before there is something to render
livereload.handlers:LiveReloadHandler._last_reload_time | publish.live | set back, so that no quick build is missed
"""
"""In a line: places, who uses them, why."""


@dataclass(frozen=True)
class Seam:
    """A place in another package that is private, or not documented."""

    place: str
    """``module:name``, ``module:name(parameters)`` with ``…`` where more may follow, or ``package/file: text in it``."""
    used_by: tuple[str, ...]
    """The modules that count on it, as ``room.module``."""
    why: str

    @property
    def package(self) -> str:
        """The package that it belongs to."""
        return self.place.partition(":")[0].partition("/")[0].partition(".")[0]

    def is_there(self) -> bool:
        """Whether the installed version has it."""
        path, _, text = self.place.partition(": ")
        if text:
            return text in _text(path)
        name, _, parameters = self.place.rstrip(")").partition("(")
        try:
            found = resolve_name(name)
        except (ImportError, AttributeError):
            return False
        wanted, names = (
            parameters.split(", "),
            list(inspect.signature(found).parameters) if parameters else [""],
        )
        return names == wanted or (wanted[-1] == "…" and names[: len(wanted) - 1] == wanted[:-1])


SEAMS = tuple(
    Seam(place, tuple(used_by.split(", ")), why)
    for places, used_by, why in (line.split(" | ") for line in TABLE.strip().splitlines())
    for place in places.split("; ")
)


@cache
def _text(path: str) -> str:
    """What stands in a package's file, found without importing the package; nothing where there is none."""
    package, _, inner = path.partition("/")
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    file = Path(next(iter(folders)), inner) if folders else Path()
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def check(*rooms: str) -> None:
    """Make sure that the installed packages have what the modules of `rooms` count on.

    What is not installed is not used.

    Raises
    ------
    SitekitError
        With a sentence for each place that is gone.
    """
    sentences = []
    for seam in SEAMS:
        users = [
            f"sitekit/{name.replace('.', '/')}.py" for name in seam.used_by if name.split(".")[0] in rooms
        ]
        if users and find_spec(seam.package) and not seam.is_there():
            name = NAMES[seam.package]
            gone = f"{name} {version(name)} has no {seam.place} any more"
            sentences.append(f"sitekit: {gone}; install an earlier one or adapt {' and '.join(users)}")
    if sentences:
        raise SitekitError("\n".join(sentences))
