"""Greedy and sample, against a plain loop over the same model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.sampling import Batch, Draw, History, Request, Stop, choose
from seqshell.core.state import leaves
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.testing.tiny_language_model import tiny_model
from seqshell_samplers.penalties import NoRepeatNgram, RepeatPenalty
from seqshell_samplers.temperature import Temperature
from seqshell_samplers.truncation import TopK

DECODER = tiny_model().decoder
STOP = Stop(8)


def ids(strategy, start: Batch, request: Request, num_tokens: int = 8) -> list[list[int]]:
    """The tokens of each row."""
    return np.array([step.tokens for step in islice(strategy.search(DECODER, start, request), num_tokens)]).T.tolist()


def plain_loop(prompt: list[int], draw: Draw, t: float, num_tokens: int = 8) -> list[int]:
    """Temperature sampling as a plain loop."""
    outputs, state = DECODER.feed(np.array([prompt]), DECODER.initial_state())
    found: list[int] = []
    for position in range(len(prompt), len(prompt) + num_tokens):
        probs = np.exp(outputs[0].astype(float) / t - np.log(np.exp(outputs[0].astype(float) / t).sum()))
        found.append(choose(probs, draw.uniform(position)))
        outputs, state = DECODER.step(np.array(found[-1:]), state)
    return found


@given(
    some.lists(some.integers(0, 9), min_size=1, max_size=5),
    some.integers(0, 99),
    some.integers(0, 9),
    some.floats(0.3, 3),
)
@settings(max_examples=30)
def test_sample_equals_a_plain_loop(language_batch, prompt, seed, retry, t):
    draw = Draw(seed, retry)
    request = Request(STOP, (Temperature(t),), draw)
    assert ids(Sample(), language_batch(prompt, num_samplers=1), request) == [plain_loop(prompt, draw, t)]


@given(some.lists(some.lists(some.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4), some.integers(0, 9))
@settings(max_examples=30)
def test_the_rows_of_a_batch_do_not_affect_each_other(language_batch, prompts, seed):
    request = Request(STOP, (RepeatPenalty(1.5, 4), TopK(5)), Draw(seed))
    together = ids(Sample(), language_batch(*prompts, num_samplers=2), request)
    assert together == [ids(Sample(), language_batch(prompt, num_samplers=2), request)[0] for prompt in prompts]


def test_greedy_takes_the_most_likely_token_like_temperature_0(language_batch):
    start = language_batch([1, 2], num_samplers=1)
    found = ids(Greedy(), start, Request(STOP, (Temperature(5.0),)))
    assert found == ids(Sample(), start, Request(STOP, (Temperature(0),)))
    assert found[0][0] == start.outputs[0].argmax()


def test_greedy_uses_only_samplers_without_about_chance(language_batch):
    start = language_batch([1], num_samplers=2)
    (found,) = ids(Greedy(), start, Request(STOP, (NoRepeatNgram(1), Temperature(9.0))))
    assert len({1, *found}) == 9


def test_every_step_contains_the_state_and_outputs_after_its_token(language_batch):
    start = language_batch([3], [4])
    steps = list(islice(Sample().search(DECODER, start, Request(STOP)), 3))
    state = start.state
    for step in steps:
        outputs, state = DECODER.step(step.tokens, state)
        assert step.tokens.dtype == np.int64
        np.testing.assert_array_equal(step.outputs, outputs)
        assert all(np.array_equal(one, other) for one, other in zip(leaves(step.state), leaves(state), strict=True))


@dataclass(frozen=True)
class Recorder:
    """Records the context of each call, and remembers the number of updates."""

    name: ClassVar[str] = "recorder"
    calls: tuple[list, ...] = ()

    def __call__(self, logits, context):
        self.calls[0].append((list(context.tokens), context.generated, context.position, context.memory))
        return logits

    def update(self, memory, token, log_probs):
        assert np.exp(log_probs).sum() == pytest.approx(1)
        return (memory or 0) + 1


def test_samplers_get_the_growing_history_and_their_memory(language_batch):
    calls: list = []
    start = language_batch([1, 2], num_samplers=1)
    steps = list(islice(Sample().search(DECODER, start, Request(STOP, (Recorder((calls,)),))), 3))
    first, second = (int(step.tokens[0]) for step in steps[:2])

    assert calls == [([1, 2], 0, 2, None), ([1, 2, first], 1, 3, 1), ([1, 2, first, second], 2, 4, 2)]
    assert [step.memories for step in steps] == [((1,),), ((2,),), ((3,),)]
    assert list(start.histories[0]) == [1, 2]


def test_continuing_from_a_step_equals_one_search(language_batch):
    calls: list = []
    request = Request(STOP, (Recorder((calls,)), TopK(5)), Draw(5))
    start = language_batch([1, 2], num_samplers=2)
    whole = list(islice(Sample().search(DECODER, start, request), 6))
    (found,) = np.array([step.tokens for step in whole]).T.tolist()
    middle = Batch(whole[2].state, whole[2].outputs, (History([1, 2, *found[:3]]),), whole[2].memories, (5,), (3,))

    rest = list(islice(Sample().search(DECODER, middle, request), 3))
    assert [int(step.tokens[0]) for step in rest] == found[3:]
    assert rest[-1].memories == whole[-1].memories


def test_excluded_ids_are_never_drawn_and_a_prefix_comes_first(language_batch):
    request = Request(STOP, excluded=frozenset(range(8)), prefix=(0, 1))
    for strategy in (Sample(), Greedy()):
        (found,) = ids(strategy, language_batch([1]), request, 30)
        assert found[:2] == [0, 1]
        assert set(found[2:]) <= {8, 9}
