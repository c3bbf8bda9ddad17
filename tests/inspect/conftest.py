"""Fixtures of the tests of inspection: sessions whose states have leaves of many kinds and shapes."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.inspect.planted import VOCABULARY, PlantedDecoder, quoted_text

from seqshell.core.model import Model
from seqshell.core.plugin_api import build
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import resolve
from seqshell.session import Session
from seqshell.testing import shell_for, tiny_model

SIZE = 3


class Odd(NamedTuple):
    """layers [B, 2, H], keys [B, H, T], phase [B, H] complex64, last [B, 2] int64, started [B] bool, rest: two leaves
    without names [B, 1] and [B, 2, 2, 2]."""

    layers: Any
    keys: Any
    phase: Any
    last: Any
    started: Any
    rest: Any


class OddDecoder:
    """A cache of the embeddings, a rotation, the last two tokens, whose vectors are looked up, and stacked sums."""

    def __init__(self, vocab_size):
        random = np.random.default_rng(0)
        self.embedding = random.normal(0, 1, (vocab_size, SIZE)).astype(np.float32)
        self.readout = random.normal(0, 1, (SIZE, vocab_size)).astype(np.float32)

    def initial_state(self, batch_size=1):
        def zeros(*shape, kind=np.float32):
            return np.zeros((batch_size, *shape), kind)

        rest = zeros(1), zeros(2, 2, 2)
        phase, last = zeros(SIZE, kind=np.complex64), zeros(2, kind=np.int64)
        return Odd(zeros(2, SIZE), zeros(SIZE, 0), phase, last, zeros(kind=np.bool_), rest)

    def step(self, inputs, state):
        x = self.embedding[inputs] + self.embedding[state.last].sum(1)
        layers = np.tanh(state.layers * np.float32(0.5) + x[:, None])
        keys = np.concatenate([state.keys, x[..., None]], 2)
        phase = (state.phase * np.exp(0.5j) + x).astype(np.complex64)
        last = np.stack([state.last[:, 1], inputs], 1)
        rest = state.rest[0] + x[:, :1], state.rest[1] + x[:, 0, None, None, None]
        after = Odd(layers, keys, phase, last, np.ones_like(state.started), rest)
        return self.state_outputs(after), after

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state

    def state_outputs(self, state):
        hidden = state.layers.sum(1) + state.phase.real + state.keys.sum(2) + state.rest[0]
        return hidden.astype(np.float32) @ self.readout


def odd_model():
    model = tiny_model()
    return replace(model, name="odd", decoder=OddDecoder(model.tokenizer.size), grows="axis", fingerprint="odd")


@pytest.fixture
def odd():
    """A session on a model whose state has floats, complex and whole numbers, booleans, and leaves without names."""
    session = Session(odd_model())
    session.feed("abcd")
    return session


@pytest.fixture
def tiny():
    """A session on the tiny model, whose state is one array [1, 8]."""
    session = Session(tiny_model())
    session.feed("abc")
    return session


@pytest.fixture
def bits():
    """Return a function that gives the bytes of a state's leaves and the outputs."""
    from seqshell.core.state import leaves

    return lambda record: [leaf.tobytes() for leaf in leaves(record.state)] + [record.outputs.tobytes()]


@pytest.fixture
def unmoved():
    """Return a function that gives what must not change when something is refused."""

    def place(session):
        return session.here, session.position, session.branch, len(session.behaviour.cursor.timeline)

    return place


@pytest.fixture(params=["selective", "mingru"])
def third_party(request, monkeypatch):
    """A session on a distribution of others, with random weights: leaves [B, D, K] and [B, D, N], or [B, L, H]."""
    import torch

    name = request.param
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "plugins" / "distributions" / name)
    (offered,) = import_module(f"seqshell_{name}").seqshell_architectures()
    model = tiny_model()
    config = build(resolve(offered.config), {"vocab_size": model.tokenizer.size, "hidden_size": 6, "num_layers": 2})
    torch.manual_seed(0)
    weights = {key: value.numpy() for key, value in resolve(offered.model)(config).state_dict().items()}
    decoder = resolve(offered.decoders[-1])(config, weights)
    session = Session(replace(model, name=name, decoder=decoder, fingerprint=name))
    session.feed("abcdefg")
    return session


@pytest.fixture(scope="module")
def planted():
    """A model with units that detect quotations."""
    tokenizer = CharTokenizer("".join(sorted(VOCABULARY)))
    return Model("planted", "generate", "elman", PlantedDecoder(tokenizer.size), tokenizer, "planted")


@pytest.fixture
def shell(planted, folder):
    """A shell on that model, and a file with quotations."""
    (folder / "quotes.txt").write_text(quoted_text(), encoding="utf-8")
    return shell_for(planted)
