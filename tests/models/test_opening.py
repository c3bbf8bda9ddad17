"""Checkpoints that cannot be opened: headers, weights and decoders that do not fit are refused with the reason."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.core.errors import CheckpointError, PluginError
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.host import resolve
from seqshell.models import building, file, opening
from seqshell.testing import tiny_checkpoint


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
            "its config has vocab_size 7, but its tokenizer has 2 tokens",
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


def test_a_vocabulary_size_is_compared_with_the_tokenizer_before_anything_is_built(elman, saved, elman_registry):
    config = {**file.read_header(saved)["config"], "vocab_size": 2**37}
    with pytest.raises(CheckpointError, match="config has vocab_size 137438953472, but its tokenizer has 7 tokens"):
        opening.open_model(elman.rewritten(saved, config=config), elman_registry)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (2**37, "its config asks for 2,199,023,255,617 numbers, but it has 177"),
        (9, r"embedding\.weight is \[7, 8\], but the config implies \[9, 8\]"),
    ],
)
def test_a_module_is_compared_with_the_weights_before_it_is_built(elman, module, size, reason):
    """The first would take 8 TB."""
    weights = {name: values.numpy() for name, values in module.state_dict().items()}
    with pytest.raises(CheckpointError, match=reason):
        building.build_module(elman.architecture, elman.Config(size), weights)


def test_a_module_of_very_many_layers_is_refused_before_it_is_built(elman):
    class Deep(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(config.vocab_size))

    with pytest.raises(CheckpointError, match="its config asks for many more layers than its 1 numbers fill"):
        building.build_module(
            replace(elman.architecture, model=Deep), elman.Config(2**40), {"x": np.zeros(1, np.float32)}
        )


@pytest.mark.parametrize(
    ("values", "number"), [((np.nan, 1, 2), 1), ((np.inf, -np.inf, np.nan), 3), ((3e38, 3e38, -np.inf), 1)]
)
def test_weights_that_are_not_finite_are_refused(elman, saved, elman_registry, values, number):
    """A sum that overflows is no reason."""
    weights = np.full((8, 8), 3e38, np.float32)
    opening.open_model(elman.rewritten(saved, {"recurrent.weight": weights}), elman_registry)
    weights[0, :3] = values
    reason = f"mine.safetensors is damaged: {number} of the 64 numbers in the tensor recurrent.weight are NaN or inf"
    with pytest.raises(CheckpointError, match=reason):
        opening.open_model(elman.rewritten(saved, {"recurrent.weight": weights}), elman_registry)


def test_weights_that_are_integers_are_refused(elman, module, tmp_path):
    """By the layers for numpy, and before a torch module is built."""
    path = tiny_checkpoint(tmp_path / "tiny.safetensors")
    readout = {"readout.weight": np.ones((10, 8), np.int32)}
    with pytest.raises(CheckpointError, match=r"the tensor readout\.weight has numbers of the type int32; .* floats"):
        seqshell.open(elman.rewritten(path, readout))
    registry = elman.registry_of(replace(elman.architecture, decoder=None))
    path = elman.save(tmp_path / "mine.safetensors", module, registry)
    with pytest.raises(
        CheckpointError, match=r"readout\.weight is \[7, 8\] of integers, but the config implies \[7, 8\]$"
    ):
        opening.open_model(elman.rewritten(path, {"readout.weight": np.ones((7, 8), np.int32)}), registry)


def test_large_weights_whose_products_overflow_cause_no_warning(elman, saved, elman_registry):
    """Warnings are errors in these tests."""
    large = {"readout.weight": np.full((7, 8), 3e38, np.float32)}
    with pytest.raises(CheckpointError, match="the model's outputs are not finite numbers"):
        opening.open_model(elman.rewritten(saved, large), elman_registry)


def test_products_that_overflow_later_are_an_error_without_a_warning(elman, saved, elman_registry):
    """The first token alone gives no hidden state."""
    embedding = np.ones((7, 8), np.float32)
    embedding[0] = 0
    large = {"readout.weight": np.full((7, 8), 3e38, np.float32), "embedding.weight": embedding}
    session = seqshell.open(elman.rewritten(saved, large), registry=elman_registry)
    with pytest.raises(PluginError, match="the model mine returned infinite logits"):
        session.feed("abcabc")


def test_a_name_from_a_file_is_shortened_in_the_middle(elman, saved, elman_registry):
    """Whatever is in it, the message has one line."""
    name = "begin" + "\nx" * 500 + "end"
    with pytest.raises(CheckpointError) as caught:
        opening.open_model(elman.rewritten(saved, tokenizer={"name": name}), elman_registry)
    assert "needs the tokenizer 'begin\\nx\\nx" in caught.value.message
    assert "\\nx\\nxend', which no plugin offers" in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 250


def test_a_decoder_that_cannot_be_imported_is_a_plugin_error(elman, saved):
    with pytest.raises(PluginError, match="no_such_module:Decoder cannot be imported"):
        opening.open_model(saved, elman.registry_of(replace(elman.architecture, decoder="no_such_module:Decoder")))


def test_byte_models_can_be_opened(elman, tmp_path, elman_registry):
    module = elman.Model(elman.Config(256))
    path = tmp_path / "bytes.safetensors"
    seqshell.save_checkpoint(
        path, architecture="mine/simple", module=module, tokenizer=ByteTokenizer(), registry=elman_registry
    )
    assert opening.open_model(path, elman_registry).tokenizer.size == 256
    assert json.loads(json.dumps(file.read_header(path)["tokenizer"])) == {"name": "byte"}


def test_counts_in_a_module_without_a_decoder_may_have_any_size(registry, tmp_path):
    """Its buffers are empty until a text is counted."""
    offered, tokenizer = registry.architectures["ngram"], ByteTokenizer()
    module = resolve(offered.model)(resolve(offered.config)(vocab_size=tokenizer.size, order=2))
    module.count(torch.tensor(tokenizer.encode("abab")))
    path = seqshell.save_checkpoint(
        tmp_path / "mine.safetensors", architecture="ngram", module=module, tokenizer=tokenizer, registry=registry
    )
    header, weights = file.read(path)
    opened = building.build_module(offered, building.read_config(offered, header["config"]), weights)

    assert all(torch.equal(opened.state_dict()[name], value) for name, value in module.state_dict().items())


def test_of_many_weights_that_are_missing_one_is_named_in_one_line(elman, module):
    """By torch, where the module cannot be built without real numbers."""

    class Eager(elman.Model):
        def __init__(self, config):
            super().__init__(config)
            self.scale = float(self.readout.weight[0, 0])

    weights = {"embedding.weight": module.embedding.weight.detach().numpy()}
    with pytest.raises(CheckpointError) as caught:
        building.build_module(replace(elman.architecture, model=Eager), elman.Config(7), weights)
    assert caught.value.message.startswith(
        "the weights do not fit the architecture simple: Missing key(s) in state_dict"
    )
    assert "\n" not in caught.value.message
