"""The sLSTM in torch, step by step: its hidden state reaches its gates.

The decoder, which reads one token at a time, is in `decoding`.
"""

import torch
from torch import nn
from torch.nn import functional

from seqshell_slstm.config import LayerState


class SLSTMLayer(nn.Module):
    """One layer (Beck et al. 2024, equations 8 to 17), with the inputs x and W, R for each of i, f, z and o:

    i, f, z, o = W x + R h + b
    m' = max(log f + m, i)                    log f is f itself, or log sigmoid(f)
    c' = exp(log f + m - m') c + exp(i - m') tanh(z)
    n' = exp(log f + m - m') n + exp(i - m')
    h' = sigmoid(o) c' / n'

    At first m is -inf, so the first step has m' = i.
    """

    def __init__(self, config):
        super().__init__()
        self.is_exponential, size = config.forget_gate == "exponential", config.hidden_size
        self.norm = nn.LayerNorm(size)
        self.reading = nn.Linear(size, 4 * size)
        self.recurrent = nn.Linear(size, 4 * size, bias=False)
        self.out = nn.Linear(size, size)

    def forward(self, inputs, state):
        """inputs: [B, T, H]; state: a LayerState. Returns [B, T, H], LayerState."""
        read, outputs = self.reading(self.norm(inputs)).float(), []
        hidden, cell, normaliser, most = state
        for column in read.unbind(1):
            i, f, z, o = (column + self.recurrent(hidden)).float().chunk(4, -1)
            kept = most + (f if self.is_exponential else functional.logsigmoid(f))
            most = torch.maximum(kept, i)
            keep, add = torch.exp(kept - most), torch.exp(i - most)
            cell, normaliser = keep * cell + add * torch.tanh(z), keep * normaliser + add
            hidden = torch.sigmoid(o) * cell / normaliser
            outputs.append(hidden)
        read = torch.stack(outputs, 1).to(inputs.dtype)
        return inputs + self.out(read), LayerState(hidden, cell, normaliser, most)


class SLSTMLanguageModel(nn.Module):
    """Embedding, layers, normalisation, linear read-out. State: a LayerState for each layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(SLSTMLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Zeros, and -inf for `most`."""
        zeros = self.readout.weight.new_zeros(batch_size, self.config.hidden_size)
        return (LayerState(zeros, zeros, zeros, torch.full_like(zeros, -torch.inf)),) * len(self.layers)

    def forward(self, tokens, state):
        """tokens: [B, T] int64. Returns logits [B, T, V], state."""
        read, after = self.embedding(tokens), []
        for layer, before in zip(self.layers, state, strict=True):
            read, last = layer(read, before)
            after.append(last)
        return self.readout(self.norm(read)), tuple(after)
