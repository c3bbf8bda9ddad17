"""Docstrings as mkdocstrings shows them: plain text, in which what is indented is code."""

from __future__ import annotations

from typing import Any

import griffe
from docs.site.markdown import prose


class PlainDocstrings(griffe.Extension):
    """Makes Markdown of each docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = prose(obj.docstring.value)
