"""The hypotheses of beam search: their states and outputs, constant leaves, dropped records, histories and paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from seqshell.core.sampling import History, Request, Stop
from seqshell.core.state import leaves, rows
from seqshell.core.tokenizers import EOS
from seqshell.decoding.beam import Beam
from seqshell.decoding.hypotheses import ExtendedHistory, PathNode, Trail
from seqshell.decoding.probabilities import log_probs
from seqshell.testing.tiny_language_model import TinyDecoder


def test_the_states_of_an_answer_equal_those_of_reading_it(
    translator, translation_batch, translation_request, best_answers, sources
):
    start = translation_batch(*sources)
    request = translation_request(12, num_best=3, prefix=(7,))
    for row, answers in enumerate(best_answers(Beam(4), start, request)):
        for each in answers:
            state, outputs, total = rows(start.state, [row]), start.outputs[[row]], 0.0
            assert len(each.states) == len(each.outputs) == len(each.ids)
            for token, kept_state, kept_outputs in zip(each.ids, each.states, each.outputs, strict=True):
                total += log_probs(outputs[0])[token]
                outputs, state = translator.step(np.array([token]), state)
                np.testing.assert_allclose(kept_outputs, outputs)
                assert kept_outputs.shape == (1, 12)
                assert type(kept_state) is type(start.state)
                for one, other in zip(leaves(kept_state), leaves(state), strict=True):
                    np.testing.assert_allclose(one, other)
                    assert (one.dtype, one.shape) == (other.dtype, other.shape)
            if len(each.ids) < 12:
                total += log_probs(outputs[0])[EOS]
            assert each.log_prob == pytest.approx(total)


def test_all_answers_of_a_row_share_each_constant_leaf(translation_batch, translation_request, best_answers, sources):
    start, request = translation_batch(sources[1]), translation_request(12, num_best=2)
    ((first, second),) = best_answers(Beam(4), start, request)
    assert all(
        state.memory is start.state.memory and state.mask is start.state.mask
        for each in (first, second)
        for state in each.states
    )

    for row in best_answers(Beam(4), translation_batch(*sources), request):
        assert len({id(state.memory) for each in row for state in each.states}) == 1
        assert all(state.memory.base is None for each in row for state in each.states)


def test_constant_leaves_are_not_reordered_at_every_step(
    translator_class, translation_batch, translation_request, best_answers, sources
):
    memories = []

    class RecordingTranslator(translator_class):
        def step(self, inputs, state):
            memories.append(state.memory)
            return super().step(inputs, state)

    decoder = RecordingTranslator(haste=-50)
    best_answers(Beam(4), translation_batch(sources[1], decoder=decoder), translation_request(10), decoder)
    assert len({id(memory) for memory in memories}) == 2  # that of the source, and that of the beam


def test_leaves_that_change_only_at_some_steps_follow_their_hypotheses(language_batch, best_answers):
    """Such a leaf looks constant during the first steps."""

    class SlowDecoder(TinyDecoder):
        def initial_state(self, batch_size=1):
            return super().initial_state(batch_size), np.zeros((batch_size, 1)), np.zeros((batch_size, 1), np.int64)

        def step(self, inputs, state):
            hidden, slow, steps = state
            outputs, hidden = super().step(inputs, hidden)
            if steps[0, 0] % 3 == 2:
                slow = np.tanh(slow + inputs[:, None])
            return outputs + slow * np.sin(np.arange(10)) * 3, (hidden, slow, steps + 1)

    decoder = SlowDecoder(10, seed=4)
    start = language_batch([1], decoder=decoder)
    for each in best_answers(Beam(5), start, Request(Stop(12), num_best=5), decoder)[0]:
        outputs, state, total = start.outputs, start.state, 0.0
        for token, kept_state in zip(each.ids, each.states, strict=True):
            total += log_probs(outputs[0])[token]
            outputs, state = decoder.step(np.array([token]), state)
            np.testing.assert_allclose(kept_state[1], state[1])
        assert each.log_prob == pytest.approx(total)


def test_answers_have_no_states_if_the_request_does_not_keep_them(
    translation_batch, translation_request, best_answers, ids_of, sources
):
    with_states, without = (
        best_answers(Beam(3), translation_batch(*sources), translation_request(9, keeps_states=keeps_states))
        for keeps_states in (True, False)
    )
    assert ids_of(with_states) == ids_of(without)
    assert all(each.states == each.outputs == () for row in without for each in row)


def test_dropping_unused_records_does_not_change_the_answers(
    monkeypatch, translation_batch, translation_request, best_answers, ids_of, sources
):
    request = translation_request(12, num_best=4)
    before = best_answers(Beam(6), translation_batch(*sources), request)
    sizes = []
    thin = Trail.thin

    def recording_thin(trail, ends):
        thin(trail, ends)
        sizes.append(trail._bytes)

    monkeypatch.setattr(Trail, "thin", recording_thin)
    best_answers(Beam(6), translation_batch(*sources), request)
    size_of_all = max(sizes)
    sizes.clear()
    monkeypatch.setattr("seqshell.decoding.hypotheses.MAX_BYTES", 0)
    after = best_answers(Beam(6), translation_batch(*sources), request)

    assert max(sizes) < size_of_all
    assert ids_of(before) == ids_of(after)
    for one, other in zip(sum(before, ()), sum(after, ()), strict=True):
        for left, right in zip((*one.states, *one.outputs), (*other.states, *other.outputs), strict=True):
            assert all(np.array_equal(*pair) for pair in zip(leaves(left), leaves(right), strict=True))


def test_an_extended_history_has_the_indices_and_slices_of_a_list():
    ids = ExtendedHistory(History([5, 6, 7, 8], 3), [1, 2])
    expected = [5, 6, 7, 1, 2]
    assert list(ids) == expected
    for start, stop, step in product((None, -9, -4, -2, 0, 2, 3, 9), (None, -3, -1, 0, 3, 4, 9), (None, 2, -1)):
        assert ids[start:stop:step] == expected[start:stop:step]
    assert [ids[place] for place in range(-5, 5)] == expected + expected
    with pytest.raises(IndexError):
        ids[5]


def test_the_path_to_a_node_begins_with_its_root():
    root = PathNode(None, -1, -1, 7)
    end = PathNode(PathNode(root, 4, 0, 0), 5, 1, 0)
    assert end.ids() == [4, 5]
    assert end.path()[0] is root
