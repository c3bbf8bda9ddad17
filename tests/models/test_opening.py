"""From a torch module to a checkpoint and back to a live session: what is saved is what speaks, and what would not speak is not saved."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.core.errors import CheckpointError, PluginError, UsageError
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host import PluginInfo, Policy
from seqshell.host.builtin import load_registry
from seqshell.host.registry import Offer
from seqshell.models import file, opening


@dataclass(frozen=True)
class ElmanConfig:
    """vocab_size is filled in from the data."""

    vocab_size: int
    hidden_size: int = seqshell.setting(8, low=1, high=64)
    scale: float = 1.0
    widths: tuple[int, ...] = (1, 2)
    offset: float = 0.0  # how far the decoder is from the module


class ElmanModel(nn.Module):
    """h = tanh(E[token] + U h); logits = R h (Elman 1990). State: [B, H]."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.recurrent = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.register_buffer("seen", torch.tensor(3))

    def initial_state(self, batch_size=1):
        return self.readout.weight.new_zeros(batch_size, self.config.hidden_size)

    def forward(self, inputs, state):
        logits = []
        for column in inputs.unbind(1):
            state = torch.tanh(self.embedding(column) * self.config.scale + self.recurrent(state))
            logits.append(self.readout(state))
        return torch.stack(logits, 1), state


class ElmanDecoder:
    """The same in numpy."""

    def __init__(self, config, weights):
        self.config, self.weights = config, weights

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, self.config.hidden_size), np.float32)

    def step(self, inputs, state):
        embedded = self.weights["embedding.weight"][inputs] * np.float32(self.config.scale)
        state = np.tanh(embedded + state @ self.weights["recurrent.weight"].T)
        return state @ self.weights["readout.weight"].T + np.float32(self.config.offset), state

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


ELMAN = seqshell.Architecture("simple", seqshell.Task.GENERATE, ElmanConfig, ElmanModel, ElmanDecoder)
CHARACTERS = CharTokenizer("\nabcdef")


def plugin(*architectures, name="mine", version="0.3"):
    """A plugin as an object, for a registry."""
    hook = seqshell.hookimpl(lambda: architectures)
    return SimpleNamespace(__name__=name, __version__=version, seqshell_architectures=hook)


def registry_of(*architectures, name="mine"):
    return load_registry(Policy(no_plugins=True), modules=[plugin(*architectures, name=name)])


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return ElmanModel(ElmanConfig(CHARACTERS.size, scale=0.5))


@pytest.fixture
def registry():
    return registry_of(ELMAN)


def save(path, module, registry, **options):
    return seqshell.save_checkpoint(
        path, architecture="simple", module=module, tokenizer=CHARACTERS, registry=registry, **options
    )


def logits(model, text="abc"):
    tokens = np.array([model.tokenizer.encode(text)])
    return model.decoder.feed(tokens, model.decoder.initial_state(1))[0]


def expected(module, text="abc"):
    with torch.inference_mode():
        return module(torch.tensor([CHARACTERS.encode(text)]), module.initial_state(1))[0][:, -1].numpy()


# What is saved is what speaks


def test_a_saved_module_is_opened_with_the_same_logits_and_says_what_it_is(module, registry, tmp_path):
    path = save(
        tmp_path / "mine.safetensors",
        module,
        registry,
        data="some letters",
        defaults={"max_tokens": 7},
        examples=["abc"],
        about="It goes on with letters.",
        provenance={"metrics": {"nats": 1.5}},
    )
    model = opening.open_model(path, registry)

    np.testing.assert_allclose(logits(model), expected(module), atol=1e-6)
    assert (model.name, model.task, model.architecture, model.path, model.causal) == (
        "mine",
        seqshell.Task.GENERATE,
        "simple",
        path,
        True,
    )
    assert model.num_parameters == 7 * 8 + 8 * 8 + 8 * 7  # the buffer is no parameter
    assert model.tokenizer.vocabulary == CHARACTERS.vocabulary
    header = file.read_header(path)
    assert model.header == header
    assert header["config"] == {"vocab_size": 7, "hidden_size": 8, "scale": 0.5, "widths": [1, 2], "offset": 0.0}
    assert (header["owner"], header["owner_version"]) == ("mine", "0.3")
    assert header["provenance"] == {
        "data": {"name": "some letters"},
        "seqshell": seqshell.__version__,
        "metrics": {"nats": 1.5},
    }
    assert (header["defaults"], header["examples"], header["about"]) == (
        {"max_tokens": 7},
        ["abc"],
        "It goes on with letters.",
    )
    assert file.read(path)[1]["seen"].dtype == np.int64


def test_a_name_goes_to_the_users_models_and_is_opened_by_it(module, registry, home):
    path = save("mine", module, registry)
    assert path == home / "models" / "mine.safetensors"
    assert opening.open_model("mine", registry).path == path


def test_an_architecture_without_decoder_speaks_through_torch(module, tmp_path):
    registry = registry_of(replace(ELMAN, decoder=None))
    model = opening.open_model(save(tmp_path / "mine.safetensors", module, registry), registry)

    np.testing.assert_allclose(logits(model), expected(module), atol=1e-6)


def test_float16_halves_the_file_and_changes_little(registry, tmp_path):
    module = ElmanModel(ElmanConfig(CHARACTERS.size, hidden_size=64))
    full = save(tmp_path / "full.safetensors", module, registry)
    half = save(tmp_path / "half.safetensors", module, registry, dtype="float16")

    assert half.stat().st_size < 0.6 * full.stat().st_size
    np.testing.assert_allclose(logits(opening.open_model(half, registry)), expected(module), atol=0.01)
    assert opening.open_model(half, registry).fingerprint != opening.open_model(full, registry).fingerprint
    with pytest.raises(UsageError, match="stored as float32 or float16, not 'int8'"):
        save(tmp_path / "x.safetensors", module, registry, dtype="int8")


def test_a_module_in_half_precision_and_in_training_mode_is_saved_and_left_as_it_was(registry, tmp_path):
    module = ElmanModel(ElmanConfig(CHARACTERS.size)).to(torch.bfloat16).train()
    path = save(tmp_path / "mine.safetensors", module, registry)

    assert module.training
    assert module.readout.weight.dtype == torch.bfloat16
    assert file.read(path)[1]["readout.weight"].dtype == np.float32
    np.testing.assert_allclose(logits(opening.open_model(path, registry)), expected(module.float().eval()), atol=1e-6)


def test_open_gives_a_live_session_with_the_wishes_of_the_checkpoint(module, registry, tmp_path):
    path = save(
        tmp_path / "mine.safetensors",
        module,
        registry,
        defaults={"sampler": "top_k=3 temperature=0.5", "strategy": "greedy"},
    )
    session = seqshell.open(path, registry=registry, seed=5)

    assert [(type(stage).__name__, next(iter(vars(stage).values()))) for stage in session.chain] == [
        ("TopK", 3),
        ("Temperature", 0.5),
    ]
    assert session.strategy.name == "greedy"
    assert session.seed == 5
    session.feed("abc")
    first = "".join(event.text for event in session.generate(5))
    assert first[0] == CHARACTERS.vocabulary[int(expected(module).argmax())]


def test_a_session_opens_without_torch(tmp_path, module, home):
    """The shipped architectures bring decoders of their own."""
    from seqshell_recurrent.config import GRUConfig
    from seqshell_recurrent.language_models import GRULanguageModel

    path = tmp_path / "gru.safetensors"
    model = GRULanguageModel(GRUConfig(CHARACTERS.size, embed_size=4, hidden_size=8))
    seqshell.save_checkpoint(path, architecture="gru", module=model, tokenizer=CHARACTERS)
    code = (
        "import sys, seqshell\n"
        f"session = seqshell.open({str(path)!r})\n"
        "session.feed('abc')\n"
        "print(len([*session.generate(4, temperature=0.8)]), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"SEQSHELL_HOME": str(home)}
    )
    assert done.stdout == "5 False\n"  # four tokens and Finished


# What would not speak is not saved


def test_a_decoder_unlike_its_module_is_refused(module, registry, tmp_path):
    module = ElmanModel(ElmanConfig(CHARACTERS.size, offset=2e-4))
    with pytest.raises(
        CheckpointError,
        match=r"an output of the decoder of simple differs from its module's by 0\.0002; at most 0\.0001 is allowed",
    ):
        save(tmp_path / "mine.safetensors", module, registry)
    assert not (tmp_path / "mine.safetensors").exists()
    save(tmp_path / "mine.safetensors", ElmanModel(ElmanConfig(CHARACTERS.size, offset=5e-5)), registry)


def test_weights_that_are_no_numbers_are_refused(registry, tmp_path):
    module = ElmanModel(ElmanConfig(CHARACTERS.size))
    with torch.no_grad():
        module.readout.weight[0, 0] = 70_000
    with pytest.raises(CheckpointError, match=r"readout\.weight has values that are not finite in float16"):
        save(tmp_path / "mine.safetensors", module, registry, dtype="float16")
    with torch.no_grad():
        module.readout.weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match="not finite in float32"):
        save(tmp_path / "mine.safetensors", module, registry)


def test_an_unknown_architecture_or_tokenizer_is_refused(module, registry, tmp_path):
    with pytest.raises(UsageError, match="no architecture 'simplee'; did you mean simple"):
        seqshell.save_checkpoint(
            tmp_path / "m.safetensors", architecture="simplee", module=module, tokenizer=CHARACTERS, registry=registry
        )

    class Foreign(CharTokenizer):
        name = "foreign"

    with pytest.raises(
        CheckpointError, match="needs the tokenizer 'foreign', which no plugin offers; installed: bpe, byte, char, word"
    ):
        seqshell.save_checkpoint(
            tmp_path / "m.safetensors", architecture="simple", module=module, tokenizer=Foreign("ab"), registry=registry
        )


# What cannot be opened says why


@pytest.fixture
def saved(module, registry, tmp_path):
    return save(tmp_path / "mine.safetensors", module, registry)


def rewritten(path, weights=None, **changes):
    """The same checkpoint with another header or other weights."""
    header, tensors = file.read(path)
    header.update(changes)
    file.write(path, header, {**tensors, **(weights or {})})
    return path


def test_an_architecture_that_no_plugin_offers_is_named_with_the_installed_ones(saved):
    reason = r"mine\.safetensors needs the architecture 'simple' of the plugin mine, which no plugin offers; installed: .*gru, .*rnn, seq2seq$"
    with pytest.raises(CheckpointError, match=reason):
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))


def test_a_missing_package_is_named_with_what_installs_it(saved):
    rewritten(saved, owner="mine", owner_distribution="seqshell-mine")
    with pytest.raises(
        CheckpointError, match=r"'simple' of the plugin mine \(seqshell-mine\), which no plugin offers"
    ) as error:
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))
    assert error.value.hint == "pip install seqshell-mine brings it"
    rewritten(
        saved, owner_distribution="--index-url=https://elsewhere x"
    )  # a file may lie, and people paste what they are told
    with pytest.raises(CheckpointError, match=r"of the plugin mine, which") as error:
        opening.open_model(saved, load_registry(Policy(no_plugins=True)))
    assert error.value.hint == "seqshell plugins list"


def test_a_plugin_that_is_installed_and_not_loaded_is_told_so(saved):
    disabled = PluginInfo("mine", "seqshell-mine", state="disabled", reason="disabled in config.toml")
    registry = load_registry(Policy(no_plugins=True))
    registry.admit(disabled, {}, ())
    with pytest.raises(CheckpointError, match="the plugin mine is not loaded: disabled in config"):
        opening.open_model(saved, registry)


def test_a_checkpoint_remembers_the_distribution_of_its_architecture(module, registry, tmp_path):
    registry.admit(replace(registry.plugin("mine"), distribution="seqshell-mine"), {}, ())
    path = save(tmp_path / "far.safetensors", module, registry)
    header = file.read_header(path)

    assert (header["owner"], header["owner_version"], header["owner_distribution"]) == ("mine", "0.3", "seqshell-mine")
    assert opening.open_model(path, registry).architecture == "simple"


class Letters(CharTokenizer):
    """Characters by another name."""

    name = "letters"


def with_letters(registry, name, distribution, kind=Letters):
    """The registry with a plugin of this name that offers `kind` as `letters`."""
    info = PluginInfo(name, distribution)
    registry.admit(info, {"tokenizer": [Offer("letters", kind, info, (distribution,))]}, ())
    return registry


def test_a_checkpoint_remembers_whose_its_tokenizer_is(module, registry, saved, tmp_path):
    with_letters(registry, "spelling", "seqshell-spelling")
    path = seqshell.save_checkpoint(
        tmp_path / "far.safetensors",
        architecture="simple",
        module=module,
        tokenizer=Letters(CHARACTERS.vocabulary),
        registry=registry,
    )

    assert file.read_header(path)["tokenizer_owners"] == {
        "tokenizer": {"owner": "spelling", "distribution": "seqshell-spelling"}
    }
    assert "tokenizer_owners" not in file.read_header(saved)  # the built-in ones are always here
    assert type(opening.open_model(path, registry).tokenizer) is Letters
    with pytest.raises(
        CheckpointError, match=r"needs the tokenizer 'letters' of the plugin spelling \(seqshell-spelling\), which no"
    ) as error:
        opening.open_model(path, registry_of(ELMAN))
    assert error.value.hint == "pip install seqshell-spelling brings it"
    others = with_letters(with_letters(registry_of(ELMAN), "a", "x", CharTokenizer), "spelling", "seqshell-spelling")
    assert (
        type(opening.open_model(path, others).tokenizer) is Letters
    )  # that of its own plugin, where two have one of that name
    assert type(opening.open_model(path, with_letters(registry_of(ELMAN), "file", "")).tokenizer) is Letters
    rewritten(path, tokenizer_owners={"tokenizer": ["spelling"]})  # a file may lie
    assert type(opening.open_model(path, registry).tokenizer) is Letters


def test_a_config_that_fits_another_version_tells_both(saved, registry):
    rewritten(saved, owner_version="0.9", config={"vocab_size": 7, "hidden_size": 8, "gates": 3})
    reason = r"has no setting 'gates'; .* it was made with the version 0\.9 of the plugin mine, and 0\.3 is installed"
    with pytest.raises(CheckpointError, match=reason):
        opening.open_model(saved, registry)


def test_an_architecture_of_the_same_name_from_another_plugin_will_not_do(saved):
    with pytest.raises(CheckpointError, match="needs the architecture 'simple' of the plugin mine"):
        opening.open_model(saved, registry_of(ELMAN, name="other"))


def test_where_two_plugins_offer_the_name_the_owner_decides(saved, module):
    wrong = replace(ELMAN, decoder=None, model=lambda config: pytest.fail("the other plugin's model was built"))
    registry = load_registry(Policy(no_plugins=True), modules=[plugin(wrong, name="other"), plugin(ELMAN)])
    model = opening.open_model(saved, registry)

    assert model.architecture == "mine/simple"
    np.testing.assert_allclose(logits(model), expected(module), atol=1e-6)


def test_a_plugin_that_failed_is_given_as_the_reason(saved):
    broken = SimpleNamespace(__name__="mine", seqshell_architectures=seqshell.hookimpl(lambda: 1 / 0))
    registry = load_registry(Policy(no_plugins=True), modules=[broken])
    with pytest.raises(
        CheckpointError, match=r"which no plugin offers; installed: .*; the plugin mine: seqshell_architectures failed"
    ):
        opening.open_model(saved, registry)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "classify"}, "was made for the task classify, but simple is for generate"),
        ({"config": {"vocab_size": 7, "hiden_size": 8}}, "has no setting 'hiden_size'"),
        ({"config": {"vocab_size": 7, "hidden_size": 65}}, "hidden_size must be 1 to 64, not 65"),
        ({"config": {"vocab_size": 7, "hidden_size": "8"}}, "the setting hidden_size cannot be '8'"),
        ({"config": {"vocab_size": 7, "hidden_size": True}}, "the setting hidden_size cannot be True"),
        ({"config": {"vocab_size": 7, "hidden_size": 8.0}}, r"the setting hidden_size cannot be 8\.0"),
        ({"config": {}}, "the config does not fit the architecture simple: .*vocab_size"),
        ({"tokenizer": {"name": "char", "vocabulary": "aa"}}, "needs a vocabulary of different characters"),
        (
            {"tokenizer": {"name": "char", "vocabulary": "ab"}},
            r"outputs have the shape \(1, 7\), not \(1, 2\): its tokenizer has 2 tokens",
        ),
        ({"tokenizer": {"name": "subprocess:run"}}, "needs the tokenizer 'subprocess:run', which no plugin offers"),
        ({"tokenizer": {}}, "needs the tokenizer None"),
        ({"kind": "session"}, "is a saved session, not a model"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_reason(saved, registry, changes, reason):
    with pytest.raises(CheckpointError, match=reason) as error:
        opening.open_model(rewritten(saved, **changes), registry)
    assert str(error.value).startswith("mine.safetensors")


def test_an_import_path_in_a_file_is_never_imported(saved, registry):
    for changes in ({"architecture": "os:system"}, {"architecture": "this:s", "owner": ""}):
        with pytest.raises(CheckpointError, match="which no plugin offers"):
            opening.open_model(rewritten(saved, **changes), registry)
    assert "this" not in sys.modules


@pytest.mark.parametrize("decoder", [ElmanDecoder, None])
def test_weights_that_do_not_fit_the_config_are_refused(module, tmp_path, decoder):
    registry = registry_of(replace(ELMAN, decoder=decoder))
    path = save(tmp_path / "mine.safetensors", module, registry)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors: the (weights do not fit|architecture simple fails)"):
        opening.open_model(rewritten(path, {"recurrent.weight": np.zeros((9, 9), np.float32)}), registry)


def test_a_claimed_size_costs_nothing(module, tmp_path):
    """The module of the config would take 4 TB; it is compared with the weights before it is built."""
    registry = registry_of(replace(ELMAN, decoder=None))
    path = save(tmp_path / "mine.safetensors", module, registry)
    config = {**file.read_header(path)["config"], "vocab_size": 2**37}
    with pytest.raises(
        CheckpointError, match=r"embedding.weight is \(7, 8\), but the config implies \(137438953472, 8\)"
    ):
        opening.open_model(rewritten(path, config=config), registry)


def test_weights_that_give_no_numbers_are_refused(saved, registry):
    with pytest.raises(CheckpointError, match="outputs are not finite numbers"):
        opening.open_model(rewritten(saved, {"readout.weight": np.full((7, 8), np.nan, np.float32)}), registry)


def test_a_decoder_that_cannot_be_imported_is_a_plugins_fault(saved):
    with pytest.raises(PluginError, match="no_such_module:Decoder cannot be imported"):
        opening.open_model(saved, registry_of(replace(ELMAN, decoder="no_such_module:Decoder")))


def test_wishes_that_cannot_be_had_are_told(saved, registry):
    with pytest.raises(CheckpointError, match=r"mine wishes for a sampler or strategy that is not here: .*'nucleus'"):
        seqshell.open(rewritten(saved, defaults={"sampler": "nucleus=0.9"}), registry=registry)


def test_byte_models_open_too(tmp_path, registry):
    module = ElmanModel(ElmanConfig(256))
    path = tmp_path / "bytes.safetensors"
    seqshell.save_checkpoint(
        path, architecture="mine/simple", module=module, tokenizer=ByteTokenizer(), registry=registry
    )
    assert opening.open_model(path, registry).tokenizer.size == 256
    assert json.loads(json.dumps(file.read_header(path)["tokenizer"])) == {"name": "byte"}
