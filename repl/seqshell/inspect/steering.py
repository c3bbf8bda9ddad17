"""Interventions from what users write: clamps of units, steering between two texts, and sweeps over a range of values.

From Python: `session.intervene((*session.interventions, clamp(session, "cell[0,3]", "2")))`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events.interventions import Sweep, SweepRow
from seqshell.core.state import State, as_array, leaves
from seqshell.core.text_output import quoted
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.addresses import Unit, parse_unit
from seqshell.inspect.differences import divergence
from seqshell.inspect.editing import written
from seqshell.session import Session
from seqshell.session.inspection import token_name
from seqshell.session.intervening import change_at
from seqshell.session.interventions import Change, Clamp, Steering
from seqshell.session.navigation import require_causal
from seqshell.session.state_record import arrays, leaf_names

NUM_VALUES = 9  # of a sweep
NUM_TOKENS = 3  # shown of each
MAX_TOKENS = 24  # of a continuation


def clamp(session: Session, unit: str, value: str) -> Clamp:
    """Keep a number, or every number of a layer or a leaf, at a value. UsageError if one of the two is invalid."""
    require_causal(session.behaviour.cursor)
    state = arrays(session.here.state)
    return _clamp(parse_unit(unit, state), state, value)


def _clamp(place: Unit, state: State, value: str) -> Clamp:
    found = place.of(written(state, place, value)).ravel()
    if not found.size:
        raise UsageError(f"{place} is empty in this state", code="unit")
    return Clamp(str(place), place.number, place.index, found[0])


def steering(
    session: Session, plus: str, minus: str, strength: float = 1, *, once: bool = True, unknown: str = "error"
) -> Steering:
    """Add the state after one text minus that after another, times a number, here or also after every token.

    Both texts are read from the initial state, without interventions; whole numbers stay as they are. unknown: as for
    `TaskBehaviour.encode`. UsageError if the model has no such difference, VocabularyError if it cannot read a text.
    """
    cursor, name = session.behaviour.cursor, session.model.name
    require_causal(cursor)
    if session.model.grows or session.model.source_tokenizer is not None:
        why = "grows with the text" if session.model.grows else "depends on its source"
        raise UsageError(f"the state of {name} {why}, so two states have no difference to add; /clamp sets a unit")
    if plus == minus:
        raise UsageError(f"the two texts are equal ({quoted(plus)}), so their states have no difference")
    if not (math.isfinite(strength) and strength):
        raise UsageError(f"the strength must be a finite number other than 0, not {strength:g}", code="value")
    one, other = (_after(session, text, unknown) for text in (plus, minus))
    parts = [
        _difference(leaf, first, second, strength)
        for leaf, first, second in zip(leaf_names(one), leaves(one), leaves(other), strict=True)
    ]
    if all(part is None for part in parts):
        raise UsageError(f"the states of {name} after the two texts are equal, so there is nothing to add")
    words = f"+{json.dumps(plus, ensure_ascii=False)} -{json.dumps(minus, ensure_ascii=False)} {strength:g}"
    return Steering(f"{words} {'once' if once else 'every'}", tuple(parts), once)


def _after(session: Session, text: str, unknown: str) -> State:
    """The state after a text, read from the initial state."""
    plain = session.behaviour.cursor.plain
    ids, state = session.behaviour.encode(text, unknown) if text else [], plain.initial_state(1)
    return arrays(plain.feed(np.array([ids], np.int64), state)[1] if ids else state)


def _difference(name: str, one: NDArray[Any], other: NDArray[Any], strength: float) -> NDArray[Any] | None:
    """strength * (one - other); None where it is zero, and for whole numbers."""
    if one.dtype.kind not in "fc" or np.array_equal(one, other):
        return None
    with np.errstate(all="ignore"):
        part = ((one - other) * strength).astype(one.dtype)
        part[one == other] = 0  # infinite numbers, too
    if not np.isfinite(part).all():
        raise UsageError(f"the difference of {name} has numbers that are not finite", code="value")
    return part if part.any() else None


def sweep(session: Session, unit: str, low: str, high: str) -> Sweep:
    """What the next token, and the most likely text, become if a unit keeps each value of a range. Nothing changes.

    UsageError if the unit or the range is invalid, or if the model cannot go on from one of the values.
    """
    cursor, behaviour = session.behaviour.cursor, session.behaviour
    require_causal(cursor)
    if not session.model.labels:
        behaviour.require_next_token()
    state = arrays(session.here.state)
    place = parse_unit(unit, state)
    first, last = (_clamp(place, state, end).value for end in (low, high))
    if not np.isrealobj(first):
        raise UsageError(f"{place} is a complex number, which has no range; /clamp sets it", code="value")
    if not first < last:
        raise UsageError(f"the range must go from a lower value to a higher one, not {low}..{high}", code="value")
    rows, here = [], np.exp(log_probs(cursor.outputs()))
    for value in _values(first, last):
        wanted = (*cursor.interventions, Clamp(str(place), place.number, place.index, value))
        change = change_at(cursor, session.here, wanted)
        assert change is not None  # the clamp is new
        probs = np.exp(log_probs(change.outputs[0]))
        best = np.argsort(-probs, kind="stable")[:NUM_TOKENS].tolist()
        tokens = tuple((_name(session, token), float(probs[token])) for token in best)
        rows.append(SweepRow(value.item(), divergence(here, probs), tokens, _continued(session, change)))
    now = place.of(state)
    return Sweep(str(place), now.item() if now.size == 1 else None, tuple(rows))


def _values(first: Any, last: Any) -> Sequence[Any]:
    if first.dtype.kind == "b":
        return [first, last]
    found = np.linspace(float(first), float(last), NUM_VALUES)
    return list(np.unique((np.rint(found) if first.dtype.kind in "iu" else found).astype(first.dtype)))


def _name(session: Session, token: int) -> str:
    labels = session.model.labels
    return labels[token] if labels else token_name(session.behaviour.cursor, token)


def _continued(session: Session, change: Change) -> str:
    """The text of the most likely tokens after a change; "" for a model of labels."""
    if session.model.labels:
        return ""
    cursor, excluded = session.behaviour.cursor, list(session.behaviour.excluded_tokens())
    decoder, tail, texts = cursor.decoder_with(change.active), cursor.tail(), []
    outputs, state = change.outputs, change.state
    for _ in range(MAX_TOKENS):
        logits = np.array(outputs[0])
        logits[excluded] = -np.inf
        token = int(logits.argmax())
        if token == session.model.tokenizer.eos:
            break
        text, tail = cursor.token_text.read(token, tail)
        texts.append(text)
        outputs, state = decoder.step(np.array([token], np.int64), state)
    return "".join(texts)


def value_of(session: Session, place: Clamp) -> Any:
    """The value that a clamped unit has here, as a plain number; None if it has several."""
    found = np.asarray(as_array(list(leaves(session.here.state))[place.leaf]))[(0, *place.index)]
    return found.item() if np.size(found) == 1 else None
