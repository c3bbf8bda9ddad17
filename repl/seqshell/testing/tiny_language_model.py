"""A tiny language model with random weights: an Elman network over a few characters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import CharTokenizer, Tokenizer
from seqshell.testing.tiny_file import write_tiny


class TinyDecoder:
    """h = tanh(E[token] + U h); logits = R h (Elman 1990). State: one float32 array [B, H]."""

    def __init__(self, vocab_size: int, hidden_size: int = 8, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.embedding = random.normal(0, 1, (vocab_size, hidden_size)).astype(np.float32)
        self.recurrent = random.normal(0, 1 / np.sqrt(hidden_size), (hidden_size, hidden_size)).astype(np.float32)
        self.readout = random.normal(0, 1, (hidden_size, vocab_size)).astype(np.float32)

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, H] zeros."""
        return np.zeros((batch_size, self.recurrent.shape[0]), np.float32)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B]. Returns logits [B, V], state [B, H]."""
        hidden = np.tanh(self.embedding[inputs] + state @ self.recurrent)
        return hidden @ self.readout, hidden

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T]. Returns the logits [B, V] after the last, state [B, H]."""
        for column in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, column], state)
        return outputs, state

    def state_outputs(self, state: State) -> NDArray[Any]:
        """The logits [B, V] of a state."""
        outputs: NDArray[Any] = state @ self.readout
        return outputs


def tiny_model(
    vocabulary: str = "\n abcdefgh", *, seed: int = 0, hidden_size: int = 8, tokenizer: Tokenizer | None = None
) -> Model:
    """Create a language model over the characters of `vocabulary`, or over another tokenizer's ids."""
    tokenizer = tokenizer or CharTokenizer(vocabulary)
    decoder = TinyDecoder(tokenizer.size, hidden_size, seed)
    fingerprint = hashlib.sha256(f"{tokenizer.to_json()} {seed} {hidden_size}".encode()).hexdigest()
    return Model(
        "tiny",
        Task.GENERATE,
        "elman",
        decoder,
        tokenizer,
        fingerprint,
        num_parameters=decoder.embedding.size * 2 + decoder.recurrent.size,
    )


def tiny_checkpoint(
    path: str | Path,
    vocabulary: str = "\n abcdefgh",
    *,
    seed: int = 0,
    hidden_size: int = 8,
    defaults: Mapping[str, Any] | None = None,
    about: str = "",
    examples: Sequence[str] = (),
) -> Path:
    """Write a checkpoint of the architecture `rnn`, without torch. Returns its path."""
    random = np.random.default_rng(seed)
    size = len(vocabulary)
    weights = {
        "embedding.weight": random.normal(0, 1, (size, hidden_size)),
        "recurrent.0.weight_ih_l0": np.eye(hidden_size),
        "recurrent.0.weight_hh_l0": random.normal(0, 1 / np.sqrt(hidden_size), (hidden_size, hidden_size)),
        "recurrent.0.bias_ih_l0": np.zeros(hidden_size),
        "recurrent.0.bias_hh_l0": np.zeros(hidden_size),
        "readout.weight": random.normal(0, 1, (size, hidden_size)),
        "readout.bias": np.zeros(size),
    }
    return write_tiny(
        path,
        weights,
        architecture="rnn",
        owner="recurrent",
        task=str(Task.GENERATE),
        config={"vocab_size": size, "embed_size": hidden_size, "hidden_size": hidden_size, "num_layers": 1},
        tokenizer={"name": "char", "vocabulary": vocabulary},
        defaults=defaults,
        about=about,
        examples=examples,
    )
