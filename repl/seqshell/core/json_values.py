"""Converts values to JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from seqshell.core.sanitize import safe

DECIMALS = 6


def tidy(value: Any) -> Any:
    """Convert a value to JSON types.

    Floats are rounded to 6 decimals and are None if not finite; arrays become lists, unknown types text.
    """
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0 if math.isfinite(value) else None  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, Mapping):
        return {str(key): tidy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy and torch arrays and numbers
        return tidy(value.tolist())
    return str(value)


def one_line(values: Mapping[str, Any]) -> str:
    """The JSON text of an object, with control characters escaped."""
    text = json.dumps(tidy(values), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if safe(text) == text:
        return text
    return "".join(character if safe(character) == character else json.dumps(character)[1:-1] for character in text)


def parsed(text: str | bytes, **options: Any) -> Any:
    """Parse JSON that a user or a file wrote. options: of `json.loads`. Raises ValueError, also for deep nesting."""
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def unquoted(text: str) -> str | None:
    """Decode a text that is one JSON string; None if it is anything else."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return None
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
