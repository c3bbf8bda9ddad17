"""The leaves of saved states have their types again, and arrays that were shared are shared."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from tests.session.saved_sessions import REGISTERED, saved

from seqshell.session import Session
from seqshell.testing import tiny_model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "one.safetensors"


class Both(NamedTuple):
    hidden: np.ndarray
    source: np.ndarray
    steps: np.ndarray


class Attending:
    """A state with several kinds of leaves: a constant one, integers, and one that grows."""

    def __init__(self, decoder):
        self.decoder = decoder

    def initial_state(self, batch_size=1):
        hidden = self.decoder.initial_state(batch_size)
        return Both(hidden, np.arange(12).reshape(1, 3, 4) > 5, np.zeros((batch_size, 0), np.int16)), np.ones(
            (batch_size, 1), np.float64
        )

    def step(self, inputs, state):
        both, number = state
        outputs, hidden = self.decoder.step(inputs, both.hidden)
        steps = np.concatenate([both.steps, inputs[:, None].astype(np.int16)], 1)
        return outputs, (Both(hidden, both.source, steps), number / 3)

    def feed(self, inputs, state):
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state


def test_a_state_is_restored_with_its_types_and_shared_arrays(path, joined):
    model = tiny_model()
    session = Session(replace(model, decoder=Attending(model.decoder)), **REGISTERED)
    list(session.respond("abc" * 20, 80))
    restored = saved(session, path)
    both, number = restored.here.state

    assert type(both) is Both
    assert both.steps.tolist() == [session.ids()]
    assert (both.steps.dtype, both.source.dtype, number.dtype) == (np.int16, np.bool_, np.float64)
    assert number.tobytes() == session.here.state[1].tobytes()
    assert restored.rewind(130).position == 130
    assert restored.here.state[0].source is both.source
    assert joined(restored.generate(9)) == session.text().text[130:139]
