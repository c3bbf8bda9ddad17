"""Hidden states to logits, in numpy."""

from __future__ import annotations

from seqshell.layers.packing import Floats, Weights, take


class Readout:
    """logits = W h + b over the vocabulary. borrowed: the embedding's matrix [V, H] when the two are tied."""

    def __init__(self, weights: Weights, hidden_size: int, vocab_size: int, *, borrowed: Floats | None = None, prefix: str = "readout.") -> None:
        """Reads weights[f"{prefix}weight"] [V, H], unless borrowed, and weights[f"{prefix}bias"] [V]; CheckpointError when they do not fit."""
        self._weight = (take(weights, prefix + "weight", vocab_size, hidden_size) if borrowed is None else borrowed).T
        self._bias = take(weights, prefix + "bias", vocab_size)

    def __call__(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns logits [..., V]."""
        if len(hidden) == 1 and hidden.ndim == 2:  # a product with a vector is faster than with a matrix of one row
            row: Floats = hidden[0].dot(self._weight)
            row += self._bias
            return row[None]
        logits: Floats = hidden @ self._weight
        logits += self._bias
        return logits
