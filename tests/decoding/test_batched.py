"""Answers to many sources in batches: each answer is the same as for its source alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.errors import UsageError
from seqshell.core.sampling import END, Batch, Draw, Hypotheses, Hypothesis, Request, Stop
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


def new_request(max_tokens: int = 12, **more) -> Request:
    return Request(Stop(max_tokens, AT_EOS), excluded=frozenset([PAD, BOS]), **more)


def all_answers(sources, strategy, request, decoder=TRANSLATOR, **more) -> list:
    found = dict(answers(decoder, sources, strategy, request, **more))
    return [found[number] for number in range(len(sources))]


def alone(source, decoder=TRANSLATOR) -> Batch:
    """A batch of one source, without padding, after BOS."""
    outputs, state = decoder.step(np.array([BOS]), decoder.encode(np.array([source]), np.array([len(source)])))
    return Batch(state, outputs, ((),), ((),), (0,), (0,))


def streamed(strategy, source, request):
    """(ids, log_prob, states) of one source, from a plain loop."""
    start = alone(source)
    outputs, ids, states, total = start.outputs, [], [], 0.0
    for step in islice(strategy.search(TRANSLATOR, start, request), request.stop.max_tokens):
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
def test_a_search_finds_the_same_answers_for_a_source_in_a_batch_and_alone(sources, strategy, batch_size):
    request = new_request(num_best=3)
    for source, found in zip(sources, all_answers(sources, strategy, request, batch_size=batch_size), strict=True):
        ((own,),) = ((step.best for step in strategy.search(TRANSLATOR, alone(source), request)),)
        assert [each.ids for each in found] == [each.ids for each in own]
        assert [each.score for each in found] == pytest.approx([each.score for each in own], abs=1e-4)


CHAINS = some.sampled_from([(), (NoRepeatNgram(2), Temperature(1.5)), (Mirostat(2.0),)])


@given(SOURCES, some.sampled_from([Greedy(), Sample()]), CHAINS, some.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_a_streaming_strategy_gives_the_same_answer_for_a_source_in_a_batch_and_alone(
    sources, strategy, samplers, seed
):
    request = new_request(samplers=samplers, draw=Draw(seed), prefix=(4,))
    for source, (found,) in zip(sources, all_answers(sources, strategy, request, batch_size=15), strict=True):
        ids, total, states = streamed(strategy, source, request)
        assert found.ids == ids
        assert found.score == found.log_prob == pytest.approx(total, abs=1e-4)
        assert len(found.states) == len(found.outputs) == len(ids)
        for one, other in zip(found.states, states, strict=True):
            np.testing.assert_allclose(one.hidden, other.hidden, atol=1e-5)
            np.testing.assert_allclose(one.attention[:, : len(source)], other.attention, atol=1e-5)
        assert len({id(state.encoded) for state in found.states}) <= 1


def test_greedy_equals_a_beam_of_width_1_in_batches():
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    greedy, beam = (all_answers(sources, strategy, new_request()) for strategy in (Greedy(), Beam(1)))
    assert [found.ids for (found,) in greedy] == [found.ids for (found,) in beam]
    assert [found.log_prob for (found,) in greedy] == pytest.approx([found.log_prob for (found,) in beam])


class RecordingTranslator(TinyTranslator):
    """Records the shapes of its inputs."""

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
    decoder = RecordingTranslator()
    list(answers(decoder, [[3] * size + [EOS] for size in (4, 0, 9, 1, 5, 9)], Greedy(), new_request(1), batch_size=2))
    assert decoder.encoded == [(2, 2), (2, 6), (2, 10)]


def test_batches_of_long_sources_are_smaller():
    decoder = RecordingTranslator()
    list(answers(decoder, [[3] * size + [EOS] for size in (2999, 2999, 2999, 9999)], Greedy(), new_request(1)))
    assert decoder.encoded == [(2, 3000), (1, 3000), (1, 10000)]


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)])
def test_finished_rows_leave_the_batch(strategy):
    """Several at a time, not one by one."""
    decoder = RecordingTranslator()
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    found = all_answers(sources, strategy, new_request(60), decoder)
    sizes = decoder.stepped[2:]
    assert sizes == sorted(sizes, reverse=True)
    assert 3 < len(set(sizes)) < 20
    assert len({len(row[0].ids) for row in found}) > 5


@pytest.mark.parametrize("strategy", [Greedy(), Beam(2)])
def test_answers_have_no_states_if_the_request_does_not_keep_them(strategy):
    sources = [[3, 4, EOS], [EOS]]
    with_states, without = (all_answers(sources, strategy, new_request(keeps_states=keeps)) for keeps in (True, False))
    assert [row[0].ids for row in with_states] == [row[0].ids for row in without]
    assert all(row[0].states == row[0].outputs == () for row in without)


def test_dropping_unused_records_does_not_change_the_answers(monkeypatch):
    sources = [[number % 9 + 3] * (number % 5) + [EOS] for number in range(30)]
    before = all_answers(sources, Greedy(), new_request())
    monkeypatch.setattr("seqshell.decoding.hypotheses.MAX_BYTES", 0)
    for (one,), (other,) in zip(before, all_answers(sources, Greedy(), new_request()), strict=True):
        assert one.ids == other.ids
        for left, right in zip((*one.states, *one.outputs), (*other.states, *other.outputs), strict=True):
            assert all(np.array_equal(*pair) for pair in zip(leaves(left), leaves(right), strict=True))


@pytest.mark.parametrize("strategy", [Greedy(), Beam(1)])
def test_an_answer_ends_before_a_stop_text(strategy):
    tokenizer = tiny_model("abcdefghij").tokenizer
    sources = [[first, 4, EOS] for first in range(3, 12)]

    def texts_of(request):
        return [
            b"".join(map(tokenizer.piece, found.ids)).decode() for (found,) in all_answers(sources, strategy, request)
        ]

    whole = texts_of(new_request(30))
    stop = next(text[2:4] for text in whole if len(text) > 3)
    cut = texts_of(Request(Stop(30, AT_EOS, (stop,)), excluded=frozenset([PAD, BOS]), tokenizer=tokenizer))
    assert cut == [text.partition(stop)[0] for text in whole] != whole


def test_a_streaming_strategy_refuses_to_find_several_answers():
    with pytest.raises(UsageError, match=r"^greedy finds one answer, not 3; /strategies lists the ones that search$"):
        list(answers(TRANSLATOR, [[EOS]], Greedy(), new_request(num_best=3)))


@dataclass(frozen=True)
class Quits:
    """A search that answers some rows with their most likely first token, and then ends all of them."""

    name: ClassVar[str] = "quits"
    streams: ClassVar[bool] = False
    rows: int = 0

    def search(self, decoder, start, request):
        for row in range(min(self.rows, len(start.outputs))):
            yield Hypotheses(row, (Hypothesis((int(start.outputs[row].argmax()),), -1.0, -1.0, (), ()),))
        yield END


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_rows_without_an_answer_are_empty_when_a_search_ends_them(rows):
    found = dict(answers(TRANSLATOR, [(5, 2), (6, 2), (7, 2)], Quits(rows), new_request(keeps_states=False)))

    assert [(len(found[number][0].ids), found[number][0].stop) for number in sorted(found)] == [
        *[(1, "")] * rows,
        *[(0, "plugin")] * (3 - rows),
    ]


def test_no_sources_have_no_answers():
    assert list(answers(TRANSLATOR, [], Beam(2), new_request())) == []


# Parts of the search


@given(some.integers(0, 99), some.sampled_from([1, 7, 60, 3000, 5000]), some.integers(1, 9), some.booleans())
@settings(max_examples=40, deadline=None)
def test_the_most_likely_tokens_are_ordered_by_logit_then_by_id(seed, size, k, has_gaps):
    random, k = np.random.default_rng(seed), min(k, size)
    values = random.normal(0, random.choice([1, 300]), (5, size))
    logits = np.floor(values).astype(np.float32)  # some are equal
    if has_gaps:
        logits[random.random(logits.shape) < 1 - 4 / size] = -np.inf
    found = most_likely(logits, k)
    expected = np.argsort(-logits, 1, kind="stable")[:, :k]
    is_possible = np.isfinite(np.take_along_axis(logits, expected, 1))

    assert np.array_equal(found[is_possible], expected[is_possible])
    assert (np.take_along_axis(logits, found, 1)[~is_possible] == -np.inf).all()


@given(some.lists(some.lists(some.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=40))
def test_logits_minus_their_log_total_are_log_probabilities(values):
    logits = np.array(values)
    np.testing.assert_allclose(logits - log_totals(logits)[:, None], log_probs(logits), atol=1e-9)


@given(some.lists(some.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), some.text("abc", max_size=30))
def test_a_search_and_a_session_find_stop_texts_at_the_same_place(texts, whole):
    tokenizer, watch = ByteTokenizer(), StopWatch(StopTexts(texts))
    endings, tail, ids, num_free = BranchingStops(texts, tokenizer), b"", [], 0
    for token in whole.encode():
        ids.append(token)
        tail, num_bytes = endings.read(token, tail)
        free, found = watch.add(bytes([token]))
        num_free += free
        assert bool(num_bytes) == found
        if found:
            assert endings.cut(ids, num_bytes) == num_free
            return
