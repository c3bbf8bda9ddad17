"""Every registered architecture, sampler and importer passes the checks of seqshell.testing."""

import pytest

from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.testing import check_architecture, check_importer, check_sampler, failed

REGISTRY = load_registry(Policy(no_plugins=True))  # the built-in plugins only


@pytest.mark.parametrize("name", REGISTRY.architectures)
def test_every_architecture_passes_all_checks(name):
    assert failed(check_architecture(REGISTRY.architectures[name])) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"embed_size": 0},
        {"tied": True},
        {"num_layers": 1, "embed_size": 5},
        {"num_layers": 3},
        {"num_layers": 3, "residual": True, "layer_norm": True},
        {"residual": True, "embed_size": 0},
        {"output_size": 7, "embed_size": 7, "tied": True, "num_layers": 3},
    ],
)
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_recurrent_models_pass_with_other_settings(name, settings):
    config = {"embed_size": 12, "hidden_size": 12, "num_layers": 2} | settings
    assert failed(check_architecture(REGISTRY.architectures[name], config)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("elman", {"form": "i2o"}),
        ("elman", {"form": "i2o", "embed_size": 0, "nonlinearity": "none"}),
        ("elman", {"embed_size": 0, "nonlinearity": "sigmoid"}),
        ("lstm_cell", {"num_layers": 2, "embed_size": 0}),
        ("gru_cell", {"num_layers": 2}),
        ("gru_cell", {"num_layers": 2, "reset": "before"}),
    ],
)
def test_explicit_cells_pass_with_other_settings(name, settings):
    assert (
        failed(check_architecture(REGISTRY.architectures[name], {"embed_size": 8, "hidden_size": 12} | settings)) == []
    )


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid"])
def test_simple_recurrent_networks_pass_with_every_nonlinearity(nonlinearity):
    config = {"embed_size": 8, "hidden_size": 16, "nonlinearity": nonlinearity}
    assert failed(check_architecture(REGISTRY.architectures["rnn"], config)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("seq2seq", {"feed_context": True, "context": "mean"}),
        ("seq2seq", {"reversed_source": True, "bidirectional": False, "cell": "gru"}),
        ("seq2seq", {"tied": True, "shared_embedding": True, "source_vocab_size": 11, "cell": "rnn"}),
        ("attention_seq2seq", {"attention": "dot", "hidden_size": 16, "input_feeding": True}),
        ("attention_seq2seq", {"attention": "additive", "placement": "before", "cell": "gru"}),
        ("attention_seq2seq", {"attention": "concat", "context": "max", "encoder_layers": 2}),
        ("attention_seq2seq", {"attention": "position", "placement": "before", "cell": "gru"}),
        ("attention_seq2seq", {"tied": True, "shared_embedding": True, "source_vocab_size": 11}),
        ("attention_seq2seq", {"copy": True, "source_vocab_size": 11, "tied": True}),
        (
            "attention_seq2seq",
            {"copy": True, "coverage_weight": 0.5, "source_vocab_size": 11, "attention": "additive", "cell": "gru"},
        ),
        ("seq2seq", {"cell": "gru", "reset": "before", "padded_to": 5, "source_marks": "none"}),
        ("attention_seq2seq", {"placement": "before", "readout_inputs": "hidden", "cell": "gru", "reset": "before"}),
        (
            "attention_seq2seq",
            {"copy": True, "source_vocab_size": 11, "source_marks": "both", "readout_inputs": "all"},
        ),
    ],
)
def test_translation_models_pass_with_other_settings(name, settings):
    config = {"embed_size": 8, "encoder_size": 8, "hidden_size": 12, "num_layers": 2} | settings
    assert failed(check_architecture(REGISTRY.architectures[name], config)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "rnn", "horizon": 1},
        {"cell": "lstm", "quantiles": 5, "num_layers": 2},
        {"window": 6, "segment": 3, "horizon": 7, "quantiles": 3},
        {"window": 12, "segment": 4, "cell": "lstm", "num_layers": 2, "subtract_last": False},
        {"window": 5, "segment": 1, "cell": "rnn"},
    ],
)
def test_forecasters_pass_with_other_settings(settings):
    assert failed(check_architecture(REGISTRY.architectures["forecaster"], {"hidden_size": 12} | settings)) == []


@pytest.mark.parametrize("name", REGISTRY.samplers)
def test_every_sampler_passes_all_checks(name):
    assert failed(check_sampler(REGISTRY.samplers[name])) == []


@pytest.mark.parametrize("name", REGISTRY.importers)
def test_every_importer_passes_all_checks(name):
    assert failed(check_importer(REGISTRY.importers[name])) == []
