"""Beginning and ending interventions: a change of the state and of what is active, at one position of the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.state import State, as_array, leaves
from seqshell.session.cursor import Cursor
from seqshell.session.interventions import (
    Change,
    Clamp,
    Intervention,
    Interventions,
    Steering,
    clamps_of,
    intervened,
    steerings_of,
    trouble,
)
from seqshell.session.navigation import Navigator, require_causal
from seqshell.session.snapshot import Snapshot
from seqshell.session.state_record import require_next


def intervene(cursor: Cursor, navigator: Navigator, interventions: Sequence[Intervention]) -> Change | None:
    """Make these the interventions that are active from here on, in one turn; None if they are already.

    What is new begins here: a clamp writes its value to the state, a steering is added to it; one that acts once is not
    active afterwards. Of several clamps of a unit, the last one counts. What is left out ends, and the state stays as
    it is. UsageError if one of them does not fit the model, or if the model cannot go on; nothing has changed then.
    """
    cursor.require_free()
    require_causal(cursor)
    if not isinstance(interventions, Sequence):
        raise UsageError(f"intervene: interventions must be a list of them, not {interventions!r:.40}", code="type")
    wanted = _latest(interventions)
    for each in wanted:
        if each not in cursor.interventions and (wrong := trouble(each, cursor.here.state)):
            raise UsageError(wrong, code="intervention")
    change = change_at(cursor, cursor.here, wanted)
    if change is not None:
        navigator.end_turn()
        cursor.change(change, navigator.use_turn(answers=True), navigator.draw)
    return change


def change_at(cursor: Cursor, snapshot: Snapshot, wanted: Interventions) -> Change | None:
    """What is other at a snapshot if these interventions are active from it on; None if they are already.

    UsageError if the model cannot go on.
    """
    was = cursor.timeline.active_at(snapshot.node)
    if wanted == was:
        return None
    assert snapshot.outputs is not None  # it is a whole one
    active = tuple(each for each in wanted if not (isinstance(each, Steering) and each.once))
    begun = [each for each in steerings_of(wanted) if each not in was]
    state = intervened(snapshot.state, begun, clamps_of(active))
    if state is snapshot.state:
        return Change(state, snapshot.outputs, active)
    _require_finite(state, snapshot.state)
    try:
        outputs = cursor.plain.state_outputs(state)
        require_next(cursor.model, cursor.decoder_with(active), state)
    except (PluginError, UsageError) as error:  # the second of the decoder with interventions, which names them
        fault = error.__cause__ if isinstance(error.__cause__, PluginError) else error
        raise UsageError(f"{cursor.model.name} cannot go on from this state: {fault.message}", code="state") from None
    return Change(state, snapshot.outputs if outputs is None else outputs, active, is_stale=outputs is None)


def _latest(interventions: Iterable[Intervention]) -> Interventions:
    """The interventions without clamps of units that a later one clamps."""
    found: dict[Any, Intervention] = {}
    for each in interventions:
        key = (each.leaf, each.index) if isinstance(each, Clamp) else each
        found.pop(key, None)
        found[key] = each
    return tuple(found.values())


def _require_finite(state: State, before: State) -> None:
    """UsageError if a number became infinite, or NaN."""
    for new, old in zip(map(as_array, leaves(state)), map(as_array, leaves(before)), strict=True):
        if new.dtype.kind in "fc" and (np.isfinite(old) & ~np.isfinite(new)).any():
            raise UsageError(f"the state gets numbers that are too large for {new.dtype}", code="value")
