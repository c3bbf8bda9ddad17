"""Diverse beam search, against a plain loop, calculations by hand, and ordinary beam search with one group."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import build
from seqshell.core.sampling import Batch, Request, Stop
from seqshell.decoding.beam import Beam
from seqshell.decoding.diverse import DiverseBeam
from seqshell.decoding.probabilities import log_probs
from seqshell.testing.tiny_language_model import TinyDecoder
from seqshell_samplers.penalties import NoRepeatNgram


class FixedDecoder:
    """A decoder whose next token always has the same probabilities."""

    def __init__(self, *probs: float) -> None:
        self.logits = np.log(np.array([probs]))

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1))

    def step(self, inputs, state):
        return np.repeat(self.logits, len(inputs), 0), state + 1


def started(decoder: Any, num_rows: int = 1) -> Batch:
    """A batch whose rows have read one id each: 0, 1, 2, ..."""
    outputs, state = decoder.step(np.arange(num_rows), decoder.initial_state(num_rows))
    return Batch(state, outputs, ((),) * num_rows, ((),) * num_rows, (0,) * num_rows, (0,) * num_rows)


def best(strategy: Any, decoder: Any, request: Request, num_rows: int = 1) -> list:
    found = {step.row: step.best for step in strategy.search(decoder, started(decoder, num_rows), request)}
    return [found[row] for row in range(num_rows)]


def ids(found) -> list[tuple[int, ...]]:
    return [each.ids for each in found]


def plain_loop(
    decoder: Any, first: int, num_tokens: int, groups: int, share: int, diversity: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Algorithm 1 of the paper as a plain loop, for answers of num_tokens tokens.

    Returns (log_prob, ids) of the answers of all groups, best first.
    """

    def next_log_probs(sequence):
        outputs, _ = decoder.feed(np.array([[first, *sequence]]), decoder.initial_state())
        return log_probs(outputs[0])

    beams: list[list[tuple[float, tuple[int, ...]]]] = [[(0.0, ())] for _ in range(groups)]
    for _ in range(num_tokens):
        taken: Counter[int] = Counter()
        for group in range(groups):
            candidates = [
                (total + log_prob - diversity * taken[token], total + log_prob, (*sequence, token))
                for total, sequence in beams[group]
                for token, log_prob in enumerate(next_log_probs(sequence))
            ]
            beams[group] = [(total, sequence) for _, total, sequence in sorted(candidates, reverse=True)[:share]]
            taken.update(sequence[-1] for _, sequence in beams[group])
    return sorted({each for beam in beams for each in beam}, reverse=True)


@given(some.integers(0, 99), some.sampled_from([(2, 1), (2, 2), (3, 2), (4, 1)]), some.floats(0, 3))
@settings(max_examples=25, deadline=None)
def test_groups_choose_the_same_tokens_as_a_plain_loop(seed, sizes, diversity):
    decoder, (groups, share) = TinyDecoder(9, seed=seed), sizes
    strategy = DiverseBeam(groups * share, "none", groups=groups, diversity=diversity)
    found = best(strategy, decoder, Request(Stop(4), num_best=groups * share), 2)

    for row in range(2):
        expected = plain_loop(decoder, row, 4, groups, share, diversity)
        assert ids(found[row]) == [sequence for _, sequence in expected]
        np.testing.assert_allclose([each.score for each in found[row]], [total for total, _ in expected], rtol=1e-5)


def test_a_token_is_penalised_if_another_group_chose_it():
    """a has 0.5 and b 0.3: a becomes worse than b if its penalty exceeds log(5/3) = 0.51 nats.

    The score does not include the penalty.
    """
    model = FixedDecoder(0.5, 0.3, 0.2)
    (weak,) = best(DiverseBeam(2, "none", groups=2, diversity=0.5), model, Request(Stop(2), num_best=2))
    (strong,) = best(DiverseBeam(2, "none", groups=2, diversity=0.52), model, Request(Stop(2), num_best=2))

    assert ids(weak) == [(0, 0)]  # both groups found it; it is returned once
    assert ids(strong) == [(0, 0), (1, 1)]
    assert [each.score for each in strong] == pytest.approx([np.log(0.25), np.log(0.09)])
    assert [each.log_prob for each in strong] == pytest.approx([np.log(0.25), np.log(0.09)])


def test_the_penalty_is_added_for_each_hypothesis_that_chose_the_token():
    """a has 0.6; for the second group 0.6 / e**0.4 = 0.40, and for the third 0.6 / e**0.8 = 0.27. b has 0.3."""
    (found,) = best(
        DiverseBeam(3, "none", groups=3, diversity=0.4), FixedDecoder(0.6, 0.3, 0.1), Request(Stop(1), num_best=3)
    )
    assert ids(found) == [(0,), (1,)]
    (found,) = best(
        DiverseBeam(2, "none", groups=2, diversity=0.4), FixedDecoder(0.6, 0.3, 0.1), Request(Stop(1), num_best=2)
    )
    assert ids(found) == [(0,)]


def test_eos_is_penalised_like_any_token():
    """EOS is 0. The first group ends at once; the second, which is penalised for EOS, chooses b first."""
    model = FixedDecoder(0.5, 0.4, 0.1)
    (found,) = best(
        DiverseBeam(2, "none", groups=2, diversity=1.0), model, Request(Stop(5, frozenset([0])), num_best=2)
    )
    assert ids(found) == [(), (1,)]
    assert [each.score for each in found] == pytest.approx([np.log(0.5), np.log(0.2)])


@given(some.integers(0, 99), some.integers(1, 6), some.booleans(), some.booleans())
@settings(max_examples=25, deadline=None)
def test_one_group_equals_beam_search(seed, width, early_stop, has_samplers):
    decoder = TinyDecoder(9, seed=seed)
    request = Request(Stop(7, frozenset([3])), (NoRepeatNgram(2),) if has_samplers else (), num_best=width)
    beam, diverse = (
        [[(each.ids, each.score, each.log_prob) for each in row] for row in best(strategy, decoder, request, 3)]
        for strategy in (Beam(width, early_stop=early_stop), DiverseBeam(width, early_stop=early_stop, groups=1))
    )
    assert diverse == beam


def test_a_width_that_is_no_multiple_of_the_groups_is_refused_in_one_line():
    with pytest.raises(
        UsageError, match=r"^diverse_beam: a width of 6 is no multiple of 4 groups; groups=3 is possible$"
    ):
        build(DiverseBeam, {"groups": "4"})
    with pytest.raises(UsageError, match="wider than the vocabulary of 3 tokens"):
        best(DiverseBeam(6), FixedDecoder(0.5, 0.3, 0.2), Request(Stop(2)))
