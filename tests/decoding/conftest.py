"""Builders for the tests of decoding: tiny decoders, batches to search from, requests, and the answers of a search."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from seqshell.core.sampling import Batch, History, Request, Stop
from seqshell.core.state import map_leaves
from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.testing.tiny_language_model import tiny_model


class TranslatorState(NamedTuple):
    """hidden [B, H]; attention [B, S]; memory [B, S, H] and mask [B, S] are constant; steps [B], integers."""

    hidden: Any
    attention: Any
    memory: Any
    mask: Any
    steps: Any


class AttentionTranslator:
    """Dot attention over the embedded source (Luong 2015) and one Elman layer, all in float64.

    Each step adds `haste` to the logit of EOS.
    """

    def __init__(self, vocab_size: int = 12, hidden_size: int = 6, seed: int = 0, haste: float = 0.5) -> None:
        random = np.random.default_rng(seed)
        self.size, self.haste = vocab_size, haste
        self.source, self.target = random.normal(0, 1, (2, vocab_size, hidden_size))
        self.recurrent = random.normal(0, 1 / np.sqrt(hidden_size), (hidden_size, hidden_size))
        self.readout = random.normal(0, 1, (2 * hidden_size, vocab_size))

    def encode(self, source, lengths):
        mask = np.arange(source.shape[1]) < lengths[:, None]
        memory = self.source[source] * mask[:, :, None]
        hidden = memory.sum(1) / lengths[:, None]
        return TranslatorState(hidden, np.zeros(source.shape), memory, mask, np.zeros(len(source), np.int64))

    def initial_state(self, batch_size=1):
        return self.encode(np.full((batch_size, 1), EOS), np.ones(batch_size, np.int64))

    def step(self, inputs, state):
        hidden = np.tanh(self.target[inputs] + state.hidden @ self.recurrent)
        weights = np.where(state.mask, np.exp(np.einsum("bh,bsh->bs", hidden, state.memory)), 0)
        weights /= weights.sum(1, keepdims=True)
        outputs = np.concatenate([hidden, np.einsum("bs,bsh->bh", weights, state.memory)], 1) @ self.readout
        outputs[:, EOS] += self.haste * state.steps
        return outputs, TranslatorState(hidden, weights, state.memory, state.mask, state.steps + 1)

    def feed(self, inputs, state):
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state


class ScriptedDecoder:
    """A decoder that looks up the next token's probabilities [V] by the ids so far. Its state is the ids so far."""

    def __init__(self, table: dict[tuple[int, ...], list[float]], default: list[float]) -> None:
        self.table, self.default = table, default

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 20), np.int64), np.zeros(batch_size, np.int64)

    def step(self, inputs, state):
        written, length = state[0].copy(), state[1]
        written[np.arange(len(inputs)), length] = inputs
        return self.outputs((written, length + 1)), (written, length + 1)

    def outputs(self, state):
        written = [tuple(ids[:length].tolist()) for ids, length in zip(*state, strict=True)]
        with np.errstate(divide="ignore"):
            return np.log(np.array([self.table.get(ids, self.default) for ids in written]))

    def start(self) -> Batch:
        return Batch(self.initial_state(), self.outputs(self.initial_state()), ((),), ((),), (0,), (0,))


LANGUAGE_DECODER = tiny_model().decoder
TRANSLATOR = AttentionTranslator()


@pytest.fixture(scope="session")
def language_decoder() -> Any:
    """The decoder of the tiny language model, with 10 tokens."""
    return LANGUAGE_DECODER


@pytest.fixture(scope="session")
def translator() -> AttentionTranslator:
    """A tiny translation decoder with attention and 12 tokens."""
    return TRANSLATOR


@pytest.fixture(scope="session")
def translator_class() -> type[AttentionTranslator]:
    """The class of `translator`, for other seeds and sizes."""
    return AttentionTranslator


@pytest.fixture(scope="session")
def scripted_decoder() -> type[ScriptedDecoder]:
    """A class of decoders that look up the probabilities of the next token in a table."""
    return ScriptedDecoder


@pytest.fixture(scope="session")
def sources() -> list[list[int]]:
    """Five sources for `translator`."""
    return [[4, 5, EOS], [6, 7, 8, 9, 3, EOS], [EOS], [5, 5, 5, 5, EOS], [11, 3, EOS]]


@pytest.fixture(scope="session")
def language_batch():
    """Return a function that returns a batch whose rows have read the given ids, each on its own."""

    def start(*texts: list[int], decoder: Any = LANGUAGE_DECODER, num_samplers: int = 0) -> Batch:
        pairs = [decoder.feed(np.array([ids]), decoder.initial_state()) for ids in texts]
        return Batch(
            map_leaves(lambda *parts: np.concatenate(parts), *(state for _, state in pairs)),
            np.concatenate([outputs for outputs, _ in pairs]),
            tuple(History(list(ids)) for ids in texts),
            ((None,) * num_samplers,) * len(texts),
            tuple(map(len, texts)),
            (0,) * len(texts),
        )

    return start


@pytest.fixture(scope="session")
def translation_batch():
    """Return a function that returns a batch whose rows have encoded the given sources and read BOS."""

    def start(*sources: list[int], decoder: Any = TRANSLATOR, num_samplers: int = 0) -> Batch:
        num_rows, lengths = len(sources), tuple(map(len, sources))
        source = np.array([[*ids, *[PAD] * (max(lengths) - len(ids))] for ids in sources])
        outputs, state = decoder.step(np.full(num_rows, BOS), decoder.encode(source, np.array(lengths)))
        memories = ((None,) * num_samplers,) * num_rows
        return Batch(state, outputs, ((),) * num_rows, memories, (0,) * num_rows, (0,) * num_rows, lengths)

    return start


@pytest.fixture(scope="session")
def translation_request():
    """Return a function that returns a request for a translation: EOS ends it, PAD and BOS are never drawn."""

    def request(max_tokens: int = 8, **more: Any) -> Request:
        return Request(Stop(max_tokens, frozenset([EOS])), excluded=frozenset([PAD, BOS]), **more)

    return request


@pytest.fixture(scope="session")
def best_answers():
    """Return a function that runs a search and returns the best hypotheses of each row."""

    def search(strategy: Any, start: Batch, request: Request, decoder: Any = TRANSLATOR) -> list:
        found = {step.row: step.best for step in strategy.search(decoder, start, request)}
        return [found[row] for row in range(len(start.histories))]

    return search


@pytest.fixture(scope="session")
def ids_of():
    """Return a function that returns the ids of each hypothesis of each row."""
    return lambda answers: [[hypothesis.ids for hypothesis in row] for row in answers]
