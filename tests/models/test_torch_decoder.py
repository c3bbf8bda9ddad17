"""TorchDecoder: any torch model, stepped in numpy."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqshell.models import torch_decoder
from seqshell.models.torch_decoder import TorchDecoder

V, H = 5, 3


class Moment(NamedTuple):
    hidden: Tensor
    count: Tensor
    constant: Tensor


class Counting(nn.Module):
    """An Elman network that also counts its steps, beside a leaf that never changes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.recurrent, self.readout = nn.Embedding(V, H), nn.Linear(H, H), nn.Linear(H, V)
        self.lengths = []
        self.seen = []

    def initial_state(self, batch_size=1):
        return Moment(torch.zeros(batch_size, H), torch.zeros(batch_size, dtype=torch.int64), torch.ones(batch_size, 4))

    def forward(self, tokens, state):
        self.lengths.append(tokens.shape[1])
        self.seen.append((torch.is_inference_mode_enabled(), torch.backends.mkldnn.enabled, self.training))
        hidden, outputs = state.hidden, []
        for column in self.embedding(tokens).unbind(1):
            hidden = torch.tanh(column + self.recurrent(hidden))
            outputs.append(self.readout(hidden))
        return torch.stack(outputs, 1), Moment(hidden, state.count + tokens.shape[1], state.constant)


TOKENS = np.array([[0, 3, 1, 4], [2, 2, 0, 1]])


def test_step_and_feed_give_the_outputs_of_the_module():
    module = Counting()
    decoder = TorchDecoder(module)
    with torch.inference_mode():
        expected, after = module(torch.from_numpy(TOKENS), module.initial_state(2))
    outputs, state = decoder.feed(TOKENS, decoder.initial_state(2))
    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=1e-6)
    np.testing.assert_allclose(state.hidden, after.hidden.numpy(), atol=1e-6)
    state = decoder.initial_state(2)
    for column in TOKENS.T:
        outputs, state = decoder.step(column, state)
    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=1e-6)


def test_the_state_keeps_its_structure_dtypes_and_unchanged_leaves():
    decoder = TorchDecoder(Counting())
    start = decoder.initial_state(2)
    _, state = decoder.feed(TOKENS, start)
    assert type(state) is Moment
    assert state.count.tolist() == [4, 4]
    assert state.count.dtype == np.int64
    assert state.constant is start.constant


def test_onednn_is_off_only_while_the_module_runs():
    module = Counting().train()
    decoder = TorchDecoder(module)
    decoder.step(TOKENS[:, 0], decoder.initial_state(2))
    assert module.seen == [(True, False, False)]
    assert torch.backends.mkldnn.enabled
    with pytest.raises(IndexError):
        decoder.step(np.array([V]), decoder.initial_state(1))
    assert torch.backends.mkldnn.enabled


def test_a_long_text_is_read_in_chunks_if_the_model_is_causal(monkeypatch):
    monkeypatch.setattr(torch_decoder, "CHUNK", 3)
    module = Counting()
    in_chunks = TorchDecoder(module).feed(TOKENS, TorchDecoder(module).initial_state(2))
    whole = TorchDecoder(module, causal=False).feed(TOKENS, TorchDecoder(module).initial_state(2))
    assert module.lengths == [3, 1, 4]
    np.testing.assert_allclose(in_chunks[0], whole[0], atol=1e-6)


def test_read_only_states_cause_no_warning():
    decoder = TorchDecoder(Counting())
    state = decoder.initial_state(1)
    for leaf in state:
        leaf.flags.writeable = False
    _, after = decoder.step(np.array([1]), state)
    assert after.count.tolist() == [1]


def test_returned_arrays_do_not_keep_larger_tensors_alive():
    decoder = TorchDecoder(Counting())
    outputs, state = decoder.feed(TOKENS[:1], decoder.initial_state())
    for array in (outputs, state.hidden):
        assert isinstance(array.base, Tensor)
        assert array.base.untyped_storage().nbytes() == array.nbytes


def test_values_are_read_like_tokens():
    """inputs [B, F]: one time step of values."""

    class Sum(nn.Module):
        def initial_state(self, batch_size=1):
            return torch.zeros(batch_size, 2)

        def forward(self, inputs, state):
            total = inputs.cumsum(1) + state[:, None]
            return total, total[:, -1]

    decoder = TorchDecoder(Sum())
    outputs, state = decoder.step(np.array([[1.0, 2.0]], np.float32), decoder.initial_state())
    outputs, state = decoder.feed(np.ones((1, 3, 2), np.float32), state)
    assert outputs.tolist() == [[4.0, 5.0]]
    assert state.tolist() == [[4.0, 5.0]]


def test_the_outputs_of_a_state_are_those_that_the_module_tells():
    class Telling(Counting):
        def state_outputs(self, state):
            return self.told(state)

    module = Telling()
    module.told = lambda state: None
    decoder = TorchDecoder(module)
    state = decoder.initial_state(2)
    assert TorchDecoder(Counting()).state_outputs(state) is None
    assert decoder.state_outputs(state) is None

    module.told = lambda state: torch.ones(2, 3)
    found = decoder.state_outputs(state)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[1, 1, 1]] * 2


def test_the_trace_of_a_module_is_given_as_arrays():
    class Tracing(Counting):
        def trace(self, tokens, state):
            outputs, after = self(tokens, state)
            return outputs, after, {"gate": outputs * 2}

    decoder = TorchDecoder(Tracing())
    state = decoder.initial_state(len(TOKENS))
    outputs, after, arrays = decoder.trace(TOKENS, state)

    expected, expected_after = decoder.feed(TOKENS, state)
    assert outputs[:, -1].tolist() == expected.tolist()
    assert after.hidden.tolist() == expected_after.hidden.tolist()
    assert arrays["gate"].tolist() == (outputs * 2).tolist()
    assert TorchDecoder(Counting()).trace(TOKENS, state) is None
