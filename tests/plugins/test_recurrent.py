"""The recurrent language models: their settings and weights, and their decoders."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.plugins.recurrent_models import FAMILIES, TOKENS, E, H, V, make

from seqshell import CheckpointError, UsageError
from seqshell.core.state import leaves, map_leaves
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.language_models import LSTMLanguageModel


def weights(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_weights_keep_their_names_and_shapes(name):
    """Old checkpoints must stay readable."""
    gates = FAMILIES[name][3]
    _, module, _ = make(name)
    layers = {
        f"recurrent.{layer}.{kind}_{end}": shape
        for layer, size in enumerate((E, H))
        for kind, end, shape in (
            ("weight", "ih_l0", (gates * H, size)),
            ("weight", "hh_l0", (gates * H, H)),
            ("bias", "ih_l0", (gates * H,)),
            ("bias", "hh_l0", (gates * H,)),
        )
    }
    expected = {"embedding.weight": (V, E), **layers, "readout.weight": (V, H), "readout.bias": (V,)}
    assert {key: value.shape for key, value in weights(module).items()} == expected


def test_one_hot_models_have_no_embedding_and_tied_ones_no_readout_matrix():
    assert "embedding.weight" not in weights(make("gru", embed_size=0)[1])
    tied = make("gru", embed_size=H, tied=True)[1]
    assert "readout.weight" not in weights(tied)
    outputs, _ = tied.eval()(TOKENS, tied.initial_state(2))
    hidden, _ = tied.recurrent(tied.embedding(TOKENS), tied.initial_state(2))
    assert torch.equal(outputs, hidden @ tied.embedding.weight.T + tied.readout.bias)


def test_recurrent_weights_start_orthogonal_gate_by_gate_and_the_forget_gate_open():
    _, module, _ = make("lstm")
    for layer in module.recurrent:
        for gate in layer.weight_hh_l0.detach().split(H):
            torch.testing.assert_close(gate @ gate.T, torch.eye(H))
        assert (layer.bias_ih_l0 + layer.bias_hh_l0).tolist() == [0.0] * H + [1.0] * H + [0.0] * 2 * H


def test_the_forget_gate_starts_with_the_configured_bias():
    _, module, _ = make("lstm", forget_bias=4)
    assert module.recurrent[1].bias_ih_l0.tolist() == [0.0] * H + [4.0] * H + [0.0] * 2 * H


@pytest.mark.parametrize("name", ["rnn", "gru"])
def test_other_biases_start_at_zero(name):
    assert all(bias.abs().max() == 0 for key, bias in make(name)[1].named_parameters() if "bias" in key)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_equals_torchs_network(name):
    """The stacked one-layer networks compute the same as one network of two layers."""
    _, module, _ = make(name)
    whole = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name](E, H, 2, batch_first=True)
    for layer, own in enumerate(module.recurrent):
        for key, value in own.named_parameters():
            getattr(whole, key.replace("l0", f"l{layer}")).data.copy_(value)
    hidden, last = whole(module.embedding(TOKENS))
    outputs, state = module(TOKENS, module.initial_state(2))
    torch.testing.assert_close(outputs, module.readout(hidden))
    for actual, expected in zip(leaves(state), last if name == "lstm" else (last,), strict=True):
        torch.testing.assert_close(actual, expected.transpose(0, 1))


def test_a_sigmoid_network_matches_its_equation():
    _, module, _ = make("rnn", nonlinearity="sigmoid", num_layers=1)
    layer, state = module.recurrent[0], torch.rand(2, 1, H)
    outputs, after = module(TOKENS[:, :1], state)
    hidden = torch.sigmoid(module.embedding(TOKENS[:, 0]) @ layer.weight_ih_l0.T + state[:, 0] @ layer.weight_hh_l0.T)
    torch.testing.assert_close(after[:, 0], hidden)
    torch.testing.assert_close(outputs[:, 0], module.readout(hidden))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_state_keeps_its_float_type_under_bf16(name):
    _, module, _ = make(name)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = module(TOKENS, module.initial_state(2))
        outputs, state = module(TOKENS, state)
    assert {leaf.dtype for leaf in leaves(state)} == {torch.float32}
    with torch.inference_mode():
        expected, _ = module(TOKENS, module(TOKENS, module.initial_state(2))[1])
    assert (outputs.float() - expected).abs().max() < 0.03


def test_a_model_can_be_built_without_memory_to_count_its_parameters():
    with torch.device("meta"):
        module = LSTMLanguageModel(LSTMConfig(10_000, hidden_size=10_000, num_layers=8))
    assert sum(weight.numel() for weight in module.parameters()) > 6e9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tied": True}, "tied needs embed_size equal to hidden_size, but they are 5 and 6"),
        ({"tied": True, "embed_size": 0}, "tied needs embed_size equal to hidden_size, but they are 0 and 6"),
        (
            {"tied": True, "output_size": 4},
            "tied needs embed_size equal to output_size, but they are 5 and 4",
        ),
        ({"output_size": 7}, "output_size is for several layers, and at most hidden_size 6, not 7"),
        ({"output_size": 5, "num_layers": 1}, "output_size is for several layers"),
        ({"output_size": 5, "residual": True}, "output_size cannot be combined with residual or layer_norm"),
        ({"hidden_size": 0}, "hidden_size must be 1 to 65,536, not 0"),
        ({"dropout": 1}, "dropout must be 0 to 0.99, not 1"),
        ({"nonlinearity": "step"}, "nonlinearity must be tanh, relu or sigmoid, not 'step'"),
        ({"vocab_size": 0}, "vocab_size must be at least 1, not 0"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        make("rnn", **settings)


def test_residual_connections_add_a_layers_input_after_normalisation():
    """Written out for two layers. The state contains the hidden states before normalisation."""
    _, module, _ = make("gru", residual=True, layer_norm=True)
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.1 * torch.randn_like(weight)
    first, second = module.recurrent
    lower, last = first(module.embedding(TOKENS))
    lower = torch.nn.functional.layer_norm(lower, (H,), first.norm.weight, first.norm.bias)
    upper, last_upper = second(lower)
    upper = lower + torch.nn.functional.layer_norm(upper, (H,), second.norm.weight, second.norm.bias)

    outputs, state = module(TOKENS, module.initial_state(2))

    torch.testing.assert_close(outputs, module.readout(upper))
    torch.testing.assert_close(state, torch.cat((last, last_upper)).transpose(0, 1))
    assert {"recurrent.0.norm.weight", "recurrent.1.norm.bias"} <= weights(module).keys()


def test_a_smaller_last_layer_equals_torchs_networks_and_pads_its_state():
    config, module, decoder_type = make("lstm", output_size=4)
    lower, (hidden, cell) = module.recurrent[0](module.embedding(TOKENS))
    upper, (top, top_cell) = module.recurrent[1](lower)
    assert upper.shape == (2, 6, 4)

    outputs, state = module(TOKENS, module.initial_state(2))

    torch.testing.assert_close(outputs, upper @ module.readout.weight.T + module.readout.bias)
    padded = torch.nn.functional.pad(torch.cat((top, top_cell)), (0, H - 4))
    torch.testing.assert_close(state.hidden, torch.stack((hidden[0], padded[0]), 1))
    torch.testing.assert_close(state.cell, torch.stack((cell[0], padded[1]), 1))
    torch.testing.assert_close(module.features(state), top[0])
    decoder = decoder_type(config, weights(module))
    _, decoded = decoder.feed(TOKENS.numpy(), decoder.initial_state(2))
    np.testing.assert_allclose(decoder.features(decoded), top[0].detach().numpy(), atol=1e-6)
    traced, _, named = decoder.trace(TOKENS.numpy(), decoder.initial_state(2))
    np.testing.assert_allclose(traced, outputs.detach().numpy(), atol=1e-6)
    assert {array.shape for array in named.values()} == {(2, 6, 2, H)}
    np.testing.assert_allclose(decoder.state_outputs(decoded), outputs[:, -1].detach().numpy(), atol=1e-6)


@pytest.mark.usefixtures("compiled")
def test_a_smaller_last_layer_is_computed_by_numpy():
    from seqshell_recurrent.compiled_decoders import LSTMDecoder as CompiledDecoder

    config, module, decoder_type = make("lstm", output_size=4)
    compiled, plain = (kind(config, weights(module)) for kind in (CompiledDecoder, decoder_type))
    assert compiled.backend == "numpy"
    (found, state), (right, _) = (each.step(np.array([2]), each.initial_state(1)) for each in (compiled, plain))
    np.testing.assert_array_equal(found, right)
    assert compiled.draw_block(found, state, [], [], [0.5]) is None
    assert not compiled.rows_share_weights


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"embed_size": 0},
        {"embed_size": H, "tied": True},
        {"residual": True},
        {"layer_norm": True},
        {"residual": True, "layer_norm": True},
        {"output_size": E, "tied": True, "num_layers": 3},
    ],
)
def test_the_decoder_equals_the_module_over_a_long_text(name, settings):
    config, module, decoder_type = make(name, **settings)
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.1 * torch.randn_like(weight)
    decoder = decoder_type(config, weights(module))
    tokens = torch.randint(0, V, (2, 600))
    with torch.inference_mode():
        expected, expected_state = module.eval()(tokens, module.initial_state(2))
    outputs, state = decoder.feed(tokens.numpy(), decoder.initial_state(2))
    np.testing.assert_allclose(outputs, expected[:, -1].numpy(), atol=3e-6)
    expected_state = map_leaves(lambda leaf: leaf.numpy(), expected_state)
    assert type(state) is type(expected_state)
    for leaf, expected_leaf in zip(leaves(state), leaves(expected_state), strict=True):
        np.testing.assert_allclose(leaf, expected_leaf, atol=3e-6)


def test_weights_that_do_not_fit_the_config_are_named():
    config, module, decoder_type = make("lstm")
    own = weights(module)
    larger = own | {"recurrent.1.weight_ih_l0": np.zeros((4 * H, H + 1), np.float32)}
    with pytest.raises(
        CheckpointError, match=r"the tensor recurrent\.1\.weight_ih_l0 is \[24, 7\]; the config requires \[24, 6\]"
    ):
        decoder_type(config, larger)
    with pytest.raises(CheckpointError, match=r"the checkpoint lacks the tensor readout\.bias"):
        decoder_type(config, {key: value for key, value in own.items() if key != "readout.bias"})


def test_offering_an_architecture_and_decoding_do_not_import_torch():
    program = """
import sys
import numpy as np
from seqshell_recurrent import seqshell_architectures
(_, lstm, *_) = seqshell_architectures()
from seqshell.host import resolve
config = resolve(lstm.config)(vocab_size=3, embed_size=2, hidden_size=2, num_layers=1)
shapes = {
    "embedding.weight": (3, 2),
    "recurrent.0.weight_ih_l0": (8, 2),
    "recurrent.0.weight_hh_l0": (8, 2),
    "recurrent.0.bias_ih_l0": (8,),
    "recurrent.0.bias_hh_l0": (8,),
    "readout.weight": (3, 2),
    "readout.bias": (3,),
}
decoder = resolve(lstm.decoders[-1])(config, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
print(decoder.step(np.array([1]), decoder.initial_state())[0].tolist(), "torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[[0.0, 0.0, 0.0]] False\n"
