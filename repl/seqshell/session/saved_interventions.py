"""The interventions of a session as JSON, and back: each once, and which of them are active from each change on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqshell.core.errors import CheckpointError
from seqshell.core.state import State, as_array, leaves
from seqshell.session.interventions import (
    Clamp,
    Intervention,
    Interventions,
    Steering,
    clamps_of,
    intervened,
    trouble,
)
from seqshell.session.timeline import Read, Timeline


def to_json(timeline: Timeline) -> dict[str, Any] | None:
    """All interventions of a session, with arrays; None if nothing was changed."""
    changes = dict(changes_of(timeline))
    different = {id(each): each for active in changes.values() for each in active}
    places = {key: place for place, key in enumerate(different)}
    found = {
        "different": list(map(_as_json, different.values())),
        "changes": [[node, [places[id(each)] for each in active]] for node, active in changes.items()],
    }
    return found if changes else None


def changes_of(timeline: Timeline) -> list[tuple[int, Interventions]]:
    """(node, the interventions from it on) of each change."""
    runs = (run for run in range(timeline.num_runs) if timeline.read[run] == Read.CHANGED)
    return [(timeline.first[run], timeline.active[run]) for run in runs]


def _as_json(each: Intervention) -> dict[str, Any]:
    if isinstance(each, Clamp):
        return {"unit": each.unit, "leaf": each.leaf, "index": each.index, "value": np.asarray(each.value)}
    return {"name": each.name, "parts": each.parts}


def read_json(data: Mapping[str, Any]) -> dict[int, Interventions]:
    """What `to_json` returned: the interventions from each change on. The caller checks them against the states."""
    different = list(map(_read, data["different"]))
    return {
        int(node): tuple(different[_place(place, len(different))] for place in places)
        for node, places in data["changes"]
    }


def _read(data: Mapping[str, Any]) -> Intervention:
    if "unit" in data:
        index = tuple(_place(place, 2**62) for place in data["index"])
        return Clamp(_text(data["unit"]), _place(data["leaf"], 2**62), index, np.asarray(data["value"])[()])
    return Steering(_text(data["name"]), tuple(None if part is None else np.asarray(part) for part in data["parts"]))


def check(changes: Mapping[int, Interventions], states: Mapping[int, State]) -> None:
    """CheckpointError unless each intervention fits the state where it begins, and each clamp holds in its states."""
    known: set[int] = set()
    for node, active in sorted(changes.items()):
        for each in active:
            if id(each) not in known and (wrong := trouble(each, states[node])):
                raise CheckpointError(f"an intervention does not fit its state: {wrong}")
            known.add(id(each))
        held = intervened(states[node], (), clamps_of(active))
        if not all(map(np.array_equal, map(as_array, leaves(held)), map(as_array, leaves(states[node])))):
            raise CheckpointError("an intervention does not fit its state: a clamp does not hold")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CheckpointError("the name of an intervention is not a text")
    return value


def _place(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise CheckpointError("the place of an intervention is not a number in its range")
    return value
