"""Recurrent encoders in numpy: layers over whole padded texts, in one direction or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers.cells import Layer, read_layer
from seqshell.layers.weights import Floats, Weights


class Encoded(NamedTuple):
    """What an Encoder computes. M is H, or 2H with both directions concatenated.

    outputs: [B, S, M] of the last layer, zero at padding; hidden: [B, L, M], each layer's state after its last token;
    cell: the same for an LSTM's cell state, else None.
    """

    outputs: Floats
    hidden: Floats
    cell: Floats | None


class Encoder:
    """Stacked recurrent layers, each of one direction, or of two whose outputs are concatenated.

    Padding is never computed. The rows are sorted by length, longest first, and all tokens are laid out time step by
    time step, as in torch's PackedSequence: the tokens of step t are a contiguous block, and the rows that have one
    are always the first rows of the batch.
    """

    def __init__(self, layers: Sequence[Sequence[Layer]], vectors: Floats | None = None) -> None:
        """layers: the directions of each layer, forward first; vectors: the embedding [V, E] if inputs are ids."""
        self.layers = tuple(map(tuple, layers))
        self._vectors = vectors

    def __call__(self, source: NDArray[Any], lengths: NDArray[Any]) -> Encoded:
        """source: [B, S] ids or [B, S, E], padded on the right; lengths: [B], each at least 1."""
        order = np.argsort(-lengths, kind="stable")  # the longest row first
        is_token = np.arange(source.shape[1])[:, None] < lengths[order]  # [S, B]
        times, sorted_rows = np.nonzero(is_token)  # time and row of each token, step by step: [N]
        rows = order[sorted_rows]
        steps = _steps(np.count_nonzero(is_token, axis=1), len(source))
        values: Floats = source[rows, times]  # [N] or [N, E]
        if self._vectors is not None:
            values = self._vectors[values]
        size, num_parts = self.layers[0][0].hidden_size, self.layers[0][0].num_parts
        width = len(self.layers[0]) * size
        finals = [np.empty((len(source), len(self.layers), width), np.float32) for _ in range(num_parts)]
        for depth, directions in enumerate(self.layers):
            outputs = np.empty((len(values), width), np.float32)
            for number, layer in enumerate(directions):
                columns = slice(number * size, (number + 1) * size)
                products = values @ layer.input_weight
                products += layer.bias
                last = _run(layer, products, steps[::-1] if number else steps, outputs[:, columns], len(source))
                for final, part in zip(finals, last, strict=True):
                    final[order, depth, columns] = part
            values = outputs
        unpacked = np.zeros((*source.shape[:2], width), np.float32)
        unpacked[rows, times] = values
        return Encoded(unpacked, finals[0], finals[1] if num_parts == 2 else None)


def read_encoder(
    cell: str,
    weights: Weights,
    *,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bidirectional: bool,
    vectors: Floats | None = None,
    prefix: str = "encoder.",
) -> Encoder:
    """An Encoder with weights[f"{prefix}{layer}.weight_ih_l0"] and so on, as torch names them.

    The names of the backward direction end in _reverse. vectors: the embedding [V, E] if the inputs are token ids.
    Raises CheckpointError if a tensor is missing or has another shape.
    """
    suffixes = ("", "_reverse") if bidirectional else ("",)
    sizes = [input_size] + [hidden_size * len(suffixes)] * (num_layers - 1)
    layers = [
        [
            read_layer(
                cell, weights, input_size=size, hidden_size=hidden_size, prefix=f"{prefix}{index}.", suffix=suffix
            )
            for suffix in suffixes
        ]
        for index, size in enumerate(sizes)
    ]
    return Encoder(layers, vectors)


def read_bidirectional_layers(
    cell: str, weights: Weights, *, input_size: int, hidden_size: int, num_layers: int, prefix: str = "recurrent."
) -> list[list[Layer]]:
    """The directions of each modules.BidirectionalLayer in a ModuleList, for an Encoder.

    Raises CheckpointError if a tensor is missing or has another shape.
    """
    sizes = [input_size] + [2 * hidden_size] * (num_layers - 1)
    return [
        [
            read_layer(
                cell, weights, input_size=size, hidden_size=hidden_size, prefix=f"{prefix}{index}.{direction}.0."
            )
            for direction in ("ahead", "back")
        ]
        for index, size in enumerate(sizes)
    ]


def _steps(counts: NDArray[Any], batch_size: int) -> list[tuple[Any, Any]]:
    """For each time step, the index of its tokens among all tokens, and the index of the rows that have one.

    counts: [S], the number of rows with a token at each step.
    """
    ends = counts.cumsum().tolist()
    # A single row drops its batch axis: a matrix-vector product is faster than one with a matrix of one row.
    if batch_size == 1:
        return [(end - 1, 0) for end in dict.fromkeys(ends)]
    return [(slice(end - count, end), slice(count)) for end, count in zip(ends, counts.tolist(), strict=True) if count]


def _run(
    layer: Layer, products: Floats, steps: list[tuple[Any, Any]], outputs: Floats, batch_size: int
) -> list[Floats]:
    """Run one direction of a layer over all tokens. Returns the parts of each row's last state, [B, H] each.

    products: [N, G], the tokens' input products. The hidden states are written to outputs [N, H]. Rows that have ended,
    or have not begun yet in the backward direction, keep their state.
    """
    parts = [np.zeros((batch_size, layer.hidden_size), np.float32) for _ in range(layer.num_parts)]
    for tokens, rows in steps:
        state = [part[rows] for part in parts]
        hidden = outputs[tokens]
        layer.advance(products[tokens], state, [hidden, *state[1:]])
        state[0][...] = hidden
    return parts
