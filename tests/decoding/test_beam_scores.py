"""The scores of beam search, against an enumeration of every possible answer and against calculations by hand."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from seqshell.core.sampling import Batch, Request, Stop
from seqshell.core.state import attention_of, rows
from seqshell.core.tokenizers import EOS
from seqshell.decoding.beam import Beam
from seqshell.decoding.length_penalty import Scoring
from seqshell.decoding.probabilities import log_probs

ALLOWED = (EOS, 5, 6, 7)  # the other 86 tokens are excluded, so a beam of 85 holds every prefix of up to four tokens


@pytest.fixture(scope="module")
def large_translator(translator_class):
    """A translator with a vocabulary of 90 tokens."""
    return translator_class(90, seed=3)


@pytest.fixture(scope="module")
def start(large_translator, translation_batch):
    """A batch of one source for the large translator."""
    return translation_batch([4, 5, 6, EOS], decoder=large_translator)


def every_answer(decoder: Any, start: Batch, max_tokens: int, tokens: tuple[int, ...], scoring: Scoring) -> list:
    """(score, log_prob, ids) of every possible answer to one row, best first.

    Answers end with EOS or at max_tokens.
    """
    found = []
    for length in range(1, max_tokens + 1):
        for sequence in product(tokens, repeat=length):
            if EOS in sequence[:-1] or (length < max_tokens and sequence[-1] != EOS):
                continue
            outputs, state, total, coverage = start.outputs, start.state, 0.0, 0.0
            for token in sequence:
                total += log_probs(outputs[0])[token]
                attention = attention_of(state)
                coverage = coverage + (0 if attention is None else attention[0])
                outputs, state = decoder.step(np.array([token]), state)
            score = scoring.score(total, length, None if attention is None else coverage)
            found.append((score, total, sequence[:-1] if sequence[-1] == EOS else sequence))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("normalise", ["gnmt", "average", "none"])
@pytest.mark.parametrize("coverage_penalty", [0.0, 0.7])
def test_a_wide_beam_finds_the_best_of_all_answers_under_each_score(
    large_translator, start, best_answers, normalise, coverage_penalty
):
    request = Request(Stop(4, frozenset([EOS])), num_best=30, excluded=frozenset(range(90)) - set(ALLOWED))
    beam = Beam(85, normalise, 1.3, coverage_penalty, early_stop=False)
    (found,) = best_answers(beam, start, request, large_translator)
    expected = every_answer(large_translator, start, 4, ALLOWED, Scoring(normalise, 1.3, coverage_penalty))[:30]

    assert [each.ids for each in found] == [sequence for _, _, sequence in expected]
    np.testing.assert_allclose([each.score for each in found], [score for score, _, _ in expected])
    np.testing.assert_allclose([each.log_prob for each in found], [total for _, total, _ in expected])


def test_each_score_orders_the_answers_differently(large_translator, start):
    """Otherwise the test above could not distinguish the scores."""
    scorings = (Scoring("gnmt", 1.3), Scoring("average"), Scoring("none"), Scoring("gnmt", 1.3, 0.7))
    orders = [
        [sequence for *_, sequence in every_answer(large_translator, start, 4, ALLOWED, scoring)[:30]]
        for scoring in scorings
    ]
    assert all(one != other for one, other in pairwise(orders))


def test_the_gnmt_score_matches_a_calculation_by_hand():
    assert Scoring("gnmt", 0.6).score(-3.0, 7) == pytest.approx(-3.0 / 2**0.6)
    assert Scoring("gnmt", 1.0).score(-3.0, 1) == -3.0
    assert Scoring("gnmt", 0.0).score(-3.0, 50) == Scoring("none").score(-3.0, 50) == -3.0
    assert Scoring("average").score(-3.0, 4) == -0.75


def test_the_coverage_penalty_matches_a_calculation_by_hand():
    """0.2 * (log 0.5 + log 1 + log 0.25): the coverage of a position is at most 1."""
    coverage = np.array([0.5, 1.75, 0.25])
    assert Scoring("none", 0.0, 0.2).score(-3.0, 4, coverage) == pytest.approx(-3.0 + 0.2 * np.log(0.125))
    assert np.isfinite(Scoring("none", 0.0, 0.2).score(-3.0, 4, np.zeros(3)))


def test_coverage_sums_the_attention_of_each_token_and_of_eos(
    translator, translation_batch, translation_request, best_answers
):
    start = translation_batch([4, 5, 6, EOS])
    ((found,),) = best_answers(Beam(1, "none", 0, 0.5), start, translation_request(20))
    state, coverage = start.state, 0.0
    for token in (*found.ids, EOS):
        coverage = coverage + attention_of(state)[0]
        _, state = translator.step(np.array([token]), state)

    assert found.score == pytest.approx(found.log_prob + 0.5 * np.log(np.minimum(coverage, 1)).sum())
    assert 0 < len(found.ids) < 20


def test_the_coverage_penalty_has_no_effect_without_attention(language_decoder, language_batch, best_answers):
    request, start = Request(Stop(5), num_best=3), language_batch([1])
    penalised, plain = (
        best_answers(beam, start, request, language_decoder) for beam in (Beam(3, coverage_penalty=9), Beam(3))
    )
    assert penalised[0][0].score == plain[0][0].score


def test_excluded_ids_are_never_drawn_and_do_not_change_log_probabilities(
    translation_batch, translation_request, best_answers, sources
):
    (found,) = best_answers(Beam(5), translation_batch(sources[0]), translation_request(6, num_best=5))
    assert not translation_request().excluded & {token for each in found for token in each.ids}
    for each in found:
        assert each.score == pytest.approx(each.log_prob / ((6 + len(each.ids)) / 6 if len(each.ids) < 6 else 11 / 6))


def test_a_prefix_begins_every_answer_and_is_included_in_its_score(
    translator, translation_batch, translation_request, best_answers, sources
):
    start = translation_batch(*sources)
    answers_by_row = best_answers(Beam(3), start, translation_request(9, num_best=3, prefix=(4, 4)))
    for row, answers in enumerate(answers_by_row):
        for each in answers:
            assert each.ids[:2] == (4, 4)
        alone = translation_batch(sources[row])
        best = best_answers(Beam(3, "none"), alone, translation_request(9, prefix=(4, 4)))[0][0]
        state, outputs, total = rows(start.state, [row]), start.outputs[[row]], 0.0
        for token in best.ids + (EOS,) * (len(best.ids) < 9):
            total += log_probs(outputs[0])[token]
            outputs, state = translator.step(np.array([token]), state)
        assert best.score == best.log_prob == pytest.approx(total)


def test_a_prefix_longer_than_the_limit_is_cut_and_is_the_whole_answer(
    translation_batch, translation_request, best_answers, sources
):
    ((found,),) = best_answers(Beam(3), translation_batch(sources[0]), translation_request(2, prefix=(4, 5, 6)))
    assert found.ids == (4, 5)
    assert len(found.states) == 2
