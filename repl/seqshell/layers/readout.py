"""The linear layer from hidden states to logits, in numpy."""

from __future__ import annotations

from seqshell.layers.linear import Linear
from seqshell.layers.weights import Floats, Weights, take


class Readout(Linear):
    """logits = W h + b over the vocabulary. With tied weights, W is the embedding matrix."""

    def __init__(
        self,
        weights: Weights,
        hidden_size: int,
        vocab_size: int,
        *,
        embedding: Floats | None = None,
        prefix: str = "readout.",
    ) -> None:
        """Read weights[f"{prefix}bias"] [V] and, unless `embedding` [V, H] is tied to it, weights[f"{prefix}weight"]
        [V, H].

        Raises CheckpointError if a tensor is missing or has another shape.
        """
        weight = take(weights, prefix + "weight", vocab_size, hidden_size) if embedding is None else embedding
        super().__init__(weight, take(weights, prefix + "bias", vocab_size))
