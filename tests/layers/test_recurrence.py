"""The compiled recurrent layers compute what torch's do, and their gradients are those of autograd."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from seqshell.core.plugin_api import build
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.kernels.batches import team
from seqshell.layers import recurrence
from seqshell.layers.modules import CELLS, RecurrentStack, run_padded
from seqshell.training.chunked_loss import sequence_loss
from seqshell.training.translation.loss import pair_loss

needs_kernels = pytest.mark.usefixtures("kernels")
ROWS, STEPS, INPUTS, HIDDEN, TOKENS = 13, 5, 143, 150, 20  # no multiples of blocks, of which there are several


def draw(*size):
    return torch.randn(*size, requires_grad=True)


def parts_of(state):
    return state if isinstance(state, tuple) else (state,)


def results(run, given, weight):
    """The outputs and states of a layer, and the gradients of their weighted sum by what it was given."""
    outputs, state = run()
    states = parts_of(state)
    total = (outputs.float() * weight).sum()
    total = total + sum((part[0] * weight[:, number]).sum() for number, part in enumerate(states))
    return [outputs.float(), *states, *torch.autograd.grad(total, given)]


def error(found, expected):
    """The largest relative error of a result, by the norm."""
    pairs = zip(found, expected, strict=True)
    return max(((one - other).norm() / other.norm()).item() for one, other in pairs)


@pytest.fixture
def case(request):
    """A layer with its inputs and states, and tokens whose vectors are in a table."""
    torch.manual_seed(0)
    layer = CELLS[request.param](INPUTS, HIDDEN)
    hidden = draw(1, ROWS, HIDDEN)
    state = (hidden, draw(1, ROWS, HIDDEN)) if request.param == "lstm" else hidden
    tokens, table = torch.randint(TOKENS, (ROWS, STEPS)), draw(TOKENS, INPUTS)
    return request.param, layer, draw(ROWS, STEPS, INPUTS), state, tokens, table, torch.randn(ROWS, STEPS, HIDDEN)


@needs_kernels
@pytest.mark.parametrize("case", recurrence.CELLS, indirect=True)
def test_outputs_and_gradients_are_those_of_torch_within_rounding(case):
    cell, layer, inputs, state, tokens, table, weight = case
    given = [*parts_of(state), *layer.parameters()]
    expected = results(lambda: layer(inputs, state), [inputs, *given], weight)
    found = results(lambda: recurrence.run_layer(cell, layer, inputs, state), [inputs, *given], weight)
    assert error(found, expected) < 2e-6
    expected = results(lambda: layer(functional.embedding(tokens, table), state), [table, *given], weight)
    found = results(lambda: recurrence.run_layer(cell, layer, tokens, state, table=table), [table, *given], weight)
    assert error(found, expected) < 2e-6


@needs_kernels
@pytest.mark.parametrize("case", ["lstm"], indirect=True)
def test_bf16_is_as_accurate_as_autocast(case):
    if not team.available(half=True):
        pytest.skip("a processor without bf16, or with AMX")
    cell, layer, inputs, state, _, _, weight = case
    given = [inputs, *parts_of(state), *layer.parameters()]
    expected = results(lambda: layer(inputs, state), given, weight)
    with torch.autocast("cpu", torch.bfloat16):
        stock = results(lambda: layer(inputs, state), given, weight)
        found = results(lambda: recurrence.run_layer(cell, layer, inputs, state), given, weight)
    assert 1e-4 < error(found, expected) < 1.2 * error(stock, expected)


@needs_kernels
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_rows_of_different_lengths_do_not_depend_on_padding(cell, monkeypatch):
    torch.manual_seed(0)
    kind = nn.LSTM if cell == "lstm" else nn.GRU
    layer = kind(INPUTS, HIDDEN, batch_first=True, bidirectional=True)
    inputs, lengths, weight = (
        draw(9, 6, INPUTS),
        torch.tensor([6, 1, 3, 5, 6, 2, 4, 1, 6]),
        torch.randn(9, 6, 2 * HIDDEN),
    )
    parameters = [inputs, *layer.parameters()]

    def run():
        outputs, state = run_padded(cell, layer, inputs, lengths)
        return outputs, tuple(part.transpose(0, 1).flatten(1).unsqueeze(0) for part in parts_of(state))

    found = results(run, parameters, weight)
    monkeypatch.setattr(recurrence, "is_compiled", lambda *given: False)
    assert error(found, results(run, parameters, weight)) < 2e-6


@needs_kernels
def test_a_stack_with_dropout_residual_connections_and_layer_norm_has_the_same_gradients(monkeypatch):
    torch.manual_seed(0)
    stack = RecurrentStack(
        "lstm", INPUTS, HIDDEN, 3, dropout=0.3, weight_dropout=0.2, residual=True, layer_norm=True
    ).train()
    inputs, weight = draw(ROWS, STEPS, INPUTS), torch.randn(ROWS, STEPS, HIDDEN)

    def run():
        torch.manual_seed(1)
        outputs, state = stack(inputs, stack.initial_state(ROWS))
        return outputs, tuple(part[:, -1].unsqueeze(0) for part in state)

    found = results(run, [inputs, *stack.parameters()], weight)
    monkeypatch.setattr(recurrence, "is_compiled", lambda *given: False)
    assert error(found, results(run, [inputs, *stack.parameters()], weight)) < 5e-6


@needs_kernels
def test_two_runs_give_the_same_bits_and_a_token_outside_the_table_is_refused():
    torch.manual_seed(0)
    layer, state = CELLS["gru"](INPUTS, HIDDEN), torch.zeros(1, ROWS, HIDDEN)
    table, tokens, weight = draw(TOKENS, INPUTS), torch.randint(TOKENS, (ROWS, STEPS)), torch.randn(ROWS, STEPS, HIDDEN)
    given = [table, *layer.parameters()]
    once, again = (
        results(lambda: recurrence.run_layer("gru", layer, tokens, state, table=table), given, weight) for _ in "ab"
    )
    assert all(map(torch.equal, once, again))
    tokens[3, 2] = TOKENS
    with pytest.raises(IndexError, match="a token is not in the table"):
        recurrence.run_layer("gru", layer, tokens, state, table=table)


@needs_kernels
def test_small_layers_and_single_steps_are_left_to_torch():
    inputs = torch.zeros(16, 16, 8)
    assert not recurrence.is_compiled("lstm", inputs, 16)
    assert not recurrence.is_compiled("lstm", inputs[:, :1], 512)
    assert not recurrence.is_compiled("lstm", inputs[:1], 512)
    assert not recurrence.is_compiled("lstm", inputs.double(), 512)


def test_without_a_compiler_torch_computes_layers_of_any_size(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert not recurrence.is_compiled("lstm", torch.zeros(64, 64, 64), 512)


@needs_kernels
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh"])
def test_steps_that_read_outputs_of_earlier_ones_have_the_same_gradients(cell):
    """Of a stack; an LSTM's also when only some are asked for, and again, and in bf16."""
    torch.manual_seed(0)
    stack = RecurrentStack(cell, INPUTS + HIDDEN, HIDDEN, 2, residual=True, layer_norm=True).train()
    inputs, weight = draw(ROWS, STEPS, INPUTS), torch.randn(ROWS, STEPS, HIDDEN)
    given = [inputs, *stack.parameters()]

    def run(layers):
        state, fed, outputs = stack.initial_state(ROWS), torch.zeros(ROWS, 1, HIDDEN), []
        for step in inputs.split(1, 1):
            fed, state = layers(torch.cat((step, fed), -1), state)
            outputs.append(fed)
        return torch.cat(outputs, 1), tuple(part[:, -1].unsqueeze(0) for part in parts_of(state))

    layers = stack.one_by_one(inputs)
    assert layers is not stack
    expected = results(lambda: run(stack), given, weight)
    assert error(results(lambda: run(layers), given, weight), expected) < 5e-6
    if cell != "lstm":
        return
    outputs, _ = run(stack.one_by_one(inputs))
    total = (outputs * weight).sum()
    (first,) = torch.autograd.grad(total, [inputs], retain_graph=True)
    assert torch.equal(torch.autograd.grad(total, given)[0], first)
    if team.available(half=True):
        with torch.autocast("cpu", torch.bfloat16):
            found = results(lambda: run(stack.one_by_one(inputs)), given, weight)
        assert 1e-4 < error(found, expected) < 0.03


@needs_kernels
def test_too_few_steps_or_rows_run_in_torch():
    stack = RecurrentStack("lstm", INPUTS, HIDDEN)

    assert stack.one_by_one(draw(ROWS, 2, INPUTS)) is stack
    assert stack.one_by_one(draw(2, STEPS, INPUTS)) is stack


# Whole models, large enough for the kernels

REGISTRY = load_registry(Policy(no_plugins=True))
BATCH, LENGTH, VOCABULARY = 16, 20, 330
SIZES = {"embed_size": 70, "hidden_size": 140, "num_layers": 2}
DROPPED = {"dropout": 0.4, "embed_dropout": 0.2, "locked": False}
CASES = {
    "lstm": {},
    "gru": {"weight_dropout": 0.2, **DROPPED},
    "rnn": {"residual": True, "layer_norm": True},
    "attention_seq2seq": {"encoder_size": 90, "tied": True, "shared_embedding": True, **DROPPED},
}


def gradients(name):
    """The gradients of all parameters, by name."""
    architecture = REGISTRY.lookup("architecture", name)
    translates = name == "attention_seq2seq"
    sizes = ("source_vocab_size", "target_vocab_size") if translates else ("vocab_size",)
    torch.manual_seed(0)
    config = build(resolve(architecture.config), {**dict.fromkeys(sizes, VOCABULARY), **SIZES, **CASES[name]})
    module = resolve(architecture.model)(config).train()
    inputs, targets = torch.randint(4, VOCABULARY, (2, BATCH, LENGTH))
    if translates:
        loss, _ = pair_loss(module, targets, torch.randint(3, LENGTH, (BATCH,)), inputs, targets, label_smoothing=0.1)
    else:
        loss, _ = sequence_loss(module, inputs, targets, module.initial_state(BATCH))
    loss.backward()
    return {key: parameter.grad for key, parameter in module.named_parameters()}


@needs_kernels
@pytest.mark.parametrize("name", CASES)
def test_gradients_of_models_are_those_without_kernels_within_rounding(name, monkeypatch):
    found = gradients(name)
    monkeypatch.setattr(team, "available", lambda half: False)
    for key, expected in gradients(name).items():
        assert (found[key] - expected).norm() < 1e-5 * expected.norm(), key
