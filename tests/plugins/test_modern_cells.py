"""Each modern cell against its equations, computed by hand, and its form for many steps against single steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.state import leaves, named_leaves
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell_modern.scans import linear_scan, log_scan

REGISTRY = load_registry(Policy(no_plugins=True))
SETTINGS = {
    "mingru": {"hidden_size": 7},
    "minlstm": {"hidden_size": 7},
    "rg_lru": {"hidden_size": 7},
    "mlstm": {"num_heads": 2, "head_size": 3},
    "slstm": {"num_heads": 2, "head_size": 3},
    "mamba2": {"num_heads": 4, "head_size": 2, "state_size": 3, "num_groups": 2},
    "rwkv7": {"num_heads": 2, "head_size": 3, "rank": 2},
}
SHARED = {"vocab_size": 5, "embed_size": 6, "num_layers": 2, "mlp_size": 8, "conv_size": 3}


def model(name, scale=1.0, **settings):
    """A model with seeded weights, all of them multiplied by `scale`."""
    offered = REGISTRY.architectures[name]
    torch.manual_seed(0)
    kind = resolve(offered.config)
    known = {item.name for item in settings_of(kind)}
    shared = {key: value for key, value in SHARED.items() if key in known}
    module = resolve(offered.model)(build(kind, {**shared, **SETTINGS[name], **settings})).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight)).mul_(scale)
    return module


def decoder(name, module):
    """The decoder in numpy with the weights of a module."""
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    return resolve(REGISTRY.architectures[name].decoder)(module.config, weights)


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


# One step by hand


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
