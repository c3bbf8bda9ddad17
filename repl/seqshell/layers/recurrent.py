"""Stacks of recurrent layers in numpy, stepped one token at a time or fed many, for one row or a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers.cells import Layer, Parts
from seqshell.layers.packing import Floats
from seqshell.layers.products import product
from seqshell.layers.states import LSTMState

CHUNK = 256  # time steps whose input products are computed, and held, at once
TABLE_BYTES = 64 << 20  # the first layer's input products of a whole vocabulary are kept when they fit


class RecurrentStack:
    """Recurrent layers on top of each other. State: LSTMState for LSTM layers, else one array [B, L, H].

    vectors: the embedding [V, E] when the inputs are token ids. The first layer's product of every token with its input weights is then
    computed once, as a table [V, G], if that is not too large. one_hot: the ids are their own unit vectors.
    table_rows: a table of vectors serves calls with at least so many rows, and is made at the first of them; 0: every call, and it is made here.
    Steps of fewer rows keep the product of each token that they read.
    """

    def __init__(
        self, layers: Sequence[Layer], vectors: Floats | None = None, *, one_hot: bool = False, table_rows: int = 0
    ) -> None:
        self.layers = tuple(layers)
        first = self.layers[0]
        self._table: Floats | None = first.input_weight + first.bias if one_hot else None
        self._vectors = vectors
        fits = vectors is not None and len(vectors) * first.bias.nbytes <= TABLE_BYTES
        self._table_rows = 0 if one_hot else table_rows if fits else None
        self._read: dict[int, Floats] | None = (
            {} if fits else None
        )  # products [G] of the tokens that small steps have read
        # Columns of the input weights for the token, and for what is read beside it.
        size = len(first.input_weight) if vectors is None else vectors.shape[1]
        self._token_weight, self._beside_weight = np.split(first.input_weight, [size])
        if self._table_rows == 0:
            self._table_for(0)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; two of them for the LSTM."""
        shape = (batch_size, len(self.layers), self.layers[0].hidden_size)
        return _state([np.zeros(shape, np.float32) for _ in range(self.layers[0].num_parts)])

    def step(self, inputs: NDArray[Any], state: State, beside: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B] ids or [B, F]; beside: [B, X], read with the ids' vectors. Returns the last layer's hidden states [B, H] and the state."""
        parts = _parts(state)
        new = [np.empty(part.shape, np.float32) for part in parts]
        table, products = self._table_for(len(inputs)), None
        # A product with a vector is faster than with a matrix of one row, so that a row on its own loses its batch axis.
        rows: Any = slice(None)
        if len(inputs) == 1:
            inputs, rows = inputs[0], 0
            beside = None if beside is None else beside[0]
        if table is not None:
            products = table[inputs]  # of a single token, the table's own row
        elif self._read is not None:
            products = self._read_products(inputs)
        if products is not None and beside is not None:
            products = products + product(beside, self._beside_weight)
        elif products is None and self._vectors is not None:
            inputs = (
                self._vectors[inputs] if beside is None else np.concatenate((self._vectors[inputs], beside), axis=-1)
            )
        for index, layer in enumerate(self.layers):
            own_place = rows, index  # [H], or [B, H]
            old, own = [part[own_place] for part in parts], [part[own_place] for part in new]
            if index == 0 and products is not None:
                layer.advance(products, old, own)
            else:
                layer.step(inputs, old, own)
            inputs = own[0]
        return new[0][:, -1], _state(new)

    def feed(self, inputs: NDArray[Any], state: State, beside: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B, T] ids or [B, T, F]; beside: [B, X], read at every step.

        Returns the last layer's hidden states after the last step [B, H], and the state.
        """
        for start in range(0, inputs.shape[1], CHUNK):
            _, state = self.read(inputs[:, start : start + CHUNK], state, beside)
        return _parts(state)[0][:, -1], state

    def read(self, inputs: NDArray[Any], state: State, beside: Floats | None = None) -> tuple[Floats, State]:
        """inputs: [B, T] ids or [B, T, F]; beside: [B, X], read at every step.

        Returns the last layer's outputs after every step [B, T, H], here its hidden states, and the state.
        """
        parts = _parts(state)
        new = [np.empty(part.shape, np.float32) for part in parts]
        table = self._table_for(len(inputs))
        if len(inputs) == 1:
            beside = None if beside is None else beside[0]
            steps, before, after = inputs[0], [part[0] for part in parts], [part[0] for part in new]  # steps [T, F]
        else:
            steps = inputs.swapaxes(0, 1)  # [T, B, F]
            before, after = [part.swapaxes(0, 1) for part in parts], [part.swapaxes(0, 1) for part in new]
        for index, layer in enumerate(self.layers):
            read = steps
            products = _products(layer, steps) if index else self._input_products(steps, table, beside)  # [T, ..., G]
            steps = np.empty((*products.shape[:-1], layer.hidden_size), np.float32)
            old = [part[index] for part in before]
            rest = [
                part.copy() for part in old[1:]
            ]  # the cell is overwritten at every step, the hidden states are kept
            for time in range(len(steps)):
                own = [steps[time], *rest]
                layer.advance(products[time], old, own)
                old = own
            for part, value in zip(after, old, strict=True):
                part[index] = value
            steps = self._handed_on(index, steps, read)
        return (steps[None] if len(inputs) == 1 else steps.swapaxes(0, 1)), _state(new)

    def _handed_on(self, index: int, hidden: Floats, read: NDArray[Any]) -> Floats:
        """hidden: [T, ..., H], of a layer that has read [T, ..., H]; the first may have read something else. Returns what it hands on [T, ..., H]."""
        return hidden

    def _input_products(self, inputs: NDArray[Any], table: Floats | None, beside: Floats | None) -> Floats:
        """The first layer's input products [T, ..., G] of ids [T, ...] or of values [T, ..., F]; beside: [..., X]."""
        products: Floats
        if table is not None:
            products = table[inputs]
        else:
            products = (inputs if self._vectors is None else self._vectors[inputs]) @ self._token_weight
            products += self.layers[0].bias
        if beside is not None:
            products += beside.dot(self._beside_weight)
        return products

    def _read_products(self, ids: NDArray[Any]) -> Floats:
        """The first layer's input products of ids [B] or of one id. Each is computed alone, so that it does not depend on what it is read with."""
        return (
            self._product_of(int(ids)) if ids.ndim == 0 else np.stack([self._product_of(each) for each in ids.tolist()])
        )

    def _product_of(self, token: int) -> Floats:
        assert self._read is not None
        assert self._vectors is not None
        products = self._read.get(token)
        if products is None:
            self._read[token] = products = self._vectors[token].dot(self._token_weight) + self.layers[0].bias
        return products

    def _table_for(self, num_rows: int) -> Floats | None:
        """The first layer's input products of every token, [V, G], where calls of so many rows use them.

        It depends on nothing else: the same call is the same arithmetic whatever came before.
        """
        if self._table_rows is None or num_rows < self._table_rows:
            return None
        if self._table is None:
            assert self._vectors is not None
            self._table = self._vectors @ self._token_weight
            self._table += self.layers[0].bias
        return self._table


def _products(layer: Layer, inputs: Floats) -> Floats:
    """inputs: [..., F]. Returns [..., G], as Layer.advance wants them."""
    products: Floats = inputs @ layer.input_weight
    products += layer.bias
    return products


def _parts(state: State) -> Parts:
    return state if isinstance(state, tuple) else (state,)


def _state(parts: list[Floats]) -> State:
    return LSTMState(*parts) if len(parts) == 2 else parts[0]
