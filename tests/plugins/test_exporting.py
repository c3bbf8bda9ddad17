"""Exporters of the built-in architectures: the code of PyTorch and the ONNX graph give the outputs of the module."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from seqshell import CheckpointError
from seqshell.core.state import leaves
from seqshell.host import resolve
from seqshell.host.builtin import load_registry

ARCHITECTURES = load_registry().architectures
CLOSE = {"rtol": 0, "atol": 1e-5}


def made(name, **settings):
    """The module of an architecture with random weights, and what its exporter makes of it."""
    torch.manual_seed(7)
    architecture = ARCHITECTURES[name]
    config = resolve(architecture.config)(**settings)
    module = resolve(architecture.model)(config).eval()
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.6, 0.6)  # biases, too
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    return module, resolve(architecture.export)(config, weights)


def plain(model):
    """The module of the exported code, with the exported weights."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "functional": functional}
    exec(model.code, names)
    module = names["Model"]()
    module.load_state_dict({name: torch.tensor(values) for name, values in model.weights.items()})
    return module.eval()


def session_of(model, name=""):
    """An exported graph in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.graphs[name]().to_bytes(), options)


def run_graph(model, name="", **inputs):
    """The outputs of an exported graph by name, computed by onnxruntime."""
    session = session_of(model, name)
    given = {name: np.asarray(value) for name, value in inputs.items()}
    return dict(zip((each.name for each in session.get_outputs()), session.run(None, given), strict=True))


def by_layer(state):
    """The leaves of a state of ours, [B, L, H], as torch has them, [L, B, H]; that of elman has no layers."""
    return [leaf.transpose(0, 1) if leaf.dim() == 3 else leaf[None] for leaf in leaves(state)]


LANGUAGE_MODELS = [
    ("lstm", {}),
    ("lstm", {"num_layers": 1, "embed_size": 0}),
    ("lstm", {"residual": True, "layer_norm": True}),
    ("gru", {}),
    ("gru", {"tied": True, "embed_size": 6}),
    ("gru", {"layer_norm": True}),
    ("gru", {"num_layers": 2, "output_size": 4}),
    ("lstm", {"num_layers": 2, "output_size": 4, "tied": True}),
    ("rnn", {"num_layers": 2, "output_size": 3}),
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("rnn", {"nonlinearity": "relu", "residual": True}),
    ("rnn", {"nonlinearity": "sigmoid"}),
    ("elman", {}),
    ("elman", {"nonlinearity": "none"}),
    ("elman", {"form": "i2o", "embed_size": 0}),
    ("elman", {"form": "i2o", "nonlinearity": "none"}),
    ("lstm_cell", {"num_layers": 2}),
    ("gru_cell", {"num_layers": 2}),
    ("gru_cell", {"num_layers": 2, "reset": "before"}),
]


@pytest.mark.parametrize(("name", "settings"), LANGUAGE_MODELS)
def test_a_language_model_computes_the_same_logits_and_states(name, settings):
    """Of two texts, from a state that is not zero."""
    module, model = made(name, **{"vocab_size": 7, "embed_size": 4, "hidden_size": 6, **settings})
    tokens = torch.tensor([[1, 5, 0, 6], [2, 2, 4, 3]])
    with torch.inference_mode():
        _, before = module(tokens.flip(1), module.initial_state(2))
        outputs, after = module(tokens, before)
        copy, (before, after) = plain(model), map(by_layer, (before, after))
        state = tuple(before) if len(before) == 2 else before[0]
        logits, new = copy(tokens, tuple(part.contiguous() for part in state) if len(before) == 2 else state)
        start = copy(tokens.flip(1), copy.initial_state(2))[1]
    names = ("hidden", "cell")[: len(before)]
    found = run_graph(model, tokens=tokens, **dict(zip(names, before, strict=True)))

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(found["logits"], outputs, **CLOSE)
    for index, part in enumerate(names):
        np.testing.assert_allclose(new[index] if len(names) == 2 else new, after[index], **CLOSE)
        np.testing.assert_allclose(start[index] if len(names) == 2 else start, before[index], **CLOSE)
        np.testing.assert_allclose(found[f"new_{part}"], after[index], **CLOSE)


HEADS = {"num_heads": 2, "head_size": 3}
MODERN = {
    "mingru": {"hidden_size": 6},
    "minlstm": {"hidden_size": 6},
    "rg_lru": {"hidden_size": 6},
    "slstm": HEADS,
    "mlstm": HEADS,
    "mamba2": {"num_heads": 4, "head_size": 3, "num_groups": 2, "state_size": 5},
    "rwkv7": {**HEADS, "rank": 3},
}


@pytest.mark.parametrize("name", MODERN)
@pytest.mark.parametrize("settings", [{}, {"mlp_size": 0, "tied": True, "conv_size": 2, "num_layers": 1}])
def test_a_model_of_modern_cells_computes_the_same_logits_and_states(name, settings):
    """Of two texts, from a state that is not zero. The graph reads one token at a time."""
    if name == "rwkv7":
        settings = {key: value for key, value in settings.items() if key in ("tied", "num_layers")}
    module, model = made(name, **{"vocab_size": 7, "embed_size": 4, "mlp_size": 5, **MODERN[name], **settings})
    tokens = torch.tensor([[1, 5, 0, 6], [2, 2, 4, 3]])
    copy = plain(model)
    with torch.inference_mode():
        before = module(tokens.flip(1), module.initial_state(2))[1]
        outputs, after = module(tokens, before)
        logits, new = copy(tokens, copy(tokens.flip(1), copy.initial_state(2))[1])
    session = session_of(model)
    names = [each.name for each in session.get_inputs()]
    state = [part.numpy() for part in copy.initial_state(2)]
    for column in tokens.flip(1).T:
        state = session.run(None, dict(zip(names, [column[:, None].numpy(), *state], strict=True)))[1:]
    steps = []
    for column in tokens.T:
        found, *state = session.run(None, dict(zip(names, [column[:, None].numpy(), *state], strict=True)))
        steps.append(found)

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(np.concatenate(steps, 1), outputs, **CLOSE)
    for field, part, own, expected in zip(after._fields, new, state, after, strict=True):
        np.testing.assert_allclose(part, expected, err_msg=field, **CLOSE)
        np.testing.assert_allclose(own, expected, err_msg=field, **CLOSE)
    assert names == ["tokens", *after._fields]


WINDOWS = [
    ("neural_ngram", {"order": 3, "hidden_size": 5}),
    ("neural_ngram", {"order": 2, "hidden_size": 5, "direct": False}),
    ("window_lstm", {"context_length": 3, "hidden_size": 5}),
    ("window_lstm", {"context_length": 5, "hidden_size": 5, "bidirectional": True, "start_token": 2}),
]


@pytest.mark.parametrize(("name", "settings"), WINDOWS)
def test_a_model_of_the_last_tokens_computes_the_same_logits_and_tokens(name, settings):
    """Of two texts, from the beginning and after other tokens. The graph reads one token at a time."""
    module, model = made(name, vocab_size=7, embed_size=4, **settings)
    tokens = torch.tensor([[1, 5, 2, 6, 2, 3, 4], [2, 2, 4, 3, 1, 0, 0]])
    copy, window, steps = plain(model), module.initial_state(2), []
    with torch.inference_mode():
        outputs, after = module(tokens, window)
        first, state = copy(tokens[:, :1], copy.initial_state(2))
        rest, state = copy(tokens[:, 1:], state)
    session = session_of(model)
    for column in tokens.T:
        found, window = session.run(None, {"tokens": column[:, None].numpy(), "window": np.asarray(window)})
        steps.append(found)

    np.testing.assert_allclose(torch.cat((first, rest), 1), outputs, **CLOSE)
    np.testing.assert_allclose(np.concatenate(steps, 1), outputs, **CLOSE)
    np.testing.assert_array_equal(state, after)
    np.testing.assert_array_equal(window, after)


@pytest.mark.parametrize("name", [*MODERN, "neural_ngram", "window_lstm"])
def test_weights_that_do_not_fit_the_config_are_refused(name):
    module, _ = made(name, vocab_size=7, embed_size=4, **MODERN.get(name, {}))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"^the tensor readout\.bias is \[3\]; the config requires \[7\]$"):
        resolve(ARCHITECTURES[name].export)(module.config, weights | {"readout.bias": np.zeros(3, np.float32)})


CLASSIFIERS = [
    {"cell": "gru", "pooling": "last+max+mean+attention"},
    {"cell": "lstm", "num_layers": 2, "pooling": "last"},
    {"cell": "rnn", "ngrams": 3, "ngram_slots": 50},
    {"cell": "rnn", "nonlinearity": "relu", "pooling": "mean"},
    {"cell": "gru", "linear_ngrams": 2, "max_length": 0},
]


CAUSAL = {"cell": "rnn", "nonlinearity": "none", "pooling": "last+max", "num_layers": 2}


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, each) for name in ("classifier", "bidirectional_classifier") for each in CLASSIFIERS]
    + [("classifier", CAUSAL)],
)
def test_a_classifier_computes_the_same_logits(name, settings):
    """The last of a causal one. The linear part knows some of the n-grams, and one occurs twice."""
    tokens = torch.tensor([[5, 8, 5, 8, 6], [4, 9, 7, 5, 8]])
    module, model = made(name, vocab_size=10, num_classes=3, embed_size=4, hidden_size=6, **settings)
    if "linear_ngrams" in settings:
        keys = module.ngram_keys(tokens).unique()[1::2]
        module.linear.fitted(keys, torch.randn(len(keys), 3), torch.randn(3))
        weights = {name: value.numpy() for name, value in module.state_dict().items()}
        model = resolve(ARCHITECTURES[name].export)(module.config, weights)
    with torch.inference_mode():
        outputs = module(tokens, module.initial_state(2))[0][:, -1]
        logits = plain(model)(tokens)

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(run_graph(model, tokens=tokens)["logits"], outputs, **CLOSE)


@pytest.mark.parametrize("name", ["tagger", "bidirectional_tagger"])
@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 2), ("gru", 1), ("rnn", 2)])
def test_a_tagger_computes_the_same_logits(name, cell, num_layers):
    tokens = torch.tensor([[5, 8, 5, 8, 6], [4, 9, 7, 5, 8]])
    sizes = {"vocab_size": 10, "num_classes": 3, "embed_size": 4, "hidden_size": 6}
    module, model = made(name, cell=cell, num_layers=num_layers, **sizes)
    with torch.inference_mode():
        outputs = module(tokens, module.initial_state(2))[0]
        logits = plain(model)(tokens)

    np.testing.assert_allclose(logits, outputs, **CLOSE)
    np.testing.assert_allclose(run_graph(model, tokens=tokens)["logits"], outputs, **CLOSE)


FORECASTERS = [
    {},
    {"cell": "lstm", "num_layers": 2, "quantiles": 3, "subtract_last": False},
    {"window": 6, "segment": 3, "cell": "lstm", "num_layers": 2, "horizon": 7},
    {"window": 6, "segment": 2, "subtract_last": False, "quantiles": 5},
    {"linear_window": 3},
    {"linear_window": 4, "quantiles": 3, "horizon": 1, "cell": "rnn"},
    {"linear_window": 4, "window": 6, "segment": 3, "quantiles": 5},
]


@pytest.mark.parametrize("length", [2, 45])
@pytest.mark.parametrize("settings", FORECASTERS)
def test_a_forecaster_computes_the_same_forecasts(settings, length):
    """At the end of a series that is shorter, or longer, than what the forecast depends on."""
    module, model = made("forecaster", **{"num_features": 2, "hidden_size": 6, "horizon": 5, **settings})
    for name, buffer in module.named_buffers():
        buffer.uniform_(0.5, 1.5)
        model.weights[name][:] = buffer.numpy()
    values = torch.randn(2, length, 2).cumsum(1)
    has_state = not ({"window", "linear_window"} & settings.keys())
    with torch.inference_mode():
        outputs, after = module(values, module.initial_state(2))
        copy = plain(model)
        state = [copy.initial_state(2)] if has_state else []
        found = copy(values, *state)
    zeros = state[0] if has_state and settings.get("cell") == "lstm" else state
    results = run_graph(model, values=values, **dict(zip(("hidden", "cell"), zeros, strict=False)))

    np.testing.assert_allclose(found[0] if has_state else found, outputs[:, -1], **CLOSE)
    np.testing.assert_allclose(results["forecasts"], outputs[:, -1], **CLOSE)
    if has_state:
        np.testing.assert_allclose(results["new_hidden"], by_layer(after)[0], **CLOSE)


BEFORE = {"cell": "gru", "reset": "before"}
POSITION = {"placement": "before", "attention": "position"}
TRANSLATORS = [
    ("attention_seq2seq", {"tied": True, "shared_embedding": True}),
    ("attention_seq2seq", {"cell": "gru", "encoder_layers": 2, "attention": "dot", "encoder_size": 3}),
    ("attention_seq2seq", {"num_layers": 2, "encoder_layers": 2, "bidirectional": False, "scaled_embedding": False}),
    ("attention_seq2seq", {"attention": "concat", "attention_size": 3, "cell": "rnn"}),
    ("attention_seq2seq", {"copy": True, "attention": "additive", "attention_size": 3, "shared_embedding": True}),
    ("attention_seq2seq", {"copy": True, "coverage_weight": 0.5, "attention": "additive", "attention_size": 3}),
    ("attention_seq2seq", {"copy": True, "coverage_weight": 0.5, "tied": True, "cell": "gru"}),
    ("attention_seq2seq", {"input_feeding": True}),
    ("attention_seq2seq", {"input_feeding": True, "tied": True, "cell": "gru", "copy": True, "source_marks": "both"}),
    ("attention_seq2seq", {"input_feeding": True, "copy": True, "coverage_weight": 1.0, "source_marks": "none"}),
    ("attention_seq2seq", {"placement": "before", "attention": "additive", "attention_size": 3, "num_layers": 2}),
    ("attention_seq2seq", {"placement": "before", "cell": "gru", "readout_inputs": "all", "bridge": "zeros"}),
    ("attention_seq2seq", {"placement": "before", "readout_inputs": "hidden", "copy": True, "initial_cell": "hidden"}),
    ("attention_seq2seq", {**POSITION, "attention_size": 3, "copy": True, "directions": "summed"}),
    ("attention_seq2seq", {**POSITION, "attention_size": 7, "cell": "gru", "source_marks": "none"}),
    ("attention_seq2seq", {"readout_inputs": "all", "source_marks": "both", "bridge": "layer", "encoder_size": 3}),
    ("seq2seq", {"tied": True}),
    ("seq2seq", {"cell": "gru", "num_layers": 2, "bidirectional": False, "encoder_size": 6}),
    ("seq2seq", {"cell": "gru", "feed_context": True, "readout_inputs": "all", "context": "mean", "num_layers": 2}),
    ("seq2seq", {"feed_context": True, "tied": True, "context": "max", "padded_to": 3, "bridge": "layer"}),
    ("seq2seq", {"feed_context": True, "directions": "summed", "num_layers": 2, "reversed_source": True}),
    ("seq2seq", {"bridge": "directions", "encoder_size": 6, "num_layers": 2, "padded_to": 6, "source_marks": "both"}),
    ("attention_seq2seq", {**BEFORE, "encoder_layers": 2, "num_layers": 2, "input_feeding": True}),
    ("seq2seq", {**BEFORE, "encoder_layers": 2, "bidirectional": False, "source_marks": "none"}),
    ("seq2seq", {"context": "top", "encoder_layers": 2, "num_layers": 2, "directions": "summed", "cell": "rnn"}),
]


def assert_translates_alike(name, settings, source):
    """The exported forms give the logits of the module, of two targets in parts.

    A graph whose steps need the attention of the step before reads one token at a time.
    """
    sizes = {"source_vocab_size": 9, "target_vocab_size": 9, "embed_size": 4, "encoder_size": 5, "hidden_size": 6}
    module, model = made(name, **{**sizes, **settings})
    target = torch.tensor([[1, 5, 7], [1, 4, 8]])
    with torch.inference_mode():
        expected, _ = module(target, module.encode(source, torch.full((2,), source.shape[1])))
        copy = plain(model)
        first, state = copy(target[:, :1], copy.encode(source))
        rest, _ = copy(target[:, 1:], state)
    given, steps = run_graph(model, "encoder", source=source), []
    stepwise = {"coverage_weight", "input_feeding", "placement"} & settings.keys()
    for part in target.split(1 if stepwise else 2, 1):
        copied = {"source": source} if "copy" in settings else {}
        found = run_graph(model, "step", target=part, **given, **copied)
        steps.append(found.pop("logits"))
        given |= {name.removeprefix("new_"): value for name, value in found.items()}

    np.testing.assert_allclose(torch.cat((first, rest), 1), expected, **CLOSE)
    np.testing.assert_allclose(np.concatenate(steps, 1), expected, **CLOSE)


@pytest.mark.parametrize(("name", "settings"), TRANSLATORS)
def test_a_translator_computes_the_same_logits(name, settings):
    """Of two sources of one length."""
    assert_translates_alike(name, settings, torch.tensor([[5, 7, 4, 2], [8, 8, 6, 2]]))


@pytest.mark.parametrize("marks", ["none", "both"])
def test_a_translator_computes_the_same_logits_of_an_empty_source(marks):
    """Which keeps its EOS."""
    assert_translates_alike("attention_seq2seq", {"source_marks": marks, "copy": True}, torch.tensor([[2], [2]]))
