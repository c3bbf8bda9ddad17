"""Values to JSON and back, the same everywhere in this project."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

DECIMALS = 6


def tidy(value: Any) -> Any:
    """A value as JSON has it: floats rounded to 6 decimals, non-finite ones null, arrays as lists; what is unknown as its text."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0 if math.isfinite(value) else None  # + 0.0: no minus before a zero
    if isinstance(value, Mapping):
        return {str(key): tidy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(inner) for inner in value]
    if hasattr(value, "tolist"):  # arrays and numbers of numpy and torch
        return tidy(value.tolist())
    return str(value)


def unquoted(text: str) -> str | None:
    """The text that one JSON string means; None when the text as a whole is no such string."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return None
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
