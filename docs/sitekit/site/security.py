"""Puts the Content-Security-Policy into the head of every page.

The theme's one inline script is allowed by its hash, which is made from the script as the theme renders it.
"""

import re

from sphinx.application import Sphinx

from ..project.policy import meta
from .state import Context, Doctree, site

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def _theme_scripts(app: Sphinx) -> None:
    """Render the part of the theme that has an inline script, and note what stands in it."""
    templates = getattr(app.builder, "templates", None)
    if templates is None:
        return
    template = templates.environment.get_template("base.html")
    rendered = "".join(template.blocks["body"](template.new_context({})))
    site(app).policy = meta(INLINE_SCRIPT.findall(rendered))


def _page_context(app: Sphinx, pagename: str, template: str, context: Context, doctree: Doctree) -> None:
    """Put the policy before everything else that the page's head may load."""
    if not app.config.sitekit_policy:
        return
    context["metatags"] = f"\n    {site(app).policy}{context.get('metatags', '')}"


def setup(app: Sphinx) -> None:
    """Connect this module."""
    # Without it where a server puts a script of its own into each page, as `nox -s live` does.
    app.add_config_value("sitekit_policy", True, "html", [bool])
    app.connect("builder-inited", _theme_scripts, priority=950)  # when all have changed the templates
    app.connect("html-page-context", _page_context, priority=960)
