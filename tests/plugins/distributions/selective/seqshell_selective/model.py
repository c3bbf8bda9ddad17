"""The selective state space model in torch (Gu & Dao 2023, https://arxiv.org/abs/2312.00752), parallel over time.

The decoder, which reads one token at a time, is in `decoding`.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from seqshell_selective.config import LayerState


def scan(keep, add, first):
    """h[t] = keep[t] * h[t - 1] + add[t] for all t in parallel, in log2 T passes (Hillis & Steele 1986).

    Two steps make one: h[t] = (keep[t] keep[t-1]) h[t-2] + (add[t] + keep[t] add[t-1]). Each pass combines every time
    step with the one `span` before it. Invariant: keep[t] and add[t] summarise the last `span` steps up to t, or all
    steps from the beginning if there are fewer; after the last pass, add[t] is h[t].

    keep, add: [B, T, ...]; first: [B, ...], the h before the first step. Returns h [B, T, ...].
    """
    add = torch.cat((add[:, :1] + keep[:, :1] * first[:, None], add[:, 1:]), 1)
    span = 1
    while span < add.shape[1]:
        add = torch.cat((add[:, :span], add[:, span:] + keep[:, span:] * add[:, :-span]), 1)
        keep = torch.cat((keep[:, :span], keep[:, span:] * keep[:, :-span]), 1)
        span *= 2
    return add


class SelectiveLayer(nn.Module):
    """One layer (Gu & Dao 2023, algorithm 2 and figure 3). u are the normalised inputs:

    [x, z] = W_in u                                [D] each
    x = silu(convolution of the last K x)          [D]
    [r, b, c] = W_x x                              [R], [N], [N]
    s = softplus(W_s r + b_s)                      [D], the step size of each channel
    h' = exp(-s e^a) * h + s * x * b               [D, N], with a learned a [D, N]
    y = h' c + d * x                               [D]
    outputs = inputs + W_out (y * silu(z))
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        hidden_size, channels, size, rank = config.hidden_size, config.channels, config.state_size, config.rank
        self.norm = nn.LayerNorm(hidden_size)
        self.entering = nn.Linear(hidden_size, 2 * channels, bias=False)
        self.convolution = nn.Conv1d(channels, channels, config.kernel_size, groups=channels)
        self.choosing = nn.Linear(channels, rank + 2 * size, bias=False)
        self.step = nn.Linear(rank, channels)
        self.decay = nn.Parameter(torch.arange(1.0, size + 1).log().repeat(channels, 1))  # [D, N]
        self.direct = nn.Parameter(torch.ones(channels))
        self.leaving = nn.Linear(channels, hidden_size, bias=False)
        with torch.no_grad():
            steps = torch.empty(channels).uniform_(math.log(1e-3), math.log(1e-1)).exp()
            self.step.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # so that softplus(bias) is the step size

    def forward(self, inputs, state):
        """inputs: [B, T, H]; state: a LayerState. Returns [B, T, H], LayerState."""
        config = self.config
        x, z = self.entering(self.norm(inputs)).chunk(2, -1)  # [B, T, D] each
        seen = torch.cat((state.inputs, x.transpose(1, 2)), 2)  # [B, D, K - 1 + T]
        x = functional.silu(self.convolution(seen)).transpose(1, 2)
        r, b, c = self.choosing(x).split((config.rank, config.state_size, config.state_size), -1)
        s = functional.softplus(self.step(r))  # [B, T, D]
        keep = torch.exp(-s[..., None] * self.decay.exp())  # [B, T, D, N]
        space = scan(keep, (s * x)[..., None] * b[:, :, None], state.space)
        y = (space @ c[..., None])[..., 0] + self.direct * x
        outputs = inputs + self.leaving(y * functional.silu(z))
        return outputs, LayerState(
            seen[..., 1 - config.kernel_size :].to(state.inputs.dtype), space[:, -1].to(state.space.dtype)
        )


class SelectiveLanguageModel(nn.Module):
    """Embedding, selective layers, normalisation, linear read-out. State: a LayerState for each layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(SelectiveLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def initial_state(self, batch_size=1):
        """Zeros."""
        config, zeros = self.config, self.readout.weight.new_zeros
        return tuple(
            LayerState(
                zeros(batch_size, config.channels, config.kernel_size - 1),
                zeros(batch_size, config.channels, config.state_size),
            )
            for _ in self.layers
        )

    def forward(self, tokens, state):
        """tokens: [B, T] int64. Returns logits [B, T, V], state."""
        hidden, after = self.embedding(tokens), []
        for layer, before in zip(self.layers, state, strict=True):
            hidden, last = layer(hidden, before)
            after.append(last)
        return self.readout(self.norm(hidden)), tuple(after)
