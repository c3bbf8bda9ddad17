"""Every call of a strategy: its faults name it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import closing

from seqshell.core.decoder import Decoder
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.sampling import END, ENDED, Advanced, AnswerEnded, Batch, Hypotheses, Request, Step, Strategy
from seqshell.core.text_output import counted
from seqshell.decoding.features import with_features


def strategy_guard(strategy: Strategy) -> Guard:
    """The guard for what a strategy does and returns."""
    owner = owner_of(type(strategy))
    return Guard(f"the strategy {strategy.name}{owner.suffix}", owner)


def guarded_search(
    strategy: Strategy, decoder: Decoder, start: Batch, request: Request
) -> Generator[Advanced | Hypotheses, None, None]:
    """The steps of a search. PluginError names the strategy if it fails, or if a step is of no use.

    AnswerEnded if a sampler or the strategy ends the answers of all rows.
    """
    guard = strategy_guard(strategy)
    size = request.tokenizer.size if request.tokenizer is not None else sys.maxsize
    num_steps = 0
    with closing(guard.each(guard.call(strategy.search, with_features(decoder), start, request))) as steps:
        for step in steps:
            with guard:
                if step is END:
                    raise AnswerEnded
                if isinstance(step, Advanced):
                    if (token := int(step.tokens[0])) != ENDED or len(step.tokens) == 1:
                        _check_ids([token], size)
                    if step.outputs.shape != start.outputs.shape or len(step.memories) != len(step.tokens):
                        raise ValueError(f"it returned outputs of the shape {list(step.outputs.shape)}")
                else:
                    _check_hypotheses(step, size, request.keeps_states)
            num_steps += 1
            yield step
    if strategy.streams or not num_steps:
        wanted = "yield an Advanced for each token, or seqshell.END" if strategy.streams else "yield a Hypotheses"
        raise guard.error(f"ended after {counted(num_steps, 'step')}; it must {wanted}", by=strategy.search)


def _check_ids(ids: Sequence[int], size: int) -> None:
    if ids and not 0 <= min(ids) <= max(ids) < size:
        wrong = next(each for each in ids if not 0 <= each < size)
        raise ValueError(f"it chose the id {wrong}; the vocabulary has the ids 0 to {size - 1}")


def _check_hypotheses(step: Step, size: int, keeps_states: bool) -> None:
    """Raise ValueError for answers that cannot be committed."""
    if not isinstance(step, Hypotheses):
        raise ValueError(f"it yielded a {type(step).__name__} instead of Advanced or Hypotheses")
    if not step.best:
        raise ValueError("it found no answer")
    for found in step.best:
        _check_ids(found.ids, size)
        if keeps_states and not len(found.ids) == len(found.states) == len(found.outputs):
            raise ValueError(f"it has {len(found.states)} states for {len(found.ids)} tokens")
