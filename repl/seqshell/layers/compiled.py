"""Recurrent stacks whose steps are compiled. Importing this module raises ImportError without compiled kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.shortlist import Divide, KeepBest, KeepMass, KeepNear, Rule
from seqshell.core.state import State
from seqshell.kernels import layout
from seqshell.kernels.layout import advance_words, step_words
from seqshell.kernels.loading import kernels
from seqshell.kernels.packing import blocks
from seqshell.layers.cells import (
    GRULayer,
    Layer,
    LinearLayer,
    LSTMLayer,
    Parts,
    ReluLayer,
    SigmoidLayer,
    TanhLayer,
)
from seqshell.layers.linear import Linear
from seqshell.layers.output_stack import OutputStack
from seqshell.layers.recurrent import CHUNK, RecurrentStack, parts_of, state_of
from seqshell.layers.residual import ResidualStack
from seqshell.layers.weights import Floats

KINDS: Mapping[type[Any], int] = MappingProxyType(
    {
        TanhLayer: layout.TANH,
        ReluLayer: layout.RELU,
        SigmoidLayer: layout.SIGMOID,
        LinearLayer: layout.LINEAR,
        LSTMLayer: layout.LSTM,
        GRULayer: layout.GRU,
    }
)
STACKS = RecurrentStack, ResidualStack
COMPILED = kernels()
RULE_KINDS: Mapping[type[Any], int] = MappingProxyType(
    {
        Divide: layout.DIVIDE,
        KeepBest: layout.KEEP_BEST,
        KeepNear: layout.KEEP_NEAR,
        KeepMass: layout.KEEP_MASS,
    }
)
BLOCK_BYTES = 1 << 26  # of weights that are read for one block, in two milliseconds: a larger model has shorter blocks
MOST_OUTPUTS = 512  # of a model that draws blocks; numpy sorts more logits faster


class CompiledStack(OutputStack):
    """An OutputStack that computes the steps of a single row, read-out included, in one compiled call.

    Several rows, and layers of other classes than those of this package, are left to numpy; `backend` is then "numpy".
    """

    backend = "compiled"

    def __init__(self, stack: RecurrentStack, readout: Linear | None = None) -> None:
        super().__init__(stack, readout)
        self._last: State | None = None  # the state that the last step returned, whose arrays are known to fit
        self._shape = (1, len(stack.layers), stack.layers[0].hidden_size)
        if type(stack) not in STACKS or any(type(layer) not in KINDS for layer in stack.layers):
            self.backend = "numpy"
            self._block = 0
            return
        self._kept: list[Floats] = []  # the arrays whose addresses the kernels have
        self._layer_outputs: tuple[int, int] | None = None  # of a step, [L, H]; None: they are the hidden states
        if isinstance(stack, ResidualStack) and (stack.norms or stack.residual):
            self._layer_outputs = self._shape[1:]
        self._words = self._model_words()
        self._readout_words = self._words.copy()  # a model without layers
        self._readout_words[layout.DEPTH] = 0
        self._model, self._readout_model = self._words.ctypes.data, self._readout_words.ctypes.data
        self._number_of = {id(layer): number for number, layer in enumerate(stack.layers)}
        table = stack.table_for(1)
        self._table = None if table is None else np.ascontiguousarray(table, np.float32)
        num_outputs = 0 if readout is None else readout.weight.shape[1]
        self._scratch = np.empty(3 * num_outputs, np.float64)
        self._coded: tuple[Any, Any] = ((), ())
        self._codes = _codes((), (), 0)
        self._block = BLOCK_BYTES // sum(array.nbytes for array in self._kept)  # the number of tokens
        if self._table is None or len(self._table) != num_outputs or num_outputs > MOST_OUTPUTS:
            self._block = 0

    def step(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.step."""
        if len(inputs) != 1 or self.backend == "numpy":
            return super().step(inputs, state, extra)
        first, offset = self._table, 0
        if first is None or extra is not None:
            first = self._first_products(inputs[0], extra)
        else:
            token = inputs.item()
            if not 0 <= token < len(first):
                return super().step(inputs, state, extra)
            offset = token * first.strides[0]
        parts = parts_of(state) if state is self._last else self._checked(state)
        new = [np.empty(self._shape, np.float32) for _ in parts]
        outputs = None if self._layer_outputs is None else np.empty(self._layer_outputs, np.float32)
        logits = None if self.readout is None else np.empty((1, self.readout.weight.shape[1]), np.float32)
        COMPILED.step(
            step_words(
                self._model,
                id(first),
                offset,
                0,
                id(parts[0]),
                id(parts[-1]),
                id(new[0]),
                id(new[-1]),
                0 if outputs is None else id(outputs),
                0 if logits is None else id(logits),
            )
        )
        self._last = state = state_of(new)
        if logits is not None:
            return logits, state
        return (new[0][:, -1] if outputs is None else outputs[-1:]), state

    def draw_block(
        self,
        outputs: Floats,
        state: State,
        rules: Sequence[Rule],
        excluded: Sequence[int],
        numbers: Sequence[float],
    ) -> tuple[list[int], list[Floats], list[State]] | None:
        """As Decoder.draw_block. None for rules without a kernel, and for a large model."""
        if self.backend == "numpy" or self._table is None or self._block < 2:
            return None
        if (rules, excluded) != self._coded:
            self._coded, self._codes = (rules, excluded), _codes(rules, excluded, len(self._table))
        if self._codes is None:
            return None
        parts = parts_of(state) if state is self._last else self._checked(state)
        given = np.ascontiguousarray(outputs, np.float32)
        number = min(self._block, len(numbers))
        chances, tokens = np.array(numbers, np.float64), np.full(number, -1, np.int64)
        layer_outputs = None if self._layer_outputs is None else np.empty(self._layer_outputs, np.float32)
        new = [[np.empty(self._shape, np.float32) for _ in parts] for _ in range(number)]
        logits = [np.empty(outputs.shape, np.float32) for _ in range(number)]
        records: list[int] = []
        for arrays, row in zip(new, logits, strict=True):
            records += (id(arrays[0]), id(arrays[-1]), id(row))
        COMPILED.block(
            layout.block_words(
                self._model,
                id(self._table),
                self._table.strides[0],
                id(parts[0]),
                id(parts[-1]),
                0 if layer_outputs is None else id(layer_outputs),
                id(given),
                id(self._codes),
                len(self._codes),
                id(chances),
                number,
                id(tokens),
                id(self._scratch),
                *records,
            )
        )
        ids = tokens.tolist()
        drawn = ids.index(-1) if -1 in ids else number
        states = [state_of(arrays) for arrays in new[:drawn]]
        if states:
            self._last = states[-1]
        return ids[:drawn], logits[:drawn], states

    def feed(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.feed."""
        if len(inputs) != 1 or self.backend == "numpy":
            return super().feed(inputs, state, extra)
        for start in range(0, inputs.shape[1], CHUNK):
            hidden, state, _ = self.stack.read_layers(self._run, inputs[:, start : start + CHUNK], state, extra)
        return self.read_out(hidden[:, -1]), state

    def read(self, inputs: NDArray[Any], state: State, extra: Floats | None = None) -> tuple[Floats, State]:
        """As OutputStack.read."""
        if len(inputs) != 1 or self.backend == "numpy":
            return super().read(inputs, state, extra)
        hidden, state, _ = self.stack.read_layers(self._run, inputs, state, extra)
        return self.read_out(hidden), state

    def read_out(self, hidden: Floats) -> Floats:
        """hidden: [..., H]. Returns [..., O]; those of a single row equal those of a step in every bit."""
        if self.readout is None or self.backend == "numpy" or hidden.shape[:-1] != (1,):
            return super().read_out(hidden)
        hidden = np.ascontiguousarray(hidden, np.float32)
        logits = np.empty((1, self.readout.weight.shape[1]), np.float32)
        COMPILED.step(step_words(self._readout_model, 0, 0, id(hidden), 0, 0, 0, 0, 0, id(logits)))
        return logits

    def _run(self, layer: Layer, products: Floats, before: Parts) -> tuple[Floats, Parts, list[Floats]]:
        """Run a layer over its input products [T, G]. As RecurrentStack.read_layers expects it."""
        size = layer.hidden_size
        products = np.ascontiguousarray(products, np.float32)
        before = [np.ascontiguousarray(part, np.float32) for part in before]
        hidden, *cell = (
            np.empty((len(products) if not number else 1, size), np.float32) for number in range(len(before))
        )
        after = [hidden, *cell]
        arrays = id(before[0]), id(before[-1]), id(hidden), id(after[-1])
        number = self._number_of[id(layer)]
        COMPILED.advance(advance_words(self._model, number, len(products), *arrays, id(products)))
        return hidden, [part[-1] for part in after], []

    def _first_products(self, inputs: NDArray[Any], extra: Floats | None) -> Floats:
        """The first layer's input products [G]. inputs: [] or [F]; extra: [1, X]."""
        products = self.stack.input_products(inputs, self._table, None if extra is None else extra[0])
        return np.ascontiguousarray(products, np.float32)

    def _checked(self, state: State) -> Parts:
        """The parts of a state as the kernels read them. Raises ValueError if they have another shape."""
        parts = [np.ascontiguousarray(part, np.float32) for part in parts_of(state)]
        if any(part.shape != self._shape for part in parts) or len(parts) != self.layers[0].num_parts:
            raise ValueError(f"the state is not {self.layers[0].num_parts} x {self._shape}")
        return parts

    def _model_words(self) -> NDArray[np.int64]:
        """The block of words that describes the model to the kernels."""
        words = np.zeros(layout.LAYERS + layout.RECORD * len(self.layers), np.int64)
        words[layout.DEPTH], words[layout.SIZE] = self._shape[1:]
        words[layout.ARRAY] = layout.array_offset()
        if self.readout is not None:
            outputs = self.readout.weight.shape[1]
            bias = np.zeros(outputs, np.float32) if self.readout.bias is None else self.readout.bias
            words[layout.READ_WEIGHTS] = self._address(blocks(self.readout.weight))
            words[layout.READ_BIAS] = self._address(bias)
            words[layout.NUM_OUTPUTS] = outputs
        for number, layer in enumerate(self.layers):
            record = words[layout.LAYERS + layout.RECORD * number :]
            self._describe(layer, number, record)
        return words

    def _describe(self, layer: Any, number: int, record: NDArray[np.int64]) -> None:
        """Write a layer's record."""
        size = layer.hidden_size
        weights = (layer.input_weight, layer.hidden_weight) if number else (layer.hidden_weight,)
        record[layout.KIND] = KINDS[type(layer)]
        record[layout.WEIGHTS] = self._address(blocks(*weights, gates=len(layer.bias) // size))
        record[layout.BIAS] = self._address(layer.bias)
        record[layout.NUM_INPUTS] = len(layer.input_weight) if number else 0
        if isinstance(layer, GRULayer):
            record[layout.CANDIDATE_BIAS] = self._address(layer.candidate_bias)
        if isinstance(self.stack, ResidualStack):
            record[layout.ADDS_INPUTS] = self.stack.residual and number > 0
            if self.stack.norms is not None:
                norm = self.stack.norms[number]
                record[layout.GAIN], record[layout.NORM_BIAS] = self._address(norm.gain), self._address(norm.bias)

    def _address(self, array: Floats) -> int:
        """The address of an array's data, kept as long as this stack."""
        array = np.ascontiguousarray(array, np.float32)
        self._kept.append(array)
        return array.ctypes.data


def _codes(rules: Sequence[Rule], excluded: Sequence[int], size: int) -> NDArray[np.float64] | None:
    """The rules as the kernels read them, [R, 2]; None if there is no kernel for one of them. size: V."""
    rows: list[tuple[int, Any]] = [(layout.EXCLUDE, token) for token in excluded]
    rows += [(RULE_KINDS.get(type(rule), -1), next(iter(vars(rule).values()), None)) for rule in rules]
    is_known = all(kind >= 0 and isinstance(value, int | float) for kind, value in rows)
    if not is_known or not all(0 <= token < size for token in excluded):
        return None
    return np.array(rows, np.float64).reshape(-1, 2)
