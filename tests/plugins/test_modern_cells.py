"""Modern cells: their form for many steps against single steps, and the scans."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.plugins.modern_models import SETTINGS, decoder, model

from seqshell.core.state import leaves, named_leaves
from seqshell_modern.scans import linear_scan, log_scan


def one_by_one(module, tokens, state):
    """The logits [B, T, V] of single steps, and the state after the last."""
    outputs = []
    for column in tokens.unbind(1):
        logits, state = module(column[:, None], state)
        outputs.append(logits)
    return torch.cat(outputs, 1), state


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_a_long_text_at_once_equals_the_decoder_step_by_step(name, scale):
    """With large weights, gates are 0 or 1 to the last bit for hundreds of steps."""
    module = model(name, scale)
    stepping = decoder(name, module)
    tokens = torch.randint(5, (1, 400))
    with torch.inference_mode():
        logits, state = module(tokens, module.initial_state(1))
    found, last, _ = stepping.trace(tokens.numpy(), stepping.initial_state(1))

    limit = 1e-4 * max(1.0, float(logits.abs().max()))
    np.testing.assert_allclose(found, logits.numpy(), atol=limit, rtol=0)
    for (key, seen), expected in zip(named_leaves(last), leaves(state), strict=True):
        np.testing.assert_allclose(seen, expected, atol=1e-4, rtol=1e-4, err_msg=key)


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_and_states_at_once_equal_those_of_single_steps(name):
    """In double precision: outputs, state and the gradient of every weight, from a state that is not zero."""
    module = model(name).double()
    tokens, before = torch.randint(5, (2, 40)), torch.randint(5, (2, 3))
    found = []
    for read in (module, lambda *inputs: one_by_one(module, *inputs)):
        logits, state = read(tokens, module(before, module.initial_state(2))[1])
        loss = logits.logsumexp(-1).sum() + sum((leaf**2).sum() for leaf in leaves(state))
        found.append((logits, *leaves(state), *torch.autograd.grad(loss, list(module.parameters()))))

    for seen, expected in zip(*found, strict=True):
        torch.testing.assert_close(seen, expected, atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("name", SETTINGS)
def test_training_in_bfloat16_keeps_the_state_in_float32(name):
    module = model(name)
    tokens = torch.randint(5, (2, 20))
    exact, _ = module(tokens, module.initial_state(2))
    with torch.autocast("cpu", torch.bfloat16):
        logits, state = module.train()(tokens, module.initial_state(2))
    logits.float().logsumexp(-1).sum().backward()

    assert {leaf.dtype for leaf in leaves(state)} == {torch.float32}
    torch.testing.assert_close(logits.float(), exact, atol=0.1, rtol=0.1)
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters())


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "rwkv7"])
def test_a_model_can_have_tied_weights_and_no_mlp(name):
    module = model(name, tied=True, mlp_size=0)
    assert not {key for key in module.state_dict() if "mlp" in key or key == "readout.weight"}
    tokens = torch.randint(5, (2, 4))
    logits, _ = module(tokens, module.initial_state(2))
    stepping = decoder(name, module)
    found, _ = stepping.feed(tokens.numpy(), stepping.initial_state(2))

    np.testing.assert_allclose(found, logits[:, -1].detach(), atol=1e-5)
    torch.testing.assert_close(module.logits(torch.ones(6)), module.logit_weights()[0].sum(1) + module.readout.bias)


# The scans


def test_a_scan_is_the_recurrence():
    """h_1 = 0.5 * 8 + 1 = 5, h_2 = 0.1 * 5 + 2 = 2.5, h_3 = 0 * 2.5 + 3 = 3."""
    factors, terms = (torch.tensor(values)[None, :, None] for values in ([0.5, 0.1, 0.0], [1.0, 2.0, 3.0]))
    expected = torch.tensor([5.0, 2.5, 3.0])[None, :, None]

    torch.testing.assert_close(linear_scan(factors, terms, torch.full((1, 1), 8.0)), expected)
    torch.testing.assert_close(log_scan(factors.log(), terms.log(), torch.full((1, 1), 8.0)), expected)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 64, 65])
def test_scans_have_the_gradients_of_the_recurrence(steps):
    factors = torch.rand(2, steps, 3, dtype=torch.float64, requires_grad=True)
    terms = torch.rand(2, steps, 3, dtype=torch.float64, requires_grad=True)
    start = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    slopes = torch.randn(2, steps, 3, dtype=torch.float64)
    hidden, expected = start, []
    for step in range(steps):
        hidden = factors[:, step] * hidden + terms[:, step]
        expected.append(hidden)
    found = []
    for outputs in (
        torch.stack(expected, 1),
        linear_scan(factors, terms, start),
        log_scan(factors.log(), terms.log(), start),
    ):
        found.append((outputs, *torch.autograd.grad((outputs * slopes).sum(), (factors, terms, start))))

    for seen in found[1:]:
        torch.testing.assert_close(seen, found[0])


def test_the_scan_in_log_space_neither_overflows_nor_vanishes():
    """The product of 5,000 factors of 0.01 is far below the smallest float; h stays at 1.01 of the last term."""
    steps = 5000
    hidden = log_scan(torch.full((1, steps, 1), math.log(0.01)), torch.full((1, steps, 1), 80.0), torch.ones(1, 1))
    assert hidden[0, -1, 0].item() == pytest.approx(math.exp(80) / 0.99, rel=1e-4)

    kept = log_scan(torch.zeros(1, steps, 1), torch.full((1, steps, 1), -1e9), torch.full((1, 1), -3.0))
    assert kept.unique().tolist() == [-3.0]  # nothing is added and nothing is forgotten
