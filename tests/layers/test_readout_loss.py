"""The read-out with its loss in one pass gives the values and gradients of torch's cross-entropy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from seqshell.layers import readout_loss

pytestmark = pytest.mark.usefixtures("kernels")
ROWS, SIZE, OUTPUTS = 101, 140, 70  # no multiples of what the kernel divides them into, and more than one of those


@pytest.fixture(params=[OUTPUTS, 11, 64], ids=str)  # 11 fill no block of 64, and 64 leave no rest
def case(request):
    torch.manual_seed(0)
    sizes = (ROWS, SIZE), (request.param, SIZE), (request.param,)
    hidden, weight, bias = (torch.randn(*size, requires_grad=True) for size in sizes)
    return hidden, weight, bias, torch.randint(request.param, (ROWS,))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradients_are_those_of_torch_within_rounding(case, smoothing):
    *given, targets = case
    logits = functional.linear(*given)
    settings = {"ignore_index": 0, "label_smoothing": smoothing}
    expected = functional.cross_entropy(logits, targets, reduction="sum", **settings)
    found = readout_loss.run(*given, targets, **settings)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    pairs = zip(torch.autograd.grad(found * 3, given), torch.autograd.grad(expected * 3, given), strict=True)
    for one, other in pairs:
        assert (one - other).norm() < 5e-6 * other.norm()


def test_a_target_outside_the_vocabulary_is_refused(case):
    *given, targets = case
    targets[5] = len(given[1])
    with pytest.raises(IndexError, match="a target is not in the vocabulary"):
        readout_loss.run(*given, targets, ignore_index=-100, label_smoothing=0.0)
