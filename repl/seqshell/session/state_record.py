"""States that the user names, gives or edits, each with what belongs to it; and the checks of those from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.growth import growth_axis
from seqshell.core.model import Model
from seqshell.core.state import State, as_array, by_address, leaves, map_leaves, replace_leaves
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.session.cursor import Cursor
from seqshell.session.given import Given, StateRecord

TEXT = 200  # characters of the text that are kept with a state
TOKENS = 800  # read back for them; a character may take several


def record_at(cursor: Cursor, node: int, name: str, scale: tuple[float, ...] = ()) -> StateRecord:
    """The state at a node. name, scale: as in Given. A state that was thinned out is computed again."""
    snapshot, timeline = cursor.snapshot(node), cursor.timeline
    assert snapshot.outputs is not None  # `Cursor.snapshot` returns whole ones
    depth, root = timeline.depth(node), timeline.given(node)
    text = cursor.token_text.text(timeline.ids_to(node, max(0, depth - TOKENS)))
    if root is not None:
        text = root.text + text
    active = tuple(each.name for each in timeline.active_at(node))
    given = Given(name, text[-TEXT:], depth + (root.position if root else 0), scale, active)
    return StateRecord(arrays(snapshot.state), snapshot.outputs, given, timeline.source(node))


def initial_record(cursor: Cursor, name: str) -> StateRecord:
    """The initial state, before anything is read."""
    return StateRecord(arrays(cursor.plain.initial_state(1)), cursor.no_outputs(), Given(name))


def changed(cursor: Cursor, record: StateRecord, state: State, name: str) -> StateRecord:
    """The record with another state of the same model; its outputs follow if the decoder can compute them.

    name: where the state is from. UsageError if the state does not fit the model, or if the model cannot go on from it.
    """
    state = fitting(cursor, state, arrays(cursor.plain.initial_state(1)) if cursor.model.grows else record.state)
    given = replace(record.given, name=name)
    if all(_is_same(*pair) for pair in zip(leaves(state), leaves(record.state), strict=True)):
        return replace(record, given=given)
    model = cursor.model.name
    try:
        own = cursor.own(state)
        outputs = cursor.decoder.state_outputs(own)
        require_next(cursor.model, cursor.decoder, own)
    except PluginError as error:
        raise UsageError(f"{model} cannot go on from this state: {error.message}", code="state") from None
    if outputs is None:
        return replace(record, state=state, given=given, is_stale=True)
    return replace(record, state=state, outputs=outputs, given=given, is_stale=False)


def arrays(state: State) -> State:
    """A state with each leaf as an array."""
    return map_leaves(as_array, state)


def fitting(cursor: Cursor, state: Any, like: State) -> State:
    """A copy of a state with the structure and types of `like`, and its shapes unless leaves may grow.

    UsageError names the leaf that does not fit.
    """
    model, grows = cursor.model, bool(cursor.model.grows)
    if not model.causal:
        raise UsageError(f"{model.name} reads whole texts and has no state", code="no_state")
    if _structure(state) != _structure(like):
        names = ", ".join(leaf_names(like))
        raise UsageError(f"the state does not have the leaves of {model.name}: {names}", code="state")
    copies = []
    for name, given, expected in zip(leaf_names(like), leaves(state), leaves(like), strict=True):
        copy = np.array(as_array(given))
        if copy.shape != expected.shape and not (grows and growth_axis(expected.shape, copy.shape)):
            raise UsageError(
                f"{name} has the shape {_shape(copy)}, and that of {model.name} is {_shape(expected)}", code="state"
            )
        if copy.dtype != expected.dtype:
            copy = _converted(name, copy, expected.dtype)
        if copy.dtype.kind in "fc" and np.isnan(copy).any():
            place = ",".join(map(str, np.argwhere(np.isnan(copy))[0][1:]))
            raise UsageError(f"{name}{f'[{place}]' if place else ''} is NaN, and a state is numbers", code="nan")
        copies.append(copy)
    return replace_leaves(like, iter(copies))


def require_next(model: Model, decoder: CheckedDecoder, state: State) -> None:
    """PluginError if a decoder of the model cannot read a token in a state; its leaves are [B, ...]."""
    first = next(leaves(state), None)
    if first is None:
        return
    try:
        decoder.step(any_inputs(model, len(as_array(first))), state)
    except PluginError as error:
        if error.__cause__ is not None:  # else it went on, to outputs that its weights make infinite
            raise


def any_inputs(model: Model, rows: int) -> NDArray[Any]:
    """Inputs [B], or [B, F], that a model can read in any state."""
    if model.series is not None:
        return np.zeros((rows, len(model.series.columns)), np.float32)
    return np.full(rows, model.tokenizer.size - 1, np.int64)


def leaf_names(state: State) -> list[str]:
    """The addresses of the leaves."""
    return list(by_address(state))


def _structure(state: Any) -> Any:
    """The tuples of a state, in which NamedTuples equal those with the same fields."""
    if isinstance(state, tuple):
        return getattr(state, "_fields", None), tuple(map(_structure, state))
    return None


def _converted(name: str, array: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """The array as another kind of numbers. UsageError if that changes more than the precision."""
    becomes_real = array.dtype.kind == "c" and kind.kind != "c"
    with np.errstate(all="ignore"):
        found = array.astype(kind) if array.dtype.kind in "biufc" and not becomes_real else None
    rounds = kind.kind in "fc" and array.dtype.kind in "biuf" + kind.kind
    if found is None or not (rounds or np.array_equal(found, array)):
        raise UsageError(f"{name} has numbers of the type {array.dtype}, and the model's are {kind}", code="state")
    if np.isinf(found).any() and not np.isinf(array).any():
        raise UsageError(f"{name} has numbers that are too large for {kind}", code="state")
    return found


def _is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def _shape(leaf: NDArray[Any]) -> str:
    return str(list(leaf.shape))


def shapes(state: State) -> Iterator[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """(name, shape without the batch, dtype) of each leaf."""
    for name, leaf in zip(leaf_names(state), leaves(state), strict=True):
        yield name, leaf.shape[1:], leaf.dtype
