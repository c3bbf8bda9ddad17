"""The architecture passes all checks, and its parallel scan equals the recurrence."""

import seqshell_selective
import torch
from seqshell_selective.config import LayerState, SelectiveConfig
from seqshell_selective.model import SelectiveLanguageModel, SelectiveLayer, scan
from torch.nn import functional

from seqshell.testing import check_architecture, failed


def test_the_architecture_passes_all_checks():
    for architecture in seqshell_selective.seqshell_architectures():
        assert not failed(check_architecture(architecture))


def test_the_state_of_each_layer_has_two_leaves():
    model = SelectiveLanguageModel(
        SelectiveConfig(vocab_size=5, hidden_size=6, num_layers=3, expansion=2, state_size=4, kernel_size=3)
    )
    _, state = model(torch.tensor([[1, 2], [3, 4]]), model.initial_state(2))
    assert [(list(layer.inputs.shape), list(layer.space.shape)) for layer in state] == [([2, 12, 2], [2, 12, 4])] * 3


def test_the_parallel_scan_equals_the_recurrence_in_values_and_gradients():
    torch.manual_seed(0)
    for length in (1, 2, 7, 16, 33):
        keep, add, first = torch.rand(2, length, 3, 4), torch.randn(2, length, 3, 4), torch.randn(2, 3, 4)
        results = []
        for function in (scan, stepped):
            inputs = [tensor.clone().requires_grad_() for tensor in (keep, add, first)]
            hidden = function(*inputs)
            (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
            results.append((hidden, *(tensor.grad for tensor in inputs)))
        for parallel, expected in zip(*results, strict=True):
            torch.testing.assert_close(parallel, expected)


def stepped(keep, add, hidden):
    steps = []
    for k, a in zip(keep.unbind(1), add.unbind(1), strict=True):
        hidden = k * hidden + a
        steps.append(hidden)
    return torch.stack(steps, 1)


def test_a_step_matches_the_papers_equations():
    """One channel with a state of size two, written out."""
    torch.manual_seed(0)
    layer = SelectiveLayer(SelectiveConfig(vocab_size=5, hidden_size=1, expansion=1, state_size=2, kernel_size=2))
    state = LayerState(torch.randn(1, 1, 1), torch.randn(1, 1, 2))
    layer.norm.bias.data.fill_(0.7)  # with one unit, the normalised value is the bias
    outputs, after = layer(torch.ones(1, 1, 1), state)

    x, z = (0.7 * weight for weight in layer.entering.weight[:, 0])
    old, new = layer.convolution.weight[0, 0]
    x_seen = functional.silu(old * state.inputs[0, 0, 0] + new * x + layer.convolution.bias[0])
    r, b, c = (layer.choosing.weight[:, 0] * x_seen).split((1, 2, 2))
    s = functional.softplus(layer.step.weight[0, 0] * r[0] + layer.step.bias[0])
    h = torch.exp(s * -torch.exp(layer.decay[0])) * state.space[0, 0] + s * x_seen * b
    y = h @ c + layer.direct[0] * x_seen
    torch.testing.assert_close(after.space[0, 0], h)
    torch.testing.assert_close(after.inputs[0, 0, 0], x)
    torch.testing.assert_close(outputs[0, 0, 0], 1 + layer.leaving.weight[0, 0] * y * functional.silu(z))
