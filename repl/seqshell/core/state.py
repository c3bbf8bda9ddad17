"""States: immutable trees of arrays [B, ...], and functions on them.

    State = array | OpaqueLeaf | tuple[State, ...]        a tuple may be a NamedTuple

A returned state is never written to. The functions treat everything that is not a tuple as a leaf, so they work on
numpy arrays and torch tensors and import neither. A leaf that does not change stays the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

State: TypeAlias = Any  # mypy has no useful recursive type over two array libraries
Arrays: TypeAlias = dict[str, Any]  # by name, [B, T, ...]: what `Decoder.trace` returns of T steps


class OpaqueLeaf(Protocol):
    """A leaf [B, ...] whose numbers only its decoder reads, such as a tensor that stays on a GPU.

    Optional: nbytes, the memory that it takes, which counts for snapshot_mb.
    """

    def rows(self, which: Any) -> OpaqueLeaf:
        """Some of the rows, by slice or by integers [N], as a new leaf [N, ...]."""

    def to_numpy(self) -> Any:
        """An array [B, ...], for what looks at states: /state, /reach, saved sessions, attention."""

    def from_numpy(self, array: Any) -> OpaqueLeaf:
        """A leaf of this kind, on the same device, with the numbers of an array that `to_numpy` gave."""


def is_opaque(leaf: Any) -> bool:
    """True if a leaf is an OpaqueLeaf."""
    return callable(getattr(type(leaf), "to_numpy", None))


def as_array(leaf: Any) -> Any:
    """A leaf as an array: an opaque one is copied from its device."""
    return leaf.to_numpy() if is_opaque(leaf) else leaf


def as_leaf(array: Any, like: Any) -> Any:
    """An array as a leaf of the kind of another."""
    return like.from_numpy(array) if is_opaque(like) else array


def leaf_rows(leaf: Any, which: Any) -> Any:
    """Some of the rows of a leaf, by slice or by integers [N]: [N, ...]."""
    return leaf.rows(which) if is_opaque(leaf) else leaf[which]


def leaf_size(leaf: Any) -> int:
    """The number of bytes of a leaf; 0 for an opaque one that does not tell it."""
    return int(getattr(leaf, "nbytes", 0))


def leaves(state: State) -> Iterator[Any]:
    """Yield the arrays of a state, depth first, from left to right."""
    if isinstance(state, tuple):
        for part in state:
            yield from leaves(part)
    else:
        yield state


def named_leaves(state: State, name: str = "state") -> Iterator[tuple[str, Any]]:
    """Yield each leaf with its path, e.g. ("state.hidden", array); a plain tuple's parts are numbered from 0."""
    if isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        for field, part in zip(fields, state, strict=True):
            yield from named_leaves(part, f"{name}.{field}")
    else:
        yield name, state


def by_address(state: State) -> dict[str, Any]:
    """The leaves by the addresses that users write: `cell`, `recurrent.hidden`, and `0` for one without a name."""
    return {name.partition(".")[2] or "0": leaf for name, leaf in named_leaves(state)}


def map_leaves(function: Callable[..., Any], state: State, *others: State) -> State:
    """Replace each leaf by function(leaf, *corresponding leaves of the others). NamedTuples keep their type."""
    if not isinstance(state, tuple):
        return function(state, *others)
    parts = [map_leaves(function, *group) for group in zip(state, *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def attention_of(state: State) -> Any:
    """Return the state's field `attention` [B, S], the last step's weights over the source, or None."""
    return next((as_array(leaf) for name, leaf in named_leaves(state) if name.endswith(".attention")), None)


def rows(state: State, which: Any) -> State:
    """Select rows of every leaf: `which` is a slice or an integer array [N]; leaves become [N, ...]."""
    return map_leaves(lambda leaf: leaf_rows(leaf, which), state)


def replace_leaves(state: State, new: Iterator[Any]) -> State:
    """Replace the leaves by those of `new`, in the order of `leaves`."""
    return map_leaves(lambda _: next(new), state)
