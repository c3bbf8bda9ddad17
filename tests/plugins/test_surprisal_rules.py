"""The rules for decoders that read many steps themselves find what differs from single steps."""

import numpy as np
import pytest

from seqshell.testing.examples import VOCAB_SIZE, Example
from seqshell.testing.surprisal_rules import outputs_of_steps, surprisals

EXAMPLE = Example(np.random.default_rng(0).integers(0, VOCAB_SIZE, (3, 9)))
TABLE = np.random.default_rng(1).normal(size=(VOCAB_SIZE, VOCAB_SIZE)).astype(np.float32)


class Decoder:
    """A token's logits, and how many were read."""

    def initial_state(self, batch_size):
        return np.zeros((batch_size, 1))

    def step(self, inputs, state):
        return TABLE[inputs], state + 1

    def outputs_of_steps(self, inputs, state):
        return TABLE[inputs], state + inputs.shape[1]

    def surprisals(self, inputs, targets, state):
        probs = np.exp(TABLE) / np.exp(TABLE).sum(1, keepdims=True)
        return -np.log(probs[inputs, targets]), state + inputs.shape[1]


class OtherBits(Decoder):
    def outputs_of_steps(self, inputs, state):
        outputs, state = super().outputs_of_steps(inputs, state)
        return outputs * np.float32(1 + 2e-7), state


class OtherTargets(Decoder):
    def surprisals(self, inputs, targets, state):
        return super().surprisals(inputs, inputs, state)


class OtherStates(Decoder):
    def outputs_of_steps(self, inputs, state):
        return super().outputs_of_steps(inputs, state + 1)

    def surprisals(self, inputs, targets, state):
        return super().surprisals(inputs, targets, state + 1)


def test_what_equals_single_steps_passes():
    assert outputs_of_steps(Decoder(), EXAMPLE) == surprisals(Decoder(), EXAMPLE) == ""


@pytest.mark.parametrize(
    ("rule", "decoder", "found"),
    [
        (outputs_of_steps, OtherBits, "outputs: difference"),
        (outputs_of_steps, OtherStates, "state: difference"),
        (surprisals, OtherTargets, "1 rows: surprisals: difference"),
        (surprisals, OtherStates, "state: difference"),
    ],
)
def test_what_differs_is_named(rule, decoder, found):
    assert found in rule(decoder(), EXAMPLE)
