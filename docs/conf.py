"""Sphinx configuration: values only. What they mean to this project stands in docs/how_it_works.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "TorchNotes"
author = "TorchNotes authors"
copyright = "2026, TorchNotes authors"
version = release = "0.1.0"

language = "zh_CN"  # `nox -s docs` gives -D language=… for each entry of languages.toml
extensions = [
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
    "myst_nb",
    "sitekit",
]
root_doc = "index"
exclude_patterns = ["gallery", "**.ipynb", "jupyter_execute", "**sg_execution_times.rst"]
templates_path = ["_templates"]
locale_dirs = [str(Path(__file__).parent / "locale-ui")]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!torch).*")]  # of the other libraries no inventory is here
intersphinx_mapping = {  # the file is made by `nox -s inventory`; nothing is fetched
    "torch": ("https://docs.pytorch.org/docs/stable/", str(Path(__file__).parent / "torch.inv")),
}
python_use_unqualified_type_names = True
highlight_language = "none"
numfig = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 0
myst_update_mathjax = False
nb_render_markdown_format = "myst"

# examples_dirs, gallery_dirs and the order of pages come from gallery/curriculum.toml.
sphinx_gallery_conf = {
    "filename_pattern": ".",
    "image_scrapers": ("sitekit.execute.figures.scrape",),
    "within_subsection_order": "sitekit.site.languages.CurriculumOrder",
    "capture_repr": (),
    "inspect_global_variables": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "plot_gallery": True,
    "download_all_examples": False,
    "nested_sections": False,
    "default_thumb_file": None,
}

sitekit_helper_packages = ["src/torchnotes"]
sitekit_bundle = "torchnotes-examples.zip"
sitekit_versions_shown = ["torch"]
sitekit_search_elsewhere = {
    "name": "PyTorch",
    "url": "https://docs.pytorch.org/docs/stable/search.html?q={query}",
}
sitekit_licenses = {"page": "license", "text": "CC BY 4.0", "code": "MIT"}
# Where the project has a tracker: "https://…/new?title={page}+({version})", or "mailto:…".
sitekit_report_url = "contributing.html?page={page}&version={version}#contributing-report"

html_math_renderer = "mathml"
html_theme = "furo"
pygments_style = "a11y-light"
pygments_dark_style = "github-dark-high-contrast"
html_title = "TorchNotes"
html_static_path = ["_static"]
html_css_files = ["site.css", "parallel.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("language.js", "keyboard.js")]
html_additional_pages = {"search": "search.html"}  # sitekit.site.search has put Sphinx's own out of the way
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_baseurl = ""
html_theme_options = {
    "top_of_page_buttons": [],
}
