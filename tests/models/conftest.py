"""Fixtures of the models' tests: an Elman network as a torch module and as a numpy decoder, saved and opened."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.models import file


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


def rewritten(path, weights=None, **changes):
    """The same checkpoint with another header or other weights."""
    header, tensors = file.read(path)
    header.update(changes)
    file.write(path, header, {**tensors, **(weights or {})})
    return path


@pytest.fixture(scope="session")
def elman():
    """The architecture `simple` and its parts, and functions that save, open and change its checkpoints."""
    return SimpleNamespace(
        architecture=ELMAN,
        Config=ElmanConfig,
        Model=ElmanModel,
        tokenizer=CHARACTERS,
        plugin=plugin,
        registry_of=registry_of,
        save=save,
        logits=logits,
        expected=expected,
        rewritten=rewritten,
    )


@pytest.fixture(scope="session")
def module():
    """A module with seeded weights."""
    torch.manual_seed(0)
    return ElmanModel(ElmanConfig(CHARACTERS.size, scale=0.5))


@pytest.fixture
def elman_registry():
    """The built-in plugins and the plugin `mine` with the architecture."""
    return registry_of(ELMAN)


@pytest.fixture
def saved(module, elman_registry, tmp_path):
    """The path of a checkpoint of the module."""
    return save(tmp_path / "mine.safetensors", module, elman_registry)
