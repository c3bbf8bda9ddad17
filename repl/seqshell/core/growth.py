"""Leaves that grow along one axis, such as a transformer's cache: each is kept as what it adds to an earlier one.

Whether a state grows is declared by `Architecture(grows="axis")`. Each of its leaves then keeps its shape, or becomes
longer along one axis and begins with what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, is_opaque, map_leaves

Call = Callable[..., tuple[Any, State]]


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A leaf: `part` follows the leaf `before` along `axis`. Leaves that continue one leaf share it."""

    before: Grown | None
    part: NDArray[Any]
    axis: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.part.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        length = sum(each.part.shape[self.axis] for each in self.back())
        return *self.part.shape[: self.axis], length, *self.part.shape[self.axis + 1 :]

    def back(self, end: Grown | None = None) -> Iterator[Grown]:
        """This leaf and those that it continues, the longest first, without `end`."""
        each: Grown | None = self
        while each is not None and each is not end:
            yield each
            each = each.before

    def after(self, end: Grown | None = None) -> NDArray[Any]:
        """What follows the leaf `end`, one of those that it continues; None: all."""
        parts = [each.part for each in self.back(end)] or [np.split(self.part, [0], self.axis)[0]]
        return parts[0] if len(parts) == 1 else np.concatenate(parts[::-1], self.axis)


def growth_axis(old: tuple[int, ...], new: tuple[int, ...]) -> int | None:
    """The axis along which the shape `new` is longer than `old`; None if that is not the only difference."""
    differing = [axis for axis, (before, after) in enumerate(zip(old, new, strict=False)) if before != after]
    if len(old) != len(new) or len(differing) != 1 or not differing[0] > 0 or old[differing[0]] > new[differing[0]]:
        return None
    return differing[0]


def new_part(leaf: NDArray[Any], before: NDArray[Any]) -> tuple[int, NDArray[Any]] | None:
    """The axis along which a leaf continues another, and a copy of what it adds; None if it does not."""
    axis = None if is_opaque(leaf) else growth_axis(before.shape, leaf.shape)
    if axis is None:
        return None
    old, new = np.split(leaf, [before.shape[axis]], axis)
    return (axis, new.copy()) if np.array_equal(old, before) else None


def after_step(leaf: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """What a trace has of a leaf [B, ...] after one step: the leaf, or, if it grew, what the step added."""
    axis = growth_axis(before.shape, leaf.shape)
    return leaf if axis is None else np.split(leaf, [before.shape[axis]], axis)[1]


def as_grown(leaf: Any, axis: int) -> Grown:
    """A leaf, an array or grown, as one that others continue along an axis."""
    if not isinstance(leaf, Grown):
        return Grown(None, leaf, axis)
    return leaf if leaf.axis == axis else Grown(None, leaf.after(), axis)


def continuing(state: State, whole: State, kept: State) -> State:
    """The leaves of a state as it is kept: those that continue an earlier state share its leaves.

    whole, kept: the earlier state, and as it is kept.
    """

    def shared(leaf: Any, before: Any, kept: Any) -> Any:
        if leaf is before:
            return kept
        found = new_part(leaf, before)
        if found is None:
            return leaf
        axis, part = found
        return Grown(as_grown(kept, axis), part, axis)

    return map_leaves(shared, state, whole, kept)


def whole_state(kept: State) -> State:
    """A state from what is kept of it: each leaf in one piece."""
    return map_leaves(lambda leaf: leaf.after() if isinstance(leaf, Grown) else leaf, kept)


def whole_path(path: Sequence[Any]) -> list[Any]:
    """Leaves in one piece, each the one after the other; those that continue each other are views of the longest."""
    found: list[Any] = []
    whole: Any = None
    longer: Grown | None = None
    for leaf in reversed(path):
        if not isinstance(leaf, Grown):
            whole, longer = leaf, None
        else:
            if longer is None or longer.before is not leaf:
                whole = leaf.after()
            else:
                whole = np.split(whole, [whole.shape[leaf.axis] - longer.part.shape[leaf.axis]], leaf.axis)[0]
            longer = leaf
        found.append(whole)
    return found[::-1]


def in_order(call: Call) -> Call:
    """A decoder's step or feed whose states have leaves in C order, as those that are put together have.

    So the same call gives the same bits from either.
    """

    def ordered(inputs: Any, state: State) -> tuple[Any, State]:
        outputs, new = call(inputs, state)
        return outputs, map_leaves(lambda leaf: leaf if is_opaque(leaf) else np.ascontiguousarray(leaf), new)

    return ordered
