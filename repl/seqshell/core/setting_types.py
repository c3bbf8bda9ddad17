"""The types that a setting may have: numbers, texts, on or off, tuples and lists of them, optional and nested ones.

Imports no numpy.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin

WORDS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
NAMES = {bool: "on or off", int: "a whole number", float: "a number", str: "a text"}
SEVERAL = {bool: "on or off", int: "whole numbers", float: "numbers", str: "texts"}

# Builds a nested dataclass from a table.
Nested = Callable[[type[Any], Mapping[str, Any]], Any]


def parse(hint: Any, value: Any, nested: Nested) -> Any:
    """A value from TOML, JSON or a text as the type `hint`; one of another kind of type is left as it is.

    Raises ValueError, TypeError or OverflowError if it does not fit.
    """
    if hint in NAMES:
        return _simple(hint, value)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(parts, value, nested)
    if origin is Literal:
        if value not in parts:
            raise ValueError
        return value
    if origin in (tuple, list):
        return _several(origin, parts, value, nested)
    if isinstance(hint, type) and is_dataclass(hint) and not isinstance(value, hint):
        if not isinstance(value, Mapping):
            raise TypeError
        return nested(hint, value)
    return value


def _simple(kind: type, value: Any) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or value.lower() not in WORDS:
            raise ValueError
        return WORDS[value.lower()]
    if kind is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    if kind is int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    number = float(value)
    if number != number:
        raise ValueError
    return number


def _one_of(kinds: tuple[Any, ...], value: Any, nested: Nested) -> Any:
    if type(None) in kinds and (value is None or (isinstance(value, str) and value == "none" and str not in kinds)):
        return None
    for kind in kinds:
        if kind is not type(None):
            try:
                return parse(kind, value, nested)
            except (ValueError, TypeError, OverflowError):
                continue
    raise ValueError


def _several(kind: type, parts: tuple[Any, ...], value: Any, nested: Nested) -> Any:
    if not isinstance(value, list | tuple):
        raise TypeError
    if not parts:
        return kind(value)
    number = fixed_length(kind, parts)
    if number is not None and len(value) != number:
        raise ValueError
    hints = parts if number is not None else (parts[0],) * len(value)
    return kind(parse(hint, item, nested) for hint, item in zip(hints, value, strict=True))


def fixed_length(kind: type, parts: tuple[Any, ...]) -> int | None:
    """How many items a tuple[X, Y] has; None for tuple[X, ...] and list[X]."""
    return None if kind is list or Ellipsis in parts else len(parts)


def described(hint: Any) -> str:
    """A type in words: "a whole number", "2 numbers", "texts or none", "a table"; "a value" for any other."""
    if hint in NAMES:
        return NAMES[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if part is type(None) else described(part) for part in parts)
    if origin is Literal:
        return " or ".join(map(str, parts))
    if origin in (tuple, list) and parts:
        number = fixed_length(origin, parts)
        names = {SEVERAL.get(part, f"items, each {described(part)}") for part in parts if part is not Ellipsis}
        several = names.pop() if len(names) == 1 else "values"
        return f"a list of {several}" if number is None else f"{number} {several}"
    if origin in (tuple, list) or hint in (tuple, list):
        return "a list"
    return "a table" if isinstance(hint, type) and is_dataclass(hint) else "a value"


def scalars(value: Any) -> Iterator[Any]:
    """A value, or each item of a list or tuple of values."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from scalars(item)
    else:
        yield value


def nested_type(hint: Any) -> type[Any] | None:
    """The dataclass that a setting holds, perhaps an optional one; None for other types."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return next((kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)), None)


@lru_cache(maxsize=256)  # Python compiles each annotation anew
def hints_of(kind: type[Any]) -> Mapping[str, Any]:
    """The types of a dataclass's fields. Raises whatever an annotation raises."""
    return MappingProxyType(typing.get_type_hints(kind))
