"""What a checkpoint says of its own training. A stranger's may say nothing, or anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqshell.core.model import Model


def provenance(model: Model, key: str) -> Mapping[str, Any]:
    """What it says of its "data" or its "split"; empty when that is no table."""
    whole = model.header.get("provenance")
    part = whole.get(key) if isinstance(whole, Mapping) else None
    return part if isinstance(part, Mapping) else {}
