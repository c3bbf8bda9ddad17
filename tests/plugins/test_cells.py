"""The cells written out from their equations equal torch's networks, in values and in gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seqshell.core.plugin_api import build
from seqshell.core.state import leaves, map_leaves
from seqshell_recurrent.cell_decoders import ElmanDecoder, GRUCellDecoder, LSTMCellDecoder
from seqshell_recurrent.cells import Elman, GRUCell, GRUCellLanguageModel, LSTMCellLanguageModel
from seqshell_recurrent.config import ElmanConfig, GRUCellConfig, LSTMCellConfig

V, E, H, B, T = 7, 5, 6, 3, 9
TOKENS = torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(0))


def make(config_type, model_type, **settings):
    torch.manual_seed(1)
    module = model_type(build(config_type, {"vocab_size": V, "embed_size": E, "hidden_size": H} | settings))
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.3 * torch.randn_like(weight)
    return module


def torch_network(cell, layers, **settings):
    """torch's network with the given weights. layers: for each one weight_ih, weight_hh, bias_ih and bias_hh."""
    network = cell(E, H, len(layers), batch_first=True, **settings)
    for number, layer in enumerate(layers):
        for name, weight in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), layer, strict=True):
            getattr(network, f"{name}_l{number}").data.copy_(weight)
    return network


def assert_same_gradients(network, layers):
    for number, layer in enumerate(layers):
        for name, gradient in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), layer, strict=True):
            torch.testing.assert_close(getattr(network, f"{name}_l{number}").grad, gradient)


def backward(outputs):
    """Backpropagate a loss that weights every output differently."""
    (outputs * torch.linspace(-1, 1, outputs.numel()).view_as(outputs)).sum().backward()


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_elman_equals_nn_rnn_in_values_and_gradients(nonlinearity):
    module = make(ElmanConfig, Elman, nonlinearity=nonlinearity)
    parts = (module.i2h.weight, module.h2h.weight, module.i2h.bias, module.h2h.bias)
    network = torch_network(nn.RNN, [parts], nonlinearity=nonlinearity)
    embedding = nn.Embedding.from_pretrained(module.embedding.weight.detach(), freeze=False)
    first = torch.randn(B, H)

    outputs, hidden = module(TOKENS, first)
    every, last = network(embedding(TOKENS), first[None])
    expected = functional.linear(every, module.h2o.weight.detach(), module.h2o.bias.detach())
    backward(outputs)
    backward(expected)

    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(hidden, last[0])
    assert_same_gradients(network, [[part.grad for part in parts]])
    torch.testing.assert_close(module.embedding.weight.grad, embedding.weight.grad)


def test_the_older_elman_form_computes_logits_from_the_token_and_the_hidden_state_before_it():
    module = make(ElmanConfig, Elman, form="i2o", nonlinearity="none")
    x, hidden = module.embedding(TOKENS[:, 0]), torch.randn(B, H)
    combined = torch.cat((x, hidden), 1)

    outputs, after = module(TOKENS[:, :1], hidden)

    torch.testing.assert_close(outputs[:, 0], module.i2o(combined))
    torch.testing.assert_close(after, module.i2h(combined))
    again, _ = module(TOKENS[:, :2], hidden)
    torch.testing.assert_close(again[:, 1], module.i2o(torch.cat((module.embedding(TOKENS[:, 1]), after), 1)))


def test_lstm_cell_equals_nn_lstm_in_values_and_gradients():
    module = make(LSTMCellConfig, LSTMCellLanguageModel, num_layers=2)

    def parts(cell, of):
        return [torch.cat([of(getattr(cell, f"{name}_{gate}")) for gate in "ifgo"]) for name in "WUb"] + [
            torch.zeros(4 * H)
        ]

    network = torch_network(nn.LSTM, [parts(cell, lambda weight: weight) for cell in module.cells])
    state = map_leaves(torch.randn_like, module.initial_state(B))

    outputs, after = module(TOKENS, state)
    every, (hidden, cell) = network(
        module.embedding(TOKENS).detach(), tuple(part.transpose(0, 1).contiguous() for part in state)
    )
    expected = functional.linear(every, module.readout.weight.detach(), module.readout.bias.detach())
    backward(outputs)
    backward(expected)

    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after.hidden, hidden.transpose(0, 1))
    torch.testing.assert_close(after.cell, cell.transpose(0, 1))
    for number, written in enumerate(module.cells):
        gradients = parts(written, lambda weight: weight.grad)
        gradients[3] = gradients[2]  # torch has two biases, whose gradients are equal
        for name, gradient in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), gradients, strict=True):
            torch.testing.assert_close(getattr(network, f"{name}_l{number}").grad, gradient)


def test_gru_cell_equals_nn_gru_in_values_and_gradients():
    module = make(GRUCellConfig, GRUCellLanguageModel, num_layers=2)

    def parts(cell, of):
        w, u, b = (torch.cat([of(getattr(cell, f"{name}_{gate}")) for gate in "rzn"]) for name in "WUb")
        return w, u, b, torch.cat((torch.zeros(2 * H), of(cell.a_n)))

    network = torch_network(nn.GRU, [parts(cell, lambda weight: weight) for cell in module.cells])
    state = torch.randn(B, 2, H)

    outputs, after = module(TOKENS, state)
    every, last = network(module.embedding(TOKENS).detach(), state.transpose(0, 1).contiguous())
    expected = functional.linear(every, module.readout.weight.detach(), module.readout.bias.detach())
    backward(outputs)
    backward(expected)

    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(after, last.transpose(0, 1))
    for number, written in enumerate(module.cells):
        gradients = parts(written, lambda weight: weight.grad)
        gradients[3][: 2 * H] = gradients[2][: 2 * H]  # torch has two biases for r and z, whose gradients are equal
        for name, gradient in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), gradients, strict=True):
            torch.testing.assert_close(getattr(network, f"{name}_l{number}").grad, gradient)


def test_a_reset_before_the_product_matches_the_papers_equation():
    torch.manual_seed(0)
    cell = GRUCell(E, H, reset="before")
    x, h = torch.randn(B, E), torch.randn(B, H)
    r = torch.sigmoid(x @ cell.W_r.T + h @ cell.U_r.T + cell.b_r)
    z = torch.sigmoid(x @ cell.W_z.T + h @ cell.U_z.T + cell.b_z)
    candidate = torch.tanh(functional.linear(x, cell.W_n, cell.b_n) + (r * h) @ cell.U_n.T)

    torch.testing.assert_close(cell(x, h), (1 - z) * candidate + z * h)
    assert "a_n" not in cell.state_dict()


def test_an_lstm_cell_has_four_times_and_a_gru_cell_three_times_the_weights_of_one_gate():
    elman = make(ElmanConfig, Elman)
    one = elman.i2h.weight.numel() + elman.h2h.weight.numel() + H
    lstm, gru = (
        sum(weight.numel() for weight in module.cells.parameters())
        for module in (
            make(LSTMCellConfig, LSTMCellLanguageModel),
            make(GRUCellConfig, GRUCellLanguageModel, reset="before"),
        )
    )
    assert (lstm, gru) == (4 * one, 3 * one)


def test_cross_entropy_equals_the_tutorials_logsoftmax_with_nllloss():
    """Tutorials end their models with LogSoftmax and train with NLLLoss; these models return logits."""
    module = make(ElmanConfig, Elman)
    targets, gradients, values = TOKENS.roll(-1, 1), [], []
    for loss_of in (
        lambda logits: nn.NLLLoss()(nn.LogSoftmax(dim=-1)(logits), targets.flatten()),
        lambda logits: functional.cross_entropy(logits, targets.flatten()),
    ):
        module.zero_grad()
        loss = loss_of(module(TOKENS, module.initial_state(B))[0].flatten(0, 1))
        loss.backward()
        values.append(loss.detach())
        gradients.append([weight.grad.clone() for weight in module.parameters()])

    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("config_type", "model_type", "decoder_type", "settings"),
    [
        *((ElmanConfig, Elman, ElmanDecoder, {"nonlinearity": name}) for name in ("tanh", "relu", "sigmoid", "none")),
        (ElmanConfig, Elman, ElmanDecoder, {"form": "i2o"}),
        (ElmanConfig, Elman, ElmanDecoder, {"form": "i2o", "nonlinearity": "none", "embed_size": 0}),
        (LSTMCellConfig, LSTMCellLanguageModel, LSTMCellDecoder, {"num_layers": 2}),
        (LSTMCellConfig, LSTMCellLanguageModel, LSTMCellDecoder, {"embed_size": 0}),
        (GRUCellConfig, GRUCellLanguageModel, GRUCellDecoder, {"num_layers": 2}),
        (GRUCellConfig, GRUCellLanguageModel, GRUCellDecoder, {"num_layers": 2, "reset": "before"}),
    ],
)
def test_the_decoder_equals_the_module(config_type, model_type, decoder_type, settings):
    module = make(config_type, model_type, **settings)
    if settings.get("nonlinearity") == "none":  # or the hidden state would grow without bound
        module.load_state_dict({name: weight / 4 for name, weight in module.state_dict().items()})
    decoder = decoder_type(
        module.config, {name: weight.detach().numpy() for name, weight in module.state_dict().items()}
    )
    with torch.inference_mode():
        expected, expected_state = module(TOKENS, module.initial_state(B))

    outputs, state = decoder.feed(TOKENS.numpy(), decoder.initial_state(B))

    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=1e-5, rtol=1e-5)
    for leaf, expected_leaf in zip(leaves(state), leaves(expected_state), strict=True):
        np.testing.assert_allclose(leaf, expected_leaf.numpy(), atol=1e-5, rtol=1e-5)
    stepped, state = decoder.initial_state(B), None
    for column in TOKENS.numpy().T:
        outputs, stepped = decoder.step(column, stepped)
    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=1e-5, rtol=1e-5)
