"""The state that training carries: what it resets, and states that grow or are complex, up to a resumed training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.training import carried_state
from seqshell.training.carried_state import begun_anew
from seqshell.training.memory import estimate_memory
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run


@dataclass(frozen=True)
class Config:
    vocab_size: int


class Memory(nn.Module):
    """State: (all embedded tokens so far [B, T, H], a complex sum [B, H], the largest values so far, -inf at first)."""

    def __init__(self, config, size=4):
        super().__init__()
        self.size = size
        self.embedding, self.readout = nn.Embedding(config.vocab_size, size), nn.Linear(size, config.vocab_size)

    def initial_state(self, batch_size=1):
        zeros = self.readout.weight.new_zeros
        return (
            zeros(batch_size, 0, self.size),
            torch.zeros(batch_size, self.size, dtype=torch.complex64),
            torch.full((batch_size, self.size), -torch.inf),
        )

    def forward(self, tokens, state):
        past, total, most = state
        x = self.embedding(tokens)
        seen = torch.cat((past, x), 1)
        sums = seen.cumsum(1)[:, past.shape[1] :] / (1 + torch.arange(past.shape[1], seen.shape[1]))[:, None]
        total = total + torch.polar(torch.ones_like(x[:, -1]), x[:, -1])
        most = torch.maximum(most, x.amax(1))
        return self.readout(sums + total.real[:, None] + 0.1 * most[:, None]), (seen, total, most)


class Offers:
    @seqshell.hookimpl
    def seqshell_architectures(self):
        yield seqshell.Architecture("memory", seqshell.Task.GENERATE, config=Config, model=Memory, grows="axis")


@pytest.fixture(scope="module")
def registry():
    return load_registry(Policy(no_plugins=True, strict=True), modules=[Offers()])


def state(rows, length, value=1.0):
    return (
        torch.full((rows, length, 4), value),
        torch.full((rows, 4), value * 1j),
        torch.full((rows, 4), value),
    )


def test_streams_of_a_state_that_has_grown_begin_anew_together():
    module, carried = Memory(Config(5)), state(3, 7)

    assert begun_anew(carried, module, np.array([False, True, True])) is carried
    anew = begun_anew(carried, module, np.array([True, False, False]))
    assert [list(leaf.shape) for leaf in anew] == [[3, 0, 4], [3, 4], [3, 4]]
    assert torch.isneginf(anew[2]).all()


def test_chosen_streams_of_other_states_begin_anew_alone_complex_and_infinite_leaves_too():
    module, carried = Memory(Config(5)), state(3, 0)
    anew = begun_anew(carried, module, np.array([False, True, False]))

    assert anew[1].tolist() == [[1j] * 4, [0j] * 4, [1j] * 4]
    assert anew[2].tolist() == [[1.0] * 4, [-np.inf] * 4, [1.0] * 4]
    assert carried[1][1].tolist() == [1j] * 4


def test_a_state_that_grows_too_large_begins_anew(monkeypatch):
    module, carried = Memory(Config(5)), state(2, 100)
    nobody = np.array([False, False])
    assert begun_anew(carried, module, nobody) is carried

    monkeypatch.setattr(carried_state, "MOST_CARRIED", 1000)
    assert begun_anew(carried, module, nobody)[0].shape == (2, 0, 4)


def recipe(folder, **training):
    (folder / "text.txt").write_text("the cat sat on the mat and the dog sat on the log " * 20)
    settings = {"epochs": 3, "batch_size": 4, "sequence_length": 8, "learning_rate": 0.02, "warmup_steps": 2}
    tables = {
        "task": "generate",
        "architecture": "memory",
        "data": {"text": "text.txt"},
        "training": {**settings, "precision": "float32", "resume_every": 1000, "state_zeroing": 0.3, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def started(folder, registry, name="run", **training):
    return Run(prepare(recipe(folder, **training), registry), folder / name)


def test_a_resumed_training_of_a_state_that_has_grown_is_bit_for_bit_the_same(tmp_path, registry):
    whole = started(tmp_path, registry, "whole")
    list(whole.epochs())
    first = started(tmp_path, registry)
    list(islice(first.epochs(), 7))
    assert first.state[0].shape[1] > 8
    first.write()
    second = started(tmp_path, registry)
    second.restore()

    assert [torch.equal(*pair) for pair in zip(first.state, second.state, strict=True)] == [True] * 3
    list(second.epochs())
    pairs = zip(second.weights().values(), whole.weights().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_the_memory_of_a_training_counts_what_a_state_grows_to(tmp_path, registry):
    often, seldom = (
        estimate_memory(prepare(recipe(tmp_path, state_zeroing=each), registry)).activations for each in (1.0, 0.1)
    )

    carried = 4 * 8 * 4 * 4  # bytes: streams, tokens and numbers that a batch adds
    assert seldom - often >= 9 * carried
