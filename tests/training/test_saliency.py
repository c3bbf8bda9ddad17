"""The arithmetic of /reach: which modules have gradients for single tokens, and the half-life of their norms."""

import numpy as np
import pytest
import torch

from seqshell.core.errors import UsageError
from seqshell.training.language.saliency import gradients, half_life


def test_the_half_life_of_norms_that_halve_every_two_tokens_is_two():
    assert half_life([2.0 ** (-back / 2) for back in reversed(range(10))]) == pytest.approx(2)
    assert half_life([1.0, 0.0, 0.5, 0.0, 1.0]) is None  # no decay
    assert half_life([1.0, 2.0]) is None
    assert half_life([4.0, 2.0, 1.0]) is None


class Pair(torch.nn.Module):
    """Embeds each token together with the one before it, like models whose state is the last tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(3, 4)

    def forward(self, tokens, state):
        return self.embedding(torch.stack((tokens, tokens.roll(1)), -1)).sum(2), state


def test_a_module_without_gradients_for_single_tokens_is_refused():
    with pytest.raises(
        UsageError, match="the architecture pair does not read one token after the other, so distances are undefined"
    ):
        gradients(Pair(), "pair", [0, 1], 1, ())
    with pytest.raises(
        UsageError, match="the architecture bare has no embedding, so no gradient leads back to its tokens"
    ):
        gradients(torch.nn.Linear(2, 2), "bare", [0, 1], 1, np.zeros((1, 2), np.float32))
