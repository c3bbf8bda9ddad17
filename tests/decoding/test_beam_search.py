"""Beam search: equal to greedy with a width of 1, independent rows, the end of a search, and invalid requests."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.sampling import Advanced, Batch, Request, Stop
from seqshell.core.tokenizers import EOS
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy
from seqshell.testing.tiny_language_model import TinyDecoder
from seqshell_samplers.penalties import NoRepeatNgram, RepeatPenalty
from seqshell_samplers.temperature import Temperature

CHAINS = some.sampled_from([(), (RepeatPenalty(1.7, 3), Temperature(5)), (NoRepeatNgram(2),)])
STOP = Stop(4, frozenset([EOS]))


def greedy_answers(decoder: Any, start: Batch, request: Request) -> list[tuple[int, ...]]:
    """The ids that the strategy greedy finds for each row."""
    steps = [step.tokens for step in islice(Greedy().search(decoder, start, request), request.stop.max_tokens)]
    rows = np.array(steps).T.tolist()
    ends = [next((n for n, token in enumerate(row) if token in request.stop.ids), len(row)) for row in rows]
    return [tuple(row[:end]) for row, end in zip(rows, ends, strict=True)]


@pytest.fixture(scope="module")
def branching_decoder(scripted_decoder):
    """A decoder whose most likely first token does not begin the most likely answer. a is 0, b is 1, EOS is 2."""
    table = {
        (): [0.5, 0.1, 0.4],
        (0,): [0.45, 0.45, 0.1],
        (1,): [0.1, 0.1, 0.8],
        (0, 0): [0.05, 0.05, 0.9],
        (0, 1): [0.2, 0.0, 0.8],
    }
    return scripted_decoder(table, [0.3, 0.3, 0.4])


# Against greedy


@given(some.integers(0, 999), some.integers(1, 8), some.booleans(), CHAINS)
@settings(max_examples=40, deadline=None)
def test_a_beam_of_width_1_equals_greedy(
    translator_class,
    translation_batch,
    translation_request,
    best_answers,
    sources,
    seed,
    max_tokens,
    early_stop,
    samplers,
):
    translator = translator_class(seed=seed)
    request = translation_request(max_tokens, samplers=samplers)
    start = translation_batch(*sources, decoder=translator, num_samplers=len(samplers))
    found = best_answers(Beam(1, early_stop=early_stop), start, request, translator)

    assert [row[0].ids for row in found] == greedy_answers(translator, start, request)


def test_the_smallest_of_equally_likely_ids_is_chosen(language_batch, best_answers):
    class DecoderWithTies(TinyDecoder):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return np.floor(outputs), state

    decoder = DecoderWithTies(10)
    start, request = language_batch([1, 2], [3], decoder=decoder), Request(Stop(12))
    found = best_answers(Beam(1), start, request, decoder)
    assert [row[0].ids for row in found] == greedy_answers(decoder, start, request)

    flat = replace(start, outputs=np.zeros((2, 10), np.float32))
    first = [step.tokens for step in islice(Greedy().search(decoder, flat, request), 1)]
    found = best_answers(Beam(1), flat, request, decoder)
    assert [row[0].ids[0] for row in found] == first[0].tolist() == [0, 0]
    found = best_answers(Beam(4), flat, Request(Stop(1), num_best=4), decoder)
    assert [each.ids for each in found[0]] == [(0,), (1,), (2,), (3,)]


# Rows


@given(some.lists(some.integers(0, 4), min_size=1, max_size=20), some.integers(1, 9), some.booleans(), CHAINS)
@settings(max_examples=25, deadline=None)
def test_rows_in_a_batch_have_the_same_answers_as_alone(
    translation_batch, translation_request, best_answers, ids_of, sources, chosen, width, early_stop, samplers
):
    beam = Beam(width, coverage_penalty=0.3, early_stop=early_stop)
    request = translation_request(10, num_best=min(3, width), samplers=samplers)
    together = best_answers(beam, translation_batch(*(sources[index] for index in chosen)), request)
    alone = [best_answers(beam, translation_batch(sources[index]), request)[0] for index in chosen]

    assert ids_of(together) == ids_of(alone)
    for one, other in zip(sum(together, ()), sum(alone, ()), strict=True):
        assert (one.score, one.log_prob) == pytest.approx((other.score, other.log_prob))
        for left, right in zip(one.states, other.states, strict=True):
            np.testing.assert_allclose(left.hidden, right.hidden)


def test_finished_rows_leave_the_batch(translator_class, translation_batch, translation_request, best_answers, sources):
    sizes = []

    class CountingTranslator(translator_class):
        def step(self, inputs, state):
            sizes.append(len(inputs))
            return super().step(inputs, state)

    decoder = CountingTranslator(haste=0.3)
    found = best_answers(Beam(3), translation_batch(*sources, decoder=decoder), translation_request(40), decoder)

    assert sizes[:2] == [5, 15]
    assert sizes == sizes[:1] + sorted(sizes[1:], reverse=True)
    assert len(set(sizes)) > 3
    assert max(len(row[0].ids) for row in found) <= len(sizes)


# The end of a search


def test_finished_hypotheses_are_ranked_by_score_alone(branching_decoder, best_answers):
    """EOS alone has 0.4; `a a EOS` and `a b EOS` have 0.2025 and 0.18: less in total, but more per token.

    The search continues after it has found EOS alone.
    """
    start, request = branching_decoder.start(), Request(STOP, num_best=2)
    found = {
        normalise: best_answers(Beam(2, normalise, early_stop=False), start, request, branching_decoder)[0]
        for normalise in ("none", "gnmt", "average")
    }
    log = np.log

    assert [each.ids for each in found["none"]] == [(), (0, 0)]
    assert [each.score for each in found["none"]] == pytest.approx([log(0.4), log(0.2025)])
    assert [each.ids for each in found["average"]] == [(0, 0), (0, 1)]
    assert [each.score for each in found["average"]] == pytest.approx([log(0.2025) / 3, log(0.18) / 3])
    assert [each.ids for each in found["gnmt"]] == [(), (0, 0)]
    assert [each.score for each in found["gnmt"]] == pytest.approx([log(0.4), log(0.2025) / (8 / 6)])


def test_early_stop_ends_the_search_when_width_hypotheses_are_finished(scripted_decoder, best_answers):
    """EOS alone and `a EOS` are finished after two steps; every token after `a a` is certain."""
    decoder = scripted_decoder({(): [0.69, 0.01, 0.3], (0,): [0.64, 0.0, 0.36]}, [1.0, 0.0, 0.0])
    early, late = (
        best_answers(Beam(2, "average", early_stop=stop), decoder.start(), Request(STOP), decoder)[0][0]
        for stop in (True, False)
    )
    assert (early.ids, late.ids) == ((0,), (0, 0, 0, 0))
    assert late.score == pytest.approx(np.log(0.69 * 0.64) / 4)
    assert early.score == pytest.approx(np.log(0.69 * 0.36) / 2)


def test_the_token_limit_finishes_live_hypotheses_with_their_current_scores(branching_decoder, best_answers):
    request = Request(Stop(2, frozenset([EOS])), num_best=3)
    (found,) = best_answers(Beam(3, "none"), branching_decoder.start(), request, branching_decoder)

    assert [each.ids for each in found] == [(), (0, 0), (0, 1)]
    assert [np.exp(each.log_prob) for each in found] == pytest.approx([0.4, 0.225, 0.225])
    assert [len(each.states) for each in found] == [0, 2, 2]


def test_places_without_a_live_hypothesis_are_not_stepped(branching_decoder, best_answers):
    """EOS takes one of the two places at the first step; only `a` continues, to `a a` and `a b`."""

    class RecordingDecoder(type(branching_decoder)):
        def step(self, inputs, state):
            stepped.append(inputs.tolist())
            return super().step(inputs, state)

    stepped: list[list[int]] = []
    decoder = RecordingDecoder(branching_decoder.table, branching_decoder.default)
    request = Request(STOP, num_best=2)
    (found,) = best_answers(Beam(2, "average", early_stop=False), decoder.start(), request, decoder)
    assert [each.ids for each in found] == [(0, 0), (0, 1)]
    assert stepped[:2] == [[0], [0, 1]]


def test_hypotheses_with_the_same_text_are_one_answer(branching_decoder, best_answers):
    """`a a` and `a b` have the two best averages; if both have the same text, EOS alone is the second answer."""

    class AmbiguousTokenizer:
        size = 3

        def piece(self, token):
            return (b"a", b"a", b"")[token]

    request = Request(STOP, num_best=2, tokenizer=AmbiguousTokenizer())
    beam = Beam(2, "average", early_stop=False)
    (found,) = best_answers(beam, branching_decoder.start(), request, branching_decoder)
    assert [each.ids for each in found] == [(0, 0), ()]
    assert found[0].log_prob == pytest.approx(np.log(0.2025))


def test_candidates_with_probability_0_are_dropped(scripted_decoder, best_answers):
    certain = scripted_decoder({}, [1.0, 0.0, 0.0])
    (found,) = best_answers(Beam(3), certain.start(), Request(Stop(3), num_best=3), certain)
    assert [each.ids for each in found] == [(0, 0, 0)]


def test_the_search_returns_only_finished_answers(language_decoder, language_batch):
    steps = Beam().search(language_decoder, language_batch([1]), Request(Stop(4)))
    assert not any(isinstance(step, Advanced) for step in steps)


# Errors


def test_an_invalid_width_is_refused_in_one_line(language_decoder, language_batch):
    start = language_batch([1])
    with pytest.raises(UsageError, match=r"^a beam of 11 is wider than the vocabulary of 10 tokens; width=10 or less$"):
        Beam(11).search(language_decoder, start, Request(Stop(3)))
    with pytest.raises(UsageError, match=r"^a beam of 3 has no 5 best answers; width=5 or more$"):
        Beam(3).search(language_decoder, start, Request(Stop(3), num_best=5))


@pytest.mark.parametrize("samplers", [(), (NoRepeatNgram(1),)])
@pytest.mark.parametrize(("output", "message"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "no token")])
def test_invalid_outputs_are_attributed_to_the_model(language_batch, samplers, output, message):
    class BrokenDecoder(TinyDecoder):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return np.full_like(outputs, output), state

    start = language_batch([1, 2], num_samplers=len(samplers))
    with pytest.raises(PluginError, match=f"the model .*{message}"):
        list(Beam(3).search(BrokenDecoder(10), start, Request(Stop(4), samplers)))
