"""What is wrong with a state that a plugin's model returns, in words; an empty text if nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqshell.core.state import State, leaves, named_leaves


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
    """Say how many leaves a state has if the state before it has another number."""
    seen, expected = (sum(1 for _ in leaves(state)) for state in (new, old))
    if seen == expected:
        return ""
    return f"a state with {_leaves(expected)}, as the state before it, not {_leaves(seen)}"


def called(value: Any) -> str:
    """How messages call a value: "None", "a dict"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _leaves(number: int) -> str:
    return "1 leaf" if number == 1 else f"{number} leaves"
