"""The Content-Security-Policy of every page: what its browser may load, and from where.

A ``<meta>`` says it, because the site is also read from ``file://``. Scripts come from the site's own files;
the theme's one inline script is allowed by its hash.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable


def meta(inline_scripts: Iterable[str] = ()) -> str:
    """The tag for the head of a page that has `inline_scripts`; it must stand before every script."""
    hashes = [
        f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in inline_scripts
    ]
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *hashes],
        # Docutils and the theme write style attributes, and the theme one block of colours.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    }
    content = "; ".join(" ".join([name, *values]) for name, values in policy.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{content}">'
