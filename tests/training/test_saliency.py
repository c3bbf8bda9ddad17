"""The arithmetic of /reach: which modules have gradients for single tokens, and the half-life of their norms."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import build
from seqshell.core.state import map_leaves
from seqshell.host import resolve
from seqshell.inspect.half_lives import half_life
from seqshell.training.language.saliency import gradients, state_gradients


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


@pytest.mark.parametrize(
    ("name", "parts"),
    [("selective", ["0.inputs", "0.space", "1.inputs", "1.space"]), ("mingru", ["0[0]", "0[1]"])],
)
def test_models_of_others_have_gradients_of_their_states(monkeypatch, name, parts):
    """Those with respect to the embedded tokens equal the ones of a text that is read at once."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "plugins" / "distributions" / name)
    (offered,) = import_module(f"seqshell_{name}").seqshell_architectures()
    torch.manual_seed(0)
    module = resolve(offered.model)(
        build(resolve(offered.config), {"vocab_size": 5, "hidden_size": 12, "num_layers": 2})
    ).eval()
    state = map_leaves(lambda leaf: leaf.numpy(), module.initial_state(1))
    ids = [1, 2, 3, 4, 1]
    log_prob, norms, found = state_gradients(module, name, ids, 2, state)
    expected = gradients(module, name, ids, 2, state)

    assert log_prob == pytest.approx(expected[0], abs=1e-5)
    assert norms == pytest.approx(expected[1], rel=1e-3)
    assert list(found) == parts
    assert all(len(each) == 5 and min(each) > 0 for each in found.values())
