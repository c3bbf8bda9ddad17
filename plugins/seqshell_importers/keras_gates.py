"""The weights of a recurrent layer of Keras in torch's order of gates, also those that its layers for CuDNN save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell_importers.torch_layers import Gates

Array = NDArray[Any]
ORDER = {"rnn": (0,), "lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}  # torch's gates in Keras's order: i f c o, and z r h


def keras_gates(cell: str, weights: Mapping[str, Array], *, reset: str = "after", nonlinearity: str = "") -> Gates:
    """One direction of a layer. weights: kernel [I, G * H], recurrent_kernel [H, G * H], and bias, if there is one.

    reset, nonlinearity: as of Gates. Raises KeyError or ValueError if the weights are not those of a layer.
    """
    kernel, recurrent = (weights[name].T for name in ("kernel", "recurrent_kernel"))
    rows, size = recurrent.shape
    if rows != len(ORDER[cell]) * size or len(kernel) != rows:
        raise ValueError(f"a kernel {list(kernel.T.shape)} and a recurrent_kernel {list(recurrent.T.shape)}")
    bias = weights.get("bias", np.zeros(rows, np.float32))
    if bias.shape == (2 * rows,) and cell != "rnn":
        kernel, recurrent = _from_cudnn(kernel, size), recurrent.reshape(-1, size, size).swapaxes(1, 2)
        recurrent, bias, reset = recurrent.reshape(rows, size), bias.reshape(2, rows), "after"
    first, second = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    inputs, hidden, input_bias, hidden_bias = (
        _reordered(each, cell, size) for each in (kernel, recurrent, first, second)
    )
    return Gates(inputs, hidden, input_bias, hidden_bias, reset=reset, nonlinearity=nonlinearity)


def _from_cudnn(kernel: Array, size: int) -> Array:
    """The inputs' weights [G * H, I], whose gates CuDNN has as [H, I] in the memory of [I, H]."""
    return np.concatenate([gate.T.reshape(gate.shape) for gate in np.split(kernel, len(kernel) // size)])


def _reordered(weights: Array, cell: str, size: int) -> Array:
    parts = weights.reshape(len(ORDER[cell]), size, *weights.shape[1:])
    return np.concatenate([parts[index] for index in ORDER[cell]])
