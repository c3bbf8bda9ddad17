"""Interventions: what the user makes of every state of a model from some position on. Pure functions of the state.

Clamps come last, so that a clamped unit has its value wherever the clamp is active.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State, as_array, as_leaf, is_opaque, leaves, replace_leaves


@dataclass(frozen=True, eq=False)
class Clamp:
    """A part of the state that keeps its value: what is at `index` in the leaf of this number, without the batch axis.

    unit: the part as the user writes it. value: of the leaf's type. In a state that has no such place, nothing changes.
    """

    unit: str
    leaf: int
    index: tuple[int, ...]
    value: Any

    @property
    def name(self) -> str:
        """As the user writes it: "cell[0,3] = 2"."""
        value = self.value
        return f"{self.unit} = {value:.6g}" if value.dtype.kind == "f" else f"{self.unit} = {value}"


@dataclass(frozen=True, eq=False)
class Steering:
    """Numbers that are added to the state: where it begins and, unless `once`, after every token that is read.

    name: as the user writes it. parts: one array [1, ...] for each leaf, None where nothing is added.
    """

    name: str
    parts: tuple[NDArray[Any] | None, ...] = field(repr=False)
    once: bool = False


Intervention: TypeAlias = Clamp | Steering
Interventions: TypeAlias = tuple[Intervention, ...]


@dataclass(frozen=True, eq=False)
class Change:
    """What is other from a node on, at which no token was read: the state, the outputs [1, V] and the interventions.

    is_stale: the state changed, but not the outputs, because the model cannot compute them.
    """

    state: State = field(repr=False)
    outputs: NDArray[Any] = field(repr=False)
    active: Interventions
    is_stale: bool = False


def clamps_of(interventions: Iterable[Intervention]) -> list[Clamp]:
    """The clamps among them."""
    return [each for each in interventions if isinstance(each, Clamp)]


def steerings_of(interventions: Iterable[Intervention]) -> list[Steering]:
    """The steerings among them."""
    return [each for each in interventions if isinstance(each, Steering)]


def intervened(state: State, steerings: Iterable[Steering], clamps: Sequence[Clamp]) -> State:
    """The state after the steerings, then the clamps; leaves [B, ...]. If nothing changes, it is the same object.

    Nor is a leaf copied that does not change.
    """
    found = dict(enumerate(leaves(state)))
    arrays: dict[int, NDArray[Any]] = {}  # copies of the leaves that change

    def copied(number: int) -> NDArray[Any]:
        if number not in arrays:
            arrays[number] = np.array(as_array(found[number]), order="C")
        return arrays[number]

    with np.errstate(all="ignore"):
        for steering in steerings:
            for number, part in enumerate(steering.parts):
                if part is not None:
                    leaf = copied(number)
                    leaf += part
        for clamp in clamps:
            leaf = arrays[clamp.leaf] if clamp.leaf in arrays else as_array(found[clamp.leaf])
            place: Any = (slice(None), *clamp.index)
            if _has(leaf, clamp.index) and not bool((leaf[place] == clamp.value).all()):
                copied(clamp.leaf)[place] = clamp.value
    if not arrays:
        return state
    return replace_leaves(state, (_leaf(leaf, arrays.get(number)) for number, leaf in found.items()))


def _has(leaf: NDArray[Any], index: tuple[int, ...]) -> bool:
    """Whether a leaf [B, ...] has this index. Leaves that grow, and those over a source, have different sizes."""
    return len(index) < leaf.ndim and all(place < size for place, size in zip(index, leaf.shape[1:], strict=False))


def _leaf(leaf: Any, array: NDArray[Any] | None) -> Any:
    if array is None:
        return leaf
    return as_leaf(array, leaf) if is_opaque(leaf) else array


def trouble(intervention: Any, state: State) -> str:
    """What is wrong with an intervention for a model whose states are like this one; "" if it fits."""
    found = list(map(as_array, leaves(state)))
    if isinstance(intervention, Clamp):
        if not 0 <= intervention.leaf < len(found) or not _has(found[intervention.leaf], intervention.index):
            return f"{intervention.unit} is not in the state"
        value = np.asarray(intervention.value)
        if value.shape or value.dtype != found[intervention.leaf].dtype or (value.dtype.kind in "fc" and _odd(value)):
            return f"the value of {intervention.unit} must be a finite {found[intervention.leaf].dtype}"
        return ""
    if not isinstance(intervention, Steering):
        return f"{type(intervention).__name__} is not an intervention"
    if len(intervention.parts) != len(found):
        return f"{intervention.name} does not have the leaves of the state"
    for part, leaf in zip(intervention.parts, found, strict=True):
        if part is None:
            continue
        if part.shape[1:] != leaf.shape[1:] or part.dtype != leaf.dtype or leaf.dtype.kind not in "fc":
            return f"{intervention.name} does not have the shapes of the state"
        if _odd(part):
            return f"{intervention.name} has numbers that are not finite"
    return ""


def _odd(numbers: NDArray[Any]) -> bool:
    return not bool(np.isfinite(numbers).all())
