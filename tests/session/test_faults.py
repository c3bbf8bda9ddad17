"""Faults of models and strategies: what is kept of the answer, and which plugin is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

import numpy as np
import pytest

from seqshell import Advanced
from seqshell.core.errors import PluginError
from seqshell.session import Session
from seqshell.session.checked_decoder import CheckedDecoder
from seqshell.testing import tiny_model


class FaultyDecoder:
    """A decoder with a fault at its fifth step."""

    def __init__(self, decoder, fault):
        self.decoder, self.fault, self.steps = decoder, fault, 0
        self.initial_state, self.feed = decoder.initial_state, decoder.feed

    def step(self, inputs, state):
        self.steps += 1
        outputs, state = self.decoder.step(inputs, state)
        return (self.fault(outputs) if self.steps == 5 else outputs), state


def fail(outputs):
    raise ZeroDivisionError("by zero")


FAULTS = {
    "failed: ZeroDivisionError: by zero": fail,
    "returned NaN": lambda outputs: outputs * np.nan,
    "returned infinite logits": lambda outputs: outputs + np.inf,
    "returned outputs of the shape \\[1, 9\\]": lambda outputs: outputs[:, 1:],
    "returned NoneType": lambda outputs: None,
}


@pytest.mark.parametrize(("message", "fault"), FAULTS.items())
def test_a_model_fault_ends_the_answer_before_the_token_it_failed_on(message, fault, joined):
    model = tiny_model()
    session = Session(replace(model, decoder=FaultyDecoder(model.decoder, fault)))
    session.feed("abc")
    answer, events = session.generate(9), []
    with np.errstate(invalid="ignore"), pytest.raises(PluginError, match=f"the model tiny {message}"):
        events.extend(answer)

    without_fault = list(Session(model).respond("abc", 4))
    session.undo_tokens(0)
    assert session.position == 7
    assert session.text().text == "abc" + joined(without_fault)


def test_a_fault_is_raised_after_the_finished_event():
    model = tiny_model()
    session = Session(replace(model, decoder=FaultyDecoder(model.decoder, fail)))
    answer = session.generate(9)
    events = list(islice(answer, 5))

    assert (events[-1].stop, events[-1].num_tokens) == ("error", 4)
    with pytest.raises(PluginError):
        next(answer)


def test_waiting_tokens_are_emitted_when_a_fault_occurs(writing, written):
    session = writing("abcdefgh")
    session = Session(replace(session.model, decoder=FaultyDecoder(session.model.decoder, fail)))
    session.feed(">")
    events = []
    with pytest.raises(PluginError):
        events.extend(session.generate(9, stop="cdx"))
    assert written(session) == "abcd"


def test_logits_of_minus_infinity_are_valid(joined):
    """Logits of -inf exclude a token; only a model that excludes all tokens is invalid."""
    model = tiny_model()
    step = model.decoder.step

    def masked(inputs, state):
        outputs, state = step(inputs, state)
        return np.where(np.arange(10) < 5, outputs, -np.inf), state

    model.decoder.step = masked
    session = Session(model)
    session.feed("a")

    assert set(joined(session.generate(60))[1:]) <= set("\n abc")


def test_a_failing_feed_does_not_change_the_session():
    model = tiny_model()
    feed, calls = model.decoder.feed, []

    def failing(inputs, state):
        calls.append(inputs.shape[1])
        if len(calls) == 4:
            raise MemoryError
        return feed(inputs, state)

    model.decoder.feed = failing
    session = Session(model)
    session.feed("abc")
    here = session.here
    with pytest.raises(PluginError, match="the model tiny failed: MemoryError"):
        session.feed("d" * 100)

    assert session.here is here
    assert calls == [3, 29, 32, 32]
    assert session.feed("d") == 1


@dataclass(frozen=True)
class FaultyStrategy:
    """A strategy that chooses an id outside the vocabulary, or raises."""

    name: ClassVar[str] = "faulty"
    streams: ClassVar[bool] = True
    raises: bool = False

    def search(self, decoder, start, request):
        if self.raises:
            raise KeyError("oh")
        outputs, state = decoder.step(np.array([99 % 10]), start.state)
        yield Advanced(np.array([99]), state, outputs, start.memories)


@pytest.mark.parametrize(("raises", "message"), [(True, "KeyError: 'oh'"), (False, "the id 99")])
def test_a_strategy_fault_names_the_strategy(raises, message):
    session = Session(tiny_model())
    session.feed("abc")
    with pytest.raises(PluginError, match=f"the strategy faulty .*{message}"):
        list(session.generate(3, strategy=FaultyStrategy(raises)))
    assert session.position == 3


def test_no_call_of_a_model_lets_numpy_warn():
    """Warnings are errors in these tests."""

    class Large:
        """All of its numbers overflow on the way, and its outputs are 0."""

        def initial_state(self, batch_size=1):
            return np.float32(3e38) * np.full((batch_size, 1), 10, np.float32) * 0 + 0

        def step(self, inputs, state):
            return np.zeros((len(inputs), 10), np.float32), np.nan_to_num(self.initial_state(len(inputs)))

        def feed(self, inputs, state):
            return self.step(inputs[:, 0], state)

    decoder = CheckedDecoder(tiny_model(), Large(), (10,), True, "logits")
    state = decoder.initial_state(2)
    decoder.step(np.zeros(2, np.int64), state)
    decoder.feed(np.zeros((2, 3), np.int64), state)


def test_a_state_with_another_number_of_leaves_names_the_model():
    """The session is where it was before the text."""
    model = tiny_model()
    decoder = FaultyDecoder(model.decoder, fail)
    decoder.feed = lambda inputs, state: (model.decoder.feed(inputs, state)[0], (state, state))
    session = Session(replace(model, decoder=decoder))
    with pytest.raises(PluginError, match="the model tiny returned a state with 1 leaf, as the state before it, not 2"):
        session.feed("abc")

    assert session.position == 0
