"""Hidden states to logits, in numpy."""

from __future__ import annotations

from seqshell.layers.linear import Linear
from seqshell.layers.packing import Floats, Weights, take


class Readout(Linear):
    """logits = W h + b over the vocabulary. borrowed: the embedding's matrix [V, H] when the two are tied."""

    def __init__(
        self,
        weights: Weights,
        hidden_size: int,
        vocab_size: int,
        *,
        borrowed: Floats | None = None,
        prefix: str = "readout.",
    ) -> None:
        """Reads weights[f"{prefix}weight"] [V, H], unless borrowed, and weights[f"{prefix}bias"] [V]; CheckpointError when they do not fit."""
        weight = take(weights, prefix + "weight", vocab_size, hidden_size) if borrowed is None else borrowed
        super().__init__(weight, take(weights, prefix + "bias", vocab_size))
