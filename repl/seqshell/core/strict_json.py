"""Read JSON from a file that nobody vouches for: no NaN, infinities, duplicate keys or deep nesting."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 32  # of objects and lists inside one another
MAX_REASON = 200  # characters


def read_object(text: bytes | str) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError with the reason, in one line."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(str(error)[:MAX_REASON]) from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for part in level
            for inner in (part.values() if isinstance(part, dict) else part)
            if isinstance(inner, dict | list)
        ]
    if level:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value
