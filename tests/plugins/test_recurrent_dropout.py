"""Dropout in the recurrent language models: of embeddings, layers, weights and tokens."""

import pytest
import torch
from tests.plugins.recurrent_models import FAMILIES, TOKENS, V, make


def dropped(name, length=40, **settings):
    """The input of the read-out in training, [B, T, H]; without dropout no hidden state is exactly 0."""
    _, module, _ = make(name, hidden_size=32, **settings)
    seen = []
    module.readout.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    module(torch.randint(0, V, (3, length)), module.initial_state(3))
    return seen[0]


def test_locked_dropout_uses_one_mask_per_sequence():
    zero = dropped("lstm", dropout=0.5) == 0
    assert torch.equal(zero, zero[:, :1].expand_as(zero))
    assert not torch.equal(zero[0], zero[1])
    assert 0.3 < zero.float().mean() < 0.7


def test_unlocked_dropout_uses_a_new_mask_at_every_step():
    zero = dropped("lstm", dropout=0.5, locked=False) == 0
    assert not torch.equal(zero[:, 0], zero[:, 1])
    assert 0.4 < zero.float().mean() < 0.6


def test_embed_dropout_reaches_the_first_layer():
    _, module, _ = make("gru", embed_size=64, embed_dropout=0.5)
    seen = []
    module.recurrent[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    module(TOKENS, module.initial_state(2))
    assert 0.3 < (seen[0] == 0).float().mean() < 0.7


@pytest.mark.parametrize("name", FAMILIES)
def test_there_is_no_dropout_outside_training(name):
    _, module, _ = make(name, dropout=0.9, embed_dropout=0.9, weight_dropout=0.9)
    module.eval()
    first, second = (module(TOKENS, module.initial_state(2))[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", FAMILIES)
def test_weight_dropout_affects_gradients_but_not_the_stored_weights(name):
    _, module, _ = make(name, weight_dropout=0.5, num_layers=1)
    before = module.recurrent[0].weight_hh_l0.detach().clone()
    outputs, _ = module(TOKENS, module.initial_state(2))
    outputs.logsumexp(-1).sum().backward()
    weight = module.recurrent[0].weight_hh_l0
    assert torch.equal(weight, before)
    assert 0.2 < (weight.grad == 0).float().mean() < 0.8


def test_token_dropout_zeroes_a_share_of_the_vocabulary_at_all_positions():
    _, module, _ = make("lstm", embed_size=8, vocab_size=40, token_dropout=0.5)
    tokens, seen = torch.arange(40).repeat(2, 3), []
    module.recurrent[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    module(tokens, module.initial_state(2))
    module.eval()
    module(tokens, module.initial_state(2))
    zero = (seen[0] == 0).all(-1)

    assert torch.equal(zero, zero[:1, :40].repeat(2, 3))
    assert 8 <= zero[0, :40].sum() <= 32
    torch.testing.assert_close(seen[0][~zero], 2 * seen[1][~zero])
    assert not (seen[1] == 0).all(-1).any()
