"""The LSTM with peepholes in torch, from its equations (Gers & Schmidhuber 2000)."""

import math

import torch
from torch import nn

from seqshell.layers import LSTMState


class PeepholeLSTM(nn.Module):
    """One layer (Gers & Schmidhuber 2000, https://doi.org/10.1109/IJCNN.2000.861302) with the peepholes p_i, p_f, p_o
    [H].


    i = sigmoid(W_i x + U_i h + b_i + p_i * c)
    f = sigmoid(W_f x + U_f h + b_f + p_f * c)
    c' = f * c + i * tanh(W_g x + U_g h + b_g)
    o = sigmoid(W_o x + U_o h + b_o + p_o * c')       sees the new cell
    h' = o * tanh(c')
    """

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.entering = nn.Linear(input_size, 4 * hidden_size)  # of i, f, g and o, in this order
        self.recurrent = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))  # of i, f and o
        bound = 1 / math.sqrt(hidden_size)
        with torch.no_grad():
            for weight in (self.entering.weight, self.recurrent.weight):
                weight.uniform_(-bound, bound)
            self.entering.bias.zero_()
            self.entering.bias[hidden_size : 2 * hidden_size] = 1  # keep the cell at first

    def forward(self, inputs, h, c):
        """inputs: [B, T, I]; h, c: [B, H]. Returns the hidden states [B, T, H], and h and c after the last step."""
        p_i, p_f, p_o = self.peepholes
        outputs = []
        for entering in self.entering(inputs).unbind(1):  # [B, 4 H]
            i, f, g, o = (entering + self.recurrent(h)).chunk(4, -1)
            c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
            h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c


class PeepholeLanguageModel(nn.Module):
    """Embedding, LSTM layers with peepholes, linear read-out. State: LSTMState(hidden, cell), [B, L, H] each."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        size = config.hidden_size
        self.embedding = nn.Embedding(config.vocab_size, config.embed_size)
        self.layers = nn.ModuleList(
            PeepholeLSTM(inputs, size) for inputs in [config.embed_size] + [size] * (config.num_layers - 1)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.readout = nn.Linear(size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """[batch_size, L, H] zeros, twice."""
        zeros = self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)
        return LSTMState(zeros, torch.zeros_like(zeros))

    def forward(self, tokens, state):
        """tokens: [B, T] int64; state: [B, L, H] each. Returns logits [B, T, V], state."""
        read, last = self.embedding(tokens), []
        for layer, h, c in zip(self.layers, state.hidden.unbind(1), state.cell.unbind(1), strict=True):
            read, h, c = layer(read, h, c)
            read = self.dropout(read)
            last.append((h, c))
        hidden, cell = (torch.stack(part, 1).to(state.hidden.dtype) for part in zip(*last, strict=True))
        return self.readout(read), LSTMState(hidden, cell)
