"""The Jacobian of one step: how the next state follows small changes of this one, by differences of batched steps.

Works for every decoder, in the precision of its leaves, and says how accurate it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.state import State, leaves, replace_leaves
from seqshell.session.cursor import Cursor
from seqshell.session.state_record import arrays, leaf_names

Vectors = NDArray[np.float64]
STENCIL = ((1, 8 / 12), (-1, -8 / 12), (2, -1 / 12), (-2, 1 / 12))  # fourth order: the error is h^4/30 f'''''
CHANGES = tuple(2.0**power for power in range(6, -20, -1))  # sizes of a change, from which the best is chosen
ROWS = 256  # states that are stepped at once
SAMPLE = 4  # directions by which the size of a change is chosen


@dataclass(frozen=True)
class _Part:
    """The numbers of a leaf that can change: `places` in the leaf of that number, real and imaginary parts apart."""

    number: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    places: NDArray[np.int64]


class StepFunction:
    """One step of a decoder, reading `token`, as a function from vectors to vectors: the real numbers of a state.

    size: how many they are. left_out: (leaf, reason) of what is not among them. state: leaves [1, ...].
    """

    def __init__(self, cursor: Cursor, state: State, token: int) -> None:
        self._cursor, self._token = cursor, token
        self._state = [np.array(leaf) for leaf in leaves(arrays(state))]
        own = cursor.own(arrays(state))
        after = cursor.decoder.step(np.array([token]), own)[1]
        self.left_out: list[tuple[str, str]] = []
        self._parts: list[_Part] = []
        kept = [old is new for old, new in zip(leaves(own), leaves(after), strict=True)]
        names = leaf_names(self._as_state(self._state))
        for number, (name, old, new) in enumerate(zip(names, self._state, leaves(arrays(after)), strict=True)):
            reason = _reason(old, new, is_kept=kept[number])
            places = np.flatnonzero(np.isfinite(_real(old)) & np.isfinite(_real(new))) if not reason else np.array([])
            if not reason and (infinite := _real(old).size - len(places)):
                reason = "has an infinite number" if infinite == 1 else f"has {infinite:,} infinite numbers"
            if reason:
                self.left_out.append((name, reason))
            if len(places):
                self._parts.append(_Part(number, old.dtype, old.shape, places))
        self.size = sum(len(part.places) for part in self._parts)
        if not self.size:
            listed = ", ".join(f"{name} {reason}" for name, reason in self.left_out) or "it has no state"
            raise UsageError(f"{cursor.model.name} has no numbers to differentiate: {listed}", code="no_state")
        self.here = self._vectors(self._state)[0]

    def __call__(self, vectors: Vectors) -> Vectors:
        """The states [R, N] after the step from the states [R, N]. UsageError if the model cannot take it."""
        rows = [np.repeat(leaf, len(vectors), 0) for leaf in self._state]
        start = 0
        for part in self._parts:
            numbers = _real(rows[part.number])
            numbers[:, part.places] = vectors[:, start : start + len(part.places)]
            start += len(part.places)
            shaped = numbers.view(part.dtype).reshape(len(vectors), *part.shape[1:])
            rows[part.number] = shaped
        try:
            own = self._cursor.own(self._as_state(rows))
            _, after = self._cursor.decoder.step(np.full(len(vectors), self._token), own)
        except PluginError as error:
            name = self._cursor.model.name
            raise UsageError(f"{name} cannot go on from states near this one: {error.message}", code="state") from None
        return self._vectors([np.asarray(leaf) for leaf in leaves(arrays(after))])

    def derivatives(self, directions: Vectors, change: float) -> Vectors:
        """The derivatives [R, N] of the step here along directions [R, N], by central differences of fourth order.

        change: the size of the change along a direction.
        """
        moved = np.concatenate([self.here + factor * change * directions for factor, _ in STENCIL])
        after = self(moved).reshape(len(STENCIL), *directions.shape)
        weights = np.array([weight for _, weight in STENCIL])
        found: Vectors = np.tensordot(weights, after, 1) / change
        return found

    def best_change(self, directions: Vectors) -> tuple[float, float]:
        """The size of a change at which two sizes agree best, and the relative error that this suggests."""
        epsilon = max(float(np.finfo(part.dtype).eps) for part in self._parts)
        # Smaller changes drown in the rounding of the leaves.
        least = max(epsilon**0.2 / 8, 1e3 * epsilon * float(np.abs(self.here).max()))
        changes = [change for change in CHANGES if change >= least] or [CHANGES[0]]
        found = [
            np.concatenate([self.derivatives(direction[None], change) for direction in directions])
            for change in (*changes, changes[-1] / 2)
        ]
        errors = [_difference(one, other) for one, other in pairwise(found)]
        best = int(np.argmin(errors))
        return changes[best], errors[best]

    def fill(self, jacobian: Vectors) -> Iterator[tuple[int, float]]:
        """Write d state'/d state to an array [N, N]; yields (columns done, relative error) after each block."""
        random = np.random.default_rng(0)
        change, error = self.best_change(np.eye(self.size)[random.permutation(self.size)[:SAMPLE]])
        block = max(1, ROWS // len(STENCIL))
        for start in range(0, self.size, block):
            directions = np.zeros((min(block, self.size - start), self.size))
            directions[np.arange(len(directions)), start + np.arange(len(directions))] = 1
            jacobian[:, start : start + block] = self.derivatives(directions, change).T
            yield start + len(directions), error

    def _as_state(self, rows: list[NDArray[Any]]) -> State:
        return replace_leaves(self._cursor.here.state, iter(rows))

    def _vectors(self, rows: list[NDArray[Any]]) -> Vectors:
        """The numbers [R, N] of leaves [R, ...]."""
        parts = [_real(rows[part.number])[:, part.places].astype(np.float64) for part in self._parts]
        return np.concatenate(parts, 1) if parts else np.zeros((1, 0))


def _difference(one: Vectors, other: Vectors) -> float:
    """How much two estimates differ, relative to the larger one."""
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)))
    difference = float(np.linalg.norm(one - other))
    return difference / size if size else 0.0


def _real(leaf: NDArray[Any]) -> NDArray[Any]:
    """A leaf [R, ...] as real numbers [R, N], a copy; a complex number is two of them."""
    flat = np.array(leaf.reshape(len(leaf), -1), order="C")
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _reason(old: NDArray[Any], new: NDArray[Any], *, is_kept: bool) -> str:
    """Why a leaf is left out; "" if it is not."""
    if old.dtype.kind not in "fc":
        return "is whole numbers"
    if old.shape != new.shape:
        return "grows"
    return "does not change" if is_kept else ""
