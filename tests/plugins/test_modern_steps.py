"""A step of each modern cell against its equations, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.plugins.modern_models import decoder, model

from seqshell.core.errors import UsageError
from seqshell.core.state import leaves


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def cell_of(name, **settings):
    """The cell of a model with one layer of D = 1 and K = 2, all of whose weights are zero."""
    cell = model(name, num_layers=1, embed_size=1, conv_size=2, **settings).blocks[0].cell
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
    return cell


def assign(weight, *values):
    with torch.no_grad():
        weight.copy_(torch.tensor(values).view_as(weight))


def test_a_step_of_mingru_by_hand():
    cell = cell_of("mingru", hidden_size=1)
    assign(cell.conv.weight, 0.5, 2.0)  # of the step before and of this one
    assign(cell.conv.bias, 0.1)
    assign(cell.gates.weight, 0.3, 0.7)
    assign(cell.gates.bias, -0.2, 0.4)
    assign(cell.output.weight, 1.5)
    x = 0.5 * 0.8 + 2.0 * 0.6 + 0.1
    z, candidate = sigmoid(0.3 * x - 0.2), 0.7 * x + 0.4 + 0.5
    h = (1 - z) * 0.9 + z * candidate

    state = cell.initial_state(1)._replace(hidden=torch.tensor([[0.9]]), conv=torch.tensor([[[0.8]]]))
    outputs, (hidden, conv) = cell(torch.tensor([[[0.6]]]), state)
    assert hidden.item() == pytest.approx(h)
    assert outputs.item() == pytest.approx(1.5 * h)
    assert conv.item() == pytest.approx(0.6)


def test_a_step_of_minlstm_by_hand():
    cell = cell_of("minlstm", hidden_size=1)
    assign(cell.conv.weight, 0.0, 1.0)
    assign(cell.gates.weight, 0.3, -0.9, -2.0)
    assign(cell.gates.bias, 0.1, 0.2, 0.4)
    assign(cell.output.weight, 1.0)
    f, i, candidate = sigmoid(0.3 * 0.6 + 0.1), sigmoid(-0.9 * 0.6 + 0.2), sigmoid(-2.0 * 0.6 + 0.4)
    h = f / (f + i) * 0.9 + i / (f + i) * candidate

    outputs, state = cell(torch.tensor([[[0.6]]]), cell.initial_state(1)._replace(hidden=torch.tensor([[0.9]])))
    assert state.hidden.item() == pytest.approx(h)
    assert outputs.item() == pytest.approx(h)


def softplus(value):
    return math.log1p(math.exp(value))


def silu(value):
    return value * sigmoid(value)


def gelu(value):
    return value / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))


def test_a_step_of_rg_lru_by_hand():
    cell = cell_of("rg_lru", hidden_size=1)
    assign(cell.input.weight, 2.0)
    assign(cell.gate.weight, 0.7)
    assign(cell.conv.weight, 0.5, 1.0)
    assign(cell.gates.weight, 0.3, -0.4)
    assign(cell.gates.bias, 0.1, 0.2)
    assign(cell.decay, 1.2)
    assign(cell.output.weight, 3.0)
    y = 0.5 * 0.8 + 2.0 * 0.6
    r, i = sigmoid(0.3 * y + 0.1), sigmoid(-0.4 * y + 0.2)
    a = sigmoid(1.2) ** (8 * r)
    h = a * 0.9 + math.sqrt(1 - a**2) * i * y

    state = cell.initial_state(1)._replace(hidden=torch.tensor([[0.9]]), conv=torch.tensor([[[0.8]]]))
    outputs, state = cell(torch.tensor([[[0.6]]]), state)
    assert state.hidden.item() == pytest.approx(h)
    assert outputs.item() == pytest.approx(3 * h * gelu(0.7 * 0.6))


def test_a_new_rg_lru_keeps_nine_tenths_and_more_when_its_gate_is_open():
    cell = model("rg_lru", hidden_size=500).blocks[0].cell
    cell.__init__(model("rg_lru", hidden_size=500).config)
    kept = torch.sigmoid(cell.decay) ** 8
    assert 0.899 < kept.min() < 0.91
    assert 0.99 < kept.max() < 0.9991


def test_a_step_of_mlstm_by_hand():
    """One head of two units. The memory is that of the paper, so its stabiliser is 0 before the step."""
    cell = cell_of("mlstm", num_heads=1, head_size=2)
    assign(cell.conv.weight, 0.0, 1.0)
    assign(cell.query.weight, 0.5, -1.0)
    assign(cell.key.weight, 0.3, 0.9)
    assign(cell.value.weight, 2.0, 1.0)
    assign(cell.gates.weight, 1.1, -0.6)
    assign(cell.gates.bias, 1.5, 2.0)
    assign(cell.output_gate.bias, 0.4, -0.4)
    assign(cell.norm.weight, 1.0, 2.0)
    assign(cell.output.weight, 1.0, 1.0)
    x = 0.6
    y = silu(x)
    q, k, v = np.array([0.5, -1.0]) * y, np.array([0.3, 0.9]) * y / math.sqrt(2), np.array([2.0, 1.0]) * x
    i, f = math.exp(1.1 * y + 1.5), sigmoid(-0.6 * y + 2.0)
    before, n = np.array([[0.1, 0.2], [0.3, -0.4]]), np.array([0.2, 0.5])
    memory, n = f * before + i * np.outer(v, k), f * n + i * k
    h = memory @ q / max(abs(n @ q), 1)
    h = np.array([sigmoid(0.4), sigmoid(-0.4)]) * h / np.sqrt(np.mean(h**2) + 1e-5) * [1, 2]

    state = cell.initial_state(1)._replace(
        memory=torch.tensor(before.T[None, None], dtype=torch.float32), normaliser=torch.tensor([[[0.2, 0.5]]])
    )
    outputs, state = cell(torch.tensor([[[x]]]), state)
    scale = math.exp(state.stabiliser.item())
    np.testing.assert_allclose(state.memory[0, 0].T.detach() * scale, memory, rtol=1e-5)
    np.testing.assert_allclose(state.normaliser[0, 0].detach() * scale, n, rtol=1e-5)
    assert state.stabiliser.item() == pytest.approx(1.1 * y + 1.5)
    assert outputs.item() == pytest.approx(h.sum(), rel=1e-5)


def test_a_step_of_slstm_by_hand():
    cell = cell_of("slstm", num_heads=1, head_size=1)
    assign(cell.conv.weight, 0.0, 1.0)
    assign(cell.gates.weight, 0.5, -0.3)
    assign(cell.gates.bias, 0.1, 0.7)
    assign(cell.inputs.weight, 1.2, 0.4)
    assign(cell.inputs.bias, -0.1, 0.3)
    assign(cell.recurrent, 0.6, -0.2, 0.8, 0.9)
    assign(cell.norm.weight, 1.5)
    assign(cell.output.weight, 2.0)
    x, h = 0.6, 0.25
    y = silu(x)
    i, f = math.exp(0.5 * y + 0.6 * h + 0.1), sigmoid(-0.3 * y - 0.2 * h + 0.7)
    z, o = math.tanh(1.2 * x + 0.8 * h - 0.1), sigmoid(0.4 * x + 0.9 * h + 0.3)
    c, n = f * 0.7 + i * z, f * 1.3 + i

    numbers = (torch.tensor([[value]]) for value in (h, 0.7, 1.3, 0.0))
    state = type(cell.initial_state(1))(*numbers, cell.initial_state(1).conv)
    outputs, state = cell(torch.tensor([[[x]]]), state)
    scale = math.exp(state.stabiliser.item())
    assert (state.cell.item() * scale, state.normaliser.item() * scale) == (pytest.approx(c), pytest.approx(n))
    assert state.hidden.item() == pytest.approx(o * c / n)
    assert outputs.item() == pytest.approx(math.copysign(3, state.hidden.item()), rel=1e-3)


@pytest.mark.parametrize("name", ["mlstm", "slstm"])
def test_exponential_gates_of_any_size_do_not_overflow(name):
    module = model(name)
    gates = [block.cell.gates for block in module.blocks]
    with torch.no_grad():
        for gate, size in zip(gates, (300.0, -300.0), strict=True):
            gate.bias.fill_(size)
    tokens = torch.randint(5, (1, 200))
    logits, state = module(tokens, module.initial_state(1))
    logits.logsumexp(-1).sum().backward()
    stepping = decoder(name, module)
    found, _, _ = stepping.trace(tokens.numpy(), stepping.initial_state(1))

    np.testing.assert_allclose(found, logits.detach(), atol=1e-4)
    assert all(torch.isfinite(leaf).all() for leaf in leaves(state))
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters())


def test_a_step_of_mamba2_by_hand():
    """Two heads of one unit, each a group of its own, with a state of one number."""
    cell = cell_of("mamba2", num_heads=2, head_size=1, state_size=1, num_groups=2)
    # z [2], x [2], B [2], C [2], dt [2], as z, xBC, dt in one product
    assign(cell.input.weight, 0.5, -0.7, 1.0, 2.0, 0.3, 0.9, -1.0, 1.5, 0.2, -0.4)
    assign(cell.conv.weight, *[0.0, 1.0] * 6)
    assign(cell.decay, 0.1, -0.2)
    assign(cell.skip, 0.6, 0.8)
    assign(cell.step_bias, -1.0, 0.5)
    assign(cell.norm.weight, 1.0, 2.0)
    assign(cell.output.weight, 1.0, 1.0)
    u, before, y = 0.6, (0.4, -0.9), []
    for head in range(2):
        x, b, c = (silu(weight[head] * u) for weight in ((1.0, 2.0), (0.3, 0.9), (-1.0, 1.5)))
        d = softplus((0.2, -0.4)[head] * u + (-1.0, 0.5)[head])
        s = math.exp(-d * math.exp((0.1, -0.2)[head])) * before[head] + d * x * b
        y.append((s * c + (0.6, 0.8)[head] * x) * silu((0.5, -0.7)[head] * u))
    y = np.array(y)
    expected = (y / np.sqrt(np.mean(y**2) + 1e-5) * [1, 2]).sum()

    state = cell.initial_state(1)._replace(memory=torch.tensor([[[[0.4]], [[-0.9]]]]))
    outputs, state = cell(torch.tensor([[[u]]]), state)
    assert state.memory[0, 1].item() == pytest.approx(s)
    assert outputs.item() == pytest.approx(expected, rel=1e-5)


def test_the_groups_of_mamba2_must_divide_its_heads():
    with pytest.raises(UsageError, match="num_groups must divide num_heads, but they are 2 and 3"):
        model("mamba2", num_heads=3)


def test_a_step_of_rwkv7_by_the_equations_of_the_paper():
    """The second layer of two, with one head of two units and D = 3; vectors are rows, as in the paper."""
    cell = model("rwkv7", num_heads=1, head_size=2, embed_size=3).double().blocks[1].cell
    w = {name: values.detach().numpy() for name, values in cell.named_parameters()}
    x, last, first = np.array([0.5, -0.3, 0.8]), np.array([0.1, 0.9, -0.4]), np.array([0.7, -0.6])
    before = np.array([[0.2, -0.5], [0.4, 0.3]])
    sigma = np.vectorize(sigmoid)

    def low_rank(name, inputs, function=lambda value: value):
        return w[f"{name}.up.weight"] @ function(w[f"{name}.down.weight"] @ inputs)

    x_r, x_w, x_k, x_v, x_a, x_g = (x + (last - x) * mix for mix in w["mix"])
    r, k, v = (w[f"{name}.weight"] @ each for name, each in (("receptance", x_r), ("key", x_k), ("value", x_v)))
    kept = np.exp(-math.exp(-0.5) * sigma(low_rank("decay", x_w, np.tanh) + w["decay.up.bias"]))
    a = sigma(low_rank("rate", x_a) + w["rate.up.bias"])
    v = v + (first - v) * sigma(low_rank("residual", x_v) + w["residual.up.bias"])
    c = k * w["removed"] / np.linalg.norm(k * w["removed"])
    k = k * (1 + (a - 1) * w["replaced"])
    memory = before @ (np.diag(kept) - np.outer(c, a * c)) + np.outer(v, k)
    y = memory @ r
    y = (y - y.mean()) / np.sqrt(y.var() + 2e-5) * w["norm.weight"] + w["norm.bias"]
    y = y + (r * w["bonus"] * k).sum() * v
    expected = w["output.weight"] @ (y * low_rank("gate", x_g, sigma))

    rows = (torch.from_numpy(each)[None] for each in (before[None], last))
    outputs, found, passed = cell(torch.from_numpy(x)[None, None], *rows, torch.from_numpy(first)[None, None])
    np.testing.assert_allclose(found[0, 0].detach(), memory, rtol=1e-9)
    np.testing.assert_allclose(outputs[0, 0].detach(), expected, rtol=1e-7)
    assert passed[0, 0].tolist() == first.tolist()
