"""A decoder is compared with its module; a model whose decoder does not give its outputs runs in torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.models import file, opening
from seqshell.models.decoder_comparison import disagreement
from seqshell.models.task_parts.parts import Inputs
from seqshell.models.torch_decoder import TorchDecoder
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.language_models import LSTMLanguageModel

LETTERS = "\n" + "".join(map(chr, range(32, 127)))


def sharp(sharpness=2):
    """An LSTM with logits above 200 and saturated cells, as a high learning rate without decay makes it.

    From a sharpness of 3 on, it is chaotic: roundings grow from step to step.
    """
    torch.manual_seed(0)
    module = LSTMLanguageModel(LSTMConfig(len(LETTERS), embed_size=16, hidden_size=32, num_layers=2)).eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.mul_(200 if name.startswith("readout") else sharpness)
    return module


def weights_of(module):
    return {name: each.detach().numpy() for name, each in module.state_dict().items()}


def test_rounding_amplified_by_large_logits_is_no_disagreement(tmp_path, registry):
    module = sharp()
    ids = np.random.default_rng(0).integers(0, len(LETTERS), (2, 256))
    with torch.inference_mode():
        outputs = module(torch.from_numpy(ids), module.initial_state(2))[0]
        exact = module.double()(torch.from_numpy(ids), module.initial_state(2))[0]
    assert exact.abs().max() > 200
    lost = float((outputs - exact).abs().max())
    assert lost > 1e-4  # more than was once allowed between decoder and module

    path = seqshell.save_checkpoint(
        tmp_path / "sharp.safetensors",
        architecture="lstm",
        module=module.float(),
        tokenizer=seqshell.CharTokenizer(LETTERS),
        registry=registry,
    )
    model = opening.open_model(path, registry)
    assert "runs_in_torch" not in model.header
    assert not isinstance(model.decoder, TorchDecoder)
    outputs, _ = model.decoder.feed(ids, model.decoder.initial_state(2))
    np.testing.assert_allclose(outputs, exact[:, -1], atol=10 * lost)


@pytest.mark.parametrize("sharpness", [3, 4, 6, 10])
def test_a_chaotic_model_agrees_with_its_decoder_however_large_roundings_become(registry, sharpness):
    module = sharp(sharpness)
    inputs = Inputs(np.random.default_rng(0).integers(0, len(LETTERS), (2, 256)))
    assert disagreement(registry.architectures["lstm"], module.config, module, weights_of(module), inputs) == ""


@pytest.mark.parametrize("sharpness", [2, 10])
@pytest.mark.parametrize("name", ["readout.weight", "recurrent.1.weight_hh_l0"])
def test_a_wrong_weight_is_found_beside_the_rounding_of_large_logits(registry, name, sharpness):
    """By 1 %. In a chaotic model it shows in the first steps, before rounding explains everything."""
    module = sharp(sharpness)
    weights = weights_of(module)
    weights[name] = weights[name] * np.float32(1.01)
    inputs = Inputs(np.random.default_rng(0).integers(0, len(LETTERS), (2, 256)))
    found = disagreement(registry.architectures["lstm"], module.config, module, weights, inputs)
    assert found.startswith(
        "an output of the decoder seqshell_recurrent.decoders:LSTMDecoder of lstm differs from its module's by "
    )


def test_a_decoder_that_differs_is_kept_as_a_module_that_runs_in_torch(elman, elman_registry, tmp_path):
    path = tmp_path / "mine.safetensors"
    module = elman.Model(elman.Config(elman.tokenizer.size, offset=2e-4))
    reason = "an output of the decoder of simple differs from its module's by 0.0002, and rounding explains 0.0001"
    with pytest.warns(RuntimeWarning) as warned:
        assert elman.save(path, module, elman_registry) == path
    assert str(warned[0].message) == f"{reason}; the checkpoint keeps the module, and the model runs in torch"
    assert file.read_header(path)["runs_in_torch"] == reason
    model = opening.open_model(path, elman_registry)
    np.testing.assert_allclose(elman.logits(model), elman.expected(module), atol=1e-6)

    elman.save(path, elman.Model(elman.Config(elman.tokenizer.size, offset=5e-5)), elman_registry)
    assert "runs_in_torch" not in file.read_header(path)


class Failing:
    """A decoder that fails at its second step."""

    def __init__(self, config, weights):
        pass

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.float32)

    def feed(self, inputs, state):
        raise IndexError("no such row")

    step = feed


class Unbuildable(Failing):
    def __init__(self, config, weights):
        raise KeyError("recurrent.bias")


class ShapeOfOneStep(Failing):
    def feed(self, inputs, state):
        return np.zeros((len(inputs), 3), np.float32), state

    step = feed


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (Failing, "the decoder of simple fails: IndexError: no such row"),
        (
            Unbuildable,
            "the decoder of simple fails: the weights do not fit the architecture simple: KeyError: 'recurrent.bias'",
        ),
        (ShapeOfOneStep, "the decoder of simple fails: its outputs are [2, 3] instead of [2, 7]"),
        ("nowhere.at_all:Decoder", "the decoder of simple cannot be used: "),
    ],
)
def test_a_decoder_that_fails_loses_no_module(elman, module, tmp_path, decoder, reason):
    registry = elman.registry_of(replace(elman.architecture, decoder=decoder))
    told = []
    path = elman.save(tmp_path / "mine.safetensors", module, registry, warn=told.append)
    model = opening.open_model(path, registry)

    assert model.header["runs_in_torch"].startswith(reason)
    assert told == [f"{model.header['runs_in_torch']}; the checkpoint keeps the module, and the model runs in torch"]
    np.testing.assert_allclose(elman.logits(model), elman.expected(module), atol=1e-6)


def test_nan_is_a_disagreement(elman, module, elman_registry):
    class Broken(elman.architecture.decoder):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return outputs * np.float32(np.nan), state

    architecture = replace(elman.architecture, decoder=Broken)
    found = disagreement(architecture, module.config, module, weights_of(module), Inputs(np.zeros((1, 3), np.int64)))
    assert found == "an output of the decoder of simple differs from its module's by nan, and rounding explains 0.0001"


def test_an_error_that_only_a_carried_state_shows_is_found(elman, module):
    """The first chunk is right; the state that `feed` returns is not."""

    class Forgetful(elman.architecture.decoder):
        def feed(self, inputs, state):
            outputs, state = super().feed(inputs, state)
            return outputs, state * np.float32(inputs.shape[1] < 20)

    architecture = replace(elman.architecture, decoder=Forgetful)
    ids = np.random.default_rng(0).integers(0, elman.tokenizer.size, (1, 64))
    for steps, is_found in ((20, False), (64, True)):
        found = disagreement(architecture, module.config, module, weights_of(module), Inputs(ids[:, :steps]))
        assert bool(found) is is_found


def test_a_module_that_only_computes_in_float32_is_compared_in_float32(elman):
    class Single(elman.Model):
        def initial_state(self, batch_size=1):
            return torch.zeros(batch_size, self.config.hidden_size)

    torch.manual_seed(0)
    architecture = replace(elman.architecture, model=Single)
    inputs = Inputs(np.random.default_rng(0).integers(0, elman.tokenizer.size, (2, 256)))
    for offset, is_found in ((0.0, False), (0.01, True)):
        single = Single(elman.Config(elman.tokenizer.size, offset=offset))
        assert bool(disagreement(architecture, single.config, single, weights_of(single), inputs)) is is_found


def test_logits_of_a_large_vocabulary_are_read_in_small_chunks(elman):
    """At most 2^22 outputs at once: 20 steps of 200,000 tokens."""
    sizes = []

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 200_000)

        def initial_state(self, batch_size=1):
            return self.table.weight.new_zeros(batch_size, 1)

        def forward(self, inputs, state):
            sizes.append(inputs.shape[1])
            return self.table(inputs), state

    class WideDecoder(Failing):
        def __init__(self, config, weights):
            self.table = weights["table.weight"]

        def feed(self, inputs, state):
            return self.table[inputs[:, -1]], state

        def step(self, inputs, state):
            return self.table[inputs], state

    architecture = replace(elman.architecture, decoder=WideDecoder)
    wide = Wide()
    inputs = Inputs(np.random.default_rng(0).integers(0, 3, (1, 256)))
    assert disagreement(architecture, None, wide, weights_of(wide), inputs) == ""
    assert max(sizes) == 20


def test_a_module_that_fails_is_stored_as_it_is(elman, tmp_path):
    """Neither decoder nor torch could be chosen by it."""

    class Failed(elman.Model):
        def forward(self, inputs, state):
            raise RuntimeError("only on a GPU")

    registry = elman.registry_of(replace(elman.architecture, model=Failed))
    told = []
    elman.save(tmp_path / "mine.safetensors", Failed(elman.Config(elman.tokenizer.size)), registry, warn=told.append)
    assert told == [
        "the decoder of simple was not compared with its module: its module fails: RuntimeError: only on a GPU"
    ]
    assert "runs_in_torch" not in file.read_header(tmp_path / "mine.safetensors")
