"""The contract of taggers finds decoders and modules that do not give the outputs of every token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from seqshell import PAD, Architecture, Task
from seqshell.models.decoder_comparison import disagreement
from seqshell.models.task_parts.parts import parts_of
from seqshell.testing import check_architecture, failed
from seqshell_tagger.config import TaggerConfig


@dataclass(frozen=True)
class Config:
    vocab_size: int
    num_classes: int


class Sums(nn.Module):
    """The logits of a token are those of its embedding and of the sum of the whole text; state ()."""

    def __init__(self, config):
        super().__init__()
        self.table = nn.Embedding(config.vocab_size, config.num_classes)

    def initial_state(self, batch_size=1):
        return ()

    def forward(self, inputs, state):
        values = self.table(inputs) * (inputs != PAD).unsqueeze(-1)
        return values + values.sum(1, keepdim=True), ()


class OnePerText(Sums):
    def forward(self, inputs, state):
        return super().forward(inputs, state)[0][:, :1], ()


class SumsDecoder:
    """The same in numpy."""

    def __init__(self, config, weights):
        self.table = weights["table.weight"]

    def initial_state(self, batch_size=1):
        return ()

    def step(self, inputs, state):
        return self.feed(inputs[:, None], state)

    def feed(self, inputs, state):
        last = np.maximum((inputs != PAD).sum(1), 1) - 1
        return self._outputs(inputs)[np.arange(len(inputs)), last], state

    def token_outputs(self, inputs):
        return self._outputs(inputs)

    def _outputs(self, inputs):
        values = self.table[inputs] * (inputs != PAD)[..., None]
        return values + values.sum(1, keepdims=True)


class WithoutTokens(SumsDecoder):
    token_outputs = None


class Shorter(SumsDecoder):
    def token_outputs(self, inputs):
        return self._outputs(inputs)[:, :-1]


class Shifted(SumsDecoder):
    def token_outputs(self, inputs):
        return np.roll(self._outputs(inputs), 1, axis=1)


class OtherLast(SumsDecoder):
    def feed(self, inputs, state):
        return super().feed(inputs, state)[0] + (inputs.shape[1] > 1), state


class Padded(SumsDecoder):
    def token_outputs(self, inputs):
        return self._outputs(inputs) + (inputs == PAD).any()


def architecture(model=Sums, decoder=SumsDecoder):
    return Architecture("sums", Task.TAG, config=Config, model=model, decoder=decoder, causal=False)


def test_a_tagger_of_whole_texts_passes():
    assert failed(check_architecture(architecture())) == []


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (WithoutTokens, "a decoder that is not causal needs token_outputs(inputs)"),
        (Shorter, "instead of [1, 1, ...]"),
        (Shifted, "token_outputs of row 0: difference"),
        (Padded, "token_outputs of row 0: difference"),
        (OtherLast, "which feed returns"),
    ],
)
def test_a_decoder_without_the_outputs_of_every_token_is_found(decoder, message):
    found = failed(check_architecture(architecture(decoder=decoder)))

    assert any("token_outputs" in line and message in line for line in found), found


def test_a_module_with_one_output_for_each_text_is_found():
    found = failed(check_architecture(architecture(OnePerText)))

    assert any("forward must return outputs [3, 4, 4], not [3, 1, 4]" in line for line in found), found


def test_a_checkpoint_is_not_saved_for_a_decoder_with_other_outputs():
    config = Config(9, 3)
    torch.manual_seed(0)
    module = Sums(config)
    weights = {"table.weight": module.table.weight.detach().numpy()}
    inputs = parts_of(Task.TAG).random_inputs(config)

    assert disagreement(architecture(), config, module, weights, inputs) == ""
    assert "differs from its module's" in disagreement(architecture(decoder=Shifted), config, module, weights, inputs)


@pytest.mark.parametrize(("sizes", "message"), [((0, 2), "vocab_size must be"), ((5, 1), "num_classes must be")])
def test_a_config_without_tokens_or_with_one_tag_is_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        TaggerConfig(*sizes)
