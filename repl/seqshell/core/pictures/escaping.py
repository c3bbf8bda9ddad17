"""Makes any text safe in HTML and SVG, inside elements and in quoted attributes."""

from __future__ import annotations

import html
from collections.abc import Mapping

from seqshell.core.sanitize import safe

# Code points that XML 1.0 excludes even as references, beside those that `safe` makes visible.
_EXCLUDED: Mapping[int, str] = dict.fromkeys(
    [*range(0xFDD0, 0xFDF0), *(plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))],
    "\ufffd",
)


def escaped(text: str) -> str:
    """The text with tags and quotes as references, and control characters and changes of direction made visible."""
    found = html.escape(safe(text))
    return found if found.isascii() else found.translate(_EXCLUDED)
