"""The words that describe a model to the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.kernels import layout
from seqshell.kernels.rounding import PRECISIONS, blocks_in
from seqshell.layers.cells import GRULayer, LinearLayer, LSTMLayer, ReluLayer, SigmoidLayer, TanhLayer
from seqshell.layers.recurrent import RecurrentStack
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


class ModelWords:
    """The words of a stack of layers of KINDS, and the arrays whose addresses are in them. readout: its words, or None.

    address: of the words. num_bytes: of the arrays of the layers.
    """

    def __init__(self, stack: RecurrentStack, readout: NDArray[np.int64] | None, precision: str) -> None:
        self._stack, self._precision = stack, precision
        self._kept: list[NDArray[Any]] = []
        self._words = words = np.zeros(layout.LAYERS + layout.RECORD * len(stack.layers), np.int64)
        words[layout.DEPTH], words[layout.SIZE] = len(stack.layers), stack.layers[0].hidden_size
        words[layout.ARRAY], words[layout.PRECISION] = layout.array_offset(), PRECISIONS[precision]
        if readout is not None:
            places = [layout.READ_WEIGHTS, layout.READ_BIAS, layout.NUM_OUTPUTS]
            words[places] = readout[places]
        for number, layer in enumerate(stack.layers):
            self._describe(layer, number, words[layout.LAYERS + layout.RECORD * number :])
        self.address: int = words.ctypes.data
        self.num_bytes = sum(array.nbytes for array in self._kept)

    def use_team(self, address: int) -> None:
        """Let a team compute the model, whose words are at this address."""
        self._words[layout.TEAM] = address

    def _describe(self, layer: Any, number: int, record: NDArray[np.int64]) -> None:
        """Write a layer's record."""
        inputs = layer.input_weight if number else self._stack.extra_weight
        record[layout.KIND] = KINDS[type(layer)]
        record[layout.WEIGHTS] = self._kept_at(
            blocks_in(self._precision, inputs, layer.hidden_weight, gates=len(layer.bias) // layer.hidden_size)
        )
        record[layout.BIAS] = self._address(layer.bias)
        record[layout.NUM_INPUTS] = len(inputs)
        if isinstance(layer, GRULayer):
            record[layout.CANDIDATE_BIAS] = self._address(layer.candidate_bias)
        if isinstance(self._stack, ResidualStack):
            record[layout.ADDS_INPUTS] = self._stack.residual and number > 0
            if self._stack.norms is not None:
                norm = self._stack.norms[number]
                record[layout.GAIN], record[layout.NORM_BIAS] = self._address(norm.gain), self._address(norm.bias)

    def _address(self, array: Floats) -> int:
        """The address of an array's data in float32."""
        return self._kept_at(np.ascontiguousarray(array, np.float32))

    def _kept_at(self, array: NDArray[Any]) -> int:
        """The address of an array's data, which is kept."""
        self._kept.append(array)
        return array.ctypes.data
