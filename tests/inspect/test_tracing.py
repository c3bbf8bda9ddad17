"""The trace of a text equals reading it token by token, for every kind of state, and the session does not move."""

import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from seqshell import PluginError, UsageError
from seqshell.core.state import leaves
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.inspect import tracing
from seqshell.inspect.addresses import find_state
from seqshell.session import Session
from seqshell.session.state_record import leaf_names
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model
from seqshell.testing.tiny_language_model import TinyDecoder


def read_one_by_one(session, ids):
    """(outputs [V], {address: leaf without the batch}) after each token."""
    for token in ids:
        session.feed_ids([token])
        state = session.state
        yield session.here.outputs[0], dict(zip(leaf_names(state), (leaf[0] for leaf in leaves(state)), strict=True))


def test_a_trace_has_what_reading_token_by_token_gives(odd, unmoved):
    before = unmoved(odd)
    trace = odd.trace("fade")
    assert unmoved(odd) == before

    assert (trace.start, len(trace), trace.texts, trace.ids) == (
        4,
        4,
        ("f", "a", "d", "e"),
        tuple(odd.model.tokenizer.encode("fade")),
    )
    assert trace.before.tobytes() == odd.here.outputs.tobytes()
    for time, (outputs, state) in enumerate(read_one_by_one(odd, trace.ids)):
        np.testing.assert_allclose(trace.outputs[time], outputs, rtol=1e-5, atol=1e-6)
        for name, leaf in state.items():
            expected = leaf[:, -1:] if name == "keys" else leaf  # it grows: what this token added
            np.testing.assert_allclose(trace.arrays[name][time], expected, rtol=1e-5, atol=1e-6)
            assert trace.arrays[name].dtype == leaf.dtype
    assert {name: array.shape for name, array in trace.arrays.items()} == {
        "layers": (4, 2, 3),
        "keys": (4, 3, 1),
        "phase": (4, 3),
        "last": (4, 2),
        "started": (4,),
        "rest.0": (4, 1),
        "rest.1": (4, 2, 2, 2),
    }


class Tracing(TinyDecoder):
    """The tiny model with a trace, and a leaf that never changes."""

    def initial_state(self, batch_size=1):
        return super().initial_state(batch_size), np.ones((batch_size, 2), np.float32)

    def step(self, inputs, state):
        outputs, hidden = super().step(inputs, state[0])
        return outputs, (hidden, state[1])

    def trace(self, inputs, state):
        states = []
        for column in inputs.T:
            _, state = self.step(column, state)
            states.append(state[0])
        hidden = np.stack(states, 1)
        return self.told(hidden @ self.readout, state, {"0": hidden, "doubled": 2 * hidden})

    def told(self, *found):
        return found


@pytest.fixture
def telling():
    """A session on a model whose decoder traces, and the decoder."""
    model = tiny_model()
    decoder = Tracing(model.tokenizer.size)
    return Session(replace(model, decoder=decoder)), decoder


def test_what_a_decoder_tells_is_in_the_trace(telling):
    session, _ = telling
    plain = Session(tiny_model()).trace("abcd")
    trace = session.trace("abcd")

    np.testing.assert_allclose(trace.outputs, plain.outputs, rtol=1e-5)
    np.testing.assert_allclose(trace.surprisal, plain.surprisal, rtol=1e-5)
    np.testing.assert_allclose(trace.arrays["0"], plain.arrays["0"], rtol=1e-5)
    np.testing.assert_array_equal(trace.arrays["doubled"], 2 * trace.arrays["0"])
    np.testing.assert_array_equal(trace.arrays["1"], np.ones((4, 2)))  # it does not change, and is not told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda outputs, state, arrays: (outputs, state), "outputs, the new state and a dict of arrays, not 2 values"),
        (lambda outputs, state, arrays: (outputs, state, []), "and a dict of arrays, not 3 values"),
        (lambda outputs, state, arrays: (outputs[:, 0], state, arrays), "the outputs as an array [1, 4, ...], not an"),
        (lambda outputs, state, arrays: (outputs, state, arrays | {"gate": 1}), "gate as an array [1, 4, ...], not an"),
        (lambda outputs, state, arrays: (outputs, state, arrays | {"a b": outputs}), "digits and dots, not 'a b'"),
        (lambda outputs, state, arrays: (outputs, state, {}), "the leaf 0 after each input, because it changes"),
        (lambda outputs, state, arrays: (outputs, state[0], arrays), "a state with 2 leaves"),
        (lambda outputs, state, arrays: (outputs * np.nan, state, arrays), "returned NaN"),
        (lambda outputs, state, arrays: (outputs, state, {"0": outputs}), "the leaf 0 as [1, 4, 8] of float32, not"),
        (lambda outputs, state, arrays: 1 / 0, "division by zero"),
    ],
)
def test_a_wrong_trace_of_a_decoder_names_the_model(telling, unmoved, change, message):
    session, decoder = telling
    decoder.told = change
    before = unmoved(session)
    with pytest.raises(PluginError, match=re.escape(message)):
        session.trace("abcd")
    assert unmoved(session) == before


def test_models_of_every_task_are_traced():
    label = Session(tiny_classification_model()).trace("ab")
    assert (len(label), label.surprisal) == (2, None)
    translator = Session(tiny_translation_model())
    list(translator.translate("i see you"))
    found = translator.trace("le chat")
    assert (found.start, found.surprisal.shape) == (translator.position, (2,))
    values = Session(tiny_forecast_model()).trace("1 2 3")
    assert (values.texts, values.surprisal) == ((" 1", " 2", " 3"), None)
    assert values.outputs.shape[0] == 3


def test_the_surprisal_is_that_of_score(tiny):
    found = tiny.score("fade")
    np.testing.assert_allclose(tiny.trace("fade").surprisal, [-token.log_prob for token in found.tokens], rtol=1e-12)


def test_at_the_initial_state_every_token_is_equally_likely():
    session = Session(tiny_model())
    assert session.trace("ab").surprisal[0] == pytest.approx(math.log(session.model.tokenizer.size))


def test_a_trace_can_start_from_any_state(tiny):
    zero = tracing.trace(tiny, tiny.ids(), find_state(tiny, "zero"))
    assert zero.start == 0
    np.testing.assert_array_equal(zero.arrays["0"][-1], tiny.state[0])
    np.testing.assert_allclose(zero.outputs[-1], tiny.here.outputs[0], rtol=1e-6)


def test_a_long_text_comes_in_parts_that_follow_each_other(tiny, monkeypatch):
    ids = tiny.model.tokenizer.encode("fade" * 3)
    whole = tiny.trace("fade" * 3)
    monkeypatch.setattr(tracing, "CHUNK", 5)
    parts = list(tracing.chunks(tiny, ids))

    assert [(part.start, len(part)) for part in parts] == [(3, 5), (8, 5), (13, 2)]
    np.testing.assert_array_equal(np.concatenate([part.arrays["0"] for part in parts]), whole.arrays["0"])
    np.testing.assert_array_equal(np.concatenate([part.surprisal for part in parts]), whole.surprisal)
    np.testing.assert_array_equal(tiny.trace("fade" * 3).outputs, whole.outputs)
    for one, other in pairwise(parts):
        np.testing.assert_array_equal(other.before, one.outputs[-1])


def test_a_character_of_several_tokens_belongs_to_the_last_of_them():
    session = Session(tiny_model(tokenizer=ByteTokenizer()))
    assert session.trace("aé").texts == ("a", "", "é")
    session.feed_ids([0xC3])
    assert tracing.trace(session, [0xA9]).texts == ("é",)


def test_a_model_that_reads_whole_texts_cannot_be_traced():
    session = Session(replace(tiny_model(), causal=False))
    with pytest.raises(UsageError, match="reads whole texts and has no state"):
        session.trace("ab")


@pytest.mark.parametrize(("ids", "message"), [([], "cannot trace an empty text"), ([99], "token ids must be 0 to ")])
def test_what_cannot_be_traced_is_refused(tiny, unmoved, ids, message):
    before = unmoved(tiny)
    with pytest.raises(UsageError, match=message):
        tracing.trace(tiny, ids)
    assert unmoved(tiny) == before


def test_an_interrupt_ends_a_trace(tiny, unmoved):
    before = unmoved(tiny)
    parts = tracing.chunks(tiny, [1, 2])
    tiny.interrupt()
    with pytest.raises(UsageError, match="interrupted before the text was traced"):
        next(parts)
    assert unmoved(tiny) == before
