"""The plugins that own a checkpoint's architecture and tokenizers: remembered, found again, or named with what to
install."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import seqshell
from seqshell.core.errors import CheckpointError
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import PluginInfo, Policy
from seqshell.host.builtin import load_registry
from seqshell.host.registry import Offer
from seqshell.models import file, opening


def test_a_missing_architecture_is_named_with_the_installed_ones(saved):
    reason = (
        r"mine\.safetensors needs the architecture 'simple' of the plugin mine, which no plugin offers; "
        r"installed: .*gru, .*rnn, .*seq2seq, .*tagger, .*"
    )
    with pytest.raises(CheckpointError, match=reason):
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))


def test_a_missing_package_is_named_with_the_command_that_installs_it(elman, saved):
    elman.rewritten(saved, owner="mine", owner_distribution="seqshell-mine")
    with pytest.raises(
        CheckpointError, match=r"'simple' of the plugin mine \(seqshell-mine\), which no plugin offers"
    ) as error:
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))
    assert error.value.hint == "pip install seqshell-mine"
    # The hint must not contain a command from an untrusted file: users paste hints into a terminal.
    elman.rewritten(saved, owner_distribution="--index-url=https://elsewhere x")
    with pytest.raises(CheckpointError, match=r"of the plugin mine, which") as error:
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))
    assert error.value.hint == "seqshell plugins list"


def test_a_disabled_plugin_is_given_as_the_reason(saved):
    disabled = PluginInfo("mine", "seqshell-mine", state="disabled", reason="disabled in config.toml")
    registry = load_registry(Policy(no_plugins=True))
    registry.admit(disabled, {}, {})
    with pytest.raises(CheckpointError, match="the plugin mine is not loaded: disabled in config"):
        opening.open_model(saved, registry)


def test_a_checkpoint_contains_the_distribution_of_its_architecture(elman, module, elman_registry, tmp_path):
    elman_registry.admit(replace(elman_registry.plugin("mine"), distribution="seqshell-mine"), {}, {})
    path = elman.save(tmp_path / "far.safetensors", module, elman_registry)
    header = file.read_header(path)

    assert (header["owner"], header["owner_version"], header["owner_distribution"]) == ("mine", "0.3", "seqshell-mine")
    assert opening.open_model(path, elman_registry).architecture == "simple"


class Letters(CharTokenizer):
    """A character tokenizer with another name."""

    name = "letters"


def with_letters(registry, name, distribution, kind=Letters):
    """Add a plugin that offers the tokenizer `kind` as `letters`. Returns the registry."""
    info = PluginInfo(name, distribution)
    registry.admit(info, {"tokenizer": [Offer("letters", kind, info, (distribution,))]}, {})
    return registry


def test_a_checkpoint_contains_the_owner_of_its_tokenizer(elman, module, elman_registry, saved, tmp_path):
    with_letters(elman_registry, "spelling", "seqshell-spelling")
    path = seqshell.save_checkpoint(
        tmp_path / "far.safetensors",
        architecture="simple",
        module=module,
        tokenizer=Letters(elman.tokenizer.vocabulary),
        registry=elman_registry,
    )

    assert file.read_header(path)["tokenizer_owners"] == {
        "tokenizer": {"owner": "spelling", "distribution": "seqshell-spelling"}
    }
    assert "tokenizer_owners" not in file.read_header(saved)  # built-in tokenizers are always available
    assert type(opening.open_model(path, elman_registry).tokenizer) is Letters
    with pytest.raises(
        CheckpointError, match=r"needs the tokenizer 'letters' of the plugin spelling \(seqshell-spelling\), which no"
    ) as error:
        opening.open_model(path, elman.registry_of(elman.architecture))
    assert error.value.hint == "pip install seqshell-spelling"
    others = with_letters(
        with_letters(elman.registry_of(elman.architecture), "a", "x", CharTokenizer), "spelling", "seqshell-spelling"
    )
    # Two plugins offer a tokenizer of this name; that of the plugin in the file is used.
    assert type(opening.open_model(path, others).tokenizer) is Letters
    from_file = with_letters(elman.registry_of(elman.architecture), "file", "")
    assert type(opening.open_model(path, from_file).tokenizer) is Letters
    elman.rewritten(path, tokenizer_owners={"tokenizer": ["spelling"]})  # an invalid header
    assert type(opening.open_model(path, elman_registry).tokenizer) is Letters


def test_a_config_of_another_plugin_version_is_refused_with_both_versions(elman, saved, elman_registry):
    elman.rewritten(saved, owner_version="0.9", config={"vocab_size": 7, "hidden_size": 8, "gates": 3})
    reason = (
        r"has no setting 'gates'; .* it was saved with version 0\.9 of the plugin mine, but version 0\.3 is installed"
    )
    with pytest.raises(CheckpointError, match=reason):
        opening.open_model(saved, elman_registry)


def test_an_architecture_of_the_same_name_from_another_plugin_is_not_used(elman, saved):
    with pytest.raises(CheckpointError, match="needs the architecture 'simple' of the plugin mine"):
        opening.open_model(saved, elman.registry_of(elman.architecture, name="other"))


def test_the_owner_decides_between_two_plugins_with_the_same_architecture_name(elman, saved, module):
    wrong = replace(
        elman.architecture, decoder=None, model=lambda config: pytest.fail("the other plugin's model was built")
    )
    registry = load_registry(
        Policy(no_plugins=True), modules=[elman.plugin(wrong, name="other"), elman.plugin(elman.architecture)]
    )
    model = opening.open_model(saved, registry)

    assert model.architecture == "mine/simple"
    np.testing.assert_allclose(elman.logits(model), elman.expected(module), atol=1e-6)


def test_a_failed_plugin_is_given_as_the_reason(saved):
    broken = SimpleNamespace(__name__="mine", seqshell_architectures=seqshell.hookimpl(lambda: 1 / 0))
    registry = load_registry(Policy(no_plugins=True), modules=[broken])
    with pytest.raises(
        CheckpointError, match=r"which no plugin offers; installed: .*; the plugin mine: seqshell_architectures failed"
    ):
        opening.open_model(saved, registry)
