"""The architecture passes all checks; its stabiliser begins at -inf and changes no result."""

import seqshell_slstm
import torch
from seqshell_slstm.config import LayerState, SLSTMConfig
from seqshell_slstm.model import SLSTMLanguageModel, SLSTMLayer

from seqshell.testing import check_architecture, failed


def test_the_architecture_passes_all_checks_with_each_forget_gate():
    for architecture in seqshell_slstm.seqshell_architectures():
        checks = check_architecture(architecture)
        assert not failed(checks)
        assert "the same with forget_gate='exponential'" in {check.rule for check in checks}


def test_the_stabiliser_begins_at_minus_infinity_and_is_finite_after_a_step():
    model = SLSTMLanguageModel(SLSTMConfig(vocab_size=5, hidden_size=6))
    (first,) = model.initial_state(2)
    _, (after,) = model(torch.tensor([[1], [3]]), (first,))
    assert torch.isneginf(first.most).all()
    assert all(torch.isfinite(leaf).all() for leaf in after)


def test_the_outputs_are_those_without_a_stabiliser():
    """For gates of ordinary size, e^i and e^f themselves can be computed."""
    torch.manual_seed(0)
    layer = SLSTMLayer(SLSTMConfig(vocab_size=5, hidden_size=3, forget_gate="exponential")).eval()
    zeros, inputs = torch.zeros(2, 3), torch.randn(2, 4, 3)
    outputs, _ = layer(inputs, LayerState(zeros, zeros, zeros, zeros - torch.inf))
    h = c = n = zeros
    for step, x in enumerate(inputs.unbind(1)):
        i, f, z, o = (layer.reading(layer.norm(x)) + layer.recurrent(h)).chunk(4, -1)
        c, n = f.exp() * c + i.exp() * z.tanh(), f.exp() * n + i.exp()
        h = o.sigmoid() * c / n
        torch.testing.assert_close(outputs[:, step], x + layer.out(h))
