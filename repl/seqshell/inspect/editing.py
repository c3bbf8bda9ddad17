"""Edits of states: mixing two, and writing or adding a number. Each returns a new state; the old one stays as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.state import State, map_leaves
from seqshell.core.text_output import quoted
from seqshell.inspect.addresses import Unit
from seqshell.session.state_record import leaf_names

WHOLE = "biu"  # kinds of numbers that cannot be mixed


def mixed(one: State, other: State, weight: float, unit: Unit | None = None) -> State:
    """(1 - weight) * one + weight * other, of everything or of one unit; the rest is that of `one`.

    Whole numbers and booleans are those of `one`, and with a weight of 1 those of `other`. UsageError if the shapes of
    the two differ.
    """
    if unit is not None:
        return unit.put(one, _mixed(str(unit), unit.of(one), unit.of(other), weight))
    names = iter(leaf_names(one))
    return map_leaves(lambda first, second: _mixed(next(names), first, second, weight), one, other)


def _mixed(name: str, one: NDArray[Any], other: NDArray[Any], weight: float) -> NDArray[Any]:
    if one.shape != other.shape:
        raise UsageError(f"{name} has the shape {list(one.shape)} in one state and {list(other.shape)} in the other")
    if weight in (0, 1) or one.dtype.kind in WHOLE:
        return other if weight == 1 else one
    with np.errstate(all="ignore"):
        found: NDArray[Any] = ((1 - weight) * one + weight * other).astype(one.dtype)
    if np.isnan(found).any():
        raise UsageError(f"{name} has infinite numbers, which cannot be mixed", code="nan")
    return found


def kept_leaves(one: State, other: State) -> list[str]:
    """The leaves of whole numbers in which two states differ: `mixed` does not mix them."""
    kept: list[str] = []
    names = iter(leaf_names(one))

    def look(first: NDArray[Any], second: NDArray[Any]) -> None:
        name = next(names)
        if first.dtype.kind in WHOLE and not np.array_equal(first, second):
            kept.append(name)

    map_leaves(look, one, other)
    return kept


def written(state: State, unit: Unit, value: str) -> State:
    """The state with one number, or every number of a layer, set to a value that the user wrote."""
    return unit.put(state, _fitting(unit, unit.of(state), _number(unit, state, value)))


def added(state: State, unit: Unit, value: str) -> State:
    """The state with a value that the user wrote added to one number, or to every number of a layer."""
    before = unit.of(state)
    if before.dtype.kind == "b":
        raise UsageError(f"{unit} is true or false; /state set {unit} 1 changes it")
    number = _number(unit, state, value)
    return unit.put(state, _fitting(unit, before, before.astype(object) + number))


def _number(unit: Unit, state: State, value: str) -> Any:
    """A value of the kind of numbers that a unit has. UsageError if it is none, NaN or infinite."""
    kind = unit.of(state).dtype.kind
    expected = {"b": "0 or 1", "i": "a whole number", "u": "a whole number", "c": "a finite number such as 1+2j"}
    try:
        if kind == "b":
            return {"0": False, "1": True, "false": False, "true": True}[value.lower()]
        if kind in "iu":
            return int(value)
        number = complex(value) if kind == "c" else float(value)
        if math.isfinite(abs(number)):
            return number
    except (ValueError, KeyError, OverflowError):
        pass
    wanted = expected.get(kind, "a finite number")
    raise UsageError(f"the value of {unit} must be {wanted}, not {quoted(value)}", code="value")


def _fitting(unit: Unit, before: NDArray[Any], values: Any) -> NDArray[Any]:
    """The values with the dtype of those before. UsageError if they are too large for it."""
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(values).astype(before.dtype)
            exact = before.dtype.kind not in "iu" or np.array_equal(found, np.asarray(values))
            finite = not (np.isinf(found) & ~np.isinf(before)).any() and not np.isnan(found).any()
    except OverflowError:
        exact = finite = False
    if not (exact and finite):
        raise UsageError(f"the value is too large for {unit}, which is {before.dtype}", code="value")
    return found
