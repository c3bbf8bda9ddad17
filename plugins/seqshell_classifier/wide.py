"""What the n-grams of a text say of its label by themselves, beside the recurrent layers, in torch.

Their weights remember single cases where a hidden state finds rules; the two are added up and trained together (Cheng et al. 2016, "Wide &
Deep Learning", https://arxiv.org/abs/1606.07792). An n-gram finds its weights by a hash (Joulin et al. 2017,
https://arxiv.org/abs/1607.01759). After t tokens the logits [C] grow by

    sum over s <= t, k <= n of inside[k-gram that ends at token s] / sqrt(t)  +  sum over k <= n of ending[k-gram that ends at token t]

The second sum is what the text ends with, as far as it is read. A k-gram that would begin before the text knows that it stands there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.layers.hashing import ngram_indices
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.states import NgramsSoFar


class Wide(nn.Module):
    """Weights: inside.weight and ending.weight [S, C], zeros at first. State: NgramsSoFar."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.inside, self.ending = (nn.Embedding(config.ngram_slots, config.num_classes) for _ in range(2))
        for table in (self.inside, self.ending):
            nn.init.zeros_(table.weight)

    def initial_state(self, batch_size: int) -> NgramsSoFar:
        """Before any token."""
        zeros = self.inside.weight.new_zeros(batch_size, self.config.num_classes)
        last = torch.full((batch_size, self.config.ngrams - 1), -1, dtype=torch.int64, device=zeros.device)
        return NgramsSoFar(last, zeros, last.new_zeros(batch_size, 1))

    def running(self, tokens: Tensor, state: NgramsSoFar) -> tuple[Tensor, NgramsSoFar]:
        """tokens: [B, T] int64. Returns what they add to the logits after each token, [B, T, C], state."""
        found, history = self._places(tokens, state.last)
        counts = state.count + torch.arange(1, tokens.shape[1] + 1, device=tokens.device)  # [B, T]
        totals = state.total.unsqueeze(1) + self._weights(self.inside, found).cumsum(1)
        logits = totals / counts.unsqueeze(-1).sqrt() + self._weights(self.ending, found)
        return logits, NgramsSoFar(
            history[:, history.shape[1] - self.config.ngrams + 1 :], totals[:, -1], counts[:, -1:]
        )

    def whole(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens: [B, T] int64; mask: [B, T], True at tokens, of which each row has one. Returns [B, C]."""
        found, _ = self._places(tokens, self.initial_state(len(tokens)).last)
        lengths = mask.sum(1)
        ending = found[torch.arange(len(tokens), device=tokens.device), lengths - 1]  # [B, n]
        total = (self._weights(self.inside, found) * mask.unsqueeze(-1)).sum(1)
        return total / lengths.unsqueeze(-1).sqrt() + self._weights(self.ending, ending)

    def _places(self, tokens: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Of the n-grams of each length that end at each token [B, T, n], and all tokens that were looked at, [B, n - 1 + T]."""
        history = torch.cat((last, tokens), 1)
        windows = history.unfold(1, self.config.ngrams, 1)
        return torch.stack(ngram_indices(windows, self.config.ngram_slots)[1:], -1), history

    def _weights(self, table: nn.Embedding, found: Tensor) -> Tensor:
        """found: [..., n] places. Returns the sum of their weights [..., C]; in training some are left out and the rest scaled up."""
        shares = torch.ones_like(found, dtype=torch.float32)
        if self.training:
            shares = functional.dropout(shares, self.config.ngram_dropout)
        bags = functional.embedding_bag(
            found.flatten(0, -2), table.weight, mode="sum", per_sample_weights=shares.flatten(0, -2)
        )
        return bags.view(*found.shape[:-1], -1)
