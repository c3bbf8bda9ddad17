"""The linear part of a classifier in torch: a linear model of n-grams, to which the recurrent part adds.

It is fitted before the first step, see seqshell.training.classification.linear_part, and then stays as it is. A text
with n-grams g of known keys, m of them in all, has the logits [C]

    bias + sum over g of weights[g] / sqrt(m)

The bidirectional classifier uses each n-gram once, the causal one as often as it occurs: only such sums can be
continued token by token.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell import PAD
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.ngram_keys import BEGIN, END, NONE, window_keys
from seqshell_classifier.states import RunningNgrams


class LinearNgrams(nn.Module):
    """Buffers: keys [F] int32, sorted; weights [F, C]; bias [C]. F is 1 before they are fitted.

    State: RunningNgrams.
    """

    keys: Tensor
    weights: Tensor
    bias: Tensor

    def __init__(self, config: ClassifierConfig, *, distinct: bool) -> None:
        """distinct: use each n-gram of a text once, however often it occurs."""
        super().__init__()
        self.size = config.linear_ngrams
        self.distinct = distinct
        self.register_buffer("keys", torch.full((1,), NONE, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(1, config.num_classes))
        self.register_buffer("bias", torch.zeros(config.num_classes))

    def fitted(self, keys: Tensor, weights: Tensor, bias: Tensor) -> None:
        """Replace the buffers, in any order of the keys."""
        order = keys.argsort()
        self.keys = keys[order].to(self.keys)
        self.weights, self.bias = weights[order].to(self.weights), bias.to(self.bias)

    def initial_state(self, batch_size: int) -> RunningNgrams:
        """The state before the first token."""
        zeros = self.bias.new_zeros(batch_size, len(self.bias))
        last = torch.full((batch_size, self.size - 1), BEGIN, dtype=torch.int64, device=zeros.device)
        return RunningNgrams(last, zeros, last.new_zeros(batch_size, 1))

    def running(self, tokens: Tensor, state: RunningNgrams) -> tuple[Tensor, RunningNgrams]:
        """tokens: [B, T] int64. Returns the logits to add after each token, [B, T, C], and the state."""
        history = torch.cat((state.last, tokens), 1)
        windows = history.unfold(1, self.size, 1)
        sums, counts = self._sums(torch.stack(window_keys(windows), -1))
        totals, counts = state.total.unsqueeze(1) + sums.cumsum(1), state.count + counts.cumsum(1)
        ended = torch.cat((windows[..., 1:], torch.full_like(windows[..., :1], END)), -1)
        ends, num_ends = self._sums(torch.stack(window_keys(ended), -1)[..., 1:])
        logits = (totals + ends) / (counts + num_ends).clamp_min(1).sqrt().unsqueeze(-1) + self.bias
        last = history[:, history.shape[1] - self.size + 1 :]
        return logits, RunningNgrams(last, totals[:, -1], counts[:, -1:])

    def whole(self, tokens: Tensor) -> Tensor:
        """tokens: [B, T] int64, whole texts, padded on the right. Returns the logits to add, [B, C]."""
        sums, counts = self._sums(self.keys_of(tokens))
        return sums / counts.clamp_min(1).sqrt().unsqueeze(-1) + self.bias

    def keys_of(self, tokens: Tensor) -> Tensor:
        """The keys of the n-grams of whole texts [B, T], padded on the right: [B, K] int64, NONE for no n-gram."""
        lengths = (tokens != PAD).sum(1, keepdim=True).clamp_min(1)  # [B, 1]; an empty row is read as a single PAD
        line = functional.pad(tokens, (0, 1)).scatter(1, lengths, END)
        windows = functional.pad(line, (self.size - 1, 0), value=BEGIN).unfold(1, self.size, 1)
        keys = torch.stack(window_keys(windows), -1)  # [B, T + 1, N]
        places = torch.arange(line.shape[1], device=tokens.device)
        keys = keys.masked_fill((places > lengths).unsqueeze(-1), NONE)
        keys[..., 0] = keys[..., 0].masked_fill(places == lengths, NONE)  # END alone
        keys = keys.flatten(1)
        if self.distinct:
            keys = keys.sort(1)[0]
            keys[:, 1:] = keys[:, 1:].masked_fill(keys[:, 1:] == keys[:, :-1], NONE)
        return keys

    def _sums(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """The sum of the weights of keys [..., K], [..., C], and how many of the keys are known, [...]."""
        keys = keys.to(torch.int32)
        places = torch.searchsorted(self.keys, keys.contiguous()).clamp_max(len(self.keys) - 1)
        known = (self.keys[places] == keys) & (keys != NONE)
        if not keys.shape[-1]:
            return self.bias.new_zeros(*keys.shape[:-1], len(self.bias)), known.sum(-1)
        sums = functional.embedding_bag(
            places.flatten(0, -2), self.weights, mode="sum", per_sample_weights=known.to(self.weights).flatten(0, -2)
        )
        return sums.view(*keys.shape[:-1], -1), known.sum(-1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Take on the number of n-grams in the weights to load, which depends on the data."""
        for name in ("keys", "weights"):
            if (found := state_dict.get(prefix + name)) is not None:
                setattr(self, name, getattr(self, name).new_zeros(len(found), *getattr(self, name).shape[1:]))
        super()._load_from_state_dict(state_dict, prefix, *others)
