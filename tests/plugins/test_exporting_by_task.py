"""Exporters of classifiers, taggers, forecasters and translators: both forms give the outputs of the module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.plugins.exported_models import ARCHITECTURES, CLOSE, by_layer, made, plain, run_graph

from seqshell.host import resolve

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
