"""The torch twins of the numpy layers: one-hot inputs, dropout for sequences, recurrent stacks, read-out.

Import this only from a module that defines a torch model, so that decoding does not import torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional, init
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqshell.core.state import State
from seqshell.layers import padded_rows, recurrence
from seqshell.layers.reset_before import ResetBeforeGRU
from seqshell.layers.single_steps import Steps
from seqshell.layers.states import LSTMState


class OneHot(nn.Module):
    """Takes the place of an embedding: each token becomes its unit vector."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [B, T] int64. Returns [B, T, V] of zeros and ones, in the default float type."""
        return functional.one_hot(tokens, self.vocab_size).to(torch.get_default_dtype())


def sequence_dropout(inputs: Tensor, p: float, training: bool, locked: bool = True) -> Tensor:
    """Dropout: in training, set a share p of inputs [B, T, F] to zero and scale the rest by 1 / (1 - p).

    locked: use the same mask at all time steps of a sequence (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287).
    """
    if not training or p == 0:
        return inputs
    if not locked:
        return inputs * _mask(inputs, p) if inputs.device.type == "cpu" else functional.dropout(inputs, p)
    return inputs * functional.dropout(torch.ones_like(inputs[:, :1]), p)  # [B, 1, F] over all T


def _mask(inputs: Tensor, p: float) -> Tensor:
    """0 with probability p, else 1 / (1 - p), for each input; drawn from 16 bits each, which is faster than torch's."""
    bits = torch.empty(-(-inputs.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = bits[: inputs.numel()] >= round(p * 2**16) - 2**15
    return kept.view(inputs.shape).to(inputs.dtype).mul_(1 / (1 - p))


def token_dropout(vectors: Tensor, tokens: Tensor, vocab_size: int, p: float, training: bool) -> Tensor:
    """Embedding dropout: in training, set a share p of the vocabulary's vectors to zero and scale the rest by 1 / (1 -
    p).

    vectors: [B, T, E], the embeddings of tokens [B, T]. A token is zero at all its occurrences in the call or at none
    (Gal & Ghahramani 2016; Merity et al. 2018, section 4.3).
    """
    if not training or p == 0:
        return vectors
    return vectors * functional.dropout(vectors.new_ones(vocab_size, 1), p)[tokens]


class SigmoidRNN(nn.Module):
    """h = sigmoid(W x + U h + b), which nn.RNN does not offer. Named and called like nn.RNN."""

    nonlinearity: Callable[[Tensor], Tensor] = staticmethod(torch.sigmoid)

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(hidden_size)
        self.weight_ih_l0 = nn.Parameter(torch.empty(hidden_size, input_size).uniform_(-bound, bound))
        self.weight_hh_l0 = nn.Parameter(torch.empty(hidden_size, hidden_size).uniform_(-bound, bound))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: [B, T, F]; hidden: [1, B, H]. Returns the hidden states [B, T, H] and the last of them [1, B, H]."""
        products = functional.linear(inputs, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)  # [B, T, H]
        step, outputs = hidden[0], []
        for product in products.unbind(1):
            step = self.nonlinearity(product + functional.linear(step, self.weight_hh_l0))
            outputs.append(step)
        return torch.stack(outputs, 1), step.unsqueeze(0)


class LinearRNN(SigmoidRNN):
    """h = W x + U h + b."""

    nonlinearity = staticmethod(lambda value: value)


# One layer each, called like nn.RNN: layer(inputs [B, T, F], state [1, B, H]) -> (outputs [B, T, H], state).
CELLS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "rnn_tanh": lambda size, hidden: nn.RNN(size, hidden, nonlinearity="tanh", batch_first=True),
    "rnn_relu": lambda size, hidden: nn.RNN(size, hidden, nonlinearity="relu", batch_first=True),
    "rnn_sigmoid": SigmoidRNN,
    "rnn_none": LinearRNN,
    "lstm": lambda size, hidden: nn.LSTM(size, hidden, batch_first=True),
    "gru": lambda size, hidden: nn.GRU(size, hidden, batch_first=True),
    "gru_reset_before": ResetBeforeGRU,
}


class RecurrentStack(nn.ModuleList):
    """Stacked recurrent layers. State: LSTMState for the cell "lstm", else one tensor [B, L, H].

    A layer passes on y = dropout(h), or dropout(LayerNorm(h)) with layer_norm (Ba et al. 2016,
    https://arxiv.org/abs/1607.06450). With residual, every layer but the first adds its input to y (Wu et al. 2016,
    https://arxiv.org/abs/1609.08144, section 3.1). The recurrence itself uses h.

    cell: one of CELLS. output_size: of the last layer; 0: hidden_size. Its part of a state is padded with zeros.
    weight_dropout: dropout of the recurrent weights, with one mask for all time steps and sequences
    of a call (Merity et al. 2018, https://arxiv.org/abs/1708.02182). forget_bias: the initial bias of the LSTM's forget
    gate (Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html). input_bias: that of its input
    gate; below 0, the cell is not filled with new inputs at first, so that it can keep an old one (Tallec & Ollivier
    2018, https://arxiv.org/abs/1804.11188). The other biases start at 0, and each gate's recurrent weights as an
    orthogonal matrix.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        output_size: int = 0,
        dropout: float = 0.0,
        locked: bool = True,
        weight_dropout: float = 0.0,
        residual: bool = False,
        layer_norm: bool = False,
        forget_bias: float = 1.0,
        input_bias: float = 0.0,
    ) -> None:
        inputs = [input_size] + [hidden_size] * (num_layers - 1)
        sizes = [hidden_size] * (num_layers - 1) + [output_size or hidden_size]
        super().__init__(CELLS[cell](size, own) for size, own in zip(inputs, sizes, strict=True))
        self.cell = cell
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.locked = locked
        self.weight_dropout = weight_dropout
        self.residual = residual
        self.layer_norm = layer_norm
        for layer in self:
            initialise(layer, is_lstm=cell == "lstm", forget_bias=forget_bias, input_bias=input_bias)
            if layer_norm:
                layer.norm = nn.LayerNorm(hidden_size)  # inside the layer, so that the stack contains only its layers

    def initial_state(self, batch_size: int = 1) -> State:
        """Zeros [batch_size, L, H]; two of them for the LSTM."""
        weight = cast(Tensor, self[0].weight_hh_l0)
        zeros = weight.new_zeros(batch_size, len(self), self.hidden_size)
        return LSTMState(zeros, torch.zeros_like(zeros)) if self.cell == "lstm" else zeros

    def one_by_one(self, inputs: Tensor) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Like `forward`, to be called once for each step of inputs [B, T, ...], with the inputs [B, 1, F] of a step.

        For models that need a step's outputs for the inputs of the next one: in training, the steps share what does not
        depend on the inputs.
        """
        if self.weight_dropout or not recurrence.is_compiled(self.cell, inputs, self.hidden_size):
            return self
        rows, steps = inputs.shape[:2]
        return partial(self.forward, steps=[Steps(self.cell, layer, rows, steps) for layer in self])

    def forward(
        self, inputs: Tensor, state: State, table: Tensor | None = None, steps: Sequence[Steps] = ()
    ) -> tuple[Tensor, State]:
        """inputs: [B, T, F]. Returns the last layer's outputs [B, T, H] and the state after the last step.

        The state keeps its float type, also under autocast. table: [V, F]; the inputs are then tokens [B, T], whose
        vectors are its rows. For a small table that is less work than an embedding before the stack. steps: of
        `one_by_one`.
        """
        finals: list[State] = []
        for index, layer in enumerate(self):
            # nn.LSTM expects states [1, B, H] even with batch_first=True; our states are batch-first.
            size = cast(Tensor, layer.weight_hh_l0).shape[1]
            if isinstance(state, LSTMState):
                parts: Any = tuple(part[:, index, :size].unsqueeze(0).contiguous() for part in state)
            else:
                parts = state[:, index, :size].unsqueeze(0).contiguous()
            if steps:
                hidden, final = steps[index](inputs, parts)
            else:
                hidden, final = self._run(layer, inputs, parts, None if index else table)
            finals.append(final)
            if self.layer_norm:
                hidden = cast(nn.LayerNorm, layer.norm)(hidden)
            hidden = sequence_dropout(hidden, self.dropout, self.training, self.locked)
            inputs = hidden + inputs if self.residual and index else hidden
        if isinstance(state, LSTMState):
            return inputs, LSTMState(
                *(_batch_first(parts, old) for parts, old in zip(zip(*finals, strict=True), state, strict=True))
            )
        return inputs, _batch_first(finals, state)

    def _run(self, layer: nn.Module, inputs: Tensor, state: Any, table: Tensor | None) -> Any:
        """Run one layer with states [1, B, H]; in training, with dropout of its recurrent weights."""
        dropped = None
        if self.training and self.weight_dropout:
            dropped = functional.dropout(cast(Tensor, layer.weight_hh_l0), self.weight_dropout)
        is_compiled = recurrence.is_compiled(self.cell, inputs, cast(Tensor, layer.weight_hh_l0).shape[1])
        if table is not None and not (is_compiled and recurrence.is_by_token(inputs, table)):
            inputs, table = functional.embedding(inputs, table), None
        if is_compiled:
            return recurrence.run_layer(self.cell, layer, inputs, state, table=table, recurrent_weight=dropped)
        if dropped is None:
            return layer(inputs, state)
        weight = cast(Tensor, layer.weight_hh_l0)
        outputs = torch.func.functional_call(layer, {"weight_hh_l0": dropped}, (inputs, state))
        layer.weight_hh_l0 = weight  # nn.RNN keeps a list of its weights, which would still contain the dropped one
        return outputs


class BidirectionalLayer(nn.Module):
    """One forward and one backward recurrent layer, with concatenated outputs (Schuster & Paliwal 1997).

    The backward layer reads each row reversed up to its length; the padding stays on the right, so no token is read
    after padding. torch's packed sequences would do the same several times slower, because they do not use oneDNN.
    cell, options: as of RecurrentStack.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__()
        self.ahead, self.back = (RecurrentStack(cell, input_size, hidden_size, **options) for _ in range(2))

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """inputs: [B, T, F]; lengths: [B], each at least 1. Returns [B, T, 2H], meaningless at padding."""
        start = self.ahead.initial_state(len(inputs))
        forward, _ = self.ahead(inputs, start)
        backward, _ = self.back(_reversed(inputs, lengths), start)
        return torch.cat((forward, _reversed(backward, lengths)), -1)


def _reversed(values: Tensor, lengths: Tensor) -> Tensor:
    """Each row of values [B, T, F] reversed up to its length, with its padding left in place."""
    times = torch.arange(values.shape[1], device=values.device)
    mirrored = lengths.unsqueeze(1) - 1 - times  # [B, T], negative at padding
    return values.gather(1, torch.where(mirrored >= 0, mirrored, times).unsqueeze(-1).expand_as(values))


def run_padded(cell: str, layer: nn.Module, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
    """Run a layer of torch in one or both directions over rows of different lengths, from states of zeros.

    cell: one of CELLS. inputs: [B, T, F], padded right; lengths: [B], each at least 1. Returns the outputs
    [B, T, D * H], zero at padding, and the states after the last step of each row, [D, B, H], two of them for an LSTM.
    """
    if isinstance(layer, ResetBeforeGRU):
        return layer.padded(inputs, lengths)
    size = cast(Tensor, layer.weight_hh_l0).shape[1]
    if not recurrence.is_compiled(cell, inputs, size):
        packed, final = layer(pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False))
        return pad_packed_sequence(packed, batch_first=True, total_length=inputs.shape[1])[0], final
    return padded_rows.run(cell, layer, inputs, lengths)


class Readout(nn.Module):
    """The linear layer from hidden states to logits.

    tied: use the embedding matrix instead of a matrix of its own (Press & Wolf 2017, https://arxiv.org/abs/1608.05859).
    """

    def __init__(self, hidden_size: int, vocab_size: int, *, tied: bool = False) -> None:
        super().__init__()
        bound = 1 / math.sqrt(hidden_size)
        self.weight = None if tied else nn.Parameter(torch.empty(vocab_size, hidden_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, hidden: Tensor, embedding: Tensor | None = None) -> Tensor:
        """hidden: [B, T, H]; embedding: the embedding matrix [V, H] if tied. Returns logits [B, T, V]."""
        return functional.linear(hidden, cast(Tensor, self.weight if embedding is None else embedding), self.bias)


def initialise(
    layer: nn.Module, *, is_lstm: bool, suffix: str = "", forget_bias: float = 1.0, input_bias: float = 0.0
) -> None:
    """Initialise a one-layer recurrent module: orthogonal recurrent weights, biases 0 but those given for an LSTM.

    The input weights keep torch's initial values, uniform within 1 / sqrt(H). suffix: "_reverse" for the backward
    direction of a bidirectional layer.
    """
    weight = cast(Tensor, getattr(layer, f"weight_hh_l0{suffix}"))
    size = weight.shape[1]
    biases = [cast(Tensor, getattr(layer, f"bias_{part}_l0{suffix}")) for part in ("ih", "hh")]
    with torch.no_grad():
        for gate in weight.view(-1, size, size):  # [H, H] each
            init.orthogonal_(gate)
        for bias in biases:
            bias.zero_()
        if is_lstm:
            biases[0][:size] = input_bias  # torch's gate order: input, forget, cell, output
            biases[0][size : 2 * size] = forget_bias


def _batch_first(parts: tuple[Tensor, ...] | list[Tensor], old: Tensor) -> Tensor:
    """The final states of the layers, [1, B, H] each, as one tensor [B, L, H] in the old state's float type."""
    size = old.shape[-1]
    if parts[-1].shape[-1] < size:  # a smaller last layer
        parts = (*parts[:-1], functional.pad(parts[-1], (0, size - parts[-1].shape[-1])))
    return torch.cat(tuple(parts)).transpose(0, 1).to(old.dtype)
