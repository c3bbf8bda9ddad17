"""Checkpoints that cannot be opened: headers, weights and decoders that do not fit are refused with the reason."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import seqshell
from seqshell.core.errors import CheckpointError, PluginError
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.models import file, opening


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "classify"}, "is for the task classify, but the architecture simple is for generate"),
        ({"config": {"vocab_size": 7, "hiden_size": 8}}, "has no setting 'hiden_size'"),
        ({"config": {"vocab_size": 7, "hidden_size": 65}}, "hidden_size must be 1 to 64, not 65"),
        ({"config": {"vocab_size": 7, "hidden_size": "8"}}, "the setting hidden_size cannot be '8'"),
        ({"config": {"vocab_size": 7, "hidden_size": True}}, "the setting hidden_size cannot be True"),
        ({"config": {"vocab_size": 7, "hidden_size": 8.0}}, r"the setting hidden_size cannot be 8\.0"),
        ({"config": {}}, "the config does not fit the architecture simple: .*vocab_size"),
        ({"tokenizer": {"name": "char", "vocabulary": "aa"}}, "needs a vocabulary of distinct characters"),
        (
            {"tokenizer": {"name": "char", "vocabulary": "ab"}},
            r"outputs have the shape \(1, 7\), not \(1, 2\): its tokenizer has 2 tokens",
        ),
        ({"tokenizer": {"name": "subprocess:run"}}, "needs the tokenizer 'subprocess:run', which no plugin offers"),
        ({"tokenizer": {}}, "needs the tokenizer None"),
        ({"kind": "session"}, "is a saved session, not a model"),
    ],
)
def test_an_invalid_header_is_refused_with_the_reason(elman, saved, elman_registry, changes, reason):
    with pytest.raises(CheckpointError, match=reason) as error:
        opening.open_model(elman.rewritten(saved, **changes), elman_registry)
    assert str(error.value).startswith("mine.safetensors")


def test_an_import_path_in_a_file_is_never_imported(elman, saved, elman_registry):
    for changes in ({"architecture": "os:system"}, {"architecture": "this:s", "owner": ""}):
        with pytest.raises(CheckpointError, match="which no plugin offers"):
            opening.open_model(elman.rewritten(saved, **changes), elman_registry)
    assert "this" not in sys.modules


@pytest.mark.parametrize("has_decoder", [True, False])
def test_weights_that_do_not_fit_the_config_are_refused(elman, module, tmp_path, has_decoder):
    registry = elman.registry_of(elman.architecture if has_decoder else replace(elman.architecture, decoder=None))
    path = elman.save(tmp_path / "mine.safetensors", module, registry)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors: the (weights do not fit|architecture simple fails)"):
        opening.open_model(elman.rewritten(path, {"recurrent.weight": np.zeros((9, 9), np.float32)}), registry)


def test_a_false_size_in_the_config_allocates_no_memory(elman, module, tmp_path):
    """The module of the config would take 4 TB; it is compared with the weights before it is built."""
    registry = elman.registry_of(replace(elman.architecture, decoder=None))
    path = elman.save(tmp_path / "mine.safetensors", module, registry)
    config = {**file.read_header(path)["config"], "vocab_size": 2**37}
    with pytest.raises(
        CheckpointError, match=r"embedding.weight is \(7, 8\), but the config implies \(137438953472, 8\)"
    ):
        opening.open_model(elman.rewritten(path, config=config), registry)


def test_weights_that_give_outputs_that_are_not_finite_are_refused(elman, saved, elman_registry):
    with pytest.raises(CheckpointError, match="outputs are not finite numbers"):
        opening.open_model(
            elman.rewritten(saved, {"readout.weight": np.full((7, 8), np.nan, np.float32)}), elman_registry
        )


def test_a_decoder_that_cannot_be_imported_is_a_plugin_error(elman, saved):
    with pytest.raises(PluginError, match="no_such_module:Decoder cannot be imported"):
        opening.open_model(saved, elman.registry_of(replace(elman.architecture, decoder="no_such_module:Decoder")))


def test_unknown_samplers_in_the_defaults_are_reported(elman, saved, elman_registry):
    with pytest.raises(CheckpointError, match=r"mine needs a sampler or strategy that is not available: .*'nucleus'"):
        seqshell.open(elman.rewritten(saved, defaults={"sampler": "nucleus=0.9"}), registry=elman_registry)


def test_byte_models_can_be_opened(elman, tmp_path, elman_registry):
    module = elman.Model(elman.Config(256))
    path = tmp_path / "bytes.safetensors"
    seqshell.save_checkpoint(
        path, architecture="mine/simple", module=module, tokenizer=ByteTokenizer(), registry=elman_registry
    )
    assert opening.open_model(path, elman_registry).tokenizer.size == 256
    assert json.loads(json.dumps(file.read_header(path)["tokenizer"])) == {"name": "byte"}
