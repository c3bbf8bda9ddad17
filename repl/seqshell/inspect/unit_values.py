"""The values of one unit: at a position of a session, and at those before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.state import State, as_array, leaves
from seqshell.inspect.addresses import Unit, parse_unit, unit_text
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.state_record import any_inputs, arrays

MAX_BACK = 500  # tokens


def single_unit(text: str, session: Session) -> Unit:
    """The unit of an address that is one number. UsageError if it is none, or many numbers."""
    if not session.model.causal:
        raise UsageError(f"{session.model.name} reads whole texts and has no state", code="no_state")
    state = after_one(session) if session.model.grows else session.state
    unit = parse_unit(text, state)
    shape = list(leaves(state))[unit.number].shape[1 + len(unit.index) :]
    if shape:
        first, last = (
            unit_text(unit.leaf, (*unit.index, *(end(size) for size in shape)))
            for end in (lambda size: 0, lambda size: max(0, size - 1))
        )
        raise UsageError(
            f"{unit} is {' x '.join(map(str, shape))} numbers; name one of them, {first} to {last}", code="unit"
        )
    return unit


def after_one(session: Session, record: StateRecord | None = None) -> State:
    """A state, by default the one here, after one more token: of arrays [1, ...]. Leaves that grow are not empty."""
    cursor = session.behaviour.cursor
    state = cursor.here.state if record is None else cursor.own(record.state)
    return arrays(cursor.decoder.step(any_inputs(cursor.model, 1), state)[1])


def real(values: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Values as real numbers: complex ones by their absolute values, whole numbers and booleans as they are."""
    found: NDArray[np.floating[Any]] = np.abs(values) if values.dtype.kind == "c" else values
    return found if found.dtype.kind == "f" else found.astype(np.float64)


def value_of(unit: Unit, state: State) -> float | None:
    """The value of a unit in a state with leaves [1, ...]; None if the leaf is shorter there."""
    leaf = as_array(list(leaves(state))[unit.number])
    place = (0, *unit.index)
    if any(not -size <= index < size for index, size in zip(place, leaf.shape, strict=True)):
        return None
    return float(real(leaf[place]))


def typical_size(unit: Unit, session: Session) -> float:
    """The absolute value that 95 % of the units of a unit's layer do not exceed here."""
    leaf = np.atleast_1d(real(as_array(list(leaves(session.here.state))[unit.number]))[(0, *unit.index[:-1])])
    finite = np.abs(leaf[np.isfinite(leaf)])
    return float(np.quantile(finite, 0.95)) if finite.size else 0.0


def value_at(unit: Unit, session: Session, position: int) -> float | None:
    """The value of a unit at a position of the current branch."""
    return value_of(unit, session.ancestor(session.position - position).state)


def values_before(unit: Unit, session: Session, position: int) -> Iterator[float]:
    """The values at the positions up to this one, as far as they are kept; at most MAX_BACK."""
    cursor = session.behaviour.cursor
    for depth in range(max(0, position - MAX_BACK), position):
        kept = cursor.store.get(cursor.timeline.ancestor(cursor.here.node, depth))
        if kept is not None and (value := value_of(unit, kept.state)) is not None:
            yield value
