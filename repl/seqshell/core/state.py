"""States: immutable trees of arrays [B, ...], and functions on them.

    State = array | tuple[State, ...]        a tuple may be a NamedTuple

A returned state is never written to. The functions treat everything that is not a tuple as a leaf, so they work on
numpy arrays and torch tensors and import neither. A leaf that does not change stays the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

State: TypeAlias = Any  # mypy has no useful recursive type over two array libraries


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


def map_leaves(function: Callable[..., Any], state: State, *others: State) -> State:
    """Replace each leaf by function(leaf, *corresponding leaves of the others). NamedTuples keep their type."""
    if not isinstance(state, tuple):
        return function(state, *others)
    parts = [map_leaves(function, *group) for group in zip(state, *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def attention_of(state: State) -> Any:
    """Return the state's field `attention` [B, S], the last step's weights over the source, or None."""
    return next((leaf for name, leaf in named_leaves(state) if name.endswith(".attention")), None)


def rows(state: State, which: Any) -> State:
    """Select rows of every leaf: `which` is a slice or an integer array [N]; leaves become [N, ...]."""
    return map_leaves(lambda leaf: leaf[which], state)


def replace_leaves(state: State, new: Iterator[Any]) -> State:
    """Replace the leaves by those of `new`, in the order of `leaves`."""
    return map_leaves(lambda _: next(new), state)
