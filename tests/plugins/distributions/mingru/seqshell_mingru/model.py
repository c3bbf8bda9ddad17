"""The minGRU in torch (Feng et al. 2024, https://arxiv.org/abs/2410.01201): all time steps in parallel.

The decoder, which reads one token at a time, is in `decoding`.
"""

import torch
from torch import nn
from torch.nn import functional


def scan(keep, add, first):
    """h[t] = keep[t] * h[t - 1] + add[t] for all t in parallel, in log2 T passes (Hillis & Steele 1986).

    Two steps make one: h[t] = (keep[t] keep[t-1]) h[t-2] + (add[t] + keep[t] add[t-1]). Each pass combines every time
    step with the one `span` before it. Invariant: keep[t] and add[t] summarise the last `span` steps up to t, or all
    steps from the beginning if there are fewer; after the last pass, add[t] is h[t].

    keep, add: [B, T, H]; first: [B, H], the h before the first step. Returns h [B, T, H]. Unlike the paper's scan in
    log space, it allows negative values.
    """
    add = torch.cat(((add[:, :1] + keep[:, :1] * first[:, None]), add[:, 1:]), 1)
    span = 1
    while span < add.shape[1]:
        add = torch.cat((add[:, :span], add[:, span:] + keep[:, span:] * add[:, :-span]), 1)
        keep = torch.cat((keep[:, :span], keep[:, span:] * keep[:, :-span]), 1)
        span *= 2
    return add


class MinGRULayer(nn.Module):
    """One layer: z = sigmoid(W_z x + b_z),  h' = (1 - z) * h + z * (W_h x + b_h),  outputs = inputs + W_o silu(h') +
    b_o.

    x are the normalised inputs. `gates` [2 H, H] contains W_z and W_h.
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
        # 1 - sigmoid(a) = sigmoid(-a), but without cancellation if the gate is close to 1.
        hidden = scan(torch.sigmoid(-gate), torch.sigmoid(gate) * candidate, hidden)
        return inputs + self.dropout(self.out(functional.silu(hidden))), hidden[:, -1]


class MinGRULanguageModel(nn.Module):
    """Embedding, minGRU layers, normalisation, linear read-out. State: one tensor [B, L, H]."""

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
