"""Real recurrent models that take microseconds, their weights drawn from a seed: an Elman network over a handful of characters, one that
labels them, and an encoder-decoder with attention over a handful of words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model, Task
from seqshell.core.state import State
from seqshell.core.subword_tokenizers import SPECIALS, WordTokenizer
from seqshell.core.tokenizers import EOS, PAD, CharTokenizer, Tokenizer
from seqshell.layers.padding import read_padded
from seqshell.models import file

SOURCE = "i you love see the cat dog ."  # words
LABELS = ("cat", "dog", "bird")
TARGET = "je tu aime vois le la chat chien ."


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


class TinyClassifier(TinyDecoder):
    """The same network with C labels in place of the vocabulary; logits = R h. causal=False: h is the mean of a network that reads the text
    forwards and the same one that reads it backwards, and there is no state."""

    def __init__(
        self, vocab_size: int, num_classes: int, hidden_size: int = 8, seed: int = 0, *, causal: bool = True
    ) -> None:
        super().__init__(vocab_size, hidden_size, seed)
        self.readout = np.random.default_rng(seed + 1).normal(0, 1, (hidden_size, num_classes)).astype(np.float32)
        self.causal = causal

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, H] zeros, or () where a text is read at once."""
        return super().initial_state(batch_size) if self.causal else ()

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T], padded right. Returns the logits [B, C] after each row's last token, state."""
        if self.causal:
            return read_padded(self._feed, inputs, state)
        lengths = np.maximum((inputs != PAD).sum(1), 1)
        return np.concatenate(
            [self._feed(inputs[row : row + 1, :length], ())[0] for row, length in enumerate(lengths)]
        ), ()

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """The same without padding."""
        if self.causal:
            return super().feed(inputs, state)
        start = super().initial_state(len(inputs))
        forwards, backwards = (super(TinyClassifier, self).feed(text, start)[1] for text in (inputs, inputs[:, ::-1]))
        return (forwards + backwards) / 2 @ self.readout, ()


class TinyState(NamedTuple):
    """hidden [B, H]; encoded [B, S, H] and mask [B, S], constant; attention [B, S]: the weights of the last step, zeros before the first."""

    hidden: NDArray[np.float32]
    encoded: NDArray[np.float32]
    mask: NDArray[np.bool_]
    attention: NDArray[np.float32]


class TinyTranslator:
    """An Elman network over the source, and one over the target that attends to it: weights softmax(4 encoded . h), logits = R (h + context)."""

    def __init__(self, source_size: int, target_size: int, hidden_size: int = 8, seed: int = 0) -> None:
        self.encoder = TinyDecoder(source_size, hidden_size, seed)
        self.decoder = TinyDecoder(target_size, hidden_size, seed + 1)

    def initial_state(self, batch_size: int = 1) -> State:
        """The encoding of EOS alone."""
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


def tiny_model(
    vocabulary: str = "\n abcdefgh", *, seed: int = 0, hidden_size: int = 8, tokenizer: Tokenizer | None = None
) -> Model:
    """A language model over the characters of `vocabulary`, or over the ids of another tokenizer."""
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


def tiny_classification_model(
    vocabulary: str = " abcdefgh",
    labels: Sequence[str] = LABELS,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    causal: bool = True,
    tokenizer: Tokenizer | None = None,
) -> Model:
    """A model that labels texts of the characters of `vocabulary`, or of the ids of another tokenizer with specials; it makes no sense of them.

    causal=False: it reads a text as a whole.
    """
    tokenizer = tokenizer or CharTokenizer(vocabulary, specials=True)
    decoder = TinyClassifier(tokenizer.size, len(labels), hidden_size, seed, causal=causal)
    fingerprint = hashlib.sha256(f"{tokenizer.to_json()} {labels} {seed} {hidden_size} {causal}".encode()).hexdigest()
    return Model(
        "tiny", Task.CLASSIFY, "elman_classifier", decoder, tokenizer, fingerprint, causal, labels=tuple(labels)
    )


def tiny_translation_model(source: str = SOURCE, target: str = TARGET, *, seed: int = 0, hidden_size: int = 8) -> Model:
    """A translation model over the words of `source` and `target`; it makes no sense of them."""
    reads, writes = (_words(text.split()) for text in (source, target))
    decoder = TinyTranslator(reads.size, writes.size, hidden_size, seed)
    fingerprint = hashlib.sha256(f"{source}\n{target}\n{seed} {hidden_size}".encode()).hexdigest()
    return Model("tiny", Task.TRANSLATE, "elman_attention", decoder, writes, fingerprint, source_tokenizer=reads)


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
    """Write the checkpoint of such a network (the architecture `rnn` of the plugin `recurrent`) without torch, and return its path."""
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
    header = {
        "kind": "model",
        "architecture": "rnn",
        "owner": "recurrent",
        "task": str(Task.GENERATE),
        "config": {"vocab_size": size, "embed_size": hidden_size, "hidden_size": hidden_size, "num_layers": 1},
        "tokenizer": {"name": "char", "vocabulary": vocabulary},
        "defaults": dict(defaults or {}),
        "about": about,
        "examples": list(examples),
        "provenance": {"data": {"name": "random numbers"}},
        "parameters": sum(values.size for values in weights.values()),
    }
    file.write(path, header, {name: values.astype(np.float32) for name, values in weights.items()})
    return Path(path)


def tiny_classification_checkpoint(
    path: str | Path,
    vocabulary: str = " abcdefgh",
    labels: Sequence[str] = LABELS,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    causal: bool = True,
    about: str = "",
    examples: Sequence[str] = (),
) -> Path:
    """Write the checkpoint of a small model that labels texts of these characters (the architecture `classifier` of the plugin `classifier`,
    or `bidirectional_classifier`) without torch, and return its path."""
    random = np.random.default_rng(seed)
    tokenizer, size = CharTokenizer(vocabulary, specials=True), hidden_size
    parts = ["recurrent.0"] if causal else ["recurrent.0.ahead.0", "recurrent.0.back.0"]
    shapes = {f"{part}.weight_{kind}_l0": (size, size) for part in parts for kind in ("ih", "hh")}
    shapes |= {"embedding.weight": (tokenizer.size, size), "readout.weight": (len(labels), size * len(parts))}
    weights = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {f"{part}.bias_{kind}_l0": np.zeros(size, np.float32) for part in parts for kind in ("ih", "hh")}
    weights["readout.bias"] = np.zeros(len(labels), np.float32)
    header = {
        "kind": "model",
        "architecture": "classifier" if causal else "bidirectional_classifier",
        "owner": "classifier",
        "task": str(Task.CLASSIFY),
        "config": {
            "vocab_size": tokenizer.size,
            "num_classes": len(labels),
            "cell": "rnn",
            "pooling": "last",
            "embed_size": size,
            "hidden_size": size,
        },
        "tokenizer": {"name": tokenizer.name, **tokenizer.to_json()},
        "labels": list(labels),
        "about": about,
        "examples": list(examples),
        "provenance": {"data": {"name": "random numbers"}},
        "parameters": sum(values.size for values in weights.values()),
    }
    file.write(path, header, weights)
    return Path(path)


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
    """Write the checkpoint of a small translation model (the architecture `attention_seq2seq` of the plugin `seq2seq`) without torch, and
    return its path."""
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
    header = {
        "kind": "model",
        "architecture": "attention_seq2seq",
        "owner": "seq2seq",
        "task": str(Task.TRANSLATE),
        "config": {
            "source_vocab_size": reads.size,
            "target_vocab_size": writes.size,
            "cell": "rnn",
            "bidirectional": False,
            "attention": "dot",
            **sizes,
        },
        "tokenizer": {"name": writes.name, **writes.to_json()},
        "source_tokenizer": {"name": reads.name, **reads.to_json()},
        "defaults": dict(defaults or {}),
        "about": about,
        "examples": list(examples),
        "provenance": {"data": {"name": "random numbers"}},
        "parameters": sum(values.size for values in weights.values()),
    }
    file.write(path, header, weights)
    return Path(path)


def _words(words: Sequence[str]) -> WordTokenizer:
    tokens = [*SPECIALS, *(f" {word}" for word in words)]
    return WordTokenizer(tokens, [0] * len(tokens))
