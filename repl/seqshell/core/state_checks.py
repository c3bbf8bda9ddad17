"""What is wrong with a state that a plugin's model returns, in words; an empty text if nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqshell.core.state import State, named_leaves


def leaf_trouble(state: State, fits: Callable[[Any], bool], noun: str) -> str:
    """Say what the state must be if a leaf is something else. fits: whether a leaf is right; noun: what it must be."""
    for name, leaf in named_leaves(state):
        if not fits(leaf):
            is_whole = name == "state"
            seen = f"not {called(leaf)}" if is_whole else f"but {name} is {called(leaf)}"
            return f"{noun} [B, ...], or a tuple or NamedTuple of them, {seen}"
    return ""


def batch_trouble(state: State, batch_size: int) -> str:
    """Say which leaf does not begin with the batch."""
    for name, leaf in named_leaves(state):
        if tuple(leaf.shape[:1]) != (batch_size,):
            return f"a {name} of the shape [{batch_size}, ...], not {list(leaf.shape)}: the batch comes first"
    return ""


def structure_trouble(new: State, old: State) -> str:
    """Say how the leaves of a state differ in number or name from those of the state before it."""
    seen, expected = ([name for name, _ in named_leaves(state)] for state in (new, old))
    if seen == expected:
        return ""
    if len(seen) != len(expected):
        return f"a state with {_leaves(expected)}, as the state before it, not {_leaves(seen)}"
    name, before = next(pair for pair in zip(seen, expected, strict=True) if pair[0] != pair[1])
    return f"a state with {before}, as the state before it, not {name}"


def called(value: Any) -> str:
    """How messages call a value: "None", "a dict"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _leaves(names: list[str]) -> str:
    return "1 leaf" if len(names) == 1 else f"{len(names)} leaves"
