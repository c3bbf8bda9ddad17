"""The peephole LSTM passes all checks, equals torch's LSTM without peepholes, and matches its equations with them."""

import seqshell_peephole
import torch
from seqshell_peephole.config import PeepholeConfig
from seqshell_peephole.model import PeepholeLanguageModel, PeepholeLSTM
from torch import nn

from seqshell.testing import check_architecture, failed


def test_the_architecture_passes_all_checks():
    for architecture in seqshell_peephole.seqshell_architectures():
        assert not failed(check_architecture(architecture))


def test_with_zero_peepholes_it_equals_torchs_lstm():
    torch.manual_seed(0)
    own, reference = PeepholeLSTM(3, 4), nn.LSTM(3, 4, batch_first=True)
    with torch.no_grad():
        for weight, value in (
            (reference.weight_ih_l0, own.entering.weight),
            (reference.weight_hh_l0, own.recurrent.weight),
            (reference.bias_ih_l0, own.entering.bias),
            (reference.bias_hh_l0, torch.zeros(16)),
        ):
            weight.copy_(value)
    inputs, h, c = torch.randn(2, 5, 3), torch.randn(2, 4), torch.randn(2, 4)
    outputs, (last_h, last_c) = reference(inputs, (h[None], c[None]))
    for actual, expected in zip(own(inputs, h, c), (outputs, last_h[0], last_c[0]), strict=True):
        torch.testing.assert_close(actual, expected)


def test_peepholes_show_i_and_f_the_old_cell_and_o_the_new_one():
    """With all weights except the peepholes at 0, a step is easy to compute by hand."""
    layer = PeepholeLSTM(1, 1)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.peepholes.copy_(torch.tensor([[5.0], [1.0], [-2.0]]))
    _, h, c = layer(torch.ones(1, 1, 1), torch.zeros(1, 1), torch.full((1, 1), 3.0))
    kept = torch.sigmoid(torch.tensor(3.0)) * 3  # nothing is added: tanh(0)
    torch.testing.assert_close(c[0, 0], kept)
    torch.testing.assert_close(h[0, 0], torch.sigmoid(-2 * kept) * torch.tanh(kept))


def test_the_peepholes_get_gradients():
    model = PeepholeLanguageModel(PeepholeConfig(vocab_size=5, embed_size=3, hidden_size=4))
    logits, _ = model(torch.randint(5, (2, 6)), model.initial_state(2))
    logits.logsumexp(-1).sum().backward()
    assert (model.layers[0].peepholes.grad != 0).all()
