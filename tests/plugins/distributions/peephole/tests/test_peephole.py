"""The architecture keeps the contract; without its peepholes it is torch's LSTM, and with them its equation."""

import seqshell_peephole
import torch
from seqshell_peephole.config import PeepholeConfig
from seqshell_peephole.model import PeepholeLanguageModel, PeepholeLSTM
from torch import nn

from seqshell.testing import check_architecture, failed


def test_the_contract():
    for architecture in seqshell_peephole.seqshell_architectures():
        assert not failed(check_architecture(architecture))


def test_with_closed_peepholes_it_is_the_lstm_of_torch():
    torch.manual_seed(0)
    ours, torchs = PeepholeLSTM(3, 4), nn.LSTM(3, 4, batch_first=True)
    with torch.no_grad():
        for theirs, value in (
            (torchs.weight_ih_l0, ours.entering.weight),
            (torchs.weight_hh_l0, ours.recurrent.weight),
            (torchs.bias_ih_l0, ours.entering.bias),
            (torchs.bias_hh_l0, torch.zeros(16)),
        ):
            theirs.copy_(value)
    inputs, h, c = torch.randn(2, 5, 3), torch.randn(2, 4), torch.randn(2, 4)
    expected, (last_h, last_c) = torchs(inputs, (h[None], c[None]))
    for seen, wanted in zip(ours(inputs, h, c), (expected, last_h[0], last_c[0]), strict=True):
        torch.testing.assert_close(seen, wanted)


def test_an_open_peephole_shows_each_gate_the_cell_of_its_time():
    """With all weights but the peepholes at 0 one step can be worked out by hand."""
    layer = PeepholeLSTM(1, 1)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.peepholes.copy_(torch.tensor([[5.0], [1.0], [-2.0]]))
    _, h, c = layer(torch.ones(1, 1, 1), torch.zeros(1, 1), torch.full((1, 1), 3.0))
    kept = torch.sigmoid(torch.tensor(3.0)) * 3  # nothing is let in: tanh(0)
    torch.testing.assert_close(c[0, 0], kept)
    torch.testing.assert_close(h[0, 0], torch.sigmoid(-2 * kept) * torch.tanh(kept))


def test_the_peepholes_learn():
    model = PeepholeLanguageModel(PeepholeConfig(vocab_size=5, embed_size=3, hidden_size=4))
    logits, _ = model(torch.randint(5, (2, 6)), model.initial_state(2))
    logits.logsumexp(-1).sum().backward()
    assert (model.layers[0].peepholes.grad != 0).all()
