"""An architecture may offer several decoders: the first that can be imported is used, and each must agree with the
module."""

import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell import Architecture, PluginError, Task
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.building import build_decoder
from seqshell.models.decoders import decoders_of
from seqshell.testing import check_architecture, failed

MISSING = "no_such_package.compiled:Decoder"


@dataclass(frozen=True)
class Config:
    vocab_size: int


class Leaky(nn.Module):
    """state <- state / 2 + embedding; the outputs are the state."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        return self.embedding.weight.new_zeros(batch_size, self.config.vocab_size)

    def forward(self, tokens, state):
        outputs = []
        for vectors in self.embedding(tokens).unbind(1):
            state = state / 2 + vectors
            outputs.append(state)
        return torch.stack(outputs, 1), state


class First:
    offset = 0.0

    def __init__(self, config, weights):
        self.embedding = weights["embedding.weight"]

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, len(self.embedding)), np.float32)

    def step(self, inputs, state):
        state = state / 2 + self.embedding[inputs]
        return state + np.float32(self.offset), state

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


class Second(First):
    pass


class Different(First):
    offset = 0.5


class Unbuildable(First):
    def __init__(self, config, weights):
        raise RuntimeError("no such instruction")


def leaky(*decoders):
    return Architecture("leaky", Task.GENERATE, config=Config, model=Leaky, decoder=decoders)


def weights_of(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def built(architecture):
    module = Leaky(Config(5))
    return build_decoder(architecture, module.config, weights_of(module))


def saved(architecture, path):
    plugin = ModuleType("leaky_plugin")
    plugin.seqshell_architectures = seqshell.hookimpl(lambda: [architecture], specname="seqshell_architectures")
    registry = load_registry(Policy(no_plugins=True), modules=[plugin])
    return seqshell.save_checkpoint(
        path, architecture="leaky", module=Leaky(Config(5)), tokenizer=CharTokenizer("abcde"), registry=registry
    )


def test_the_first_decoder_is_preferred():
    assert type(built(leaky(First, Second))) is First
    assert type(built(leaky(Second, First))) is Second


def test_a_single_decoder_needs_no_tuple():
    architecture = Architecture("leaky", Task.GENERATE, config=Config, model=Leaky, decoder=First)
    assert architecture.decoders == (First,)
    assert type(built(architecture)) is First
    assert Architecture("leaky", Task.GENERATE, config=Config, model=Leaky).decoders == ()


def test_a_decoder_that_is_not_installed_is_left_out():
    assert type(built(leaky(MISSING, Second))) is Second
    assert [name for name, _ in decoders_of(leaky(MISSING, Second, First))] == ["Second", "First"]


def test_later_decoders_are_not_imported():
    sys.modules.pop("antigravity", None)
    assert type(built(leaky(First, "antigravity:fly"))) is First
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("decoders", [(MISSING,), (MISSING, "another_missing_package:Decoder")])
def test_it_is_an_error_if_no_decoder_is_installed(decoders):
    with pytest.raises(PluginError, match=r"no_such_package\.compiled:Decoder cannot be imported"):
        built(leaky(*decoders))


def test_an_import_that_fails_for_another_reason_is_an_error():
    with pytest.raises(PluginError, match="json:NoSuchName cannot be imported: AttributeError"):
        built(leaky("json:NoSuchName", Second))


def test_every_decoder_is_compared_with_the_module_when_a_checkpoint_is_written(tmp_path):
    assert saved(leaky(First, MISSING, Second), tmp_path / "good.safetensors").is_file()
    for wrong, reason in (
        (Different, "an output of the decoder Different of leaky differs from its module's by 0.5"),
        (Unbuildable, "the decoder Unbuildable of leaky fails: the weights do not fit the architecture leaky: Runtime"),
    ):
        with pytest.warns(RuntimeWarning, match=reason):
            saved(leaky(First, wrong), tmp_path / "bad.safetensors")
        assert file.read_header(tmp_path / "bad.safetensors")["runs_in_torch"].startswith(reason)


def test_the_contract_holds_for_each_decoder():
    assert failed(check_architecture(leaky(First, Second))) == []
    rules = [check.rule for check in check_architecture(leaky(First, Second))]
    assert "decoder First: its outputs equal the module's within 0.0001" in rules
    assert "decoder Second: its outputs equal the module's within 0.0001" in rules


def test_the_contract_names_a_broken_decoder():
    (line,) = failed(check_architecture(leaky(Different, Second)))
    assert line.startswith("decoder Different: its outputs equal the module's within 0.0001: reading 1 rows: outputs")
    (line,) = failed(check_architecture(leaky(Unbuildable, Second)))
    assert "the decoder Unbuildable cannot be built: RuntimeError: no such instruction" in line


def test_the_contract_warns_of_a_decoder_that_is_not_installed():
    checks = check_architecture(leaky(MISSING, Second))
    assert failed(checks) == []
    assert [str(check) for check in checks if check.is_warning] == [
        "each of its decoders can be imported: 1 of 2 cannot be imported and are not checked"
    ]
