"""A tiny tagger with random weights: an Elman network with a tag for each token."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model
from seqshell.core.state import State
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import PAD, CharTokenizer, Tokenizer
from seqshell.testing.tiny_classifier import TinyClassifier
from seqshell.testing.tiny_file import write_tiny

TAGS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


class TinyTagger(TinyClassifier):
    """The classifier's network. causal=False: h is the mean of the states of both directions at each token."""

    def token_outputs(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """inputs: [B, T], padded right. Returns the logits [B, T, C] of every token."""
        lengths = np.maximum((inputs != PAD).sum(1), 1)
        outputs = np.zeros((*inputs.shape, self.readout.shape[1]), np.float32)
        for row, length in enumerate(lengths.tolist()):
            outputs[row, :length] = self._hidden(inputs[row, :length]) @ self.readout
        return outputs

    def _feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        if self.causal:
            return super()._feed(inputs, state)
        return self.token_outputs(inputs)[:, -1], ()

    def _hidden(self, ids: NDArray[Any]) -> NDArray[Any]:
        """[T, H] of one text."""
        ahead = self._states(ids)
        return ahead if self.causal else (ahead + self._states(ids[::-1])[::-1]) / 2

    def _states(self, ids: NDArray[Any]) -> NDArray[Any]:
        state, steps = np.zeros(self.recurrent.shape[0], np.float32), []
        for token in ids:
            state = np.tanh(self.embedding[token] + state @ self.recurrent)
            steps.append(state)
        return np.stack(steps)


def tiny_tagging_model(
    vocabulary: str = " abcdefgh",
    tags: Sequence[str] = TAGS,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    causal: bool = True,
    tokenizer: Tokenizer | None = None,
) -> Model:
    """Create a tagger over the characters of `vocabulary`, or over another tokenizer with specials.

    causal=False: it reads a text as a whole.
    """
    tokenizer = tokenizer or CharTokenizer(vocabulary, specials=True)
    decoder = TinyTagger(tokenizer.size, len(tags), hidden_size, seed, causal=causal)
    fingerprint = hashlib.sha256(f"{tokenizer.to_json()} {tags} {seed} {hidden_size} {causal}".encode()).hexdigest()
    model = Model("tiny", Task.TAG, "elman_tagger", decoder, tokenizer, fingerprint, causal)
    return replace(model, labels=tuple(tags))


def tiny_tagging_checkpoint(
    path: str | Path,
    vocabulary: str = " abcdefgh",
    tags: Sequence[str] = TAGS,
    *,
    seed: int = 0,
    hidden_size: int = 8,
    causal: bool = True,
    about: str = "",
    examples: Sequence[str] = (),
) -> Path:
    """Write a checkpoint of `tagger` or `bidirectional_tagger`, without torch. Returns its path."""
    random = np.random.default_rng(seed)
    tokenizer, size = CharTokenizer(vocabulary, specials=True), hidden_size
    parts = ["recurrent.0"] if causal else ["recurrent.0.ahead.0", "recurrent.0.back.0"]
    shapes: dict[str, tuple[int, ...]] = {
        f"{part}.weight_{kind}_l0": (size, size) for part in parts for kind in ("ih", "hh")
    }
    shapes |= {f"{part}.bias_{kind}_l0": (size,) for part in parts for kind in ("ih", "hh")}
    shapes |= {"embedding.weight": (tokenizer.size, size), "readout.weight": (len(tags), size * len(parts))}
    weights = {name: random.normal(0, 1, shape) for name, shape in {**shapes, "readout.bias": (len(tags),)}.items()}
    sizes = {"vocab_size": tokenizer.size, "num_classes": len(tags), "embed_size": size, "hidden_size": size}
    return write_tiny(
        path,
        weights,
        architecture="tagger" if causal else "bidirectional_tagger",
        owner="tagger",
        task=str(Task.TAG),
        config={**sizes, "cell": "rnn"},
        tokenizer={"name": tokenizer.name, **tokenizer.to_json()},
        labels=list(tags),
        about=about,
        examples=examples,
    )
