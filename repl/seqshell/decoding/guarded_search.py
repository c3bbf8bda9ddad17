"""Every call of a strategy: its faults name it, and say what it must yield."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from seqshell.core.decoder import Decoder
from seqshell.core.errors import reason_of
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.sampling import (
    END,
    ENDED,
    Advanced,
    AnswerEnded,
    Batch,
    Block,
    Hypotheses,
    Hypothesis,
    Request,
    Strategy,
)
from seqshell.core.state import State
from seqshell.core.state_checks import called, structure_trouble
from seqshell.core.text_output import brief, counted
from seqshell.decoding.features import with_features


def guarded_search(
    strategy: Strategy, decoder: Decoder, start: Batch, request: Request
) -> Generator[Advanced | Block | Hypotheses, None, None]:
    """The steps of a search. PluginError names the strategy if it fails, or if a step is of no use.

    AnswerEnded if a sampler or the strategy ends the answers of all rows.
    """
    owner = owner_of(type(strategy))
    guard = Guard(f"the strategy {strategy.name}{owner.suffix}", owner)
    search: Any = guard.call(strategy.search, with_features(decoder), start, request)
    wanted = "an Advanced for each token" if strategy.streams else "a Hypotheses for each row"
    if not isinstance(search, Iterable):
        fault = f"returned {called(search)}; `search` must be a generator that yields {wanted}"
        raise guard.error(fault, by=strategy.search)
    kind: Any = Advanced if strategy.streams else Hypotheses
    size = request.tokenizer.size if request.tokenizer is not None else sys.maxsize
    num_steps, rows = 0, set()
    row_shape = start.outputs.shape if strategy.streams and len(start.outputs) == 1 else None
    with closing(guard.each(search)) as steps:
        for step in steps:
            if type(step) is Block and request.takes_blocks:
                num_steps += len(step.tokens)
                yield step
                continue
            if row_shape is not None and _is_plain_row(step, row_shape, size, None if owner.builtin else start.state):
                num_steps += 1
                yield step
                continue
            with guard:
                if step is END:
                    raise AnswerEnded
                if not isinstance(step, kind):
                    fault = f"{called(step)}; it must yield {wanted}, or seqshell.END"
                else:
                    fault = _fault(step, start, size, request.keeps_states, owner.builtin)
            if fault:
                raise guard.error(f"yielded {fault}", by=search if isinstance(search, Generator) else strategy.search)
            num_steps += 1
            if isinstance(step, Hypotheses):
                rows.add(step.row)
            yield step
    if len(rows) < len(start.outputs):
        fault = f"ended after {counted(num_steps, 'step')}; it must yield {wanted}, or seqshell.END"
        raise guard.error(fault, by=strategy.search)


def _is_plain_row(step: Any, shape: tuple[int, ...], size: int, before: State | None) -> bool:
    """True if a step with one row has no fault, in a third of the time of `_fault`; False decides nothing.

    before: a state whose structure it must have.
    """
    if type(step) is not Advanced:
        return False
    tokens, state, outputs, memories = step
    return (
        type(tokens) is np.ndarray
        and tokens.shape == (1,)
        and 0 <= tokens.item() < size
        and type(outputs) is np.ndarray
        and outputs.shape == shape
        and type(memories) is tuple
        and len(memories) == 1
        and (before is None or not structure_trouble(state, before))
    )


def _fault(step: Any, start: Batch, size: int, keeps_states: bool, is_builtin: bool) -> str:
    """Say what is wrong with a step, and what it must be; "" if nothing is."""
    try:
        if isinstance(step, Advanced):
            return _advanced_fault(step, start, size, is_builtin)
        return _hypotheses_fault(step, len(start.outputs), size, keeps_states)
    except Exception as error:  # its fields may be anything
        return f"{called(step)} that cannot be read: {reason_of(error)}; its fields must be as its docstring says"


def _advanced_fault(step: Advanced, start: Batch, size: int, is_builtin: bool) -> str:
    ids = [int(token) for token in step.tokens]
    if len(ids) != len(start.outputs):
        return f"{counted(len(ids))} for {counted(len(start.outputs), 'row')}; it must yield one for each"
    if fault := _ids_fault([token for token in ids if token != ENDED] if len(ids) > 1 else ids, size):
        return fault
    if step.outputs.shape != start.outputs.shape:
        shapes = list(step.outputs.shape), list(start.outputs.shape)
        return f"outputs of the shape {shapes[0]}; it must yield those after the tokens, of the shape {shapes[1]}"
    if len(step.memories) != len(ids):
        return f"memories of {counted(len(step.memories), 'row')}; it must yield one tuple for each row"
    if not is_builtin and (fault := structure_trouble(step.state, start.state)):
        return f"{called(step.state)} as the state; it must yield {fault}"
    return ""


def _hypotheses_fault(step: Hypotheses, num_rows: int, size: int, keeps_states: bool) -> str:
    """Say why answers cannot be committed."""
    if not 0 <= step.row < num_rows:
        return f"an answer for the row {brief(step.row)}; it must yield answers for the rows 0 to {num_rows - 1}"
    if not step.best:
        return "a Hypotheses without an answer; `best` must have at least one Hypothesis"
    for found in step.best:
        if not isinstance(found, Hypothesis):
            return f"{called(found)} in `best`; each answer in it must be a Hypothesis"
        if fault := _ids_fault(found.ids, size):
            return fault
        if keeps_states and not len(found.ids) == len(found.states) == len(found.outputs):
            counts = f"{len(found.states)} states and {len(found.outputs)} outputs for {counted(len(found.ids))}"
            return f"a Hypothesis with {counts}; it must have those after each token"
    return ""


def _ids_fault(ids: Sequence[int], size: int) -> str:
    if not ids or 0 <= min(ids) <= max(ids) < size:
        return ""
    wrong = next(each for each in ids if not 0 <= each < size)
    return f"the id {wrong}; each id must be in the vocabulary, 0 to {size - 1}"
