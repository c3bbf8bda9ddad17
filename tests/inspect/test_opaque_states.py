"""States whose leaves only their decoder reads are saved, edited and compared as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from seqshell.inspect import editing, saved_states
from seqshell.inspect.addresses import find_state, parse_unit
from seqshell.inspect.differences import difference
from seqshell.inspect.jacobian import StepFunction
from seqshell.inspect.probes import Passage, Probing
from seqshell.inspect.spectra import SpectrumSearch
from seqshell.session import Session
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


@dataclass(frozen=True, eq=False)
class Hidden:
    """A leaf [B, H] that is no array."""

    array: Any

    def rows(self, which):
        return Hidden(self.array[which])

    def to_numpy(self):
        return self.array

    def from_numpy(self, array):
        return Hidden(array)


class HiddenDecoder(TinyDecoder):
    """The tiny decoder with such a leaf."""

    def initial_state(self, batch_size=1):
        return Hidden(super().initial_state(batch_size))

    def step(self, inputs, state):
        outputs, state = super().step(inputs, state.array)
        return outputs, Hidden(state)

    def state_outputs(self, state):
        return super().state_outputs(state.array)


@pytest.fixture
def opaque():
    model = tiny_model()
    session = Session(replace(model, decoder=HiddenDecoder(model.tokenizer.size)))
    session.feed("abc")
    return session


def test_an_opaque_state_is_an_array_for_the_user_and_a_leaf_for_the_decoder(opaque, tiny, tmp_path):
    assert opaque.state.tolist() == tiny.state.tolist()
    unit = parse_unit("0[3]", opaque.state)
    for session in (opaque, tiny):
        session.set_state(editing.written(session.state, unit, "2"))
        session.feed("d")
    assert isinstance(opaque.here.state, Hidden)
    assert opaque.here.outputs.tobytes() == tiny.here.outputs.tobytes()

    path = saved_states.save_state(tmp_path / "kept.safetensors", opaque)
    opaque.set_state(saved_states.load_state(path, opaque))
    assert isinstance(opaque.here.state, Hidden)
    assert np.array_equal(opaque.state, tiny.state)
    both = [difference(each, find_state(each, "zero"), find_state(each, "here")) for each in (opaque, tiny)]
    assert both[0].parts == both[1].parts

    opaque.save(tmp_path / "session.safetensors")
    back = Session(opaque.model)
    assert find_state(back, "zero").state.tolist() == np.zeros((1, 8)).tolist()


def test_the_spectrum_and_probes_of_an_opaque_state_are_those_of_arrays(opaque, tiny):
    text = "abcdefgh" * 10
    found = []
    for session in (opaque, tiny):
        search = SpectrumSearch(StepFunction(session.behaviour.cursor, session.state, 3))
        list(search.steps())
        probing = Probing(session, [Passage(session.behaviour.encode(text), [0, 1] * 40, list(text))], ["a", "b"])
        list(probing.reading())
        list(probing.fitting())
        found.append((search.eigenvalues.tolist(), probing.probes()))

    assert found[0] == found[1]
    assert len(found[0][0]) == 8
