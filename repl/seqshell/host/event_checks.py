"""Checks of the events that plugins make: they can be shown as text, as rows and as JSON."""

from __future__ import annotations

import json
import numbers
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from seqshell.core.events import Event, Notice, Picture, Table, Tables, Text
from seqshell.core.json_values import tidy

_FITTING: Mapping[Any, Any] = {  # an annotation -> what fits it
    str: str,
    bool: bool,
    int: numbers.Integral,
    float: numbers.Real,
    tuple: tuple,
}
_CALLED: Mapping[Any, str] = {numbers.Integral: "an int", numbers.Real: "a float", type(None): "None"}
_OWN = "seqshell."  # where the modules of seqshell's own events begin


def check_event(event: Any, verb: str = "yields") -> None:
    """Raise TypeError for an event that cannot be shown, here where the plugin is known. verb: what the plugin did."""
    if not isinstance(event, Event):
        raise TypeError(f"it {verb} a {type(event).__name__}, which is not an event")
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
    if kind.as_page is not Event.as_page and not kind.__module__.startswith(_OWN):
        _check_page(event.as_page(), kind.__name__)
    json.dumps(tidy(event.as_json()))


def _check_page(page: Any, name: str) -> None:
    """Raise TypeError for a page that cannot be written."""
    if page is None:
        return
    from seqshell.core.pictures import html, layout
    from seqshell.core.pictures.page import Page

    if not isinstance(page, Page):
        raise TypeError(f"the page of a {name} must be a seqshell.pictures.Page or None, not {type(page).__name__}")
    try:
        html.body(page)
        layout.laid_out(page)
    except Exception as error:
        raise TypeError(f"the page of a {name} cannot be written: {error}") from error


def check_shown(event: Any) -> None:
    """Raise TypeError for an event that a hook must not return: one that cannot be shown, or that only a line has."""
    kind = type(event)
    if isinstance(event, Event) and not isinstance(event, Notice | Text | Table | Tables | Picture):
        if kind.__module__.startswith(_OWN):
            raise TypeError(f"it returns a {kind.__name__}, which only a line has; a hook may return what can be shown")
        lacking = [f"{name}()" for name in ("as_text", "as_json") if getattr(kind, name) is getattr(Event, name)]
        if lacking:
            raise TypeError(f"it returns a {kind.__name__}, which has no {' and no '.join(lacking)} of its own")
    check_event(event, "returns")
    if not isinstance(fields := event.as_json(), Mapping):
        raise TypeError(f"the JSON of a {kind.__name__} must be a dict, not {type(fields).__name__}")


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
