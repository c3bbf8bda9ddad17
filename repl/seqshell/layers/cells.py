"""One time step of recurrent layers in numpy: the simple recurrent network, the LSTM and the GRU.

A layer computes a step in two ways. `...` is either no axis or the batch B; G is H times the number of gates:

    step(inputs [..., F], before, after)       from the inputs
    advance(products [..., G], before, after)  from products = inputs @ input_weight + bias, computed beforehand

`before` and `after` are the parts of one layer's state, [..., H] each: (hidden,) or (hidden, cell). The new state is
written to the arrays of `after`. Its hidden state must be another array than that of `before`; the cell may be the
same.

A GatedLayer has gates, whose activations `advance` writes to another array if it is given one.

The logistic function is computed as sigmoid(x) = tanh(x / 2) / 2 + 1 / 2. The inner half is folded into the weights, so
that one tanh over [..., G] computes all gates of a step.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np

from seqshell.layers.matmul import is_few_rows, matmul
from seqshell.layers.weights import Floats, Weights, packed, take

HALF = np.float32(0.5)

Parts = Sequence[Floats]


class Layer(Protocol):
    """A recurrent layer with F inputs and H hidden units.

    input_weight: [F, G]; bias: [G]; num_parts: the number of arrays in its state, 2 for the LSTM and else 1.
    """

    input_weight: Floats
    bias: Floats
    hidden_size: int
    num_parts: int

    def advance(self, products: Floats, before: Parts, after: Parts) -> None: ...
    def step(self, inputs: Floats, before: Parts, after: Parts) -> None: ...


@runtime_checkable
class GatedLayer(Layer, Protocol):
    """A Layer with gates, of H columns of G each. gate_names: in their order."""

    gate_names: tuple[str, ...]

    def advance(self, products: Floats, before: Parts, after: Parts, activations: Floats | None = None) -> None:
        """The same as without `activations` [..., G]; write those of the gates to it."""


class _Fused(ABC):
    """A layer whose gates are one matrix product over [inputs, hidden]. hidden_weight: [H, G]."""

    num_parts = 1

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias: Floats) -> None:
        """weight_ih: [G, F], weight_hh: [G, H], bias: [G]."""
        self._set_weight(np.concatenate((weight_ih, weight_hh), axis=1).T, weight_ih.shape[1])
        self.bias = bias
        self.hidden_size = weight_hh.shape[1]

    def advance(self, products: Floats, before: Parts, after: Parts) -> None:
        gates = matmul(before[0], self.hidden_weight)
        gates += products
        self._finish(gates, before, after)

    def step(self, inputs: Floats, before: Parts, after: Parts) -> None:
        # In a beam, states may be equal where inputs differ; two products then multiply each distinct row once.
        if inputs.ndim == 2 and is_few_rows(inputs):
            gates = matmul(before[0], self.hidden_weight)
            gates += matmul(inputs, self.input_weight)
        else:
            gates = matmul(np.concatenate((inputs, before[0]), axis=-1), self._weight)
        gates += self.bias
        self._finish(gates, before, after)

    def with_weights(self, input_weight: Floats, hidden_weight: Floats) -> Self:
        """A copy with other weights, [F, G] and [H, G]."""
        other = copy.copy(self)
        other._set_weight(np.concatenate((input_weight, hidden_weight)), len(input_weight))
        return other

    def _set_weight(self, weight: Floats, num_inputs: int) -> None:
        """weight: [F + H, G]."""
        self._weight = packed(weight)
        self.input_weight, self.hidden_weight = np.split(self._weight, [num_inputs])

    @abstractmethod
    def _finish(self, gates: Floats, before: Parts, after: Parts) -> None:
        """Write the new state to `after`; gates [..., G] may be overwritten."""


class TanhLayer(_Fused):
    """h = tanh(W x + U h + b) (Elman 1990)."""

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias_ih: Floats, bias_hh: Floats) -> None:
        """weight_ih: [H, F], weight_hh: [H, H], biases: [H]."""
        super().__init__(weight_ih, weight_hh, bias_ih + bias_hh)

    def _finish(self, gates: Floats, before: Parts, after: Parts) -> None:
        np.tanh(gates, after[0])


class ReluLayer(TanhLayer):
    """h = max(0, W x + U h + b)."""

    def _finish(self, gates: Floats, before: Parts, after: Parts) -> None:
        np.maximum(gates, 0, out=after[0])


class LinearLayer(TanhLayer):
    """h = W x + U h + b."""

    def _finish(self, gates: Floats, before: Parts, after: Parts) -> None:
        np.copyto(after[0], gates)


class SigmoidLayer(_Fused):
    """h = sigmoid(W x + U h + b)."""

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias_ih: Floats, bias_hh: Floats) -> None:
        """weight_ih: [H, F], weight_hh: [H, H], biases: [H]."""
        super().__init__(HALF * weight_ih, HALF * weight_hh, HALF * (bias_ih + bias_hh))
        self._half = np.full(self.hidden_size, 0.5, np.float32)

    def _finish(self, gates: Floats, before: Parts, after: Parts) -> None:
        np.tanh(gates, gates)
        gates *= self._half
        np.add(gates, self._half, after[0])


class LSTMLayer(_Fused):
    """c = f * c + i * g, h = o * tanh(c), with i, f, o = sigmoid(W x + U h + b) and g = tanh(W x + U h + b).

    Gers et al. 2000, without peepholes.
    """

    num_parts = 2
    gate_names = ("input", "forget", "output", "candidate")

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias_ih: Floats, bias_hh: Floats) -> None:
        """weight_ih: [4H, F], weight_hh: [4H, H], biases: [4H], the gates in torch's order: i, f, g, o."""
        size = weight_hh.shape[1]
        super().__init__(*(_reordered(weight, size) for weight in (weight_ih, weight_hh, bias_ih + bias_hh)))
        self._half = np.full(3 * size, 0.5, np.float32)
        # Indices of the gates, made once because making one takes as long as a small sum.
        self._logistic = (..., slice(3 * size))
        self._input, self._forget, self._output, self._candidate = (
            (..., slice(gate * size, (gate + 1) * size)) for gate in range(4)
        )

    def advance(self, products: Floats, before: Parts, after: Parts, activations: Floats | None = None) -> None:
        gates = matmul(before[0], self.hidden_weight)
        gates += products
        self._finish(gates, before, after, activations)

    def _finish(self, gates: Floats, before: Parts, after: Parts, activations: Floats | None = None) -> None:
        np.tanh(gates, gates)
        logistic = gates[self._logistic]
        logistic *= self._half
        logistic += self._half
        if activations is not None:
            np.copyto(activations, gates)
        added, candidate = gates[self._input], gates[self._candidate]
        hidden, cell = after
        np.multiply(gates[self._forget], before[1], cell)
        added *= candidate
        cell += added
        np.tanh(cell, candidate)
        np.multiply(gates[self._output], candidate, hidden)


class GRULayer:
    """h = (1 - z) * n + z * h, with r, z = sigmoid(W x + U h + b) and n = tanh(W x + b + r * (U h + b')).

    Cho et al. 2014, https://arxiv.org/abs/1406.1078, with the reset gate applied after the product, as in torch.
    """

    num_parts = 1
    gate_names = ("reset", "update", "candidate")

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias_ih: Floats, bias_hh: Floats) -> None:
        """weight_ih: [3H, F], weight_hh: [3H, H], biases: [3H], the gates in torch's order: r, z, n."""
        size = weight_hh.shape[1]
        scale = np.repeat(np.array([0.5, 0.5, 1], np.float32), size)
        self.hidden_size = size
        self.input_weight = packed((weight_ih * scale[:, None]).T)  # [F, 3H]
        self.hidden_weight = packed((weight_hh * scale[:, None]).T)  # [H, 3H]
        # The reset gate multiplies the candidate's recurrent bias; all other biases can be added to the input products.
        self.bias = scale * np.concatenate((bias_ih[: 2 * size] + bias_hh[: 2 * size], bias_ih[2 * size :]))
        self.candidate_bias = bias_hh[2 * size :].copy()
        self._half = np.full(2 * size, 0.5, np.float32)

    def advance(self, products: Floats, before: Parts, after: Parts, activations: Floats | None = None) -> None:
        size = self.hidden_size
        (old,), (hidden,) = before, after
        gates = matmul(old, self.hidden_weight)
        logistic, candidate = gates[..., : 2 * size], gates[..., 2 * size :]
        logistic += products[..., : 2 * size]
        np.tanh(logistic, logistic)
        logistic *= self._half
        logistic += self._half
        candidate += self.candidate_bias
        candidate *= logistic[..., :size]
        candidate += products[..., 2 * size :]
        np.tanh(candidate, candidate)
        if activations is not None:
            np.copyto(activations, gates)
        np.subtract(old, candidate, hidden)  # h = n + z * (h - n)
        hidden *= logistic[..., size:]
        hidden += candidate

    def with_weights(self, input_weight: Floats, hidden_weight: Floats) -> Self:
        """A copy with other weights, [F, 3H] and [H, 3H]."""
        other = copy.copy(self)
        other.input_weight, other.hidden_weight = packed(input_weight), packed(hidden_weight)
        return other

    def step(self, inputs: Floats, before: Parts, after: Parts) -> None:
        products = matmul(inputs, self.input_weight)
        products += self.bias
        self.advance(products, before, after)


class ResetBeforeGRULayer:
    """A GRU layer with the candidate tanh(W x + U (r * h) + b): the reset gate acts before the product.

    Cho et al. 2014, https://arxiv.org/abs/1406.1078. A step needs two recurrent products, because that of the candidate
    depends on r.
    """

    num_parts = 1
    gate_names = ("reset", "update", "candidate")

    def __init__(self, weight_ih: Floats, weight_hh: Floats, bias_ih: Floats, bias_hh: Floats) -> None:
        """weight_ih: [3H, F], weight_hh: [3H, H], biases: [3H], the gates in torch's order: r, z, n."""
        size = self.hidden_size = weight_hh.shape[1]
        scale = np.repeat(np.array([0.5, 0.5, 1], np.float32), size)  # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2
        self.input_weight = packed((weight_ih * scale[:, None]).T)  # [F, 3H]
        self.bias = scale * (bias_ih + bias_hh)
        self._gate_weight = packed((HALF * weight_hh[: 2 * size]).T)  # [H, 2H]
        self._candidate_weight = packed(weight_hh[2 * size :].T)  # [H, H]

    def advance(self, products: Floats, before: Parts, after: Parts, activations: Floats | None = None) -> None:
        size, (old,), (hidden,) = self.hidden_size, before, after
        gates = np.tanh(matmul(old, self._gate_weight) + products[..., : 2 * size]) * HALF + HALF
        candidate = np.tanh(matmul(gates[..., :size] * old, self._candidate_weight) + products[..., 2 * size :])
        if activations is not None:
            np.concatenate((gates, candidate), -1, out=activations)
        hidden[...] = candidate + gates[..., size:] * (old - candidate)

    def step(self, inputs: Floats, before: Parts, after: Parts) -> None:
        self.advance(matmul(inputs, self.input_weight) + self.bias, before, after)


# The same names as in `seqshell.layers.modules.CELLS`.
CELLS: Mapping[str, Callable[[Floats, Floats, Floats, Floats], Layer]] = {
    "rnn_tanh": TanhLayer,
    "rnn_relu": ReluLayer,
    "rnn_sigmoid": SigmoidLayer,
    "rnn_none": LinearLayer,
    "lstm": LSTMLayer,
    "gru": GRULayer,
    "gru_reset_before": ResetBeforeGRULayer,
}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "rnn_sigmoid": 1, "rnn_none": 1, "lstm": 4, "gru": 3, "gru_reset_before": 3}


def read_layers(
    cell: str,
    weights: Weights,
    *,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    output_size: int = 0,
    prefix: str = "recurrent.",
) -> list[Layer]:
    """The layers of a RecurrentStack, with weights[f"{prefix}{layer}.weight_ih_l0"] and so on, as torch names them.

    cell: one of CELLS. output_size: of the last layer; 0: hidden_size. Raises CheckpointError if a tensor is missing or
    has another shape.
    """
    inputs = [input_size] + [hidden_size] * (num_layers - 1)
    sizes = [hidden_size] * (num_layers - 1) + [output_size or hidden_size]
    return [
        read_layer(cell, weights, input_size=size, hidden_size=own, prefix=f"{prefix}{index}.")
        for index, (size, own) in enumerate(zip(inputs, sizes, strict=True))
    ]


def read_layer(
    cell: str, weights: Weights, *, input_size: int, hidden_size: int, prefix: str, suffix: str = ""
) -> Layer:
    """One layer, with weights[f"{prefix}weight_ih_l0{suffix}"] and so on.

    Raises CheckpointError if a tensor is missing or has another shape.
    """
    size = GATES[cell] * hidden_size
    return CELLS[cell](
        take(weights, f"{prefix}weight_ih_l0{suffix}", size, input_size),
        take(weights, f"{prefix}weight_hh_l0{suffix}", size, hidden_size),
        take(weights, f"{prefix}bias_ih_l0{suffix}", size),
        take(weights, f"{prefix}bias_hh_l0{suffix}", size),
    )


def _reordered(weight: Floats, size: int) -> Floats:
    """[4H, ...] from torch's order i, f, g, o to i, f, o, g, with the three logistic gates halved."""
    i, f, g, o = (weight[start : start + size] for start in range(0, 4 * size, size))
    return np.concatenate((HALF * i, HALF * f, HALF * o, g))
