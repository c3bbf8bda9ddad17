"""A tiny classifier with random weights: an Elman network with labels in place of the vocabulary."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import PAD, CharTokenizer, Tokenizer
from seqshell.layers.padding import read_padded
from seqshell.testing.tiny_file import write_tiny
from seqshell.testing.tiny_language_model import TinyDecoder

LABELS = ("cat", "dog", "bird")


class TinyClassifier(TinyDecoder):
    """The same network with C labels instead of the vocabulary; logits = R h.

    causal=False: h is the mean of reading the text forwards and backwards, and there is no state.
    """

    def __init__(
        self, vocab_size: int, num_classes: int, hidden_size: int = 8, seed: int = 0, *, causal: bool = True
    ) -> None:
        super().__init__(vocab_size, hidden_size, seed)
        self.readout = np.random.default_rng(seed + 1).normal(0, 1, (hidden_size, num_classes)).astype(np.float32)
        self.causal = causal

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, H] zeros; () if causal is False."""
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


def tiny_classification_model(
    vocabulary: str = " abcdefgh",
    labels: Sequence[str] = LABELS,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    causal: bool = True,
    tokenizer: Tokenizer | None = None,
) -> Model:
    """Create a classifier of texts over the characters of `vocabulary`, or over another tokenizer with specials.

    causal=False: it reads a text as a whole.
    """
    tokenizer = tokenizer or CharTokenizer(vocabulary, specials=True)
    decoder = TinyClassifier(tokenizer.size, len(labels), hidden_size, seed, causal=causal)
    fingerprint = hashlib.sha256(f"{tokenizer.to_json()} {labels} {seed} {hidden_size} {causal}".encode()).hexdigest()
    return Model(
        "tiny", Task.CLASSIFY, "elman_classifier", decoder, tokenizer, fingerprint, causal, labels=tuple(labels)
    )


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
    """Write a checkpoint of `classifier` or `bidirectional_classifier`, without torch. Returns its path."""
    random = np.random.default_rng(seed)
    tokenizer, size = CharTokenizer(vocabulary, specials=True), hidden_size
    parts = ["recurrent.0"] if causal else ["recurrent.0.ahead.0", "recurrent.0.back.0"]
    shapes = {f"{part}.weight_{kind}_l0": (size, size) for part in parts for kind in ("ih", "hh")}
    shapes |= {"embedding.weight": (tokenizer.size, size), "readout.weight": (len(labels), size * len(parts))}
    weights = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= {f"{part}.bias_{kind}_l0": np.zeros(size, np.float32) for part in parts for kind in ("ih", "hh")}
    weights["readout.bias"] = np.zeros(len(labels), np.float32)
    return write_tiny(
        path,
        weights,
        architecture="classifier" if causal else "bidirectional_classifier",
        owner="classifier",
        task=str(Task.CLASSIFY),
        config={
            "vocab_size": tokenizer.size,
            "num_classes": len(labels),
            "cell": "rnn",
            "pooling": "last",
            "embed_size": size,
            "hidden_size": size,
        },
        tokenizer={"name": tokenizer.name, **tokenizer.to_json()},
        labels=list(labels),
        about=about,
        examples=examples,
    )
