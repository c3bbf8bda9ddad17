"""A decoder that mixes others: its probabilities are the weighted means of theirs.

The mean is taken in linear space: a token is likely if one of the models finds it likely. Its state is the tuple of
their states, so undo, branches, saving and search work as for one model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.decoder import Decoder
from seqshell.core.model import own_method
from seqshell.core.state import State
from seqshell.decoding.probabilities import log_probs


class MixedDecoder:
    """Decoders of one vocabulary. weights: of each, which add up to 1. State: the tuple of their states."""

    def __init__(self, decoders: Sequence[Any], weights: Sequence[float]) -> None:
        self.decoders = tuple(decoders)
        self._logs = np.log(np.asarray(weights, np.float64))[:, None, None]
        self.backend = "+".join(dict.fromkeys(str(getattr(each, "backend", "numpy")) for each in decoders))

    def initial_state(self, batch_size: int = 1) -> State:
        """The initial state of each."""
        return tuple(each.initial_state(batch_size) for each in self.decoders)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B]. Returns log-probabilities [B, V], state."""
        return self._mixed([each.step(inputs, part) for each, part in zip(self.decoders, state, strict=True)])

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T]. Returns the log-probabilities [B, V] after the last, state."""
        return self._mixed([each.feed(inputs, part) for each, part in zip(self.decoders, state, strict=True)])

    def encode(self, source: NDArray[Any], lengths: NDArray[Any]) -> State:
        """The encoded source [B, S] of each, if they translate."""
        return tuple(each.encode(source, lengths) for each in self.decoders)

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The log-probabilities [B, V] of a state; None if one of the decoders cannot tell them."""
        methods: list[Callable[[State], Any] | None] = [
            own_method(each, "state_outputs", "state") for each in self.decoders
        ]
        found = [method(part) if method else None for method, part in zip(methods, state, strict=True)]
        return None if any(each is None for each in found) else self._mean(found)

    def _mixed(self, found: list[tuple[NDArray[Any], State]]) -> tuple[NDArray[Any], State]:
        return self._mean([outputs for outputs, _ in found]), tuple(state for _, state in found)

    def _mean(self, outputs: Sequence[Any]) -> NDArray[Any]:
        logs = np.stack([log_probs(each) for each in outputs]) + self._logs
        mean: NDArray[Any] = np.logaddexp.reduce(logs, 0).astype(np.float32)
        return mean


def mixed(decoders: Sequence[Decoder], weights: Sequence[float]) -> MixedDecoder:
    """Mix decoders with weights that are relative to each other."""
    total = sum(weights)
    return MixedDecoder(decoders, [weight / total for weight in weights])
