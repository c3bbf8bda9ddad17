"""Answers to many sources: each as it would be on its own, whatever shares its batch."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.errors import UsageError
from seqshell.core.sampling import Batch, Draw, Request, Stop
from seqshell.core.state import leaves
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.decoding.batched import answers
from seqshell.decoding.beam import Beam
from seqshell.decoding.candidates import log_totals, most_likely
from seqshell.decoding.diverse import DiverseBeam
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.stop_texts import BranchingStops, StopTexts, StopWatch
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.testing.tiny_language_model import tiny_model
from seqshell.testing.tiny_translator import TinyTranslator
from seqshell_samplers.mirostat import Mirostat
from seqshell_samplers.penalties import NoRepeatNgram
from seqshell_samplers.temperature import Temperature

PAD, BOS, EOS = 0, 1, 2
AT_EOS = frozenset([EOS])
TRANSLATOR = TinyTranslator(12, 10, seed=2)

SOURCES = some.lists(some.lists(some.integers(3, 11), max_size=7).map(lambda ids: [*ids, EOS]), max_size=20)


def request(max_tokens: int = 12, **more) -> Request:
    return Request(Stop(max_tokens, AT_EOS), excluded=frozenset([PAD, BOS]), **more)


def all_answers(sources, strategy, wanted, decoder=TRANSLATOR, **more) -> list:
    found = dict(answers(decoder, sources, strategy, wanted, **more))
    return [found[number] for number in range(len(sources))]


def alone(source, decoder=TRANSLATOR) -> Batch:
    """The moment after BOS, of one source and without padding."""
    outputs, state = decoder.step(np.array([BOS]), decoder.encode(np.array([source]), np.array([len(source)])))
    return Batch(state, outputs, ((),), ((),), (0,), (0,))


def streamed(strategy, source, wanted):
    """(ids, log_prob, states) of one source, as one writes it down."""
    start = alone(source)
    outputs, ids, states, total = start.outputs, [], [], 0.0
    for step in islice(strategy.search(TRANSLATOR, start, wanted), wanted.stop.max_tokens):
        token = int(step.tokens[0])
        total += log_probs(outputs[0])[token]
        if token == EOS:
            break
        ids.append(token)
        states.append(step.state)
        outputs = step.outputs
    return tuple(ids), total, states


@given(
    SOURCES,
    some.sampled_from([Beam(3), Beam(4, "average", early_stop=False), DiverseBeam(4, groups=2)]),
    some.integers(3, 20),
)
@settings(max_examples=15, deadline=None)
def test_a_search_answers_each_source_as_on_its_own(sources, strategy, batch_size):
    wanted = request(num_best=3)
    for source, found in zip(sources, all_answers(sources, strategy, wanted, batch_size=batch_size), strict=True):
        ((own,),) = ((step.best for step in strategy.search(TRANSLATOR, alone(source), wanted)),)
        assert [each.ids for each in found] == [each.ids for each in own]
        assert [each.score for each in found] == pytest.approx([each.score for each in own], abs=1e-4)


CHAINS = some.sampled_from([(), (NoRepeatNgram(2), Temperature(1.5)), (Mirostat(2.0),)])


@given(SOURCES, some.sampled_from([Greedy(), Sample()]), CHAINS, some.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_a_streaming_strategy_answers_each_source_as_on_its_own(sources, strategy, samplers, seed):
    wanted = request(samplers=samplers, draw=Draw(seed), prefix=(4,))
    for source, (found,) in zip(sources, all_answers(sources, strategy, wanted, batch_size=15), strict=True):
        ids, total, states = streamed(strategy, source, wanted)
        assert found.ids == ids
        assert found.score == found.log_prob == pytest.approx(total, abs=1e-4)
        assert len(found.states) == len(found.outputs) == len(ids)
        for one, other in zip(found.states, states, strict=True):
            np.testing.assert_allclose(one.hidden, other.hidden, atol=1e-5)
            np.testing.assert_allclose(one.attention[:, : len(source)], other.attention, atol=1e-5)
        assert len({id(state.encoded) for state in found.states}) <= 1


def test_greedy_is_a_beam_of_one_for_files_too():
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    greedy, beam = (all_answers(sources, strategy, request()) for strategy in (Greedy(), Beam(1)))
    assert [found.ids for (found,) in greedy] == [found.ids for (found,) in beam]
    assert [found.log_prob for (found,) in greedy] == pytest.approx([found.log_prob for (found,) in beam])


class Counting(TinyTranslator):
    """Notes the shapes that it is given."""

    def __init__(self) -> None:
        super().__init__(12, 10, seed=2)
        self.encoded: list = []
        self.stepped: list = []

    def encode(self, source, lengths):
        self.encoded.append(source.shape)
        assert [row[length - 1] for row, length in zip(source, lengths, strict=True)] == [EOS] * len(source)
        return super().encode(source, lengths)

    def step(self, inputs, state):
        self.stepped.append(len(inputs))
        return super().step(inputs, state)


def test_sources_of_similar_length_share_a_batch():
    decoder = Counting()
    list(answers(decoder, [[3] * size + [EOS] for size in (4, 0, 9, 1, 5, 9)], Greedy(), request(1), batch_size=2))
    assert decoder.encoded == [(2, 2), (2, 6), (2, 10)]


def test_long_sources_have_a_batch_of_their_own():
    decoder = Counting()
    list(answers(decoder, [[3] * size + [EOS] for size in (2999, 2999, 2999, 9999)], Greedy(), request(1)))
    assert decoder.encoded == [(2, 3000), (1, 3000), (1, 10000)]


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)])
def test_rows_that_are_done_leave_the_batch(strategy):
    """Though not one by one."""
    decoder = Counting()
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    found = all_answers(sources, strategy, request(60), decoder)
    after = decoder.stepped[2:]
    assert after == sorted(after, reverse=True)
    assert 3 < len(set(after)) < 20
    assert len({len(row[0].ids) for row in found}) > 5


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)])
def test_states_are_left_out_where_nobody_needs_them(strategy):
    sources = [[3, 4, EOS], [EOS]]
    kept, spared = (all_answers(sources, strategy, request(keeps_states=keeps)) for keeps in (True, False))
    assert [row[0].ids for row in kept] == [row[0].ids for row in spared]
    assert all(row[0].states == row[0].outputs == () for row in spared)


def test_letting_go_of_what_nobody_needs_changes_nothing(monkeypatch):
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    before = all_answers(sources, Greedy(), request())
    monkeypatch.setattr("seqshell.decoding.hypotheses.MAX_BYTES", 0)
    for (one,), (other,) in zip(before, all_answers(sources, Greedy(), request()), strict=True):
        assert one.ids == other.ids
        for left, right in zip((*one.states, *one.outputs), (*other.states, *other.outputs), strict=True):
            assert all(np.array_equal(*pair) for pair in zip(leaves(left), leaves(right), strict=True))


@pytest.mark.parametrize("strategy", [Greedy(), Beam(1)])
def test_a_stop_text_ends_an_answer_before_it(strategy):
    tokenizer = tiny_model("abcdefghij").tokenizer
    sources = [[first, 4, EOS] for first in range(3, 12)]

    def written(wanted):
        return [
            b"".join(map(tokenizer.piece, found.ids)).decode() for (found,) in all_answers(sources, strategy, wanted)
        ]

    whole = written(request(30))
    stop = next(text[2:4] for text in whole if len(text) > 3)
    cut = written(Request(Stop(30, AT_EOS, (stop,)), excluded=frozenset([PAD, BOS]), tokenizer=tokenizer))
    assert cut == [text.partition(stop)[0] for text in whole] != whole


def test_a_streaming_strategy_has_one_answer():
    with pytest.raises(UsageError, match=r"^greedy finds one answer, not 3; /strategies lists the ones that search$"):
        list(answers(TRANSLATOR, [[EOS]], Greedy(), request(num_best=3)))


def test_no_sources_have_no_answers():
    assert list(answers(TRANSLATOR, [], Beam(2), request())) == []


# What the search is made of


@given(some.integers(0, 99), some.sampled_from([1, 7, 60, 3000, 5000]), some.integers(1, 9), some.booleans())
@settings(max_examples=40, deadline=None)
def test_the_most_likely_tokens_are_ordered_by_logit_then_by_id(seed, size, k, has_gaps):
    draws, k = np.random.default_rng(seed), min(k, size)
    logits = np.floor(draws.normal(0, draws.choice([1, 300]), (5, size))).astype(
        np.float32
    )  # with equal ones among them
    if has_gaps:
        logits[draws.random(logits.shape) < 1 - 4 / size] = -np.inf
    found = most_likely(logits, k)
    expected = np.argsort(-logits, 1, kind="stable")[:, :k]
    is_over = np.isfinite(np.take_along_axis(logits, expected, 1))

    assert np.array_equal(found[is_over], expected[is_over])
    assert (np.take_along_axis(logits, found, 1)[~is_over] == -np.inf).all()


@given(some.lists(some.lists(some.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=40))
def test_the_total_is_what_makes_log_probabilities_of_logits(values):
    logits = np.array(values)
    np.testing.assert_allclose(logits - log_totals(logits)[:, None], log_probs(logits), atol=1e-9)


@given(some.lists(some.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), some.text("abc", max_size=30))
def test_stop_texts_are_found_where_a_session_finds_them(texts, whole):
    tokenizer, watch = ByteTokenizer(), StopWatch(StopTexts(texts))
    endings, tail, ids, told = BranchingStops(texts, tokenizer), b"", [], 0
    for token in whole.encode():
        ids.append(token)
        tail, num_bytes = endings.read(token, tail)
        free, found = watch.add(bytes([token]))
        told += free
        assert bool(num_bytes) == found
        if found:
            assert endings.cut(ids, num_bytes) == told
            return
