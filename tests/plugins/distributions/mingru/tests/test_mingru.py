"""The minGRU passes all checks, and its parallel scan equals the recurrence, in values and gradients."""

import seqshell_mingru
import torch
from seqshell_mingru.config import MinGRUConfig
from seqshell_mingru.model import MinGRULanguageModel, scan

from seqshell.testing import check_architecture, failed


def stepped(keep, add, hidden):
    steps = []
    for k, a in zip(keep.unbind(1), add.unbind(1), strict=True):
        hidden = k * hidden + a
        steps.append(hidden)
    return torch.stack(steps, 1)


def test_the_architecture_passes_all_checks():
    for architecture in seqshell_mingru.seqshell_architectures():
        assert not failed(check_architecture(architecture))


def test_the_parallel_scan_equals_the_recurrence_in_values_and_gradients():
    torch.manual_seed(0)
    for length in (1, 2, 7, 16, 33):
        keep, add, first = torch.rand(3, length, 5), torch.randn(3, length, 5), torch.randn(3, 5)
        results = []
        for function in (scan, stepped):
            inputs = [tensor.clone().requires_grad_() for tensor in (keep, add, first)]
            hidden = function(*inputs)
            (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
            results.append((hidden, *(tensor.grad for tensor in inputs)))
        for parallel, expected in zip(*results, strict=True):
            torch.testing.assert_close(parallel, expected)


def test_a_layer_matches_the_papers_equations():
    torch.manual_seed(0)
    model = MinGRULanguageModel(MinGRUConfig(vocab_size=5, hidden_size=4, num_layers=1)).eval()
    (layer,), tokens, h = model.layers, torch.tensor([[1, 4, 2]]), torch.randn(1, 1, 4)
    _, state = model(tokens, h)
    (W_z, W_h), (b_z, b_h) = layer.gates.weight.chunk(2), layer.gates.bias.chunk(2)
    h = h[:, 0]
    for x in layer.norm(model.embedding(tokens)).unbind(1):
        z = torch.sigmoid(x @ W_z.T + b_z)
        h = (1 - z) * h + z * (x @ W_h.T + b_h)
    torch.testing.assert_close(state[:, 0], h)
