"""Beam search, held against looking at every sequence there is, numbers worked out by hand, and greedy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice, pairwise, product
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.sampling import Advanced, Batch, History, Request, Stop
from seqshell.core.state import attention_of, leaves, map_leaves, rows
from seqshell.decoding.beam import Beam
from seqshell.decoding.hypotheses import ExtendedHistory, PathNode, Trail
from seqshell.decoding.length_penalty import Scoring
from seqshell.decoding.probabilities import log_probs
from seqshell.decoding.strategies import Greedy
from seqshell.session import Session
from seqshell.testing.tiny_language_model import TinyDecoder, tiny_model
from seqshell_samplers.penalties import NoRepeatNgram, RepeatPenalty
from seqshell_samplers.temperature import Temperature

PAD, BOS, EOS = 0, 1, 2


class Reading(NamedTuple):
    """hidden [B, H]; attention [B, S]; memory [B, S, H] and mask [B, S], the constant leaves; steps [B], whole numbers."""

    hidden: Any
    attention: Any
    memory: Any
    mask: Any
    steps: Any


class TinyTranslator:
    """Dot attention over the embedded source (Luong 2015), one Elman layer. EOS becomes more likely with each step."""

    def __init__(self, vocab_size: int = 12, hidden_size: int = 6, seed: int = 0, haste: float = 0.5) -> None:
        random = np.random.default_rng(seed)
        self.size, self.haste = vocab_size, haste
        self.source, self.target = random.normal(0, 1, (2, vocab_size, hidden_size))
        self.recurrent = random.normal(0, 1 / np.sqrt(hidden_size), (hidden_size, hidden_size))
        self.readout = random.normal(0, 1, (2 * hidden_size, vocab_size))

    def encode(self, source, lengths):
        mask = np.arange(source.shape[1]) < lengths[:, None]
        memory = self.source[source] * mask[:, :, None]
        hidden = memory.sum(1) / lengths[:, None]
        return Reading(hidden, np.zeros(source.shape), memory, mask, np.zeros(len(source), np.int64))

    def initial_state(self, batch_size=1):
        return self.encode(np.full((batch_size, 1), EOS), np.ones(batch_size, np.int64))

    def step(self, inputs, state):
        hidden = np.tanh(self.target[inputs] + state.hidden @ self.recurrent)
        weights = np.where(state.mask, np.exp(np.einsum("bh,bsh->bs", hidden, state.memory)), 0)
        weights /= weights.sum(1, keepdims=True)
        outputs = np.concatenate([hidden, np.einsum("bs,bsh->bh", weights, state.memory)], 1) @ self.readout
        outputs[:, EOS] += self.haste * state.steps
        return outputs, Reading(hidden, weights, state.memory, state.mask, state.steps + 1)

    def feed(self, inputs, state):
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state


LANGUAGE = tiny_model().decoder
TRANSLATOR = TinyTranslator()
SOURCES = [[4, 5, EOS], [6, 7, 8, 9, 3, EOS], [EOS], [5, 5, 5, 5, EOS], [11, 3, EOS]]


def read(*texts: list[int], decoder: Any = LANGUAGE) -> Batch:
    """A batch whose rows have read their ids."""
    pairs = [decoder.feed(np.array([ids]), decoder.initial_state()) for ids in texts]
    state = map_leaves(lambda *parts: np.concatenate(parts), *(state for _, state in pairs))
    outputs = np.concatenate([outputs for outputs, _ in pairs])
    lengths = tuple(map(len, texts))
    return Batch(
        state, outputs, tuple(History(list(ids)) for ids in texts), ((),) * len(texts), lengths, (0,) * len(texts)
    )


def asked(*sources: list[int], decoder: Any = TRANSLATOR) -> Batch:
    """A batch whose rows have encoded their sources and read BOS."""
    lengths = tuple(map(len, sources))
    source = np.array([[*ids, *[PAD] * (max(lengths) - len(ids))] for ids in sources])
    outputs, state = decoder.step(np.full(len(sources), BOS), decoder.encode(source, np.array(lengths)))
    nothing = ((),) * len(sources)
    return Batch(state, outputs, nothing, nothing, (0,) * len(sources), (0,) * len(sources), lengths)


def request(max_tokens: int = 8, **more: Any) -> Request:
    """For the translator: EOS ends, PAD and BOS are never drawn."""
    return Request(Stop(max_tokens, frozenset([EOS])), excluded=frozenset([PAD, BOS]), **more)


def best(beam: Any, start: Batch, wanted: Request, decoder: Any = TRANSLATOR) -> list:
    """The hypotheses of each row."""
    found = {step.row: step.best for step in beam.search(decoder, start, wanted)}
    return [found[row] for row in range(len(start.histories))]


def ids(found: list) -> list[list[tuple[int, ...]]]:
    return [[each.ids for each in row] for row in found]


def greedy(decoder: Any, start: Batch, wanted: Request) -> list[tuple[int, ...]]:
    """What the strategy greedy answers in each row."""
    steps = [step.tokens for step in islice(Greedy().search(decoder, start, wanted), wanted.stop.max_tokens)]
    answers = np.array(steps).T.tolist()
    return [
        tuple(row[: next((n for n, token in enumerate(row) if token in wanted.stop.ids), len(row))]) for row in answers
    ]


def every_answer(decoder: Any, start: Batch, max_tokens: int, tokens: tuple[int, ...], scoring: Scoring) -> list:
    """(score, log_prob, ids) of every answer that there is to one row, best first; answers end with EOS or at max_tokens."""
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


# Against everything there is

WIDE = TinyTranslator(90, seed=3)
FEW = (EOS, 5, 6, 7)  # the other 86 are excluded, so that a beam of 85 holds every beginning of four tokens


@pytest.mark.parametrize("normalise", ["gnmt", "average", "none"])
@pytest.mark.parametrize("coverage_penalty", [0.0, 0.7])
def test_a_beam_wide_enough_finds_the_best_of_all_answers_under_each_score(normalise, coverage_penalty):
    start = asked([4, 5, 6, EOS], decoder=WIDE)
    wanted = Request(Stop(4, frozenset([EOS])), num_best=30, excluded=frozenset(range(90)) - set(FEW))
    (found,) = best(Beam(85, normalise, 1.3, coverage_penalty, early_stop=False), start, wanted, WIDE)
    expected = every_answer(WIDE, start, 4, FEW, Scoring(normalise, 1.3, coverage_penalty))[:30]

    assert [each.ids for each in found] == [sequence for _, _, sequence in expected]
    np.testing.assert_allclose([each.score for each in found], [score for score, _, _ in expected])
    np.testing.assert_allclose([each.log_prob for each in found], [total for _, total, _ in expected])


def test_the_scores_put_the_answers_in_different_orders():
    """Else the test above would say little."""
    start = asked([4, 5, 6, EOS], decoder=WIDE)
    kinds = (Scoring("gnmt", 1.3), Scoring("average"), Scoring("none"), Scoring("gnmt", 1.3, 0.7))
    orders = [[sequence for *_, sequence in every_answer(WIDE, start, 4, FEW, scoring)[:30]] for scoring in kinds]
    assert all(one != other for one, other in pairwise(orders))


def test_the_gnmt_score_by_hand():
    assert Scoring("gnmt", 0.6).score(-3.0, 7) == pytest.approx(-3.0 / 2**0.6)
    assert Scoring("gnmt", 1.0).score(-3.0, 1) == -3.0
    assert Scoring("gnmt", 0.0).score(-3.0, 50) == Scoring("none").score(-3.0, 50) == -3.0
    assert Scoring("average").score(-3.0, 4) == -0.75


def test_the_coverage_penalty_by_hand():
    """0.2 * (log 0.5 + log 1 + log 0.25); a position that got more than 1 counts as 1."""
    coverage = np.array([0.5, 1.75, 0.25])
    assert Scoring("none", 0.0, 0.2).score(-3.0, 4, coverage) == pytest.approx(-3.0 + 0.2 * np.log(0.125))
    assert np.isfinite(Scoring("none", 0.0, 0.2).score(-3.0, 4, np.zeros(3)))


def test_coverage_counts_the_attention_for_each_token_and_for_eos():
    start = asked([4, 5, 6, EOS])
    ((found,),) = best(Beam(1, "none", 0, 0.5), start, request(20))
    state, coverage = start.state, 0.0
    for token in (*found.ids, EOS):
        coverage = coverage + attention_of(state)[0]
        _, state = TRANSLATOR.step(np.array([token]), state)

    assert found.score == pytest.approx(found.log_prob + 0.5 * np.log(np.minimum(coverage, 1)).sum())
    assert 0 < len(found.ids) < 20


def test_a_model_without_attention_has_no_coverage_penalty():
    wanted = Request(Stop(5), num_best=3)
    assert (
        best(Beam(3, coverage_penalty=9), read([1]), wanted, LANGUAGE)[0][0].score
        == best(Beam(3), read([1]), wanted, LANGUAGE)[0][0].score
    )


# Against greedy


CHAINS = some.sampled_from([(), (RepeatPenalty(1.7, 3), Temperature(5)), (NoRepeatNgram(2),)])


@given(some.integers(0, 999), some.integers(1, 8), some.booleans(), CHAINS)
@settings(max_examples=40, deadline=None)
def test_a_beam_of_one_is_greedy(seed, max_tokens, early_stop, samplers):
    translator = TinyTranslator(seed=seed)
    wanted = request(max_tokens, samplers=samplers)
    start = asked(*SOURCES, decoder=translator)
    start = replace(start, memories=((None,) * len(samplers),) * len(SOURCES))
    found = best(Beam(1, early_stop=early_stop), start, wanted, translator)

    assert [row[0].ids for row in found] == greedy(translator, start, wanted)


def test_of_equally_likely_tokens_the_smallest_id_is_taken():
    class Equal(TinyDecoder):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return np.floor(outputs), state  # many ties

    decoder = Equal(10)
    start, wanted = read([1, 2], [3], decoder=decoder), Request(Stop(12))
    assert [row[0].ids for row in best(Beam(1), start, wanted, decoder)] == greedy(decoder, start, wanted)

    flat = replace(start, outputs=np.zeros((2, 10), np.float32))
    first = [step.tokens for step in islice(Greedy().search(decoder, flat, wanted), 1)]
    assert [row[0].ids[0] for row in best(Beam(1), flat, wanted, decoder)] == first[0].tolist() == [0, 0]
    assert [each.ids for each in best(Beam(4), flat, replace(wanted, stop=Stop(1), num_best=4), decoder)[0]] == [
        (0,),
        (1,),
        (2,),
        (3,),
    ]


# Rows


@given(some.lists(some.sampled_from(SOURCES), min_size=1, max_size=20), some.integers(1, 9), some.booleans(), CHAINS)
@settings(max_examples=25, deadline=None)
def test_rows_in_a_batch_are_answered_as_on_their_own(sources, width, early_stop, samplers):
    beam, wanted = (
        Beam(width, coverage_penalty=0.3, early_stop=early_stop),
        request(10, num_best=min(3, width), samplers=samplers),
    )
    together = best(beam, asked(*sources), wanted)
    alone = [best(beam, asked(source), wanted)[0] for source in sources]

    assert ids(together) == ids(alone)
    for one, other in zip(sum(together, ()), sum(alone, ()), strict=True):
        assert (one.score, one.log_prob) == pytest.approx((other.score, other.log_prob))
        for left, right in zip(one.states, other.states, strict=True):
            np.testing.assert_allclose(left.hidden, right.hidden)


def test_sentences_that_are_done_leave_the_batch():
    sizes = []

    class Counting(TinyTranslator):
        def step(self, inputs, state):
            sizes.append(len(inputs))
            return super().step(inputs, state)

    decoder = Counting(haste=0.3)
    found = best(Beam(3), asked(*SOURCES, decoder=decoder), request(40), decoder)

    assert sizes[:2] == [5, 15]
    assert sizes == sizes[:1] + sorted(sizes[1:], reverse=True)
    assert len(set(sizes)) > 3
    assert max(len(row[0].ids) for row in found) <= len(sizes)


# What a hypothesis carries


def test_the_states_of_an_answer_are_those_of_reading_it():
    start = asked(*SOURCES)
    for row, answers in enumerate(best(Beam(4), start, request(12, num_best=3, prefix=(7,)))):
        for each in answers:
            state, outputs, total = rows(start.state, [row]), start.outputs[[row]], 0.0
            assert len(each.states) == len(each.outputs) == len(each.ids)
            for token, its_state, its_outputs in zip(each.ids, each.states, each.outputs, strict=True):
                total += log_probs(outputs[0])[token]
                outputs, state = TRANSLATOR.step(np.array([token]), state)
                np.testing.assert_allclose(its_outputs, outputs)
                assert its_outputs.shape == (1, 12)
                assert type(its_state) is Reading
                for one, other in zip(leaves(its_state), leaves(state), strict=True):
                    np.testing.assert_allclose(one, other)
                    assert (one.dtype, one.shape) == (other.dtype, other.shape)
            if len(each.ids) < 12:
                total += log_probs(outputs[0])[EOS]
            assert each.log_prob == pytest.approx(total)


def test_a_constant_leaf_is_one_object_for_all_answers_of_a_row():
    start = asked(SOURCES[1])
    ((first, second),) = best(Beam(4), start, request(12, num_best=2))
    assert all(
        state.memory is start.state.memory and state.mask is start.state.mask
        for each in (first, second)
        for state in each.states
    )

    start = asked(*SOURCES)
    found = best(Beam(4), start, request(12, num_best=2))
    for row in found:
        assert len({id(state.memory) for each in row for state in each.states}) == 1
        assert all(state.memory.base is None for each in row for state in each.states)


def test_a_constant_leaf_is_not_put_in_a_new_order_for_every_step():
    seen = []

    class Watching(TinyTranslator):
        def step(self, inputs, state):
            seen.append(state.memory)
            return super().step(inputs, state)

    decoder = Watching(haste=-50)
    best(Beam(4), asked(SOURCES[1], decoder=decoder), request(10), decoder)
    assert len({id(memory) for memory in seen}) == 2  # of the source, and of the beam


def test_a_leaf_that_is_handed_on_now_and_then_goes_with_its_hypothesis():
    """It looks constant for some steps, and is not."""

    class Slow(TinyDecoder):
        def initial_state(self, batch_size=1):
            return super().initial_state(batch_size), np.zeros((batch_size, 1)), np.zeros((batch_size, 1), np.int64)

        def step(self, inputs, state):
            hidden, slow, steps = state
            outputs, hidden = super().step(inputs, hidden)
            if steps[0, 0] % 3 == 2:
                slow = np.tanh(slow + inputs[:, None])
            return outputs + slow * np.sin(np.arange(10)) * 3, (hidden, slow, steps + 1)

    decoder = Slow(10, seed=4)
    start = read([1], decoder=decoder)
    for each in best(Beam(5), start, Request(Stop(12), num_best=5), decoder)[0]:
        outputs, state, total = start.outputs, start.state, 0.0
        for token, its_state in zip(each.ids, each.states, strict=True):
            total += log_probs(outputs[0])[token]
            outputs, state = decoder.step(np.array([token]), state)
            np.testing.assert_allclose(its_state[1], state[1])
        assert each.log_prob == pytest.approx(total)


def test_states_are_left_out_where_nobody_needs_them():
    kept, spared = (best(Beam(3), asked(*SOURCES), request(9, keeps_states=keeps)) for keeps in (True, False))
    assert ids(kept) == ids(spared)
    assert all(each.states == each.outputs == () for row in spared for each in row)


def test_what_no_hypothesis_passed_is_let_go_of_without_a_trace(monkeypatch):
    wanted = request(12, num_best=4)
    before = best(Beam(6), asked(*SOURCES), wanted)
    largest = []
    thin = Trail.thin

    def noted(trail, ends):
        thin(trail, ends)
        largest.append(trail._bytes)

    monkeypatch.setattr(Trail, "thin", noted)
    best(Beam(6), asked(*SOURCES), wanted)
    everything = max(largest)
    largest.clear()
    monkeypatch.setattr("seqshell.decoding.hypotheses.MAX_BYTES", 0)
    after = best(Beam(6), asked(*SOURCES), wanted)

    assert max(largest) < everything
    assert ids(before) == ids(after)
    for one, other in zip(sum(before, ()), sum(after, ()), strict=True):
        for left, right in zip((*one.states, *one.outputs), (*other.states, *other.outputs), strict=True):
            assert all(np.array_equal(*pair) for pair in zip(leaves(left), leaves(right), strict=True))


# What ends


class Scripted:
    """A model told by a table: the ids so far -> the probabilities [V] of the next token. Its state is the ids so far."""

    def __init__(self, table: dict[tuple[int, ...], list[float]], default: list[float]) -> None:
        self.table, self.default = table, default

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 20), np.int64), np.zeros(batch_size, np.int64)

    def step(self, inputs, state):
        written, length = state[0].copy(), state[1]
        written[np.arange(len(inputs)), length] = inputs
        return self.outputs((written, length + 1)), (written, length + 1)

    def outputs(self, state):
        written = [tuple(ids[:length].tolist()) for ids, length in zip(*state, strict=True)]
        with np.errstate(divide="ignore"):
            return np.log(np.array([self.table.get(ids, self.default) for ids in written]))

    def start(self) -> Batch:
        return Batch(self.initial_state(), self.outputs(self.initial_state()), ((),), ((),), (0,), (0,))


# Tokens: EOS is 2, a is 0, b is 1.
GARDEN = Scripted(
    {
        (): [0.5, 0.1, 0.4],
        (0,): [0.45, 0.45, 0.1],
        (1,): [0.1, 0.1, 0.8],
        (0, 0): [0.05, 0.05, 0.9],
        (0, 1): [0.2, 0.0, 0.8],
    },
    [0.3, 0.3, 0.4],
)
AT_EOS = Stop(4, frozenset([EOS]))


def test_a_finished_hypothesis_is_compared_only_by_its_score():
    """EOS alone has 0.4; `a a EOS` and `a b EOS` have 0.2025 and 0.18: less in all, more for their length. The beam goes on past EOS."""
    found = {
        normalise: best(Beam(2, normalise, early_stop=False), GARDEN.start(), Request(AT_EOS, num_best=2), GARDEN)[0]
        for normalise in ("none", "gnmt", "average")
    }
    log = np.log

    assert [each.ids for each in found["none"]] == [(), (0, 0)]
    assert [each.score for each in found["none"]] == pytest.approx([log(0.4), log(0.2025)])
    assert [each.ids for each in found["average"]] == [(0, 0), (0, 1)]
    assert [each.score for each in found["average"]] == pytest.approx([log(0.2025) / 3, log(0.18) / 3])
    assert [each.ids for each in found["gnmt"]] == [(), (0, 0)]
    assert [each.score for each in found["gnmt"]] == pytest.approx([log(0.4), log(0.2025) / (8 / 6)])


def test_early_stop_ends_with_as_many_finished_ones_as_the_beam_is_wide():
    """EOS alone and `a EOS` are finished after two steps; `a a` then goes on without a doubt."""
    model = Scripted({(): [0.69, 0.01, 0.3], (0,): [0.64, 0.0, 0.36]}, [1.0, 0.0, 0.0])
    early, late = (
        best(Beam(2, "average", early_stop=stop), model.start(), Request(AT_EOS), model)[0][0] for stop in (True, False)
    )
    assert (early.ids, late.ids) == ((0,), (0, 0, 0, 0))
    assert late.score == pytest.approx(np.log(0.69 * 0.64) / 4)
    assert early.score == pytest.approx(np.log(0.69 * 0.36) / 2)


def test_the_limit_finishes_what_lives_with_the_score_it_has():
    (found,) = best(Beam(3, "none"), GARDEN.start(), Request(Stop(2, frozenset([EOS])), num_best=3), GARDEN)

    assert [each.ids for each in found] == [(), (0, 0), (0, 1)]
    assert [np.exp(each.log_prob) for each in found] == pytest.approx([0.4, 0.225, 0.225])
    assert [len(each.states) for each in found] == [0, 2, 2]


def test_a_place_in_which_nothing_lives_is_not_stepped():
    """EOS takes one of the two places at the first step; `a` alone goes on, and then `a a` and `a b`."""

    class Watched(Scripted):
        def step(self, inputs, state):
            stepped.append(inputs.tolist())
            return super().step(inputs, state)

    stepped: list[list[int]] = []
    model = Watched(GARDEN.table, GARDEN.default)
    (found,) = best(Beam(2, "average", early_stop=False), model.start(), Request(AT_EOS, num_best=2), model)
    assert [each.ids for each in found] == [(0, 0), (0, 1)]
    assert stepped[:2] == [[0], [0, 1]]


def test_answers_that_read_alike_are_one_answer():
    """`a a` and `a b` are the best two by the average; where both read the same, EOS alone takes the second place."""

    class Alike:
        size = 3

        def piece(self, token):
            return (b"a", b"a", b"")[token]

    wanted = Request(AT_EOS, num_best=2, tokenizer=Alike())
    (found,) = best(Beam(2, "average", early_stop=False), GARDEN.start(), wanted, GARDEN)
    assert [each.ids for each in found] == [(0, 0), ()]
    assert found[0].log_prob == pytest.approx(np.log(0.2025))


def test_a_candidate_without_any_probability_is_no_hypothesis():
    certain = Scripted({}, [1.0, 0.0, 0.0])
    (found,) = best(Beam(3), certain.start(), Request(Stop(3), num_best=3), certain)
    assert [each.ids for each in found] == [(0, 0, 0)]


def test_excluded_ids_are_never_drawn_and_change_no_log_probability():
    start = asked(SOURCES[0])
    (found,) = best(Beam(5), start, request(6, num_best=5))
    assert not {PAD, BOS} & {token for each in found for token in each.ids}
    for each in found:
        assert each.score == pytest.approx(each.log_prob / ((6 + len(each.ids)) / 6 if len(each.ids) < 6 else 11 / 6))


def test_a_prefix_begins_every_answer_and_counts():
    start = asked(*SOURCES)
    for row, answers in enumerate(best(Beam(3), start, request(9, num_best=3, prefix=(4, 4)))):
        for each in answers:
            assert each.ids[:2] == (4, 4)
        rest = best(Beam(3, "none"), asked(SOURCES[row]), request(9, prefix=(4, 4)))[0][0]
        state, outputs, total = rows(start.state, [row]), start.outputs[[row]], 0.0
        for token in rest.ids + (EOS,) * (len(rest.ids) < 9):
            total += log_probs(outputs[0])[token]
            outputs, state = TRANSLATOR.step(np.array([token]), state)
        assert rest.score == rest.log_prob == pytest.approx(total)


def test_a_prefix_as_long_as_the_answer_is_the_answer():
    ((found,),) = best(Beam(3), asked(SOURCES[0]), request(2, prefix=(4, 5, 6)))
    assert found.ids == (4, 5)
    assert len(found.states) == 2


# Stop texts

TEXTS = tiny_model(" abcdefghi").tokenizer


def text(ids) -> str:
    return b"".join(map(TEXTS.piece, ids)).decode()


def language(max_tokens: int, *texts: str, num_best: int = 1) -> Request:
    return Request(Stop(max_tokens, texts=texts), num_best=num_best, tokenizer=TEXTS)


def test_a_stop_text_ends_a_hypothesis_before_it():
    beam, start = Beam(4), read([1, 2])
    whole = text(best(beam, start, language(12), LANGUAGE)[0][0].ids)
    stop = whole[4:6]
    (found,) = best(beam, start, language(12, stop, num_best=4), LANGUAGE)

    assert any(len(each.ids) < 12 for each in found)
    for each in found:
        assert stop not in text(each.ids)
        assert len(each.states) == len(each.ids)


def test_the_stop_text_counts_in_the_score():
    """`ab` is the stop text: a has 0.6 and b after it 0.7, so that the empty answer has 0.42 at a length of two."""
    model = Scripted({(0,): [0.2, 0.7, 0.1]}, [0.6, 0.3, 0.1])
    tokenizer = tiny_model("abc").tokenizer
    (found,) = best(Beam(1), model.start(), Request(Stop(9, texts=("ab",)), tokenizer=tokenizer), model)

    assert (found[0].ids, found[0].log_prob, found[0].score) == (
        (),
        pytest.approx(np.log(0.42)),
        pytest.approx(np.log(0.42) / (7 / 6)),
    )


def test_a_stop_text_may_begin_inside_a_token():
    class Words:
        size = 3

        def piece(self, token):
            return (b"one t", b"wo three", b"")[token]

    model = Scripted({(0,): [0.2, 0.1, 0.7], (0, 2): [0.1, 0.8, 0.1]}, [0.6, 0.3, 0.1])
    stop = Stop(9, texts=("two",))
    (found,) = best(Beam(1), model.start(), Request(stop, tokenizer=Words()), model)
    assert found[0].ids == ()
    (found,) = best(Beam(1), model.start(), Request(replace(stop, texts=("wo",)), tokenizer=Words()), model)
    assert found[0].ids == (0, 2)


# Samplers


@dataclass(frozen=True)
class Counting:
    """Remembers the ids since its first update, sees that they are those of its own hypothesis, and forbids the last one."""

    name: ClassVar[str] = "counting"

    def __call__(self, logits, context):
        mine = list(context.memory or ())
        assert list(context.tokens) == [1, 2, *mine]
        assert context.tokens[-1] == [1, 2, *mine][-1]
        assert context.tokens[-3:] == [1, 2, *mine][-3:]
        assert (context.generated, context.position) == (len(mine), 2 + len(mine))
        if mine:
            logits[mine[-1]] = -np.inf
        return logits

    def update(self, memory, token, log_probs):
        assert np.exp(log_probs).sum() == pytest.approx(1)
        return (*(memory or ()), token)


def test_samplers_go_with_the_history_and_memory_of_each_hypothesis():
    start = replace(read([1, 2]), memories=((None,),))
    (found,) = best(Beam(5), start, Request(Stop(8), (Counting(),), num_best=5), LANGUAGE)
    assert len(found) == 5
    assert all(one != other for each in found for one, other in pairwise(each.ids))


def test_a_sampler_that_changes_nothing_changes_nothing():
    start = asked(*SOURCES)
    plain, shaped = (
        best(Beam(5), start, request(9, num_best=5, samplers=samplers)) for samplers in ((), (RepeatPenalty(1.0),))
    )
    assert ids(plain) == ids(shaped)
    assert [each.score for row in plain for each in row] == pytest.approx(
        [each.score for row in shaped for each in row]
    )


def test_samplers_about_chance_are_not_in_use():
    start = replace(read([1, 2]), memories=((None,),))
    hot = best(Beam(3), start, Request(Stop(8), (Temperature(9.0),)), LANGUAGE)
    assert ids(hot) == ids(best(Beam(3), start, Request(Stop(8)), LANGUAGE))


def test_the_log_probability_is_the_models_own_whatever_samplers_score():
    start = replace(read([1, 2]), memories=((None,),))
    ((found,),) = best(Beam(3, "none"), start, Request(Stop(8), (RepeatPenalty(3.0, 8),)), LANGUAGE)
    outputs, state, total = start.outputs, start.state, 0.0
    for token in found.ids:
        total += log_probs(outputs[0])[token]
        outputs, state = LANGUAGE.step(np.array([token]), state)
    assert found.log_prob == pytest.approx(total)
    assert found.score != pytest.approx(total)


def test_a_history_goes_on_without_a_copy():
    ids = ExtendedHistory(History([5, 6, 7, 8], 3), [1, 2])
    whole = [5, 6, 7, 1, 2]
    assert list(ids) == whole
    for start, stop, step in product((None, -9, -4, -2, 0, 2, 3, 9), (None, -3, -1, 0, 3, 4, 9), (None, 2, -1)):
        assert ids[start:stop:step] == whole[start:stop:step]
    assert [ids[place] for place in range(-5, 5)] == whole + whole
    with pytest.raises(IndexError):
        ids[5]


def test_a_way_is_read_from_its_root():
    root = PathNode(None, -1, -1, 7)
    end = PathNode(PathNode(root, 4, 0, 0), 5, 1, 0)
    assert end.ids() == [4, 5]
    assert end.path()[0] is root


# What cannot be done


def test_a_beam_that_cannot_be_is_refused_in_one_line():
    with pytest.raises(UsageError, match=r"^a beam of 11 is wider than the vocabulary of 10 tokens; width=10 or less$"):
        Beam(11).search(LANGUAGE, read([1]), Request(Stop(3)))
    with pytest.raises(UsageError, match=r"^a beam of 3 has no 5 best answers; width=5 or more$"):
        Beam(3).search(LANGUAGE, read([1]), Request(Stop(3), num_best=5))


@pytest.mark.parametrize("samplers", [(), (NoRepeatNgram(1),)])
@pytest.mark.parametrize(("fault", "message"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "no token")])
def test_a_model_that_fails_is_named(samplers, fault, message):
    class Faulty(TinyDecoder):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return np.full_like(outputs, fault), state

    start = replace(read([1, 2]), memories=((None,) * len(samplers),))
    with pytest.raises(PluginError, match=f"the model .*{message}"):
        list(Beam(3).search(Faulty(10), start, Request(Stop(4), samplers)))


# In a session


def beaming(**options):
    return Session(tiny_model(), strategies={"beam": Beam, "greedy": Greedy}, **options)


def test_a_session_goes_on_from_what_the_search_found():
    session = beaming()
    *tokens, finished = session.respond("abc", 12, strategy="beam")
    (found,) = best(Beam(), read(session.model.tokenizer.encode("abc")), Request(Stop(12)), session.model.decoder)
    again = beaming()
    again.feed("abc")
    for token in tokens:
        again.feed_ids([token.id])

    assert tuple(token.id for token in tokens) == found[0].ids
    assert finished.log_prob == pytest.approx(found[0].log_prob, abs=1e-5)
    np.testing.assert_allclose(session.here.state, again.here.state, atol=1e-6)
    np.testing.assert_allclose(session.here.outputs, again.here.outputs, atol=1e-5)


def test_time_travel_works_over_what_was_found():
    session = beaming(snapshot_mb=0)
    list(session.respond("abc", 12, strategy="beam"))
    end, text = session.here.state, session.text().text
    session.rewind(7)
    middle = session.here.state
    session.redo()
    assert session.here.state is end
    session.begin_turn()
    list(session.generate(5, strategy="greedy"))
    session.undo()
    assert session.text().text == text
    assert session.here.state is end
    session.undo()
    assert session.position == 0
    session.redo()
    assert session.text().text == text
    session.rewind(7)
    np.testing.assert_array_equal(session.here.state, middle)


def test_one_beam_in_a_session_writes_what_greedy_writes():
    texts = []
    for strategy in (Beam(1), Greedy()):
        session = beaming()
        texts.append("".join(token.text for token in list(session.respond("abc", 30, strategy=strategy))[:-1]))
    assert texts[0] == texts[1]


def test_a_session_tells_a_beam_that_is_too_wide():
    session = beaming()
    session.feed("abc")
    with pytest.raises(UsageError, match="wider than the vocabulary of 10 tokens"):
        list(session.generate(3, strategy=Beam(50)))
    assert session.position == 3


def test_nothing_is_done_before_it_is_found():
    assert not any(isinstance(step, Advanced) for step in Beam().search(LANGUAGE, read([1]), Request(Stop(4))))
