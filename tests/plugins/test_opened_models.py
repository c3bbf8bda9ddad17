"""Strategies of plugins that open another model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.plugins.letter_sessions import LETTERS, Own, answer, session_with

import seqshell
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.decoding.chain import Chain
from seqshell.decoding.strategies import Greedy
from seqshell.host.builtin import load_registry
from seqshell.models.opening import ModelOpener
from seqshell.testing import check_strategy, failed
from seqshell.testing.tiny_language_model import tiny_checkpoint


@dataclass(frozen=True)
class Guided:
    """Choose what a model prefers to a smaller one (Li et al. 2023, https://arxiv.org/abs/2210.15097)."""

    name: ClassVar[str] = "guided"
    streams: ClassVar[bool] = True
    model: str = "small"

    def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
        other = request.open(self.model)
        if other.tokenizer.size != start.outputs.shape[1]:
            raise seqshell.UsageError(f"{self.model} has another vocabulary")
        state, outputs = start.state, start.outputs
        ids = np.array([history[:] for history in start.histories], np.int64)
        other_outputs, other_state = other.decoder.feed(ids, other.decoder.initial_state(len(ids)))
        chain = Chain(request.samplers, excluded=request.excluded, with_chance=False)
        histories = [list(history[:]) for history in start.histories]
        for step in range(1000):
            tokens = []
            for row, ids_of_row in enumerate(histories):
                context = seqshell.SampleContext(ids_of_row, answer=step)
                if step < len(request.prefix):
                    token = request.prefix[step]
                else:
                    logits = chain.logits(outputs[row], context)
                    token = int((logits - 0.5 * other_outputs[row]).argmax())
                ids_of_row.append(token)
                tokens.append(token)
            chosen = np.array(tokens)
            outputs, state = decoder.step(chosen, state)
            other_outputs, other_state = other.decoder.step(chosen, other_state)
            yield seqshell.Advanced(chosen, state, outputs, start.memories)


def test_a_strategy_opens_another_model_once(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    path = tiny_checkpoint(home / "models" / "small.safetensors", LETTERS, seed=1)
    opener = ModelOpener(load_registry())
    session = session_with(models=opener)

    guided = answer(session, strategy=Guided())
    model = opener("small")
    session.undo()
    session.feed("abc")
    again = answer(session, strategy=Guided(str(path)))

    assert guided.answer == again.answer
    assert guided.answer != answer(session_with(), strategy=Greedy()).answer
    assert opener(str(path)) is model
    tiny_checkpoint(path, LETTERS, seed=2)
    assert opener("small") is not model  # the file has changed
    with pytest.raises(CheckpointError, match="no model 'large'"):
        answer(session, strategy=Guided("large"))
    assert session.position > 3


def test_a_session_without_a_registry_opens_no_other_model() -> None:
    with pytest.raises(UsageError, match="no other model can be opened here, so not 'small' either"):
        answer(session_with(), strategy=Guided())


def test_a_strategy_that_opens_models_is_checked() -> None:
    @dataclass(frozen=True)
    class Careless(Guided):
        def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
            request.open("small")
            return Own().search(decoder, start, request)

    rule = "a model that it opens and that has another vocabulary is refused with a message"
    assert not failed(check_strategy(Guided))
    assert rule in {check.rule for check in check_strategy(Guided)}
    assert rule not in {check.rule for check in check_strategy(Own)}
    (check,) = (check for check in check_strategy(Careless) if check.rule == rule)
    assert check.seen == "it reads the ids of 8 tokens with a model of 3"
