"""The architecture passes all checks; its state is complex, and its scan equals the recurrence."""

import numpy as np
import seqshell_complex_lru
import torch
from seqshell_complex_lru.config import LRUConfig
from seqshell_complex_lru.decoding import LRUDecoder
from seqshell_complex_lru.model import LRULanguageModel, scan

from seqshell.testing import check_architecture, failed


def test_the_architecture_passes_all_checks():
    for architecture in seqshell_complex_lru.seqshell_architectures():
        checks = check_architecture(architecture)
        assert not failed(checks)
        assert "the same with radii=(0.5, 0.9), highest_angle=None" in {check.rule for check in checks}


def test_the_state_is_complex():
    config = LRUConfig(vocab_size=5, hidden_size=6, num_layers=3, state_size=4)
    model = LRULanguageModel(config)
    _, state = model(torch.tensor([[1, 2], [3, 4]]), model.initial_state(2))
    decoder = LRUDecoder(config, {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()})
    _, expected = decoder.feed(np.array([[1, 2], [3, 4]]), decoder.initial_state(2))
    assert (state.dtype, list(state.shape), expected.dtype) == (torch.complex64, [2, 3, 4], np.complex64)
    np.testing.assert_allclose(state.detach().numpy(), expected, atol=1e-5)


def test_eigenvalues_begin_between_the_radii_and_below_the_angle():
    torch.manual_seed(0)
    config = LRUConfig(vocab_size=5, state_size=1000, num_layers=1, radii=(0.5, 0.9), highest_angle=0.3)
    (layer,) = LRULanguageModel(config).layers
    radii, angles = torch.exp(-layer.nu.exp()), layer.theta.exp()
    assert 0.5 <= radii.min() < 0.55 < 0.89 < radii.max() <= 0.9
    assert angles.max() <= 0.3


def test_the_parallel_scan_equals_the_recurrence_in_values_and_gradients():
    torch.manual_seed(0)
    for length in (1, 2, 7, 33):
        keep = torch.polar(torch.rand(5), torch.randn(5))
        add, first = torch.randn(3, length, 5, dtype=torch.complex64), torch.randn(3, 5, dtype=torch.complex64)
        results = []
        for function in (scan, stepped):
            inputs = [tensor.clone().requires_grad_() for tensor in (keep, add, first)]
            hidden = function(*inputs)
            (hidden.real * 2 + hidden.imag).sum().backward()
            results.append((hidden, *(tensor.grad for tensor in inputs)))
        for parallel, expected in zip(*results, strict=True):
            torch.testing.assert_close(parallel, expected, atol=1e-4, rtol=1e-4)


def stepped(keep, add, hidden):
    steps = []
    for a in add.unbind(1):
        hidden = keep * hidden + a
        steps.append(hidden)
    return torch.stack(steps, 1)
