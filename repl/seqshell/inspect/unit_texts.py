"""Texts and the units of the state: the values of one unit at each token, or of all units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import ColouredText
from seqshell.core.growth import growth_axis
from seqshell.core.pictures.page import Scale
from seqshell.core.state import State, leaves
from seqshell.inspect.addresses import Unit, unit_text
from seqshell.inspect.tracing import branch_text, chunks
from seqshell.inspect.unit_values import after_one, real
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.page import TokenColours
from seqshell.session.state_record import leaf_names

MAX_NUMBERS = 2**28  # of all units at all tokens: 1 GB


class UnitText:
    """The values of a unit after each token of a text. `steps` reads the text, from the state here or from a record.

    name: of the text, e.g. "main".
    """

    def __init__(
        self, session: Session, unit: Unit, ids: list[int], record: StateRecord | None, name: str = ""
    ) -> None:
        self.texts: list[str] = []
        self.values: list[float] = []
        self.pieces: list[bytes] = []
        self._piece_of = session.model.tokenizer.piece
        self._unit = unit
        self._title = " · ".join(filter(None, (f"{unit} of {session.model.name}", name)))
        self._parts = chunks(session, ids, record)

    def steps(self) -> Iterator[None]:
        """Read one part of the text after the other."""
        for part in self._parts:
            self.texts += part.texts
            self.pieces += map(self._piece_of, part.ids)
            self.values += map(float, real(self._at_unit(part.arrays[self._unit.leaf])))
            yield

    def _at_unit(self, leaf: NDArray[Any]) -> NDArray[Any]:
        """The values [T] of a leaf [T, ...] or, if it grows, of what each token added to it."""
        place: tuple[Any, ...] = (slice(None), *self._unit.index)
        try:
            return np.asarray(leaf[place])
        except IndexError:
            unit = self._unit
            raise UsageError(
                f"{unit} is one place of {unit.leaf}, which grows with the text; -1 is the newest", code="unit"
            ) from None

    def coloured(self) -> ColouredText:
        """The text, coloured by the values so far."""
        finite = [value for value in self.values if math.isfinite(value)] or [0.0]
        ends = min(finite), max(finite)
        texts, values, pieces = tuple(self.texts), tuple(self.values), tuple(self.pieces)
        return ColouredText(texts, values, *ends, self._title, str(self._unit), pieces)


def session_colours(session: Session, unit: Unit) -> TokenColours:
    """The values of a unit at each token of all branches, on a scale for all of them."""
    navigator, values = session.behaviour.navigator, dict[int, float]()
    for branch in session.branches():
        if branch.position:
            found = UnitText(session, unit, *branch_text(session, branch.name))
            for _ in found.steps():
                pass
            nodes = session.behaviour.cursor.timeline.nodes_to(navigator.node(branch.name))
            values |= dict(zip(nodes, found.values, strict=True))
    finite = [value for value in values.values() if math.isfinite(value)] or [0.0]
    return TokenColours(values, Scale(min(finite), max(finite), str(unit)))


class AllUnits:
    """The values [U, T] of all units after each token of a text, which `steps` reads as that of UnitText.

    names: of the units. Of a leaf that grows, what each token adds to it: place -1 of it. UsageError if the model has
    no units.
    """

    def __init__(self, session: Session, ids: list[int], record: StateRecord | None) -> None:
        self.done = 0
        self._parts = chunks(session, ids, record)
        shapes = _shapes(session, record)
        self.names = [name for leaf, shape in shapes.items() for name in _addresses(leaf, shape)]
        if not self.names:
            raise UsageError(f"{session.model.name} has no state, so it has no units", code="no_state")
        self._leaves = tuple(shapes)
        self.values: NDArray[np.floating] = np.zeros((len(self.names), len(ids)), np.float32)

    def steps(self) -> Iterator[None]:
        """Read one part of the text after the other."""
        for part in self._parts:
            size = len(part)
            rows = np.concatenate([real(part.arrays[leaf]).reshape(size, -1) for leaf in self._leaves], 1)
            if rows.dtype.itemsize > self.values.dtype.itemsize:
                self.values = self.values.astype(rows.dtype)
            self.values[:, self.done : self.done + size] = rows.T
            self.done += size
            yield


def most_tokens(session: Session) -> int:
    """How many tokens of a text AllUnits can hold."""
    size = sum(int(leaf.size) for leaf in leaves(session.state))
    return max(1, MAX_NUMBERS // max(1, size))


def _shapes(session: Session, record: StateRecord | None) -> Mapping[str, tuple[tuple[int, int], ...]]:
    """Of each leaf, the (first, last) index along each of its axes without the batch.

    Of one that grows, the places that one token adds, counted from the end.
    """
    state: State = session.state if record is None else record.state
    after = after_one(session, record) if session.model.grows else state
    places = {}
    for name, one, other in zip(leaf_names(state), leaves(state), leaves(after), strict=True):
        axis = growth_axis(one.shape, other.shape)
        ranges = [(0, size) for size in one.shape[1:]]
        if axis is not None:
            ranges[axis - 1] = one.shape[axis] - other.shape[axis], 0
        places[name] = tuple(ranges)
    return places


def _addresses(leaf: str, ranges: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """The addresses of the units of a leaf, in the order of its numbers."""
    shape = tuple(stop - start for start, stop in ranges)
    for place in np.ndindex(*shape):
        yield unit_text(leaf, tuple(start + index for (start, _), index in zip(ranges, place, strict=True)))
