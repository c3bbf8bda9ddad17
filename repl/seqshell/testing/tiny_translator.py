"""A tiny translation model with random weights: an encoder-decoder with attention over a few words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.subword_tokenizers import SPECIALS, WordTokenizer
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import EOS
from seqshell.testing.tiny_file import write_tiny
from seqshell.testing.tiny_language_model import TinyDecoder

SOURCE = "i you love see the cat dog ."  # words
TARGET = "je tu aime vois le la chat chien ."


class TinyState(NamedTuple):
    """hidden [B, H]; encoded [B, S, H] and mask [B, S] are constant; attention [B, S] is that of the last step."""

    hidden: NDArray[np.float32]
    encoded: NDArray[np.float32]
    mask: NDArray[np.bool_]
    attention: NDArray[np.float32]


class TinyTranslator:
    """Elman encoder, and Elman decoder with attention: weights softmax(4 encoded . h), logits = R (h + context)."""

    def __init__(self, source_size: int, target_size: int, hidden_size: int = 8, seed: int = 0) -> None:
        self.encoder = TinyDecoder(source_size, hidden_size, seed)
        self.decoder = TinyDecoder(target_size, hidden_size, seed + 1)

    def initial_state(self, batch_size: int = 1) -> State:
        """The encoding of a source with only EOS."""
        return self.encode(np.full((batch_size, 1), EOS), np.ones(batch_size, np.int64))

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """source: [B, S]; lengths: [B]. Returns the state before BOS is read."""
        mask = np.arange(source.shape[1]) < lengths[:, None]
        hidden = self.encoder.initial_state(len(source))
        encoded = []
        for column, here in zip(source.T, mask.T, strict=True):
            hidden = np.where(here[:, None], self.encoder.step(column, hidden)[1], hidden)
            encoded.append(hidden)
        return TinyState(hidden, np.stack(encoded, 1), mask, np.zeros(mask.shape, np.float32))

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B]. Returns logits [B, V], state."""
        _, hidden = self.decoder.step(inputs, state.hidden)
        scores = np.where(state.mask, 4 * (state.encoded * hidden[:, None]).sum(2), -np.inf)
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        context = (weights[:, :, None] * state.encoded).sum(1)
        return (hidden + context) @ self.decoder.readout, state._replace(hidden=hidden, attention=weights)

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T]. Returns the logits [B, V] after the last, state."""
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


def tiny_translation_model(source: str = SOURCE, target: str = TARGET, *, seed: int = 0, hidden_size: int = 8) -> Model:
    """Create a translation model with random weights over the words of `source` and `target`."""
    reads, writes = (_words(text.split()) for text in (source, target))
    decoder = TinyTranslator(reads.size, writes.size, hidden_size, seed)
    fingerprint = hashlib.sha256(f"{source}\n{target}\n{seed} {hidden_size}".encode()).hexdigest()
    return Model("tiny", Task.TRANSLATE, "elman_attention", decoder, writes, fingerprint, source_tokenizer=reads)


def tiny_translation_checkpoint(
    path: str | Path,
    source: str = SOURCE,
    target: str = TARGET,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    defaults: Mapping[str, Any] | None = None,
    about: str = "",
    examples: Sequence[str] = (),
) -> Path:
    """Write a checkpoint of the architecture `attention_seq2seq`, without torch. Returns its path."""
    random = np.random.default_rng(seed)
    reads, writes, size = _words(source.split()), _words(target.split()), hidden_size
    shapes = {
        "source_embedding.weight": (reads.size, size),
        "target_embedding.weight": (writes.size, size),
        "attended.weight": (size, 2 * size),
    }
    shapes |= {f"{part}.0.weight_{kind}_l0": (size, size) for part in ("encoder", "decoder") for kind in ("ih", "hh")}
    shapes |= {"readout.weight": (writes.size, size)}
    weights = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    biases = [
        "attended.bias",
        *(f"{part}.0.bias_{kind}_l0" for part in ("encoder", "decoder") for kind in ("ih", "hh")),
    ]
    weights |= {name: np.zeros(size, np.float32) for name in biases} | {
        "readout.bias": np.zeros(writes.size, np.float32)
    }
    sizes = {"embed_size": size, "encoder_size": size, "hidden_size": size}
    return write_tiny(
        path,
        weights,
        architecture="attention_seq2seq",
        owner="seq2seq",
        task=str(Task.TRANSLATE),
        config={
            "source_vocab_size": reads.size,
            "target_vocab_size": writes.size,
            "cell": "rnn",
            "bidirectional": False,
            "attention": "dot",
            **sizes,
        },
        tokenizer={"name": writes.name, **writes.to_json()},
        source_tokenizer={"name": reads.name, **reads.to_json()},
        defaults=defaults,
        about=about,
        examples=examples,
    )


def _words(words: Sequence[str]) -> WordTokenizer:
    tokens = [*SPECIALS, *(f" {word}" for word in words)]
    return WordTokenizer(tokens, [0] * len(tokens))
