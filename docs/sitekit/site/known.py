"""What pages can know of each other, as one digest: a build that renders some pages anew holds it against the last.

Titles, labels, anchors, contents, images, terms and characters of formulas belong to it; a page's own text doesn't.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ..project.files import digest

KNOWN = "known.sha256"
# A page's own reading, what is not about pages, and what only conf.py and files of `docs` decide.
OWN = {
    *("all_docs", "config", "config_status", "config_status_extra", "current_document", "doctreedir"),
    *("intersphinx_cache", "intersphinx_inventory", "intersphinx_named_inventory", "project", "ref_context"),
    *("settings", "srcdir"),
}


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it, the same for equal values."""
    if isinstance(value, nodes.Node):
        return value.pformat()
    if isinstance(value, Mapping):
        return sorted(([_plain(key), _plain(item)] for key, item in value.items()), key=json.dumps)
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    # What has an address in its name is never the same: such a site is built clean every time.
    return [type(value).__qualname__, _plain(vars(value)) if is_dataclass(value) else repr(value)]


def _compare(app: Sphinx, env: BuildEnvironment) -> None:
    path = Path(app.doctreedir) / KNOWN
    now = digest(_plain({name: value for name, value in env.__getstate__().items() if name not in OWN}))
    if app.config.sitekit_reuses and path.read_text(encoding="ascii") != now:
        sys.exit(1)  # no error: the build starts clean
    path.write_text(now, encoding="ascii")


def setup(app: Sphinx) -> None:
    """Connect this module."""
    app.add_config_value("sitekit_reuses", False, "", [bool])
    app.connect("env-updated", _compare, priority=999)
