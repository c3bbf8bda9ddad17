"""The linear recurrent unit in torch, all time steps in parallel.

The decoder, which reads one token at a time, is in `decoding`.
"""

import math

import torch
from torch import nn
from torch.nn import functional


def scan(keep, add, first):
    """h[t] = keep * h[t - 1] + add[t] for all t, in log2 T passes (Hillis & Steele 1986).

    keep: [N]; add: [B, T, N]; first: [B, N], the h before the first step. Returns h [B, T, N].
    """
    add = torch.cat((add[:, :1] + keep * first[:, None], add[:, 1:]), 1)
    span = 1
    while span < add.shape[1]:
        add = torch.cat((add[:, :span], add[:, span:] + keep**span * add[:, :-span]), 1)
        span *= 2
    return add


class LRULayer(nn.Module):
    """outputs = x + W gelu(Re(C h) + d * u), with h' = lambda * h + gamma * B u and the normalised inputs u.

    lambda = exp(-e^nu + i e^theta) [N]; gamma = sqrt(1 - |lambda|^2). The matrices B and C are complex; their real and
    imaginary parts are weights of their own: a checkpoint holds real numbers.
    """

    def __init__(self, config):
        super().__init__()
        size, number = config.hidden_size, config.state_size
        self.norm = nn.LayerNorm(size)
        self.entering = nn.Linear(size, 2 * number, bias=False)  # real parts, then imaginary parts
        self.leaving = nn.Linear(2 * number, size, bias=False)
        self.direct = nn.Parameter(torch.randn(size))
        self.mixing = nn.Linear(size, size)
        low, high = config.radii
        radius = (low**2 + torch.rand(number) * (high**2 - low**2)).sqrt().clamp(1e-3, 1 - 1e-3)
        most = math.tau if config.highest_angle is None else config.highest_angle
        self.nu = nn.Parameter((-radius.log()).log())
        self.theta = nn.Parameter((most * torch.rand(number)).clamp(min=1e-3).log())

    def forward(self, inputs, hidden):
        """inputs: [B, T, H]; hidden: [B, N] complex. Returns [B, T, H], and the hidden state after the last step."""
        decay = torch.exp(torch.complex(-self.nu.float().exp(), self.theta.float().exp()))
        gamma = (1 - decay.abs() ** 2).sqrt()
        u = self.norm(inputs)
        real, imaginary = self.entering(u).float().chunk(2, -1)
        hidden = scan(decay, gamma * torch.complex(real, imaginary), hidden)
        read = self.leaving(torch.cat((hidden.real, hidden.imag), -1).to(u.dtype))
        return inputs + self.mixing(functional.gelu(read + self.direct * u, approximate="tanh")), hidden[:, -1]


class LRULanguageModel(nn.Module):
    """Embedding, layers, normalisation, linear read-out. State: a complex tensor [B, L, N]."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(LRULayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        """Zeros."""
        shape = batch_size, self.config.num_layers, self.config.state_size
        return torch.zeros(shape, dtype=torch.complex64, device=self.readout.weight.device)

    def forward(self, tokens, state):
        """tokens: [B, T] int64; state: [B, L, N]. Returns logits [B, T, V], state."""
        read, after = self.embedding(tokens), []
        for layer, hidden in zip(self.layers, state.unbind(1), strict=True):
            read, hidden = layer(read, hidden)
            after.append(hidden)
        return self.readout(self.norm(read)), torch.stack(after, 1)
