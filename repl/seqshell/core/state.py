"""States: immutable trees of arrays with the batch first, and what can be done to any of them.

    State = array | tuple[State, ...]        NamedTuples welcome; every leaf [B, ...]; never written to after it was returned

The functions treat whatever is no tuple as a leaf, so they serve numpy arrays and torch tensors alike and import neither.
A leaf that a function does not change is handed on as the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

State: TypeAlias = Any  # array | tuple[State, ...]; mypy has no useful recursive type over two array libraries


def leaves(state: State) -> Iterator[Any]:
    """The arrays of a state, depth first, left to right."""
    if isinstance(state, tuple):
        for part in state:
            yield from leaves(part)
    else:
        yield state


def named_leaves(state: State, name: str = "state") -> Iterator[tuple[str, Any]]:
    """Each leaf with its path, e.g. ("state.hidden", array); the parts of a plain tuple are counted from 0."""
    if isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        for field, part in zip(fields, state, strict=True):
            yield from named_leaves(part, f"{name}.{field}")
    else:
        yield name, state


def map_leaves(function: Callable[..., Any], state: State, *others: State) -> State:
    """The same tree with function(leaf, leaves of the others at the same place) at each leaf; NamedTuples keep their type."""
    if not isinstance(state, tuple):
        return function(state, *others)
    parts = [map_leaves(function, *group) for group in zip(state, *others, strict=True)]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def attention_of(state: State) -> Any:
    """The leaf [B, S] that a NamedTuple of the state calls `attention`: the weights of the last step over the source. None without one."""
    return next((leaf for name, leaf in named_leaves(state) if name.endswith(".attention")), None)


def rows(state: State, which: Any) -> State:
    """The given rows of every leaf: `which` is a slice or an integer array [N]; leaves become [N, ...]."""
    return map_leaves(lambda leaf: leaf[which], state)


def replace_leaves(state: State, new: Iterator[Any]) -> State:
    """The same tree over other leaves, taken from `new` in the order of `leaves`."""
    return map_leaves(lambda _: next(new), state)
