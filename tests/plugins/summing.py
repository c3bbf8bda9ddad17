"""An architecture whose state is the sum of what it has read, kept in several ways and with several faults."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

import seqshell


@dataclass(frozen=True)
class Config:
    vocab_size: int
    leaf: str = seqshell.setting("stabilised", choices=("stabilised", "complex", "cache"), help="how the sum is kept")
    fault: str = ""
    size: int = 4


class Summing(nn.Module):
    """Logits from an embedding and from a decaying sum of those before, kept in one of three ways.

    stabilised: divided by e^m, with the largest exponent m, -inf at first. complex: as complex numbers. cache: all
    embeddings so far.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.size)
        self.readout = nn.Linear(2 * config.size, config.vocab_size)

    def initial_state(self, batch_size=1):
        zeros = self.readout.weight.new_zeros(batch_size, self.config.size)
        if self.config.leaf == "stabilised":
            return zeros, torch.full_like(zeros, torch.nan if self.config.fault == "nan" else -torch.inf)
        return zeros + 0j if self.config.leaf == "complex" else zeros[:, None][:, :0]

    def forward(self, tokens, state):
        x, sums = self.embedding(tokens), []
        for number, column in enumerate(x.unbind(1)):
            if self.config.fault == "forgets" and number == 200:
                state = self.initial_state(len(tokens))
            total, state = getattr(self, self.config.leaf)(column, state)
            sums.append(total)
        return self.readout(torch.cat((x, torch.stack(sums, 1)), 2)), state

    def stabilised(self, x, state):
        total, most = state
        new = torch.maximum(most - 0.1, x)
        total = total * torch.exp(most - 0.1 - new) + torch.exp(x - new) * x
        return total * torch.exp(new.clamp(max=0)), (total, new)

    def complex(self, x, state):
        state = state * complex(0.8, 0.3) + x
        return state.real if self.config.fault == "real" else state.real - state.imag, state

    def cache(self, x, state):
        after = torch.cat((state, x[:, None]), 1)
        if self.config.fault == "faded":
            after = after * 0.9
        return after[:, -40:].mean(1), after


def offered(**options):
    return seqshell.Architecture("summing", seqshell.Task.GENERATE, config=Config, model=Summing, **options)
