"""The architectures elman, lstm_cell and gru_cell in numpy.

The models in `cells` have separate weights for each gate; the decoders concatenate them, for one product per step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import Arrays, State
from seqshell.layers import (
    GRULayer,
    Layer,
    Linear,
    LinearLayer,
    LSTMLayer,
    OutputStack,
    Readout,
    RecurrentStack,
    ReluLayer,
    ResetBeforeGRULayer,
    SigmoidLayer,
    TanhLayer,
    packed,
    take,
)
from seqshell.layers.matmul import matmul
from seqshell.layers.weights import Floats, Weights
from seqshell_recurrent.config import CellConfig, ElmanConfig, GRUCellConfig, LSTMCellConfig, StackedCellConfig
from seqshell_recurrent.stacked_decoder import StackedDecoder

ELMAN_LAYERS: Mapping[str, Callable[[Floats, Floats, Floats, Floats], Layer]] = {
    "tanh": TanhLayer,
    "relu": ReluLayer,
    "sigmoid": SigmoidLayer,
    "none": LinearLayer,
}


class ElmanDecoder:
    """The recurrent network of the tutorials, in both forms. State: one array [B, H].

    stack_class: what computes the steps.
    """

    stack_class: ClassVar[type[OutputStack]] = OutputStack

    def __init__(self, config: ElmanConfig, weights: Weights) -> None:
        hidden_size, vocab_size = config.hidden_size, config.vocab_size
        self._vectors = _vectors(config, weights)
        size = config.embed_size or vocab_size
        self._i2o_readout = None  # of the previous hidden state, in the form i2o
        if config.form == "h2o":
            weight_ih = take(weights, "i2h.weight", hidden_size, size)
            weight_hh = take(weights, "h2h.weight", hidden_size, hidden_size)
            biases = take(weights, "i2h.bias", hidden_size), take(weights, "h2h.bias", hidden_size)
            self._readout = Readout(weights, hidden_size, vocab_size, prefix="h2o.")
        else:
            i2h = take(weights, "i2h.weight", hidden_size, size + hidden_size)
            weight_ih, weight_hh = np.split(i2h, [size], axis=1)
            biases = take(weights, "i2h.bias", hidden_size), np.zeros(hidden_size, np.float32)
            i2o = take(weights, "i2o.weight", vocab_size, size + hidden_size)
            token_weight, hidden_weight = np.split(i2o, [size], axis=1)
            self._token_weight = packed(token_weight.T)  # [I, V]
            self._i2o_readout = Linear(hidden_weight.copy(), take(weights, "i2o.bias", vocab_size))
        layer = ELMAN_LAYERS[config.nonlinearity](weight_ih, weight_hh, *biases)
        stack = RecurrentStack([layer], self._vectors, one_hot=self._vectors is None)
        self._recurrent = self.stack_class(stack)
        self.backend, self.num_threads = self._recurrent.backend, self._recurrent.num_threads
        self._hidden_size = hidden_size

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, H] zeros."""
        return np.zeros((batch_size, self._hidden_size), np.float32)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B] int64; state: [B, H]. Returns logits [B, V], state."""
        hidden, after = self._recurrent.step(inputs, state[:, None])
        return self._logits(inputs, state, hidden), after[:, 0]

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T] int64; state: [B, H]. Returns the logits [B, V] after the last token, state."""
        # The form i2o computes logits from the state before the last token.
        if self._i2o_readout is not None and inputs.shape[1] > 1:
            state = self._recurrent.feed(inputs[:, :-1], state[:, None])[1][:, 0]
            inputs = inputs[:, -1:]
        hidden, after = self._recurrent.feed(inputs, state[:, None])
        return self._logits(inputs[:, -1], state, hidden), after[:, 0]

    def trace(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State, Arrays]:
        """inputs: [B, T] int64; state: [B, H]. Returns logits [B, T, V], state, and the hidden states [B, T, H]."""
        _, after, steps, _ = self._recurrent.trace(inputs, state[:, None])
        hidden = steps[:, :, 0]
        before = np.concatenate((state[:, None], hidden[:, :-1]), 1)
        return self._logits(inputs, before, hidden), after[:, 0], {"0": hidden, "hidden": hidden}

    def state_outputs(self, state: State) -> NDArray[Any] | None:
        """The logits [B, V] of a state; None in the form i2o, in which they depend on the state before it."""
        return self._readout(state) if self._i2o_readout is None else None

    def _logits(self, inputs: NDArray[Any], before: Floats, after: Floats) -> Floats:
        """inputs: [...], the tokens; before, after: [..., H], the hidden states around each. Returns [..., V]."""
        if self._i2o_readout is None:
            return self._readout(after)
        logits: Floats = self._i2o_readout(before)
        logits += (
            self._token_weight[inputs] if self._vectors is None else matmul(self._vectors[inputs], self._token_weight)
        )
        return logits


class CellDecoder(StackedDecoder):
    """Base class for decoders of stacked cells: embedding, layers, read-out."""

    def __init__(self, config: StackedCellConfig, weights: Weights, layers: Sequence[Layer]) -> None:
        vectors = _vectors(config, weights)
        readout = Readout(weights, config.hidden_size, config.vocab_size)
        super().__init__(RecurrentStack(layers, vectors, one_hot=vectors is None), readout)


class LSTMCellDecoder(CellDecoder):
    """LSTM cells. State: LSTMState(hidden, cell), [B, L, H] each."""

    def __init__(self, config: LSTMCellConfig, weights: Weights) -> None:
        layers = [LSTMLayer(*_all_gates(weights, "ifgo", config, layer)) for layer in range(config.num_layers)]
        super().__init__(config, weights, layers)


class GRUCellDecoder(CellDecoder):
    """GRU cells. State: one array [B, L, H]."""

    def __init__(self, config: GRUCellConfig, weights: Weights) -> None:
        layers: list[Layer] = []
        for layer in range(config.num_layers):
            weight_ih, weight_hh, bias_ih, bias_hh = _all_gates(weights, "rzn", config, layer)
            if config.reset == "after":
                bias_hh[2 * config.hidden_size :] = take(weights, f"cells.{layer}.a_n", config.hidden_size)
                layers.append(GRULayer(weight_ih, weight_hh, bias_ih, bias_hh))
            else:
                layers.append(ResetBeforeGRULayer(weight_ih, weight_hh, bias_ih, bias_hh))
        super().__init__(config, weights, layers)


def _vectors(config: CellConfig, weights: Weights) -> Floats | None:
    """The embedding [V, E], or None if tokens are one-hot."""
    return take(weights, "embedding.weight", config.vocab_size, config.embed_size) if config.embed_size else None


def _all_gates(
    weights: Weights, gates: str, config: StackedCellConfig, layer: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """weight_ih [G, I], weight_hh [G, H], bias_ih [G] and bias_hh [G] of a layer, as in torch; bias_hh is zero."""
    size, prefix = config.hidden_size, f"cells.{layer}."
    input_size = config.hidden_size if layer else config.embed_size or config.vocab_size
    weight_ih = np.concatenate([take(weights, f"{prefix}W_{gate}", size, input_size) for gate in gates])
    weight_hh = np.concatenate([take(weights, f"{prefix}U_{gate}", size, size) for gate in gates])
    bias = np.concatenate([take(weights, f"{prefix}b_{gate}", size) for gate in gates])
    return weight_ih, weight_hh, bias, np.zeros_like(bias)
