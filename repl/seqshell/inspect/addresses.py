"""Addresses as users write them: units such as `cell[1,147]`, and states such as `here`, `main.2@120` or a name.

A unit is a leaf of the state and indices without the batch axis, from 0: a leaf, a layer or one number. A leaf without
a name has its number: `0[3]`. As in numpy, -1 is the last place, of a leaf that grows the newest.

A state is `here`, `zero` (the initial one), a branch, a position (`@120`, `main.2@120`), the name of a saved state, or
the path of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.names import unknown_name
from seqshell.core.state import State, leaves, replace_leaves
from seqshell.core.text_output import quoted
from seqshell.inspect import saved_states
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.state_record import initial_record, leaf_names

RESERVED = {"here": "this state", "zero": "the initial state"}
_UNIT = re.compile(r"([^\[\]\s]+)(?:\[(-?[0-9]+(?:,-?[0-9]+)*)\])?")
_DIGITS = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Unit:
    """A part of a state: the leaf of a name, which is the `number`-th, or what is at `index` in it."""

    leaf: str
    number: int
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        return unit_text(self.leaf, self.index)

    def of(self, state: State) -> NDArray[Any]:
        """The numbers [...] of a state with leaves [1, ...]."""
        try:
            part: NDArray[Any] = list(leaves(state))[self.number][(0, *self.index)]
        except IndexError:  # leaves that grow are longer in other states
            raise UsageError(f"{self} is outside {self.leaf}, which {_range(state, self.leaf)}", code="unit") from None
        return np.asarray(part)

    def put(self, state: State, values: Any) -> State:
        """A copy of a state with other numbers at this place."""
        changed = [leaf.copy() if number == self.number else leaf for number, leaf in enumerate(leaves(state))]
        changed[self.number][(0, *self.index)] = values
        return replace_leaves(state, iter(changed))


def unit_text(leaf: str, index: tuple[Any, ...]) -> str:
    """How a unit is written."""
    return f"{leaf}[{','.join(map(str, index))}]" if index else leaf


def parse_unit(text: str, state: State) -> Unit:
    """The unit of this address. UsageError gives the leaves, or the range of the indices."""
    names, word = leaf_names(state), "".join(text.split())
    if not names:
        raise UsageError("this model has no state, so it has no units", code="no_state")
    found = _UNIT.fullmatch(word)
    if found is None:
        raise UsageError(
            f"{quoted(text)} is no unit; write a leaf with indices from 0, such as {_ends(state, names[0])[1]}",
            code="unit",
        )
    leaf, indices = found.groups()
    if leaf not in names:
        raise unknown_name("leaf", leaf, names)
    index = tuple(map(int, indices.split(","))) if indices else ()
    number = names.index(leaf)
    shape = list(leaves(state))[number].shape[1:]
    if len(index) > len(shape) or any(not -size <= place < size for place, size in zip(index, shape, strict=False)):
        raise UsageError(f"{word} is outside {leaf}, which {_range(state, leaf)}", code="unit")
    return Unit(leaf, number, index)


def _range(state: State, leaf: str) -> str:
    first, last = _ends(state, leaf)
    if not list(leaves(state))[leaf_names(state).index(leaf)].size:
        return "is empty in this state"
    return f"goes from {first} to {last}" if first != last else f"has only {first}"


def _ends(state: State, leaf: str) -> tuple[str, str]:
    """The first unit of a leaf and the last one."""
    shape = list(leaves(state))[leaf_names(state).index(leaf)].shape[1:]
    return unit_text(leaf, (0,) * len(shape)), unit_text(leaf, tuple(max(0, size - 1) for size in shape))


def describe_leaves(state: State) -> Mapping[str, str]:
    """What each leaf has: `2 x 512 float32, cell[0,0] to cell[1,511]`."""
    described = {}
    for name, leaf in zip(leaf_names(state), leaves(state), strict=True):
        first, last = _ends(state, name)
        size = " x ".join(map(str, leaf.shape[1:]))
        described[name] = f"{size} {leaf.dtype}".strip() + (f", {first} to {last}" if first != last else "")
    return described


def find_state(session: Session, address: str) -> StateRecord:
    """The state of this address. UsageError or CheckpointError gives the range, or the nearest names."""
    cursor = session.behaviour.cursor
    if address == "zero":
        return initial_record(cursor, "zero")
    if paths.is_path(address):
        return saved_states.load(address, session)
    names = [branch.name for branch in session.branches()]
    saved = saved_states.saved_names()
    branch, at, _ = address.rpartition("@")
    if not at and address in saved:
        if address in names:
            raise UsageError(
                f"{address} is a branch and a saved state", hint=f"{address}@POSITION, or the path of the file"
            )
        return saved_states.load(address, session)
    if not at and address not in ("here", *names):
        raise unknown_name("state", address, [*RESERVED, *names, *saved], hint="/state list shows the saved ones")
    node = find_node(session, address)
    where = branch if at else "" if address == "here" else address
    return session.behaviour.record(node, f"{where or session.branch}@{cursor.timeline.depth(node)}")


def find_node(session: Session, address: str) -> int:
    """The node of `here`, a branch or a position, as `main.2@120`. UsageError gives the range, or the nearest names."""
    timeline, navigator = session.behaviour.cursor.timeline, session.behaviour.navigator
    names = [branch.name for branch in session.branches()]
    branch, at, position = address.rpartition("@")
    branch = branch if at else "" if address == "here" else address
    if branch and branch not in names:
        raise unknown_name("branch", branch, names)
    node = navigator.node(branch or None)
    if not at:
        return node
    depth = timeline.depth(node)
    if not _DIGITS.fullmatch(position) or int(position) > depth:
        where = branch or session.branch
        raise UsageError(f"{quoted(address)} is outside {where}, which goes from @0 to @{depth}", code="position")
    return timeline.ancestor(node, int(position))
