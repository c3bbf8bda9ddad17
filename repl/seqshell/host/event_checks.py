"""Checks of the events that plugins make: they can be shown as text, as rows and as JSON."""

from __future__ import annotations

import json
import numbers
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from seqshell.core.events import Event, Table
from seqshell.core.json_values import tidy

_FITTING: Mapping[Any, Any] = {  # an annotation -> what fits it
    str: str,
    bool: bool,
    int: numbers.Integral,
    float: numbers.Real,
    tuple: tuple,
}
_CALLED: Mapping[Any, str] = {numbers.Integral: "an int", numbers.Real: "a float", type(None): "None"}


def check_event(event: Any) -> None:
    """Raise TypeError for an event that cannot be shown, here where the plugin is known."""
    if not isinstance(event, Event):
        raise TypeError(f"it yields a {type(event).__name__}, which is not an event")
    kind: Any = type(event)
    for name, expected in _field_types(kind).items():
        if not isinstance(value := getattr(event, name), expected):
            wanted = " or ".join(_CALLED.get(each, f"a {each.__name__.lower()}") for each in expected)
            raise TypeError(f"the {name} of a {kind.__name__} must be {wanted}, not {type(value).__name__}")
    if isinstance(event, Table) and not all(isinstance(row, tuple | list) for row in (event.columns, *event.rows)):
        raise TypeError("the columns and each row of a Table must be tuples")
    text = event.as_text()
    if text is not None and not isinstance(text, str):
        raise TypeError(f"the text of a {kind.__name__} must be a str, not {type(text).__name__}")
    event.as_rows()
    json.dumps(tidy(event.as_json()))


@cache
def _field_types(kind: type[Any]) -> Mapping[str, tuple[type[Any], ...]]:
    """The fields of an event that have simple types, and these types."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        parts = tuple(typing.get_origin(part) or part for part in parts)
        if name in getattr(kind, "__dataclass_fields__", {}) and all(
            part in _FITTING or part is type(None) for part in parts
        ):
            found[name] = tuple(_FITTING.get(part, part) for part in parts)
    return found
