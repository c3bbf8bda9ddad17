"""Beam search with samplers: each hypothesis has its own history and memory, and log-probabilities are the model's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from seqshell.core.sampling import Request, Stop
from seqshell.decoding.beam import Beam
from seqshell.decoding.probabilities import log_probs
from seqshell_samplers.penalties import RepeatPenalty
from seqshell_samplers.temperature import Temperature


@dataclass(frozen=True)
class NoImmediateRepeat:
    """Excludes the last id. Remembers all ids, and asserts that they are those of its own hypothesis."""

    name: ClassVar[str] = "no_immediate_repeat"

    def __call__(self, logits, context):
        remembered = list(context.memory or ())
        assert list(context.tokens) == [1, 2, *remembered]
        assert context.tokens[-1] == [1, 2, *remembered][-1]
        assert context.tokens[-3:] == [1, 2, *remembered][-3:]
        assert (context.generated, context.position) == (len(remembered), 2 + len(remembered))
        if remembered:
            logits[remembered[-1]] = -np.inf
        return logits

    def update(self, memory, token, log_probs):
        assert np.exp(log_probs).sum() == pytest.approx(1)
        return (*(memory or ()), token)


def test_samplers_get_the_history_and_memory_of_each_hypothesis(language_decoder, language_batch, best_answers):
    start = language_batch([1, 2], num_samplers=1)
    (found,) = best_answers(Beam(5), start, Request(Stop(8), (NoImmediateRepeat(),), num_best=5), language_decoder)
    assert len(found) == 5
    assert all(one != other for each in found for one, other in pairwise(each.ids))


def test_a_neutral_sampler_does_not_change_the_answers(
    translation_batch, translation_request, best_answers, ids_of, sources
):
    start = translation_batch(*sources)
    without, neutral = (
        best_answers(Beam(5), start, translation_request(9, num_best=5, samplers=samplers))
        for samplers in ((), (RepeatPenalty(1.0),))
    )
    assert ids_of(without) == ids_of(neutral)
    scores = [each.score for row in without for each in row]
    assert scores == pytest.approx([each.score for row in neutral for each in row])


def test_samplers_with_about_chance_are_not_used(language_decoder, language_batch, best_answers, ids_of):
    start = language_batch([1, 2], num_samplers=1)
    hot, plain = (
        best_answers(Beam(3), start, Request(Stop(8), samplers), language_decoder)
        for samplers in ((Temperature(9.0),), ())
    )
    assert ids_of(hot) == ids_of(plain)


def test_samplers_change_the_score_but_not_the_log_probability(language_decoder, language_batch, best_answers):
    start = language_batch([1, 2], num_samplers=1)
    request = Request(Stop(8), (RepeatPenalty(3.0, 8),))
    ((found,),) = best_answers(Beam(3, "none"), start, request, language_decoder)
    outputs, state, total = start.outputs, start.state, 0.0
    for token in found.ids:
        total += log_probs(outputs[0])[token]
        outputs, state = language_decoder.step(np.array([token]), state)
    assert found.log_prob == pytest.approx(total)
    assert found.score != pytest.approx(total)
