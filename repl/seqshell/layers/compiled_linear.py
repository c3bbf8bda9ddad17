"""A linear layer whose products are compiled. Importing this module raises ImportError without compiled kernels."""

from __future__ import annotations

import numpy as np

from seqshell.kernels import layout
from seqshell.kernels.layout import step_words
from seqshell.kernels.loading import kernels
from seqshell.kernels.rounding import PRECISIONS, blocks_in, rounded
from seqshell.kernels.second_thread import helper_for
from seqshell.layers.linear import Linear
from seqshell.layers.weights import Floats

COMPILED = kernels()


class CompiledLinear(Linear):
    """A Linear layer whose products with rows [B, I] are one compiled call; each row's are those of the row alone."""

    def __init__(self, layer: Linear, *, precision: str = "float32") -> None:
        super().__init__(rounded(layer.weight, precision).T, layer.bias)
        size, outputs = self.weight.shape
        self._packed = blocks_in(precision, layer.weight)
        self._first = (
            np.zeros(outputs, np.float32) if self.bias is None else np.ascontiguousarray(self.bias, np.float32)
        )
        self.words = np.zeros(layout.LAYERS, np.int64)  # a model without layers
        self.words[[layout.SIZE, layout.ARRAY, layout.NUM_OUTPUTS]] = size, layout.array_offset(), outputs
        self.words[layout.PRECISION] = PRECISIONS[precision]
        self.words[[layout.READ_WEIGHTS, layout.READ_BIAS]] = self._packed.ctypes.data, self._first.ctypes.data
        self._helper = helper_for(self._packed.nbytes)
        self.words[layout.TEAM] = 0 if self._helper is None else self._helper.address
        self._model = self.words.ctypes.data

    def __call__(self, inputs: Floats) -> Floats:
        """As Linear."""
        if inputs.ndim != 2 or inputs.shape[1] != len(self.weight):
            return super().__call__(inputs)
        inputs = np.ascontiguousarray(inputs, np.float32)
        outputs = np.empty((len(inputs), self.weight.shape[1]), np.float32)
        if self._helper is not None:
            self._helper.wake()
        COMPILED.step(step_words(self._model, 0, 0, id(inputs), 0, 0, 0, 0, 0, id(outputs), len(inputs)))
        return outputs
