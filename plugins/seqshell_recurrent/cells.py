"""The architectures elman, lstm_cell and gru_cell: recurrent cells written out from their equations.

They compute the same as nn.RNN, nn.LSTM and nn.GRU and are meant to be read next to a paper or tutorial; the
architectures rnn, lstm and gru are faster. Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import init

from seqshell.core.state import State
from seqshell.layers.modules import OneHot
from seqshell.layers.states import LSTMState
from seqshell_recurrent.config import ElmanConfig, GRUCellConfig, LSTMCellConfig, StackedCellConfig

NONLINEARITIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "none": lambda value: value,
}


class Elman(nn.Module):
    """The one-layer recurrent network of the tutorials (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1).

        form h2o, newer:  h' = f(i2h(x) + h2h(h))    logits = h2o(h')        the same as nn.RNN with a read-out
        form i2o, older:  h' = f(i2h([x, h]))        logits = i2o([x, h])    from the hidden state before the token

    State: one tensor [B, H]. The tutorials train LogSoftmax with NLLLoss; this model returns logits, to be trained with
    cross-entropy, which is the same.
    """

    def __init__(self, config: ElmanConfig) -> None:
        super().__init__()
        self.config = config
        size, hidden_size, vocab_size = config.embed_size or config.vocab_size, config.hidden_size, config.vocab_size
        self.embedding = nn.Embedding(vocab_size, size) if config.embed_size else OneHot(vocab_size)
        self.nonlinearity = NONLINEARITIES[config.nonlinearity]
        if config.form == "h2o":
            self.i2h = nn.Linear(size, hidden_size)
            self.h2h = nn.Linear(hidden_size, hidden_size)
            self.h2o = nn.Linear(hidden_size, vocab_size)
        else:
            self.i2h = nn.Linear(size + hidden_size, hidden_size)
            self.i2o = nn.Linear(size + hidden_size, vocab_size)

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, H] zeros."""
        return self.i2h.weight.new_zeros(batch_size, self.config.hidden_size)

    def forward(self, tokens: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; hidden: [B, H]. Returns logits [B, T, V] and the hidden state after the last."""
        outputs = []
        for x in self.embedding(tokens).unbind(1):  # [B, I]
            if self.config.form == "h2o":
                hidden = self.nonlinearity(self.i2h(x) + self.h2h(hidden))
                outputs.append(self.h2o(hidden))
            else:
                combined = torch.cat((x, hidden), 1)  # [B, I + H]
                hidden = self.nonlinearity(self.i2h(combined))
                outputs.append(self.i2o(combined))
        return torch.stack(outputs, 1), hidden


class LSTMCell(nn.Module):
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    Each gate has weights W [H, I], U [H, H] and b [H].

        i = sigmoid(W_i x + U_i h + b_i)        input gate: how much of the candidate to add
        f = sigmoid(W_f x + U_f h + b_f)        forget gate: how much of the cell to keep
        g =    tanh(W_g x + U_g h + b_g)        candidate
        o = sigmoid(W_o x + U_o h + b_o)        output gate: how much of the cell to show
        c' = f * c + i * g
        h' = o * tanh(c')
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.W_i, self.U_i, self.b_i = _gate(input_size, hidden_size)
        self.W_f, self.U_f, self.b_f = _gate(input_size, hidden_size)
        self.W_g, self.U_g, self.b_g = _gate(input_size, hidden_size)
        self.W_o, self.U_o, self.b_o = _gate(input_size, hidden_size)
        init.ones_(self.b_f)  # keep the cell at first (Jozefowicz et al. 2015)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """x: [B, I]; h, c: [B, H]. Returns h', c'."""
        i = torch.sigmoid(x @ self.W_i.T + h @ self.U_i.T + self.b_i)
        f = torch.sigmoid(x @ self.W_f.T + h @ self.U_f.T + self.b_f)
        g = torch.tanh(x @ self.W_g.T + h @ self.U_g.T + self.b_g)
        o = torch.sigmoid(x @ self.W_o.T + h @ self.U_o.T + self.b_o)
        c = f * c + i * g
        return o * torch.tanh(c), c


class GRUCell(nn.Module):
    """Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

    Each gate has weights W [H, I], U [H, H] and b [H].

        r = sigmoid(W_r x + U_r h + b_r)        reset gate: how much of the past the candidate uses
        z = sigmoid(W_z x + U_z h + b_z)        update gate: how much of the hidden state to keep
        n =    tanh(W_n x + b_n + r * (U_n h + a_n))    reset after the product, as in nn.GRU, one more bias a_n [H]
        n =    tanh(W_n x + b_n + U_n (r * h))          reset before the product, as in the paper
        h' = (1 - z) * n + z * h
    """

    def __init__(self, input_size: int, hidden_size: int, *, reset: str) -> None:
        """reset: "after" or "before" the product."""
        super().__init__()
        self.W_r, self.U_r, self.b_r = _gate(input_size, hidden_size)
        self.W_z, self.U_z, self.b_z = _gate(input_size, hidden_size)
        self.W_n, self.U_n, self.b_n = _gate(input_size, hidden_size)
        self.a_n = nn.Parameter(torch.zeros(hidden_size)) if reset == "after" else None

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """x: [B, I]; h: [B, H]. Returns h'."""
        r = torch.sigmoid(x @ self.W_r.T + h @ self.U_r.T + self.b_r)
        z = torch.sigmoid(x @ self.W_z.T + h @ self.U_z.T + self.b_z)
        past = (r * h) @ self.U_n.T if self.a_n is None else r * (h @ self.U_n.T + self.a_n)
        n = torch.tanh(x @ self.W_n.T + self.b_n + past)
        return (1 - z) * n + z * h


class LSTMCellLanguageModel(nn.Module):
    """Embedding, stacked LSTM cells, linear read-out. State: LSTMState(hidden, cell), [B, L, H] each."""

    def __init__(self, config: LSTMCellConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding, self.readout = _outer_layers(config)
        self.cells = nn.ModuleList(LSTMCell(size, config.hidden_size) for size in _input_sizes(config))

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, L, H] zeros, twice."""
        zeros = self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)
        return LSTMState(zeros, torch.zeros_like(zeros))

    def forward(self, tokens: Tensor, state: LSTMState) -> tuple[Tensor, State]:
        """tokens: [B, T] int64; state: [B, L, H] each. Returns logits [B, T, V], state."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., H]. Returns [..., V]."""
        logits: Tensor = self.readout(hidden)
        return logits

    def hidden_states(self, tokens: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """tokens: [B, T] int64. Returns the hidden states of the last layer [B, T, H], state."""
        hidden, cell, outputs = list(state.hidden.unbind(1)), list(state.cell.unbind(1)), []  # [B, H] of each layer
        for x in self.embedding(tokens).unbind(1):
            for layer, step in enumerate(self.cells):
                hidden[layer], cell[layer] = step(x, hidden[layer], cell[layer])
                x = hidden[layer]
            outputs.append(x)
        return torch.stack(outputs, 1), LSTMState(torch.stack(hidden, 1), torch.stack(cell, 1))


class GRUCellLanguageModel(nn.Module):
    """Embedding, stacked GRU cells, linear read-out. State: one tensor [B, L, H]."""

    def __init__(self, config: GRUCellConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding, self.readout = _outer_layers(config)
        self.cells = nn.ModuleList(
            GRUCell(size, config.hidden_size, reset=config.reset) for size in _input_sizes(config)
        )

    def initial_state(self, batch_size: int = 1) -> Tensor:
        """[batch_size, L, H] zeros."""
        return self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)

    def forward(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, L, H]. Returns logits [B, T, V], state."""
        hidden, state = self.hidden_states(tokens, state)
        return self.logits(hidden), state

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden: [..., H]. Returns [..., V]."""
        logits: Tensor = self.readout(hidden)
        return logits

    def hidden_states(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """tokens: [B, T] int64; state: [B, L, H]. Returns the hidden states of the last layer [B, T, H], state."""
        hidden, outputs = list(state.unbind(1)), []  # [B, H] of each layer
        for x in self.embedding(tokens).unbind(1):
            for layer, step in enumerate(self.cells):
                x = hidden[layer] = step(x, hidden[layer])
            outputs.append(x)
        return torch.stack(outputs, 1), torch.stack(hidden, 1)


def _outer_layers(config: StackedCellConfig) -> tuple[nn.Module, nn.Linear]:
    """The embedding [V, E], or one-hot vectors, and the read-out [V, H]."""
    embedding = nn.Embedding(config.vocab_size, config.embed_size) if config.embed_size else OneHot(config.vocab_size)
    return embedding, nn.Linear(config.hidden_size, config.vocab_size)


def _input_sizes(config: StackedCellConfig) -> list[int]:
    """The number of inputs of each layer."""
    return [config.embed_size or config.vocab_size] + [config.hidden_size] * (config.num_layers - 1)


def _gate(input_size: int, hidden_size: int) -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
    """W [H, I] and U [H, H] of one gate, uniform within 1 / sqrt(H) as in torch, and b [H], zeros."""
    bound = 1 / math.sqrt(hidden_size)
    w, u = (torch.empty(hidden_size, size).uniform_(-bound, bound) for size in (input_size, hidden_size))
    return nn.Parameter(w), nn.Parameter(u), nn.Parameter(torch.zeros(hidden_size))
