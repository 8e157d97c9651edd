"""Run every example in this one process, by Sphinx-Gallery's executor: what isolation is measured against.

``python bench_one_process.py PROJECT`` prints a line as each example ends, as the runner does.
"""

from __future__ import annotations

import copy
import logging
import sys
import tempfile
import time
from pathlib import Path

from sphinx_gallery import gen_gallery, gen_rst, py_source_parser, scrapers


def main(project: Path) -> int:
    """Run them in reading order."""
    from sitekit.project.layout import Project

    for name in ("sphinx", "sphinx.sphinx-gallery"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    known = Project.load(project)
    pages = list(known.pages())
    with tempfile.TemporaryDirectory() as folder:
        conf = copy.deepcopy(gen_gallery.DEFAULT_GALLERY_CONF) | {
            "src_dir": folder,
            "image_scrapers": ("sitekit.execute.figures.scrape",),
            "capture_repr": (),
            "plot_gallery": True,
        }
        for number, page in enumerate(pages, 1):
            script = known.example(page)
            began = time.monotonic()
            file_conf, blocks = py_source_parser.split_code_and_text_blocks(script)
            template = f"{folder}/{page.chapter}/{page.name}_{{0:03}}.png"
            variables = {
                "execute_script": True,
                "image_path_iterator": scrapers.ImagePathIterator(template),
                "src_file": str(script),
                "target_file": str(script),
            }
            gen_rst.execute_script(blocks, variables, conf, file_conf)
            if "formatted_exception" in variables:
                print(f"{page.docname}: {variables['formatted_exception']}")
                return 1
            took = time.monotonic() - began
            print(f"[{number}/{len(pages)}] done {page.docname} in {took:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
