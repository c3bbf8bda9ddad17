"""The minGRU in torch: all time steps of a text at once. The decoder that reads one token at a time is in `decoding`."""

import torch
from torch import nn
from torch.nn import functional


def scan(keep, add, first):
    """h[t] = keep[t] * h[t - 1] + add[t] for all t at once, in log2 T passes (Hillis & Steele 1986).

    keep, add: [B, T, H]; first: [B, H], the h before. Returns h [B, T, H]. Unlike the paper's scan in log space it takes values of either sign.
    """
    add = torch.cat(((add[:, :1] + keep[:, :1] * first[:, None]), add[:, 1:]), 1)
    reach = 1  # how many steps each place sums up already
    while reach < add.shape[1]:
        add = torch.cat((add[:, :reach], add[:, reach:] + keep[:, reach:] * add[:, :-reach]), 1)
        keep = torch.cat((keep[:, :reach], keep[:, reach:] * keep[:, :-reach]), 1)
        reach *= 2
    return add


class MinGRULayer(nn.Module):
    """z = sigmoid(W_z x + b_z),  h' = (1 - z) * h + z * (W_h x + b_h)  over the normalised x, added to x through W_o.

    W_z and W_h stand on top of each other in `gates`, [2 H, H].
    """

    def __init__(self, size, dropout):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.gates = nn.Linear(size, 2 * size)
        self.out = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs, hidden):
        """inputs: [B, T, H]; hidden: [B, H]. Returns [B, T, H] and the hidden state after the last step."""
        gate, candidate = self.gates(self.norm(inputs)).chunk(2, -1)
        # 1 - sigmoid(a) is sigmoid(-a), and exact where the gate is almost open.
        hidden = scan(torch.sigmoid(-gate), torch.sigmoid(gate) * candidate, hidden)
        return inputs + self.dropout(self.out(functional.silu(hidden))), hidden[:, -1]


class MinGRULanguageModel(nn.Module):
    """Embedding, minGRU layers, normalisation, linear read-out. State: one tensor [B, L, H], the hidden state of each layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(MinGRULayer(config.hidden_size, config.dropout) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """[batch_size, L, H] zeros."""
        return self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)

    def forward(self, tokens, state):
        """tokens: [B, T] int64; state: [B, L, H]. Returns logits [B, T, V], state."""
        hidden, last = self.embedding(tokens), []
        for layer, before in zip(self.layers, state.unbind(1), strict=True):
            hidden, after = layer(hidden, before)
            last.append(after)
        return self.readout(self.norm(hidden)), torch.stack(last, 1).to(state.dtype)
