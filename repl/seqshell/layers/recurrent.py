"""Stacked recurrent layers in numpy: one time step or many, for one row or a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import State
from seqshell.layers.cells import GatedLayer, Layer, Parts
from seqshell.layers.matmul import matmul
from seqshell.layers.states import LSTMState, top_hidden
from seqshell.layers.weights import Floats

CHUNK = 256  # time steps whose input products are computed, and kept in memory, at once
TABLE_BYTES = 64 << 20  # the largest table of the first layer's input products
Run = Callable[[Layer, Floats, Parts], tuple[Floats, Parts, list[Floats]]]


class RecurrentStack:
    """Stacked recurrent layers. State: LSTMState for LSTM layers, else one array [B, L, H].

    The last layer may be smaller, with O units; its part of a state is then padded with zeros. Else, O is H.

    vectors: the embedding [V, E] if the inputs are token ids. one_hot: the ids stand for unit vectors.

    The first layer's input products depend on the token alone, so they are looked up instead of computed: in a table
    [V, G] of the whole vocabulary if it fits into TABLE_BYTES, or among the products of the tokens that were read so
    far. table_rows: the table is built at the first call with at least this number of rows and used by all such calls;
    with 0 it is built at once and used by every call.
    """

    def __init__(
        self, layers: Sequence[Layer], vectors: Floats | None = None, *, one_hot: bool = False, table_rows: int = 0
    ) -> None:
        self.layers = tuple(layers)
        first = self.layers[0]
        self.hidden_size, self.output_size = first.hidden_size, self.layers[-1].hidden_size
        # Units that no layer writes to are zeros.
        self._room = np.empty if self.output_size == self.hidden_size else np.zeros
        self._table: Floats | None = first.input_weight + first.bias if one_hot else None
        self._vectors = vectors
        fits = vectors is not None and len(vectors) * first.bias.nbytes <= TABLE_BYTES
        self._table_rows = 0 if one_hot else table_rows if fits else None
        self._known: dict[int, Floats] | None = {} if fits else None  # products [G] by token, for calls without a table
        # The input weights for the token's vector, and for the extra inputs.
        size = len(first.input_weight) if vectors is None else vectors.shape[1]
        self._token_weight, self.extra_weight = np.split(first.input_weight, [size])
        if self._table_rows == 0:
            self.table_for(0)

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; two of them for the LSTM."""
        shape = (batch_size, len(self.layers), self.hidden_size)
        return state_of([np.zeros(shape, np.float32) for _ in range(self.layers[0].num_parts)])

    def step(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """One time step. Returns the last layer's hidden states [B, O] and the state.

        inputs: [B] ids or [B, F]; extra: [B, X], concatenated to the ids' vectors.
        """
        parts = parts_of(state)
        new = [self._room(part.shape, np.float32) for part in parts]
        table, products = self.table_for(len(inputs)), None
        # A single row drops its batch axis: a matrix-vector product is faster than one with a matrix of one row.
        rows: Any = slice(None)
        if len(inputs) == 1:
            inputs, rows = inputs[0], 0
            extra = None if extra is None else extra[0]
        if table is not None:
            products = table[inputs]  # of a single token, a view of the table's row
        elif self._known is not None:
            products = self._known_products(inputs)
        if products is not None and extra is not None:
            products = products + matmul(extra, self.extra_weight)
        elif products is None and self._vectors is not None:
            inputs = self._vectors[inputs]
            if extra is not None:
                inputs = np.concatenate((inputs, extra), axis=-1)
        for depth, layer in enumerate(self.layers):
            size = layer.hidden_size
            before = [part[rows, depth, :size] for part in parts]  # [H] or [B, H]
            after = [part[rows, depth, :size] for part in new]  # views, which the layer writes to
            if depth == 0 and products is not None:
                layer.advance(products, before, after)
            else:
                layer.step(inputs, before, after)
            inputs = after[0]
        return new[0][:, -1, : self.output_size], state_of(new)

    def feed(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """Read many steps. Returns the last layer's hidden states after the last one [B, O], and the state.

        inputs: [B, T] ids or [B, T, F]; extra: [B, X], the same at every step.
        """
        for start in range(0, inputs.shape[1], CHUNK):
            _, state = self.read(inputs[:, start : start + CHUNK], state, extra)
        return parts_of(state)[0][:, -1, : self.output_size], state

    def read(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """Read many steps. Returns the last layer's outputs after every one [B, T, O], and the state.

        inputs: [B, T] ids or [B, T, F]; extra: [B, X], the same at every step. The layers run one after the other, each
        over all time steps: the input products of a layer are then one large matrix product, and only the recurrent
        product is computed step by step.
        """
        outputs, state, _ = self.read_layers(_last_parts, inputs, state, extra)
        return outputs, state

    def trace(
        self, inputs: NDArray[Any], state: State, extra: Floats | None = None
    ) -> tuple[Floats, State, State, dict[str, Floats]]:
        """The same, with what happens on the way. Returns the outputs [B, T, H], the state, the states after every
        step, with leaves [B, T, L, H], and by name [B, T, L, H]: `hidden`, `cell` of the LSTM, and the gates.
        """
        outputs, state, layers = self.read_layers(_all_parts, inputs, state, extra)
        steps = [np.stack(_widened(arrays), axis=-2) for arrays in zip(*layers, strict=True)]
        if len(inputs) > 1:
            steps = [array.swapaxes(0, 1) for array in steps]
        else:
            steps = [array[None] for array in steps]
        number = self.layers[0].num_parts
        names = (*("hidden", "cell")[:number], *gates_of(self.layers[0]))
        return outputs, state, state_of(steps[:number]), dict(zip(names, steps, strict=True))

    def read_layers(
        self, run: Run, inputs: NDArray[Any], state: State, extra: Floats | None
    ) -> tuple[Floats, State, list[list[Floats]]]:
        """As `read`, with what `run` keeps of each layer: it computes the steps of one, as `_last_parts` does."""
        parts = parts_of(state)
        new = [self._room(part.shape, np.float32) for part in parts]
        table = self.table_for(len(inputs))
        if len(inputs) == 1:
            extra = None if extra is None else extra[0]
            values, firsts, lasts = inputs[0], [part[0] for part in parts], [part[0] for part in new]  # values [T, F]
        else:
            values = inputs.swapaxes(0, 1)  # [T, B, F]
            firsts, lasts = [part.swapaxes(0, 1) for part in parts], [part.swapaxes(0, 1) for part in new]
        kept = []
        for depth, layer in enumerate(self.layers):
            products = _products(layer, values) if depth else self.input_products(values, table, extra)  # [T, ..., G]
            size = layer.hidden_size
            hidden, after, arrays = run(layer, products, [part[depth][..., :size] for part in firsts])
            for last, value in zip(lasts, after, strict=True):
                last[depth][..., :size] = value
            values = self._layer_outputs(depth, hidden, values)
            kept.append(arrays)
        return (values[None] if len(inputs) == 1 else values.swapaxes(0, 1)), state_of(new), kept

    def last_outputs(self, state: State) -> Floats | None:
        """What `step` returned with the state, [B, O]; None if that depends on more than the state."""
        hidden: Floats = top_hidden(state)[:, : self.output_size]
        return hidden

    def _layer_outputs(self, index: int, hidden: Floats, inputs: NDArray[Any]) -> Floats:
        """What layer `index` passes to the next one, [T, ..., H]; here its hidden states [T, ..., H].

        inputs: what the layer has read, [T, ..., H] except for the first layer.
        """
        return hidden

    def input_products(self, inputs: NDArray[Any], table: Floats | None, extra: Floats | None) -> Floats:
        """The first layer's input products [T, ..., G] of ids [T, ...] or values [T, ..., F]; extra: [..., X]."""
        products: Floats
        if table is not None:
            products = table[inputs]
        else:
            products = (inputs if self._vectors is None else self._vectors[inputs]) @ self._token_weight
            products += self.layers[0].bias
        if extra is not None:
            products += extra.dot(self.extra_weight)
        return products

    def separate_products(self, inputs: NDArray[Any]) -> Floats:
        """The first layer's input products [B, G] of ids [B] or values [B, F], none of which depends on the others."""
        if self._known is not None:
            return self._known_products(inputs)
        return np.stack([self.input_products(each, None, None) for each in inputs])

    def _known_products(self, ids: NDArray[Any]) -> Floats:
        """The first layer's input products of ids [B] or of one id.

        Each product is computed on its own, so that its last bits do not depend on the other ids of the call.
        """
        if ids.ndim == 0:
            return self._product_of(int(ids))
        return np.stack([self._product_of(token) for token in ids.tolist()])

    def _product_of(self, token: int) -> Floats:
        assert self._known is not None
        assert self._vectors is not None
        products = self._known.get(token)
        if products is None:
            self._known[token] = products = self._vectors[token].dot(self._token_weight) + self.layers[0].bias
        return products

    def table_for(self, num_rows: int) -> Floats | None:
        """The first layer's input products of every token, [V, G], if calls with this number of rows use the table.

        Whether they do depends on nothing else, so that equal calls always give bitwise equal results.
        """
        if self._table_rows is None or num_rows < self._table_rows:
            return None
        if self._table is None:
            assert self._vectors is not None
            table = self._vectors @ self._token_weight
            table += self.layers[0].bias
            self._table = table  # whole, for other threads
        return self._table


def _last_parts(layer: Layer, products: Floats, before: Parts) -> tuple[Floats, Parts, list[Floats]]:
    """Run a layer over its input products [T, ..., G]. Returns the hidden states [T, ..., H], the last parts, nothing.

    before: the parts of the state, [..., H] each.
    """
    hidden = np.empty((*products.shape[:-1], layer.hidden_size), np.float32)
    cell = [part.copy() for part in before[1:]]  # overwritten at every step; the hidden states are all kept
    for time in range(len(hidden)):
        after = [hidden[time], *cell]
        layer.advance(products[time], before, after)
        before = after
    return hidden, before, []


def _all_parts(layer: Layer, products: Floats, before: Parts) -> tuple[Floats, Parts, list[Floats]]:
    """The same, with all parts of the state after each step, [T, ..., H] each, and then the gates, [T, ..., H] each."""
    parts = [np.empty((*products.shape[:-1], layer.hidden_size), np.float32) for _ in before]
    names, gated = gates_of(layer), layer if isinstance(layer, GatedLayer) else None
    activations = np.empty((*products.shape[:-1], len(names) * layer.hidden_size), np.float32)
    for time in range(len(products)):
        after = [part[time] for part in parts]
        if gated is None:
            layer.advance(products[time], before, after)
        else:
            gated.advance(products[time], before, after, activations[time])
        before = after
    return parts[0], before, [*parts, *(np.split(activations, len(names), axis=-1) if names else ())]


def _widened(arrays: Sequence[Floats]) -> Sequence[Floats]:
    """Arrays of layers, [..., H] each, those of a smaller last layer padded with zeros."""
    size = arrays[0].shape[-1]
    if (missing := size - arrays[-1].shape[-1]) > 0:
        last = arrays[-1]
        return *arrays[:-1], np.pad(last, [(0, 0)] * (last.ndim - 1) + [(0, missing)])
    return arrays


def gates_of(layer: Layer) -> tuple[str, ...]:
    """The names of a layer's gates."""
    return layer.gate_names if isinstance(layer, GatedLayer) else ()


def _products(layer: Layer, inputs: Floats) -> Floats:
    """inputs: [..., F]. Returns [..., G], as Layer.advance expects them."""
    products: Floats = inputs @ layer.input_weight
    products += layer.bias
    return products


def parts_of(state: State) -> Parts:
    return state if isinstance(state, tuple) else (state,)


def state_of(parts: list[Floats]) -> State:
    return LSTMState(*parts) if len(parts) == 2 else parts[0]
