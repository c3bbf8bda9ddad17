"""Read what a checkpoint records about its training.

A file from elsewhere may record nothing, or something malformed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqshell.core.model import Model


def provenance(model: Model, key: str) -> Mapping[str, Any]:
    """The table "data" or "split" of the provenance; empty if it is missing or not a table."""
    whole = model.header.get("provenance")
    part = whole.get(key) if isinstance(whole, Mapping) else None
    return part if isinstance(part, Mapping) else {}
