"""Logits from the n-grams of a text, added to those of the recurrent layers, in torch.

N-gram weights memorise single cases while the recurrent layers generalise; both are trained together (Cheng et al.
2016, "Wide & Deep Learning", https://arxiv.org/abs/1606.07792). The hash of an n-gram is the index of its weights
(Joulin et al. 2017, https://arxiv.org/abs/1607.01759). After t tokens the n-grams add to the logits [C]

    sum over s <= t, k <= n of inside[k-gram that ends at s] / sqrt(t)  +  sum over k <= n of ending[k-gram that ends at
    t]

The second sum is for the end of the text so far. A k-gram that reaches back before the text includes this fact in its
hash, so it also marks the beginning.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.layers.hashing import ngram_indices
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import RunningNgrams


class NgramFeatures(nn.Module):
    """Weights: inside.weight and ending.weight [S, C], initially zero. State: RunningNgrams."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.inside, self.ending = (nn.Embedding(config.ngram_slots, config.num_classes) for _ in range(2))
        for table in (self.inside, self.ending):
            nn.init.zeros_(table.weight)

    def initial_state(self, batch_size: int) -> RunningNgrams:
        """The state before the first token."""
        zeros = self.inside.weight.new_zeros(batch_size, self.config.num_classes)
        last = torch.full((batch_size, self.config.ngrams - 1), -1, dtype=torch.int64, device=zeros.device)
        return RunningNgrams(last, zeros, last.new_zeros(batch_size, 1))

    def running(self, tokens: Tensor, state: RunningNgrams) -> tuple[Tensor, RunningNgrams]:
        """tokens: [B, T] int64. Returns the logits to add after each token, [B, T, C], and the state."""
        indices, history = self._indices(tokens, state.last)
        counts = state.count + torch.arange(1, tokens.shape[1] + 1, device=tokens.device)  # [B, T]
        totals = state.total.unsqueeze(1) + self._weights(self.inside, indices).cumsum(1)
        logits = totals / counts.unsqueeze(-1).sqrt() + self._weights(self.ending, indices)
        last = history[:, history.shape[1] - self.config.ngrams + 1 :]
        return logits, RunningNgrams(last, totals[:, -1], counts[:, -1:])

    def whole(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens: [B, T] int64; mask: [B, T], True at tokens, at least one per row. Returns logits [B, C]."""
        indices, _ = self._indices(tokens, self.initial_state(len(tokens)).last)
        lengths = mask.sum(1)
        ending = indices[torch.arange(len(tokens), device=tokens.device), lengths - 1]  # [B, n]
        total = (self._weights(self.inside, indices) * mask.unsqueeze(-1)).sum(1)
        return total / lengths.unsqueeze(-1).sqrt() + self._weights(self.ending, ending)

    def _indices(self, tokens: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """The indices of the n-grams of each length that end at each token [B, T, n], and all tokens [B, n - 1 + T]."""
        history = torch.cat((last, tokens), 1)
        windows = history.unfold(1, self.config.ngrams, 1)
        return torch.stack(ngram_indices(windows, self.config.ngram_slots)[1:], -1), history

    def _weights(self, table: nn.Embedding, indices: Tensor) -> Tensor:
        """The sum of the weights at indices [..., n]: [..., C]; in training with dropout of n-grams."""
        scales = torch.ones_like(indices, dtype=torch.float32)
        if self.training:
            scales = functional.dropout(scales, self.config.ngram_dropout)
        sums = functional.embedding_bag(
            indices.flatten(0, -2), table.weight, mode="sum", per_sample_weights=scales.flatten(0, -2)
        )
        return sums.view(*indices.shape[:-1], -1)
