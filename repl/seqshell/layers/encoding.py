"""Recurrent layers over whole padded texts, from one end or from both, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.layers.cells import Layer, read_layer
from seqshell.layers.packing import Floats, Weights


class Encoded(NamedTuple):
    """outputs: [B, S, M] of the last layer, zero at padding; hidden: [B, L, M], each layer's state after its last token, both
    directions beside each other; cell: the same of an LSTM, else None."""

    outputs: Floats
    hidden: Floats
    cell: Floats | None


class Encoder:
    """Layers on top of each other, each of one direction, or of two that read from either end and whose outputs stand beside each other.

    Padding is not read: at each step only the rows that have a token there are computed, those that are longer first.
    """

    def __init__(self, layers: Sequence[Sequence[Layer]], vectors: Floats | None = None) -> None:
        """layers: the directions of each layer, forward first. vectors: the embedding [V, E] when the inputs are token ids."""
        self.layers = tuple(map(tuple, layers))
        self._vectors = vectors

    def __call__(self, source: NDArray[Any], lengths: NDArray[Any]) -> Encoded:
        """source: [B, S] ids or [B, S, E], padded right; lengths: [B], each at least 1."""
        order = np.argsort(-lengths, kind="stable")  # the longest row first
        is_token = np.arange(source.shape[1])[:, None] < lengths[order]  # [S, B]
        times, places = np.nonzero(is_token)  # of each token, all tokens of a time step together: [N]
        rows = order[places]
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
                own = slice(number * size, (number + 1) * size)
                products = values @ layer.input_weight
                products += layer.bias
                last = _run(layer, products, steps[::-1] if number else steps, outputs[:, own], len(source))
                for final, part in zip(finals, last, strict=True):
                    final[order, depth, own] = part
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
    """An Encoder from a checkpoint: weights[f"{prefix}{layer}.weight_ih_l0"] and so on, as torch names them, with the ending _reverse for the
    other direction. vectors: the embedding [V, E] when the inputs are token ids. CheckpointError when a tensor is missing or has another shape.
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


def _steps(counts: NDArray[Any], batch_size: int) -> list[tuple[Any, Any]]:
    """For each time step, where its tokens stand among all of them, and the rows that have one. counts: how many those are, [S]."""
    ends = counts.cumsum().tolist()
    if (
        batch_size == 1
    ):  # a row on its own loses its batch axis: a product with a vector is faster than with a matrix of one row
        return [(end - 1, 0) for end in dict.fromkeys(ends)]
    return [(slice(end - count, end), slice(count)) for end, count in zip(ends, counts.tolist(), strict=True) if count]


def _run(
    layer: Layer, products: Floats, steps: list[tuple[Any, Any]], outputs: Floats, batch_size: int
) -> list[Floats]:
    """Write the hidden states after all tokens, [N, H], to outputs and return the parts of the state after the last of each row, [B, H] each.

    Rows that end, or have not begun, keep their state.
    """
    parts = [np.zeros((batch_size, layer.hidden_size), np.float32) for _ in range(layer.num_parts)]
    for where, who in steps:
        state = [part[who] for part in parts]
        hidden = outputs[where]
        layer.advance(products[where], state, [hidden, *state[1:]])
        state[0][...] = hidden
    return parts
